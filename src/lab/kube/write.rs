//! Creating, changing and deleting objects: validation, optimistic concurrency, dry run, and the controllers after it.

use crate::lab::{
    admission, controllers, ids,
    kube::{Call, Refusal, fields, json, parse_body, patch, read},
    pods,
    resource::Resource,
    server::Body,
    state::{Shared, State, now},
    status,
    store::Stored,
};
use http::{Response, header};
use serde_json::{Value, json};
use std::sync::Arc;

pub fn answer(shared: &Shared, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let mut state = shared.lock();
    match (call.verb, call.subresource.as_deref()) {
        ("create", None) => create(&mut state, call, call.json()?),
        ("create", Some("eviction")) => {
            delete_one(&mut state, call, call.name(), &Value::Null)?;
            Ok(json(
                201,
                &json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201}),
            ))
        }
        (
            "update" | "patch",
            None | Some("status" | "scale" | "ephemeralcontainers" | "finalize"),
        ) => change(&mut state, call),
        ("delete", None) => {
            let options = options(call)?;
            let status = delete_one(&mut state, call, call.name(), &options)?;
            Ok(json(200, &status))
        }
        ("deletecollection", None) => delete_all(&mut state, call),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn create(
    state: &mut State,
    call: &Call<'_>,
    mut object: Value,
) -> Result<Response<Body>, Refusal> {
    let resource = call.resource;
    if object["kind"].is_null() {
        object["kind"] = resource.kind.clone().into();
    }
    if object["kind"] != *resource.kind || !object["metadata"].is_object() {
        let found = object["kind"].as_str().unwrap_or_default();
        return Err(Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): found kind \"{found}\"",
            resource.kind
        )));
    }
    object["apiVersion"] = resource.api_version().into();
    place(state, call, &mut object)?;
    name(state, resource, &mut object)?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let namespace = call.namespace.clone().unwrap_or_default();
    if state.store.get(&resource.qualified(), &namespace, &name).is_some() {
        return Err(Refusal::exists(resource, &name));
    }
    let at = now();
    let number = state.next().to_string();
    let metadata = &mut object["metadata"];
    metadata["uid"] = ids::uid(&[&resource.kind, &namespace, &name, &number]).into();
    metadata["creationTimestamp"] = admission::seconds(at).into();
    if object["spec"].is_object() && resource.kind != "Pod" {
        object["metadata"]["generation"] = 1.into();
    }
    if let Some(map) = object.as_object_mut().filter(|_| controllers::has_status(&resource.kind)) {
        map.shift_remove("status");
    }
    if resource.kind == "Pod" {
        admit(state, &mut object)?;
    }
    fields::touch(&json!({}), &mut object, call.manager(), operation(call), at);
    complete(state, &mut object);
    if call.is_dry_run() {
        return Ok(json(201, &object));
    }
    let stored = state.store.put(&resource.qualified(), object);
    controllers::after_create(state, resource, &stored.value());
    Ok(json(201, &latest(state, resource, &stored).value()))
}

/// A write as it stands after the controllers have seen it.
fn latest(state: &State, resource: &Resource, stored: &Arc<Stored>) -> Arc<Stored> {
    let found = state.store.get(&resource.qualified(), &stored.key.0, &stored.key.1);
    found.unwrap_or(stored).clone()
}

/// Checks the namespace of the path against the object's and against those that exist.
fn place(state: &State, call: &Call<'_>, object: &mut Value) -> Result<(), Refusal> {
    if !call.resource.namespaced {
        return Ok(());
    }
    let metadata = &mut object["metadata"];
    let Some(namespace) = call.namespace.as_deref() else {
        return Err(Refusal::method_not_allowed());
    };
    let written = metadata["namespace"].as_str().unwrap_or(namespace);
    if written != namespace {
        return Err(Refusal::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request ({written} != \
             {namespace})"
        )));
    }
    metadata["namespace"] = namespace.into();
    if state.store.get("namespaces", "", namespace).is_none()
        && let Some(namespaces) = state.resource("", "namespaces")
    {
        return Err(Refusal::not_found(namespaces, namespace));
    }
    Ok(())
}

fn name(state: &mut State, resource: &Resource, object: &mut Value) -> Result<(), Refusal> {
    let metadata = &object["metadata"];
    let name = match (metadata["name"].as_str(), metadata["generateName"].as_str()) {
        (Some(it), _) if !it.is_empty() => it.to_owned(),
        (_, Some(prefix)) if !prefix.is_empty() => {
            let prefix = prefix.to_owned();
            let number = state.next().to_string();
            format!("{prefix}{}", ids::suffix(&[&prefix, &number], 5))
        }
        _ => {
            let why = "metadata.name: Required value: name or generateName is required";
            return Err(Refusal::invalid(resource, "", why));
        }
    };
    let valid = name.len() <= 253
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !valid {
        let why = format!(
            "metadata.name: Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case \
             alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        );
        return Err(Refusal::invalid(resource, &name, &why));
    }
    object["metadata"]["name"] = name.into();
    Ok(())
}

/// ServiceAccount, webhook and scheduler.
fn admit(state: &State, pod: &mut Value) -> Result<(), Refusal> {
    admission::default_service_account(pod);
    pods::admit(state, pod).map_err(|why| match state.resource("", "pods") {
        Some(resource) => {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            Refusal::forbidden_object(resource, name, &why)
        }
        None => Refusal::bad_request(why),
    })?;
    status::pod(pod, state.world.node_order.first().map(|it| &**it));
    Ok(())
}

/// What the API server adds to what was written.
fn complete(state: &State, object: &mut Value) {
    match object["kind"].as_str() {
        Some("Secret") => status::secret(object),
        Some("Namespace") => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["status"] = json!({"phase": "Active"});
        }
        Some("Deployment" | "ReplicaSet" | "StatefulSet")
            if object["spec"]["replicas"].is_null() =>
        {
            object["spec"]["replicas"] = 1.into();
        }
        Some(_) | None => {}
    }
    controllers::set_status(state, object);
}

fn operation(call: &Call<'_>) -> &'static str {
    if call.header(header::CONTENT_TYPE).contains("apply-patch") { "Apply" } else { "Update" }
}

fn change(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let resource = call.resource;
    let found = state.store.get(&resource.qualified(), call.namespace(), call.name()).cloned();
    let Some(stored) = found else {
        if operation(call) == "Apply" && call.subresource.is_none() {
            let mut object = call.json()?;
            object["metadata"]["name"] = call.name().into();
            return create(state, call, object);
        }
        return Err(Refusal::not_found(resource, call.name()));
    };
    let before = stored.value();
    let is_scale = call.subresource.as_deref() == Some("scale");
    let base = if is_scale { read::scale(&before) } else { before.clone() };
    let wanted = if call.verb == "update" { call.json()? } else { patched(call, &base)? };
    let version = wanted["metadata"]["resourceVersion"].as_str().filter(|it| !it.is_empty());
    if version.is_some_and(|it| before["metadata"]["resourceVersion"] != it) {
        return Err(Refusal::modified(resource, call.name()));
    }
    let uid = wanted["metadata"]["uid"].as_str().filter(|it| !it.is_empty());
    if uid.is_some_and(|it| before["metadata"]["uid"] != it) {
        let why = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            uid.unwrap_or_default(),
            stored.uid
        );
        return Err(Refusal::conflict(resource, call.name(), &why));
    }
    let mut after = before.clone();
    match call.subresource.as_deref() {
        Some("scale") => after["spec"]["replicas"] = wanted["spec"]["replicas"].clone(),
        Some("status") => after["status"] = wanted["status"].clone(),
        Some(_) | None => {
            after = wanted;
            let keep_status = controllers::has_status(&resource.kind);
            restore(&before, &mut after, keep_status);
        }
    }
    if after["kind"] == "Secret" {
        status::secret(&mut after);
    }
    check_immutable(call, &before, &after)?;
    if after["spec"] != before["spec"] && before["metadata"]["generation"].is_u64() {
        let generation = before["metadata"]["generation"].as_u64().unwrap_or_default() + 1;
        after["metadata"]["generation"] = generation.into();
    }
    fields::touch(&before, &mut after, call.manager(), operation(call), now());
    let answer =
        |object: &Value| json(200, &if is_scale { read::scale(object) } else { object.clone() });
    // A write that changes nothing makes no new version.
    if after == before || call.is_dry_run() {
        return Ok(answer(&after));
    }
    let stored = state.store.put(&resource.qualified(), after);
    controllers::after_change(state, resource, &before, &stored.value());
    Ok(answer(&latest(state, resource, &stored).value()))
}

/// The object as the patch makes it.
fn patched(call: &Call<'_>, base: &Value) -> Result<Value, Refusal> {
    let content_type = call.header(header::CONTENT_TYPE);
    let body = match content_type.contains("apply-patch") {
        true => parse_body(call.body, "application/yaml")?,
        false => call.json()?,
    };
    let mut res = base.clone();
    if content_type.contains("json-patch+json") {
        return patch::json_patch(base, &body).map_err(|_| Refusal::unprocessable());
    } else if content_type.contains("strategic-merge-patch") || content_type.contains("apply-patch")
    {
        patch::strategic(&mut res, &body);
    } else if content_type.contains("merge-patch") || content_type.contains("application/json") {
        patch::merge(&mut res, &body);
    } else {
        return Err(Refusal::unsupported(content_type));
    }
    // Only what the patch itself says of the version is a precondition.
    let version = body["metadata"]["resourceVersion"].clone();
    if version.is_null() {
        res["metadata"]["resourceVersion"] = base["metadata"]["resourceVersion"].clone();
    }
    Ok(res)
}

/// What a client cannot change stays what it was.
fn restore(before: &Value, after: &mut Value, keep_status: bool) {
    let fixed = ["uid", "creationTimestamp", "resourceVersion", "generation", "namespace", "name"];
    for key in fixed {
        let value = before["metadata"][key].clone();
        if value.is_null() {
            if let Some(it) = after["metadata"].as_object_mut() {
                it.shift_remove(key);
            }
        } else {
            after["metadata"][key] = value;
        }
    }
    // Empty maps are not stored.
    for key in ["annotations", "labels"] {
        let is_empty = after["metadata"][key].as_object().is_some_and(serde_json::Map::is_empty);
        if let Some(it) = after["metadata"].as_object_mut().filter(|_| is_empty) {
            it.shift_remove(key);
        }
    }
    for key in ["apiVersion", "kind"] {
        after[key] = before[key].clone();
    }
    if keep_status && !before["status"].is_null() {
        after["status"] = before["status"].clone();
    }
}

/// A pod's spec is fixed but for its images, and so is a Job's template.
fn check_immutable(call: &Call<'_>, before: &Value, after: &Value) -> Result<(), Refusal> {
    if call.resource.kind == "Job" && before["spec"]["template"] != after["spec"]["template"] {
        let why = "spec.template: Invalid value: field is immutable";
        return Err(Refusal::invalid(call.resource, call.name(), why));
    }
    if call.resource.kind != "Pod" || call.subresource.is_some() {
        return Ok(());
    }
    let without_images = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["image"] = Value::Null;
            }
        }
        for key in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "initContainers",
        ] {
            if key != "initContainers" || spec[key].is_null() {
                spec[key] = Value::Null;
            }
        }
        spec
    };
    if without_images(before) == without_images(after) {
        return Ok(());
    }
    let why = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`, \
               `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to \
               existing tolerations), `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
               previously negative)";
    Err(Refusal::invalid(call.resource, call.name(), why))
}

fn options(call: &Call<'_>) -> Result<Value, Refusal> {
    if call.body.is_empty() { Ok(Value::Null) } else { call.json() }
}

fn delete_one(
    state: &mut State,
    call: &Call<'_>,
    name: &str,
    options: &Value,
) -> Result<Value, Refusal> {
    let resource = call.resource;
    let found = state.store.get(&resource.qualified(), call.namespace(), name);
    let stored = found.cloned().ok_or_else(|| Refusal::not_found(resource, name))?;
    let wanted = &options["preconditions"];
    let version = stored.version.to_string();
    for (key, label, is) in
        [("uid", "UID", &stored.uid), ("resourceVersion", "ResourceVersion", &version)]
    {
        if let Some(it) = wanted[key].as_str().filter(|it| it != is) {
            let why = format!(
                "Precondition failed: {label} in precondition: {it}, {label} in object meta: {is}"
            );
            return Err(Refusal::conflict(resource, name, &why));
        }
    }
    if !call.is_dry_run() {
        let orphan = options["propagationPolicy"] == "Orphan"
            || call.query.get("propagationPolicy") == Some("Orphan");
        controllers::delete(state, resource, &stored, orphan);
    }
    Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": name, "group": resource.group, "kind": resource.plural, "uid": stored.uid}}))
}

fn delete_all(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let selector = read::Selector::of(call)?;
    let names: Vec<String> = state
        .store
        .list(&call.resource.qualified(), call.namespace.as_deref())
        .filter(|it| selector.matches(it))
        .map(|it| it.key.1.clone())
        .collect();
    let options = options(call)?;
    for name in names {
        delete_one(state, call, &name, &options)?;
    }
    Ok(json(
        200,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
    ))
}
