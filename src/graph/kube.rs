//! Lookups on the cluster's side, and what the sources say of themselves.

use crate::{
    fact::{
        ApiServer, Budget, Knowledge, Namespace, Node, Pod, Scope, ServiceAccount, SourceState,
        Webhook, Workload,
    },
    graph::{
        Graph, Owned,
        pods::PodId,
        store::{owner_of, parent_of},
        table::{Held, following},
    },
    ident::{Ref, SaKey, Text, WorkloadKind},
};
use std::collections::BTreeSet;

/// A chain of owners is at most CronJob, Job, pod; more is a loop that somebody wrote by hand.
const MAX_OWNERS: usize = 4;

/// # Sources
impl Graph {
    pub fn source(&self, scope: &Scope) -> Option<&SourceState> {
        self.sources.get(scope)
    }

    /// Sorted.
    pub fn sources(&self) -> impl Iterator<Item = (&Scope, &SourceState)> {
        self.sources.iter()
    }

    /// Whether some scope is only painted from the disk.
    pub(crate) fn has_painted_scopes(&self) -> bool {
        0 < self.n_painted
    }

    pub fn api_server(&self) -> Option<&ApiServer> {
        self.api_server.as_ref().map(|it| &it.fact)
    }

    /// Whether a unit's own fact is held but only painted from the disk: show it, do not judge it.
    pub fn is_cached(&self, of: &Ref) -> bool {
        match of {
            Ref::Cluster => is_cached(self.cluster.as_ref()),
            Ref::Namespace(it) => is_cached(self.namespaces.get(it)),
            Ref::ServiceAccount(key) => {
                let seat = self.seats.get(&key.namespace, &key.name);
                is_cached(seat.and_then(|it| it.account.as_ref()))
            }
            Ref::Pod { namespace, name } => {
                is_cached(self.pods.id(namespace, name).and_then(|it| self.pods.get(it)))
            }
            Ref::Workload { kind, namespace, name } => {
                is_cached(self.workloads[*kind as usize].get(namespace, name))
            }
            Ref::Node(it) => is_cached(self.nodes.get(it)),
            Ref::Webhook(it) => is_cached(self.webhooks.get(it)),
            Ref::Budget { namespace, name } => is_cached(self.budgets.get(namespace, name)),
            Ref::ConfigMap { .. } | Ref::Secret { .. } => is_cached(self.key_names.get(of)),
            Ref::Association(it) => is_cached(self.associations.get(it)),
            Ref::Role(it) => is_cached(self.roles.get(it)),
            Ref::Provider(it) => is_cached(self.providers.get(it)),
            Ref::Addon(it) => is_cached(self.addons.get(it)),
            Ref::Nodegroup(it) => is_cached(self.nodegroups.get(it)),
        }
    }

    /// What may be concluded of an object: the fact, else what was said of it, else what `missing` says.
    pub(crate) fn look<'a, T: PartialEq>(
        &self,
        held: Option<&'a Held<T>>,
        of: impl FnOnce() -> Ref,
        missing: impl FnOnce() -> Knowledge<&'a T>,
    ) -> Knowledge<&'a T> {
        if let Some(it) = held.filter(|it| !it.mark.cached) {
            return Knowledge::Known(&it.fact);
        }
        let said = if self.said.is_empty() { None } else { self.said.get(&of()) };
        let missing = if held.is_some() { Knowledge::NotYet } else { missing() };
        match said {
            Some(Knowledge::Absent) => Knowledge::Absent,
            Some(Knowledge::NotYet) => Knowledge::NotYet,
            // A complete list knows better than a refusal to read one object.
            Some(Knowledge::Denied(it)) if missing != Knowledge::Absent => {
                Knowledge::Denied(it.clone())
            }
            Some(Knowledge::Known(()) | Knowledge::Denied(_)) | None => missing,
        }
    }
}

/// # Kubernetes
impl Graph {
    /// `Absent` only when the namespaces were listed completely.
    pub fn namespace(&self, name: &str) -> Knowledge<&Namespace> {
        let of = || Ref::Namespace(name.into());
        self.look(self.namespaces.get(name), of, || self.missing(&Scope::Namespaces))
    }

    /// Sorted.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.values().map(|it| &it.fact)
    }

    pub fn service_account(&self, key: &SaKey) -> Knowledge<&ServiceAccount> {
        let seat = self.seats.get(&key.namespace, &key.name);
        let of = || Ref::ServiceAccount(key.clone());
        self.look(seat.and_then(|it| it.account.as_ref()), of, || {
            self.missing(&Scope::ServiceAccounts { namespace: Some(key.namespace.clone()) })
        })
    }

    /// Those that exist. Sorted.
    pub fn service_accounts(&self) -> impl Iterator<Item = &ServiceAccount> {
        self.seats.iter().filter_map(|it| it.account.as_ref()).map(|it| &it.fact)
    }

    /// Those that have the annotation for another audience than the usual one. Sorted.
    pub fn with_own_audience(&self) -> impl Iterator<Item = &SaKey> {
        self.own_audience.iter()
    }

    /// Every ServiceAccount that exists or that a pod, a template or an association of this cluster names. Sorted.
    pub fn identities(&self) -> impl Iterator<Item = &SaKey> {
        self.seats.iter().map(|it| &it.key)
    }

    /// As `identities`, those that follow this one; all for `None`.
    pub fn identities_after<'a>(
        &'a self,
        key: Option<&SaKey>,
    ) -> impl Iterator<Item = &'a SaKey> + use<'a> {
        self.seats.after(key.map(|it| (&*it.namespace, &*it.name))).map(|it| &it.key)
    }

    /// As `identities`, of one namespace.
    pub fn identities_in<'a>(
        &'a self,
        namespace: &str,
    ) -> impl Iterator<Item = &'a SaKey> + use<'a> {
        self.seats.iter_in(Some(namespace)).map(|it| &it.key)
    }

    /// As `identities`, of one name in any namespace.
    pub fn identities_named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a SaKey> + use<'a> {
        let seats = self.seat_names.of(name).filter_map(move |it| self.seats.get(it, name));
        seats.map(|it| &it.key)
    }

    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pod_at(self.pods.id(namespace, name)?)
    }

    /// Sorted.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.held().map(|it| &it.fact)
    }

    /// How many pods are held.
    pub fn n_pods(&self) -> usize {
        self.pods.len()
    }

    /// How many different pod specs are held; pods and templates that equal each other share one.
    pub fn n_specs(&self) -> usize {
        self.pods.n_specs()
    }

    /// Sorted.
    pub fn pods_of<'a>(&'a self, key: &SaKey) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let seat = self.seats.get(&key.namespace, &key.name);
        let ids = seat.into_iter().flat_map(|it| it.pods.values());
        ids.filter_map(|it| self.pod_at(*it))
    }

    /// Sorted.
    pub fn pods_on<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let mut res: Vec<&Pod> = self.by_node.of(node).filter_map(|it| self.pod_at(*it)).collect();
        res.sort_unstable_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        res.into_iter()
    }

    pub fn workload(&self, kind: WorkloadKind, namespace: &str, name: &str) -> Option<&Workload> {
        self.workloads[kind as usize].get(namespace, name).map(|it| &it.fact)
    }

    /// Sorted by kind, namespace and name.
    pub fn workloads(&self) -> impl Iterator<Item = &Workload> {
        self.workloads.iter().flat_map(|it| it.iter()).map(|it| &it.fact)
    }

    /// Those whose template names the ServiceAccount. A ReplicaSet with a known Deployment is left out, and so is
    /// whatever else has a known owner.
    pub fn workloads_of<'a>(&'a self, key: &SaKey) -> impl Iterator<Item = &'a Workload> + use<'a> {
        self.templates_of(key).filter(|it| self.parent(it).is_none())
    }

    /// Every workload whose template names the ServiceAccount, those that another one made included.
    pub fn templates_of<'a>(&'a self, key: &SaKey) -> impl Iterator<Item = &'a Workload> + use<'a> {
        let seat = self.seats.get(&key.namespace, &key.name);
        seat.into_iter().flat_map(|seat| {
            let namespace = &seat.key.namespace;
            seat.workloads.iter().filter_map(|(kind, name)| self.workload(*kind, namespace, name))
        })
    }

    /// The workload that made this one, where it is known.
    pub fn parent(&self, workload: &Workload) -> Option<&Workload> {
        let (kind, name) = parent_of(workload)?;
        self.workload(kind, &workload.namespace, name)
    }

    /// The outermost known owner: the Deployment of a pod's ReplicaSet, the CronJob of its Job.
    pub fn root_owner(&self, pod: &Pod) -> Option<&Workload> {
        let mut res = None;
        let mut next = owner_of(pod);
        for _ in 0..MAX_OWNERS {
            let Some((kind, name)) = next else { break };
            let Some(it) = self.workload(kind, &pod.namespace, name) else { break };
            res = Some(it);
            next = parent_of(it);
        }
        res
    }

    /// Those of its ReplicaSets or Jobs included. Sorted.
    pub fn pods_of_workload(&self, kind: WorkloadKind, namespace: &str, name: &str) -> Vec<&Pod> {
        let mut ids = BTreeSet::new();
        self.collect_owned((kind, name), namespace, MAX_OWNERS, &mut ids);
        let mut res: Vec<&Pod> = ids.into_iter().filter_map(|it| self.pod_at(it)).collect();
        res.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        res
    }

    pub fn node(&self, name: &str) -> Knowledge<&Node> {
        let of = || Ref::Node(name.into());
        self.look(self.nodes.get(name), of, || self.missing(&Scope::Nodes))
    }

    /// Sorted.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(|it| &it.fact)
    }

    /// Names of nodes that follow this one; all for `None`.
    pub(crate) fn nodes_after<'a>(
        &'a self,
        last: Option<&Text>,
    ) -> impl Iterator<Item = &'a Text> + use<'a> {
        self.nodes.range::<Text, _>(following(last)).map(|(it, _)| it)
    }

    /// The configuration named `pod-identity-webhook`.
    pub fn webhook(&self) -> Knowledge<&Webhook> {
        let of = || Ref::Webhook(Webhook::POD_IDENTITY.into());
        let held = self.webhooks.get(Webhook::POD_IDENTITY);
        self.look(held, of, || self.missing(&Scope::Webhooks))
    }

    /// Every configuration that concerns pods. Sorted by name.
    pub fn webhooks(&self) -> impl Iterator<Item = &Webhook> {
        self.webhooks.values().map(|it| &it.fact)
    }

    /// The PodDisruptionBudgets that select its pods, or those that it would make. Sorted by name. `Absent` never.
    pub fn budgets_of(&self, workload: &Workload) -> Knowledge<Vec<&Budget>> {
        let namespace = &workload.namespace;
        let pods = self.pods_of_workload(workload.kind, namespace, &workload.name);
        let selects = |it: &&Budget| {
            let Some(selector) = &it.selector else { return false };
            selector.selects(&workload.template_labels)
                || pods.iter().any(|pod| selector.selects(&pod.labels))
        };
        self.listed(&Scope::Budgets { namespace: Some(namespace.clone()) }).map(|()| {
            self.budgets.iter_in(Some(namespace)).map(|it| &it.fact).filter(selects).collect()
        })
    }

    /// Of one namespace, or all. Sorted.
    pub fn budgets<'a>(
        &'a self,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &'a Budget> + use<'a> {
        self.budgets.iter_in(namespace).map(|it| &it.fact)
    }

    /// Key names of a ConfigMap or Secret that an `envFrom` names.
    pub fn key_names(&self, of: &Ref) -> Knowledge<Vec<Text>> {
        let held = self.look(self.key_names.get(of), || of.clone(), || Knowledge::NotYet);
        match held {
            Knowledge::Known(it) => it.keys.clone(),
            Knowledge::Absent => Knowledge::Absent,
            Knowledge::Denied(it) => Knowledge::Denied(it),
            Knowledge::NotYet => Knowledge::NotYet,
        }
    }

    /// Whether everything that could run as a ServiceAccount of the namespace was listed.
    pub fn lists_users(&self, namespace: &Text) -> bool {
        let namespace = || Some(namespace.clone());
        let workloads =
            WorkloadKind::ALL.map(|kind| Scope::Workloads { kind, namespace: namespace() });
        let pods = Scope::Pods { namespace: namespace() };
        std::iter::once(pods).chain(workloads).all(|it| self.listed(&it).is_known())
    }

    fn pod_at(&self, id: PodId) -> Option<&Pod> {
        self.pods.get(id).map(|it| &it.fact)
    }

    fn collect_owned(
        &self,
        (kind, name): (WorkloadKind, &str),
        namespace: &str,
        depth: usize,
        acc: &mut BTreeSet<PodId>,
    ) {
        let owned = self.owned[kind as usize].get(namespace, name);
        let Some(Owned { pods, workloads }) = owned.filter(|_| depth != 0) else { return };
        acc.extend(pods.values());
        for (kind, name) in workloads {
            self.collect_owned((*kind, name), namespace, depth - 1, acc);
        }
    }
}

fn is_cached<T>(held: Option<&Held<T>>) -> bool {
    held.is_some_and(|it| it.mark.cached)
}
