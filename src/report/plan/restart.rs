//! Restarts in a plan's renderings: how each goes, which of them is first, and what a script waits for between them.

use crate::{
    check::Restarts,
    fact::{Knowledge, Rollout, UpdateStrategy},
    plan::{Edit, Names, Plan, Turnover, WorkloadKey, quote},
    report::plan::Page,
};
use serde_json::{Value, json};

/// Those of the plan, then those that are only offered.
pub(super) fn data(plan: &Plan, restarts: &Restarts) -> Value {
    let own = plan.turnovers.iter().map(|it| (it, true));
    let is_own = |key: &WorkloadKey| plan.turnovers.iter().any(|it| it.workload == *key);
    let offered = restarts.offered.iter().filter(|it| !is_own(&it.workload));
    own.chain(offered.map(|it| (&it.turnover, false)))
        .map(|(it, included)| {
            let strategy = it.rollout.as_ref().map(|it| &it.strategy);
            let (unavailable, surge, partition) = match strategy {
                Some(UpdateStrategy::Rolling { max_unavailable, max_surge, partition }) => {
                    (Some(max_unavailable), max_surge.as_ref(), Some(partition))
                }
                Some(
                    UpdateStrategy::Recreate | UpdateStrategy::OnDelete | UpdateStrategy::Other(_),
                )
                | None => (None, None, None),
            };
            let (spent, unknown) = match &it.spent {
                Knowledge::Known(names) => (Some(names), None),
                Knowledge::Denied(it) => (None, Some(it.permission.to_string())),
                Knowledge::Absent | Knowledge::NotYet => (None, Some("not read".to_owned())),
            };
            json!({
                "workload": it.workload.to_string(),
                "included": included,
                "strategy": strategy.map(UpdateStrategy::as_str),
                "replicas": it.replicas,
                "pods": it.pods,
                "maxUnavailable": unavailable,
                "maxSurge": surge,
                "partition": partition,
                "paused": it.rollout.as_ref().map(|Rollout { paused, .. }| paused),
                "budgetsWithoutDisruptions": spent,
                "budgetsNotKnown": unknown,
                "interrupts": it.interrupts(),
            })
        })
        .collect()
}

/// For a person.
pub(super) fn lines(page: &Page<'_>) -> Vec<String> {
    let Page { plan, restarts, .. } = page;
    let told = |it: &Turnover| format!("{}: {}", it.workload, it.describe());
    let is_own = |key: &WorkloadKey| plan.turnovers.iter().any(|it| it.workload == *key);
    let offered: Vec<_> = restarts.offered.iter().filter(|it| !is_own(&it.workload)).collect();
    let mut res = Vec::new();
    match &plan.turnovers[..] {
        [] => {}
        [one] => res.push(format!("part of the plan: {}", told(one))),
        many => {
            res.push(
                "part of the plan; the first goes alone, the others once its pods are Ready"
                    .to_owned(),
            );
            res.extend(many.iter().map(told));
        }
    }
    if plan.restart_needed && plan.turnovers.is_empty() || !offered.is_empty() {
        res.push("needed: what runs keeps what it has until it is made again".to_owned());
    }
    for it in offered {
        res.push(told(&it.turnover));
        res.extend(it.turnover.interrupts());
    }
    res.extend(restarts.refused.iter().cloned());
    if res.is_empty() {
        res.push("not needed".to_owned());
    }
    res
}

/// How long a script waits for the pods of the first workload.
const TIMEOUT: &str = "10m";

/// What a script waits for between the first workload and the others.
pub(super) struct Held<'a> {
    first: Option<&'a WorkloadKey>,
}

impl<'a> Held<'a> {
    pub(super) fn of(plan: &'a Plan) -> Held<'a> {
        match &plan.turnovers[..] {
            [first, _, ..] => Held { first: Some(&first.workload) },
            [_] | [] => Held { first: None },
        }
    }

    /// The command before an edit, once: it fails while the first workload's pods are not Ready.
    pub(super) fn before(&mut self, edit: &Edit, names: &Names) -> Option<String> {
        let first = self.first.filter(|it| edit.rolls_out().is_some_and(|other| other != *it))?;
        self.first = None;
        Some(format!(
            "{} rollout status -n {} {}/{} --timeout={TIMEOUT} || stop \"the first workload did not become Ready; the others were left alone\"",
            names.kubectl(),
            quote(&first.namespace),
            first.kind.short(),
            quote(&first.name)
        ))
    }
}
