//! Whom a plan concerns: every container's end before and after, for the pods that run and for those that will replace
//! them.
//!
//! The world after is the graph with the plan simulated, judged by the same functions; nothing here is estimated.

mod ends;

use crate::{
    check::Context,
    fact::{Pod, Workload},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text, Timestamp},
    identity::Signature,
    plan::{self, Edit},
};
use ends::Asked;
use std::collections::{BTreeMap, BTreeSet};

/// Who would get, lose or change an AWS identity, and of whom nobody can say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blast {
    pub gains: Vec<Moved>,
    pub loses: Vec<Moved>,
    pub changes_identity: Vec<Moved>,
    pub not_known: Vec<Moved>,
}

/// Containers of one owner that move alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    pub service_account: SaKey,
    /// The outermost owner; a bare pod is its own.
    pub owner: Ref,
    pub when: When,
    /// Pods that run now.
    pub pods: u32,
    pub from: End,
    pub to: End,
}

/// Whether it happens to what runs, or to what will run in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    Now,
    NewPods,
}

/// Where a container ends up, and whether AWS grants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Granted.
    Role(Arn),
    /// Asked for and refused.
    Refused(Arn, Option<Signature>),
    /// Nobody can say whether it is granted; the text says why.
    Unknown(Option<Arn>, Text),
    NodeRole,
    Static,
    None,
}

impl End {
    /// A fragment: `role payments-api`, `the node's role`, `static keys`, `no identity`.
    pub fn describe(&self) -> String {
        let name = |it: &Arn| it.name().unwrap_or(it.as_str()).to_owned();
        match self {
            End::Role(it) => format!("role `{}`", name(it)),
            End::Refused(it, Some(why)) => format!("role `{}` (refused, {why})", name(it)),
            End::Refused(it, None) => format!("role `{}` (refused)", name(it)),
            End::Unknown(Some(it), why) => format!("role `{}` (not known: {why})", name(it)),
            End::Unknown(None, why) => format!("not known: {why}"),
            End::NodeRole => "the node's role".to_owned(),
            End::Static => "static keys".to_owned(),
            End::None => "no identity".to_owned(),
        }
    }

    /// Whether its AWS calls are made as somebody.
    pub(crate) fn works(&self) -> bool {
        match self {
            End::Role(_) | End::NodeRole | End::Static => true,
            End::Refused(..) | End::Unknown(..) | End::None => false,
        }
    }
}

impl Moved {
    /// `None` for a bare pod.
    pub(crate) fn workload<'g>(&self, graph: &'g Graph) -> Option<&'g Workload> {
        let Ref::Workload { kind, namespace, name } = &self.owner else { return None };
        graph.workload(*kind, namespace, name)
    }
}

impl Blast {
    pub fn is_empty(&self) -> bool {
        self.gains.is_empty()
            && self.loses.is_empty()
            && self.changes_identity.is_empty()
            && self.not_known.is_empty()
    }

    fn put(&mut self, it: Moved) {
        let list = match (&it.from, &it.to) {
            (from, to) if from == to => return,
            (End::Unknown(..), _) | (_, End::Unknown(..)) => &mut self.not_known,
            (from, to) if from.works() && to.works() => &mut self.changes_identity,
            (_, to) if to.works() => &mut self.gains,
            (from, _) if from.works() => &mut self.loses,
            // Refused in another way is neither won nor lost.
            (_, _) => return,
        };
        list.push(it);
    }
}

/// Where the containers of a pod that the owner would make now would end.
pub(crate) fn ends_of_new(cx: Context<'_>, owner: &Workload) -> Vec<End> {
    Asked::new(cx, &owner.service_account()).ends_of_new(owner)
}

/// The world after some edits, beside the one before: worked out once for everything that is asked of it. A copy: the
/// graph itself is never touched.
pub struct After<'g> {
    before: Context<'g>,
    edits: &'g [Edit],
    graph: Graph,
    units: Vec<Ref>,
}

impl<'g> After<'g> {
    pub fn of(graph: &'g Graph, edits: &'g [Edit], now: Timestamp) -> After<'g> {
        let mut then = graph.clone();
        let mut units = BTreeSet::new();
        for edit in edits {
            units.extend(plan::pretend(&mut then, edit, now));
            units.extend(edit.rolls_out().map(plan::WorkloadKey::reference));
        }
        let before = Context { graph, now };
        After { before, edits, graph: then, units: units.into_iter().collect() }
    }

    pub fn edits(&self) -> &'g [Edit] {
        self.edits
    }

    pub fn before(&self) -> &'g Graph {
        self.before.graph
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the edits concern.
    pub fn units(&self) -> &[Ref] {
        &self.units
    }

    pub fn now(&self) -> Timestamp {
        self.before.now
    }

    /// The ServiceAccounts that the edits concern.
    pub(crate) fn keys(&self) -> BTreeSet<SaKey> {
        let worlds = [self.before.graph, &self.graph];
        worlds
            .into_iter()
            .flat_map(|world| self.units.iter().flat_map(|it| world.accounts_of(it)))
            .collect()
    }

    /// Whom the edits concern.
    pub fn blast(&self) -> Blast {
        let Context { graph, now } = self.before;
        let keys = self.keys();
        let after = Context { graph: &self.graph, now };
        let mut res = Blast::default();
        for key in &keys {
            running(self.before, after, key, &mut res);
        }
        for owner in owners(graph, &self.graph, &keys) {
            replaced(self.before, after, &owner, &mut res);
        }
        res
    }
}

/// What runs now keeps its env; only whether AWS grants it can change.
fn running(before: Context<'_>, after: Context<'_>, key: &SaKey, res: &mut Blast) {
    // In the order of names, as they are read.
    let mut moved: BTreeMap<(String, End, End), (Ref, BTreeSet<Text>)> = BTreeMap::new();
    let pods = before.graph.pods_of(key).filter(|it| !it.completed());
    let (was, will) = (Asked::new(before, key), Asked::new(after, key));
    for pod in pods {
        for (from, to) in was.ends(pod).into_iter().zip(will.ends(pod)) {
            if from != to {
                let owner = owner_of(before.graph, pod);
                let key = (owner.to_string(), from, to);
                let (_, pods) = moved.entry(key).or_insert_with(|| (owner, BTreeSet::new()));
                pods.insert(pod.name.clone());
            }
        }
    }
    for ((_, from, to), (owner, pods)) in moved {
        res.put(Moved {
            service_account: key.clone(),
            owner,
            when: When::Now,
            pods: count(pods.len()),
            from,
            to,
        });
    }
}

/// What will run in place of an owner's pods: its template through the webhook, in the world after.
fn replaced(before: Context<'_>, after: Context<'_>, owner: &Owner<'_>, res: &mut Blast) {
    let Some(then) = after.graph.workload(owner.of.kind, &owner.of.namespace, &owner.of.name)
    else {
        return;
    };
    let (old_key, new_key) = (owner.of.service_account(), then.service_account());
    let was = Asked::new(before, &old_key);
    let will = Asked::new(after, &new_key);
    let running: Vec<&Pod> = before
        .graph
        .pods_of_workload(owner.of.kind, &owner.of.namespace, &owner.of.name)
        .into_iter()
        .filter(|it| !it.completed() && !it.deleting)
        .collect();
    let to = will.ends_of_new(then);
    let mut moved: BTreeMap<(End, End), u32> = BTreeMap::new();
    let mut compare = |was: Vec<End>, stays: Vec<End>| {
        let all = was.into_iter().zip(stays).zip(to.iter().cloned());
        let pairs: BTreeSet<(End, End)> = all
            // What runs moves so already.
            .filter(|((_, stays), to)| stays != to)
            // What would lose by it, and has again what it had once it is made anew.
            .map(|((was, stays), to)| if was == to { (stays, to) } else { (was, to) })
            .collect();
        for it in pairs {
            *moved.entry(it).or_default() += 1;
        }
    };
    if running.is_empty() {
        let was = was.ends_of_new(owner.of);
        compare(was.clone(), was);
    }
    let stays = Asked::new(after, &old_key);
    for pod in &running {
        compare(was.ends(pod), stays.ends(pod));
    }
    for ((from, to), pods) in moved {
        let pods = if running.is_empty() { 0 } else { pods };
        res.put(Moved {
            service_account: new_key.clone(),
            owner: owner.key.clone(),
            when: When::NewPods,
            pods,
            from,
            to,
        });
    }
}

struct Owner<'a> {
    of: &'a Workload,
    key: Ref,
}

/// The outermost owners whose templates name one of the accounts, before or after.
fn owners<'a>(graph: &'a Graph, then: &'a Graph, keys: &BTreeSet<SaKey>) -> Vec<Owner<'a>> {
    let mut names: BTreeSet<plan::WorkloadKey> = BTreeSet::new();
    for world in [graph, then] {
        for it in keys.iter().flat_map(|it| world.workloads_of(it)) {
            let outermost = it.owner.is_none() && !it.completed;
            if outermost {
                names.insert(it.into());
            }
        }
    }
    let known = names.into_iter().filter_map(|it| {
        let of = graph.workload(it.kind, &it.namespace, &it.name)?;
        Some(Owner { of, key: it.reference() })
    });
    known.collect()
}

fn owner_of(graph: &Graph, pod: &Pod) -> Ref {
    match graph.root_owner(pod) {
        Some(it) => plan::WorkloadKey::from(it).reference(),
        None => Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() },
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
