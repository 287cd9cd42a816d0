//! Where everything goes that this source finds out: batches of changes, states and notices, stamped with their run.

use crate::{
    event::{Document, Event, Generation, Level, Notice},
    fact::{Change, Scope, SourceState},
    ident::{Ref, Text},
    source::kube::{Contexts, link::one_line},
};
use tokio::sync::mpsc;

/// The channel's other end. Sending waits while it is full: a slow reader slows the sources, nothing is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    events: mpsc::Sender<Event>,
    generation: Generation,
}

/// Nobody reads any longer: the session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Out {
    pub(crate) fn new(events: mpsc::Sender<Event>, generation: Generation) -> Out {
        Out { events, generation }
    }

    pub(crate) async fn changes(&self, changes: Vec<Change>) -> Result<(), Closed> {
        if changes.is_empty() {
            return Ok(());
        }
        self.send(Event::Facts { generation: self.generation, changes }).await
    }

    pub(crate) async fn state(&self, scope: &Scope, state: SourceState) -> Result<(), Closed> {
        self.changes(vec![Change::Source { scope: scope.clone(), state }]).await
    }

    pub(crate) async fn notice(&self, level: Level, text: &str) -> Result<(), Closed> {
        let notice = Notice { level, text: one_line(text) };
        self.send(Event::Notice { generation: self.generation, notice }).await
    }

    pub(crate) async fn contexts(&self, (contexts, current): Contexts) -> Result<(), Closed> {
        self.send(Event::Contexts { contexts, current }).await
    }

    pub(crate) async fn document(
        &self,
        of: Ref,
        answer: Result<Document, Text>,
    ) -> Result<(), Closed> {
        self.send(Event::Document { generation: self.generation, of, answer }).await
    }

    async fn send(&self, event: Event) -> Result<(), Closed> {
        self.events.send(event).await.map_err(|_| Closed)
    }
}
