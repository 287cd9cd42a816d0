//! The Kubernetes side of a session: what is listed where, and what is done when that is forbidden.
//!
//! Every list is cluster-wide unless `-n` narrows it; where a cluster-wide list is forbidden, the readable namespaces are
//! read one by one and a notice says so. Nothing ends a session but its owner.

mod config;
mod document;
mod follow;
mod keeper;
pub(crate) mod link;
pub(crate) mod write;
mod list;
mod out;
mod pace;
mod plugin;
mod proxy;
mod server;
pub mod split;
mod target;
mod single;

use crate::{
    event::{Event, Generation, Level},
    fact::{Change, Cluster, Denied, Knowledge, Scope, SourceState},
    ident::{Ref, Text},
    source::{
        Settings,
        aws::KubeSide,
        kube::{
            keeper::{IfForbidden, Keeper, Shared, Stop},
            link::{CallError, ConnectError, Link},
            out::{Closed, Out},
            pace::{Pace, REFUSED},
            target::{Listed, is_namespaced},
        },
        now,
        slim::Kind,
    },
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::{OnceCell, Semaphore, mpsc, watch},
    task::JoinSet,
};

/// Lists that run at once: every kind, and a few more where namespaces are read one by one.
const LISTS_AT_ONCE: usize = 16;

/// How long the other lists wait at most for that of the ServiceAccounts, which the first rows are made of.
const HEAD_START: Duration = Duration::from_millis(150);

/// The ends of the channels that a session holds the other ends of.
pub(crate) struct Wires {
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) sides: watch::Sender<Option<KubeSide>>,
    pub(crate) cluster: watch::Receiver<Option<Arc<Cluster>>>,
    pub(crate) wanted: mpsc::UnboundedReceiver<Vec<Ref>>,
    /// Objects to be read in full.
    pub(crate) documents: mpsc::UnboundedReceiver<Ref>,
    /// Counts the refreshes asked for.
    pub(crate) asked: watch::Receiver<u64>,
}

/// The contexts of a kubeconfig as `(name, cluster)`, and the name of the one that a session would use.
pub type Contexts = (Vec<(Text, Text)>, Option<Text>);

/// Reads the kubeconfig's contexts, as a session offers them in `Event::Contexts`. The error reads after "failed to".
pub fn contexts(settings: &Settings) -> Result<Contexts, String> {
    config::contexts(settings).map_err(|it| it.to_string())
}

/// Runs until everything is read (without `follow`) or until it is dropped.
pub(crate) async fn run(settings: Settings, generation: Generation, wires: Wires) {
    let _closed = run_open(settings, generation, wires).await;
}

async fn run_open(settings: Settings, generation: Generation, wires: Wires) -> Result<(), Closed> {
    let out = Out::new(wires.events, generation);
    let mut pace = Pace::new(wires.asked);
    let pending = SourceState::Pending { received: 0 };
    // Every scope is named before any is complete, so that nobody takes a part for the whole.
    out.changes(states(&settings, &pending)).await?;
    let Some(link) = connect(&settings, &out, &mut pace, &wires.sides).await? else {
        return Ok(());
    };
    let target = link.connected().target;
    wires.sides.send_replace(Some(target.side.clone()));
    let shared = Shared {
        link: Arc::new(link),
        out,
        pace,
        lists: Arc::new(Semaphore::new(LISTS_AT_ONCE)),
        follow: settings.follow,
        request_timeout: settings.request_timeout,
    };
    let mut tasks: JoinSet<Result<(), Closed>> = JoinSet::new();
    let readable = Arc::new(OnceCell::new());
    tasks.spawn(server::describe(shared.clone(), wires.sides, wires.cluster));
    let (busy, mut first_rows) = mpsc::channel::<()>(1);
    let start = |kind, busy| {
        cover(shared.clone(), kind, settings.namespaces.clone(), readable.clone(), busy)
    };
    tasks.spawn(start(Kind::ServiceAccount, Some(busy)));
    // Asking for everything at once keeps the server busy with pods while nothing is on the screen yet. Nothing is ever
    // sent: the channel ends with the list.
    let _elapsed = tokio::time::timeout(HEAD_START, first_rows.recv()).await;
    for kind in Kind::ALL.into_iter().filter(|it| *it != Kind::ServiceAccount) {
        tasks.spawn(start(kind, None));
    }
    if settings.follow {
        tasks.spawn(document::answer(shared.clone(), wires.documents));
    }
    tasks.spawn(single::answer(shared, wires.wanted, settings.read_secrets));
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(res) => res?,
            // A broken invariant of ours in one task must not silently leave its scope as it is.
            Err(it) if it.is_panic() => std::panic::resume_unwind(it.into_panic()),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Tries until there is a connection; `None`: it was tried often enough for a run without `follow`.
async fn connect(
    settings: &Settings,
    out: &Out,
    pace: &mut Pace,
    sides: &watch::Sender<Option<KubeSide>>,
) -> Result<Option<Link>, Closed> {
    let mut attempts = 0;
    let mut told = String::new();
    let mut offered = None;
    loop {
        // What else there is to choose, first of all: it is what helps where this one does not answer.
        if let Some(contexts) = read_contexts(settings).await
            && offered.as_ref() != Some(&contexts)
        {
            offered = Some(contexts.clone());
            out.contexts(contexts).await?;
        }
        // The AWS side starts from the first word it gets, while the credential plugin runs.
        let tell = |side: &KubeSide| tell_first(sides, Some(side.clone()));
        let error = match Link::connect(settings, tell).await {
            Err(it) => it,
            Ok(it) => {
                if 0 < attempts {
                    out.changes(states(settings, &SourceState::Pending { received: 0 })).await?;
                }
                return Ok(Some(it));
            }
        };
        attempts += 1;
        // Without a kubeconfig it can only go by the flags.
        if matches!(error, ConnectError::Config(_)) {
            tell_first(sides, settings.cluster.is_some().then(no_side));
        }
        let is_final =
            !settings.follow && (3 <= attempts || matches!(error, ConnectError::Config(_)));
        let error = error.into_call();
        let text = format!("failed to {error}");
        if text != told && (settings.follow || is_final) {
            out.notice(Level::Error, &text).await?;
            told = text;
        }
        if settings.follow || is_final {
            out.changes(states(settings, &not_connected(&error, attempts))).await?;
        }
        if is_final {
            return Ok(None);
        }
        pace.after(attempts).await;
    }
}

fn tell_first(sides: &watch::Sender<Option<KubeSide>>, side: Option<KubeSide>) {
    sides.send_if_modified(|it| {
        let is_first = it.is_none() && side.is_some();
        if is_first {
            *it = side;
        }
        is_first
    });
}

/// `None` when the kubeconfig cannot be read; connecting will say why.
async fn read_contexts(settings: &Settings) -> Option<Contexts> {
    let settings = settings.clone();
    let read = tokio::task::spawn_blocking(move || config::contexts(&settings));
    read.await.ok()?.ok()
}

fn not_connected(error: &CallError, attempts: u32) -> SourceState {
    match error {
        CallError::Expired { login, .. } => {
            SourceState::Expired { profile: login.profile.clone(), login: login.command.clone() }
        }
        CallError::Forbidden { message }
        | CallError::NotFound { message }
        | CallError::Gone { message }
        | CallError::Failed { message } => SourceState::Failed { error: message.clone(), attempts },
    }
}

fn no_side() -> KubeSide {
    KubeSide {
        server: None,
        ca_sha256: None,
        exec_args: Vec::new(),
        exec_env: Vec::new(),
        issuer: Knowledge::NotYet,
    }
}

/// The same state of everything that will be read if nothing is forbidden.
fn states(settings: &Settings, state: &SourceState) -> Vec<Change> {
    let listed = Kind::ALL.into_iter().flat_map(|it| wanted(it, &settings.namespaces));
    let scopes = std::iter::once(Scope::ApiServer).chain(listed.map(|it| it.scope()));
    scopes.map(|scope| Change::Source { scope, state: state.clone() }).collect()
}

fn wanted(kind: Kind, namespaces: &[Text]) -> Vec<Listed> {
    if namespaces.is_empty() || !is_namespaced(kind) {
        return vec![Listed::everywhere(kind)];
    }
    let namespaces: BTreeSet<_> = namespaces.iter().cloned().collect();
    namespaces.into_iter().map(|it| Listed { kind, namespace: Some(it) }).collect()
}

/// Keeps one kind right wherever it is wanted. `busy` is held until its first lists are read or refused.
async fn cover(
    shared: Shared,
    kind: Kind,
    namespaces: Vec<Text>,
    readable: Arc<OnceCell<Readable>>,
    busy: Option<mpsc::Sender<()>>,
) -> Result<(), Closed> {
    let may_narrow = namespaces.is_empty() && is_namespaced(kind);
    if may_narrow {
        let listed = Listed::everywhere(kind);
        let keeper = Keeper::new(shared.clone(), listed, IfForbidden::Narrow, busy);
        return match keeper.run().await {
            Stop::Closed => Err(Closed),
            Stop::Done => Ok(()),
            Stop::Forbidden(denied) if kind == Kind::Budget && lists_pods(&shared).await => {
                // It is this kind that is not granted, and nothing is judged by it: namespaces are not tried one by one.
                let state = SourceState::Denied { at: now(), denied };
                shared.out.state(&Scope::Budgets { namespace: None }, state).await
            }
            Stop::Forbidden(denied) => narrow(shared, kind, denied, readable).await,
        };
    }
    let mut tasks = JoinSet::new();
    for listed in wanted(kind, &namespaces) {
        let keeper = Keeper::new(shared.clone(), listed, IfForbidden::Insist, busy.clone());
        tasks.spawn(keeper.run());
    }
    drop(busy);
    while let Some(stop) = tasks.join_next().await {
        if matches!(stop, Ok(Stop::Closed)) {
            return Err(Closed);
        }
    }
    Ok(())
}

/// Whether pods may be listed in all namespaces at once.
async fn lists_pods(shared: &Shared) -> bool {
    let asked = shared.link.get_bytes("/api/v1/pods?limit=1").await;
    !matches!(asked, Err(CallError::Forbidden { .. }))
}

/// Which namespaces to try where cluster-wide lists are forbidden.
#[derive(Clone, Debug)]
enum Readable {
    /// Every namespace that exists: most may be forbidden as well.
    Listed(Vec<Text>),
    /// Namespaces cannot be listed: the context's own is all that is known.
    Own(Text),
}

/// Reads the readable namespaces one by one; with `follow`, also those that appear later.
///
/// The cluster-wide scope stays pending until they have answered, and is denied then.
async fn narrow(
    mut shared: Shared,
    kind: Kind,
    denied: Denied,
    readable: Arc<OnceCell<Readable>>,
) -> Result<(), Closed> {
    let mut tasks: JoinSet<Stop> = JoinSet::new();
    let mut seen: BTreeSet<Text> = BTreeSet::new();
    let mut known = readable.get_or_try_init(|| first_readable(&shared, kind)).await?.clone();
    let (busy, mut all_answered) = mpsc::channel(1);
    let mut busy = Some(busy);
    loop {
        let (names, if_forbidden) = match &known {
            Readable::Listed(names) => (names.clone(), IfForbidden::Forget),
            Readable::Own(name) => (vec![name.clone()], IfForbidden::Insist),
        };
        for name in names {
            if seen.insert(name.clone()) {
                let listed = Listed { kind, namespace: Some(name) };
                tasks.spawn(Keeper::new(shared.clone(), listed, if_forbidden, busy.clone()).run());
            }
        }
        if busy.take().is_some() {
            // Nothing is ever sent: the channel ends with the last keeper that has not answered.
            all_answered.recv().await;
            let state = SourceState::Denied { at: now(), denied: denied.clone() };
            shared.out.state(&Listed::everywhere(kind).scope(), state).await?;
        }
        if !shared.follow {
            return Ok(());
        }
        tokio::select! {
            Some(Ok(Stop::Closed)) = tasks.join_next(), if !tasks.is_empty() => return Err(Closed),
            () = shared.pace.sleep(REFUSED) => {}
        }
        known = find_readable(&shared).await;
    }
}

/// Asked once for all kinds, and said once.
async fn first_readable(shared: &Shared, kind: Kind) -> Result<Readable, Closed> {
    let res = find_readable(shared).await;
    let permission = Listed::everywhere(kind).permission("list");
    let text = match &res {
        Readable::Listed(names) => format!(
            "`{permission}` is forbidden in all namespaces at once: trying {} namespaces one by one",
            names.len()
        ),
        Readable::Own(name) => format!(
            "`{permission}` is forbidden in all namespaces, and so is `list namespaces`: reading namespace `{name}` \
             only; name others with -n"
        ),
    };
    shared.out.notice(Level::Warning, &text).await?;
    Ok(res)
}

async fn find_readable(shared: &Shared) -> Readable {
    #[derive(serde::Deserialize)]
    struct List {
        items: Option<Vec<Item>>,
    }
    #[derive(serde::Deserialize)]
    struct Item {
        metadata: Metadata,
    }
    #[derive(serde::Deserialize)]
    struct Metadata {
        name: String,
    }
    let own = || Readable::Own(shared.link.connected().target.namespace.clone());
    let Ok(bytes) = shared.link.get_bytes("/api/v1/namespaces").await else { return own() };
    let Ok(list) = serde_json::from_slice::<List>(&bytes) else { return own() };
    let names = list.items.unwrap_or_default().into_iter().map(|it| it.metadata.name.into());
    Readable::Listed(names.collect())
}
