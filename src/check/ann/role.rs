//! The role that the annotation names: there or not, and the one that is meant.

use crate::{
    check::{
        Acc, Evidence, Fix, IdentityContext, Severity, Subject,
        ann::{annotate, evidence, naming},
        judge, quote,
        trust::{self, web_identity_applies},
    },
    fact::Knowledge,
    iam,
    ident::Arn,
    identity::{Mechanism, near_miss},
};

/// Which add-on owns which ServiceAccount of kube-system.
const ADD_ONS: &[(&str, &str)] = &[
    ("vpc-cni", "aws-node"),
    ("aws-ebs-csi-driver", "ebs-csi-controller-sa"),
    ("aws-efs-csi-driver", "efs-csi-controller-sa"),
    ("aws-fsx-csi-driver", "fsx-csi-controller-sa"),
    ("aws-mountpoint-s3-csi-driver", "s3-csi-driver-sa"),
];

/// ANN-06.
pub(crate) fn absent(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(role) = missing(cx) else { return };
    let (Some(account), Some(name)) = (role.account(), role.name()) else { return };
    // ANN-07 and ANN-10: there is such a role, but for its path or the case of its letters.
    let graph = cx.cx.graph;
    if graph.role_by_name(&account, name).is_some()
        || graph.roles().any(|it| {
            it.arn.account().as_ref() == Some(&account)
                && it.arn.name().is_some_and(|it| it.eq_ignore_ascii_case(name))
        })
    {
        return;
    }
    let instead = naming(cx);
    let needed = instead.as_ref().map_or_else(|| "a role that exists".to_owned(), Arn::to_string);
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("role `{role}` does not exist"),
        evidence(cx, role.as_str(), needed),
    );
    finding.fixes = match instead {
        Some(it) => annotate(cx, it.as_str()),
        None => vec![Fix::by_hand(
            "FX-NONE",
            format!("create role `{name}` in account {account}, or annotate another one"),
            Vec::new(),
        )],
    };
}

/// ANN-07.
pub(crate) fn other_path(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(role) = missing(cx) else { return };
    let (Some(account), Some(name)) = (role.account(), role.name()) else { return };
    let Some(real) = cx.cx.graph.role_by_name(&account, name) else { return };
    // What differs is the partition (ANN-09).
    if real.arn.partition() != role.partition() {
        return;
    }
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("role `{name}` has another path: its ARN is `{}`", real.arn),
        evidence(cx, role.as_str(), real.arn.as_str()),
    );
    finding.fixes = annotate(cx, real.arn.as_str());
}

/// ANN-08.
pub(crate) fn other_account(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(role) = well_formed(cx) else { return };
    let Some(meant) = meant_here(cx, &role) else { return };
    let account = role.account().map(|it| it.to_string()).unwrap_or_default();
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("the annotation names account {account}, but the role that trusts it is `{meant}`"),
        evidence(cx, role.as_str(), meant.as_str()),
    );
    finding.fixes = annotate(cx, meant.as_str());
}

/// ANN-09.
pub(crate) fn other_partition(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(role) = cx.annotated_role().filter(|it| it.is_iam_role()) else { return };
    let Some(cluster) = cx.cx.graph.cluster().known() else { return };
    let (Some(own), Some(theirs)) = (cluster.arn.partition(), role.partition()) else { return };
    if !web_identity_applies(cx) || own == theirs {
        return;
    }
    let (_, rest) = role.as_str().split_at(format!("arn:{theirs}:").len());
    let right = format!("arn:{own}:{rest}");
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("the annotation is of partition `{theirs}`, the cluster of `{own}`"),
        evidence(cx, role.as_str(), right.as_str()),
    );
    finding.fixes = annotate(cx, &right);
}

/// ANN-14, and TRUST-DOC-02 where the annotated role has no statement for any EKS cluster.
pub(crate) fn another_role(cx: &IdentityContext<'_>, acc: &mut Acc, without_eks: bool) {
    let (Some(role), Some(policy)) = (well_formed(cx), trust::policy(cx)) else { return };
    if near_miss::eks_issuers(policy).is_empty() != without_eks || cx.diagnosis().is_none() {
        return;
    }
    let refuses = |it: &iam::Evaluation| match it.decision {
        iam::Decision::ExplicitDeny | iam::Decision::ImplicitDeny => true,
        iam::Decision::Allow | iam::Decision::Unknown => false,
    };
    if !trust::evaluation(cx).is_some_and(refuses) {
        return;
    }
    let Some(other) = naming(cx) else { return };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("`{role}` refuses it, while the trust policy of `{other}` names it exactly"),
        evidence(cx, role.as_str(), other.as_str()),
    );
    if 0 < cx.counts.fixed && !without_eks {
        finding.severity = Severity::WrongId;
    }
    finding.fixes = annotate(cx, other.as_str());
    finding.fixes.extend(trust::add_statement(cx, &role));
}

/// ANN-15.
pub(crate) fn add_on(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(role) = cx.annotated_role().filter(|_| &*cx.key.namespace == "kube-system") else {
        return;
    };
    let Some((name, _)) = ADD_ONS.iter().find(|(_, it)| **it == *cx.key.name) else { return };
    let Some(addon) = cx.cx.graph.addon(name).known() else { return };
    let Some(declared) = addon.service_account_role.as_ref().filter(|it| **it != role) else {
        return;
    };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("add-on `{name}` declares `{declared}` and will write that role back"),
        vec![Evidence {
            place: format!("add-on {name} serviceAccountRoleArn"),
            found: declared.to_string(),
            needed: role.to_string(),
        }],
    );
    let cluster = cx.cx.graph.cluster().known().map_or("CLUSTER", |it| &*it.name);
    let command = format!(
        "aws eks update-addon --cluster-name {} --addon-name {name} --service-account-role-arn {}",
        quote(cluster),
        quote(role.as_str())
    );
    let title = format!("give add-on `{name}` the role `{role}`");
    finding.fixes.push(Fix::by_hand("FX-NONE", title, vec![command]));
}

/// ANN-18.
pub(crate) fn superseded(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let (Mechanism::Both, Some(annotated), Some(role)) =
        (cx.mechanism, cx.annotated_role(), cx.role_arn())
    else {
        return;
    };
    if annotated == role {
        return;
    }
    let finding = acc.push(
        Subject::service_account(cx.key, Some(annotated.clone())),
        format!("new pods get `{role}` from the association, not `{annotated}`"),
        evidence(cx, annotated.as_str(), role.as_str()),
    );
    finding.fixes.push(Fix::unannotate(cx.key, annotated.text()));
}

/// The annotated role where it is a role's ARN of the cluster's partition and no placeholder.
fn well_formed(cx: &IdentityContext<'_>) -> Option<Arn> {
    let role = cx.annotated_role().filter(|it| it.is_iam_role())?;
    let own = cx.cx.graph.cluster().known().and_then(|it| it.arn.partition());
    let fits = own.is_none() || own == role.partition();
    (fits && web_identity_applies(cx) && !crate::check::ann::value::is_placeholder(cx, &role))
        .then_some(role)
}

/// The annotated role where it is known that it does not exist and nothing simpler is wrong.
fn missing(cx: &IdentityContext<'_>) -> Option<Arn> {
    let role = well_formed(cx)?;
    let absent = judge::settled_role(cx.cx.graph, &role) == Knowledge::Absent;
    (absent && meant_here(cx, &role).is_none()).then_some(role)
}

/// The role of the same name in the cluster's account which would let it in, when the annotated one is of another
/// account and not known to be there.
fn meant_here(cx: &IdentityContext<'_>, role: &Arn) -> Option<Arn> {
    let graph = cx.cx.graph;
    let own = graph.cluster().known()?.arn.account()?;
    if role.account()? == own || judge::settled_role(graph, role).is_known() {
        return None;
    }
    let here = graph.role_by_name(&own, role.name()?)?;
    judge::takes_token(cx, here.arn.as_str()).then(|| here.arn.clone())
}
