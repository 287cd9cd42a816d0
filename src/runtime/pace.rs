//! How often a frame is drawn and how much is judged between two: at most thirty a second, and a slice of a few
//! milliseconds, learnt from how long the last ones took.

use std::time::Duration;
use tokio::time::Instant;

const FRAME: Duration = Duration::from_millis(33);
const SLICE: Duration = Duration::from_millis(8);

pub struct Pace {
    /// Something happened since the last frame.
    is_waiting: bool,
    due: Instant,
    units: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { is_waiting: true, due: Instant::now(), units: 32 }
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
    pub fn something_happened(&mut self) {
        self.is_waiting = true;
    }

    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    pub fn is_due(&self) -> bool {
        self.is_waiting && self.due <= Instant::now()
    }

    /// When the next frame may be drawn.
    pub fn due(&self) -> Instant {
        self.due
    }

    pub fn drew(&mut self) {
        self.is_waiting = false;
        self.due = Instant::now() + FRAME;
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

fn adapt(units: usize, took: Duration) -> usize {
    if SLICE < took {
        (units / 2).max(1)
    } else if took < SLICE / 2 {
        (units * 2).min(4_096)
    } else {
        units
    }
}

#[cfg(test)]
mod tests {
    use crate::runtime::pace::adapt;
    use std::time::Duration;

    #[test]
    fn slices_stay_short() {
        let check = |units: usize, millis: u64, expected: usize| {
            assert_eq!(adapt(units, Duration::from_millis(millis)), expected);
        };
        check(32, 20, 16);
        check(32, 6, 32);
        check(32, 1, 64);
        check(1, 500, 1);
        check(4_096, 0, 4_096);
    }
}
