//! Restarts: whose pods are made anew by one, and what a person does where none would be.

use crate::{
    check::{Applicability, Fix, fix::title},
    fact::{Pod, Workload},
    graph::Graph,
    ident::WorkloadKind,
    plan::{self, Edit, Turnover, WorkloadKey},
};

impl Fix {
    /// FX-RESTART. A bare pod and a Job must be made again by hand, which is said instead.
    pub(crate) fn restart(namespace: &str, pod: &str, owner: Option<&Workload>) -> Fix {
        let mut res = match (restarted(owner), owner.filter(|it| is_paused(it))) {
            (Ok(it), _) => {
                let edit = Edit::Restart { workload: it.into() };
                let title = format!("restart {}", title(it));
                Fix::of("FX-RESTART", title, Applicability::Confirm, edit)
            }
            (Err(_), Some(it)) => {
                let (namespace, name) = (plan::quote(&it.namespace), plan::quote(&it.name));
                let target = format!("-n {namespace} {}/{name}", it.kind.short());
                Fix::by_hand(
                    "FX-RESTART",
                    format!("resume {}, which is paused, and restart it", title(it)),
                    vec![
                        format!("kubectl rollout resume {target}"),
                        format!("kubectl rollout restart {target}"),
                    ],
                )
            }
            (Err(_), None) => Fix::by_hand(
                "FX-RESTART",
                format!("delete pod `{pod}` and let it be made again"),
                vec![format!(
                    "kubectl delete pod -n {} {}",
                    plan::quote(namespace),
                    plan::quote(pod)
                )],
            ),
        };
        res.restart_needed = true;
        res
    }
}

/// The owner, if it replaces its pods when its template changes.
pub(crate) fn rolled_out(owner: Option<&Workload>) -> Option<&Workload> {
    owner.filter(|it| match it.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => true,
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => false,
    })
}

fn is_paused(workload: &Workload) -> bool {
    workload.rollout.as_ref().is_some_and(|it| it.paused)
}

/// The owner, if a restart makes its pods anew; else why not, to be read after its name.
pub(crate) fn restarted(owner: Option<&Workload>) -> Result<&Workload, String> {
    let it = owner.ok_or("has no owner that would make its pods again the same way")?;
    match plan::hinders_restart(it) {
        Some(why) => Err(why),
        None => Ok(it),
    }
}

/// Why a pod stays as it is, and what a person does about it.
pub(crate) fn not_restarted(
    graph: &Graph,
    pod: &Pod,
    owner: Option<&Workload>,
    why: &str,
) -> String {
    match owner {
        None => format!(
            "pod {}/{} is not restarted: it {why}; by hand: delete it and make it again",
            pod.namespace, pod.name
        ),
        Some(it) => plan::not_restarted(graph, it, why),
    }
}

/// What nobody notices goes first: if that fails, nothing was interrupted. Equals stay in the order of names.
pub(crate) fn quietest_first(graph: &Graph, owners: &mut [WorkloadKey]) {
    let is_interrupted =
        |it: &WorkloadKey| Turnover::of(graph, it).is_some_and(|it| it.interrupts().is_some());
    owners.sort_by_cached_key(|it| (is_interrupted(it), it.clone()));
}
