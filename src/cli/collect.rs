//! Runs the sources once and judges everything: what `check` and `explain` stand on.

use crate::{
    check::Ledger,
    event::{Event, Generation, Notice},
    fact::{Change, Scope, SourceState},
    graph::Graph,
    ident::{Ref, Timestamp, visible},
    runtime::arrived,
    source::{Session, Settings},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::mpsc;

/// How much longer than one request may take nothing new may arrive before it is judged by what is there: what a source
/// says of a request that got no answer is better than that nothing was said.
const GRACE: Duration = Duration::from_secs(2);

/// Everything that was read, judged.
pub struct Collected {
    pub graph: Graph,
    pub ledger: Ledger,
    pub now: Timestamp,
    /// What the sources wanted a person to know.
    pub notices: Vec<Notice>,
    /// What had not answered when patience ran out.
    pub unanswered: Vec<String>,
    /// What it was read with.
    pub settings: Settings,
}

/// Reads until every scope has answered and every object that the rules want is known or refused.
pub async fn collect(settings: Settings, progress: bool) -> Collected {
    let patience = settings.request_timeout.saturating_add(GRACE);
    let (events, mut arriving) = mpsc::channel(4_096);
    let session = Session::start(settings.clone(), Generation(0), events);
    let mut graph = Graph::default();
    let mut units: BTreeSet<Ref> = BTreeSet::new();
    let mut notices = Vec::new();
    let mut asked: BTreeSet<Ref> = BTreeSet::new();
    let mut shown = Progress::new(progress);
    let mut unanswered = Vec::new();
    loop {
        let event = match tokio::time::timeout(patience, arriving.recv()).await {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(_elapsed) => {
                unanswered.extend(waiting(&graph));
                // What never answered is not on its way any more, and the report says so. What a list would have told
                // may still be asked for by name.
                for scope in graph.outstanding().scopes {
                    units.extend(graph.apply(given_up(scope, patience)));
                }
                if ask(&session, &graph, &mut asked) {
                    continue;
                }
                break;
            }
        };
        let mut next = Some(event);
        while let Some(event) = next {
            match event {
                Event::Facts { changes, .. } => {
                    for change in changes {
                        if let Change::Source { scope, state } = &change {
                            tracing::info!(scope = scope.name(), ?state, "source");
                        }
                        units.extend(graph.apply(change));
                    }
                }
                Event::Notice { notice, .. } => {
                    tracing::info!(text = &*notice.text, "notice");
                    notices.push(notice);
                }
                Event::Key(_)
                | Event::Paste(_)
                | Event::Mouse(_)
                | Event::Resize { .. }
                | Event::Tick(_)
                | Event::Contexts { .. }
                | Event::Profiles { .. }
                | Event::Document { .. }
                | Event::LoggedIn { .. }
                | Event::Permitted { .. }
                | Event::Applying { .. }
                | Event::Journal(_)
                | Event::Probed { .. }
                | Event::Copied(_)
                | Event::Saved(_)
                | Event::Work { .. }
                | Event::Frame
                | Event::Drawn(_)
                | Event::Terminate => {}
            }
            next = arrived(&mut arriving);
        }
        let asks = ask(&session, &graph, &mut asked);
        shown.say(&graph);
        if !asks && announced(&graph) && graph.outstanding().is_empty() {
            break;
        }
    }
    shown.clear();
    drop(session);
    let now = clock();
    let units: Vec<Ref> = units.into_iter().collect();
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units, now);
    Collected { graph, ledger, now, notices, unanswered, settings }
}

/// Fetches what is wanted and was not asked for yet; whether there was anything.
fn ask(session: &Session, graph: &Graph, asked: &mut BTreeSet<Ref>) -> bool {
    let wanted: Vec<Ref> =
        graph.wanted().into_iter().filter(|it| asked.insert(it.clone())).collect();
    let asks = !wanted.is_empty();
    if asks {
        session.fetch(wanted);
    }
    asks
}

fn given_up(scope: Scope, patience: Duration) -> Change {
    let seconds = patience.saturating_sub(GRACE).as_secs_f32();
    let error = format!("no answer within {seconds} s").into();
    Change::Source { scope, state: SourceState::Failed { error, attempts: 1 } }
}

/// Whether every source has said at least that it is at work; before that nothing outstanding means nothing.
fn announced(graph: &Graph) -> bool {
    let has = |wanted: &dyn Fn(&Scope) -> bool| graph.sources().any(|(scope, _)| wanted(scope));
    let kube = has(&|it| matches!(it, Scope::Pods { .. }))
        && has(&|it| matches!(it, Scope::ServiceAccounts { .. }))
        || graph.sources().any(|(scope, state)| {
            *scope == Scope::ApiServer && matches!(state, SourceState::Failed { .. })
        });
    let aws = has(&|it| *it == Scope::Caller) && has(&|it| *it == Scope::Cluster);
    let cluster = !graph.cluster().is_known()
        || has(&|it| *it == Scope::Associations)
            && has(&|it| matches!(it, Scope::Roles { .. }))
            && has(&|it| matches!(it, Scope::Providers { .. }));
    kube && aws && cluster
}

/// The names of what has not answered.
fn waiting(graph: &Graph) -> Vec<String> {
    let outstanding = graph.outstanding();
    let scopes = outstanding.scopes.iter().map(Scope::name);
    scopes.chain(outstanding.objects.iter().map(ToString::to_string)).collect()
}

/// The one place of the command line that asks the clock.
#[expect(clippy::disallowed_methods, reason = "time enters the headless commands here")]
pub fn clock() -> Timestamp {
    Timestamp::now()
}

/// A line on stderr that says what is read; only on a terminal.
struct Progress {
    shown: Option<String>,
}

impl Progress {
    fn new(wanted: bool) -> Progress {
        Progress { shown: wanted.then(String::new) }
    }

    fn say(&mut self, graph: &Graph) {
        let Some(last) = &mut self.shown else { return };
        let waiting: Vec<String> = graph
            .sources()
            .filter_map(|(scope, state)| match state {
                SourceState::Pending { received: 0 } => Some(scope.name()),
                SourceState::Pending { received } => Some(format!("{} {received}", scope.name())),
                SourceState::Live { .. }
                | SourceState::Cached { .. }
                | SourceState::Stale { .. }
                | SourceState::Denied { .. }
                | SourceState::Failed { .. }
                | SourceState::Truncated { .. }
                | SourceState::Expired { .. }
                | SourceState::Off { .. } => None,
            })
            .take(4)
            .collect();
        let line = format!("reading {}", visible(&waiting.join(", ")));
        if !waiting.is_empty() && line != *last {
            eprint!("\r\x1b[K{line}");
            *last = line;
        }
    }

    fn clear(&self) {
        if self.shown.as_ref().is_some_and(|it| !it.is_empty()) {
            eprint!("\r\x1b[K");
        }
    }
}
