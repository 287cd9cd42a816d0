//! The exact API call of an edit, as data: what is shown, exported and sent is this.

use crate::{
    ident::{SaKey, Text, WorkloadKind},
    plan::{AssociationFields, Edit, EnvChange, EnvEntry, Place, WorkloadKey},
};
use serde_json::{Map, Value, json};

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    Kubernetes {
        /// `PATCH`, `POST`, `DELETE`.
        verb: &'static str,
        path: String,
        /// Of the body; `None` without one.
        content_type: Option<&'static str>,
        body: Value,
    },
    Aws {
        /// `iam`, `eks`.
        service: &'static str,
        operation: &'static str,
        parameters: Value,
    },
}

const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON: &str = "application/json";

/// The annotation that `kubectl rollout restart` writes; its value is the time of the write.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl Call {
    /// `PATCH /api/v1/…`, `iam:UpdateAssumeRolePolicy`.
    pub fn title(&self) -> String {
        match self {
            Call::Kubernetes { verb, path, .. } => format!("{verb} {path}"),
            Call::Aws { service, operation, .. } => format!("{service}:{operation}"),
        }
    }

    /// What must be allowed: an IAM action, or a verb with the resource for Kubernetes.
    pub fn permission(&self) -> Text {
        match self {
            Call::Aws { service, operation, .. } => format!("{service}:{operation}").into(),
            Call::Kubernetes { verb, path, .. } => {
                let verb = match *verb {
                    "POST" => "create",
                    "DELETE" => "delete",
                    _ => "patch",
                };
                let parts: Vec<&str> = path.split('/').collect();
                let at = parts.iter().position(|it| *it == "namespaces");
                let (namespace, resource) = match at {
                    Some(it) => (parts.get(it + 1), parts.get(it + 2)),
                    None => (None, parts.last()),
                };
                let resource = resource.copied().unwrap_or_default();
                match namespace {
                    Some(it) => format!("{verb} {resource} in {it}").into(),
                    None => format!("{verb} {resource}").into(),
                }
            }
        }
    }
}

impl Edit {
    /// The call that makes it. `cluster` is the EKS cluster's name; `restarted_at` stands for the time of a restart.
    pub fn call(&self, cluster: &str, restarted_at: &str) -> Call {
        match self {
            Edit::Annotate { service_account, key, value, .. } => patch(
                service_account_path(service_account, true),
                MERGE,
                json!({"metadata": {"annotations": {&**key: value}}}),
            ),
            Edit::CreateServiceAccount { service_account: it, annotations, labels } => {
                let mut metadata = json!({"name": it.name, "namespace": it.namespace});
                for (name, pairs) in [("annotations", annotations), ("labels", labels)] {
                    if !pairs.is_empty() {
                        metadata[name] = object(pairs);
                    }
                }
                Call::Kubernetes {
                    verb: "POST",
                    path: service_account_path(it, false),
                    content_type: Some(JSON),
                    body: json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
                }
            }
            Edit::DeleteServiceAccount { service_account, uid, .. } => Call::Kubernetes {
                verb: "DELETE",
                path: service_account_path(service_account, true),
                content_type: Some(JSON),
                body: json!({"preconditions": {"uid": uid}}),
            },
            Edit::UseServiceAccount { workload, name, .. } => patch(
                workload.path(),
                STRATEGIC,
                workload.in_template(json!({"spec": account_of_pods(name.as_ref())})),
            ),
            Edit::SetEnv { workload, container, init, changes, order } => {
                // The API server wants them as the directive has them.
                let mut changes: Vec<&EnvChange> = changes.iter().collect();
                changes.sort_by_key(|it| order.iter().position(|name| *name == it.name));
                let entries: Vec<Value> = changes
                    .iter()
                    .map(|it| match &it.entry {
                        None => json!({"name": it.name, "$patch": "delete"}),
                        Some(EnvEntry::Value(value)) => json!({"name": it.name, "value": value}),
                        // What was never read is filled in where the write is made.
                        Some(EnvEntry::Hidden | EnvEntry::From(_)) => json!({"name": it.name}),
                    })
                    .collect();
                let body = env_patch(workload, container, *init, (entries, order));
                patch(workload.path(), STRATEGIC, body)
            }
            Edit::RestoreEnv { workload, container, init, names, .. } => {
                let entries = names.iter().map(|it| json!({"name": it})).collect();
                let body = env_patch(workload, container, *init, (entries, &[]));
                patch(workload.path(), STRATEGIC, body)
            }
            Edit::SetMetadata { workload, place, key, value, .. } => {
                let place = place.as_str();
                patch(
                    workload.path(),
                    MERGE,
                    workload.in_template(json!({"metadata": {place: {&**key: value}}})),
                )
            }
            Edit::Restart { workload } => patch(
                workload.path(),
                STRATEGIC,
                workload.in_template(
                    json!({"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}),
                ),
            ),
            Edit::CreateProvider { issuer, client_ids, tags, .. } => aws(
                "iam",
                "CreateOpenIDConnectProvider",
                json!({"Url": format!("https://{issuer}"), "ClientIDList": client_ids,
                    "Tags": key_values(tags)}),
            ),
            Edit::DeleteProvider { arn, .. } => {
                aws("iam", "DeleteOpenIDConnectProvider", json!({"OpenIDConnectProviderArn": arn}))
            }
            Edit::AddClientId { provider, client_id } => aws(
                "iam",
                "AddClientIDToOpenIDConnectProvider",
                json!({"OpenIDConnectProviderArn": provider, "ClientID": client_id}),
            ),
            Edit::RemoveClientId { provider, client_id } => aws(
                "iam",
                "RemoveClientIDFromOpenIDConnectProvider",
                json!({"OpenIDConnectProviderArn": provider, "ClientID": client_id}),
            ),
            Edit::SetThumbprints { provider, thumbprints, .. } => aws(
                "iam",
                "UpdateOpenIDConnectProviderThumbprint",
                json!({"OpenIDConnectProviderArn": provider, "ThumbprintList": thumbprints}),
            ),
            Edit::SetTrust { role, document, .. } => aws(
                "iam",
                "UpdateAssumeRolePolicy",
                json!({"RoleName": role.name(), "PolicyDocument": document}),
            ),
            Edit::CreateAssociation { service_account: it, fields } => {
                let mut parameters = json!({"clusterName": cluster, "namespace": it.namespace,
                    "serviceAccount": it.name});
                set_fields(&mut parameters, None, fields);
                if !fields.tags.is_empty() {
                    parameters["tags"] = object(&fields.tags);
                }
                aws("eks", "CreatePodIdentityAssociation", parameters)
            }
            Edit::UpdateAssociation { id, was, fields, .. } => {
                let mut parameters = json!({"clusterName": cluster, "associationId": id});
                set_fields(&mut parameters, Some(was), fields);
                aws("eks", "UpdatePodIdentityAssociation", parameters)
            }
            Edit::DeleteAssociation { id, .. } => aws(
                "eks",
                "DeletePodIdentityAssociation",
                json!({"clusterName": cluster, "associationId": id}),
            ),
            Edit::CreateAddon { name } => aws(
                "eks",
                "CreateAddon",
                json!({"clusterName": cluster, "addonName": name, "resolveConflicts": "OVERWRITE"}),
            ),
            Edit::DeleteAddon { name } => {
                aws("eks", "DeleteAddon", json!({"clusterName": cluster, "addonName": name}))
            }
        }
    }
}

impl WorkloadKey {
    /// Of its API object.
    pub(crate) fn path(&self) -> String {
        let (group, plural) = self.kind.api();
        format!("/apis/{group}/namespaces/{}/{plural}/{}", self.namespace, self.name)
    }

    /// A patch of the pod template as a patch of the object.
    pub(crate) fn in_template(&self, template: Value) -> Value {
        match self.kind {
            WorkloadKind::CronJob => {
                json!({"spec": {"jobTemplate": {"spec": {"template": template}}}})
            }
            WorkloadKind::Deployment
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::ReplicaSet
            | WorkloadKind::Job => json!({"spec": {"template": template}}),
        }
    }
}

impl WorkloadKind {
    /// Group with version, and plural.
    pub(crate) fn api(self) -> (&'static str, &'static str) {
        match self {
            WorkloadKind::Deployment => ("apps/v1", "deployments"),
            WorkloadKind::StatefulSet => ("apps/v1", "statefulsets"),
            WorkloadKind::DaemonSet => ("apps/v1", "daemonsets"),
            WorkloadKind::ReplicaSet => ("apps/v1", "replicasets"),
            WorkloadKind::Job => ("batch/v1", "jobs"),
            WorkloadKind::CronJob => ("batch/v1", "cronjobs"),
        }
    }
}

/// The ServiceAccount in a pod's spec. Where it names none any more its old alias has to go too: the API server takes the
/// name from there otherwise.
fn account_of_pods(name: Option<&Text>) -> Value {
    match name {
        Some(it) => json!({"serviceAccountName": it}),
        None => json!({"serviceAccountName": null, "serviceAccount": null}),
    }
}

fn service_account_path(it: &SaKey, named: bool) -> String {
    let all = format!("/api/v1/namespaces/{}/serviceaccounts", it.namespace);
    if named { format!("{all}/{}", it.name) } else { all }
}

fn patch(path: String, content_type: &'static str, body: Value) -> Call {
    Call::Kubernetes { verb: "PATCH", path, content_type: Some(content_type), body }
}

/// Entries of one container, merged by name; in `order`, where that is not empty.
pub(crate) fn env_patch(
    workload: &WorkloadKey,
    container: &str,
    init: bool,
    (entries, order): (Vec<Value>, &[Text]),
) -> Value {
    let list = if init { "initContainers" } else { "containers" };
    let mut patch = json!({"name": container, "env": entries});
    if !order.is_empty() {
        let order: Value = order.iter().map(|it| json!({"name": it})).collect();
        patch["$setElementOrder/env"] = order;
    }
    workload.in_template(json!({"spec": {list: [patch]}}))
}

fn aws(service: &'static str, operation: &'static str, parameters: Value) -> Call {
    Call::Aws { service, operation, parameters }
}

fn object(pairs: &[(Text, Text)]) -> Value {
    let members: Map<String, Value> =
        pairs.iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
    Value::Object(members)
}

fn key_values(tags: &[(Text, Text)]) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// Only what differs is sent to an update; a create sends what is not the default.
fn set_fields(parameters: &mut Value, was: Option<&AssociationFields>, now: &AssociationFields) {
    if was.is_none_or(|it| it.role_arn != now.role_arn) {
        parameters["roleArn"] = json!(now.role_arn);
    }
    let target = was.and_then(|it| it.target_role_arn.as_ref());
    if target != now.target_role_arn.as_ref() {
        // EKS takes an empty text for "none".
        parameters["targetRoleArn"] =
            now.target_role_arn.as_ref().map_or_else(|| json!(""), |it| json!(it));
    }
    if was.is_some_and(|it| it.disable_session_tags) != now.disable_session_tags {
        parameters["disableSessionTags"] = json!(now.disable_session_tags);
    }
    if was.and_then(|it| it.policy.as_ref()) != now.policy.as_ref() {
        parameters["policy"] = now.policy.as_ref().map_or_else(|| json!(""), |it| json!(it));
    }
}

impl Place {
    /// `spec.template.metadata.labels[KEY]`.
    pub(crate) fn field(self, key: &str) -> String {
        format!("spec.template.metadata.{}[{key}]", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_that_names_no_service_account_loses_the_alias_too() {
        let check = |name: Option<&str>, expected: Value| {
            let workload = WorkloadKey::new(WorkloadKind::Deployment, "shop", "web");
            let edit = Edit::UseServiceAccount { workload, was: None, name: name.map(Into::into) };
            let Call::Kubernetes { body, .. } = edit.call("prod", "") else { panic!("{edit:?}") };
            assert_eq!(body, json!({"spec": {"template": {"spec": expected}}}));
        };
        check(Some("web"), json!({"serviceAccountName": "web"}));
        check(None, json!({"serviceAccountName": null, "serviceAccount": null}));
    }
}
