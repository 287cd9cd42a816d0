//! What one frame costs at 100,000 rows, and what a filter and a fact cost there. The budget of a frame is 2 ms.

use criterion::{Criterion, criterion_group, criterion_main};
use idscope::{
    command::parse_line,
    event::{Event, Generation, Key, KeyCode},
    fact::{
        Change, Container, ContainerKind, Fact, Phase, Pod, PodSpec, Scope, ServiceAccount,
        SourceState,
    },
    ident::{SaKey, Text, Timestamp},
    model::{Model, Options},
    ui::{self, Color, Theme},
    view,
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::{hint::black_box, sync::Arc};

const SIZE: (u16, u16) = (200, 50);
const N_NAMESPACES: usize = 100;
const N_ACCOUNTS: usize = 100;
const N_PODS: usize = 10;

fn pod(namespace: &Text, at: usize, spec: &Arc<PodSpec>) -> Pod {
    let name = format!("{}-7d9f5c-{at:05}", spec.service_account);
    Pod {
        namespace: namespace.clone(),
        uid: name.as_str().into(),
        name: name.into(),
        created: Some(Timestamp::UNIX_EPOCH),
        owner: None,
        node: Some("node-1".into()),
        phase: Phase::Running,
        ready: true,
        deleting: false,
        waiting: None,
        ready_since: None,
        printed: None,
        mirror: false,
        labels: Arc::from([]),
        spec: spec.clone(),
    }
}

fn spec(account: &Text) -> Arc<PodSpec> {
    let container = Container {
        name: "app".into(),
        kind: ContainerKind::Main,
        image: "app".into(),
        env: Vec::new(),
        env_from: Vec::new(),
        mounts: Vec::new(),
    };
    Arc::new(PodSpec {
        service_account: account.clone(),
        service_account_named: true,
        host_network: false,
        windows_selector: false,
        windows_affinity: false,
        scheduler: None,
        fs_group: None,
        labels: Vec::new(),
        annotations: Vec::new(),
        containers: vec![container],
        volumes: Vec::new(),
    })
}

fn facts() -> Vec<Change> {
    let (mut accounts, mut pods) = (Vec::new(), Vec::new());
    for namespace in 0..N_NAMESPACES {
        let namespace: Text = format!("team-{namespace:03}").into();
        for account in 0..N_ACCOUNTS {
            let account: Text = format!("service-{account:03}").into();
            let spec = spec(&account);
            accounts.push(Fact::ServiceAccount(ServiceAccount {
                key: SaKey::new(namespace.clone(), account.clone()),
                uid: "1".into(),
                created: None,
                annotations: Vec::new(),
                labels: Vec::new(),
                annotation_changed: None,
                annotation_manager: None,
            }));
            pods.extend((0..N_PODS).map(|at| Fact::Pod(pod(&namespace, at, &spec))));
        }
    }
    let live = SourceState::Live { at: Timestamp::UNIX_EPOCH };
    let of_accounts = Scope::ServiceAccounts { namespace: None };
    let of_pods = Scope::Pods { namespace: None };
    vec![
        Change::Replace { scope: of_accounts.clone(), facts: accounts },
        Change::Source { scope: of_accounts, state: live.clone() },
        Change::Replace { scope: of_pods.clone(), facts: pods },
        Change::Source { scope: of_pods, state: live },
    ]
}

fn model(line: &str) -> Model {
    let start = Some(parse_line(line).expect("a line"));
    let mut model = Model::new(Options { start, ..Options::default() });
    model.update(Event::Resize { width: SIZE.0, height: SIZE.1 });
    model.update(Event::Tick(Timestamp::UNIX_EPOCH));
    model.update(Event::Facts { generation: Generation::default(), changes: facts() });
    while 0 < model.n_waiting() {
        model.update(Event::Work { units: 4_096 });
    }
    model.update(Event::Tick(Timestamp::UNIX_EPOCH));
    model
}

fn frame(model: &mut Model, buffer: &mut Buffer, theme: &Theme) {
    model.update(Event::Frame);
    let view = view::build(model);
    buffer.reset();
    ui::draw(&view, theme, buffer);
    model.update(Event::Drawn(view.shown));
}

fn press(model: &mut Model, code: KeyCode) {
    model.update(Event::Key(Key { code, ctrl: false, alt: false }));
}

fn benches(c: &mut Criterion) {
    let theme = Theme::new(Color::Painted, false);
    let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width: SIZE.0, height: SIZE.1 });
    let mut pods = model("pods");
    assert_eq!(pods.screen().rows.len(), N_NAMESPACES * N_ACCOUNTS * N_PODS);
    c.bench_function("frame/100k pods", |it| {
        it.iter(|| {
            press(&mut pods, KeyCode::Down);
            frame(black_box(&mut pods), &mut buffer, &theme);
        });
    });
    c.bench_function("end and frame/100k pods", |it| {
        it.iter(|| {
            press(&mut pods, KeyCode::End);
            frame(black_box(&mut pods), &mut buffer, &theme);
            press(&mut pods, KeyCode::Home);
        });
    });
    c.bench_function("filter key/100k pods", |it| {
        it.iter(|| {
            press(&mut pods, KeyCode::Char('/'));
            press(&mut pods, KeyCode::Char('9'));
            press(&mut pods, KeyCode::Esc);
        });
    });
    let mut accounts = model("sa");
    c.bench_function("frame/10k accounts", |it| {
        it.iter(|| {
            press(&mut accounts, KeyCode::Down);
            frame(black_box(&mut accounts), &mut buffer, &theme);
        });
    });
    let namespace: Text = "team-050".into();
    let spec = spec(&"service-050".into());
    let mut at = 0;
    c.bench_function("one pod changes and frame/10k accounts", |it| {
        it.iter(|| {
            at += 1;
            let mut pod = pod(&namespace, 3, &spec);
            pod.ready = at % 2 == 0;
            let changes = vec![Change::Upsert(Box::new(Fact::Pod(pod)))];
            accounts.update(Event::Facts { generation: Generation::default(), changes });
            while 0 < accounts.n_waiting() {
                accounts.update(Event::Work { units: 64 });
            }
            frame(&mut accounts, &mut buffer, &theme);
        });
    });
}

criterion_group! {
    name = frames;
    config = Criterion::default().sample_size(20);
    targets = benches
}
criterion_main!(frames);
