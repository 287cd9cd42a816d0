//! What a plan was made from, what somebody else made of it since, and what the plan would write, side by side.

use crate::{
    ident::Text,
    plan::{AssociationFields, Edit, EnvChange, EnvEntry, Line, diff, without_secrets},
};
use serde_json::{Map, Value, json};

/// A line with what became of it on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreeWay {
    /// What somebody else did.
    pub theirs: Side,
    /// What the plan would do.
    pub ours: Side,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The line is on this side as it was.
    Kept,
    /// It was there and is not on this side.
    Gone,
    /// It is new on this side, or only on the other.
    New,
}

impl ThreeWay {
    /// Two marks and the text, as `git diff --cc` writes it: theirs first.
    pub fn render(&self) -> String {
        let mark = |it: Side| match it {
            Side::Kept => ' ',
            Side::Gone => '-',
            Side::New => '+',
        };
        format!("{}{} {}", mark(self.theirs), mark(self.ours), self.text)
    }
}

/// How many unchanged lines are told on each side of a changed one.
const CONTEXT: usize = 2;

/// The lines that differ on either side, with a few around them. `theirs` is what [`laid_out`] makes of what was found.
pub fn three_way(edit: &Edit, theirs: &str) -> Vec<ThreeWay> {
    let (base, ours) = states(edit);
    let all = merged(&laid_out(&base), theirs, &laid_out(&ours));
    let changed: Vec<bool> =
        all.iter().map(|it| it.theirs != Side::Kept || it.ours != Side::Kept).collect();
    let is_near = |at: usize| {
        let from = at.saturating_sub(CONTEXT);
        changed[from..changed.len().min(at + CONTEXT + 1)].iter().any(|it| *it)
    };
    let near: Vec<bool> = (0..all.len()).map(is_near).collect();
    all.into_iter().zip(near).filter(|(_, near)| *near).map(|(it, _)| it).collect()
}

/// A state as lines that can be compared: JSON indented, secrets by their digest.
pub fn laid_out(state: &Value) -> String {
    match state {
        Value::Null => String::new(),
        // A policy as IAM has it.
        Value::String(it) => match serde_json::from_str::<Value>(it) {
            Ok(document @ (Value::Object(_) | Value::Array(_))) => indented(&document),
            Ok(_) | Err(_) => text_of(&without_secrets(state)),
        },
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            indented(&without_secrets(state))
        }
    }
}

fn text_of(it: &Value) -> String {
    it.as_str().unwrap_or_default().to_owned()
}

fn indented(it: &Value) -> String {
    serde_json::to_string_pretty(it).unwrap_or_default()
}

fn merged(base: &str, theirs: &str, ours: &str) -> Vec<ThreeWay> {
    let (theirs, ours) = (diff::lines(base, theirs), diff::lines(base, ours));
    let (mut theirs, mut ours) = (theirs.into_iter().peekable(), ours.into_iter().peekable());
    let mut res = Vec::new();
    loop {
        let new = |it: &Line| match it {
            Line::New(text) => Some(text.clone()),
            Line::Same(_) | Line::Gone(_) => None,
        };
        let (left, right) = (theirs.peek().and_then(new), ours.peek().and_then(new));
        match (left, right) {
            (Some(left), Some(right)) if left == right => {
                theirs.next();
                ours.next();
                res.push(ThreeWay { theirs: Side::New, ours: Side::New, text: left });
                continue;
            }
            (Some(text), _) => {
                theirs.next();
                res.push(ThreeWay { theirs: Side::New, ours: Side::Kept, text });
                continue;
            }
            (None, Some(text)) => {
                ours.next();
                res.push(ThreeWay { theirs: Side::Kept, ours: Side::New, text });
                continue;
            }
            (None, None) => {}
        }
        // Both are at the same line of the base now.
        let side = |it: &Line| match it {
            Line::Same(text) => (Side::Kept, text.clone()),
            Line::Gone(text) => (Side::Gone, text.clone()),
            Line::New(text) => (Side::New, text.clone()),
        };
        match (theirs.next(), ours.next()) {
            (Some(left), Some(right)) => {
                let ((theirs, text), (ours, _)) = (side(&left), side(&right));
                res.push(ThreeWay { theirs, ours, text });
            }
            (Some(left), None) => {
                let (theirs, text) = side(&left);
                res.push(ThreeWay { theirs, ours: Side::Kept, text });
            }
            (None, Some(right)) => {
                let (ours, text) = side(&right);
                res.push(ThreeWay { theirs: Side::Kept, ours, text });
            }
            (None, None) => return res,
        }
    }
}

/// What an edit expects to find and what it leaves behind, in the form in which it is read.
pub fn states(edit: &Edit) -> (Value, Value) {
    let text = |it: &Option<Text>| it.as_ref().map_or(Value::Null, |it| json!(it));
    match edit {
        Edit::Annotate { was, value, .. } | Edit::SetMetadata { was, value, .. } => {
            (text(was), text(value))
        }
        Edit::UseServiceAccount { was, name, .. } => (text(was), text(name)),
        Edit::CreateServiceAccount { annotations, labels, .. } => {
            (Value::Null, marks(annotations, labels))
        }
        Edit::DeleteServiceAccount { annotations, labels, .. } => {
            (marks(annotations, labels), Value::Null)
        }
        Edit::SetEnv { changes, .. } => {
            let all = |of: &dyn Fn(&EnvChange) -> Option<EnvEntry>| -> Value {
                let entries = changes.iter().map(|it| (it.name.to_string(), env_entry(it, of(it))));
                Value::Object(entries.collect())
            };
            (all(&|it| it.was.clone()), all(&|it| it.entry.clone()))
        }
        Edit::RestoreEnv { names, revision, .. } => {
            let all = |it: &Value| -> Value {
                names
                    .iter()
                    .map(|name| (name.to_string(), it.clone()))
                    .collect::<Map<_, _>>()
                    .into()
            };
            (all(&Value::Null), all(&json!(format!("(as in revision {revision})"))))
        }
        Edit::Restart { .. } => (Value::Null, Value::Null),
        Edit::CreateProvider { client_ids, .. } => (Value::Null, json!(client_ids)),
        Edit::DeleteProvider { client_ids, .. } => (json!(client_ids), Value::Null),
        Edit::AddClientId { client_id, .. } => (json!([]), json!([client_id])),
        Edit::RemoveClientId { client_id, .. } => (json!([client_id]), json!([])),
        Edit::SetThumbprints { was, thumbprints, .. } => (json!(was), json!(thumbprints)),
        Edit::SetTrust { was, document, .. } => (json!(was), json!(document)),
        Edit::CreateAssociation { fields, .. } => (Value::Null, association(fields)),
        Edit::UpdateAssociation { was, fields, .. } => (association(was), association(fields)),
        Edit::DeleteAssociation { was, .. } => (association(was), Value::Null),
        Edit::CreateAddon { name } => (Value::Null, json!(name)),
        Edit::DeleteAddon { name } => (json!(name), Value::Null),
    }
}

fn association(it: &AssociationFields) -> Value {
    json!(it)
}

fn marks(annotations: &[(Text, Text)], labels: &[(Text, Text)]) -> Value {
    let map = |pairs: &[(Text, Text)]| -> Value {
        if pairs.is_empty() {
            return Value::Null;
        }
        let pairs = pairs.iter().map(|(key, it)| (key.to_string(), json!(it)));
        Value::Object(pairs.collect())
    };
    json!({"annotations": map(annotations), "labels": map(labels)})
}

fn env_entry(change: &EnvChange, entry: Option<EnvEntry>) -> Value {
    let name = &change.name;
    match entry {
        None => Value::Null,
        Some(EnvEntry::Value(value)) => json!({"name": name, "value": value}),
        Some(EnvEntry::Hidden) => json!({"name": name, "value": "(hidden)"}),
        Some(EnvEntry::From(origin)) => json!({"name": name, "valueFrom": origin}),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        Edit, TrustChange,
        threeway::{merged, three_way},
    };

    #[track_caller]
    fn check(base: &str, theirs: &str, ours: &str, wanted: &[&str]) {
        let lines = |it: &str| it.replace(' ', "\n");
        let got = merged(&lines(base), &lines(theirs), &lines(ours));
        let got: Vec<String> = got.iter().map(|it| it.render()).collect();
        assert_eq!(got, wanted);
    }

    #[test]
    fn both_sides_of_every_line_are_told() {
        check("a b c", "a b c", "a b c", &["   a", "   b", "   c"]);
        check("a b c", "a x c", "a y c", &["   a", "-- b", "+  x", " + y", "   c"]);
        check("a b c", "a c", "a b c d", &["   a", "-  b", "   c", " + d"]);
        check("a", "a b", "a b", &["   a", "++ b"]);
        check("", "a", "", &["+  a"]);
        check("a", "", "b", &["-- a", " + b"]);
    }

    #[test]
    fn only_what_is_near_a_difference_is_told() {
        let document = |middle: &str| {
            let all: Vec<String> = (0..9).map(|it| format!("\"{it}\":0")).collect();
            format!(
                "{{{},\"sub\":\"{middle}\",{}}}",
                all.join(","),
                all.join(",").replace('"', "\"x")
            )
            .replace("\"x:", "\":")
        };
        let edit = Edit::SetTrust {
            role: "arn:aws:iam::111122223333:role/a".into(),
            was: document("old").into(),
            document: document("ours").into(),
            change: TrustChange::NearMiss,
        };
        let theirs = serde_json::from_str::<serde_json::Value>(&document("theirs")).unwrap();
        let theirs = serde_json::to_string_pretty(&theirs).unwrap();
        let told = three_way(&edit, &theirs);
        assert!(told.len() < 9, "{told:?}");
        let marks: Vec<String> =
            told.iter().map(|it| it.render()).filter(|it| !it.starts_with("   ")).collect();
        let wanted =
            ["--   \"sub\": \"old\",", "+    \"sub\": \"theirs\",", " +   \"sub\": \"ours\","];
        assert_eq!(marks, wanted);
    }
}
