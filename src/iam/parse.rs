//! JSON text to `Policy`, strict about the grammar and exact about where it breaks.
//!
//! The grammar is the IAM User Guide's ("Grammar of the IAM JSON policy language"). What it says about values that
//! only the service can judge (does the principal exist, is the action one of STS) is not asked here: such a value
//! just never matches. Unknown condition operators are kept, and are `Unknown` when they are evaluated.

use crate::{
    iam::{
        Condition, Effect, Invalid, Kind, Patterns, Policy, Principal, Statement, Version,
        json::Json,
    },
    ident::Text,
};
use std::{collections::HashSet, fmt};

pub(crate) fn policy(raw: &str, kind: Kind) -> Result<Policy, Invalid> {
    let at = At::Document;
    let json: Json<'_> =
        serde_json::from_str(raw).map_err(|err| at.invalid(format!("it is no JSON: {err}")))?;
    let mut version = Version::V2008;
    let mut statements = None;
    for (name, value) in members(&json, at)? {
        let at = At::Member(&at, name);
        match &**name {
            "Version" => version = version_of(value, at)?,
            "Id" => drop(string(value, at)?),
            "Statement" => statements = Some(statements_of(value, at, kind)?),
            other => return Err(unknown(at, other, &["Version", "Id", "Statement"])),
        }
    }
    let statements = statements.ok_or_else(|| at.invalid("it has no `Statement`"))?;
    Ok(Policy { version, statements })
}

/// Where in the document; becomes text only when something is wrong there.
#[derive(Clone, Copy)]
enum At<'a> {
    Document,
    /// `.Name`
    Member(&'a At<'a>, &'a str),
    /// `[0]`
    Item(&'a At<'a>, usize),
    /// `[name]`, for names that people make up.
    Entry(&'a At<'a>, &'a str),
}

impl At<'_> {
    fn invalid(self, reason: impl Into<String>) -> Invalid {
        Invalid { path: self.to_string(), reason: reason.into() }
    }

    fn expected(self, what: &str, found: &Json<'_>) -> Invalid {
        self.invalid(format!("expected {what}, found {}", found.kind()))
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Document => Ok(()),
            At::Member(At::Document, name) => f.write_str(name),
            At::Member(parent, name) => write!(f, "{parent}.{name}"),
            At::Item(parent, index) => write!(f, "{parent}[{index}]"),
            At::Entry(parent, name) => write!(f, "{parent}[{name}]"),
        }
    }
}

fn version_of(json: &Json<'_>, at: At<'_>) -> Result<Version, Invalid> {
    match string(json, at)? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => Err(at.invalid(format!("there is no version `{other}` of the policy language"))),
    }
}

fn statements_of(json: &Json<'_>, at: At<'_>, kind: Kind) -> Result<Vec<Statement>, Invalid> {
    match json {
        Json::Object(_) => Ok(vec![statement(json, at, kind)?]),
        Json::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, it)| statement(it, At::Item(&at, index), kind))
            .collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            Err(at.expected("an object or a list of objects", json))
        }
    }
}

fn statement(json: &Json<'_>, at: At<'_>, kind: Kind) -> Result<Statement, Invalid> {
    const KEYS: &[&str] = &[
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let (mut sid, mut effect, mut who, mut conditions) = (None, None, None, Vec::new());
    let (mut action, mut resource) = (None, None);
    for (name, value) in members(json, at)? {
        let here = At::Member(&at, name);
        match (&**name, kind) {
            ("Sid", _) => sid = Some(Text::from(string(value, here)?)),
            ("Effect", _) => effect = Some(effect_of(value, here)?),
            ("Principal", Kind::Trust) => who = Some(principal(value, here)?),
            ("NotPrincipal", Kind::Trust) => {
                return Err(here.invalid("a trust policy cannot have `NotPrincipal`"));
            }
            ("Principal" | "NotPrincipal", Kind::Identity) => {
                return Err(here.invalid("an identity policy has no principals"));
            }
            ("Action" | "NotAction", _) => patterns(value, here, "Action", &mut action)?,
            ("Resource" | "NotResource", Kind::Identity) => {
                patterns(value, here, "Resource", &mut resource)?;
            }
            ("Resource" | "NotResource", Kind::Trust) => {
                return Err(here.invalid("a trust policy has no resources"));
            }
            ("Condition", _) => conditions = conditions_of(value, here)?,
            (other, _) => return Err(unknown(here, other, KEYS)),
        }
    }
    let missing = |name| at.invalid(format!("the statement has no `{name}`"));
    Ok(Statement {
        sid,
        effect: effect.ok_or_else(|| missing("Effect"))?,
        principal: match kind {
            Kind::Trust => Some(who.ok_or_else(|| missing("Principal"))?),
            Kind::Identity => None,
        },
        action: action.ok_or_else(|| missing("Action"))?,
        resource: match kind {
            Kind::Trust => None,
            Kind::Identity => Some(resource.ok_or_else(|| missing("Resource"))?),
        },
        conditions,
    })
}

fn effect_of(json: &Json<'_>, at: At<'_>) -> Result<Effect, Invalid> {
    match string(json, at)? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(at.invalid(format!("expected `Allow` or `Deny`, found `{other}`"))),
    }
}

fn principal(json: &Json<'_>, at: At<'_>) -> Result<Principal, Invalid> {
    match json {
        Json::String(it) if it == "*" => Ok(Principal::Everyone),
        Json::String(it) => {
            Err(at.invalid(format!("expected `*` or an object by type, found `{it}`")))
        }
        Json::Object(types) if types.is_empty() => Err(at.invalid("it names nobody")),
        _ => members(json, at)?
            .iter()
            .map(|(name, value)| Ok((Text::from(&**name), strings(value, At::Member(&at, name))?)))
            .collect::<Result<_, _>>()
            .map(Principal::Listed),
    }
}

/// Fills `slot` from the element `base` or its `Not…` form, whichever stands at `at`.
fn patterns(
    json: &Json<'_>,
    at: At<'_>,
    base: &str,
    slot: &mut Option<Patterns>,
) -> Result<(), Invalid> {
    if slot.is_some() {
        return Err(at.invalid(format!("`{base}` and `Not{base}` exclude each other")));
    }
    let patterns = strings(json, at)?;
    if patterns.is_empty() {
        return Err(at.invalid("the list is empty"));
    }
    let negated = matches!(at, At::Member(_, name) if name != base);
    *slot = Some(Patterns { negated, patterns });
    Ok(())
}

fn conditions_of(json: &Json<'_>, at: At<'_>) -> Result<Vec<Condition>, Invalid> {
    let mut res = Vec::new();
    for (operator, block) in members(json, at)? {
        let at = At::Member(&at, operator);
        let operator = Text::from(&**operator);
        for (key, value) in members(block, at)? {
            let values = scalars(value, At::Entry(&at, key))?;
            res.push(Condition { operator: operator.clone(), key: Text::from(&**key), values });
        }
    }
    Ok(res)
}

/// One scalar or a list of them, as text.
fn scalars(json: &Json<'_>, at: At<'_>) -> Result<Vec<Text>, Invalid> {
    let scalar = |it: &Json<'_>| match it {
        Json::String(it) => Some(Text::from(&**it)),
        Json::Number(it) => Some(Text::from(&**it)),
        Json::Bool(it) => Some(Text::from(if *it { "true" } else { "false" })),
        Json::Null | Json::List(_) | Json::Object(_) => None,
    };
    match json {
        Json::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, it)| {
                scalar(it).ok_or_else(|| {
                    At::Item(&at, index).expected("a string, a number or a boolean", it)
                })
            })
            .collect(),
        _ => scalar(json)
            .map(|it| vec![it])
            .ok_or_else(|| at.expected("a string, a number, a boolean or a list of them", json)),
    }
}

fn strings(json: &Json<'_>, at: At<'_>) -> Result<Vec<Text>, Invalid> {
    match json {
        Json::String(it) => Ok(vec![Text::from(&**it)]),
        Json::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, it)| string(it, At::Item(&at, index)).map(Text::from))
            .collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
            Err(at.expected("a string or a list of strings", json))
        }
    }
}

fn string<'j>(json: &'j Json<'_>, at: At<'_>) -> Result<&'j str, Invalid> {
    match json {
        Json::String(it) => Ok(it),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => {
            Err(at.expected("a string", json))
        }
    }
}

type Members<'j> = [(std::borrow::Cow<'j, str>, Json<'j>)];

/// The members of an object, each name once.
fn members<'r, 'j>(json: &'r Json<'j>, at: At<'_>) -> Result<&'r Members<'j>, Invalid> {
    let Json::Object(members) = json else {
        return Err(at.expected("an object", json));
    };
    let mut seen = HashSet::with_capacity(members.len());
    match members.iter().find(|(name, _)| !seen.insert(&**name)) {
        Some((name, _)) => Err(at.invalid(format!("the key `{name}` is there twice"))),
        None => Ok(members),
    }
}

fn unknown(at: At<'_>, name: &str, known: &[&str]) -> Invalid {
    match known.iter().find(|it| it.eq_ignore_ascii_case(name.trim())) {
        Some(it) => at.invalid(format!("`{name}` must be written `{it}`")),
        None => at.invalid(format!("there is no element `{name}` here")),
    }
}
