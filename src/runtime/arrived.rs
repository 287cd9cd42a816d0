//! What waits in a channel already.

use futures::FutureExt;
use tokio::{sync::mpsc::Receiver, task::unconstrained};

/// The next event, if it is there; `None` also when nobody sends any more.
///
/// `Receiver::try_recv` may park the thread while somebody is sending, by the same token that wakes `block_on`: whoever
/// runs there would not hear that what it awaits is done.
pub fn arrived<T>(events: &mut Receiver<T>) -> Option<T> {
    unconstrained(events.recv()).now_or_never().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn takes_what_is_there_and_waits_for_nothing() {
        let (sender, mut events) = mpsc::channel(1_000);
        assert_eq!(arrived(&mut events), None);
        // More than a task may take in one turn.
        for n in 0..1_000 {
            sender.send(n).await.unwrap();
        }
        for n in 0..1_000 {
            assert_eq!(arrived(&mut events), Some(n));
        }
        assert_eq!(arrived(&mut events), None);
        sender.send(7).await.unwrap();
        drop(sender);
        assert_eq!(events.recv().await, Some(7));
        assert_eq!(arrived(&mut events), None);
    }
}
