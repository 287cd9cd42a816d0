//! What the controllers keep of older templates: a Deployment's ReplicaSets with their numbers, the ControllerRevisions
//! of a StatefulSet and a DaemonSet.

use crate::lab::{
    admission, ids,
    pods::{key, new_replica_set, reference},
    state::{State, now},
    status,
    store::Store,
};
use serde_json::{Value, json};

/// Where a Deployment and its ReplicaSets have their number.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// How many older ones are kept unless the owner says otherwise.
const LIMIT: i64 = 10;

const SETS: &str = "replicasets.apps";
const REVISIONS: &str = "controllerrevisions.apps";

/// Numbers what exists before the first client comes, as the controllers would have when it was made.
pub fn number(store: &mut Store) {
    let all = |store: &Store, kind: &str| -> Vec<Value> {
        store.list(kind, None).map(|it| it.value()).collect()
    };
    for mut deployment in all(store, "deployments.apps") {
        let mut newest = 0;
        for mut set in owned(store, SETS, &deployment) {
            newest += 1;
            if of(&set) == 0 {
                set["metadata"]["annotations"][REVISION] = newest.to_string().into();
                store.load(SETS, set);
            } else {
                newest = of(&set);
            }
        }
        if of(&deployment) == 0 {
            let number = newest.max(1).to_string();
            deployment["metadata"]["annotations"][REVISION] = number.into();
            store.load("deployments.apps", deployment);
        }
    }
    for kind in ["statefulsets.apps", "daemonsets.apps"] {
        for owner in all(store, kind) {
            if owned(store, REVISIONS, &owner).is_empty() {
                store.load(REVISIONS, controller_revision(&owner, 1));
            }
        }
    }
}

/// The number that an object says of itself; 0: none.
pub fn of(object: &Value) -> i64 {
    let text = object["metadata"]["annotations"][REVISION].as_str();
    text.and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// What the owner controls of a kind, oldest first.
fn owned(store: &Store, kind: &str, owner: &Value) -> Vec<Value> {
    let (namespace, _) = key(owner);
    let uid = owner["metadata"]["uid"].as_str().unwrap_or_default();
    let all = store.list(kind, Some(&namespace)).filter(|it| it.owner == uid);
    let mut res: Vec<Value> = all.map(|it| it.value()).collect();
    res.sort_by_key(|it| {
        let created = it["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        (of(it), it["revision"].as_i64(), created)
    });
    res
}

/// The ReplicaSet of a Deployment's new template; those of older templates stay, without pods.
pub fn next_replica_set(state: &mut State, before: &Value, deployment: &Value) -> Value {
    let mut sets = owned(&state.store, SETS, deployment);
    if sets.is_empty() {
        // Its pods were the Deployment's own in the scenario; the template that they had is kept all the same.
        sets.push(new_replica_set(state, before, of(before).max(1)));
    }
    let number = sets.iter().map(of).max().unwrap_or_default() + 1;
    let is_same =
        |it: &Value| bare(&it["spec"]["template"]) == bare(&deployment["spec"]["template"]);
    let again = sets.iter().position(is_same);
    for set in &mut sets {
        set["spec"]["replicas"] = 0.into();
        set["status"] = status::status(set, "ReplicaSet", 0, 0, None);
        state.store.put(SETS, set.clone());
    }
    let res = match again {
        Some(at) => {
            let mut set = sets.remove(at);
            set["spec"]["replicas"] = deployment["spec"]["replicas"].as_i64().unwrap_or(1).into();
            set["metadata"]["annotations"][REVISION] = number.to_string().into();
            state.store.put(SETS, set).value()
        }
        None => new_replica_set(state, deployment, number),
    };
    let limit = limit(deployment);
    while limit < sets.len() {
        let (namespace, name) = key(&sets.remove(0));
        state.store.remove(SETS, &namespace, &name);
    }
    let mut owner = deployment.clone();
    owner["metadata"]["annotations"][REVISION] = number.to_string().into();
    state.store.put("deployments.apps", owner);
    res
}

/// Keeps the new template of a StatefulSet or DaemonSet beside the older ones.
pub fn keep(state: &mut State, owner: &Value) {
    let mut all = owned(&state.store, REVISIONS, owner);
    let number = all.iter().filter_map(|it| it["revision"].as_i64()).max().unwrap_or_default() + 1;
    let template = bare(&owner["spec"]["template"]);
    match all.iter().position(|it| bare(&it["data"]["spec"]["template"]) == template) {
        Some(at) => {
            let mut again = all.remove(at);
            again["revision"] = number.into();
            state.store.put(REVISIONS, again);
        }
        None => {
            state.store.put(REVISIONS, controller_revision(owner, number));
        }
    }
    let limit = limit(owner);
    while limit < all.len() {
        let (namespace, name) = key(&all.remove(0));
        state.store.remove(REVISIONS, &namespace, &name);
    }
}

fn limit(owner: &Value) -> usize {
    let limit = owner["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(LIMIT);
    usize::try_from(limit).unwrap_or_default()
}

/// The template without what the controllers themselves write into it.
fn bare(template: &Value) -> Value {
    let mut res = template.clone();
    if let Some(it) = res["metadata"]["labels"].as_object_mut() {
        it.shift_remove("pod-template-hash");
    }
    if let Some(it) = res.as_object_mut() {
        it.shift_remove("$patch");
    }
    res
}

fn controller_revision(owner: &Value, number: i64) -> Value {
    let (namespace, name) = key(owner);
    let uid = owner["metadata"]["uid"].as_str().unwrap_or_default();
    let hash = ids::suffix(&[&namespace, &name, uid, &number.to_string()], 10);
    let revision_name = format!("{name}-{hash}");
    let mut template = owner["spec"]["template"].clone();
    template["$patch"] = "replace".into();
    json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision_name, "namespace": namespace,
            "labels": {"controller.kubernetes.io/hash": hash},
            "uid": ids::uid(&["ControllerRevision", &namespace, &revision_name]),
            "creationTimestamp": admission::seconds(now()),
            "ownerReferences": [reference(owner)]
        },
        "data": {"spec": {"template": template}},
        "revision": number
    })
}
