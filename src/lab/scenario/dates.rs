//! When things were made and changed, as far as the file does not say.

use crate::{
    ident::Timestamp,
    lab::{
        admission, ids,
        scenario::{Cluster, complete::identity, object::Object},
    },
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;

// How long ago things happened that the file gives no age for: declarations first, pods last, so that nothing looks
// as if it had come too late.
pub const CLUSTER: SignedDuration = SignedDuration::from_hours(90 * 24);
pub const IAM: SignedDuration = SignedDuration::from_hours(60 * 24);
pub const NODE: SignedDuration = SignedDuration::from_hours(30 * 24);
pub const SERVICE_ACCOUNT: SignedDuration = SignedDuration::from_hours(30 * 24);
pub const ASSOCIATION: SignedDuration = SignedDuration::from_hours(20 * 24);
pub const OTHER: SignedDuration = SignedDuration::from_hours(10 * 24);
pub const POD: SignedDuration = SignedDuration::from_hours(1);

pub fn ago(now: Timestamp, age: SignedDuration) -> Timestamp {
    now.checked_sub(age).unwrap_or(now)
}

/// Creation times, uids and managedFields.
pub fn date(objects: &mut [Object], cluster: &Cluster, now: Timestamp) {
    let mut of_owner = BTreeMap::new();
    for object in objects.iter_mut().filter(|it| it.kind() != "Pod" && it.kind() != "Namespace") {
        let age = match object.kind() {
            "Node" => NODE,
            "ServiceAccount" => SERVICE_ACCOUNT,
            "MutatingWebhookConfiguration" => CLUSTER,
            _ => OTHER,
        };
        let created = object.created.unwrap_or_else(|| ago(now, age).max(cluster.created));
        object.created = Some(created);
        let (kind, namespace, name) = identity(&object.value);
        let kind = kind.split('.').next().unwrap_or_default().to_owned();
        of_owner.insert((kind, namespace, name), created);
    }
    for object in objects.iter_mut().filter(|it| it.kind() == "Pod") {
        let namespace = object.namespace().unwrap_or_default().to_owned();
        let owners = object.value["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        let owner = owners
            .filter_map(|it| {
                let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                of_owner.get(&(text("kind"), namespace.clone(), text("name"))).copied()
            })
            .max();
        let otherwise = ago(now, POD).max(cluster.created).max(owner.unwrap_or(Timestamp::MIN));
        object.created = Some(object.created.unwrap_or(otherwise));
    }
    let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for object in objects.iter() {
        if let (Some(namespace), Some(created)) = (object.namespace(), object.created) {
            let it = oldest.entry(namespace.to_owned()).or_insert(created);
            *it = created.min(*it);
        }
    }
    for object in objects.iter_mut().filter(|it| it.kind() == "Namespace") {
        let members = oldest.get(object.name()).copied().unwrap_or(now);
        let otherwise = members.min(ago(now, IAM).max(cluster.created));
        object.created = Some(object.created.unwrap_or(otherwise));
    }
    for object in objects {
        stamp(object);
    }
}

fn stamp(object: &mut Object) {
    let (kind, namespace, name) = identity(&object.value);
    let (created, changed) = (object.created.unwrap_or_default(), object.changed);
    let fields = managed_fields(&object.value, object.api_version(), created, changed);
    let metadata = &mut object.value["metadata"];
    let mut set = |key: &str, value: Value| {
        if metadata[key].is_null() {
            metadata[key] = value;
        }
    };
    set("uid", ids::uid(&[&kind, &namespace, &name]).into());
    set("creationTimestamp", admission::seconds(created).into());
    if kind != "Pod." || changed.is_some() {
        set("managedFields", fields);
    }
}

/// Who wrote what when: everything at creation, and what `lab.idscope.dev/changed` dates again later.
fn managed_fields(
    value: &Value,
    api_version: &str,
    created: Timestamp,
    changed: Option<Timestamp>,
) -> Value {
    let owned = |map: &Value| -> Value {
        let keys = map.as_object().into_iter().flat_map(|it| it.keys());
        let own = keys.map(|it| (format!("f:{it}"), json!({})));
        std::iter::once((".".to_owned(), json!({}))).chain(own).collect()
    };
    let entry = |manager: &str, at: Timestamp, fields: Value| {
        json!({"manager": manager, "operation": "Update", "apiVersion": api_version,
            "time": admission::seconds(at), "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let (mut first, mut later) = (json!({"f:metadata": {}}), json!({"f:metadata": {}}));
    let metadata = &value["metadata"];
    if metadata["labels"].is_object() {
        first["f:metadata"]["f:labels"] = owned(&metadata["labels"]);
    }
    let annotated = if changed.is_some() { &mut later } else { &mut first };
    if metadata["annotations"].is_object() {
        annotated["f:metadata"]["f:annotations"] = owned(&metadata["annotations"]);
    }
    if value["spec"]["template"].is_object() {
        annotated["f:spec"] = json!({"f:template": {}});
    }
    let mut res = vec![entry("kubectl-create", created, first)];
    if let Some(at) = changed {
        res.push(entry("kubectl-annotate", at, later));
    }
    Value::Array(res)
}
