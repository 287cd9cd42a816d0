//! The provider is there: does it take the tokens; and providers that roles still name.

use crate::{
    check::{
        Acc, Context, Evidence, Fix, PodContext, Severity, Subject, judge,
        oidc::{Site, is_used, recreated, web_identities},
        pod_env,
        trust::{self, allowed},
    },
    fact::{Knowledge, Scope, ServiceAccount},
    iam,
    ident::{AccountId, Arn, Issuer, Partition, Ref, SaKey, Text},
    identity::{chain::Provider, near_miss},
    plan::TrustChange,
};
use std::collections::{BTreeMap, BTreeSet};

const AUDIENCE: &str = "sts.amazonaws.com";
const AUDIENCE_CHINA: &str = "sts.amazonaws.com.cn";

/// Hexadecimal digits of a SHA-1.
const THUMBPRINT: usize = 40;

/// OIDC-05, 06 and 07.
pub(crate) fn client_id(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(site) = Site::of(cx, unit) else { return };
    let Some(provider) = site.provider.as_ref().known() else { return };
    let Some(detail) = provider.detail.as_ref().known() else { return };
    let mut refused: BTreeMap<Text, Vec<&SaKey>> = BTreeMap::new();
    // With the usual audience on the list only those that ask for another one can be refused, and they are few.
    let usual = detail.client_ids.iter().any(|it| &**it == AUDIENCE);
    let own = usual.then(|| cx.graph.with_own_audience()).into_iter().flatten();
    let own = own.filter(|it| uses_role_of(cx, it, &site.account));
    let all = (!usual).then(|| site.roles(cx)).into_iter().flatten();
    let all = all.flat_map(|it| web_identities(cx, it));
    for key in own.chain(all) {
        let Some(sa) = cx.graph.service_account(key).known() else { continue };
        let audience = sa.annotation(ServiceAccount::AUDIENCE);
        let audience = audience.cloned().unwrap_or_else(|| AUDIENCE.into());
        if !detail.client_ids.contains(&audience) {
            refused.entry(audience).or_default().push(key);
        }
    }
    let in_china = site.arn.partition() == Some(Partition::AwsCn)
        && detail.client_ids.iter().any(|it| &**it == AUDIENCE_CHINA);
    for (audience, keys) in refused {
        let code = match &*audience {
            AUDIENCE if in_china => "OIDC-06",
            AUDIENCE => "OIDC-05",
            _ => "OIDC-07",
        };
        if code != acc.code() {
            continue;
        }
        let whose = match &keys[..] {
            [one] => format!("ServiceAccount `{one}`"),
            many => format!("{} ServiceAccounts", many.len()),
        };
        let finding = acc.push(
            Subject::provider(&site.arn),
            format!("the client ids lack `{audience}`, the audience of {whose}"),
            vec![Evidence {
                place: format!("OIDC provider {} ClientIDList", site.arn),
                found: detail.client_ids.join(", "),
                needed: audience.to_string(),
            }],
        );
        finding.fixes.push(Fix::add_client_id(&site.arn, &audience));
    }
}

/// OIDC-07 of a volume that the manifest brings: what is sent to STS is its token.
pub(crate) fn client_id_of_volume(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in &pod.containers {
        let Provider::WebIdentity(Some(role)) = &it.chain.provider else { continue };
        let Some(audience) = pod_env::own_audience(pod, it) else { continue };
        // What the ServiceAccount asks for is told once for all its pods.
        if pod.identity.audience.contains(&audience) {
            continue;
        }
        let Some(account) = role.account() else { continue };
        let (Some(issuer), Some(partition)) = (pod.identity.issuer(), role.partition()) else {
            continue;
        };
        let arn = issuer.provider_arn(&partition, &account);
        let Knowledge::Known(known) = judge::client_ids(pod.cx.graph, Some(&account)) else {
            continue;
        };
        if known.contains(&audience) {
            continue;
        }
        let finding = acc.push(
            Subject::provider(&arn),
            format!(
                "the client ids lack `{audience}`, the audience of a token that pods of \
                 ServiceAccount `{}` bring themselves",
                pod.identity.key
            ),
            vec![Evidence {
                place: format!("OIDC provider {arn} ClientIDList"),
                found: known.join(", "),
                needed: audience.to_string(),
            }],
        );
        finding.fixes.push(Fix::add_client_id(&arn, &audience));
        return;
    }
}

/// OIDC-08.
pub(crate) fn thumbprint(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(site) = Site::of(cx, unit) else { return };
    let Some(provider) = site.provider.as_ref().known() else { return };
    let Some(detail) = provider.detail.as_ref().known() else { return };
    // On loopback the issuer has no certificate, so no thumbprint could fit or fail.
    let host = site.issuer.host().rsplit_once(':').map_or(site.issuer.host(), |(it, _)| it);
    let is_eks =
        site.issuer.region().is_some() || matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let malformed = detail
        .thumbprints
        .iter()
        .find(|it| it.len() != THUMBPRINT || !it.chars().all(|c| c.is_ascii_hexdigit()));
    let found = match malformed {
        Some(it) => it.to_string(),
        None if detail.thumbprints.is_empty() && !is_eks => String::new(),
        None => return,
    };
    let finding = acc.push(
        Subject::provider(&site.arn),
        if found.is_empty() {
            "there is no thumbprint, and the issuer is not an EKS one".to_owned()
        } else {
            format!("the thumbprint `{found}` is not {THUMBPRINT} hexadecimal digits")
        },
        vec![Evidence {
            place: format!("OIDC provider {} ThumbprintList", site.arn),
            found,
            needed: format!("{THUMBPRINT} hexadecimal digits"),
        }],
    );
    if !is_eks {
        finding.severity = Severity::Blocker;
    }
    if let Some(it) = known_thumbprint(cx, &site) {
        finding.fixes.push(Fix::set_thumbprints(&site.arn, &detail.thumbprints, it));
        return;
    }
    let command = format!(
        "aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn {} --thumbprint-list THUMBPRINT",
        crate::check::quote(site.arn.as_str())
    );
    finding.fixes.push(Fix::by_hand(
        "FX-OIDC-THUMB",
        "write the SHA-1 of the issuer's top certificate".into(),
        vec![command],
    ));
}

/// The OIDC providers of the site's account that Allow statements name, whosever they are.
fn trusted_providers(policy: &iam::Policy, site: &Site<'_>) -> BTreeSet<Arn> {
    let named = allowed(policy, "Federated").filter(|it| !near_miss::is_placeholder(it));
    named.map(Arn::from).filter(|it| is_of_account(it, site)).collect()
}

fn is_of_account(provider: &Arn, site: &Site<'_>) -> bool {
    let parts = provider.parts();
    parts.is_some_and(|it| it.service == "iam" && it.resource.starts_with("oidc-provider/"))
        && provider.account().as_ref() == Some(&site.account)
        && provider.partition() == site.arn.partition()
}

/// Whether the ServiceAccount is annotated with a role of the account, and no association stands above that.
fn uses_role_of(cx: &Context<'_>, key: &SaKey, account: &AccountId) -> bool {
    let Some(role) = cx.graph.service_account(key).known().and_then(|it| it.role_arn()) else {
        return false;
    };
    let role = Arn::new(role.clone());
    role.is_iam_role()
        && role.account().as_ref() == Some(account)
        && !cx.graph.association_of(key).is_known()
}

/// What another provider of the same host has, in any account; for EKS issuers of the standard partition the SHA-1 of
/// the root that their certificates end at. IAM itself looks at its own list of roots first.
fn known_thumbprint(cx: &Context<'_>, site: &Site<'_>) -> Option<Text> {
    let of_host = cx
        .graph
        .all_providers()
        .filter(|it| it.arn != site.arn && Issuer::new(&it.url).host() == site.issuer.host());
    let mut all =
        of_host.filter_map(|it| it.detail.as_ref().known()).flat_map(|it| &it.thumbprints);
    let is_eks = site.issuer.region().is_some() && site.arn.partition() == Some(Partition::Aws);
    let well_formed =
        |it: &&Text| it.len() == THUMBPRINT && it.chars().all(|c| c.is_ascii_hexdigit());
    all.find(well_formed).cloned().or_else(|| is_eks.then(|| EKS_ROOT.into()))
}

/// Starfield Services Root Certificate Authority - G2, as the AWS CDK writes it for every EKS cluster.
const EKS_ROOT: &str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280";

/// OIDC-13. Looked at once an account, with the provider of the cluster's own issuer.
pub(crate) fn dangling(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(site) = Site::of(cx, unit) else { return };
    let scope = Scope::Providers { account: site.account.as_str().into() };
    if !site.provider.is_known()
        || recreated(cx, &site.account).is_some()
        || !judge::is_settled(cx.graph, &scope)
    {
        return;
    }
    let mut missing: BTreeMap<Arn, Vec<&Arn>> = BTreeMap::new();
    // There are many roles and few providers.
    let absent = cx.graph.trusted_providers().filter(|it| {
        **it != site.arn
            && is_of_account(it, &site)
            && cx.graph.provider_at(it) == Knowledge::Absent
    });
    for arn in absent {
        for role in cx.graph.names_trusting(arn) {
            let here = cx.graph.names_role_in(&site.account, role) && role.is_iam_role();
            if !here || !is_used(cx, role) {
                continue;
            }
            let Some(known) = judge::settled_role(cx.graph, role).known() else { continue };
            let Ok(policy) = &known.trust.parsed else { continue };
            let trusted = trusted_providers(policy, &site);
            if trusted.contains(&site.arn) && trusted.contains(arn) {
                missing.entry(arn.clone()).or_default().push(role);
            }
        }
    }
    for (arn, roles) in missing {
        let whose = match &roles[..] {
            [one] => format!("role `{one}` trusts"),
            many => format!("{} roles that are used here trust", many.len()),
        };
        let finding = acc.push(
            Subject::provider(&arn),
            format!("{whose} this provider, which does not exist"),
            vec![Evidence {
                place: format!("OIDC providers of account {}", site.account),
                found: String::new(),
                needed: arn.to_string(),
            }],
        );
        // The cluster's own provider is there, so nobody here is refused because of it.
        finding.severity = Severity::Hygiene;
        finding.signature = None;
        for role in roles {
            finding.fixes.push(without_provider(cx, role, &arn));
        }
    }
}

/// FX-TRUST-EDIT: the role without what names the provider, which lets nobody in while it does not exist.
fn without_provider(cx: &Context<'_>, role: &Arn, provider: &Arn) -> Fix {
    let id = "FX-TRUST-EDIT";
    let issuer = provider.as_str().split_once(":oidc-provider/").map_or("", |it| it.1);
    let title = trust::of_role(&format!("remove what names `{issuer}`"), "from", role);
    let present = judge::settled_role(cx.graph, role).known();
    // Who keeps the statement of any other provider knows why; it lets nobody in.
    let present = present.filter(|_| near_miss::is_eks(issuer));
    let fix = present.and_then(|present| {
        let wanted = trust::without_principal(present.trust.parsed.as_ref().ok()?, provider)?;
        let change = TrustChange::Narrows;
        Fix::trust_policy(id, title.clone(), role, &present.trust, &wanted, change)
    });
    fix.unwrap_or_else(|| Fix::trust(id, title, role))
}
