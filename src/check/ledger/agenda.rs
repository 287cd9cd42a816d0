//! What is to be judged again, in portions of any size: an account of a hundred thousand pods takes many, not one long.

use crate::{
    fact::Pod,
    graph::{Affected, Graph, Sweeps, Swept, Wide},
    ident::{Ref, SaKey, Text},
};
use std::collections::{HashMap, HashSet, VecDeque};

/// How much longer it takes to judge a pod than to weigh it.
const JUDGING: usize = 2;

/// How much longer it takes to judge a ServiceAccount, or what concerns many.
const IDENTITY: usize = 8;

/// How long a unit takes to be judged, in pods weighed: with that portions of anything take about the same time.
fn weight(unit: &Ref) -> usize {
    match unit {
        Ref::Pod { .. } => 1 + JUDGING,
        Ref::ServiceAccount(_) | Ref::Role(_) | Ref::Provider(_) | Ref::Cluster => IDENTITY,
        Ref::Namespace(_)
        | Ref::Workload { .. }
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => JUDGING,
    }
}

/// Units that there is room for even while there are none.
const ROOM: usize = 1_024;

#[derive(Clone, Default)]
pub(crate) struct Agenda {
    /// What rows are made of goes first.
    first: VecDeque<Ref>,
    rest: VecDeque<Ref>,
    units: HashSet<Ref>,
    /// What is counted out before anything of the rest is judged.
    sweeps: Sweeps,
    /// How many units each of those has left, about.
    wide: HashMap<Wide, usize>,
    /// All of them.
    n_wide: usize,
    /// ServiceAccounts all of whose pods wait. Only the first of them has begun.
    order: VecDeque<SaKey>,
    crowds: HashMap<SaKey, Crowd>,
    /// Their members that wait.
    n_members: usize,
}

/// The pods of one ServiceAccount, and last its workloads and associations.
#[derive(Clone)]
struct Crowd {
    stage: Stage,
    /// The pod that was taken last in this stage.
    after: Option<Text>,
    n_left: usize,
    with_kin: bool,
}

/// Rules of the ServiceAccount read what its pods come to, and rules of the pods what it is judged to be: so first all of
/// them are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Weigh,
    Judge,
}

#[derive(Default)]
pub(crate) struct Portion<'g> {
    pub units: Vec<Ref>,
    pub weigh: Vec<&'g Pod>,
    pub judge: Vec<&'g Pod>,
    /// ServiceAccounts all of whose pods are among `judge`.
    pub whole: HashSet<SaKey>,
    /// Those the last of whose pods are.
    pub finished: Vec<SaKey>,
    /// The first of these are counted out, so all of them are judged now or later.
    pub begun: Vec<Wide>,
}

impl Agenda {
    pub fn len(&self) -> usize {
        self.units.len() + self.n_members + self.n_wide.max(self.sweeps.len())
    }

    /// Whether all of them will be judged.
    pub fn is_ahead(&self, of: &Wide) -> bool {
        self.sweeps.is_ahead(of)
    }

    /// Whether not all pods of a ServiceAccount were judged since it was last judged itself.
    pub fn has_crowd(&self, key: &SaKey) -> bool {
        self.crowds.contains_key(key)
    }

    pub fn push(&mut self, unit: Ref) {
        if self.units.insert(unit.clone()) {
            let goes_first = matches!(unit, Ref::ServiceAccount(_) | Ref::Cluster);
            if goes_first { self.first.push_back(unit) } else { self.rest.push_back(unit) }
        }
    }

    pub fn push_all(&mut self, graph: &Graph, affected: Affected) {
        self.push_from(graph, affected, Stage::Weigh);
    }

    /// Their pods from this stage on.
    fn push_from(&mut self, graph: &Graph, affected: Affected, stage: Stage) {
        for key in affected.whole {
            self.push_crowd(graph, &key, stage, true);
            self.push(Ref::ServiceAccount(key));
        }
        affected.units.into_iter().for_each(|it| self.push(it));
        affected.wide.into_iter().for_each(|it| self.push_wide(graph, it));
    }

    fn push_wide(&mut self, graph: &Graph, wide: Wide) {
        let n = graph.n_units(&wide);
        self.sweeps.push(wide.clone());
        self.n_wide += n;
        self.n_wide -= self.wide.insert(wide, n).unwrap_or(0);
    }

    /// Counts out about as many as can be judged while there is room `left`; whether there was something to count.
    fn sweep(&mut self, graph: &Graph, left: &mut usize, res: &mut Portion<'_>) -> bool {
        let n = (*left / (1 + IDENTITY)).max(1);
        let Some(Swept { of, affected, is_first, is_over }) = self.sweeps.take(graph, n) else {
            return false;
        };
        if is_first {
            // What is told of the role itself is told of each of its users, who need be summed up but once.
            if let Wide::UsersOf(role) = &of
                && self.units.remove(&Ref::Role(role.clone()))
            {
                *left = left.saturating_sub(IDENTITY);
                res.units.push(Ref::Role(role.clone()));
            }
            res.begun.push(of.clone());
        }
        *left = left.saturating_sub(affected.whole.len() + affected.units.len());
        let keys = affected.whole.iter().map(|it| 1 + graph.n_members(it));
        let n_counted = keys.sum::<usize>() + affected.units.len();
        let n_left = self.wide.remove(&of).unwrap_or(0);
        let n_gone = if is_over { n_left } else { n_counted.min(n_left) };
        self.n_wide -= n_gone;
        // What pods come to before any verdict follows from what they are and what they ask for, not from its role.
        let stage = match of {
            Wide::Everything | Wide::Namespace(_) => Stage::Weigh,
            Wide::RolesOf(_) | Wide::UsersOf(_) => Stage::Judge,
        };
        if !is_over {
            self.wide.insert(of, n_left - n_gone);
        }
        self.push_from(graph, affected, stage);
        true
    }

    /// All pods of a ServiceAccount, from the beginning of a stage on, unless they are before it.
    pub fn push_crowd(&mut self, graph: &Graph, key: &SaKey, stage: Stage, with_kin: bool) {
        let n_left = graph.n_members(key);
        if n_left == 0 {
            return;
        }
        self.n_members += n_left;
        match self.crowds.get_mut(key) {
            Some(crowd) => {
                self.n_members -= crowd.n_left;
                crowd.n_left = n_left;
                crowd.with_kin |= with_kin;
                if stage <= crowd.stage {
                    (crowd.stage, crowd.after) = (stage, None);
                }
            }
            None => {
                self.order.push_back(key.clone());
                self.crowds.insert(key.clone(), Crowd { stage, after: None, n_left, with_kin });
            }
        }
    }

    /// The next portion, which takes about as long as `n` pods do to be weighed; not nothing.
    pub fn take<'g>(&mut self, graph: &'g Graph, n: usize) -> Portion<'g> {
        let mut res = Portion::default();
        let mut left = n.max(1);
        while 0 < left {
            let first = self.first.pop_front();
            if first.is_none() && self.sweep(graph, &mut left, &mut res) {
                continue;
            }
            let Some(unit) = first.or_else(|| self.rest.pop_front()) else { break };
            // Unless its turn came before.
            if self.units.remove(&unit) {
                left = left.saturating_sub(weight(&unit));
                res.units.push(unit);
            }
        }
        while 0 < left && self.take_of_crowd(graph, &mut left, &mut res) {}
        if self.units.is_empty() && ROOM < self.units.capacity() {
            // What a first reading took is not kept for ever.
            (self.first, self.rest) = (VecDeque::new(), VecDeque::new());
            self.units = HashSet::new();
        }
        res
    }

    /// Takes of the crowd whose turn it is; whether there was one.
    fn take_of_crowd<'g>(
        &mut self,
        graph: &'g Graph,
        left: &mut usize,
        res: &mut Portion<'g>,
    ) -> bool {
        let Some(key) = self.order.front() else { return false };
        // INVARIANT: what has an order has a crowd.
        let crowd = self.crowds.get_mut(key).expect("a crowd");
        if crowd.stage == Stage::Weigh {
            if !crowd.take(graph, key, left, 1, &mut res.weigh) {
                return true;
            }
            (crowd.stage, crowd.after) = (Stage::Judge, None);
        }
        let from_the_beginning = crowd.after.is_none();
        let n_before = res.judge.len();
        let is_done = crowd.take(graph, key, left, JUDGING, &mut res.judge);
        let n_judged = (res.judge.len() - n_before).min(crowd.n_left);
        crowd.n_left -= n_judged;
        self.n_members -= n_judged;
        if !is_done {
            return true;
        }
        let Some(key) = self.order.pop_front() else { return false };
        let Some(crowd) = self.crowds.remove(&key) else { return false };
        // Of pods that came or went since they were counted.
        self.n_members -= crowd.n_left;
        if crowd.with_kin {
            // At once, so that the ServiceAccount is summed up once for all of them.
            for it in graph.kin_of(&key).filter(|it| !self.units.contains(it)) {
                *left = left.saturating_sub(weight(&it));
                res.units.push(it);
            }
        }
        if from_the_beginning {
            res.whole.insert(key.clone());
        }
        res.finished.push(key);
        true
    }
}

impl Crowd {
    /// Takes as many pods of this weight as there is room `left` for; whether those were the last ones of this stage.
    fn take<'g>(
        &mut self,
        graph: &'g Graph,
        key: &SaKey,
        left: &mut usize,
        weight: usize,
        to: &mut Vec<&'g Pod>,
    ) -> bool {
        for pod in graph.pods_after(key, self.after.as_ref()) {
            if *left == 0 {
                return false;
            }
            *left = left.saturating_sub(weight);
            to.push(pod);
            self.after = Some(pod.name.clone());
        }
        true
    }
}
