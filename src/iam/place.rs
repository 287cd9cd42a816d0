//! Where in a document something is wrong, and what people usually did there.
//!
//! Only looked at once a document is known to be invalid: finding a place reads the text again, level by level.

use crate::iam::Position;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// One step down from the document to the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `.Name`
    Member(String),
    /// `[0]`
    Item(usize),
    /// `[name]`, for names that people make up.
    Entry(String),
}

/// What at the end of the steps is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    /// The value.
    Value,
    /// The name that the value stands behind.
    Name,
    /// In the object there, the second member of this name.
    Second(String),
}

/// `None` where the steps do not lead anywhere, which is so when the text is no JSON.
pub(crate) fn find(raw: &str, steps: &[Step], focus: &Focus) -> Option<Position> {
    let mut here = raw;
    for step in steps {
        here = match step {
            Step::Member(name) | Step::Entry(name) => members(here)?.nth(name, 0)?,
            Step::Item(at) => serde_json::from_str::<Vec<&RawValue>>(here).ok()?.get(*at)?.get(),
        };
    }
    if let Focus::Second(name) = focus {
        here = members(here)?.nth(name, 1)?;
    }
    // Both are slices of `raw`, so the distance of their starts is where `here` begins in it.
    let here = here.trim_start();
    let value = (here.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
    let offset = match focus {
        Focus::Value => value,
        Focus::Name | Focus::Second(_) => name_before(raw, value)?,
    };
    position(raw, offset)
}

/// Lines and characters counted from one. `None` when `offset` is not in the text.
pub(crate) fn position(raw: &str, offset: usize) -> Option<Position> {
    let before = raw.get(..offset)?;
    let start = before.rfind('\n').map_or(0, |it| it + 1);
    Some(Position {
        line: before.bytes().filter(|it| *it == b'\n').count() + 1,
        column: before[start..].chars().count() + 1,
    })
}

/// Where `serde_json` stopped, which counts bytes and points behind what it read last.
pub(crate) fn syntax(raw: &str, err: &serde_json::Error) -> Option<Position> {
    let line = raw.split('\n').nth(err.line().checked_sub(1)?)?;
    let start = line.as_ptr() as usize - raw.as_ptr() as usize;
    let mut offset = start + err.column().saturating_sub(1).min(line.len());
    while !raw.is_char_boundary(offset) {
        offset -= 1;
    }
    position(raw, offset)
}

/// What the author of a text that is no JSON probably did. `None` where the parser's own words say it.
pub fn hint(raw: &str, err: &serde_json::Error) -> Option<&'static str> {
    if raw.starts_with('\u{feff}') {
        return Some("it starts with a byte order mark");
    }
    let text = raw.trim_start();
    if text.is_empty() {
        return Some("it is empty");
    }
    if raw.contains('\0') {
        return Some("it has NUL characters, as UTF-16 read as UTF-8 has");
    }
    if text.starts_with("%7B") || text.starts_with("%7b") {
        return Some("it is percent-encoded, as the IAM API returns it");
    }
    if ["---", "Version:", "Statement:"].iter().any(|it| text.starts_with(it)) {
        return Some("it looks like YAML");
    }
    let at = syntax(raw, err)?;
    let mut rest = raw.split('\n').nth(at.line - 1)?.chars().skip(at.column - 1);
    match rest.next()? {
        '/' | '#' => Some("JSON has no comments"),
        '\'' => Some("text stands in double quotes"),
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' => {
            Some("typographic quotes are no quotes")
        }
        c if (c.is_alphabetic() || c == '_' || c == '$')
            && err.to_string().starts_with("key must be a string") =>
        {
            Some("names stand in double quotes")
        }
        _ => None,
    }
}

/// Where the name begins that `:` and the value at `value` follow.
fn name_before(raw: &str, value: usize) -> Option<usize> {
    let before = raw.get(..value)?.trim_end().strip_suffix(':')?.trim_end();
    let mut end = before.strip_suffix('"')?.len();
    loop {
        end = raw[..end].rfind('"')?;
        let n_slashes = raw[..end].bytes().rev().take_while(|it| *it == b'\\').count();
        if n_slashes % 2 == 0 {
            return Some(end);
        }
    }
}

fn members(raw: &str) -> Option<Members<'_>> {
    serde_json::from_str(raw).ok()
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn nth(&self, name: &str, n: usize) -> Option<&'a str> {
        self.0.iter().filter(|it| it.0 == name).nth(n).map(|it| it.1.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut res = Vec::new();
                while let Some(it) = map.next_entry()? {
                    res.push(it);
                }
                Ok(Members(res))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}
