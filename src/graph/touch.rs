//! Which units a change concerns: everything that a rule may read when it judges a unit, turned round.
//!
//! Asked before and after the change, because a change moves what depends on it. Over-approximates, never misses.

use crate::{
    fact::{Knowledge, Pod, PodSpec},
    graph::{
        Graph, Seat,
        pods::PodId,
        roles::roles_of,
        slot::Slot,
        store::{env_objects, owner_of, parent_of},
        wide::Wide,
    },
    ident::{Arn, Ref, SaKey, Text, WorkloadKind},
};
use std::collections::{BTreeSet, HashSet};

/// Units gathered while a change is carried out.
#[derive(Debug, Default)]
pub struct Touched {
    /// What is counted out only when its turn comes. With `Everything` the rest names only units that are gone.
    pub wide: BTreeSet<Wide>,
    pub refs: HashSet<Ref>,
    /// ServiceAccounts with their pods, workloads and associations, which are counted out only when somebody asks.
    pub whole: HashSet<SaKey>,
    /// Pods by id, since they are many; an id whose pod was removed is also in `refs`.
    pub pods: Vec<PodId>,
    /// Objects that may have become wanted or no longer are.
    pub wants: HashSet<Ref>,
}

/// A chain of owners is at most CronJob, Job, pod; more is a loop that somebody wrote by hand.
const MAX_OWNERS: usize = 4;

impl Graph {
    /// Units that read what is held, or known to be missing, in this slot.
    pub(crate) fn touch(&self, slot: &Slot, acc: &mut Touched) {
        let of = match slot {
            Slot::ApiServer | Slot::Caller | Slot::OtherClusters => {
                return self.touch_everything(acc);
            }
            Slot::OtherAssociations => return self.touch_associated_elsewhere(acc),
            Slot::IdentityProviders => return self.touch_own_providers(acc),
            Slot::Of(it) => it,
        };
        match of {
            Ref::Cluster | Ref::Webhook(_) | Ref::Addon(_) | Ref::Nodegroup(_) => {
                self.touch_everything(acc);
            }
            Ref::Namespace(it) => {
                acc.wide.insert(Wide::Namespace(it.clone()));
                // Roles that trust somebody in it, whether it is there or not.
                for (_, role) in self.roles.subjects(Some(it)) {
                    self.touch_one_role(role, acc);
                }
            }
            Ref::ServiceAccount(key) => self.touch_account(key, acc),
            Ref::Pod { namespace, name } => self.touch_pod(namespace, name, acc),
            Ref::Workload { kind, namespace, name } => {
                self.touch_workload(*kind, namespace, name, acc);
            }
            Ref::Node(it) => {
                self.touch_node(it, acc);
                acc.pods.extend(self.by_node.of(it));
            }
            Ref::ConfigMap { namespace, .. } | Ref::Secret { namespace, .. } => {
                acc.wants.insert(of.clone());
                // Which of them are refused is told of the cluster.
                acc.refs.insert(Ref::Cluster);
                self.touch_readers(of, namespace, acc);
            }
            // Nothing is judged by it: it is looked at when a restart is planned.
            Ref::Budget { .. } => {}
            Ref::Association(id) => self.touch_association(id, acc),
            Ref::Role(arn) => {
                // Whether anything is brand new is asked of the cluster.
                acc.refs.insert(Ref::Cluster);
                self.touch_role(arn, acc);
                self.touch_trust(arn, acc);
            }
            Ref::Provider(arn) => self.touch_provider(arn, acc),
        }
    }

    /// The ServiceAccounts that have an association in another cluster.
    pub(crate) fn touch_associated_elsewhere(&self, acc: &mut Touched) {
        let all = self.other_associations.iter().flat_map(|it| it.fact.iter());
        all.for_each(|it| self.touch_identity(&it.service_account, acc));
    }

    /// The providers that the cluster's tokens need, there or not.
    pub(crate) fn touch_own_providers(&self, acc: &mut Touched) {
        acc.refs.extend(self.expected_providers().map(Ref::Provider));
    }

    pub(crate) fn touch_everything(&self, acc: &mut Touched) {
        acc.wide.insert(Wide::Everything);
        self.touch_wanted(acc);
        acc.refs.insert(Ref::Cluster);
        acc.refs.extend(self.providers.keys().cloned().map(Ref::Provider));
        // Their names follow from the cluster, which may be what changes.
        acc.refs.extend(self.expected_providers().map(Ref::Provider));
    }

    /// ServiceAccounts of this name in every namespace: one that declares an identity explains one that is missing.
    pub(crate) fn touch_namesakes(&self, name: &Text, acc: &mut Touched) {
        for namespace in self.seat_names.of(name) {
            self.touch_identity(&SaKey::new(namespace.clone(), name.clone()), acc);
        }
    }

    /// A ServiceAccount with everything that is judged by what it declares.
    pub(crate) fn touch_identity(&self, key: &SaKey, acc: &mut Touched) {
        if let Some(seat) = self.seats.get(&key.namespace, &key.name) {
            self.touch_seat(seat, acc);
        }
    }

    pub(in crate::graph) fn touch_seat(&self, seat: &Seat, acc: &mut Touched) {
        // A pod, workload or association that leaves it with this change is touched by itself.
        acc.whole.insert(seat.key.clone());
        self.touch_idle(&seat.key, acc);
    }

    /// Those that look at their neighbours: whoever runs as `default` was meant for a ServiceAccount of the namespace
    /// that declares an identity and that nobody uses.
    fn touch_beside(&self, key: &SaKey, acc: &mut Touched) {
        if &*key.name != "default" {
            let seat = self.seats.get(&key.namespace, "default");
            acc.refs.extend(seat.map(|it| Ref::ServiceAccount(it.key.clone())));
            return;
        }
        for seat in self.seats.iter_in(Some(&key.namespace)) {
            touch_annotated(seat, acc);
        }
    }

    /// ServiceAccounts of the same name elsewhere that declare an identity: who names one that is missing was meant for
    /// one of them, and so is not whoever runs as `default` there.
    fn touch_sought(&self, key: &SaKey, acc: &mut Touched) {
        if &*key.name == "default" {
            return;
        }
        for namespace in self.seat_names.of(&key.name).filter(|it| **it != key.namespace) {
            let Some(seat) = self.seats.get(namespace, &key.name) else { continue };
            touch_annotated(seat, acc);
            let default = self.seats.get(namespace, "default");
            acc.refs.extend(default.map(|it| Ref::ServiceAccount(it.key.clone())));
        }
    }

    pub(crate) fn touch_account(&self, key: &SaKey, acc: &mut Touched) {
        self.touch_identity(key, acc);
        self.touch_beside(key, acc);
        self.touch_sought(key, acc);
        for arn in self.roles.naming(key) {
            self.touch_one_role(arn, acc);
        }
        let seat = self.seats.get(&key.namespace, &key.name);
        let held = seat.and_then(|it| it.account.as_ref());
        if let Some(role) = held.and_then(|it| it.fact.role_arn()).filter(|it| !it.is_empty()) {
            let role = Arn::new(role.clone());
            self.touch_one_role(&role, acc);
            self.touch_expected_of(&role, acc);
            // Which roles are named at all is asked of the cluster.
            acc.refs.insert(Ref::Cluster);
        }
    }

    fn touch_pod(&self, namespace: &str, name: &str, acc: &mut Touched) {
        let Some(id) = self.pods.id(namespace, name) else { return };
        let Some(held) = self.pods.get(id) else { return };
        let pod = &held.fact;
        let key = pod.service_account();
        self.touch_pod_alone(id, acc);
        self.touch_use(&key, acc);
        // Its first pod comes, or its last one goes.
        let seat = self.seats.get(&key.namespace, &key.name);
        if seat.is_some_and(|it| it.pods.len() <= 1) {
            self.touch_beside(&key, acc);
        }
        self.touch_env_objects(&pod.namespace, &pod.spec, acc);
    }

    /// What somebody reads variables from, and the cluster where that is refused.
    fn touch_env_objects(&self, namespace: &Text, spec: &PodSpec, acc: &mut Touched) {
        for it in env_objects(namespace, spec) {
            if matches!(self.key_names(&it), Knowledge::Denied(_)) {
                acc.refs.insert(Ref::Cluster);
            }
            acc.wants.insert(it);
        }
    }

    /// Units that read whether somebody uses a ServiceAccount.
    fn touch_use(&self, key: &SaKey, acc: &mut Touched) {
        acc.refs.insert(Ref::ServiceAccount(key.clone()));
        if let Some(seat) = self.seats.get(&key.namespace, &key.name) {
            acc.refs.extend(seat.associations.iter().cloned().map(Ref::Association));
        }
        self.touch_idle(key, acc);
        self.touch_lookalikes(key, acc);
    }

    /// Units that read how a pod is doing: its own, its owners', its node's; of an agent those of the pods beside it.
    pub(crate) fn touch_pod_alone(&self, id: PodId, acc: &mut Touched) {
        let Some(held) = self.pods.get(id) else { return };
        let pod = &held.fact;
        acc.pods.push(id);
        if let Some((kind, owner)) = owner_of(pod) {
            self.touch_owners(kind, &pod.namespace, owner, acc);
        }
        let Some(node) = &pod.node else { return };
        self.touch_node(node, acc);
        if is_agent_pod(pod) {
            acc.pods.extend(self.by_node.of(node));
            acc.refs.insert(Ref::Cluster);
        }
    }

    fn touch_workload(&self, kind: WorkloadKind, namespace: &Text, name: &Text, acc: &mut Touched) {
        if is_agent(kind, namespace, name) {
            self.touch_everything(acc);
        }
        if let Some(held) = self.workloads[kind as usize].get(namespace, name) {
            let key = held.fact.service_account();
            self.touch_use(&key, acc);
            let seat = self.seats.get(&key.namespace, &key.name);
            if seat.is_some_and(|it| it.workloads.len() <= 1) {
                self.touch_beside(&key, acc);
                self.touch_sought(&key, acc);
            }
            self.touch_env_objects(namespace, &held.fact.template, acc);
        }
        self.touch_owners(kind, namespace, name, acc);
        self.touch_owned(kind, namespace, name, MAX_OWNERS, acc);
    }

    /// This workload and those that made it.
    fn touch_owners(&self, kind: WorkloadKind, namespace: &Text, name: &Text, acc: &mut Touched) {
        let mut next = Some((kind, name));
        for _ in 0..MAX_OWNERS {
            let Some((kind, name)) = next else { return };
            let Some(held) = self.workloads[kind as usize].get(namespace, name) else { return };
            self.touch_one_workload(kind, namespace, name, acc);
            next = parent_of(&held.fact);
        }
    }

    /// What this workload made, all the way down to its pods.
    fn touch_owned(
        &self,
        kind: WorkloadKind,
        namespace: &Text,
        name: &Text,
        depth: usize,
        acc: &mut Touched,
    ) {
        let owned = self.owned[kind as usize].get(namespace, name);
        let Some(owned) = owned.filter(|_| depth != 0) else { return };
        for id in owned.pods.values() {
            acc.pods.push(*id);
            if let Some(held) = self.pods.get(*id) {
                acc.refs.insert(Ref::ServiceAccount(held.fact.service_account()));
            }
        }
        for (kind, name) in &owned.workloads {
            self.touch_one_workload(*kind, namespace, name, acc);
            if let Some(held) = self.workloads[*kind as usize].get(namespace, name) {
                let key = held.fact.service_account();
                self.touch_idle(&key, acc);
                acc.refs.insert(Ref::ServiceAccount(key));
            }
            self.touch_owned(*kind, namespace, name, depth - 1, acc);
        }
    }

    fn touch_readers(&self, object: &Ref, namespace: &Text, acc: &mut Touched) {
        for id in self.pod_readers.of(object) {
            acc.pods.push(*id);
            if let Some(held) = self.pods.get(*id) {
                acc.refs.insert(Ref::ServiceAccount(held.fact.service_account()));
            }
        }
        for (kind, name) in self.workload_readers.of(object) {
            let Some(held) = self.workloads[*kind as usize].get(namespace, name) else { continue };
            self.touch_identity(&held.fact.service_account(), acc);
        }
    }

    fn touch_association(&self, id: &Text, acc: &mut Touched) {
        let Some(held) = self.associations.get(id) else { return };
        let key = &held.fact.service_account;
        acc.refs.insert(Ref::Cluster);
        acc.refs.insert(Ref::Association(id.clone()));
        self.touch_identity(key, acc);
        self.touch_beside(key, acc);
        self.touch_namesakes(&key.name, acc);
        self.touch_lookalikes(key, acc);
        // Those that trust somebody who has no identity so far.
        for arn in self.roles.naming(key) {
            self.touch_one_role(arn, acc);
        }
        for arn in roles_of(&held.fact) {
            self.touch_one_role(arn, acc);
            self.touch_expected_of(arn, acc);
        }
        let seat = self.seats.get(&key.namespace, &key.name);
        // Whether its pods need the agent of their nodes.
        for id in seat.into_iter().flat_map(|it| it.pods.values()) {
            if let Some(node) = self.pods.get(*id).and_then(|it| it.fact.node.as_ref()) {
                self.touch_node(node, acc);
            }
        }
        // Where there is an association the annotation needs no provider.
        let account = seat.and_then(|it| it.account.as_ref());
        if let Some(role) = account.and_then(|it| it.fact.role_arn()) {
            self.touch_expected_of(&Arn::new(role.clone()), acc);
        }
    }

    fn touch_node(&self, node: &Text, acc: &mut Touched) {
        if self.nodes.contains_key(node) {
            acc.refs.insert(Ref::Node(node.clone()));
        }
    }

    fn touch_one_workload(
        &self,
        kind: WorkloadKind,
        namespace: &Text,
        name: &Text,
        acc: &mut Touched,
    ) {
        if self.workloads[kind as usize].get(namespace, name).is_some() {
            let (namespace, name) = (namespace.clone(), name.clone());
            acc.refs.insert(Ref::Workload { kind, namespace, name });
        }
    }
}

fn touch_annotated(seat: &Seat, acc: &mut Touched) {
    if seat.account.as_ref().is_some_and(|it| it.fact.role_arn().is_some()) {
        acc.refs.insert(Ref::ServiceAccount(seat.key.clone()));
    }
}

/// The DaemonSet of the EKS Pod Identity agent, hybrid nodes' included.
fn is_agent(kind: WorkloadKind, namespace: &str, name: &str) -> bool {
    kind == WorkloadKind::DaemonSet
        && is_agents_namespace(namespace)
        && name.starts_with("eks-pod-identity-agent")
}

pub fn is_agents_namespace(namespace: &str) -> bool {
    namespace == "kube-system"
}

fn is_agent_pod(pod: &Pod) -> bool {
    owner_of(pod).is_some_and(|(kind, name)| is_agent(kind, &pod.namespace, name))
}
