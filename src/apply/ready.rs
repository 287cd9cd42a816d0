//! Between the first workload that a plan makes the pods of anew and the others: its new pods have to be Ready.

use crate::{
    apply::{
        kube_target,
        run::{Work, clock},
        told::ended,
    },
    ident::WorkloadKind,
    plan::{Edit, Outcome, Plan, StepState, WorkloadKey},
    source::now,
};
use serde_json::Value;
use std::time::Duration;

/// How long the pods of the first workload may take; as long as a Deployment may by default
/// (`progressDeadlineSeconds`).
pub const READY_WITHIN: Duration = Duration::from_secs(600);

/// How far the new pods of a workload are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// All are new and Ready.
    Ready,
    /// What is still missing.
    Waits(String),
    /// Its controller has given up, in its own words.
    GivenUp(String),
    Gone,
}

impl Work<'_> {
    /// Waits, where another workload went first, until its pods are Ready. `Some`: the plan ends here.
    pub(crate) async fn hold(&mut self, index: usize, plan: &Plan) -> Option<Outcome> {
        let key = plan.steps[index].edit.rolls_out()?;
        let first = self.first.clone().filter(|it| it != key && !self.is_first_ready)?;
        // INVARIANT: the time of a clock and some minutes is a timestamp.
        let until = now().checked_add(self.ready_within).unwrap_or(crate::ident::Timestamp::MAX);
        let since = clock();
        let pause =
            (self.ready_within / 300).clamp(Duration::from_millis(10), Duration::from_secs(2));
        let mut stop = self.stop.clone();
        let mut told = String::new();
        let mut left = left(plan, index, &first);
        if self.is_first_of_before {
            left.push_str("; an earlier plan made it anew first: repair it, or undo that plan");
        }
        loop {
            let missing = match kube_target::readiness(&self.hands.link, &first).await {
                Ok(Readiness::Ready) => {
                    self.is_first_ready = true;
                    return None;
                }
                // Nobody waits for what somebody deleted since.
                Ok(Readiness::Gone) if self.is_first_of_before => {
                    self.first = None;
                    return None;
                }
                Ok(Readiness::Gone) => {
                    let why = format!("{first} did not become Ready: it is gone; {left}");
                    return Some(ended(self.n_written, index, why));
                }
                Ok(Readiness::GivenUp(why)) => {
                    let why = format!("{first} did not become Ready: {why}; {left}");
                    return Some(ended(self.n_written, index, why));
                }
                Ok(Readiness::Waits(it)) => it,
                Err(it) => format!("it could not be read: {it}"),
            };
            if *stop.borrow() {
                return Some(Outcome::Stopped { done: self.n_written });
            }
            if self.ready_within <= since.elapsed() {
                let limit = told_in_words(self.ready_within);
                let why = format!("{first} did not become Ready within {limit}: {missing}; {left}");
                return Some(ended(self.n_written, index, why));
            }
            if missing != told {
                let what = format!("{first} goes first: {missing}").into();
                self.tell(index, StepState::Waiting { what, until }).await;
                told = missing;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _stopped = stop.changed() => {}
            }
        }
    }

    /// Notes whose pods were made anew first.
    pub(crate) fn went(&mut self, edit: &Edit) {
        if let Some(it) = edit.rolls_out() {
            self.first.get_or_insert_with(|| it.clone());
        }
    }
}

/// The workloads that are left alone.
fn left(plan: &Plan, index: usize, first: &WorkloadKey) -> String {
    let mut keys: Vec<&WorkloadKey> = Vec::new();
    for it in plan.steps[index..].iter().filter_map(|it| it.edit.rolls_out()) {
        if it != first && !keys.contains(&it) {
            keys.push(it);
        }
    }
    match &keys[..] {
        [one] => format!("{one} was left alone"),
        many => format!("{} workloads were left alone", many.len()),
    }
}

fn told_in_words(it: Duration) -> String {
    match it.as_secs() {
        s if s % 60 == 0 && 0 < s => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// By the counts that the workload's controller writes, as `kubectl rollout status` takes them.
pub(crate) fn readiness(kind: WorkloadKind, object: &Value) -> Readiness {
    let status = &object["status"];
    let count = |name: &str| status[name].as_i64().unwrap_or_default();
    let (new, ready, wanted) = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => {
            let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
            (count("updatedReplicas"), count("readyReplicas"), wanted)
        }
        WorkloadKind::DaemonSet => {
            (count("updatedNumberScheduled"), count("numberReady"), count("desiredNumberScheduled"))
        }
        // They make nothing anew that could be waited for.
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => {
            return Readiness::Ready;
        }
    };
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    if count("observedGeneration") < generation {
        return Readiness::Waits("its controller has not seen the change yet".to_owned());
    }
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let exceeded = conditions
        .find(|it| it["type"] == "Progressing" && it["reason"] == "ProgressDeadlineExceeded");
    if let Some(it) = exceeded {
        let message = it["message"].as_str().unwrap_or("its progress deadline has passed");
        return Readiness::GivenUp(message.to_owned());
    }
    let partition = object["spec"]["updateStrategy"]["rollingUpdate"]["partition"].as_i64();
    let wanted_new = match kind {
        WorkloadKind::StatefulSet => (wanted - partition.unwrap_or_default()).max(0),
        WorkloadKind::Deployment
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::Job
        | WorkloadKind::CronJob => wanted,
    };
    // Only a Deployment has more pods than replicas for a while.
    let old = match kind {
        WorkloadKind::Deployment => count("replicas") - new,
        WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::Job
        | WorkloadKind::CronJob => 0,
    };
    match () {
        () if new < wanted_new => {
            Readiness::Waits(format!("{new} of {wanted_new} pods are made anew"))
        }
        () if 0 < old => Readiness::Waits(format!("{old} old pods are still there")),
        () if ready < wanted => Readiness::Waits(format!("{ready} of {wanted} pods are Ready")),
        () => Readiness::Ready,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        apply::ready::{Readiness, readiness},
        ident::WorkloadKind::{self, DaemonSet, Deployment, Job, StatefulSet},
    };
    use serde_json::{Value, json};

    #[test]
    fn ready_is_what_the_controller_counts() {
        let check = |kind: WorkloadKind, spec: Value, status: Value, expected: Option<&str>| {
            let object = json!({"metadata": {"generation": 3}, "spec": spec, "status": status});
            let expected = match expected {
                None => Readiness::Ready,
                Some(it) => Readiness::Waits(it.to_owned()),
            };
            assert_eq!(readiness(kind, &object), expected, "{object}");
        };
        let counts = |seen: i64, all: i64, new: i64, ready: i64| {
            json!({"observedGeneration": seen, "replicas": all, "updatedReplicas": new,
                "readyReplicas": ready})
        };
        let two = || json!({"replicas": 2});
        let unseen = Some("its controller has not seen the change yet");
        check(Deployment, two(), counts(3, 2, 2, 2), None);
        // Of the state before the change everything is Ready too.
        check(Deployment, two(), counts(2, 2, 2, 2), unseen);
        check(Deployment, two(), Value::Null, unseen);
        check(Deployment, two(), counts(3, 3, 1, 2), Some("1 of 2 pods are made anew"));
        check(Deployment, two(), counts(3, 3, 2, 2), Some("1 old pods are still there"));
        check(Deployment, two(), counts(3, 2, 2, 1), Some("1 of 2 pods are Ready"));
        check(Deployment, json!({"replicas": 0}), counts(3, 0, 0, 0), None);
        check(StatefulSet, two(), counts(3, 2, 1, 2), Some("1 of 2 pods are made anew"));
        let half = json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}});
        check(StatefulSet, half, counts(3, 2, 1, 2), None);
        let daemons = |new: i64, ready: i64| {
            json!({"observedGeneration": 3, "desiredNumberScheduled": 2,
                "updatedNumberScheduled": new, "numberReady": ready})
        };
        check(DaemonSet, json!({}), daemons(2, 2), None);
        check(DaemonSet, json!({}), daemons(1, 2), Some("1 of 2 pods are made anew"));
        check(DaemonSet, json!({}), daemons(2, 1), Some("1 of 2 pods are Ready"));
        check(Job, json!({}), Value::Null, None);
        let mut given_up = counts(3, 3, 1, 2);
        given_up["conditions"] = json!([{"type": "Progressing",
            "reason": "ProgressDeadlineExceeded", "message": "timed out"}]);
        let object = json!({"metadata": {"generation": 3}, "spec": two(), "status": given_up});
        assert_eq!(readiness(Deployment, &object), Readiness::GivenUp("timed out".into()));
    }
}
