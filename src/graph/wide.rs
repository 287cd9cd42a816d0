//! What changes concern by the thousand: told by what it has in common, counted out in portions when its turn comes.
//!
//! It may be counted out of a later graph than the one that was changed: what joins or leaves meanwhile is concerned by
//! doing so.

use crate::{
    graph::{Affected, Graph, Seat, roles::roles_of, touch::Touched},
    ident::{AccountId, Arn, Ref, SaKey, Text},
};
use std::collections::{HashSet, VecDeque};

/// Units that have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wide {
    /// All there is but the cluster and the OIDC providers, which are few.
    Everything,
    /// The ServiceAccounts of a namespace.
    Namespace(Text),
    /// The roles of an account that somebody names, with who does.
    RolesOf(AccountId),
    /// Who uses a role, by annotation or association.
    UsersOf(Arn),
}

/// A way through all of them, a portion at a time.
#[derive(Clone, Debug)]
pub struct Sweep {
    of: Wide,
    at: At,
    has_begun: bool,
}

/// What comes next: what follows the one that was taken last.
#[derive(Clone, Debug)]
enum At {
    Seats(Option<SaKey>),
    SeatsIn(Text, Option<Text>),
    /// Roles that are held.
    Held(Option<Arn>),
    /// Roles that are only named.
    Named(Option<Arn>),
    Nodes(Option<Text>),
    Roles(AccountId, Option<Arn>),
    Annotated(Arn, Option<SaKey>),
    Associated(Arn, Option<Text>),
    End,
}

impl Sweep {
    /// From the beginning.
    pub fn new(of: Wide) -> Sweep {
        let at = match &of {
            Wide::Everything => At::Seats(None),
            Wide::Namespace(it) => At::SeatsIn(it.clone(), None),
            Wide::RolesOf(it) => At::Roles(it.clone(), None),
            Wide::UsersOf(role) => At::Annotated(role.clone(), None),
        };
        Sweep { of, at, has_begun: false }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.at, At::End)
    }
}

/// Ways that wait, each once. Only the first has begun.
#[derive(Clone, Debug, Default)]
pub struct Sweeps {
    order: VecDeque<Sweep>,
    waiting: HashSet<Wide>,
}

/// A portion of what is wide.
pub struct Swept {
    pub of: Wide,
    pub affected: Affected,
    pub is_first: bool,
    /// Nothing of it is left.
    pub is_over: bool,
}

impl Sweeps {
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All of them, from the beginning.
    pub fn push(&mut self, of: Wide) {
        if self.waiting.insert(of.clone()) {
            self.order.push_back(Sweep::new(of));
        } else if let Some(first) = self.order.front_mut().filter(|it| it.of == of) {
            *first = Sweep::new(of);
        }
    }

    /// The next ones, about `n`; `None` when nothing waits.
    pub fn take(&mut self, graph: &Graph, n: usize) -> Option<Swept> {
        let first = self.order.front_mut()?;
        let is_first = !first.has_begun;
        let affected = graph.sweep(first, n);
        let (of, is_over) = (first.of.clone(), first.is_over());
        if is_over {
            self.waiting.remove(&of);
            self.order.pop_front();
        }
        Some(Swept { of, affected, is_first, is_over })
    }

    /// Whether all of them are still to come.
    pub fn is_ahead(&self, of: &Wide) -> bool {
        let has_begun = self.order.front().is_some_and(|it| it.of == *of && it.has_begun);
        self.waiting.contains(of) && !has_begun
    }
}

impl Graph {
    /// The next ones, about `n`; `wide` of it is empty.
    pub fn sweep(&self, sweep: &mut Sweep, n: usize) -> Affected {
        sweep.has_begun = true;
        let mut acc = Touched::default();
        let mut left = n.max(1);
        while 0 < left && !sweep.is_over() {
            let n_before = left;
            self.sweep_stage(sweep, &mut left, &mut acc);
            if left == n_before {
                left -= 1;
            }
        }
        let Touched { refs, whole, .. } = acc;
        Affected::sorted(whole, refs, Vec::new())
    }

    /// Goes on within one stage, or to the beginning of the next.
    fn sweep_stage(&self, sweep: &mut Sweep, left: &mut usize, acc: &mut Touched) {
        let next = match &sweep.at {
            At::Seats(last) => {
                let last = last.as_ref().map(|it| (&*it.namespace, &*it.name));
                let seats = portion(self.seats.after(last), left);
                seats.iter().for_each(|it| self.touch_seat(it, acc));
                seats.last().map_or(At::Held(None), |it| At::Seats(Some(it.key.clone())))
            }
            At::SeatsIn(namespace, last) => {
                let seats = portion(self.seats.in_after(namespace, last.as_deref()), left);
                seats.iter().for_each(|it| self.touch_seat(it, acc));
                let last = seats.last().map(|it| it.key.name.clone());
                last.map_or(At::End, |it| At::SeatsIn(namespace.clone(), Some(it)))
            }
            At::Held(last) => {
                let roles = portion(self.roles.held_after(last.as_ref()), left);
                acc.refs.extend(roles.iter().map(|it| Ref::Role((*it).clone())));
                roles.last().map_or(At::Named(None), |it| At::Held(Some((*it).clone())))
            }
            At::Named(last) => {
                let named = self.roles.named_after(last.as_ref());
                let roles = portion(named.filter(|it| self.roles.get(it).is_none()), left);
                acc.refs.extend(roles.iter().map(|it| Ref::Role((*it).clone())));
                roles.last().map_or(At::Nodes(None), |it| At::Named(Some((*it).clone())))
            }
            At::Nodes(last) => {
                let names = portion(self.nodes_after(last.as_ref()), left);
                acc.refs.extend(names.iter().map(|it| Ref::Node((*it).clone())));
                names.last().map_or(At::End, |it| At::Nodes(Some((*it).clone())))
            }
            At::Roles(account, last) => {
                let role = self.roles.named_in_after(account, last.as_ref()).next();
                role.map_or(At::End, |role| {
                    self.touch_one_role(role, acc);
                    At::Annotated(role.clone(), None)
                })
            }
            At::Annotated(role, last) => {
                let keys = portion(self.roles.annotated_after(role, last.as_ref()), left);
                keys.iter().for_each(|it| self.touch_identity(it, acc));
                match keys.last() {
                    Some(it) => At::Annotated(role.clone(), Some((*it).clone())),
                    None => At::Associated(role.clone(), None),
                }
            }
            At::Associated(role, last) => {
                let ids = portion(self.roles.associated_after(role, last.as_ref()), left);
                ids.iter().for_each(|it| self.touch_user(it, acc));
                match (ids.last(), &sweep.of) {
                    (Some(it), _) => At::Associated(role.clone(), Some((*it).clone())),
                    (None, Wide::RolesOf(it)) => At::Roles(it.clone(), Some(role.clone())),
                    (None, Wide::Everything | Wide::Namespace(_) | Wide::UsersOf(_)) => At::End,
                }
            }
            At::End => At::End,
        };
        sweep.at = next;
    }

    /// How many units they are, about.
    pub fn n_units(&self, of: &Wide) -> usize {
        let members = |seat: &Seat| 1 + n_members(seat);
        let of_key = |it: &SaKey| self.seats.get(&it.namespace, &it.name).map_or(0, members);
        let users = |role: &Arn| -> usize {
            let associated = self.roles.associated(role).filter_map(|it| self.associations.get(it));
            let keys = self.roles.annotated(role).map(of_key);
            keys.chain(associated.map(|it| of_key(&it.fact.service_account))).sum()
        };
        match of {
            Wide::Everything => {
                let seats: usize = self.seats.iter().map(members).sum();
                let roles = self.roles.n_held().max(self.roles.named().count());
                seats + roles + self.nodes.len()
            }
            Wide::Namespace(it) => self.seats.iter_in(Some(it)).map(members).sum(),
            Wide::RolesOf(account) => self.roles.named_in(account).map(|it| 1 + users(it)).sum(),
            Wide::UsersOf(role) => users(role),
        }
    }

    /// The ServiceAccount of an association, with the other role of that.
    fn touch_user(&self, association: &Text, acc: &mut Touched) {
        let Some(held) = self.associations.get(association) else { return };
        acc.refs.insert(Ref::Association(association.clone()));
        self.touch_identity(&held.fact.service_account, acc);
        for other in roles_of(&held.fact) {
            self.touch_one_role(other, acc);
        }
    }
}

/// How many pods, workloads and associations it has.
pub fn n_members(seat: &Seat) -> usize {
    seat.pods.len() + seat.workloads.len() + seat.associations.len()
}

/// As many as there is room `left` for.
fn portion<T>(them: impl Iterator<Item = T>, left: &mut usize) -> Vec<T> {
    let res: Vec<T> = them.take(*left).collect();
    *left -= res.len();
    res
}
