//! What an evaluation says, in one fragment, and where in the document it says it.

use crate::iam::{Decision, Effect, Evaluation, Got, Part, StatementTrace, Truth};

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
    let lines = trace.clauses.iter().filter(|it| it.truth == truth).map(|it| {
        let at = path(trace.index, &it.part);
        let wanted = it.wanted.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        let got = match &it.got {
            Got::Present(values) => {
                let values: Vec<_> = values.iter().map(|it| format!("`{it}`")).collect();
                format!("the request has {}", values.join(", "))
            }
            Got::Absent => "the request has no such key".to_owned(),
            Got::Unknown => "what the request has cannot be known".to_owned(),
        };
        match it.note {
            Some(note) => format!("`{at}` asks for {wanted}: {note}"),
            None => format!("`{at}` asks for {wanted}, {got}"),
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}
