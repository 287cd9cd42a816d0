//! A log on standard input, which may be long, and may never end: `kubectl logs -f`.
//!
//! One that ends is read to its end. One that does not is answered once it holds a known error and no more comes, or
//! only little; an interrupt ends it too. That is the log's end and not the answer's: in `kubectl logs -f … | idscope
//! explain -` it reaches both programs, and the first of them may say its last words and end a little before or after.

use crate::{
    cli::error::UsageError,
    identity::Signature,
    report::triage::{Log, Said},
};
use std::{
    io::{IsTerminal, Read as _},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// How long nothing may come behind a known error.
const QUIET: Duration = Duration::from_secs(2);
/// How long further errors are waited for while something comes.
const PATIENCE: Duration = Duration::from_secs(10);
/// What more than this comes of in `QUIET` is a log that is read from its beginning, not one that is written.
const FLOOD: usize = 256 << 10;
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(500);
/// After how long without a known error it is said that none was found yet.
const SILENCE: Duration = Duration::from_secs(5);
/// How long last words are waited for after an interrupt, and how long after the end one is what ended the log.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What is taken for a whole line, however it goes on.
const LINE: usize = 64 << 10;

/// An interrupt that is meant for what is done now: not the one that ended the log, which was over at `log_ended`.
pub async fn interrupted(log_ended: Option<Instant>) {
    loop {
        // Who cannot listen is not interrupted, but ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        if log_ended.is_none_or(|it| LAST_WORDS < it.elapsed()) {
            return;
        }
    }
}

/// `None` when interrupted before anything came.
pub async fn from_stdin() -> Result<Option<Said>, UsageError> {
    let (send, mut arriving) = mpsc::channel(16);
    // A thread of its own: nothing ends a read of a terminal or of a pipe that is open.
    std::thread::spawn(move || read(&send));
    let mut log = Reading::default();
    let start = Instant::now();
    let (mut newest, mut known): (Instant, Option<Instant>) = (start, None);
    // What came in which tick, the latest last.
    let mut lately: Vec<(Instant, usize)> = Vec::new();
    let mut is_new = false;
    let mut ticks = tokio::time::interval(TICK);
    let mut is_told = false;
    // One for the whole log: what comes while lines are looked at is not missed.
    let mut interrupt = std::pin::pin!(interrupted(None));
    loop {
        tokio::select! {
            part = arriving.recv() => {
                let Some(part) = part else { break };
                newest = Instant::now();
                is_new = true;
                lately.push((newest, log.take(part)?));
            }
            _ = ticks.tick() => {
                let now = Instant::now();
                lately.retain(|(at, _)| now - *at <= QUIET);
                if std::mem::take(&mut is_new) && known.is_none() && log.is_known() {
                    known = Some(now);
                }
                let flows = FLOOD < lately.iter().map(|it| it.1).sum();
                let is_over = known.is_some_and(|it| {
                    QUIET <= now - newest || (PATIENCE <= now - it && !flows)
                });
                if is_over {
                    eprintln!("idscope: the log goes on; this is what its first {} lines say", log.n_lines);
                    break;
                }
                if known.is_none() && !is_told && SILENCE <= now - start && std::io::stderr().is_terminal() {
                    is_told = true;
                    let n_known = Signature::all().count();
                    eprintln!("idscope: reading; none of the {n_known} known errors so far (ctrl-c ends the log)");
                }
            },
            () = &mut interrupt => {
                let end = Instant::now() + LAST_WORDS;
                while let Ok(Some(part)) = timeout_at(end, arriving.recv()).await {
                    log.take(part)?;
                }
                if log.is_empty() {
                    return Ok(None);
                }
                eprintln!("idscope: this is what the first {} lines say", log.n_lines);
                break;
            }
        }
    }
    Ok(Some(log.finish()))
}

fn read(to: &mpsc::Sender<Part>) {
    let mut stdin = std::io::stdin().lock();
    let mut buffer = vec![0; LINE];
    loop {
        let part = match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => Ok(buffer[..n].to_vec()),
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(err) => Err(err),
        };
        let failed = part.is_err();
        if to.blocking_send(part).is_err() || failed {
            return;
        }
    }
}

/// What one read brought.
type Part = std::io::Result<Vec<u8>>;

/// What has come, cut into lines.
#[derive(Default)]
struct Reading {
    log: Log,
    n_lines: usize,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl Reading {
    /// How many bytes that were.
    fn take(&mut self, part: Part) -> Result<usize, UsageError> {
        let bytes =
            part.map_err(|it| UsageError::new(format!("failed to read standard input: {it}")))?;
        self.line.extend_from_slice(&bytes);
        let end = match self.line.iter().rposition(|it| *it == b'\n') {
            Some(it) => it + 1,
            None if LINE < self.line.len() => self.line.len(),
            None => return Ok(bytes.len()),
        };
        self.n_lines += self.line[..end].iter().filter(|it| **it == b'\n').count();
        self.log.push(&String::from_utf8_lossy(&self.line[..end]));
        self.line.drain(..end);
        Ok(bytes.len())
    }

    fn is_empty(&self) -> bool {
        self.n_lines == 0 && self.line.is_empty()
    }

    /// With a line that has not ended yet.
    fn is_known(&mut self) -> bool {
        self.log.is_known() || {
            let mut rest = Log::default();
            rest.push(&String::from_utf8_lossy(&self.line));
            rest.is_known()
        }
    }

    fn finish(mut self) -> Said {
        self.log.push(&String::from_utf8_lossy(&self.line));
        self.log.finish()
    }
}
