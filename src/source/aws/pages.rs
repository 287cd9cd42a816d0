//! Reading a list to its end, whatever the service calls its page token.

use futures::{StreamExt, future::BoxFuture, stream};

use crate::{
    fact::Scope,
    source::aws::{error::Failure, shared::Shared},
};

/// How often throttled rows are tried in one poll, each time after the SDK's own retries.
const MAX_PASSES: usize = 3;

/// What was read of a list, and whether that is all of it.
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) end: Result<(), Failure>,
}

/// One page and the token of the next.
pub(crate) type Page<T> = Result<(Vec<T>, Option<String>), Failure>;

/// Calls `page` with the token of the page before until there is none; says how far it got after each.
///
/// The page is boxed because the compiler cannot see a borrowing async closure to be `Send`.
pub(crate) async fn pages<'a, T>(
    shared: &Shared,
    scope: &Scope,
    mut page: impl FnMut(Option<String>) -> BoxFuture<'a, Page<T>>,
) -> Listed<T> {
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    loop {
        match page(token.clone()).await {
            Err(failure) => return Listed { items, end: Err(failure) },
            Ok((more, next)) => {
                items.extend(more);
                let next = next.filter(|it| !it.is_empty());
                if next.is_none() {
                    return Listed { items, end: Ok(()) };
                }
                if next == token {
                    let end = Err(Failure::Failed("the same page was announced twice".into()));
                    return Listed { items, end };
                }
                shared.received(scope, items.len()).await;
                token = next;
            }
        }
    }
}

/// Runs all, `n_at_once` at a time, and returns what they returned, in no order.
///
/// The futures are made before any is polled: a stream that maps on the way would hold the mapping closure across
/// awaits, which the compiler cannot see to be `Send`.
pub(crate) fn at_once<F: Future>(
    n_at_once: usize,
    all: impl Iterator<Item = F>,
) -> impl Future<Output = Vec<F::Output>> {
    let all: Vec<F> = all.collect();
    stream::iter(all).buffer_unordered(n_at_once).collect()
}

/// Reads rows, `n_at_once` at a time, and those that are throttled again; returns why those that are left could not be
/// read. `read`: why, and which.
pub(crate) async fn passes<T, F: Future<Output = Option<(Failure, T)>>>(
    n_at_once: usize,
    mut due: Vec<T>,
    mut read: impl FnMut(T) -> F,
) -> Vec<Failure> {
    let mut left = Vec::new();
    for _ in 0..MAX_PASSES {
        let got = at_once(n_at_once, due.into_iter().map(&mut read)).await;
        let (throttled, failed): (Vec<_>, Vec<_>) =
            got.into_iter().flatten().partition(|(why, _)| *why == Failure::Throttled);
        left.extend(failed.into_iter().map(|it| it.0));
        due = throttled.into_iter().map(|it| it.1).collect();
    }
    left.extend(due.iter().map(|_| Failure::Throttled));
    left
}
