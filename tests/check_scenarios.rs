//! Whole scenarios through graph, identity and check: what is found, and that it does not matter in which steps the
//! facts came.
//!
//! A file says what is expected in its leading comments, one finding a line:
//! `# expect: CODE severity Kind namespace/name[/container]` and `# health: namespace/serviceaccount verdict health`.
//! Everything above hygiene must be listed; hygiene and unknown only where the file lists some.

#[path = "common/files.rs"]
mod files;
#[path = "common/line.rs"]
mod line;

use idscope::{
    check::{Finding, Ledger, Severity, roll_up},
    graph::Graph,
    ident::{Ref, SaKey, Timestamp},
    lab::{self, World},
};
use line::line;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn scenarios_find_what_they_say() {
    let mut wrong = Vec::new();
    for path in files::scenarios() {
        let text = fs::read_to_string(&path).unwrap();
        let (graph, ledger) = judged(&path, &text);
        let lines = |prefix: &str| -> BTreeSet<String> {
            let all = text.lines().take_while(|it| it.starts_with('#'));
            all.filter_map(|it| it.strip_prefix(prefix)).map(|it| it.trim().to_owned()).collect()
        };
        let expected = lines("# expect:");
        let listed = |it: &Finding| expected.iter().any(|line| line.starts_with(it.code));
        let found: BTreeSet<String> = roll_up(&graph, &ledger)
            .into_iter()
            .map(|it| it.finding)
            .filter(|it| it.severity < Severity::Hygiene || listed(it))
            .map(line)
            .collect();
        let health = lines("# health:");
        let told: BTreeSet<String> = health
            .iter()
            .map(|it| {
                let name = it.split(' ').next().unwrap();
                let (namespace, name) = name.split_once('/').unwrap();
                let key = SaKey::new(namespace, name);
                let verdict = ledger.identity(&key).map_or("-", |it| it.verdict.as_str());
                format!("{key} {verdict} {}", ledger.health(&graph, &key).as_str())
            })
            .collect();
        if found != expected || told != health {
            wrong.push(format!(
                "{}\n  missing: {:#?}\n  too much: {:#?}\n  {told:?} instead of {health:?}",
                path.display(),
                expected.difference(&found).collect::<Vec<_>>(),
                found.difference(&expected).collect::<Vec<_>>(),
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Codes that can never be reported, since wherever they fit another one says more: a scenario `gives-way.yaml` shows it.
const GIVES_WAY: &[(&str, &str)] = &[
    // "Annotation and association both": never ANN-18.
    ("ANN-18", "PI-BOTH-01"),
];

#[test]
fn every_code_has_a_scenario_that_has_it_and_one_that_has_not() {
    // `TRUST-SUB-03,…,first`: what is reported in this version.
    let codes = include_str!("codes.csv").lines().filter(|it| it.ends_with(",first"));
    let uncovered: Vec<&str> =
        codes.map(|it| it.split(',').next().unwrap()).filter(|code| !is_covered(code)).collect();
    assert!(uncovered.is_empty(), "{uncovered:?}");
}

/// Whether each file does with the code what its name says, and both kinds are there.
fn is_covered(code: &str) -> bool {
    let Ok(files) = fs::read_dir(Path::new("tests/scenarios").join(code)) else { return false };
    let winner = GIVES_WAY.iter().find(|(it, _)| *it == code).map(|(_, it)| *it);
    let (mut fires, mut silent) = (false, false);
    for path in files.map(|it| it.unwrap().path()) {
        let text = fs::read_to_string(&path).unwrap();
        let says = |code: &str| text.contains(&format!("# expect: {code} "));
        let name = path.file_name().unwrap().to_str().unwrap();
        match winner {
            Some(winner) if name.starts_with("gives-way") => {
                assert!(says(winner) && !says(code), "{}", path.display());
                fires = true;
            }
            None if name.starts_with("fires") => {
                assert!(says(code), "{}", path.display());
                fires = true;
            }
            Some(_) | None if name.starts_with("near-miss") => {
                assert!(!says(code), "{}", path.display());
                silent = true;
            }
            Some(_) | None => panic!("{} is neither", path.display()),
        }
    }
    fires && silent
}

#[test]
fn the_shop_of_the_demo_says_what_its_list_has() {
    let path = Path::new("assets/scenarios/default.yaml");
    let (graph, ledger) = judged(path, &fs::read_to_string(path).unwrap());
    // What may not be read is said by the sources, which are not here.
    let is_limit = |it: &str| it.starts_with("TOOL-");
    let rolled = roll_up(&graph, &ledger).into_iter().map(|it| line(it.finding));
    let mut found: BTreeSet<String> = rolled.filter(|it| !is_limit(it)).collect();
    found.extend(graph.identities().map(|key| {
        let it = ledger.identity(key).unwrap();
        let (verdict, health) = (it.verdict.as_str(), ledger.health(&graph, key).as_str());
        format!("identity {key} {} {verdict} {health}", it.mechanism.as_str())
    }));
    // The suite on real servers holds it to the same list.
    let list = fs::read_to_string("tests/live/worlds/shop.txt").unwrap();
    let listed = list.lines().filter(|it| !it.starts_with('#') && !is_limit(it));
    let expected: BTreeSet<String> = listed.map(str::to_owned).collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    let too_much: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && too_much.is_empty(),
        "missing: {missing:#?}\ntoo much: {too_much:#?}"
    );
}

#[test]
fn one_change_at_a_time_comes_to_the_same() {
    // One a code is enough: what differs between them is what is found, not how it comes.
    let of_code = |it: &PathBuf| {
        it.ends_with("fires.yaml") || it.parent().is_some_and(|it| it.ends_with("healthy"))
    };
    for path in files::scenarios().into_iter().filter(of_code) {
        let text = fs::read_to_string(&path).unwrap();
        let world = World::parse(path.to_str().unwrap(), &text, now()).unwrap();
        let mut graph = Graph::default();
        let mut ledger = Ledger::default();
        let mut all = BTreeSet::new();
        for change in lab::changes(&world) {
            let units = graph.apply(change);
            ledger.refresh(&graph, &units, now());
            all.extend(units);
        }
        let mut fresh = Ledger::default();
        fresh.refresh(&graph, &all.into_iter().collect::<Vec<_>>(), now());
        assert_eq!(all_of(&ledger), all_of(&fresh), "{}", path.display());
        for key in graph.identities() {
            let at = path.display();
            assert_eq!(ledger.identity(key), fresh.identity(key), "{at}: {key}");
            assert_eq!(ledger.counts(key), fresh.counts(key), "{at}: {key}");
            assert_eq!(ledger.health(&graph, key), fresh.health(&graph, key), "{at}: {key}");
        }
    }
}

fn judged(path: &Path, text: &str) -> (Graph, Ledger) {
    let world =
        World::parse(path.to_str().unwrap(), text, now()).unwrap_or_else(|it| panic!("{it}"));
    let mut graph = Graph::default();
    let mut units: BTreeSet<Ref> = BTreeSet::new();
    for change in lab::changes(&world) {
        units.extend(graph.apply(change));
    }
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
    (graph, ledger)
}

fn all_of(ledger: &Ledger) -> BTreeSet<String> {
    ledger.findings().map(|it| format!("{it:?}")).collect()
}
