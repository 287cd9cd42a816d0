//! How fast one API may be called: a token bucket that halves its rate when the service throttles and recovers slowly.
//!
//! IAM publishes no limits; 10 to 15 calls a second per API are known to be safe.

use std::{sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Calls a second below which no throttling pushes us.
const FLOOR: f64 = 1.0;

/// One API of one account. Every caller waits its turn in `take`.
#[derive(Debug)]
pub(crate) struct Limiter {
    state: Mutex<State>,
    max_rate: f64,
    burst: f64,
}

#[derive(Debug)]
struct State {
    rate: f64,
    /// When the next call would be due if calls came at exactly `rate`; none was made yet without it, so the whole burst
    /// is there.
    due: Option<Instant>,
}

impl Limiter {
    /// `rate` calls a second in the long run, `burst` at once after a pause.
    pub(crate) fn new(rate: f64, burst: f64) -> Limiter {
        let state = State { rate, due: None };
        Limiter { state: Mutex::new(state), max_rate: rate, burst }
    }

    /// Returns when the next call may be made.
    pub(crate) async fn take(&self) {
        let at = self.reserve(Instant::now());
        sleep_until(at).await;
    }

    /// The service said that it was too much.
    pub(crate) fn throttled(&self) {
        self.slow_down(Instant::now());
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut state = self.state.lock().expect("no holder of this lock can panic");
        let step = Duration::from_secs_f64(1.0 / state.rate);
        let slack = Duration::from_secs_f64((self.burst - 1.0).max(0.0) / state.rate);
        let earliest = now.checked_sub(slack).unwrap_or(now);
        let due = state.due.map_or(earliest, |it| it.max(earliest));
        state.due = Some(due + step);
        due
    }

    fn slow_down(&self, now: Instant) {
        let mut state = self.state.lock().expect("no holder of this lock can panic");
        state.rate = (state.rate / 2.0).max(FLOOR);
        // Whatever was saved up for a burst is gone.
        state.due = Some(state.due.map_or(now, |it| it.max(now)));
    }

    pub(crate) fn succeeded(&self) {
        let mut state = self.state.lock().expect("no holder of this lock can panic");
        state.rate = (state.rate + self.max_rate / 50.0).min(self.max_rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the last of `n_calls` may be made, in milliseconds after `now`.
    fn last_of(limiter: &Limiter, n_calls: usize, now: Instant) -> u128 {
        let last = (0..n_calls).map(|_| limiter.reserve(now)).last().expect("calls");
        last.saturating_duration_since(now).as_millis()
    }

    #[test]
    fn burst_then_rate() {
        let limiter = Limiter::new(10.0, 5.0);
        let now = Instant::now() + Duration::from_secs(60);
        assert_eq!(last_of(&limiter, 5, now), 0);
        assert_eq!(last_of(&limiter, 20, now), 2_000);
    }

    #[test]
    fn the_first_calls_are_a_burst_too() {
        let now = Instant::now();
        let limiter = Limiter::new(10.0, 5.0);
        assert_eq!(last_of(&limiter, 5, now), 0);
    }

    #[test]
    fn throttling_halves_and_success_recovers() {
        let limiter = Limiter::new(10.0, 5.0);
        let now = Instant::now() + Duration::from_secs(60);
        limiter.slow_down(now);
        assert_eq!(last_of(&limiter, 11, now), 2_000, "no burst and 5 a second");
        for _ in 0..100 {
            limiter.succeeded();
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(last_of(&limiter, 15, later), 1_000, "5 at once and 10 a second");
    }

    #[test]
    fn never_slower_than_the_floor() {
        let limiter = Limiter::new(10.0, 1.0);
        let now = Instant::now() + Duration::from_secs(60);
        for _ in 0..20 {
            limiter.slow_down(now);
        }
        assert_eq!(last_of(&limiter, 4, now), 3_000);
    }
}
