//! Time by what was done, not by the clock.

use std::{
    fs,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// How long this thread has been on a processor, so that a busy machine does not look like a slow algorithm; where
/// the system does not say, how long the test has run.
pub fn worked() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    // The count is brought up to date when the thread gives way.
    thread::yield_now();
    let spent = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = spent.and_then(|it| it.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}
