//! Which restarts would bring a plan's new identities to the pods that run, and which would only take away what they have.

use crate::{
    check::{Blast, Context, Cure, End, Ledger, When, aftermath::has_it, blast::ends_of_new, fix},
    fact::Workload,
    graph::Graph,
    ident::{Ref, Timestamp},
    plan::{Edit, WorkloadKey},
};
use std::collections::BTreeSet;

/// What can be said of restarts after a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restarts {
    /// In the order of names.
    pub offered: Vec<Offered>,
    /// Owners and pods that are not restarted, each with the reason: sentences.
    pub refused: Vec<String>,
}

/// An owner whose new pods would have what the plan gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    pub workload: WorkloadKey,
    pub pods: u32,
    pub to: End,
    /// One pod: while it is made again there may be none.
    pub is_single: bool,
}

/// Looks at every owner whose new pods would end elsewhere than those that run. One that the edits roll out by themselves
/// needs nothing.
pub fn restarts(graph: &Graph, edits: &[Edit], blast: &Blast) -> Restarts {
    let Blast { gains, loses, changes_identity, not_known } = blast;
    let mut res = Restarts::default();
    let mut refused: BTreeSet<&Ref> = BTreeSet::new();
    for it in [gains, changes_identity, loses, not_known].into_iter().flatten() {
        let rolls_out =
            |edit: &Edit| edit.rolls_out().is_some_and(|key| key.reference() == it.owner);
        if it.when != When::NewPods || it.pods == 0 || edits.iter().any(rolls_out) {
            continue;
        }
        let workload = it.workload(graph);
        let why = match (&it.to, fix::rolled_out(workload), workload) {
            (End::Role(_), Some(workload), _) => {
                let key = WorkloadKey::from(workload);
                let is_single = workload.replicas == Some(1);
                match res.offered.iter_mut().find(|it| it.workload == key) {
                    // Its containers move in different ways.
                    Some(held) => held.pods = held.pods.max(it.pods),
                    None => res.offered.push(Offered {
                        workload: key,
                        pods: it.pods,
                        to: it.to.clone(),
                        is_single,
                    }),
                }
                continue;
            }
            (End::Role(_), None, Some(workload)) => {
                format!("a {} does not make its pods anew by itself", workload.kind.as_str())
            }
            (End::Role(_), None, None) => "nothing would make its pods again the same way".into(),
            (End::Refused(..) | End::Unknown(..), _, _) => {
                format!("whether new pods would be granted anything: {}", it.to.describe())
            }
            (End::NodeRole | End::Static | End::None, _, _) => {
                format!("new pods would have {}", it.to.describe())
            }
        };
        refused.insert(&it.owner);
        res.refused.push(format!("{} is not restarted: {why}", it.owner));
    }
    res.offered.sort_by(|a, b| a.workload.cmp(&b.workload));
    // Who loses by it in one container is not restarted for another.
    res.offered.retain(|it| !refused.contains(&it.workload.reference()));
    res.refused.sort();
    res.refused.dedup();
    res
}

/// The owner to restart next so that a cure reaches the pods that run: one with a pod that lacks it or that waits in
/// crash back-off. `Ok(None)`: there is none. `Err`: there is, and its new pods would be no better off.
pub fn next_restart(
    graph: &Graph,
    ledger: &Ledger,
    cure: &Cure,
    now: Timestamp,
) -> Result<Option<WorkloadKey>, String> {
    let mut owners: Vec<&Workload> = Vec::new();
    for pod in cure.keys.iter().flat_map(|it| graph.pods_of(it)) {
        let is_done = pod.completed() || pod.deleting;
        let is_stuck = !pod.ready && pod.waiting.as_deref() == Some("CrashLoopBackOff");
        if is_done || has_it(ledger, pod) && !is_stuck {
            continue;
        }
        owners.extend(fix::rolled_out(graph.root_owner(pod)));
    }
    let mut refused = None;
    owners.sort_by_key(|it| WorkloadKey::from(*it));
    for owner in owners {
        let ends = ends_of_new(Context { graph, now }, owner);
        match ends.iter().find(|it| !matches!(it, End::Role(_))) {
            None => return Ok(Some(owner.into())),
            Some(it) => {
                let key = WorkloadKey::from(owner);
                refused = Some(format!(
                    "{key} is not restarted: a container of its new pods would have {}",
                    it.describe()
                ));
            }
        }
    }
    refused.map_or(Ok(None), Err)
}
