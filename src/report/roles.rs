//! Roles reversed: who could use each, and who is configured to.

use crate::{
    fact::{Denied, IamRole, Knowledge, Scope},
    graph::Graph,
    iam,
    ident::{Arn, Issuer, SaKey, Timestamp},
    identity::{self, Verdict, who},
    report::{
        build::{knowledge_word, source_words},
        json,
        lets::{self, Today, is_usable},
    },
};
use std::collections::BTreeSet;

/// Every role that an annotation or association names, and every known one that trusts an EKS identity. Sorted by ARN.
pub fn roles(graph: &Graph, now: Timestamp) -> Vec<json::Role> {
    let mut arns: BTreeSet<Arn> = graph.named_roles().cloned().collect();
    arns.extend(graph.roles().filter(|it| who::trusts_workloads(it)).map(|it| it.arn.clone()));
    arns.iter().map(|it| role(graph, it, now)).collect()
}

pub fn role(graph: &Graph, arn: &Arn, now: Timestamp) -> json::Role {
    let knowledge = graph.role(arn);
    let mut used_by: BTreeSet<String> =
        graph.annotated_with(arn).map(ToString::to_string).collect();
    used_by.extend(graph.associated_with(arn).map(|it| it.service_account.to_string()));
    let known = knowledge.clone().known();
    let lets = known.map(|it| lets::lets(graph, it, now, Today::Counted)).unwrap_or_default();
    let reach = known.map(|it| reach(graph, it, now, !lets.is_empty()));
    let not_read = not_read(graph, arn, &knowledge);
    json::Role {
        arn: arn.to_string(),
        knowledge: knowledge_word(&knowledge),
        used_by: used_by.into_iter().collect(),
        could_be_used_by: reach.as_ref().map(|it| it.subjects.clone()).unwrap_or_default(),
        open_to: reach.as_ref().map_or("unknown", |it| it.open_to),
        lets,
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

/// Asks the trust policy for every ServiceAccount of this cluster, for those that it names and that may be made at any
/// time, and for one that cannot exist. `lets_others`: somebody beside those gets in.
fn reach(graph: &Graph, role: &IamRole, now: Timestamp, lets_others: bool) -> Reach {
    let issuer = graph.issuer();
    let mut subjects: BTreeSet<String> = BTreeSet::new();
    let mut unknown = role.trust.parsed.is_err();
    let probe = who::accepts_strangers(graph, role, &issuer, now);
    let named: BTreeSet<SaKey> = who::named(role).chain(who::spared(role)).collect();
    let all = !matches!(probe, Verdict::Deny(_) | Verdict::None) || who::has_wildcards(role);
    let known = graph.identities().filter(|it| all || named.contains(*it));
    for key in known.chain(&named).collect::<BTreeSet<_>>() {
        match who::accepts(graph, role, key, &issuer, now) {
            Verdict::Allow => {
                subjects.insert(key.to_string());
            }
            Verdict::Unknown(_) => unknown = true,
            Verdict::Deny(_) | Verdict::None => {}
        }
    }
    for it in graph.associated_with(&role.arn) {
        match who::delivers(graph, role, it, now) {
            Verdict::Allow => {
                subjects.insert(it.service_account.to_string());
            }
            Verdict::Unknown(_) => unknown = true,
            Verdict::Deny(_) | Verdict::None => {}
        }
    }
    // A provider of another cluster without a condition on the subject is open to everybody there.
    let elsewhere =
        who::trusted_issuers(role).into_iter().filter(|it| issuer.as_ref().known() != Some(it));
    let open_elsewhere = elsewhere
        .map(|it| who::accepts_strangers(graph, role, &Knowledge::Known(it), now))
        .any(|it| it == Verdict::Allow);
    let open_to = match probe {
        Verdict::Allow => "everyone",
        Verdict::Unknown(_) => "unknown",
        Verdict::Deny(_) | Verdict::None if open_elsewhere => "everyone",
        Verdict::Deny(_) | Verdict::None if unknown => "unknown",
        Verdict::Deny(_) | Verdict::None if subjects.is_empty() && !lets_others => "nobody",
        Verdict::Deny(_) | Verdict::None if who::has_wildcards(role) => "wildcard",
        Verdict::Deny(_) | Verdict::None => "listed",
    };
    Reach { subjects: subjects.into_iter().collect(), open_to }
}

fn trusts(graph: &Graph, role: &IamRole) -> Vec<json::Trust> {
    let issuer = graph.issuer().known();
    let mut res = Vec::new();
    for (index, statement) in
        who::policy(role).into_iter().flat_map(|it| it.statements.iter().enumerate())
    {
        for (kind, value) in who::principals(statement) {
            res.push(json::Trust {
                statement: index,
                effect: match statement.effect {
                    iam::Effect::Allow => "Allow",
                    iam::Effect::Deny => "Deny",
                },
                principal_type: kind.to_owned(),
                principal: value.to_owned(),
                scope: scope(value, issuer.as_ref()),
                pattern: pattern(statement, kind),
                verdict: match (is_usable(statement, kind), statement.effect) {
                    (false, _) => "none",
                    (true, iam::Effect::Allow) => "allow",
                    (true, iam::Effect::Deny) => "deny",
                },
            });
        }
    }
    res
}

/// Which subjects the statement asks for: of a token, or of the tags that EKS sets.
fn pattern(statement: &iam::Statement, kind: &str) -> Option<String> {
    const NAMESPACE: &str = "aws:requesttag/kubernetes-namespace";
    const NAME: &str = "aws:requesttag/kubernetes-service-account";
    let values = |is_it: &dyn Fn(&iam::Condition) -> bool| -> Vec<&str> {
        let conditions = statement.conditions.iter().filter(|it| is_it(it));
        conditions.flat_map(|it| &it.values).map(|it| &**it).collect()
    };
    let key = |key: &'static str| move |it: &iam::Condition| it.key.eq_ignore_ascii_case(key);
    if kind == "Service" {
        let (namespace, name) = (values(&key(NAMESPACE)), values(&key(NAME)));
        let any = |it: Vec<&str>| if it.is_empty() { "*".to_owned() } else { it.join("|") };
        return (!namespace.is_empty() || !name.is_empty())
            .then(|| format!("{}/{}", any(namespace), any(name)));
    }
    let subjects = values(&who::is_subject);
    (!subjects.is_empty()).then(|| subjects.join(", "))
}

/// `this-cluster` for its issuer's provider and for the Pod Identity service, `other-cluster` for another issuer.
fn scope(principal: &str, issuer: Option<&Issuer>) -> &'static str {
    if principal == identity::eks::SERVICE {
        return "this-cluster";
    }
    match principal.split_once(":oidc-provider/") {
        Some((_, it)) if issuer.is_some_and(|issuer| issuer.as_str() == it) => "this-cluster",
        Some((_, it)) if it.starts_with("oidc.eks.") => "other-cluster",
        Some(_) | None => "outside",
    }
}

/// What would have to be read as well, to be sure that nobody is missing.
fn not_read(graph: &Graph, arn: &Arn, knowledge: &Knowledge<&IamRole>) -> Vec<String> {
    let mut res = BTreeSet::new();
    match knowledge {
        Knowledge::Denied(it) => {
            res.insert(it.permission.to_string());
        }
        Knowledge::NotYet => {
            res.insert(format!("iam:GetRole on {arn}"));
        }
        Knowledge::Known(_) | Knowledge::Absent => {}
    }
    res.extend(known_but_for(knowledge).map(|it| it.permission.to_string()));
    for (scope, state) in graph.sources().filter(|(it, _)| tells_of_users(it)) {
        let (word, _, detail, permission) = source_words(state);
        if let Some(it) = permission {
            res.insert(format!("{it} ({})", scope.name()));
        } else if word != "live" {
            let detail = detail.map(|it| format!(": {it}")).unwrap_or_default();
            res.insert(format!("{} {word}{detail}", scope.name()));
        }
    }
    let unread = graph.associations().filter(|it| !it.detail.is_known()).count();
    if unread != 0 {
        res.insert(format!("eks:DescribePodIdentityAssociation on {unread} associations"));
    }
    res.into_iter().collect()
}

/// Whether what a source brings may add to the users of a role.
fn tells_of_users(scope: &Scope) -> bool {
    match scope {
        Scope::ServiceAccounts { .. }
        | Scope::Pods { .. }
        | Scope::Workloads { .. }
        | Scope::Cluster
        | Scope::Associations => true,
        Scope::ApiServer
        | Scope::Namespaces
        | Scope::Nodes
        | Scope::Webhooks
        | Scope::Budgets { .. }
        | Scope::Caller
        | Scope::OtherClusters
        | Scope::OtherAssociations
        | Scope::IdentityProviders
        | Scope::Addons
        | Scope::Nodegroups
        | Scope::Roles { .. }
        | Scope::Providers { .. } => false,
    }
}

/// What of a role that is known was refused: its policies, one of their documents, its last use.
fn known_but_for<'a>(role: &Knowledge<&'a IamRole>) -> impl Iterator<Item = &'a Denied> {
    role.as_ref().known().into_iter().flat_map(|role| {
        let documents = role.policies.as_ref().known().into_iter().flat_map(|it| &it.attached);
        let documents = documents.filter_map(|it| refusal(&it.document));
        let parts = [refusal(&role.last_used), refusal(&role.policies)];
        parts.into_iter().flatten().chain(documents)
    })
}

fn refusal<T>(of: &Knowledge<T>) -> Option<&Denied> {
    match of {
        Knowledge::Denied(it) => Some(it),
        Knowledge::Known(_) | Knowledge::Absent | Knowledge::NotYet => None,
    }
}
