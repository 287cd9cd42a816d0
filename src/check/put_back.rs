//! What is left to do once the edits of an undo are made, so that running pods have what they had: restarts, and what only
//! a person can do.

use crate::{
    check::{
        blast::{After, Blast, Moved, When},
        fix, judge,
    },
    fact::{Pod, Workload},
    graph::Graph,
    ident::Timestamp,
    identity::Carried,
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
    let after = After::of(graph, edits, now);
    // Kubernetes writes whole seconds.
    let is_young = |it: &Pod| it.created.is_none_or(|it| since.as_second() <= it.as_second());
    let Blast { gains, loses, changes_identity, not_known } = after.blast();
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
        res.make_anew(edits, workload, it.pods, &it.from.describe());
    }
    for workload in out_of_date(&after, &is_young) {
        let pods = graph.pods_of_workload(workload.kind, &workload.namespace, &workload.name);
        let n_pods = u32::try_from(pods.len()).unwrap_or(u32::MAX);
        res.make_anew(edits, workload, n_pods, "what the fix gave them");
    }
    res.warnings.dedup();
    res
}

impl PutBack {
    fn make_anew(&mut self, edits: &[Edit], workload: &Workload, pods: u32, keep: &str) {
        let key = WorkloadKey::from(workload);
        // A changed template rolls out by itself.
        if edits.iter().any(|it| it.rolls_out() == Some(&key)) {
            return;
        }
        if fix::restarted(Some(workload)).is_ok() {
            let restart = Edit::Restart { workload: key };
            if !self.restarts.contains(&restart) {
                self.restarts.push(restart);
            }
            return;
        }
        self.warnings.push(Warning {
            grave: false,
            text: format!("{key}: {pods} pods keep {keep} until somebody makes them again"),
        });
    }
}

/// Owners of young pods that carry what is declared now, and would not then: one role can be had in two ways.
fn out_of_date<'g>(after: &After<'g>, is_young: &dyn Fn(&Pod) -> bool) -> Vec<&'g Workload> {
    let before = after.before();
    let mut res: Vec<&Workload> = Vec::new();
    for key in after.keys() {
        let (was, will) =
            (judge::Declaration::of(before, &key), judge::Declaration::of(after.graph(), &key));
        let carries = |graph: &Graph, it: &judge::Declaration<'_>, pod: &Pod| {
            let declared = it.carried();
            judge::lines(graph, pod, it).iter().all(|it| it.effective == declared)
        };
        if will.carried() == Carried::None || was.carried() == will.carried() {
            continue;
        }
        for pod in before.pods_of(&key).filter(|it| !it.completed() && is_young(it)) {
            if carries(before, &was, pod)
                && !carries(after.graph(), &will, pod)
                && let Some(owner) = before.root_owner(pod)
                && res.iter().all(|it| it.uid != owner.uid)
            {
                res.push(owner);
            }
        }
    }
    res.sort_by_key(|it| WorkloadKey::from(*it));
    res
}
