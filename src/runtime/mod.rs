//! The loop of the dashboard and everything it needs of the world: terminal, keys, clock, signals, clipboard.
//!
//! Decides nothing: events go into `model`, what it requests is done here, and what came of it is an event again.

mod clipboard;
mod input;
mod log;
mod login;
mod pace;
mod terminal;

pub use log::{LogError, log_to};

use crate::{
    event::{Event, Generation, Notice},
    ident::{Ref, Text, Timestamp},
    model::{Model, Options, Request},
    source::{Session, Settings, kube},
    ui::{self, Theme},
    view::{self, View},
};
use input::Input;
use pace::Pace;
use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use terminal::Screen;
use tokio::{sync::mpsc, time};

/// Events that may wait; sources slow down beyond it, keys have a channel of their own.
const CHANNEL: usize = 4_096;

/// What runs behind the screen, seen from here. Dropping it ends it.
pub trait Feed: Send {
    fn fetch(&self, wanted: Vec<Ref>);
    fn refresh(&self);
}

impl Feed for Session {
    fn fetch(&self, wanted: Vec<Ref>) {
        Session::fetch(self, wanted);
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
}

impl Launch {
    /// On the real sources.
    pub fn new(settings: Settings, options: Options, theme: Theme) -> Launch {
        let start: StartFeed = Box::new(|settings, generation, events| {
            Box::new(Session::start(settings, generation, events))
        });
        Launch { settings, options, theme, start }
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

/// Runs the dashboard until the person or a signal ends it. The terminal is as before afterwards, whatever happens.
pub async fn run(launch: Launch) -> Result<ExitStatus, RuntimeError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(RuntimeError::NoTerminal);
    }
    let (keys_to, keys) = mpsc::channel(256);
    let generation = Arc::new(AtomicU64::new(0));
    let flaws = keys_to.clone();
    let of = generation.clone();
    // A task that panicked must not write over the screen: it becomes a message on it.
    let _hook = terminal::Hook::install(move |text| {
        let generation = Generation(of.load(Ordering::Relaxed));
        let level = crate::event::Level::Error;
        let notice = Notice { level, text: format!("a background task failed: {text}").into() };
        let _ = flaws.try_send(Event::Notice { generation, notice });
    });
    let screen = Screen::enter().map_err(RuntimeError::Terminal)?;
    let (events_to, events) = mpsc::channel(CHANNEL);
    let mut res = Loop {
        model: Model::new(launch.options),
        settings: launch.settings,
        theme: launch.theme,
        start: launch.start,
        feed: None,
        screen,
        input: Input::start(keys_to.clone()),
        keys_to,
        keys,
        events_to,
        events,
        generation,
        drawn: View::default(),
        pace: Pace::default(),
        signalled: None,
    };
    res.run().await
}

struct Loop {
    model: Model,
    settings: Settings,
    theme: Theme,
    start: StartFeed,
    feed: Option<Box<dyn Feed>>,
    screen: Screen,
    input: Input,
    keys_to: mpsc::Sender<Event>,
    keys: mpsc::Receiver<Event>,
    events_to: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    generation: Arc<AtomicU64>,
    drawn: View,
    pace: Pace,
    signalled: Option<u8>,
}

/// Whether the loop goes on.
enum Go {
    On,
    Leave,
}

impl Loop {
    async fn run(&mut self) -> Result<ExitStatus, RuntimeError> {
        let mut signals = Signals::listen().map_err(RuntimeError::Signals)?;
        let mut clock = time::interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(time::MissedTickBehavior::Skip);
        let (width, height) = self.screen.size().map_err(RuntimeError::Terminal)?;
        let _ = self.update(Event::Resize { width, height }).await;
        let _ = self.update(Event::Tick(now())).await;
        match kube::contexts(&self.settings) {
            Ok((contexts, current)) => {
                let _ = self.update(Event::Contexts { contexts, current }).await;
            }
            // The source says the same as its state, and that is shown.
            Err(error) => tracing::warn!("failed to {error}"),
        }
        self.connect(Generation::default());
        loop {
            // First what waits, all of it, then one frame.
            if let Go::Leave = self.drain().await {
                break;
            }
            if self.pace.is_due() {
                self.draw().map_err(RuntimeError::Terminal)?;
            }
            if 0 < self.model.n_waiting() {
                // Sources and signals get their turn between two slices.
                tokio::task::yield_now().await;
                if let Some(number) = signals.pending() {
                    self.signalled = Some(number);
                    break;
                }
                continue;
            }
            let next = tokio::select! {
                biased;
                number = signals.next() => {
                    self.signalled = Some(number);
                    Some(Event::Terminate)
                }
                it = self.keys.recv() => it,
                _ = clock.tick() => Some(Event::Tick(now())),
                it = self.events.recv() => it,
                () = time::sleep_until(self.pace.due()), if self.pace.is_waiting() => None,
            };
            if let Some(event) = next
                && let Go::Leave = self.update(event).await
            {
                break;
            }
        }
        Ok(self.signalled.map_or(ExitStatus::Left, ExitStatus::Signalled))
    }

    /// Takes in everything that waits, keys first, and judges a slice of what it concerns.
    async fn drain(&mut self) -> Go {
        while let Ok(event) = self.keys.try_recv() {
            if let Go::Leave = self.update(event).await {
                return Go::Leave;
            }
        }
        let since = self.pace.stopwatch();
        while !since.is_over()
            && let Ok(event) = self.events.try_recv()
        {
            if let Go::Leave = self.update(event).await {
                return Go::Leave;
            }
        }
        if 0 < self.model.n_waiting() {
            let units = self.pace.units();
            let since = self.pace.stopwatch();
            if let Go::Leave = self.update(Event::Work { units }).await {
                return Go::Leave;
            }
            self.pace.learn(since);
        }
        Go::On
    }

    async fn update(&mut self, event: Event) -> Go {
        if matches!(event, Event::Resize { .. }) {
            self.screen.resized();
        }
        self.pace.something_happened();
        for request in self.model.update(event) {
            if let Go::Leave = self.perform(request).await {
                return Go::Leave;
            }
        }
        Go::On
    }

    async fn perform(&mut self, request: Request) -> Go {
        match request {
            Request::Leave => return Go::Leave,
            Request::Fetch(wanted) => {
                if let Some(it) = &self.feed {
                    it.fetch(wanted);
                }
            }
            Request::Refresh => {
                if let Some(it) = &self.feed {
                    it.refresh();
                }
            }
            Request::Copy(text) => {
                let result = clipboard::copy(&text, &self.settings.env);
                let result = result.map_err(|it| Text::from(it.to_string()));
                let _ = self.keys_to.try_send(Event::Copied(result));
            }
            Request::Connect { context, generation } => {
                self.settings.context = Some(context.to_string());
                self.connect(generation);
            }
            Request::Login(command) => {
                let event = self.login(&command).await;
                let _ = self.keys_to.try_send(event);
            }
        }
        Go::On
    }

    fn connect(&mut self, generation: Generation) {
        // The old sources end before the new ones begin, so that two never poll one account.
        self.feed = None;
        self.generation.store(generation.0, Ordering::Relaxed);
        self.feed = Some((self.start)(self.settings.clone(), generation, self.events_to.clone()));
    }

    async fn login(&mut self, command: &str) -> Event {
        self.input.stop().await;
        self.screen.leave();
        let (ok, output) = login::run(command, &self.settings.env).await;
        if let Err(error) = self.screen.come_back() {
            tracing::error!(%error, "failed to come back to the screen");
        }
        self.drawn = View::default();
        self.input = Input::start(self.keys_to.clone());
        Event::LoggedIn { ok, output: output.into() }
    }

    /// Draws if anything is to be seen that was not there before.
    fn draw(&mut self) -> io::Result<()> {
        self.pace.drew();
        let view = view::build(&self.model);
        // Told even if nothing is new: the model knows no heights but these.
        let requests = self.model.update(Event::Drawn(view.shown));
        debug_assert!(requests.is_empty(), "drawing asks for nothing");
        if view == self.drawn && !self.screen.is_dirty() {
            return Ok(());
        }
        self.screen.draw(|buffer| ui::draw(&view, &self.theme, buffer), view.cursor)?;
        self.drawn = view;
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the dashboard asks the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// SIGTERM, SIGHUP and a SIGINT from elsewhere: ctrl-c is a key here.
struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.hangup.recv() => 1,
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }

    /// One that has come already.
    fn pending(&mut self) -> Option<u8> {
        use futures::FutureExt;
        self.next().now_or_never()
    }
}
