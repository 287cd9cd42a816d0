//! Taking in facts, and judging what they concern in slices that leave time to draw.

use crate::{
    check::Ledger,
    command::ViewKind,
    event::Generation,
    fact::{Change, Fact, Pod},
    graph::{Affected, Graph, Sweeps},
    ident::{Ref, SaKey, Text, Timestamp},
    model::{Link, Mode, Model, Request, Screen},
    tree::Board,
};
use jiff::SignedDuration;
use std::collections::{BTreeSet, HashSet, VecDeque};

/// Above this many rows a list is made anew once a second and on the person's own doing, not on every fact.
const LARGE: usize = 5_000;

/// How long one ServiceAccount takes to be summed up, in pods weighed.
const SUM: usize = 4;

/// What is wanted still after so long is asked for again.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// With so many pods a ServiceAccount is not summed up after every portion of them.
const CROWD: usize = 256;

/// ServiceAccounts to sum up, each once.
#[derive(Default)]
pub struct Queue {
    sums: VecDeque<SaKey>,
    waiting_sums: HashSet<SaKey>,
    /// Of these all, when the others are done.
    sweeps: Sweeps,
    /// Those to sum up when their pods are judged.
    behind: HashSet<SaKey>,
}

/// What no list brings and was asked for.
#[derive(Default)]
pub struct Fetched {
    /// Asked for since `since`, and not there yet.
    what: BTreeSet<Ref>,
    since: Option<Timestamp>,
    n_ever_wanted: u64,
}

impl Queue {
    fn push_sum(&mut self, key: SaKey) {
        if self.waiting_sums.insert(key.clone()) {
            self.sums.push_back(key);
        }
    }

    fn len(&self) -> usize {
        self.sums.len() + self.sweeps.len()
    }

    fn take_sums(&mut self, graph: &Graph, n: usize) -> Vec<SaKey> {
        while self.sums.len() < n
            && let Some(it) = self.sweeps.take(graph, n - self.sums.len())
        {
            it.affected.whole.into_iter().for_each(|it| self.push_sum(it));
        }
        let n = n.min(self.sums.len());
        let res: Vec<_> = self.sums.drain(..n).collect();
        for it in &res {
            self.waiting_sums.remove(it);
        }
        res
    }
}

/// Whether all names are what they were after a change: that of a pod that is there, runs as the same ServiceAccount, has
/// the same containers and has not just come to its end. By far the most changes are.
fn keeps_names(graph: &Graph, change: &Change) -> bool {
    let Change::Upsert(fact) = change else { return false };
    let Fact::Pod(new) = &**fact else { return false };
    let containers = |it: &Pod| it.spec.containers.len();
    graph.pod(&new.namespace, &new.name).is_some_and(|was| {
        let names = was.spec.containers.iter().zip(&new.spec.containers);
        was.service_account() == new.service_account()
            && was.completed() == new.completed()
            && containers(was) == containers(new)
            && names.into_iter().all(|(was, new)| was.name == new.name)
    })
}

impl Model {
    pub(in crate::model) fn observe(&mut self, changes: Vec<Change>) -> Vec<Request> {
        let is_of_names = self.screen().ask.is_of_names();
        for change in changes {
            if !is_of_names || !keeps_names(&self.graph, &change) {
                self.screen_mut().stale = true;
            }
            let affected = self.graph.affect(change);
            self.ledger.expect(&self.graph, affected);
        }
        self.offer_contexts();
        // Which cluster it is has to be known: what was cut off elsewhere is no business of this one.
        if !self.journal_asked && self.graph.cluster().is_known() {
            self.journal_asked = true;
            return vec![Request::Journal];
        }
        Vec::new()
    }

    /// What was said for a while only is judged again.
    pub(in crate::model) fn judge_lapsed(&mut self) {
        let units = self.ledger.lapsed(self.now);
        self.ledger.expect(&self.graph, Affected { units, ..Affected::default() });
    }

    /// What waits: units to be judged, ServiceAccounts to be summed up, roles to be looked through if anybody sees them.
    pub(in crate::model) fn waiting(&self) -> usize {
        let roles = if self.shows_roles() { self.board.n_roles_waiting() } else { 0 };
        self.ledger.n_waiting() + self.queue.len() + roles
    }

    /// Whom a role lets in is seen in no other list. A role with a wildcard is asked about everybody.
    fn shows_roles(&self) -> bool {
        self.screen().view() == ViewKind::Roles
    }

    /// Judges up to `units` of what waits. Sums are cheaper than judgements and make rows appear, so they share.
    pub(in crate::model) fn work(&mut self, units: usize) -> Vec<Request> {
        let sums = self.queue.take_sums(&self.graph, units.div_ceil(2 * SUM));
        self.board.renew(&self.graph, &self.ledger, sums, self.now);
        if 0 < self.ledger.n_waiting() {
            let worked = self.ledger.work(&self.graph, units, self.now);
            self.board.expect_roles(&self.graph, &worked.units);
            let judged = worked.judged.into_iter().map(|it| (it, true));
            let concerned = worked.concerned.into_iter().map(|it| (it, false));
            for (key, is_judged) in judged.chain(concerned) {
                // While its pods are judged only its own verdict is news, or its first row. One with very many pods is
                // summed up when they are all judged.
                let is_news = is_judged || self.board.identity(&key).is_none();
                let is_news = is_news && self.graph.n_members(&key) < CROWD;
                if is_news || !self.ledger.is_crowded(&key) {
                    self.queue.push_sum(key);
                } else {
                    self.queue.behind.insert(key);
                }
            }
            for key in worked.finished {
                if !self.ledger.is_crowded(&key) && self.queue.behind.remove(&key) {
                    self.queue.push_sum(key);
                }
            }
            worked.wide.into_iter().for_each(|it| self.queue.sweeps.push(it));
            self.screen_mut().stale |= !self.screen().ask.is_of_names();
        } else if self.shows_roles() && 0 < self.board.n_roles_waiting() {
            self.board.renew_roles(&self.graph, units, self.now);
            self.screen_mut().stale = true;
        }
        if 0 < self.waiting() {
            return Vec::new();
        }
        // What was asked for is on its way, however much else has come meanwhile.
        let (n_wanted, now) = (self.graph.n_ever_wanted(), self.now);
        let fetched = &mut self.fetched;
        let is_late = fetched.since.is_none_or(|it| ASK_AGAIN <= now.duration_since(it));
        if n_wanted == fetched.n_ever_wanted && !is_late {
            return Vec::new();
        }
        fetched.n_ever_wanted = n_wanted;
        if is_late {
            fetched.since = Some(now);
            fetched.what.clear();
        }
        fetched.what.retain(|it| self.graph.wants(it));
        let wanted = self.graph.wanted().into_iter();
        let wanted: Vec<Ref> = wanted.filter(|it| fetched.what.insert(it.clone())).collect();
        if wanted.is_empty() { Vec::new() } else { vec![Request::Fetch(wanted)] }
    }

    /// Before a frame, and not after every slice: what nobody sees need not be right.
    pub(in crate::model) fn renew_rows_if_cheap(&mut self) {
        if self.screen().rows.len() < LARGE {
            self.renew_rows();
        }
    }

    /// Makes the rows of the visible list anew if they are behind.
    pub(in crate::model) fn renew_rows(&mut self) {
        if self.screen().stale {
            self.force_rows();
        }
    }

    /// As `renew_rows`, after the person changed what is asked for.
    pub(in crate::model) fn force_rows(&mut self) {
        let world = crate::tree::World {
            graph: &self.graph,
            ledger: &self.ledger,
            board: &self.board,
            contexts: &self.contexts,
            profiles: &self.profiles,
            now: self.now,
        };
        if let Some(it) = self.screens.last_mut() {
            it.renew(world);
        }
    }

    /// Forgets the world and asks for that of another context.
    pub(in crate::model) fn connect(&mut self, context: Text) -> Vec<Request> {
        let generation = self.forget_world();
        self.context = Some(context.clone());
        vec![Request::Connect { context, generation }]
    }

    /// Forgets the world and asks for it again, as another profile sees it.
    pub(in crate::model) fn use_profile(&mut self, profile: Text) -> Vec<Request> {
        let generation = self.forget_world();
        self.profile = Some(profile.clone());
        vec![Request::UseProfile { profile, generation }]
    }

    fn forget_world(&mut self) -> Generation {
        self.generation = Generation(self.generation.0 + 1);
        self.graph = Graph::default();
        self.ledger = Ledger::default();
        self.board = Board::default();
        self.queue = Queue::default();
        self.fetched = Fetched::default();
        self.picker_offered = false;
        self.journal_asked = false;
        self.to_undo = None;
        self.delivered.clear();
        self.screens = vec![Screen::new(ViewKind::Identities)];
        self.past.clear();
        self.future.clear();
        self.mode = Mode::List;
        self.details_scroll = 0;
        self.generation
    }

    /// Without a cluster the only thing to do is to choose another; with one again, the offer is withdrawn.
    fn offer_contexts(&mut self) {
        match self.link() {
            Link::Down { .. } if !self.picker_offered => {
                self.picker_offered = true;
                if self.screens.len() == 1 && matches!(self.mode, Mode::List) {
                    let mut picker = Screen::new(ViewKind::Contexts);
                    picker.offered = true;
                    self.screens.push(picker);
                    self.force_rows();
                }
            }
            Link::Up if self.screen().offered && self.screen().selected.is_none() => {
                self.screens.pop();
                self.force_rows();
            }
            Link::Down { .. } | Link::Up | Link::Connecting => {}
        }
    }
}
