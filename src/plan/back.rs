//! What would put an edit back, as far as that is known before it is written; else why nothing does.

use crate::{
    fact::{AssociationDetail, Knowledge},
    graph::Graph,
    iam,
    ident::{Arn, SaKey, Text, WorkloadKind},
    plan::{AssociationFields, Edit, EnvChange, EnvEntry, Warning, WorkloadKey, tags},
};

/// Whether EKS would take an association with these fields again.
pub(crate) fn takes_role(graph: &Graph, fields: &AssociationFields) -> Result<(), String> {
    match graph.role(&fields.role_arn) {
        Knowledge::Absent => {
            Err(format!("role `{}` does not exist, and EKS takes no such role", fields.role_arn))
        }
        Knowledge::Known(_) | Knowledge::Denied(_) | Knowledge::NotYet => Ok(()),
    }
}

/// What makes a deleted association again: everything that can be set of one.
pub(crate) fn association(
    graph: &Graph,
    key: &SaKey,
    was: &AssociationFields,
) -> Result<Edit, String> {
    takes_role(graph, was)?;
    if 1 < graph.associations_of(key).count() {
        return Err(format!(
            "cannot be undone: EKS takes one association of a ServiceAccount, and another of `{key}` is there"
        ));
    }
    let mut fields = was.clone();
    fields.tags.retain(|it| !tags::is_hidden(it));
    Ok(Edit::CreateAssociation { service_account: key.clone(), fields })
}

/// What goes with an association, and what of it does not come back by an undo.
pub(crate) fn lost(graph: &Graph, key: &SaKey, it: &AssociationDetail) -> Vec<Warning> {
    let mut res = Vec::new();
    let mut say = |grave: bool, text: String| res.push(Warning { grave, text });
    // By an annotation, or as the node, nothing limits them so.
    if it.policy.is_some() {
        say(
            true,
            format!(
                "the session policy of the association, which limits what the pods of `{key}` may do, goes with it"
            ),
        );
    }
    let fields = AssociationFields::from(it);
    for (name, _) in fields.tags.iter().filter(|it| tags::is_hidden(it)) {
        say(
            false,
            format!(
                "cannot be undone whole: tag `{name}` of the association looks like a credential, so it is not kept"
            ),
        );
    }
    let of_aws: Vec<&str> =
        it.tags.iter().map(|(name, _)| &**name).filter(|it| tags::is_of_aws(it)).collect();
    if !of_aws.is_empty() {
        say(
            false,
            format!(
                "cannot be undone whole: nobody but AWS can set `{}` again",
                of_aws.join("`, `")
            ),
        );
    }
    let (Some(target), Some(old)) = (&it.target_role_arn, &it.external_id) else { return res };
    let new = external_id(graph, key);
    if new.as_ref() == Some(old) {
        return res;
    }
    match asked_of(graph, target) {
        Knowledge::Known(asked) if !asked.iter().any(|it| iam::glob_matches(it, old)) => {}
        Knowledge::Known(_) => say(
            true,
            format!(
                "an undo gives the association another external id than `{old}`, for which the trust policy of `{target}` asks: that has to be changed then"
            ),
        ),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => say(
            false,
            format!(
                "an undo gives the association another external id than `{old}`; whether the trust policy of `{target}` asks for that one is not known"
            ),
        ),
    }
    res
}

/// Whether the target role of an association that is made asks for another external id than it gets.
pub(crate) fn refused_by_target(
    graph: &Graph,
    key: &SaKey,
    fields: &AssociationFields,
) -> Option<Warning> {
    let target = fields.target_role_arn.as_ref()?;
    let new = external_id(graph, key)?;
    let asked = asked_of(graph, target).known()?;
    if asked.is_empty() || asked.iter().any(|it| iam::glob_matches(it, &new)) {
        return None;
    }
    Some(Warning {
        grave: true,
        text: format!(
            "EKS gives the association external id `{new}`, and the trust policy of `{target}` asks for `{}`: it has to be changed too",
            asked.join("`, `")
        ),
    })
}

/// What EKS gives an association that is made, by its documentation.
fn external_id(graph: &Graph, key: &SaKey) -> Option<Text> {
    let it = graph.cluster().known()?;
    let SaKey { namespace, name } = key;
    Some(format!("{}/{}/{}/{namespace}/{name}", it.region, it.account, it.name).into())
}

/// The external ids that the statements of a role's trust policy ask for.
fn asked_of(graph: &Graph, role: &Arn) -> Knowledge<Vec<Text>> {
    graph.role(role).map(|it| {
        let statements = it.trust.parsed.as_ref().map(|it| it.statements.as_slice());
        let conditions = statements.unwrap_or_default().iter().flat_map(|it| &it.conditions);
        let asks = conditions.filter(|it| it.key.eq_ignore_ascii_case("sts:ExternalId"));
        asks.flat_map(|it| it.values.iter().cloned()).collect()
    })
}

/// Entries that were read go back as they were; those that were not come from an older revision of the owner, if it
/// keeps any.
pub(crate) fn env(
    workload: &WorkloadKey,
    container: &Text,
    init: bool,
    changes: &[EnvChange],
) -> Result<Edit, String> {
    let is_unread = |it: &EnvChange| matches!(it.was, Some(EnvEntry::Hidden | EnvEntry::From(_)));
    if !changes.iter().any(is_unread) {
        let back = |it: &EnvChange| EnvChange {
            name: it.name.clone(),
            was: it.entry.clone(),
            entry: it.was.clone(),
        };
        return Ok(Edit::SetEnv {
            workload: workload.clone(),
            container: container.clone(),
            init,
            changes: changes.iter().map(back).collect(),
            // Which it was, whoever writes reads.
            order: Vec::new(),
        });
    }
    if changes.iter().any(|it| it.entry.is_some()) {
        // One edit cannot do both: the older revision brings back what was hidden, and only that.
        return Err(
            "cannot be undone: it takes a value away that was never read, and writes another"
                .into(),
        );
    }
    match workload.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            Ok(Edit::RestoreEnv {
                workload: workload.clone(),
                container: container.clone(),
                init,
                names: changes.iter().map(|it| it.name.clone()).collect(),
                // The present one; the journal has its number.
                revision: 0,
            })
        }
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => Err(format!(
            "cannot be undone: a {} keeps no older revision, and the value was never read",
            workload.kind.as_str()
        )),
    }
}
