//! FX-WL-ENV: variables of a pod template.

use crate::{
    check::{
        Applicability, Fix,
        fix::{job, title},
    },
    fact::{ContainerKind, EnvValue, Workload},
    ident::{Text, WorkloadKind},
    plan::{Edit, EnvChange, EnvEntry},
};

impl Fix {
    /// FX-WL-ENV: variables leave the template.
    pub(crate) fn unset_env(workload: &Workload, container: &str, names: &[&str]) -> Fix {
        if workload.kind == WorkloadKind::Job {
            return job("FX-WL-ENV", workload, &format!("without {}", names.join(", ")));
        }
        let edit = change_env(workload, container, names, None);
        let title = format!("remove {} from {}", names.join(", "), title(workload));
        Fix::of("FX-WL-ENV", title, Applicability::Confirm, edit)
    }

    /// FX-WL-ENV: a variable gets a value in the template.
    pub(crate) fn set_env(workload: &Workload, container: &str, name: &str, value: Text) -> Fix {
        if workload.kind == WorkloadKind::Job {
            return job("FX-WL-ENV", workload, &format!("with {name} set to `{value}`"));
        }
        let title = format!("set {name} to `{value}` in {}", title(workload));
        let edit = change_env(workload, container, &[name], Some(EnvEntry::Value(value)));
        Fix::of("FX-WL-ENV", title, Applicability::Confirm, edit)
    }
}

fn change_env(
    workload: &Workload,
    container: &str,
    names: &[&str],
    entry: Option<EnvEntry>,
) -> Edit {
    let found = workload.template.containers.iter().find(|it| &*it.name == container);
    let was = |value: &EnvValue| match value {
        EnvValue::Literal(it) => EnvEntry::Value(it.clone()),
        EnvValue::Redacted => EnvEntry::Hidden,
        EnvValue::From(it) => EnvEntry::From(it.clone()),
    };
    let changes = names.iter().map(|name| EnvChange {
        name: (*name).into(),
        was: found.and_then(|it| it.env(name)).map(was),
        entry: entry.clone(),
    });
    Edit::SetEnv {
        workload: workload.into(),
        container: container.into(),
        init: found.is_some_and(|it| it.kind == ContainerKind::Init),
        changes: changes.collect(),
        order: Vec::new(),
    }
}
