//! No role annotation: under another key, on another object, empty, or nowhere.

use crate::{
    check::{
        Acc, Evidence, Finding, IdentityContext, Subject,
        ann::{annotate, evidence, naming, without_association},
        blocker_or_wrong_id,
    },
    fact::{Knowledge, Pod, ServiceAccount},
    ident::{Arn, Text},
    identity::Mechanism,
};

/// What kube2iam and kiam read.
const KUBE2IAM: &str = "iam.amazonaws.com/role";

pub(crate) fn nothing_declared(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(reason) = cx.expected.as_ref().filter(|_| declares_nothing(cx)) else { return };
    let role = naming(cx);
    let message = format!("nothing declares an AWS identity, although {reason}");
    let needed = role.as_ref().map_or_else(|| "the ARN of its role".to_owned(), Arn::to_string);
    let finding =
        acc.push(Subject::service_account(cx.key, role.clone()), message, evidence(cx, "", needed));
    finding.severity = severity(cx);
    match role {
        Some(it) => finding.fixes = annotate(cx, it.as_str()),
        None => offer_any(cx, finding),
    }
}

pub(crate) fn empty(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Knowledge::Known(sa) = &cx.sa else { return };
    if sa.role_arn().is_none_or(|it| !it.is_empty()) || !without_association(cx) {
        return;
    }
    let finding = acc.push(
        Subject::service_account(cx.key, None),
        "the role annotation is empty, so nothing is injected".into(),
        evidence(cx, "", "the ARN of its role"),
    );
    match naming(cx) {
        Some(it) => finding.fixes = annotate(cx, it.as_str()),
        None => offer_any(cx, finding),
    }
}

pub(crate) fn near_key(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Knowledge::Known(sa) = &cx.sa else { return };
    if !declares_nothing(cx) {
        return;
    }
    let among = |pairs: &[(Text, Text)], what: &'static str| {
        let near = pairs.iter().find(|(key, value)| is_near_key(key, value, what == "label"));
        near.map(|(key, value)| (what, key.clone(), value.clone()))
    };
    let Some((what, key, value)) =
        among(&sa.annotations, "annotation").or_else(|| among(&sa.labels, "label"))
    else {
        return;
    };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(Arn::new(value.clone()))),
        format!("the role stands under the {what} `{key}`, which nobody reads"),
        vec![Evidence {
            place: format!("ServiceAccount {} {what} {key}", cx.key),
            found: value.to_string(),
            needed: format!("annotation {}", ServiceAccount::ROLE_ARN),
        }],
    );
    if Arn::new(value.clone()).is_iam_role() {
        finding.fixes = annotate(cx, &value);
    } else {
        offer_any(cx, finding);
    }
}

pub(crate) fn other_object(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if !declares_nothing(cx) || !cx.sa.is_known() {
        return;
    }
    let Some((object, value)) = misplaced(cx) else { return };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(Arn::new(value.clone()))),
        format!("the role annotation is on {object}, where nobody reads it"),
        vec![Evidence {
            place: format!("{object} annotation {}", ServiceAccount::ROLE_ARN),
            found: value.to_string(),
            needed: format!("the same annotation on ServiceAccount {}", cx.key),
        }],
    );
    if Arn::new(value.clone()).is_iam_role() {
        finding.fixes = annotate(cx, &value);
    } else {
        offer_any(cx, finding);
    }
}

/// Nothing is asked for, and both places where it could be are known.
fn declares_nothing(cx: &IdentityContext<'_>) -> bool {
    cx.mechanism == Mechanism::None
        && without_association(cx)
        && cx.sa.as_ref().known().is_some_and(|it| it.role_arn().is_none())
}

/// Wrong-id while some pod ends with the node role or with keys.
fn severity(cx: &IdentityContext<'_>) -> crate::check::Severity {
    blocker_or_wrong_id(0 < cx.counts.node_role || 0 < cx.counts.fixed)
}

/// Nobody can know which role is meant.
fn offer_any(cx: &IdentityContext<'_>, finding: &mut Finding) {
    finding.fixes = annotate(cx, "ROLE_ARN");
    for fix in &mut finding.fixes {
        fix.applicability = crate::check::Applicability::DisplayOnly;
    }
}

/// `eks.amazonaws.com/role_arn`, `eks.amazonaws.com/iam-role-arn`, `Role-Arn`, `iam.amazonaws.com/role`, …
fn is_near_key(key: &str, value: &str, is_label: bool) -> bool {
    if key == KUBE2IAM {
        return true;
    }
    if key == ServiceAccount::ROLE_ARN {
        return is_label;
    }
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let letters: String =
        name.chars().filter(|it| it.is_alphanumeric()).collect::<String>().to_lowercase();
    let named =
        matches!(letters.as_str(), "rolearn" | "role" | "iamrole" | "iamrolearn" | "awsrolearn");
    let of_eks = prefix.contains("amazon") || prefix.contains("eks");
    // A role's ARN under any such name was meant for us; without one only an EKS-like key was.
    named
        && (value.starts_with("arn:") && value.contains(":role/")
            || of_eks && letters.ends_with("arn"))
}

/// Where the right key is instead, and its value.
fn misplaced(cx: &IdentityContext<'_>) -> Option<(String, Text)> {
    let graph = cx.cx.graph;
    let of = |pairs: &[(Text, Text)]| {
        pairs.iter().find(|(key, _)| &**key == ServiceAccount::ROLE_ARN).map(|(_, it)| it.clone())
    };
    let mut used = false;
    for workload in graph.workloads_of(cx.key).filter(|it| !it.completed) {
        if crate::check::is_node_agent(&workload.name, &workload.namespace) {
            continue;
        }
        used = true;
        let name = format!("{} `{}`", workload.kind.as_str(), workload.name);
        if let Some(it) = of(&workload.annotations) {
            return Some((name, it));
        }
        if let Some(it) = of(&workload.template.annotations) {
            return Some((format!("the pod template of {name}"), it));
        }
    }
    if 0 < cx.annotated_pods {
        let bare = |it: &&Pod| !it.completed() && it.owner.is_none();
        for pod in graph.pods_of(cx.key).filter(bare) {
            if let Some(it) = of(&pod.spec.annotations) {
                return Some((format!("pod `{}`", pod.name), it));
            }
        }
    }
    if used || 0 < cx.counts.total {
        let namespace = graph.namespace(&cx.key.namespace).known()?;
        let value = of(&namespace.annotations)?;
        return Some((format!("namespace `{}`", namespace.name), value));
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::check::ann::absent::is_near_key;

    #[test]
    fn near_keys() {
        let role = "arn:aws:iam::111122223333:role/app";
        let check = |key: &str, value: &str, is_label: bool, expected: bool| {
            assert_eq!(is_near_key(key, value, is_label), expected, "{key} = {value}");
        };
        for key in [
            "eks.amazonaws.com/role_arn",
            "eks.amazonaws.com/rolearn",
            "eks.amazonaws.com/iam-role-arn",
            "eks.amazonaws.com/Role-Arn",
            "eks.amazon.com/role-arn",
            "iam.amazonaws.com/role",
            "role-arn",
        ] {
            check(key, role, false, true);
        }
        check("iam.amazonaws.com/role", "app", false, true);
        check("eks.amazonaws.com/role-arn", role, true, true);
        check("eks.amazonaws.com/role-arn", role, false, false);
        check("eks.amazonaws.com/audience", "sts.amazonaws.com", false, false);
        check("example.com/role", "frontend", false, false);
        check("rbac.authorization.k8s.io/role", "viewer", false, false);
        check("app.kubernetes.io/role", "worker", true, false);
    }
}
