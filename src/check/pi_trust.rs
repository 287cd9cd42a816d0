//! PI-TRUST: the trust policy of an association's role.

mod diagnosis;
mod repair;

pub(crate) use diagnosis::{Fault, diagnose};

use crate::{
    check::{
        Acc, AssociationContext, Confidence, Evidence, Row, Rule, Severity, Subject, SubjectKind,
        judge,
    },
    fact::{AssociationDetail, IamRole},
    identity::{Signature, eks::SERVICE},
};
use diagnosis::What;

const GUIDE: &str = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html";
const ABAC: &str = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html";

macro_rules! row {
    ($code:literal, $name:literal, $title:literal, $fragment:literal, $detect:literal, $repair:literal, $fixes:expr, $reference:expr, $what:expr) => {
        Row {
            code: $code,
            name: $name,
            title: $title,
            severity: Severity::Blocker,
            confidence: Confidence::Certain,
            subject: SubjectKind::Association,
            fragment: $fragment,
            detect: $detect,
            repair: $repair,
            signatures: &[Signature::E18],
            fixes: $fixes,
            reference: $reference,
            rule: Rule::Association(|cx, acc| report(cx, acc, $what)),
        }
    };
}

pub const ROWS: &[Row] = &[
    row!(
        "PI-TRUST-01",
        "trust-without-tag-session",
        "sts:TagSession missing",
        "associations have a role whose trust policy lacks sts:TagSession",
        "The trust policy lets pods.eks.amazonaws.com call sts:AssumeRole, but no statement for it has sts:TagSession, and session tags are not disabled.",
        "Add sts:TagSession to the statement's actions. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        GUIDE,
        What::TagSession
    ),
    row!(
        "PI-TRUST-02",
        "trust-wrong-service",
        "wrong service principal",
        "associations have a role that trusts another service than pods.eks.amazonaws.com",
        "No statement's Service principal is `pods.eks.amazonaws.com`, which is its name in every partition, and another service is trusted.",
        "Add a statement for pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession. Pods need no restart.",
        &["FX-TRUST-PI"],
        GUIDE,
        What::OtherService
    ),
    row!(
        "PI-TRUST-03",
        "trust-irsa-only",
        "IRSA-only trust",
        "associations have a role that trusts web identity only",
        "Every statement's principal is Federated; EKS checks this when the association is made, so the policy was edited later.",
        "Add a statement for pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession. Pods need no restart.",
        &["FX-TRUST-PI"],
        GUIDE,
        What::FederatedOnly
    ),
    row!(
        "PI-TRUST-04",
        "trust-wrong-action",
        "action AssumeRoleWithWebIdentity for the service principal",
        "associations have a role whose statement for pods.eks.amazonaws.com lacks sts:AssumeRole",
        "A statement has the Service principal `pods.eks.amazonaws.com`, and none of those has the action sts:AssumeRole; EKS does not use sts:AssumeRoleWithWebIdentity.",
        "Give the statement the actions sts:AssumeRole and sts:TagSession. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        GUIDE,
        What::Action
    ),
    row!(
        "PI-TRUST-05",
        "trust-request-tag-mismatch",
        "RequestTag condition mismatch",
        "associations have a role whose trust policy asks for other request tags",
        "A condition on `aws:RequestTag/…` in the statement for pods.eks.amazonaws.com asks for another namespace, ServiceAccount, cluster name or cluster ARN than the association's; or one is on a key that EKS does not send at all, such as `sts:ExternalId` or a mistyped tag.",
        "Add the association's values to the condition, or a statement of its own. Pods need no restart.",
        &["FX-TRUST-EDIT", "FX-TRUST-PI"],
        GUIDE,
        What::RequestTag
    ),
    row!(
        "PI-TRUST-06",
        "trust-principal-tag",
        "PrincipalTag used instead of RequestTag",
        "associations have a role whose trust policy asks for principal tags",
        "A condition on `aws:PrincipalTag/kubernetes-…` or `aws:PrincipalTag/eks-cluster-…` stands in the statement for pods.eks.amazonaws.com. While the role is assumed the tags are request tags; principal tags exist only in the session afterwards.",
        "Rename the key to `aws:RequestTag/…`. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        ABAC,
        What::PrincipalTag
    ),
    row!(
        "PI-TRUST-07",
        "trust-source-mismatch",
        "aws:SourceAccount or aws:SourceArn mismatch",
        "associations have a role whose trust policy asks for another source account or cluster",
        "A condition on `aws:SourceAccount` is not the cluster's account, or one on `aws:SourceArn` not the cluster's ARN. That EKS sends the cluster's ARN is likely, not documented.",
        "Write the cluster's account or ARN into the condition. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        GUIDE,
        What::Source
    ),
    row!(
        "PI-TRUST-08",
        "trust-tags-disabled",
        "session tags disabled, but asked for",
        "associations have disabled session tags that their role's trust policy asks for",
        "The association has `disableSessionTags`, so EKS sends no tags, and the statement for pods.eks.amazonaws.com has a condition on `aws:RequestTag/…` or `aws:TagKeys`. A session policy forces the tags off.",
        "Drop the conditions, or enable the tags where there is no session policy; with a target role, its sts:ExternalId tells ServiceAccounts apart. Pods need no restart.",
        &["FX-TRUST-EDIT", "FX-PIA-UPDATE"],
        ABAC,
        What::TagsDisabled
    ),
    row!(
        "PI-TRUST-09",
        "trust-tag-keys-incomplete",
        "aws:TagKeys lists fewer than six keys",
        "associations have a role whose trust policy does not list all six tag keys",
        "A condition on `aws:TagKeys` or `sts:TransitiveTagKeys` does not list all six keys that EKS sends.",
        "List all six keys. Pods need no restart.",
        &["FX-TRUST-EDIT"],
        ABAC,
        What::TagKeys
    ),
    row!(
        "PI-TRUST-10",
        "trust-service-removed",
        "trust edited after creation to remove the service",
        "associations have a role that trusts no service at all",
        "No Allow statement names a service, nor is every principal Federated. EKS takes no association with such a role, so the policy was edited later.",
        "Add a statement for pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession. Pods need no restart.",
        &["FX-TRUST-PI"],
        GUIDE,
        What::Removed
    ),
    row!(
        "PI-TRUST-11",
        "trust-denied",
        "explicit Deny",
        "associations have a role whose trust policy denies EKS",
        "A Deny statement of the trust policy matches what EKS asks for.",
        "Narrow the Deny statement so that it leaves EKS Pod Identity out.",
        &["FX-TRUST-EDIT"],
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
        What::Deny
    ),
];

fn report(context: &AssociationContext<'_>, acc: &mut Acc, wanted: What) {
    let Some((detail, role)) = role(context) else { return };
    let faults = context.trust.get_or_init(|| diagnose(context, detail, role));
    let faults: Vec<&Fault> = faults.iter().filter(|it| it.what == wanted).collect();
    if faults.is_empty() {
        return;
    }
    let arn = &role.arn;
    let message = match wanted {
        What::TagSession => format!("role `{arn}` does not let {SERVICE} call sts:TagSession"),
        What::OtherService | What::FederatedOnly => {
            format!("role `{arn}` does not trust {SERVICE}")
        }
        What::Removed => format!("role `{arn}` does not trust {SERVICE} any more"),
        What::Action => format!("role `{arn}` does not let {SERVICE} call sts:AssumeRole"),
        What::RequestTag => {
            format!("role `{arn}` asks for other request tags or keys than EKS sends")
        }
        What::PrincipalTag => {
            format!("role `{arn}` asks for principal tags, which there are not yet")
        }
        What::Source => format!("role `{arn}` asks for another source than this cluster"),
        What::TagsDisabled => {
            format!("role `{arn}` asks for session tags, which the association disables")
        }
        What::TagKeys => format!("role `{arn}` does not list all tag keys that EKS sends"),
        What::Deny => format!("role `{arn}` denies {SERVICE} explicitly"),
    };
    let evidence = faults.iter().map(|it| Evidence {
        place: format!("role {arn} {}", it.place),
        found: it.found.clone(),
        needed: it.needed.clone(),
    });
    let fixes = repair::fixes(context, detail, role, wanted, &faults);
    let finding = acc.push(Subject::association(context.association), message, evidence.collect());
    if faults.iter().all(|it| it.is_inferred) {
        finding.confidence = Confidence::Likely;
    }
    finding.fixes = fixes;
}

/// The association's role with what the association says, as far as both may be judged.
fn role<'a>(context: &AssociationContext<'a>) -> Option<(&'a AssociationDetail, &'a IamRole)> {
    let detail = context.association.detail.as_ref().known()?;
    Some((detail, judge::settled_role(context.cx.graph, &detail.role_arn).known()?))
}
