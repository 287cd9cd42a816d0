//! Plays the controllers that do not run beside a bare API server, once the program has written: pods of a changed
//! template are made anew as the webhook would leave them, and pods that waited for a ServiceAccount are made.

use crate::{
    kube,
    site::{Site, now},
};
use idscope::lab::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What may own pods of its own: `(kind, API version, plural)`.
const OWNERS: [(&str, &str, &str); 4] = [
    ("Deployment", "apps/v1", "deployments"),
    ("StatefulSet", "apps/v1", "statefulsets"),
    ("DaemonSet", "apps/v1", "daemonsets"),
    ("ReplicaSet", "apps/v1", "replicasets"),
];

/// What decides how a new pod is admitted.
const AROUND: [(&str, &str, &str); 4] = [
    ("Namespace", "v1", "namespaces"),
    ("ServiceAccount", "v1", "serviceaccounts"),
    ("Node", "v1", "nodes"),
    (
        "MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1",
        "mutatingwebhookconfigurations",
    ),
];

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Owners as they were when they were last looked at.
pub struct Controllers {
    /// Templates by path.
    templates: BTreeMap<String, Value>,
    /// Paths of those whose ServiceAccount was missing.
    waiting: BTreeSet<String>,
    /// Numbers for names.
    n_made: usize,
}

impl Controllers {
    /// Every Deployment has a ReplicaSet from here on, by which it can be rolled back.
    pub async fn watch(site: &mut Site) -> Controllers {
        let mut res =
            Controllers { templates: BTreeMap::new(), waiting: BTreeSet::new(), n_made: 0 };
        let owners = list(site, &OWNERS).await;
        for owner in owners.iter().filter(|it| it["kind"] == "Deployment") {
            let sets: Vec<&Value> = owners.iter().filter(|it| is_owned(it, owner)).collect();
            if sets.is_empty() {
                res.next_set(site, owner, &sets).await;
            }
        }
        let (owners, around) = (list(site, &OWNERS).await, list(site, &AROUND).await);
        res.note(&owners, &around);
        res
    }

    fn note(&mut self, owners: &[Value], around: &[Value]) {
        let template = |it: &Value| (kube::path(it), it["spec"]["template"].clone());
        self.templates = owners.iter().map(template).collect();
        let waits = |it: &&Value| !has_account(it, around);
        self.waiting = owners.iter().filter(waits).map(kube::path).collect();
    }

    /// Does what they would have done by now.
    pub async fn settle(&mut self, site: &mut Site, world: &World) {
        let (owners, around) = (list(site, &OWNERS).await, list(site, &AROUND).await);
        for owner in owners.iter().filter(|it| it["metadata"]["ownerReferences"].is_null()) {
            let path = kube::path(owner);
            let changed = self.templates.get(&path) != Some(&owner["spec"]["template"]);
            let can_be_made = has_account(owner, &around);
            // Nothing is taken away while nothing new can be made.
            if can_be_made && (changed || self.waiting.contains(&path)) {
                self.roll(site, world, owner, &owners, &around).await;
            }
        }
        let owners = list(site, &OWNERS).await;
        self.note(&owners, &around);
    }

    async fn roll(
        &mut self,
        site: &mut Site,
        world: &World,
        owner: &Value,
        owners: &[Value],
        around: &[Value],
    ) {
        let sets: Vec<&Value> = owners.iter().filter(|it| is_owned(it, owner)).collect();
        let pods = list(site, &[("Pod", "v1", "pods")]).await;
        let is_below =
            |pod: &&Value| is_owned(pod, owner) || sets.iter().any(|set| is_owned(pod, set));
        let old: Vec<&Value> = pods.iter().filter(is_below).collect();
        for pod in &old {
            let path = format!("{}?gracePeriodSeconds=0", kube::path(pod));
            kube::call(&site.admin, "DELETE", &path, None).await.expect("a pod can be deleted");
        }
        let maker = match owner["kind"] == "Deployment" {
            true => self.next_set(site, owner, &sets).await,
            false => owner.clone(),
        };
        let n = match owner["kind"].as_str() {
            Some("DaemonSet") if old.is_empty() => {
                around.iter().filter(|it| it["kind"] == "Node").count()
            }
            Some("DaemonSet") => old.len(),
            Some(_) | None => owner["spec"]["replicas"].as_u64().map_or(1, |it| it as usize),
        };
        let mut new = Vec::new();
        for i in 0..n {
            let before = old.get(i).copied();
            new.push(self.pod(&maker, before));
        }
        let mut asked = vec![bare(owner), bare(&maker)];
        asked.dedup();
        asked.extend(new);
        for object in completed(site, world, around, asked).await {
            if object["kind"] == "Pod" {
                site.add(&object).await;
            } else {
                let body = json!({"status": object["status"]});
                let path = format!("{}/status", kube::path(&object));
                kube::call(&site.admin, "PATCH", &path, Some(&body)).await.expect("a status");
            }
        }
    }

    /// The Deployment's next ReplicaSet; those before it keep their templates and no pods.
    async fn next_set(&mut self, site: &mut Site, owner: &Value, sets: &[&Value]) -> Value {
        for set in sets {
            let body = json!({"spec": {"replicas": 0}});
            let path = kube::path(set);
            kube::call(&site.admin, "PATCH", &path, Some(&body)).await.expect("it can be scaled");
        }
        self.n_made += 1;
        let hash = format!("{:x}", 0x5c9f_8d00 + self.n_made);
        let mut template = owner["spec"]["template"].clone();
        template["metadata"]["labels"]["pod-template-hash"] = hash.clone().into();
        let labels = template["metadata"]["labels"].clone();
        let number = |it: &Value| -> u64 {
            let text = it["metadata"]["annotations"][REVISION].as_str();
            text.and_then(|it| it.parse().ok()).unwrap_or_default()
        };
        let revision = sets.iter().map(|it| number(it)).max().unwrap_or_default() + 1;
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {
                "name": format!("{}-{hash}", text(&owner["metadata"]["name"])),
                "namespace": owner["metadata"]["namespace"], "labels": labels,
                "creationTimestamp": now().to_string(),
                "annotations": {REVISION: revision.to_string()},
                "ownerReferences": [reference(owner)]},
            "spec": {"replicas": owner["spec"]["replicas"], "selector": {"matchLabels": labels},
                "template": template}});
        site.add(&set).await;
        let revision = json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
        let noted = kube::call(&site.admin, "PATCH", &kube::path(owner), Some(&revision)).await;
        noted.expect("a revision");
        let mut made =
            kube::call(&site.admin, "GET", &kube::path(&set), None).await.expect("a ReplicaSet");
        made["kind"] = "ReplicaSet".into();
        made["apiVersion"] = "apps/v1".into();
        made
    }

    /// A pod as its owner asks for it, in the place of another.
    fn pod(&mut self, maker: &Value, before: Option<&Value>) -> Value {
        self.n_made += 1;
        let name = match before.filter(|_| maker["kind"] == "StatefulSet") {
            Some(it) => it["metadata"]["name"].clone(),
            None => {
                let owner = maker["metadata"]["name"].as_str().unwrap_or_default();
                format!("{owner}-n{:04x}", self.n_made).into()
            }
        };
        let template = &maker["spec"]["template"];
        let mut res = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name,
            "namespace": maker["metadata"]["namespace"], "ownerReferences": [reference(maker)]},
            "spec": template["spec"]});
        for place in ["labels", "annotations"] {
            if template["metadata"][place].is_object() {
                res["metadata"][place] = template["metadata"][place].clone();
            }
        }
        if let Some(node) = before.map(|it| &it["spec"]["nodeName"]).filter(|it| it.is_string()) {
            res["spec"]["nodeName"] = node.clone();
        }
        res
    }
}

/// Whether the ServiceAccount of the owner's template exists.
fn has_account(owner: &Value, around: &[Value]) -> bool {
    let named = owner["spec"]["template"]["spec"]["serviceAccountName"].as_str();
    let name = named.filter(|it| !it.is_empty()).unwrap_or("default");
    around.iter().any(|it| {
        it["kind"] == "ServiceAccount"
            && it["metadata"]["name"] == name
            && it["metadata"]["namespace"] == owner["metadata"]["namespace"]
    })
}

fn is_owned(object: &Value, owner: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().any(|it| it["uid"] == owner["metadata"]["uid"])
}

fn reference(owner: &Value) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": true,
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]})
}

/// Without what is worked out anew.
fn bare(owner: &Value) -> Value {
    let mut res = owner.clone();
    res["status"] = Value::Null;
    res
}

/// All objects of these kinds.
pub async fn list(site: &Site, kinds: &[(&str, &str, &str)]) -> Vec<Value> {
    let mut res = Vec::new();
    for (kind, version, plural) in kinds {
        let root = if version.contains('/') { "apis" } else { "api" };
        let path = format!("/{root}/{version}/{plural}");
        let mut all = kube::call(&site.admin, "GET", &path, None).await.expect("a list");
        for it in all["items"].as_array_mut().into_iter().flatten() {
            it["apiVersion"] = (*version).into();
            it["kind"] = (*kind).into();
            res.push(it.take());
        }
    }
    res
}

/// The objects as the admission chain and their controllers leave them among what is `around`: what a scenario of all of
/// them is completed to.
async fn completed(
    site: &mut Site,
    world: &World,
    around: &[Value],
    objects: Vec<Value>,
) -> Vec<Value> {
    let cluster = &world.cluster;
    let lab = |kind: &str, mut it: Value| {
        it["apiVersion"] = "lab.idscope.dev/v1".into();
        it["kind"] = kind.into();
        it.to_string()
    };
    let mut documents = vec![lab(
        "EksCluster",
        json!({"name": &*cluster.name, "account": cluster.account.as_str(), "region": &*cluster.region,
            "issuer": cluster.issuer.as_deref()}),
    )];
    let aws = site.aws.root(cluster.account.as_str(), &cluster.region);
    let listed = aws.eks.list_pod_identity_associations().cluster_name(&*cluster.name).send().await;
    for it in listed.expect("associations").associations() {
        let role = "arn:aws:iam::111122223333:role/any";
        documents.push(lab(
            "PodIdentityAssociation",
            json!({"namespace": it.namespace(), "serviceAccount": it.service_account(), "roleArn": role}),
        ));
    }
    let key = |it: &Value| format!("{} {}", it["kind"], kube::path(it));
    let asked: BTreeSet<String> = objects.iter().map(key).collect();
    documents.extend(around.iter().chain(&objects).map(ToString::to_string));
    let text = documents.join("\n---\n");
    let made = World::parse("objects", &text, now()).unwrap_or_else(|it| panic!("{it}"));
    made.objects.into_iter().filter(|it| asked.contains(&key(it))).collect()
}
