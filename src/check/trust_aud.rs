//! TRUST-AUD: the audience that the trust policy asks for.

use crate::{
    check::{
        Acc, Confidence, Evidence, Fix, IdentityContext, Row, Rule, Severity, Subject, SubjectKind,
        judge, statement::is_web_identity_of, trust,
    },
    fact::ServiceAccount,
    iam,
    ident::{Arn, Issuer, Text},
    identity::Signature,
    plan::TrustChange,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "TRUST-AUD-01",
        name: "trust-audience-value",
        title: "wrong audience in the trust policy",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that asks for another audience",
        detect: "The `:aud` condition does not have `sts.amazonaws.com`, the audience of the token in every partition.",
        repair: "Set `:aud` to `sts.amazonaws.com`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "`{}` asks for the audience `{}`; the token has `{}`",
                    it.role, it.fault.found, it.fault.needed
                )
            })
        }),
    },
    Row {
        code: "TRUST-AUD-02",
        name: "trust-without-audience",
        title: "no audience condition",
        severity: Severity::Hygiene,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that does not ask for the audience",
        detect: "The statement that lets the ServiceAccount in asks for its subject, but has no `:aud` condition. It works: an absent condition denies nobody.",
        repair: "Add `:aud` = `sts.amazonaws.com` beside `:sub`, as the EKS guide does.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(without_audience),
    },
    Row {
        code: "TRUST-AUD-03",
        name: "trust-audience-custom",
        title: "token with a custom audience",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts ask for a token audience that their role does not take",
        detect: "The ServiceAccount has `eks.amazonaws.com/audience`, so its token has another audience than the one that the trust policy asks for.",
        repair: "Remove the annotation and restart the pods, or write the audience into the trust policy.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the token is made for another audience than `{}`, which `{}` asks for",
                    it.fault.found, it.role
                )
            })
        }),
    },
];

fn without_audience(cx: &IdentityContext<'_>, acc: &mut Acc) {
    if !trust::web_identity_applies(cx) || !trust::lets_in(cx) {
        return;
    }
    let (Some(role), Some(issuer), Some(policy), Some(evaluation)) =
        (cx.annotated_role(), cx.issuer(), trust::policy(cx), trust::evaluation(cx))
    else {
        return;
    };
    let key = |suffix: &str| format!("{issuer}:{suffix}").to_lowercase();
    let asks = |index: usize, suffix: &str| {
        let conditions = policy.statements[index].conditions.iter();
        conditions.map(|it| it.key.to_lowercase()).any(|it| it == key(suffix))
    };
    let open: Vec<_> = evaluation
        .statements
        .iter()
        .filter(|it| it.effect == iam::Effect::Allow && it.matches == iam::Truth::True)
        .map(|it| it.index)
        .collect();
    // Where the subject is not asked for either, SEC-TRUST says what matters.
    let (false, Some(index)) =
        (open.iter().any(|it| asks(*it, "aud") || !asks(*it, "sub")), open.first().copied())
    else {
        return;
    };
    let finding = acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("`{role}` asks for the subject, but not for the audience"),
        vec![Evidence {
            place: format!("role {role} Statement[{index}].Condition"),
            found: String::new(),
            needed: format!("{issuer}:aud = sts.amazonaws.com"),
        }],
    );
    finding.fixes.push(ask_for_audience(cx, &role, policy, index, &issuer));
}

/// FX-TRUST-EDIT: the audiences of all whose tokens come here, beside the subject.
fn ask_for_audience(
    cx: &IdentityContext<'_>,
    role: &Arn,
    policy: &iam::Policy,
    index: usize,
    issuer: &Issuer,
) -> Fix {
    let id = "FX-TRUST-EDIT";
    let graph = cx.cx.graph;
    let mut audiences: Vec<Text> = cx.audience.to_vec();
    for key in graph.annotated_with(role) {
        let own = graph.service_account(key).known();
        let own = own.and_then(|it| it.annotation(ServiceAccount::AUDIENCE)).cloned();
        let own = own.unwrap_or_else(|| "sts.amazonaws.com".into());
        if !audiences.contains(&own) {
            audiences.push(own);
        }
    }
    let title =
        trust::of_role(&format!("ask for the audience `{}`", audiences.join(", ")), "in", role);
    let mut wanted = policy.clone();
    let fix = is_web_identity_of(&policy.statements[index], issuer).then(|| {
        wanted.statements[index].conditions.push(iam::Condition {
            operator: "StringEquals".into(),
            key: format!("{issuer}:aud").into(),
            values: audiences,
        });
        let present = judge::settled_role(graph, role).known()?;
        Fix::trust_policy(id, title.clone(), role, &present.trust, &wanted, TrustChange::Narrows)
    });
    fix.flatten().unwrap_or_else(|| Fix::trust(id, title, role))
}
