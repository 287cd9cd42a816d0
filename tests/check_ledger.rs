//! What the ledger never does: judge what is cached, pending or of another cluster; keep what is gone; pay for pods
//! that did not change.

use idscope::{
    check::{Health, Ledger, PodCounts, roll_up},
    fact::{Change, Fact, Knowledge, Scope, SourceState},
    graph::Graph,
    ident::{Ref, SaKey, Timestamp},
    identity::{Verdict, Why},
    lab::{self, World},
};
use std::{collections::BTreeSet, sync::Arc};

/// A role that refuses, so that something is to be found.
const REFUSED: &str = include_str!("scenarios/TRUST-SUB-03/fires.yaml");
const MISMATCHED: &str = include_str!("scenarios/SEC-TRUST-01/fires.yaml");

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn changes(text: &str) -> Vec<Change> {
    lab::changes(&World::parse("scenario", text, now()).unwrap())
}

#[derive(Default)]
struct Judge {
    graph: Graph,
    ledger: Ledger,
}

impl Judge {
    fn of(changes: Vec<Change>) -> Judge {
        let mut res = Judge::default();
        res.apply(changes);
        res
    }

    fn apply(&mut self, changes: Vec<Change>) {
        let units: BTreeSet<Ref> =
            changes.into_iter().flat_map(|it| self.graph.apply(it)).collect();
        self.ledger.refresh(&self.graph, &units.into_iter().collect::<Vec<_>>(), now());
    }

    fn codes(&self) -> BTreeSet<&'static str> {
        self.ledger.findings().map(|it| it.code).collect()
    }

    fn verdict(&self, namespace: &str, name: &str) -> &Verdict {
        &self.ledger.identity(&SaKey::new(namespace, name)).unwrap().verdict
    }
}

#[test]
fn nothing_is_said_of_what_is_cached() {
    let cached = |changes: Vec<Change>, wanted: fn(&Scope) -> bool| {
        let changes = changes.into_iter().map(|it| match it {
            Change::Source { scope, .. } if wanted(&scope) => {
                Change::Source { scope, state: SourceState::Cached { at: now() } }
            }
            Change::Replace { scope, facts } if wanted(&scope) => {
                let facts = facts.into_iter().map(|it| match it {
                    Fact::Role(it) => {
                        Fact::Role(idscope::fact::IamRole { read_at: Some(now()), ..it })
                    }
                    other => other,
                });
                Change::Replace { scope, facts: facts.collect() }
            }
            other => other,
        });
        Judge::of(changes.collect())
    };
    let check = |wanted: fn(&Scope) -> bool| {
        let judge = cached(changes(REFUSED), wanted);
        assert!(!judge.codes().iter().any(|it| it.starts_with("TRUST-")), "{:?}", judge.codes());
        let verdict = judge.verdict("shop", "web");
        assert!(matches!(verdict, Verdict::Unknown(Why::Pending(_))), "{verdict:?}");
    };
    assert!(Judge::of(changes(REFUSED)).codes().contains("TRUST-SUB-03"));
    check(|it| matches!(it, Scope::Roles { .. }));
    check(|it| matches!(it, Scope::Associations));
}

#[test]
fn nothing_is_said_of_what_has_not_arrived() {
    // Whatever prefix of the facts has arrived: what is said stays true when the rest comes.
    let all = changes(REFUSED);
    let complete = Judge::of(all.clone()).codes();
    for n in 0..all.len() {
        let judge = Judge::of(all[..n].to_vec());
        let early: Vec<_> = judge.codes().into_iter().filter(|it| !complete.contains(it)).collect();
        let early: Vec<_> = early.iter().filter(|it| !it.starts_with("TOOL-")).collect();
        assert!(early.is_empty(), "after {n} changes: {early:?}");
    }
}

#[test]
fn no_verdict_across_two_clusters() {
    let text = MISMATCHED.replace(
        "kind: EksCluster\n",
        "kind: EksCluster\npublishedIssuer: https://oidc.eks.eu-west-1.amazonaws.com/id/ANOTHER\n",
    );
    let judge = Judge::of(changes(&text));
    let others: Vec<_> = judge.codes().into_iter().filter(|it| !it.starts_with("TOOL-")).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(matches!(judge.verdict("shop", "web"), Verdict::Unknown(Why::Undecidable(_))));
    let key = SaKey::new("shop", "web");
    assert_eq!(judge.ledger.health(&judge.graph, &key), Health::Unknown);
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut judge = Judge::of(changes(REFUSED));
    let key = SaKey::new("shop", "web");
    assert_eq!(judge.ledger.counts(&key).total, 1);
    assert!(judge.ledger.containers("shop", "web-1").is_some());
    judge.apply(vec![Change::Remove(Ref::Pod { namespace: "shop".into(), name: "web-1".into() })]);
    assert_eq!(judge.ledger.counts(&key), PodCounts::default());
    assert!(judge.ledger.containers("shop", "web-1").is_none());
    let deployment = Ref::Workload {
        kind: idscope::ident::WorkloadKind::Deployment,
        namespace: "shop".into(),
        name: "web".into(),
    };
    judge.apply(vec![Change::Remove(deployment), Change::Remove(Ref::ServiceAccount(key.clone()))]);
    assert!(judge.ledger.identity(&key).is_none());
    let about_it = |it: &&idscope::check::Finding| it.subject.namespace.as_deref() == Some("shop");
    assert_eq!(judge.ledger.findings().filter(about_it).count(), 0);
}

#[test]
fn a_pod_that_ran_to_its_end_is_not_counted() {
    let mut judge = Judge::of(changes(REFUSED));
    let mut pod = judge.graph.pod("shop", "web-1").unwrap().clone();
    pod.phase = idscope::fact::Phase::Succeeded;
    judge.apply(vec![Change::Upsert(Box::new(Fact::Pod(pod)))]);
    assert_eq!(judge.ledger.counts(&SaKey::new("shop", "web")).total, 0);
}

#[test]
fn counts_say_who_carries_what() {
    let mut judge = Judge::of(changes(REFUSED));
    let key = SaKey::new("shop", "web");
    let counts = judge.ledger.counts(&key);
    assert_eq!((counts.total, counts.injected, counts.stale), (1, 1, 0));
    // The annotation changes: the pod still carries the role of before.
    let mut sa = judge.graph.service_account(&key).known().unwrap().clone();
    sa.annotations[0].1 = "arn:aws:iam::111122223333:role/other".into();
    judge.apply(vec![Change::Upsert(Box::new(Fact::ServiceAccount(sa)))]);
    let counts = judge.ledger.counts(&key);
    assert_eq!((counts.total, counts.injected, counts.stale), (1, 0, 1));
}

#[test]
fn siblings_are_one_finding() {
    let mut judge = Judge::of(changes(include_str!("scenarios/healthy/irsa.yaml")));
    let pod = judge.graph.pod("shop", "web-1").unwrap().clone();
    let mut bare = (*pod.spec).clone();
    bare.containers[0].env.clear();
    bare.containers[0].mounts.clear();
    let bare = Arc::new(bare);
    let owner = idscope::fact::Owner { kind: "ReplicaSet".into(), name: "web-1234".into() };
    let pods = (0..5).map(|i| {
        let mut it = pod.clone();
        it.name = format!("web-{i}").as_str().into();
        it.created = it.created.map(|it| it - jiff::SignedDuration::from_hours(10 * i));
        it.spec = bare.clone();
        it.owner = Some(owner.clone());
        Change::Upsert(Box::new(Fact::Pod(it)))
    });
    judge.apply(pods.collect());
    let rolled = roll_up(&judge.graph, &judge.ledger);
    let of_pods: Vec<_> =
        rolled.iter().filter(|it| it.finding.subject.namespace.is_some()).collect();
    for it in &of_pods {
        let twice = of_pods.iter().filter(|other| {
            other.finding.code == it.finding.code && other.finding.evidence == it.finding.evidence
        });
        assert_eq!(twice.count(), 1, "{} is told twice", it.finding.code);
    }
}

#[test]
fn one_pod_costs_the_same_among_many() {
    // Counted in units, not in time: what is judged for one changed pod must not grow with its siblings.
    let units = |n_pods: usize| {
        let mut judge = Judge::of(changes(REFUSED));
        let pod = judge.graph.pod("shop", "web-1").unwrap().clone();
        let more = (0..n_pods).map(|i| {
            let mut it = pod.clone();
            it.name = format!("more-{i}").as_str().into();
            Change::Upsert(Box::new(Fact::Pod(it)))
        });
        judge.apply(more.collect());
        let mut changed = pod.clone();
        changed.ready = !changed.ready;
        judge.graph.apply(Change::Upsert(Box::new(Fact::Pod(changed)))).len()
    };
    assert_eq!(units(10), units(1000));
}

#[test]
fn absent_needs_a_complete_list() {
    let refused = changes(REFUSED).into_iter().map(|it| match it {
        Change::Replace { scope: scope @ Scope::Roles { .. }, .. } => {
            Change::Replace { scope, facts: Vec::new() }
        }
        other => other,
    });
    let judge = Judge::of(refused.collect());
    assert!(judge.codes().contains("ANN-06"), "{:?}", judge.codes());
    let denied = changes(REFUSED).into_iter().filter_map(|it| match it {
        Change::Replace { scope: Scope::Roles { .. }, .. } => None,
        Change::Source { scope: scope @ Scope::Roles { .. }, .. } => {
            let denied =
                idscope::fact::Denied { permission: "iam:ListRoles".into(), detail: "".into() };
            Some(Change::Source { scope, state: SourceState::Denied { at: now(), denied } })
        }
        Change::Know { of: Ref::Role(it), .. } => {
            Some(Change::Know { of: Ref::Role(it), knowledge: Knowledge::NotYet })
        }
        other => Some(other),
    });
    let judge = Judge::of(denied.collect());
    assert!(!judge.codes().contains("ANN-06"), "{:?}", judge.codes());
    assert!(matches!(judge.verdict("shop", "web"), Verdict::Unknown(_)));
}
