//! Which units a change of a role or an OIDC provider concerns.

use crate::{
    fact::Cluster,
    graph::{Graph, touch::Touched, wide::Wide},
    ident::{AccountId, Arn, Ref},
};

impl Graph {
    /// Units that read a role, or would: those that name it, or that name one it could be mistaken for.
    pub(crate) fn touch_role(&self, arn: &Arn, acc: &mut Touched) {
        if self.is_node_role(arn) {
            self.touch_everything(acc);
        }
        acc.wants.insert(Ref::Role(arn.clone()));
        self.touch_users(arn, acc);
        for alike in self.roles.named_alike(arn) {
            self.touch_users(alike, acc);
        }
    }

    /// Units that read whether a role is there and whom it trusts: those that its trust policy names, and the provider
    /// that its account should have.
    pub(crate) fn touch_trust(&self, arn: &Arn, acc: &mut Touched) {
        self.touch_expected_of(arn, acc);
        let Some(naming) = self.roles.trust_of(arn) else { return };
        for key in &naming.subjects {
            self.touch_identity(key, acc);
        }
        for provider in &naming.providers {
            self.touch_one_provider(provider, acc);
        }
    }

    /// A role's unit and those of whoever names it.
    pub(crate) fn touch_users(&self, arn: &Arn, acc: &mut Touched) {
        self.touch_one_role(arn, acc);
        if self.roles.is_named(arn) {
            acc.wide.insert(Wide::UsersOf(arn.clone()));
        }
    }

    pub(crate) fn touch_provider(&self, arn: &Arn, acc: &mut Touched) {
        acc.refs.insert(Ref::Cluster);
        self.touch_one_provider(arn, acc);
        for role in self.roles.trusting(arn) {
            self.touch_one_role(role, acc);
        }
        let Some(account) = arn.account() else { return };
        self.touch_expected(&account, acc);
        acc.wide.insert(Wide::RolesOf(account));
    }

    /// The provider that the account of a role should have, for it counts the roles that need it.
    pub(crate) fn touch_expected_of(&self, role: &Arn, acc: &mut Touched) {
        if let Some(account) = role.account() {
            self.touch_expected(&account, acc);
        }
    }

    pub(crate) fn touch_one_role(&self, arn: &Arn, acc: &mut Touched) {
        acc.wants.insert(Ref::Role(arn.clone()));
        if self.roles.get(arn).is_some() || self.roles.is_named(arn) {
            acc.refs.insert(Ref::Role(arn.clone()));
        }
    }

    fn touch_one_provider(&self, arn: &Arn, acc: &mut Touched) {
        let expected = || {
            let account = arn.account().filter(|it| self.roles.names_account(it));
            account.and_then(|it| self.expected_provider(&it)).is_some_and(|it| it == *arn)
        };
        if self.providers.contains_key(arn) || expected() {
            acc.refs.insert(Ref::Provider(arn.clone()));
        }
    }

    pub(crate) fn touch_expected(&self, account: &AccountId, acc: &mut Touched) {
        let Some(arn) = self.expected_provider(account) else { return };
        acc.wants.insert(Ref::Provider(arn.clone()));
        if self.roles.names_account(account) || self.providers.contains_key(&arn) {
            acc.refs.insert(Ref::Provider(arn));
        }
    }

    pub(crate) fn is_node_role(&self, arn: &Arn) -> bool {
        self.node_roles().any(|it| it == arn)
    }

    /// The roles of node groups and of Auto Mode.
    pub(crate) fn node_roles(&self) -> impl Iterator<Item = &Arn> {
        let cluster: Option<&Cluster> = self.cluster.as_ref().map(|it| &it.fact);
        let auto = cluster.and_then(|it| it.node_role.as_ref());
        let groups = self.nodegroups.values().filter_map(|it| it.fact.node_role.as_ref());
        auto.into_iter().chain(groups)
    }
}
