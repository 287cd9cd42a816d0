//! Statement by statement, clause by clause, in Kleene logic.
//!
//! Every clause is judged even where an earlier one has decided: the trace is what explanations are made of.

use crate::{
    iam::{
        Clause, Decision, Effect, Evaluation, Got, Part, Patterns, Policy, Request, Statement,
        StatementTrace, Truth, Version, condition,
        glob::{Piece, covers},
        glob_matches, principal,
        variable::{self, Unresolved},
    },
    ident::Text,
};

/// Judges `request` by one policy (IAM User Guide, "Policy evaluation logic": Deny over Allow, else implicit deny).
///
/// What is unknown counts by its effect: an undecidable Deny spoils an Allow, an undecidable Allow changes nothing
/// beside a sure one, and neither matters beside a sure Deny.
pub fn evaluate(policy: &Policy, request: &Request) -> Evaluation {
    let statements: Vec<StatementTrace> = policy
        .statements
        .iter()
        .enumerate()
        .map(|(index, it)| trace(index, it, policy.version, request))
        .collect();
    let any = |effect: Effect| {
        Truth::any(statements.iter().filter(|it| it.effect == effect).map(|it| it.matches))
    };
    let decision = match (any(Effect::Deny), any(Effect::Allow)) {
        (Truth::True, _) => Decision::ExplicitDeny,
        (_, Truth::False) => Decision::ImplicitDeny,
        (Truth::False, Truth::True) => Decision::Allow,
        (Truth::Unknown, Truth::True | Truth::Unknown) | (Truth::False, Truth::Unknown) => {
            Decision::Unknown
        }
    };
    Evaluation { decision, statements }
}

fn trace(
    index: usize,
    statement: &Statement,
    version: Version,
    request: &Request,
) -> StatementTrace {
    let mut clauses = Vec::with_capacity(3 + statement.conditions.len());
    clauses.push(action(&statement.action, &request.action));
    if let Some(it) = &statement.principal {
        clauses.push(principal::judge(it, statement.effect, &request.caller));
    }
    if let Some(it) = &statement.resource {
        clauses.push(resource(it, version, request));
    }
    let context = &request.context;
    clauses.extend(statement.conditions.iter().map(|it| condition::judge(it, version, context)));
    let matches = Truth::all(clauses.iter().map(|it| it.truth));
    let (sid, effect) = (statement.sid.clone(), statement.effect);
    StatementTrace { index, sid, effect, matches, clauses }
}

fn action(wanted: &Patterns, got: &Text) -> Clause {
    let lower = got.to_ascii_lowercase();
    let any = wanted.patterns.iter().any(|it| glob_matches(&it.to_ascii_lowercase(), &lower));
    Clause {
        part: Part::Action { negated: wanted.negated },
        wanted: wanted.patterns.clone(),
        got: Got::Present(vec![got.clone()]),
        truth: (any != wanted.negated).into(),
        note: None,
    }
}

fn resource(wanted: &Patterns, version: Version, request: &Request) -> Clause {
    // An action without resources is authorised on `*`, so only patterns that are all wildcard fit it.
    let text = request.resource.as_deref().unwrap_or("*");
    let (mut note, mut is_missing, mut may_be_missing) = (None, false, false);
    let mut matches_one = |it: &Text| match variable::resolve(it, version, &request.context) {
        Ok(fragments) => {
            let pattern = variable::pattern(&fragments);
            covers(pattern.iter().copied(), text.chars().map(Piece::Exact)).into()
        }
        Err(failure) => {
            note = note.or(Some(failure.note()));
            is_missing |= failure == Unresolved::Missing;
            may_be_missing |= failure == Unresolved::Unknown;
            Truth::Unknown
        }
    };
    let any = Truth::any(wanted.patterns.iter().map(&mut matches_one));
    let truth = match (is_missing, wanted.negated) {
        (true, _) => Truth::False,
        (false, true) => any.not(),
        (false, false) => any,
    };
    let truth = if may_be_missing { truth.and(Truth::Unknown) } else { truth };
    Clause {
        part: Part::Resource { negated: wanted.negated },
        wanted: wanted.patterns.clone(),
        got: request.resource.clone().map_or(Got::Absent, |it| Got::Present(vec![it])),
        truth,
        note: note.filter(|_| truth != Truth::True),
    }
}
