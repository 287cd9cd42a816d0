//! The matrix over HTTP: the embedded endpoints refuse one call after the other, the program reads what is left, and says
//! what the cells without the wire say.

use crate::{
    calls::{self, Call},
    told::{self, Told},
};
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
    fs,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// One of so many calls on the demo in an ordinary run.
const SHARE: usize = 9;

/// A refusal is an answer, so that nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Together they have something of everything that is asked for.
const WORLDS: [&str; 2] = ["tests/live/worlds/rights.yaml", "assets/scenarios/default.yaml"];

#[test]
fn every_refusal_of_the_endpoints_is_told_as_it_is() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let is_whole = std::env::var_os("IDSCOPE_MATRIX").is_some();
    let mut wrong = Vec::new();
    let mut n_asked: BTreeMap<String, usize> = BTreeMap::new();
    let calls = calls::of_a_check();
    for (at, path) in WORLDS.into_iter().enumerate() {
        let text = fs::read_to_string(path).unwrap();
        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        let world = World::parse(path, &text, now).unwrap();
        for (n, call) in calls.iter().enumerate() {
            if !(is_whole || at == 0 || n.is_multiple_of(SHARE)) {
                continue;
            }
            let mut denied = world.clone();
            call.deny(&mut denied);
            let expected = told::from_nothing(Side::ALL.map(|it| changes_of(&denied, it)), now);
            let mut faulty = world.clone();
            refuse(&mut faulty, call);
            let (seen, was_asked) = runtime.block_on(read(faulty, call, now));
            *n_asked.entry(call.to_string()).or_default() += usize::from(was_asked);
            let differences = differences(&expected, &seen);
            wrong.extend(differences.into_iter().map(|it| format!("{path} without {call}: {it}")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let never: Vec<&String> =
        n_asked.iter().filter(|(_, n)| **n == 0).map(|(call, _)| call).collect();
    assert!(never.is_empty(), "nothing ever asks for {never:?}");
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

/// Reads as `check` does; and whether the call was tried at all.
async fn read(world: World, call: &Call, now: Timestamp) -> (Told, bool) {
    let name = world.cluster.name.clone();
    let lab = Lab::start(world).await.unwrap();
    let settings = settings(&lab, &name);
    let (events, mut arriving) = mpsc::channel(4_096);
    let session = Session::start(settings, Generation(0), events);
    let mut graph = Graph::default();
    let mut units: BTreeSet<Ref> = BTreeSet::new();
    let mut asked: BTreeSet<Ref> = BTreeSet::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, arriving.recv()).await;
        let mut next = event.unwrap_or_else(|_| {
            panic!("without {call} this is waited for: {:?}", graph.outstanding())
        });
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
    let was_asked = lab.calls().iter().any(|it| match call {
        Call::Aws(name) => it.api == *name,
        Call::Kube { verb, resource } => it.api == format!("kube:{resource}:{verb}"),
        // Not among the calls of an API.
        Call::Path(_) => true,
    });
    (told::told(&graph, &ledger), was_asked)
}

/// Of a program that reads once.
fn settings(lab: &Lab, name: &str) -> Settings {
    Settings {
        context: None,
        kubeconfig: Some(lab.kubeconfig().to_owned()),
        namespaces: Vec::new(),
        // As the kubeconfig of an EKS cluster names it.
        cluster: Some(name.to_owned()),
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
