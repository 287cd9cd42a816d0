//! 10,000 pods on the real API server: how long until the first rows and until everything is judged, beside a bare
//! fetch of the same lists; memory and CPU.
//!
//! It measures and prints; it holds nothing to a number of seconds. `BENCHMARKS.md` has the command and the figures.

use crate::{
    aws, kube,
    peers::{ADMIN, pause},
    site::{Caller, Rights, Site, now, program},
};
use futures::{StreamExt, stream};
use idscope::lab::World;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    io::Read as _,
    path::Path,
    process::Command,
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

const N_PODS: usize = 10_000;
/// What MiniStack can list of a cluster.
const N_ASSOCIATIONS: usize = 100;
/// How often each thing is measured; the median counts.
const N_RUNS: usize = 5;
/// After so long everything is read, the roles' policies included.
const SETTLED: Duration = Duration::from_secs(75);
/// How long idle CPU is measured: one poll of AWS falls into it.
const IDLE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

const ROLE: &str = "arn:aws:iam::111122223333:role/associated";

/// What the program lists of a cluster.
const LISTS: [&str; 11] = [
    "/api/v1/pods",
    "/api/v1/serviceaccounts",
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/replicasets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
];

pub async fn run(dir: &Path) {
    let world = World::fleet(N_PODS, now());
    let mut site = Site::start(dir, world.published_issuer()).await;
    let started = Instant::now();
    site.make_in_aws(&world).await.expect("an account");
    associate(&mut site, &world).await;
    plant(&site, &world).await;
    eprintln!("scale: {} objects written in {:?}", world.objects.len(), started.elapsed());

    let rights = Rights::minimal(&world);
    let caller = site.caller(&world, &rights).await;
    let said = caller.check(&[]);
    let of = |verdict: &str| said.identities().iter().filter(|it| it["verdict"] == verdict).count();
    let judged = format!("{} blocked", of("deny"));
    eprintln!("scale: {} identities, {} allowed, {judged}", said.identities().len(), of("allow"));

    // One after the other, so that whatever else the machine does weighs on both.
    let (mut bare, mut first, mut all, mut ratios) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (bytes, _) = fetch(&site);
    for _ in 0..N_RUNS {
        bare.push(fetch(&site).1);
        let mut dashboard = Dashboard::start(&caller);
        dashboard.until("rows", |it| it.contains("app-00"));
        first.push(dashboard.age());
        dashboard.until("everything judged", |it| is_judged(it, &judged));
        all.push(dashboard.age());
        ratios.push(dashboard.age().as_secs_f64() / bare[bare.len() - 1].as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    eprintln!(
        "scale: bare fetch of {} lists, {bytes} bytes: {:?}; first rows {:?}; everything judged {:?}, {:.2} of the bare fetch \
         ({ratios:.2?})",
        LISTS.len(),
        median(&mut bare),
        median(&mut first),
        median(&mut all),
        ratios[N_RUNS / 2]
    );

    let mut dashboard = Dashboard::start(&caller);
    dashboard.for_at_least(Duration::from_secs(10));
    eprintln!(
        "scale: resident {} KiB after 10 s, of which {} of the program itself; {} KiB at the peak",
        dashboard.memory("VmRSS"),
        dashboard.memory("RssFile"),
        dashboard.memory("VmHWM"),
    );
    // Roles' policies are read at a pace that leaves IAM to others too.
    dashboard.for_at_least(SETTLED);
    let before = dashboard.ticks();
    dashboard.for_at_least(SETTLED + IDLE);
    let ticks = dashboard.ticks() - before;
    eprintln!(
        "scale: {:.2} % of a core while nothing changes; {} KiB after {:?}, {} KiB at the peak",
        // A tick is a hundredth of a second.
        ticks as f64 / IDLE.as_secs_f64(),
        dashboard.memory("VmRSS"),
        dashboard.age(),
        dashboard.memory("VmHWM"),
    );
}

/// Every source is read to its end, nothing waits to be judged, and what is wrong is counted.
fn is_judged(screen: &str, judged: &str) -> bool {
    let header: String = screen.lines().take(2).collect();
    let is_on_the_way = ["reading", "so far", "◐"].iter().any(|it| header.contains(it));
    !is_on_the_way && header.contains("live") && header.contains(judged)
}

fn median(all: &mut [Duration]) -> Duration {
    all.sort();
    all[all.len() / 2]
}

/// A hundred ServiceAccounts with associations beside the fleet's.
async fn associate(site: &mut Site, world: &World) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}]});
    let aws: aws::Aws = site.aws.root(world.cluster.account.as_str(), &world.cluster.region);
    aws.role(ROLE, &trust.to_string()).await;
    for n in 0..N_ASSOCIATIONS {
        let request = aws.eks.create_pod_identity_association();
        let request = request.cluster_name(&*world.cluster.name).namespace("team-000");
        let made = request.service_account(format!("associated-{n}")).role_arn(ROLE).send().await;
        made.expect("an association");
    }
}

/// Writes the fleet over many connections, as fast as the API server takes it.
async fn plant(site: &Site, world: &World) {
    // Owners before what they own, and the webhook that nobody serves last.
    let rank = |it: &Value| match it["kind"].as_str() {
        Some("Namespace") => 0,
        Some("ReplicaSet") => 2,
        Some("Pod") => 3,
        Some("MutatingWebhookConfiguration") => 4,
        Some(_) | None => 1,
    };
    let associated = (0..N_ASSOCIATIONS).map(|n| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": format!("associated-{n}"), "namespace": "team-000",
                "creationTimestamp": world.now.to_string()}})
    });
    let mut objects: Vec<Value> = world.objects.iter().cloned().chain(associated).collect();
    objects.sort_by_key(rank);
    let mut uids: HashMap<String, Value> = HashMap::new();
    for of_rank in objects.chunk_by_mut(|a, b| rank(a) == rank(b)) {
        for object in of_rank.iter_mut() {
            // The API server works it out, and takes no other.
            if let Some(status) = object["status"].as_object_mut() {
                status.shift_remove("qosClass");
            }
            let namespace = object["metadata"]["namespace"].clone();
            let owners = object["metadata"]["ownerReferences"].as_array_mut();
            for owner in owners.into_iter().flatten() {
                let key = format!("{} {namespace} {}", owner["kind"], owner["name"]);
                owner["uid"] = uids[&key].clone();
            }
        }
        let written = stream::iter(&*of_rank).map(|it| async {
            let metadata = &it["metadata"];
            let key = format!("{} {} {}", it["kind"], metadata["namespace"], metadata["name"]);
            (key, kube::write(&site.admin, it).await.expect("an object"))
        });
        uids.extend(written.buffer_unordered(48).collect::<Vec<_>>().await);
    }
}

/// All lists at once, each as one answer, dropped as they arrive: bytes and time.
fn fetch(site: &Site) -> (u64, Duration) {
    let mut command = Command::new("curl");
    // The API server answers other user agents indented.
    command.args(["-sk", "--parallel", "-A", "idscope-bare-fetch", "-w", "%{size_download}\n"]);
    command.args(["-H", &format!("Authorization: Bearer {ADMIN}")]);
    for it in LISTS {
        command.args(["-o", "/dev/null"]);
        command.arg(format!("https://127.0.0.1:{}{it}", site.kubernetes.port));
    }
    let started = Instant::now();
    let out = command.output().expect("curl is on every machine that builds us");
    let took = started.elapsed();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let sizes = String::from_utf8_lossy(&out.stdout).into_owned();
    (sizes.lines().filter_map(|it| it.parse::<u64>().ok()).sum(), took)
}

/// The dashboard in a terminal of its own.
struct Dashboard {
    started: Instant,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Dashboard {
    fn start(caller: &Caller) -> Dashboard {
        let size = PtySize { rows: 40, cols: 150, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(program());
        command.args(&caller.flags);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        for (name, value) in &caller.env {
            command.env(name, value);
        }
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let (to, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 8_192];
            while let Ok(n) = reader.read(&mut bytes) {
                if n == 0 || to.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let screen = vt100::Parser::new(40, 150, 0);
        Dashboard { started, output, screen, child, _master: pair.master }
    }

    fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn until(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        while !is_there(&self.screen.screen().contents()) {
            let left = PATIENCE.saturating_sub(self.age());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(it) => panic!("waiting for {what}: {it}\n{}", self.screen.screen().contents()),
            }
        }
    }

    /// Lets it run until it is so old.
    fn for_at_least(&mut self, age: Duration) {
        while self.age() < age {
            while let Ok(bytes) = self.output.try_recv() {
                self.screen.process(&bytes);
            }
            pause();
        }
    }

    fn proc(&self, file: &str) -> String {
        let pid = self.child.process_id().expect("it runs");
        fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it runs")
    }

    /// KiB.
    fn memory(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|it| it.strip_prefix(name)).expect("a line");
        line.trim_matches(|it: char| !it.is_ascii_digit()).parse().expect("a number")
    }

    /// Hundredths of a second of CPU so far.
    fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        // The name of the program, which may hold anything, is in parentheses.
        let fields: Vec<&str> =
            stat.rsplit(") ").next().expect("fields").split_whitespace().collect();
        let number = |it: usize| fields[it].parse::<u64>().expect("a number");
        number(11) + number(12)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
