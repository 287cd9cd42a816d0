//! TRUST-PRIN: the principal of the trust policy.

use crate::{
    check::{
        Acc, Confidence, Evidence, IdentityContext, Row, Rule, Severity, Subject, SubjectKind,
        judge, trust,
    },
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "TRUST-PRIN-01",
        name: "trust-principal-no-provider",
        title: "no OIDC provider among the principals",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that only other principals may assume",
        detect: "No Allow statement of the role names the OIDC provider of an EKS cluster, only services or AWS principals.",
        repair: "Append a statement for the cluster's provider and keep the present ones. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-ADD"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                let others = trust::principals(it.policy);
                format!("`{}` names no OIDC provider of an EKS cluster, {others}", it.role)
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-02",
        name: "trust-principal-pod-identity-only",
        title: "role trusts Pod Identity only",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are annotated with a role that only EKS Pod Identity may assume",
        detect: "The ServiceAccount has the role annotation and no Pod Identity association, and the role trusts only `pods.eks.amazonaws.com`.",
        repair: "Create the association and remove the annotation, or append a statement for the cluster's OIDC provider.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-ADD", "FX-PIA-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "`{}` trusts only EKS Pod Identity, but the ServiceAccount has the annotation and no association",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-03",
        name: "trust-principal-other-cluster",
        title: "principal is the provider of another cluster",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts another cluster",
        detect: "The only EKS provider among the role's principals has another id than this cluster's issuer.",
        repair: "Append a statement for this cluster's provider; the other cluster may still use the present one. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-ADD", "FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("`{}` trusts the OIDC provider of another cluster, not this one's", it.role)
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-04",
        name: "trust-principal-region",
        title: "wrong region in the provider ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts the right provider id in the wrong region",
        detect: "The Federated ARN ends with the cluster's id, but its host names another region.",
        repair: "Write the region of the cluster into the ARN (and into the condition keys, if they have it too). Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the trust policy of `{}` names the cluster's provider in the wrong region",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-05",
        name: "trust-principal-account",
        title: "wrong account in the provider ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts a provider of another account",
        detect: "The Federated ARN has the right issuer in another account than the role's; a provider of another account can never match.",
        repair: "Write the role's own account into the ARN; the provider must exist there. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/cross-account-access.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the trust policy of `{}` names the provider in another account than the role's own",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-06",
        name: "trust-principal-partition",
        title: "wrong partition in the provider ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts a provider of another partition",
        detect: "The Federated ARN has another partition (`aws`, `aws-cn`, `aws-us-gov`) than the role's own ARN.",
        repair: "Write the role's partition into the ARN. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the trust policy of `{}` names the provider in the wrong partition",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-07",
        name: "trust-principal-host-swapped",
        title: "host is oidc.REGION.eks instead of oidc.eks.REGION",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts a provider with the host words swapped",
        detect: "The Federated ARN has `oidc.REGION.eks.amazonaws.com`; EKS issuers are `oidc.eks.REGION.amazonaws.com`.",
        repair: "Write the host as the cluster's issuer has it. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://github.com/aws/amazon-eks-pod-identity-webhook",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the provider in the trust policy of `{}` has the words of its host in the wrong order",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-08",
        name: "trust-principal-scheme",
        title: "https:// left in the provider ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts a provider ARN with https:// in it",
        detect: "The Federated ARN has `oidc-provider/https://`.",
        repair: "Remove `https://` from the ARN. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the provider ARN in the trust policy of `{}` still has `https://` in it",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-09",
        name: "trust-principal-not-arn",
        title: "Federated principal is not an OIDC provider ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose Federated principal is not an OIDC provider ARN",
        detect: "The Federated value is a host, a name or a SAML provider instead of `arn:…:oidc-provider/…`.",
        repair: "Write the full ARN of the cluster's OIDC provider. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the Federated principal `{}` of `{}` is not the ARN of an OIDC provider",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-10",
        name: "trust-principal-wrong-type",
        title: "provider under AWS or Service",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that names the provider under the wrong principal type",
        detect: "The provider's ARN stands under `AWS` or `Service`; only `Federated` matches a web identity.",
        repair: "Move the ARN to `Federated`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the trust policy of `{}` names the OIDC provider under the wrong principal type",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-11",
        name: "trust-principal-deleted",
        title: "principal is a deleted entity",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts an entity which was deleted",
        detect: "A principal is shown as `AROA…` or `AIDA…`, which is what IAM leaves of a role or user that was deleted.",
        repair: "Replace it by the ARN that is meant. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-ADD", "FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the trust policy of `{}` names `{}`, which was deleted",
                    it.role, it.fault.found
                )
            })
        }),
    },
    Row {
        code: "TRUST-PRIN-12",
        name: "trust-not-principal",
        title: "NotPrincipal in a trust policy",
        severity: Severity::Unknown,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose trust policy has NotPrincipal",
        detect: "The trust policy of the annotated role has `NotPrincipal`, which IAM does not take there; nobody can say what it does.",
        repair: "Write the statement with Principal and conditions.",
        signatures: &[],
        fixes: &[],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html",
        rule: Rule::Identity(not_principal),
    },
    Row {
        code: "TRUST-PRIN-13",
        name: "trust-placeholder",
        title: "placeholder not replaced",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose trust policy still has a placeholder",
        detect: "The provider ARN, a condition key or a value of the trust policy holds text that was to be filled in (`ACCOUNT_ID`, `REGION`, `<…>`, `$oidc_provider`).",
        repair: "Write this cluster's values, or append a fresh statement. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-ADD", "FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "in the trust policy of `{}`, `{}` was never filled in",
                    it.role, it.fault.found
                )
            })
        }),
    },
];

fn not_principal(cx: &IdentityContext<'_>, acc: &mut Acc) {
    let Some(role) = cx.annotated_role().filter(|_| trust::web_identity_applies(cx)) else {
        return;
    };
    let Some(known) = judge::settled_role(cx.cx.graph, &role).known() else { return };
    let Err(invalid) = &known.trust.parsed else { return };
    if !invalid.reason.contains("NotPrincipal") {
        return;
    }
    acc.push(
        Subject::service_account(cx.key, Some(role.clone())),
        format!("the trust policy of `{role}` has `NotPrincipal`, which IAM does not allow there"),
        vec![Evidence {
            place: format!("role {role} {}", invalid.path),
            found: "NotPrincipal".into(),
            needed: "Principal".into(),
        }],
    );
}
