//! Taking in facts, and judging what they concern in slices that leave time to draw.

use crate::{
    check::Ledger,
    command::ViewKind,
    event::Generation,
    fact::Change,
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text},
    model::{Link, Mode, Model, Request, Screen},
    tree::Board,
};
use std::collections::{HashSet, VecDeque};

/// Above this many rows a list is made anew once a second and on the person's own doing, not on every fact.
const LARGE: usize = 5_000;

/// Units to judge, accounts to sum up and roles to look through, each once.
#[derive(Default)]
pub struct Queue {
    /// What rows are made of goes first.
    first: VecDeque<Ref>,
    rest: VecDeque<Ref>,
    units: HashSet<Ref>,
    sums: VecDeque<SaKey>,
    waiting_sums: HashSet<SaKey>,
    roles: VecDeque<Arn>,
    waiting_roles: HashSet<Arn>,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.units.len() + self.sums.len() + self.roles.len()
    }

    fn push(&mut self, unit: Ref) {
        if self.units.insert(unit.clone()) {
            let goes_first = matches!(unit, Ref::ServiceAccount(_) | Ref::Cluster);
            if goes_first { self.first.push_back(unit) } else { self.rest.push_back(unit) }
        }
    }

    fn push_sum(&mut self, key: SaKey) {
        if self.waiting_sums.insert(key.clone()) {
            self.sums.push_back(key);
        }
    }

    fn push_role(&mut self, arn: Arn) {
        if self.waiting_roles.insert(arn.clone()) {
            self.roles.push_back(arn);
        }
    }

    fn take_roles(&mut self, n: usize) -> Vec<Arn> {
        let n = n.min(self.roles.len());
        let res: Vec<_> = self.roles.drain(..n).collect();
        for it in &res {
            self.waiting_roles.remove(it);
        }
        res
    }

    fn take_units(&mut self, n: usize) -> Vec<Ref> {
        let mut res = Vec::with_capacity(n.min(self.units.len()));
        while res.len() < n {
            let Some(unit) = self.first.pop_front().or_else(|| self.rest.pop_front()) else {
                break;
            };
            self.units.remove(&unit);
            res.push(unit);
        }
        res
    }

    fn take_sums(&mut self, n: usize) -> Vec<SaKey> {
        let n = n.min(self.sums.len());
        let res: Vec<_> = self.sums.drain(..n).collect();
        for it in &res {
            self.waiting_sums.remove(it);
        }
        res
    }
}

impl Model {
    pub(in crate::model) fn observe(&mut self, changes: Vec<Change>) -> Vec<Request> {
        for change in changes {
            for unit in self.graph.apply(change) {
                self.queue.push(unit);
            }
        }
        self.screen_mut().stale = true;
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
        for unit in self.ledger.lapsed(self.now) {
            self.queue.push(unit);
        }
    }

    /// Judges up to `units` of what waits. Sums are cheaper than judgements and make rows appear, so they share.
    pub(in crate::model) fn work(&mut self, units: usize) -> Vec<Request> {
        let sums = self.queue.take_sums(units.div_ceil(2));
        self.board.renew(&self.graph, &self.ledger, sums, self.now);
        // A role with a wildcard is asked about everybody, which takes as long as many units.
        if self.queue.units.is_empty() {
            let roles = self.queue.take_roles(units.div_ceil(8));
            if !roles.is_empty() {
                self.board.renew_roles(&self.graph, roles, self.now);
                self.screen_mut().stale = true;
            }
        }
        let units = self.queue.take_units(units);
        if !units.is_empty() {
            for it in self.board.stale_roles(&self.graph, &units) {
                self.queue.push_role(it);
            }
            // The account of a pod that is gone is known only before the ledger forgets the pod.
            let before = self.board.concerned(&self.graph, &units);
            let judged = self.ledger.refresh(&self.graph, &units, self.now);
            for key in before.into_iter().chain(judged) {
                self.queue.push_sum(key);
            }
            self.screen_mut().stale = true;
        }
        if 0 < self.queue.len() {
            return Vec::new();
        }
        let wanted = self.graph.wanted();
        if wanted.is_empty() || wanted == self.fetched {
            return Vec::new();
        }
        self.fetched = wanted.clone();
        vec![Request::Fetch(wanted)]
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
        self.fetched = Vec::new();
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
