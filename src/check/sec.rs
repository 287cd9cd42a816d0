//! SEC: works, but too broad.

mod open;
mod orphan;
mod principal;

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, IdentityContext, Row, Rule, Severity, Subject,
        SubjectKind, judge,
    },
    ident::{Ref, SaKey},
    identity::Mechanism,
};
use std::collections::BTreeSet;

pub const ROWS: &[Row] = &[
    Row {
        code: "SEC-TRUST-01",
        name: "trust-without-condition",
        title: "no condition at all",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles trust every ServiceAccount of a cluster, since there is no condition",
        detect: "An Allow statement for the cluster's provider has no Condition, so every ServiceAccount of the cluster gets in.",
        repair: "Add `:sub` and `:aud` to the statement; first list who uses the role, so that all are included.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-02",
        name: "trust-without-subject",
        title: "no subject condition",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles trust every ServiceAccount of a cluster, since only the audience is asked for",
        detect: "An Allow statement for the cluster's provider asks for the audience but not for the subject.",
        repair: "Add `:sub` to the statement; first list who uses the role, so that all are included.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-03",
        name: "trust-wildcard-everyone",
        title: "subject wildcard covers everybody",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles trust every ServiceAccount of a cluster by a wildcard",
        detect: "The subject pattern is `*`, `system:serviceaccount:*` or `system:serviceaccount:*:*`.",
        repair: "Name the ServiceAccounts that use the role.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-04",
        name: "trust-wildcard-namespace",
        title: "every ServiceAccount of a namespace",
        severity: Severity::SecMed,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles trust every ServiceAccount of a namespace",
        detect: "The subject pattern is `system:serviceaccount:NAMESPACE:*`, a documented use.",
        repair: "Name the ServiceAccounts where that is possible.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-05",
        name: "trust-wildcard-in-namespace",
        title: "wildcard in the namespace",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles trust namespaces by a wildcard",
        detect: "The namespace of the subject pattern has a wildcard: whoever may create a namespace that fits gets the role.",
        repair: "List the namespaces.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-06",
        name: "trust-wildcard-over-colon",
        title: "wildcard runs over the colon",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles have a subject wildcard that runs over the colon",
        detect: "A wildcard stands in the namespace without the colon behind it: `system:serviceaccount:default*` matches `default-x:anything`.",
        repair: "Write the colon and the name before the wildcard.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-07",
        name: "trust-condition-vacuous",
        title: "condition that always holds",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles have a condition that holds for everybody",
        detect: "IfExists, ForAllValues or a negated operator stands on a key that the token does not have, so the condition holds for everybody.",
        repair: "Use a positive operator on `ISSUER:sub`.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html",
        rule: Rule::Unit(open::report),
    },
    Row {
        code: "SEC-TRUST-08",
        name: "trust-everybody",
        title: "everybody or the whole account may assume",
        severity: Severity::SecHigh,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles of workloads may be assumed by everybody or by a whole account",
        detect: "An Allow statement of a role that is used here has the Principal `*`, or an account's root, without a condition; or `*` where web identity is allowed, which nobody can judge.",
        repair: "Name the principals that need the role.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        rule: Rule::Unit(principal::everybody),
    },
    Row {
        code: "SEC-TRUST-09",
        name: "trust-pod-identity-unconditional",
        title: "Pod Identity without conditions",
        severity: Severity::Hygiene,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles trust Pod Identity without conditions",
        detect: "An Allow statement for `pods.eks.amazonaws.com` has no Condition: whoever may create associations and pass the role can bind it, in any cluster of the account.",
        repair: "Add conditions on `aws:RequestTag/…` or `aws:SourceAccount`.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html",
        rule: Rule::Unit(principal::pod_identity),
    },
    Row {
        code: "SEC-TRUST-10",
        name: "trust-without-cluster",
        title: "statement for a cluster that nobody has",
        severity: Severity::SecLow,
        confidence: Confidence::Likely,
        subject: SubjectKind::Role,
        fragment: "roles trust an issuer that no known cluster has",
        detect: "A role that is used here has, beside what lets its ServiceAccounts in, an Allow statement for the provider of an EKS issuer that no cluster of that region has in any account that the caller reads: it was deleted, or belongs to another account. Where a region or an account could not be listed, nothing is said. A provider that does not exist either is OIDC-13 where tokens of this cluster are what the role is for.",
        repair: "Remove the statement, unless a cluster of another account is meant to have the role.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteOpenIDConnectProvider.html",
        rule: Rule::Unit(orphan::report),
    },
    Row {
        code: "SEC-TRUST-11",
        name: "trust-other-principals",
        title: "other principals beside web identity",
        severity: Severity::SecLow,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles of workloads may also be assumed by EC2 or by an account",
        detect: "A role that lets the cluster's tokens in also has an Allow statement for `ec2.amazonaws.com` or an account's root.",
        repair: "Review whether that statement is still needed.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        rule: Rule::Unit(principal::beside),
    },
    Row {
        code: "SEC-ROLE-01",
        name: "role-shared",
        title: "one role for many ServiceAccounts",
        severity: Severity::Hygiene,
        confidence: Confidence::Certain,
        subject: SubjectKind::Role,
        fragment: "roles are shared by several ServiceAccounts",
        detect: "More than one ServiceAccount is annotated or associated with the role, so each has the permissions of all.",
        repair: "Split the role, or use Pod Identity with session tags.",
        signatures: &[],
        fixes: &[],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/service-accounts.html",
        rule: Rule::Unit(shared),
    },
    Row {
        code: "SEC-ANN-01",
        name: "annotation-not-a-boundary",
        title: "role can be had without the annotation",
        severity: Severity::Hygiene,
        confidence: Confidence::Certain,
        subject: SubjectKind::ServiceAccount,
        fragment: "ServiceAccounts could have a role that they are not annotated with",
        detect: "The trust policy of a role names the ServiceAccount exactly and lets it in, but the ServiceAccount is not annotated with it. IAM never reads the annotation: any pod of that ServiceAccount can take the role.",
        repair: "Remove the subject from the trust policy if it is not meant; restrict who may create pods and tokens of the ServiceAccount.",
        signatures: &[],
        fixes: &["FX-TRUST-EDIT"],
        reference: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
        rule: Rule::Identity(not_a_boundary),
    },
];

/// How many names a sentence lists before it counts.
const LISTED: usize = 3;

fn shared(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Role(arn) = unit else { return };
    let associated = cx.graph.associated_with(arn).map(|it| &it.service_account);
    let users: BTreeSet<&SaKey> = cx.graph.annotated_with(arn).chain(associated).collect();
    if users.len() < 2 || !judge::settled_role(cx.graph, arn).is_known() {
        return;
    }
    let mut names: Vec<_> = users.iter().take(LISTED).map(|it| it.to_string()).collect();
    if LISTED < users.len() {
        names.push(format!("{} more", users.len() - LISTED));
    }
    acc.push(
        Subject::role(arn),
        format!("{} ServiceAccounts share `{arn}`", users.len()),
        vec![Evidence {
            place: format!("role {arn}"),
            found: names.join(", "),
            needed: "one ServiceAccount".into(),
        }],
    );
}

fn not_a_boundary(cx: &IdentityContext<'_>, acc: &mut Acc) {
    // ANN-01 and ANN-14 say more where they apply.
    let is_plain = cx.mechanism == Mechanism::None && cx.expected.is_none();
    let is_served = cx.irsa_verdict() == Some(&crate::identity::Verdict::Allow);
    if !cx.sa.is_known() || !is_plain && !is_served {
        return;
    }
    let own = cx.annotated_role();
    for role in cx.cx.graph.roles_naming(cx.key) {
        if own.as_ref() == Some(&role.arn) || !judge::takes_token(cx, role.arn.as_str()) {
            continue;
        }
        let finding = acc.push(
            Subject::service_account(cx.key, Some(role.arn.clone())),
            format!("any pod of it can take `{}`, though it is not annotated with it", role.arn),
            vec![Evidence {
                place: format!("role {} trust policy", role.arn),
                found: cx.key.subject(),
                needed: "only ServiceAccounts that are meant to have the role".into(),
            }],
        );
        let title = format!("remove `{}` from trust.json if it is not meant", cx.key.subject());
        finding.fixes.push(Fix::trust("FX-TRUST-EDIT", title, &role.arn));
    }
}
