//! The dashboard itself, in a real terminal, on a generated fleet: how soon, how large, how idle. The number of pods is the
//! argument, 10,000 without one.
//!
//! The endpoints run in this process and the dashboard in its own, so that memory and processor time are its alone. Linux
//! only: both come from `/proc`.

use idscope::lab::{Lab, World};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write as _},
    process::{Command, ExitCode, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

const SIZE: PtySize = PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 };
const PATIENCE: Duration = Duration::from_secs(120);
const SETTLED: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(20);
/// What `/proc` counts processor time in.
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> ExitCode {
    let n_pods = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(10_000);
    if !std::fs::exists("/proc/self/stat").unwrap_or(false) {
        println!("neither memory nor processor time are known here");
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let since = Instant::now();
    #[expect(clippy::disallowed_methods, reason = "the fleet is as old as it says from now on")]
    let world = World::fleet(n_pods, idscope::ident::Timestamp::now());
    let lab = runtime.block_on(Lab::start(world)).unwrap();
    println!("{:<56} {:>10.2?}", format!("{n_pods} pods made up and served"), since.elapsed());
    let env = lab.settings_env();
    check(&env);
    dashboard(&env, n_pods);
    ExitCode::SUCCESS
}

/// Everything read and judged once, printed.
fn check(env: &[(String, String)]) {
    let since = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_idscope"));
    command.args(["check", "--no-cache"]).envs(env.iter().cloned());
    let out = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    println!("{:<56} {:>10.2?}", "check: everything read, judged, printed", since.elapsed());
    println!("  {}", text.lines().last().unwrap_or("it said nothing"));
}

fn dashboard(env: &[(String, String)], n_pods: usize) {
    let home = tempfile::tempdir().unwrap();
    let pair = native_pty_system().openpty(SIZE).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_idscope"));
    command.env_clear();
    command.env("TERM", "xterm-256color");
    command.env("HOME", home.path());
    env.iter().for_each(|(name, value)| command.env(name, value));
    let since = Instant::now();
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let pid = child.process_id().unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut keyboard = pair.master.take_writer().unwrap();
    let (to, output) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 8192];
        while let Ok(n @ 1..) = reader.read(&mut bytes) {
            if to.send(bytes[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut screen = Screen { output, parser: vt100::Parser::new(SIZE.rows, SIZE.cols, 0) };
    screen.waits("the first row", |it| it.contains("app-00000"));
    println!("{:<56} {:>10.2?}", "dashboard: first rows", since.elapsed());
    let n_groups = n_pods.div_ceil(20);
    let blocked = format!("{} blocked", n_groups / 50);
    screen.waits("every verdict", |it| {
        it.contains("live") && it.contains(&blocked) && !it.contains("waiting")
    });
    let judged = since.elapsed();
    println!("{:<56} {:>10.2?}", "dashboard: everything judged", judged);
    println!("{:<56} {:>10.2?}", "  processor time until then", processor_time(pid));
    screen.rests(SETTLED);
    println!("{:<56} {:>10}", "  resident after 10 s", resident(pid, "VmRSS:"));
    println!("{:<56} {:>10}", "  resident at the peak", resident(pid, "VmHWM:"));
    let before = processor_time(pid);
    screen.rests(IDLE);
    let idle = processor_time(pid).saturating_sub(before).as_secs_f64() / IDLE.as_secs_f64();
    println!("{:<56} {:>9.2}%", "  idle, of a core", idle * 100.0);
    let since = Instant::now();
    keyboard.write_all(b"G").unwrap();
    let last = format!("app-{:05}", n_groups - 1);
    screen.waits("the last row", |it| it.contains(&last));
    println!("{:<56} {:>10.2?}", "  to the last row", since.elapsed());
    println!(
        "{}",
        screen.parser.screen().contents().lines().take(3).collect::<Vec<_>>().join("\n")
    );
    drop(child.kill());
    drop(child.wait());
}

struct Screen {
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

impl Screen {
    fn waits(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_there(&self.parser.screen().contents()) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(it) => panic!("waiting for {what}: {it}\n{}", self.parser.screen().contents()),
            }
        }
    }

    /// Lets time pass and follows what is drawn.
    fn rests(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(bytes) =
            self.output.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.parser.process(&bytes);
        }
    }
}

/// User and system time of a process so far.
fn processor_time(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may have spaces and stands in parentheses.
    let after = text.rsplit_once(')').expect("a name").1;
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).map(|it| it.parse::<f64>().unwrap()).sum();
    Duration::from_secs_f64(ticks / TICKS_A_SECOND)
}

fn resident(pid: u32, which: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix(which)).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    format!("{:.1} MiB", kib / 1024.0)
}
