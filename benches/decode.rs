//! What decoding a pod costs, slim against typed, and how fast a whole cluster becomes facts beside a bare fetch of it.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use idscope::{
    event::{Event, Generation},
    fact::{Change, Scope, SourceState},
    source::{
        Session, Settings,
        kube::split::{SplitError, Splitter},
        slim::{self, Kind, Pool},
    },
};
use serde_json::json;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

#[path = "support/json_pod.rs"]
mod json_pod;

use json_pod::pod;

const N_PODS: usize = 10_000;

#[expect(
    clippy::disallowed_types,
    reason = "the typed pod is what the slim one is measured against"
)]
fn decode(c: &mut Criterion) {
    let json = pod(7);
    let mut group = c.benchmark_group("decode a pod");
    group.throughput(Throughput::Bytes(json.len() as u64));
    let mut pool = Pool::default();
    group.bench_function("slim", |it| {
        it.iter(|| slim::decode(Kind::Pod, black_box(json.as_bytes()), &mut pool).unwrap());
    });
    group.bench_function("typed", |it| {
        it.iter(|| {
            serde_json::from_str::<k8s_openapi::api::core::v1::Pod>(black_box(&json)).unwrap()
        });
    });
    group.bench_function("split only", |it| {
        let body = format!(r#"{{"items":[{json}]}}"#);
        it.iter_batched(
            Splitter::list,
            |mut splitter| {
                let push = splitter.push(black_box(body.as_bytes()), |it| {
                    black_box(it);
                    Ok::<_, SplitError>(())
                });
                push.unwrap();
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Serves `N_PODS` pods as one list and nothing else, written as fast as the reader takes them.
async fn serve(listener: TcpListener, n_pods: usize) {
    // Texts of one length, so that every request costs the server the same and next to nothing.
    let pods: Vec<String> = (0..200).map(pod).collect();
    let pods = std::sync::Arc::new(pods);
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let pods = pods.clone();
        tokio::spawn(async move { answer(stream, &pods, n_pods).await });
    }
}

async fn answer(mut stream: TcpStream, pods: &[String], n_pods: usize) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let start = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[";
    stream.write_all(start).await.ok()?;
    if head.starts_with(b"GET /api/v1/pods?") {
        for i in 0..n_pods {
            let name = format!("app-{i}");
            let pod = pods[i % pods.len()].replacen(&format!("app-{}", i % pods.len()), &name, 1);
            let comma = if i == 0 { "" } else { "," };
            stream.write_all(format!("{comma}{pod}").as_bytes()).await.ok()?;
        }
    }
    stream.write_all(b"]}").await.ok()?;
    stream.shutdown().await.ok()
}

async fn bare_fetch(address: &str) -> Duration {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /api/v1/pods?limit=500 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut buffer = vec![0; 64 << 10];
    while 0 < stream.read(&mut buffer).await.unwrap() {}
    started.elapsed()
}

/// How long until the first pods are facts, and until all are.
async fn session(settings: Settings) -> (Duration, Duration) {
    let (sender, mut events) = mpsc::channel(4096);
    let started = Instant::now();
    let _session = Session::start(settings, Generation(1), sender);
    let mut first = None;
    loop {
        let Some(event) = events.recv().await else { panic!("the session ended") };
        let Event::Facts { changes, .. } = event else { continue };
        for change in changes {
            match change {
                Change::Upsert(_) => {
                    first.get_or_insert_with(|| started.elapsed());
                }
                Change::Source { scope: Scope::Pods { .. }, state: SourceState::Live { .. } } => {
                    return (first.unwrap_or_default(), started.elapsed());
                }
                Change::Remove(_)
                | Change::Replace { .. }
                | Change::Know { .. }
                | Change::Source { .. } => {}
            }
        }
    }
}

fn whole_cluster(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime.spawn(serve(listener, N_PODS));
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("config");
    let config = json!({
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let settings = Settings {
        context: None,
        kubeconfig: Some(kubeconfig),
        namespaces: Vec::new(),
        cluster: None,
        region: None,
        profile: None,
        account_profiles: Vec::new(),
        account_roles: Vec::new(),
        cache_dir: None,
        read_secrets: false,
        request_timeout: Duration::from_secs(30),
        poll: Duration::from_secs(3600),
        env: vec![("AWS_EC2_METADATA_DISABLED".into(), "true".into())],
        follow: false,
        writes: Default::default(),
    };
    let mut group = c.benchmark_group(format!("{N_PODS} pods of {} KB", pod(7).len() >> 10));
    group.sample_size(10);
    group.bench_function("bare fetch", |it| {
        it.iter_custom(|n| (0..n).map(|_| runtime.block_on(bare_fetch(&address))).sum());
    });
    let timed = |what: fn((Duration, Duration)) -> Duration, n: u64| -> Duration {
        (0..n).map(|_| what(runtime.block_on(session(settings.clone())))).sum()
    };
    group.bench_function("first facts", |it| it.iter_custom(|n| timed(|it| it.0, n)));
    group.bench_function("all facts", |it| it.iter_custom(|n| timed(|it| it.1, n)));
    group.finish();
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|it| it.starts_with("VmHWM"));
        println!("peak memory, server and bench included: {}", peak.unwrap_or_default());
    }
}

criterion_group!(benches, decode, whole_cluster);
criterion_main!(benches);
