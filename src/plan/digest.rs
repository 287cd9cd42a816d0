//! The digest by which a plan that was read is the plan that is carried out.
//!
//! Covers target uids, the kinds of steps, the fields that they read or write and their values; nothing of caller, host,
//! clock or resourceVersion, so that two people on two machines get the same for the same change.

use crate::{
    ident::Text,
    plan::{Edit, Step, digest_of},
};
use serde::Serialize;

#[derive(Serialize)]
struct Covered<'a> {
    target: String,
    uid: Option<&'a str>,
    edit: &'a Edit,
    /// What a restart goes by beside what it writes. Of every other edit the edit itself says it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reads: Vec<(&'a str, Option<&'a str>)>,
}

pub(crate) fn of(steps: &[Step]) -> Text {
    let covered: Vec<Covered<'_>> = steps
        .iter()
        .map(|it| Covered {
            target: it.target.to_string(),
            uid: it.uid.as_deref(),
            edit: &it.edit,
            reads: if matches!(it.edit, Edit::Restart { .. }) {
                it.expects.iter().map(|it| (&*it.field, it.value.as_deref())).collect()
            } else {
                Vec::new()
            },
        })
        .collect();
    let text = serde_json::to_vec(&covered).expect("edits have string keys only");
    digest_of(&text)
}
