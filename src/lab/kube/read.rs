//! `get` and `list`: selectors, pages, and the three shapes that clients ask for.

use crate::lab::{
    encode::{base64_decode, base64_url},
    kube::{Call, Refusal, json, table},
    server::{Body, parts, respond},
    state::Shared,
    store::Stored,
};
use bytes::Bytes;
use http::{Response, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// How the client wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Object,
    /// `as=PartialObjectMetadata[List]`.
    Metadata,
    Table {
        include: Include,
    },
}

/// What a table's rows carry beside their cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    None,
    Metadata,
    Object,
}

impl Shape {
    /// The first media type of `Accept` that is understood.
    pub fn of(call: &Call<'_>) -> Shape {
        for part in call.header(header::ACCEPT).split(',') {
            let part = part.trim();
            if part.contains("protobuf") || part.contains("cbor") {
                continue;
            }
            if part.contains("as=Table") {
                let include = match call.query.get("includeObject") {
                    Some("Object") => Include::Object,
                    Some("None") => Include::None,
                    Some(_) | None => Include::Metadata,
                };
                return Shape::Table { include };
            }
            if part.contains("as=PartialObjectMetadata") {
                return Shape::Metadata;
            }
            if part.starts_with("application/json") || part == "*/*" {
                return Shape::Object;
            }
        }
        Shape::Object
    }
}

/// `labelSelector` and `fieldSelector` of a call.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<LabelTerm>,
    /// Path, wanted value, whether it must be equal.
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug)]
struct LabelTerm {
    key: String,
    op: Op,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    In,
    NotIn,
    Exists,
    Absent,
}

impl Selector {
    pub fn of(call: &Call<'_>) -> Result<Selector, Refusal> {
        let mut res = Selector::default();
        if let Some(text) = call.query.get("labelSelector") {
            res.labels = label_terms(text).ok_or_else(|| {
                Refusal::bad_request(format!("unable to parse requirement: {text}"))
            })?;
        }
        for term in call.query.get("fieldSelector").unwrap_or_default().split(',') {
            let Some((key, value)) = term.split_once('=') else { continue };
            let (key, equal) = match key.strip_suffix('!') {
                Some(key) => (key, false),
                None => (key, true),
            };
            let value = value.strip_prefix('=').unwrap_or(value);
            res.fields.push((key.to_owned(), value.to_owned(), equal));
        }
        if let (true, Some(name)) = (call.verb == "watch", &call.name) {
            res.fields.push(("metadata.name".into(), name.clone(), true));
        }
        Ok(res)
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn matches(&self, it: &Stored) -> bool {
        let label = |key: &str| it.labels.iter().find(|(k, _)| k == key).map(|(_, v)| v);
        let labels = self.labels.iter().all(|term| {
            let value = label(&term.key);
            let listed = value.is_some_and(|it| term.values.contains(it));
            match term.op {
                Op::In => listed,
                Op::NotIn => !listed,
                Op::Exists => value.is_some(),
                Op::Absent => value.is_none(),
            }
        });
        labels
            && self.fields.iter().all(|(path, wanted, equal)| {
                let found = match &**path {
                    "metadata.name" => it.key.1.clone(),
                    "metadata.namespace" => it.key.0.clone(),
                    "spec.nodeName" => it.node.clone(),
                    other => field(&it.value(), other),
                };
                (found == *wanted) == *equal
            })
    }
}

fn field(value: &Value, path: &str) -> String {
    match path.split('.').fold(value, |it, key| &it[key]) {
        Value::String(it) => it.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `a=b,c!=d,e in (f,g),h,!i`; `None` when it is none of these.
fn label_terms(text: &str) -> Option<Vec<LabelTerm>> {
    let mut res = Vec::new();
    let (mut depth, mut start) = (0, 0);
    let mut pieces = Vec::new();
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    for piece in pieces.into_iter().map(str::trim).filter(|it| !it.is_empty()) {
        let set = |op: Op, key: &str, list: &str| {
            let list = list.trim().strip_prefix('(')?.strip_suffix(')')?;
            let values = list.split(',').map(|it| it.trim().to_owned()).collect();
            Some(LabelTerm { key: key.trim().to_owned(), op, values })
        };
        let one = |op: Op, key: &str, value: &str| {
            let value = value.trim_start_matches('=').trim();
            Some(LabelTerm { key: key.trim().to_owned(), op, values: vec![value.to_owned()] })
        };
        let bare = |op: Op, key: &str| {
            let key = key.trim();
            (!key.is_empty() && !key.contains(char::is_whitespace)).then(|| LabelTerm {
                key: key.to_owned(),
                op,
                values: Vec::new(),
            })
        };
        let term = if let Some((key, list)) = piece.split_once(" notin ") {
            set(Op::NotIn, key, list)
        } else if let Some((key, list)) = piece.split_once(" in ") {
            set(Op::In, key, list)
        } else if let Some((key, value)) = piece.split_once("!=") {
            one(Op::NotIn, key, value)
        } else if let Some((key, value)) = piece.split_once('=') {
            one(Op::In, key, value)
        } else if let Some(key) = piece.strip_prefix('!') {
            bare(Op::Absent, key)
        } else {
            bare(Op::Exists, piece)
        };
        res.push(term?);
    }
    Some(res)
}

pub fn get(shared: &Shared, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let stored = find(shared, call)?;
    match call.subresource.as_deref() {
        None | Some("status") => {}
        Some("log") => return Ok(respond(200, "text/plain", Bytes::new())),
        Some("scale") => return Ok(json(200, &scale(&stored.value()))),
        Some(_) => return Err(Refusal::no_such_path()),
    }
    Ok(match Shape::of(call) {
        Shape::Object => respond(200, "application/json", stored.json.clone()),
        Shape::Metadata => json(200, &partial(&stored.value())),
        Shape::Table { include } => {
            let version = stored.version.to_string();
            json(
                200,
                &table::table(
                    call.resource,
                    &[stored],
                    &json!({"resourceVersion": version}),
                    include,
                ),
            )
        }
    })
}

pub fn find(shared: &Shared, call: &Call<'_>) -> Result<Arc<Stored>, Refusal> {
    let state = shared.lock();
    let found = state.store.get(&call.resource.qualified(), call.namespace(), call.name());
    found.cloned().ok_or_else(|| Refusal::not_found(call.resource, call.name()))
}

pub fn scale(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let selector = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> =
        selector.map(|(key, it)| format!("{key}={}", it.as_str().unwrap_or_default())).collect();
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"]},
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector.join(",")}})
}

pub fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// Where the next page starts, and which version the first page had.
struct Continue {
    version: u64,
    after: (String, String),
}

impl Continue {
    fn encode(&self) -> String {
        let json = json!({"v": "meta.k8s.io/v1", "rv": self.version, "start": [self.after.0, self.after.1]});
        base64_url(json.to_string().as_bytes())
    }

    fn decode(text: &str) -> Result<Continue, Refusal> {
        let wrong = || Refusal::bad_request("continue key is not valid");
        let bytes = base64_decode(text).ok_or_else(wrong)?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let part = |i: usize| json["start"][i].as_str().map(str::to_owned).ok_or_else(wrong);
        let version = json["rv"].as_u64().ok_or_else(wrong)?;
        Ok(Continue { version, after: (part(0)?, part(1)?) })
    }
}

pub fn list(shared: &Shared, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let selector = Selector::of(call)?;
    let limit =
        call.query.get("limit").and_then(|it| it.parse::<usize>().ok()).filter(|it| *it > 0);
    let from = call.query.get("continue").map(Continue::decode).transpose()?;
    let (items, metadata) = {
        let state = shared.lock();
        if from.as_ref().is_some_and(|it| it.version < state.store.forgotten()) {
            return Err(Refusal::expired_list());
        }
        let version = from.as_ref().map_or(state.store.version(), |it| it.version);
        let mut all = state
            .store
            .list(&call.resource.qualified(), call.namespace.as_deref())
            .filter(|it| from.as_ref().is_none_or(|from| from.after < it.key))
            .filter(|it| selector.is_empty() || selector.matches(it));
        let items: Vec<Arc<Stored>> =
            all.by_ref().take(limit.unwrap_or(usize::MAX)).cloned().collect();
        let n_left = all.count();
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if let (true, Some(last)) = (n_left > 0, items.last()) {
            metadata["continue"] = Continue { version, after: last.key.clone() }.encode().into();
            // As the API server has it: not counted where a selector hides objects.
            if selector.is_empty() {
                metadata["remainingItemCount"] = n_left.into();
            }
        }
        (items, metadata)
    };
    Ok(match Shape::of(call) {
        Shape::Object => {
            let head = json!({"kind": format!("{}List", call.resource.kind),
                "apiVersion": call.resource.api_version(), "metadata": metadata});
            stream(&head, items.iter().map(|it| it.json.clone()))
        }
        Shape::Metadata => {
            let head = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata});
            stream(&head, items.iter().map(|it| partial(&it.value()).to_string().into()))
        }
        Shape::Table { include } => {
            json(200, &table::table(call.resource, &items, &metadata, include))
        }
    })
}

/// `head` with `items` behind its last key, without a copy of any item.
fn stream(head: &Value, items: impl ExactSizeIterator<Item = Bytes>) -> Response<Body> {
    let head = head.to_string();
    let open = format!("{},\"items\":[", head.strip_suffix('}').unwrap_or(&head));
    let mut res = Vec::with_capacity(items.len() * 2 + 2);
    res.push(Bytes::from(open));
    for (i, item) in items.enumerate() {
        if i > 0 {
            res.push(Bytes::from_static(b","));
        }
        res.push(item);
    }
    res.push(Bytes::from_static(b"]}\n"));
    parts("application/json", res)
}

#[cfg(test)]
mod tests {
    use crate::lab::kube::read::*;

    #[test]
    fn label_selectors_are_read_as_kubectl_writes_them() {
        let check = |text: &str, labels: &[(&str, &str)], wanted: Option<bool>| {
            let stored = Stored {
                key: ("shop".into(), "web".into()),
                uid: String::new(),
                version: 1,
                labels: labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
                node: String::new(),
                owner: String::new(),
                json: Bytes::from_static(b"{}"),
            };
            let got = label_terms(text)
                .map(|labels| Selector { labels, fields: Vec::new() }.matches(&stored));
            assert_eq!(got, wanted, "{text}");
        };
        check("app=web", &[("app", "web")], Some(true));
        check("app==web,tier!=db", &[("app", "web")], Some(true));
        check("app in (web, api)", &[("app", "api")], Some(true));
        check("app notin (web,api)", &[("app", "api")], Some(false));
        check("app,!debug", &[("app", "x")], Some(true));
        check("app,!debug", &[("app", "x"), ("debug", "1")], Some(false));
        check("app in web", &[], None);
        check("two words", &[], None);
    }

    #[test]
    fn continue_tokens_come_back_as_they_were() {
        let token = Continue { version: 7, after: ("ns".into(), "name".into()) }.encode();
        let back = Continue::decode(&token).unwrap();
        assert_eq!((back.version, back.after.1.as_str()), (7, "name"));
        assert_eq!(Continue::decode("!").map(|_| ()).unwrap_err().code, 400);
        assert_eq!(Continue::decode("e30").map(|_| ()).unwrap_err().code, 400);
    }
}
