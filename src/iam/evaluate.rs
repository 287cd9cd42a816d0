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
    // Every pattern is looked at: a variable of a later one counts too.
    let each: Vec<Truth> = wanted.patterns.iter().map(&mut matches_one).collect();
    let any = Truth::any(each);
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

#[cfg(test)]
mod tests {
    use crate::{
        iam::{
            Caller, Context, Decision, Document, Evaluation, Kind, Request,
            Truth::{self, False, True, Unknown},
            evaluate,
        },
        ident::Arn,
    };

    /// Statements as `EFFECT TRUTH`.
    fn trust(statements: &str) -> Evaluation {
        let statements: Vec<String> = statements
            .split_terminator(", ")
            .map(|it| {
                let (effect, truth) = it.split_once(' ').unwrap();
                let condition = match truth {
                    "yes" => r#""StringEquals":{"k":"a"}"#,
                    "no" => r#""StringEquals":{"k":"b"}"#,
                    "maybe" => r#""StringEquals":{"hidden":"a"}"#,
                    // False beside unknown is false.
                    "no-maybe" => r#""StringEquals":{"hidden":"a","k":"b"}"#,
                    other => panic!("{other}"),
                };
                format!(
                    r#"{{"Effect":"{effect}","Principal":{{"Federated":"p"}},"Action":"a:b","Condition":{{{condition}}}}}"#
                )
            })
            .collect();
        run(Kind::Trust, &format!("[{}]", statements.join(",")), "a:b", None)
    }

    fn run(kind: Kind, statement: &str, action: &str, resource: Option<&str>) -> Evaluation {
        let raw = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        let policy = Document::parse(raw, kind).parsed.unwrap();
        let mut context = Context::default();
        context.set("k", ["a"]);
        context.set_unknown("hidden");
        let caller = Caller::Federated(Arn::from("p"));
        let resource = resource.map(Into::into);
        evaluate(&policy, &Request { action: action.into(), caller, resource, context })
    }

    #[test]
    fn effects_combine() {
        #[track_caller]
        fn check(statements: &str, expected: Decision, deciding: &[usize]) {
            let got = trust(statements);
            assert_eq!(got.decision, expected, "{statements}");
            let indices: Vec<_> = got.deciding().iter().map(|it| it.index).collect();
            assert_eq!(indices, deciding, "{statements}");
        }
        use Decision::{Allow, ExplicitDeny, ImplicitDeny};
        const UNKNOWN: Decision = Decision::Unknown;
        check("", ImplicitDeny, &[]);
        check("Allow yes", Allow, &[0]);
        check("Allow no", ImplicitDeny, &[0]);
        check("Allow maybe", UNKNOWN, &[0]);
        check("Allow no-maybe", ImplicitDeny, &[0]);
        check("Allow no, Allow yes", Allow, &[1]);
        check("Allow maybe, Allow yes", Allow, &[1]);
        check("Allow yes, Deny no", Allow, &[0]);
        check("Allow yes, Deny no-maybe", Allow, &[0]);
        check("Allow yes, Deny yes", ExplicitDeny, &[1]);
        check("Allow yes, Deny maybe", UNKNOWN, &[1]);
        check("Allow yes, Allow maybe, Deny maybe", UNKNOWN, &[2]);
        check("Allow maybe, Deny maybe", UNKNOWN, &[0, 1]);
        check("Allow maybe, Deny yes", ExplicitDeny, &[1]);
        check("Deny maybe, Deny yes, Allow yes", ExplicitDeny, &[1]);
        check("Deny maybe", ImplicitDeny, &[]);
        check("Deny maybe, Allow no", ImplicitDeny, &[1]);
        check("Deny yes", ExplicitDeny, &[0]);
        check("Deny no", ImplicitDeny, &[]);
    }

    #[test]
    fn actions_match_without_case() {
        #[track_caller]
        fn check(element: &str, action: &str, expected: bool) {
            let statement =
                format!(r#"{{"Effect":"Allow","Principal":{{"Federated":"p"}},{element}}}"#);
            let got = run(Kind::Trust, &statement, action, None);
            assert_eq!(got.statements[0].matches, Truth::from(expected), "{element} {action}");
        }
        let web = "sts:AssumeRoleWithWebIdentity";
        check(r#""Action":"sts:AssumeRoleWithWebIdentity""#, web, true);
        check(r#""Action":"STS:assumerolewithwebidentity""#, web, true);
        check(r#""Action":"sts:AssumeRole*""#, web, true);
        check(r#""Action":"sts:?ssumeRoleWithWebIdentity""#, web, true);
        check(r#""Action":"*""#, web, true);
        check(r#""Action":["sts:TagSession","sts:*"]"#, web, true);
        check(r#""Action":"sts:AssumeRole""#, web, false);
        check(r#""Action":" sts:AssumeRoleWithWebIdentity""#, web, false);
        check(r#""NotAction":"sts:AssumeRole""#, web, true);
        check(r#""NotAction":["x","sts:assume*"]"#, web, false);
    }

    #[test]
    fn resources_match_with_case() {
        #[track_caller]
        fn check(element: &str, resource: Option<&str>, expected: Truth) {
            let statement = format!(r#"{{"Effect":"Allow","Action":"a:b",{element}}}"#);
            let got = run(Kind::Identity, &statement, "a:b", resource);
            assert_eq!(got.statements[0].matches, expected, "{element} {resource:?}");
        }
        let role = Some("arn:aws:iam::1:role/a");
        check(r#""Resource":"*""#, role, True);
        check(r#""Resource":"*""#, None, True);
        check(r#""Resource":"arn:aws:iam::1:role/*""#, None, False);
        check(r#""Resource":"arn:aws:iam::1:role/a""#, role, True);
        check(r#""Resource":"arn:aws:iam::1:role/A""#, role, False);
        check(r#""Resource":["x","arn:aws:iam::*:role/?"]"#, role, True);
        check(r#""NotResource":"arn:aws:iam::1:role/a""#, role, False);
        check(r#""NotResource":"arn:aws:iam::1:role/b""#, role, True);
        check(r#""Resource":"arn:aws:iam::1:role/${k}""#, role, True);
        check(r#""Resource":"*${gone}""#, role, False);
        check(r#""NotResource":"b${gone}""#, role, False);
        check(r#""Resource":["*","${hidden}"]"#, role, Unknown);
        check(r#""NotResource":["*","${hidden}"]"#, role, False);
        check(r#""Resource":"${hidden}""#, role, Unknown);
    }

    #[test]
    fn the_trace_shows_every_clause() {
        let got = run(
            Kind::Trust,
            r#"{"Sid":"S","Effect":"Allow","Principal":{"Federated":["q"],"AWS":"1"},"NotAction":"x",
                "Condition":{"StringLike":{"K":["b*","c"],"gone":"d"},"Odd":{"k":"a"}}}"#,
            "a:b",
            None,
        );
        let statement = &got.statements[0];
        assert_eq!(statement.sid.as_deref(), Some("S"));
        let lines: Vec<String> = statement
            .clauses
            .iter()
            .map(|it| format!("{} {:?} {:?} {:?}", it.part, it.wanted, it.got, it.truth))
            .collect();
        assert_eq!(
            lines,
            [
                r#"NotAction ["x"] Present(["a:b"]) True"#,
                r#"Principal ["Federated q", "AWS 1"] Present(["p"]) False"#,
                r#"Condition.StringLike[K] ["b*", "c"] Present(["a"]) False"#,
                r#"Condition.StringLike[gone] ["d"] Absent False"#,
                r#"Condition.Odd[k] ["a"] Present(["a"]) Unknown"#,
            ]
        );
        assert_eq!(statement.failing().count(), 3);
    }
}
