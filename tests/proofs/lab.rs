//! For every code with an automatic fix: the fault, the plan as `fix` makes it, carried out; the finding is gone, nothing
//! new is wrong, AWS would grant; then undone, and every document is as it was.

use crate::world::{Home, Seen, parse};
use futures::{StreamExt, stream};
use idscope::{
    check::{self, Severity, Wanted},
    ident::{SaKey, Text},
    identity::Verdict,
    plan::{self, Because, Edit, Entry, Outcome, Plan, Purpose, WorkloadKey},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What is said of pods that are older than a change; a restart is the rest of the repair.
const OF_RUNNING_PODS: [&str; 6] =
    ["HOOK-", "PI-POD-", "PI-ASSOC-11", "PI-ASSOC-12", "PI-BOTH-02", "NODE-"];

#[test]
#[ignore = "takes many minutes: every scenario is read, repaired, read and put back over HTTP at the pace of the sources"]
fn automatic_fixes_repair_and_are_put_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let results: Vec<(PathBuf, Result<(), String>)> = runtime.block_on(async {
        let proofs = crate::table::proofs().into_iter().map(|(code, path)| async move {
            let res = prove(&code, &path).await;
            (path, res)
        });
        stream::iter(proofs).buffer_unordered(24).collect().await
    });
    let wrong = results.iter().filter_map(|(path, res)| {
        let why = res.as_ref().err()?;
        Some(format!("{}: {why}", path.display()))
    });
    let mut wrong: Vec<String> = wrong.collect();
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(110 < results.len(), "only {} proofs", results.len());
}

async fn prove(code: &str, path: &Path) -> Result<(), String> {
    let home = Home::new(parse(path)).await;
    let before = home.read().await;
    if before.of(code).is_empty() {
        return Err(format!("{code} is not found by the sources: {:?}", before.codes()));
    }
    let wanted = Wanted { code: Some(code.into()), targets: Vec::new() };
    let proposal = check::propose(&before.graph, &before.ledger, &wanted, before.now);
    let plan = match proposal.plan {
        None => return Err("the sources show nothing that may be written".to_owned()),
        Some(Err(it)) => return Err(format!("refused: {it}")),
        Some(Ok(it)) => it,
    };
    let fault = home.contents().await;
    let mut entries = vec![carry_out(&home, plan, &before, Purpose::Fix).await?];
    let mut after = home.read().await;
    if is_of_running_pods(&after).next().is_some() {
        for plan in restarts(&after)? {
            entries.push(carry_out(&home, plan, &after, Purpose::Fix).await?);
        }
        home.delete_bare_pods().await;
        after = home.read().await;
    }
    repaired(code, path, &before, &after)?;
    put_back(&home, entries).await?;
    let back = home.contents().await;
    if back != fault {
        return Err(format!("not as it was:\n{fault}\n{back}"));
    }
    let seen = home.read().await;
    // What depends on the age of pods is not to be had again.
    if seen.of(code).is_empty() && !is_about_pods(code) {
        return Err("undone, and the fault is not back".to_owned());
    }
    Ok(())
}

async fn carry_out(
    home: &Home,
    plan: Plan,
    seen: &Seen,
    purpose: Purpose,
) -> Result<Entry, String> {
    let title = plan.title.clone();
    let (outcome, entry) = home.run(plan, &seen.graph, purpose).await;
    match outcome {
        Outcome::Applied => Ok(entry),
        it => Err(format!("{title}: {it:?}")),
    }
}

fn is_about_pods(code: &str) -> bool {
    OF_RUNNING_PODS.iter().any(|it| code.starts_with(it)) || code.starts_with("POD-ENV-12")
}

fn is_of_running_pods(seen: &Seen) -> impl Iterator<Item = &'static str> {
    let codes = seen.codes().into_iter();
    codes.filter(|code| OF_RUNNING_PODS.iter().any(|it| code.starts_with(it)))
}

/// The restarts of what runs with what it should not have, one plan each.
fn restarts(seen: &Seen) -> Result<Vec<Plan>, String> {
    let graph = &seen.graph;
    let owners: BTreeSet<WorkloadKey> = graph
        .pods()
        .filter(|it| !it.completed() && &*it.namespace != "kube-system")
        .filter_map(|it| graph.root_owner(it).map(WorkloadKey::from))
        .collect();
    let plans = owners.into_iter().map(|workload| {
        let because = Because { code: None, subject: workload.to_string().into() };
        let title = format!("restart {workload}");
        let edits = vec![Edit::Restart { workload }];
        plan::build(graph, "FX-RESTART", title.clone(), because, edits)
            .map_err(|it| format!("{title}: {it}"))
    });
    plans.collect()
}

fn repaired(code: &str, path: &Path, before: &Seen, after: &Seen) -> Result<(), String> {
    if let Some(it) = after.of(code).first() {
        return Err(format!("still there: {} {}", it.subject.at, it.message));
    }
    let known = before.codes();
    let new: Vec<_> = after
        .ledger
        .findings()
        .filter(|it| it.severity < Severity::Hygiene && !known.contains(it.code))
        .map(|it| format!("{} {} {}", it.code, it.subject.at, it.message))
        .collect();
    if !new.is_empty() {
        return Err(format!("brings {}", new.join("; ")));
    }
    for (key, expected) in only_fault(path) {
        let verdict = after.ledger.identity(&key).map(|it| it.verdict.clone());
        // What had no identity before and was not to get one has none.
        let as_before = expected == "none" && verdict == Some(Verdict::None);
        if verdict != Some(Verdict::Allow) && !as_before && after.ledger.identity(&key).is_some() {
            return Err(format!("verdict of {key}: {verdict:?}"));
        }
    }
    Ok(())
}

/// The ServiceAccounts of a scenario with a single fault above hygiene, with their verdicts before.
fn only_fault(path: &Path) -> Vec<(SaKey, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = |prefix: &str| -> Vec<String> {
        let head = text.lines().take_while(|it| it.starts_with('#'));
        head.filter_map(|it| it.strip_prefix(prefix)).map(|it| it.trim().to_owned()).collect()
    };
    let faults = lines("# expect:").into_iter().filter(|it| !it.contains(" hygiene "));
    if 1 < faults.count() {
        return Vec::new();
    }
    let identities = lines("# health:").into_iter().map(|it| {
        let mut words = it.split(' ').map(Text::from);
        let name = words.next().unwrap();
        let (namespace, name) = name.split_once('/').unwrap();
        (SaKey::new(namespace, name), words.next().unwrap().to_string())
    });
    identities.collect()
}

/// Undoes the entries, the last one first; and does what is left to a person.
async fn put_back(home: &Home, entries: Vec<Entry>) -> Result<(), String> {
    for entry in entries.into_iter().rev() {
        let seen = home.read().await;
        // A restart alone has nothing to be put back.
        let Ok(it) = check::undo(&seen.graph, &entry, seen.now) else { continue };
        if let Some(plan) = it.plan {
            let plan = plan.map_err(|it| format!("undo refused: {it}"))?;
            carry_out(home, plan, &seen, it.purpose).await?;
        }
        for it in it.left {
            let edit = it.edit.ok_or_else(|| format!("cannot be undone: {}", it.why))?;
            let seen = home.read().await;
            let because = Because { code: None, subject: "undo".into() };
            let plan = plan::build(&seen.graph, "FX-UNDO", it.why.clone(), because, vec![edit])
                .map_err(|it| format!("what is left is refused: {it}"))?;
            carry_out(home, plan, &seen, Purpose::Fix).await?;
        }
    }
    Ok(())
}
