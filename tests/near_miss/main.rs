//! One mistake, or several, in a trust policy that was right: the findings name just those, and the edit that goes with
//! them makes the policy right again.
//!
//! A mistake is a row of `mistakes`; what it does to the policy is drawn anew for each seed.

mod mistakes;
mod policy;
#[path = "../common/rng.rs"]
mod rng;

use idscope::{
    check::{Ledger, Severity},
    fact::{IamRole, Knowledge},
    graph::Graph,
    iam::{self, Decision},
    ident::{Issuer, SaKey, Timestamp},
    identity::{
        near_miss::{self, Repair},
        sts,
    },
    lab::{self, World},
};
use mistakes::{MISTAKES, Mistake};
use policy::{AUDIENCE, Policy, ROLE};
use rng::Rng;
use std::{collections::BTreeSet, sync::Arc};

const SEEDS: u64 = 12;
const COMBINATIONS: u64 = 250;

#[test]
fn a_right_policy_has_no_fault() {
    for seed in 0..SEEDS * 4 {
        let policy = Policy::right(&mut Rng::new(seed));
        assert_eq!(found(&policy), BTreeSet::new(), "{}", policy.text());
        assert_eq!(diagnosis(&policy, |_| ()), None, "{}", policy.text());
    }
}

#[test]
fn one_mistake_is_named_and_mended() {
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        for seed in 0..SEEDS {
            let mut rng = Rng::new(seed);
            let mut policy = Policy::right(&mut rng);
            (mistake.make)(&mut policy, &mut rng);
            wrong.extend(judge(&policy, &[mistake]));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

#[test]
fn several_mistakes_at_once_are_all_named() {
    let alone: Vec<&Mistake> = MISTAKES.iter().filter(|it| it.beside_others).collect();
    let mut wrong = Vec::new();
    for seed in 0..COMBINATIONS {
        let mut rng = Rng::new(seed);
        let mut policy = Policy::right(&mut rng);
        let mut made: Vec<&Mistake> = Vec::new();
        for _ in 0..2 + rng.below(3) {
            let mistake = *rng.pick(&alone);
            // Two mistakes in one place are one.
            if made.iter().all(|it| it.part != mistake.part) {
                (mistake.make)(&mut policy, &mut rng);
                made.push(mistake);
            }
        }
        wrong.extend(judge(&policy, &made));
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

/// What is not as it should be, with the policy; `None` when all is.
fn judge(policy: &Policy, made: &[&Mistake]) -> Option<String> {
    let names: Vec<_> = made.iter().map(|it| it.name).collect();
    let mut expected: BTreeSet<String> = made.iter().map(|it| it.code.to_owned()).collect();
    // The same wrong text in two places is one mistake.
    if names.contains(&"scheme") && names.contains(&"key with scheme") {
        expected.remove("TRUST-KEY-03");
    }
    let got = found(policy);
    let tell = |what: String| Some(format!("{names:?}: {what}\n    {}", policy.text()));
    if got != expected {
        return tell(format!("{got:?} instead of {expected:?}"));
    }
    let mended = diagnosis(policy, |it| (it.repair, it.decision, it.repaired.clone()));
    let Some((repair, decision, repaired)) = mended else { return tell("no diagnosis".into()) };
    if repair == Repair::Narrow {
        let is_deny = made.iter().any(|it| it.code == "TRUST-COND-03");
        return if is_deny && repaired.is_none() { None } else { tell("left to a person".into()) };
    }
    // Where an operator stays that nobody knows, nobody can promise more.
    let best = match made.iter().any(|it| it.code == "TRUST-COND-07") {
        true => Decision::Unknown,
        false => Decision::Allow,
    };
    let healed = repaired.as_ref().map(|it| asked(policy, |ask| evaluated(it, ask)));
    if (decision, healed) != (Some(best), Some(best)) {
        return tell(format!(
            "mended to {decision:?}, which evaluates to {healed:?}: {repaired:#?}"
        ));
    }
    None
}

/// The trust codes on the ServiceAccount that stand for a refusal or for not knowing.
fn found(policy: &Policy) -> BTreeSet<String> {
    let now: Timestamp = policy::NOW.parse().unwrap();
    let text = policy.scenario();
    let world = World::parse("generated", &text, now).unwrap_or_else(|it| panic!("{it}\n{text}"));
    let mut graph = Graph::default();
    let mut units = BTreeSet::new();
    for change in lab::changes(&world) {
        units.extend(graph.apply(change));
    }
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now);
    let trust = ledger.findings().filter(|it| it.code.starts_with("TRUST-"));
    let refusing = trust.filter(|it| it.severity != Severity::Hygiene);
    refusing.map(|it| it.code.to_owned()).collect()
}

fn diagnosis<T>(policy: &Policy, look: impl FnOnce(&near_miss::Diagnosis) -> T) -> Option<T> {
    asked(policy, |ask| near_miss::of(ask).as_ref().map(look))
}

fn evaluated(policy: &iam::Policy, ask: &sts::Ask<'_>) -> Decision {
    let account = ask.role.as_ref().known().unwrap().arn.account().unwrap();
    let request = sts::request(ask, &account, &Issuer::new(policy::ISSUER));
    iam::evaluate(policy, &request).decision
}

fn asked<T>(policy: &Policy, look: impl FnOnce(&sts::Ask<'_>) -> T) -> T {
    let document = iam::Document::parse(policy.text(), iam::Kind::Trust);
    let role = IamRole {
        arn: ROLE.into(),
        id: "AROAEXAMPLE".into(),
        created: None,
        trust: Arc::new(document),
        max_session_seconds: None,
        permissions_boundary: Knowledge::NotYet,
        tags: Knowledge::Known(Vec::new()),
        last_used: Knowledge::NotYet,
        policies: Knowledge::NotYet,
        read_at: None,
    };
    look(&sts::Ask {
        role_arn: ROLE,
        service_account: &SaKey::new(policy.namespace.as_str(), policy.name.as_str()),
        issuer: Knowledge::Known(Issuer::new(policy::ISSUER)),
        audience: &[AUDIENCE.into()],
        provider: Knowledge::Known(vec![AUDIENCE.into()]),
        role: Knowledge::Known(&role),
        region: Some("eu-west-1"),
        session_name: Knowledge::Absent,
        world: sts::World::Open,
        now: Some(policy::NOW.parse().unwrap()),
    })
}
