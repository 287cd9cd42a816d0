//! What the parts of a running source share: settings, what was read, who may read, and the way out for events.

use crate::{
    event::{Event, Generation},
    fact::{Change, Cluster, Scope, SourceState},
    ident::{Text, Timestamp},
    source::{
        Settings,
        aws::{
            access::{Home, NoAccess, Prepared},
            account::Account,
            book::Book,
            credentials::Origin,
            env::Env,
            error::Failure,
            hints::Hints,
            paint::Canvas,
            queue::Queue,
        },
        cache::Key,
        now,
    },
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, mpsc, watch};

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) env: Env,
    pub(crate) hints: Hints,
    /// By [`crate::source::aws::ca_sha256`]; finds the cluster of a context that goes through a tunnel.
    pub(crate) ca_sha256: Option<Text>,
    pub(crate) generation: Generation,
    events: mpsc::Sender<Event>,
    pub(crate) cluster: watch::Sender<Option<Arc<Cluster>>>,
    state: Mutex<State>,
    /// Something that queued jobs wait for has changed.
    pub(crate) wake: Notify,
    /// Poll now.
    pub(crate) refresh: Notify,
    is_pass_over: AtomicBool,
    /// `None`: nothing is kept on disk. A run without `follow` judges, and never from what is painted.
    canvas: Option<Mutex<Canvas>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) access: Access,
    pub(crate) foreign: HashMap<Text, Result<Arc<Account>, NoAccess>>,
    /// The account that the credentials were last proven to belong to.
    pub(crate) last_home: Option<Text>,
    pub(crate) book: Book,
    pub(crate) queue: Queue,
    scopes: HashMap<Scope, Log>,
}

/// Whether AWS can be read.
#[derive(Clone, Default)]
pub(crate) enum Access {
    /// Not known yet.
    #[default]
    Pending,
    Home(Home),
    None(NoAccess),
}

/// How one scope has been doing.
#[derive(Default)]
struct Log {
    complete_at: Option<Timestamp>,
    attempts: u32,
}

impl State {
    /// Accounts whose roles were listed to the end and whose list has not failed since.
    pub(crate) fn complete_role_accounts(&self) -> Vec<Text> {
        let complete =
            self.scopes.iter().filter(|(_, log)| log.complete_at.is_some() && log.attempts == 0);
        complete
            .filter_map(|(scope, _)| match scope {
                Scope::Roles { account } => Some(account.clone()),
                Scope::ApiServer
                | Scope::Namespaces
                | Scope::ServiceAccounts { .. }
                | Scope::Pods { .. }
                | Scope::Workloads { .. }
                | Scope::Nodes
                | Scope::Webhooks
                | Scope::Budgets { .. }
                | Scope::Caller
                | Scope::Cluster
                | Scope::OtherClusters
                | Scope::OtherAssociations
                | Scope::IdentityProviders
                | Scope::Associations
                | Scope::Addons
                | Scope::Nodegroups
                | Scope::Providers { .. } => None,
            })
            .collect()
    }
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        hints: Hints,
        ca_sha256: Option<Text>,
        generation: Generation,
        events: mpsc::Sender<Event>,
        cluster: watch::Sender<Option<Arc<Cluster>>>,
    ) -> Shared {
        let env = Env::new(&settings.env);
        let dir = settings.cache_dir.clone().filter(|_| settings.follow);
        let canvas = dir.map(|it| Mutex::new(Canvas::new(it)));
        Shared {
            settings,
            env,
            hints,
            ca_sha256,
            generation,
            events,
            cluster,
            state: Mutex::default(),
            wake: Notify::new(),
            refresh: Notify::new(),
            is_pass_over: AtomicBool::new(false),
            canvas,
        }
    }

    /// Every scope was asked for at least once.
    pub(crate) fn pass_over(&self) {
        self.is_pass_over.store(true, Ordering::Release);
        self.wake.notify_one();
        // Whoever waits for the cluster learns that none was found.
        self.cluster.send_modify(|_| {});
    }

    pub(crate) fn is_pass_over(&self) -> bool {
        self.is_pass_over.load(Ordering::Acquire)
    }

    /// Never held across an await: the guard is not `Send`.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock can panic")
    }

    pub(crate) fn set_access(&self, access: Access) {
        self.state().access = access;
        self.wake.notify_one();
    }

    /// A receiver that is gone is a session that is over; what is sent then is lost on purpose.
    pub(crate) async fn emit(&self, changes: Vec<Change>) {
        let changes = match &self.canvas {
            Some(it) => it.lock().expect("no holder of this lock can panic").pass(changes),
            None => changes,
        };
        self.send(changes).await;
    }

    async fn send(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            let generation = self.generation;
            let _gone = self.events.send(Event::Facts { generation, changes }).await;
        }
    }

    /// Shows what the cache has of this cluster, read with these credentials.
    pub(crate) async fn paint(&self, prepared: &Prepared) {
        let Some(canvas) = &self.canvas else { return };
        let key = Key::new([
            self.hints.server.as_deref().unwrap_or_default(),
            self.ca_sha256.as_deref().unwrap_or_default(),
            self.hints.cluster.as_deref().unwrap_or_default(),
            prepared.region(),
            &prepared.chain.origin.via,
            &prepared.chain.access_key_id,
        ]);
        let changes = canvas.lock().expect("no holder of this lock can panic").paint(key);
        self.send(changes).await;
    }

    /// Keeps what is known for the next session.
    pub(crate) async fn save(&self) {
        let Some(canvas) = &self.canvas else { return };
        let due = canvas.lock().expect("no holder of this lock can panic").due(now());
        if let Some(write) = due {
            // A panic in there is reported by the runtime and costs only the cache.
            let _written = tokio::task::spawn_blocking(write).await;
        }
    }

    pub(crate) async fn source(&self, scope: Scope, state: SourceState) {
        self.emit(vec![Change::Source { scope, state }]).await;
    }

    /// Objects that have arrived of a list that was never complete before.
    pub(crate) async fn received(&self, scope: &Scope, received: usize) {
        if !self.was_complete(scope) {
            self.source(scope.clone(), SourceState::Pending { received }).await;
        }
    }

    pub(crate) fn was_complete(&self, scope: &Scope) -> bool {
        self.state().scopes.get(scope).is_some_and(|it| it.complete_at.is_some())
    }

    /// The scope is read from start to end.
    pub(crate) fn complete(&self, scope: &Scope) -> Change {
        let at = now();
        let mut state = self.state();
        let log = state.scopes.entry(scope.clone()).or_default();
        *log = Log { complete_at: Some(at), attempts: 0 };
        Change::Source { scope: scope.clone(), state: SourceState::Live { at } }
    }

    /// The scope is listed to its end; `left`: why single rows of all `n` could not be described. They stay as they are
    /// until the next poll, and the scope says so.
    pub(crate) fn described(
        &self,
        scope: &Scope,
        account: &Account,
        n: usize,
        left: &[Failure],
    ) -> Change {
        let complete = self.complete(scope);
        // A login mends that, and begins everything again.
        let left = left.iter().filter(|it| !matches!(it, Failure::Expired(_)));
        let whys: Vec<Text> = left.map(reason).collect();
        let Some(first) = whys.first() else { return complete };
        let failure = format!("{} of {n} could not be described: {first}", whys.len());
        self.incomplete(scope, &Failure::Failed(failure.into()), &account.origin, n)
    }

    /// The scope could not be read to its end; `n_read` objects of it were, in this attempt.
    pub(crate) fn incomplete(
        &self,
        scope: &Scope,
        failure: &Failure,
        origin: &Origin,
        n_read: usize,
    ) -> Change {
        let at = now();
        let mut state = self.state();
        let log = state.scopes.entry(scope.clone()).or_default();
        log.attempts += 1;
        let attempts = log.attempts;
        let error = reason(failure);
        let state = match failure {
            Failure::Denied(denied) => {
                // What was readable before is not any more, so a later failure is not a mere staleness.
                log.complete_at = None;
                SourceState::Denied { at, denied: denied.clone() }
            }
            Failure::Expired(_) => {
                SourceState::Expired { profile: origin.via.clone(), login: origin.login.clone() }
            }
            Failure::Absent | Failure::Throttled | Failure::Failed(_) => match log.complete_at {
                Some(at) => SourceState::Stale { at, error, attempts },
                None if 0 < n_read => SourceState::Truncated { at, detail: error },
                None => SourceState::Failed { error, attempts },
            },
        };
        Change::Source { scope: scope.clone(), state }
    }

    /// Nothing of the scope can be read for want of credentials.
    pub(crate) fn unread(&self, scope: Scope, why: &NoAccess) -> Change {
        match why {
            NoAccess::Off(reason) => {
                Change::Source { scope, state: SourceState::Off { reason: reason.clone() } }
            }
            NoAccess::Expired { origin, detail } => {
                self.incomplete(&scope, &Failure::Expired(detail.clone()), origin, 0)
            }
            NoAccess::Denied(it) => {
                self.incomplete(&scope, &Failure::Denied(it.clone()), &NOBODY, 0)
            }
            NoAccess::Failed(it) => {
                self.incomplete(&scope, &Failure::Failed(it.clone()), &NOBODY, 0)
            }
        }
    }

    /// After a failure that a login mends: the next round starts with reading the credentials again.
    pub(crate) fn note(&self, account: &Account, failure: &Failure) {
        let Failure::Expired(detail) = failure else { return };
        let why = NoAccess::Expired { origin: account.origin.clone(), detail: detail.clone() };
        let mut state = self.state();
        if let Some(it) = state.foreign.get_mut(&account.id) {
            *it = Err(why);
        } else {
            state.access = Access::None(why);
        }
    }
}

/// Nothing for what a state has words of its own for.
fn reason(failure: &Failure) -> Text {
    match failure {
        Failure::Failed(it) => it.clone(),
        Failure::Throttled => "too many requests, asking more slowly".into(),
        Failure::Absent => "not found".into(),
        Failure::Denied(_) | Failure::Expired(_) => "".into(),
    }
}

static NOBODY: std::sync::LazyLock<Origin> =
    std::sync::LazyLock::new(|| Origin { via: "".into(), login: "".into() });
