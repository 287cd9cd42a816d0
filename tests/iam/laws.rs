//! What must hold for any policy, on generated ones and on arbitrary text.

use crate::{
    naive, parse,
    policies::{Case, Rng, generate},
    request,
};
use idscope::iam::{
    Decision, Document, Effect, Kind, Policy, Test, Truth, evaluate, glob_covers, glob_matches,
};
use proptest::prelude::*;

fn decide(policy: &Policy, case: &Case) -> Decision {
    evaluate(policy, &request(&case.subject)).decision
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_statements_is_irrelevant(seed: u64) {
        let case = generate(seed);
        let mut policy = parse(&case.policy);
        let before = decide(&policy, &case);
        let mut rng = Rng::new(seed);
        for i in (1..policy.statements.len()).rev() {
            policy.statements.swap(i, rng.below(i + 1));
        }
        prop_assert_eq!(before, decide(&policy, &case));
    }

    #[test]
    fn another_deny_never_allows(seed: u64, other: u64) {
        let case = generate(seed);
        let mut policy = parse(&case.policy);
        let before = decide(&policy, &case);
        let mut added = parse(&generate(other).policy).statements;
        added.iter_mut().for_each(|it| it.effect = Effect::Deny);
        policy.statements.extend(added);
        let after = decide(&policy, &case);
        prop_assert!(rank(after) <= rank(before), "{:?} then {:?}", before, after);
    }

    #[test]
    fn another_allow_never_denies(seed: u64, other: u64) {
        let case = generate(seed);
        let mut policy = parse(&case.policy);
        let before = decide(&policy, &case);
        let mut added = parse(&generate(other).policy).statements;
        added.iter_mut().for_each(|it| it.effect = Effect::Allow);
        policy.statements.extend(added);
        let after = decide(&policy, &case);
        prop_assert!(rank(before) <= rank(after), "{:?} then {:?}", before, after);
    }

    #[test]
    fn a_wider_pattern_never_denies_an_allow(seed: u64) {
        let case = generate(seed);
        let mut policy = parse(&case.policy);
        let before = decide(&policy, &case);
        let mut rng = Rng::new(seed);
        for statement in policy.statements.iter_mut().filter(|it| it.effect == Effect::Allow) {
            if !statement.action.negated {
                statement.action.patterns.iter_mut().for_each(|it| *it = wider(it, &mut rng).into());
            }
            for condition in &mut statement.conditions {
                let operator = condition.parsed_operator();
                if operator.is_some_and(|it| it.test == Test::StringLike && !it.negated) {
                    let plain = condition.values.iter_mut().filter(|it| !it.contains("${"));
                    plain.for_each(|it| *it = wider(it, &mut rng).into());
                }
            }
        }
        let after = decide(&policy, &case);
        prop_assert!(rank(before) <= rank(after), "{:?} then {:?}", before, after);
    }

    #[test]
    fn without_wildcards_equals_is_like(seed: u64) {
        let case = generate(seed);
        let mut policy = parse(&case.policy);
        let before = decide(&policy, &case);
        for condition in policy.statements.iter_mut().flat_map(|it| &mut it.conditions) {
            if condition.values.iter().all(|it| !it.contains(['*', '?', '$'])) {
                let operator = condition.operator.to_ascii_lowercase();
                if !operator.contains("ignorecase") {
                    condition.operator = operator
                        .replace("stringequals", "stringlike")
                        .replace("stringnotequals", "stringnotlike")
                        .into();
                }
            }
        }
        prop_assert_eq!(before, decide(&policy, &case));
    }

    #[test]
    fn what_equals_allows_like_allows(seed: u64) {
        let case = generate(seed);
        let mut policy = parse(&case.policy);
        let before = decide(&policy, &case);
        let allows = policy.statements.iter_mut().filter(|it| it.effect == Effect::Allow);
        for condition in allows.flat_map(|it| &mut it.conditions) {
            condition.operator = condition.operator.replace("StringEquals", "StringLike").into();
        }
        // Except for `IgnoreCase`, which has no such twin and becomes unknown.
        if !case.policy.to_string().contains("StringEqualsIgnoreCase") {
            let after = decide(&policy, &case);
            prop_assert!(rank(before) <= rank(after), "{:?} then {:?}", before, after);
        }
    }

    /// The decision is what the traces say, and a trace what its clauses say.
    #[test]
    fn the_trace_explains_the_decision(seed: u64) {
        let case = generate(seed);
        let evaluation = evaluate(&parse(&case.policy), &request(&case.subject));
        for statement in &evaluation.statements {
            prop_assert_eq!(statement.matches, Truth::all(statement.clauses.iter().map(|it| it.truth)));
        }
        for clause in evaluation.statements.iter().flat_map(|it| &it.clauses) {
            prop_assert!(clause.truth != Truth::Unknown || clause.note.is_some(), "{:?}", clause);
        }
        let deciding = evaluation.deciding();
        let needs_one = match evaluation.decision {
            Decision::Allow | Decision::ExplicitDeny | Decision::Unknown => true,
            Decision::ImplicitDeny => false,
        };
        prop_assert!(!needs_one || !deciding.is_empty());
    }

    #[test]
    fn any_text_is_survived(text: String, seed: u64) {
        survive(&text, seed);
    }

    #[test]
    fn any_damage_is_survived(seed: u64, damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<char>()), 1..6)) {
        let mut text: Vec<char> = generate(seed).policy.to_string().chars().collect();
        for (at, how, c) in damage {
            let at = at.index(text.len());
            match how {
                0 => drop(text.remove(at)),
                1 => text.insert(at, c),
                2 => text[at] = c,
                _ => text.extend_from_within(at..),
            }
        }
        survive(&text.into_iter().collect::<String>(), seed);
    }

    #[test]
    fn any_condition_is_survived(seed: u64, operator in operators(), values in prop::collection::vec(".{0,12}|[0-9:./${}*?'T+Z-]{0,24}", 0..4)) {
        let case = generate(seed);
        for key in case.subject.context.keys() {
            let policy = serde_json::json!({"Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Principal": "*", "Action": "*", "Condition": {&operator: {key: &values}}}});
            decide(&parse(&policy), &case);
        }
    }

    #[test]
    fn globs_match_as_a_table_says(pattern in "[ab*?é]{0,12}", text in "[abé]{0,12}") {
        prop_assert_eq!(glob_matches(&pattern, &text), naive::like(&pattern, &text));
    }

    #[test]
    fn covering_is_transitive_and_sound(wide in "[ab*?]{0,6}", narrow in "[ab*?]{0,6}", text in "[ab]{0,8}") {
        let covers = glob_covers(&wide, &narrow);
        if covers && naive::like(&narrow, &text) {
            prop_assert!(naive::like(&wide, &text));
        }
        if !narrow.contains(['*', '?']) {
            prop_assert_eq!(covers, naive::like(&wide, &narrow));
        }
        prop_assert!(glob_covers(&wide, &wide));
        prop_assert!(glob_covers("*", &narrow));
    }
}

/// How near to being allowed.
fn rank(decision: Decision) -> u8 {
    match decision {
        Decision::ExplicitDeny | Decision::ImplicitDeny => 0,
        Decision::Unknown => 1,
        Decision::Allow => 2,
    }
}

/// One character becomes `*`, or one `*` is added.
fn wider(pattern: &str, rng: &mut Rng) -> String {
    let mut res: Vec<char> = pattern.chars().collect();
    let at = rng.below(res.len() + 1);
    if at < res.len() && rng.percent(50) {
        res[at] = '*';
    } else {
        res.insert(at, '*');
    }
    let res: String = res.into_iter().collect();
    assert!(glob_covers(&res, pattern), "`{res}` over `{pattern}`");
    res
}

fn operators() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec![
        "StringLike",
        "StringEqualsIgnoreCase",
        "NumericLessThan",
        "DateGreaterThan",
        "Bool",
        "BinaryEquals",
        "NotIpAddress",
        "ArnLike",
        "Null",
    ]);
    let prefix = prop::sample::select(vec!["", "ForAnyValue:", "ForAllValues:"]);
    let suffix = prop::sample::select(vec!["", "IfExists"]);
    (prefix, base, suffix).prop_map(|(prefix, base, suffix)| format!("{prefix}{base}{suffix}"))
}

fn survive(text: &str, seed: u64) {
    for kind in [Kind::Trust, Kind::Identity] {
        let document = Document::parse(text, kind);
        assert_eq!(&*document.raw, text);
        if let Ok(policy) = &document.parsed {
            decide(policy, &generate(seed));
        }
    }
}
