//! The matrix over HTTP: the embedded endpoints refuse one call after the other, the program reads what is left, and says
//! what the cells without the wire say.

use crate::{
    calls::{self, Call},
    told::{self, Told},
};
use futures::{StreamExt, stream};
use idscope::{
    check::{Ledger, Severity},
    event::{Event, Generation},
    fact::{Scope, SourceState},
    graph::Graph,
    ident::{Ref, Text, Timestamp},
    lab::{
        Lab, Side, World, changes_of,
        scenario::{Answer, Fault, When},
    },
    runtime::arrived,
    source::{Session, Settings},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, panic,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// How many are read at the same time: what one of them takes is for the most part waiting for its turn at IAM.
const N_AT_ONCE: usize = 16;

/// A refusal is an answer, so that nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Together they have something of everything that is asked for.
const WORLDS: [&str; 2] = ["tests/live/worlds/rights.yaml", "assets/scenarios/default.yaml"];

/// Brings many roles at once where it is allowed. Nothing needs it, so it is in no document: refused alone it changes
/// nothing, and allowed it would bring what another call is refused.
const SHORT_CUT: &str = "iam:GetAccountAuthorizationDetails";

/// A world without some calls.
struct Cell {
    path: &'static str,
    world: Arc<World>,
    refused: Vec<Call>,
}

#[test]
fn every_refusal_of_the_endpoints_is_told_as_it_is() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let short_cut = || Call::Aws(SHORT_CUT.into());
    let mut cells = Vec::new();
    for path in WORLDS {
        let text = fs::read_to_string(path).unwrap();
        let world = Arc::new(World::parse(path, &text, now).unwrap());
        let calls = calls::of_a_check().into_iter().map(|it| vec![it, short_cut()]);
        for refused in [Vec::new(), vec![short_cut()]].into_iter().chain(calls) {
            cells.push(Cell { path, world: Arc::clone(&world), refused });
        }
    }
    let reading = cells.into_iter().map(|it| tokio::spawn(async move { it.judge(now).await }));
    let read =
        async { stream::iter(reading).buffer_unordered(N_AT_ONCE).collect::<Vec<_>>().await };
    let mut wrong = Vec::new();
    let mut n_asked: BTreeMap<String, usize> = BTreeMap::new();
    for it in runtime.block_on(read) {
        let (differences, asked) = it.unwrap_or_else(|it| panic::resume_unwind(it.into_panic()));
        wrong.extend(differences);
        for (call, is_asked) in asked {
            *n_asked.entry(call.to_string()).or_default() += usize::from(is_asked);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let never: Vec<&String> =
        n_asked.iter().filter(|(_, n)| **n == 0).map(|(call, _)| call).collect();
    assert!(never.is_empty(), "nothing ever asks for {never:?}");
}

impl Cell {
    /// What is told otherwise than without the wire, and which of the refused calls were tried at all.
    async fn judge(self, now: Timestamp) -> (Vec<String>, Vec<(Call, bool)>) {
        let mut denied = World::clone(&self.world);
        let mut faulty = World::clone(&self.world);
        for it in &self.refused {
            it.deny(&mut denied);
            refuse(&mut faulty, it);
        }
        let expected = told::from_nothing(Side::ALL.map(|it| changes_of(&denied, it)), now);
        let names: Vec<String> = self.refused.iter().map(ToString::to_string).collect();
        let name = format!("{} without {}", self.path, names.join(" and "));
        let (seen, lab) = read(faulty, &name, now).await;
        let calls = lab.calls();
        let was_asked = |it: &Call| match it {
            Call::Aws(name) => calls.iter().any(|it| it.api == *name),
            Call::Kube { verb, resource } => {
                calls.iter().any(|it| it.api == format!("kube:{resource}:{verb}"))
            }
            // Not among the calls of an API.
            Call::Path(_) => true,
        };
        let asked = self.refused.iter().map(|it| (it.clone(), was_asked(it))).collect();
        let told = differences(&expected, &seen).into_iter().map(|it| format!("{name}: {it}"));
        (told.collect(), asked)
    }
}

/// The fault that answers a call with a refusal, always. Paths are no resources, so who may get them says it.
fn refuse(world: &mut World, call: &Call) {
    let api: Text = match call {
        Call::Aws(it) => it.as_str().into(),
        Call::Kube { verb, resource } => format!("kube:{resource}:{verb}").into(),
        Call::Path(_) => return call.deny(world),
    };
    let answer = Answer::Deny;
    let (resource, after_events, times) = (None, None, None);
    world.faults.push(Fault { api, answer, resource, after_events, times, when: When::Before });
}

/// Reads as `check` does.
async fn read(world: World, name: &str, now: Timestamp) -> (Told, Lab) {
    let cluster = world.cluster.name.clone();
    let lab = Lab::start(world).await.unwrap();
    let settings = settings(&lab, &cluster);
    let (events, mut arriving) = mpsc::channel(4_096);
    let session = Session::start(settings, Generation(0), events);
    let mut graph = Graph::default();
    let mut units: BTreeSet<Ref> = BTreeSet::new();
    let mut asked: BTreeSet<Ref> = BTreeSet::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, arriving.recv()).await;
        let mut next = event
            .unwrap_or_else(|_| panic!("{name} this is waited for: {:?}", graph.outstanding()));
        if next.is_none() {
            break;
        }
        while let Some(event) = next {
            if let Event::Facts { changes, .. } = event {
                units.extend(changes.into_iter().flat_map(|it| graph.apply(it)));
            }
            next = arrived(&mut arriving);
        }
        let wanted: Vec<Ref> =
            graph.wanted().into_iter().filter(|it| asked.insert(it.clone())).collect();
        if !wanted.is_empty() {
            session.fetch(wanted);
        } else if is_under_way(&graph) && graph.outstanding().is_empty() {
            break;
        }
    }
    drop(session);
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now);
    (told::told(&graph, &ledger), lab)
}

/// Of a program that reads once.
fn settings(lab: &Lab, cluster: &str) -> Settings {
    Settings {
        context: None,
        kubeconfig: Some(lab.kubeconfig().to_owned()),
        namespaces: Vec::new(),
        // As the kubeconfig of an EKS cluster names it.
        cluster: Some(cluster.to_owned()),
        region: None,
        profile: None,
        account_profiles: lab.account_profiles(),
        account_roles: Vec::new(),
        cache_dir: None,
        read_secrets: false,
        request_timeout: PATIENCE,
        poll: PATIENCE,
        env: lab.settings_env(),
        follow: false,
        writes: Default::default(),
    }
}

fn is_under_way(graph: &Graph) -> bool {
    let has = |wanted: &dyn Fn(&Scope) -> bool| graph.sources().any(|(scope, _)| wanted(scope));
    let failed = graph.sources().any(|(scope, state)| {
        *scope == Scope::ApiServer && matches!(state, SourceState::Failed { .. })
    });
    assert!(!failed, "the embedded API server cannot be reached");
    has(&|it| matches!(it, Scope::Pods { .. }))
        && has(&|it| matches!(it, Scope::ServiceAccounts { .. }))
        && has(&|it| *it == Scope::Caller)
        && has(&|it| *it == Scope::Cluster)
        && (!graph.cluster().is_known()
            || has(&|it| *it == Scope::Associations)
                && has(&|it| matches!(it, Scope::Roles { .. }))
                && has(&|it| matches!(it, Scope::Providers { .. })))
}

/// Verdicts, and which findings of which severity there are. The words of a refusal are the service's own.
fn differences(expected: &Told, seen: &Told) -> Vec<String> {
    let verdicts = |it: &Told| -> BTreeMap<String, &'static str> {
        it.identities.iter().map(|(key, (verdict, _))| (key.clone(), *verdict)).collect()
    };
    let findings = |it: &Told| -> BTreeMap<String, Severity> {
        it.findings.iter().map(|(key, (severity, _))| (key.clone(), *severity)).collect()
    };
    let mut res = Vec::new();
    let (a, b) = (verdicts(expected), verdicts(seen));
    for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        if a.get(key) != b.get(key) {
            let because = seen.identities.get(key).map(|it| &it.1);
            res.push(format!("{key} is {:?}, not {:?}: {because:?}", b.get(key), a.get(key)));
        }
    }
    let (a, b) = (findings(expected), findings(seen));
    for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        if a.get(key) != b.get(key) {
            let text = seen.findings.get(key).map(|it| &it.1);
            res.push(format!("{key} is {:?}, not {:?}: {text:?}", b.get(key), a.get(key)));
        }
    }
    res
}
