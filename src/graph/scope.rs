//! What a scope's state means for what is not there: whether a missing fact is absent, refused or merely not read.

use crate::{
    fact::{Denied, Knowledge, Scope, SourceState},
    graph::Graph,
    ident::{Arn, Text},
};

/// A source state as far as lookups can tell states apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// Nobody said anything of this scope.
    Unasked,
    /// The first complete answer is under way.
    Waiting,
    /// As `Waiting`, and what is held is from the disk.
    Cached,
    /// What is not held does not exist, as last known.
    Complete,
    /// The list is not complete and will not be soon: objects may still be asked for one by one.
    Partial,
    /// Neither lists nor single objects can be read until somebody logs in.
    Expired,
    /// The list was refused; single objects may be allowed.
    Denied(&'a Denied),
    /// Not asked for.
    Off(&'a Text),
}

impl<'a> Reading<'a> {
    pub fn of(state: Option<&'a SourceState>) -> Reading<'a> {
        match state {
            None => Reading::Unasked,
            Some(SourceState::Pending { .. }) => Reading::Waiting,
            Some(SourceState::Cached { .. }) => Reading::Cached,
            Some(SourceState::Live { .. } | SourceState::Stale { .. }) => Reading::Complete,
            Some(SourceState::Failed { .. } | SourceState::Truncated { .. }) => Reading::Partial,
            Some(SourceState::Expired { .. }) => Reading::Expired,
            Some(SourceState::Denied { denied, .. }) => Reading::Denied(denied),
            Some(SourceState::Off { reason }) => Reading::Off(reason),
        }
    }
}

impl Graph {
    /// How well a scope is read; a complete cluster-wide list answers for each namespace.
    pub(crate) fn reading(&self, scope: &Scope) -> Reading<'_> {
        let own = Reading::of(self.sources.get(scope));
        let Some(wide) = cluster_wide(scope) else { return own };
        let wide = Reading::of(self.sources.get(&wide));
        match own {
            Reading::Complete => own,
            Reading::Unasked => wide,
            Reading::Waiting
            | Reading::Cached
            | Reading::Partial
            | Reading::Expired
            | Reading::Denied(_)
            | Reading::Off(_) => {
                if wide == Reading::Complete {
                    wide
                } else {
                    own
                }
            }
        }
    }

    /// Whether what is not among the facts of `scope` does not exist: `Known(())` when its list is complete, else why
    /// nobody may conclude anything. `Absent` never.
    pub fn listed(&self, scope: &Scope) -> Knowledge<()> {
        match self.reading(scope) {
            Reading::Complete => Knowledge::Known(()),
            Reading::Unasked if self.is_nobodys(scope) => {
                let account = account_of(scope).map_or("", |it| it);
                let reason = format!("no credentials for account {account}").into();
                Knowledge::Denied(off(permission(scope), &reason))
            }
            Reading::Unasked
            | Reading::Waiting
            | Reading::Cached
            | Reading::Partial
            | Reading::Expired => Knowledge::NotYet,
            Reading::Denied(it) => Knowledge::Denied(it.clone()),
            Reading::Off(reason) => Knowledge::Denied(off(permission(scope), reason)),
        }
    }

    /// Whether a scope is of an account that none of the caller's credentials belong to, so that nobody will ask for it.
    fn is_nobodys(&self, scope: &Scope) -> bool {
        // The caller is asked for last: it is itself looked up by its scope.
        account_of(scope).is_some_and(|account| {
            self.caller().known().is_some_and(|it| !it.accounts.contains(account))
        })
    }

    /// What to say of an object that is not held and that belongs to `scope`.
    pub(crate) fn missing<T>(&self, scope: &Scope) -> Knowledge<T> {
        match self.listed(scope) {
            Knowledge::Known(()) | Knowledge::Absent => Knowledge::Absent,
            Knowledge::Denied(it) => Knowledge::Denied(it),
            Knowledge::NotYet => Knowledge::NotYet,
        }
    }

    /// As `missing`; a refused list of roles refuses no single one, which will be asked for by `GetRole`.
    pub(crate) fn missing_role<T>(&self, arn: &Arn) -> Knowledge<T> {
        let Some(account) = arn.account().filter(|_| arn.is_iam_role()) else {
            // No API can ever return a role of that name.
            return Knowledge::Absent;
        };
        match self.reading(&Scope::Roles { account: account.as_str().into() }) {
            Reading::Complete => Knowledge::Absent,
            Reading::Unasked
            | Reading::Waiting
            | Reading::Cached
            | Reading::Partial
            | Reading::Expired
            | Reading::Denied(_) => Knowledge::NotYet,
            Reading::Off(reason) => Knowledge::Denied(off("iam:GetRole".into(), reason)),
        }
    }
}

/// The namespace that a scope is limited to.
pub fn namespace_of(scope: &Scope) -> Option<&Text> {
    match scope {
        Scope::ServiceAccounts { namespace }
        | Scope::Pods { namespace }
        | Scope::Budgets { namespace }
        | Scope::Workloads { namespace, .. } => namespace.as_ref(),
        Scope::ApiServer
        | Scope::Namespaces
        | Scope::Nodes
        | Scope::Webhooks
        | Scope::Caller
        | Scope::Cluster
        | Scope::OtherClusters
        | Scope::OtherAssociations
        | Scope::IdentityProviders
        | Scope::Associations
        | Scope::Addons
        | Scope::Nodegroups
        | Scope::Roles { .. }
        | Scope::Providers { .. } => None,
    }
}

/// The account that a scope is limited to.
fn account_of(scope: &Scope) -> Option<&Text> {
    match scope {
        Scope::Roles { account } | Scope::Providers { account } => Some(account),
        Scope::ApiServer
        | Scope::Namespaces
        | Scope::ServiceAccounts { .. }
        | Scope::Pods { .. }
        | Scope::Workloads { .. }
        | Scope::Nodes
        | Scope::Webhooks
        | Scope::Budgets { .. }
        | Scope::Caller
        | Scope::Cluster
        | Scope::OtherClusters
        | Scope::OtherAssociations
        | Scope::IdentityProviders
        | Scope::Associations
        | Scope::Addons
        | Scope::Nodegroups => None,
    }
}

/// The cluster-wide counterpart of a scope that is limited to a namespace.
fn cluster_wide(scope: &Scope) -> Option<Scope> {
    namespace_of(scope)?;
    match scope {
        Scope::ServiceAccounts { .. } => Some(Scope::ServiceAccounts { namespace: None }),
        Scope::Pods { .. } => Some(Scope::Pods { namespace: None }),
        Scope::Budgets { .. } => Some(Scope::Budgets { namespace: None }),
        Scope::Workloads { kind, .. } => Some(Scope::Workloads { kind: *kind, namespace: None }),
        Scope::ApiServer
        | Scope::Namespaces
        | Scope::Nodes
        | Scope::Webhooks
        | Scope::Caller
        | Scope::Cluster
        | Scope::OtherClusters
        | Scope::OtherAssociations
        | Scope::IdentityProviders
        | Scope::Associations
        | Scope::Addons
        | Scope::Nodegroups
        | Scope::Roles { .. }
        | Scope::Providers { .. } => None,
    }
}

fn off(permission: Text, reason: &Text) -> Denied {
    Denied { permission, detail: reason.clone() }
}

/// What the list of a scope needs.
fn permission(scope: &Scope) -> Text {
    let list = |what: &str, namespace: &Option<Text>| match namespace {
        Some(it) => format!("list {what} in {it}").into(),
        None => format!("list {what}").into(),
    };
    match scope {
        Scope::ApiServer => "get /.well-known/openid-configuration".into(),
        Scope::Namespaces => "list namespaces".into(),
        Scope::ServiceAccounts { namespace } => list("serviceaccounts", namespace),
        Scope::Pods { namespace } => list("pods", namespace),
        Scope::Workloads { kind, namespace } => {
            list(&format!("{}s", kind.as_str().to_ascii_lowercase()), namespace)
        }
        Scope::Nodes => "list nodes".into(),
        Scope::Webhooks => "list mutatingwebhookconfigurations".into(),
        Scope::Budgets { namespace } => list("poddisruptionbudgets", namespace),
        Scope::Caller => "sts:GetCallerIdentity".into(),
        Scope::Cluster => "eks:DescribeCluster".into(),
        Scope::OtherClusters => "eks:ListClusters".into(),
        Scope::Associations | Scope::OtherAssociations => "eks:ListPodIdentityAssociations".into(),
        Scope::IdentityProviders => "eks:ListIdentityProviderConfigs".into(),
        Scope::Addons => "eks:ListAddons".into(),
        Scope::Nodegroups => "eks:ListNodegroups".into(),
        Scope::Roles { .. } => "iam:ListRoles".into(),
        Scope::Providers { .. } => "iam:ListOpenIDConnectProviders".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fact::{Caller, Change, Fact},
        ident::AccountId,
    };

    /// The detail of the refusal, or `None` while somebody may still ask.
    #[track_caller]
    fn check(accounts: Option<&[&str]>, asked: &str, expected: Option<&str>) {
        let mut graph = Graph::default();
        if let Some(accounts) = accounts {
            let caller = Fact::Caller(Caller {
                arn: Arn::from("arn:aws:iam::111122223333:user/oncall"),
                account: "111122223333".into(),
                user_id: "AIDAEXAMPLE".into(),
                via: "environment".into(),
                accounts: accounts.iter().map(|&it| it.into()).collect(),
            });
            graph.apply(Change::Replace { scope: Scope::Caller, facts: vec![caller] });
        }
        let account = AccountId::parse(asked).unwrap();
        let got = match graph.providers(&account) {
            Knowledge::NotYet => None,
            Knowledge::Denied(it) => Some(it.detail.to_string()),
            it @ (Knowledge::Known(_) | Knowledge::Absent) => panic!("{it:?}"),
        };
        assert_eq!(got.as_deref(), expected);
    }

    #[test]
    fn an_account_without_credentials_is_refused_rather_than_waited_for() {
        let foreign = "444455556666";
        check(None, foreign, None);
        check(Some(&["111122223333"]), "111122223333", None);
        check(Some(&["111122223333", foreign]), foreign, None);
        let none = "no credentials for account 444455556666";
        check(Some(&["111122223333"]), foreign, Some(none));
    }
}
