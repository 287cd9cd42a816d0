//! Every scenario of a fault, planted into a healthy fleet: neither hides the other, whatever the namespace is.

use crate::{
    Judge, files,
    fleet::{self, Dice, Fleet, Place, Sort, belongs},
    line::line,
    now,
    renamed::renamed,
};
use idscope::{
    check::{Severity, roll_up},
    fact::{Change, Fact, Scope, SourceState},
    ident::{Ref, Text, WorkloadKind},
    lab::{self, World},
};
use std::{collections::BTreeSet, fs, path::Path};

/// Faults that are about the namespace itself or its ServiceAccount `default`, so it cannot be one of the fleet's.
const OWN_NAMESPACE: &[&str] = &["PI-ASSOC-02", "SA-01", "SA-06", "SA-10", "SA-11", "TRUST-SUB-09"];

/// A webhook that a fleet is served by is well, whatever its configuration looks like, and a selector that leaves out
/// some leaves out others.
const OF_THE_WEBHOOK: &str = "HOOK-04";

/// Where the agent's add-on is broken, every node of the fleet is without it too.
const OF_EVERY_NODE: &str = "PI-AGENT-02/fires-broken-add-on.yaml";

const AUDIENCE: &str = "sts.amazonaws.com";

/// Places that each is planted at.
const N_SEEDS: u64 = if cfg!(debug_assertions) { 1 } else { 6 };

// In parts, so that they run side by side.
#[test]
fn every_scenario_is_found_within_a_fleet_first_part() {
    every_scenario(0);
}

#[test]
fn every_scenario_is_found_within_a_fleet_second_part() {
    every_scenario(1);
}

fn every_scenario(part: usize) {
    let mut wrong = Vec::new();
    let mut n_planted = 0;
    let all = files::scenarios();
    let half = all.iter().enumerate().filter(|(n, _)| n % 2 == part);
    for (n, path) in half {
        let text = fs::read_to_string(path).unwrap();
        for seed in 0..N_SEEDS {
            match planted(path, &text, n as u64 * N_SEEDS + seed) {
                Some(Ok(())) => n_planted += 1,
                Some(Err(it)) => wrong.push(it),
                None => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(150 < n_planted, "only {n_planted} were planted");
}

/// `None` for a scenario in which something may not be read: it would not be readable for the fleet either.
fn planted(path: &Path, text: &str, seed: u64) -> Option<Result<(), String>> {
    let mut dice = Dice::new(seed);
    let code = path.parent()?.file_name()?.to_str()?;
    if code == OF_THE_WEBHOOK || path.ends_with(OF_EVERY_NODE) {
        return None;
    }
    let own = OWN_NAMESPACE.contains(&code) || dice.below(2) == 0;
    let namespace = match own {
        // A name that is also there in capitals means what it says.
        _ if text.contains("Shop") => "shop",
        true => "zone-9",
        false => "team-0",
    };
    let text = renamed(text, "shop", namespace);
    let world = World::parse(path.to_str()?, &text, now()).unwrap_or_else(|it| panic!("{it}"));
    let changes = lab::changes(&world);
    let is_whole = |it: &Change| match it {
        Change::Source { state, .. } => matches!(state, SourceState::Live { .. }),
        _ => true,
    };
    if !changes.iter().all(is_whole) {
        return None;
    }
    let cluster = changes.iter().find_map(|it| match it {
        Change::Replace { scope: Scope::Cluster, facts } => match facts.first() {
            Some(Fact::Cluster(it)) => Some(it.clone()),
            _ => None,
        },
        _ => None,
    })?;
    let issuer = cluster.issuer?;
    let accounts: Vec<_> = world.caller.accounts.iter().map(|it| it.as_str().into()).collect();
    let place = Place {
        now: now(),
        name: cluster.name,
        account: cluster.account.clone(),
        region: cluster.region,
        issuer: issuer.as_str().into(),
        auto_mode: cluster.auto_mode,
        // Without another account that is read, the fleet has no workload that needs one.
        foreign: accounts
            .into_iter()
            .find(|it| *it != cluster.account)
            .unwrap_or_else(|| "".into()),
    };
    let found = judged(&place, changes, seed);
    let wanted = text.lines().take_while(|it| it.starts_with('#'));
    let wanted: BTreeSet<String> = wanted
        .filter_map(|it| it.strip_prefix("# expect:"))
        .map(|it| it.trim().to_owned())
        .collect();
    let found: BTreeSet<String> = found
        .into_iter()
        .filter(|(severity, line)| *severity < Severity::Hygiene || wanted.contains(line))
        .map(|(_, line)| line)
        .collect();
    if found == wanted {
        return Some(Ok(()));
    }
    Some(Err(format!(
        "{} in {namespace}\n  missing: {:#?}\n  too much: {:#?}",
        path.display(),
        wanted.difference(&found).collect::<Vec<_>>(),
        found.difference(&wanted).collect::<Vec<_>>(),
    )))
}

fn judged(place: &Place, changes: Vec<Change>, seed: u64) -> Vec<(Severity, String)> {
    let mut fleet = Fleet::new(place.clone(), 16, seed);
    // Whom the scenario's accounts have no provider for would be another fault.
    let has_provider = |account: &Text| {
        let arn = place.provider(account, &place.issuer);
        let serves = |it: &Fact| match it {
            Fact::Provider(it) => {
                let detail = it.detail.as_ref().known();
                it.arn == arn
                    && detail.is_some_and(|it| it.client_ids.iter().any(|it| &**it == AUDIENCE))
            }
            _ => false,
        };
        changes.iter().any(|it| match it {
            Change::Replace { facts, .. } => facts.iter().any(serves),
            _ => false,
        })
    };
    let (own, foreign) = (has_provider(&place.account), has_provider(&place.foreign));
    fleet.drafts.retain(|it| match it.sort {
        Sort::Irsa | Sort::Fargate | Sort::Windows | Sort::SharedRole => own,
        Sort::CrossAccount => foreign,
        Sort::TargetRole => !place.foreign.is_empty(),
        Sort::PodIdentity | Sort::Migration | Sort::Plain => true,
    });
    let mut facts: Vec<Fact> =
        fleet.drafts.iter().flat_map(|it| fleet::realise(place, it)).collect();
    let has_agent = |it: &Change| match it {
        Change::Replace { facts, .. } => facts.iter().any(is_agent_set),
        _ => false,
    };
    let agent = changes.iter().any(has_agent);
    let furniture = fleet::furniture(place, &fleet.drafts).into_iter();
    facts.extend(furniture.filter(|it| agent || !is_of_agent(it)));
    let mut merged = Vec::new();
    for change in changes {
        merged.push(match change {
            Change::Replace { scope, facts: mut here } => {
                let (ours, rest): (Vec<Fact>, Vec<Fact>) =
                    facts.into_iter().partition(|it| belongs(it, &scope));
                facts = rest;
                // The scenario's own webhook is part of what it tells.
                let keys: BTreeSet<Ref> = here.iter().map(Fact::key).collect();
                let ours = ours.into_iter().filter(|it| !keys.contains(&it.key()));
                here.extend(ours.filter(|it| !matches!(it, Fact::Webhook(_))));
                Change::Replace { scope, facts: here }
            }
            other => other,
        });
    }
    let told: BTreeSet<Ref> = merged
        .iter()
        .filter_map(|it| match it {
            Change::Upsert(it) => Some(it.key()),
            _ => None,
        })
        .collect();
    let rest = facts.into_iter().filter(|it| matches!(it, Fact::KeyNames(_)));
    let rest = rest.filter(|it| !told.contains(&it.key()));
    merged.extend(rest.map(|it| Change::Upsert(Box::new(it))));
    let judge = Judge::of(merged);
    let rolled = roll_up(&judge.graph, &judge.ledger);
    rolled.into_iter().map(|it| (it.finding.severity, line(it.finding))).collect()
}

fn is_agent_set(fact: &Fact) -> bool {
    matches!(fact, Fact::Workload(it) if it.kind == WorkloadKind::DaemonSet && &*it.name == fleet::AGENT)
}

fn is_of_agent(fact: &Fact) -> bool {
    let owned = match fact {
        Fact::Pod(it) => it.owner.as_ref().is_some_and(|it| &*it.name == fleet::AGENT),
        _ => false,
    };
    owned || is_agent_set(fact)
}
