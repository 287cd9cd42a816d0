//! `watch`: from a version or from the present state, with bookmarks, timeouts and 410.

use crate::lab::{
    fault::Due,
    kube::{
        Call, Refusal, fail,
        read::{Include, Selector, Shape, partial},
        table,
    },
    resource::Resource,
    scenario::Answer,
    server::{self, Aborted, stream},
    state::Shared,
    store::{ChangeKind, Entry, Stored},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// As often as the API server's watch cache sends them.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// Ends watches that give no timeout, as the API server does after 30 to 60 minutes.
const LONGEST: Duration = Duration::from_secs(45 * 60);

pub async fn answer(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    due: Option<Due>,
) -> Result<server::Answer, Refusal> {
    // What befalls the call before the stream begins.
    if let Some(due) = due.filter(|it| it.after_events == 0 && it.answer != Answer::Gone) {
        return fail(due.answer, || Refusal::forbidden(call)).await;
    }
    let selector = Selector::of(call)?;
    let version = call.query.get("resourceVersion").filter(|it| *it != "0");
    let version = version
        .map(|it| it.parse::<u64>())
        .transpose()
        .map_err(|_| Refusal::bad_request("invalid resource version"))?;
    let seconds = call.query.get("timeoutSeconds").and_then(|it| it.parse().ok());
    let watch = Watch {
        shared: shared.clone(),
        resource: call.resource.clone(),
        qualified: call.resource.qualified(),
        namespace: call.namespace.clone(),
        selector,
        shape: Shape::of(call),
        bookmarks: call.query.is_true("allowWatchBookmarks")
            && call.query.raw("allowWatchBookmarks").is_some(),
        initial: call.query.raw("sendInitialEvents").is_some_and(|it| it == "true"),
        from: version,
        until: Instant::now() + seconds.map_or(LONGEST, Duration::from_secs),
        due,
    };
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        // The client going away is the ordinary end.
        let _ = watch.run(sender).await;
    });
    Ok(Ok(stream("application/json", receiver)))
}

struct Watch {
    shared: Arc<Shared>,
    resource: Resource,
    qualified: String,
    namespace: Option<String>,
    selector: Selector,
    shape: Shape,
    bookmarks: bool,
    /// `sendInitialEvents=true`.
    initial: bool,
    from: Option<u64>,
    until: Instant,
    due: Option<Due>,
}

type Sender = mpsc::Sender<Result<Bytes, Aborted>>;

/// The client is gone, or a fault ended the watch.
struct Ended;

impl Watch {
    async fn run(self, sender: Sender) -> Result<(), Ended> {
        let mut out = Out { sender, due: self.due, n_sent: 0 };
        out.fault().await?;
        let (mut wake, start, objects) = {
            let state = self.shared.lock();
            let current = state.store.version();
            let start = self.from.filter(|_| !self.initial);
            let objects: Vec<Arc<Stored>> = match start {
                Some(_) => Vec::new(),
                None => state
                    .store
                    .list(&self.qualified, self.namespace.as_deref())
                    .filter(|it| self.selector.matches(it))
                    .cloned()
                    .collect(),
            };
            (state.store.subscribe(), start.unwrap_or(current), objects)
        };
        for object in &objects {
            out.send(self.event("ADDED", object)).await?;
        }
        let mut seen = start;
        if self.initial {
            out.send(self.bookmark(seen, true)).await?;
        }
        let mut next_bookmark = Instant::now() + BOOKMARK_EVERY;
        loop {
            let (news, newest, oldest) = {
                let state = self.shared.lock();
                (
                    state.store.since(&self.qualified, seen),
                    state.store.version(),
                    state.store.forgotten(),
                )
            };
            let Some(news) = news else {
                let status = Refusal::expired_watch(seen, oldest).status();
                return out.send(line("ERROR", &status)).await;
            };
            for entry in &news {
                if let Some(event) = self.translate(entry) {
                    out.send(event).await?;
                }
            }
            seen = seen.max(newest);
            tokio::select! {
                changed = wake.changed() => changed.map_err(|_| Ended)?,
                () = out.sender.closed() => return Err(Ended),
                () = sleep_until(next_bookmark.min(self.until)) => {
                    if self.bookmarks {
                        out.send(self.bookmark(seen, false)).await?;
                    }
                    if self.until <= Instant::now() {
                        return Ok(());
                    }
                    next_bookmark = Instant::now() + BOOKMARK_EVERY;
                }
            }
        }
    }

    /// What a change means to somebody who sees only what the selector shows.
    fn translate(&self, entry: &Entry) -> Option<Bytes> {
        let here = |it: &Stored| {
            self.namespace.as_deref().is_none_or(|ns| ns == it.key.0) && self.selector.matches(it)
        };
        let was = entry.before.as_deref().is_some_and(here);
        let is = entry.kind != ChangeKind::Deleted && here(&entry.object);
        match (was, is) {
            (false, true) => Some(self.event("ADDED", &entry.object)),
            (true, true) => Some(self.event("MODIFIED", &entry.object)),
            (true, false) => Some(self.event("DELETED", &entry.object)),
            (false, false) => None,
        }
    }

    fn event(&self, kind: &str, object: &Arc<Stored>) -> Bytes {
        match self.shape {
            Shape::Object => {
                let mut res = Vec::with_capacity(object.json.len() + 40);
                res.extend_from_slice(b"{\"type\":\"");
                res.extend_from_slice(kind.as_bytes());
                res.extend_from_slice(b"\",\"object\":");
                res.extend_from_slice(&object.json);
                res.extend_from_slice(b"}\n");
                res.into()
            }
            Shape::Metadata => line(kind, &partial(&object.value())),
            Shape::Table { include } => {
                let metadata = json!({"resourceVersion": object.version.to_string()});
                line(
                    kind,
                    &table::table(&self.resource, std::slice::from_ref(object), &metadata, include),
                )
            }
        }
    }

    fn bookmark(&self, version: u64, ends_initial: bool) -> Bytes {
        let mut metadata =
            json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(),
            "metadata": metadata});
        match self.shape {
            Shape::Object => line("BOOKMARK", &object),
            Shape::Metadata => line("BOOKMARK", &partial(&object)),
            Shape::Table { .. } => {
                let metadata = object["metadata"].clone();
                let mut table = table::table(&self.resource, &[], &metadata, Include::None);
                table["rows"] = json!([{"cells": [], "object": partial(&object)}]);
                line("BOOKMARK", &table)
            }
        }
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({"type": kind, "object": object})).into()
}

/// The client's end, with the fault that waits for it.
struct Out {
    sender: Sender,
    due: Option<Due>,
    n_sent: u64,
}

impl Out {
    async fn send(&mut self, event: Bytes) -> Result<(), Ended> {
        self.raw(Ok(event)).await?;
        self.n_sent += 1;
        self.fault().await
    }

    async fn raw(&self, event: Result<Bytes, Aborted>) -> Result<(), Ended> {
        self.sender.send(event).await.map_err(|_| Ended)
    }

    /// Ends the watch when enough events have been sent.
    async fn fault(&mut self) -> Result<(), Ended> {
        let Some(due) = self.due.filter(|it| it.after_events <= self.n_sent) else { return Ok(()) };
        match due.answer {
            Answer::Gone => {
                let status = Refusal::expired_watch(0, 0).status();
                self.raw(Ok(line("ERROR", &status))).await?;
            }
            Answer::Throttle => {
                self.raw(Ok(line("ERROR", &Refusal::too_many_requests().status()))).await?;
            }
            Answer::Deny => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                    "reason": "Forbidden", "message": "forbidden", "code": 403});
                self.raw(Ok(line("ERROR", &status))).await?;
            }
            Answer::Garbage => {
                self.raw(Ok(Bytes::from_static(b"{\"type\":\"ADDED\",\"obj\n"))).await?
            }
            Answer::Drop => self.raw(Err(Aborted)).await?,
            Answer::Hang => self.sender.closed().await,
            Answer::Expired => {
                self.raw(Ok(line("ERROR", &Refusal::unauthorized().status()))).await?;
            }
            // A watch tells what happens, when it happens.
            Answer::Stale => return Ok(()),
        }
        Err(Ended)
    }
}
