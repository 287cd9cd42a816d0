//! A chain hop by hop, with the clauses of the statements behind it, as text and as JSON.

use crate::{
    iam,
    ident::visible,
    identity::{Hop, Outcome},
};
use std::fmt::Write as _;

/// One line a hop; under a hop that a policy decided, its statements clause by clause.
pub fn text(hops: &[Hop]) -> String {
    let mut res = String::new();
    for hop in hops {
        let name = visible(&hop.name);
        let detail = visible(&hop.detail);
        let gap = if hop.name.is_empty() || hop.detail.is_empty() { "" } else { "  " };
        line(&mut res, format_args!("{} {:<18} {name}{gap}{detail}", mark(hop.outcome), hop.what));
        for statement in hop.evaluation.iter().flat_map(|it| &it.statements) {
            statement_text(&mut res, statement);
        }
    }
    res
}

fn statement_text(res: &mut String, statement: &iam::StatementTrace) {
    let sid = statement.sid.as_ref().map(|it| format!(" ({})", visible(it))).unwrap_or_default();
    let effect = effect(statement.effect);
    let matches = match statement.matches {
        iam::Truth::True => "matches",
        iam::Truth::False => "does not match",
        iam::Truth::Unknown => "may match",
    };
    line(res, format_args!("    Statement[{}]{sid} {effect} {matches}", statement.index));
    for clause in &statement.clauses {
        let mark = match clause.truth {
            iam::Truth::True => "✔",
            iam::Truth::False => "✖",
            iam::Truth::Unknown => "?",
        };
        let note = clause.note.map(|it| format!("  ({it})")).unwrap_or_default();
        line(
            res,
            format_args!(
                "      {mark} {}  wanted {}  got {}{note}",
                part(&clause.part),
                list(&clause.wanted),
                got(&clause.got)
            ),
        );
    }
}

/// The chain for machines; keys as in the report.
pub fn json(hops: &[Hop]) -> serde_json::Value {
    hops.iter()
        .map(|hop| {
            serde_json::json!({
                "what": hop.what,
                "name": &*hop.name,
                "outcome": word(hop.outcome),
                "detail": hop.detail,
                "statements": hop.evaluation.as_ref().map(|it| {
                    it.statements.iter().map(statement_json).collect::<Vec<_>>()
                }),
            })
        })
        .collect()
}

fn statement_json(statement: &iam::StatementTrace) -> serde_json::Value {
    let clauses: Vec<_> = statement
        .clauses
        .iter()
        .map(|it| {
            serde_json::json!({
                "clause": part(&it.part),
                "wanted": it.wanted.iter().map(|it| &**it).collect::<Vec<_>>(),
                "got": match &it.got {
                    iam::Got::Present(values) => {
                        serde_json::json!(values.iter().map(|it| &**it).collect::<Vec<_>>())
                    }
                    iam::Got::Absent => serde_json::Value::Null,
                    iam::Got::Unknown => serde_json::json!("unknown"),
                },
                "match": truth(it.truth),
                "note": it.note,
            })
        })
        .collect();
    serde_json::json!({
        "statement": statement.index,
        "sid": statement.sid.as_deref(),
        "effect": effect(statement.effect),
        "match": truth(statement.matches),
        "clauses": clauses,
    })
}

/// `Action`, `Condition.StringEquals[KEY]`, …: the clause's path in its statement.
pub fn part(part: &iam::Part) -> String {
    visible(&part.to_string()).into_owned()
}

pub fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✔",
        Outcome::Fail => "✖",
        Outcome::Unknown => "?",
        Outcome::Skipped => "·",
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Unknown => "unknown",
        Outcome::Skipped => "skipped",
    }
}

fn truth(it: iam::Truth) -> &'static str {
    match it {
        iam::Truth::True => "true",
        iam::Truth::False => "false",
        iam::Truth::Unknown => "unknown",
    }
}

fn effect(it: iam::Effect) -> &'static str {
    match it {
        iam::Effect::Allow => "Allow",
        iam::Effect::Deny => "Deny",
    }
}

fn got(it: &iam::Got) -> String {
    match it {
        iam::Got::Present(values) => list(values),
        iam::Got::Absent => "nothing".into(),
        iam::Got::Unknown => "unknown".into(),
    }
}

fn list(values: &[crate::ident::Text]) -> String {
    match values {
        [] => "nothing".into(),
        [one] => format!("`{}`", visible(one)),
        many => {
            let quoted: Vec<_> = many.iter().map(|it| format!("`{}`", visible(it))).collect();
            quoted.join(" or ")
        }
    }
}

fn line(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}
