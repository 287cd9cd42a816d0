//! The cluster was deleted and made again: its roles trust an issuer that is no more.

use crate::{
    check::{
        Acc, Context, Evidence, Fix, Subject, judge,
        oidc::{Site, is_orphan, is_used},
        trust,
    },
    fact::{Cluster, Knowledge, OtherClusters, Scope},
    iam,
    ident::{AccountId, Arn, Issuer, Ref},
    identity::near_miss,
    plan::TrustChange,
};
use std::collections::BTreeSet;

/// What the cluster had before.
pub(crate) struct Recreated {
    /// The issuer that no readable cluster has.
    pub old: Issuer,
    /// The roles used here that trust it and not the present one.
    pub roles: Vec<Arn>,
}

/// `None` unless roles of `account` that are used here trust an EKS issuer that no readable cluster has, and the
/// provider of the present one is absent, or as young as the cluster while the roles are older.
pub(crate) fn recreated(cx: &Context<'_>, account: &AccountId) -> Option<Recreated> {
    let graph = cx.graph;
    if !judge::is_settled(graph, &Scope::Providers { account: account.as_str().into() }) {
        return None;
    }
    let issuer = graph.issuer().known()?;
    let cluster = graph.cluster().known()?;
    let others = graph.other_clusters().known()?;
    let provider = match graph.provider(account, &issuer) {
        Knowledge::Absent => None,
        Knowledge::Known(it) => Some(it.detail.as_ref().known()?.created?),
        Knowledge::Denied(_) | Knowledge::NotYet => return None,
    };
    let cluster_created = cluster.created;
    if let Some(it) = provider
        && cluster_created.is_none_or(|created| it < created)
    {
        return None;
    }
    let mut res: Option<Recreated> = None;
    // This is asked whenever a role changes: by the providers that are trusted, which are few, and not by the roles.
    let dead =
        |it: &Issuer| near_miss::is_eks(it.as_str()) && is_dead(it, &issuer, cluster, others);
    let providers = graph.trusted_providers().filter(|it| {
        let named = it.as_str().split_once(":oidc-provider/");
        named.is_some_and(|(_, it)| dead(&Issuer::new(it)))
    });
    let suspects = providers.flat_map(|it| graph.names_trusting(it));
    let suspects: BTreeSet<&Arn> = suspects.collect();
    for arn in suspects.into_iter().filter(|it| graph.names_role_in(account, it)) {
        let Some(role) = graph.role(arn).known() else { continue };
        let Ok(policy) = &role.trust.parsed else { continue };
        // A role as old as the cluster was written for it; only the missing provider says otherwise.
        let older = role.created.zip(cluster_created).is_some_and(|(role, cluster)| role < cluster);
        if provider.is_some() && !older {
            continue;
        }
        let issuers = near_miss::eks_issuers(policy);
        if issuers.contains(&issuer) {
            continue;
        }
        let Some(old) = issuers.into_iter().find(dead) else { continue };
        if !judge::settled_role(graph, arn).is_known() || !is_used(cx, arn) {
            continue;
        }
        let found = res.get_or_insert_with(|| Recreated { old, roles: Vec::new() });
        found.roles.push(arn.clone());
    }
    res
}

/// OIDC-04.
pub(crate) fn report(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Some(site) = Site::of(cx, unit) else { return };
    let Some(found) = recreated(cx, &site.account) else { return };
    let roles = match &found.roles[..] {
        [one] => format!("role `{one}` trusts"),
        many => format!("{} roles trust", many.len()),
    };
    let finding = acc.push(
        Subject::provider(&site.arn),
        format!("{roles} `{}`, which no cluster has: the cluster was made again", found.old),
        vec![Evidence {
            place: format!("OIDC providers of account {}", site.account),
            found: found.old.to_string(),
            needed: site.issuer.to_string(),
        }],
    );
    if site.provider == Knowledge::Absent {
        finding.fixes.push(Fix::create_provider(cx, &site.account, &site.issuer));
    } else {
        finding.signature = Some(crate::identity::Signature::E05);
    }
    for role in &found.roles {
        finding.fixes.extend(rewrite(cx, role, &found.old, &site.issuer));
    }
}

/// FX-TRUST-ADD: the new issuer wherever the old one stood, if nobody can be using that any more; else beside it.
pub(crate) fn rewrite(cx: &Context<'_>, role: &Arn, old: &Issuer, new: &Issuer) -> Option<Fix> {
    let known = judge::settled_role(cx.graph, role).known()?;
    let present = known.trust.parsed.as_ref().ok()?;
    let raw = known.trust.raw.replace(old.as_str(), new.as_str());
    let mut policy = iam::Document::parse(raw, iam::Kind::Trust).parsed.ok()?;
    // No cluster of any account that is read has the issuer; or, without the provider, no token of it gets in anyway.
    let is_proven =
        is_orphan(cx, old) || cx.graph.provider(&role.account()?, old) == Knowledge::Absent;
    let title = match is_proven {
        true => trust::of_role("write this cluster's issuer in place of its old one", "in", role),
        false => trust::of_role("append this cluster's issuer beside its old one", "to", role),
    };
    if !is_proven {
        let (all, was) = (policy.statements, &present.statements);
        let new = all.into_iter().zip(was).filter(|(it, was)| it != *was);
        let new = new.map(|(it, _)| iam::Statement { sid: None, ..it });
        policy.statements = was.iter().cloned().chain(new).collect();
    }
    Fix::trust_policy("FX-TRUST-ADD", title, role, &known.trust, &policy, TrustChange::Opens)
}

/// An EKS issuer of the cluster's region, which was listed and has no such cluster. A typing error of ours or a
/// placeholder is none.
fn is_dead(it: &Issuer, ours: &Issuer, cluster: &Cluster, others: &OtherClusters) -> bool {
    if it.region() != Some(&*cluster.region) {
        return false;
    }
    let (Some(id), Some(own)) = (it.id(), ours.id()) else { return false };
    let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit());
    is_id
        && id != own
        && !near_miss::text::is_near(id, own)
        && others.covers(&cluster.account, &cluster.region)
        && others.of_issuer(it).is_none()
}
