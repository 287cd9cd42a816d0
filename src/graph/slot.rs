//! Where facts are held, and which slots a scope covers.

use crate::{
    fact::{Fact, Scope, Workload},
    graph::{
        Graph,
        pods::PodId,
        table::{Held, Mark},
    },
    ident::{Arn, Ref, Text},
};

/// Where one fact is held. `Ref::Cluster` alone would name six.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    ApiServer,
    Caller,
    OtherClusters,
    OtherAssociations,
    IdentityProviders,
    Of(Ref),
}

impl Slot {
    pub fn of(fact: &Fact) -> Slot {
        match fact {
            Fact::ApiServer(_) => Slot::ApiServer,
            Fact::Caller(_) => Slot::Caller,
            Fact::OtherClusters(_) => Slot::OtherClusters,
            Fact::OtherAssociations(_) => Slot::OtherAssociations,
            Fact::IdentityProviders(_) => Slot::IdentityProviders,
            Fact::Namespace(_)
            | Fact::ServiceAccount(_)
            | Fact::Pod(_)
            | Fact::Workload(_)
            | Fact::Node(_)
            | Fact::Webhook(_)
            | Fact::Budget(_)
            | Fact::KeyNames(_)
            | Fact::Cluster(_)
            | Fact::Association(_)
            | Fact::Role(_)
            | Fact::Provider(_)
            | Fact::Addon(_)
            | Fact::Nodegroup(_) => Slot::Of(fact.key()),
        }
    }
}

impl Slot {
    /// The name under which something may be known of it.
    pub fn name(&self) -> Option<&Ref> {
        match self {
            Slot::Of(it) => Some(it),
            Slot::ApiServer
            | Slot::Caller
            | Slot::OtherClusters
            | Slot::OtherAssociations
            | Slot::IdentityProviders => None,
        }
    }
}

/// Whether a complete list of `scope` would have this fact.
pub fn covers(scope: &Scope, fact: &Fact) -> bool {
    let within = |limit: &Option<Text>, it: &Text| limit.as_ref().is_none_or(|limit| limit == it);
    match (scope, fact) {
        (Scope::ApiServer, Fact::ApiServer(_))
        | (Scope::Caller, Fact::Caller(_))
        | (Scope::Cluster, Fact::Cluster(_))
        | (Scope::OtherClusters, Fact::OtherClusters(_))
        | (Scope::OtherAssociations, Fact::OtherAssociations(_))
        | (Scope::IdentityProviders, Fact::IdentityProviders(_))
        | (Scope::Namespaces, Fact::Namespace(_))
        | (Scope::Nodes, Fact::Node(_))
        | (Scope::Webhooks, Fact::Webhook(_))
        | (Scope::Associations, Fact::Association(_))
        | (Scope::Addons, Fact::Addon(_))
        | (Scope::Nodegroups, Fact::Nodegroup(_)) => true,
        (Scope::ServiceAccounts { namespace }, Fact::ServiceAccount(it)) => {
            within(namespace, &it.key.namespace)
        }
        (Scope::Pods { namespace }, Fact::Pod(it)) => within(namespace, &it.namespace),
        (Scope::Budgets { namespace }, Fact::Budget(it)) => within(namespace, &it.namespace),
        (Scope::Workloads { kind, namespace }, Fact::Workload(it)) => {
            *kind == it.kind && within(namespace, &it.namespace)
        }
        (Scope::Roles { account }, Fact::Role(it)) => in_account(&it.arn, account),
        (Scope::Providers { account }, Fact::Provider(it)) => in_account(&it.arn, account),
        _ => false,
    }
}

impl Graph {
    pub(crate) fn holds(&self, slot: &Slot) -> bool {
        let of = match slot {
            Slot::ApiServer => return self.api_server.is_some(),
            Slot::Caller => return self.caller.is_some(),
            Slot::OtherClusters => return self.other_clusters.is_some(),
            Slot::OtherAssociations => return self.other_associations.is_some(),
            Slot::IdentityProviders => return self.identity_providers.is_some(),
            Slot::Of(it) => it,
        };
        match of {
            Ref::Cluster => self.cluster.is_some(),
            Ref::Namespace(it) => self.namespaces.contains_key(it),
            Ref::ServiceAccount(key) => {
                let seat = self.seats.get(&key.namespace, &key.name);
                seat.is_some_and(|it| it.account.is_some())
            }
            Ref::Pod { namespace, name } => self.pods.id(namespace, name).is_some(),
            Ref::Workload { kind, namespace, name } => {
                self.workload(*kind, namespace, name).is_some()
            }
            Ref::Node(it) => self.nodes.contains_key(it),
            Ref::Webhook(it) => self.webhooks.contains_key(it),
            Ref::Budget { namespace, name } => self.budgets.get(namespace, name).is_some(),
            Ref::ConfigMap { .. } | Ref::Secret { .. } => self.key_names.contains_key(of),
            Ref::Association(it) => self.associations.contains_key(it),
            Ref::Role(it) => self.roles.get(it).is_some(),
            Ref::Provider(it) => self.providers.contains_key(it),
            Ref::Addon(it) => self.addons.contains_key(it),
            Ref::Nodegroup(it) => self.nodegroups.contains_key(it),
        }
    }

    /// Shows every mark of a scope's facts; gives the slots of those for which `visit` says true.
    pub(crate) fn scan(
        &mut self,
        scope: &Scope,
        mut visit: impl FnMut(&mut Mark) -> bool,
    ) -> Vec<Slot> {
        match scope {
            Scope::ApiServer => one(&mut self.api_server, Slot::ApiServer, visit),
            Scope::Caller => one(&mut self.caller, Slot::Caller, visit),
            Scope::Cluster => one(&mut self.cluster, Slot::Of(Ref::Cluster), visit),
            Scope::OtherClusters => one(&mut self.other_clusters, Slot::OtherClusters, visit),
            Scope::OtherAssociations => {
                one(&mut self.other_associations, Slot::OtherAssociations, visit)
            }
            Scope::IdentityProviders => {
                one(&mut self.identity_providers, Slot::IdentityProviders, visit)
            }
            Scope::Namespaces => {
                many(self.namespaces.values_mut(), |it| Ref::Namespace(it.name.clone()), visit)
            }
            Scope::ServiceAccounts { namespace } => {
                let seats = self.seats.iter_in_mut(namespace.as_deref());
                many(
                    seats.filter_map(|it| it.account.as_mut()),
                    |it| Ref::ServiceAccount(it.key.clone()),
                    visit,
                )
            }
            Scope::Pods { namespace } => {
                let ids: Vec<PodId> = self.pods.ids_in(namespace.as_deref()).collect();
                let mut res = Vec::new();
                for id in ids {
                    if let Some(held) = self.pods.get_mut(id)
                        && visit(&mut held.mark)
                    {
                        let (namespace, name) = (&held.fact.namespace, &held.fact.name);
                        let (namespace, name) = (namespace.clone(), name.clone());
                        res.push(Slot::Of(Ref::Pod { namespace, name }));
                    }
                }
                res
            }
            Scope::Workloads { kind, namespace } => {
                let of_kind = &mut self.workloads[*kind as usize];
                many(of_kind.iter_in_mut(namespace.as_deref()), workload_ref, visit)
            }
            Scope::Nodes => many(self.nodes.values_mut(), |it| Ref::Node(it.name.clone()), visit),
            Scope::Webhooks => {
                many(self.webhooks.values_mut(), |it| Ref::Webhook(it.name.clone()), visit)
            }
            Scope::Budgets { namespace } => many(
                self.budgets.iter_in_mut(namespace.as_deref()),
                |it| Ref::Budget { namespace: it.namespace.clone(), name: it.name.clone() },
                visit,
            ),
            Scope::Associations => {
                many(self.associations.values_mut(), |it| Ref::Association(it.id.clone()), visit)
            }
            Scope::Addons => {
                many(self.addons.values_mut(), |it| Ref::Addon(it.name.clone()), visit)
            }
            Scope::Nodegroups => {
                many(self.nodegroups.values_mut(), |it| Ref::Nodegroup(it.name.clone()), visit)
            }
            Scope::Roles { account } => {
                let here = self.roles.held_mut().filter(|it| in_account(&it.fact.arn, account));
                many(here, |it| Ref::Role(it.arn.clone()), visit)
            }
            Scope::Providers { account } => {
                let all = self.providers.values_mut();
                many(
                    all.filter(|it| in_account(&it.fact.arn, account)),
                    |it| Ref::Provider(it.arn.clone()),
                    visit,
                )
            }
        }
    }
}

fn one<T>(
    held: &mut Option<Held<T>>,
    slot: Slot,
    mut visit: impl FnMut(&mut Mark) -> bool,
) -> Vec<Slot> {
    held.iter_mut().filter_map(|it| visit(&mut it.mark).then(|| slot.clone())).collect()
}

fn many<'a, T: 'a>(
    held: impl Iterator<Item = &'a mut Held<T>>,
    name: impl Fn(&T) -> Ref,
    mut visit: impl FnMut(&mut Mark) -> bool,
) -> Vec<Slot> {
    held.filter_map(|it| visit(&mut it.mark).then(|| Slot::Of(name(&it.fact)))).collect()
}

fn workload_ref(it: &Workload) -> Ref {
    Ref::Workload { kind: it.kind, namespace: it.namespace.clone(), name: it.name.clone() }
}

fn in_account(arn: &Arn, account: &str) -> bool {
    arn.parts().is_some_and(|it| it.account == account)
}
