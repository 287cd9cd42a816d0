//! What one change costs in fleets of growing size. The fleet is plain: 20 pods an owner, a role a ServiceAccount.
//!
//! Targets: 50 µs a changed pod at any size, and 10 µs more for each unit that a change concerns.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use idscope::{
    fact::{Change, Fact, Scope, SourceState},
    graph::Graph,
    ident::Timestamp,
};
use std::hint::black_box;

#[path = "support/fleet.rs"]
mod fleet;

use fleet::Fleet;

fn one_changed_pod(c: &mut Criterion) {
    let mut group = c.benchmark_group("one_changed_pod");
    for n_pods in [1_000, 10_000, 100_000] {
        let fleet = Fleet { n_pods };
        let mut graph = fleet.graph();
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(n_pods), |b| {
            let change = || {
                turn += 1;
                let mut pod = fleet.pod(turn * 7_919 % n_pods);
                pod.ready = turn / n_pods % 2 == 0;
                Change::Upsert(Box::new(Fact::Pod(pod)))
            };
            b.iter_batched(change, |it| black_box(graph.apply(it)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn one_pod_comes_and_goes(c: &mut Criterion) {
    let mut group = c.benchmark_group("one_pod_comes_and_goes");
    for n_pods in [1_000, 10_000, 100_000] {
        let fleet = Fleet { n_pods };
        let mut graph = fleet.graph();
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(n_pods), |b| {
            let change = || {
                turn += 1;
                Fact::Pod(fleet.pod(turn * 7_919 % n_pods))
            };
            b.iter_batched(
                change,
                |it| {
                    black_box(graph.apply(Change::Remove(it.key())));
                    black_box(graph.apply(Change::Upsert(Box::new(it))))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn one_changed_role(c: &mut Criterion) {
    let mut group = c.benchmark_group("one_changed_role");
    for n_pods in [1_000, 100_000] {
        let fleet = Fleet { n_pods };
        let mut graph = fleet.graph();
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(n_pods), |b| {
            let change = || {
                turn += 1;
                let mut role = fleet.role(turn % fleet.n_owners());
                role.id = if (turn / fleet.n_owners()).is_multiple_of(2) {
                    "AROA1".into()
                } else {
                    "AROA2".into()
                };
                Change::Upsert(Box::new(Fact::Role(role)))
            };
            b.iter_batched(change, |it| black_box(graph.apply(it)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// A relist and a poll look the same to the graph: most of them bring nothing new.
fn relist_unchanged(c: &mut Criterion) {
    let mut group = c.benchmark_group("relist_unchanged");
    for n_pods in [10_000, 100_000] {
        let fleet = Fleet { n_pods };
        let mut graph = fleet.graph();
        let facts: Vec<Fact> = (0..n_pods).map(|i| Fact::Pod(fleet.pod(i))).collect();
        group.throughput(Throughput::Elements(n_pods as u64));
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(n_pods), |b| {
            let scope = Scope::Pods { namespace: None };
            let change = || Change::Replace { scope: scope.clone(), facts: facts.clone() };
            b.iter_batched(change, |it| black_box(graph.apply(it)), BatchSize::LargeInput);
        });
    }
    group.finish();
}

/// Something that every unit depends on.
fn everything(c: &mut Criterion) {
    let mut group = c.benchmark_group("everything");
    for n_pods in [10_000, 100_000] {
        let fleet = Fleet { n_pods };
        let mut graph = fleet.graph();
        let mut turn = 0;
        group.throughput(Throughput::Elements(n_pods as u64));
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(n_pods), |b| {
            b.iter(|| {
                turn += 1;
                let reason = if turn % 2 == 0 { "a" } else { "b" };
                let state = SourceState::Off { reason: reason.into() };
                black_box(graph.apply(Change::Source { scope: Scope::Addons, state }))
            });
        });
    }
    group.finish();
}

fn first_list(c: &mut Criterion) {
    let mut group = c.benchmark_group("first_list");
    let fleet = Fleet { n_pods: 10_000 };
    let facts: Vec<Fact> = (0..fleet.n_pods).map(|i| Fact::Pod(fleet.pod(i))).collect();
    group.throughput(Throughput::Elements(fleet.n_pods as u64));
    group.sample_size(10);
    group.bench_function(BenchmarkId::from_parameter(fleet.n_pods), |b| {
        let scope = Scope::Pods { namespace: None };
        let at = Timestamp::UNIX_EPOCH;
        let changes = || {
            let list = Change::Replace { scope: scope.clone(), facts: facts.clone() };
            let live = Change::Source { scope: scope.clone(), state: SourceState::Live { at } };
            [list, live]
        };
        b.iter_batched(
            changes,
            |it| {
                let mut graph = Graph::default();
                for change in it {
                    black_box(graph.apply(change));
                }
                graph
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(
    benches,
    one_changed_pod,
    one_pod_comes_and_goes,
    one_changed_role,
    relist_unchanged,
    everything,
    first_list
);
criterion_main!(benches);
