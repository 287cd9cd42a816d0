//! Every figure that has a target, held against it: prints a row for each and fails when one is missed.
//!
//! The other benchmarks say how a cost is made up; this one says whether it is what was promised. Words as arguments
//! pick the rows that have one of them in their names.

use idscope::{
    command::parse_line,
    event::{Event, Generation, Key, KeyCode},
    fact::{Change, Fact},
    iam::{Document, Kind},
    ident::{Ref, Timestamp},
    model::{Model, Options},
    source::slim::{self, Kind as SlimKind, Pool},
    ui::{self, Color, Theme},
    view,
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

#[path = "support/fleet.rs"]
#[expect(dead_code, reason = "the other benchmarks look at the graph alone")]
mod fleet;
#[path = "support/json_pod.rs"]
mod json_pod;

use fleet::Fleet;

/// A terminal as wide as they come.
const SIZE: (u16, u16) = (200, 50);
/// What the loop gives one slice of judging before keys and drawing get their turn.
const SLICE: Duration = Duration::from_millis(8);

/// Rows that are measured together.
type Group = fn(&mut Report);

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let groups: [(&str, Group); 7] = [
        ("decode", decode),
        ("pod", changed_pod),
        ("role", changed_role),
        ("account", changed_account),
        ("cluster", changed_cluster),
        ("frame", frames),
        ("policy", large_policy),
    ];
    let mut report = Report { is_met: true };
    for (name, measure) in groups {
        if wanted.is_empty() || wanted.iter().any(|it| name.contains(&**it)) {
            measure(&mut report);
        }
    }
    if report.is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Report {
    is_met: bool,
}

impl Report {
    fn row(&mut self, what: &str, figure: Duration, target: Duration) {
        let is_met = figure <= target;
        self.is_met &= is_met;
        let word = if is_met { "ok" } else { "MISSED" };
        println!("{what:<64} {figure:>12.2?}   target {target:>10.2?}   {word}");
    }

    fn note(&self, what: &str, figure: &str) {
        println!("{what:<64} {figure:>12}");
    }
}

/// Of all samples, sorted: the one in the middle, and the one that 99 of 100 stay below.
struct Samples(Vec<Duration>);

impl Samples {
    fn take(n: usize, mut sample: impl FnMut(usize) -> Duration) -> Samples {
        let mut res: Vec<_> = (0..n).map(&mut sample).collect();
        res.sort_unstable();
        Samples(res)
    }

    fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    fn p99(&self) -> Duration {
        self.0[self.0.len() * 99 / 100]
    }
}

/// By the clock, or the processor time of this thread if that is less: what else the machine does is not counted.
fn timed<T>(what: impl FnOnce() -> T) -> Duration {
    let used = processor_time();
    let since = Instant::now();
    black_box(what());
    let took = since.elapsed();
    match (used, processor_time()) {
        (Some(before), Some(after)) => took.min(after.saturating_sub(before)),
        (_, _) => took,
    }
}

/// What this thread has used so far; `None` where there is no such file. Takes some µs itself.
fn processor_time() -> Option<Duration> {
    // The kernel brings the count up to date when it looks for another thread to run.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[expect(
    clippy::disallowed_types,
    reason = "the typed pod is what the slim one is measured against"
)]
fn decode(report: &mut Report) {
    let pods: Vec<String> = (0..200).map(json_pod::pod).collect();
    let mut pool = Pool::default();
    let slim = Samples::take(2_000, |i| {
        let text = pods[i % pods.len()].as_bytes();
        timed(|| slim::decode(SlimKind::Pod, text, &mut pool).expect("a pod"))
    });
    let typed = Samples::take(2_000, |i| {
        let text = &pods[i % pods.len()];
        timed(|| serde_json::from_str::<k8s_openapi::api::core::v1::Pod>(text).expect("a pod"))
    });
    let (slim, typed) = (slim.median(), typed.median());
    // The least of the ratios that typed decoders were measured at.
    report.row("decode a pod of 16 KB", slim, typed / 3);
    let ratio = typed.as_secs_f64() / slim.as_secs_f64();
    report.note("  typed decoding takes", &format!("{ratio:.1} times as long"));
}

/// The dashboard without its terminal, with everything judged.
fn model(fleet: Fleet, line: &str, changes: impl IntoIterator<Item = Change>) -> Model {
    let start = Some(parse_line(line).expect("a line"));
    let mut res = Model::new(Options { start, ..Options::default() });
    res.update(Event::Resize { width: SIZE.0, height: SIZE.1 });
    fleet.fill(|it| observe(&mut res, it));
    changes.into_iter().for_each(|it| observe(&mut res, it));
    let mut pace = Pace::default();
    while 0 < res.n_waiting() {
        pace.slice(&mut res);
    }
    res.update(Event::Tick(Timestamp::UNIX_EPOCH));
    res
}

fn observe(model: &mut Model, change: Change) {
    let generation = Generation::default();
    model.update(Event::Facts { generation, changes: vec![change] });
}

/// Slices as the loop makes them: it learns how many units fit.
struct Pace {
    units: usize,
    longest: Duration,
    total: Duration,
    n_units: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { units: 32, longest: Duration::ZERO, total: Duration::ZERO, n_units: 0 }
    }
}

impl Pace {
    fn slice(&mut self, model: &mut Model) {
        let units = self.units;
        let took = timed(|| model.update(Event::Work { units }));
        if SLICE / 2 < took {
            self.units = (units / 2).max(1);
        } else if took < SLICE / 4 {
            self.units = (units * 2).min(4_096);
        }
        self.longest = self.longest.max(took);
        self.total += took;
    }

    /// Takes a change in and judges all that it concerns.
    fn run(model: &mut Model, change: Change) -> Pace {
        let mut res = Pace::default();
        let took = timed(|| observe(model, change));
        (res.longest, res.total, res.n_units) = (took, took, model.n_waiting());
        while 0 < model.n_waiting() {
            res.slice(model);
        }
        res
    }
}

fn changed_pod(report: &mut Report) {
    for n_pods in [1_000, 10_000, 100_000] {
        let fleet = Fleet { n_pods };
        let mut model = model(fleet, "sa", []);
        let cost = Samples::take(2_000, |turn| {
            let mut pod = fleet.pod(turn * 7_919 % n_pods);
            pod.ready = (turn * 7_919 / n_pods + turn).is_multiple_of(2);
            // Of several slices, so that reading the clocks for each is not counted.
            Pace::run(&mut model, Change::Upsert(Box::new(Fact::Pod(pod)))).total
        });
        let target = Duration::from_micros(50);
        report.row(
            &format!("one changed pod among {n_pods}: taken in, judged"),
            cost.median(),
            target,
        );
        // Long lists are made anew with the clock, not with every frame.
        let rows = |model: &mut Model| {
            timed(|| {
                model.update(Event::Frame);
                model.update(Event::Tick(Timestamp::UNIX_EPOCH));
            })
        };
        let same = Samples::take(50, |_| {
            let mut pod = fleet.pod(7);
            pod.ready = !pod.ready;
            Pace::run(&mut model, Change::Upsert(Box::new(Fact::Pod(pod))));
            rows(&mut model)
        });
        report.row("  its rows", same.median(), target);
        let new = Samples::take(50, |_| {
            let pod = fleet.pod(7);
            let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
            Pace::run(&mut model, Change::Remove(Ref::Pod { namespace, name }));
            Pace::run(&mut model, Change::Upsert(Box::new(Fact::Pod(pod))));
            rows(&mut model)
        });
        // Part of a frame, or a slice of its own.
        let (label, target) = match n_pods {
            100_000 => ("  the rows after a new pod, once a second", SLICE),
            _ => ("  the rows after a new pod, once a frame", Duration::from_millis(2)),
        };
        report.row(label, new.median(), target);
    }
}

/// A role that `k` ServiceAccounts share, 20 pods each, lets them in and out.
fn changed_role(report: &mut Report) {
    for (n_pods, k) in [(1_000, 1), (100_000, 1), (10_000, 100), (100_000, 1_000), (100_000, 5_000)]
    {
        let fleet = Fleet { n_pods };
        let shared = (0..k)
            .map(|it| Change::Upsert(Box::new(Fact::ServiceAccount(fleet.account_of_role(it, 0)))));
        let mut model = model(fleet, "sa", shared);
        let mut longest = Duration::ZERO;
        let mut n_units = 0;
        let cost = Samples::take(if k < 100 { 200 } else { 10 }, |turn| {
            let mut role = fleet.role(0);
            let subject = if turn % 2 == 0 { "system:serviceaccount:*" } else { "nobody" };
            let trust = role.trust.raw.replace("StringEquals", "StringLike");
            let trust = trust.replace("system:serviceaccount:team-0000:service-00000", subject);
            role.trust = std::sync::Arc::new(Document::parse(trust, Kind::Trust));
            let pace = Pace::run(&mut model, Change::Upsert(Box::new(Fact::Role(role))));
            longest = longest.max(pace.longest);
            n_units = pace.n_units;
            pace.total
        });
        let target = Duration::from_micros(50 + 10 * n_units as u64);
        let what = format!("a role of {k} accounts among {n_pods} pods: {n_units} units");
        report.row(&what, cost.median(), target);
        report.row("  longest slice", longest, SLICE);
    }
}

/// All pods are of one ServiceAccount, which asks for its role and no longer does.
fn changed_account(report: &mut Report) {
    let fleet = Fleet { n_pods: 10_000 };
    let upsert = |it: Fact| Change::Upsert(Box::new(it));
    let pods = (0..fleet.n_pods).map(|i| upsert(Fact::Pod(fleet.pod_of(i, 0))));
    let mut model = model(Fleet { n_pods: 20 }, "sa", pods);
    let mut longest = Duration::ZERO;
    let mut n_units = 0;
    let cost = Samples::take(6, |turn| {
        let mut account = fleet.account_of_role(0, 0);
        if turn % 2 == 0 {
            account.annotations.clear();
        }
        let pace = Pace::run(&mut model, upsert(Fact::ServiceAccount(account)));
        longest = longest.max(pace.longest);
        n_units = pace.n_units;
        pace.total
    });
    let target = Duration::from_micros(50 + 10 * n_units as u64);
    let what = format!("the account of {} pods: {n_units} units", fleet.n_pods);
    report.row(&what, cost.median(), target);
    report.row("  longest slice", longest, SLICE);
}

/// What exists once concerns everybody.
fn changed_cluster(report: &mut Report) {
    for n_pods in [10_000, 100_000] {
        let mut model = model(Fleet { n_pods }, "sa", []);
        let mut longest = Duration::ZERO;
        let mut n_units = 0;
        let cost = Samples::take(6, |turn| {
            let mut cluster = fleet::cluster();
            cluster.version = format!("1.{}", 34 + turn % 2).into();
            let pace = Pace::run(&mut model, Change::Upsert(Box::new(Fact::Cluster(cluster))));
            longest = longest.max(pace.longest);
            n_units = pace.n_units;
            pace.total
        });
        let target = Duration::from_micros(50 + 10 * n_units as u64);
        report.row(
            &format!("the cluster of {n_pods} pods: {n_units} units"),
            cost.median(),
            target,
        );
        report.row("  longest slice", longest, SLICE);
    }
}

fn frames(report: &mut Report) {
    let theme = Theme::new(Color::Painted, false);
    let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width: SIZE.0, height: SIZE.1 });
    for line in ["pods", "sa"] {
        let mut model = model(Fleet { n_pods: 100_000 }, line, []);
        let n_rows = model.screen().rows.len();
        let cost = Samples::take(2_000, |turn| {
            let code = if turn % 200 == 199 { KeyCode::End } else { KeyCode::Down };
            model.update(Event::Key(Key { code, ctrl: false, alt: false }));
            timed(|| {
                model.update(Event::Frame);
                let view = view::build(&model);
                buffer.reset();
                ui::draw(&view, &theme, &mut buffer);
                model.update(Event::Drawn(view.shown));
            })
        });
        let target = Duration::from_millis(2);
        report.row(&format!("a frame of `:{line}`, {n_rows} rows: p99"), cost.p99(), target);
        report.note("  median", &format!("{:.2?}", cost.median()));
    }
}

/// A trust policy far beyond what IAM stores.
fn large_policy(report: &mut Report) {
    let fleet = Fleet { n_pods: 1_000 };
    let mut model = model(fleet, "sa", []);
    let cost = Samples::take(7, |turn| {
        let mut role = fleet.role(0);
        let statement = r#"{"Sid":"X","Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.ap-northeast-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"oidc.eks.ap-northeast-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E:sub":"system:serviceaccount:team-*:other-*"}}}"#;
        let n = (1 << 20) / statement.len() + turn;
        let trust =
            format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, vec![statement; n].join(","));
        timed(|| {
            role.trust = std::sync::Arc::new(Document::parse(trust, Kind::Trust));
            Pace::run(&mut model, Change::Upsert(Box::new(Fact::Role(role))))
        })
    });
    report.row(
        "a trust policy of 1 MB: read and judged",
        cost.median(),
        Duration::from_millis(100),
    );
}
