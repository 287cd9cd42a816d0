//! Every fix heals its finding: its plan is simulated on the facts, the finding is gone and nothing new is wrong.
//!
//! What only a person can do, and what a pod shows only when it was made again (restarts), is left out.

use idscope::{
    check::{self, Finding, Ledger, Severity},
    graph::Graph,
    ident::{Ref, Timestamp},
    lab::{self, World},
    plan::{self, Because, Edit},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn fixes_heal() {
    let mut healed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in scenarios() {
        let text = fs::read_to_string(&path).unwrap();
        let world = World::parse(path.to_str().unwrap(), &text, now()).unwrap();
        let graph = graph(&world);
        let before = judge(&graph);
        for finding in before.findings() {
            // A recreated cluster needs all of them: the provider and every role.
            let together: Vec<Edit> =
                finding.fixes.iter().flat_map(|it| it.edits.clone()).collect();
            for fix in &finding.fixes {
                let edits = if finding.code == "OIDC-04" { &together } else { &fix.edits };
                if edits.is_empty() || edits.iter().any(|it| it.rolls_out().is_some()) {
                    continue;
                }
                let at = format!("{} {} of {}", path.display(), fix.id, finding.code);
                let because = Because { code: Some(finding.code.into()), subject: "test".into() };
                let plan = plan::build(&graph, fix.id, fix.title.clone(), because, edits.clone());
                let plan = match plan {
                    Ok(it) => it,
                    Err(it) => {
                        wrong.push(format!("{at}: refused: {it}"));
                        continue;
                    }
                };
                let (then, _) = check::after(&graph, plan.edits(), now());
                let after = judge(&then);
                let same =
                    |it: &&Finding| it.code == finding.code && it.subject.at == finding.subject.at;
                if after.findings().any(|it| same(&it)) {
                    wrong.push(format!("{at} does not heal"));
                }
                let known: BTreeSet<_> = before.findings().map(key).collect();
                let new: Vec<_> = after
                    .findings()
                    .filter(|it| it.severity < Severity::Hygiene && !known.contains(&key(it)))
                    // What runs is older than the change: the restart that the plan asks for.
                    .filter(|it| !plan.restart_needed || !is_of_running_pods(it))
                    // The old statement is kept, and is told of now that it stands beside another.
                    .filter(|it| fix.id != "FX-TRUST-ADD" || it.code != "SEC-TRUST-11")
                    .map(|it| format!("{} on {}", it.code, it.subject.at))
                    .collect();
                if !new.is_empty() {
                    wrong.push(format!("{at} brings {}", new.join(", ")));
                }
                *healed.entry(finding.code).or_default() += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(40 < healed.len(), "only {} codes have a fix that heals: {healed:?}", healed.len());
}

fn key(it: &Finding) -> (&'static str, Ref) {
    (it.code, it.subject.at.clone())
}

fn is_of_running_pods(it: &Finding) -> bool {
    ["HOOK-", "PI-POD-", "PI-ASSOC-12", "NODE-"].iter().any(|family| it.code.starts_with(family))
}

fn graph(world: &World) -> Graph {
    let mut res = Graph::default();
    for change in lab::changes(world) {
        res.apply(change);
    }
    res
}

/// Judges every unit there is.
fn judge(graph: &Graph) -> Ledger {
    let mut units: BTreeSet<Ref> = BTreeSet::from([Ref::Cluster]);
    units.extend(graph.identities().cloned().map(Ref::ServiceAccount));
    units.extend(
        graph.pods().map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() }),
    );
    units.extend(graph.workloads().map(|it| plan::WorkloadKey::from(it).reference()));
    units.extend(graph.associations().map(|it| Ref::Association(it.id.clone())));
    units.extend(graph.roles().map(|it| Ref::Role(it.arn.clone())));
    units.extend(graph.named_roles().cloned().map(Ref::Role));
    units.extend(graph.all_providers().map(|it| Ref::Provider(it.arn.clone())));
    units.extend(graph.expected_providers().map(Ref::Provider));
    units.extend(graph.nodes().map(|it| Ref::Node(it.name.clone())));
    units.extend(graph.namespaces().map(|it| Ref::Namespace(it.name.clone())));
    units.extend(graph.addons().map(|it| Ref::Addon(it.name.clone())));
    let mut res = Ledger::default();
    res.refresh(graph, &units.into_iter().collect::<Vec<_>>(), now());
    res
}

fn scenarios() -> Vec<PathBuf> {
    let mut res = Vec::new();
    for dir in fs::read_dir("tests/scenarios").unwrap() {
        for file in fs::read_dir(dir.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("fires")) {
                res.push(path);
            }
        }
    }
    res.sort();
    res
}
