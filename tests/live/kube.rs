//! Writes objects to the real API server, and plays the controllers that do not run: status, owners, the end of a
//! namespace. What only time makes, it writes beneath the API server.

use crate::peers::{Kubernetes, pause};
use idscope::ident::Timestamp;
use kube::{
    Client,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

/// How long the API server may take until it has noticed something.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that acts as the owner of a kubeconfig.
pub async fn client(kubeconfig: &Path) -> Client {
    let file = Kubeconfig::read_from(kubeconfig).expect("our own kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("our own kubeconfig is complete");
    Client::try_from(config).expect("a client")
}

/// `METHOD path` with a JSON body; the answer, or the API server's Status as text.
pub async fn call(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, String> {
    let content_type = match method {
        "PATCH" => "application/merge-patch+json",
        _create_or_read => "application/json",
    };
    call_as(client, method, path, content_type, body).await
}

async fn call_as(
    client: &Client,
    method: &str,
    path: &str,
    content_type: &str,
    body: Option<&Value>,
) -> Result<Value, String> {
    let bytes = body.map(|it| serde_json::to_vec(it).expect("JSON")).unwrap_or_default();
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(bytes)
        .expect("a request");
    client.request::<Value>(request).await.map_err(|err| match err {
        ::kube::Error::Api(status) => {
            format!("{method} {path}: {} {}", status.reason, status.message)
        }
        other => format!("{method} {path}: {other}"),
    })
}

/// What an object is called in paths.
fn plural(object: &Value) -> String {
    match object["kind"].as_str().expect("kind") {
        "Ingress" => "ingresses".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    }
}

/// The collection that an object is posted to.
pub fn collection(object: &Value) -> String {
    let api_version = object["apiVersion"].as_str().expect("apiVersion");
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let plural = plural(object);
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{api_version}/{plural}"),
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

/// Where an object is.
pub fn path(object: &Value) -> String {
    format!("{}/{}", collection(object), name(object))
}

/// Where etcd has an object.
fn key(object: &Value) -> String {
    let plural = match object["kind"].as_str() {
        Some("Node") => "minions".to_owned(),
        Some(_) | None => plural(object),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/registry/{plural}/{namespace}/{}", name(object)),
        None => format!("/registry/{plural}/{}", name(object)),
    }
}

/// A writer of whole clusters, which it can take away again.
#[derive(Default)]
pub struct Maker {
    /// Paths of everything that was made.
    made: Vec<String>,
    namespaces: Vec<String>,
    /// Uids by (kind, namespace, name), for owners.
    uids: HashMap<(String, String, String), Value>,
}

/// An object's past, told by who wrote it when.
struct Past {
    created: Timestamp,
    /// `(manager, whether it applies, time)`, in the order of writing.
    writers: Vec<(String, bool, Timestamp)>,
    /// It was created with nothing to own, so nothing is recorded of what comes later either.
    is_bare: bool,
}

/// Something to own for who creates an object, until the next writer comes.
const OWNED: &str = "suite.example.com/created";

impl Past {
    fn of(object: &Value) -> Past {
        let time = |it: &Value| it.as_str().and_then(|it| it.parse().ok());
        let created: Timestamp =
            time(&object["metadata"]["creationTimestamp"]).expect("a creation time");
        let writer = |it: &Value| {
            let manager = it["manager"].as_str()?.to_owned();
            Some((manager, it["operation"] == "Apply", time(&it["time"]).unwrap_or(created)))
        };
        let fields = object["metadata"]["managedFields"].as_array();
        let mut writers: Vec<_> = fields.into_iter().flatten().filter_map(writer).collect();
        if writers.is_empty() {
            writers.push(("kubectl-create".to_owned(), false, created));
        }
        let is_bare = fields.is_some_and(Vec::is_empty);
        if is_bare {
            writers.push(("kubectl-annotate".to_owned(), false, created));
        }
        Past { created, writers, is_bare }
    }
}

impl Maker {
    /// Makes all of `objects`, each as old as it says, and in the order of their ages.
    pub async fn make(
        &mut self,
        kubernetes: &Kubernetes,
        client: &Client,
        objects: &[Value],
    ) -> Result<(), String> {
        let mut all: Vec<(&Value, Past)> = objects.iter().map(|it| (it, Past::of(it))).collect();
        // A webhook that nobody serves would be asked for every pod.
        let rank = |it: &Value| match it["kind"].as_str() {
            Some("Namespace") => 0,
            Some("Pod") => 2,
            Some("MutatingWebhookConfiguration") => 3,
            Some(_) | None => 1,
        };
        all.sort_by_key(|(it, past)| (rank(it), past.created));
        for (object, past) in &all {
            self.create(client, object, past).await?;
        }
        for (object, past) in &all {
            if let [_, (manager, _, _)] = past.writers.as_slice() {
                let path = format!("{}?fieldManager={manager}", path(object));
                let mut metadata =
                    json!({"metadata": {"annotations": object["metadata"]["annotations"]}});
                if !past.is_bare {
                    metadata["metadata"]["labels"] = json!({OWNED: null});
                }
                call(client, "PATCH", &path, Some(&metadata)).await?;
            }
            if !object["metadata"]["deletionTimestamp"].is_null() {
                // Nobody confirms the end of a pod on a node, so it stays in its grace period.
                let path = format!("{}?gracePeriodSeconds=3600", path(object));
                call(client, "DELETE", &path, None).await?;
            }
            self.age(kubernetes, client, object, past).await?;
        }
        Ok(())
    }

    /// Makes one more object, as old as this moment.
    pub async fn add(&mut self, client: &Client, object: &Value) -> Result<(), String> {
        self.create(client, object, &Past::of(object)).await
    }

    async fn create(&mut self, client: &Client, wanted: &Value, past: &Past) -> Result<(), String> {
        let mut object = wanted.clone();
        let status = object.as_object_mut().and_then(|it| it.shift_remove("status"));
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let namespace = text(&object["metadata"]["namespace"]);
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for key in [
                "uid",
                "resourceVersion",
                "creationTimestamp",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "managedFields",
                "generation",
            ] {
                metadata.shift_remove(key);
            }
            if 1 < past.writers.len() {
                metadata.shift_remove("annotations");
            }
            if 1 < past.writers.len() && !past.is_bare {
                let labels = metadata.entry("labels").or_insert_with(|| json!({}));
                labels[OWNED] = "".into();
            }
            let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
            for owner in owners.into_iter().flatten() {
                let key = (text(&owner["kind"]), namespace.clone(), text(&owner["name"]));
                if let Some(uid) = self.uids.get(&key) {
                    owner["uid"] = uid.clone();
                }
            }
        }
        let (manager, applies, _) = &past.writers[0];
        let is_there = object["kind"] == "Namespace"
            && call(client, "GET", &path(&object), None).await.is_ok();
        let made = if *applies || is_there {
            let path = format!("{}?fieldManager={manager}&force=true", path(&object));
            call_as(client, "PATCH", &path, "application/apply-patch+yaml", Some(&object)).await?
        } else {
            let path = format!("{}?fieldManager={manager}", collection(&object));
            call(client, "POST", &path, Some(&object)).await?
        };
        let kind = text(&object["kind"]);
        if kind == "Namespace" {
            self.namespaces.push(name(&object).to_owned());
        } else {
            self.made.push(path(&object));
        }
        self.uids
            .insert((kind, namespace, name(&object).to_owned()), made["metadata"]["uid"].clone());
        if let Some(status) = status.filter(|it| it.as_object().is_some_and(|it| !it.is_empty())) {
            let body = json!({ "status": status });
            let path = format!("{}/status?fieldManager=suite", path(&object));
            call(client, "PATCH", &path, Some(&body)).await?;
        }
        Ok(())
    }

    /// Makes an object as old as its past says: nobody waits thirty days for a ServiceAccount.
    async fn age(
        &self,
        kubernetes: &Kubernetes,
        client: &Client,
        object: &Value,
        past: &Past,
    ) -> Result<(), String> {
        let mut stored = call(client, "GET", &path(object), None).await?;
        let seconds = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        stored["metadata"]["creationTimestamp"] = seconds(past.created).into();
        let fields = stored["metadata"]["managedFields"].as_array_mut();
        for entry in fields.into_iter().flatten() {
            let mut writers = past.writers.iter().rev();
            let writer = writers.find(|(manager, _, _)| entry["manager"] == manager.as_str());
            entry["time"] = seconds(writer.map_or(past.created, |(_, _, at)| *at)).into();
        }
        if let Some(metadata) = stored["metadata"].as_object_mut() {
            metadata.shift_remove("resourceVersion");
        }
        kubernetes.put(&key(object), &stored.to_string());
        Ok(())
    }

    /// Takes everything away again, as the controllers would have.
    /// Takes away what the program itself may have made in the namespaces and left; for before `wipe`.
    pub async fn sweep(&self, client: &Client) {
        for namespace in self.namespaces.iter().filter(|it| !is_kept(it)) {
            let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
            call(client, "DELETE", &path, None).await.expect("ServiceAccounts can be deleted");
        }
    }

    pub async fn wipe(&mut self, client: &Client) {
        for path in self.made.drain(..).rev() {
            // Jobs leave their pods behind unless told otherwise, and wait for somebody to do it.
            let path = format!("{path}?gracePeriodSeconds=0&propagationPolicy=Background");
            if let Err(text) = call(client, "DELETE", &path, None).await {
                assert!(text.contains("NotFound"), "{text}");
            }
        }
        for name in self.namespaces.drain(..) {
            if is_kept(&name) {
                continue;
            }
            let path = format!("/api/v1/namespaces/{name}");
            call(client, "DELETE", &path, None).await.expect("a namespace can be deleted");
            let end = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
                "spec": {"finalizers": []}});
            let path = format!("{path}/finalize");
            call(client, "PUT", &path, Some(&end)).await.expect("a namespace can be ended");
        }
        self.uids.clear();
    }
}

/// Whether the API server makes a namespace itself and keeps it.
fn is_kept(namespace: &str) -> bool {
    ["default", "kube-system", "kube-public", "kube-node-lease"].contains(&namespace)
}

/// Writes one object with its status, as old as this moment; its uid comes back.
pub async fn write(client: &Client, object: &Value) -> Result<Value, String> {
    let mut maker = Maker::default();
    maker.add(client, object).await?;
    Ok(maker.uids.into_values().next().unwrap_or_default())
}

/// Lets a user do what a ClusterRole says: everywhere, or in some namespaces only. Returns once it holds.
pub async fn allow(client: &Client, user: &str, rules: &Value, namespaces: Option<&[String]>) {
    let version = "rbac.authorization.k8s.io/v1";
    let cluster_role = json!({"apiVersion": version, "kind": "ClusterRole",
        "metadata": {"name": format!("suite-{user}")}, "rules": rules});
    let made = call(client, "POST", &collection(&cluster_role), Some(&cluster_role)).await;
    made.expect("a ClusterRole");
    let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
        "name": format!("suite-{user}")});
    let subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]);
    let bindings = match namespaces {
        None => vec![json!({"apiVersion": version, "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("suite-{user}")}, "roleRef": reference, "subjects": subjects})],
        Some(all) => all
            .iter()
            .map(|it| {
                json!({"apiVersion": version, "kind": "RoleBinding",
                    "metadata": {"name": format!("suite-{user}"), "namespace": it},
                    "roleRef": reference, "subjects": subjects})
            })
            .collect(),
    };
    for binding in &bindings {
        let made = call(client, "POST", &collection(binding), Some(binding)).await;
        made.expect("a binding");
    }
    until_allowed(client, user, rules, namespaces.and_then(|it| it.last())).await;
}

/// Lets a user do more, everywhere.
pub async fn allow_more(client: &Client, user: &str, rules: &Value) {
    let version = "rbac.authorization.k8s.io/v1";
    let name = format!("suite-more-{user}");
    let cluster_role = json!({"apiVersion": version, "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": rules});
    let binding = json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]});
    for object in [&cluster_role, &binding] {
        call(client, "POST", &collection(object), Some(object)).await.expect("made");
    }
    until_allowed(client, user, rules, None).await;
}

/// The authoriser learns of rules from its own watch.
async fn until_allowed(client: &Client, user: &str, rules: &Value, namespace: Option<&String>) {
    let Some(rule) =
        rules.as_array().and_then(|it| it.iter().find(|it| it["resources"].is_array()))
    else {
        return;
    };
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": user, "resourceAttributes": {"namespace": namespace, "verb": rule["verbs"][0],
            "group": rule["apiGroups"][0], "resource": rule["resources"][0]}}});
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let started = Instant::now();
    loop {
        let answer = call(client, "POST", path, Some(&review)).await.expect("a review");
        if answer["status"]["allowed"] == true {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{user} is never allowed {rule}: {answer}");
        pause();
    }
}
