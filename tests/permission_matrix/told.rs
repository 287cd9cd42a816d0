//! A world judged; and one that differs in little judged by what differs, which is much less work for thousands of them.

use crate::{calls::Call, now};
use idscope::{
    check::{Ledger, Severity, SubjectKind, roll_up},
    fact::{Change, Scope},
    graph::Graph,
    ident::{Ref, SaKey, Timestamp},
    identity::Verdict,
    lab::{self, Side, World},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is told of a world, as far as the matrix compares it.
#[derive(Debug, PartialEq)]
pub struct Told {
    /// By `namespace/name`: the verdict, and why.
    pub identities: BTreeMap<String, (&'static str, String)>,
    /// By `CODE Kind namespace/name/container`: the severity, and all that is said.
    pub findings: BTreeMap<String, (Severity, String)>,
}

/// A scenario with every permission.
pub struct Whole {
    pub world: World,
    changes: [Vec<Change>; 3],
    graph: Graph,
    ledger: Ledger,
    pub told: Arc<Told>,
}

impl Whole {
    pub fn new(world: World) -> Whole {
        let changes = Side::ALL.map(|it| lab::changes_of(&world, it));
        let (graph, ledger) = judged(changes.concat(), now());
        let told = Arc::new(told(&graph, &ledger));
        Whole { world, changes, graph, ledger, told }
    }

    /// The same scenario for somebody who may read less: from nothing, as a run of the program is.
    pub fn denied(&self, world: &World, call: &Call) -> Arc<Told> {
        // Who may list what is of the API server changes nothing of what AWS says, and the other way round.
        let sides: &[Side] = match call {
            Call::Kube { .. } => &[Side::Kubernetes],
            Call::Path(_) => &[Side::Eks],
            Call::Aws(_) => &[Side::Eks, Side::Iam],
        };
        self.same_or(world, sides, |it| from_nothing(it, now()))
    }

    /// Another world that is told apart by one call: what the call brings is brought to the scenario as it is.
    pub fn otherwise(&self, world: &World, call: &Call) -> Arc<Told> {
        // Objects name roles, which are asked for.
        let sides: &[Side] = match call {
            Call::Kube { .. } => &[Side::Kubernetes, Side::Iam],
            Call::Path(_) => &[Side::Eks],
            Call::Aws(_) => &[Side::Eks, Side::Iam],
        };
        self.same_or(world, sides, |changes| match self.fresh(&changes) {
            Some(fresh) => {
                let (mut graph, mut ledger) = (self.graph.clone(), self.ledger.clone());
                let units: BTreeSet<Ref> =
                    fresh.into_iter().flat_map(|it| graph.apply(it.clone())).collect();
                ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
                told(&graph, &ledger)
            }
            None => from_nothing(changes, now()),
        })
    }

    fn same_or(
        &self,
        world: &World,
        sides: &[Side],
        tell: impl FnOnce([Vec<Change>; 3]) -> Told,
    ) -> Arc<Told> {
        let mut changes = self.changes.clone();
        for (own, side) in changes.iter_mut().zip(Side::ALL) {
            if sides.contains(&side) {
                *own = lab::changes_of(world, side);
            }
        }
        match changes == self.changes {
            true => Arc::clone(&self.told),
            false => Arc::new(tell(changes)),
        }
    }

    /// The changes that the scenario has not; `None` when it has something that nothing here takes back.
    fn fresh<'a>(&self, changes: &'a [Vec<Change>; 3]) -> Option<Vec<&'a Change>> {
        let sides = || self.changes.iter().zip(changes);
        let is_in = |all: &[Change], it: &&Change| all.contains(it);
        let fresh = sides().flat_map(|(old, new)| new.iter().filter(|it| !is_in(old, it)));
        let fresh: Vec<&Change> = fresh.collect();
        let mut gone = sides().flat_map(|(old, new)| old.iter().filter(|it| !is_in(new, it)));
        let is_renewed = |it: &Change| {
            let (is_list, scope) = list(it)?;
            fresh.iter().any(|it| list(it) == Some((is_list, scope))).then_some(())
        };
        gone.all(|it| is_renewed(it).is_some()).then_some(fresh)
    }
}

/// What a list brings, or how it stands.
fn list(change: &Change) -> Option<(bool, &Scope)> {
    match change {
        Change::Replace { scope, .. } => Some((true, scope)),
        Change::Source { scope, .. } => Some((false, scope)),
        Change::Upsert(_) | Change::Remove(_) | Change::Know { .. } => None,
    }
}

/// As a run of the program tells it.
pub fn from_nothing(changes: [Vec<Change>; 3], now: Timestamp) -> Told {
    let (graph, ledger) = judged(changes.concat(), now);
    told(&graph, &ledger)
}

fn judged(changes: Vec<Change>, now: Timestamp) -> (Graph, Ledger) {
    let mut graph = Graph::default();
    let units: BTreeSet<Ref> = changes.into_iter().flat_map(|it| graph.apply(it)).collect();
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now);
    (graph, ledger)
}

pub fn told(graph: &Graph, ledger: &Ledger) -> Told {
    let identity = |key: &SaKey| {
        let it = ledger.identity(key)?;
        let because = match &it.verdict {
            Verdict::Unknown(why) => format!("{} {why:?}", it.because),
            Verdict::Allow | Verdict::Deny(_) | Verdict::None => it.because.to_string(),
        };
        Some((key.to_string(), (it.verdict.as_str(), because)))
    };
    let identities = graph.identities().filter_map(identity).collect();
    let findings = roll_up(graph, ledger).into_iter().map(|it| {
        let subject = &it.finding.subject;
        let parts = [subject.namespace.as_ref(), Some(&subject.name), subject.container.as_ref()];
        let parts: Vec<&str> = parts.into_iter().flatten().map(|it| &**it).collect();
        // Without eks:DescribeCluster the cluster goes by its context.
        let name =
            if subject.kind == SubjectKind::Cluster { String::new() } else { parts.join("/") };
        let key = format!("{} {} {name}", it.finding.code, subject.kind.as_str());
        (key, (it.finding.severity, format!("{:?}", it.finding)))
    });
    Told { identities, findings: findings.collect() }
}
