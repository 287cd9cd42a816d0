//! Values that several kinds share: documents, accounts, durations.

use crate::{
    ident::{AccountId, Partition, Text, Timestamp},
    lab::scenario::{
        Role, ScenarioError,
        kinds::Aged,
        node::{Fields, Node, Shape},
    },
};
use std::time::Duration;

pub fn is_api(text: &str, separator: char) -> bool {
    text.split_once(separator).is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
}

/// A policy document as it is served: an object as compact JSON, a string verbatim.
pub fn document(node: &Node, key: &str) -> Result<Text, ScenarioError> {
    match &node.shape {
        Shape::Text(it) => Ok(it.as_str().into()),
        Shape::Map(_) => Ok(node.to_json().to_string().into()),
        Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::List(_) => {
            Err(node.wrong(format!("`{key}` as a map, or as a string that is served verbatim")))
        }
    }
}

/// Twelve digits; YAML makes a number of them when nobody quotes them.
pub fn account(node: &Node) -> Result<AccountId, ScenarioError> {
    let parsed = match &node.shape {
        Shape::Text(it) => AccountId::parse(it),
        Shape::Number(it) => AccountId::parse(&it.to_string()),
        Shape::Null | Shape::Bool(_) | Shape::List(_) | Shape::Map(_) => None,
    };
    parsed.ok_or_else(|| node.wrong("an account as a string of twelve digits"))
}

pub fn age(it: &Fields<'_>, key: &str, now: Timestamp) -> Result<Option<Timestamp>, ScenarioError> {
    it.node(key).map(|node| before(now, node, key)).transpose()
}

/// The time `node` (a duration) before `now`.
pub fn before(now: Timestamp, node: &Node, key: &str) -> Result<Timestamp, ScenarioError> {
    let span = duration(node, key)?;
    now.checked_sub(jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX))
        .map_err(|_| node.wrong(format!("`{key}` within the calendar")))
}

pub fn duration(node: &Node, key: &str) -> Result<Duration, ScenarioError> {
    node.as_text()
        .and_then(parse_duration)
        .ok_or_else(|| node.wrong(format!("`{key}` as a duration such as 90s, 10m, 3h or 2d")))
}

/// `90s`, `10m`, `3h`, `2d`, or several of them together (`1h30m`).
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0u64;
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..n_digits].parse().ok()?;
        let mut after = rest[n_digits..].chars();
        let unit = match after.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// The partition of a provider's account: that of a role there, else the cluster's.
pub fn partition_of(account: &AccountId, roles: &[Aged<Role>], cluster: &Partition) -> Partition {
    roles
        .iter()
        .find(|it| it.it.arn.account().as_ref() == Some(account))
        .and_then(|it| it.it.arn.partition())
        .unwrap_or_else(|| cluster.clone())
}
