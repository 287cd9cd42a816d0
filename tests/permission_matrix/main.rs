//! What happens without one permission: a matrix over every permission that the program asks for.
//!
//! Verdicts that depend on it become unknown and name it; no other verdict changes; no finding appears but those that
//! say what cannot be seen, and none goes that does not depend on it.

mod calls;
mod elsewise;
mod matrix;
mod told;
mod wire;

use calls::Call;
use idscope::{ident::Timestamp, lab::World};
use matrix::Matrix;
use std::{fs, path::PathBuf};
use told::Whole;

/// One of so many cells is looked at in an ordinary run; all are with the variable `IDSCOPE_MATRIX`.
const SHARE: usize = 3;

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Scenarios in which something may not be read already say nothing of one permission alone.
fn scenarios() -> Vec<(String, World)> {
    let mut paths: Vec<PathBuf> = fs::read_dir("tests/scenarios")
        .unwrap()
        .flat_map(|dir| fs::read_dir(dir.unwrap().path()).unwrap())
        .map(|it| it.unwrap().path())
        .collect();
    paths.push("assets/scenarios/default.yaml".into());
    paths.push("tests/live/worlds/rights.yaml".into());
    paths.sort();
    let read = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let world = World::parse(&name, &text, now()).unwrap_or_else(|it| panic!("{it}"));
        (name, world)
    });
    read.filter(|(_, it)| {
        it.caller.deny.is_empty()
            && it.caller.deny_kube.is_empty()
            && it.caller.namespaces.is_none()
            && it.faults.is_empty()
    })
    .collect()
}

#[test]
fn without_one_permission_everything_else_stays_true() {
    let calls: Vec<Call> = calls::of_a_check();
    assert!(30 < calls.len(), "{calls:?}");
    let is_whole = std::env::var_os("IDSCOPE_MATRIX").is_some();
    let mut matrix = Matrix::new(is_whole);
    for (at, (name, world)) in scenarios().into_iter().enumerate() {
        let all = is_whole || !name.starts_with("tests/scenarios/");
        let of_share =
            calls.iter().enumerate().filter(|(n, _)| (at + n).is_multiple_of(SHARE) || all);
        matrix.cells(&name, &Whole::new(world), of_share.map(|(_, it)| it));
    }
    matrix.assert_right();
}
