//! The program's own sources, following a real API server that crashes, forgets and comes back.
//!
//! What changes while it is away is written through a second API server on the same etcd.

use crate::{
    kube,
    peers::{ADMIN, Kubernetes, Twin, get, post},
    site::{ANY, Caller, admin_env},
};
use futures::{StreamExt, stream};
use idscope::{
    event::{Event, Generation},
    fact::{Scope, SourceState},
    graph::Graph,
    ident::Ref,
    source::{Session, Settings, Writes},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// How long anything may take to be seen.
const PATIENCE: Duration = Duration::from_secs(90);

const NAMESPACE: &str = "moving";

/// The program's sources, as the dashboard runs them.
pub struct Follower {
    pub graph: Graph,
    arriving: mpsc::Receiver<Event>,
    session: Session,
    asked: BTreeSet<Ref>,
    pub notices: Vec<String>,
}

impl Follower {
    pub fn start(caller: &Caller) -> Follower {
        let (events, arriving) = mpsc::channel(4_096);
        let var = |name: &str| {
            let mut all = caller.env.iter();
            all.find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        let settings = Settings {
            context: None,
            kubeconfig: var("KUBECONFIG").map(Into::into),
            namespaces: Vec::new(),
            cluster: None,
            region: None,
            profile: None,
            account_profiles: Vec::new(),
            account_roles: Vec::new(),
            cache_dir: None,
            read_secrets: false,
            request_timeout: Duration::from_secs(30),
            poll: Duration::from_secs(60),
            env: caller.env.clone(),
            follow: true,
            writes: Writes::Never,
        };
        let session = Session::start(settings, Generation(0), events);
        Follower {
            graph: Graph::default(),
            arriving,
            session,
            asked: BTreeSet::new(),
            notices: Vec::new(),
        }
    }

    /// Takes what arrives until `is_so`; `always` must hold after every single change.
    pub async fn until(
        &mut self,
        what: &str,
        is_so: impl Fn(&Graph) -> bool,
        always: impl Fn(&Graph) -> Result<(), String>,
    ) {
        let end = Instant::now() + PATIENCE;
        while !is_so(&self.graph) {
            self.take(what, end, &always).await;
        }
    }

    /// Takes what arrives until notices hold all of `texts`.
    pub async fn told(&mut self, what: &str, texts: &[String]) {
        let end = Instant::now() + PATIENCE;
        while !texts.iter().all(|it| self.notices.iter().any(|notice| notice.contains(it))) {
            self.take(what, end, &|_| Ok(())).await;
        }
    }

    /// Asks everything again, as `ctrl-r` does.
    pub fn refresh(&self) {
        self.session.refresh();
    }

    async fn take(
        &mut self,
        what: &str,
        end: Instant,
        always: &impl Fn(&Graph) -> Result<(), String>,
    ) {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, self.arriving.recv()).await {
            Ok(Some(Event::Facts { changes, .. })) => {
                for change in changes {
                    self.graph.apply(change);
                    always(&self.graph).unwrap_or_else(|it| panic!("waiting for {what}: {it}"));
                }
                let wanted = self.graph.wanted().into_iter();
                let wanted = wanted.filter(|it| self.asked.insert(it.clone())).collect();
                self.session.fetch(wanted);
            }
            Ok(Some(Event::Notice { notice, .. })) => self.notices.push(notice.text.to_string()),
            Ok(Some(_)) => {}
            Ok(None) => panic!("waiting for {what}: the session ended"),
            Err(_) => panic!("waiting for {what}: {:#?} {:?}", self.states(), self.notices),
        }
    }

    fn states(&self) -> Vec<String> {
        self.graph.sources().map(|(scope, state)| format!("{}: {state:?}", scope.name())).collect()
    }
}

/// Names of the pods that the graph holds.
fn held(graph: &Graph) -> BTreeSet<String> {
    graph.pods().filter(|it| &*it.namespace == NAMESPACE).map(|it| it.name.to_string()).collect()
}

/// Names of the pods that the API server has, and the version of that list.
async fn true_pods(client: &::kube::Client) -> (BTreeSet<String>, String) {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let list = kube::call(client, "GET", &path, None).await.expect("pods");
    let names = list["items"].as_array().into_iter().flatten();
    let names = names.filter_map(|it| it["metadata"]["name"].as_str().map(str::to_owned)).collect();
    let version = list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    (names, version)
}

fn pod(name: &str, account: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]}})
}

pub async fn create_pods(client: &::kube::Client, names: impl Iterator<Item = String>) {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    stream::iter(names)
        .map(|name| {
            let path = &path;
            async move { kube::call(client, "POST", path, Some(&pod(&name, "app"))).await }
        })
        .buffer_unordered(32)
        .for_each(|it| async { drop(it.expect("a pod")) })
        .await;
}

async fn delete_pods(client: &::kube::Client, names: impl Iterator<Item = String>) {
    for name in names {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}?gracePeriodSeconds=0");
        kube::call(client, "DELETE", &path, None).await.expect("a pod can be deleted");
    }
}

pub async fn namespace(client: &::kube::Client) {
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "app", "namespace": NAMESPACE}}),
    ] {
        kube::call(client, "POST", &kube::collection(&object), Some(&object)).await.expect("made");
    }
}

fn is_live(graph: &Graph) -> bool {
    let pods = Scope::Pods { namespace: None };
    matches!(graph.source(&pods), Some(SourceState::Live { .. }))
}

/// Forgets in etcd whatever is older than now.
fn compact(kubernetes: &Kubernetes) {
    let port = kubernetes.etcd_port;
    let (_, answer) = post(port, "/v3/kv/range", &json!({"key": "AA=="})).expect("etcd answers");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let revision = answer["header"]["revision"].as_str().expect("a revision").to_owned();
    let body = json!({"revision": revision, "physical": true});
    let (status, text) = post(port, "/v3/kv/compaction", &body).expect("etcd answers");
    assert_eq!(status, 200, "{text}");
    assert!(get(port, "/health").is_some_and(|(_, body)| body.contains("true")));
}

/// Whether the API server calls a watch from this version too old.
async fn is_too_old(client: &::kube::Client, version: &str) -> bool {
    let path = format!(
        "/api/v1/namespaces/{NAMESPACE}/pods?watch=true&resourceVersion={version}&timeoutSeconds=1"
    );
    let request = http::Request::get(path).body(Vec::new()).expect("a request");
    match client.request_text(request).await {
        Ok(text) => text.contains("\"code\":410"),
        Err(err) => err.to_string().contains("too old resource version"),
    }
}

/// One absence of the API server: 20 of the old pods go, 15 come, one ServiceAccount is annotated.
async fn absence(kubernetes: &mut Kubernetes, follower: &mut Follower, round: usize, forget: bool) {
    let admin = kube::client(&kubernetes.kubeconfig(ANY, ADMIN)).await;
    let (before, version) = true_pods(&admin).await;
    follower.until("all pods", |it| held(it) == before && is_live(it), |_| Ok(())).await;

    kubernetes.kill();
    let stays = |graph: &Graph| match held(graph) == before {
        true => Ok(()),
        false => Err(format!("{} pods while nobody answers", held(graph).len())),
    };
    let is_marked = |it: &Graph| {
        let pods = Scope::Pods { namespace: None };
        matches!(it.source(&pods), Some(SourceState::Stale { .. }))
    };
    follower.until("the mark of a lost link", is_marked, stays).await;

    let twin = Twin::start(kubernetes);
    let other = kube::client(&twin.kubeconfig(ADMIN)).await;
    delete_pods(&other, before.iter().take(20).cloned()).await;
    create_pods(&other, (0..15).map(|n| format!("round-{round}-{n}"))).await;
    let annotation = format!("arn:aws:iam::111122223333:role/round-{round}");
    let patch = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": annotation}}});
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/app");
    kube::call(&other, "PATCH", &path, Some(&patch)).await.expect("an annotation");
    let (after, _) = true_pods(&other).await;
    assert_eq!(after.len(), before.len() - 5);
    drop(twin);
    if forget {
        compact(kubernetes);
    }
    kubernetes.revive();
    let was_too_old = is_too_old(&admin, &version).await;

    // On the way every pod that was there all along stays, and none is held that never was.
    let always = |graph: &Graph| {
        let now = held(graph);
        let lost: Vec<_> = before.intersection(&after).filter(|it| !now.contains(*it)).collect();
        let invented: Vec<_> =
            now.iter().filter(|it| !before.contains(*it) && !after.contains(*it)).collect();
        match lost.is_empty() && invented.is_empty() {
            true => Ok(()),
            false => Err(format!("lost {lost:?}, invented {invented:?}")),
        }
    };
    let annotated = |graph: &Graph| {
        graph.service_accounts().any(|it| it.role_arn().is_some_and(|it| **it == *annotation))
    };
    follower
        .until("what changed", |it| held(it) == after && is_live(it) && annotated(it), always)
        .await;
    // The watch goes on.
    create_pods(&admin, std::iter::once(format!("after-{round}"))).await;
    let name = format!("after-{round}");
    follower.until("a pod after it", |it| held(it).contains(&name), |_| Ok(())).await;
    assert_eq!(was_too_old, forget, "what the API server says of version {version}");
    eprintln!(
        "watch: {} pods gone and {} new while the API server was away{}: all right afterwards, none lost or invented",
        20,
        15,
        if forget { " and etcd compacted (410)" } else { "" }
    );
}

pub async fn run(dir: &std::path::Path) {
    // Without its cache the server goes on from an old version after a restart unless etcd has forgotten it.
    let mut kubernetes = Kubernetes::start_with(dir, crate::ISSUER, &["--watch-cache=false"]);
    let admin = kube::client(&kubernetes.kubeconfig(ANY, ADMIN)).await;
    namespace(&admin).await;
    create_pods(&admin, (0..60).map(|n| format!("pod-{n:02}"))).await;
    let mut follower = Follower::start(&admin_env(&kubernetes));
    absence(&mut kubernetes, &mut follower, 0, false).await;
    absence(&mut kubernetes, &mut follower, 1, true).await;
}
