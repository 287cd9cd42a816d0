//! Issuers that no cluster has.
//!
//! An EKS issuer names its region, so it is enough that the clusters of that region were listed in every account that
//! the caller reads. A cluster of an account that nobody here can read may still have it.

use crate::{
    check::{
        Acc, Context, Evidence, Fix, Subject, judge,
        oidc::{absent::near, recreated},
        quote,
    },
    fact::{Knowledge, Scope},
    ident::{AccountId, Arn, Issuer, Ref},
    identity::near_miss,
};
use std::collections::{BTreeMap, BTreeSet};

/// Whether all clusters that could have the issuer are known, and none has it.
pub(crate) fn is_orphan(cx: &Context<'_>, issuer: &Issuer) -> bool {
    let graph = cx.graph;
    let (Some(cluster), Some(others), Some(caller)) =
        (graph.cluster().known(), graph.other_clusters().known(), graph.caller().known())
    else {
        return false;
    };
    let Some(region) = issuer.region().filter(|_| issuer.id().is_some_and(|it| !it.is_empty()))
    else {
        return false;
    };
    cluster.issuer.as_ref() != Some(issuer)
        && others.of_issuer(issuer).is_none()
        && caller.accounts.contains(&cluster.account)
        && caller.accounts.iter().all(|it| others.covers(it, region))
}

/// The providers that OIDC-12 is about.
pub(crate) fn orphans(cx: &Context<'_>) -> BTreeSet<Arn> {
    let mut before: BTreeMap<AccountId, Option<Issuer>> = BTreeMap::new();
    let mut res = BTreeSet::new();
    for it in cx.graph.all_providers().filter(|it| near_miss::is_eks(&it.url)) {
        let issuer = Issuer::new(&it.url);
        let Some(account) = it.arn.account().filter(|_| is_orphan(cx, &issuer)) else { continue };
        // This looks at every role that is named, so it is asked once an account.
        let old = before.entry(account.clone()).or_insert_with(|| former(cx, &account));
        if is_reported(cx, &account, &issuer, old.as_ref()) {
            res.insert(it.arn.clone());
        }
    }
    res
}

/// OIDC-12.
pub(crate) fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Provider(arn) = unit else { return };
    let Some(provider) = cx.graph.provider_at(arn).known() else { return };
    let Some(caller) = cx.graph.caller().known() else { return };
    let issuer = Issuer::new(&provider.url);
    let Some(account) = arn.account().filter(|_| is_orphan(cx, &issuer)) else { return };
    if !is_reported(cx, &account, &issuer, former(cx, &account).as_ref()) {
        return;
    }
    let region = issuer.region().unwrap_or_default();
    let accounts = match &caller.accounts[..] {
        [one] => format!("account {one}"),
        many => format!("the accounts {}", many.join(", ")),
    };
    let finding = acc.push(
        Subject::provider(arn),
        format!("no cluster of {accounts} in {region} has the issuer `{issuer}`"),
        vec![Evidence {
            place: format!("eks:ListClusters in {region}"),
            found: "no cluster with this issuer".into(),
            needed: issuer.to_string(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-OIDC-DEL",
        "delete the provider, if no cluster of another account has the issuer and no role trusts it"
            .into(),
        vec![format!(
            "aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {}",
            quote(arn.as_str())
        )],
    ));
}

/// The issuer that the cluster had before it was made again.
fn former(cx: &Context<'_>, account: &AccountId) -> Option<Issuer> {
    recreated(cx, account).map(|it| it.old)
}

/// Whether it is an orphan for its own sake, and does not stand for the cluster's own provider (OIDC-02, 03, 04 and 09
/// say so of that one).
fn is_reported(
    cx: &Context<'_>,
    account: &AccountId,
    issuer: &Issuer,
    former: Option<&Issuer>,
) -> bool {
    let scope = Scope::Providers { account: account.as_str().into() };
    if !judge::is_settled(cx.graph, &scope) || former == Some(issuer) {
        return false;
    }
    let Some(own) = cx.graph.issuer().known() else { return false };
    cx.graph.provider(account, &own) != Knowledge::Absent || near(issuer.as_str(), &own).is_none()
}
