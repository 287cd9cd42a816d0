//! How much memory a held pod takes, by the growth of this process. Linux only; elsewhere it says so and ends.
//!
//! Target: 1 KiB a pod, all indices included, with 20 pods an owner. What is judged of it comes on top and has a row of its
//! own: verdicts, findings, counts and the rows of the list.

use idscope::{
    event::{Event, Generation},
    fact::{Change, Fact},
    graph::Graph,
    model::{Model, Options},
};
use std::process::{Command, ExitCode};

#[path = "support/fleet.rs"]
#[expect(dead_code, reason = "the other benchmarks change facts one by one")]
mod fleet;

const N_PODS: usize = 100_000;
const TARGET: usize = 1_024;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("--held") => held(),
        Some("--judged") => judged(),
        Some(_) | None => return all(),
    }
    ExitCode::SUCCESS
}

/// Each in a process of its own, or what the first one gave back would hide what the second one takes.
fn all() -> ExitCode {
    let mut is_met = true;
    for (argument, what) in [("--held", "held"), ("--judged", "held and judged")] {
        let this = std::env::current_exe().expect("this program");
        let out = Command::new(this).arg(argument).output().expect("this program runs");
        let text = String::from_utf8_lossy(&out.stdout);
        let Ok(a_pod) = text.trim().parse::<usize>() else {
            println!("resident memory is not known here");
            continue;
        };
        // The second is no promise.
        is_met &= argument != "--held" || a_pod <= TARGET;
        println!("{N_PODS} pods, {what}: {a_pod} bytes a pod");
    }
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn held() {
    let mut graph = Graph::default();
    grow(|it| {
        graph.apply(it);
    });
}

fn judged() {
    let mut model = Model::new(Options::default());
    grow(|it| {
        let is_last = matches!(it, Change::Source { .. });
        let generation = Generation::default();
        model.update(Event::Facts { generation, changes: vec![it] });
        // As the loop does: what waits does not pile up.
        while 0 < model.n_waiting() {
            model.update(Event::Work { units: 256 });
        }
        if is_last {
            model.update(Event::Frame);
        }
    });
}

/// Prints the bytes that came with each pod.
fn grow(mut apply: impl FnMut(Change)) {
    let fleet = fleet::Fleet { n_pods: N_PODS };
    let mut before = None;
    fleet.fill(|it| {
        if before.is_none() && matches!(&it, Change::Upsert(it) if matches!(**it, Fact::Pod(_))) {
            before = resident();
        }
        apply(it);
    });
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{}", after.saturating_sub(before) / N_PODS);
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
