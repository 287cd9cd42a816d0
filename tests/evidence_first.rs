//! Where two explanations print the same error, the data decides.
#[path = "common/faults.rs"]
mod faults;
#[path = "common/files.rs"]
mod files;

use idscope::{
    check::{self, Ledger, Rule, Severity},
    graph::Graph,
    ident::{Ref, Timestamp},
    lab::{self, World},
    report::triage::{self, State},
};
use std::{collections::BTreeSet, fs};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn survey() {
    for (code, path) in faults::faults() {
        let row = check::row(&code).unwrap();
        if row.signatures.is_empty() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let world = World::parse("x", &text, now()).unwrap();
        let mut graph = Graph::default();
        let units: BTreeSet<Ref> =
            lab::changes(&world).into_iter().flat_map(|it| graph.apply(it)).collect();
        let mut ledger = Ledger::default();
        ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
        let Some(finding) = ledger.findings().find(|it| it.code == code) else {
            println!("NONE {code} {}", path.display());
            continue;
        };
        if finding.severity == Severity::Hygiene {
            continue;
        }
        let at = finding.subject.at.clone();
        let found: BTreeSet<&str> = ledger.findings().map(|it| it.code).collect();
        for signature in row.signatures {
            let keys: Vec<_> = graph.account_of(&at).into_iter().collect();
            let causes = triage::causes(&graph, &ledger, *signature, &keys);
            for it in causes {
                if matches!(it.row.rule, Rule::Page) {
                    continue;
                }
                let state = it.state;
                let expected = if it.row.code == code {
                    State::Confirmed
                } else if found.contains(it.row.code) {
                    continue;
                } else {
                    State::Excluded
                };
                let generic = it.because.starts_with("read, and not so");
                println!(
                    "{} {} {signature} {} {} {} :: {}",
                    if state == expected { "ok" } else { "BAD" },
                    path.display(),
                    it.row.code,
                    state.as_str(),
                    if generic { "GENERIC" } else { "" },
                    it.because
                );
            }
        }
    }
}
