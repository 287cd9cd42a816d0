//! A policy's text with some statements replaced, and every byte of the others as it was.
//!
//! Whoever saves a policy answers for all of it, so what is not to change is not written anew: neither its layout nor
//! the order of its members. Inside a replaced statement what means the same keeps its form and its place.

use crate::iam::{Document, Kind, Policy, Statement};
use serde_json::{Map, Value, value::RawValue};
use std::ops::Range;

impl Document {
    /// The raw text with the statements of `wanted` in place of those that differ. `None` when the document is no
    /// policy, when it already says the same, or when the result would not read as `wanted` (a version that differs, two
    /// conditions that JSON cannot hold apart).
    pub fn rewritten(&self, wanted: &Policy, kind: Kind) -> Option<String> {
        let present = self.parsed.as_ref().ok()?;
        let same = |(left, right): &(&Statement, &Statement)| left == right;
        let (old, new) = (&present.statements, &wanted.statements);
        let head = old.iter().zip(new).take_while(same).count();
        let rest = old.len().min(new.len()) - head;
        let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
        let (old_range, new_range) = (head..old.len() - tail, head..new.len() - tail);
        if old_range.is_empty() && new_range.is_empty() {
            return None;
        }
        let places = places(&self.raw)?;
        let written: Option<Vec<String>> = new[new_range]
            .iter()
            .enumerate()
            .map(|(index, it)| {
                let was = places.statements.get(old_range.start + index);
                let was = was.filter(|_| old_range.start + index < old_range.end);
                written(it, was.map(|it| &self.raw[it.clone()]))
            })
            .collect();
        let res = splice(&self.raw, &places, old_range, &written?)?;
        let reads = Document::parse(res.as_str(), kind).parsed.ok()?;
        (in_order(reads) == in_order(wanted.clone())).then_some(res)
    }
}

/// All conditions of a statement must hold, in whatever order they stand; a replaced statement keeps the order it had.
fn in_order(mut policy: Policy) -> Policy {
    for it in &mut policy.statements {
        it.conditions.sort_by(|a, b| (&a.operator, &a.key).cmp(&(&b.operator, &b.key)));
    }
    policy
}

/// Where the statements stand in the text.
struct Places {
    /// The value of `Statement`.
    whole: Range<usize>,
    /// Whether it is a list.
    listed: bool,
    statements: Vec<Range<usize>>,
}

fn places(raw: &str) -> Option<Places> {
    let members: Members<'_> = serde_json::from_str(raw).ok()?;
    let value = members.0.iter().find(|(name, _)| name == "Statement")?.1;
    let whole = range(raw, value);
    if value.get().starts_with('{') {
        return Some(Places { statements: vec![whole.clone()], whole, listed: false });
    }
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let statements = items.into_iter().map(|it| range(raw, it)).collect();
    Some(Places { whole, listed: true, statements })
}

/// The members of an object in their order, each value as text of the document.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut res = Vec::new();
                while let Some(it) = map.next_entry::<String, &'de RawValue>()? {
                    res.push(it);
                }
                Ok(Members(res))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Where a value that borrows from `raw` stands in it.
fn range(raw: &str, value: &RawValue) -> Range<usize> {
    // INVARIANT: a borrowed RawValue is a part of the text that it was read from.
    let start = value.get().as_ptr() as usize - raw.as_ptr() as usize;
    start..start + value.get().len()
}

/// The text with `new` in place of the statements `old`.
fn splice(raw: &str, places: &Places, old: Range<usize>, new: &[String]) -> Option<String> {
    if !places.listed {
        let all = if old.is_empty() {
            // A further statement makes a list of the only one.
            let only = raw[places.whole.clone()].to_owned();
            let mut all = vec![only];
            all.splice(old.start.min(1)..old.start.min(1), new.iter().cloned());
            all
        } else {
            new.to_vec()
        };
        let value = match &all[..] {
            [one] => one.clone(),
            many => format!("[{}]", many.join(",")),
        };
        return Some(format!("{}{value}{}", &raw[..places.whole.start], &raw[places.whole.end..]));
    }
    let all = &places.statements;
    let joined = new.join(",");
    let (range, text) = match (all.get(old.start), old.is_empty()) {
        // In place of what is there.
        (Some(first), false) if !new.is_empty() => (first.start..all[old.end - 1].end, joined),
        // Away with it, and with one of the commas beside it.
        (Some(first), false) => match (old.start.checked_sub(1), all.get(old.end)) {
            (Some(before), _) => (all[before].end..all[old.end - 1].end, String::new()),
            (None, Some(after)) => (first.start..after.start, String::new()),
            (None, None) => (first.start..all[old.end - 1].end, String::new()),
        },
        // Before the next one.
        (Some(next), true) => (next.start..next.start, format!("{joined},")),
        // Behind the last one, or into an empty list.
        (None, _) => match all.last() {
            Some(last) => (last.end..last.end, format!(",{joined}")),
            None => (places.whole.end - 1..places.whole.end - 1, joined),
        },
    };
    Some(format!("{}{text}{}", &raw[..range.start], &raw[range.end..]))
}

/// One statement as JSON; in the form of `was` wherever that says the same.
fn written(statement: &Statement, was: Option<&str>) -> Option<String> {
    let new = statement.to_value()?;
    let was = was.and_then(|it| serde_json::from_str::<Value>(it).ok());
    let res = match was {
        Some(was) => merged(was, new),
        None => new,
    };
    Some(res.to_string())
}

/// `new` with the order and the forms of `was` where both mean the same.
fn merged(was: Value, new: Value) -> Value {
    match (was, new) {
        (Value::Object(was), Value::Object(mut new)) => {
            let mut res = Map::new();
            for (name, value) in was {
                if let Some(it) = new.shift_remove(&name) {
                    res.insert(name, merged(value, it));
                }
            }
            res.extend(new);
            Value::Object(res)
        }
        (was, new) if texts(&was).is_some() && texts(&was) == texts(&new) => was,
        (_, new) => new,
    }
}

/// A value or a list of values as the strings that IAM compares; `None` for anything else.
fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |it: &Value| match it {
        Value::String(it) => Some(it.clone()),
        Value::Bool(it) => Some(it.to_string()),
        Value::Number(it) => Some(it.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        it => one(it).map(|it| vec![it]),
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::{Document, Kind, Policy};
    use proptest::prelude::*;

    const A: &str = r#"{ "Action" : "sts:AssumeRole", "Effect":"Allow",
        "Principal": {"Service": ["ec2.amazonaws.com"]} }"#;
    const B: &str = r#"{"Effect":"Allow","Principal":{"Federated":"arn:x"},"Action":["sts:AssumeRoleWithWebIdentity"],"Condition":{"Bool":{"aws:SecureTransport":true},"StringEquals":{"i:sub":" a","i:aud":["c"]}}}"#;

    /// `B` as it is written where nothing stands in its place.
    const NEW: &str = r#"{"Effect":"Allow","Principal":{"Federated":"arn:x"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"i:sub":" a","i:aud":"c"}}}"#;

    fn policy(raw: &str) -> Policy {
        Document::parse(raw, Kind::Trust).parsed.unwrap()
    }

    /// The statements of both texts in one document each.
    #[track_caller]
    fn check(raw: &str, wanted: &str, expected: Option<&str>) {
        let res = Document::parse(raw, Kind::Trust).rewritten(&policy(wanted), Kind::Trust);
        assert_eq!(res.as_deref(), expected);
    }

    #[test]
    fn only_what_differs_is_written_anew() {
        let mended = B.replace(" a", "a");
        let doc =
            |statements: &str| format!("{{\"Id\": \"x\",\n \"Statement\": [\n{statements}\n ]}}");
        let (ab, am) = (doc(&format!("{A},\n\n{B}")), doc(&format!("{A},\n\n{mended}")));
        check(&ab, &am, Some(&am));
        check(&ab, &ab, None);
        // One more, behind; one less; all others stay.
        let more = doc(&format!("{A},\n\n{B},{}", NEW.replace(" a", "a")));
        check(&ab, &more, Some(&more));
        check(&more, &ab, Some(&ab));
        check(&ab, &doc(B), Some(&doc(B)));
        let filled = doc("").replace("\n\n ]", &format!("\n\n {NEW}]"));
        check(&doc(""), &doc(B), Some(&filled));
    }

    #[test]
    fn a_single_statement_becomes_a_list_when_it_gets_company() {
        let doc = |it: &str| format!(r#"{{"Version":"2012-10-17","Statement":{it}}}"#);
        check(&doc(A), &doc(&format!("[{A},{B}]")), Some(&doc(&format!("[{A},{NEW}]"))));
        check(&doc(B), &doc(&B.replace(" a", "a")), Some(&doc(&B.replace(" a", "a"))));
    }

    #[test]
    fn forms_that_mean_the_same_stay() {
        // The parsed policy does not tell a list of one, or a number, from a string.
        let doc = |it: &str| format!(r#"{{"Statement":[{it}]}}"#);
        let plain = B.replace(" a", "a").replace(r#"["c"]"#, r#""c""#).replace("true", r#""true""#);
        check(&doc(B), &doc(&plain), Some(&doc(&B.replace(" a", "a"))));
    }

    #[test]
    fn conditions_stand_where_they_stood() {
        let doc = |it: &str| format!(r#"{{"Statement":[{it}]}}"#);
        let wanted = B.replace(r#""i:sub":" a","i:aud":["c"]"#, r#""i:aud":"c","i:sub":"a""#);
        check(&doc(B), &doc(&wanted), Some(&doc(&B.replace(" a", "a"))));
    }

    #[test]
    fn what_cannot_be_written_is_not() {
        check("{", r#"{"Statement":[]}"#, None);
        check(
            &format!(r#"{{"Statement":[{A}]}}"#),
            &format!(r#"{{"Version":"2012-10-17","Statement":[{A},{B}]}}"#),
            None,
        );
    }

    proptest! {
        /// Whatever is replaced, removed or put in: it reads as wanted, and the others keep their bytes.
        #[test]
        fn reads_as_wanted_and_keeps_the_rest(
            old in prop::collection::vec(0_u8..6, 0..6), new in prop::collection::vec(0_u8..6, 0..6),
            single: bool,
        ) {
            let one = |it: &u8| format!(
                "{{ \"Sid\":\"S{it}\",\t\"Effect\":\"Deny\",\n\"Principal\":\"*\", \"Action\": [\"x:{it}\"] }}");
            let doc = |all: &[u8]| {
                let all: Vec<_> = all.iter().map(one).collect();
                match (&all[..], single) {
                    ([it], true) => format!("{{\"Statement\" : {it} }}"),
                    (all, _) => format!("{{\"Statement\" : [ {} ] }}", all.join(" ,\n ")),
                }
            };
            let document = Document::parse(doc(&old), Kind::Trust);
            let wanted = policy(&doc(&new));
            match document.rewritten(&wanted, Kind::Trust) {
                None => prop_assert_eq!(document.parsed.unwrap(), wanted),
                Some(text) => {
                    prop_assert_eq!(policy(&text), wanted);
                    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
                    for it in &old[..head] {
                        prop_assert!(text.contains(&one(it)), "{}", text);
                    }
                }
            }
        }
    }
}
