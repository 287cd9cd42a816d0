//! A YAML document as a tree that knows where each part stands, and typed reading of its maps.
//!
//! Knows the rules of no kind; those are in `kinds`. Text is kept as written, so that what looks like a number can be
//! refused where a quoted string is needed.

use crate::{
    ident::{Arn, Text},
    lab::scenario::ScenarioError,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use std::fmt;

/// One-based line and column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub at: At,
    pub shape: Shape,
}

#[derive(Clone, Debug)]
pub enum Shape {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub at: At,
    pub name: String,
}

impl Node {
    /// The value under `key`; `None` when this is no map or has no such key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.shape {
            Shape::Map(entries) => entries.iter().find(|(it, _)| it.name == key).map(|(_, it)| it),
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) | Shape::List(_) => {
                None
            }
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(it) => Some(it),
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::List(_) | Shape::Map(_) => {
                None
            }
        }
    }

    pub fn to_json(&self) -> Value {
        match &self.shape {
            Shape::Null => Value::Null,
            Shape::Bool(it) => Value::Bool(*it),
            Shape::Number(it) => Value::Number(it.clone()),
            Shape::Text(it) => Value::String(it.clone()),
            Shape::List(it) => Value::Array(it.iter().map(Node::to_json).collect()),
            Shape::Map(it) => Value::Object(
                it.iter().map(|(key, it)| (key.name.clone(), it.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// What stands here, in the words of an error.
    pub fn found(&self) -> String {
        match &self.shape {
            Shape::Null => "nothing".into(),
            Shape::Bool(it) => format!("the boolean `{it}`"),
            Shape::Number(it) => format!("the number `{it}`"),
            Shape::Text(it) => format!("`{}`", it.escape_debug()),
            Shape::List(_) => "a list".into(),
            Shape::Map(_) => "a map".into(),
        }
    }

    pub fn wrong(&self, expected: impl fmt::Display) -> ScenarioError {
        ScenarioError::new(self.at, format!("expected {expected}, found {}", self.found()))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Shape>::deserialize(deserializer)?;
        Ok(Node { at: at(spanned.referenced), shape: spanned.value })
    }
}

fn at(location: serde_saphyr::Location) -> At {
    At { line: location.line(), column: location.column() }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        Shape::deserialize(deserializer)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Shape, E> {
        Ok(Shape::Number(it.into()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Shape, E> {
        Ok(Shape::Number(it.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, it: f64) -> Result<Shape, E> {
        Number::from_f64(it).map(Shape::Number).ok_or_else(|| E::custom("expected a finite number"))
    }

    fn visit_str<E>(self, it: &str) -> Result<Shape, E> {
        Ok(Shape::Text(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut acc = Vec::new();
        while let Some(it) = seq.next_element()? {
            acc.push(it);
        }
        Ok(Shape::List(acc))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut acc = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Node>()?;
            acc.push((Key { at: at(key.referenced), name: key.value }, value));
        }
        Ok(Shape::Map(acc))
    }
}

/// The keys of one document or part of one, each of which must be known.
pub struct Fields<'a> {
    of: &'static str,
    node: &'a Node,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// Fails on a key outside `known`, at that key; `apiVersion` and `kind` are known when `known` says so.
    pub fn read(
        node: &'a Node,
        of: &'static str,
        known: &[&str],
    ) -> Result<Fields<'a>, ScenarioError> {
        let Shape::Map(entries) = &node.shape else {
            return Err(node.wrong(format!("{of} as a map with keys {}", listed(known))));
        };
        match entries.iter().find(|(it, _)| !known.contains(&&*it.name)) {
            Some((key, _)) => Err(ScenarioError::new(
                key.at,
                format!(
                    "unknown key `{}` of {of}, expected one of {}",
                    key.name.escape_debug(),
                    listed(known)
                ),
            )),
            None => Ok(Fields { of, node, entries }),
        }
    }

    /// The value under `key` unless it is absent or null.
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        let (_, it) = self.entries.iter().find(|(it, _)| it.name == key)?;
        (!matches!(it.shape, Shape::Null)).then_some(it)
    }

    /// Whether the key stands there at all, null included.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(it, _)| it.name == key)
    }

    pub fn required(&self, key: &str) -> Result<&'a Node, ScenarioError> {
        self.node(key).ok_or_else(|| self.missing(key))
    }

    pub fn missing(&self, key: &str) -> ScenarioError {
        ScenarioError::new(self.node.at, format!("expected key `{key}` of {}", self.of))
    }

    pub fn text(&self, key: &str) -> Result<Text, ScenarioError> {
        text(self.required(key)?, key)
    }

    pub fn text_opt(&self, key: &str) -> Result<Option<Text>, ScenarioError> {
        self.node(key).map(|it| text(it, key)).transpose()
    }

    pub fn arn_opt(&self, key: &str) -> Result<Option<Arn>, ScenarioError> {
        self.node(key).map(|it| arn(it, key)).transpose()
    }

    pub fn arn(&self, key: &str) -> Result<Arn, ScenarioError> {
        arn(self.required(key)?, key)
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, ScenarioError> {
        self.node(key)
            .map(|it| match it.shape {
                Shape::Bool(it) => Ok(it),
                Shape::Null
                | Shape::Number(_)
                | Shape::Text(_)
                | Shape::List(_)
                | Shape::Map(_) => Err(it.wrong(format!("`{key}` as true or false"))),
            })
            .transpose()
    }

    pub fn count(&self, key: &str) -> Result<Option<u64>, ScenarioError> {
        self.node(key)
            .map(|it| {
                match &it.shape {
                    Shape::Number(n) => n.as_u64(),
                    Shape::Null
                    | Shape::Bool(_)
                    | Shape::Text(_)
                    | Shape::List(_)
                    | Shape::Map(_) => None,
                }
                .ok_or_else(|| it.wrong(format!("`{key}` as a whole number")))
            })
            .transpose()
    }

    pub fn list(&self, key: &str) -> Result<&'a [Node], ScenarioError> {
        let Some(node) = self.node(key) else { return Ok(&[]) };
        match &node.shape {
            Shape::List(it) => Ok(it),
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) | Shape::Map(_) => {
                Err(node.wrong(format!("`{key}` as a list")))
            }
        }
    }

    pub fn texts(&self, key: &str) -> Result<Vec<Text>, ScenarioError> {
        self.list(key)?.iter().map(|it| text(it, key)).collect()
    }

    pub fn map(&self, key: &str) -> Result<&'a [(Key, Node)], ScenarioError> {
        let Some(node) = self.node(key) else { return Ok(&[]) };
        match &node.shape {
            Shape::Map(it) => Ok(it),
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) | Shape::List(_) => {
                Err(node.wrong(format!("`{key}` as a map")))
            }
        }
    }

    /// A map of strings to strings, as tags are.
    pub fn pairs(&self, key: &str) -> Result<Vec<(Text, Text)>, ScenarioError> {
        let entries = self.map(key)?;
        entries.iter().map(|(k, it)| Ok((k.name.as_str().into(), text(it, &k.name)?))).collect()
    }
}

pub fn text(node: &Node, key: &str) -> Result<Text, ScenarioError> {
    node.as_text().map(Text::from).ok_or_else(|| node.wrong(format!("`{key}` as a string")))
}

fn arn(node: &Node, key: &str) -> Result<Arn, ScenarioError> {
    let res = Arn::new(text(node, key)?);
    if res.parts().is_none() {
        return Err(node.wrong(format!("`{key}` as an ARN (`arn:PARTITION:SERVICE:…`)")));
    }
    Ok(res)
}

fn listed(known: &[&str]) -> String {
    known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
