//! What would put an edit back, as far as that is known before it is written; else why nothing does.

use crate::{
    fact::Knowledge,
    graph::Graph,
    ident::{Text, WorkloadKind},
    plan::{AssociationFields, Edit, EnvChange, EnvEntry, WorkloadKey},
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
