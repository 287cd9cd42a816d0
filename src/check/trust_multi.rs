//! TRUST-MULTI: roles shared by clusters.

use crate::{
    check::{Confidence, Row, Rule, Severity, SubjectKind, trust},
    identity::Signature,
};

pub const ROWS: &[Row] = &[Row {
    code: "TRUST-MULTI-01",
    name: "trust-cluster-not-listed",
    title: "role shared by clusters, this one not listed",
    severity: Severity::Blocker,
    confidence: Confidence::Certain,
    subject: SubjectKind::ServiceAccount,
    fragment: "ServiceAccounts have a role that trusts several clusters, but not this one",
    detect: "The role's trust policy names the OIDC providers of two or more EKS clusters, and none of them is this cluster's.",
    repair: "Append a statement for this cluster's provider. Pods need no restart.",
    signatures: &[Signature::E05],
    fixes: &["FX-TRUST-ADD"],
    reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
    rule: Rule::Identity(|cx, acc| {
        trust::report(cx, acc, |it| {
            format!("`{}` trusts other clusters, but not this one", it.role)
        })
    }),
}];
