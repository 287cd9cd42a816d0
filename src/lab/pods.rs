//! New pods and ReplicaSets from templates, through the admission chain.

use crate::lab::{
    admission::{self, Admission},
    ids,
    revisions::REVISION,
    state::{State, now},
    status,
};
use serde_json::{Value, json};

/// What the admission chain adds to a pod, or why it is refused.
pub fn admit(state: &State, pod: &mut Value) -> Result<(), String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default().to_owned();
    let Some(found) = state.store.get("serviceaccounts", &namespace, &account) else {
        return Err(format!(
            "error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"
        ));
    };
    let hooks =
        state.store.list("mutatingwebhookconfigurations.admissionregistration.k8s.io", None);
    let context: Vec<Value> = hooks
        .chain(state.store.get("namespaces", "", &namespace))
        .chain([found])
        .map(|it| it.value())
        .collect();
    Admission::of(&state.world, &context).admit(pod);
    Ok(())
}

pub fn new_replica_set(state: &mut State, deployment: &Value, revision: i64) -> Value {
    let (namespace, name) = key(deployment);
    let number = state.next().to_string();
    let hash = ids::suffix(&[&namespace, &name, &number], 9);
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = hash.clone().into();
    let mut labels = template["metadata"]["labels"].clone();
    labels["pod-template-hash"] = hash.clone().into();
    let set_name = format!("{name}-{hash}");
    let set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": set_name, "namespace": namespace, "labels": labels, "generation": 1,
            "uid": ids::uid(&["ReplicaSet", &namespace, &set_name, &number]),
            "creationTimestamp": admission::seconds(now()),
            "annotations": {REVISION: revision.to_string()},
            "ownerReferences": [reference(deployment)]
        },
        "spec": {"replicas": deployment["spec"]["replicas"].as_i64().unwrap_or(1),
            "selector": {"matchLabels": labels}, "template": template}
    });
    state.store.put("replicasets.apps", set).value()
}

pub fn reference(owner: &Value) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true})
}

/// A pod from the owner's template, through admission. Whether one could be made.
pub fn make_pod(
    state: &mut State,
    owner: &Value,
    node: Option<&str>,
    name: Option<String>,
) -> bool {
    let template = &owner["spec"]["template"];
    if !template["spec"].is_object() {
        return false;
    }
    let (namespace, owner_name) = key(owner);
    let number = state.next().to_string();
    let name = name.unwrap_or_else(|| match owner["kind"].as_str() {
        Some("StatefulSet") => (0..)
            .map(|i| format!("{owner_name}-{i}"))
            .find(|it| state.store.get("pods", &namespace, it).is_none())
            .unwrap_or_default(),
        Some("Deployment") => {
            let hash = ids::suffix(&["template", &namespace, &owner_name], 9);
            format!("{owner_name}-{hash}-{}", ids::suffix(&[&owner_name, &number], 5))
        }
        Some(_) | None => format!("{owner_name}-{}", ids::suffix(&[&owner_name, &number], 5)),
    });
    let mut metadata = template["metadata"].clone();
    if !metadata.is_object() {
        metadata = json!({});
    }
    let uid = ids::uid(&["Pod", &namespace, &name, &number]);
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]});
    crate::lab::scenario::strip_directives(&mut pod);
    let metadata = &mut pod["metadata"];
    metadata["name"] = name.into();
    metadata["namespace"] = namespace.into();
    metadata["uid"] = uid.into();
    metadata["creationTimestamp"] = admission::seconds(now()).into();
    metadata["ownerReferences"] = json!([reference(owner)]);
    admission::default_service_account(&mut pod);
    if admit(state, &mut pod).is_err() {
        return false;
    }
    let node = node.filter(|it| !it.is_empty());
    status::pod(&mut pod, node.or(state.world.node_order.first().map(|it| &**it)));
    state.store.put("pods", pod);
    true
}

pub fn missing_account(state: &State, owner: &Value) -> Option<String> {
    let (namespace, _) = key(owner);
    let account = status::template_account(owner);
    let exists = state.store.get("serviceaccounts", &namespace, account).is_some();
    (!exists).then(|| status::missing_account(owner, &namespace, account))
}

pub fn key(object: &Value) -> (String, String) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
