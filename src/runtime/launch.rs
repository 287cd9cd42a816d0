//! What a dashboard is started with, and how it ends.

use crate::{
    event::{Event, Generation},
    ident::Ref,
    model::Options,
    source::{Session, Settings},
    ui::Theme,
};
use std::{io, path::PathBuf};
use tokio::sync::mpsc;

/// What runs behind the screen, seen from here. Dropping it ends it.
pub trait Feed: Send {
    fn fetch(&self, wanted: Vec<Ref>);
    fn document(&self, of: Ref);
    fn refresh(&self);
}

impl Feed for Session {
    fn fetch(&self, wanted: Vec<Ref>) {
        Session::fetch(self, wanted);
    }

    fn document(&self, of: Ref) {
        Session::document(self, of);
    }

    fn refresh(&self) {
        Session::refresh(self);
    }
}

/// Starts the sources of one context; called again for every other one.
pub type StartFeed = Box<dyn FnMut(Settings, Generation, mpsc::Sender<Event>) -> Box<dyn Feed>>;

/// Everything that a dashboard is started with.
pub struct Launch {
    pub settings: Settings,
    pub options: Options,
    pub theme: Theme,
    pub start: StartFeed,
    /// Where lists and pages are saved; `None`: nowhere.
    pub save_dir: Option<PathBuf>,
    /// Where the journal of what is written is kept; `None`: nowhere, and nothing is written.
    pub journal_dir: Option<PathBuf>,
}

impl Launch {
    /// On the real sources.
    pub fn new(
        settings: Settings,
        options: Options,
        theme: Theme,
        save_dir: Option<PathBuf>,
        journal_dir: Option<PathBuf>,
    ) -> Launch {
        let start: StartFeed = Box::new(|settings, generation, events| {
            Box::new(Session::start(settings, generation, events))
        });
        Launch { settings, options, theme, start, save_dir, journal_dir }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// The person left.
    Left,
    /// A signal of this number asked to leave; shells expect 128 and it.
    Signalled(u8),
}

impl ExitStatus {
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Left => 0,
            ExitStatus::Signalled(number) => 128 + number,
        }
    }
}

/// What keeps the dashboard from starting, or ends it early. None is worth a retry.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error(
        "start the dashboard: standard input and output are no terminal; `idscope check` prints instead"
    )]
    NoTerminal,
    #[error("use the terminal")]
    Terminal(#[source] io::Error),
    #[error("listen for signals")]
    Signals(#[source] io::Error),
}
