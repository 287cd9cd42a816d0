//! The Kubernetes source against an API server that misbehaves by script: nothing is lost, nothing is invented, and what
//! happens is said.

mod plugin;
mod server;

use idscope::{
    event::{Event, Generation},
    fact::{Change, Fact, Knowledge, Scope, SourceState},
    ident::{Ref, WorkloadKind},
    source::{self, Session, Settings},
};
use serde_json::{Value, json};
use server::{Answer, Request, Server};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

const PODS: &str = "/api/v1/pods";
const ALL_PODS: Scope = Scope::Pods { namespace: None };

fn pod(namespace: &str, name: &str, version: u32) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": version.to_string()},
        "spec": {"serviceAccountName": format!("sa-{version}")},
    })
}

fn list(items: &[Value], version: u32) -> String {
    json!({"kind": "List", "metadata": {"resourceVersion": version.to_string()}, "items": items})
        .to_string()
}

fn watch_event(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

fn status(code: u16, reason: &str) -> String {
    json!({"kind": "Status", "code": code, "reason": reason, "message": format!("{reason} by script")}).to_string()
}

/// A healthy and empty API server, for what a test does not script.
fn calm(request: &Request) -> Answer {
    match &*request.path {
        "/version" => Answer::Full(200, json!({"gitVersion": "v1.34.4-eks-1"}).to_string()),
        "/.well-known/openid-configuration" => {
            Answer::Full(200, json!({"issuer": "https://oidc.example/id/A"}).to_string())
        }
        _ if request.is_watch() => Answer::Quiet(Vec::new()),
        _ => Answer::Full(200, list(&[], 1)),
    }
}

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    fn write(&self, server: &str, user: &Value) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "own"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user}],
        });
        std::fs::write(self.kubeconfig(), config.to_string()).unwrap();
    }

    fn settings(&self) -> Settings {
        Settings {
            context: None,
            kubeconfig: Some(self.kubeconfig()),
            namespaces: Vec::new(),
            cluster: None,
            region: None,
            profile: None,
            account_profiles: Vec::new(),
            account_roles: Vec::new(),
            cache_dir: None,
            read_secrets: false,
            request_timeout: Duration::from_secs(5),
            poll: Duration::from_secs(3600),
            env: vec![
                ("HOME".into(), self.dir.path().display().to_string()),
                // The AWS side of the session is not under test: nothing answers it.
                ("AWS_EC2_METADATA_DISABLED".into(), "true".into()),
                ("AWS_ENDPOINT_URL".into(), "http://127.0.0.1:9".into()),
            ],
            follow: true,
            writes: Default::default(),
        }
    }
}

/// What a reader of the events would hold.
struct Reader {
    session: Session,
    events: mpsc::Receiver<Event>,
    facts: BTreeMap<Ref, Fact>,
    /// Facts that came before their list was complete, and are replaced by it.
    states: BTreeMap<Scope, Vec<SourceState>>,
    known: BTreeMap<Ref, Knowledge<()>>,
    notices: Vec<String>,
    contexts: (Vec<String>, Option<String>),
    /// Names of pods after every change to them.
    history: Vec<Vec<String>>,
}

impl Reader {
    fn start(settings: Settings) -> Reader {
        let (sender, events) = mpsc::channel(64);
        let session = Session::start(settings, Generation(7), sender);
        let (facts, states, known) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Reader {
            session,
            events,
            facts,
            states,
            known,
            notices: Vec::new(),
            contexts: Default::default(),
            history: Vec::new(),
        }
    }

    async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Reader) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !is_so(self) {
            match tokio::time::timeout_at(deadline, self.events.recv()).await {
                Ok(Some(it)) => self.take(it),
                Ok(None) => panic!("the session ended before {what}"),
                Err(_) => panic!(
                    "never {what}: {:#?} {:#?} {:#?}",
                    self.states,
                    self.notices,
                    self.pods()
                ),
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Facts { generation, changes } => {
                assert_eq!(generation, Generation(7));
                for change in changes {
                    self.change(change);
                }
            }
            Event::Contexts { contexts, current } => {
                let names = contexts.iter().map(|(name, cluster)| format!("{name} on {cluster}"));
                self.contexts = (names.collect(), current.map(|it| it.to_string()));
            }
            Event::Notice { notice, .. } => self.notices.push(notice.text.to_string()),
            other => panic!("a source does not send {other:?}"),
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Upsert(it) => {
                self.facts.insert(it.key(), *it);
            }
            Change::Remove(it) => {
                self.facts.remove(&it);
            }
            Change::Replace { scope, facts } => {
                self.facts.retain(|_, it| !belongs(it, &scope));
                self.facts.extend(facts.into_iter().map(|it| (it.key(), it)));
            }
            Change::Know { of, knowledge } => {
                self.known.insert(of, knowledge);
            }
            Change::Source { scope, state } => self.states.entry(scope).or_default().push(state),
        }
        let pods = self.pods();
        if self.history.last() != Some(&pods) {
            self.history.push(pods);
        }
    }

    fn pods(&self) -> Vec<String> {
        let pods = self.facts.values().filter_map(|it| match it {
            Fact::Pod(it) => {
                Some(format!("{}/{}={}", it.namespace, it.name, it.spec.service_account))
            }
            _ => None,
        });
        pods.collect()
    }

    fn state(&self, scope: &Scope) -> Option<&SourceState> {
        self.states.get(scope)?.last()
    }

    fn is_live(&self, scope: &Scope) -> bool {
        matches!(self.state(scope), Some(SourceState::Live { .. }))
    }
}

fn belongs(fact: &Fact, scope: &Scope) -> bool {
    let within =
        |namespace: &Option<Arc<str>>, of: &Arc<str>| namespace.as_ref().is_none_or(|it| it == of);
    match (fact, scope) {
        (Fact::Pod(it), Scope::Pods { namespace }) => within(namespace, &it.namespace),
        (Fact::Namespace(_), Scope::Namespaces) | (Fact::ApiServer(_), Scope::ApiServer) => true,
        _ => false,
    }
}

fn kube_scopes() -> Vec<Scope> {
    let mut res = vec![
        Scope::ApiServer,
        Scope::Namespaces,
        Scope::Nodes,
        Scope::Webhooks,
        ALL_PODS,
        Scope::ServiceAccounts { namespace: None },
        Scope::Budgets { namespace: None },
    ];
    res.extend(WorkloadKind::ALL.map(|kind| Scope::Workloads { kind, namespace: None }));
    res
}

async fn session(
    script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> (Home, Server, Reader) {
    let (home, server) = (Home::new(), Server::start(script).await);
    home.write(&server.url, &json!({}));
    let reader = Reader::start(home.settings());
    (home, server, reader)
}

#[tokio::test]
async fn everything_is_listed_and_the_server_described() {
    let (_home, server, mut reader) = session(|it| match &*it.path {
        "/api/v1/namespaces/own/configmaps/aws" => {
            Answer::Full(200, json!({"data": {"AWS_REGION": "x"}}).to_string())
        }
        "/api/v1/namespaces/own/configmaps/shut" => Answer::Full(403, status(403, "Forbidden")),
        "/api/v1/namespaces/own/configmaps/none" => Answer::Full(404, status(404, "NotFound")),
        _ => calm(it),
    })
    .await;
    reader
        .until("everything is live", |it| kube_scopes().iter().all(|scope| it.is_live(scope)))
        .await;
    assert_eq!(reader.contexts, (vec!["test on c".to_owned()], Some("test".to_owned())));
    let Some(Fact::ApiServer(described)) = reader.facts.get(&Ref::Cluster) else {
        panic!("no api server")
    };
    assert_eq!((&*described.context, &*described.version), ("test", "v1.34.4-eks-1"));
    assert_eq!(&*described.server, server.url);
    assert_eq!(described.issuer.as_ref().known().unwrap().as_str(), "oidc.example/id/A");

    let config_map = |name: &str| Ref::ConfigMap { namespace: "own".into(), name: name.into() };
    let secret = Ref::Secret { namespace: "own".into(), name: "s".into() };
    let wanted = vec![
        config_map("aws"),
        config_map("shut"),
        config_map("none"),
        secret.clone(),
        config_map("aws"),
    ];
    reader.session.fetch(wanted);
    reader
        .until("all are answered", |it| {
            it.known.len() == 3 && it.facts.contains_key(&config_map("aws"))
        })
        .await;
    let Fact::KeyNames(it) = &reader.facts[&config_map("aws")] else { panic!("no key names") };
    assert_eq!(it.keys, Knowledge::Known(vec!["AWS_REGION".into()]));
    let Knowledge::Denied(it) = &reader.known[&config_map("shut")] else { panic!("not denied") };
    assert_eq!(&*it.permission, "get configmaps in own");
    assert_eq!(reader.known[&config_map("none")], Knowledge::Absent);
    assert_eq!(reader.known[&secret], Knowledge::NotYet);
    let log = server.log.lock().unwrap();
    assert_eq!(log.iter().filter(|it| it.ends_with("/aws")).count(), 1);
    assert!(!log.iter().any(|it| it.contains("secrets")), "a Secret was read unasked");
}

#[tokio::test]
async fn pages_are_read_to_the_end() {
    let (_home, server, mut reader) = session(|it| match (&*it.path, it.is_watch()) {
        (PODS, false) if it.query.contains("continue=a%2Bb%3D") => {
            Answer::Full(200, list(&[pod("a", "two", 2)], 9))
        }
        (PODS, false) => {
            let page = json!({"metadata": {"resourceVersion": "8", "continue": "a+b="}, "items": [pod("a", "one", 1)]});
            Answer::Full(200, page.to_string())
        }
        _ => calm(it),
    })
    .await;
    reader.until("both pages are there", |it| it.is_live(&ALL_PODS)).await;
    assert_eq!(reader.pods(), ["a/one=sa-1", "a/two=sa-2"]);
    // The first page shows before the second is there.
    assert_eq!(reader.history[1], ["a/one=sa-1"]);
    // The watch takes over from the first page, which is the state that all pages show.
    let watched = |it: &str| {
        it.starts_with(PODS) && it.contains("watch") && it.contains("resourceVersion=8&")
    };
    server.until_asked(watched).await;
}

#[tokio::test]
async fn a_watch_that_is_too_old_is_listed_again_at_once() {
    let (_home, _server, mut reader) = session(|it| match (&*it.path, it.is_watch(), it.nth) {
        (PODS, false, 0) => Answer::Full(200, list(&[pod("a", "one", 1), pod("a", "two", 1)], 5)),
        (PODS, false, _) => Answer::Full(200, list(&[pod("a", "two", 1), pod("a", "four", 8)], 9)),
        (PODS, true, 0) => Answer::Quiet(vec![
            watch_event("ADDED", &pod("a", "three", 6)),
            watch_event("MODIFIED", &pod("a", "one", 7)),
            watch_event("BOOKMARK", &json!({"metadata": {"resourceVersion": "7"}})),
            watch_event("ERROR", &json!({"kind": "Status", "code": 410, "reason": "Expired"})),
        ]),
        _ => calm(it),
    })
    .await;
    reader.until("it is listed again", |it| it.facts.contains_key(&named("a", "four"))).await;
    assert_eq!(reader.pods(), ["a/four=sa-8", "a/two=sa-1"]);
    // Whole or not at all: nothing between what the watch had and the new list.
    let before = vec!["a/one=sa-7".to_owned(), "a/three=sa-6".to_owned(), "a/two=sa-1".to_owned()];
    assert_eq!(reader.history[reader.history.len() - 2], before);
    let stale = reader.states[&ALL_PODS].iter().any(|it| matches!(it, SourceState::Stale { .. }));
    assert!(stale, "old rows were not marked: {:?}", reader.states[&ALL_PODS]);
    reader.until("it is live again", |it| it.is_live(&ALL_PODS)).await;
}

fn named(namespace: &str, name: &str) -> Ref {
    Ref::Pod { namespace: namespace.into(), name: name.into() }
}

#[tokio::test]
async fn a_lost_watch_goes_on_where_it_was() {
    let (_home, server, mut reader) = session(|it| match (&*it.path, it.is_watch(), it.nth) {
        (PODS, false, 0) => Answer::Full(200, list(&[pod("a", "one", 1), pod("a", "two", 1)], 5)),
        // Cut in the middle of an event, which so never happened.
        (PODS, true, 0) => {
            let lost = watch_event("DELETED", &pod("a", "two", 7));
            Answer::Cut(format!("{}\n{}", watch_event("DELETED", &pod("a", "one", 6)), &lost[..40]))
        }
        (PODS, true, _) if it.query.contains("resourceVersion=6&") => Answer::Quiet(vec![
            watch_event("DELETED", &pod("a", "two", 7)),
            watch_event("ADDED", &pod("a", "six", 8)),
        ]),
        (PODS, ..) => panic!("asked for {}", it.query),
        _ => calm(it),
    })
    .await;
    reader.until("the rest has come", |it| it.pods() == ["a/six=sa-8"]).await;
    let lists =
        server.log.lock().unwrap().iter().filter(|it| it.starts_with("/api/v1/pods?limit")).count();
    assert_eq!(lists, 1, "listed again without need");
}

#[tokio::test]
async fn a_list_that_breaks_off_is_not_believed() {
    let (_home, _server, mut reader) = session(|it| match (&*it.path, it.is_watch(), it.nth) {
        (PODS, false, 0) => {
            let whole = list(&[pod("a", "kept", 1), pod("a", "gone", 1), pod("a", "cut", 1)], 5);
            Answer::Cut(whole[..whole.len() - 60].to_owned())
        }
        (PODS, false, 1) => Answer::Full(200, "<html>proxy</html>".to_owned()),
        (PODS, false, 2) => Answer::Full(
            200,
            r#"{"metadata":{"resourceVersion":"5"},"items":[{"metadata":}]}"#.to_owned(),
        ),
        (PODS, false, _) => Answer::Full(200, list(&[pod("a", "kept", 1)], 5)),
        _ => calm(it),
    })
    .await;
    reader.until("it is complete", |it| it.is_live(&ALL_PODS)).await;
    assert_eq!(reader.pods(), ["a/kept=sa-1"]);
    let failed = |it: &&SourceState| matches!(it, SourceState::Failed { .. });
    assert_eq!(
        reader.states[&ALL_PODS].iter().filter(failed).count(),
        3,
        "{:?}",
        reader.states[&ALL_PODS]
    );
}

#[tokio::test]
async fn one_strange_object_is_left_out_and_said() {
    let strange = json!({"metadata": {"name": "odd"}, "spec": {"containers": 7}});
    let (_home, _server, mut reader) = session(move |it| match (&*it.path, it.is_watch()) {
        (PODS, false) => Answer::Full(200, list(&[pod("a", "fine", 1), strange.clone()], 5)),
        _ => calm(it),
    })
    .await;
    let truncated =
        |it: &Reader| matches!(it.state(&ALL_PODS), Some(SourceState::Truncated { .. }));
    reader.until("the list is called incomplete", truncated).await;
    assert_eq!(reader.pods(), ["a/fine=sa-1"]);
}

#[tokio::test]
async fn forbidden_everywhere_narrows_to_the_readable_namespaces() {
    let (_home, _server, mut reader) = session(|it| match (&*it.path, it.is_watch()) {
        ("/api/v1/namespaces", false) => {
            let names = ["open", "shut"].map(|it| json!({"metadata": {"name": it}}));
            Answer::Full(200, list(&names, 5))
        }
        (PODS, _) | ("/api/v1/namespaces/shut/pods", _) => {
            Answer::Full(403, status(403, "Forbidden"))
        }
        ("/api/v1/namespaces/open/pods", false) => {
            Answer::Full(200, list(&[pod("open", "one", 1)], 5))
        }
        _ => calm(it),
    })
    .await;
    let open = Scope::Pods { namespace: Some("open".into()) };
    reader.until("the open namespace is read", |it| it.is_live(&open)).await;
    assert_eq!(reader.pods(), ["open/one=sa-1"]);
    // Pending until the namespaces have answered: a part must not pass for the whole.
    let states = &reader.states[&ALL_PODS];
    assert!(states.iter().all(|it| matches!(it, SourceState::Pending { .. })), "{states:?}");
    let is_denied = |it: &Reader| matches!(it.state(&ALL_PODS), Some(SourceState::Denied { .. }));
    reader.until("the cluster-wide list is denied", is_denied).await;
    let Some(SourceState::Denied { denied, .. }) = reader.state(&ALL_PODS) else {
        panic!("not denied")
    };
    assert_eq!((&*denied.permission, &*denied.detail), ("list pods", "Forbidden by script"));
    assert!(
        reader.notices.iter().any(|it| it.contains("trying 2 namespaces")),
        "{:?}",
        reader.notices
    );
    assert!(!reader.states.contains_key(&Scope::Pods { namespace: Some("shut".into()) }));
    assert!(reader.states.contains_key(&Scope::ServiceAccounts { namespace: None }));
}

#[tokio::test]
async fn without_namespaces_to_list_the_context_names_one() {
    let (_home, _server, mut reader) = session(|it| match (&*it.path, it.is_watch()) {
        ("/api/v1/namespaces/own/pods", false) => {
            Answer::Full(200, list(&[pod("own", "one", 1)], 5))
        }
        ("/api/v1/namespaces/own/serviceaccounts", _) => {
            Answer::Full(403, status(403, "Forbidden"))
        }
        (path, _) if path.starts_with("/api/v1/namespaces/own/") => calm(it),
        (path, _) if path.starts_with("/api") => Answer::Full(403, status(403, "Forbidden")),
        _ => calm(it),
    })
    .await;
    let own = |kind: &str| match kind {
        "pods" => Scope::Pods { namespace: Some("own".into()) },
        _ => Scope::ServiceAccounts { namespace: Some("own".into()) },
    };
    reader.until("the own namespace is read", |it| it.is_live(&own("pods"))).await;
    reader
        .until("refusals are said", |it| {
            matches!(it.state(&own("sa")), Some(SourceState::Denied { .. }))
        })
        .await;
    assert_eq!(reader.pods(), ["own/one=sa-1"]);
    assert!(matches!(reader.state(&Scope::Namespaces), Some(SourceState::Denied { .. })));
    let said = reader.notices.iter().filter(|it| it.contains("namespace `own` only")).count();
    assert_eq!(said, 1, "{:?}", reader.notices);
}

#[tokio::test]
async fn a_new_login_is_picked_up() {
    let server = Server::start(|it| match it.head.contains("authorization: bearer new") {
        true => calm(it),
        false => Answer::Full(401, status(401, "Unauthorized")),
    })
    .await;
    let home = Home::new();
    home.write(&server.url, &json!({"token": "old"}));
    let mut reader = Reader::start(home.settings());
    reader
        .until("it is expired", |it| {
            matches!(it.state(&ALL_PODS), Some(SourceState::Expired { .. }))
        })
        .await;
    assert!(
        reader.notices.iter().any(|it| it.contains("refuses the credentials")),
        "{:?}",
        reader.notices
    );
    home.write(&server.url, &json!({"token": "new"}));
    reader.until("it is live", |it| it.is_live(&ALL_PODS)).await;
}

#[tokio::test]
async fn a_credential_plugin_has_no_terminal_and_its_complaint_is_shown() {
    let home = Home::new();
    let server = Server::start(calm).await;
    let script = "cat; echo 'first line' >&2; echo 'The SSO session has expired' >&2; exit 255";
    let exec = |script: &str| {
        json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1", "interactiveMode": "IfAvailable",
            "command": "sh", "args": ["-c", script, "--profile", "dev"],
        }})
    };
    home.write(&server.url, &exec(script));
    let mut reader = Reader::start(home.settings());
    reader
        .until("it is expired", |it| {
            matches!(it.state(&ALL_PODS), Some(SourceState::Expired { .. }))
        })
        .await;
    let Some(SourceState::Expired { profile, .. }) = reader.state(&ALL_PODS) else {
        unreachable!()
    };
    assert_eq!(&**profile, "dev");
    assert_eq!(
        reader.notices,
        ["failed to log in: credential plugin `sh`: The SSO session has expired"]
    );

    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "t"}});
    home.write(&server.url, &exec(&format!("echo '{credential}'")));
    reader.until("it is live", |it| it.is_live(&ALL_PODS)).await;
    assert!(server.log.lock().unwrap().iter().any(|it| it.starts_with(PODS)));
}

#[tokio::test]
async fn a_login_that_ends_during_a_session_is_said() {
    let home = Home::new();
    let server = Server::start(calm).await;
    let flag = home.dir.path().join("over");
    // Expired at once, so that every request asks the plugin.
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"},
    });
    let script = format!(
        "if [ -e {} ]; then echo 'refresh failed' >&2; exit 1; fi; echo '{credential}'",
        flag.display()
    );
    let args = json!(["-c", script]);
    let api = "client.authentication.k8s.io/v1";
    home.write(&server.url, &json!({"exec": {"apiVersion": api, "command": "sh", "args": args}}));
    let mut reader = Reader::start(home.settings());
    reader.until("it is live", |it| it.is_live(&Scope::ApiServer)).await;
    std::fs::write(&flag, "").unwrap();
    reader.session.refresh();
    let is_over =
        |it: &Reader| matches!(it.state(&Scope::ApiServer), Some(SourceState::Expired { .. }));
    reader.until("the end of the login is said", is_over).await;
    std::fs::remove_file(&flag).unwrap();
    reader.until("it is live again", |it| it.is_live(&Scope::ApiServer)).await;
}

#[tokio::test]
async fn silence_is_an_error_and_not_the_end() {
    let home = Home::new();
    let server = Server::start(|it| match (&*it.path, it.is_watch(), it.nth) {
        (PODS, false, 0) => Answer::Quiet(Vec::new()),
        (PODS, false, _) => Answer::Full(200, list(&[pod("a", "one", 1)], 5)),
        (PODS, true, 0) => Answer::Quiet(vec!["garbage".to_owned()]),
        (PODS, true, 1) => Answer::Full(200, "<html>".to_owned()),
        (PODS, true, _) => Answer::Quiet(vec![watch_event("ADDED", &pod("a", "two", 6))]),
        _ => calm(it),
    })
    .await;
    home.write(&server.url, &json!({}));
    let settings = Settings { request_timeout: Duration::from_millis(300), ..home.settings() };
    let mut reader = Reader::start(settings);
    let is_silent = |it: &SourceState| matches!(it, SourceState::Failed { error, .. } if error.contains("no answer within 0.3 s"));
    reader.until("silence is said", |it| it.state(&ALL_PODS).is_some_and(is_silent)).await;
    reader.until("it goes on", |it| it.pods() == ["a/one=sa-1", "a/two=sa-6"]).await;
    let is_stale = |it: &SourceState| matches!(it, SourceState::Stale { .. });
    assert!(reader.states[&ALL_PODS].iter().any(is_stale), "{:?}", reader.states[&ALL_PODS]);
    reader.until("it is live", |it| it.is_live(&ALL_PODS)).await;
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_yet_is_waited_for() {
    let home = Home::new();
    let server = Server::start(calm).await;
    let mut reader = Reader::start(home.settings());
    reader
        .until("it has failed", |it| {
            matches!(it.state(&ALL_PODS), Some(SourceState::Failed { .. }))
        })
        .await;
    assert!(
        reader.notices[0].contains("does not exist; name one with --kubeconfig"),
        "{:?}",
        reader.notices
    );
    home.write(&server.url, &json!({}));
    reader.until("it is live", |it| it.is_live(&ALL_PODS)).await;
    assert_eq!(reader.notices.len(), 1, "said more than once: {:?}", reader.notices);
}

#[tokio::test]
async fn an_unreachable_server_fails_and_is_reached_later() {
    let home = Home::new();
    let is_up = Arc::new(AtomicUsize::new(0));
    let seen = is_up.clone();
    let server = Server::start(move |it| match seen.load(Ordering::SeqCst) {
        0 => Answer::Full(503, "down".to_owned()),
        _ => calm(it),
    })
    .await;
    home.write(&server.url, &json!({}));
    let mut reader = Reader::start(home.settings());
    reader
        .until("it has failed", |it| {
            matches!(it.state(&ALL_PODS), Some(SourceState::Failed { .. }))
        })
        .await;
    is_up.store(1, Ordering::SeqCst);
    reader.session.refresh();
    reader.until("it is live", |it| kube_scopes().iter().all(|scope| it.is_live(scope))).await;
}

#[tokio::test]
async fn without_follow_there_are_lists_only_and_failures_are_final() {
    let home = Home::new();
    let server = Server::start(|it| match &*it.path {
        "/api/v1/nodes" => Answer::Full(500, "broken".to_owned()),
        "/apis/apps/v1/daemonsets" => Answer::Full(403, status(403, "Forbidden")),
        "/apis/batch/v1/cronjobs" => Answer::Full(404, status(404, "NotFound")),
        PODS => Answer::Full(200, list(&[pod("own", "one", 1)], 1)),
        _ => calm(it),
    })
    .await;
    home.write(&server.url, &json!({}));
    let mut reader = Reader::start(Settings { follow: false, ..home.settings() });
    let is_final = |it: &SourceState| !matches!(it, SourceState::Pending { .. });
    let done =
        |it: &Reader| kube_scopes().iter().all(|scope| it.state(scope).is_some_and(is_final));
    reader.until("everything is said", done).await;
    assert!(matches!(reader.state(&Scope::Nodes), Some(SourceState::Failed { attempts: 3, .. })));
    let daemon_sets = Scope::Workloads { kind: WorkloadKind::DaemonSet, namespace: None };
    assert!(matches!(reader.state(&daemon_sets), Some(SourceState::Denied { .. })));
    let cron_jobs = Scope::Workloads { kind: WorkloadKind::CronJob, namespace: None };
    assert!(matches!(reader.state(&cron_jobs), Some(SourceState::Off { .. })));
    assert!(reader.is_live(&ALL_PODS));
    assert!(
        !server.log.lock().unwrap().iter().any(|it| it.contains("watch")),
        "watched without follow"
    );
}

#[tokio::test]
async fn without_follow_the_server_is_described_although_no_cluster_is_found_in_the_end() {
    let home = Home::new();
    let server = Server::start(calm).await;
    home.write(&server.url, &json!({}));
    let mut settings = Settings { follow: false, ..home.settings() };
    // With credentials AWS is tried for a while; where nobody answers no cluster is found.
    for (name, value) in [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x")] {
        settings.env.push((name.into(), value.into()));
    }
    let mut reader = Reader::start(settings);
    reader.until("the server is described", |it| it.is_live(&Scope::ApiServer)).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let home = Home::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    home.write(&format!("http://{free}"), &json!({}));
    let mut reader = Reader::start(Settings { follow: false, ..home.settings() });
    let is_final = |it: &Reader| matches!(it.state(&ALL_PODS), Some(SourceState::Failed { .. }));
    reader.until("it has failed", is_final).await;
    let Some(SourceState::Failed { error, .. }) = reader.state(&ALL_PODS) else { unreachable!() };
    assert!(error.starts_with(&format!("reach `http://{free}`: Connection refused")), "{error}");
}

#[test]
fn kubeconfigs_are_merged_and_missing_ones_skipped() {
    let home = Home::new();
    let file = |name: &str| home.dir.path().join(name);
    std::fs::write(
        file("one"),
        "current-context: b\ncontexts: [{name: a, context: {cluster: c1}}]",
    )
    .unwrap();
    std::fs::write(
        file("two"),
        "current-context: a\ncontexts: [{name: a, context: {cluster: c2}}, {name: b}]",
    )
    .unwrap();
    let check = |names: &[&str], expected: &[(&str, &str)], current: Option<&str>| {
        let paths =
            std::env::join_paths(names.iter().map(|it| file(it))).unwrap().into_string().unwrap();
        let mut settings = Settings { kubeconfig: None, ..home.settings() };
        settings.env.push(("KUBECONFIG".into(), paths));
        let (found, found_current) = source::kube::contexts(&settings).unwrap();
        let found: Vec<_> = found.iter().map(|(name, cluster)| (&**name, &**cluster)).collect();
        assert_eq!((&*found, found_current.as_deref()), (expected, current), "{names:?}");
    };
    check(&["one", "none", "two"], &[("a", "c1"), ("b", "")], Some("b"));
    check(&["two", "one"], &[("a", "c2"), ("b", "")], Some("a"));
}

#[tokio::test]
async fn namespaces_by_flag_are_read_alone() {
    let home = Home::new();
    let server = Server::start(calm).await;
    home.write(&server.url, &json!({}));
    let settings =
        Settings { namespaces: vec!["a".into(), "b".into(), "a".into()], ..home.settings() };
    let mut reader = Reader::start(settings);
    let scope = |it: &str| Scope::Pods { namespace: Some(it.into()) };
    reader.until("both are live", |it| it.is_live(&scope("a")) && it.is_live(&scope("b"))).await;
    reader.until("nodes are live", |it| it.is_live(&Scope::Nodes)).await;
    let log = server.log.lock().unwrap();
    assert!(!log.iter().any(|it| it.starts_with(PODS)), "read pods of all namespaces");
    assert_eq!(
        log.iter().filter(|it| it.starts_with("/api/v1/namespaces/a/pods?limit")).count(),
        1
    );
}

#[tokio::test]
async fn without_the_right_to_watch_it_is_listed_now_and_then() {
    let (_home, _server, mut reader) = session(|it| match (&*it.path, it.is_watch()) {
        (PODS, true) => Answer::Full(403, status(403, "Forbidden")),
        (PODS, false) => Answer::Full(200, list(&[pod("a", &format!("try-{}", it.nth), 1)], 5)),
        _ => calm(it),
    })
    .await;
    reader.until("it is said", |it| !it.notices.is_empty()).await;
    for n in 1..3 {
        reader.session.refresh();
        let name = named("a", &format!("try-{n}"));
        reader.until("it is listed again", |it| it.facts.contains_key(&name)).await;
    }
    assert!(reader.is_live(&ALL_PODS), "{:?}", reader.states[&ALL_PODS]);
    assert_eq!(
        reader.notices,
        ["`watch pods` is forbidden: listing every 60 s instead (Forbidden by script)"]
    );
}

#[tokio::test]
async fn a_dropped_session_lets_go() {
    let (_home, _server, mut reader) = session(calm).await;
    reader.until("it is live", |it| it.is_live(&ALL_PODS)).await;
    let Reader { session, mut events, .. } = reader;
    drop(session);
    let ended = async { while events.recv().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("somebody still holds the channel");
}

#[test]
fn contexts_and_what_is_wrong_with_a_kubeconfig() {
    let check = |content: &str, context: Option<&str>, expected: Result<usize, &str>| {
        let home = Home::new();
        std::fs::write(home.kubeconfig(), content).unwrap();
        let context = context.map(str::to_owned);
        let found = source::kube::contexts(&Settings { context, ..home.settings() });
        let shown = |path: &Path| path.display().to_string();
        let found = found
            .map(|(it, _)| it.len())
            .map_err(|it| it.replace(&shown(&home.kubeconfig()), "FILE"));
        assert_eq!(found, expected.map_err(str::to_owned), "{content}");
    };
    check("", None, Ok(0));
    check("contexts: [{name: a, context: {cluster: c, user: u}}, {name: b}]", None, Ok(2));
    check("contexts: 7", None, Err("read `FILE`: it is no kubeconfig (line 1, column 11)"));
    check(
        "users: [{name: u, user: {token: [hunter2]}}]",
        None,
        Err("read `FILE`: it is no kubeconfig (line 1, column 33)"),
    );
}

#[tokio::test]
async fn a_kubeconfig_error_names_file_field_and_remedy() {
    let check = async |content: Value, expected: &str| {
        let home = Home::new();
        std::fs::write(home.kubeconfig(), content.to_string()).unwrap();
        let mut reader = Reader::start(Settings { follow: false, ..home.settings() });
        reader.until("there is a notice", |it| !it.notices.is_empty()).await;
        let text = reader.notices[0].replace(&home.kubeconfig().display().to_string(), "FILE");
        assert_eq!(text, expected, "{content}");
    };
    let context = json!([{"name": "a", "context": {"cluster": "c", "user": "u"}}]);
    let users = json!([{"name": "u", "user": {}}]);
    let cluster = |it: Value| json!([{"name": "c", "cluster": it}]);
    check(
        json!({"contexts": context}),
        "failed to choose a context: `current-context` is not set in `FILE`; name one with --context: `a`",
    )
    .await;
    check(
        json!({"current-context": "x", "contexts": context}),
        "failed to find context `x` in `FILE`; it has `a`",
    )
    .await;
    check(
        json!({"current-context": "a", "contexts": context}),
        "failed to use context `a`: its cluster `c` is not defined in `FILE`",
    )
    .await;
    check(
        json!({"current-context": "a", "contexts": context, "clusters": cluster(json!({"server": "https://x"}))}),
        "failed to use context `a`: its user `u` is not defined in `FILE`",
    )
    .await;
    check(
        json!({"current-context": "a", "contexts": context, "clusters": cluster(json!({})), "users": users}),
        "failed to use cluster `c` of `FILE`: its `server` is not set",
    )
    .await;
    let bad_ca = json!({"server": "https://x", "certificate-authority-data": "%%"});
    check(
        json!({"current-context": "a", "contexts": context, "clusters": cluster(bad_ca), "users": users}),
        "failed to use cluster `c` of `FILE`: its `certificate-authority-data` is not base64",
    )
    .await;
}
