//! Keeps one scope right: lists it, watches it, lists it again, and says all along how that goes.
//!
//! A broken list or link never loses an object nor invents one: what a broken first list brought is replaced by the next
//! complete one, and what was complete stays, marked stale, until the next one is.

use crate::{
    event::Level,
    fact::{Change, Denied, Scope, SourceState},
    ident::{Text, Timestamp},
    source::{
        kube::{
            follow,
            link::{CallError, Link},
            list::{self, Broken},
            out::{Closed, Out},
            pace::{Pace, REFUSED},
            target::Listed,
        },
        now,
        slim::Pool,
    },
};
use std::{sync::Arc, time::Duration, time::Instant};
use tokio::sync::{Semaphore, mpsc};

/// What every keeper of a session shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) link: Arc<Link>,
    pub(crate) out: Out,
    pub(crate) pace: Pace,
    /// Lists that may run at once.
    pub(crate) lists: Arc<Semaphore>,
    pub(crate) follow: bool,
    pub(crate) request_timeout: Duration,
}

pub(crate) struct Keeper {
    shared: Shared,
    listed: Listed,
    scope: Scope,
    pool: Pool,
    /// When it was last right; `None` before the first complete list.
    right_at: Option<Timestamp>,
    /// Failures in a row.
    attempts: u32,
    if_forbidden: IfForbidden,
    /// Held until the first complete list or a final refusal; whoever has the other end waits for that.
    busy: Option<mpsc::Sender<()>>,
    /// Whether it was said that this kind can only be listed.
    told_no_watch: bool,
}

/// What a refusal of the first list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfForbidden {
    /// Stop without a word: somebody lists less instead and says so then.
    Narrow,
    /// It was only a guess that this namespace is readable: stop without a word.
    Forget,
    /// It is what was asked for: say so, and ask again now and then.
    Insist,
}

/// Why a keeper stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nobody reads any longer.
    Closed,
    /// Everything was read, or will not be; only without `follow`.
    Done,
    /// The first list was forbidden.
    Forbidden(Denied),
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Stop {
        Stop::Closed
    }
}

/// Without `follow`, so many tries are made before it is called a failure.
const TRIES: u32 = 3;
/// So many watches in a row may fail before a new list is tried instead.
const LIST_AFTER: u32 = 5;
/// A watch that lasts less is not counted as one that worked.
const SHORT: Duration = Duration::from_secs(2);

impl Keeper {
    pub(crate) fn new(
        shared: Shared,
        listed: Listed,
        if_forbidden: IfForbidden,
        busy: Option<mpsc::Sender<()>>,
    ) -> Keeper {
        let scope = listed.scope();
        let (pool, right_at, attempts) = (Pool::default(), None, 0);
        Keeper {
            shared,
            listed,
            scope,
            pool,
            right_at,
            attempts,
            if_forbidden,
            busy,
            told_no_watch: false,
        }
    }

    pub(crate) async fn run(mut self) -> Stop {
        let Err(stop) = self.keep().await;
        stop
    }

    async fn keep(&mut self) -> Result<std::convert::Infallible, Stop> {
        loop {
            let read = {
                let _permit = self.shared.lists.acquire().await;
                let is_first = self.right_at.is_none() && self.if_forbidden != IfForbidden::Forget;
                let preview = is_first.then_some(&self.shared.out);
                let idle = self.shared.request_timeout;
                list::read(&self.shared.link, &self.listed, preview, idle, &mut self.pool).await
            };
            match read {
                Ok(list) => {
                    let version = list.version.clone();
                    self.complete(list).await?;
                    if !self.shared.follow {
                        return Err(Stop::Done);
                    }
                    self.watch(version).await?;
                }
                Err(Broken::Closed) => return Err(Stop::Closed),
                Err(Broken::Call(it)) => self.failed(it).await?,
            }
        }
    }

    async fn complete(&mut self, list: list::List) -> Result<(), Stop> {
        let at = now();
        self.right_at = Some(at);
        self.attempts = 0;
        // What could be read once was no guess.
        self.if_forbidden = IfForbidden::Insist;
        let state = match list.strange {
            None => SourceState::Live { at },
            Some((n_objects, first)) => {
                let detail = format!("{n_objects} objects are left out: failed to {first}").into();
                SourceState::Truncated { at, detail }
            }
        };
        let replace = Change::Replace { scope: self.scope.clone(), facts: list.facts };
        let source = Change::Source { scope: self.scope.clone(), state };
        self.shared.out.changes(vec![replace, source]).await?;
        self.busy = None;
        Ok(())
    }

    /// Watches until a new list is needed.
    async fn watch(&mut self, mut version: String) -> Result<(), Stop> {
        let mut is_marked = false;
        loop {
            let opened = Instant::now();
            let (out, scope) = (self.shared.out.clone(), self.scope.clone());
            let on_open = async || match is_marked {
                true => out.state(&scope, SourceState::Live { at: now() }).await,
                false => Ok(()),
            };
            let link = &self.shared.link;
            let ended = follow::watch(
                link,
                &self.listed,
                &mut version,
                &self.shared.out,
                &mut self.pool,
                on_open,
            )
            .await;
            if SHORT < opened.elapsed() {
                self.right_at = Some(now());
                (self.attempts, is_marked) = (0, false);
            }
            let error = match ended {
                Ok(follow::End::Gone) => {
                    self.stale("the watch is too old; listing again").await?;
                    // A server that calls every version too old must not be listed in a circle.
                    if opened.elapsed() < SHORT {
                        self.attempts += 1;
                        self.shared.pace.after(self.attempts).await;
                    }
                    return Ok(());
                }
                Ok(follow::End::Closed) if SHORT < opened.elapsed() => continue,
                Ok(follow::End::Closed) => CallError::failed("the server ends the watch at once"),
                Err(Broken::Closed) => return Err(Stop::Closed),
                Err(Broken::Call(it)) => it,
            };
            self.attempts += 1;
            match error {
                CallError::Forbidden { message } => {
                    let text = format!(
                        "`{}` is forbidden: listing every {} s instead ({message})",
                        self.listed.permission("watch"),
                        REFUSED.as_secs()
                    );
                    if !std::mem::replace(&mut self.told_no_watch, true) {
                        self.shared.out.notice(Level::Warning, &text).await?;
                    }
                    self.shared.pace.sleep(REFUSED).await;
                    return Ok(());
                }
                CallError::Expired { message, login } => self.expired(message, login).await?,
                // One lost connection is everyday life, and is taken up again before it is spoken of.
                CallError::Failed { .. } if self.attempts == 1 => continue,
                CallError::Failed { message }
                | CallError::NotFound { message }
                | CallError::Gone { message } => self.stale(&message).await?,
            }
            is_marked = true;
            self.shared.pace.after(self.attempts).await;
            if self.attempts.is_multiple_of(LIST_AFTER) {
                return Ok(());
            }
        }
    }

    /// A list failed. Says so and waits; an error when there is nothing to wait for.
    async fn failed(&mut self, error: CallError) -> Result<(), Stop> {
        self.attempts += 1;
        let gives_up = !self.shared.follow && TRIES <= self.attempts;
        match error {
            CallError::Forbidden { message } => {
                let permission = self.listed.permission("list");
                let denied = Denied { permission, detail: message };
                match self.if_forbidden {
                    IfForbidden::Narrow | IfForbidden::Forget => {
                        return Err(Stop::Forbidden(denied));
                    }
                    IfForbidden::Insist => {}
                }
                self.say(SourceState::Denied { at: now(), denied }).await?;
                if !self.shared.follow {
                    return Err(Stop::Done);
                }
                self.busy = None;
                self.shared.pace.sleep(REFUSED).await;
                return Ok(());
            }
            CallError::NotFound { message } => {
                let reason = format!("not served: {message}").into();
                self.say(SourceState::Off { reason }).await?;
                if !self.shared.follow {
                    return Err(Stop::Done);
                }
                self.shared.pace.sleep(REFUSED).await;
                return Ok(());
            }
            CallError::Expired { message, login } => self.expired(message, login).await?,
            CallError::Gone { message } | CallError::Failed { message } => {
                // Without `follow` a failure is final for who reads it, so it is said when it is.
                if self.shared.follow || gives_up {
                    self.stale(&message).await?;
                }
            }
        }
        if gives_up {
            return Err(Stop::Done);
        }
        self.shared.pace.after(self.attempts).await;
        Ok(())
    }

    async fn stale(&mut self, error: &str) -> Result<(), Closed> {
        let (error, attempts): (Text, u32) = (error.into(), self.attempts);
        self.say(match self.right_at {
            Some(at) => SourceState::Stale { at, error, attempts },
            None => SourceState::Failed { error, attempts },
        })
        .await
    }

    async fn expired(
        &mut self,
        message: Text,
        login: crate::source::kube::config::Login,
    ) -> Result<(), Closed> {
        // One notice is enough for all kinds; pods are asked for in every session.
        if self.attempts == 1 && self.listed.kind == crate::source::slim::Kind::Pod {
            self.shared
                .out
                .notice(Level::Error, &format!("the cluster refuses the credentials: {message}"))
                .await?;
        }
        self.say(SourceState::Expired { profile: login.profile, login: login.command }).await
    }

    async fn say(&self, state: SourceState) -> Result<(), Closed> {
        // A namespace that was only guessed has no scope until it could be read.
        if self.if_forbidden == IfForbidden::Forget {
            return Ok(());
        }
        self.shared.out.state(&self.scope, state).await
    }
}
