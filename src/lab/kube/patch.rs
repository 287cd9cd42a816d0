//! JSON patch (RFC 6902), JSON merge patch (RFC 7386) and strategic merge patch as pure functions.
//!
//! Strategic merging knows the merge keys of the built-in types by field name, which is what the API conventions say
//! about them; apply is a strategic merge whose `null`s are no deletions.

use serde_json::{Map, Value};

/// A patch that cannot be carried out on this object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// RFC 7386.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let map = as_map(target);
    for (key, value) in patch {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn as_map(target: &mut Value) -> &mut Map<String, Value> {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    match target {
        Value::Object(it) => it,
        // INVARIANT: it was made an object just above.
        _ => unreachable!("an object"),
    }
}

/// Kubernetes' strategic merge patch.
pub fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let rest = patch.iter().filter(|(key, _)| !key.starts_with('$'));
            *target = rest.map(|(key, it)| (key.clone(), it.clone())).collect::<Map<_, _>>().into();
            return;
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return;
        }
        Some(_) | None => {}
    }
    let map = as_map(target);
    let before = map.clone();
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|it| it == key));
    }
    for (key, value) in patch {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().cloned().unwrap_or_default();
            if let Some(list) = map.get_mut(field).and_then(Value::as_array_mut) {
                list.retain(|it| !gone.contains(it));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        match value {
            Value::Null => {
                map.shift_remove(key);
            }
            Value::Array(items) => {
                list(map.entry(key.clone()).or_insert(Value::Null), key, items);
                // The API server keeps no empty list.
                if map[key].as_array().is_some_and(Vec::is_empty) {
                    map.shift_remove(key);
                }
            }
            Value::Object(_) => strategic(map.entry(key.clone()).or_insert(Value::Null), value),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                map.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, value) in patch {
        if let Some(field) = key.strip_prefix("$setElementOrder/")
            && let Some(Value::Array(all)) = map.get_mut(field)
        {
            let empty = Vec::new();
            let before = before.get(field).and_then(Value::as_array).unwrap_or(&empty);
            order(all, field, value.as_array().unwrap_or(&empty), before);
        }
    }
}

/// `$setElementOrder`: elements that it names come in its order; others stay before whatever they were before.
fn order(all: &mut Vec<Value>, field: &str, wanted: &[Value], before: &[Value]) {
    let Some(key) = merge_key(field, wanted) else { return };
    let place = |list: &[Value], it: &Value| list.iter().position(|other| other[key] == it[key]);
    let (mut named, others): (Vec<Value>, Vec<Value>) =
        std::mem::take(all).into_iter().partition(|it| place(wanted, it).is_some());
    named.sort_by_key(|it| place(wanted, it));
    let mut named = named.into_iter().peekable();
    for other in others {
        let at = place(before, &other);
        let is_before = |it: &Value| place(before, it).is_none_or(|it| at.is_none_or(|at| it < at));
        all.extend(std::iter::from_fn(|| named.next_if(is_before)));
        all.push(other);
    }
    all.extend(named);
}

/// The field that tells elements of a list apart; `None`: the list is replaced as a whole.
fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    let key = match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "webhooks"
        | "secrets" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ports" if items.iter().all(|it| it.get("containerPort").is_some()) => "containerPort",
        "ports" => "port",
        "hostAliases" => "ip",
        "ownerReferences" => "uid",
        "conditions" | "addresses" => "type",
        "topologySpreadConstraints" => "topologyKey",
        _ => return None,
    };
    Some(key)
}

fn list(target: &mut Value, field: &str, items: &[Value]) {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Some(all) = target.as_array_mut() else { return };
    let replaces =
        |it: &Value| it["$patch"] == "replace" && it.as_object().is_some_and(|it| it.len() == 1);
    if field == "finalizers" {
        let new: Vec<Value> = items.iter().filter(|it| !all.contains(it)).cloned().collect();
        all.extend(new);
        return;
    }
    let merged = merge_key(field, items).filter(|_| !items.iter().any(replaces));
    let Some(key) = merged else {
        *all = items.iter().filter(|it| it.get("$patch").is_none()).cloned().collect();
        return;
    };
    for item in items {
        let same = all.iter().position(|it| it[key] == item[key]);
        match (item["$patch"].as_str(), same) {
            (Some("delete"), Some(at)) => drop(all.remove(at)),
            (Some("delete"), None) => {}
            (_, Some(at)) => strategic(&mut all[at], item),
            (_, None) => {
                let mut new = Value::Null;
                strategic(&mut new, item);
                all.push(new);
            }
        }
    }
}

/// RFC 6902. The target is untouched when any operation fails.
pub fn json_patch(target: &Value, operations: &Value) -> Result<Value, Unfit> {
    let mut res = target.clone();
    for operation in operations.as_array().ok_or(Unfit)? {
        let path = |key: &str| operation[key].as_str().ok_or(Unfit);
        let value = || operation.get("value").cloned().ok_or(Unfit);
        match operation["op"].as_str().ok_or(Unfit)? {
            "add" => add(&mut res, path("path")?, value()?)?,
            "replace" => {
                let at = path("path")?;
                *res.pointer_mut(at).ok_or(Unfit)? = value()?;
            }
            "remove" => drop(remove(&mut res, path("path")?)?),
            "test" if res.pointer(path("path")?) == Some(&value()?) => {}
            "move" => {
                let moved = remove(&mut res, path("from")?)?;
                add(&mut res, path("path")?, moved)?;
            }
            "copy" => {
                let copied = res.pointer(path("from")?).cloned().ok_or(Unfit)?;
                add(&mut res, path("path")?, copied)?;
            }
            _ => return Err(Unfit),
        }
    }
    Ok(res)
}

fn parent<'a>(of: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), Unfit> {
    let (parent, last) = path.rsplit_once('/').ok_or(Unfit)?;
    let key = last.replace("~1", "/").replace("~0", "~");
    Ok((of.pointer_mut(parent).ok_or(Unfit)?, key))
}

fn add(of: &mut Value, path: &str, value: Value) -> Result<(), Unfit> {
    if path.is_empty() {
        *of = value;
        return Ok(());
    }
    match parent(of, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(list), key) if key == "-" => list.push(value),
        (Value::Array(list), key) => {
            let at: usize = key.parse().map_err(|_| Unfit)?;
            if list.len() < at {
                return Err(Unfit);
            }
            list.insert(at, value);
        }
        _ => return Err(Unfit),
    }
    Ok(())
}

fn remove(of: &mut Value, path: &str) -> Result<Value, Unfit> {
    match parent(of, path)? {
        (Value::Object(map), key) => map.shift_remove(&key).ok_or(Unfit),
        (Value::Array(list), key) => {
            let at: usize = key.parse().map_err(|_| Unfit)?;
            if at < list.len() { Ok(list.remove(at)) } else { Err(Unfit) }
        }
        _ => Err(Unfit),
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::kube::patch::*;
    use serde_json::json;

    #[test]
    fn json_patches_do_what_the_standard_says() {
        let check = |before: Value, patch: Value, wanted: Result<Value, Unfit>| {
            assert_eq!(json_patch(&before, &patch), wanted, "{patch}");
        };
        let op =
            |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
        check(json!({"a": 1}), op("test", "/a", json!(1)), Ok(json!({"a": 1})));
        check(json!({"a": 1}), op("test", "/a", json!(2)), Err(Unfit));
        check(json!({"a": 1}), op("test", "/b", json!(null)), Err(Unfit));
        check(json!({"m": {}}), op("add", "/m/x~1y", json!(1)), Ok(json!({"m": {"x/y": 1}})));
        check(json!({"l": [1]}), op("add", "/l/-", json!(2)), Ok(json!({"l": [1, 2]})));
        check(json!({"l": [1]}), op("add", "/l/0", json!(2)), Ok(json!({"l": [2, 1]})));
        check(json!({"l": [1]}), op("add", "/l/5", json!(2)), Err(Unfit));
        check(json!({}), op("add", "/m/x", json!(1)), Err(Unfit));
        check(json!({"a": 1}), op("replace", "/b", json!(1)), Err(Unfit));
        check(json!({"a": 1}), json!([{"op": "remove", "path": "/a"}]), Ok(json!({})));
        check(json!({"a": 1}), json!([{"op": "remove", "path": "/b"}]), Err(Unfit));
        check(
            json!({"a": 1}),
            json!([{"op": "move", "from": "/a", "path": "/b"}]),
            Ok(json!({"b": 1})),
        );
    }

    #[test]
    fn elements_come_in_the_order_that_is_asked_for() {
        let check = |before: &str, patch: &str, asked: &str, wanted: &str| {
            let list = |names: &str| -> Value {
                names.chars().map(|it| json!({"name": it.to_string()})).collect()
            };
            let mut object = json!({"env": list(before)});
            strategic(
                &mut object,
                &json!({"$setElementOrder/env": list(asked), "env": list(patch)}),
            );
            assert_eq!(object, json!({"env": list(wanted)}), "{before} {patch} {asked}");
        };
        check("ac", "b", "abc", "abc");
        check("ac", "b", "", "acb");
        check("cxa", "b", "abc", "xabc");
        check("xac", "b", "bac", "bxac");
        check("axc", "b", "abc", "abxc");
        check("", "ab", "ab", "ab");
    }

    #[test]
    fn merges_delete_by_null_and_merge_lists_by_key() {
        let mut object = json!({"metadata": {"annotations": {"a": "1", "b": "2"}}, "l": [1, 2]});
        merge(&mut object, &json!({"metadata": {"annotations": {"a": null, "c": "3"}}, "l": [9]}));
        assert_eq!(object, json!({"metadata": {"annotations": {"b": "2", "c": "3"}}, "l": [9]}));

        let mut pod = json!({"spec": {"containers": [
            {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
            {"name": "b", "image": "b:1"}]}});
        strategic(
            &mut pod,
            &json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [
                {"name": "a", "env": [{"name": "X", "$patch": "delete"}, {"name": "Z", "value": "3"}]},
                {"name": "b", "$patch": "delete"},
                {"name": "c", "image": "c:1"}]}}),
        );
        assert_eq!(
            pod,
            json!({"spec": {"containers": [
                {"name": "a", "image": "a:1", "env": [{"name": "Y", "value": "2"}, {"name": "Z", "value": "3"}]},
                {"name": "c", "image": "c:1"}]}})
        );

        let mut spec =
            json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {}}, "f": [1]});
        strategic(
            &mut spec,
            &json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}, "f": null}),
        );
        assert_eq!(spec, json!({"strategy": {"type": "Recreate"}}));
    }
}
