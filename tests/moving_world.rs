//! While the world moves: objects come in any order, go, change and come back, sources stall, are refused and recover.
//!
//! At each step what the ledger has is what a judgement from nothing makes of the same facts. At rest it is what a fresh
//! start finds. On the way there, while things only arrive, nothing is said that the whole world does not confirm.

#[path = "common/renamed.rs"]
mod renamed;

use idscope::{
    check::{Ledger, Told},
    fact::{Change, Denied, Fact, Knowledge, Scope, SourceState},
    graph::Graph,
    ident::{Ref, SaKey, Timestamp},
    lab::{self, World},
};
use renamed::renamed;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Worlds that are moved through, and steps in each.
const N_WORLDS: u64 = if cfg!(debug_assertions) { 24 } else { 600 };
const N_STEPS: usize = 60;

/// xorshift64*: enough for picking.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn of<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// What the sources would tell of one state of a world.
#[derive(Clone, Default)]
struct Truth {
    lists: BTreeMap<Scope, Vec<Fact>>,
    /// What no list brings: names of keys, and what is known of single objects.
    single: Vec<Change>,
}

impl Truth {
    fn of(name: &str, text: &str) -> Option<Truth> {
        let world = World::parse(name, text, now()).unwrap_or_else(|it| panic!("{it}"));
        let mut res = Truth::default();
        for change in lab::changes(&world) {
            match change {
                Change::Replace { scope, facts } => drop(res.lists.insert(scope, facts)),
                // Where something may not be read the whole world is another one.
                Change::Source { state, .. } => {
                    if !matches!(state, SourceState::Live { .. }) {
                        return None;
                    }
                }
                other => res.single.push(other),
            }
        }
        Some(res)
    }

    /// Both worlds at once; what both have is this one's.
    fn add(&mut self, other: Truth) {
        let known: BTreeSet<String> = self.lists.values().flatten().map(slot).collect();
        for (scope, facts) in other.lists {
            let more = facts.into_iter().filter(|it| !known.contains(&slot(it)));
            self.lists.entry(scope).or_default().extend(more);
        }
        self.single.extend(other.single);
    }

    /// As one complete run of every source tells it.
    fn changes(&self) -> Vec<Change> {
        let mut res = Vec::new();
        for (scope, facts) in &self.lists {
            res.push(Change::Replace { scope: scope.clone(), facts: facts.clone() });
            res.push(live(scope));
        }
        res.extend(self.single.iter().cloned());
        res
    }

    fn facts(&self) -> Vec<&Fact> {
        self.lists.values().flatten().collect()
    }
}

fn live(scope: &Scope) -> Change {
    Change::Source { scope: scope.clone(), state: SourceState::Live { at: now() } }
}

/// What takes a fact's place.
fn slot(fact: &Fact) -> String {
    match fact {
        Fact::ApiServer(_) => "api server".to_owned(),
        Fact::Caller(_) => "caller".to_owned(),
        Fact::OtherClusters(_) => "other clusters".to_owned(),
        Fact::OtherAssociations(_) => "other associations".to_owned(),
        Fact::IdentityProviders(_) => "identity providers".to_owned(),
        other => other.key().to_string(),
    }
}

struct Judge {
    graph: Graph,
    ledger: Ledger,
    /// The same judged in portions, as the dashboard does.
    sliced: Ledger,
    /// Everything that was ever judged.
    units: BTreeSet<Ref>,
}

impl Judge {
    fn new() -> Judge {
        Judge {
            graph: Graph::default(),
            ledger: Ledger::default(),
            sliced: Ledger::default(),
            units: BTreeSet::new(),
        }
    }

    fn apply(&mut self, change: Change) {
        let affected = self.graph.affect(change);
        let units = self.graph.counted_out(affected.clone());
        self.ledger.refresh(&self.graph, &units, now());
        self.units.extend(units);
        self.sliced.expect(&self.graph, affected);
    }

    /// Judges a portion, as large as this many pods are.
    fn work(&mut self, n: usize) {
        self.sliced.work(&self.graph, n, now());
    }

    fn work_off(&mut self) {
        while 0 < self.sliced.n_waiting() {
            self.work(7);
        }
    }

    /// What a judgement from nothing makes of the same facts.
    fn afresh(&self) -> Ledger {
        let mut res = Ledger::default();
        res.refresh(&self.graph, &self.units.iter().cloned().collect::<Vec<_>>(), now());
        res
    }
}

/// Everything that a ledger says.
fn said(graph: &Graph, ledger: &Ledger) -> BTreeSet<String> {
    let mut res: BTreeSet<String> = ledger.findings().map(|it| format!("{it:?}")).collect();
    for key in graph.identities() {
        let identity = ledger.identity(key);
        let (counts, health) = (ledger.counts(key), ledger.health(graph, key));
        let of_pods: BTreeSet<Told> = ledger.told_of_pods(key).collect();
        res.insert(format!("{key} {identity:?} {counts:?} {health:?} {of_pods:?}"));
        let all = ledger.findings_of_identity(graph, key).into_iter();
        let at_pods = all.filter(|it| matches!(it.subject.at, Ref::Pod { .. }));
        assert_eq!(of_pods, at_pods.map(Told::of).collect(), "{key}");
    }
    res
}

fn difference(is: &BTreeSet<String>, wanted: &BTreeSet<String>) -> String {
    let (too_much, missing) = (is.difference(wanted), wanted.difference(is));
    let cut = |it: &String| it.chars().take(600).collect::<String>();
    format!(
        "too much: {:#?}\nmissing: {:#?}",
        too_much.map(cut).collect::<Vec<_>>(),
        missing.map(cut).collect::<Vec<_>>()
    )
}

/// One file of the codes' scenarios that have it, and one that has not.
fn pairs() -> Vec<(PathBuf, PathBuf)> {
    let mut res = Vec::new();
    for dir in fs::read_dir("tests/scenarios").unwrap() {
        let dir = dir.unwrap().path();
        let (fires, silent) = (dir.join("fires.yaml"), dir.join("near-miss.yaml"));
        if fires.exists() && silent.exists() {
            res.push((fires, silent));
        }
    }
    res.sort();
    assert!(150 < res.len(), "{}", res.len());
    res
}

fn read(path: &Path, namespace: &str) -> Option<Truth> {
    let text = renamed(&fs::read_to_string(path).unwrap(), "shop", namespace);
    Truth::of(&path.display().to_string(), &text)
}

/// Several scenarios in one world, and the same with other versions of what they are about.
fn worlds(dice: &mut Dice, pairs: &[(PathBuf, PathBuf)]) -> (Truth, Truth) {
    let mut res: Option<(Truth, Truth)> = None;
    for namespace in ["shop", "shop-b", "shop-c"] {
        let (fires, silent) = dice.of(pairs);
        let (Some(here), Some(there)) = (read(fires, namespace), read(silent, namespace)) else {
            continue;
        };
        match &mut res {
            None => res = Some((here, there)),
            Some((first, second)) => {
                first.add(here);
                second.add(there);
            }
        }
    }
    res.unwrap_or_else(|| worlds(dice, pairs))
}

fn denied() -> Denied {
    Denied { permission: "iam:Something".into(), detail: "".into() }
}

/// One thing that happens.
fn event(dice: &mut Dice, first: &Truth, second: &Truth) -> Change {
    let world = if dice.below(2) == 0 { first } else { second };
    let facts = world.facts();
    match dice.below(12) {
        0..4 => Change::Upsert(Box::new((**dice.of(&facts)).clone())),
        4 | 5 => match *dice.of(&facts) {
            // These are told anew, never taken away.
            Fact::ApiServer(_)
            | Fact::Caller(_)
            | Fact::OtherClusters(_)
            | Fact::OtherAssociations(_)
            | Fact::IdentityProviders(_) => event(dice, first, second),
            it => Change::Remove(it.key()),
        },
        6 => {
            let scopes: Vec<&Scope> = world.lists.keys().collect();
            let scope = (*dice.of(&scopes)).clone();
            let facts = world.lists[&scope].iter().filter(|_| dice.below(4) != 0).cloned();
            Change::Replace { facts: facts.collect(), scope }
        }
        7 => {
            let named = facts.iter().filter_map(|it| match it {
                Fact::Role(_) | Fact::Provider(_) => Some(it.key()),
                _ => None,
            });
            let named: Vec<Ref> = named.collect();
            if named.is_empty() {
                return event(dice, first, second);
            }
            let knowledge = match dice.below(3) {
                0 => Knowledge::NotYet,
                1 => Knowledge::Denied(denied()),
                _ => Knowledge::Absent,
            };
            Change::Know { of: dice.of(&named).clone(), knowledge }
        }
        8 if !world.single.is_empty() => dice.of(&world.single).clone(),
        _ => {
            let scopes: Vec<&Scope> = world.lists.keys().collect();
            let scope = (*dice.of(&scopes)).clone();
            let at = now();
            let state = match dice.below(10) {
                0 => SourceState::Pending { received: 1 },
                1 => SourceState::Cached { at },
                2 => SourceState::Stale { at, error: "".into(), attempts: 2 },
                3 => SourceState::Denied { at, denied: denied() },
                4 => SourceState::Truncated { at, detail: "".into() },
                5 => SourceState::Failed { error: "".into(), attempts: 1 },
                6 => SourceState::Expired { profile: "p".into(), login: "aws sso login".into() },
                _ => SourceState::Live { at },
            };
            Change::Source { scope, state }
        }
    }
}

#[test]
fn at_rest_it_is_as_if_nothing_had_happened() {
    let pairs = pairs();
    let mut n_steps = 0;
    for seed in 0..N_WORLDS {
        let (dice, slices) = (&mut Dice::new(seed), &mut Dice::new(!seed));
        let (first, second) = worlds(dice, &pairs);
        let mut judge = Judge::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut singles: Vec<Ref> = Vec::new();
        let mut begun: Vec<Change> = first.changes();
        dice.shuffle(&mut begun);
        let n_steps_here = N_STEPS + dice.below(N_STEPS);
        for step in 0..n_steps_here {
            // Some of the first world is there before it begins to move.
            let change = match begun.pop() {
                Some(it) if dice.below(3) != 0 => it,
                _ => event(dice, &first, &second),
            };
            match &change {
                Change::Know { of, .. } => singles.push(of.clone()),
                Change::Upsert(it) => {
                    known.insert(slot(it));
                    if let Fact::KeyNames(it) = &**it {
                        singles.push(it.of.clone());
                    }
                }
                Change::Replace { .. } | Change::Remove(_) | Change::Source { .. } => {}
            }
            let told = format!("seed {seed}, step {step}: {change:?}");
            judge.apply(change);
            n_steps += 1;
            let (is, wanted) =
                (said(&judge.graph, &judge.ledger), said(&judge.graph, &judge.afresh()));
            assert!(is == wanted, "{told}\n{}", difference(&is, &wanted));
            // Portions fall behind what happens, and catch up when nothing does for a while.
            judge.work(1 + slices.below(8));
            if slices.below(6) == 0 {
                judge.work_off();
                let is = said(&judge.graph, &judge.sliced);
                assert!(is == wanted, "in portions: {told}\n{}", difference(&is, &wanted));
            }
        }
        // It comes to rest as the first or the second world.
        let rest = if dice.below(2) == 0 { &first } else { &second };
        let told: BTreeSet<String> = rest.facts().into_iter().map(slot).collect();
        for it in singles {
            let is_told = told.contains(&it.to_string());
            judge.apply(match &it {
                Ref::ConfigMap { .. } | Ref::Secret { .. } => Change::Remove(it),
                // Whoever asks again for what a list does not have is told so.
                _ if !is_told => Change::Know { of: it, knowledge: Knowledge::Absent },
                _ => continue,
            });
        }
        let mut last = rest.changes();
        last.extend(other_scopes(&first, &second, rest));
        dice.shuffle(&mut last);
        // A state follows its list, and what is told of one object follows all lists.
        last.sort_by_key(|it| match it {
            Change::Replace { .. } => 0,
            Change::Source { .. } => 1,
            Change::Upsert(_) | Change::Remove(_) | Change::Know { .. } => 2,
        });
        last.into_iter().for_each(|it| judge.apply(it));
        let mut fresh = Judge::new();
        let all = other_scopes(&first, &second, rest).into_iter().chain(rest.changes());
        all.for_each(|it| fresh.apply(it));
        let (is, wanted) = (said(&judge.graph, &judge.ledger), said(&fresh.graph, &fresh.ledger));
        assert!(is == wanted, "seed {seed} at rest\n{}", difference(&is, &wanted));
        judge.work_off();
        let is = said(&judge.graph, &judge.sliced);
        assert!(is == wanted, "seed {seed} at rest, in portions\n{}", difference(&is, &wanted));
    }
    assert!(N_WORLDS as usize * N_STEPS <= n_steps);
}

/// Scopes that only the other world has are empty where the world rests.
fn other_scopes(first: &Truth, second: &Truth, rest: &Truth) -> Vec<Change> {
    let all = first.lists.keys().chain(second.lists.keys()).collect::<BTreeSet<_>>();
    let missing = all.into_iter().filter(|it| !rest.lists.contains_key(*it));
    missing
        .flat_map(|scope| {
            [Change::Replace { scope: scope.clone(), facts: Vec::new() }, live(scope)]
        })
        .collect()
}

/// Codes that give way to a more specific one as soon as what proves it has arrived, and why each is true until then.
const GIVES_WAY: &[(&str, &str)] = &[
    (
        "ANN-01",
        "nothing declares an identity; where somebody did is told by other objects (ANN-12, PI-ASSOC-03)",
    ),
    (
        "PI-ASSOC-01",
        "the ServiceAccount is not there; which one was meant is told by what runs (PI-ASSOC-03)",
    ),
    (
        "PI-TRUST-05",
        "the role asks for other tags; that the association is wrong is told by what runs (PI-ASSOC-03)",
    ),
    ("NODE-01", "the container ends with the node's role, whatever will explain it"),
    ("OIDC-12", "no cluster has the issuer; that this one had it is told by its roles (OIDC-04)"),
    ("POD-ENV-03", "nothing mounts the token file; why not is told by the ServiceAccount"),
    (
        "TRUST-PRIN-03",
        "the provider is not this cluster's; that it was is told by other clusters (OIDC-04)",
    ),
];

#[test]
fn what_is_said_while_things_arrive_stays_true() {
    let mut wrong = BTreeSet::new();
    for (n, (fires, silent)) in pairs().into_iter().enumerate() {
        for (path, seed) in [(&fires, 2 * n as u64), (&silent, 2 * n as u64 + 1)] {
            let Some(truth) = read(path, "shop") else { continue };
            let dice = &mut Dice::new(seed);
            let mut judge = Judge::new();
            truth.changes().into_iter().for_each(|it| judge.apply(it));
            let whole = told(&judge.ledger);
            // Objects of a list that is still being read come one by one, before the list is said to be complete.
            let mut arriving = Vec::new();
            for (scope, facts) in &truth.lists {
                let pending = SourceState::Pending { received: 0 };
                let mut list = vec![Change::Source { scope: scope.clone(), state: pending }];
                let mut facts = facts.clone();
                dice.shuffle(&mut facts);
                let upsert = |it| Change::Upsert(Box::new(it));
                list.extend(facts.into_iter().map(upsert));
                let facts = truth.lists[scope].clone();
                list.push(Change::Replace { scope: scope.clone(), facts });
                list.push(live(scope));
                arriving.push(list);
            }
            arriving.push(truth.single.clone());
            let mut judge = Judge::new();
            while !arriving.is_empty() {
                let at = dice.below(arriving.len());
                if arriving[at].is_empty() {
                    arriving.swap_remove(at);
                    continue;
                }
                let change = arriving[at].remove(0);
                let step = format!("{change:?}");
                judge.apply(change);
                for it in told(&judge.ledger).difference(&whole) {
                    let code = it.split(' ').next().unwrap_or_default();
                    if !GIVES_WAY.iter().any(|(it, _)| *it == code) {
                        let step: String = step.chars().take(160).collect();
                        wrong.insert(format!("{}: {it} after {step}", path.display()));
                    }
                }
            }
            let is = told(&judge.ledger);
            assert_eq!(is, whole, "{}", path.display());
        }
    }
    let all: Vec<_> = wrong.into_iter().collect();
    assert!(all.is_empty(), "{} wrong:\n{}", all.len(), all.join("\n"));
}

/// Everything but what is only known while something is not read.
fn told(ledger: &Ledger) -> BTreeSet<String> {
    let findings = ledger.findings().filter(|it| !it.code.starts_with("TOOL-"));
    findings
        .map(|it| {
            let subject = &it.subject;
            let parts =
                [subject.namespace.as_ref(), Some(&subject.name), subject.container.as_ref()];
            let parts: Vec<&str> = parts.into_iter().flatten().map(|it| &**it).collect();
            format!("{} {} {}", it.code, subject.kind.as_str(), parts.join("/"))
        })
        .collect()
}

/// The near miss is the smallest edit of what has the code: applied to the living world, the code is gone.
#[test]
fn the_smallest_edit_takes_the_code_away() {
    let mut wrong = Vec::new();
    let mut n_edits = 0;
    for (fires, silent) in pairs() {
        let code = fires.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let (Some(before), Some(after)) = (read(&fires, "shop"), read(&silent, "shop")) else {
            continue;
        };
        let has = |judge: &Judge| judge.ledger.findings().any(|it| it.code == code);
        let mut judge = Judge::new();
        before.changes().into_iter().for_each(|it| judge.apply(it));
        if !has(&judge) {
            wrong.push(format!("{code} is not there to begin with"));
        }
        // Object by object, as watches and polls bring it.
        let kept: BTreeSet<String> = after.facts().into_iter().map(slot).collect();
        let old: Vec<Fact> = before.facts().into_iter().cloned().collect();
        for it in old.iter().filter(|it| !kept.contains(&slot(it))) {
            judge.apply(Change::Remove(it.key()));
        }
        for it in after.facts().into_iter().filter(|it| !old.contains(it)) {
            judge.apply(Change::Upsert(Box::new(it.clone())));
        }
        for it in &before.single {
            if let Change::Know { of, .. } = it {
                judge.apply(Change::Know { of: of.clone(), knowledge: Knowledge::NotYet });
            }
        }
        after.single.iter().for_each(|it| judge.apply(it.clone()));
        n_edits += 1;
        let mut fresh = Judge::new();
        after.changes().into_iter().for_each(|it| fresh.apply(it));
        let (is, wanted) = (told(&judge.ledger), told(&fresh.ledger));
        if has(&judge) || is != wanted {
            wrong.push(format!("{code}\n{}", difference(&is, &wanted)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(140 < n_edits, "{n_edits}");
}

/// The judge itself must be able to find fault.
#[test]
fn a_ledger_that_is_not_told_differs() {
    let truth = read(Path::new("tests/scenarios/TRUST-SUB-03/fires.yaml"), "shop").unwrap();
    let mut judge = Judge::new();
    truth.changes().into_iter().for_each(|it| judge.apply(it));
    let key = SaKey::new("shop", "web");
    judge.graph.apply(Change::Remove(Ref::ServiceAccount(key)));
    assert_ne!(said(&judge.graph, &judge.ledger), said(&judge.graph, &judge.afresh()));
}
