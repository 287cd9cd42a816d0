//! How much memory a held pod takes, by the growth of this process. Linux only; elsewhere it says so and ends.
//!
//! Target: 1 KiB a pod, all indices included, with 20 pods an owner.

use idscope::{fact::Change, graph::Graph};

#[path = "support/fleet.rs"]
#[expect(dead_code, reason = "the other benchmark changes roles one by one")]
mod fleet;

const N_PODS: usize = 100_000;
const TARGET: usize = 1_024;

fn main() {
    let mut graph = Graph::default();
    let fleet = fleet::Fleet { n_pods: N_PODS };
    let mut before = None;
    fleet.fill(|it| {
        let is_pod =
            matches!(&it, Change::Upsert(it) if matches!(**it, idscope::fact::Fact::Pod(_)));
        if is_pod && before.is_none() {
            before = resident();
        }
        graph.apply(it);
    });
    let (Some(before), Some(after)) = (before, resident()) else {
        return println!("resident memory is not known here");
    };
    let a_pod = after.saturating_sub(before) / N_PODS;
    println!("{N_PODS} pods, {} specs: {a_pod} bytes a pod", graph.n_specs());
    assert!(a_pod <= TARGET, "over {TARGET} bytes a pod");
}

/// Bytes of this process that are in memory.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
