//! A policy as JSON again, for whoever is to save it.
//!
//! Says the same, not in the same way: `Id` and layout are lost, and a list of one is written without brackets.

use crate::{
    iam::{Condition, Effect, Patterns, Policy, Principal, Statement, Version},
    ident::Text,
};
use serde_json::{Map, Value};

impl Policy {
    /// One line of JSON. `None` when two conditions have the same operator and key, which JSON cannot hold apart.
    pub fn to_json(&self) -> Option<String> {
        let mut res = Map::new();
        let version = match self.version {
            Version::V2008 => "2008-10-17",
            Version::V2012 => "2012-10-17",
        };
        res.insert("Version".into(), version.into());
        let statements: Option<Vec<Value>> =
            self.statements.iter().map(Statement::to_value).collect();
        res.insert("Statement".into(), Value::Array(statements?));
        Some(Value::Object(res).to_string())
    }
}

impl Statement {
    /// As `Policy::to_json`, for one statement.
    pub fn to_value(&self) -> Option<Value> {
        statement(self)
    }
}

fn statement(it: &Statement) -> Option<Value> {
    let mut res = Map::new();
    if let Some(sid) = &it.sid {
        res.insert("Sid".into(), text(sid));
    }
    let effect = match it.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    res.insert("Effect".into(), effect.into());
    match &it.principal {
        Some(Principal::Everyone) => {
            res.insert("Principal".into(), "*".into());
        }
        Some(Principal::Listed(listed)) => {
            let types = listed.iter().map(|(kind, it)| (kind.to_string(), texts(it)));
            res.insert("Principal".into(), Value::Object(types.collect()));
        }
        None => {}
    }
    patterns(&mut res, "Action", &it.action);
    if let Some(it) = &it.resource {
        patterns(&mut res, "Resource", it);
    }
    if !it.conditions.is_empty() {
        res.insert("Condition".into(), conditions(&it.conditions)?);
    }
    Some(Value::Object(res))
}

fn patterns(res: &mut Map<String, Value>, name: &str, it: &Patterns) {
    let name = if it.negated { format!("Not{name}") } else { name.to_owned() };
    res.insert(name, texts(&it.patterns));
}

fn conditions(all: &[Condition]) -> Option<Value> {
    let mut res = Map::new();
    for it in all {
        let operator = res.entry(it.operator.to_string()).or_insert_with(|| Map::new().into());
        let keys = operator.as_object_mut()?;
        if keys.insert(it.key.to_string(), texts(&it.values)).is_some() {
            return None;
        }
    }
    Some(Value::Object(res))
}

fn texts(all: &[Text]) -> Value {
    match all {
        [one] => text(one),
        many => Value::Array(many.iter().map(text).collect()),
    }
}

fn text(it: &Text) -> Value {
    Value::String(it.to_string())
}

#[cfg(test)]
mod tests {
    use crate::iam::{Document, Kind};

    #[test]
    fn what_is_written_reads_the_same() {
        let check = |raw: &str| {
            let policy = Document::parse(raw, Kind::Trust).parsed.unwrap();
            let written = policy.to_json().unwrap();
            assert_eq!(Document::parse(written.as_str(), Kind::Trust).parsed.unwrap(), policy);
        };
        check(
            r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"A","Effect":"Allow",
            "Principal":{"Federated":["arn:a","arn:b"],"Service":"ec2.amazonaws.com"},
            "Action":["sts:AssumeRole","sts:TagSession"],
            "Condition":{"StringEquals":{"k":"v","l":["1","2"]},"StringLike":{"k":"v*"}}},
            {"Effect":"Deny","Principal":"*","NotAction":"sts:AssumeRole"}]}"#,
        );
        check(r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*"}}"#);
    }
}
