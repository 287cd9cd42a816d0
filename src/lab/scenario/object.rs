//! A Kubernetes manifest of a scenario: its shape, and the lab's annotations on it.

use crate::{
    ident::Timestamp,
    lab::scenario::{
        ScenarioError,
        node::{At, Node, Shape},
        values::before,
    },
};
use serde_json::Value;

pub const AGE: &str = "lab.idscope.dev/age";
pub const CHANGED: &str = "lab.idscope.dev/changed";
pub const ADMISSION: &str = "lab.idscope.dev/admission";

/// A manifest with what the lab's annotations said; the annotations themselves are taken out.
#[derive(Clone, Debug)]
pub struct Object {
    pub at: At,
    pub value: Value,
    pub created: Option<Timestamp>,
    pub changed: Option<Timestamp>,
    /// Pods only: stored as written.
    pub verbatim: bool,
}

impl Object {
    /// One that the lab itself makes.
    pub fn furniture(value: Value) -> Object {
        Object { at: At::default(), value, created: None, changed: None, verbatim: true }
    }

    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str()
    }
}

/// Reads one manifest, or each item of a `kind: List`.
pub fn read(
    document: &Node,
    now: Timestamp,
    objects: &mut Vec<Object>,
) -> Result<(), ScenarioError> {
    let is_list = document.get("kind").and_then(Node::as_text) == Some("List");
    if let (true, Some(Node { shape: Shape::List(items), .. })) = (is_list, document.get("items")) {
        for item in items {
            read(item, now, objects)?;
        }
        return Ok(());
    }
    let metadata = document.get("metadata").ok_or_else(|| {
        ScenarioError::new(document.at, "expected key `metadata` of a Kubernetes object")
    })?;
    let name = metadata
        .get("name")
        .ok_or_else(|| ScenarioError::new(metadata.at, "expected key `name` of `metadata`"))?;
    if name.as_text().is_none_or(str::is_empty) {
        return Err(name.wrong("`metadata.name` as a string"));
    }
    if let Some(it) = metadata.get("namespace").filter(|it| it.as_text().is_none()) {
        return Err(it.wrong("`metadata.namespace` as a string"));
    }
    for map in ["annotations", "labels"] {
        check_string_map(metadata.get(map), map)?;
    }
    let mut res = Object {
        at: document.at,
        value: document.to_json(),
        created: None,
        changed: None,
        verbatim: false,
    };
    if let Some(annotations) = metadata.get("annotations") {
        directives(annotations, now, &mut res)?;
    }
    objects.push(res);
    Ok(())
}

/// An object that the lab generated, whose annotation `age` is a number of minutes (`17m`).
pub fn generated(value: Value, now: Timestamp) -> Result<Object, ScenarioError> {
    let age = value["metadata"]["annotations"][AGE].as_str().map(str::to_owned);
    let mut res = Object { verbatim: false, ..Object::furniture(value) };
    if let Some(age) = age {
        let node = Node { at: At::default(), shape: Shape::Text(age) };
        res.created = Some(before(now, &node, AGE)?);
        strip_directives(&mut res.value);
    }
    Ok(res)
}

fn check_string_map(node: Option<&Node>, what: &str) -> Result<(), ScenarioError> {
    let Some(node) = node else { return Ok(()) };
    match &node.shape {
        Shape::Null => Ok(()),
        Shape::Map(entries) => match entries.iter().find(|(_, it)| it.as_text().is_none()) {
            Some((key, it)) => Err(it.wrong(format!("`{what}` `{}` as a string", key.name))),
            None => Ok(()),
        },
        Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) | Shape::List(_) => {
            Err(node.wrong(format!("`metadata.{what}` as a map of strings")))
        }
    }
}

fn directives(node: &Node, now: Timestamp, res: &mut Object) -> Result<(), ScenarioError> {
    let Shape::Map(entries) = &node.shape else { return Ok(()) };
    for (key, value) in entries.iter().filter(|(it, _)| it.name.starts_with("lab.idscope.dev/")) {
        match &*key.name {
            AGE => res.created = Some(before(now, value, AGE)?),
            CHANGED => res.changed = Some(before(now, value, CHANGED)?),
            ADMISSION => match value.as_text() {
                Some("verbatim") => res.verbatim = true,
                Some("webhook") => res.verbatim = false,
                Some(_) | None => return Err(value.wrong("`webhook` or `verbatim`")),
            },
            other => {
                return Err(ScenarioError::new(
                    key.at,
                    format!(
                        "unknown annotation `{other}`, expected one of `{AGE}`, `{CHANGED}`, `{ADMISSION}`"
                    ),
                ));
            }
        }
    }
    strip_directives(&mut res.value);
    Ok(())
}

/// Takes the lab's annotations out of an object's metadata.
pub fn strip_directives(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else {
        return;
    };
    annotations.retain(|key, _| !key.starts_with("lab.idscope.dev/"));
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
}
