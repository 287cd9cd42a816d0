//! What an evaluation says, in one fragment, and where in the document it says it.

use crate::{
    iam::{Decision, Effect, Evaluation, Got, Part, StatementTrace, Truth},
    ident::Text,
};

/// `Statement[0].Condition.StringEquals[KEY]`.
pub(crate) fn path(statement: usize, part: &Part) -> String {
    format!("Statement[{statement}].{part}")
}

/// Why the evaluation came out as it did; lowercase, no full stop.
pub(crate) fn reason(evaluation: &Evaluation) -> String {
    let of = |effect: Effect, truth: Truth| {
        let mut traces = evaluation.statements.iter();
        traces.find(|it| it.effect == effect && it.matches == truth)
    };
    match evaluation.decision {
        Decision::Allow => match of(Effect::Allow, Truth::True) {
            Some(it) => format!("`Statement[{}]` allows it", it.index),
            None => "it is allowed".to_owned(),
        },
        Decision::ExplicitDeny => match of(Effect::Deny, Truth::True) {
            Some(it) => format!("`Statement[{}]` denies it", it.index),
            None => "it is denied".to_owned(),
        },
        Decision::ImplicitDeny => match evaluation.deciding().first() {
            Some(it) => clauses(it, Truth::False),
            None => "no statement allows anything".to_owned(),
        },
        Decision::Unknown => {
            let undecided = of(Effect::Deny, Truth::Unknown).or(of(Effect::Allow, Truth::Unknown));
            match undecided {
                Some(it) => clauses(it, Truth::Unknown),
                None => "nothing in it can be decided".to_owned(),
            }
        }
    }
}

fn clauses(trace: &StatementTrace, truth: Truth) -> String {
    let all = trace.clauses.iter().filter(|it| it.truth == truth);
    let n_more = all.clone().count().saturating_sub(MOST);
    let lines = all.take(MOST).map(|it| {
        let at = path(trace.index, &it.part);
        let wanted = list(&it.wanted);
        let got = match &it.got {
            Got::Present(values) => format!("the request has {}", list(values)),
            Got::Absent => "the request has no such key".to_owned(),
            Got::Unknown => "what the request has cannot be known".to_owned(),
        };
        match it.note {
            Some(note) => format!("`{at}` asks for {wanted}: {note}"),
            None => format!("`{at}` asks for {wanted}, {got}"),
        }
    });
    let mut lines: Vec<String> = lines.collect();
    if n_more != 0 {
        lines.push(format!("and {n_more} more"));
    }
    lines.join("; ")
}

/// One sentence has room for so many clauses, and a clause for so many values and for values of so many characters.
/// The trace has them all.
const MOST: usize = 8;
const MOST_CHARS: usize = 200;

fn list(values: &[Text]) -> String {
    let short = |it: &Text| match it.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("`{}…`", &it[..at]),
        None => format!("`{it}`"),
    };
    let mut res: Vec<String> = values.iter().take(MOST).map(short).collect();
    if MOST < values.len() {
        res.push(format!("{} more", values.len() - MOST));
    }
    res.join(", ")
}
