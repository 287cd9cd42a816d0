//! The program killed (SIGKILL) at every boundary of a step and in between, in a process of its own. The next start says
//! what was written and what was not; finishing it and undoing it both work, and nothing is written twice.

use crate::{
    command::{idscope, output, said, text},
    world::{Home, rows},
};
use futures::StreamExt;
use idscope::{
    lab::{Pause, scenario::When},
    plan::{Edit, RESTARTED_AT},
};
use serde_json::Value;
use std::process::{Child, Output};

/// Where the program is when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// It is about to look at the step; those before it are written and read back.
    Before,
    /// The step is in the journal, its write on its way; it will never arrive.
    Sent,
    /// The write was carried out, and the answer has not arrived.
    Unanswered,
    /// The answer arrived, and it is read again.
    ReadBack,
    /// Every step is done; what came of it is read.
    Verifying,
}

/// What the plan's steps are called in `rows`.
const STEPS: [&str; 4] = ["set trust", "annotate", "create association", "restart"];

fn edits(home: &Home) -> Vec<Edit> {
    let all = rows(&home.world);
    let of = |name: &str| all.iter().find(|it| it.name == name).unwrap().edit.clone();
    STEPS.map(of).to_vec()
}

/// The calls that read and write a step.
fn calls(home: &Home, step: usize) -> (&'static str, &'static str, bool) {
    let all = rows(&home.world);
    let it = all.iter().find(|it| it.name == STEPS[step]).unwrap();
    (it.read, it.write, it.is_kubernetes())
}

/// The program on its way, and the call that it waits in.
async fn held(home: &Home, step: usize, at: At) -> (Child, Option<Pause>) {
    let (file, digest) = home.plan_file(edits(home));
    let (read, write, is_kubernetes) = calls(home, step);
    // A dry run passes.
    let dry_runs = usize::from(is_kubernetes);
    let mut first = match at {
        At::Before => {
            let (_, write, is_kubernetes) = calls(home, step - 1);
            home.lab.pause(write, usize::from(is_kubernetes), When::After)
        }
        At::Sent => home.lab.pause(write, dry_runs, When::Before),
        At::Unanswered | At::ReadBack | At::Verifying => {
            home.lab.pause(write, dry_runs, When::After)
        }
    };
    let child =
        idscope(home, &["fix", "--plan", &file, "--apply", "--yes", &digest]).spawn().unwrap();
    first.reached().await;
    let next = match at {
        At::Sent | At::Unanswered => return (child, Some(first)),
        At::Before | At::ReadBack => read,
        At::Verifying => "kube:pods:list",
    };
    let mut second = home.lab.pause(next, 0, When::Before);
    first.release();
    second.reached().await;
    (child, Some(second))
}

/// Killed there, and all that it had under way is cut off.
async fn killed(home: &Home, step: usize, at: At) {
    let (mut child, pause) = held(home, step, at).await;
    child.kill().unwrap();
    child.wait().unwrap();
    drop(pause);
}

/// The one entry of its journal.
async fn entry(home: &Home) -> Value {
    let out = output(home, &["undo", "-o", "json"]).await;
    let all: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", said(&out)));
    all[0].clone()
}

/// Shows a plan, then carries out exactly that one.
async fn apply(home: &Home, args: &[&str]) -> Output {
    let out = output(home, &[args, &["-o", "json"]].concat()).await;
    let plan: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", said(&out)));
    match plan["digest"].as_str() {
        Some(it) => output(home, &[args, &["--apply", "--yes", it]].concat()).await,
        // Nothing is left to do.
        None => out,
    }
}

/// When something was restarted is no content.
pub fn without_restarts(mut value: Value) -> Value {
    fn forget(it: &mut Value) {
        match it {
            Value::Object(members) => {
                members.shift_remove(RESTARTED_AT);
                members.values_mut().for_each(forget);
            }
            Value::Array(items) => items.iter_mut().for_each(forget),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    forget(&mut value);
    value
}

/// Every place where it can be killed.
fn places() -> Vec<(usize, At)> {
    let mut res = Vec::new();
    for step in 0..STEPS.len() {
        if 0 < step {
            res.push((step, At::Before));
        }
        res.extend([At::Sent, At::Unanswered, At::ReadBack].map(|at| (step, at)));
    }
    res.push((STEPS.len() - 1, At::Verifying));
    res
}

/// How many steps the services have carried out by then.
fn n_written(step: usize, at: At) -> usize {
    match at {
        At::Before | At::Sent => step,
        At::Unanswered | At::ReadBack | At::Verifying => step + 1,
    }
}

/// What the next start says of the step, of the one before it, and of the one after it.
fn words(step: usize, at: At) -> Vec<String> {
    let said = match at {
        At::Before => "not begun",
        At::Sent => "begun; reading shows that it is not written",
        At::Unanswered => "begun; reading shows that it is written",
        At::ReadBack => "written",
        At::Verifying => return Vec::new(),
    };
    let line = |step: usize, said: &str| format!("  step {}  |: {said}\n", step + 1);
    let mut res = vec![line(step, said)];
    res.extend(step.checked_sub(1).map(|it| line(it, "written")));
    res.extend((step + 1 < STEPS.len()).then(|| line(step + 1, "not begun")));
    res
}

/// Lines of the form `  step 1  CALL: SAID`.
fn has_line(text: &str, wanted: &str) -> bool {
    let (head, tail) = wanted.trim_end().split_once('|').unwrap();
    text.lines().any(|it| it.starts_with(head) && it.ends_with(tail))
}

async fn finish(step: usize, at: At) -> Vec<String> {
    let home = Home::new().await;
    killed(&home, step, at).await;
    let mut wrong = Vec::new();
    let place = format!("step {} {at:?}", step + 1);
    let entry = entry(&home).await;
    let id = entry["id"].as_str().unwrap();
    // The next start, whatever it is for.
    let out = output(&home, &["fix", "sa/shop/lone"]).await;
    let told = text(&out.stderr);
    if told.contains("was cut off") == (at == At::Verifying) {
        wrong.push(format!("{place}: {told}"));
    }
    if at != At::Verifying
        && !told.contains(&format!("fix --finish {id}; or undo it: idscope undo {id}"))
    {
        wrong.push(format!("{place}: {told}"));
    }
    for it in words(step, at).iter().filter(|it| !has_line(&told, it)) {
        wrong.push(format!("{place}: no `{it}` in {told}"));
    }
    let out = match at {
        At::Verifying => output(&home, &["fix", "--finish", id]).await,
        _ => apply(&home, &["fix", "--finish", id]).await,
    };
    let status = if at == At::Verifying { 4 } else { 0 };
    if out.status.code() != Some(status) {
        wrong.push(format!("{place}: finish: {}", said(&out)));
    }
    let told = text(&output(&home, &["undo"]).await.stdout);
    if told.contains("cut off") {
        wrong.push(format!("{place}: it is finished, and the journal says {told}"));
    }
    // Every write was carried out once; one that was cut off on its way was sent once more.
    for (index, name) in STEPS.iter().enumerate() {
        let (_, write, _) = calls(&home, index);
        let n = home.lab.mutations().iter().filter(|it| it.api == write).count();
        let wanted = if (index, at) == (step, At::Sent) { 2 } else { 1 };
        if n != wanted {
            wrong.push(format!("{place}: {name} was sent {n} times"));
        }
    }
    let whole = Home::new().await;
    let ran = whole.run(whole.job(edits(&whole))).await;
    let (there, wanted) = (home.contents().await, whole.contents().await);
    if there != wanted {
        wrong.push(format!(
            "{place}: finished as {there:#}, a whole run ({:?}) as {wanted:#}",
            ran.outcome
        ));
    }
    wrong
}

async fn undo(step: usize, at: At) -> Vec<String> {
    let home = Home::new().await;
    let before = without_restarts(home.contents().await);
    killed(&home, step, at).await;
    let mut wrong = Vec::new();
    let place = format!("step {} {at:?}", step + 1);
    let entry = entry(&home).await;
    let id = entry["id"].as_str().unwrap();
    let n = n_written(step, at);
    if n == 0 {
        let out = output(&home, &["undo", id]).await;
        if out.status.code() != Some(4) {
            wrong.push(format!("{place}: undo of nothing: {}", said(&out)));
        }
    } else {
        let out = apply(&home, &["undo", id]).await;
        if out.status.code() != Some(0) {
            wrong.push(format!("{place}: undo: {}", said(&out)));
        }
        let out = output(&home, &["undo", id, "--apply"]).await;
        if out.status.code() != Some(4) || !text(&out.stderr).contains("it was undone by") {
            wrong.push(format!("{place}: undone twice: {}", said(&out)));
        }
    }
    let there = without_restarts(home.contents().await);
    if there != before {
        wrong.push(format!("{place}: undone as {there:#}, it was {before:#}"));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fix_that_was_killed_is_finished() {
    let runs = places().into_iter().map(|(step, at)| finish(step, at));
    let wrong: Vec<_> = futures::stream::iter(runs).buffer_unordered(4).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fix_that_was_killed_is_undone() {
    let runs = places().into_iter().map(|(step, at)| undo(step, at));
    let wrong: Vec<_> = futures::stream::iter(runs).buffer_unordered(4).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
