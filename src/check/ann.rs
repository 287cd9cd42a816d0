//! ANN: the role annotation of a ServiceAccount.

mod absent;
mod role;
mod value;

pub(crate) use role::another_role;

use crate::{
    check::{Confidence, Evidence, Fix, IdentityContext, Row, Rule, Severity, SubjectKind},
    fact::{Knowledge, ServiceAccount},
    ident::{Arn, Text},
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "ANN-01",
        name: "annotation-missing",
        title: "no annotation and no association",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are expected to use AWS, but declare no identity",
        detect: "The ServiceAccount has neither the role annotation nor a Pod Identity association, and its workload is expected to use AWS: a known controller, AWS variables in its template, a role that names it, or a sibling with an identity.",
        repair: "Annotate the ServiceAccount with its role and restart the pods, or create a Pod Identity association.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(absent::nothing_declared),
    },
    Row {
        code: "ANN-02",
        name: "annotation-malformed",
        title: "malformed role ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with something that is nearly a role ARN",
        detect: "The annotation is not `arn:PARTITION:iam::ACCOUNT:role/NAME`: a colon too many, no account, or an account that is not twelve digits.",
        repair: "Annotate the ServiceAccount with the ARN that IAM shows for the role, then restart the pods.",
        signatures: &[Signature::E06],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(value::report),
    },
    Row {
        code: "ANN-03",
        name: "annotation-role-name",
        title: "role name instead of an ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a role's name instead of its ARN",
        detect: "The annotation has no `arn:`; the webhook of EKS injects it as it is and STS refuses it.",
        repair: "Annotate the ServiceAccount with the role's full ARN, then restart the pods.",
        signatures: &[Signature::E07, Signature::E06],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(value::report),
    },
    Row {
        code: "ANN-04",
        name: "annotation-not-a-role",
        title: "ARN of something other than a role",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with the ARN of something other than a role",
        detect: "The annotation is the ARN of a policy, an instance profile, a user or a session.",
        repair: "Annotate the ServiceAccount with the ARN of the role itself, then restart the pods.",
        signatures: &[Signature::E06],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(value::report),
    },
    Row {
        code: "ANN-05",
        name: "annotation-whitespace",
        title: "whitespace or quotes in the annotation",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have whitespace or quotes in their role annotation",
        detect: "The annotation has a space, a line break or a quote in it (a YAML block scalar, Helm's `quote` twice); the webhook injects it as it is.",
        repair: "Annotate the ServiceAccount with the bare ARN, then restart the pods.",
        signatures: &[Signature::E06],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(value::report),
    },
    Row {
        code: "ANN-06",
        name: "annotation-role-absent",
        title: "annotated role does not exist",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a role that does not exist",
        detect: "The account of the annotation was read, and no role has that ARN. STS answers as if it had refused, not that the role is missing.",
        repair: "Annotate the ServiceAccount with a role that exists and restart the pods, or create the role.",
        signatures: &[Signature::E05],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(role::absent),
    },
    Row {
        code: "ANN-07",
        name: "annotation-path",
        title: "role path missing or wrong",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a role ARN whose path is wrong",
        detect: "The account has a role of that name under another path; the ARN must have the path exactly.",
        repair: "Annotate the ServiceAccount with the ARN that IAM shows, path included, then restart the pods.",
        signatures: &[Signature::E05],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
        rule: Rule::Identity(role::other_path),
    },
    Row {
        code: "ANN-08",
        name: "annotation-account",
        title: "wrong account in the annotation",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a role of the wrong account",
        detect: "The annotation names another account than the cluster's, no such role is known there, and the cluster's account has a role of that name which lets the ServiceAccount in.",
        repair: "Annotate the ServiceAccount with the role of the cluster's account, then restart the pods.",
        signatures: &[Signature::E01, Signature::E05],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(role::other_account),
    },
    Row {
        code: "ANN-09",
        name: "annotation-partition",
        title: "wrong partition in the annotation",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a role ARN of another partition",
        detect: "The annotation's partition (`aws`, `aws-cn`, `aws-us-gov`) is not the cluster's.",
        repair: "Annotate the ServiceAccount with the ARN as the cluster's partition writes it, then restart the pods.",
        signatures: &[Signature::E06, Signature::E05],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html",
        rule: Rule::Identity(role::other_partition),
    },
    Row {
        code: "ANN-11",
        name: "annotation-key",
        title: "wrong annotation key",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have the role under a key that nobody reads",
        detect: "The ServiceAccount has no `eks.amazonaws.com/role-arn`, but an annotation or label whose key is nearly that, or kube2iam's.",
        repair: "Write the role under `eks.amazonaws.com/role-arn` and restart the pods.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(absent::near_key),
    },
    Row {
        code: "ANN-12",
        name: "annotation-object",
        title: "annotation on the wrong object",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have their role annotation on another object",
        detect: "A workload, pod or namespace has `eks.amazonaws.com/role-arn`, where nobody reads it; the ServiceAccount has not.",
        repair: "Annotate the ServiceAccount and restart the pods.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(absent::other_object),
    },
    Row {
        code: "ANN-13",
        name: "annotation-placeholder",
        title: "placeholder in the annotation",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a placeholder",
        detect: "The annotation holds text that was to be filled in (`ACCOUNT_ID`, `<…>`, `$VARIABLE`, `xxxxxx`), or an account id of the AWS documentation that is neither the cluster's account nor one that is read.",
        repair: "Annotate the ServiceAccount with the ARN of its role, then restart the pods.",
        signatures: &[Signature::E06, Signature::E01, Signature::E05],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(value::report),
    },
    Row {
        code: "ANN-14",
        name: "annotation-other-role",
        title: "annotated role is not the one that trusts it",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with one role while another one trusts them",
        detect: "The annotated role refuses the ServiceAccount, and the trust policy of another role names it exactly and would let it in.",
        repair: "Annotate the ServiceAccount with the role that trusts it, or let it into the annotated one.",
        signatures: &[Signature::E05],
        fixes: &["FX-SA-ANN", "FX-TRUST-ADD", "FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| another_role(cx, acc, false)),
    },
    Row {
        code: "ANN-15",
        name: "annotation-reverted",
        title: "add-on has another role than the annotation",
        severity: Severity::Degraded,
        confidence: Confidence::Likely,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated differently from what their add-on will write",
        detect: "The ServiceAccount belongs to an EKS add-on whose serviceAccountRoleArn is another role; the next update of the add-on writes that one.",
        repair: "Change the role at the add-on: `aws eks update-addon --service-account-role-arn`.",
        signatures: &[Signature::E05, Signature::E14],
        fixes: &["FX-NONE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/updating-an-add-on.html",
        rule: Rule::Identity(role::add_on),
    },
    Row {
        code: "ANN-16",
        name: "annotation-empty",
        title: "empty role annotation",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have an empty role annotation",
        detect: "`eks.amazonaws.com/role-arn` is there and empty, so the webhook does nothing, and there is no Pod Identity association.",
        repair: "Annotate the ServiceAccount with the ARN of its role and restart the pods.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-SA-ANN", "FX-RESTART"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(absent::empty),
    },
    Row {
        code: "ANN-17",
        name: "annotation-settings",
        title: "webhook setting that is not valid",
        severity: Severity::Hygiene,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a webhook setting that is ignored or changed",
        detect: "`sts-regional-endpoints` is not a boolean, `token-expiration` is no number between 600 and 86400, or `audience` is empty.",
        repair: "Correct the annotation or remove it.",
        signatures: &[],
        fixes: &[],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(value::settings),
    },
    Row {
        code: "ANN-18",
        name: "annotation-superseded",
        title: "annotation that an association supersedes",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have an annotation that an association supersedes",
        detect: "The ServiceAccount has both the annotation and a Pod Identity association to another role; new pods get the association's. PI-BOTH-01 is reported instead, which says the same of both.",
        repair: "Remove the annotation or the association.",
        signatures: &[],
        fixes: &["FX-SA-UNANN", "FX-PIA-DEL"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
        rule: Rule::Identity(role::superseded),
    },
];

/// The annotation as evidence.
fn evidence(cx: &IdentityContext<'_>, found: &str, needed: impl Into<String>) -> Vec<Evidence> {
    vec![Evidence {
        place: format!("ServiceAccount {} annotation {}", cx.key, ServiceAccount::ROLE_ARN),
        found: found.to_owned(),
        needed: needed.into(),
    }]
}

/// Annotate with `role`, then restart what runs now.
fn annotate(cx: &IdentityContext<'_>, role: &str) -> Vec<Fix> {
    let mut fix = Fix::annotate(cx.key, present(cx), role);
    if let Some(it) = manager(cx) {
        fix.title = format!("{}; {it} puts the old one back unless it is told too", fix.title);
    }
    let mut res = vec![fix];
    res.extend(restarts(cx));
    res
}

/// The role annotation as it is written now, empty ones included.
fn present<'a>(cx: &IdentityContext<'a>) -> Option<&'a Text> {
    match cx.sa {
        Knowledge::Known(it) => it.role_arn(),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
    }
}

fn restarts(cx: &IdentityContext<'_>) -> impl Iterator<Item = Fix> {
    let running = cx.cx.graph.workloads_of(cx.key).filter(|it| !it.completed);
    running.map(|it| Fix::restart(&it.namespace, &it.name, Some(it))).take(MOST_RESTARTS)
}

/// Who writes the ServiceAccount again with every deployment.
fn manager(cx: &IdentityContext<'_>) -> Option<&'static str> {
    let sa = cx.sa.as_ref().known()?;
    let by_label = sa.label("app.kubernetes.io/managed-by").map(|it| it.to_lowercase());
    let by_field = sa.annotation_manager.as_deref().unwrap_or_default();
    if by_label.as_deref() == Some("helm") || by_field == "helm" {
        Some("Helm")
    } else if sa.label("argocd.argoproj.io/instance").is_some() || by_field.contains("argocd") {
        Some("Argo CD")
    } else if by_field == "eks" {
        Some("the EKS add-on")
    } else {
        None
    }
}

/// A ServiceAccount that a whole namespace shares is not restarted by a list of commands.
const MOST_RESTARTS: usize = 5;

/// No association, for sure.
fn without_association(cx: &IdentityContext<'_>) -> bool {
    matches!(cx.association, Knowledge::Absent)
}

/// Another role whose trust policy names the ServiceAccount exactly and would let it in.
fn naming(cx: &IdentityContext<'_>) -> Option<Arn> {
    let annotated = cx.annotation.map(|it| &**it);
    let roles = cx.cx.graph.roles_naming(cx.key).into_iter();
    roles
        .filter(|it| annotated != Some(it.arn.as_str()))
        .find(|it| crate::check::judge::takes_token(cx, it.arn.as_str()))
        .map(|it| it.arn.clone())
}
