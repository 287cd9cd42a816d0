//! One scenario served by the embedded endpoints: read as the program reads it, changed as the program changes it.

use crate::embedded;
use idscope::{
    apply::{self, Job, Journal},
    check::{Finding, Ledger},
    event::{Event, Generation},
    fact::{Scope, SourceState},
    graph::Graph,
    ident::{AccountId, Ref, Text, Timestamp},
    lab::{Lab, World},
    plan::{Entry, Names, Outcome, Plan, Purpose, RESTARTED_AT, Whereabouts},
    runtime::arrived,
    source::{Session, Settings},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};
use tokio::sync::{mpsc, watch};

pub fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap()
}

pub fn parse(path: &Path) -> World {
    let text = fs::read_to_string(path).unwrap();
    World::parse(path.to_str().unwrap(), &text, now()).unwrap_or_else(|it| panic!("{it}"))
}

/// What was read, judged.
pub struct Seen {
    pub graph: Graph,
    pub ledger: Ledger,
    pub now: Timestamp,
}

impl Seen {
    pub fn codes(&self) -> BTreeSet<&'static str> {
        self.ledger.findings().map(|it| it.code).collect()
    }

    pub fn of(&self, code: &str) -> Vec<&Finding> {
        self.ledger.findings().filter(|it| it.code == code).collect()
    }
}

pub struct Home {
    lab: Lab,
    world: World,
    state: tempfile::TempDir,
}

impl Home {
    pub async fn new(world: World) -> Home {
        let lab = Lab::start(world.clone()).await.unwrap();
        Home { lab, world, state: tempfile::tempdir().unwrap() }
    }

    fn settings(&self) -> Settings {
        embedded::settings(&self.lab, Duration::from_secs(60))
    }

    /// Everything, as a check reads it.
    pub async fn read(&self) -> Seen {
        let (events, mut arriving) = mpsc::channel(4_096);
        let session = Session::start(self.settings(), Generation(0), events);
        let mut graph = Graph::default();
        let mut units: BTreeSet<Ref> = BTreeSet::new();
        let mut asked: BTreeSet<Ref> = BTreeSet::new();
        loop {
            let event = tokio::time::timeout(Duration::from_secs(120), arriving.recv()).await;
            let mut next = match event {
                Ok(Some(it)) => Some(it),
                Ok(None) => break,
                Err(_) => panic!("no answer from the embedded endpoints"),
            };
            while let Some(event) = next {
                if let Event::Facts { changes, .. } = event {
                    for it in changes {
                        units.extend(graph.apply(it));
                    }
                }
                next = arrived(&mut arriving);
            }
            let wanted: Vec<Ref> =
                graph.wanted().into_iter().filter(|it| asked.insert(it.clone())).collect();
            if !wanted.is_empty() {
                session.fetch(wanted);
                continue;
            }
            if announced(&graph) && graph.outstanding().is_empty() {
                break;
            }
        }
        drop(session);
        let now = now();
        let mut ledger = Ledger::default();
        ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now);
        Seen { graph, ledger, now }
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.state.path().join("state")).unwrap()
    }

    /// Carries a plan out; how it ended, and what the journal says of it.
    pub async fn run(&self, plan: Plan, graph: &Graph, purpose: Purpose) -> (Outcome, Entry) {
        let own = Names::of(graph).account;
        let caller: Text = self.world.caller.arn.text().clone();
        let callers: Vec<(AccountId, Text)> =
            own.into_iter().map(|it| (it, caller.clone())).collect();
        let job = Job { purpose, ..Job::new(plan, Whereabouts::of(graph), callers) };
        let journal = self.journal();
        let (progress, mut told) = mpsc::channel(64);
        let (_stop, stopped) = watch::channel(false);
        let listening = async { while told.recv().await.is_some() {} };
        let settings = self.settings();
        let running = async {
            let outcome = apply::run(&settings, &journal, job, &progress, &stopped).await;
            drop(progress);
            outcome
        };
        let (outcome, ()) = tokio::join!(running, listening);
        let entry = journal.entries().unwrap().0.pop().expect("the journal has an entry");
        (outcome, entry)
    }

    /// What only a person does: pods that nobody would make again are deleted.
    pub async fn delete_bare_pods(&self) {
        let (_, list) = embedded::kube(&self.lab, "GET", "/api/v1/pods", &Value::Null).await;
        for it in list["items"].as_array().unwrap() {
            let owned =
                it["metadata"]["ownerReferences"].as_array().is_some_and(|it| !it.is_empty());
            let name = it["metadata"]["name"].as_str().unwrap();
            // Those of the furniture's agent have no owner either.
            if owned || name.starts_with("eks-pod-identity-agent") {
                continue;
            }
            let path = format!(
                "/api/v1/namespaces/{}/pods/{}",
                it["metadata"]["namespace"].as_str().unwrap(),
                it["metadata"]["name"].as_str().unwrap()
            );
            embedded::kube(&self.lab, "DELETE", &path, &Value::Null).await;
        }
    }

    /// Everything that a plan can change, without ids and times.
    pub async fn contents(&self) -> Value {
        let aws = embedded::aws_contents(&self.lab);
        let mut kube = Vec::new();
        for path in [
            "/api/v1/serviceaccounts",
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/statefulsets",
            "/apis/apps/v1/daemonsets",
            "/apis/batch/v1/cronjobs",
        ] {
            let list = embedded::kube(&self.lab, "GET", path, &Value::Null).await.1;
            for it in list["items"].as_array().unwrap() {
                kube.push(content(it.clone()));
            }
        }
        json!([aws, kube])
    }
}

fn announced(graph: &Graph) -> bool {
    let has = |wanted: &dyn Fn(&Scope) -> bool| graph.sources().any(|(scope, _)| wanted(scope));
    let kube = has(&|it| matches!(it, Scope::Pods { .. }))
        && has(&|it| matches!(it, Scope::ServiceAccounts { .. }));
    let failed = graph.sources().any(|(scope, state)| {
        *scope == Scope::ApiServer && matches!(state, SourceState::Failed { .. })
    });
    assert!(!failed, "the embedded API server cannot be reached");
    kube && has(&|it| *it == Scope::Caller)
        && has(&|it| *it == Scope::Cluster)
        && (!graph.cluster().is_known()
            || has(&|it| *it == Scope::Associations)
                && has(&|it| matches!(it, Scope::Roles { .. }))
                && has(&|it| matches!(it, Scope::Providers { .. })))
}

/// An object without what every write changes.
fn content(mut it: Value) -> Value {
    let mut marks = it["metadata"]["annotations"].clone();
    if let Some(it) = marks.as_object_mut() {
        it.shift_remove("deployment.kubernetes.io/revision");
    }
    if marks.as_object().is_some_and(serde_json::Map::is_empty) {
        marks = Value::Null;
    }
    if let Some(metadata) = it.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.shift_remove(RESTARTED_AT);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    json!([
        it["metadata"]["namespace"],
        it["metadata"]["name"],
        marks,
        it["metadata"]["labels"],
        it["spec"]
    ])
}
