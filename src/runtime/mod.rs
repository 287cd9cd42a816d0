//! The loop of the dashboard and everything it needs of the world: terminal, keys, clock, signals, clipboard.
//!
//! Decides nothing: events go into `model`, what it requests is done here, and what came of it is an event again.

mod arrived;
mod clipboard;
mod files;
mod input;
mod launch;
mod log;
mod login;
mod orders;
mod pace;
mod signals;
mod terminal;

pub use arrived::arrived;
pub use launch::{ExitStatus, Feed, Launch, RuntimeError, StartFeed};
pub use log::{LogError, log_to};

use crate::{
    event::{Event, Generation, Level, Notice},
    ident::{Text, Timestamp},
    model::{Model, Request},
    source::{Settings, aws, kube},
    ui::{self, Theme},
    view::{self, View},
};
use input::Input;
use orders::Orders;
use pace::Pace;
use signals::{Signal, Signals};
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
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
        let level = Level::Error;
        let notice = Notice { level, text: format!("a background task failed: {text}").into() };
        let _ = flaws.try_send(Event::Notice { generation, notice });
    });
    let screen = Screen::enter(!launch.options.without_mouse).map_err(RuntimeError::Terminal)?;
    let signals = Signals::listen().map_err(RuntimeError::Signals)?;
    let (events_to, events) = mpsc::channel(CHANNEL);
    let mut res = Loop {
        model: Model::new(launch.options),
        settings: launch.settings,
        theme: launch.theme,
        start: launch.start,
        save_dir: launch.save_dir,
        feed: None,
        screen,
        signals,
        input: Input::start(keys_to.clone()),
        keys_to,
        keys,
        orders: Orders::new(events_to.clone(), launch.journal_dir),
        events_to,
        events,
        generation,
        drawn: View::default(),
        pace: Pace::default(),
        signalled: None,
    };
    let status = res.run().await;
    // What is being written is finished before anybody leaves; nobody listens any more, and nothing waits for a listener.
    res.feed = None;
    res.events.close();
    res.orders.finish().await;
    status
}

struct Loop {
    model: Model,
    settings: Settings,
    theme: Theme,
    start: StartFeed,
    save_dir: Option<PathBuf>,
    feed: Option<Box<dyn Feed>>,
    screen: Screen,
    signals: Signals,
    input: Input,
    keys_to: mpsc::Sender<Event>,
    keys: mpsc::Receiver<Event>,
    orders: Orders,
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
        self.tell_profiles().await;
        self.connect(Generation::default());
        loop {
            // First what waits, all of it, then one frame.
            if let Go::Leave = self.drain().await {
                break;
            }
            if self.pace.is_due(self.model.n_waiting()) {
                self.draw().map_err(RuntimeError::Terminal)?;
            }
            if 0 < self.model.n_waiting() {
                // Sources and signals get their turn between two slices.
                tokio::task::yield_now().await;
                if let Some(it) = self.signals.pending()
                    && let Some(Event::Terminate) = self.signalled(it)
                {
                    break;
                }
                continue;
            }
            let next = tokio::select! {
                biased;
                it = self.signals.next() => self.signalled(it),
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

    fn signalled(&mut self, signal: Signal) -> Option<Event> {
        match signal {
            Signal::Leave(number) => {
                self.signalled = Some(number);
                Some(Event::Terminate)
            }
            // Somebody stopped it from outside, and the shell has had the terminal since.
            Signal::Continued => {
                self.come_back();
                None
            }
        }
    }

    /// Takes in everything that waits, keys first, and judges a slice of what it concerns.
    async fn drain(&mut self) -> Go {
        while let Some(event) = arrived(&mut self.keys) {
            if let Go::Leave = self.update(event).await {
                return Go::Leave;
            }
        }
        let since = self.pace.stopwatch();
        while !since.is_over()
            && let Some(event) = arrived(&mut self.events)
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
        self.pace.something_happened(is_urgent(&event));
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
            Request::Document(of) => {
                if let Some(it) = &self.feed {
                    it.document(of);
                }
            }
            Request::SaveSeen => {
                let saved = view::saved(&self.model);
                let result = files::save(self.save_dir.as_deref(), &saved, self.model.now());
                let _ = self.keys_to.try_send(Event::Saved(result));
            }
            Request::Export => self.export(),
            Request::Permissions { order, generation } => {
                self.orders.ask(self.settings.clone(), *order, generation);
            }
            Request::Apply(order) => self.orders.apply(self.settings.clone(), *order),
            Request::StopApply => self.orders.stop(),
            Request::Journal => self.orders.journal(),
            Request::Close(id) => self.orders.close(id),
            Request::Probe { ask, place, generation } => {
                self.orders.probe(self.settings.clone(), *ask, *place, generation);
            }
            Request::Connect { context, generation } => {
                // What the flags say of the cluster holds for the context that they were given with.
                if self.model.context().is_some() {
                    (self.settings.cluster, self.settings.region) = (None, None);
                }
                self.settings.context = Some(context.to_string());
                self.connect(generation);
            }
            Request::UseProfile { profile, generation } => {
                self.settings.profile = Some(profile.to_string());
                self.connect(generation);
            }
            Request::Mouse(on) => self.screen.listen_to_mouse(on),
            Request::Suspend => self.suspend().await,
            Request::Login(command) => {
                let event = self.login(&command).await;
                let _ = self.keys_to.try_send(event);
            }
        }
        Go::On
    }

    fn export(&self) {
        let now = self.model.now();
        let saved = view::exported(&self.model);
        let each = saved.iter().map(|it| files::save(self.save_dir.as_deref(), it, now));
        let result: Result<Vec<Text>, Text> = each.collect();
        // One name for all: they differ by their endings.
        let result = result.map(|names| {
            let endings: Vec<&str> = saved.iter().map(|it| it.ending).collect();
            let first = names.first().map_or("", |it| it);
            let stem = first.rsplit_once('.').map_or(first, |(it, _)| it);
            format!("{stem}.{{{}}}", endings.join(",")).into()
        });
        let _ = self.keys_to.try_send(Event::Saved(result));
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
        self.come_back();
        self.input = Input::start(self.keys_to.clone());
        self.tell_profiles().await;
        Event::LoggedIn { ok, output: output.into() }
    }

    /// Stops as a job of the shell, until that lets it go on.
    async fn suspend(&mut self) {
        self.input.stop().await;
        self.screen.leave();
        let stopped = self.signals.stop().await;
        self.come_back();
        self.input = Input::start(self.keys_to.clone());
        if let Err(why) = stopped {
            let notice = Notice { level: Level::Error, text: why };
            let generation = Generation(self.generation.load(Ordering::Relaxed));
            let _ = self.keys_to.try_send(Event::Notice { generation, notice });
        }
    }

    fn come_back(&mut self) {
        if let Err(error) = self.screen.come_back() {
            tracing::error!(%error, "failed to come back to the screen");
        }
        self.drawn = View::default();
        // It may have another size by now.
        if let Ok((width, height)) = self.screen.size() {
            let _ = self.keys_to.try_send(Event::Resize { width, height });
        }
    }

    async fn tell_profiles(&mut self) {
        match aws::profiles(&self.settings).await {
            Ok((profiles, current)) => {
                let _ = self.keys_to.try_send(Event::Profiles { profiles, current });
            }
            // The source says the same as its state, and that is shown.
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Draws if anything is to be seen that was not there before.
    fn draw(&mut self) -> io::Result<()> {
        let requests = self.model.update(Event::Frame);
        debug_assert!(requests.is_empty(), "drawing asks for nothing");
        let view = view::build(&self.model);
        // Told even if nothing is new: the model knows no heights but these.
        let requests = self.model.update(Event::Drawn(view.shown));
        debug_assert!(requests.is_empty(), "drawing asks for nothing");
        let is_new = view != self.drawn || self.screen.is_dirty();
        self.pace.drew(is_new);
        if !is_new {
            return Ok(());
        }
        self.screen.draw(|buffer| ui::draw(&view, &self.theme, buffer), view.cursor)?;
        self.drawn = view;
        Ok(())
    }
}

/// Whether a person waits to see what comes of it. What arrives while nothing changes on the screen may come together.
fn is_urgent(event: &Event) -> bool {
    match event {
        Event::Facts { .. } | Event::Work { .. } | Event::Frame | Event::Drawn(_) => false,
        Event::Notice { .. }
        | Event::Document { .. }
        | Event::Key(_)
        | Event::Paste(_)
        | Event::Mouse(_)
        | Event::Resize { .. }
        | Event::Tick(_)
        | Event::Contexts { .. }
        | Event::Profiles { .. }
        | Event::LoggedIn { .. }
        | Event::Permitted { .. }
        | Event::Probed { .. }
        | Event::Applying { .. }
        | Event::Journal(_)
        | Event::Copied(_)
        | Event::Saved(_)
        | Event::Terminate => true,
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the dashboard asks the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}
