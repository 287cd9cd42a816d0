//! managedFields: who wrote which annotation, label, data key or spec field last, and when.
//!
//! As fine as anybody reads them; the values of maps below a spec field are not told apart.

use crate::{ident::Timestamp, lab::admission::seconds};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A path of two or three field names.
type Path = Vec<String>;

/// Records in `after` that `manager` changed it from `before`, unless nothing that is tracked differs.
pub fn touch(before: &Value, after: &mut Value, manager: &str, operation: &str, now: Timestamp) {
    let changed = changed(before, after);
    // The server's own record counts, whatever the client sent back.
    let mut entries = before["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    if !changed.is_empty() {
        for entry in &mut entries {
            for path in &changed {
                disown(&mut entry["fieldsV1"], path);
            }
        }
        let present: Vec<&Path> = changed.iter().filter(|it| get(after, it).is_some()).collect();
        let same = |it: &&mut Value| it["manager"] == manager && it["operation"] == operation;
        let entry = match entries.iter_mut().find(same) {
            Some(it) => it,
            None => {
                entries.push(json!({"manager": manager, "operation": operation,
                    "apiVersion": after["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": {}}));
                let last = entries.len() - 1;
                &mut entries[last]
            }
        };
        entry["time"] = seconds(now).into();
        for path in present {
            own(&mut entry["fieldsV1"], path);
        }
        entries.retain(|it| it["fieldsV1"].as_object().is_none_or(|it| !it.is_empty()));
    }
    if let Some(metadata) = after.get_mut("metadata").and_then(Value::as_object_mut) {
        match entries.is_empty() {
            true => drop(metadata.shift_remove("managedFields")),
            false => drop(metadata.insert("managedFields".into(), entries.into())),
        }
    }
}

fn changed(before: &Value, after: &Value) -> BTreeSet<Path> {
    let mut all = BTreeSet::new();
    for value in [before, after] {
        for (key, it) in value.as_object().into_iter().flatten() {
            match &**key {
                "apiVersion" | "kind" | "status" => {}
                "metadata" => {
                    for map in ["annotations", "labels"] {
                        for (name, _) in it[map].as_object().into_iter().flatten() {
                            all.insert(vec![key.clone(), map.into(), name.clone()]);
                        }
                    }
                }
                _ => match it.as_object() {
                    Some(map) => {
                        all.extend(map.iter().map(|(name, _)| vec![key.clone(), name.clone()]));
                    }
                    None => drop(all.insert(vec![key.clone()])),
                },
            }
        }
    }
    all.retain(|it| get(before, it) != get(after, it));
    all
}

fn get<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(value, |it, key| it.get(key))
}

fn own(fields: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(map) = fields.as_object_mut() else { return };
    own(map.entry(format!("f:{first}")).or_insert_with(|| Map::new().into()), rest);
}

fn disown(fields: &mut Value, path: &[String]) {
    let (Some((first, rest)), Some(map)) = (path.split_first(), fields.as_object_mut()) else {
        return;
    };
    let key = format!("f:{first}");
    if rest.is_empty() {
        map.shift_remove(&key);
    } else if let Some(it) = map.get_mut(&key) {
        disown(it, rest);
        let is_bare = it.as_object().is_some_and(|it| it.keys().all(|key| key == "."));
        if is_bare {
            map.shift_remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::kube::fields::*;

    #[test]
    fn the_last_writer_of_a_field_owns_it() {
        let (first, second): (Timestamp, Timestamp) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap());
        let mut one =
            json!({"apiVersion": "v1", "metadata": {"annotations": {"a": "1", "b": "1"}}});
        touch(&json!({}), &mut one, "kubectl-create", "Update", first);
        let mut two = one.clone();
        two["metadata"]["annotations"]["a"] = "2".into();
        touch(&one, &mut two, "kubectl-annotate", "Update", second);
        let entries = two["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["fieldsV1"], json!({"f:metadata": {"f:annotations": {"f:b": {}}}}));
        assert_eq!(entries[1]["manager"], "kubectl-annotate");
        assert_eq!(entries[1]["time"], "2026-01-02T00:00:00Z");
        assert_eq!(entries[1]["fieldsV1"], json!({"f:metadata": {"f:annotations": {"f:a": {}}}}));
        let mut three = two.clone();
        touch(&two, &mut three, "other", "Update", second);
        assert_eq!(two, three, "nothing changed, nothing recorded");
    }
}
