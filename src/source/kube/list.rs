//! One complete list, decoded while it arrives.

use crate::{
    fact::{Change, Fact, Scope, SourceState},
    source::{
        kube::{
            link::{CallError, Link, one_line},
            out::{Closed, Out},
            split::{SplitError, Splitter},
            target::Listed,
        },
        slim::{self, DecodeError, Pool},
    },
};
use http_body_util::BodyExt as _;
use kube::client::Body;
use std::time::Duration;

/// A list that was read to its end.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) facts: Vec<Fact>,
    /// Where a watch takes over.
    pub(crate) version: String,
    /// How many objects could not be understood, and the first reason.
    pub(crate) strange: Option<(usize, String)>,
}

/// Why a list was not read to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    Call(CallError),
    Closed,
}

impl From<Closed> for Broken {
    fn from(_: Closed) -> Broken {
        Broken::Closed
    }
}

impl From<CallError> for Broken {
    fn from(it: CallError) -> Broken {
        Broken::Call(it)
    }
}

impl From<SplitError> for CallError {
    fn from(it: SplitError) -> CallError {
        CallError::failed(it.to_string())
    }
}

/// The first page, so that rows appear before an older server has assembled the whole list; the rest comes as one.
const FIRST_PAGE: usize = 500;
/// Facts in one event.
pub(crate) const BATCH: usize = 500;
/// Facts in the first event of a first list, so that something shows at once.
const FIRST_BATCH: usize = 50;

/// Reads a list. `preview`: nothing is known of its scope yet, so objects are sent on as they come.
pub(crate) async fn read(
    link: &Link,
    listed: &Listed,
    preview: Option<&Out>,
    idle: Duration,
    pool: &mut Pool,
) -> Result<List, Broken> {
    let mut reader = Reader {
        listed,
        scope: listed.scope(),
        preview,
        pool,
        facts: Vec::new(),
        n_sent: 0,
        n_read: 0,
        strange: None,
    };
    let mut version = String::new();
    let mut query = format!("?limit={FIRST_PAGE}");
    loop {
        let path = format!("{}{query}", listed.path());
        let response = link.get(&path).await?;
        let end = reader.page(response.into_body(), idle, || link.silent(&path)).await?;
        if version.is_empty() {
            version = end.version;
        }
        if end.rest.is_empty() {
            break;
        }
        query = format!("?continue={}", encoded(&end.rest));
    }
    Ok(List { facts: reader.facts, version, strange: reader.strange })
}

struct Reader<'a> {
    listed: &'a Listed,
    scope: Scope,
    preview: Option<&'a Out>,
    pool: &'a mut Pool,
    facts: Vec<Fact>,
    n_sent: usize,
    n_read: usize,
    strange: Option<(usize, String)>,
}

/// What stands around the items of a page.
struct PageEnd {
    version: String,
    /// The token of the next page; empty at the end.
    rest: String,
}

impl Reader<'_> {
    async fn page(
        &mut self,
        mut body: Body,
        idle: Duration,
        silent: impl Fn() -> CallError,
    ) -> Result<PageEnd, Broken> {
        let mut splitter = Splitter::list();
        loop {
            let frame = tokio::time::timeout(idle, body.frame()).await.map_err(|_| silent())?;
            let Some(frame) = frame else { break };
            let frame = frame
                .map_err(|it| CallError::failed(format!("read `{}`: {it}", self.listed.path())))?;
            let Ok(chunk) = frame.into_data() else { continue };
            splitter.push(&chunk, |json| self.item(json))?;
            let batch = if self.n_sent == 0 { FIRST_BATCH } else { BATCH };
            if self.n_sent + batch <= self.facts.len() {
                self.send().await?;
            }
        }
        let envelope = splitter.finish().map_err(CallError::from)?;
        let end = page_end(&envelope)?;
        self.send().await?;
        Ok(end)
    }

    /// An object of a strange shape is left out and counted; one that is no JSON makes the whole answer garbage.
    fn item(&mut self, json: &[u8]) -> Result<(), CallError> {
        self.n_read += 1;
        match slim::decode(self.listed.kind, json, self.pool) {
            Ok(object) => self.facts.extend(object.fact),
            Err(DecodeError::Shape { source, kind }) if source.is_data() => {
                let first = || (0, one_line(&format!("decode a {kind}: {source}")).to_string());
                self.strange.get_or_insert_with(first).0 += 1;
            }
            Err(it) => return Err(CallError::failed(it.to_string())),
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Closed> {
        let Some(out) = self.preview else { return Ok(()) };
        while self.n_sent < self.facts.len() {
            let end = self.facts.len().min(self.n_sent + BATCH);
            let facts = self.facts[self.n_sent..end].iter().cloned();
            let mut changes: Vec<_> = facts.map(|it| Change::Upsert(Box::new(it))).collect();
            let state = SourceState::Pending { received: self.n_read };
            changes.push(Change::Source { scope: self.scope.clone(), state });
            out.changes(changes).await?;
            self.n_sent = end;
        }
        Ok(())
    }
}

fn page_end(envelope: &[u8]) -> Result<PageEnd, CallError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        metadata: Metadata,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        resource_version: Option<String>,
        r#continue: Option<String>,
    }
    let envelope: Envelope = serde_json::from_slice(envelope)
        .map_err(|it| CallError::failed(format!("read the answer: it is no list: {it}")))?;
    Ok(PageEnd {
        version: envelope.metadata.resource_version.unwrap_or_default(),
        rest: envelope.metadata.r#continue.unwrap_or_default(),
    })
}

/// Percent-encodes a query value. Tokens are base64url, whose padding must not be taken for anything else.
fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|it| match it {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(it).to_string()
            }
            it => format!("%{it:02X}"),
        })
        .collect()
}
