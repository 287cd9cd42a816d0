//! The built-in scenario: every failure that the documents describe can be found in it, beside workloads that are well.

use crate::hand::{Hand, now};
use idscope::{
    check::{Ledger, Severity},
    fact::{Change, Fact, IamRole, Scope},
    graph::Graph,
    iam::{Document, Kind},
    ident::{Ref, SaKey},
    lab::{World, changes},
    view::PaneKind,
};
use std::{collections::BTreeSet, sync::Arc};

const DEMO: &str = include_str!("../../assets/scenarios/default.yaml");

/// What the documents describe and API data can show. Not among them, since one cluster has one issuer, one webhook and
/// one agent, and everything beside it would stop working: OIDC-01, which OIDC-10 shows of another account, PI-AGENT-01
/// and -02, HOOK-03 and -04; and what no API shows.
const SHOWN: &[&str] = &[
    "ANN-01",
    "ANN-06",
    "ANN-08",
    "ANN-13",
    "ANN-14",
    "CHAIN-01",
    "HOOK-01",
    "NODE-01",
    "OIDC-02",
    "OIDC-03",
    "OIDC-04",
    "OIDC-05",
    "OIDC-08",
    "OIDC-09",
    "OIDC-10",
    "OIDC-13",
    "PERM-01",
    "PI-ASSOC-01",
    "PI-ASSOC-02",
    "PI-ASSOC-08",
    "PI-ASSOC-12",
    "PI-BOTH-01",
    "PI-POD-01",
    "PI-TRUST-01",
    "PI-TRUST-02",
    "PI-TRUST-03",
    "POD-KEY-01",
    "POD-KEY-02",
    "SA-01",
    "SA-02",
    "SA-03",
    "SA-05",
    "SA-07",
    "SA-08",
    "SA-11",
    "SEC-ANN-01",
    "SEC-ROLE-01",
    "SEC-TRUST-01",
    "SEC-TRUST-02",
    "SEC-TRUST-04",
    "TOOL-PERM-04",
    "TRUST-ACT-01",
    "TRUST-AUD-01",
    "TRUST-AUD-02",
    "TRUST-COND-01",
    "TRUST-DOC-02",
    "TRUST-KEY-03",
    "TRUST-KEY-04",
    "TRUST-MULTI-01",
    "TRUST-PRIN-01",
    "TRUST-PRIN-03",
    "TRUST-PRIN-04",
    "TRUST-PRIN-05",
    "TRUST-PRIN-08",
    "TRUST-PRIN-13",
    "TRUST-SUB-01",
    "TRUST-SUB-02",
    "TRUST-SUB-03",
    "TRUST-SUB-06",
    "TRUST-SUB-09",
];

/// By IRSA, by Pod Identity, in migration, with a path, of another account, of several accounts with one role, and by
/// nobody.
const WELL: &[&str] = &[
    "shop/web",
    "shop/cart",
    "shop/search",
    "shop/images",
    "partners/loyalty",
    "bi/alerts",
    "bi/charts",
    "bi/forecast",
    "kube-system/cluster-autoscaler",
];

fn demo() -> Hand {
    let mut hand = Hand::at((120, 36));
    let world = World::parse("default.yaml", DEMO, now()).unwrap_or_else(|it| panic!("{it}"));
    hand.facts(changes(&world));
    hand
}

#[test]
fn every_failure_of_the_documents_is_shown() {
    let hand = demo();
    let found: BTreeSet<&str> = hand.model.world().ledger.findings().map(|it| it.code).collect();
    let missing: Vec<_> = SHOWN.iter().filter(|it| !found.contains(*it)).collect();
    assert!(missing.is_empty(), "{missing:?} of {found:?}");
}

#[test]
fn what_is_well_is_left_alone() {
    let hand = demo();
    let world = hand.model.world();
    for name in WELL {
        let (namespace, name) = name.split_once('/').unwrap();
        let key = SaKey::new(namespace, name);
        let found = world.ledger.findings_of_identity(world.graph, &key);
        let bad: Vec<_> = found.iter().filter(|it| it.severity < Severity::Hygiene).collect();
        assert!(bad.is_empty(), "{key}: {bad:?}");
        assert_eq!(world.board.identity(&key).unwrap().standing.word(), "healthy", "{key}");
    }
}

#[test]
fn the_first_screen_tells_where_it_burns() {
    let mut hand = demo();
    let header = hand.pane(PaneKind::Header);
    assert!(header.contains("blocked") && header.contains("wrong id"), "{header}");
    hand.keys("S");
    assert!(hand.pane(PaneKind::List).contains("✖"), "{}", hand.text());
    hand.keys("ctrl-z");
    let list = hand.pane(PaneKind::List);
    assert!(!list.contains("✔"), "{list}");
}

/// Every role trusts others for a while. Rows are those of who came later, and in the end those of before.
#[test]
fn rows_do_not_tell_how_the_world_came_about() {
    let parsed = World::parse("default.yaml", DEMO, now()).unwrap();
    let first = changes(&parsed);
    let elsewhere = |role: &mut IamRole| {
        let trust = role.trust.raw.replace("system:serviceaccount:", "system:serviceaccount:x-");
        role.trust = Arc::new(Document::parse(trust, Kind::Trust));
    };
    let mut second = first.clone();
    for it in &mut second {
        let Change::Replace { scope: Scope::Roles { .. }, facts } = it else { continue };
        for fact in facts {
            if let Fact::Role(it) = fact {
                elsewhere(it);
            }
        }
    }
    let rows = |hand: &Hand| -> Vec<String> {
        let world = hand.model.world();
        let keys = world.graph.identities();
        keys.map(|it| format!("{it} {:?}", world.board.identity(it))).collect()
    };
    let mut fresh = Hand::at((120, 36));
    fresh.facts(second.clone());
    let mut hand = demo();
    let before = rows(&hand);
    hand.facts(second);
    assert_eq!(rows(&hand), rows(&fresh));
    assert_ne!(rows(&hand), before);
    hand.facts(first);
    assert_eq!(rows(&hand), before);
}

/// The dashboard judges in slices, accounts first; `check` judges everything at once.
#[test]
fn slices_come_to_the_same_as_the_whole() {
    let hand = demo();
    let world = hand.model.world();
    let mut graph = Graph::default();
    let mut units: BTreeSet<Ref> = BTreeSet::new();
    let parsed = World::parse("default.yaml", DEMO, now()).unwrap();
    for it in changes(&parsed) {
        units.extend(graph.apply(it));
    }
    let mut whole = Ledger::default();
    whole.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
    let said = |ledger: &Ledger| -> BTreeSet<String> {
        ledger
            .findings()
            .map(|it| format!("{} {}: {}", it.code, it.subject.name, it.message))
            .collect()
    };
    assert_eq!(said(world.ledger), said(&whole));
}
