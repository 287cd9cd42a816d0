//! Putting facts in and taking them out, with every index that follows from them.
//!
//! Does not say what a change concerns; that is `touch`.

use crate::{
    fact::{Association, Fact, Knowledge, Pod, PodSpec, ServiceAccount, Workload},
    graph::{
        Graph, Owned, Seat,
        slot::Slot,
        table::{Held, Mark},
    },
    ident::{Arn, Ref, SaKey, Text, WorkloadKind},
};
use std::collections::BTreeMap;

impl Graph {
    /// Whether exactly this fact is held already; then its mark is renewed.
    pub(crate) fn renew(&mut self, fact: &Fact, mark: Mark) -> bool {
        match fact {
            Fact::ApiServer(it) => Held::renew(self.api_server.as_mut(), it, mark),
            Fact::Caller(it) => Held::renew(self.caller.as_mut(), it, mark),
            Fact::Cluster(it) => Held::renew(self.cluster.as_mut(), it, mark),
            Fact::OtherClusters(it) => Held::renew(self.other_clusters.as_mut(), it, mark),
            Fact::OtherAssociations(it) => Held::renew(self.other_associations.as_mut(), it, mark),
            Fact::IdentityProviders(it) => Held::renew(self.identity_providers.as_mut(), it, mark),
            Fact::Namespace(it) => Held::renew(self.namespaces.get_mut(&it.name), it, mark),
            Fact::ServiceAccount(it) => {
                let seat = self.seats.get_mut(&it.key.namespace, &it.key.name);
                Held::renew(seat.and_then(|seat| seat.account.as_mut()), it, mark)
            }
            Fact::Pod(it) => {
                let id = self.pods.id(&it.namespace, &it.name);
                Held::renew(id.and_then(|id| self.pods.get_mut(id)), it, mark)
            }
            Fact::Workload(it) => {
                let of_kind = &mut self.workloads[it.kind as usize];
                Held::renew(of_kind.get_mut(&it.namespace, &it.name), it, mark)
            }
            Fact::Node(it) => Held::renew(self.nodes.get_mut(&it.name), it, mark),
            Fact::Webhook(it) => Held::renew(self.webhooks.get_mut(&it.name), it, mark),
            Fact::Budget(it) => {
                Held::renew(self.budgets.get_mut(&it.namespace, &it.name), it, mark)
            }
            Fact::KeyNames(it) => Held::renew(self.key_names.get_mut(&it.of), it, mark),
            Fact::Association(it) => Held::renew(self.associations.get_mut(&it.id), it, mark),
            Fact::Role(it) => Held::renew(self.roles.get_mut(&it.arn), it, mark),
            Fact::Provider(it) => Held::renew(self.providers.get_mut(&it.arn), it, mark),
            Fact::Addon(it) => Held::renew(self.addons.get_mut(&it.name), it, mark),
            Fact::Nodegroup(it) => Held::renew(self.nodegroups.get_mut(&it.name), it, mark),
        }
    }

    /// Keeps what an earlier, more detailed read of the same object told and this one does not: a row of ListRoles
    /// says nothing of policies, one of ListOpenIDConnectProviders nothing but the ARN.
    ///
    /// What came from the disk is never kept so, for it would look confirmed.
    pub(crate) fn enrich(&self, fact: &mut Fact) {
        match fact {
            Fact::Role(it) => {
                let old = self.roles.get(&it.arn).filter(|old| !old.mark.cached);
                // Another id is another role, created anew under the same name.
                if let Some(old) = old.map(|old| &old.fact).filter(|old| old.id == it.id) {
                    keep(&mut it.permissions_boundary, &old.permissions_boundary);
                    keep(&mut it.tags, &old.tags);
                    keep(&mut it.last_used, &old.last_used);
                    keep(&mut it.policies, &old.policies);
                }
            }
            Fact::Provider(it) => {
                let old = self.providers.get(&it.arn).filter(|old| !old.mark.cached);
                if let Some(old) = old {
                    keep(&mut it.detail, &old.fact.detail);
                }
            }
            Fact::Association(it) => {
                let old = self.associations.get(&it.id).filter(|old| !old.mark.cached);
                let same = |old: &&Held<_>| same_association(&old.fact, it);
                if let Some(old) = old.filter(same) {
                    keep(&mut it.detail, &old.fact.detail);
                }
            }
            Fact::ApiServer(_)
            | Fact::Namespace(_)
            | Fact::ServiceAccount(_)
            | Fact::Pod(_)
            | Fact::Workload(_)
            | Fact::Node(_)
            | Fact::Webhook(_)
            | Fact::Budget(_)
            | Fact::KeyNames(_)
            | Fact::Caller(_)
            | Fact::Cluster(_)
            | Fact::OtherClusters(_)
            | Fact::OtherAssociations(_)
            | Fact::IdentityProviders(_)
            | Fact::Addon(_)
            | Fact::Nodegroup(_) => {}
        }
    }

    /// Takes in a fact whose slot is empty.
    pub(crate) fn insert(&mut self, fact: Fact, mark: Mark) {
        match fact {
            Fact::ApiServer(fact) => self.api_server = Some(Held { fact, mark }),
            Fact::Caller(fact) => self.caller = Some(Held { fact, mark }),
            Fact::Cluster(fact) => self.cluster = Some(Held { fact, mark }),
            Fact::OtherClusters(fact) => self.other_clusters = Some(Held { fact, mark }),
            Fact::OtherAssociations(fact) => self.other_associations = Some(Held { fact, mark }),
            Fact::IdentityProviders(fact) => self.identity_providers = Some(Held { fact, mark }),
            Fact::Namespace(fact) => put(&mut self.namespaces, fact.name.clone(), fact, mark),
            Fact::ServiceAccount(fact) => {
                if let Some(role) = fact.role_arn().filter(|it| !it.is_empty()) {
                    let arn = Arn::new(role.clone());
                    self.roles.annotate(&fact.key, &arn);
                }
                if fact.annotation(ServiceAccount::AUDIENCE).is_some() {
                    self.own_audience.insert(fact.key.clone());
                }
                let key = fact.key.clone();
                self.seat_mut(&key).account = Some(Held { fact, mark });
            }
            Fact::Pod(fact) => self.insert_pod(Held { fact, mark }),
            Fact::Workload(fact) => self.insert_workload(Held { fact, mark }),
            Fact::Node(fact) => put(&mut self.nodes, fact.name.clone(), fact, mark),
            Fact::Webhook(fact) => put(&mut self.webhooks, fact.name.clone(), fact, mark),
            Fact::Budget(fact) => {
                let (namespace, name) = (fact.namespace.clone(), fact.name.clone());
                self.budgets.insert(&namespace, &name, Held { fact, mark });
            }
            Fact::KeyNames(fact) => put(&mut self.key_names, fact.of.clone(), fact, mark),
            Fact::Association(fact) => {
                self.roles.associate(&fact);
                let key = fact.service_account.clone();
                self.seat_mut(&key).associations.insert(fact.id.clone());
                self.renew_idle(&key);
                put(&mut self.associations, fact.id.clone(), fact, mark);
            }
            Fact::Role(fact) => self.roles.insert(Held { fact, mark }),
            Fact::Provider(fact) => {
                if let Some(account) = fact.arn.account() {
                    let urls = self.provider_urls.entry(account).or_default();
                    urls.link(fact.url.clone(), fact.arn.clone());
                }
                put(&mut self.providers, fact.arn.clone(), fact, mark);
            }
            Fact::Addon(fact) => put(&mut self.addons, fact.name.clone(), fact, mark),
            Fact::Nodegroup(fact) => put(&mut self.nodegroups, fact.name.clone(), fact, mark),
        }
    }

    /// Empties a slot.
    pub(crate) fn take(&mut self, slot: &Slot) {
        let of = match slot {
            Slot::ApiServer => return self.api_server = None,
            Slot::Caller => return self.caller = None,
            Slot::OtherClusters => return self.other_clusters = None,
            Slot::OtherAssociations => return self.other_associations = None,
            Slot::IdentityProviders => return self.identity_providers = None,
            Slot::Of(it) => it,
        };
        match of {
            Ref::Cluster => self.cluster = None,
            Ref::Namespace(it) => drop(self.namespaces.remove(it)),
            Ref::ServiceAccount(key) => self.take_account(key),
            Ref::Pod { namespace, name } => self.take_pod(namespace, name),
            Ref::Workload { kind, namespace, name } => self.take_workload(*kind, namespace, name),
            Ref::Node(it) => drop(self.nodes.remove(it)),
            Ref::Webhook(it) => drop(self.webhooks.remove(it)),
            Ref::Budget { namespace, name } => drop(self.budgets.remove(namespace, name)),
            Ref::ConfigMap { .. } | Ref::Secret { .. } => drop(self.key_names.remove(of)),
            Ref::Association(id) => {
                let Some(held) = self.associations.remove(id) else { return };
                self.roles.dissociate(&held.fact);
                let key = &held.fact.service_account;
                self.unseat(key, |seat| {
                    seat.associations.remove(id);
                });
            }
            Ref::Role(arn) => drop(self.roles.remove(arn)),
            Ref::Provider(arn) => {
                let Some(held) = self.providers.remove(arn) else { return };
                if let Some(urls) =
                    arn.account().and_then(|account| self.provider_urls.get_mut(&account))
                {
                    urls.unlink(&held.fact.url, arn);
                }
            }
            Ref::Addon(it) => drop(self.addons.remove(it)),
            Ref::Nodegroup(it) => drop(self.nodegroups.remove(it)),
        }
    }

    fn take_account(&mut self, key: &SaKey) {
        let seat = self.seats.get_mut(&key.namespace, &key.name);
        let Some(held) = seat.and_then(|it| it.account.take()) else { return };
        self.own_audience.remove(key);
        if let Some(role) = held.fact.role_arn().filter(|it| !it.is_empty()) {
            self.roles.unannotate(key, &Arn::new(role.clone()));
        }
        self.unseat(key, |_| {});
    }

    fn insert_pod(&mut self, held: Held<Pod>) {
        let id = self.pods.insert(held);
        // INVARIANT: the id is the one that was just given.
        let pod = self.pods.get(id).expect("the pod was just put there").fact.clone();
        let key = pod.service_account();
        self.seat_mut(&key).pods.insert(pod.name.clone(), id);
        self.renew_idle(&key);
        if let Some((kind, owner)) = owner_of(&pod) {
            let owned = self.owned[kind as usize].entry(&pod.namespace, owner);
            owned.pods.insert(pod.name.clone(), id);
        }
        if let Some(node) = &pod.node {
            self.by_node.link(node.clone(), id);
        }
        for object in env_objects(&pod.namespace, &pod.spec) {
            self.pod_readers.link(object, id);
        }
    }

    fn take_pod(&mut self, namespace: &str, name: &str) {
        let Some(id) = self.pods.id(namespace, name) else { return };
        let Some(Held { fact: pod, .. }) = self.pods.remove(id) else { return };
        self.unseat(&pod.service_account(), |seat| {
            seat.pods.remove(name);
        });
        if let Some((kind, owner)) = owner_of(&pod) {
            self.disown(kind, namespace, owner, |owned| {
                owned.pods.remove(name);
            });
        }
        if let Some(node) = &pod.node {
            self.by_node.unlink(node, &id);
        }
        for object in env_objects(&pod.namespace, &pod.spec) {
            self.pod_readers.unlink(&object, &id);
        }
        self.pods.release_spec(pod.spec);
        self.pods.release_labels(pod.labels);
    }

    fn insert_workload(&mut self, mut held: Held<Workload>) {
        let it = &mut held.fact;
        self.pods.share_spec(&mut it.template);
        self.pods.share_labels(&mut it.template_labels);
        self.pods.share_name(&mut it.namespace);
        let child = (it.kind, it.name.clone());
        let key = it.service_account();
        self.seat_mut(&key).workloads.insert(child.clone());
        self.renew_idle(&key);
        if let Some((kind, owner)) = parent_of(it) {
            let owned = self.owned[kind as usize].entry(&it.namespace, owner);
            owned.workloads.insert(child.clone());
        }
        for object in env_objects(&it.namespace, &it.template) {
            self.workload_readers.link(object, child.clone());
        }
        let (namespace, name) = (it.namespace.clone(), it.name.clone());
        self.workloads[it.kind as usize].insert(&namespace, &name, held);
    }

    fn take_workload(&mut self, kind: WorkloadKind, namespace: &str, name: &Text) {
        let Some(held) = self.workloads[kind as usize].remove(namespace, name) else {
            return;
        };
        let it = held.fact;
        let child = (kind, name.clone());
        let key = it.service_account();
        self.unseat(&key, |seat| {
            seat.workloads.remove(&child);
        });
        if let Some((kind, owner)) = parent_of(&it) {
            self.disown(kind, namespace, owner, |owned| {
                owned.workloads.remove(&child);
            });
        }
        for object in env_objects(&it.namespace, &it.template) {
            self.workload_readers.unlink(&object, &child);
        }
        self.pods.release_spec(it.template);
        self.pods.release_labels(it.template_labels);
    }

    fn seat_mut(&mut self, key: &SaKey) -> &mut Seat {
        if self.seats.get(&key.namespace, &key.name).is_none() {
            self.seats.insert(&key.namespace, &key.name, Seat::new(key.clone()));
            self.seat_names.link(key.name.clone(), key.namespace.clone());
        }
        self.seats.get_mut(&key.namespace, &key.name).expect("it was just put there")
    }

    /// Changes a seat and removes it when nobody sits there any more.
    fn unseat(&mut self, key: &SaKey, change: impl FnOnce(&mut Seat)) {
        let Some(seat) = self.seats.get_mut(&key.namespace, &key.name) else { return };
        change(seat);
        if seat.is_empty() {
            self.seats.remove(&key.namespace, &key.name);
            self.seat_names.unlink(&key.name, &key.namespace);
        }
        self.renew_idle(key);
    }

    fn disown(
        &mut self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Owned),
    ) {
        let of_kind = &mut self.owned[kind as usize];
        let Some(owned) = of_kind.get_mut(namespace, name) else { return };
        change(owned);
        if owned.pods.is_empty() && owned.workloads.is_empty() {
            of_kind.remove(namespace, name);
        }
    }
}

/// The pod's controller, where it is of a kind that the rules read.
pub fn owner_of(pod: &Pod) -> Option<(WorkloadKind, &Text)> {
    let owner = pod.owner.as_ref()?;
    Some((WorkloadKind::parse(&owner.kind)?, &owner.name))
}

/// The workload that made this one.
pub fn parent_of(workload: &Workload) -> Option<(WorkloadKind, &Text)> {
    let owner = workload.owner.as_ref()?;
    Some((WorkloadKind::parse(&owner.kind)?, &owner.name))
}

/// ConfigMaps and Secrets that become environment variables; one that is named twice comes twice.
pub fn env_objects(namespace: &Text, spec: &PodSpec) -> impl Iterator<Item = Ref> {
    spec.containers.iter().flat_map(|it| &it.env_from).map(|it| it.of.reference(namespace))
}

fn put<K: Ord, T>(table: &mut BTreeMap<K, Held<T>>, key: K, fact: T, mark: Mark) {
    table.insert(key, Held { fact, mark });
}

fn keep<T: Clone>(new: &mut Knowledge<T>, old: &Knowledge<T>) {
    match new {
        Knowledge::NotYet => *new = old.clone(),
        Knowledge::Known(_) | Knowledge::Absent | Knowledge::Denied(_) => {}
    }
}

fn same_association(a: &Association, b: &Association) -> bool {
    a.id == b.id && a.service_account == b.service_account
}
