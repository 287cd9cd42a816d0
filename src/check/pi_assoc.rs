//! PI-ASSOC: Pod Identity associations and what they name.

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, IdentityContext, Row, Rule, Severity, Subject,
        SubjectKind, fix, is_node_agent, judge, quote,
    },
    fact::{Association, Knowledge},
    ident::{Ref, SaKey, Text},
    identity::{Carried, Signature, near_miss::text::distance},
};

const GUIDE: &str = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html";

pub const ROWS: &[Row] = &[
    Row {
        code: "PI-ASSOC-01",
        name: "association-without-service-account",
        title: "association to a non-existent ServiceAccount",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations name a ServiceAccount that does not exist",
        detect: "The association exists, its namespace too, and the namespace has no ServiceAccount of that name. EKS does not check the names.",
        repair: "Create the ServiceAccount, or delete the association.",
        signatures: &[Signature::E16],
        fixes: &["FX-SA-CREATE", "FX-PIA-DEL"],
        reference: GUIDE,
        rule: Rule::Unit(no_service_account),
    },
    Row {
        code: "PI-ASSOC-02",
        name: "association-without-namespace",
        title: "association to a non-existent namespace",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations name a namespace that does not exist",
        detect: "The association exists and the cluster has no namespace of that name. EKS does not check the names.",
        repair: "Create the namespace, or delete the association and create it for the right one; its namespace cannot be changed.",
        signatures: &[Signature::E16],
        fixes: &["FX-PIA-DEL"],
        reference: GUIDE,
        rule: Rule::Unit(no_namespace),
    },
    Row {
        code: "PI-ASSOC-03",
        name: "association-near-miss",
        title: "association names differ from the ServiceAccount that pods use",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations name a ServiceAccount that nobody uses, and one nearly of that name goes without",
        detect: "No pod or template uses the association's ServiceAccount, and a workload uses one of nearly that name (or of that name in another namespace) that declares no identity.",
        repair: "Create the association for the ServiceAccount that the workload uses, and delete this one.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-PIA-CREATE", "FX-PIA-DEL"],
        reference: GUIDE,
        rule: Rule::Unit(near_miss),
    },
    Row {
        code: "PI-ASSOC-08",
        name: "association-role-absent",
        title: "role deleted after association",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations name a role that does not exist",
        detect: "The account was read, and no role has the association's role ARN.",
        repair: "Create the role again with the same name and a trust policy for pods.eks.amazonaws.com, or give the association another role.",
        signatures: &[Signature::E18],
        fixes: &["FX-PIA-UPDATE"],
        reference: GUIDE,
        rule: Rule::Unit(no_role),
    },
    Row {
        code: "PI-ASSOC-12",
        name: "association-deleted",
        title: "association deleted, pods keep the env",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations are gone while pods still ask the agent for credentials",
        detect: "Pods carry the Pod Identity variables, and their ServiceAccount has no association. Cached credentials last up to six hours; SDKs do not fall back.",
        repair: "Create the association again, or restart the pods so that they stop asking the agent.",
        signatures: &[Signature::E19],
        fixes: &["FX-PIA-CREATE", "FX-RESTART"],
        reference: "https://github.com/aws/eks-pod-identity-agent",
        rule: Rule::Identity(deleted),
    },
];

fn association<'a>(cx: &Context<'a>, unit: &Ref) -> Option<&'a Association> {
    let Ref::Association(id) = unit else { return None };
    let settled = judge::is_settled(cx.graph, &crate::fact::Scope::Associations);
    cx.graph.association(id).filter(|_| settled)
}

/// Whether eksctl made it, which does not create the ServiceAccount unless told to (SA-05).
pub(crate) fn is_of_eksctl(it: &Association) -> bool {
    let tagged = it.detail.as_ref().known().is_some_and(|it| {
        it.tags.iter().any(|(key, _)| key.starts_with("alpha.eksctl.io/") || key.contains("eksctl"))
    });
    tagged || it.owner_arn.as_ref().is_some_and(|it| it.as_str().contains("eksctl"))
}

fn no_service_account(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(it) = association(cx, unit) else { return };
    let key = &it.service_account;
    let namespace = cx.graph.namespace(&key.namespace);
    if cx.graph.service_account(key) != Knowledge::Absent
        || namespace == Knowledge::Absent
        || is_of_eksctl(it)
    {
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("names ServiceAccount `{key}`, which does not exist"),
        vec![Evidence {
            place: format!("ServiceAccount {key}"),
            found: "does not exist".into(),
            needed: "exists".into(),
        }],
    );
    finding.fixes.push(Fix::create_service_account(key, None));
    finding.fixes.push(Fix::delete_association(cx, it));
}

fn no_namespace(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(it) = association(cx, unit) else { return };
    let key = &it.service_account;
    if cx.graph.namespace(&key.namespace) != Knowledge::Absent {
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("names namespace `{}`, which does not exist", key.namespace),
        vec![Evidence {
            place: format!("namespace {}", key.namespace),
            found: "does not exist".into(),
            needed: "exists".into(),
        }],
    );
    finding.fixes.push(Fix::delete_association(cx, it));
}

fn near_miss(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(it) = association(cx, unit) else { return };
    let key = &it.service_account;
    if is_used(cx, key)
        || matches!(cx.graph.namespace(&key.namespace), Knowledge::NotYet | Knowledge::Denied(_))
    {
        return;
    }
    let Some(meant) = candidates(cx, key).into_iter().find(|it| goes_without(cx, it)) else {
        return;
    };
    let still = cx.graph.pods_of(&meant).any(|it| !it.completed());
    let finding = acc.push(
        Subject::association(it),
        format!("names `{key}`, which nobody uses; pods run as `{meant}`"),
        vec![Evidence {
            place: format!("association {} namespace and serviceAccount", it.id),
            found: key.to_string(),
            needed: meant.to_string(),
        }],
    );
    if still {
        finding.severity = Severity::WrongId;
    }
    if let Some(detail) = it.detail.as_ref().known() {
        finding.fixes.push(Fix::create_association(&meant, &detail.role_arn));
    }
    finding.fixes.push(Fix::delete_association(cx, it));
}

fn is_used(cx: &Context<'_>, key: &SaKey) -> bool {
    cx.graph.pods_of(key).next().is_some() || cx.graph.workloads_of(key).next().is_some()
}

/// Nearly the same name in the namespace first, then the same name elsewhere.
fn candidates(cx: &Context<'_>, key: &SaKey) -> Vec<SaKey> {
    let wanted = key.clone();
    let twin = key.clone();
    let near = cx.graph.identities_in(&key.namespace).filter(move |it| {
        it.name != wanted.name && &*it.name != "default" && is_near(&it.name, &wanted.name)
    });
    let elsewhere = cx
        .graph
        .identities_named(&key.name)
        .filter(move |it| it.namespace != twin.namespace && &*it.name != "default");
    near.chain(elsewhere).cloned().collect()
}

/// A typing error, a missing or a doubled part: at most two edits, or one is the other with a word more.
fn is_near(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let word = long.strip_prefix(short).is_some_and(|it| it.starts_with('-'))
        || long.strip_suffix(short).is_some_and(|it| it.ends_with('-'));
    word || (4 <= short.len() && distance(a, b, 2) <= 2)
}

/// Used by a workload, and declares nothing.
fn goes_without(cx: &Context<'_>, key: &SaKey) -> bool {
    let declared = judge::Declaration::of(cx.graph, key);
    let agents = |name: &Text| is_node_agent(name, &key.namespace);
    declared.annotation.is_none()
        && declared.association == Knowledge::Absent
        && (cx.graph.workloads_of(key).any(|it| !it.completed && !agents(&it.name))
            || cx.graph.pods_of(key).any(|it| !it.completed() && !agents(&it.name)))
}

fn no_role(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(it) = association(cx, unit) else { return };
    let Some(detail) = it.detail.as_ref().known() else { return };
    if judge::settled_role(cx.graph, &detail.role_arn) != Knowledge::Absent {
        return;
    }
    let finding = acc.push(
        Subject::association(it),
        format!("names role `{}`, which does not exist", detail.role_arn),
        vec![Evidence {
            place: format!("association {} roleArn", it.id),
            found: format!("{} (no such role)", detail.role_arn),
            needed: "the ARN of an existing role".into(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-PIA-UPDATE",
        "give the association an existing role".into(),
        vec![format!(
            "aws eks update-pod-identity-association --cluster-name {} --association-id {} --role-arn ROLE_ARN",
            fix::cluster_name(cx),
            quote(&it.id)
        )],
    ));
}

fn deleted(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let settled = judge::is_settled(cx.cx.graph, &crate::fact::Scope::Associations);
    if cx.association != Knowledge::Absent || !settled || cx.counts.stale == 0 {
        return;
    }
    let declared = judge::Declaration::of(cx.cx.graph, cx.key);
    let pods: Vec<_> = cx
        .cx
        .graph
        .pods_of(cx.key)
        .filter(|it| !it.completed())
        .filter(|pod| {
            judge::lines(cx.cx.graph, pod, &declared)
                .iter()
                .any(|it| matches!(it.effective, Carried::PodIdentity(_)))
        })
        .collect();
    let Some(first) = pods.iter().min_by_key(|it| &it.name) else { return };
    let subject =
        Subject { kind: SubjectKind::Association, ..Subject::service_account(cx.key, None) };
    let finding = acc.push(
        subject,
        format!("of `{}` is gone, and {} of its pods still ask the agent", cx.key, pods.len()),
        vec![Evidence {
            place: format!(
                "pod {}/{} env AWS_CONTAINER_CREDENTIALS_FULL_URI",
                first.namespace, first.name
            ),
            found: "set, but no association exists".into(),
            needed: "an association, or a restart".into(),
        }],
    );
    finding.fixes.push(Fix::restart(&first.namespace, &first.name, cx.cx.graph.root_owner(first)));
}

#[cfg(test)]
mod tests {
    use crate::check::pi_assoc::is_near;

    #[test]
    fn near_names_are_near() {
        let check =
            |a: &str, b: &str, expected: bool| assert_eq!(is_near(a, b), expected, "{a} {b}");
        check("aws-load-balancer-controller", "aws-loadbalancer-controller", true);
        check("cart", "cart-sa", true);
        check("cart", "carts", true);
        check("api", "app", false);
        check("orders", "payments", false);
    }
}
