//! What is left to do once the edits of an undo are made, so that running pods have what they had: restarts, and what only
//! a person can do.

use crate::{
    check::{
        blast::{After, Blast, Moved, When},
        fix,
    },
    fact::Pod,
    graph::Graph,
    ident::Timestamp,
    plan::{Edit, Warning, WorkloadKey},
};

/// What returns pods to what they had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutBack {
    /// In the order of names; for the end of the plan.
    pub restarts: Vec<Edit>,
    pub warnings: Vec<Warning>,
}

/// Works out which pods keep what the fix gave them when `edits` are made, and who makes them anew. The fix was begun at
/// `since`: who has only older pods got nothing from it and is left alone.
pub fn put_back(graph: &Graph, edits: &[Edit], since: Timestamp, now: Timestamp) -> PutBack {
    let Blast { gains, loses, changes_identity, not_known } = After::of(graph, edits, now).blast();
    let mut res = PutBack::default();
    for it in loses.iter().filter(|it| it.when == When::Now) {
        let is_again = |other: &&Moved| other.when == When::NewPods && other.owner == it.owner;
        let until = match gains.iter().find(is_again) {
            Some(_) => "have it again once they are made anew".to_owned(),
            None => format!("will have {} again, as before the fix", it.to.describe()),
        };
        res.warnings.push(Warning {
            grave: true,
            text: format!(
                "{}: its pods work as {} now and {until}: the interruption cannot be avoided",
                it.owner,
                it.from.describe(),
            ),
        });
    }
    let all = [gains, loses, changes_identity, not_known];
    let mut moved: Vec<&Moved> =
        all.iter().flatten().filter(|it| it.when == When::NewPods && 0 < it.pods).collect();
    moved.sort_by_cached_key(|it| it.owner.to_string());
    for it in moved {
        let Some(workload) = it.workload(graph) else { continue };
        let key = WorkloadKey::from(workload);
        // Kubernetes writes whole seconds.
        let is_young = |it: &Pod| it.created.is_none_or(|it| since.as_second() <= it.as_second());
        let pods = graph.pods_of_workload(workload.kind, &workload.namespace, &workload.name);
        if !pods.into_iter().any(|it| !it.completed() && is_young(it)) {
            continue;
        }
        if it.from.works() && !it.to.works() {
            res.warnings.push(Warning {
                grave: true,
                text: format!(
                    "{key}: its pods work as {} now and will have {} again, as before the fix: the interruption cannot be avoided",
                    it.from.describe(),
                    it.to.describe()
                ),
            });
        }
        // A changed template rolls out by itself.
        if edits.iter().any(|it| it.rolls_out() == Some(&key)) {
            continue;
        }
        let restart = Edit::Restart { workload: key.clone() };
        if fix::restarted(Some(workload)).is_ok() {
            if !res.restarts.contains(&restart) {
                res.restarts.push(restart);
            }
        } else {
            res.warnings.push(Warning {
                grave: false,
                text: format!(
                    "{key}: {} pods keep {} until somebody makes them again",
                    it.pods,
                    it.from.describe()
                ),
            });
        }
    }
    res.warnings.dedup();
    res
}
