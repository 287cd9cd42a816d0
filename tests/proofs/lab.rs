//! For every code with an automatic fix: the fault, the plan as `fix` makes it, carried out; the finding is gone, nothing
//! new is wrong, AWS would grant; then undone, and every document is as it was.

use crate::world::{Home, Seen, parse};
use futures::{StreamExt, stream};
use idscope::{
    check::{self, Severity, Wanted},
    ident::{SaKey, Text},
    identity::Verdict,
    plan::{self, Because, Edit, Entry, Outcome, Plan, Purpose},
};
use std::path::{Path, PathBuf};

/// What is said of pods that are older than a change: of those that have no owner, a person makes the rest of the repair.
const OF_RUNNING_PODS: [&str; 6] =
    ["HOOK-", "PI-POD-", "PI-ASSOC-11", "PI-ASSOC-12", "PI-BOTH-02", "NODE-"];

/// Scenarios of which one part of the proof cannot be had: which, and why. Each must be so.
pub const EXCEPTIONS: &[(&str, Short, &str)] = &[
    (
        "ANN-12/fires-pod",
        Short::FaultStaysGone,
        "the bare pod with the fault was deleted by a person",
    ),
    ("OIDC-08/fires", Short::CannotBeUndone, "IAM takes no such thumbprint; the plan says so"),
    (
        "PI-ASSOC-05/fires",
        Short::CannotBeUndone,
        "EKS takes no second association of a ServiceAccount; the plan says so",
    ),
    (
        "PI-ASSOC-05/fires-without-ids",
        Short::CannotBeUndone,
        "EKS takes no second association of a ServiceAccount; the plan says so",
    ),
    (
        "PI-ASSOC-08/fires-meant",
        Short::CannotBeUndone,
        "EKS takes no role that does not exist; the plan says so",
    ),
    (
        "POD-ENV-09/fires-injected",
        Short::FaultStaysGone,
        "the pod was born without the region that the webhook gives to new ones",
    ),
    ("TRUST-PRIN-09/fires", Short::CannotBeUndone, "IAM takes no such principal; the plan says so"),
];

/// Where a proof falls short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Short {
    CannotBeUndone,
    /// Undone, and not everything is as it was.
    IsOtherwise,
    /// Undone, and the finding is not back.
    FaultStaysGone,
}

impl Short {
    pub fn describe(self) -> &'static str {
        match self {
            Short::CannotBeUndone => "cannot be undone",
            Short::IsOtherwise => "not everything is as it was once undone",
            Short::FaultStaysGone => "the fault is not back once undone",
        }
    }
}

#[test]
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
    assert!(180 < results.len(), "only {} proofs", results.len());
    let strange = EXCEPTIONS.iter().filter(|(name, ..)| {
        let path = Path::new("tests/scenarios").join(name).with_extension("yaml");
        results.iter().all(|(it, _)| *it != path)
    });
    let strange: Vec<_> = strange.collect();
    assert!(strange.is_empty(), "exceptions of no proof: {strange:?}");
}

async fn prove(code: &str, path: &Path) -> Result<(), String> {
    let name = path.strip_prefix("tests/scenarios").unwrap().with_extension("");
    let exception = EXCEPTIONS.iter().find(|it| Path::new(it.0) == name).map(|it| it.1);
    let mut shorts = Vec::new();
    Box::pin(proven(code, path, &mut shorts)).await?;
    let shorts: Vec<Short> = shorts
        .into_iter()
        .map(|(it, why)| {
            eprintln!("{}: {it:?}: {why}", path.display());
            it
        })
        .collect();
    match (shorts.as_slice(), exception) {
        ([], None) => Ok(()),
        ([one], Some(it)) if *one == it => Ok(()),
        (found, it) => Err(format!("falls short in {found:?}, and should in {it:?}")),
    }
}

async fn proven(code: &str, path: &Path, shorts: &mut Vec<(Short, String)>) -> Result<(), String> {
    let home = Home::new(parse(path)).await;
    let before = home.read().await;
    if before.of(code).is_empty() {
        return Err(format!("{code} is not found by the sources: {:?}", before.codes()));
    }
    let wanted = Wanted { code: Some(code.into()), targets: Vec::new() };
    let proposal = check::propose(&before.graph, &before.ledger, &wanted, before.now);
    let mut plan = match proposal.plan {
        None => return Err("the sources show nothing that may be written".to_owned()),
        Some(Err(it)) => return Err(format!("refused: {it}")),
        Some(Ok(it)) => it,
    };
    let planned = edits(&plan);
    let then = check::After::of(&before.graph, &planned, before.now);
    then.forewarn(&before.ledger, &mut plan);
    let fault = home.contents().await;
    let entry = carry_out(&home, plan.clone(), &before, Purpose::Fix).await?;
    let mut after = home.read().await;
    if after.codes().iter().any(|it| is_about_pods(it)) {
        home.delete_bare_pods().await;
        after = home.read().await;
    }
    repaired(code, path, (&before, &after), &plan)?;
    if let Some(why) = put_back(&home, entry, &after).await? {
        if plan.steps.iter().all(|it| it.undo.is_ok()) {
            return Err(format!("the plan does not say that it cannot be undone: {why}"));
        }
        shorts.push((Short::CannotBeUndone, why));
        return Ok(());
    }
    let back = home.contents().await;
    if back != fault {
        shorts.push((Short::IsOtherwise, format!("{fault}\n{back}")));
        return Ok(());
    }
    let seen = home.read().await;
    // What depends on the age of pods is not to be had again.
    if seen.of(code).is_empty() && !is_about_pods(code) {
        shorts.push((Short::FaultStaysGone, format!("{:?}", seen.codes())));
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

fn repaired(
    code: &str,
    path: &Path,
    (before, after): (&Seen, &Seen),
    plan: &Plan,
) -> Result<(), String> {
    if let Some(it) = after.of(code).first() {
        return Err(format!("still there: {} {}", it.subject.at, it.message));
    }
    let known = before.codes();
    let new = after.ledger.findings().filter(|it| it.severity < Severity::Hygiene);
    // Credentials of before are served for some hours.
    for it in new.filter(|it| !known.contains(it.code) && it.code != "PI-ASSOC-11") {
        let told = format!("{} {} {}", it.code, it.subject.at, it.message);
        if !plan.warnings.iter().any(|warning| warning.text.contains(it.code)) {
            return Err(format!("brings, without a word before: {told}"));
        }
        // What a fix leaves alone as the catalogue wants it, and a person has to look at, is not its doing.
        if !check::is_left(&before.graph, &after.graph, it) {
            return Err(format!("brings {told}"));
        }
    }
    for (key, expected) in only_fault(path) {
        let verdict = after.ledger.identity(&key).map(|it| it.verdict.clone());
        // What had no identity before and was not to get one has none, nor has what the plan took it from.
        let is_none = verdict == Some(Verdict::None) && (expected == "none" || takes(plan, &key));
        if verdict != Some(Verdict::Allow) && !is_none && after.ledger.identity(&key).is_some() {
            return Err(format!("verdict of {key}: {verdict:?}"));
        }
    }
    Ok(())
}

fn edits(plan: &Plan) -> Vec<Edit> {
    plan.edits().cloned().collect()
}

/// Whether the plan is to take away what the ServiceAccount declares.
fn takes(plan: &Plan, key: &SaKey) -> bool {
    plan.edits().any(|it| match it {
        Edit::Annotate { service_account, value: None, .. }
        | Edit::DeleteAssociation { service_account, .. } => service_account == key,
        _ => false,
    })
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

/// Undoes the entry, and does what is left to a person; what cannot be undone.
async fn put_back(home: &Home, entry: Entry, seen: &Seen) -> Result<Option<String>, String> {
    let it = match check::undo(&seen.graph, &entry, seen.now) {
        Ok(it) => it,
        // A restart alone has nothing to be put back.
        Err(_) if entry.plan.edits.iter().all(|it| matches!(it, Edit::Restart { .. })) => {
            return Ok(None);
        }
        Err(why) => return Err(format!("no undo: {why}")),
    };
    if let Some(plan) = it.plan {
        let plan = plan.map_err(|it| format!("undo refused: {it}"))?;
        carry_out(home, plan, seen, it.purpose).await?;
    }
    for it in it.left {
        let Some(edit) = it.edit else { return Ok(Some(it.why)) };
        let seen = home.read().await;
        let because = Because { code: None, subject: "undo".into() };
        let plan = plan::build(&seen.graph, "FX-UNDO", it.why.clone(), because, vec![edit])
            .map_err(|it| format!("what is left is refused: {it}"))?;
        carry_out(home, plan, &seen, Purpose::Fix).await?;
    }
    Ok(None)
}
