//! What the cluster's controllers do after a write: pods of owners, cascading deletes, counts.
//!
//! They act at once and in one step; existing pods change only when their template, their number or they themselves do.

use crate::lab::{
    admission, ids,
    pods::{key, make_pod, missing_account, new_replica_set},
    resource::Resource,
    revisions,
    state::{State, now},
    status,
    store::Stored,
};
use serde_json::{Value, json};
use std::sync::Arc;

const OWNERS: [(&str, &str); 5] = [
    ("Deployment", "deployments.apps"),
    ("ReplicaSet", "replicasets.apps"),
    ("StatefulSet", "statefulsets.apps"),
    ("DaemonSet", "daemonsets.apps"),
    ("Job", "jobs.batch"),
];

fn qualified(kind: &str) -> Option<&'static str> {
    OWNERS.iter().find(|(it, _)| *it == kind).map(|(_, it)| *it)
}

/// Whether clients cannot write the status of this kind with the object itself.
pub fn has_status(kind: &str) -> bool {
    matches!(kind, "Node" | "Namespace" | "Pod") || qualified(kind).is_some()
}

pub fn after_create(state: &mut State, resource: &Resource, object: &Value) {
    let (namespace, name) = key(object);
    match &*resource.kind {
        "Namespace" => {
            let uid = ids::uid(&["ServiceAccount", &name, "default", &state.next().to_string()]);
            let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
                "name": "default", "namespace": name, "uid": uid,
                "creationTimestamp": admission::seconds(now())}});
            state.store.put("serviceaccounts", account);
        }
        "ServiceAccount" => retry(state, &namespace, &name),
        "CustomResourceDefinition" => {
            let found = crate::lab::resource::all(std::iter::once(object));
            for it in found {
                if state.resource(&it.group, &it.plural).is_none() {
                    state.resources.push(it);
                }
            }
        }
        "PodDisruptionBudget" => count_budgets(state, &namespace),
        kind if qualified(kind).is_some() && object["spec"]["template"].is_object() => {
            scale(state, object);
        }
        _ => {}
    }
}

pub fn after_change(state: &mut State, resource: &Resource, before: &Value, after: &Value) {
    let kind = &*resource.kind;
    if kind == "Pod" {
        return refresh_owner(state, after);
    }
    if qualified(kind).is_none() || kind == "Job" {
        return;
    }
    if before["spec"]["template"] != after["spec"]["template"] && kind != "ReplicaSet" {
        roll(state, before, after);
    } else if before["spec"]["replicas"] != after["spec"]["replicas"] {
        scale(state, after);
    }
}

/// Removes an object and what it owns; the owner of a pod makes another.
pub fn delete(state: &mut State, resource: &Resource, stored: &Arc<Stored>, orphan: bool) {
    let plural = resource.qualified();
    let (namespace, name) = &stored.key;
    if state.store.remove(&plural, namespace, name).is_none() {
        return;
    }
    match &*resource.kind {
        "Pod" => replace_one(state, stored),
        "Namespace" => {
            let all: Vec<Resource> =
                state.resources.iter().filter(|it| it.namespaced).cloned().collect();
            for resource in all {
                let plural = resource.qualified();
                let inside: Vec<_> =
                    state.store.list(&plural, Some(name)).map(|it| it.key.clone()).collect();
                for (namespace, name) in inside {
                    state.store.remove(&plural, &namespace, &name);
                }
            }
        }
        _ if orphan => {}
        _ => {
            for (resource, it) in owned(state, &stored.uid, namespace) {
                delete(state, &resource, &it, false);
            }
        }
    }
}

fn owned(state: &State, uid: &str, namespace: &str) -> Vec<(Resource, Arc<Stored>)> {
    let kinds = ["ReplicaSet", "Job", "Pod"];
    let resources = state.resources.iter().filter(|it| kinds.contains(&&*it.kind));
    resources
        .flat_map(|resource| {
            let all = state.store.list(&resource.qualified(), Some(namespace));
            let own = all.filter(|it| it.owner == uid);
            own.map(|it| (resource.clone(), it.clone())).collect::<Vec<_>>()
        })
        .collect()
}

/// The controlling owner of an object, when it exists.
fn owner(state: &State, object: &Value) -> Option<Value> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let it = owners.iter().find(|it| it["controller"] == true)?;
    let (namespace, _) = key(object);
    let found =
        state.store.get(qualified(it["kind"].as_str()?)?, &namespace, it["name"].as_str()?)?;
    (it["uid"] == *found.uid).then(|| found.value())
}

/// A pod is gone: its owner makes one in its place, on the same node.
fn replace_one(state: &mut State, gone: &Stored) {
    let pod = gone.value();
    let Some(owner) = owner(state, &pod) else { return };
    let is_wanted = match owner["kind"].as_str() {
        Some("Job") => !status::is_finished(&pod),
        Some(_) => {
            (n_pods(state, &owner) as i64) < owner["spec"]["replicas"].as_i64().unwrap_or(i64::MAX)
        }
        None => false,
    };
    if is_wanted && !status::is_finished(&pod) {
        let name = (owner["kind"] == "StatefulSet").then(|| gone.key.1.clone());
        make_pod(state, &owner, Some(&gone.node), name);
    }
    refresh(state, &owner);
}

fn n_pods(state: &State, owner: &Value) -> usize {
    pods(state, owner).len()
}

/// Pods that the owner itself controls and that still run.
fn pods(state: &State, owner: &Value) -> Vec<Arc<Stored>> {
    let (namespace, _) = key(owner);
    let uid = owner["metadata"]["uid"].as_str().unwrap_or_default();
    let all = state.store.list("pods", Some(&namespace)).filter(|it| it.owner == uid).cloned();
    all.filter(|it| !status::is_finished(&it.value())).collect()
}

fn replica_sets(state: &State, deployment: &Value) -> Vec<Value> {
    let (namespace, _) = key(deployment);
    let uid = deployment["metadata"]["uid"].as_str().unwrap_or_default();
    let all = state.store.list("replicasets.apps", Some(&namespace));
    all.filter(|it| it.owner == uid).map(|it| it.value()).collect()
}

/// Every pod of the owner is made anew from its template. Nothing is removed while nothing new can be made.
fn roll(state: &mut State, before: &Value, owner: &Value) {
    if missing_account(state, owner).is_some() {
        return refresh(state, owner);
    }
    let sets = replica_sets(state, owner);
    let mut old = pods(state, owner);
    for set in &sets {
        old.extend(pods(state, set));
    }
    let n_old = old.len();
    for pod in &old {
        state.store.remove("pods", &pod.key.0, &pod.key.1);
    }
    let maker = if owner["kind"] == "Deployment" {
        revisions::next_replica_set(state, before, owner)
    } else {
        revisions::keep(state, owner);
        owner.clone()
    };
    let wanted = wanted(state, &maker, n_old);
    for i in 0..wanted {
        let before = old.get(i);
        let name = before.filter(|_| maker["kind"] == "StatefulSet").map(|it| it.key.1.clone());
        make_pod(state, &maker, before.map(|it| &*it.node), name);
    }
    refresh(state, &maker);
}

fn wanted(state: &State, owner: &Value, n_before: usize) -> usize {
    let written = owner["spec"]["replicas"].as_u64().map(|it| usize::try_from(it).unwrap_or(0));
    match owner["kind"].as_str() {
        Some("DaemonSet") if n_before == 0 => state.world.node_order.len(),
        Some("DaemonSet") => n_before,
        Some("Job") => 1,
        Some(_) | None => written.unwrap_or(1),
    }
}

/// Makes or removes pods until their number is the wanted one.
fn scale(state: &mut State, owner: &Value) {
    let mut maker = owner.clone();
    if owner["kind"] == "Deployment" && n_pods(state, owner) == 0 {
        let sets = replica_sets(state, owner);
        let newest = sets.into_iter().max_by_key(|it| {
            (
                it["spec"]["replicas"].as_i64(),
                it["metadata"]["creationTimestamp"].as_str().map(str::to_owned),
            )
        });
        maker = match newest {
            Some(mut set) => {
                set["spec"]["replicas"] = owner["spec"]["replicas"].clone();
                state.store.put("replicasets.apps", set).value()
            }
            None => new_replica_set(state, owner, revisions::of(owner).max(1)),
        };
    }
    let mut now = pods(state, &maker);
    let wanted = wanted(state, &maker, now.len());
    while now.len() > wanted {
        if let Some(pod) = now.pop() {
            state.store.remove("pods", &pod.key.0, &pod.key.1);
        }
    }
    let nodes = state.world.node_order.clone();
    for i in now.len()..wanted {
        let node = nodes.get(i).filter(|_| maker["kind"] == "DaemonSet");
        if !make_pod(state, &maker, node.map(|it| &**it), None) {
            break;
        }
    }
    refresh(state, &maker);
}

/// A ServiceAccount appeared: whoever waited for it tries again.
fn retry(state: &mut State, namespace: &str, account: &str) {
    for (kind, plural) in OWNERS {
        let all: Vec<Value> =
            state.store.list(plural, Some(namespace)).map(|it| it.value()).collect();
        for it in all {
            let owned_by_another = !it["metadata"]["ownerReferences"].is_null();
            if kind != "Job" && !owned_by_another && status::template_account(&it) == account {
                scale(state, &it);
            }
        }
    }
}

fn refresh_owner(state: &mut State, object: &Value) {
    if let Some(owner) = owner(state, object) {
        refresh(state, &owner);
    }
}

/// Writes the owner's counts anew, and those of its own owner.
fn refresh(state: &mut State, owner_then: &Value) {
    let (namespace, name) = key(owner_then);
    let Some(plural) = owner_then["kind"].as_str().and_then(qualified) else { return };
    let Some(stored) = state.store.get(plural, &namespace, &name) else { return };
    let before = stored.value();
    let mut after = before.clone();
    set_status(state, &mut after);
    if after != before {
        state.store.put(plural, after.clone());
    }
    refresh_owner(state, &after);
    if owner(state, &after).is_none() {
        count_budgets(state, &namespace);
    }
}

/// The PodDisruptionBudgets of a namespace are counted anew.
fn count_budgets(state: &mut State, namespace: &str) {
    const PLURAL: &str = "poddisruptionbudgets.policy";
    let all: Vec<Value> = state.store.list(PLURAL, Some(namespace)).map(|it| it.value()).collect();
    if all.is_empty() {
        return;
    }
    let pods: Vec<Value> = state.store.list("pods", Some(namespace)).map(|it| it.value()).collect();
    for mut it in all {
        let status = status::budget(&it, pods.iter());
        if it["status"] != status {
            it["status"] = status;
            state.store.put(PLURAL, it);
        }
    }
}

/// The status that the controller would report of what exists now.
pub fn set_status(state: &State, owner: &mut Value) {
    let kind = owner["kind"].as_str().unwrap_or_default().to_owned();
    if qualified(&kind).is_none() || kind == "Job" {
        return;
    }
    let mut all = pods(state, owner);
    for set in replica_sets(state, owner) {
        all.extend(pods(state, &set));
    }
    let ready = all.iter().filter(|it| status::is_ready(&it.value())).count() as i64;
    let failure = missing_account(state, owner);
    owner["status"] = status::status(owner, &kind, all.len() as i64, ready, failure);
}

/// Deletes the oldest pod below the workload `owner`, which makes another: one step of `Churn`.
pub fn churn(state: &mut State, namespace: &str, owner: &str) {
    let sets: Vec<Value> =
        state.store.list("replicasets.apps", Some(namespace)).map(|it| it.value()).collect();
    let below = |pod: &Stored| {
        let value = pod.value();
        let reference = &value["metadata"]["ownerReferences"][0];
        reference["name"] == owner
            || sets.iter().any(|it| {
                it["metadata"]["uid"] == reference["uid"]
                    && it["metadata"]["ownerReferences"][0]["name"] == owner
            })
    };
    let oldest = state
        .store
        .list("pods", Some(namespace))
        .filter(|it| below(it))
        .min_by_key(|it| it.version);
    let (Some(pod), Some(pods)) = (oldest.cloned(), state.resource("", "pods").cloned()) else {
        return;
    };
    delete(state, &pods, &pod, false);
}
