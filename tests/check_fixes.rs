//! Every fix heals its finding: its plan is simulated on the facts, pods that it rolls out are made again as the webhook
//! would leave them, the finding is gone and nothing new is wrong.
//!
//! What only a person can do is left out.

#[path = "common/faults.rs"]
mod faults;
#[path = "common/files.rs"]
mod files;
#[path = "common/judge.rs"]
mod judge;

use idscope::{
    check::{self, Finding, Severity},
    fact::{Change, Fact, Knowledge, Pod},
    graph::Graph,
    ident::{Ref, SaKey, Timestamp},
    identity::{
        admission::{Defaults, Known, admit_selected},
        webhook::{Called, Seen, called},
    },
    lab::{self, World},
    plan::{self, Because, Edit, WorkloadKey},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn fixes_heal() {
    let mut healed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut offered: BTreeSet<&str> = BTreeSet::new();
    let mut wrong = Vec::new();
    for (_, path) in faults::faults() {
        let text = fs::read_to_string(&path).unwrap();
        let world = World::parse(path.to_str().unwrap(), &text, now()).unwrap();
        let graph = graph(&world);
        let before = judge::judge(&graph, now());
        for finding in before.findings() {
            // A recreated cluster needs all of them: the provider and every role.
            let together: Vec<Edit> =
                finding.fixes.iter().flat_map(|it| it.edits.clone()).collect();
            for fix in &finding.fixes {
                let edits = match finding.code {
                    "OIDC-04" => &together,
                    // A restart alone repairs only what nothing else has to repair first.
                    _ if fix.id == "FX-RESTART" && finding.fixes[0].id != "FX-RESTART" => continue,
                    _ if fix.restart_needed && finding.code.starts_with("POD-ENV-") => &together,
                    _ => &fix.edits,
                };
                if edits.is_empty() {
                    continue;
                }
                offered.insert(finding.code);
                let at = format!("{} {} of {}", path.display(), fix.id, finding.code);
                let because = Because { code: Some(finding.code.into()), subject: "test".into() };
                let title = fix.title.clone();
                let plan = plan::build(&graph, fix.id, title, because, edits.clone());
                let plan = match plan {
                    Ok(it) => it,
                    Err(it) => {
                        wrong.push(format!("{at}: refused: {it}"));
                        continue;
                    }
                };
                let planned: Vec<_> = plan.edits().cloned().collect();
                let mut then = check::After::of(&graph, &planned, now()).graph().clone();
                let rolled: Vec<&WorkloadKey> =
                    plan.edits().filter_map(|it| it.rolls_out()).collect();
                for change in rolled.iter().flat_map(|it| remade(&then, it)).collect::<Vec<_>>() {
                    then.apply(change);
                }
                let after = judge::judge(&then, now());
                let same =
                    |it: &&Finding| it.code == finding.code && it.subject.at == finding.subject.at;
                if after.findings().any(|it| same(&it)) {
                    wrong.push(format!("{at} does not heal"));
                } else {
                    *healed.entry(finding.code).or_default() += 1;
                }
                let known: BTreeSet<_> = before.findings().map(key).collect();
                let new: Vec<_> = after
                    .findings()
                    .filter(|it| it.severity < Severity::Hygiene && !known.contains(&key(it)))
                    // What runs is older than the change: the restart that the plan asks for.
                    .filter(|it| {
                        !plan.restart_needed || !rolled.is_empty() || !is_of_running_pods(it)
                    })
                    // Credentials of before are served for a while.
                    .filter(|it| it.code != "PI-ASSOC-11")
                    .filter(|it| !check::is_left(&graph, &then, it))
                    // The second choice opens what the pattern says, and says so.
                    .filter(|it| !fix.title.contains("StringLike") || it.code != "SEC-TRUST-04")
                    .map(|it| format!("{} on {}", it.code, it.subject.at))
                    .collect();
                if !new.is_empty() {
                    wrong.push(format!("{at} brings {}", new.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unhealed: Vec<_> = offered.iter().filter(|it| !healed.contains_key(**it)).collect();
    assert!(unhealed.is_empty(), "offered and never healed: {unhealed:?}");
    assert!(89 < healed.len(), "only {} codes have a fix that heals: {healed:?}", healed.len());
}

/// The owner's pods as they would be made now.
fn remade(graph: &Graph, owner: &WorkloadKey) -> Vec<Change> {
    let workload = graph.workload(owner.kind, &owner.namespace, &owner.name).unwrap();
    let template = &workload.template;
    let key = SaKey::new(owner.namespace.clone(), template.service_account.clone());
    let labels = |it| graph.namespace(it).known().unwrap().labels.clone();
    let namespace = labels(&owner.namespace);
    let asked = match graph.webhook() {
        Knowledge::Known(it) => {
            let pod = Seen::all(&workload.template_labels);
            called(it, pod, Seen::all(&namespace)) == Called::Yes
        }
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => false,
    };
    let known = Known {
        association: graph.association_of(&key).is_known(),
        annotations: graph.service_account(&key).known().map(|it| it.annotations.as_slice()),
    };
    let region = graph.cluster().known().unwrap().region.clone();
    let spec = match asked {
        true => Arc::new(admit_selected(template, known, &Defaults::for_region(&region))),
        false => template.clone(),
    };
    let made = |it: &Pod| Pod {
        created: Some(now()),
        labels: workload.template_labels.clone(),
        spec: spec.clone(),
        ..it.clone()
    };
    let pods = graph.pods_of_workload(owner.kind, &owner.namespace, &owner.name);
    pods.into_iter().map(|it| Change::Upsert(Box::new(Fact::Pod(made(it))))).collect()
}

fn key(it: &Finding) -> (&'static str, Ref) {
    (it.code, it.subject.at.clone())
}

fn is_of_running_pods(it: &Finding) -> bool {
    ["HOOK-", "PI-POD-", "PI-ASSOC-12", "PI-BOTH-02", "NODE-"]
        .iter()
        .any(|family| it.code.starts_with(family))
}

fn graph(world: &World) -> Graph {
    let mut res = Graph::default();
    for change in lab::changes(world) {
        res.apply(change);
    }
    res
}
