//! JSON text to `Policy`, strict about the grammar and exact about where it breaks.
//!
//! The grammar is the IAM User Guide's ("Grammar of the IAM JSON policy language"). What it says about values that
//! only the service can judge (does the principal exist, is the action one of STS) is not asked here: such a value
//! just never matches. Unknown condition operators are kept, and are `Unknown` when they are evaluated.

use crate::{
    iam::{
        Condition, Effect, Invalid, Kind, Patterns, Policy, Principal, Statement, Version,
        json::Json,
        place::{self, Focus, Step},
    },
    ident::Text,
};
use std::{
    collections::HashSet,
    fmt::{self, Write},
};

pub(crate) fn policy(raw: &str, kind: Kind) -> Result<Policy, Invalid> {
    let json: Json<'_> = serde_json::from_str(raw).map_err(|err| Invalid {
        path: String::new(),
        reason: match place::hint(raw, &err) {
            Some(hint) => format!("it is no JSON: {err}: {hint}"),
            None => format!("it is no JSON: {err}"),
        },
        position: place::syntax(raw, &err),
    })?;
    policy_of(&json, kind).map_err(|Fault { path, steps, focus, reason }| Invalid {
        path,
        reason,
        position: place::find(raw, &steps, &focus),
    })
}

/// What is wrong, before it is known where in the text that is.
struct Fault {
    path: String,
    steps: Vec<Step>,
    focus: Focus,
    reason: String,
}

fn policy_of(json: &Json<'_>, kind: Kind) -> Result<Policy, Fault> {
    let at = At::Document;
    let mut version = Version::V2008;
    let mut statements = None;
    for (name, value) in members(json, at)? {
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
    fn invalid(self, reason: impl Into<String>) -> Fault {
        Fault {
            path: self.to_string(),
            steps: self.steps(),
            focus: Focus::Value,
            reason: reason.into(),
        }
    }

    /// As `invalid` where not the value is at fault but the name before it.
    fn misnamed(self, reason: impl Into<String>) -> Fault {
        Fault { focus: Focus::Name, ..self.invalid(reason) }
    }

    fn steps(self) -> Vec<Step> {
        let (mut res, last) = match self {
            At::Document => return Vec::new(),
            At::Member(parent, name) => (parent.steps(), Step::Member(name.to_owned())),
            At::Item(parent, index) => (parent.steps(), Step::Item(index)),
            At::Entry(parent, name) => (parent.steps(), Step::Entry(name.to_owned())),
        };
        res.push(last);
        res
    }

    fn expected(self, what: &str, found: &Json<'_>) -> Fault {
        self.invalid(format!("expected {what}, found {}", found.kind()))
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Document => Ok(()),
            At::Member(At::Document, name) => write!(f, "{}", Short(name)),
            At::Member(parent, name) => write!(f, "{parent}.{}", Short(name)),
            At::Item(parent, index) => write!(f, "{parent}[{index}]"),
            At::Entry(parent, name) => write!(f, "{parent}[{}]", Short(name)),
        }
    }
}

/// Text of the document in a sentence about it: not longer than a line, control characters escaped.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 120;
        for c in self.0.chars().take(MOST) {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        if self.0.chars().nth(MOST).is_some() { f.write_char('…') } else { Ok(()) }
    }
}

fn version_of(json: &Json<'_>, at: At<'_>) -> Result<Version, Fault> {
    match string(json, at)? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => {
            Err(at
                .invalid(format!("there is no version `{}` of the policy language", Short(other))))
        }
    }
}

fn statements_of(json: &Json<'_>, at: At<'_>, kind: Kind) -> Result<Vec<Statement>, Fault> {
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

fn statement(json: &Json<'_>, at: At<'_>, kind: Kind) -> Result<Statement, Fault> {
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
                return Err(here.misnamed("a trust policy cannot have `NotPrincipal`"));
            }
            ("Principal" | "NotPrincipal", Kind::Identity) => {
                return Err(here.misnamed("an identity policy has no principals"));
            }
            ("Action" | "NotAction", _) => patterns(value, here, "Action", &mut action)?,
            ("Resource" | "NotResource", Kind::Identity) => {
                patterns(value, here, "Resource", &mut resource)?;
            }
            ("Resource" | "NotResource", Kind::Trust) => {
                return Err(here.misnamed("a trust policy has no resources"));
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

fn effect_of(json: &Json<'_>, at: At<'_>) -> Result<Effect, Fault> {
    match string(json, at)? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(at.invalid(format!("expected `Allow` or `Deny`, found `{}`", Short(other)))),
    }
}

fn principal(json: &Json<'_>, at: At<'_>) -> Result<Principal, Fault> {
    match json {
        Json::String(it) if it == "*" => Ok(Principal::Everyone),
        Json::String(it) => {
            Err(at.invalid(format!("expected `*` or an object by type, found `{}`", Short(it))))
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
) -> Result<(), Fault> {
    if slot.is_some() {
        return Err(at.misnamed(format!("`{base}` and `Not{base}` exclude each other")));
    }
    let patterns = strings(json, at)?;
    if patterns.is_empty() {
        return Err(at.invalid("the list is empty"));
    }
    let negated = matches!(at, At::Member(_, name) if name != base);
    *slot = Some(Patterns { negated, patterns });
    Ok(())
}

fn conditions_of(json: &Json<'_>, at: At<'_>) -> Result<Vec<Condition>, Fault> {
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
fn scalars(json: &Json<'_>, at: At<'_>) -> Result<Vec<Text>, Fault> {
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

fn strings(json: &Json<'_>, at: At<'_>) -> Result<Vec<Text>, Fault> {
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

fn string<'j>(json: &'j Json<'_>, at: At<'_>) -> Result<&'j str, Fault> {
    match json {
        Json::String(it) => Ok(it),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => {
            Err(at.expected("a string", json))
        }
    }
}

type Members<'j> = [(std::borrow::Cow<'j, str>, Json<'j>)];

/// The members of an object, each name once.
fn members<'r, 'j>(json: &'r Json<'j>, at: At<'_>) -> Result<&'r Members<'j>, Fault> {
    let Json::Object(members) = json else {
        return Err(at.expected("an object", json));
    };
    let mut seen = HashSet::with_capacity(members.len());
    match members.iter().find(|(name, _)| !seen.insert(&**name)) {
        Some((name, _)) => Err(Fault {
            focus: Focus::Second(name.to_string()),
            ..at.invalid(format!("the key `{}` is there twice", Short(name)))
        }),
        None => Ok(members),
    }
}

fn unknown(at: At<'_>, name: &str, known: &[&str]) -> Fault {
    match known.iter().find(|it| it.eq_ignore_ascii_case(name.trim())) {
        Some(it) => at.misnamed(format!("`{}` must be written `{it}`", Short(name))),
        None => at.misnamed(format!("there is no element `{}` here", Short(name))),
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::{
        Document, Effect,
        Kind::{self, Identity, Trust},
        Policy, Principal, Version,
    };

    fn parse(raw: &str, kind: Kind) -> Result<Policy, String> {
        Document::parse(raw, kind).parsed.map_err(|it| it.to_string())
    }

    #[track_caller]
    fn valid(raw: &str, kind: Kind) -> Policy {
        parse(raw, kind).unwrap_or_else(|err| panic!("{raw}: {err}"))
    }

    /// `expected` is where it breaks and why.
    #[track_caller]
    fn check(kind: Kind, raw: &str, expected: &str) {
        assert_eq!(
            parse(raw, kind).map_err(|it| it.replace('`', "")),
            Err(expected.into()),
            "{raw}"
        );
    }

    /// As `check`, for a statement given by its members.
    #[track_caller]
    fn check_statement(kind: Kind, members: &str, expected: &str) {
        let at = |index: &str| expected.replacen("at S", &format!("at Statement{index}"), 1);
        check(kind, &format!(r#"{{"Statement":{{{members}}}}}"#), &at(""));
        check(kind, &format!(r#"{{"Statement":[{{{members}}}]}}"#), &at("[0]"));
    }

    const STATEMENT: &str = r#""Effect":"Allow","Principal":"*","Action":"sts:*""#;

    #[test]
    fn reads_everything() {
        let policy = valid(
            r#" { "Id": "x", "Version": "2012-10-17", "Statement": [ {
                "Sid": "A", "Effect": "Deny",
                "Principal": {"AWS": ["1", "2"], "Service": "s"},
                "NotAction": ["sts:A", "sts:B"],
                "Condition": {
                    "StringEquals": {"k:sub": "a\u0062", "k:aud": ["x", "y"]},
                    "Bool": {"b": true}, "NumericLessThan": {"n": [1, -2, 1.5, 10000000000]},
                    "Nonsense": {"z": []}, "Null": {}
                } } ] } "#,
            Trust,
        );
        assert_eq!(policy.version, Version::V2012);
        let statement = &policy.statements[0];
        assert_eq!((statement.sid.as_deref(), statement.effect), (Some("A"), Effect::Deny));
        assert!(statement.action.negated);
        assert_eq!(statement.action.patterns, ["sts:A".into(), "sts:B".into()]);
        assert_eq!(statement.resource, None);
        let principals: Vec<_> = statement.principals().collect();
        assert_eq!(principals, [("AWS", "1"), ("AWS", "2"), ("Service", "s")]);
        let conditions: Vec<_> = policy
            .conditions()
            .map(|(_, it)| {
                let values: Vec<&str> = it.values.iter().map(|it| &**it).collect();
                (&*it.operator, &*it.key, values)
            })
            .collect();
        assert_eq!(
            conditions,
            [
                ("StringEquals", "k:sub", vec!["ab"]),
                ("StringEquals", "k:aud", vec!["x", "y"]),
                ("Bool", "b", vec!["true"]),
                ("NumericLessThan", "n", vec!["1", "-2", "1.5", "10000000000"]),
                ("Nonsense", "z", vec![]),
            ]
        );
    }

    #[test]
    fn reads_short_forms() {
        let policy = valid(&format!(r#"{{"Statement":{{{STATEMENT}}}}}"#), Trust);
        assert_eq!(policy.version, Version::V2008);
        assert_eq!(policy.statements[0].principal, Some(Principal::Everyone));
        assert!(policy.statements[0].conditions.is_empty());
        assert!(valid(r#"{"Statement":[]}"#, Trust).statements.is_empty());
        let older = format!(r#"{{"Version":"2008-10-17","Statement":{{{STATEMENT}}}}}"#);
        assert_eq!(valid(&older, Trust).version, Version::V2008);
        valid(&format!(r#"{{"Statement":{{{STATEMENT},"Condition":{{}}}}}}"#), Trust);
        valid(r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":[]},"Action":"a"}}"#, Trust);

        let identity =
            valid(r#"{"Statement":{"Effect":"Allow","Action":"*","NotResource":"r"}}"#, Identity);
        assert_eq!(identity.statements[0].principal, None);
        assert!(identity.statements[0].resource.as_ref().is_some_and(|it| it.negated));
    }

    #[test]
    fn says_where_a_document_breaks() {
        check(
            Trust,
            "",
            "it is no JSON: EOF while parsing a value at line 1 column 0: it is empty",
        );
        check(Trust, "{\n  \"a\": }", "it is no JSON: expected value at line 2 column 8");
        check(Trust, "{} x", "it is no JSON: trailing characters at line 1 column 4");
        check(Trust, "[]", "expected an object, found a list");
        check(Trust, "null", "expected an object, found null");
        check(Trust, r#""{}""#, "expected an object, found a string");
        check(Trust, "{}", "it has no Statement");
        check(Trust, r#"{"Version":"2012-10-17"}"#, "it has no Statement");
        check(Trust, r#"{"statement":[]}"#, "at statement: statement must be written Statement");
        check(Trust, r#"{"Comment":""}"#, "at Comment: there is no element Comment here");
        check(
            Trust,
            r#"{"Version":"2012-10-18"}"#,
            "at Version: there is no version 2012-10-18 of the policy language",
        );
        check(Trust, r#"{"Version":2012}"#, "at Version: expected a string, found a number");
        check(Trust, r#"{"Id":null}"#, "at Id: expected a string, found null");
        check(
            Trust,
            r#"{"Statement":"x"}"#,
            "at Statement: expected an object or a list of objects, found a string",
        );
        check(Trust, r#"{"Statement":[[]]}"#, "at Statement[0]: expected an object, found a list");
        check(
            Trust,
            &format!(r#"{{"Statement":[{{{STATEMENT}}},{{"Sid":1}}]}}"#),
            "at Statement[1].Sid: expected a string, found a number",
        );
    }

    #[test]
    fn says_where_a_statement_breaks() {
        let with = |rest: &str| format!("{STATEMENT},{rest}");
        let check_with = |rest: &str, expected: &str| check_statement(Trust, &with(rest), expected);
        check_with(r#""NotAction":"a""#, "at S.NotAction: Action and NotAction exclude each other");
        check_with(r#""Resource":"*""#, "at S.Resource: a trust policy has no resources");
        check_with(r#""NotResource":"*""#, "at S.NotResource: a trust policy has no resources");
        check_with(
            r#""NotPrincipal":"*""#,
            "at S.NotPrincipal: a trust policy cannot have NotPrincipal",
        );
        check_with(r#""condition":{}"#, "at S.condition: condition must be written Condition");
        check_with(r#""Condition ":{}"#, "at S.Condition : Condition  must be written Condition");
        check_with(r#""Note":"x""#, "at S.Note: there is no element Note here");
        check_with(r#""Condition":[]"#, "at S.Condition: expected an object, found a list");
        check_with(
            r#""Condition":{"Bool":"x"}"#,
            "at S.Condition.Bool: expected an object, found a string",
        );
        check_with(
            r#""Condition":{"Bool":{"k:sub":null}}"#,
            "at S.Condition.Bool[k:sub]: expected a string, a number, a boolean or a list of them, found null",
        );
        check_with(
            r#""Condition":{"Bool":{"k:sub":["a",["b"]]}}"#,
            "at S.Condition.Bool[k:sub][1]: expected a string, a number or a boolean, found a list",
        );
        check_statement(
            Trust,
            r#""Principal":"*","Action":"a""#,
            "at S: the statement has no Effect",
        );
        check_statement(
            Trust,
            r#""Effect":"Allow","Action":"a""#,
            "at S: the statement has no Principal",
        );
        check_statement(
            Trust,
            r#""Effect":"Allow","Principal":"*""#,
            "at S: the statement has no Action",
        );
        check_statement(Trust, r#""effect":"Allow""#, "at S.effect: effect must be written Effect");
        check_statement(
            Trust,
            r#""Effect":"allow""#,
            "at S.Effect: expected Allow or Deny, found allow",
        );
        check_statement(Trust, r#""Action":[]"#, "at S.Action: the list is empty");
        check_statement(
            Trust,
            r#""Action":["a",1]"#,
            "at S.Action[1]: expected a string, found a number",
        );
        check_statement(
            Trust,
            r#""Principal":"arn""#,
            "at S.Principal: expected * or an object by type, found arn",
        );
        check_statement(Trust, r#""Principal":{}"#, "at S.Principal: it names nobody");
        check_statement(
            Trust,
            r#""Principal":{"AWS":{}}"#,
            "at S.Principal.AWS: expected a string or a list of strings, found an object",
        );
        check_statement(
            Identity,
            STATEMENT,
            "at S.Principal: an identity policy has no principals",
        );
        check_statement(
            Identity,
            r#""Effect":"Allow","Action":"a""#,
            "at S: the statement has no Resource",
        );
        check_statement(
            Identity,
            r#""Resource":"a","NotResource":"a""#,
            "at S.NotResource: Resource and NotResource exclude each other",
        );
    }

    #[test]
    fn doubled_keys_are_found_everywhere() {
        check(
            Trust,
            r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}"#,
            "the key Version is there twice",
        );
        let with = |rest: &str| format!("{STATEMENT},{rest}");
        let check_with = |rest: &str, expected: &str| check_statement(Trust, &with(rest), expected);
        check_with(r#""Effect":"Allow""#, "at S: the key Effect is there twice");
        check_with(r#""\u0041ction":"a""#, "at S: the key Action is there twice");
        check_with(
            r#""Condition":{"Bool":{},"Bool":{}}"#,
            "at S.Condition: the key Bool is there twice",
        );
        check_with(
            r#""Condition":{"Bool":{"a":"1","b":"1","a":"2"}}"#,
            "at S.Condition.Bool: the key a is there twice",
        );
        check_statement(
            Trust,
            r#""Principal":{"AWS":"1","AWS":"2"}"#,
            "at S.Principal: the key AWS is there twice",
        );
    }

    #[test]
    fn odd_text_is_shown_tamely() {
        check(
            Trust,
            &format!(r#"{{"\u001b[31m{}":1}}"#, "x".repeat(1000)),
            &format!(
                "at {0}: there is no element {0} here",
                format!("\\u{{1b}}[31m{}…", "x".repeat(115))
            ),
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for open in ["[", r#"{"a":"#, r#"{"Statement":["#] {
            let err = parse(&open.repeat(100_000), Trust).unwrap_err();
            assert!(err.contains("recursion limit"), "{err}");
        }
    }
}
