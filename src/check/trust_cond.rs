//! TRUST-COND: how conditions combine.

use crate::{
    check::{Confidence, Row, Rule, Severity, SubjectKind, trust},
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "TRUST-COND-01",
        name: "trust-conditions-of-two-clusters",
        title: "two clusters in one statement",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that asks for the subjects of two clusters at once",
        detect: "One statement has `:sub` keys of two issuers. Keys of a statement must all hold, and a token has only one issuer.",
        repair: "Divide the statement into one for each cluster. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "a statement of `{}` asks for two clusters at once, which no token fulfils",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-COND-02",
        name: "trust-conditions-conflict",
        title: "two conditions that exclude each other",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role with two conditions that exclude each other",
        detect: "Two operators of a statement ask the same key for values of which no subject fulfils both.",
        repair: "Merge the two conditions into one. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("two conditions of `{}` on the same key exclude each other", it.role)
            })
        }),
    },
    Row {
        code: "TRUST-COND-03",
        name: "trust-explicit-deny",
        title: "explicit Deny",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts are denied by a Deny statement of their role",
        detect: "A Deny statement of the trust policy matches this ServiceAccount's token.",
        repair: "Ask who wrote the Deny, then narrow it so that it no longer matches.",
        signatures: &[Signature::E05],
        fixes: &["FX-NONE"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("{} of `{}` denies this ServiceAccount", it.fault.path, it.role)
            })
        }),
    },
    Row {
        code: "TRUST-COND-04",
        name: "trust-condition-fails",
        title: "condition that cannot hold",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role with a condition that does not hold for them",
        detect: "A condition with the right key does not hold: Null, IfExists, a set operator or a negated operator that excludes this token, or another value.",
        repair: "Edit the condition, or remove it. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("{} of `{}` does not hold for this ServiceAccount", it.fault.path, it.role)
            })
        }),
    },
    Row {
        code: "TRUST-COND-05",
        name: "trust-condition-variable",
        title: "policy variable in a condition value",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role with a policy variable that never resolves",
        detect: "A condition value has `${…}`: without Version 2012-10-17 it is literal text, and with it the variable has no value in this call.",
        repair: "Replace the variable by the value that is meant. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the variable in `{}` (role `{}`) never has the value that is needed",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-COND-06",
        name: "trust-condition-time",
        title: "time condition does not hold",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose time condition does not hold",
        detect: "A date condition on `aws:CurrentTime` or `aws:EpochTime` has passed or has not come.",
        repair: "Change or remove the date. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("{} of `{}` does not hold now", it.fault.path, it.role)
            })
        }),
    },
    Row {
        code: "TRUST-COND-07",
        name: "trust-operator-unknown",
        title: "operator that is not known",
        severity: Severity::Unknown,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role whose trust policy has an operator that is not known",
        detect: "The verdict hangs on a condition operator that is not in the IAM reference as we know it.",
        repair: "Look at the statement itself; nothing is offered automatically.",
        signatures: &[Signature::E05],
        fixes: &["FX-NONE"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "whether `{}` lets it in hangs on an operator that is not known: {}",
                    it.role, it.fault.path
                )
            })
        }),
    },
];
