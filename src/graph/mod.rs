//! Facts by name, indices over them, and which subjects a change concerns.
//!
//! Holds what was observed and what follows from names alone (who uses which role, who owns which pod). Verdicts and
//! findings are beside it, keyed by `Ref`, not in it.
//!
//! # What may be concluded
//!
//! Lookups that return `Knowledge` are what rules judge by. They say `Absent` only when the API said so of that object
//! or a complete list (`Live`, or `Stale` as last known) covers it; a state that is `Pending`, `Cached`, `Failed`,
//! `Truncated` or `Expired` gives `NotYet`, `Denied` the refusal, `Off` a refusal whose detail is the reason. A list is
//! complete when its `Source` says so, not when its `Replace` arrives: send the facts first, then the state.
//!
//! What is painted from the disk is held and iterated like everything else, but `Knowledge` lookups answer `NotYet` for
//! it, so nothing can be judged by it; units that `is_cached` are not to be judged. Facts count as painted when a
//! `Replace` brings them while the scope is `Cached` or when the scope becomes `Cached`; an `Upsert` is always an
//! observation, and `Live` confirms what is held.

mod accounts;
mod apply;
mod aws;
mod idle;
mod kube;
mod pods;
mod roles;
mod scope;
mod slot;
mod store;
mod table;
mod touch;
mod touch_aws;
mod touch_scope;
mod trust;
mod wanted;
mod wide;

pub use apply::Affected;
pub use wanted::Outstanding;
pub use wide::{Sweep, Sweeps, Swept, Wide};

use crate::{
    fact::{
        Addon, ApiServer, Association, Budget, Caller, Cluster, IdentityProviders, KeyNames,
        Knowledge, Namespace, Node, Nodegroup, OidcProvider, OtherAssociations, OtherClusters,
        Scope, ServiceAccount, SourceState, Webhook, Workload,
    },
    graph::{
        idle::Idle,
        pods::{PodId, Pods},
        roles::Roles,
        table::{Held, Links, Namespaced},
    },
    ident::{AccountId, Arn, Ref, SaKey, Text, WorkloadKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// The in-memory graph. One writer; `apply` is the only way to change it.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    sources: BTreeMap<Scope, SourceState>,
    /// How many of them are `Cached`.
    n_painted: usize,
    /// What was said of single objects; a fact that is held outweighs it.
    said: BTreeMap<Ref, Knowledge<()>>,
    api_server: Option<Held<ApiServer>>,
    caller: Option<Held<Caller>>,
    cluster: Option<Held<Cluster>>,
    other_clusters: Option<Held<OtherClusters>>,
    other_associations: Option<Held<OtherAssociations>>,
    identity_providers: Option<Held<IdentityProviders>>,
    namespaces: BTreeMap<Text, Held<Namespace>>,
    seats: Namespaced<Seat>,
    /// Name -> namespaces with a seat of that name.
    seat_names: Links<Text, Text>,
    /// ServiceAccounts that ask for another audience than the usual one.
    own_audience: BTreeSet<SaKey>,
    pods: Pods,
    workloads: [Namespaced<Held<Workload>>; WorkloadKind::ALL.len()],
    /// By what owners are called, whether they are known or not.
    owned: [Namespaced<Owned>; WorkloadKind::ALL.len()],
    nodes: BTreeMap<Text, Held<Node>>,
    by_node: Links<Text, PodId>,
    webhooks: BTreeMap<Text, Held<Webhook>>,
    budgets: Namespaced<Held<Budget>>,
    key_names: BTreeMap<Ref, Held<KeyNames>>,
    pod_readers: Links<Ref, PodId>,
    workload_readers: Links<Ref, (WorkloadKind, Text)>,
    associations: BTreeMap<Text, Held<Association>>,
    idle: Idle,
    roles: Roles,
    providers: BTreeMap<Arn, Held<OidcProvider>>,
    provider_urls: BTreeMap<AccountId, Links<Text, Arn>>,
    addons: BTreeMap<Text, Held<Addon>>,
    nodegroups: BTreeMap<Text, Held<Nodegroup>>,
    wanted: BTreeSet<Ref>,
    n_ever_wanted: u64,
    /// How many `Replace` there were, to tell what the latest one did not bring.
    n_replaced: u32,
}

/// A ServiceAccount by name, with everybody who names it. Gone when nobody does and it does not exist.
#[derive(Clone, Debug)]
struct Seat {
    key: SaKey,
    account: Option<Held<ServiceAccount>>,
    pods: BTreeMap<Text, PodId>,
    workloads: BTreeSet<(WorkloadKind, Text)>,
    associations: BTreeSet<Text>,
}

impl Seat {
    fn new(key: SaKey) -> Seat {
        Seat {
            key,
            account: None,
            pods: BTreeMap::new(),
            workloads: BTreeSet::new(),
            associations: BTreeSet::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.account.is_none()
            && self.pods.is_empty()
            && self.workloads.is_empty()
            && self.associations.is_empty()
    }
}

/// What names one workload as its owner.
#[derive(Clone, Debug, Default)]
struct Owned {
    pods: BTreeMap<Text, PodId>,
    workloads: BTreeSet<(WorkloadKind, Text)>,
}
