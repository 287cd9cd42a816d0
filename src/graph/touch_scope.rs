//! Which units the state of a whole scope concerns: those that lead to something which is not held, for that is absent,
//! refused or not read by the scope's word; and those whose facts are painted or confirmed by it.

use crate::{
    fact::{Scope, Webhook},
    graph::{
        Graph,
        scope::namespace_of,
        touch::{Touched, is_agents_namespace},
        wide::Wide,
    },
    ident::{AccountId, Ref, Text, WorkloadKind},
};

impl Graph {
    /// The facts of a scope were confirmed, or turned out to be only painted.
    pub(crate) fn touch_painted(&self, scope: &Scope, acc: &mut Touched) {
        if let Scope::Budgets { .. } = scope {
            return;
        }
        if let Scope::Roles { account } = scope
            && let Some(account) = AccountId::parse(account)
        {
            // What is painted settles nothing.
            acc.wants.extend(self.roles.named_in(&account).cloned().map(Ref::Role));
        }
        let Some(namespace) = namespace_of(scope) else { return self.touch_everything(acc) };
        for seat in self.seats.iter_in(Some(namespace)) {
            self.touch_account(&seat.key, acc);
            // What is declared here may only now be judged by, or no longer.
            if seat.account.as_ref().is_some_and(|it| it.fact.role_arn().is_some()) {
                self.touch_namesakes(&seat.key.name, acc);
            }
        }
        if is_agents_namespace(namespace) {
            self.touch_nodes(acc);
        }
    }

    /// What is not there may mean something else from now on.
    pub(crate) fn touch_missing(&self, scope: &Scope, acc: &mut Touched) {
        let known = match scope {
            Scope::ApiServer => self.api_server.is_some(),
            Scope::Caller => self.caller.is_some(),
            Scope::Cluster => self.cluster.is_some(),
            Scope::OtherClusters => self.other_clusters.is_some(),
            // Only what is known of them is read.
            Scope::OtherAssociations => true,
            Scope::IdentityProviders => {
                self.touch_own_providers(acc);
                true
            }
            Scope::Webhooks => self.webhooks.contains_key(Webhook::POD_IDENTITY),
            // Nothing is judged by them.
            Scope::Budgets { .. } => true,
            // Rules ask for them by names that nothing here refers to.
            Scope::Addons | Scope::Nodegroups => false,
            Scope::Namespaces => {
                for seat in self.seats.iter() {
                    if !self.namespaces.contains_key(&seat.key.namespace) {
                        self.touch_identity(&seat.key, acc);
                    }
                }
                for (key, role) in self.roles.subjects(None) {
                    if !self.namespaces.contains_key(&key.namespace) {
                        self.touch_one_role(role, acc);
                    }
                }
                true
            }
            Scope::ServiceAccounts { namespace } => {
                self.touch_missing_accounts(namespace.as_ref(), acc);
                true
            }
            Scope::Pods { namespace } | Scope::Workloads { namespace, .. } => {
                for seat in self.seats.iter_in(namespace.as_deref()) {
                    acc.refs.insert(Ref::ServiceAccount(seat.key.clone()));
                    acc.refs.extend(seat.associations.iter().cloned().map(Ref::Association));
                    // What an association that nobody uses may be meant for.
                    if !seat.associations.is_empty() {
                        self.touch_lookalikes(&seat.key, acc);
                    }
                }
                if namespace.as_deref().is_none_or(is_agents_namespace) {
                    self.touch_nodes(acc);
                }
                if let Scope::Workloads { kind, .. } = scope {
                    self.touch_ownerless(*kind, namespace.as_deref(), acc);
                }
                true
            }
            Scope::Nodes => {
                for (node, id) in self.by_node.iter() {
                    if !self.nodes.contains_key(node) {
                        acc.pods.push(*id);
                    }
                }
                true
            }
            Scope::Associations => {
                for seat in self.seats.iter().filter(|it| it.associations.is_empty()) {
                    self.touch_identity(&seat.key, acc);
                }
                // Roles that nothing uses, as far as associations tell.
                for (_, role) in self.roles.subjects(None) {
                    self.touch_one_role(role, acc);
                }
                acc.refs.extend(self.expected_providers().map(Ref::Provider));
                true
            }
            Scope::Roles { account } => {
                self.touch_missing_roles(account, acc);
                true
            }
            Scope::Providers { account } => {
                self.touch_missing_providers(account, acc);
                true
            }
        };
        if !known {
            self.touch_everything(acc);
        }
    }

    fn touch_missing_accounts(&self, namespace: Option<&Text>, acc: &mut Touched) {
        let seats = self.seats.iter_in(namespace.map(|it| &**it));
        for seat in seats.filter(|it| it.account.is_none()) {
            self.touch_identity(&seat.key, acc);
        }
        for (key, role) in self.roles.subjects(namespace) {
            let seat = self.seats.get(&key.namespace, &key.name);
            if seat.is_none_or(|it| it.account.is_none()) {
                self.touch_one_role(role, acc);
            }
        }
    }

    fn touch_missing_roles(&self, account: &Text, acc: &mut Touched) {
        acc.wants.extend(self.node_roles().cloned().map(Ref::Role));
        let Some(account) = AccountId::parse(account) else { return };
        for role in self.roles.named_in(&account) {
            // Whether policies are worth asking for depends on the scope too.
            acc.wants.insert(Ref::Role(role.clone()));
            if self.roles.get(role).is_none() {
                self.touch_users(role, acc);
            }
        }
        self.touch_expected(&account, acc);
    }

    fn touch_missing_providers(&self, account: &Text, acc: &mut Touched) {
        for (provider, role) in self.roles.trusted() {
            let here = provider.account().is_some_and(|it| it.as_str() == &**account);
            if here && !self.providers.contains_key(provider) {
                self.touch_one_role(role, acc);
            }
        }
        let Some(account) = AccountId::parse(account) else { return };
        self.touch_expected(&account, acc);
        acc.wide.insert(Wide::RolesOf(account));
    }

    /// Pods that name an owner which is not there, or not there yet.
    fn touch_ownerless(&self, kind: WorkloadKind, namespace: Option<&str>, acc: &mut Touched) {
        for (namespace, name, owned) in self.owned[kind as usize].named(namespace) {
            if self.workloads[kind as usize].get(namespace, name).is_none() {
                acc.pods.extend(owned.pods.values());
            }
        }
    }

    fn touch_nodes(&self, acc: &mut Touched) {
        acc.refs.extend(self.nodes.keys().cloned().map(Ref::Node));
    }
}
