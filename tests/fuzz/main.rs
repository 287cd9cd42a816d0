//! Whatever comes in from outside, mangled: no panic, and nothing that takes long for its length.
//!
//! A small mutator on the stable toolchain: it changes files of the corpus and keeps what comes to an end that it has
//! not seen. `cargo test` replays the corpus and a fixed number of mutations; with `IDSCOPE_FUZZ_SECONDS` each target
//! runs that long, looks at the time too, and puts what it kept into the corpus. `IDSCOPE_FUZZ_TARGET` picks one.

mod mutate;
#[path = "../common/rng.rs"]
mod rng;
mod targets;
#[path = "../common/worked.rs"]
mod worked;

use mutate::Mutator;
use rng::Rng;
use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use targets::{TARGETS, Target};
use worked::worked;

/// Mutations a target in an ordinary run.
const MUTATIONS: u64 = 1500;
/// Longer inputs are not made.
const LONGEST: usize = 64 << 10;
/// What a long run adds to the corpus at most, in files a target and bytes a file.
const KEPT: usize = 48;
const KEPT_BYTES: usize = 1 << 10;
const MEGABYTE: f64 = 1_048_576.0;
/// Less than this is never slow.
const LEAST: Duration = Duration::from_millis(20);

#[test]
fn every_target_has_a_corpus() {
    for target in TARGETS {
        assert!(5 < corpus(target).len(), "{}", target.name);
    }
}

#[test]
fn survives_whatever_comes() {
    let seconds = std::env::var("IDSCOPE_FUZZ_SECONDS").ok().and_then(|it| it.parse().ok());
    let only = std::env::var("IDSCOPE_FUZZ_TARGET").ok();
    for target in TARGETS.iter().filter(|it| only.as_deref().is_none_or(|only| it.name == only)) {
        match seconds {
            Some(it) => long(target, Duration::from_secs(it)),
            None => short(target),
        }
    }
}

fn short(target: &Target) {
    let files = corpus(target);
    let mut fuzz = Fuzz::new(target, &files);
    let mut rng = Rng::new(1);
    for _ in 0..MUTATIONS {
        let input = fuzz.mutator.make(&mut rng, 8 << 10);
        fuzz.try_one(&input);
    }
}

fn long(target: &Target, time: Duration) {
    let files = corpus(target);
    let mut fuzz = Fuzz::new(target, &files);
    let start = Instant::now();
    let mut rng = Rng::new(std::process::id().into());
    let (mut n_runs, mut slowest) = (0_u64, (0.0, 0, Duration::ZERO));
    while start.elapsed() < time {
        let longest = *rng.pick(&[512, 2 << 10, 8 << 10, LONGEST]);
        let input = fuzz.mutator.make(&mut rng, longest);
        let began = worked();
        fuzz.try_one(&input);
        let took = worked() - began;
        n_runs += 1;
        let allowed = target.a_megabyte_takes.mul_f64(input.len() as f64 / MEGABYTE).max(LEAST);
        let share = took.as_secs_f64() / allowed.as_secs_f64();
        if slowest.0 < share {
            slowest = (share, input.len(), took);
        }
        if 1.0 < share && slow_again(target, &input, allowed) {
            fuzz.fail(&input, &format!("{} bytes took {took:?}", input.len()));
        }
    }
    let kept = fuzz.keep();
    eprintln!(
        "fuzz {}: {n_runs} runs in {:?}, {} ends, {kept} files kept; slowest {} bytes in {:?}",
        target.name,
        start.elapsed(),
        fuzz.ends.len(),
        slowest.1,
        slowest.2
    );
}

/// Whether it is the input that is slow, and not the machine that was busy: the best of several runs counts.
fn slow_again(target: &Target, input: &[u8], allowed: Duration) -> bool {
    (0..10).all(|_| {
        let began = worked();
        (target.run)(input);
        allowed < worked() - began
    })
}

struct Fuzz<'a> {
    target: &'a Target,
    mutator: Mutator,
    /// What inputs came to so far.
    ends: BTreeSet<String>,
    new: Vec<Vec<u8>>,
}

impl<'a> Fuzz<'a> {
    /// Replays the corpus first.
    fn new(target: &'a Target, files: &[PathBuf]) -> Fuzz<'a> {
        let mutator = Mutator::new(target.words);
        let mut res = Fuzz { target, mutator, ends: BTreeSet::new(), new: Vec::new() };
        for path in files {
            let input = fs::read(path).unwrap();
            res.try_one(&input);
            res.mutator.add(input);
        }
        res.new.clear();
        res
    }

    fn try_one(&mut self, input: &[u8]) {
        // A stack that overflows ends the process, and only this tells on what.
        fs::write(left(self.target), input).unwrap();
        let Ok(end) = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input))) else {
            self.fail(input, "it panicked");
        };
        if self.ends.insert(end) {
            self.mutator.add(input.to_vec());
            self.new.push(input.to_vec());
        }
    }

    /// Leaves the input where it can be looked at.
    fn fail(&self, input: &[u8], why: &str) -> ! {
        let path = left(self.target);
        fs::write(&path, input).unwrap();
        let text = String::from_utf8_lossy(input);
        let start: String = text.chars().take(400).collect();
        panic!("{}: {why}; the input is {}: {start:?}", self.target.name, path.display());
    }

    /// Puts the shortest of the new inputs into the corpus.
    fn keep(&mut self) -> usize {
        self.new.sort_by_key(Vec::len);
        let dir = dir(self.target);
        let room = KEPT.saturating_sub(corpus(self.target).len());
        let kept = self.new.iter().filter(|it| it.len() <= KEPT_BYTES).take(room);
        kept.map(|it| fs::write(dir.join(format!("kept-{:016x}", fingerprint(it))), it).unwrap())
            .count()
    }
}

/// FNV-1a, so that a file's name is its content's.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |acc, it| {
        (acc ^ u64::from(*it)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where the input that is tried, or the one that failed, can be looked at.
fn left(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.bin", target.name))
}

fn dir(target: &Target) -> PathBuf {
    Path::new("tests/fuzz/corpus").join(target.name)
}

fn corpus(target: &Target) -> Vec<PathBuf> {
    let files = fs::read_dir(dir(target)).into_iter().flatten();
    let mut res: Vec<PathBuf> = files.map(|it| it.unwrap().path()).collect();
    res.sort();
    res
}
