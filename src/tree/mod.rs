//! The graph and what was judged, as ordered rows: one list for each view, folded, filtered and sorted.
//!
//! Rows carry names only. What stands in their columns is worked out for the visible ones, in `view`.

mod board;
mod causes;
mod filter;
mod identities;
mod labels;
mod lists;
mod reach;
mod reaches;
mod sort;
mod standing;

pub use board::{Affects, Board, Cause, Summary};
pub use filter::Filter;
pub use lists::{provider_word, role_refs, users_of};
pub use reach::{Breadth, Reach, Relation, RoleVerdict, relation, relations, role_verdict};
pub use sort::{Sort, SortBy, standing_of};
pub use standing::{Standing, Tally, of_pod, of_ref, rank, worst};

use crate::{
    check::Ledger,
    command::ViewKind,
    fact::Scope,
    graph::Graph,
    ident::{Ref, Text, Timestamp},
};
use std::collections::HashMap;

/// Everything that rows are made of.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub graph: &'a Graph,
    pub ledger: &'a Ledger,
    pub board: &'a Board,
    /// `(name, cluster)`.
    pub contexts: &'a [(Text, Text)],
    /// Of the AWS configuration.
    pub profiles: &'a [Text],
    pub now: Timestamp,
}

/// What a row stands for. A row keeps its name while everything around it changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowId {
    Node(Ref),
    Container {
        namespace: Text,
        pod: Text,
        container: Text,
    },
    Cause(Cause),
    /// A node listed under another row because that one affects it or is used by it; it may stand under several.
    Under(Box<RowId>, Ref),
    Context(Text),
    Profile(Text),
    Source(Scope),
    /// A view that can be gone to.
    Alias(ViewKind),
}

impl RowId {
    /// The node that the details are about; `None` for what is no node of the graph.
    pub fn node(&self) -> Option<Ref> {
        match self {
            RowId::Node(it) | RowId::Under(_, it) => Some(it.clone()),
            RowId::Cause(it) => Some(it.of.clone()),
            RowId::Container { namespace, pod, .. } => {
                Some(Ref::Pod { namespace: namespace.clone(), name: pod.clone() })
            }
            RowId::Context(_) | RowId::Profile(_) | RowId::Source(_) | RowId::Alias(_) => None,
        }
    }

    /// The namespace that it lies in; `None` for what lies in none.
    pub fn namespace(&self) -> Option<Text> {
        match self {
            RowId::Container { namespace, .. } => Some(namespace.clone()),
            RowId::Node(it) | RowId::Under(_, it) => namespace_of(it),
            RowId::Cause(it) => namespace_of(&it.of),
            RowId::Context(_) | RowId::Profile(_) | RowId::Source(_) | RowId::Alias(_) => None,
        }
    }
}

/// Associations have an id alone; who has the graph looks there.
fn namespace_of(at: &Ref) -> Option<Text> {
    match at {
        Ref::Namespace(it) => Some(it.clone()),
        Ref::ServiceAccount(it) => Some(it.namespace.clone()),
        Ref::Pod { namespace, .. }
        | Ref::Workload { namespace, .. }
        | Ref::ConfigMap { namespace, .. }
        | Ref::Secret { namespace, .. } => Some(namespace.clone()),
        Ref::Cluster
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => None,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: RowId,
    pub depth: u8,
    pub fold: Fold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Nothing under it.
    Leaf,
    Folded,
    Open,
}

/// What part of the world a list is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Within {
    #[default]
    Everything,
    Namespace(Text),
    /// What belongs to or uses one node: pods of a ServiceAccount, ServiceAccounts of a role.
    Of(Ref),
}

impl Within {
    /// Whether it takes in what lies in this namespace, as far as names tell.
    pub fn has(&self, namespace: &str) -> bool {
        match self {
            Within::Namespace(it) => &**it == namespace,
            Within::Everything | Within::Of(_) => true,
        }
    }
}

/// Which list is wanted.
#[derive(Clone, Debug)]
pub struct Ask {
    pub view: ViewKind,
    pub within: Within,
    pub filter: Filter,
    pub faults_only: bool,
    pub sort: Sort,
    /// What the person folded or unfolded; anything else is as it is at the start.
    pub folds: HashMap<RowId, bool>,
}

impl Ask {
    pub fn new(view: ViewKind, within: Within) -> Ask {
        Ask {
            view,
            within,
            filter: Filter::default(),
            faults_only: false,
            sort: Sort::of(view),
            folds: HashMap::new(),
        }
    }

    fn is_open(&self, id: &RowId, at_start: bool) -> bool {
        self.folds.get(id).copied().unwrap_or(at_start)
    }

    /// Whether which rows there are, and in which order, is told by the names of things alone: not by how they stand.
    pub fn is_of_names(&self) -> bool {
        let by_name = match self.view {
            ViewKind::Identities => self.sort.by == SortBy::Name,
            ViewKind::Pods => matches!(self.sort.by, SortBy::Name | SortBy::Namespace),
            ViewKind::Roles
            | ViewKind::Associations
            | ViewKind::Providers
            | ViewKind::Findings
            | ViewKind::Namespaces
            | ViewKind::Contexts
            | ViewKind::Profiles
            | ViewKind::Sources
            | ViewKind::Aliases => false,
        };
        let of_what = match self.within {
            Within::Everything | Within::Namespace(_) => true,
            Within::Of(_) => false,
        };
        by_name && of_what && !self.narrows()
    }

    fn narrows(&self) -> bool {
        self.faults_only || !self.filter.is_empty()
    }
}

/// All rows of a list, in order.
pub fn rows(world: World<'_>, ask: &Ask) -> Vec<Row> {
    match ask.view {
        ViewKind::Identities => identities::rows(world, ask),
        ViewKind::Pods => lists::pods(world, ask),
        ViewKind::Roles => lists::roles(world, ask),
        ViewKind::Associations => lists::associations(world, ask),
        ViewKind::Providers => lists::providers(world, ask),
        ViewKind::Findings => causes::rows(world, ask),
        ViewKind::Namespaces => lists::namespaces(world, ask),
        ViewKind::Contexts => lists::contexts(world, ask),
        ViewKind::Profiles => lists::profiles(world, ask),
        ViewKind::Sources => lists::sources(world, ask),
        ViewKind::Aliases => lists::aliases(world, ask),
    }
}

/// A node with what is under it, before folding decides what is shown.
struct Branch {
    id: RowId,
    /// The row itself is wanted.
    matches: bool,
    open_at_start: bool,
    /// Whether anything is under it at all, listed here or not.
    has_children: bool,
    children: Vec<Branch>,
}

impl Branch {
    fn leaf(id: RowId, matches: bool) -> Branch {
        Branch { id, matches, open_at_start: false, has_children: false, children: Vec::new() }
    }

    fn wanted(&self) -> bool {
        self.matches || self.children.iter().any(Branch::wanted)
    }
}

/// Writes the wanted branches as rows; the path to a match is open whatever was folded.
fn flatten(branches: Vec<Branch>, ask: &Ask, depth: u8, res: &mut Vec<Row>) {
    for it in branches {
        let below = it.children.iter().any(Branch::wanted);
        if !it.matches && !below {
            continue;
        }
        let leads_to_match = ask.narrows() && below && !it.matches;
        let open = it.has_children && (leads_to_match || ask.is_open(&it.id, it.open_at_start));
        let fold = match (it.has_children, open) {
            (false, _) => Fold::Leaf,
            (true, true) => Fold::Open,
            (true, false) => Fold::Folded,
        };
        res.push(Row { id: it.id, depth, fold });
        if open {
            flatten(it.children, ask, depth + 1, res);
        }
    }
}
