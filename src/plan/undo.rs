//! How a plan that was carried out is put back: by content, not by id, and without deleting what somebody uses by now.

use crate::{
    fact::{Knowledge, Scope},
    graph::Graph,
    iam,
    ident::{Arn, SaKey, Text, Timestamp},
    plan::{AssociationFields, Edit, Entry, Names, RecordedStep, Shown, pretend, shown},
};
use serde_json::Value;

/// What puts an entry back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Undo {
    /// Last step first.
    pub edits: Vec<Edit>,
    /// What stays, with the reason.
    pub left: Vec<Left>,
}

/// A step that is not put back automatically.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    pub why: String,
    /// What a person may do after having looked; `None` where there is nothing to do.
    pub edit: Option<Edit>,
}

/// Works out what puts `entry` back in the world that was just read. Later steps are put back first, so what they used is
/// free again when its turn comes.
///
/// A step whose answer never came is among them: whether it was written is read before anything is.
pub fn undo(entry: &Entry, graph: &Graph, now: Timestamp) -> Undo {
    let mut world = graph.clone();
    let mut res = Undo::default();
    for (index, step) in entry.steps.iter().enumerate().rev() {
        let (Some(edit), Some(undo)) = (entry.plan.edits.get(index), entry.plan.undo.get(index))
        else {
            continue;
        };
        // What a restart did is put back by another one, where pods have to return to what they had.
        if !step.may_be_written() || matches!(edit, Edit::Restart { .. }) {
            continue;
        }
        let back = match back(&world, edit, undo, step) {
            Ok(it) => it,
            Err(why) => {
                res.left.push(Left { why, edit: None });
                continue;
            }
        };
        let (back, found) = match shown(&world, &back) {
            // Somebody has put it back, or it was never written.
            Shown::After => continue,
            Shown::Other => match beside_others(&world, &back) {
                Some(it) => {
                    let found = shown(&world, &it);
                    (it, found)
                }
                None => (back, Shown::Other),
            },
            it @ (Shown::Before | Shown::NotKnown) => (back, it),
        };
        if found == Shown::After {
            continue;
        }
        if let Err(why) = may_go(&world, &back) {
            res.left.push(Left { why, edit: Some(back) });
            continue;
        }
        // Nothing would be written over it; what it is like now is for a person to look at.
        if found == Shown::Other {
            let why =
                format!("{} was changed since; look at it before putting it back", what(&back));
            // A document is written whole, and theirs would be lost.
            let edit = Some(back).filter(|it| !matches!(it, Edit::SetTrust { .. }));
            res.left.push(Left { why, edit });
            continue;
        }
        pretend(&mut world, &back, now);
        res.edits.push(back);
    }
    res
}

/// What puts a trust policy back that somebody else has changed since in other statements: theirs stay as they are. `None`
/// where the statements that the fix wrote are not there any more as it wrote them.
fn beside_others(graph: &Graph, back: &Edit) -> Option<Edit> {
    let Edit::SetTrust { role, was: ours, document: before, change } = back else { return None };
    let present = &graph.role(role).known()?.trust;
    let parsed = |it: &Text| iam::Document::parse(it.clone(), iam::Kind::Trust).parsed.ok();
    let (ours, before) = (parsed(ours)?, parsed(before)?);
    let mut wanted = present.parsed.as_ref().ok()?.clone();
    let is_in = |it: &iam::Policy, of: &iam::Statement| it.statements.contains(of);
    let mut gone = before.statements.iter().filter(|it| !is_in(&ours, it));
    for written in ours.statements.iter().filter(|it| !is_in(&before, it)) {
        let at = wanted.statements.iter().position(|it| it == written)?;
        match gone.next() {
            Some(it) => wanted.statements[at] = it.clone(),
            None => drop(wanted.statements.remove(at)),
        }
    }
    wanted.statements.extend(gone.cloned());
    // A policy lets somebody in.
    if wanted.statements.is_empty() {
        return None;
    }
    let document = present.rewritten(&wanted, iam::Kind::Trust)?;
    Some(Edit::SetTrust {
        role: role.clone(),
        was: present.raw.clone(),
        document: document.into(),
        change: *change,
    })
}

/// What an edit is about, as a person calls it.
fn what(edit: &Edit) -> String {
    match edit {
        Edit::Annotate { service_account: it, key, .. } => {
            format!("annotation `{key}` of ServiceAccount `{it}`")
        }
        Edit::CreateServiceAccount { service_account: it, .. }
        | Edit::DeleteServiceAccount { service_account: it, .. } => {
            format!("ServiceAccount `{it}`")
        }
        Edit::UseServiceAccount { workload: it, .. } => format!("the ServiceAccount of {it}"),
        Edit::SetEnv { workload: it, container, .. }
        | Edit::RestoreEnv { workload: it, container, .. } => {
            format!("the environment of container `{container}` of {it}")
        }
        Edit::SetMetadata { workload: it, key, .. } => format!("`{key}` of {it}"),
        Edit::Restart { workload: it } => it.to_string(),
        Edit::CreateProvider { issuer, .. } => format!("OIDC provider `{issuer}`"),
        Edit::DeleteProvider { arn: it, .. }
        | Edit::AddClientId { provider: it, .. }
        | Edit::RemoveClientId { provider: it, .. }
        | Edit::SetThumbprints { provider: it, .. } => format!("OIDC provider `{it}`"),
        Edit::SetTrust { role, .. } => format!("the trust policy of `{role}`"),
        Edit::CreateAssociation { service_account: it, .. }
        | Edit::UpdateAssociation { service_account: it, .. }
        | Edit::DeleteAssociation { service_account: it, .. } => {
            format!("the association of `{it}`")
        }
        Edit::CreateAddon { name } | Edit::DeleteAddon { name } => format!("add-on `{name}`"),
    }
}

/// The undo of one step, with what only the answer told, or what is there now if that is what the step made.
fn back(
    graph: &Graph,
    edit: &Edit,
    undo: &Result<Edit, String>,
    step: &RecordedStep,
) -> Result<Edit, String> {
    let made = |name: &str| step.made.as_ref().and_then(|it| it.get(name));
    let text = |name: &str| made(name).and_then(Value::as_str).map(Text::from);
    match (edit, undo) {
        (Edit::CreateAssociation { service_account, fields }, _) => {
            let id =
                text("associationId").or_else(|| same_association(graph, service_account, fields));
            let id = id.ok_or_else(|| {
                format!("the association of `{service_account}` is not the one that was made")
            })?;
            Ok(Edit::DeleteAssociation {
                id,
                service_account: service_account.clone(),
                was: fields.clone(),
            })
        }
        (_, Ok(Edit::DeleteServiceAccount { service_account: key, annotations, labels, .. })) => {
            let found = || Some(graph.service_account(key).known()?.uid.clone());
            let uid = text("uid").or_else(found);
            let uid = uid.ok_or_else(|| format!("ServiceAccount `{key}` is not there any more"))?;
            Ok(Edit::DeleteServiceAccount {
                service_account: key.clone(),
                uid,
                annotations: annotations.clone(),
                labels: labels.clone(),
            })
        }
        (_, Ok(Edit::RestoreEnv { workload, container, init, names, .. })) => {
            let revision = made("revision").and_then(Value::as_i64);
            let revision = revision
                .ok_or_else(|| format!("cannot be undone: {workload} kept no older revision"))?;
            Ok(Edit::RestoreEnv {
                workload: workload.clone(),
                container: container.clone(),
                init: *init,
                names: names.clone(),
                revision,
            })
        }
        (_, Ok(Edit::SetEnv { workload, container, init, changes, .. })) => {
            let order = step.before.as_ref().and_then(|it| it["order"].as_array());
            let names = order.into_iter().flatten().filter_map(Value::as_str).map(Text::from);
            Ok(Edit::SetEnv {
                workload: workload.clone(),
                container: container.clone(),
                init: *init,
                changes: changes.clone(),
                order: names.collect(),
            })
        }
        (_, Ok(it)) => Ok(it.clone()),
        (_, Err(it)) => Err(it.clone()),
    }
}

/// The id of the ServiceAccount's association if it is exactly what was made.
fn same_association(graph: &Graph, key: &SaKey, fields: &AssociationFields) -> Option<Text> {
    let it = graph.association_of(key).known()?;
    let detail = it.detail.as_ref().known()?;
    (AssociationFields::from(detail) == *fields && it.owner_arn.is_none()).then(|| it.id.clone())
}

/// Whether what the plan made may be deleted again: only while it is as it was made and nobody uses it.
fn may_go(graph: &Graph, edit: &Edit) -> Result<(), String> {
    match edit {
        Edit::DeleteServiceAccount { service_account: key, .. } => unused_account(graph, key),
        Edit::DeleteProvider { arn, client_ids } => unused_provider(graph, arn, client_ids),
        Edit::DeleteAssociation { id, service_account, .. } => match shown(graph, edit) {
            Shown::Before | Shown::After => Ok(()),
            Shown::Other => Err(format!(
                "association `{id}` of `{service_account}` was changed since; look at it before deleting it"
            )),
            Shown::NotKnown => Err(format!("association `{id}` could not be read")),
        },
        Edit::DeleteAddon { name } => Err(format!(
            "add-on `{name}` stays: pods may depend on it by now; look before deleting it"
        )),
        Edit::Annotate { .. }
        | Edit::CreateServiceAccount { .. }
        | Edit::UseServiceAccount { .. }
        | Edit::SetEnv { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::Restart { .. }
        | Edit::CreateProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. }
        | Edit::SetTrust { .. }
        | Edit::CreateAssociation { .. }
        | Edit::UpdateAssociation { .. }
        | Edit::CreateAddon { .. } => Ok(()),
    }
}

fn unused_account(graph: &Graph, key: &SaKey) -> Result<(), String> {
    let namespace = || Some(key.namespace.clone());
    let read = |make: fn(Option<Text>) -> Scope| {
        let is_known = |it: Scope| graph.listed(&it).is_known();
        is_known(make(None)) || is_known(make(namespace()))
    };
    if !read(|namespace| Scope::Pods { namespace }) {
        return Err(format!("ServiceAccount `{key}` stays: who uses it could not be read"));
    }
    let pods = graph.pods_of(key).filter(|it| !it.completed()).count();
    let workloads = graph.workloads_of(key).count();
    let association = graph.association_of(key).is_known();
    match (pods, workloads, association) {
        (0, 0, false) => Ok(()),
        (0, 0, true) => Err(format!("ServiceAccount `{key}` stays: it has an association")),
        (pods, workloads, _) => Err(format!(
            "ServiceAccount `{key}` stays: {pods} pods and {workloads} workloads use it"
        )),
    }
}

fn unused_provider(graph: &Graph, arn: &Arn, client_ids: &[Text]) -> Result<(), String> {
    let stays = |why: String| Err(format!("OIDC provider `{arn}` stays: {why}"));
    let account = arn.account().or_else(|| Names::of(graph).account);
    let scope = account.map(|it| Scope::Roles { account: it.as_str().into() });
    if !scope.is_some_and(|it| graph.listed(&it).is_known()) {
        return stays("which roles trust it could not be read".to_owned());
    }
    let trusting = graph.roles_trusting(arn);
    if let Some(first) = trusting.first() {
        let more = match trusting.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        return stays(format!("role `{}`{more} trusts it", first.arn));
    }
    match graph.provider_at(arn) {
        Knowledge::Known(it) => match &it.detail {
            Knowledge::Known(it) if it.client_ids == client_ids => Ok(()),
            Knowledge::Known(_) => stays("its client ids were changed since".to_owned()),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
                stays("it could not be read".to_owned())
            }
        },
        Knowledge::Absent => Ok(()),
        Knowledge::Denied(_) | Knowledge::NotYet => stays("it could not be read".to_owned()),
    }
}
