//! What state the world and the visible list are in, each with what can be done about it.

use crate::{
    command::ViewKind,
    fact::{Denied, Scope, SourceState},
    ident::{Text, Timestamp},
    model::Model,
    tree::{Standing, Within},
};

/// Whether there is a cluster at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up,
    /// Never reached so far.
    Down {
        error: Text,
        attempts: u32,
    },
}

/// Why a list is empty, or that it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Rows,
    /// Nothing has come yet; so many objects so far.
    Loading(usize),
    /// The filter lets nothing through.
    NoMatch,
    /// Faults only, and there are none; so many unknown ones.
    NoFaults {
        n_unknown: u32,
    },
    /// There is nothing of the kind.
    Empty,
    Denied(Denied),
    NoCluster(Text),
    /// AWS is not asked, and why.
    Off(Text),
    Expired {
        profile: Text,
        login: Text,
    },
    Failed(Text),
}

/// Scopes that the header speaks of together.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceGroup {
    pub label: &'static str,
    /// The cluster tells every change; AWS has to be asked.
    pub is_watched: bool,
    pub state: SourceState,
}

/// Something that makes the screen worth less than it seems, worst first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    NoCluster {
        error: Text,
    },
    Expired {
        profile: Text,
        login: Text,
    },
    NoAws {
        reason: Text,
    },
    /// What is seen may not be so any more, which is worse than what is not seen.
    Stale {
        label: &'static str,
        since: Timestamp,
        attempts: u32,
    },
    Denied {
        denied: Denied,
        more: usize,
    },
    Failed {
        label: &'static str,
        error: Text,
    },
    /// Nothing proves that the context's API server is the EKS cluster that AWS describes.
    NotProven,
}

impl Model {
    pub fn link(&self) -> Link {
        let kube = |it: &Scope| label(it).1;
        let mut down = None;
        for (scope, state) in self.graph.sources().filter(|(it, _)| kube(it)) {
            match state {
                SourceState::Live { .. }
                | SourceState::Cached { .. }
                | SourceState::Stale { .. }
                | SourceState::Denied { .. }
                | SourceState::Truncated { .. } => return Link::Up,
                SourceState::Pending { received } if 0 < *received => return Link::Up,
                SourceState::Failed { error, attempts } => {
                    if down.is_none() || *scope == Scope::ApiServer {
                        down = Some((error.clone(), *attempts));
                    }
                }
                SourceState::Off { reason } if *scope == Scope::ApiServer => {
                    down = Some((reason.clone(), 0));
                }
                SourceState::Expired { profile, .. } if *scope == Scope::ApiServer => {
                    down = Some((format!("credentials of `{profile}` have expired").into(), 0));
                }
                SourceState::Pending { .. }
                | SourceState::Expired { .. }
                | SourceState::Off { .. } => {}
            }
        }
        match down {
            Some((error, attempts)) => Link::Down { error, attempts },
            None => Link::Connecting,
        }
    }

    pub fn condition(&self) -> Condition {
        let screen = self.screen();
        if !screen.rows.is_empty() {
            return Condition::Rows;
        }
        if !screen.ask.filter.is_empty() {
            return Condition::NoMatch;
        }
        match screen.view() {
            ViewKind::Contexts | ViewKind::Profiles | ViewKind::Aliases => return Condition::Empty,
            ViewKind::Identities
            | ViewKind::Pods
            | ViewKind::Roles
            | ViewKind::Associations
            | ViewKind::Providers
            | ViewKind::Findings
            | ViewKind::Namespaces
            | ViewKind::Sources => {}
        }
        if let Link::Down { error, .. } = self.link() {
            return Condition::NoCluster(error);
        }
        if screen.view() == ViewKind::Sources {
            return Condition::Loading(0);
        }
        let states = || {
            let concerns = |it: &Scope| feeds(screen.view(), it);
            self.graph.sources().filter(move |(it, _)| concerns(it)).map(|(_, it)| it)
        };
        let mut pending: Vec<usize> = Vec::new();
        for it in states() {
            match it {
                SourceState::Denied { denied, .. } => return Condition::Denied(denied.clone()),
                SourceState::Expired { profile, login } => {
                    return Condition::Expired { profile: profile.clone(), login: login.clone() };
                }
                SourceState::Off { reason } => return Condition::Off(reason.clone()),
                SourceState::Failed { error, .. } => return Condition::Failed(error.clone()),
                SourceState::Pending { received } => pending.push(*received),
                SourceState::Live { .. }
                | SourceState::Cached { .. }
                | SourceState::Stale { .. }
                | SourceState::Truncated { .. } => {}
            }
        }
        if !pending.is_empty() || states().next().is_none() || 0 < self.n_waiting() {
            return Condition::Loading(pending.into_iter().sum());
        }
        if screen.ask.faults_only {
            let n_unknown = match &screen.ask.within {
                Within::Namespace(it) => self.board.namespace(it).count(Standing::Unknown),
                Within::Everything | Within::Of(_) => self.board.total().count(Standing::Unknown),
            };
            return Condition::NoFaults { n_unknown };
        }
        Condition::Empty
    }

    /// Whether a scope is watched rather than polled.
    pub fn is_watched(scope: &Scope) -> bool {
        label(scope).1
    }

    /// Whether what a view lists was right once and is not kept so now.
    pub fn is_behind(&self, view: ViewKind) -> bool {
        self.graph
            .sources()
            .filter(|(scope, _)| feeds(view, scope))
            .any(|(_, it)| matches!(it, SourceState::Stale { .. } | SourceState::Cached { .. }))
    }

    /// Every group of scopes with its worst state, in the header's order.
    pub fn source_groups(&self) -> Vec<SourceGroup> {
        let mut res: Vec<SourceGroup> = Vec::new();
        let home = self.graph.cluster().known().map(|it| it.account.clone());
        // Other accounts are a trouble of their own and say nothing of this one.
        let is_ours = |scope: &Scope| match (scope, &home) {
            (Scope::Roles { account } | Scope::Providers { account }, Some(home)) => {
                account == home
            }
            (_, _) => true,
        };
        for it in LABELS {
            let all = self.graph.sources();
            let states = all.filter(|(scope, _)| label(scope).0 == *it && is_ours(scope));
            let worst = states.map(|(_, it)| it).max_by_key(|it| rank(it));
            res.extend(worst.map(|state| SourceGroup {
                label: it,
                is_watched: label_is_kube(it),
                state: state.clone(),
            }));
        }
        res
    }

    /// What is wrong with the sources, worst first.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut res = Vec::new();
        if let Link::Down { error, .. } = self.link() {
            return vec![Trouble::NoCluster { error }];
        }
        let mut denied: Vec<&Denied> = Vec::new();
        for (scope, state) in self.graph.sources() {
            // No verdict needs them; a plan that restarts something says that they are not known.
            if let Scope::Budgets { .. } = scope {
                continue;
            }
            let label = label(scope).0;
            match state {
                SourceState::Denied { denied: it, .. } => denied.push(it),
                SourceState::Stale { at, attempts, .. } => {
                    res.push(Trouble::Stale { label, since: *at, attempts: *attempts });
                }
                SourceState::Failed { error, .. } => {
                    res.push(Trouble::Failed { label, error: error.clone() });
                }
                SourceState::Expired { profile, login } => {
                    res.push(Trouble::Expired { profile: profile.clone(), login: login.clone() });
                }
                SourceState::Off { reason } if !label_is_kube(label) => {
                    res.push(Trouble::NoAws { reason: reason.clone() });
                }
                SourceState::Off { .. }
                | SourceState::Pending { .. }
                | SourceState::Live { .. }
                | SourceState::Cached { .. }
                | SourceState::Truncated { .. } => {}
            }
        }
        // A reason that several calls share is one trouble.
        denied.sort_by_key(|it| (it.detail.clone(), it.permission.clone()));
        denied.dedup_by(|a, b| a == b || (!a.detail.is_empty() && a.detail == b.detail));
        if let Some(first) = denied.first() {
            res.push(Trouble::Denied { denied: (*first).clone(), more: denied.len() - 1 });
        }
        let unproven = self.graph.api_server().is_some_and(|it| it.proof.is_none());
        if unproven && self.graph.cluster().is_known() {
            res.push(Trouble::NotProven);
        }
        res.sort();
        // The same for every scope of AWS: once is enough.
        res.dedup();
        res
    }

    /// Why AWS is not read at all; `None` where it is, or was.
    pub fn why_no_aws(&self) -> Option<&Text> {
        self.graph.sources().find_map(|(scope, state)| match state {
            SourceState::Off { reason } if !label(scope).1 => Some(reason),
            SourceState::Off { .. }
            | SourceState::Pending { .. }
            | SourceState::Live { .. }
            | SourceState::Cached { .. }
            | SourceState::Stale { .. }
            | SourceState::Denied { .. }
            | SourceState::Failed { .. }
            | SourceState::Truncated { .. }
            | SourceState::Expired { .. } => None,
        })
    }

    /// The login command that some source asks for.
    pub fn login(&self) -> Option<Text> {
        let mut asked = None;
        for (_, it) in self.graph.sources() {
            if let SourceState::Expired { login, .. } = it
                && !login.is_empty()
            {
                asked = Some(login.clone());
            }
        }
        asked.or_else(|| self.options.login.clone())
    }
}

const LABELS: &[&str] = &[
    "pods",
    "accounts",
    "roles",
    "assoc",
    "oidc",
    "cluster",
    "caller",
    "api server",
    "workloads",
    "nodes",
    "namespaces",
    "webhook",
    "budgets",
    "add-ons",
    "clusters",
    "user logins",
];

/// The header's word for a scope, and whether the cluster itself answers for it.
fn label(scope: &Scope) -> (&'static str, bool) {
    match scope {
        Scope::ApiServer => ("api server", true),
        Scope::Namespaces => ("namespaces", true),
        Scope::ServiceAccounts { .. } => ("accounts", true),
        Scope::Pods { .. } => ("pods", true),
        Scope::Workloads { .. } => ("workloads", true),
        Scope::Nodes => ("nodes", true),
        Scope::Webhooks => ("webhook", true),
        Scope::Budgets { .. } => ("budgets", true),
        Scope::Caller => ("caller", false),
        Scope::Cluster => ("cluster", false),
        Scope::OtherClusters | Scope::OtherAssociations => ("clusters", false),
        Scope::IdentityProviders => ("user logins", false),
        Scope::Associations => ("assoc", false),
        Scope::Addons | Scope::Nodegroups => ("add-ons", false),
        Scope::Roles { .. } => ("roles", false),
        Scope::Providers { .. } => ("oidc", false),
    }
}

fn label_is_kube(name: &str) -> bool {
    matches!(
        name,
        "api server"
            | "namespaces"
            | "accounts"
            | "pods"
            | "workloads"
            | "nodes"
            | "webhook"
            | "budgets"
    )
}

/// Whether a view lists what this scope brings.
fn feeds(view: ViewKind, scope: &Scope) -> bool {
    match view {
        ViewKind::Identities => matches!(scope, Scope::ServiceAccounts { .. }),
        ViewKind::Pods => matches!(scope, Scope::Pods { .. }),
        ViewKind::Roles => matches!(scope, Scope::Roles { .. }),
        ViewKind::Associations => matches!(scope, Scope::Associations),
        ViewKind::Providers => matches!(scope, Scope::Providers { .. }),
        ViewKind::Findings => matches!(scope, Scope::ServiceAccounts { .. } | Scope::Pods { .. }),
        ViewKind::Namespaces => matches!(scope, Scope::Namespaces),
        ViewKind::Contexts | ViewKind::Profiles | ViewKind::Sources | ViewKind::Aliases => false,
    }
}

/// Which of several states a group shows: the worst.
fn rank(state: &SourceState) -> u8 {
    match state {
        SourceState::Live { .. } => 0,
        SourceState::Off { .. } => 1,
        SourceState::Cached { .. } => 2,
        SourceState::Pending { .. } => 3,
        SourceState::Truncated { .. } => 4,
        SourceState::Stale { .. } => 5,
        SourceState::Failed { .. } => 6,
        SourceState::Denied { .. } => 7,
        SourceState::Expired { .. } => 8,
    }
}
