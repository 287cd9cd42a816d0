//! TRUST-SUB: the subject that the trust policy asks for.

use crate::{
    check::{Confidence, Row, Rule, Severity, SubjectKind, trust},
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "TRUST-SUB-01",
        name: "trust-subject-namespace",
        title: "wrong namespace in the subject",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts the same name in another namespace",
        detect: "The `:sub` condition names a ServiceAccount of the same name in another namespace.",
        repair: "Write the namespace of the ServiceAccount into the subject. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "`{}` trusts `{}`, not namespace `{}`",
                    it.role, it.fault.found, it.cx.key.namespace
                )
            })
        }),
    },
    Row {
        code: "TRUST-SUB-02",
        name: "trust-subject-name",
        title: "wrong ServiceAccount in the subject",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts another ServiceAccount",
        detect: "The `:sub` condition names another ServiceAccount than the one that is annotated.",
        repair: "Write the name of the ServiceAccount into the subject, or annotate the one that is named. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("`{}` trusts `{}`, not `{}`", it.role, it.fault.found, it.cx.key.subject())
            })
        }),
    },
    Row {
        code: "TRUST-SUB-03",
        name: "trust-subject-whitespace",
        title: "stray whitespace in the subject",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a space in the subject that their role trusts",
        detect: "The `:sub` value equals the ServiceAccount's subject but for whitespace; IAM compares byte by byte.",
        repair: "Remove the whitespace. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("the subject that `{}` trusts has stray whitespace", it.role)
            })
        }),
    },
    Row {
        code: "TRUST-SUB-04",
        name: "trust-subject-case",
        title: "letter case of the subject differs",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts their subject in another letter case",
        detect: "The `:sub` value equals the ServiceAccount's subject but for letter case; Kubernetes names are lower case and IAM compares exactly.",
        repair: "Write the subject in lower case. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the subject that `{}` trusts differs from the ServiceAccount's in letter case",
                    it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-SUB-05",
        name: "trust-subject-shape",
        title: "subject has the wrong shape",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that trusts a subject of the wrong shape",
        detect: "The `:sub` value is not of the form `system:serviceaccount:NAMESPACE:NAME`.",
        repair: "Write the subject as `system:serviceaccount:NAMESPACE:NAME`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "`{}` in the trust policy of `{}` is not a ServiceAccount's subject",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-SUB-06",
        name: "trust-subject-wildcard-under-equals",
        title: "wildcard under StringEquals",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role with a wildcard subject under StringEquals",
        detect: "The `:sub` value has `*` or `?` under StringEquals, where they are ordinary characters; under StringLike it would match.",
        repair: "Write the subject of the ServiceAccount out. Only where all whom the pattern matches are meant, move the `:sub` condition to StringLike and leave `:aud` under StringEquals. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "the wildcard in `{}` means nothing under StringEquals (role `{}`)",
                    it.fault.found, it.role
                )
            })
        }),
    },
    Row {
        code: "TRUST-SUB-07",
        name: "trust-subject-generated-name",
        title: "subject names a generated ServiceAccount of before",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts with generated names have a role that trusts an older name",
        detect: "The `:sub` value has the same name with another generated suffix, as Crossplane providers get with every upgrade.",
        repair: "Pin the ServiceAccount's name, or trust the prefix with StringLike. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!(
                    "`{}` trusts `{}`, an older generated name of this ServiceAccount",
                    it.role, it.fault.found
                )
            })
        }),
    },
    Row {
        code: "TRUST-SUB-08",
        name: "trust-subject-under-audience",
        title: "subject stands under :aud",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts have a role that asks for the subject under :aud",
        detect: "An `:aud` condition has a value that starts with `system:serviceaccount:`.",
        repair: "Move the value to `:sub`; `:aud` is `sts.amazonaws.com`. Pods need no restart.",
        signatures: &[Signature::E05],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("the trust policy of `{}` asks for the subject under `:aud`", it.role)
            })
        }),
    },
    Row {
        code: "TRUST-SUB-09",
        name: "trust-subject-pod-runs-as-default",
        title: "pods run as default, the role trusts another ServiceAccount",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "namespaces run pods as `default` while the role trusts another ServiceAccount",
        detect: "The annotated ServiceAccount is `default`, which pods get that name none, and the role trusts another ServiceAccount of the namespace.",
        repair: "Set serviceAccountName in the workload to the ServiceAccount that the role trusts; do not widen the trust policy.",
        signatures: &[Signature::E05],
        fixes: &["FX-WL-SA"],
        reference: "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
        rule: Rule::Identity(|cx, acc| {
            trust::report(cx, acc, |it| {
                format!("pods run as `default`, but `{}` trusts `{}`", it.role, it.fault.found)
            })
        }),
    },
];
