//! PI-TRUST: the trust policy of an association's role.

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, Row, Rule, Severity, Subject, SubjectKind, judge,
    },
    fact::{Association, AssociationDetail, IamRole},
    iam,
    ident::Ref,
    identity::{Signature, Verdict, eks},
};

const GUIDE: &str = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html";
const SERVICE: &str = "pods.eks.amazonaws.com";

pub const ROWS: &[Row] = &[
    Row {
        code: "PI-TRUST-01",
        name: "trust-without-tag-session",
        title: "sts:TagSession missing",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations have a role whose trust policy lacks sts:TagSession",
        detect: "The trust policy lets pods.eks.amazonaws.com call sts:AssumeRole but not sts:TagSession, and session tags are not disabled.",
        repair: "Add sts:TagSession to the statement's actions. Pods need no restart.",
        signatures: &[Signature::E18],
        fixes: &["FX-TRUST-EDIT"],
        reference: GUIDE,
        rule: Rule::Unit(|cx, unit, acc| report(cx, unit, acc, Fault::TagSession)),
    },
    Row {
        code: "PI-TRUST-02",
        name: "trust-wrong-service",
        title: "wrong service principal",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations have a role that trusts another service than pods.eks.amazonaws.com",
        detect: "No statement's Service principal is `pods.eks.amazonaws.com`, which is its name in every partition.",
        repair: "Add a statement for pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession. Pods need no restart.",
        signatures: &[Signature::E18],
        fixes: &["FX-TRUST-PI"],
        reference: GUIDE,
        rule: Rule::Unit(|cx, unit, acc| report(cx, unit, acc, Fault::OtherService)),
    },
    Row {
        code: "PI-TRUST-03",
        name: "trust-irsa-only",
        title: "IRSA-only trust",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Association,
        fragment: "associations have a role that trusts web identity only",
        detect: "Every statement's principal is Federated; EKS checks this when the association is made, so the policy was edited later.",
        repair: "Add a statement for pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession. Pods need no restart.",
        signatures: &[Signature::E18],
        fixes: &["FX-TRUST-PI"],
        reference: GUIDE,
        rule: Rule::Unit(|cx, unit, acc| report(cx, unit, acc, Fault::FederatedOnly)),
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    TagSession,
    OtherService,
    FederatedOnly,
}

fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc, wanted: Fault) {
    let Ref::Association(id) = unit else { return };
    let Some(association) = cx.graph.association(id) else { return };
    let Some(detail) = association.detail.as_ref().known() else { return };
    let Some(role) = judge::settled_role(cx.graph, &detail.role_arn).known() else { return };
    if fault(cx, association, detail, role) != Some(wanted) {
        return;
    }
    let place = format!("role {} trust policy", role.arn);
    let (message, evidence, fix) = match wanted {
        Fault::TagSession => (
            format!("role `{}` does not let {SERVICE} call sts:TagSession", role.arn),
            Evidence {
                place: format!("{place} Action"),
                found: "sts:AssumeRole without sts:TagSession".into(),
                needed: "sts:AssumeRole and sts:TagSession".into(),
            },
            Fix::trust(
                "FX-TRUST-EDIT",
                "add sts:TagSession to the statement for pods.eks.amazonaws.com".into(),
                &role.arn,
            ),
        ),
        Fault::OtherService | Fault::FederatedOnly => (
            format!("role `{}` does not trust {SERVICE}", role.arn),
            Evidence {
                place: format!("{place} Principal"),
                found: principals(role),
                needed: format!("Service {SERVICE}"),
            },
            Fix::trust(
                "FX-TRUST-PI",
                "add a statement for pods.eks.amazonaws.com".into(),
                &role.arn,
            ),
        ),
    };
    acc.push(Subject::association(association), message, vec![evidence]).fixes.push(fix);
}

fn fault(
    cx: &Context<'_>,
    association: &Association,
    detail: &AssociationDetail,
    role: &IamRole,
) -> Option<Fault> {
    let policy = role.trust.parsed.as_ref().ok()?;
    let groups = || {
        policy.statements.iter().filter(|it| it.effect == iam::Effect::Allow).filter_map(|it| {
            match it.principal.as_ref()? {
                iam::Principal::Listed(groups) => Some(groups),
                iam::Principal::Everyone => None,
            }
        })
    };
    let everyone = policy.statements.iter().any(|it| {
        it.effect == iam::Effect::Allow && it.principal == Some(iam::Principal::Everyone)
    });
    let service = groups()
        .flatten()
        .any(|(kind, values)| &**kind == "Service" && values.iter().any(|it| &**it == SERVICE));
    if !service {
        // Whether `*` takes a service is not documented: nothing is said.
        if everyone {
            return None;
        }
        let federated = groups().flatten().all(|(kind, _)| &**kind == "Federated");
        let some = groups().next().is_some();
        return Some(if federated && some { Fault::FederatedOnly } else { Fault::OtherService });
    }
    let known = crate::fact::Knowledge::Known(detail);
    let ask = judge::delivery(*cx, &association.service_account, known);
    if detail.disable_session_tags || !matches!(eks::judge(&ask).verdict, Verdict::Deny(_)) {
        return None;
    }
    let decides =
        |action: &str| iam::evaluate(policy, &eks::request(&ask, detail, action)).decision;
    let missing = decides("sts:AssumeRole") == iam::Decision::Allow
        && decides("sts:TagSession") == iam::Decision::ImplicitDeny;
    missing.then_some(Fault::TagSession)
}

/// The principals of the Allow statements, as `Service ec2.amazonaws.com, …`.
fn principals(role: &IamRole) -> String {
    let Ok(policy) = &role.trust.parsed else { return String::new() };
    let mut res = Vec::new();
    for statement in &policy.statements {
        if let Some(iam::Principal::Listed(groups)) = &statement.principal {
            for (kind, values) in groups {
                res.extend(values.iter().map(|it| format!("{kind} {it}")));
            }
        }
    }
    if res.is_empty() { "nobody".into() } else { res.join(", ") }
}
