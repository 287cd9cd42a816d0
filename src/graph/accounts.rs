//! Which ServiceAccounts a unit is about, and what comes with one.

use crate::{
    fact::Pod,
    graph::{Graph, table::following, wide::n_members},
    ident::{Ref, SaKey, Text},
};

impl Graph {
    /// The ServiceAccount that a unit runs as or belongs to; `None` for what is nobody's alone, and for what is not there.
    pub fn account_of(&self, unit: &Ref) -> Option<SaKey> {
        match unit {
            Ref::ServiceAccount(it) => Some(it.clone()),
            Ref::Pod { namespace, name } => {
                self.pod(namespace, name).map(|it| it.service_account())
            }
            Ref::Workload { kind, namespace, name } => {
                self.workload(*kind, namespace, name).map(|it| it.service_account())
            }
            Ref::Association(id) => self.association(id).map(|it| it.service_account.clone()),
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => None,
        }
    }

    /// As `account_of`, and everybody who asks for a role.
    pub fn accounts_of(&self, unit: &Ref) -> Vec<SaKey> {
        if let Ref::Role(arn) = unit {
            let associated = self.associated_with(arn).map(|it| &it.service_account);
            return self.annotated_with(arn).chain(associated).cloned().collect();
        }
        self.account_of(unit).into_iter().collect()
    }

    /// The pods of a ServiceAccount that follow the one of this name; all of them for `None`. Sorted.
    pub fn pods_after<'a>(
        &'a self,
        key: &SaKey,
        name: Option<&Text>,
    ) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let seat = self.seats.get(&key.namespace, &key.name);
        let pods = seat.map(|it| it.pods.range::<Text, _>(following(name)));
        let held = pods.into_iter().flatten().filter_map(|(_, id)| self.pods.get(*id));
        held.map(|it| &it.fact)
    }

    /// The workloads and associations of a ServiceAccount, those that another workload made included.
    pub fn kin_of<'a>(&'a self, key: &SaKey) -> impl Iterator<Item = Ref> + use<'a> {
        let seat = self.seats.get(&key.namespace, &key.name);
        let workloads = seat.into_iter().flat_map(|seat| {
            seat.workloads.iter().map(|(kind, name)| Ref::Workload {
                kind: *kind,
                namespace: seat.key.namespace.clone(),
                name: name.clone(),
            })
        });
        let associations = seat.into_iter().flat_map(|it| &it.associations);
        workloads.chain(associations.cloned().map(Ref::Association))
    }

    /// How many pods, workloads and associations a ServiceAccount has.
    pub fn n_members(&self, key: &SaKey) -> usize {
        let seat = self.seats.get(&key.namespace, &key.name);
        seat.map_or(0, n_members)
    }

    /// The ServiceAccounts of the pods on a node, without duplicates.
    pub fn accounts_on(&self, node: &str) -> Vec<SaKey> {
        let pods = self.by_node.of(node).filter_map(|it| self.pods.get(*it));
        let mut res: Vec<SaKey> = pods.map(|it| it.fact.service_account()).collect();
        res.sort();
        res.dedup();
        res
    }
}
