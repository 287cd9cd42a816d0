//! How often a frame is drawn and how much is judged between two: at most thirty a second, and a slice of a few
//! milliseconds, learnt from how long the last ones took.
//!
//! What a person does is drawn at once. What only arrives is drawn the more rarely the longer nothing of it is to be seen.

use std::time::Duration;
use tokio::time::Instant;

const FRAME: Duration = Duration::from_millis(33);
/// How long what only arrives is kept back at most, when none of it was to be seen lately.
const QUIET_FRAME: Duration = Duration::from_millis(500);
const SLICE: Duration = Duration::from_millis(8);

pub struct Pace {
    /// Something happened since the last frame.
    is_waiting: bool,
    /// The person did something since the last frame.
    is_urgent: bool,
    drawn: Instant,
    /// From one frame to the next, when nobody asks for it.
    pause: Duration,
    units: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        // In the past, so that the first frame is due.
        let drawn = Instant::now().checked_sub(FRAME).unwrap_or_else(Instant::now);
        Pace { is_waiting: true, is_urgent: true, drawn, pause: FRAME, units: 32 }
    }
}

/// Since when a slice runs.
#[derive(Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn is_over(self) -> bool {
        SLICE <= self.0.elapsed()
    }
}

impl Pace {
    /// `is_urgent`: the person did it.
    pub fn something_happened(&mut self, is_urgent: bool) {
        self.is_waiting = true;
        self.is_urgent |= is_urgent;
    }

    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Whether a frame is to be drawn now. With `n_waiting` units to judge that the next slice finishes, they come first.
    pub fn is_due(&self, n_waiting: usize) -> bool {
        let is_nearly_done = 0 < n_waiting && n_waiting <= self.units && !self.is_urgent;
        self.is_waiting && self.due() <= Instant::now() && !is_nearly_done
    }

    /// When the next frame may be drawn.
    pub fn due(&self) -> Instant {
        self.drawn + if self.is_urgent { FRAME } else { self.pause }
    }

    /// `is_new`: something was to be seen that was not there before.
    pub fn drew(&mut self, is_new: bool) {
        self.pause = next_pause(self.pause, is_new);
        self.is_waiting = false;
        self.is_urgent = false;
        self.drawn = Instant::now();
    }

    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Units to judge in one slice.
    pub fn units(&self) -> usize {
        self.units
    }

    pub fn learn(&mut self, since: Stopwatch) {
        self.units = adapt(self.units, since.0.elapsed());
    }
}

fn next_pause(pause: Duration, is_new: bool) -> Duration {
    if is_new { FRAME } else { (pause * 2).min(QUIET_FRAME) }
}

/// Aims at half of what a slice may take: what the next one is about may cost twice as much.
fn adapt(units: usize, took: Duration) -> usize {
    if SLICE / 2 < took {
        (units / 2).max(1)
    } else if took < SLICE / 4 {
        (units * 2).min(4_096)
    } else {
        units
    }
}

#[cfg(test)]
mod tests {
    use crate::runtime::pace::{FRAME, Pace, QUIET_FRAME, adapt, next_pause};

    #[test]
    fn slices_stay_short() {
        let check = |units: usize, millis: u64, expected: usize| {
            assert_eq!(adapt(units, std::time::Duration::from_millis(millis)), expected);
        };
        check(32, 20, 16);
        check(32, 6, 16);
        check(32, 3, 32);
        check(32, 1, 64);
        check(1, 500, 1);
        check(4_096, 0, 4_096);
    }

    #[test]
    fn what_nobody_sees_is_drawn_ever_more_rarely() {
        let mut pause = FRAME;
        for _ in 0..10 {
            pause = next_pause(pause, false);
        }
        assert_eq!(pause, QUIET_FRAME);
        assert_eq!(next_pause(pause, true), FRAME);
    }

    #[test]
    fn a_person_does_not_wait() {
        let mut pace = Pace::default();
        assert!(pace.is_due(1), "the first frame");
        (0..10).for_each(|_| pace.drew(false));
        pace.something_happened(false);
        let later = pace.due();
        pace.something_happened(true);
        assert!(pace.due() < later && pace.due() - pace.drawn == FRAME);
    }

    #[test]
    fn what_the_next_slice_finishes_comes_before_the_frame() {
        let mut pace = Pace::default();
        pace.drew(true);
        pace.something_happened(false);
        pace.drawn -= FRAME;
        assert!(pace.is_due(0) && !pace.is_due(1) && pace.is_due(pace.units + 1));
    }
}
