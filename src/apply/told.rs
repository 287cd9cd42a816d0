//! What is told of a step beside its state: words, and what only an answer knows.

use crate::{
    apply::present::Present,
    ident::Text,
    plan::{Edit, Outcome, Step},
    source::aws::error::Failure,
};
use serde_json::{Value, json};

/// What only the answer told, or reading after it, for an undo.
pub(crate) fn made(
    step: &Step,
    before: &Present,
    after: Option<&Present>,
    answer: &Value,
) -> Option<Value> {
    let found = || after.and_then(|it| it.uid.as_deref());
    match &step.edit {
        Edit::CreateServiceAccount { .. } => {
            let uid = answer["metadata"]["uid"].as_str().or_else(found)?;
            Some(json!({"uid": uid}))
        }
        Edit::CreateAssociation { .. } => {
            let id = answer["associationId"].as_str().or_else(found)?;
            Some(json!({"associationId": id}))
        }
        Edit::SetEnv { .. } => Some(json!({"revision": before.revision?})),
        Edit::Annotate { .. }
        | Edit::DeleteServiceAccount { .. }
        | Edit::UseServiceAccount { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::Restart { .. }
        | Edit::CreateProvider { .. }
        | Edit::DeleteProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. }
        | Edit::SetTrust { .. }
        | Edit::UpdateAssociation { .. }
        | Edit::DeleteAssociation { .. }
        | Edit::CreateAddon { .. }
        | Edit::DeleteAddon { .. } => None,
    }
}

/// Whether a read may show the state before a write for a while. The API server's own reads do not.
pub(crate) fn may_lag(edit: &Edit) -> bool {
    !edit.is_kubernetes()
}

pub(crate) fn is_iam(edit: &Edit) -> bool {
    match edit {
        Edit::CreateProvider { .. }
        | Edit::DeleteProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. }
        | Edit::SetTrust { .. } => true,
        Edit::Annotate { .. }
        | Edit::CreateServiceAccount { .. }
        | Edit::DeleteServiceAccount { .. }
        | Edit::UseServiceAccount { .. }
        | Edit::SetEnv { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::Restart { .. }
        | Edit::CreateAssociation { .. }
        | Edit::UpdateAssociation { .. }
        | Edit::DeleteAssociation { .. }
        | Edit::CreateAddon { .. }
        | Edit::DeleteAddon { .. } => false,
    }
}

pub(crate) fn words(it: &Failure) -> Text {
    match it {
        Failure::Denied(it) => format!("{} is denied", it.permission).into(),
        Failure::Absent => "it does not exist".into(),
        Failure::Throttled => "too many requests".into(),
        Failure::Expired(it) | Failure::Failed(it) => it.clone(),
    }
}

/// `done` steps are as wanted, `written` of them by us.
pub(crate) fn ended(written: usize, done: usize, why: String) -> Outcome {
    match written {
        0 => Outcome::Nothing { why: why.into() },
        _ => Outcome::Partly { done, why: why.into() },
    }
}
