//! A second evaluator, as unlike the first as it can be: two-valued, straight from the JSON, one world at a time.
//!
//! What nobody can know is a coin, and every way the coins can fall is tried; what the caller does not know about
//! keys it tries likewise. Slow, and only for policies of `policies.rs`.

use crate::policies::{Mechanism, Subject};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub type World = BTreeMap<String, Vec<String>>;

/// More runs than this are not worth their time: what was seen so far must already fit.
const MAX_RUNS: usize = 128;

/// The answers that are possible in `world`: allowed or not.
pub fn outcomes(policy: &Value, subject: &Subject, world: &World) -> Vec<bool> {
    let mut coins = Coins::default();
    let mut res = Vec::new();
    for _ in 0..MAX_RUNS {
        coins.at = 0;
        let judge = Judge { policy, subject, world };
        let allowed = judge.allows(&mut coins);
        if !res.contains(&allowed) {
            res.push(allowed);
        }
        if !coins.next() {
            break;
        }
    }
    res
}

/// Choices in the order in which a run asks for them.
#[derive(Default)]
struct Coins {
    fallen: Vec<bool>,
    at: usize,
}

impl Coins {
    fn toss(&mut self) -> bool {
        if self.at == self.fallen.len() {
            self.fallen.push(false);
        }
        self.at += 1;
        self.fallen[self.at - 1]
    }

    /// Turns to the next combination; `false` after the last one.
    fn next(&mut self) -> bool {
        self.fallen.truncate(self.at);
        while let Some(last) = self.fallen.pop() {
            if !last {
                self.fallen.push(true);
                return true;
            }
        }
        false
    }
}

struct Judge<'a> {
    policy: &'a Value,
    subject: &'a Subject,
    world: &'a World,
}

impl Judge<'_> {
    fn allows(&self, coins: &mut Coins) -> bool {
        let statements = match &self.policy["Statement"] {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut allowed = false;
        for statement in &statements {
            if self.matches(statement, coins) {
                if statement["Effect"] == "Deny" {
                    return false;
                }
                allowed = true;
            }
        }
        allowed
    }

    fn matches(&self, statement: &Value, coins: &mut Coins) -> bool {
        let empty = Map::new();
        let condition = statement["Condition"].as_object().unwrap_or(&empty);
        self.action(statement)
            && self.principal(statement, coins)
            && condition.iter().all(|(operator, block)| {
                block
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(key, values)| self.condition(operator, key, &texts(values), coins))
            })
    }

    fn action(&self, statement: &Value) -> bool {
        let ours = self.subject.action().to_lowercase();
        let matches = |it: &Value| texts(it).iter().any(|it| like(&it.to_lowercase(), &ours));
        match statement.get("Action") {
            Some(it) => matches(it),
            None => !matches(&statement["NotAction"]),
        }
    }

    fn principal(&self, statement: &Value, coins: &mut Coins) -> bool {
        let everyone = match &statement["Principal"] {
            Value::String(it) => it == "*",
            types => texts(&types["AWS"]).contains(&"*".to_owned()),
        };
        let (kind, name) = match self.subject.mechanism {
            Mechanism::WebIdentity => ("Federated", self.subject.provider()),
            Mechanism::PodIdentity => ("Service", "pods.eks.amazonaws.com".to_owned()),
        };
        let named = texts(&statement["Principal"][kind]).contains(&name);
        named || (everyone && (statement["Effect"] == "Deny" || coins.toss()))
    }

    fn condition(&self, operator: &str, key: &str, values: &[String], coins: &mut Coins) -> bool {
        let found = self.world.iter().find(|(it, _)| it.to_lowercase() == key.to_lowercase());
        let got: &[String] = found.map(|(_, it)| &**it).unwrap_or_default();
        let operator = operator.to_lowercase();
        if operator == "null" {
            return values.contains(&got.is_empty().to_string());
        }
        let (base, if_exists) = match operator.strip_suffix("ifexists") {
            Some(it) => (it, true),
            None => (&*operator, false),
        };
        let (set, base) = base.split_once(':').unwrap_or(("", base));
        // The word may stand in front or in the middle: `NotIpAddress`, `StringNotLike`.
        let negated = base.contains("not");
        let base = base.replace("not", "");
        let Some(same) = comparison(&base) else { return coins.toss() };
        if if_exists && got.is_empty() {
            return true;
        }
        let mut wanted = Vec::new();
        for value in values {
            let has_variables = base.starts_with("string") || base.starts_with("arn");
            match self.substitute(value) {
                Some(it) if has_variables => wanted.push(it),
                None if has_variables => return false,
                Some(_) | None => wanted.push(value.clone()),
            }
        }
        if got.is_empty() {
            return match set {
                "forallvalues" => true,
                "foranyvalue" => false,
                _ => negated,
            };
        }
        // All pairs are compared at once, so that each coin has one place.
        let rows: Vec<bool> = got
            .iter()
            .map(|got| {
                let row: Vec<bool> = wanted
                    .iter()
                    .map(|wanted| same(wanted, got).unwrap_or_else(|| coins.toss()))
                    .collect();
                row.contains(&true)
            })
            .collect();
        match (set, negated) {
            ("foranyvalue", false) | ("", false) => rows.contains(&true),
            ("foranyvalue", true) => rows.contains(&false),
            ("forallvalues", false) => !rows.contains(&false),
            (_, _) => !rows.contains(&true),
        }
    }

    /// `None` when a variable has no single value. Substituted wildcards become private characters.
    fn substitute(&self, value: &str) -> Option<String> {
        if self.policy["Version"] != "2012-10-17" {
            return Some(value.to_owned());
        }
        let mut res = String::new();
        let mut parts = value.split("${");
        res.push_str(parts.next().unwrap());
        for part in parts {
            let (inside, rest) = part.split_once('}').unwrap();
            let (name, default) = match inside.split_once(", ") {
                Some((name, default)) => (name, Some(default.replace('\'', ""))),
                None => (inside, None),
            };
            let found = self.world.iter().find(|(it, _)| it.to_lowercase() == name.to_lowercase());
            let text = match found.map(|(_, it)| &**it) {
                _ if ["*", "?", "$"].contains(&name) => name.to_owned(),
                Some([one]) => one.clone(),
                Some([_, _, ..]) => return None,
                Some([]) | None => default?,
            };
            res.push_str(&hide(&text));
            res.push_str(rest);
        }
        Some(res)
    }
}

const STAR: char = '\u{e000}';
const QUESTION: char = '\u{e001}';

fn hide(text: &str) -> String {
    text.replace('*', &STAR.to_string()).replace('?', &QUESTION.to_string())
}

fn show(text: &str) -> String {
    text.replace(STAR, "*").replace(QUESTION, "?")
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(it) => vec![it.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// Whether the policy's value and the request's are the same; `None` where the policy's value has no sense.
type Comparison = Box<dyn Fn(&str, &str) -> Option<bool>>;

fn comparison(base: &str) -> Option<Comparison> {
    Some(match base {
        "stringequals" => Box::new(|wanted, got| Some(show(wanted) == got)),
        // Which letters beyond ASCII are folded is not documented.
        "stringequalsignorecase" => Box::new(|wanted, got| {
            let wanted = show(wanted);
            let folded = wanted.to_lowercase() == got.to_lowercase();
            let sure = wanted.eq_ignore_ascii_case(got);
            (folded == sure).then_some(sure)
        }),
        "binaryequals" => Box::new(|wanted, got| Some(wanted == got)),
        "stringlike" => Box::new(|wanted, got| Some(like(wanted, &hide(got)))),
        "arnequals" | "arnlike" => Box::new(arn_like),
        "bool" => Box::new(|wanted, got| {
            let known = ["true", "false"].contains(&&*wanted.to_lowercase());
            known.then(|| wanted.to_lowercase() == got.to_lowercase())
        }),
        "ipaddress" => Box::new(|wanted, got| {
            let (address, length) = wanted.split_once('/').unwrap_or((wanted, "128"));
            let (network, length) = (bits(address)?, length.parse::<usize>().ok()?);
            let length = length.min(network.len());
            let got = bits(got)?;
            Some(got.len() == network.len() && got.starts_with(&network[..length]))
        }),
        _ => {
            let (read, order): (fn(&str) -> Option<f64>, _) = match base.strip_prefix("numeric") {
                Some(it) => (|it| it.parse().ok(), it.to_owned()),
                None => (seconds, base.strip_prefix("date")?.to_owned()),
            };
            let holds: fn(f64, f64) -> bool = match &*order {
                "equals" => |got, wanted| got == wanted,
                "lessthan" => |got, wanted| got < wanted,
                "lessthanequals" => |got, wanted| got <= wanted,
                "greaterthan" => |got, wanted| got > wanted,
                "greaterthanequals" => |got, wanted| got >= wanted,
                _ => return None,
            };
            Box::new(move |wanted, got| {
                let wanted = read(wanted)?;
                Some(read(got).is_some_and(|got| holds(got, wanted)))
            })
        }
    })
}

/// By a table over all prefixes of both.
pub fn like(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for c in pattern.chars() {
        let mut next = vec![c == '*' && row[0]; text.len() + 1];
        for (i, got) in text.iter().enumerate() {
            next[i + 1] = match c {
                '*' => row[i + 1] || next[i],
                '?' => row[i],
                c => row[i] && c == *got,
            };
        }
        row = next;
    }
    row[text.len()]
}

fn arn_like(wanted: &str, got: &str) -> Option<bool> {
    let (wanted, got) = (wanted.to_owned(), hide(got));
    let wanted: Vec<&str> = wanted.splitn(6, ':').collect();
    let got: Vec<&str> = got.splitn(6, ':').collect();
    let has_wildcards = wanted.iter().any(|it| it.contains(['*', '?']));
    let is_arn = got.len() == 6 && got[0] == "arn";
    if wanted.len() < 6 && has_wildcards && is_arn {
        return None;
    }
    Some(
        is_arn
            && wanted.len() == 6
            && wanted.iter().zip(got).all(|(wanted, got)| like(wanted, got)),
    )
}

/// An address as text of zeros and ones.
fn bits(address: &str) -> Option<String> {
    match address.parse::<std::net::IpAddr>().ok()? {
        std::net::IpAddr::V4(it) => {
            Some(it.octets().iter().map(|it| format!("{it:08b}")).collect())
        }
        std::net::IpAddr::V6(it) => {
            Some(it.octets().iter().map(|it| format!("{it:08b}")).collect())
        }
    }
}

/// Seconds since 1970 of `2026-06-01T12:00:00Z`, of the same with `+09:00`, or of a number.
fn seconds(text: &str) -> Option<f64> {
    if text.len() < 20 {
        return text.parse().ok();
    }
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (mut year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let month = if month < 3 {
        year -= 1;
        month + 12
    } else {
        month
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day;
    let clock = field(11, 13)? * 3600 + field(14, 16)? * 60 + field(17, 19)?;
    let offset = match text.get(19..)? {
        "Z" => 0,
        _ => field(20, 22)? * 3600,
    };
    Some(((days - 719_469) * 86_400 + clock - offset) as f64)
}
