//! TRUST-ACT: the action of the trust policy.

use crate::{
    check::{Confidence, Row, Rule, Severity, SubjectKind, trust},
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "TRUST-ACT-01",
        name: "trust-action-assume-role",
        title: "action is sts:AssumeRole",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose trust policy allows sts:AssumeRole where web identity needs another action",
        detect: "A statement names the cluster's provider, but its Action has `sts:AssumeRole` and nothing that matches `sts:AssumeRoleWithWebIdentity`.",
        repair: "Set the Action of that statement to `sts:AssumeRoleWithWebIdentity`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the trust policy of `{}` allows `{}`; web identity needs `sts:AssumeRoleWithWebIdentity`",
                    it.role, it.fault.found
                )
            })
        }),
    },
    Row {
        code: "TRUST-ACT-02",
        name: "trust-action-other",
        title: "action does not cover web identity",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose trust policy does not allow sts:AssumeRoleWithWebIdentity",
        detect: "A statement names the cluster's provider, but its Action (or NotAction) does not cover `sts:AssumeRoleWithWebIdentity`.",
        repair: "Set the Action of that statement to `sts:AssumeRoleWithWebIdentity`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the action `{}` in the trust policy of `{}` does not cover `sts:AssumeRoleWithWebIdentity`",
                    it.fault.found, it.role
                )
            })
        }),
    },
];
