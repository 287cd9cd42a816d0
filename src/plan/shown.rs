//! Whether facts that were read after a write show it already.

use crate::{
    fact::{EnvValue, Knowledge},
    graph::Graph,
    plan::{AssociationFields, Edit, EnvEntry, Place, RESTARTED_AT, RecordedStep},
};

/// What the facts say of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// They are as it leaves them.
    After,
    /// They are as it expects to find them.
    Before,
    /// Neither.
    Other,
    /// They do not tell.
    NotKnown,
}

/// How the facts stand to an edit.
pub fn shown(graph: &Graph, edit: &Edit) -> Shown {
    match edit {
        Edit::Annotate { service_account, key, was, value } => {
            match graph.service_account(service_account) {
                Knowledge::Known(it) => {
                    let now = it.annotation(key);
                    compare(now == was.as_ref(), now == value.as_ref())
                }
                Knowledge::Absent => Shown::Other,
                Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
            }
        }
        Edit::CreateServiceAccount { service_account, annotations, .. } => {
            match graph.service_account(service_account) {
                Knowledge::Known(it) => {
                    // Only annotations that are about identities are among the facts.
                    let mut told =
                        annotations.iter().filter(|(it, _)| it.starts_with("eks.amazonaws.com/"));
                    let has = told.all(|(key, value)| it.annotation(key) == Some(value));
                    compare(false, has)
                }
                it => absent(&it),
            }
        }
        Edit::DeleteServiceAccount { service_account, uid, .. } => {
            gone(&graph.service_account(service_account), |it| it.uid == *uid)
        }
        Edit::UseServiceAccount { workload, was, name } => {
            let Some(it) = graph.workload(workload.kind, &workload.namespace, &workload.name)
            else {
                return Shown::NotKnown;
            };
            let spec = &it.template;
            let now = spec.service_account_named.then_some(&spec.service_account);
            compare(now == was.as_ref(), now == name.as_ref())
        }
        Edit::SetEnv { workload, container, changes, .. } => {
            let Some(it) = graph.workload(workload.kind, &workload.namespace, &workload.name)
            else {
                return Shown::NotKnown;
            };
            let found = it.template.containers.iter().find(|it| it.name == *container);
            let is = |name: &str, entry: &Option<EnvEntry>| {
                let now = found.and_then(|it| it.env(name));
                match (now, entry) {
                    (None, None) => true,
                    (Some(EnvValue::Literal(now)), Some(EnvEntry::Value(it))) => now == it,
                    (Some(EnvValue::Redacted), Some(EnvEntry::Hidden)) => true,
                    (Some(EnvValue::From(now)), Some(EnvEntry::From(it))) => now == it,
                    (Some(_), _) | (None, Some(_)) => false,
                }
            };
            compare(
                changes.iter().all(|it| is(&it.name, &it.was)),
                changes.iter().all(|it| is(&it.name, &it.entry)),
            )
        }
        Edit::RestoreEnv { workload, container, names, .. } => {
            let Some(it) = graph.workload(workload.kind, &workload.namespace, &workload.name)
            else {
                return Shown::NotKnown;
            };
            let found = it.template.containers.iter().find(|it| it.name == *container);
            let has = |name: &str| found.is_some_and(|it| it.env(name).is_some());
            compare(names.iter().all(|it| !has(it)), names.iter().all(|it| has(it)))
        }
        Edit::SetMetadata { workload, place, key, was, value } => {
            let Some(it) = graph.workload(workload.kind, &workload.namespace, &workload.name)
            else {
                return Shown::NotKnown;
            };
            let now = match place {
                Place::Labels => it.template.label(key),
                Place::Annotations => it.template.annotation(key),
            };
            compare(now == was.as_ref(), now == value.as_ref())
        }
        // When it was restarted is not among the facts.
        Edit::Restart { .. } => Shown::NotKnown,
        Edit::CreateProvider { partition, account, issuer, client_ids, .. } => {
            let provider = graph.provider_at(&issuer.provider_arn(partition, account));
            match &provider {
                Knowledge::Known(it) => match &it.detail {
                    Knowledge::Known(it) => {
                        compare(false, client_ids.iter().all(|id| it.client_ids.contains(id)))
                    }
                    Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
                },
                it => absent(it),
            }
        }
        Edit::DeleteProvider { arn, .. } => gone(&graph.provider_at(arn), |_| true),
        Edit::AddClientId { provider, client_id } => {
            let has = client_ids(graph, provider).map(|it| it.contains(client_id));
            has.map_or(Shown::NotKnown, |has| compare(!has, has))
        }
        Edit::RemoveClientId { provider, client_id } => {
            let has = client_ids(graph, provider).map(|it| it.contains(client_id));
            has.map_or(Shown::NotKnown, |has| compare(has, !has))
        }
        Edit::SetThumbprints { provider, was, thumbprints } => match graph.provider_at(provider) {
            Knowledge::Known(it) => match &it.detail {
                Knowledge::Known(it) => {
                    compare(it.thumbprints == *was, it.thumbprints == *thumbprints)
                }
                Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
            },
            Knowledge::Absent => Shown::Other,
            Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
        },
        Edit::SetTrust { role, was, document, .. } => match graph.role(role) {
            Knowledge::Known(it) => compare(it.trust.raw == *was, it.trust.raw == *document),
            Knowledge::Absent => Shown::Other,
            Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
        },
        Edit::CreateAssociation { service_account, fields } => {
            match graph.association_of(service_account) {
                Knowledge::Known(it) => has_fields(it.detail.as_ref(), None, Some(fields)),
                it => absent(&it),
            }
        }
        Edit::UpdateAssociation { id, was, fields, .. } => match graph.association(id) {
            Some(it) => it.detail.as_ref().known().map_or(Shown::NotKnown, |it| {
                let it = AssociationFields::from(it);
                compare(it.gives_as(was), it.gives_as(fields))
            }),
            None => Shown::NotKnown,
        },
        Edit::DeleteAssociation { id, service_account, was } => match graph.association(id) {
            Some(it) => has_fields(it.detail.as_ref(), Some(was), None),
            None => match graph.association_of(service_account) {
                Knowledge::Absent => Shown::After,
                // Another one took its place.
                Knowledge::Known(_) => Shown::After,
                Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
            },
        },
        Edit::CreateAddon { name } => match graph.addon(name) {
            Knowledge::Known(_) => Shown::After,
            it => absent(&it),
        },
        Edit::DeleteAddon { name } => gone(&graph.addon(name), |_| true),
    }
}

/// As [`shown`], for a step that the journal has: what was announced before it was written tells a restart from others.
pub fn shown_step(graph: &Graph, edit: &Edit, step: &RecordedStep) -> Shown {
    let Edit::Restart { workload: key } = edit else { return shown(graph, edit) };
    let (Some(it), Some(kept)) =
        (graph.workload(key.kind, &key.namespace, &key.name), step.before.as_ref())
    else {
        return Shown::NotKnown;
    };
    let Some(announced) = kept["restartedAt"].as_str() else { return Shown::NotKnown };
    let now = it.template.annotation(RESTARTED_AT).map(|it| &**it);
    compare(now == kept["value"].as_str(), now == Some(announced))
}

fn compare(before: bool, after: bool) -> Shown {
    match (before, after) {
        (_, true) => Shown::After,
        (true, false) => Shown::Before,
        (false, false) => Shown::Other,
    }
}

/// Of what is to be made and is not known to exist.
fn absent<T>(it: &Knowledge<T>) -> Shown {
    match it {
        Knowledge::Absent => Shown::Before,
        Knowledge::Known(_) => Shown::Other,
        Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
    }
}

/// Of what is to go.
fn gone<T>(it: &Knowledge<T>, is_it: impl FnOnce(&T) -> bool) -> Shown {
    match it {
        Knowledge::Absent => Shown::After,
        Knowledge::Known(it) => compare(is_it(it), false),
        Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
    }
}

fn client_ids<'a>(
    graph: &'a Graph,
    provider: &crate::ident::Arn,
) -> Option<&'a Vec<crate::ident::Text>> {
    match graph.provider_at(provider) {
        Knowledge::Known(it) => match &it.detail {
            Knowledge::Known(it) => Some(&it.client_ids),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        },
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
    }
}

fn has_fields(
    detail: Knowledge<&crate::fact::AssociationDetail>,
    was: Option<&AssociationFields>,
    now: Option<&AssociationFields>,
) -> Shown {
    match detail {
        Knowledge::Known(it) => {
            let it = AssociationFields::from(it);
            compare(was.is_some_and(|was| was == &it), now.is_some_and(|now| it.is_made_as(now)))
        }
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Shown::NotKnown,
    }
}
