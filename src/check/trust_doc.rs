//! TRUST-DOC: the right policy on the wrong document.

use crate::{
    check::{Confidence, Row, Rule, Severity, SubjectKind, ann},
    identity::Signature,
};

pub const ROWS: &[Row] = &[Row {
    code: "TRUST-DOC-02",
    name: "trust-right-on-another-role",
    title: "trust policy was written on another role",
    severity: Severity::Blocker,
    confidence: Confidence::Certain,
    subject: SubjectKind::ServiceAccount,
    fragment: "ServiceAccounts are annotated with a role while another one trusts them",
    detect: "The annotated role has no statement for an EKS cluster at all, and the trust policy of another role names this ServiceAccount exactly and would let it in.",
    repair: "Annotate the ServiceAccount with the role that trusts it, or write the statement on the annotated role.",
    signatures: &[Signature::E05],
    fixes: &["FX-SA-ANN", "FX-TRUST-ADD", "FX-RESTART"],
    reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
    rule: Rule::Identity(|cx, acc| ann::another_role(cx, acc, true)),
}];
