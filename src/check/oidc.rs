//! OIDC: the IAM OIDC provider of the cluster.

mod absent;
mod orphan;
mod present;
mod recreation;

pub(crate) use orphan::{is_orphan, orphans};
pub(crate) use recreation::{recreated, rewrite};

use crate::{
    check::{Confidence, Context, Row, Rule, Severity, SubjectKind, judge},
    fact::{Knowledge, OidcProvider, Scope},
    ident::{AccountId, Arn, Issuer, Ref, SaKey},
    identity::Signature,
};

pub const ROWS: &[Row] = &[
    Row {
        code: "OIDC-01",
        name: "provider-absent",
        title: "OIDC provider missing in the role's account",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers are missing that annotated roles need",
        detect: "A role of the account is annotated, and the account has no OIDC provider whose URL is the cluster's issuer.",
        repair: "Create the provider for the cluster's issuer with client id `sts.amazonaws.com`. Pods need no restart.",
        signatures: &[Signature::E01],
        fixes: &["FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(absent::report),
    },
    Row {
        code: "OIDC-02",
        name: "provider-other-id",
        title: "provider with nearly the cluster's id",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers have nearly, but not exactly, the id of the cluster",
        detect: "The account has no provider for the cluster's issuer, but one of the same host whose id is at most four characters away or cut off.",
        repair: "Create the provider with the exact issuer; remove the mistaken one when nothing uses it.",
        signatures: &[Signature::E01],
        fixes: &["FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(absent::report),
    },
    Row {
        code: "OIDC-03",
        name: "provider-other-region",
        title: "provider URL with the wrong region",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers have the id of the cluster behind another region's host",
        detect: "The account has no provider for the cluster's issuer, but one with its id and another region in the host.",
        repair: "Create the provider with the exact issuer; remove the mistaken one when nothing uses it.",
        signatures: &[Signature::E01],
        fixes: &["FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(absent::report),
    },
    Row {
        code: "OIDC-04",
        name: "provider-of-recreated-cluster",
        title: "cluster was recreated, roles trust the old issuer",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers changed when the cluster was made again",
        detect: "Roles that are used here trust an EKS issuer that no readable cluster has, and the provider of the present issuer is absent or younger than those roles and the cluster. Needs `eks:ListClusters`.",
        repair: "Create the provider of the new issuer and write it into every role that trusts the old one.",
        signatures: &[Signature::E01, Signature::E05],
        fixes: &["FX-OIDC-CREATE", "FX-TRUST-ADD"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(recreation::report),
    },
    Row {
        code: "OIDC-05",
        name: "provider-client-id",
        title: "client id sts.amazonaws.com missing",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers lack the client id of the tokens",
        detect: "The provider is there, but its client ids do not have `sts.amazonaws.com`, the audience of the tokens.",
        repair: "Add the client id to the provider. Pods need no restart.",
        signatures: &[Signature::E02],
        fixes: &["FX-OIDC-AUD"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(present::client_id),
    },
    Row {
        code: "OIDC-06",
        name: "provider-client-id-china",
        title: "client id with .cn in China",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers in China have the client id with .cn only",
        detect: "The partition is aws-cn and the provider has only `sts.amazonaws.com.cn`; the token's audience is `sts.amazonaws.com` there too.",
        repair: "Add the client id `sts.amazonaws.com` to the provider. Pods need no restart.",
        signatures: &[Signature::E02],
        fixes: &["FX-OIDC-AUD"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(present::client_id),
    },
    Row {
        code: "OIDC-07",
        name: "provider-client-id-custom",
        title: "custom audience not registered",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers lack the custom audience of a ServiceAccount",
        detect: "A ServiceAccount has `eks.amazonaws.com/audience`, or a pod brings a token volume of its own, and the provider's client ids do not have that audience.",
        repair: "Remove the annotation and restart the pods, or add the audience to the provider.",
        signatures: &[Signature::E02],
        fixes: &["FX-OIDC-AUD"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Both { unit: present::client_id, pod: present::client_id_of_volume },
    },
    Row {
        code: "OIDC-08",
        name: "provider-thumbprint",
        title: "thumbprint missing or malformed",
        severity: Severity::Hygiene,
        confidence: Confidence::Likely,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers have a thumbprint that cannot be right",
        detect: "A thumbprint is not 40 hexadecimal digits, or the issuer is not an EKS one and there is none. For EKS issuers AWS does not look at it.",
        repair: "Update the thumbprint, or leave it for an EKS issuer.",
        signatures: &[],
        fixes: &["FX-OIDC-THUMB"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html",
        rule: Rule::Unit(present::thumbprint),
    },
    Row {
        code: "OIDC-09",
        name: "provider-url-differs",
        title: "provider URL differs by slash, path or case",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers differ from the issuer by a slash, a path or letter case",
        detect: "The account has no provider for the exact issuer, but one that differs only by a trailing slash, doubled slashes, a path behind it or letter case.",
        repair: "Create the provider with the exact issuer; the URL must equal it byte for byte.",
        signatures: &[Signature::E01],
        fixes: &["FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
        rule: Rule::Unit(absent::report),
    },
    Row {
        code: "OIDC-10",
        name: "provider-absent-in-role-account",
        title: "provider missing in the account of a foreign role",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers are missing in the account of a foreign role",
        detect: "A role of another account is annotated, and that account has no provider for the cluster's issuer. STS looks it up in the role's account.",
        repair: "Create the provider with credentials of the role's account, or use a role of the cluster's account and assume the other one from there.",
        signatures: &[Signature::E01],
        fixes: &["FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/cross-account-access.html",
        rule: Rule::Unit(absent::report),
    },
    Row {
        code: "OIDC-11",
        name: "provider-quota",
        title: "account is full of OIDC providers",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "accounts have no room for another OIDC provider",
        detect: "The provider is missing and the account has 100 providers, the default quota.",
        repair: "Remove providers of clusters that no longer exist, ask for a higher quota, or use Pod Identity.",
        signatures: &[],
        fixes: &[],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
        rule: Rule::Unit(absent::quota),
    },
    Row {
        code: "OIDC-12",
        name: "provider-without-cluster",
        title: "orphan provider",
        severity: Severity::Hygiene,
        confidence: Confidence::Likely,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers are for an issuer that no cluster has",
        detect: "The provider's URL is an EKS issuer, and no cluster of its region has it in any account that the caller reads. The region is the one that the issuer names. Needs `eks:ListClusters` and `eks:DescribeCluster` in that region and every account; where one of them cannot be listed, nothing is said. A cluster of an account that is not read may still have the issuer.",
        repair: "Delete the provider when no role trusts it any more and no other account's cluster needs it. Roles are not changed by that; assuming them by its tokens fails.",
        signatures: &[],
        fixes: &["FX-OIDC-DEL"],
        reference: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteOpenIDConnectProvider.html",
        rule: Rule::Unit(orphan::report),
    },
    Row {
        code: "OIDC-13",
        name: "provider-deleted",
        title: "trusted provider does not exist",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers do not exist although roles trust them",
        detect: "A role that is used here trusts, beside the cluster's own, an OIDC provider (an EKS cluster's or anybody's) that is not in its account. Needs the complete list of providers.",
        repair: "Remove the statement, or create the provider again when its cluster still exists.",
        signatures: &[Signature::E01],
        fixes: &["FX-TRUST-EDIT", "FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html",
        rule: Rule::Unit(present::dangling),
    },
    Row {
        code: "OIDC-16",
        name: "provider-confused-with-login",
        title: "OIDC login of people instead of an IAM provider",
        severity: Severity::Hygiene,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "OIDC providers are missing while the cluster has an OIDC login for people",
        detect: "The cluster has an OIDC identity provider config, which lets people log in, and the account has no IAM OIDC provider for the cluster's issuer, which roles of ServiceAccounts need. Needs `eks:ListIdentityProviderConfigs`.",
        repair: "Create the IAM OIDC provider; the identity provider config has nothing to do with it and may stay.",
        signatures: &[Signature::E01],
        fixes: &["FX-OIDC-CREATE"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/authenticate-oidc-identity-provider.html",
        rule: Rule::Unit(absent::login),
    },
    Row {
        code: "OIDC-17",
        name: "cluster-without-issuer",
        title: "cluster has no issuer",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::OidcProvider,
        fragment: "clusters have no issuer for annotated ServiceAccounts",
        detect: "DescribeCluster shows no OIDC issuer (local clusters on Outposts), and ServiceAccounts have the role annotation.",
        repair: "Use another way to give credentials; web identity cannot work here.",
        signatures: &[Signature::E01],
        fixes: &[],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/eks-outposts-local-cluster-overview.html",
        rule: Rule::Unit(absent::no_issuer),
    },
];

/// The provider that the cluster's tokens need in one account, there or not.
struct Site<'a> {
    arn: Arn,
    account: AccountId,
    issuer: Issuer,
    provider: Knowledge<&'a OidcProvider>,
}

impl<'a> Site<'a> {
    /// `None` unless `unit` is the provider of the cluster's own issuer in an account whose providers were read, and
    /// some role of that account is used.
    fn of(cx: &Context<'a>, unit: &Ref) -> Option<Site<'a>> {
        let Ref::Provider(arn) = unit else { return None };
        let issuer = cx.graph.issuer().known()?;
        let account = arn.account()?;
        if *arn != issuer.provider_arn(&arn.partition()?, &account) {
            return None;
        }
        let scope = Scope::Providers { account: account.as_str().into() };
        if !judge::is_settled(cx.graph, &scope) {
            return None;
        }
        let provider = cx.graph.provider(&account, &issuer);
        let is_used = used_roles(cx, &account).next().is_some();
        is_used.then(|| Site { arn: arn.clone(), account, issuer, provider })
    }

    /// The roles of the account that ServiceAccounts are annotated with and web identity is used for; at least one.
    fn roles(&self, cx: &Context<'a>) -> impl Iterator<Item = &'a Arn> {
        used_roles(cx, &self.account)
    }

    fn is_foreign(&self, cx: &Context<'_>) -> bool {
        let own = cx.graph.cluster().known().and_then(|it| it.arn.account());
        own.is_some_and(|it| it != self.account)
    }
}

/// The roles of an account that ServiceAccounts are annotated with, without an association above the annotation.
fn used_roles<'a>(
    cx: &Context<'a>,
    account: &AccountId,
) -> impl Iterator<Item = &'a Arn> + use<'a> {
    let cx = *cx;
    let named = cx.graph.named_roles_in(account).filter(|it| it.is_iam_role());
    named.filter(move |it| is_used(&cx, it))
}

fn is_used(cx: &Context<'_>, role: &Arn) -> bool {
    web_identities(cx, role).next().is_some()
}

/// The ServiceAccounts that use a role by web identity.
fn web_identities<'a>(cx: &Context<'a>, role: &Arn) -> impl Iterator<Item = &'a SaKey> + use<'a> {
    let graph = cx.graph;
    graph.annotated_with(role).filter(|it| !graph.association_of(it).is_known())
}
