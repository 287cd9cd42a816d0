//! Edits of the cluster's objects: read, dry run, write with the version that was read.

use crate::{
    apply::{
        access::Permit,
        present::Present,
        ready::{self, Readiness},
    },
    ident::{Text, WorkloadKind},
    plan::{Call, Edit, EnvChange, EnvEntry, Place, WorkloadKey, env_patch, restart_reads},
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
    let revision = if let Edit::SetEnv { workload, changes, .. } = edit
        && changes.iter().any(is_unread)
    {
        revision(link, workload, &object).await?
    } else {
        None
    };
    Ok(Present {
        value: value(edit, &object),
        uid: own("uid"),
        resource_version: own("resourceVersion"),
        revision,
        order: if let Edit::SetEnv { workload, container, init, .. } = edit {
            let template = template(&object, workload.kind);
            let names = env_of(template, container, *init).iter();
            names.filter_map(|it| it["name"].as_str()).map(Text::from).collect()
        } else {
            Vec::new()
        },
        reads: if let Edit::Restart { workload } = edit {
            restart_reads(workload.kind, &object)
        } else {
            Vec::new()
        },
    })
}

/// How far the new pods of a workload are.
pub(crate) async fn readiness(link: &Link, key: &WorkloadKey) -> Result<Readiness, CallError> {
    let object = link.object(&key.path()).await?;
    Ok(match object {
        Some(it) => ready::readiness(key.kind, &it),
        None => Readiness::Gone,
    })
}

/// An entry whose value was never read, so that only an older revision of the owner can bring it back.
fn is_unread(it: &EnvChange) -> bool {
    matches!(it.was, Some(EnvEntry::Hidden | EnvEntry::From(_)))
}

/// The number of the revision that the owner is at.
async fn revision(
    link: &Link,
    workload: &WorkloadKey,
    object: &Value,
) -> Result<Option<i64>, CallError> {
    Ok(match workload.kind {
        WorkloadKind::Deployment => number(workload.kind, object),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let all = owned_revisions(link, workload, &object["metadata"]["uid"]).await?;
            all.iter().filter_map(|it| number(workload.kind, it)).max()
        }
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => None,
    })
}

/// Whether what the edit takes away can be brought back from the owner's present revision once it is an older one; the
/// error says why not.
pub(crate) async fn can_return(link: &Link, edit: &Edit) -> Result<i64, String> {
    let Edit::SetEnv { workload, .. } = edit else { return Err("it keeps no revision".to_owned()) };
    let unread = |why: String| format!("cannot be undone: {workload} could not be read: {why}");
    let object = link.object(&workload.path()).await.map_err(|it| unread(it.to_string()))?;
    let object = object.ok_or_else(|| unread("it is not there".to_owned()))?;
    if object["spec"]["revisionHistoryLimit"] == 0 {
        return Err(format!(
            "cannot be undone: {workload} keeps no older revisions (revisionHistoryLimit is 0), and the value was never read"
        ));
    }
    let found = revision(link, workload, &object).await.map_err(|it| unread(it.to_string()))?;
    found.ok_or_else(|| {
        format!("cannot be undone: {workload} has no revision to return to, and the value was never read")
    })
}

/// The pod template of an object of that kind.
fn template(object: &Value, kind: WorkloadKind) -> &Value {
    match kind {
        WorkloadKind::CronJob => &object["spec"]["jobTemplate"]["spec"]["template"],
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::Job => &object["spec"]["template"],
    }
}

/// The fields of `object` that the edit reads and writes.
fn value(edit: &Edit, object: &Value) -> Value {
    let template = |workload: &WorkloadKey| template(object, workload.kind);
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
        Edit::SetEnv { workload, container, init, changes, order: _ } => {
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
    let env = env_of(template, container, init);
    let entry = |name: &str| env.iter().rev().find(|it| it["name"] == name).cloned();
    Value::Object(names.map(|it| (it.to_owned(), entry(it).unwrap_or_default())).collect())
}

fn env_of<'a>(template: &'a Value, container: &str, init: bool) -> &'a [Value] {
    let list = if init { "initContainers" } else { "containers" };
    let mut containers = template["spec"][list].as_array().into_iter().flatten();
    let found = containers.find(|it| it["name"] == container);
    found.and_then(|it| it["env"].as_array()).map(Vec::as_slice).unwrap_or_default()
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
    _permit: &Permit,
    edit: &Edit,
    present: &Present,
    restarted_at: &str,
    is_dry_run: bool,
) -> Result<Value, WriteError> {
    let Call::Kubernetes { verb, path, content_type, mut body } = edit.call("", restarted_at)
    else {
        return Err(refused("it is no change of the cluster"));
    };
    let mut secrets = Vec::new();
    if let Edit::RestoreEnv { workload, container, init, names, revision } = edit {
        let (env, order) =
            of_revision(link, workload, (container, *init), names, *revision).await?;
        secrets.extend(env.iter().filter_map(|it| it["value"].as_str().map(str::to_owned)));
        body = env_patch(workload, container, *init, (env, &order));
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
    let stored = link.write(verb, &format!("{path}{query}"), content_type, bytes).await;
    let stored = stored.map_err(|it| without(it, &secrets))?;
    Ok(serde_json::from_slice(&stored).unwrap_or_default())
}

/// The API server quotes what it does not take; values that nobody may read are no part of that.
fn without(error: WriteError, secrets: &[String]) -> WriteError {
    let clean = |text: Text| {
        let mut res = text.to_string();
        for it in secrets.iter().filter(|it| !it.is_empty()) {
            res = res.replace(it, "(hidden)");
        }
        Text::from(res)
    };
    match error {
        WriteError::NotNow { message } => WriteError::NotNow { message: clean(message) },
        WriteError::Refused { status, message } => {
            WriteError::Refused { status, message: clean(message) }
        }
        WriteError::NotKnown(it) => WriteError::NotKnown(clean(it)),
    }
}

/// The revisions that the owner keeps: a Deployment's ReplicaSets have its templates, the ControllerRevisions those of a
/// StatefulSet and a DaemonSet.
async fn owned_revisions(
    link: &Link,
    workload: &WorkloadKey,
    uid: &Value,
) -> Result<Vec<Value>, CallError> {
    let plural = match workload.kind {
        WorkloadKind::Deployment => "replicasets",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "controllerrevisions",
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => {
            return Ok(Vec::new());
        }
    };
    let path = format!("/apis/apps/v1/namespaces/{}/{plural}", workload.namespace);
    let read = link.object(&path).await?;
    let mut items =
        read.and_then(|mut it| it["items"].as_array_mut().map(std::mem::take)).unwrap_or_default();
    items.retain(|it| {
        let mut owners = it["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.any(|it| it["uid"] == *uid && it["controller"] == true)
    });
    Ok(items)
}

fn number(kind: WorkloadKind, revision: &Value) -> Option<i64> {
    match kind {
        WorkloadKind::Deployment => revision["metadata"]["annotations"][DEPLOYMENT_REVISION]
            .as_str()
            .and_then(|it| it.parse().ok()),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => revision["revision"].as_i64(),
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => None,
    }
}

const DEPLOYMENT_REVISION: &str = "deployment.kubernetes.io/revision";

/// The entries as an older revision of the owner has them, and the order of all that it has.
async fn of_revision(
    link: &Link,
    workload: &WorkloadKey,
    (container, init): (&str, bool),
    names: &[Text],
    revision: i64,
) -> Result<(Vec<Value>, Vec<Text>), WriteError> {
    let unread = |it: CallError| refused(&format!("failed to read {workload}: {it}"));
    let owner = link.object(&workload.path()).await.map_err(unread)?;
    let uid = owner.map(|it| it["metadata"]["uid"].clone()).unwrap_or_default();
    let all = owned_revisions(link, workload, &uid).await.map_err(unread)?;
    let found = all.iter().find(|it| number(workload.kind, it) == Some(revision));
    let found =
        found.ok_or_else(|| refused(&format!("revision {revision} of {workload} is gone")))?;
    let older = match workload.kind {
        WorkloadKind::Deployment => &found["spec"]["template"],
        WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::Job
        | WorkloadKind::CronJob => &found["data"]["spec"]["template"],
    };
    let entries = entries(older, container, init, names.iter().map(|it| &**it));
    if let Some(it) = names.iter().find(|it| entries[&***it].is_null()) {
        return Err(refused(&format!("revision {revision} has no `{it}` either")));
    }
    let order: Vec<Text> = env_of(older, container, init)
        .iter()
        .filter_map(|it| it["name"].as_str())
        .map(Text::from)
        .collect();
    let mut names: Vec<&Text> = names.iter().collect();
    names.sort_by_key(|name| order.iter().position(|it| it == *name));
    Ok((names.into_iter().map(|it| entries[&**it].clone()).collect(), order))
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
