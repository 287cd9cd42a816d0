//! Edits of the cluster's objects: read, dry run, write with the version that was read.

use crate::{
    apply::present::Present,
    ident::{Text, WorkloadKind},
    plan::{Call, Edit, EnvEntry, Place, WorkloadKey},
    source::kube::{
        link::{CallError, Link},
        write::WriteError,
    },
};
use serde_json::{Map, Value, json};

/// Who wrote it, in managedFields.
const MANAGER: &str = "fieldManager=idscope";

/// What is there now.
pub(crate) async fn observe(link: &Link, edit: &Edit) -> Result<Present, CallError> {
    let Some(path) = path(edit) else { return Ok(Present::default()) };
    let Some(object) = link.object(&path).await? else { return Ok(Present::default()) };
    let metadata = &object["metadata"];
    let own = |field: &str| metadata[field].as_str().map(Text::from);
    let revision = metadata["annotations"]["deployment.kubernetes.io/revision"]
        .as_str()
        .and_then(|it| it.parse().ok());
    Ok(Present {
        value: value(edit, &object),
        uid: own("uid"),
        resource_version: own("resourceVersion"),
        revision,
    })
}

/// The fields of `object` that the edit reads and writes.
fn value(edit: &Edit, object: &Value) -> Value {
    let template = |workload: &WorkloadKey| match workload.kind {
        WorkloadKind::CronJob => &object["spec"]["jobTemplate"]["spec"]["template"],
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::Job => &object["spec"]["template"],
    };
    match edit {
        Edit::Annotate { key, .. } => object["metadata"]["annotations"][&**key].clone(),
        Edit::CreateServiceAccount { .. } | Edit::DeleteServiceAccount { .. } => {
            let metadata = &object["metadata"];
            json!({"annotations": metadata["annotations"], "labels": metadata["labels"]})
        }
        Edit::UseServiceAccount { workload, .. } => {
            template(workload)["spec"]["serviceAccountName"].clone()
        }
        Edit::SetMetadata { workload, place, key, .. } => {
            template(workload)["metadata"][place.as_str()][&**key].clone()
        }
        Edit::Restart { workload } => {
            let place = Place::Annotations.as_str();
            template(workload)["metadata"][place][crate::plan::RESTARTED_AT].clone()
        }
        Edit::SetEnv { workload, container, init, changes } => {
            let names = changes.iter().map(|it| &*it.name);
            entries(template(workload), container, *init, names)
        }
        Edit::RestoreEnv { workload, container, init, names, .. } => {
            entries(template(workload), container, *init, names.iter().map(|it| &**it))
        }
        Edit::CreateProvider { .. }
        | Edit::DeleteProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. }
        | Edit::SetTrust { .. }
        | Edit::CreateAssociation { .. }
        | Edit::UpdateAssociation { .. }
        | Edit::DeleteAssociation { .. }
        | Edit::CreateAddon { .. }
        | Edit::DeleteAddon { .. } => Value::Null,
    }
}

/// Environment entries by name, whole; the last of several counts. `Null` where there is none.
fn entries<'a>(
    template: &Value,
    container: &str,
    init: bool,
    names: impl Iterator<Item = &'a str>,
) -> Value {
    let list = if init { "initContainers" } else { "containers" };
    let containers = template["spec"][list].as_array().into_iter().flatten();
    let found = containers.into_iter().find(|it| it["name"] == container);
    let env = found.and_then(|it| it["env"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let entry = |name: &str| env.iter().rev().find(|it| it["name"] == name).cloned();
    Value::Object(names.map(|it| (it.to_owned(), entry(it).unwrap_or_default())).collect())
}

fn path(edit: &Edit) -> Option<String> {
    match edit {
        Edit::CreateServiceAccount { service_account: it, .. } => {
            Some(format!("/api/v1/namespaces/{}/serviceaccounts/{}", it.namespace, it.name))
        }
        _ => match edit.call("", "") {
            Call::Kubernetes { path, .. } => Some(path),
            Call::Aws { .. } => None,
        },
    }
}

/// Sends the edit, or only asks whether it would be taken. Returns what was stored.
pub(crate) async fn send(
    link: &Link,
    edit: &Edit,
    present: &Present,
    restarted_at: &str,
    is_dry_run: bool,
) -> Result<Value, WriteError> {
    let Call::Kubernetes { verb, path, content_type, mut body } = edit.call("", restarted_at)
    else {
        return Err(refused("it is no change of the cluster"));
    };
    if let Edit::RestoreEnv { workload, container, init, names, revision } = edit {
        let env = of_revision(link, workload, (container, *init), names, *revision).await?;
        let list = if *init { "initContainers" } else { "containers" };
        body = workload.in_template(json!({"spec": {list: [{"name": container, "env": env}]}}));
    }
    if let Edit::SetEnv { changes, .. } = edit
        && changes.iter().any(|it| matches!(it.entry, Some(EnvEntry::Hidden | EnvEntry::From(_))))
    {
        return Err(refused("a value that was never read cannot be written"));
    }
    match verb {
        "PATCH" => {
            let mut metadata = Map::new();
            for (name, it) in
                [("uid", &present.uid), ("resourceVersion", &present.resource_version)]
            {
                if let Some(it) = it {
                    metadata.insert(name.to_owned(), json!(it));
                }
            }
            merge(&mut body, json!({"metadata": metadata}));
        }
        "DELETE" => {
            if let Some(it) = &present.resource_version {
                body["preconditions"]["resourceVersion"] = json!(it);
            }
            if is_dry_run {
                body["dryRun"] = json!(["All"]);
            }
        }
        _ => {}
    }
    let mut query = format!("?{MANAGER}");
    if verb == "DELETE" {
        query.clear();
    }
    if is_dry_run {
        query.push_str(if query.is_empty() { "?" } else { "&" });
        query.push_str("dryRun=All");
    }
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let stored = link.write(verb, &format!("{path}{query}"), content_type, bytes).await?;
    Ok(serde_json::from_slice(&stored).unwrap_or_default())
}

/// The entries as an older revision of the owner has them: a Deployment's ReplicaSets keep its templates, the
/// ControllerRevisions those of a StatefulSet and a DaemonSet.
async fn of_revision(
    link: &Link,
    workload: &WorkloadKey,
    (container, init): (&str, bool),
    names: &[Text],
    revision: i64,
) -> Result<Vec<Value>, WriteError> {
    let namespace = &workload.namespace;
    let list = match workload.kind {
        WorkloadKind::Deployment => format!("/apis/apps/v1/namespaces/{namespace}/replicasets"),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            format!("/apis/apps/v1/namespaces/{namespace}/controllerrevisions")
        }
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => {
            return Err(refused("this kind keeps no older revision"));
        }
    };
    let read = link.object(&list).await.map_err(|it| refused(&it.to_string()))?;
    let items = read.as_ref().and_then(|it| it["items"].as_array()).cloned().unwrap_or_default();
    let is_owned = |it: &&Value| {
        let owners = it["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.into_iter().any(|it| it["name"] == *workload.name)
    };
    let number = |it: &Value| match workload.kind {
        WorkloadKind::Deployment => {
            it["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()
                .and_then(|it| it.parse().ok())
        }
        _ => it["revision"].as_i64(),
    };
    let found = items.iter().filter(is_owned).find(|it| number(it) == Some(revision));
    let found =
        found.ok_or_else(|| refused(&format!("revision {revision} of {workload} is gone")))?;
    let template = match workload.kind {
        WorkloadKind::Deployment => &found["spec"]["template"],
        _ => &found["data"]["spec"]["template"],
    };
    let entries = entries(template, container, init, names.iter().map(|it| &**it));
    names
        .iter()
        .map(|it| match &entries[&**it] {
            Value::Null => Err(refused(&format!("revision {revision} has no `{it}` either"))),
            entry => Ok(entry.clone()),
        })
        .collect()
}

fn refused(message: &str) -> WriteError {
    WriteError::Refused { status: 0, message: message.into() }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
