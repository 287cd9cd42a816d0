//! PERM: permissions after a correct identity.

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, Row, Rule, Severity, Subject, SubjectKind, judge,
        quote,
    },
    ident::Ref,
    identity::Signature,
};

pub const ROWS: &[Row] = &[Row {
    code: "PERM-01",
    name: "role-without-policy",
    title: "role has no policy at all",
    severity: Severity::Blocker,
    confidence: Confidence::Certain,
    subject: SubjectKind::Role,
    fragment: "roles are used by ServiceAccounts but have no policy",
    detect: "The role is annotated or associated here, and has neither an attached nor an inline policy. Needs `iam:ListAttachedRolePolicies` and `iam:ListRolePolicies`.",
    repair: "Attach the policy that the workload needs. Pods need no restart.",
    signatures: &[Signature::E14],
    fixes: &["FX-ROLE-POL"],
    reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
    rule: Rule::Unit(no_policy),
}];

fn no_policy(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Role(arn) = unit else { return };
    let used = cx.graph.annotated_with(arn).next().is_some()
        || cx.graph.associated_with(arn).next().is_some();
    let Some(role) = judge::settled_role(cx.graph, arn).known().filter(|_| used) else { return };
    let Some(policies) = role.policies.as_ref().known() else { return };
    if !policies.attached.is_empty() || !policies.inline.is_empty() {
        return;
    }
    let finding = acc.push(
        Subject::role(arn),
        format!("`{arn}` has no policy, so every call with it is refused"),
        vec![Evidence {
            place: format!("role {arn} attached and inline policies"),
            found: String::new(),
            needed: "at least one policy".into(),
        }],
    );
    let name = quote(arn.name().unwrap_or(arn.as_str()));
    finding.fixes.push(Fix::by_hand(
        "FX-ROLE-POL",
        "attach the policy that the workload needs".into(),
        vec![format!("aws iam attach-role-policy --role-name {name} --policy-arn POLICY_ARN")],
    ));
}
