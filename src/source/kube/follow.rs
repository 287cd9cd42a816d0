//! One watch connection: what happened since a resource version, until it ends.

use crate::{
    fact::Change,
    source::{
        kube::{
            link::{CallError, Link},
            list::{BATCH, Broken},
            out::Out,
            split::Splitter,
            target::Listed,
        },
        slim::{self, DecodeError, Pool},
    },
};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// How a watch ended that nothing was wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closed it, as it does every few minutes. Watch on from the version reached.
    Closed,
    /// The version is too old. List again.
    Gone,
}

/// After so long the server closes the watch by itself; half of what an API server does unasked, to be asked first.
const SERVER_TIMEOUT: u64 = 290;
/// Bookmarks come every minute. A link that is silent for longer than two of them may be dead, and a new one is cheap.
const IDLE: Duration = Duration::from_secs(150);

/// Follows `listed` from `version`, which it moves along. `on_open` runs once the server has accepted.
pub(crate) async fn watch(
    link: &Link,
    listed: &Listed,
    version: &mut String,
    out: &Out,
    pool: &mut Pool,
    on_open: impl AsyncFnOnce() -> Result<(), crate::source::kube::out::Closed>,
) -> Result<End, Broken> {
    let path = format!(
        "{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={SERVER_TIMEOUT}",
        listed.path()
    );
    let response = match link.get(&path).await {
        Err(CallError::Gone { .. }) => return Ok(End::Gone),
        res => res?,
    };
    on_open().await?;
    let mut body = response.into_body();
    let mut splitter = Splitter::stream();
    loop {
        let Ok(frame) = tokio::time::timeout(IDLE, body.frame()).await else {
            return Ok(End::Closed);
        };
        let Some(frame) = frame else { return Ok(End::Closed) };
        let frame =
            frame.map_err(|it| CallError::failed(format!("watch `{}`: {it}", listed.path())))?;
        let Ok(chunk) = frame.into_data() else { continue };
        let mut batch = Batch {
            listed,
            version: &mut *version,
            pool: &mut *pool,
            changes: Vec::new(),
            is_gone: false,
            strange: None,
        };
        let pushed = splitter.push(&chunk, |json| batch.event(json));
        let Batch { mut changes, is_gone, strange, .. } = batch;
        while BATCH < changes.len() {
            let rest = changes.split_off(BATCH);
            out.changes(std::mem::replace(&mut changes, rest)).await?;
        }
        out.changes(changes).await?;
        if let Some(it) = strange {
            out.notice(crate::event::Level::Warning, &it).await?;
        }
        pushed?;
        if is_gone {
            return Ok(End::Gone);
        }
    }
}

struct Batch<'a> {
    listed: &'a Listed,
    version: &'a mut String,
    pool: &'a mut Pool,
    changes: Vec<Change>,
    is_gone: bool,
    strange: Option<String>,
}

#[derive(Deserialize)]
struct WatchEvent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<u16>,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMetadata {
    resource_version: String,
}

impl Batch<'_> {
    fn event(&mut self, json: &[u8]) -> Result<(), CallError> {
        if self.is_gone {
            return Ok(());
        }
        let garbage = |it: serde_json::Error| {
            CallError::failed(format!(
                "watch `{}`: the answer is no watch event: {it}",
                self.listed.path()
            ))
        };
        let event: WatchEvent<'_> = serde_json::from_slice(json).map_err(garbage)?;
        let object = event.object.get();
        match event.kind {
            "ERROR" => return self.error(serde_json::from_str(object).map_err(garbage)?),
            "BOOKMARK" => {
                let bookmark: Bookmark = serde_json::from_str(object).map_err(garbage)?;
                *self.version = bookmark.metadata.resource_version;
                return Ok(());
            }
            "ADDED" | "MODIFIED" | "DELETED" => {}
            // A kind of event that a later server may send tells nothing about an object.
            _ => return Ok(()),
        }
        let object = match slim::decode(self.listed.kind, object.as_bytes(), self.pool) {
            Ok(it) => it,
            Err(DecodeError::Shape { source, kind }) if source.is_data() => {
                self.strange = Some(format!("one {kind} is left out: {source}"));
                return Ok(());
            }
            Err(it) => return Err(CallError::failed(it.to_string())),
        };
        if !object.resource_version.is_empty() {
            *self.version = object.resource_version;
        }
        self.changes.push(match object.fact {
            Some(fact) if event.kind != "DELETED" => Change::Upsert(Box::new(fact)),
            Some(_) | None => Change::Remove(object.key),
        });
        Ok(())
    }

    fn error(&mut self, failure: Failure) -> Result<(), CallError> {
        let reason = failure.reason.unwrap_or_default();
        if failure.code == Some(410) || matches!(&*reason, "Expired" | "Gone") {
            self.is_gone = true;
            return Ok(());
        }
        let message = failure.message.filter(|it| !it.is_empty()).unwrap_or(reason);
        Err(CallError::failed(format!("watch `{}`: {message}", self.listed.path())))
    }
}
