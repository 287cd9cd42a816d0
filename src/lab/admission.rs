//! What the API server does to a pod that arrives: the ServiceAccount's name, and the pod identity webhook if it is
//! configured and its selectors match.
//!
//! What the webhook adds is `identity::admission`'s; here it is written back into the manifest.

use crate::{
    fact::{Container, ContainerKind, EnvValue, Fact, Labels, PodSpec, VolumeSource, Webhook},
    ident::{SaKey, Text, Timestamp},
    identity::{
        admission::{Defaults, Known, admit_selected},
        webhook::{Called, Refusal, Seen, called},
    },
    lab::scenario::World,
    source::slim,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that decides what is added to a new pod.
pub struct Admission {
    /// `None`: nothing is injected.
    webhook: Option<Webhook>,
    associations: BTreeSet<SaKey>,
    /// Annotations of every ServiceAccount.
    annotations: BTreeMap<SaKey, Vec<(Text, Text)>>,
    /// Labels of every namespace.
    namespaces: BTreeMap<Text, Labels>,
    defaults: Defaults,
}

impl Admission {
    /// As `world`'s associations and `objects` have it now.
    pub fn of<'a>(world: &World, objects: impl IntoIterator<Item = &'a Value>) -> Admission {
        let mut res = Admission {
            webhook: None,
            associations: world
                .associations
                .iter()
                .filter(|it| it.cluster == world.cluster.name)
                .map(|it| it.service_account.clone())
                .collect(),
            annotations: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            defaults: Defaults::for_region(&world.cluster.region),
        };
        for object in objects {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            match object["kind"].as_str() {
                Some("MutatingWebhookConfiguration") if name == Webhook::POD_IDENTITY => {
                    if let Some(Fact::Webhook(it)) = lowered(object) {
                        res.webhook = Some(it);
                    }
                }
                Some("ServiceAccount") => {
                    let namespace = metadata["namespace"].as_str().unwrap_or_default();
                    let all = metadata["annotations"].as_object().into_iter().flatten();
                    let text = |(key, it): (&String, &Value)| {
                        Some((Text::from(key.as_str()), Text::from(it.as_str()?)))
                    };
                    res.annotations
                        .insert(SaKey::new(namespace, name), all.filter_map(text).collect());
                }
                Some("Namespace") => {
                    if let Some(Fact::Namespace(it)) = lowered(object) {
                        res.namespaces.insert(it.name, it.labels);
                    }
                }
                Some(_) | None => {}
            }
        }
        res
    }

    /// Adds to the pod what the webhook adds.
    pub fn admit(&self, pod: &mut Value) {
        let Some(webhook) = &self.webhook else { return };
        // A pod that cannot be read is refused by the API server's own decoding, not here.
        let Some(Fact::Pod(before)) = lowered(pod) else { return };
        let namespace = self.namespaces.get(&before.namespace).map(|it| &**it).unwrap_or_default();
        match called(webhook, Seen::all(&before.labels), Seen::all(namespace)) {
            // Expressions of matchConditions are not evaluated here and count as fulfilled.
            Called::Yes | Called::Unknown(_) => {}
            // A scenario need not make up a certificate.
            Called::No(why)
                if !why.is_empty() && why.iter().all(|it| *it == Refusal::Certificate) => {}
            Called::No(_) => return,
        }
        let key = before.service_account();
        let known = Known {
            association: self.associations.contains(&key),
            annotations: self.annotations.get(&key).map(Vec::as_slice),
        };
        let after = admit_selected(&before.spec, known, &self.defaults);
        write_back(pod, &before.spec, &after);
    }
}

/// `spec.serviceAccountName` as the API server stores it.
pub fn default_service_account(pod: &mut Value) {
    let spec = &mut pod["spec"];
    let named = spec["serviceAccountName"].as_str().or(spec["serviceAccount"].as_str());
    let name = named.filter(|it| !it.is_empty()).unwrap_or("default").to_owned();
    spec["serviceAccountName"] = name.clone().into();
    spec["serviceAccount"] = name.into();
}

/// RFC 3339 with seconds, as Kubernetes writes times.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn lowered(object: &Value) -> Option<Fact> {
    slim::object_from_json(object).ok()?.fact
}

fn write_back(pod: &mut Value, before: &PodSpec, after: &PodSpec) {
    for (key, value) in after.labels.iter().filter(|it| !before.labels.contains(it)) {
        entry(&mut pod["metadata"], "labels", json!({}))[&**key] = (**value).into();
    }
    for volume in after.volumes.iter().skip(before.volumes.len()) {
        push(&mut pod["spec"], "volumes", volume_json(&volume.name, &volume.source));
    }
    for (kind, list) in
        [(ContainerKind::Init, "/spec/initContainers"), (ContainerKind::Main, "/spec/containers")]
    {
        let of_kind = |spec: &PodSpec| -> Vec<Container> {
            spec.containers.iter().filter(|it| it.kind == kind).cloned().collect()
        };
        let manifests = pod.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for (json, (old, new)) in manifests.zip(of_kind(before).iter().zip(&of_kind(after))) {
            for env in new.env.iter().skip(old.env.len()) {
                if let EnvValue::Literal(value) = &env.value {
                    push(json, "env", json!({"name": &*env.name, "value": &**value}));
                }
            }
            for mount in new.mounts.iter().skip(old.mounts.len()) {
                let value =
                    json!({"name": &*mount.volume, "mountPath": &*mount.path, "readOnly": true});
                push(json, "volumeMounts", value);
            }
        }
    }
}

fn volume_json(name: &str, source: &VolumeSource) -> Value {
    let sources: Vec<Value> = match source {
        VolumeSource::Projected(tokens) => tokens
            .iter()
            .map(|it| {
                json!({"serviceAccountToken": {"audience": &*it.audience,
                    "expirationSeconds": it.expiration_seconds, "path": &*it.path}})
            })
            .collect(),
        VolumeSource::Secret(_) | VolumeSource::ConfigMap(_) | VolumeSource::Other(_) => Vec::new(),
    };
    json!({"name": name, "projected": {"defaultMode": 420, "sources": sources}})
}

fn entry<'a>(of: &'a mut Value, key: &str, empty: Value) -> &'a mut Value {
    if of[key].is_null() {
        of[key] = empty;
    }
    &mut of[key]
}

fn push(of: &mut Value, list: &str, value: Value) {
    if let Some(it) = entry(of, list, json!([])).as_array_mut() {
        it.push(value);
    }
}
