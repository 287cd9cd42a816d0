//! What the facts would be after an edit. The finding that it repairs must be gone then, and nothing new be there.

use crate::{
    fact::{
        Addon, Association, AssociationDetail, Change, Container, EnvValue, EnvVar, Fact,
        Knowledge, OidcProvider, PodSpec, ProviderDetail, ServiceAccount, Workload,
    },
    graph::Graph,
    iam,
    ident::{Arn, Ref, Text, Timestamp},
    plan::{AssociationFields, Edit, EnvChange, EnvEntry, Place, WorkloadKey},
};
use std::sync::Arc;

/// Makes the edit in the graph alone; the units that it concerns.
pub fn pretend(graph: &mut Graph, edit: &Edit, now: Timestamp) -> Vec<Ref> {
    let changes = simulate(graph, edit, now);
    changes.into_iter().flat_map(|it| graph.apply(it)).collect()
}

/// The changes of the facts, as if the edit had been made and read back at `now`. Pods are left as they are: what
/// happens to them is for whoever makes them anew. Empty when what it changes is not there.
pub fn simulate(graph: &Graph, edit: &Edit, now: Timestamp) -> Vec<Change> {
    match edit {
        Edit::Annotate { service_account, key, value, .. } => {
            let Knowledge::Known(it) = graph.service_account(service_account) else {
                return Vec::new();
            };
            let mut it: ServiceAccount = it.clone();
            set(&mut it.annotations, key, value.as_ref());
            if &**key == ServiceAccount::ROLE_ARN {
                it.annotation_changed = value.as_ref().map(|_| now);
            }
            upsert(Fact::ServiceAccount(it))
        }
        Edit::CreateServiceAccount { service_account, annotations, labels } => {
            upsert(Fact::ServiceAccount(ServiceAccount {
                key: service_account.clone(),
                uid: "".into(),
                created: Some(now),
                annotations: sorted(annotations),
                labels: sorted(labels),
                annotation_changed: Some(now),
                annotation_manager: None,
            }))
        }
        Edit::DeleteServiceAccount { service_account, .. } => {
            vec![Change::Remove(Ref::ServiceAccount(service_account.clone()))]
        }
        Edit::UseServiceAccount { workload, name, .. } => template(graph, workload, |spec| {
            spec.service_account = name.clone().unwrap_or_else(|| "default".into());
            spec.service_account_named = name.is_some();
        }),
        Edit::SetEnv { workload, container, init: _, changes, order: _ } => {
            template(graph, workload, |spec| {
                if let Some(it) = spec.containers.iter_mut().find(|it| it.name == *container) {
                    set_env(it, changes);
                }
            })
        }
        // What an older revision has is not among the facts.
        Edit::RestoreEnv { .. } | Edit::Restart { .. } => Vec::new(),
        Edit::SetMetadata { workload, place: Place::Labels, key, value, .. } => {
            changed(graph, workload, |it| {
                let mut all = it.template_labels.to_vec();
                set(&mut all, key, value.as_ref());
                it.template_labels = all.into();
                set(&mut Arc::make_mut(&mut it.template).labels, key, value.as_ref());
            })
        }
        Edit::SetMetadata { workload, place: Place::Annotations, key, value, .. } => {
            template(graph, workload, |spec| set(&mut spec.annotations, key, value.as_ref()))
        }
        Edit::CreateProvider { partition, account, issuer, client_ids, tags } => {
            let arn = issuer.provider_arn(partition, account);
            upsert(Fact::Provider(OidcProvider {
                arn,
                url: issuer.as_str().into(),
                detail: Knowledge::Known(ProviderDetail {
                    url: issuer.as_str().into(),
                    client_ids: client_ids.clone(),
                    thumbprints: Vec::new(),
                    created: Some(now),
                    tags: tags.clone(),
                }),
            }))
        }
        Edit::DeleteProvider { arn, .. } => vec![Change::Remove(Ref::Provider(arn.clone()))],
        Edit::AddClientId { provider, client_id } => detail(graph, provider, |it| {
            if !it.client_ids.contains(client_id) {
                it.client_ids.push(client_id.clone());
            }
        }),
        Edit::RemoveClientId { provider, client_id } => {
            detail(graph, provider, |it| it.client_ids.retain(|it| it != client_id))
        }
        Edit::SetThumbprints { provider, thumbprints, .. } => {
            detail(graph, provider, |it| it.thumbprints.clone_from(thumbprints))
        }
        Edit::SetTrust { role, document, .. } => {
            let Knowledge::Known(it) = graph.role(role) else { return Vec::new() };
            let mut it = it.clone();
            it.trust = Arc::new(iam::Document::parse(document.clone(), iam::Kind::Trust));
            upsert(Fact::Role(it))
        }
        Edit::CreateAssociation { service_account, fields } => {
            upsert(Fact::Association(Association {
                id: format!("a-simulated-{service_account}").into(),
                arn: None,
                service_account: service_account.clone(),
                owner_arn: None,
                detail: Knowledge::Known(association(fields, None, now)),
            }))
        }
        Edit::UpdateAssociation { id, fields, .. } => {
            let Some(it) = graph.association(id) else { return Vec::new() };
            let mut it = it.clone();
            it.detail = it.detail.map(|was| association(fields, Some(was), now));
            upsert(Fact::Association(it))
        }
        Edit::DeleteAssociation { id, .. } => vec![Change::Remove(Ref::Association(id.clone()))],
        Edit::CreateAddon { name } => upsert(Fact::Addon(Addon {
            name: name.clone(),
            version: "".into(),
            status: "ACTIVE".into(),
            service_account_role: None,
            associations: Vec::new(),
            health_issues: Vec::new(),
            configuration: None,
        })),
        Edit::DeleteAddon { name } => vec![Change::Remove(Ref::Addon(name.clone()))],
    }
}

fn upsert(fact: Fact) -> Vec<Change> {
    vec![Change::Upsert(Box::new(fact))]
}

/// The workload, and those that it owns (a Deployment's newest template is its ReplicaSet's), with another template.
fn template(graph: &Graph, key: &WorkloadKey, change: impl Fn(&mut PodSpec)) -> Vec<Change> {
    changed(graph, key, |it| change(Arc::make_mut(&mut it.template)))
}

fn changed(graph: &Graph, key: &WorkloadKey, change: impl Fn(&mut Workload)) -> Vec<Change> {
    let Some(it) = graph.workload(key.kind, &key.namespace, &key.name) else { return Vec::new() };
    let mut res: Workload = it.clone();
    change(&mut res);
    res.create_errors = Vec::new();
    upsert(Fact::Workload(res))
}

fn detail(graph: &Graph, arn: &Arn, change: impl FnOnce(&mut ProviderDetail)) -> Vec<Change> {
    let Knowledge::Known(it) = graph.provider_at(arn) else { return Vec::new() };
    let mut it = it.clone();
    if let Knowledge::Known(detail) = &mut it.detail {
        change(detail);
    }
    upsert(Fact::Provider(it))
}

fn association(
    fields: &AssociationFields,
    was: Option<AssociationDetail>,
    now: Timestamp,
) -> AssociationDetail {
    let created = was.as_ref().map_or(Some(now), |it| it.created);
    let (external_id, tags) = was.map(|it| (it.external_id, it.tags)).unwrap_or_default();
    AssociationDetail {
        role_arn: fields.role_arn.clone(),
        target_role_arn: fields.target_role_arn.clone(),
        external_id,
        disable_session_tags: fields.disable_session_tags,
        policy: fields.policy.clone(),
        created,
        modified: Some(now),
        tags,
    }
}

fn set(pairs: &mut Vec<(Text, Text)>, key: &Text, value: Option<&Text>) {
    pairs.retain(|(it, _)| it != key);
    if let Some(it) = value {
        pairs.push((key.clone(), it.clone()));
        pairs.sort();
    }
}

fn sorted(pairs: &[(Text, Text)]) -> Vec<(Text, Text)> {
    let mut res = pairs.to_vec();
    res.sort();
    res
}

fn set_env(container: &mut Container, changes: &[EnvChange]) {
    for change in changes {
        let at = container.env.iter().position(|it| it.name == change.name);
        container.env.retain(|it| it.name != change.name);
        let value = match &change.entry {
            None => continue,
            Some(EnvEntry::Value(it)) => EnvValue::Literal(it.clone()),
            Some(EnvEntry::Hidden) => EnvValue::Redacted,
            Some(EnvEntry::From(it)) => EnvValue::From(it.clone()),
        };
        let at = at.unwrap_or(container.env.len()).min(container.env.len());
        container.env.insert(at, EnvVar { name: change.name.clone(), value });
    }
}
