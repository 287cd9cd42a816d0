//! What is to be judged again, in portions of any size: an account of a hundred thousand pods takes many, not one long.

use crate::{
    graph::{Affected, Graph},
    ident::{Ref, SaKey, Text},
};
use std::collections::{HashMap, HashSet, VecDeque};

/// How much longer it takes to judge a pod than to weigh it.
const JUDGING: usize = 2;

/// How long a unit takes to be judged, in pods weighed: with that portions of anything take about the same time.
fn weight(unit: &Ref) -> usize {
    match unit {
        Ref::Pod { .. } => 1 + JUDGING,
        Ref::ServiceAccount(_) | Ref::Role(_) | Ref::Provider(_) | Ref::Cluster => 8,
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
pub(crate) struct Portion {
    pub units: Vec<Ref>,
    /// Pods by namespace and name.
    pub weigh: Vec<(Text, Text)>,
    pub judge: Vec<(Text, Text)>,
    /// ServiceAccounts all of whose pods are among `judge`.
    pub whole: HashSet<SaKey>,
}

impl Agenda {
    pub fn len(&self) -> usize {
        self.units.len() + self.n_members
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
        for key in affected.whole {
            self.push_crowd(graph, &key, Stage::Weigh, true);
            self.push(Ref::ServiceAccount(key));
        }
        affected.units.into_iter().for_each(|it| self.push(it));
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
    pub fn take(&mut self, graph: &Graph, n: usize) -> Portion {
        let mut res = Portion::default();
        let mut left = n.max(1);
        while 0 < left
            && let Some(unit) = self.first.pop_front().or_else(|| self.rest.pop_front())
        {
            left = left.saturating_sub(weight(&unit));
            self.units.remove(&unit);
            res.units.push(unit);
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
    fn take_of_crowd(&mut self, graph: &Graph, left: &mut usize, res: &mut Portion) -> bool {
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
            graph.kin_of(&key).for_each(|it| self.push(it));
        }
        if from_the_beginning {
            res.whole.insert(key);
        }
        true
    }
}

impl Crowd {
    /// Takes as many pods of this weight as there is room `left` for; whether those were the last ones of this stage.
    fn take(
        &mut self,
        graph: &Graph,
        key: &SaKey,
        left: &mut usize,
        weight: usize,
        to: &mut Vec<(Text, Text)>,
    ) -> bool {
        for pod in graph.pods_after(key, self.after.as_ref()) {
            if *left == 0 {
                return false;
            }
            *left = left.saturating_sub(weight);
            to.push((pod.namespace.clone(), pod.name.clone()));
            self.after = Some(pod.name.clone());
        }
        true
    }
}
