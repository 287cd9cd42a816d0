//! CHAIN: a second role after the first.

use crate::{
    check::{
        Acc, Confidence, Evidence, Fix, IdentityContext, Row, Rule, Severity, Subject, SubjectKind,
        judge,
    },
    fact::{Container, IamRole, PodSpec},
    iam,
    ident::{Arn, Text},
    identity::Signature,
};

pub const ROWS: &[Row] = &[Row {
    code: "CHAIN-01",
    name: "second-role-refused",
    title: "second role cannot be assumed",
    severity: Severity::Blocker,
    confidence: Confidence::Certain,
    subject: SubjectKind::Role,
    fragment: "roles are assumed by a workload whose own role may not",
    detect: "A container names a second role in an `AWS_…` variable of its template; the first role's policies do not allow `sts:AssumeRole` on it, or its trust policy refuses the first role. Needs both roles' documents. Roles in files, arguments or custom resources are not seen.",
    repair: "Allow `sts:AssumeRole` in the first role's policy, and name the first role in the second one's trust policy.",
    signatures: &[Signature::E27],
    fixes: &["FX-ROLE-POL", "FX-TRUST-EDIT"],
    reference: "https://docs.aws.amazon.com/eks/latest/userguide/cross-account-access.html",
    rule: Rule::Identity(second_role),
}];

/// The role that the SDK itself takes; any other variable with a role in it names a second one.
const OWN: &str = "AWS_ROLE_ARN";

fn second_role(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(first) = session_role(cx) else { return };
    let Some(own) = judge::settled_role(cx.cx.graph, &first).known() else { return };
    let mut seen = Vec::new();
    for (place, name, second) in named(cx) {
        if second == first || seen.contains(&second) {
            continue;
        }
        seen.push(second.clone());
        let Some((what, needed)) = refusal(cx, own, &second) else { continue };
        let finding = acc.push(
            Subject::role(&second),
            format!("`{first}` may not assume `{second}`, which `{}` names: {what}", cx.key),
            vec![Evidence { place, found: format!("{name}={second}"), needed: needed.clone() }],
        );
        finding.fixes.push(Fix::by_hand("FX-NONE", needed, Vec::new()));
    }
}

/// The role of the credentials that its pods have; `None` while that is not for sure.
fn session_role(cx: &IdentityContext<'_>) -> Option<Arn> {
    let association = cx.association.as_ref().known();
    match association.and_then(|it| it.detail.as_ref().known()) {
        Some(it) => Some(it.target_role_arn.as_ref().unwrap_or(&it.role_arn).clone()),
        None if association.is_none() => cx.annotated_role().filter(|it| it.is_iam_role()),
        None => None,
    }
}

/// Where a template names a second role, the variable and the role.
fn named(cx: &IdentityContext<'_>) -> Vec<(String, Text, Arn)> {
    let mut res = Vec::new();
    for workload in cx.cx.graph.workloads_of(cx.key).filter(|it| !it.completed) {
        let owner = format!("{} {}/{}", workload.kind.as_str(), workload.namespace, workload.name);
        res.extend(of_spec(&workload.template, &owner));
    }
    res
}

fn of_spec(spec: &PodSpec, owner: &str) -> Vec<(String, Text, Arn)> {
    let of_container = |it: &Container| -> Vec<(String, Text, Arn)> {
        it.env
            .iter()
            .filter(|env| &*env.name != OWN && it.env(&env.name) == Some(&env.value))
            .filter_map(|env| {
                let role = Arn::new(env.value.literal()?.clone());
                let place = format!("{owner} container {} env {}", it.name, env.name);
                role.is_iam_role().then(|| (place, env.name.clone(), role))
            })
            .collect()
    };
    spec.containers.iter().flat_map(of_container).collect()
}

/// Which side refuses, and what it needs; `None` where both allow or nobody can say.
fn refusal(cx: &IdentityContext<'_>, first: &IamRole, second: &Arn) -> Option<(String, String)> {
    let account = first.arn.account()?;
    let mut context = iam::Context::default();
    context.set("aws:PrincipalArn", [first.arn.as_str()]);
    context.set("aws:PrincipalAccount", [account.as_str()]);
    context.set_unknown_prefix("aws:");
    context.set_unknown_prefix("sts:");
    let request = iam::Request {
        action: "sts:AssumeRole".into(),
        caller: iam::Caller::AwsRole { arn: first.arn.clone(), account },
        resource: Some(second.text().clone()),
        context,
    };
    let own_side = own_side(first, &request);
    if matches!(own_side, iam::Decision::ExplicitDeny | iam::Decision::ImplicitDeny) {
        return Some((
            "its own policies do not allow it".into(),
            format!("allow sts:AssumeRole on {second} in a policy of {}", first.arn),
        ));
    }
    let role = judge::settled_role(cx.cx.graph, second).known()?;
    let policy = role.trust.parsed.as_ref().ok()?;
    match iam::evaluate(policy, &request).decision {
        iam::Decision::ExplicitDeny | iam::Decision::ImplicitDeny => Some((
            "its trust policy refuses".into(),
            format!("name {} in the trust policy of {second}", first.arn),
        )),
        iam::Decision::Allow | iam::Decision::Unknown => None,
    }
}

/// What all identity policies of a role say together; `Unknown` while one of them is not known.
fn own_side(role: &IamRole, request: &iam::Request) -> iam::Decision {
    let Some(policies) = role.policies.as_ref().known() else { return iam::Decision::Unknown };
    let mut res = iam::Decision::ImplicitDeny;
    let attached = policies.attached.iter().map(|it| it.document.as_ref().known());
    let inline = policies.inline.iter().map(|(_, it)| Some(it));
    for document in attached.chain(inline) {
        let decision = match document.map(|it| &it.parsed) {
            Some(Ok(it)) => iam::evaluate(it, request).decision,
            Some(Err(_)) | None => iam::Decision::Unknown,
        };
        res = match (res, decision) {
            (iam::Decision::ExplicitDeny, _) | (_, iam::Decision::ExplicitDeny) => {
                iam::Decision::ExplicitDeny
            }
            (iam::Decision::Unknown, _) | (_, iam::Decision::Unknown) => iam::Decision::Unknown,
            (iam::Decision::Allow, _) | (_, iam::Decision::Allow) => iam::Decision::Allow,
            (iam::Decision::ImplicitDeny, iam::Decision::ImplicitDeny) => {
                iam::Decision::ImplicitDeny
            }
        };
    }
    res
}
