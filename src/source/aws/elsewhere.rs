//! The other clusters: whose issuers exist, and which ServiceAccounts have an association there.
//!
//! An EKS issuer names its region, so whether a provider still has its cluster is decided by the clusters of that region
//! in every account that can be read. Only regions that some provider names are asked. None of them is asked twice in
//! one round, and what one of them refuses or does not answer in time is not known, no more: it is no trouble of the
//! cluster that is looked at.

use crate::{
    fact::{
        Change, Cluster, Fact, OtherAssociation, OtherAssociations, OtherClusters, Place, Scope,
    },
    ident::{Arn, SaKey, Text},
    source::{
        aws::{
            access::Home,
            account::Account,
            eks::{N_AT_ONCE, Region, listed_associations, region_clusters},
            error::Failure,
            pages::at_once,
            shared::Shared,
        },
        lower_aws,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// What all other regions together may take: some are closed to the network or to the account.
const PATIENCE: Duration = Duration::from_secs(5);

/// The clusters of the cluster's own region, and which of them is the own one.
pub(crate) struct Neighbours {
    pub(crate) own: Option<Arc<Cluster>>,
    pub(crate) region: Region,
}

impl Neighbours {
    fn others(&self) -> Vec<&Cluster> {
        let own = self.own.as_ref().map(|it| &it.arn);
        self.region.clusters.iter().filter(|it| own != Some(&it.arn)).collect()
    }
}

/// What is known before the other regions have answered, for the first time.
pub(crate) async fn tell_early(shared: &Shared, home: &Home, it: &Neighbours) {
    let scope = Scope::OtherClusters;
    if it.region.end.is_err() || shared.was_complete(&scope) {
        return;
    }
    let facts = fact(it.others(), place(&home.account, home).into_iter().collect());
    shared.emit(vec![Change::Replace { scope, facts: vec![facts] }]).await;
}

/// All other clusters, and their associations. Called when the providers of every readable account were listed.
pub(crate) async fn tell(shared: &Shared, home: &Home, it: Neighbours) {
    let scope = Scope::OtherClusters;
    let account = &*home.account;
    if let Err(failure) = &it.region.end {
        shared.note(account, failure);
        let others = it.others();
        let mut changes = Vec::new();
        if !others.is_empty() {
            let facts = vec![fact(others, Vec::new())];
            changes.push(Change::Replace { scope: scope.clone(), facts });
        }
        let n_read = it.region.clusters.len();
        changes.push(shared.incomplete(&scope, failure, &account.origin, n_read));
        let associations = &Scope::OtherAssociations;
        changes.push(shared.incomplete(associations, failure, &account.origin, 0));
        return shared.emit(changes).await;
    }
    let further = further(shared, home).await;
    let mut clusters = it.others();
    let mut places: Vec<Place> = place(account, home).into_iter().collect();
    for (place, region) in &further {
        clusters.extend(&region.clusters);
        if region.end.is_ok() {
            places.push(place.clone());
        }
    }
    clusters.sort_by(|a, b| a.arn.cmp(&b.arn));
    places.sort();
    let facts = vec![fact(clusters.clone(), places)];
    let replace = Change::Replace { scope: scope.clone(), facts };
    shared.emit(vec![replace, shared.complete(&scope)]).await;
    let of_account = clusters.into_iter().filter(|it| it.account == account.id);
    associations(shared, account, of_account.collect()).await;
}

fn fact(clusters: Vec<&Cluster>, places: Vec<Place>) -> Fact {
    let clusters = clusters.into_iter().map(lower_aws::other_cluster).collect();
    Fact::OtherClusters(OtherClusters { clusters, places })
}

fn place(account: &Account, home: &Home) -> Option<Place> {
    Some(Place { account: account.id.clone(), region: home.region.clone()? })
}

/// Every region that some provider names, in every account that can be read, but for the cluster's own.
async fn further(shared: &Shared, home: &Home) -> Vec<(Place, Region)> {
    let asked = {
        let state = shared.state();
        let regions = state.book.provider_regions(&home.account.partition);
        let foreign = state.foreign.values().filter_map(|it| it.as_ref().ok());
        let mut accounts: Vec<Arc<Account>> = foreign.cloned().collect();
        accounts.retain(|it| it.id != home.account.id && it.partition == home.account.partition);
        accounts.push(Arc::clone(&home.account));
        let own = place(&home.account, home);
        let all = accounts.into_iter().flat_map(|account| {
            let place =
                |region: &Text| Place { account: account.id.clone(), region: region.clone() };
            regions.iter().map(|it| (place(it), Arc::clone(&account))).collect::<Vec<_>>()
        });
        all.filter(|(place, _)| own.as_ref() != Some(place)).collect::<Vec<_>>()
    };
    let deadline = Instant::now() + PATIENCE;
    let ask = |(place, account): (Place, Arc<Account>)| async move {
        let eks = account.eks_in(&place.region);
        let got = timeout_at(deadline, region_clusters(shared, &account, &eks)).await;
        let late = || Region {
            clusters: Vec::new(),
            end: Err(Failure::Failed("no answer in time".into())),
        };
        let got = got.unwrap_or_else(|_elapsed| late());
        if let Err(failure) = &got.end {
            let Place { account, region } = &place;
            tracing::debug!(%account, %region, ?failure, "clusters could not be listed");
        }
        (place, got)
    };
    let mut res = at_once(N_AT_ONCE, asked.into_iter().map(ask)).await;
    res.sort_by(|a, b| a.0.cmp(&b.0));
    res
}

async fn associations(shared: &Shared, account: &Account, clusters: Vec<&Cluster>) {
    let scope = Scope::OtherAssociations;
    let list = |cluster: &Cluster| {
        let (name, arn, region) =
            (cluster.name.clone(), cluster.arn.clone(), cluster.region.clone());
        async move { (arn, listed(shared, account, &name, &region).await) }
    };
    let got = at_once(N_AT_ONCE, clusters.into_iter().map(list)).await;
    let (mut all, mut end, mut n_read) = (Vec::new(), Ok(()), 0);
    for (cluster, it) in got {
        match it {
            Ok(keys) => {
                let of = |service_account| OtherAssociation {
                    service_account,
                    cluster: Arn::clone(&cluster),
                };
                n_read += keys.len();
                all.extend(keys.into_iter().map(of));
            }
            // Deleted since it was listed.
            Err(Failure::Absent) => {}
            Err(failure) => end = end.and(Err(failure)),
        }
    }
    let facts = vec![Fact::OtherAssociations(OtherAssociations::new(all))];
    let replace = Change::Replace { scope: scope.clone(), facts };
    let changes = match end {
        Ok(()) => vec![replace, shared.complete(&scope)],
        Err(failure) => {
            shared.note(account, &failure);
            let keeps = shared.was_complete(&scope) && !matches!(failure, Failure::Denied(_));
            let state = shared.incomplete(&scope, &failure, &account.origin, n_read);
            if keeps { vec![state] } else { vec![replace, state] }
        }
    };
    shared.emit(changes).await;
}

async fn listed(
    shared: &Shared,
    account: &Account,
    cluster: &str,
    region: &str,
) -> Result<Vec<SaKey>, Failure> {
    let eks = account.eks_in(region);
    let got = listed_associations(shared, account, &eks, cluster, &Scope::OtherAssociations).await;
    got.end?;
    Ok(got.items.into_iter().map(|it| it.service_account).collect())
}
