//! `Table` answers: the columns that `kubectl get` and k9s print.

use crate::lab::{
    kube::read::{Include, partial},
    resource::Resource,
    state::now,
    store::Stored,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Name, type with format, whether only `-o wide` shows it, and the cell.
type Column = (&'static str, &'static str, bool, fn(&Value) -> Value);

const NAME: Column = ("Name", "string/name", false, |it| it["metadata"]["name"].clone());
const AGE: Column = ("Age", "string", false, |it| age(&it["metadata"]["creationTimestamp"]).into());
const CONTAINERS: Column = ("Containers", "string", true, |it| template(it, "name").into());
const IMAGES: Column = ("Images", "string", true, |it| template(it, "image").into());

fn columns(kind: &str) -> Vec<Column> {
    let own: &[Column] = match kind {
        "Pod" => &[
            ("Ready", "string", false, |it| ready_of(it).into()),
            ("Status", "string", false, |it| pod_status(it).into()),
            ("Restarts", "string", false, |it| restarts(it).to_string().into()),
            AGE,
            ("IP", "string", true, |it| or_none(&it["status"]["podIP"])),
            ("Node", "string", true, |it| or_none(&it["spec"]["nodeName"])),
            ("Nominated Node", "string", true, |_| "<none>".into()),
            ("Readiness Gates", "string", true, |_| "<none>".into()),
        ],
        "ServiceAccount" => &[("Secrets", "integer", false, |it| n(&it["secrets"]).into()), AGE],
        "Namespace" => &[("Status", "string", false, |it| it["status"]["phase"].clone()), AGE],
        "Node" => &[
            ("Status", "string", false, |it| node_status(it).into()),
            ("Roles", "string", false, |_| "<none>".into()),
            AGE,
            ("Version", "string", false, |it| it["status"]["nodeInfo"]["kubeletVersion"].clone()),
            ("OS-Image", "string", true, |it| it["status"]["nodeInfo"]["osImage"].clone()),
        ],
        "Deployment" => &[
            ("Ready", "string", false, |it| of_wanted(it, "readyReplicas").into()),
            ("Up-to-date", "integer", false, |it| count(it, "updatedReplicas").into()),
            ("Available", "integer", false, |it| count(it, "availableReplicas").into()),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        "StatefulSet" => &[
            ("Ready", "string", false, |it| of_wanted(it, "readyReplicas").into()),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        "ReplicaSet" => &[
            ("Desired", "integer", false, |it| it["spec"]["replicas"].as_i64().unwrap_or(0).into()),
            ("Current", "integer", false, |it| count(it, "replicas").into()),
            ("Ready", "integer", false, |it| count(it, "readyReplicas").into()),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        "DaemonSet" => &[
            ("Desired", "integer", false, |it| count(it, "desiredNumberScheduled").into()),
            ("Current", "integer", false, |it| count(it, "currentNumberScheduled").into()),
            ("Ready", "integer", false, |it| count(it, "numberReady").into()),
            ("Up-to-date", "integer", false, |it| count(it, "updatedNumberScheduled").into()),
            ("Available", "integer", false, |it| count(it, "numberAvailable").into()),
            ("Node Selector", "string", false, |_| "<none>".into()),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        "Job" => &[
            ("Status", "string", false, |it| job_status(it).into()),
            ("Completions", "string", false, |it| {
                format!(
                    "{}/{}",
                    count(it, "succeeded"),
                    it["spec"]["completions"].as_i64().unwrap_or(1)
                )
                .into()
            }),
            AGE,
        ],
        "CronJob" => &[
            ("Schedule", "string", false, |it| it["spec"]["schedule"].clone()),
            ("Suspend", "boolean", false, |it| {
                it["spec"]["suspend"].as_bool().unwrap_or(false).into()
            }),
            AGE,
        ],
        "PodDisruptionBudget" => &[
            ("Min Available", "string", false, |it| or_na(&it["spec"]["minAvailable"])),
            ("Max Unavailable", "string", false, |it| or_na(&it["spec"]["maxUnavailable"])),
            ("Allowed Disruptions", "integer", false, |it| count(it, "disruptionsAllowed").into()),
            AGE,
        ],
        "ConfigMap" => &[("Data", "integer", false, |it| n(&it["data"]).into()), AGE],
        "Secret" => &[
            ("Type", "string", false, |it| it["type"].clone()),
            ("Data", "integer", false, |it| n(&it["data"]).into()),
            AGE,
        ],
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            &[("Webhooks", "integer", false, |it| n(&it["webhooks"]).into()), AGE]
        }
        "Event" => &[
            ("Type", "string", false, |it| it["type"].clone()),
            ("Reason", "string", false, |it| it["reason"].clone()),
            ("Message", "string", false, |it| it["message"].clone()),
            AGE,
        ],
        _ => &[AGE],
    };
    std::iter::once(NAME).chain(own.iter().copied()).collect()
}

pub fn table(
    resource: &Resource,
    items: &[Arc<Stored>],
    metadata: &Value,
    include: Include,
) -> Value {
    let columns = columns(&resource.kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|(name, kind, wide, _)| {
            let (kind, format) = kind.split_once('/').unwrap_or((kind, ""));
            json!({"name": name, "type": kind, "format": format, "description": "",
                "priority": u8::from(*wide)})
        })
        .collect();
    let rows: Vec<Value> = items
        .iter()
        .map(|it| {
            let value = it.value();
            let cells: Vec<Value> = columns.iter().map(|(_, _, _, cell)| cell(&value)).collect();
            let object = match include {
                Include::None => Value::Null,
                Include::Metadata => partial(&value),
                Include::Object => value,
            };
            json!({"cells": cells, "object": object})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows})
}

fn n(of: &Value) -> usize {
    of.as_array().map(Vec::len).or(of.as_object().map(serde_json::Map::len)).unwrap_or(0)
}

fn count(it: &Value, key: &str) -> i64 {
    it["status"][key].as_i64().unwrap_or(0)
}

fn of_wanted(it: &Value, key: &str) -> String {
    format!("{}/{}", count(it, key), it["spec"]["replicas"].as_i64().unwrap_or(1))
}

fn or_na(it: &Value) -> Value {
    match it {
        Value::Null => "N/A".into(),
        Value::String(it) => it.as_str().into(),
        it => it.to_string().into(),
    }
}

fn or_none(it: &Value) -> Value {
    if it.is_null() { "<none>".into() } else { it.clone() }
}

fn template(it: &Value, key: &str) -> String {
    let containers = it["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    containers.filter_map(|it| it[key].as_str()).collect::<Vec<_>>().join(",")
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["status"]["containerStatuses"].as_array().into_iter().flatten()
}

fn ready_of(pod: &Value) -> String {
    let ready = containers(pod).filter(|it| it["ready"] == true).count();
    format!("{ready}/{}", n(&pod["spec"]["containers"]))
}

fn restarts(pod: &Value) -> i64 {
    containers(pod).filter_map(|it| it["restartCount"].as_i64()).sum()
}

fn pod_status(pod: &Value) -> String {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating".into();
    }
    let waiting = containers(pod).find_map(|it| it["state"]["waiting"]["reason"].as_str());
    let reason = waiting.or(pod["status"]["reason"].as_str()).or(pod["status"]["phase"].as_str());
    match reason {
        Some("Succeeded") => "Completed".into(),
        Some(it) => it.into(),
        None => "Unknown".into(),
    }
}

fn node_status(node: &Value) -> String {
    let ready = crate::lab::status::is_ready(node);
    let cordoned = if node["spec"]["unschedulable"] == true { ",SchedulingDisabled" } else { "" };
    format!("{}{cordoned}", if ready { "Ready" } else { "NotReady" })
}

fn job_status(job: &Value) -> &'static str {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    let done = conditions.into_iter().find(|it| it["status"] == "True");
    match done.and_then(|it| it["type"].as_str()) {
        Some("Complete") => "Complete",
        Some("Failed") => "Failed",
        Some(_) | None => "Running",
    }
}

/// As `kubectl` shortens a duration.
fn age(created: &Value) -> String {
    let Some(at) = created.as_str().and_then(|it| it.parse().ok()) else {
        return "<unknown>".into();
    };
    let seconds = now().duration_since(at).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 && seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 && minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 && hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        () if days < 730 => format!("{days}d"),
        () => format!("{}y", days / 365),
    }
}
