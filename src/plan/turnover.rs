//! Workloads whose pods a plan makes anew: how that goes, what is interrupted by it, and what keeps it from beginning.

use crate::{
    fact::{Knowledge, Pod, Rollout, UpdateStrategy, Workload},
    graph::Graph,
    ident::{Text, WorkloadKind},
    plan::{Edit, Expect, Names, Refusal, Warning, WorkloadKey, quote},
};
use serde_json::Value;

/// A workload whose pods are made anew, as it is before that.
#[derive(Clone, Debug, PartialEq)]
pub struct Turnover {
    pub workload: WorkloadKey,
    /// Pods that run now.
    pub pods: u32,
    /// `None` where the kind has none.
    pub replicas: Option<i32>,
    pub rollout: Option<Rollout>,
    /// Names of the PodDisruptionBudgets of its pods that have no disruptions left; `Absent` never.
    pub spent: Knowledge<Vec<Text>>,
}

/// Of several pods only the first so many are named.
const NAMED: usize = 20;

impl Turnover {
    /// `None` for a workload that was not read.
    pub fn of(graph: &Graph, key: &WorkloadKey) -> Option<Turnover> {
        let it = graph.workload(key.kind, &key.namespace, &key.name)?;
        let spent = graph.budgets_of(it).map(|all| {
            let spent = all.into_iter().filter(|it| it.disruptions_allowed == Some(0));
            spent.map(|it| it.name.clone()).collect()
        });
        Some(Turnover {
            workload: key.clone(),
            pods: u32::try_from(running(graph, key).len()).unwrap_or(u32::MAX),
            replicas: it.replicas,
            rollout: it.rollout.as_deref().cloned(),
            spent,
        })
    }

    /// How it goes: a lowercase fragment.
    pub fn describe(&self) -> String {
        let mut res = match &self.rollout {
            Some(it) => it.strategy.as_str().to_owned(),
            None => "how it makes its pods anew is not known".to_owned(),
        };
        match self.replicas {
            Some(1) => res.push_str(", 1 replica"),
            Some(n) => res.push_str(&format!(", {n} replicas")),
            None => res.push_str(&format!(", {} {}", self.pods, pods(self.pods))),
        }
        if let Some(Rollout { strategy, paused }) = &self.rollout {
            if let UpdateStrategy::Rolling { max_unavailable, max_surge, partition } = strategy {
                res.push_str(&format!(", maxUnavailable {max_unavailable}"));
                if let Some(it) = max_surge {
                    res.push_str(&format!(", maxSurge {it}"));
                }
                if 0 < *partition {
                    res.push_str(&format!(", partition {partition}"));
                }
            }
            if *paused {
                res.push_str(", paused");
            }
        }
        res
    }

    /// What is interrupted while its pods are made anew: a sentence; `None` where enough of them stay.
    pub fn interrupts(&self) -> Option<String> {
        let key = &self.workload;
        match self.rollout.as_ref().map(|it| &it.strategy) {
            Some(UpdateStrategy::Recreate) => Some(format!(
                "{key} has strategy Recreate: all its pods go before the first new one is made, so it is interrupted"
            )),
            Some(
                UpdateStrategy::Rolling { .. }
                | UpdateStrategy::OnDelete
                | UpdateStrategy::Other(_),
            )
            | None
                if self.replicas == Some(1) =>
            {
                Some(match self.rollout.as_ref().map(|it| &it.strategy) {
                    Some(UpdateStrategy::Rolling { max_surge: Some(it), .. }) if surges(it) => {
                        format!(
                            "{key} has a single replica: a restart may interrupt it, as far as two pods of it cannot run at once"
                        )
                    }
                    _ => format!("{key} has a single replica: a restart interrupts it"),
                })
            }
            Some(
                UpdateStrategy::Rolling { .. }
                | UpdateStrategy::OnDelete
                | UpdateStrategy::Other(_),
            )
            | None => None,
        }
    }

    /// What is to be known before, the gravest first. `is_restart`: nothing else is changed, so that it is refused where
    /// it would have no effect.
    pub(crate) fn warnings(&self, is_restart: bool) -> Vec<Warning> {
        let key = &self.workload;
        let mut res = Vec::new();
        if let Some(text) = self.interrupts() {
            let grave =
                self.rollout.as_ref().is_some_and(|it| it.strategy == UpdateStrategy::Recreate);
            res.push(Warning { grave, text });
        }
        if let Some(UpdateStrategy::Rolling { partition: from, .. }) =
            self.rollout.as_ref().map(|it| &it.strategy)
            && 0 < *from
            && self.replicas.is_none_or(|it| *from < it)
        {
            let text = format!(
                "{key} has partition {from}: only its pods numbered {from} and above are made anew"
            );
            res.push(Warning { grave: true, text });
        }
        if !is_restart && let Some(why) = self.hindrance() {
            let text =
                format!("{key} {why}; until then its pods stay as they are: {}", self.by_hand());
            res.push(Warning { grave: true, text });
        }
        match &self.spent {
            Knowledge::Known(names) => res.extend(names.iter().map(|it| Warning {
                grave: false,
                text: format!(
                    "PodDisruptionBudget `{}/{it}` of {key} has no disruptions left; a rollout does not obey it",
                    key.namespace
                ),
            })),
            Knowledge::Denied(it) => res.push(Warning {
                grave: false,
                text: format!(
                    "whether a PodDisruptionBudget of {key} has no disruptions left is not known: {} is denied",
                    it.permission
                ),
            }),
            Knowledge::Absent | Knowledge::NotYet => res.push(Warning {
                grave: false,
                text: format!(
                    "whether a PodDisruptionBudget of {key} has no disruptions left is not known: they are not read"
                ),
            }),
        }
        res
    }

    fn hindrance(&self) -> Option<String> {
        hindrance(self.rollout.as_ref()?, self.replicas)
    }

    fn by_hand(&self) -> &'static str {
        match &self.rollout {
            Some(Rollout { paused: true, .. }) => "somebody has to resume it",
            Some(_) | None => "somebody has to delete them, one after the other",
        }
    }
}

/// Whether `maxSurge` lets a new pod come before the old one goes.
fn surges(max_surge: &str) -> bool {
    max_surge.trim_end_matches('%') != "0"
}

fn pods(n: u32) -> &'static str {
    if n == 1 { "pod" } else { "pods" }
}

fn running<'a>(graph: &'a Graph, key: &WorkloadKey) -> Vec<&'a Pod> {
    let all = graph.pods_of_workload(key.kind, &key.namespace, &key.name);
    all.into_iter().filter(|it| !it.completed() && !it.deleting).collect()
}

/// Why a restart of the workload would make no pod anew; reads after its name. `None`: it would.
pub fn hinders_restart(workload: &Workload) -> Option<String> {
    match workload.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            hindrance(workload.rollout.as_deref()?, workload.replicas)
        }
        WorkloadKind::ReplicaSet => Some(
            "is a ReplicaSet, which does not make its pods anew when its template changes".into(),
        ),
        WorkloadKind::Job => Some("is a Job that runs, whose pods are made only once".into()),
        WorkloadKind::CronJob => Some("is a CronJob, whose next run has it".into()),
    }
}

fn hindrance(it: &Rollout, replicas: Option<i32>) -> Option<String> {
    if it.paused {
        return Some("is paused, so its rollout begins only once it is resumed".to_owned());
    }
    match &it.strategy {
        UpdateStrategy::Rolling { partition, .. } => {
            let is_whole = 0 < *partition && replicas.is_some_and(|it| it <= *partition);
            is_whole.then(|| format!("has partition {partition}, so none of its pods is made anew"))
        }
        UpdateStrategy::Recreate => None,
        UpdateStrategy::OnDelete => {
            Some("has strategy OnDelete, so a pod is made anew only once it is deleted".to_owned())
        }
        UpdateStrategy::Other(it) => {
            Some(format!("has strategy `{it}`, and what that does to its pods is not known"))
        }
    }
}

/// Why a workload is not restarted, and what a person does instead: a sentence.
pub fn not_restarted(graph: &Graph, workload: &Workload, why: &str) -> String {
    let key = WorkloadKey::from(workload);
    let by_hand = by_hand(graph, &key, workload).join("; ");
    match by_hand.is_empty() {
        true => format!("{key} is not restarted: it {why}"),
        false => format!("{key} is not restarted: it {why}; by hand: {by_hand}"),
    }
}

fn by_hand(graph: &Graph, key: &WorkloadKey, workload: &Workload) -> Vec<String> {
    let kubectl = Names::of(graph).kubectl();
    let (namespace, name) = (quote(&key.namespace), quote(&key.name));
    let target = format!("-n {namespace} {}/{name}", key.kind.short());
    if workload.rollout.as_ref().is_some_and(|it| it.paused) {
        return vec![
            format!("{kubectl} rollout resume {target}"),
            format!("{kubectl} rollout restart {target}"),
        ];
    }
    match key.kind {
        WorkloadKind::Job => {
            return vec![
                format!("{kubectl} get {target} -o yaml > job.yaml"),
                format!("{kubectl} replace --force -f job.yaml"),
            ];
        }
        WorkloadKind::CronJob => return Vec::new(),
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet => {}
    }
    let pods = running(graph, key);
    let mut res: Vec<String> = pods
        .iter()
        .take(NAMED)
        .map(|it| format!("{kubectl} delete pod -n {namespace} {}", quote(&it.name)))
        .collect();
    if NAMED < pods.len() {
        res.push(format!("and {} more of its pods", pods.len() - NAMED));
    }
    res
}

/// The workloads whose pods the edits make anew, in their order, each once.
pub(crate) fn turnovers(graph: &Graph, edits: &[&Edit]) -> Vec<Turnover> {
    let mut res: Vec<Turnover> = Vec::new();
    for key in edits.iter().filter_map(|it| it.rolls_out()) {
        if res.iter().all(|it| it.workload != *key) {
            res.extend(Turnover::of(graph, key));
        }
    }
    res
}

/// What a restart must find; refused where it would make no pod anew.
pub(crate) fn restartable(graph: &Graph, key: &WorkloadKey) -> Result<Vec<Expect>, Refusal> {
    let Some(it) = graph.workload(key.kind, &key.namespace, &key.name) else {
        return Ok(Vec::new());
    };
    match hinders_restart(it) {
        Some(why) => Err(Refusal::NoEffect(not_restarted(graph, it, &why))),
        None => Ok(restart_expects(it)),
    }
}

/// What a restart reads of the workload beside its template: it is another one if these have changed.
fn restart_expects(workload: &Workload) -> Vec<Expect> {
    match &workload.rollout {
        Some(it) => expects(workload.kind, it.strategy.as_str(), it.paused),
        None => Vec::new(),
    }
}

/// The same of an object as it is stored.
pub fn restart_reads(kind: WorkloadKind, object: &Value) -> Vec<Expect> {
    let (field, _) = fields(kind);
    let strategy = object["spec"][field]["type"].as_str().filter(|it| !it.is_empty());
    let paused = object["spec"]["paused"].as_bool().unwrap_or_default();
    expects(kind, strategy.unwrap_or(DEFAULT), paused)
}

/// What the API server writes where a manifest says nothing.
pub(crate) const DEFAULT: &str = "RollingUpdate";

/// Where the strategy is, and whether it can be paused.
pub(crate) fn fields(kind: WorkloadKind) -> (&'static str, bool) {
    match kind {
        WorkloadKind::Deployment => ("strategy", true),
        WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::Job
        | WorkloadKind::CronJob => ("updateStrategy", false),
    }
}

fn expects(kind: WorkloadKind, strategy: &str, paused: bool) -> Vec<Expect> {
    let (field, can_pause) = fields(kind);
    let mut res =
        vec![Expect { field: format!("spec.{field}.type"), value: Some(strategy.to_owned()) }];
    if can_pause {
        let value = paused.then(|| "true".to_owned());
        res.push(Expect { field: "spec.paused".to_owned(), value });
    }
    res
}
