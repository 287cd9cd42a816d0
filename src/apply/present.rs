//! What is there right now, and how it compares with what a step expects to find and means to leave behind.

use crate::{
    ident::Text,
    plan::{AssociationFields, Edit, EnvEntry, Expect},
};
use serde_json::{Value, json};

/// The fields that an edit reads and writes, as they are now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Present {
    /// `Null`: the object, or the field, is not there.
    pub value: Value,
    pub uid: Option<Text>,
    /// Sent along with the write, so that the API server refuses it if the object moved in between.
    pub resource_version: Option<Text>,
    /// The owner's revision number, for an undo of what may not be read.
    pub revision: Option<i64>,
    /// The names of a container's environment entries as they stand, for an undo.
    pub order: Vec<Text>,
    /// What a restart goes by beside what it writes.
    pub reads: Vec<Expect>,
}

/// How what is there compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As the plan expects to find it.
    Before,
    /// As the plan means to leave it.
    After,
    Other,
}

/// Where an edit stands. `After` wins where both fit: what is so already is not written again.
pub(crate) fn standing(edit: &Edit, present: &Present) -> Standing {
    let value = &present.value;
    let text = |it: &Option<Text>| it.as_ref().map_or(Value::Null, |it| json!(it));
    let either = |before: bool, after: bool| match (before, after) {
        (_, true) => Standing::After,
        (true, false) => Standing::Before,
        (false, false) => Standing::Other,
    };
    match edit {
        Edit::Annotate { was, value: now, .. } | Edit::SetMetadata { was, value: now, .. } => {
            either(*value == text(was), *value == text(now))
        }
        Edit::UseServiceAccount { was, name, .. } => {
            either(*value == text(was), *value == text(name))
        }
        Edit::CreateServiceAccount { annotations, labels, .. } => {
            let has = |field: &str, pairs: &[(Text, Text)]| {
                pairs.iter().all(|(key, it)| value[field][&**key] == json!(it))
            };
            let made = has("annotations", annotations) && has("labels", labels);
            either(value.is_null(), !value.is_null() && made)
        }
        Edit::DeleteServiceAccount { uid, annotations, labels, .. } => {
            // What was put into it since would be lost.
            let is = |field: &str, pairs: &[(Text, Text)]| {
                let now = value[field].as_object();
                now.map_or(0, serde_json::Map::len) == pairs.len()
                    && pairs.iter().all(|(key, it)| value[field][&**key] == json!(it))
            };
            let unchanged = is("annotations", annotations) && is("labels", labels);
            either(present.uid.as_ref() == Some(uid) && unchanged, value.is_null())
        }
        Edit::SetEnv { changes, .. } => either(
            changes.iter().all(|it| is_entry(&value[&*it.name], it.was.as_ref())),
            changes.iter().all(|it| is_entry(&value[&*it.name], it.entry.as_ref())),
        ),
        Edit::RestoreEnv { names, .. } => either(
            names.iter().all(|it| value[&**it].is_null()),
            names.iter().all(|it| !value[&**it].is_null()),
        ),
        // Whether it was restarted is told by the annotation of that very restart, which the write knows.
        Edit::Restart { .. } => Standing::Before,
        Edit::CreateProvider { client_ids, .. } => {
            either(value.is_null(), client_ids.iter().all(|it| has_item(value, it)))
        }
        Edit::DeleteProvider { client_ids, .. } => {
            either(*value == json!(client_ids), value.is_null())
        }
        Edit::AddClientId { client_id, .. } => {
            either(!value.is_null() && !has_item(value, client_id), has_item(value, client_id))
        }
        Edit::RemoveClientId { client_id, .. } => {
            either(has_item(value, client_id), !value.is_null() && !has_item(value, client_id))
        }
        Edit::SetThumbprints { was, thumbprints, .. } => {
            either(*value == json!(was), *value == json!(thumbprints))
        }
        Edit::SetTrust { was, document, .. } => {
            // White space and the order of members are IAM's to change once it has the document.
            let is_ours = || {
                let parsed = |it: &str| serde_json::from_str::<Value>(it).ok();
                let now = value.as_str().and_then(parsed);
                now.is_some() && now == parsed(document)
            };
            let is_before = *value == json!(was);
            either(is_before, *value == json!(document) || !is_before && is_ours())
        }
        Edit::CreateAssociation { fields, .. } => {
            either(value.is_null(), is_fields(value, |it| it.is_made_as(fields)))
        }
        Edit::UpdateAssociation { was, fields, .. } => either(
            is_fields(value, |it| it.gives_as(was)),
            is_fields(value, |it| it.gives_as(fields)),
        ),
        // Tags that were put on it since would be lost.
        Edit::DeleteAssociation { was, .. } => {
            either(is_fields(value, |it| it == was), value.is_null())
        }
        Edit::CreateAddon { .. } => either(value.is_null(), !value.is_null()),
        Edit::DeleteAddon { .. } => either(!value.is_null(), value.is_null()),
    }
}

/// An association's fields as the comparison takes them.
pub(crate) fn fields(it: &AssociationFields) -> Value {
    json!(it)
}

fn is_fields(value: &Value, fits: impl FnOnce(&AssociationFields) -> bool) -> bool {
    serde_json::from_value(value.clone()).is_ok_and(|it| fits(&it))
}

fn has_item(value: &Value, item: &str) -> bool {
    value.as_array().is_some_and(|all| all.iter().any(|it| it == item))
}

/// Whether a stored environment entry is the one that was seen, as far as it could be seen.
fn is_entry(stored: &Value, seen: Option<&EnvEntry>) -> bool {
    let literal = stored.get("value").and_then(Value::as_str).unwrap_or_default();
    match seen {
        None => stored.is_null(),
        Some(EnvEntry::Value(it)) => {
            !stored.is_null() && stored.get("valueFrom").is_none() && literal == &**it
        }
        Some(EnvEntry::Hidden) => stored.get("valueFrom").is_none() && !literal.is_empty(),
        Some(EnvEntry::From(_)) => stored.get("valueFrom").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        apply::present::{Present, Standing, standing},
        ident::{SaKey, WorkloadKind},
        plan::{Edit, EnvChange, EnvEntry, TrustChange, WorkloadKey},
    };
    use serde_json::{Value, json};

    #[track_caller]
    fn check(edit: &Edit, value: Value, expected: Standing) {
        let present = Present { value: value.clone(), ..Present::default() };
        assert_eq!(standing(edit, &present), expected, "{edit:?} {value}");
    }

    #[test]
    fn before_after_or_something_else() {
        let key = || SaKey::new("shop", "web");
        let annotate = Edit::Annotate {
            service_account: key(),
            key: "k".into(),
            was: None,
            value: Some("v".into()),
        };
        check(&annotate, Value::Null, Standing::Before);
        check(&annotate, json!("v"), Standing::After);
        check(&annotate, json!("x"), Standing::Other);
        check(&annotate, json!(""), Standing::Other);

        let trust = Edit::SetTrust {
            role: "arn:aws:iam::111122223333:role/a".into(),
            was: "{}".into(),
            document: "{\"a\":1,\"b\":2}".into(),
            change: TrustChange::NearMiss,
        };
        check(&trust, json!("{}"), Standing::Before);
        check(&trust, json!("{\"a\":1,\"b\":2}"), Standing::After);
        check(&trust, json!("{ \"b\": 2, \"a\": 1 }"), Standing::After);
        check(&trust, json!("{\"a\":1}"), Standing::Other);
        check(&trust, json!("{ }"), Standing::Other);
        let spaced = Edit::SetTrust {
            role: "arn:aws:iam::111122223333:role/a".into(),
            was: "{}".into(),
            document: "{ }".into(),
            change: TrustChange::NearMiss,
        };
        check(&spaced, json!("{}"), Standing::Before);
        check(&spaced, json!("{ }"), Standing::After);

        let create = Edit::CreateServiceAccount {
            service_account: key(),
            annotations: vec![("a".into(), "b".into())],
            labels: Vec::new(),
        };
        check(&create, Value::Null, Standing::Before);
        check(&create, json!({"annotations": {"a": "b", "c": "d"}}), Standing::After);
        check(&create, json!({"annotations": {}}), Standing::Other);
    }

    #[test]
    fn environment_entries_compare_as_far_as_they_were_seen() {
        let unset = |was: EnvEntry| Edit::SetEnv {
            workload: WorkloadKey::new(WorkloadKind::Deployment, "shop", "web"),
            container: "app".into(),
            init: false,
            changes: vec![EnvChange { name: "X".into(), was: Some(was), entry: None }],
            order: Vec::new(),
        };
        let (literal, from) = (json!({"X": {"value": "a"}}), json!({"X": {"valueFrom": {}}}));
        check(&unset(EnvEntry::Value("a".into())), literal.clone(), Standing::Before);
        check(&unset(EnvEntry::Value("b".into())), literal.clone(), Standing::Other);
        check(&unset(EnvEntry::Hidden), literal.clone(), Standing::Before);
        check(&unset(EnvEntry::Hidden), from.clone(), Standing::Other);
        check(&unset(EnvEntry::From("secret x/y".into())), from, Standing::Before);
        check(&unset(EnvEntry::From("secret x/y".into())), literal, Standing::Other);
        check(&unset(EnvEntry::Hidden), json!({"X": null}), Standing::After);
    }
}
