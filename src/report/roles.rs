//! Roles reversed: who could use each, and who is configured to.

use crate::{
    fact::{IamRole, Knowledge},
    graph::Graph,
    iam,
    ident::{Arn, Issuer, SaKey, Text, Timestamp},
    identity::{self, Verdict, sts::World},
    report::{build::knowledge_word, json},
};
use std::collections::BTreeSet;

/// Every role that an annotation or association names, and every known one that trusts an EKS identity. Sorted by ARN.
pub fn roles(graph: &Graph, now: Timestamp) -> Vec<json::Role> {
    let mut arns: BTreeSet<Arn> = graph.named_roles().cloned().collect();
    arns.extend(graph.roles().filter(|it| trusts_workloads(it)).map(|it| it.arn.clone()));
    arns.iter().map(|it| role(graph, it, now)).collect()
}

pub fn role(graph: &Graph, arn: &Arn, now: Timestamp) -> json::Role {
    let knowledge = graph.role(arn);
    let mut used_by: BTreeSet<String> =
        graph.annotated_with(arn).map(ToString::to_string).collect();
    used_by.extend(graph.associated_with(arn).map(|it| it.service_account.to_string()));
    let known = knowledge.clone().known();
    let reach = known.map(|it| reach(graph, it, now));
    let not_read = not_read(graph, arn, &knowledge);
    json::Role {
        arn: arn.to_string(),
        knowledge: knowledge_word(&knowledge),
        used_by: used_by.into_iter().collect(),
        could_be_used_by: reach.as_ref().map(|it| it.subjects.clone()).unwrap_or_default(),
        open_to: reach.as_ref().map_or("unknown", |it| it.open_to),
        trusts: known.map(|it| trusts(graph, it)).unwrap_or_default(),
        complete: not_read.is_empty(),
        not_read,
        last_used: known.and_then(|it| {
            it.last_used.as_ref().known().map(|used| json::LastUsed {
                at: used.at.map(|it| it.to_string()),
                region: used.region.as_ref().map(ToString::to_string),
                read_at: it.read_at.map(|it| it.to_string()),
            })
        }),
    }
}

struct Reach {
    subjects: Vec<String>,
    open_to: &'static str,
}

/// Asks the trust policy for every ServiceAccount of this cluster, and for one that cannot exist.
fn reach(graph: &Graph, role: &IamRole, now: Timestamp) -> Reach {
    let issuer = graph.issuer();
    let asks = |key: &SaKey| would_accept(role, key, &issuer, now);
    let mut subjects: BTreeSet<String> = BTreeSet::new();
    let mut unknown = role.trust.parsed.is_err();
    // Only a wildcard or a missing condition lets in a name that nobody could have written down.
    let probe = asks(&SaKey::new("idscope-probe-ns", "idscope-probe-sa"));
    let candidates: Vec<&SaKey> = match probe {
        Verdict::Deny(_) | Verdict::None if !has_wildcards(role) => {
            graph.identities().filter(|it| names(role, it)).collect()
        }
        Verdict::Allow | Verdict::Unknown(_) | Verdict::Deny(_) | Verdict::None => {
            graph.identities().collect()
        }
    };
    for key in candidates {
        match asks(key) {
            Verdict::Allow => {
                subjects.insert(key.to_string());
            }
            Verdict::Unknown(_) => unknown = true,
            Verdict::Deny(_) | Verdict::None => {}
        }
    }
    for it in graph.associated_with(&role.arn) {
        subjects.insert(it.service_account.to_string());
    }
    let open_to = match probe {
        Verdict::Allow => "everyone",
        Verdict::Unknown(_) => "unknown",
        Verdict::Deny(_) | Verdict::None if unknown => "unknown",
        Verdict::Deny(_) | Verdict::None if has_wildcards(role) => "wildcard",
        Verdict::Deny(_) | Verdict::None if subjects.is_empty() && !trusts_anybody(role) => {
            "nobody"
        }
        Verdict::Deny(_) | Verdict::None => "listed",
    };
    Reach { subjects: subjects.into_iter().collect(), open_to }
}

fn would_accept(
    role: &IamRole,
    key: &SaKey,
    issuer: &Knowledge<Issuer>,
    now: Timestamp,
) -> Verdict {
    let audience: [Text; 1] = ["sts.amazonaws.com".into()];
    identity::sts::judge(&identity::sts::Ask {
        role_arn: role.arn.as_str(),
        service_account: key,
        issuer: issuer.clone(),
        audience: &audience,
        // Who is let in is the trust policy's business; a missing provider is told elsewhere.
        provider: Knowledge::Known(audience.to_vec()),
        role: Knowledge::Known(role),
        region: None,
        session_name: None,
        world: World::Open,
        now: Some(now),
    })
    .verdict
}

fn policy(role: &IamRole) -> Option<&iam::Policy> {
    role.trust.parsed.as_ref().ok()
}

fn allows(role: &IamRole) -> impl Iterator<Item = &iam::Statement> {
    policy(role)
        .into_iter()
        .flat_map(|it| &it.statements)
        .filter(|it| it.effect == iam::Effect::Allow)
}

fn trusts_anybody(role: &IamRole) -> bool {
    allows(role).next().is_some()
}

/// The values that Allow statements ask of a `…:sub` key.
fn subject_values(role: &IamRole) -> impl Iterator<Item = &Text> {
    allows(role)
        .flat_map(|it| &it.conditions)
        .filter(|it| it.key.to_ascii_lowercase().ends_with(":sub"))
        .flat_map(|it| &it.values)
}

fn has_wildcards(role: &IamRole) -> bool {
    subject_values(role).any(|it| it.contains(['*', '?']) || it.contains("${"))
        || allows(role).any(|it| {
            it.conditions.iter().any(|it| {
                let operator = it.operator.to_ascii_lowercase();
                it.key.to_ascii_lowercase().ends_with(":sub")
                    && (operator.contains("not") || operator.contains("ignorecase"))
            })
        })
}

fn names(role: &IamRole, key: &SaKey) -> bool {
    let subject = key.subject();
    subject_values(role).any(|it| **it == *subject)
}

/// Whether some statement is about web identity or EKS Pod Identity.
fn trusts_workloads(role: &IamRole) -> bool {
    policy(role).into_iter().flat_map(|it| &it.statements).any(|it| match &it.principal {
        Some(iam::Principal::Everyone) => true,
        Some(iam::Principal::Listed(groups)) => groups.iter().any(|(kind, values)| {
            let of_cluster = |it: &Text| {
                it.contains(":oidc-provider/oidc.") || &**it == "pods.eks.amazonaws.com"
            };
            matches!(&**kind, "Federated" | "Service") && values.iter().any(of_cluster)
        }),
        None => false,
    })
}

fn trusts(graph: &Graph, role: &IamRole) -> Vec<json::Trust> {
    let issuer = graph.issuer().known();
    let mut res = Vec::new();
    for (index, statement) in
        policy(role).into_iter().flat_map(|it| it.statements.iter().enumerate())
    {
        let pattern: Vec<&str> = statement
            .conditions
            .iter()
            .filter(|it| it.key.to_ascii_lowercase().ends_with(":sub"))
            .flat_map(|it| it.values.iter().map(|it| &**it))
            .collect();
        let pattern = (!pattern.is_empty()).then(|| pattern.join(", "));
        let everyone = [(Text::from("*"), vec![Text::from("*")])];
        let groups: &[(Text, Vec<Text>)] = match &statement.principal {
            Some(iam::Principal::Listed(groups)) => groups,
            Some(iam::Principal::Everyone) => &everyone,
            None => &[],
        };
        for (kind, values) in groups {
            for value in values {
                res.push(json::Trust {
                    statement: index,
                    effect: match statement.effect {
                        iam::Effect::Allow => "Allow",
                        iam::Effect::Deny => "Deny",
                    },
                    principal_type: kind.to_string(),
                    principal: value.to_string(),
                    scope: scope(value, issuer.as_ref()),
                    pattern: pattern.clone(),
                    verdict: match statement.effect {
                        iam::Effect::Allow => "allow",
                        iam::Effect::Deny => "deny",
                    },
                });
            }
        }
    }
    res
}

/// `this-cluster` for its issuer's provider and for the Pod Identity service, `other-cluster` for another issuer.
fn scope(principal: &str, issuer: Option<&Issuer>) -> &'static str {
    if principal == "pods.eks.amazonaws.com" {
        return "this-cluster";
    }
    match principal.split_once(":oidc-provider/") {
        Some((_, it)) if issuer.is_some_and(|issuer| issuer.as_str() == it) => "this-cluster",
        Some((_, it)) if it.starts_with("oidc.eks.") => "other-cluster",
        Some(_) | None => "outside",
    }
}

fn not_read(graph: &Graph, arn: &Arn, knowledge: &Knowledge<&IamRole>) -> Vec<String> {
    let mut res = Vec::new();
    if let Knowledge::Denied(it) = knowledge {
        res.push(it.permission.to_string());
    }
    if matches!(knowledge, Knowledge::NotYet) {
        res.push(format!("iam:GetRole on {arn}"));
    }
    for (scope, state) in graph.sources() {
        if let (_, _, _, Some(permission)) = crate::report::build::source_words(state) {
            res.push(format!("{permission} ({})", scope.name()));
        }
    }
    res.sort();
    res.dedup();
    res
}
