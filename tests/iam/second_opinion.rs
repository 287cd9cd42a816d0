//! Thousands of generated policies, judged by `iam` and by `naive`.

use crate::{
    naive::{self, World},
    parse,
    policies::{Case, Feature, Rng, generate},
    request, show,
};
use idscope::iam::{Decision, Evaluation, Truth, evaluate};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many policies are compared unless `IDSCOPE_POLICIES` says so.
const N_CLOSED: u64 = 20_000;
const N_OPEN: u64 = 1500;
const MAX_WORLDS: usize = 40;

#[test]
fn agrees_in_a_closed_world() {
    let mut seen = Seen::default();
    let wanted = std::env::var("IDSCOPE_POLICIES").ok().and_then(|it| it.parse().ok());
    for seed in 0..wanted.unwrap_or(N_CLOSED) {
        let case = generate(seed);
        let decision = evaluate(&parse(&case.policy), &request(&case.subject)).decision;
        let possible = naive::outcomes(&case.policy, &case.subject, &case.subject.context);
        check(&case, decision, &possible);
        seen.note(&case, decision);
    }
    seen.assert_varied();
}

/// Some keys are unknown to `iam`; the second evaluator tries everything that they could be.
#[test]
fn never_claims_what_an_unknown_key_could_change() {
    let mut seen = Seen::default();
    for seed in N_CLOSED..N_CLOSED + N_OPEN {
        let mut case = generate(seed);
        let mut rng = Rng::new(!seed);
        if rng.percent(40) {
            sprinkle_variables(&mut case, &mut rng);
        }
        let mut keys: Vec<&String> = case.subject.context.keys().collect();
        let absent = "aws:ResourceTag/level".to_owned();
        keys.extend([&absent, &absent]);
        let n_hidden = 1 + rng.below(2);
        let hidden: BTreeSet<&String> = (0..n_hidden).map(|_| *rng.pick(&keys)).collect();

        let mut request = request(&case.subject);
        let mut worlds = vec![case.subject.context.clone()];
        for key in hidden {
            request.context.set_unknown(key);
            worlds = worlds.iter().flat_map(|it| variants(it, key, &case)).collect();
        }
        let decision = evaluate(&parse(&case.policy), &request).decision;
        let stride = worlds.len() / MAX_WORLDS + 1;
        for world in worlds.iter().step_by(stride) {
            let possible = naive::outcomes(&case.policy, &case.subject, world);
            match decision {
                Decision::Unknown => {}
                Decision::Allow | Decision::ExplicitDeny | Decision::ImplicitDeny => {
                    check(&case, decision, &possible);
                }
            }
        }
        seen.note(&case, decision);
    }
    seen.assert_varied();
}

/// Keys become known one after another: a clause, a statement or a policy that is settled stays as it is.
#[test]
fn knowing_more_never_changes_what_was_known() {
    let mut n_settled_early = 0;
    for seed in 0..N_OPEN {
        let mut case = generate(seed);
        let mut rng = Rng::new(seed ^ 0x5555);
        if rng.percent(40) {
            sprinkle_variables(&mut case, &mut rng);
        }
        let policy = parse(&case.policy);
        let mut keys: Vec<String> = case.subject.context.keys().cloned().collect();
        // Some are known to be missing once they are known.
        keys.extend(["aws:ResourceTag/level", "aws:ResourceTag/team", "x:many"].map(String::from));
        let mut request = request(&case.subject);
        keys.iter().for_each(|it| request.context.set_unknown(it));
        let mut before = evaluate(&policy, &request);
        n_settled_early += usize::from(before.decision != Decision::Unknown);
        while !keys.is_empty() {
            let key = keys.swap_remove(rng.below(keys.len()));
            let values = case.subject.context.get(&key).cloned().unwrap_or_default();
            request.context.set(&key, values.iter().map(|it| &**it));
            let after = evaluate(&policy, &request);
            // Which kind of a refusal it is may still turn out.
            let allowed = |it: &Evaluation| match it.decision {
                Decision::Allow => Some(true),
                Decision::ExplicitDeny | Decision::ImplicitDeny => Some(false),
                Decision::Unknown => None,
            };
            let stays = allowed(&before).is_none_or(|it| allowed(&after) == Some(it));
            assert!(stays, "{key}\n{}", show(&case));
            for (before, after) in before.statements.iter().zip(&after.statements) {
                let clauses = before.clauses.iter().zip(&after.clauses);
                let truths = clauses.map(|(before, after)| (before.truth, after.truth));
                for (before, after) in truths.chain([(before.matches, after.matches)]) {
                    let stays = before == Truth::Unknown || before == after;
                    assert!(stays, "{key}: {before:?} to {after:?}\n{}", show(&case));
                }
            }
            before = after;
        }
    }
    assert!(n_settled_early > N_OPEN as usize / 20, "{n_settled_early}");
}

/// Puts variables in place of half of the condition values, so that many depend on the keys that are hidden.
fn sprinkle_variables(case: &mut Case, rng: &mut Rng) {
    let keys: Vec<&String> = case.subject.context.keys().collect();
    let statements = match &mut case.policy["Statement"] {
        Value::Array(items) => items.iter_mut().collect(),
        one => vec![one],
    };
    let conditions = statements.into_iter().filter_map(|it| it.get_mut("Condition"));
    let blocks = conditions.filter_map(Value::as_object_mut).flat_map(|it| it.values_mut());
    for value in blocks.filter_map(Value::as_object_mut).flat_map(|it| it.values_mut()) {
        if rng.percent(50) {
            let key = rng.pick(&keys);
            let mut values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            match rng.below(4) {
                0 => values = vec![json!(format!("${{{key}}}"))],
                1 => values.push(json!(format!("*${{{key}}}"))),
                2 => values.push(json!("${aws:ResourceTag/level}")),
                _ => values.push(json!(format!("${{{key}, 'default'}}"))),
            }
            *value = json!(values);
            // Elsewhere than in strings it is a value of the wrong type.
            case.features.extend([Feature::Variable, Feature::Typed]);
        }
    }
}

/// `world` with everything that `key` could be: missing, as it is, and whatever the policy might ask for.
fn variants(world: &World, key: &str, case: &Case) -> Vec<World> {
    let mut values: Vec<Vec<String>> = vec![vec![], vec!["zzz".into()], vec!["true".into()]];
    values.extend(world.get(key).cloned());
    for statement in parse(&case.policy).statements {
        for condition in statement.conditions.iter().filter(|it| it.key.eq_ignore_ascii_case(key)) {
            values.extend(condition.values.iter().map(|it| vec![it.to_string()]));
            values.push(condition.values.iter().map(ToString::to_string).collect());
        }
    }
    values
        .into_iter()
        .map(|it| {
            let mut res = world.clone();
            res.insert(key.to_owned(), it);
            res
        })
        .collect()
}

#[track_caller]
fn check(case: &Case, decision: Decision, possible: &[bool]) {
    let fits = match decision {
        Decision::Allow => possible == [true],
        Decision::ExplicitDeny | Decision::ImplicitDeny => possible == [false],
        // Kleene's logic may not see that all coins lead to the same end, but without coins there is no excuse.
        Decision::Unknown => 1 < possible.len() || may_have_coins(case),
    };
    assert!(fits, "{decision:?} but {possible:?} is possible\n{}", show(case));
}

fn may_have_coins(case: &Case) -> bool {
    [Feature::Everyone, Feature::UnknownOperator, Feature::Typed, Feature::Odd]
        .iter()
        .any(|it| case.features.contains(it))
}

/// Guards against a generator that stops saying anything.
#[derive(Default)]
struct Seen {
    n_allow: usize,
    n_deny: usize,
    n_unknown: usize,
    features: BTreeSet<Feature>,
}

impl Seen {
    fn note(&mut self, case: &Case, decision: Decision) {
        match decision {
            Decision::Allow => self.n_allow += 1,
            Decision::ExplicitDeny | Decision::ImplicitDeny => self.n_deny += 1,
            Decision::Unknown => self.n_unknown += 1,
        }
        self.features.extend(&case.features);
    }

    fn assert_varied(&self) {
        let least = (self.n_allow + self.n_deny + self.n_unknown) / 50;
        assert!(least < self.n_allow, "{} allows", self.n_allow);
        assert!(least < self.n_deny, "{} denies", self.n_deny);
        assert!(least < self.n_unknown, "{} unknown", self.n_unknown);
        assert_eq!(self.features.len(), 14, "{:?}", self.features);
    }
}
