//! Whole objects: those of the cluster are read when they are asked for, those of AWS are written from what is known.

use crate::{
    event::Document,
    fact::{Association, IamRole, Knowledge, OidcProvider, Policies},
    ident::{Ref, Text, Timestamp},
    model::{Mode, Model, Page, PageKind, Request},
    tree::RowId,
};
use serde_json::{Map, Value, json};

/// One object, or that it is being read.
#[derive(Debug)]
pub struct Yaml {
    pub of: Ref,
    pub content: Content,
    pub with_managed_fields: bool,
}

#[derive(Debug)]
pub enum Content {
    Reading,
    Read(Document),
    Failed(Text),
}

impl Yaml {
    /// What is to be seen of it; `None` while there is nothing.
    pub fn text(&self) -> Option<&Text> {
        match &self.content {
            Content::Read(it) if self.with_managed_fields => {
                Some(it.with_managed_fields.as_ref().unwrap_or(&it.text))
            }
            Content::Read(it) => Some(&it.text),
            Content::Reading | Content::Failed(_) => None,
        }
    }

    /// Whether the API server has it, and can be asked again.
    pub fn is_of_cluster(&self) -> bool {
        is_of_cluster(&self.of)
    }
}

fn is_of_cluster(of: &Ref) -> bool {
    match of {
        Ref::Namespace(_)
        | Ref::ServiceAccount(_)
        | Ref::Pod { .. }
        | Ref::Workload { .. }
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. } => true,
        Ref::Cluster
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => false,
    }
}

impl Model {
    /// The object that `y` would show; `None` where there is none, or it was not read.
    pub(in crate::model) fn yaml_of_current(&self) -> Option<Ref> {
        let of = match self.about()? {
            RowId::Node(it) | RowId::Under(_, it) => it,
            RowId::Container { namespace, pod, .. } => Ref::Pod { namespace, name: pod },
            RowId::Cause(it) => it.of,
            RowId::Context(_) | RowId::Profile(_) | RowId::Source(_) | RowId::Alias(_) => {
                return None;
            }
        };
        (is_of_cluster(&of) || self.object_of_account(&of).is_some()).then_some(of)
    }

    pub(in crate::model) fn open_yaml(&mut self, of: Ref) -> Vec<Request> {
        let (content, requests) = match self.object_of_account(&of) {
            Some(it) => {
                let text = serde_saphyr::to_string(&it).unwrap_or_else(|it| it.to_string());
                let document = Document { text: text.into(), with_managed_fields: None };
                (Content::Read(document), Vec::new())
            }
            None => (Content::Reading, vec![Request::Document(of.clone())]),
        };
        self.open_page(PageKind::Yaml(Yaml { of, content, with_managed_fields: false }));
        requests
    }

    /// Asks for the open object again.
    pub(in crate::model) fn reread_yaml(&mut self) -> Vec<Request> {
        match &self.mode {
            Mode::Page(Page { kind: PageKind::Yaml(it), .. }) if it.is_of_cluster() => {
                vec![Request::Document(it.of.clone())]
            }
            Mode::Page(_) | Mode::List | Mode::Details => Vec::new(),
        }
    }

    pub(in crate::model) fn toggle_managed_fields(&mut self) {
        if let Mode::Page(Page { kind: PageKind::Yaml(it), .. }) = &mut self.mode {
            it.with_managed_fields = !it.with_managed_fields;
        }
    }

    /// An answer for whoever still looks at it.
    pub(in crate::model) fn read(&mut self, of: &Ref, answer: Result<Document, Text>) {
        if let Mode::Page(Page { kind: PageKind::Yaml(it), .. }) = &mut self.mode
            && it.of == *of
        {
            it.content = match answer {
                Ok(it) => Content::Read(it),
                Err(it) => Content::Failed(it),
            };
        }
    }

    /// What AWS said of it; `None` for what AWS does not have, or has not said yet.
    fn object_of_account(&self, of: &Ref) -> Option<Value> {
        let graph = &self.graph;
        match of {
            Ref::Role(arn) => match graph.role(arn) {
                Knowledge::Known(it) => Some(role(it)),
                Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
            },
            Ref::Association(id) => graph.association(id).map(association),
            Ref::Provider(arn) => self.provider(arn).map(provider),
            Ref::Addon(name) => {
                let it = graph.addon(name).known()?;
                Some(json!({
                    "addonName": *it.name, "addonVersion": *it.version, "status": *it.status,
                    "serviceAccountRoleArn": it.service_account_role.as_ref().map(|it| it.as_str()),
                    "configurationValues": it.configuration.as_deref(),
                    "health": pairs(&it.health_issues),
                }))
            }
            Ref::Nodegroup(name) => {
                let it = graph.nodegroup(name).known()?;
                Some(json!({
                    "nodegroupName": *it.name, "status": *it.status,
                    "nodeRole": it.node_role.as_ref().map(|it| it.as_str()),
                }))
            }
            Ref::Cluster => {
                let it = graph.cluster().known()?;
                Some(json!({
                    "arn": it.arn.as_str(), "name": *it.name, "region": *it.region,
                    "version": *it.version, "platformVersion": *it.platform_version,
                    "status": *it.status, "createdAt": at(it.created),
                    "endpoint": it.endpoint.as_deref(),
                    "issuer": it.issuer.as_ref().map(|it| it.as_str()),
                    "authenticationMode": *it.authentication_mode,
                    "autoMode": it.auto_mode,
                    "tags": pairs(&it.tags),
                }))
            }
            Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. } => None,
        }
    }
}

fn at(it: Option<Timestamp>) -> Option<String> {
    it.map(|it| it.to_string())
}

fn pairs(them: &[(Text, Text)]) -> Value {
    let map: Map<String, Value> =
        them.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect();
    Value::Object(map)
}

/// What is not known says so, rather than nothing.
fn known<T>(it: Knowledge<&T>, tell: impl FnOnce(&T) -> Value) -> Value {
    match it {
        Knowledge::Known(it) => tell(it),
        Knowledge::Absent => Value::Null,
        Knowledge::Denied(it) => Value::from(format!("(not read: {} denied)", it.permission)),
        Knowledge::NotYet => Value::from("(not read)"),
    }
}

/// A policy as the JSON that it is; verbatim where it is none.
fn policy(raw: &str) -> Value {
    serde_json::from_str(raw).unwrap_or_else(|_| Value::from(raw))
}

fn role(it: &IamRole) -> Value {
    json!({
        "arn": it.arn.as_str(),
        "roleId": *it.id,
        "createDate": at(it.created),
        "maxSessionDuration": it.max_session_seconds,
        "assumeRolePolicyDocument": policy(&it.trust.raw),
        "policies": known(it.policies.as_ref(), policies),
        "permissionsBoundary": known(it.permissions_boundary.as_ref(), |it| {
            Value::from(it.as_ref().map(|it| it.as_str()))
        }),
        "roleLastUsed": known(it.last_used.as_ref(), |it| {
            json!({"lastUsedDate": at(it.at), "region": it.region.as_deref()})
        }),
        "tags": known(it.tags.as_ref(), |it| pairs(it)),
    })
}

fn policies(it: &Policies) -> Value {
    let attached: Vec<&str> = it.attached.iter().map(|it| it.arn.as_str()).collect();
    let inline: Map<String, Value> =
        it.inline.iter().map(|(name, it)| (name.to_string(), policy(&it.raw))).collect();
    json!({"attached": attached, "inline": inline})
}

fn association(it: &Association) -> Value {
    let detail = known(it.detail.as_ref(), |it| {
        json!({
            "roleArn": it.role_arn.as_str(),
            "targetRoleArn": it.target_role_arn.as_ref().map(|it| it.as_str()),
            "externalId": it.external_id.as_deref(),
            "disableSessionTags": it.disable_session_tags,
            "policy": it.policy.as_deref().map(policy),
            "createdAt": at(it.created),
            "modifiedAt": at(it.modified),
            "tags": pairs(&it.tags),
        })
    });
    json!({
        "associationId": *it.id,
        "associationArn": it.arn.as_ref().map(|it| it.as_str()),
        "namespace": *it.service_account.namespace,
        "serviceAccount": *it.service_account.name,
        "ownerArn": it.owner_arn.as_ref().map(|it| it.as_str()),
        "detail": detail,
    })
}

fn provider(it: &OidcProvider) -> Value {
    let detail = known(it.detail.as_ref(), |it| {
        json!({
            "url": *it.url,
            "clientIdList": it.client_ids,
            "thumbprintList": it.thumbprints,
            "createDate": at(it.created),
            "tags": pairs(&it.tags),
        })
    });
    json!({"arn": it.arn.as_str(), "detail": detail})
}
