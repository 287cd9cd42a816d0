//! Plans on their way to the world and back: whether they may be, carrying them out, and the journal of it all.
//!
//! Everything runs beside the loop and answers with events.

use crate::{
    apply::{Hands, Job, Journal, permissions, probe, revisions, run},
    event::{Event, Generation, Noted},
    ident::Text,
    identity::probe::Ask,
    plan::{May, Order, Outcome, Progress, Whereabouts},
    source::Settings,
};
use std::path::PathBuf;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Steps may be told faster than they are drawn.
const PROGRESS: usize = 64;

pub struct Orders {
    events: mpsc::Sender<Event>,
    /// Where the journal is kept; `None`: nowhere, and so nothing is written.
    dir: Option<PathBuf>,
    running: Option<Running>,
}

/// A plan that is carried out.
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Orders {
    pub fn new(events: mpsc::Sender<Event>, dir: Option<PathBuf>) -> Orders {
        Orders { events, dir, running: None }
    }

    /// Asks whether the caller may carry it out. Writes nothing.
    pub fn ask(&self, settings: Settings, order: Order, generation: Generation) {
        let events = self.events.clone();
        tokio::spawn(async move {
            let Order { mut plan, place, callers, .. } = order;
            let may = match Hands::open(&settings, &plan, &place, &callers).await {
                Ok(it) => {
                    revisions(&it, &mut plan).await;
                    permissions(&it, &plan).await
                }
                Err(it) => {
                    let why: Text = format!("failed to {it}").into();
                    plan.steps.iter().map(|_| May::NotKnown(why.clone())).collect()
                }
            };
            // Whoever asked may have left.
            let _ = events.send(Event::Permitted { generation, plan: Box::new(plan), may }).await;
        });
    }

    /// Carries it out.
    pub fn apply(&mut self, settings: Settings, order: Order) {
        let (stop, stopped) = watch::channel(false);
        let journal = match &self.dir {
            Some(dir) => Journal::open(dir).map_err(|it| format!("failed to {it}")),
            None => Err("there is no directory to keep a journal in".to_owned()),
        };
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            let digest = order.plan.digest.clone();
            let tell = async |progress| {
                let event = Event::Applying { digest: digest.clone(), progress };
                // Nobody may be left to hear it; the journal has it.
                let _ = events.send(event).await;
            };
            let journal = match journal {
                Ok(it) => it,
                Err(why) => {
                    return tell(Progress::Ended(Outcome::Nothing { why: why.into() })).await;
                }
            };
            let (progress, mut told) = mpsc::channel(PROGRESS);
            let job = Job::from(order);
            // In a task of its own, so that a broken invariant is told as what it is: nobody knows how far it came.
            let work = tokio::spawn(async move {
                run(&settings, &journal, job, &progress, &stopped).await;
            });
            while let Some(it) = told.recv().await {
                tell(it).await;
            }
            if let Err(error) = work.await {
                let why = format!("carrying it out failed: {error}; :undo says how far it came");
                tell(Progress::Ended(Outcome::NotKnown { done: 0, why: why.into() })).await;
            }
        });
        self.running = Some(Running { stop, task });
    }

    /// Finishes the step in flight, and writes nothing more.
    pub fn stop(&self) {
        if let Some(it) = &self.running {
            it.stop.send_replace(true);
        }
    }

    /// Stops what runs and waits for it, so that no step is cut off.
    pub async fn finish(&mut self) {
        self.stop();
        if let Some(it) = self.running.take()
            && let Err(error) = it.task.await
        {
            tracing::error!(%error, "carrying out a plan failed");
        }
    }

    /// Asks AWS itself, once.
    pub fn probe(&self, settings: Settings, ask: Ask, place: Whereabouts, generation: Generation) {
        let events = self.events.clone();
        tokio::spawn(async move {
            let probed = Box::new(probe(&settings, &place, ask).await);
            let _ = events.send(Event::Probed { generation, probed }).await;
        });
    }

    /// Notes that an entry which was cut off is finished, and reads the journal again.
    pub fn close(&self, id: Text) {
        let (events, dir) = (self.events.clone(), self.dir.clone());
        tokio::task::spawn_blocking(move || {
            let Some(dir) = dir else { return };
            let answer = end(&dir, &id).and_then(|()| read(&dir));
            let _ = events.blocking_send(Event::Journal(answer));
        });
    }

    /// Reads what was written from here.
    pub fn journal(&self) {
        let (events, dir) = (self.events.clone(), self.dir.clone());
        tokio::task::spawn_blocking(move || {
            let answer = match dir {
                Some(dir) => read(&dir),
                None => Ok(Vec::new()),
            };
            let _ = events.blocking_send(Event::Journal(answer));
        });
    }
}

fn end(dir: &std::path::Path, id: &Text) -> Result<(), Text> {
    let failed = |it: crate::apply::JournalError| Text::from(format!("failed to {it}"));
    let journal = Journal::open(dir).map_err(failed)?;
    journal.close(id, crate::source::now()).map_err(failed)
}

fn read(dir: &std::path::Path) -> Result<Vec<Noted>, Text> {
    let failed = |it: crate::apply::JournalError| Text::from(format!("failed to {it}"));
    let journal = Journal::open(dir).map_err(failed)?;
    let (entries, broken) = journal.entries().map_err(failed)?;
    for line in broken {
        tracing::warn!(line, "a line of the journal cannot be read");
    }
    let noted = |entry| Noted { is_running: journal.is_running(&entry), entry };
    Ok(entries.into_iter().map(noted).collect())
}
