//! Which restarts would bring a plan's new identities to the pods that run, and which would only take away what they have.

use crate::{
    check::{Blast, Context, Cure, End, Ledger, When, aftermath::has_it, blast::ends_of_new, fix},
    fact::Workload,
    graph::Graph,
    ident::{Ref, Timestamp},
    plan::{self, Edit, Turnover, WorkloadKey},
};
use std::collections::BTreeSet;

/// What can be said of restarts after a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restarts {
    /// Those that are not interrupted by it first, then by name.
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
    /// How that goes.
    pub turnover: Turnover,
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
        let why = match (&it.to, fix::restarted(workload), workload) {
            (End::Role(_), Ok(workload), _) => {
                let key = WorkloadKey::from(workload);
                let Some(turnover) = Turnover::of(graph, &key) else { continue };
                match res.offered.iter_mut().find(|it| it.workload == key) {
                    // Its containers move in different ways.
                    Some(held) => held.pods = held.pods.max(it.pods),
                    None => res.offered.push(Offered {
                        workload: key,
                        pods: it.pods,
                        to: it.to.clone(),
                        turnover,
                    }),
                }
                continue;
            }
            (End::Role(_), Err(why), Some(workload)) => {
                refused.insert(&it.owner);
                res.refused.push(plan::not_restarted(graph, workload, &why));
                continue;
            }
            (End::Role(_), Err(why), None) => {
                format!("it {why}; by hand: delete it and make it again")
            }
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
    // What nobody notices goes first: if that fails, nothing was interrupted.
    res.offered.sort_by_cached_key(|it| (it.turnover.interrupts().is_some(), it.workload.clone()));
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
    let mut refused = None;
    for pod in cure.keys.iter().flat_map(|it| graph.pods_of(it)) {
        let is_done = pod.completed() || pod.deleting;
        let is_stuck = !pod.ready && pod.waiting.as_deref() == Some("CrashLoopBackOff");
        if is_done || has_it(ledger, pod) && !is_stuck {
            continue;
        }
        match fix::restarted(graph.root_owner(pod)) {
            Ok(it) => owners.push(it),
            Err(why) => {
                let owner = graph.root_owner(pod);
                refused = Some(fix::not_restarted(graph, pod, owner, &why));
            }
        }
    }
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
