//! In which order siblings stand. Equal ones stay as they were, by name.

use crate::{
    check::Severity,
    command::ViewKind,
    fact::Knowledge,
    ident::{Ref, Timestamp},
    identity::chain::Provider,
    tree::{Branch, RowId, Standing, Within, World, of_pod, of_ref, reach, users_of},
};
use std::cmp::Reverse;

/// What a list can be sorted by. Not every list by each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortBy {
    Name,
    Namespace,
    /// How it stands, the worst first.
    Status,
    /// The youngest first.
    Age,
    Via,
    Role,
    /// The most first, as everything that is counted.
    Pods,
    Account,
    Ends,
    /// How many may assume a role.
    May,
    /// How many are set up to.
    Users,
    /// The latest first.
    LastUsed,
    Code,
    Affects,
    Accounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    pub is_inverted: bool,
}

impl SortBy {
    /// In a list's title, after "by".
    pub fn word(self) -> &'static str {
        match self {
            SortBy::Name => "name",
            SortBy::Namespace => "namespace",
            SortBy::Status => "status",
            SortBy::Age => "age",
            SortBy::Via => "via",
            SortBy::Role => "role",
            SortBy::Pods => "pods",
            SortBy::Account => "account",
            SortBy::Ends => "what it ends with",
            SortBy::May => "who may",
            SortBy::Users => "who is configured",
            SortBy::LastUsed => "last use",
            SortBy::Code => "code",
            SortBy::Affects => "what it affects",
            SortBy::Accounts => "accounts",
        }
    }

    /// What a view can be sorted by, in the order of its columns.
    pub fn of(view: ViewKind) -> &'static [SortBy] {
        match view {
            ViewKind::Identities => &[
                SortBy::Name,
                SortBy::Via,
                SortBy::Role,
                SortBy::Pods,
                SortBy::Age,
                SortBy::Status,
            ],
            ViewKind::Pods => &[
                SortBy::Namespace,
                SortBy::Name,
                SortBy::Account,
                SortBy::Ends,
                SortBy::Age,
                SortBy::Status,
            ],
            ViewKind::Roles => {
                &[SortBy::Name, SortBy::May, SortBy::Users, SortBy::LastUsed, SortBy::Status]
            }
            ViewKind::Associations => {
                &[SortBy::Namespace, SortBy::Name, SortBy::Role, SortBy::Age, SortBy::Status]
            }
            ViewKind::Providers => &[SortBy::Name, SortBy::Age, SortBy::Status],
            ViewKind::Findings => &[SortBy::Status, SortBy::Code, SortBy::Name, SortBy::Affects],
            ViewKind::Namespaces => &[SortBy::Name, SortBy::Accounts, SortBy::Age, SortBy::Status],
            ViewKind::Contexts | ViewKind::Profiles | ViewKind::Sources | ViewKind::Aliases => {
                &[SortBy::Name]
            }
        }
    }
}

impl Sort {
    /// As a view begins.
    pub fn of(view: ViewKind) -> Sort {
        let by = match view {
            ViewKind::Pods | ViewKind::Associations => SortBy::Namespace,
            ViewKind::Roles | ViewKind::Findings => SortBy::Status,
            ViewKind::Identities
            | ViewKind::Providers
            | ViewKind::Namespaces
            | ViewKind::Contexts
            | ViewKind::Profiles
            | ViewKind::Sources
            | ViewKind::Aliases => SortBy::Name,
        };
        Sort { by, is_inverted: false }
    }

    /// By this; asked for again, the other way round.
    #[must_use]
    pub fn toggled(self, by: SortBy) -> Sort {
        Sort { by, is_inverted: self.by == by && !self.is_inverted }
    }
}

/// What is compared; what has none stands last whichever way it goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Text(String),
    Rank(Severity, Reverse<u32>, Reverse<u32>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Directed {
    Up(Value),
    Down(Reverse<Value>),
    Last,
}

/// Sorts siblings that stand in the order `natural` already.
pub(in crate::tree) fn sort(
    branches: &mut [Branch],
    world: World<'_>,
    sort: Sort,
    natural: SortBy,
) {
    match (sort.by == natural, sort.is_inverted) {
        (true, false) => {}
        (true, true) => branches.reverse(),
        (false, is_inverted) => {
            branches.sort_by_cached_key(|it| match (value(world, &it.id, sort.by), is_inverted) {
                (None, _) => Directed::Last,
                (Some(it), false) => Directed::Up(it),
                (Some(it), true) => Directed::Down(Reverse(it)),
            })
        }
    }
}

fn most(n: usize) -> Option<Value> {
    Some(Value::Number(-i64::try_from(n).unwrap_or(i64::MAX)))
}

fn text(it: impl Into<String>) -> Option<Value> {
    let it: String = it.into();
    (!it.is_empty()).then_some(Value::Text(it))
}

fn youngest(at: Option<Timestamp>) -> Option<Value> {
    at.map(|it| Value::Number(-it.as_second()))
}

fn value(world: World<'_>, id: &RowId, by: SortBy) -> Option<Value> {
    match id {
        RowId::Node(at) => of_node(world, at, by),
        RowId::Cause(cause) => {
            let affects = world.board.affects(cause);
            match by {
                SortBy::Code => text(cause.code),
                SortBy::Name => text(cause.of.to_string()),
                SortBy::Affects => Some(Value::Rank(
                    Severity::Blocker,
                    Reverse(affects.identities),
                    Reverse(affects.pods),
                )),
                _ => None,
            }
        }
        RowId::Under(..)
        | RowId::Container { .. }
        | RowId::Context(_)
        | RowId::Profile(_)
        | RowId::Source(_)
        | RowId::Alias(_) => None,
    }
}

fn of_node(world: World<'_>, at: &Ref, by: SortBy) -> Option<Value> {
    let (graph, board) = (world.graph, world.board);
    match (at, by) {
        (Ref::ServiceAccount(it), SortBy::Name) => text(&*it.name),
        (Ref::ServiceAccount(it), SortBy::Namespace) => text(&*it.namespace),
        (Ref::ServiceAccount(it), SortBy::Pods) => {
            most(board.identity(it).map_or(0, |it| it.counts.total as usize))
        }
        (Ref::ServiceAccount(it), SortBy::Via) => {
            text(world.ledger.identity(it)?.mechanism.as_str())
        }
        (Ref::ServiceAccount(it), SortBy::Role) => {
            text(world.ledger.identity(it)?.role_arn.as_ref()?.name()?)
        }
        (Ref::ServiceAccount(it), SortBy::Age) => {
            youngest(graph.service_account(it).known()?.created)
        }
        (Ref::Namespace(it), SortBy::Name | SortBy::Namespace) => text(&**it),
        (Ref::Namespace(it), SortBy::Accounts | SortBy::Pods) => {
            most(board.namespace(it).total() as usize)
        }
        (Ref::Namespace(it), SortBy::Age) => youngest(graph.namespace(it).known()?.created),
        (Ref::Pod { name, .. }, SortBy::Name) => text(&**name),
        (Ref::Pod { namespace, .. }, SortBy::Namespace) => text(&**namespace),
        (Ref::Pod { namespace, name }, SortBy::Age) => {
            youngest(graph.pod(namespace, name)?.created)
        }
        (Ref::Pod { namespace, name }, SortBy::Account) => {
            text(&*graph.pod(namespace, name)?.spec.service_account)
        }
        (Ref::Pod { namespace, name }, SortBy::Ends | SortBy::Via | SortBy::Role) => {
            let lines = world.ledger.containers(namespace, name)?;
            let first = lines.first()?;
            let kind = match first.chain.provider {
                Provider::Static => 0,
                Provider::WebIdentity(_) => 1,
                Provider::Container => 2,
                Provider::NodeRole => 3,
                Provider::None => 4,
            };
            let role = first.role_arn.as_ref().and_then(|it| it.name()).unwrap_or_default();
            text(format!("{kind} {role}"))
        }
        (Ref::Role(it), SortBy::Name | SortBy::Role) => text(it.name().unwrap_or(it.as_str())),
        (Ref::Role(it), SortBy::May) => {
            let reach = board.reach(it)?;
            most(if reach.is_open_to_all() { usize::MAX >> 1 } else { reach.may.len() })
        }
        (Ref::Role(_), SortBy::Users) => most(users_of(graph, at).len()),
        (Ref::Role(it), SortBy::LastUsed) => {
            let role = graph.role(it).known()?;
            youngest(role.last_used.as_ref().known()?.at)
        }
        (Ref::Role(it), SortBy::Status) => {
            let (verdict, standing) = reach::role_verdict(world, it);
            Some(Value::Number(standing as i64 * 16 + verdict.rank()))
        }
        (Ref::Role(it), SortBy::Age) => youngest(graph.role(it).known()?.created),
        (Ref::Association(id), SortBy::Name) => text(&*graph.association(id)?.service_account.name),
        (Ref::Association(id), SortBy::Namespace) => {
            text(&*graph.association(id)?.service_account.namespace)
        }
        (Ref::Association(id), SortBy::Role) => {
            text(graph.association(id)?.detail.as_ref().known()?.role_arn.name()?)
        }
        (Ref::Association(id), SortBy::Age) => {
            youngest(graph.association(id)?.detail.as_ref().known()?.created)
        }
        (Ref::Provider(it), SortBy::Name) => text(it.as_str()),
        (Ref::Provider(it), SortBy::Age) => match graph.provider_at(it) {
            Knowledge::Known(it) => youngest(it.detail.as_ref().known()?.created),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        },
        (_, SortBy::Status) => Some(Value::Number(standing_of(world, at) as i64)),
        (_, _) => None,
    }
}

/// How any node stands, as its row says it.
pub fn standing_of(world: World<'_>, at: &Ref) -> Standing {
    match at {
        Ref::ServiceAccount(it) => {
            world.board.identity(it).map_or(Standing::Waiting, |it| it.standing)
        }
        Ref::Namespace(it) => world.board.namespace(it).worst().unwrap_or(Standing::Undeclared),
        Ref::Pod { namespace, name } => match world.graph.pod(namespace, name) {
            Some(it) => of_pod(world.ledger, it).0,
            None => Standing::Unknown,
        },
        Ref::Role(it) => reach::role_verdict(world, it).1,
        it => of_ref(world.graph, world.ledger, it),
    }
}

/// The order in which a view's own rows come without being sorted.
pub(in crate::tree) fn natural(view: ViewKind, within: &Within) -> SortBy {
    match (view, within) {
        // Of one namespace both are the same.
        (ViewKind::Pods | ViewKind::Associations, Within::Everything | Within::Of(_)) => {
            SortBy::Namespace
        }
        (_, _) => SortBy::Name,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        command::ViewKind,
        tree::{Sort, SortBy},
    };

    #[test]
    fn a_key_pressed_again_turns_the_order_round() {
        let sort = Sort::of(ViewKind::Pods).toggled(SortBy::Age);
        assert_eq!(sort, Sort { by: SortBy::Age, is_inverted: false });
        assert_eq!(sort.toggled(SortBy::Age), Sort { by: SortBy::Age, is_inverted: true });
        assert_eq!(sort.toggled(SortBy::Age).toggled(SortBy::Age), sort);
        assert_eq!(sort.toggled(SortBy::Name), Sort { by: SortBy::Name, is_inverted: false });
    }

    #[test]
    fn every_view_can_be_sorted_as_it_begins() {
        for it in ViewKind::ALL {
            assert!(SortBy::of(it).contains(&Sort::of(it).by), "{it:?}");
        }
    }
}
