//! The status that controllers would have written: pods bound, Running and Ready, workloads counted, nodes Ready.
//!
//! Whatever an object already says of itself stays.

use crate::{
    ident::{Text, Timestamp},
    lab::{admission::seconds, encode::base64, ids},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fills every object's status, pods before their owners.
pub fn fill_all(objects: &mut [Value], node_order: &[Text], now: Timestamp) {
    for object in objects.iter_mut() {
        match object["kind"].as_str() {
            Some("Secret") => secret(object),
            Some("Pod") => pod(object, node_order.first().map(|it| &**it)),
            Some("Node") => node(object, now),
            Some(_) | None => {}
        }
    }
    let count = Counts::of(objects);
    for object in objects.iter_mut() {
        workload(object, &count);
    }
    let pods: Vec<Value> = objects.iter().filter(|it| it["kind"] == "Pod").cloned().collect();
    for object in objects.iter_mut() {
        if object["kind"] == "PodDisruptionBudget" && object["status"].is_null() {
            object["status"] = budget(object, pods.iter());
        }
    }
}

/// What the disruption controller counts of the pods that a PodDisruptionBudget selects.
pub fn budget<'a>(budget: &Value, pods: impl Iterator<Item = &'a Value>) -> Value {
    let selected = |pod: &&Value| {
        pod["metadata"]["namespace"] == budget["metadata"]["namespace"]
            && !is_finished(pod)
            && is_selected(&budget["spec"]["selector"], &pod["metadata"]["labels"])
    };
    let (mut expected, mut healthy) = (0_i64, 0_i64);
    for pod in pods.filter(selected) {
        expected += 1;
        healthy += i64::from(is_ready(pod));
    }
    // Shares are rounded up, as intstr.GetScaledValueFromIntOrPercent is asked to.
    let scaled = |it: &Value| match it
        .as_str()
        .and_then(|it| it.trim_end_matches('%').parse::<i64>().ok())
    {
        Some(percent) => Some((expected * percent + 99) / 100),
        None => it.as_i64(),
    };
    let spec = &budget["spec"];
    let desired = match (scaled(&spec["minAvailable"]), scaled(&spec["maxUnavailable"])) {
        (Some(it), _) => it,
        (None, Some(it)) => (expected - it).max(0),
        (None, None) => 1,
    };
    json!({"currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected,
        "disruptionsAllowed": (healthy - desired).max(0).min(if expected == 0 { 0 } else { i64::MAX }),
        "observedGeneration": budget["metadata"]["generation"].as_i64().unwrap_or(1)})
}

/// Whether a label selector, as it is written, selects an object with these labels. None selects nothing.
fn is_selected(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let terms = selector["matchExpressions"].as_array().into_iter().flatten();
    equal.into_iter().all(|(key, wanted)| labels[key] == *wanted)
        && terms.into_iter().all(|it| {
            let value = &labels[it["key"].as_str().unwrap_or_default()];
            let listed = || it["values"].as_array().is_some_and(|all| all.contains(value));
            match it["operator"].as_str() {
                Some("In") => listed(),
                Some("NotIn") => value.is_null() || !listed(),
                Some("Exists") => !value.is_null(),
                Some("DoesNotExist") => value.is_null(),
                Some(_) | None => false,
            }
        })
}

/// `stringData` is for writing only: it is served as `data`.
pub fn secret(object: &mut Value) {
    let plain = object.as_object_mut().and_then(|it| it.shift_remove("stringData"));
    let Some(Value::Object(plain)) = plain else { return };
    for (key, value) in plain {
        let bytes = value.as_str().unwrap_or_default().as_bytes().to_owned();
        object["data"][key] = base64(&bytes).into();
    }
}

/// Binds a pod and makes it Running and Ready unless its manifest says otherwise.
pub fn pod(pod: &mut Value, node: Option<&str>) {
    let status = &pod["status"];
    let unscheduled = status["phase"] == "Pending" && status["containerStatuses"].is_null();
    if pod["spec"]["nodeName"].is_null() {
        match node.filter(|_| !unscheduled) {
            Some(node) => pod["spec"]["nodeName"] = node.into(),
            None => remove(&mut pod["spec"], "nodeName"),
        }
    }
    if pod["status"].as_object().is_none_or(serde_json::Map::is_empty) {
        pod["status"] = running(pod);
    }
}

fn running(pod: &Value) -> Value {
    let at = pod["metadata"]["creationTimestamp"].clone();
    // A pod with a readiness gate is Ready only once somebody says so of it.
    let waits = pod["spec"]["readinessGates"].as_array().is_some_and(|it| !it.is_empty());
    let condition = |kind: &str| {
        let status = if waits && kind == "Ready" { "False" } else { "True" };
        json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": at})
    };
    let kinds =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let octets = ids::uid(&["ip", namespace, name]);
    let octet = |from: usize| u8::from_str_radix(&octets[from..from + 2], 16).unwrap_or_default();
    let ip = format!("10.0.{}.{}", octet(0), octet(2));
    let started = |container: &Value, state: Value, ready: bool| {
        json!({"name": container["name"], "image": container["image"], "imageID": "",
            "containerID": format!("containerd://{}", ids::uid(&[namespace, name, container["name"].as_str().unwrap_or_default()])),
            "ready": ready, "started": ready, "restartCount": 0, "state": state})
    };
    let list = |key: &str, make: &dyn Fn(&Value) -> Value| -> Vec<Value> {
        pod["spec"][key].as_array().into_iter().flatten().map(make).collect()
    };
    let mut res = json!({
        "phase": "Running",
        "conditions": kinds.map(condition),
        "hostIP": "10.0.0.1",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": at,
        "qosClass": "BestEffort",
        "containerStatuses": list("containers", &|it| {
            started(it, json!({"running": {"startedAt": at}}), true)
        }),
    });
    let init = list("initContainers", &|it| {
        let done = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}});
        started(it, done, true)
    });
    if !init.is_empty() {
        res["initContainerStatuses"] = init.into();
    }
    res
}

fn node(node: &mut Value, now: Timestamp) {
    if !node["status"].is_null() {
        return;
    }
    let at = node["metadata"]["creationTimestamp"].clone();
    let name = node["metadata"]["name"].clone();
    let os = node["metadata"]["labels"]["kubernetes.io/os"].as_str().unwrap_or("linux").to_owned();
    node["status"] = json!({
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
            "lastHeartbeatTime": seconds(now), "lastTransitionTime": at}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": name}],
        "capacity": {"cpu": "2", "memory": "8Gi", "pods": "29"},
        "allocatable": {"cpu": "1930m", "memory": "7Gi", "pods": "29"},
        "nodeInfo": {"kubeletVersion": "v1.34.1-eks-c39b1d0", "kubeProxyVersion": "v1.34.1-eks-c39b1d0",
            "osImage": "Amazon Linux 2023", "kernelVersion": "6.12.46", "operatingSystem": os,
            "architecture": "amd64", "containerRuntimeVersion": "containerd://2.1.4",
            "machineID": "", "systemUUID": "", "bootID": ""},
    });
}

/// Pods by owner, and the ServiceAccounts that exist.
struct Counts {
    /// Owner's uid: (all, ready).
    pods: BTreeMap<String, (i64, i64)>,
    /// A Deployment's uid: those of its ReplicaSets.
    children: BTreeMap<String, Vec<String>>,
    accounts: BTreeSet<(String, String)>,
}

impl Counts {
    fn of(objects: &[Value]) -> Counts {
        let mut res =
            Counts { pods: BTreeMap::new(), children: BTreeMap::new(), accounts: BTreeSet::new() };
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        for object in objects {
            let metadata = &object["metadata"];
            let owner = text(&metadata["ownerReferences"][0]["uid"]);
            match object["kind"].as_str() {
                Some("ServiceAccount") => {
                    res.accounts.insert((text(&metadata["namespace"]), text(&metadata["name"])));
                }
                Some("ReplicaSet") if !owner.is_empty() => {
                    res.children.entry(owner).or_default().push(text(&metadata["uid"]));
                }
                Some("Pod") if !owner.is_empty() && !is_finished(object) => {
                    let entry = res.pods.entry(owner).or_default();
                    entry.0 += 1;
                    entry.1 += i64::from(is_ready(object));
                }
                Some(_) | None => {}
            }
        }
        res
    }

    fn owned(&self, uid: &str) -> (i64, i64) {
        let own = self.pods.get(uid).copied().unwrap_or_default();
        let children = self.children.get(uid).into_iter().flatten();
        children
            .filter_map(|it| self.pods.get(it))
            .fold(own, |acc, it| (acc.0 + it.0, acc.1 + it.1))
    }
}

pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|it| it["type"] == "Ready" && it["status"] == "True")
}

pub fn is_finished(pod: &Value) -> bool {
    pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
}

fn workload(object: &mut Value, counts: &Counts) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let scaled = matches!(&*kind, "Deployment" | "ReplicaSet" | "StatefulSet");
    if !scaled && kind != "DaemonSet" {
        return;
    }
    let (all, ready) = counts.owned(object["metadata"]["uid"].as_str().unwrap_or_default());
    if scaled && object["spec"]["replicas"].is_null() {
        object["spec"]["replicas"] = all.max(1).into();
    }
    if object["metadata"]["generation"].is_null() {
        object["metadata"]["generation"] = 1.into();
    }
    if object["status"].is_null() {
        object["status"] = status(object, &kind, all, ready, create_error(object, counts));
    }
}

/// What a workload's controller reports; `failure` is the message of ReplicaFailure.
pub fn status(object: &Value, kind: &str, all: i64, ready: i64, failure: Option<String>) -> Value {
    let generation = &object["metadata"]["generation"];
    if kind == "DaemonSet" {
        return json!({"currentNumberScheduled": all, "desiredNumberScheduled": all, "numberMisscheduled": 0,
            "numberReady": ready, "numberAvailable": ready, "updatedNumberScheduled": all,
            "observedGeneration": generation});
    }
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let at = &object["metadata"]["creationTimestamp"];
    let condition = |kind: &str, status: bool, reason: &str, message: &str| {
        let status = if status { "True" } else { "False" };
        json!({"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": at, "lastUpdateTime": at})
    };
    let mut conditions = Vec::new();
    if kind == "Deployment" {
        let (reason, message) = match wanted <= ready {
            true => ("MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => {
                ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
            }
        };
        conditions.push(condition("Available", wanted <= ready, reason, message));
    }
    // StatefulSets report a refused pod by events only.
    if let (Some(message), true) =
        (failure.as_deref().filter(|_| all < wanted), kind != "StatefulSet")
    {
        conditions.push(condition("ReplicaFailure", true, "FailedCreate", message));
    }
    let mut res = json!({"replicas": all, "readyReplicas": ready, "availableReplicas": ready,
        "observedGeneration": generation, "conditions": conditions});
    match kind {
        "ReplicaSet" => res["fullyLabeledReplicas"] = all.into(),
        _ => res["updatedReplicas"] = all.into(),
    }
    if kind == "Deployment" && ready < wanted {
        res["unavailableReplicas"] = (wanted - ready).into();
    }
    res
}

/// Why the controller cannot make pods: the ServiceAccount of the template is not there.
fn create_error(object: &Value, counts: &Counts) -> Option<String> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let account = template_account(object);
    let known = (namespace.to_owned(), account.to_owned());
    (!counts.accounts.contains(&known)).then(|| missing_account(object, namespace, account))
}

pub fn template_account(workload: &Value) -> &str {
    let spec = &workload["spec"]["template"]["spec"];
    let named = spec["serviceAccountName"].as_str().filter(|it| !it.is_empty());
    named.unwrap_or("default")
}

/// The API server's words for a pod whose ServiceAccount does not exist (E16).
pub fn missing_account(owner: &Value, namespace: &str, account: &str) -> String {
    let name = owner["metadata"]["name"].as_str().unwrap_or_default();
    let prefix = match owner["kind"] == "Deployment" {
        true => format!("{name}-{}-", ids::suffix(&["template", namespace, name], 9)),
        false => format!("{name}-"),
    };
    format!(
        "pods \"{prefix}\" is forbidden: error looking up service account {namespace}/{account}: \
         serviceaccount \"{account}\" not found"
    )
}

fn remove(of: &mut Value, key: &str) {
    if let Some(it) = of.as_object_mut() {
        it.shift_remove(key);
    }
}
