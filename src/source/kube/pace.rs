//! When to try again, and what wakes a sleeper early.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};
use tokio::sync::watch;

/// Sleeps between tries: 0.5 s, 1 s, 2 s, … 30 s, each shortened by up to a third so that many sleepers do not wake as one.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    asked: watch::Receiver<u64>,
    jitter: RandomState,
}

/// How long a refusal is believed.
pub(crate) const REFUSED: Duration = Duration::from_secs(60);

impl Pace {
    /// `asked` changes when the person asks to refresh.
    pub(crate) fn new(asked: watch::Receiver<u64>) -> Pace {
        Pace { asked, jitter: RandomState::new() }
    }

    /// Sleeps after the `attempts`th failure in a row, or until a refresh is asked for.
    pub(crate) async fn after(&mut self, attempts: u32) {
        self.sleep(self.delay(attempts)).await;
    }

    /// Sleeps so long, or until a refresh is asked for.
    pub(crate) async fn sleep(&mut self, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = changed(&mut self.asked) => {}
        }
    }

    /// Sleeps until a refresh is asked for.
    pub(crate) async fn until_asked(&mut self) {
        changed(&mut self.asked).await;
    }

    fn delay(&self, attempts: u32) -> Duration {
        let whole = Duration::from_millis(500 << attempts.saturating_sub(1).min(6))
            .min(Duration::from_secs(30));
        let dice = self.jitter.hash_one(attempts) % 334;
        whole.mul_f64(1.0 - dice as f64 / 1000.0)
    }
}

/// Never returns once nobody can ask any longer.
async fn changed(asked: &mut watch::Receiver<u64>) {
    if asked.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
