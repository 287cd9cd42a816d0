//! EKS: which cluster this is, and its associations, add-ons and node groups; the clusters of its region. What becomes
//! of the other ones is `elsewhere`'s.

use crate::source::now;
use crate::{
    fact::{Association, Change, Cluster, Fact, IdentityProviders, Knowledge, Scope, SourceState},
    ident::{Ref, Text},
    source::{
        aws::{
            access::Home,
            account::Account,
            error::Failure,
            host,
            pages::{Listed, at_once, pages, passes},
            shared::Shared,
        },
        lower_aws,
    },
};
use futures::FutureExt;
use std::sync::Arc;

/// Describe calls on their way at the same time.
pub(crate) const N_AT_ONCE: usize = 8;

/// Known associations that one poll describes again, beside those that are not known yet.
const N_OLD: usize = 60;

/// What looking for the cluster came to.
pub(crate) enum Found {
    Cluster(Arc<Cluster>),
    /// It could not be described, but its name is known, so the other calls are still worth a try.
    NameOnly(Text),
    /// Nothing further can be asked: there is none.
    None(Text),
    /// Nothing further can be asked: it could not be looked for.
    Failed(Failure),
}

/// The clusters of a region as they were described, and whether those are all.
pub(crate) struct Region {
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) end: Result<(), Failure>,
}

/// By name; without one, or when the kubeconfig names one that does not exist, by the server's host.
pub(crate) async fn cluster(shared: &Shared, home: &Home) -> (Found, Option<Region>) {
    let scope = Scope::Cluster;
    let account = &*home.account;
    let Some(region) = &home.region else {
        let error = "the region is not known: pass `--region` or set `AWS_REGION`";
        let failure = Failure::Failed(error.into());
        let change = shared.incomplete(&scope, &failure, &account.origin, 0);
        shared.emit(vec![change]).await;
        return (Found::Failed(failure), None);
    };
    let named = shared.hints.cluster.clone();
    if let Some(name) = &named {
        match describe(account, &account.clients.eks, name).await {
            Ok(it) => return (known(shared, it).await, None),
            Err(Failure::Absent) if !shared.hints.is_cluster_flag => {}
            Err(Failure::Absent) => {
                let error = missing(name, region, account);
                let known = Change::Know { of: Ref::Cluster, knowledge: Knowledge::Absent };
                let failure = Failure::Failed(error.clone());
                let change = shared.incomplete(&scope, &failure, &account.origin, 0);
                shared.emit(vec![known, change]).await;
                return (Found::None(error), None);
            }
            Err(failure) => {
                refused(shared, account, &failure).await;
                return (Found::NameOnly(name.clone()), None);
            }
        }
    }
    let listed = region_clusters(shared, account, &account.clients.eks).await;
    let of_server = listed.clusters.iter().find(|it| is_of_server(shared, it)).cloned();
    if let Some(it) = of_server {
        return (known(shared, it).await, Some(listed));
    }
    if let Err(failure) = listed.end.clone() {
        refused(shared, account, &failure).await;
        return (Found::Failed(failure), Some(listed));
    }
    let reason = match &named {
        Some(name) => missing(name, region, account),
        None => format!(
            "no EKS cluster of {region} in account {} has this context's server; name it with --cluster and --region",
            account.id
        )
        .into(),
    };
    let known = Change::Know { of: Ref::Cluster, knowledge: Knowledge::Absent };
    let state = SourceState::Off { reason: reason.clone() };
    shared.emit(vec![known, Change::Source { scope, state }]).await;
    (Found::None(reason), Some(listed))
}

fn missing(name: &str, region: &str, account: &Account) -> Text {
    format!("no EKS cluster `{name}` in {region} of account {}", account.id).into()
}

/// The same host, or the same certificate authority behind another host.
fn is_of_server(shared: &Shared, cluster: &Cluster) -> bool {
    let server = shared.hints.server.as_deref().and_then(host);
    let same_host = server.is_some() && server == cluster.endpoint.as_deref().and_then(host);
    same_host || (shared.ca_sha256.is_some() && shared.ca_sha256 == cluster.ca_sha256)
}

async fn known(shared: &Shared, cluster: Cluster) -> Found {
    let facts = vec![Fact::Cluster(cluster.clone())];
    let replace = Change::Replace { scope: Scope::Cluster, facts };
    let complete = shared.complete(&Scope::Cluster);
    shared.emit(vec![replace, complete]).await;
    let cluster = Arc::new(cluster);
    let same = |it: &Option<Arc<Cluster>>| it.as_ref() == Some(&cluster);
    shared.cluster.send_if_modified(|it| {
        let is_new = !same(it);
        *it = Some(Arc::clone(&cluster));
        is_new
    });
    Found::Cluster(cluster)
}

async fn refused(shared: &Shared, account: &Account, failure: &Failure) {
    shared.note(account, failure);
    let mut changes = Vec::new();
    if let Failure::Denied(it) = failure {
        let knowledge = Knowledge::Denied(it.clone());
        changes.push(Change::Know { of: Ref::Cluster, knowledge });
    }
    changes.push(shared.incomplete(&Scope::Cluster, failure, &account.origin, 0));
    shared.emit(changes).await;
}

/// The guard: a cluster of another account than the credentials' is not this call's answer.
async fn describe(
    account: &Account,
    eks: &aws_sdk_eks::Client,
    name: &str,
) -> Result<Cluster, Failure> {
    let request = eks.describe_cluster().name(name).send();
    let got = account.call("eks:DescribeCluster", request).await?;
    let cluster = got.cluster.and_then(lower_aws::cluster);
    let cluster = cluster.ok_or(Failure::Failed("DescribeCluster named no ARN".into()))?;
    if cluster.account != account.id {
        let text = format!("`{}` is not of account {}", cluster.arn, account.id);
        return Err(Failure::Failed(text.into()));
    }
    Ok(cluster)
}

/// The clusters of the region that `eks` asks.
pub(crate) async fn region_clusters(
    shared: &Shared,
    account: &Account,
    eks: &aws_sdk_eks::Client,
) -> Region {
    let listed = pages(shared, &Scope::OtherClusters, |token| {
        async move {
            let request = eks.list_clusters().max_results(100).set_next_token(token).send();
            let got = account.call("eks:ListClusters", request).await?;
            Ok((got.clusters.unwrap_or_default(), got.next_token))
        }
        .boxed()
    })
    .await;
    let describe = |name: String| async move { describe(account, eks, &name).await };
    let described = at_once(N_AT_ONCE, listed.items.into_iter().map(describe)).await;
    let (mut clusters, mut end) = (Vec::new(), listed.end);
    for it in described {
        match it {
            Ok(it) => clusters.push(it),
            // Deleted since it was listed.
            Err(Failure::Absent) => {}
            Err(failure) => end = end.and(Err(failure)),
        }
    }
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    Region { clusters, end }
}

/// The associations of a cluster as the list tells them: no role yet.
pub(crate) async fn listed_associations(
    shared: &Shared,
    account: &Account,
    eks: &aws_sdk_eks::Client,
    cluster: &str,
    scope: &Scope,
) -> Listed<Association> {
    let listed = pages(shared, scope, |token| {
        async move {
            let request =
                eks.list_pod_identity_associations().cluster_name(cluster).max_results(100);
            let request = request.set_next_token(token).send();
            let got = account.call("eks:ListPodIdentityAssociations", request).await?;
            Ok((got.associations.unwrap_or_default(), got.next_token))
        }
        .boxed()
    })
    .await;
    let items = listed.items.into_iter().filter_map(lower_aws::association).collect();
    Listed { items, end: listed.end }
}

/// Lists the associations, then describes those that are due; `all`: every one. One that fails fails alone.
pub(crate) async fn associations(shared: &Shared, account: &Account, cluster: &str, all: bool) {
    let scope = Scope::Associations;
    let eks = &account.clients.eks;
    let listed = listed_associations(shared, account, eks, cluster, &scope).await;
    let mut rows = listed.items;
    if let Err(failure) = listed.end {
        shared.note(account, &failure);
        let n_read = rows.len();
        let fact = |it| Change::Upsert(Box::new(Fact::Association(it)));
        let mut changes: Vec<Change> = match shared.was_complete(&scope) {
            true => Vec::new(),
            false => rows.into_iter().map(fact).collect(),
        };
        changes.push(shared.incomplete(&scope, &failure, &account.origin, n_read));
        return shared.emit(changes).await;
    }
    let due = {
        let mut state = shared.state();
        state.book.associations_listed(&mut rows);
        let due = state.book.associations_due(&rows, if all { usize::MAX } else { N_OLD });
        state.queue.visible_first(due)
    };
    let facts = rows.iter().cloned().map(Fact::Association).collect();
    shared.emit(vec![Change::Replace { scope: scope.clone(), facts }]).await;
    shared.received(&scope, rows.len()).await;
    let describe = |id: Text| {
        let row = rows.iter().find(|it| it.id == id);
        async move { Some((association(shared, account, cluster, row?).await?, id)) }
    };
    let left = passes(N_AT_ONCE, due, describe).await;
    shared.emit(vec![shared.described(&scope, account, rows.len(), &left)]).await;
}

/// One row; why it could not be described.
async fn association(
    shared: &Shared,
    account: &Account,
    cluster: &str,
    row: &Association,
) -> Option<Failure> {
    let request = account.clients.eks.describe_pod_identity_association();
    let request = request.cluster_name(cluster).association_id(&*row.id).send();
    let got = account.call("eks:DescribePodIdentityAssociation", request).await;
    let got = got.map(|it| it.association.and_then(lower_aws::association_detail));
    let detail = match got {
        Ok(Some(it)) => Knowledge::Known(it),
        Err(Failure::Denied(it)) => Knowledge::Denied(it),
        Ok(None) => return Some(Failure::Failed("the answer names no role".into())),
        // Deleted since it was listed.
        Err(Failure::Absent) => {
            shared.emit(vec![Change::Remove(Ref::Association(row.id.clone()))]).await;
            return None;
        }
        Err(failure) => {
            shared.note(account, &failure);
            return Some(failure);
        }
    };
    shared.state().book.association_got(&row.id, detail.clone(), now());
    let fact = Fact::Association(Association { detail, ..row.clone() });
    shared.emit(vec![Change::Upsert(Box::new(fact))]).await;
    None
}

pub(crate) async fn addons(shared: &Shared, account: &Account, cluster: &str) {
    let eks = &account.clients.eks;
    let names = pages(shared, &Scope::Addons, |token| {
        async move {
            let request = eks.list_addons().cluster_name(cluster).set_next_token(token).send();
            let got = account.call("eks:ListAddons", request).await?;
            Ok((got.addons.unwrap_or_default(), got.next_token))
        }
        .boxed()
    })
    .await;
    let read = |name: String| async move {
        let request = eks.describe_addon().cluster_name(cluster).addon_name(&name).send();
        let got = account.call("eks:DescribeAddon", request).await?;
        Ok(got.addon.and_then(lower_aws::addon).map(Fact::Addon))
    };
    each(shared, account, Scope::Addons, names, read).await;
}

pub(crate) async fn nodegroups(shared: &Shared, account: &Account, cluster: &str) {
    let eks = &account.clients.eks;
    let names = pages(shared, &Scope::Nodegroups, |token| {
        async move {
            let request = eks.list_nodegroups().cluster_name(cluster).set_next_token(token).send();
            let got = account.call("eks:ListNodegroups", request).await?;
            Ok((got.nodegroups.unwrap_or_default(), got.next_token))
        }
        .boxed()
    })
    .await;
    let read = |name: String| async move {
        let request = eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(&name).send();
        let got = account.call("eks:DescribeNodegroup", request).await?;
        Ok(got.nodegroup.and_then(lower_aws::nodegroup).map(Fact::Nodegroup))
    };
    each(shared, account, Scope::Nodegroups, names, read).await;
}

/// By which OIDC providers people log in to the cluster; what they are is of no interest here.
pub(crate) async fn identity_providers(shared: &Shared, account: &Account, cluster: &str) {
    let scope = Scope::IdentityProviders;
    let eks = &account.clients.eks;
    let listed = pages(shared, &scope, |token| {
        async move {
            let request = eks.list_identity_provider_configs().cluster_name(cluster);
            let request = request.set_next_token(token).send();
            let got = account.call("eks:ListIdentityProviderConfigs", request).await?;
            Ok((got.identity_provider_configs.unwrap_or_default(), got.next_token))
        }
        .boxed()
    })
    .await;
    let mut names: Vec<Text> = listed.items.into_iter().map(|it| it.name.into()).collect();
    names.sort();
    let facts = vec![Fact::IdentityProviders(IdentityProviders { names })];
    let changes = match listed.end {
        Ok(()) => vec![Change::Replace { scope: scope.clone(), facts }, shared.complete(&scope)],
        Err(failure) => {
            shared.note(account, &failure);
            vec![shared.incomplete(&scope, &failure, &account.origin, 0)]
        }
    };
    shared.emit(changes).await;
}

/// Describes every name; the list is complete only if all of them could be.
async fn each<F: Future<Output = Result<Option<Fact>, Failure>>>(
    shared: &Shared,
    account: &Account,
    scope: Scope,
    names: Listed<String>,
    read: impl FnMut(String) -> F,
) {
    let got = at_once(N_AT_ONCE, names.items.into_iter().map(read)).await;
    let (mut facts, mut end) = (Vec::new(), names.end);
    for it in got {
        match it {
            Ok(it) => facts.extend(it),
            Err(Failure::Absent) => {}
            Err(failure) => end = end.and(Err(failure)),
        }
    }
    let changes = match end {
        Ok(()) => vec![Change::Replace { scope: scope.clone(), facts }, shared.complete(&scope)],
        Err(failure) => {
            shared.note(account, &failure);
            let n_read = facts.len();
            let mut changes: Vec<Change> =
                facts.into_iter().map(|it| Change::Upsert(Box::new(it))).collect();
            changes.push(shared.incomplete(&scope, &failure, &account.origin, n_read));
            changes
        }
    };
    shared.emit(changes).await;
}
