//! From edits to a plan: what must be found, how it looks, how it is put back, and whether it may be made at all.

use crate::{
    fact::Knowledge,
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text},
    plan::{
        Confirm, Edit, Manager, Names, Plan, Shown, Step, TrustChange, Warning, WorkloadKey, back,
        digest, guard, needs, owner, show, shown, turnover,
    },
};
use std::collections::BTreeSet;

/// What the plan repairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Because {
    /// The finding's code; `None` for a goal.
    pub code: Option<Text>,
    /// What it is about, as `sa/payments/api`.
    pub subject: Text,
}

/// Why nothing may be written. Reads after "refused: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "nothing proves that this API server is the EKS cluster that AWS describes; pass --cluster and --region, or use the cluster's own endpoint"
    )]
    NotProven,
    #[error("{scope} was last read {state}; read it again first")]
    NotFresh { scope: String, state: String },
    #[error("`{0}` is a service-linked role, which only its service may change")]
    ServiceLinked(Text),
    #[error(
        "the trust policy of `{role}` would be {chars} characters without white space; IAM takes 2048, or up to 4096 where the quota was raised"
    )]
    TooLong { role: Text, chars: usize },
    #[error("the trust policy of `{role}` would not be one: {reason}")]
    NoPolicy { role: Text, reason: String },
    #[error("{0} is not there, or could not be read")]
    Missing(String),
    #[error("{what} belongs to {owner}: {place}")]
    Owned { what: String, owner: String, place: String },
    /// A restart that would make no pod anew.
    #[error("{0}")]
    NoEffect(String),
    #[error("{0}")]
    Other(String),
}

/// Makes the plan of `edits`, or says why there can be none.
pub fn build(
    graph: &Graph,
    id: &str,
    title: String,
    because: Because,
    edits: Vec<Edit>,
) -> Result<Plan, Refusal> {
    guard::proven(graph, &edits)?;
    let mut warnings = Vec::new();
    let mut steps = Vec::new();
    for edit in edits {
        guard::fresh(graph, &edit)?;
        steps.push(step(graph, edit, &mut warnings)?);
    }
    for it in &steps {
        if let Some(Manager { name, of, place }) = &it.managed_by {
            let of = if of.is_empty() { String::new() } else { format!(" (`{of}`)") };
            warnings.push(Warning {
                grave: false,
                text: format!(
                    "{} is kept by {name}{of}, which may put it back; {place}",
                    it.target
                ),
            });
        }
    }
    let edits: Vec<&Edit> = steps.iter().map(|it| &it.edit).collect();
    let turnovers = turnover::turnovers(graph, &edits);
    let needs = needs::needs(graph, &edits);
    for it in &turnovers {
        let mut of_it = edits.iter().filter(|edit| edit.rolls_out() == Some(&it.workload));
        warnings.extend(it.warnings(of_it.all(|edit| matches!(edit, Edit::Restart { .. }))));
    }
    for (step, needs) in steps.iter_mut().zip(needs) {
        step.needs = needs;
    }
    warnings.sort_by_key(|it| !it.grave);
    warnings.dedup();
    let restart_needed = steps.iter().any(|it| it.edit.needs_restart());
    let confirm = confirm(graph, &steps, turnovers.len());
    let digest = digest::of(&steps);
    Ok(Plan {
        id: id.into(),
        title,
        because,
        steps,
        turnovers,
        warnings,
        restart_needed,
        confirm,
        digest,
    })
}

fn step(graph: &Graph, edit: Edit, warnings: &mut Vec<Warning>) -> Result<Step, Refusal> {
    let cluster = Names::of(graph).account;
    let account = edit.account(cluster.as_ref());
    let mut expects = show::expects(&edit);
    let diff = show::diff(&edit);
    // Somebody was faster, or it is the rest of a plan that was cut off: nothing will be written then.
    let is_made = shown(graph, &edit) == Shown::After;
    let (target, uid, managed_by, undo) = match &edit {
        Edit::Annotate { service_account: key, key: name, was, value } => {
            let sa = known(graph.service_account(key), || format!("ServiceAccount `{key}`"))?;
            let undo = Edit::Annotate {
                service_account: key.clone(),
                key: name.clone(),
                was: value.clone(),
                value: was.clone(),
            };
            (sa_ref(key), Some(sa.uid.clone()), owner::of_service_account(sa), Ok(undo))
        }
        Edit::CreateServiceAccount { service_account: key, annotations, labels } => {
            if graph.service_account(key).is_known() && !is_made {
                return Err(Refusal::Other(format!("ServiceAccount `{key}` exists already")));
            }
            // Its uid is known once it is made; the journal has it.
            let undo = Edit::DeleteServiceAccount {
                service_account: key.clone(),
                uid: "".into(),
                annotations: annotations.clone(),
                labels: labels.clone(),
            };
            (sa_ref(key), None, None, Ok(undo))
        }
        Edit::DeleteServiceAccount { service_account: key, uid, annotations, labels } => {
            let undo = Edit::CreateServiceAccount {
                service_account: key.clone(),
                annotations: annotations.clone(),
                labels: labels.clone(),
            };
            (sa_ref(key), Some(uid.clone()), None, Ok(undo))
        }
        Edit::UseServiceAccount { workload, was, name } => {
            let (uid, by) = workload_of(graph, workload)?;
            let undo = Edit::UseServiceAccount {
                workload: workload.clone(),
                was: name.clone(),
                name: was.clone(),
            };
            (workload.reference(), uid, by, Ok(undo))
        }
        Edit::SetEnv { workload, container, init, changes, order: _ } => {
            let (uid, by) = workload_of(graph, workload)?;
            let undo = back::env(workload, container, *init, changes);
            (workload.reference(), uid, by, undo)
        }
        Edit::RestoreEnv { workload, .. } => {
            let (uid, by) = workload_of(graph, workload)?;
            (workload.reference(), uid, by, Err("it restores values that nobody may read".into()))
        }
        Edit::SetMetadata { workload, place, key, was, value } => {
            let (uid, by) = workload_of(graph, workload)?;
            let undo = Edit::SetMetadata {
                workload: workload.clone(),
                place: *place,
                key: key.clone(),
                was: value.clone(),
                value: was.clone(),
            };
            (workload.reference(), uid, by, Ok(undo))
        }
        Edit::Restart { workload } => {
            let (uid, _) = workload_of(graph, workload)?;
            expects = turnover::restartable(graph, workload)?;
            (workload.reference(), uid, None, Err("a restart is not taken back".into()))
        }
        Edit::CreateProvider { partition, account, issuer, client_ids, .. } => {
            let arn = issuer.provider_arn(partition, account);
            if graph.provider_at(&arn).is_known() && !is_made {
                return Err(Refusal::Other(format!("OIDC provider `{arn}` exists already")));
            }
            let undo = Edit::DeleteProvider { arn: arn.clone(), client_ids: client_ids.clone() };
            (Ref::Provider(arn), None, None, Ok(undo))
        }
        Edit::DeleteProvider { arn, .. } => {
            let why = "deleting a provider is not taken back by itself".to_owned();
            let by = graph.provider_at(arn).known().and_then(owner::of_provider);
            (Ref::Provider(arn.clone()), None, by, Err(why))
        }
        Edit::AddClientId { provider, client_id } => {
            let it = known(graph.provider_at(provider), || format!("provider `{provider}`"))?;
            let (provider, client_id) = (provider.clone(), client_id.clone());
            let at = Ref::Provider(provider.clone());
            let undo = Edit::RemoveClientId { provider, client_id };
            (at, None, owner::of_provider(it), Ok(undo))
        }
        Edit::RemoveClientId { provider, client_id } => {
            let it = known(graph.provider_at(provider), || format!("provider `{provider}`"))?;
            let (provider, client_id) = (provider.clone(), client_id.clone());
            let at = Ref::Provider(provider.clone());
            let undo = Edit::AddClientId { provider, client_id };
            (at, None, owner::of_provider(it), Ok(undo))
        }
        Edit::SetThumbprints { provider, was, thumbprints } => {
            let it = known(graph.provider_at(provider), || format!("provider `{provider}`"))?;
            let is_one = |it: &Text| it.len() == 40 && it.chars().all(|it| it.is_ascii_hexdigit());
            let undo = match () {
                () if was.is_empty() => Err("IAM takes no empty list of thumbprints".to_owned()),
                () if !was.iter().all(is_one) => {
                    Err("IAM takes only thumbprints of 40 hexadecimal digits".to_owned())
                }
                () => Ok(Edit::SetThumbprints {
                    provider: provider.clone(),
                    was: thumbprints.clone(),
                    thumbprints: was.clone(),
                }),
            };
            (Ref::Provider(provider.clone()), None, owner::of_provider(it), undo)
        }
        Edit::SetTrust { role, was, document, change } => {
            let it = known(graph.role(role), || format!("role `{role}`"))?;
            guard::trust(role.as_str(), document, warnings)?;
            let back = match change {
                TrustChange::NearMiss => TrustChange::NearMiss,
                TrustChange::Opens => TrustChange::Narrows,
                TrustChange::Narrows => TrustChange::Opens,
            };
            let undo = match guard::refused_trust(was) {
                Some(why) => Err(format!("IAM would not take the present policy again: {why}")),
                None => Ok(Edit::SetTrust {
                    role: role.clone(),
                    was: document.clone(),
                    document: was.clone(),
                    change: back,
                }),
            };
            (Ref::Role(role.clone()), Some(it.id.clone()), owner::of_role(it), undo)
        }
        Edit::CreateAssociation { service_account: key, fields } => {
            warnings.extend(back::refused_by_target(graph, key, fields));
            if graph.association_of(key).is_known() && !is_made {
                return Err(Refusal::Other(format!("`{key}` has an association already")));
            }
            // Its id is known once it is made; the journal has it.
            let why = "the association's id is not known yet".to_owned();
            (sa_ref(key), None, None, Err(why))
        }
        Edit::UpdateAssociation { id, service_account, was, fields } => {
            let it = graph.association(id);
            let it = it.ok_or_else(|| Refusal::Missing(format!("association `{id}`")))?;
            let undo = back::takes_role(graph, was).map(|()| Edit::UpdateAssociation {
                id: id.clone(),
                service_account: service_account.clone(),
                was: fields.clone(),
                fields: was.clone(),
            });
            let at = Ref::Association(id.clone());
            (at, Some(id.clone()), owner::of_association(it), undo)
        }
        Edit::DeleteAssociation { id, service_account, was } => {
            let it = graph.association(id);
            let it = it.ok_or_else(|| Refusal::Missing(format!("association `{id}`")))?;
            if let Some(owner) = &it.owner_arn {
                return Err(Refusal::Owned {
                    what: format!("the association of `{service_account}`"),
                    owner: owner.to_string(),
                    place: "change it with `aws eks update-addon --pod-identity-associations`"
                        .into(),
                });
            }
            if let Knowledge::Known(it) = &it.detail {
                warnings.extend(back::lost(graph, service_account, it));
            }
            let undo = back::association(graph, service_account, was);
            let at = Ref::Association(id.clone());
            (at, Some(id.clone()), owner::of_association(it), undo)
        }
        Edit::CreateAddon { name } => {
            if graph.addon(name).is_known() && !is_made {
                return Err(Refusal::Other(format!("add-on `{name}` is installed already")));
            }
            let undo = Edit::DeleteAddon { name: name.clone() };
            (Ref::Addon(name.clone()), None, None, Ok(undo))
        }
        Edit::DeleteAddon { name } => {
            let undo = Edit::CreateAddon { name: name.clone() };
            (Ref::Addon(name.clone()), None, None, Ok(undo))
        }
    };
    let needs = Vec::new();
    Ok(Step { edit, target, uid, account, expects, diff, managed_by, undo, needs })
}

fn sa_ref(key: &SaKey) -> Ref {
    Ref::ServiceAccount(key.clone())
}

fn known<T>(it: Knowledge<T>, what: impl FnOnce() -> String) -> Result<T, Refusal> {
    it.known().ok_or_else(|| Refusal::Missing(what()))
}

fn workload_of(
    graph: &Graph,
    key: &WorkloadKey,
) -> Result<(Option<Text>, Option<Manager>), Refusal> {
    let it = graph.workload(key.kind, &key.namespace, &key.name);
    let it = it.ok_or_else(|| Refusal::Missing(key.to_string()))?;
    Ok((Some(it.uid.clone()), owner::of_workload(it)))
}

fn confirm(graph: &Graph, steps: &[Step], restarts: usize) -> Confirm {
    let opened = steps.iter().filter_map(|it| match &it.edit {
        Edit::SetTrust { role, change: TrustChange::Opens, .. } => Some(role),
        Edit::CreateAssociation { fields, .. } => Some(&fields.role_arn),
        Edit::UpdateAssociation { was, fields, .. } if was.role_arn != fields.role_arn => {
            Some(&fields.role_arn)
        }
        _ => None,
    });
    let opened: BTreeSet<&Arn> = opened.collect();
    let cluster = graph.cluster().known();
    match (opened.first(), opened.len(), cluster) {
        // Nobody types a dozen names with care.
        (Some(_), 2.., Some(it)) => return Confirm::Cluster(it.name.clone()),
        (Some(it), ..) => return Confirm::IamRole(it.name().unwrap_or(it.as_str()).into()),
        (None, ..) => {}
    }
    match cluster {
        Some(it) if 1 < restarts => Confirm::Cluster(it.name.clone()),
        _ => Confirm::Yes,
    }
}
