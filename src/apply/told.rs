//! What is told of a step beside its state: words, and what only an answer knows.

use crate::{
    apply::present::Present,
    ident::Text,
    plan::{Edit, Outcome, Step, without_secrets},
    source::aws::error::Failure,
};
use serde_json::{Value, json};

pub(crate) fn shown(value: &Value) -> String {
    match without_secrets(value) {
        Value::Null => "nothing".to_owned(),
        Value::String(it) => it,
        it => it.to_string(),
    }
}

/// What only the answer told, for an undo.
pub(crate) fn made(step: &Step, before: &Present, answer: &Value) -> Value {
    match &step.edit {
        Edit::CreateServiceAccount { .. } => json!({"uid": answer["metadata"]["uid"]}),
        Edit::CreateAssociation { .. } => match answer["associationId"].as_str() {
            Some(it) => json!({"associationId": it}),
            None => json!({"associationId": before.uid}),
        },
        Edit::SetEnv { .. } => json!({"revision": before.revision}),
        _ => Value::Null,
    }
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

pub(crate) fn ended(done: usize, why: String) -> Outcome {
    match done {
        0 => Outcome::Nothing { why: why.into() },
        _ => Outcome::Partly { done, why: why.into() },
    }
}
