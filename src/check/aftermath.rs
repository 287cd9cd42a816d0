//! What is true after a plan was carried out: repaired, delivering, or running; and what is waited for until then.

use crate::{
    check::{Healed, Ledger},
    fact::{Pod, Workload},
    graph::Graph,
    ident::{SaKey, Timestamp},
    identity::{Carried, Signature, Verdict},
    plan::{self, Edit, Shown},
};
use std::time::Duration;

/// How long AWS may show the state before a write.
pub const LAG: Duration = Duration::from_secs(60);

/// A plan that was carried out, to be looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct Cure {
    /// The findings that have to be gone.
    pub heals: Vec<Healed>,
    /// Whose verdict has to be allow.
    pub keys: Vec<SaKey>,
    pub edits: Vec<Edit>,
    pub at: Timestamp,
}

/// How far a cure has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Aftermath {
    /// What was written is not seen yet, which is nothing to worry about until then.
    Pending { until: Timestamp },
    /// These codes are still reported.
    StillThere { codes: Vec<&'static str>, is_seen: bool },
    /// The findings are gone, and AWS would refuse all the same.
    Refused { key: SaKey, why: Option<Signature> },
    /// The findings are gone, and whether AWS grants it nobody can say.
    NotKnown { key: SaKey, why: String },
    /// Gone and allowed. So many pods should have it, and none has it yet.
    Repaired { of: u32, waits: Option<Waits> },
    /// At least one pod has it; those that are Ready count.
    Delivering { ready: u32, of: u32, waits: Option<Waits> },
    /// All have it and are Ready.
    Running { of: u32 },
}

/// What the pods wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// What runs keeps what it has until it is made again.
    Restart,
    /// The kubelet starts a container that crashed again only after a while.
    CrashBackOff,
    /// A ReplicaSet whose pods could not be made tries again ever later.
    ReplicaSetRetry,
    /// Pods that are not Ready for another reason.
    Readiness,
}

impl Waits {
    /// For what, and until when: a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Waits::Restart => "pods that run keep what they have until they are made again",
            Waits::CrashBackOff => {
                "a container that crashed is started again within 5 minutes; a restart shortens it"
            }
            Waits::ReplicaSetRetry => {
                "a ReplicaSet that could not make pods tries again within 16 minutes; a restart shortens it"
            }
            Waits::Readiness => "new pods are not Ready yet",
        }
    }

    /// When it is over at the latest, of a fix that was made at `since`; `None` where nobody can say.
    pub fn until(self, since: Timestamp) -> Option<Timestamp> {
        let longest = match self {
            // kubelet: `MaxContainerBackOff`.
            Waits::CrashBackOff => Duration::from_secs(300),
            // The controllers' rate limiter: 5 ms, doubled up to 1,000 s.
            Waits::ReplicaSetRetry => Duration::from_secs(1_000),
            Waits::Restart | Waits::Readiness => return None,
        };
        since.checked_add(longest).ok()
    }

    /// Whether a restart would shorten it.
    pub fn is_shortened(self) -> bool {
        match self {
            Waits::Restart | Waits::CrashBackOff | Waits::ReplicaSetRetry => true,
            Waits::Readiness => false,
        }
    }
}

/// Looks at the world as it is known now.
pub fn aftermath(graph: &Graph, ledger: &Ledger, cure: &Cure, now: Timestamp) -> Aftermath {
    // INVARIANT: a minute after any clock reading is still a timestamp.
    let until = cure.at.checked_add(LAG).unwrap_or(Timestamp::MAX);
    let is_seen = cure.edits.iter().all(|it| plan::shown(graph, it) != Shown::Before);
    if !is_seen && now < until {
        return Aftermath::Pending { until };
    }
    let mut codes: Vec<&str> = Vec::new();
    for it in cure.heals.iter().filter(|it| it.is_left(graph, ledger, &cure.edits)) {
        if !codes.contains(&it.code) {
            codes.push(it.code);
        }
    }
    if !codes.is_empty() || !is_seen {
        return Aftermath::StillThere { codes, is_seen };
    }
    for key in &cure.keys {
        match ledger.identity(key).map(|it| &it.verdict) {
            Some(Verdict::Allow | Verdict::None) | None => {}
            Some(Verdict::Deny(it)) => {
                return Aftermath::Refused { key: key.clone(), why: Some(*it) };
            }
            Some(Verdict::Unknown(why)) => {
                return Aftermath::NotKnown { key: key.clone(), why: why.describe() };
            }
        }
    }
    pods(graph, ledger, cure)
}

/// How far the pods have come.
fn pods(graph: &Graph, ledger: &Ledger, cure: &Cure) -> Aftermath {
    let (mut of, mut carrying, mut ready) = (0, 0, 0);
    let mut waits = None;
    for key in &cure.keys {
        let mut n_pods = 0;
        for pod in graph.pods_of(key).filter(|it| !it.completed() && !it.deleting) {
            n_pods += 1;
            if !has_it(ledger, pod) {
                waits.get_or_insert(Waits::Restart);
                continue;
            }
            carrying += 1;
            if pod.ready {
                ready += 1;
            } else {
                waits = Some(match pod.waiting.as_deref() {
                    Some("CrashLoopBackOff") => Waits::CrashBackOff,
                    Some(_) | None => Waits::Readiness,
                });
            }
        }
        let outermost = |it: &&Workload| it.owner.is_none() && !it.completed;
        let owners = graph.workloads_of(key).filter(outermost);
        let wanted: u32 =
            owners.filter_map(|it| it.replicas).map(|it| u32::try_from(it).unwrap_or(0)).sum();
        if n_pods < wanted && graph.workloads_of(key).any(|it| !it.create_errors.is_empty()) {
            waits = Some(Waits::ReplicaSetRetry);
        }
        of += n_pods.max(wanted);
    }
    match (carrying, ready) {
        (0, _) => Aftermath::Repaired { of, waits },
        (_, ready) if ready < of => Aftermath::Delivering { ready, of, waits },
        (_, _) => Aftermath::Running { of },
    }
}

/// Whether the pod carries what is declared now.
pub(crate) fn has_it(ledger: &Ledger, pod: &Pod) -> bool {
    let lines = ledger.containers(&pod.namespace, &pod.name).unwrap_or_default();
    // The webhook leaves some containers out; one is enough to see that it was called.
    lines.iter().any(|it| it.declared != Carried::None && it.effective == it.declared)
}

#[cfg(test)]
mod tests {
    use crate::check::Waits;

    #[test]
    fn a_restart_helps_only_what_waits_for_one() {
        assert!(Waits::CrashBackOff.is_shortened() && !Waits::Readiness.is_shortened());
    }

    #[test]
    fn a_wait_that_ends_by_itself_says_when() {
        let since = "2026-01-01T00:00:00Z".parse().unwrap();
        let check = |it: Waits, until: Option<&str>| {
            assert_eq!(it.until(since), until.map(|it| it.parse().unwrap()), "{it:?}");
        };
        check(Waits::CrashBackOff, Some("2026-01-01T00:05:00Z"));
        check(Waits::ReplicaSetRetry, Some("2026-01-01T00:16:40Z"));
        check(Waits::Restart, None);
        check(Waits::Readiness, None);
    }
}
