//! TRUST-KEY: condition keys.

use crate::{
    check::{Confidence, Row, Rule, Severity, SubjectKind, trust},
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "TRUST-KEY-01",
        name: "trust-key-other-issuer",
        title: "condition key of another cluster",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose condition keys name another cluster",
        detect: "The principal is right, but a condition key starts with the issuer of another cluster, so the token does not have it.",
        repair: "Rename the key to this cluster's issuer. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the condition key `{}` of `{}` belongs to another cluster",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-KEY-02",
        name: "trust-key-is-arn",
        title: "condition key starts with the provider ARN",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose condition key is a provider ARN",
        detect: "A condition key starts with `arn:`; keys start with the issuer without scheme.",
        repair: "Rename the key to `ISSUER:sub` or `ISSUER:aud`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the condition key `{}` of `{}` starts with an ARN instead of the issuer",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-KEY-03",
        name: "trust-key-scheme",
        title: "condition key keeps https://",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose condition key has https:// in it",
        detect: "A condition key starts with `https://`; keys start with the issuer without scheme.",
        repair: "Remove `https://` from the key. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the condition key `{}` of `{}` still has its scheme",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-KEY-04",
        name: "trust-issuer-typo",
        title: "typing error in the issuer",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that misspells the cluster's issuer",
        detect: "A condition key or the provider ARN differs from the cluster's issuer by its region, its host or at most four characters of its id.",
        repair: "Write the issuer as the cluster has it. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "`{}` in the trust policy of `{}` is nearly, but not exactly, the cluster's issuer",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-KEY-05",
        name: "trust-key-bare",
        title: "condition key without issuer",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose condition key lacks the issuer",
        detect: "A condition key is `sub`, `aud` or `oidc:sub`, or has a stray space; the token has only `ISSUER:sub` and `ISSUER:aud`.",
        repair: "Rename the key to `ISSUER:sub` or `ISSUER:aud`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the condition key `{}` of `{}` is not one that the token has",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-KEY-07",
        name: "trust-key-claim",
        title: "condition on a claim that STS does not expose",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role with a condition on a claim that STS does not expose",
        detect: "A condition key names a claim other than `sub` and `aud`, for instance `:kubernetes.io/namespace` or `:email`.",
        repair: "Use `:sub`, which holds namespace and name. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the role `{}` asks for the claim `{}`, which STS does not expose",
                    it.role, it.fault.found
                )
            })
        }),
    },
    Row {
        code: "TRUST-KEY-08",
        name: "trust-key-absent",
        title: "condition key that web identity never has",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role with a condition on a key that a web identity never has",
        detect: "A positive condition asks for a key that is absent in this call, such as `aws:PrincipalOrgID`, `aws:PrincipalArn` or `aws:RequestTag/…`.",
        repair: "Remove the condition, or move it to a Deny with IfExists. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the role `{}` asks for `{}`, which a web identity never has",
                    it.role, it.fault.path
                )
            })
        }),
    },
];
