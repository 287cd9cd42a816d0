//! The state of a session and the only function that changes it: `Model::update(Event) -> Vec<Request>`.
//!
//! Split by concern: `world` takes in facts and judges, `navigate` moves about, `search` owns the prompts, `pages` what
//! lies over the list. Nothing here measures text or knows of colours; that is `view`.

mod condition;
mod explain;
mod go;
mod navigate;
mod pages;
mod screen;
mod search;
mod world;

pub use condition::{Condition, Link, SourceGroup, Trouble};
pub use explain::{Explained, Fit};
pub use pages::what_to_ask_for;
pub use screen::{Flash, Mode, Page, PageKind, Prompt, PromptKind, Screen};

use crate::{
    check::Ledger,
    command::{Line, ViewKind},
    event::{Event, Generation, Level, Notice, Shown},
    graph::Graph,
    ident::{Ref, Text, Timestamp},
    keymap::Keymap,
    tree::{Board, World},
};
use std::time::Duration;
use world::Queue;

/// How long a message stays.
const FLASH: Duration = Duration::from_secs(6);

/// What does not change while the session lasts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub keymap: Keymap,
    /// The command of `:login` where the source names none.
    pub login: Option<Text>,
    /// Where to begin; `None`: the identities.
    pub start: Option<Line>,
    /// The node to stand on as soon as it is there.
    pub focus: Option<Ref>,
}

/// What `update` wants done. The answers come back as events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read what no list has brought.
    Fetch(Vec<Ref>),
    /// Poll everything now.
    Refresh,
    /// Put this on the clipboard.
    Copy(Text),
    /// Start the sources anew, on this context.
    Connect { context: Text, generation: Generation },
    /// Run this command with the screen out of its way.
    Login(Text),
    /// End the session.
    Leave,
}

pub struct Model {
    pub(crate) graph: Graph,
    pub(crate) ledger: Ledger,
    pub(crate) board: Board,
    queue: Queue,
    generation: Generation,
    contexts: Vec<(Text, Text)>,
    context: Option<Text>,
    /// The last one is seen; the others are what `esc` goes back to.
    screens: Vec<Screen>,
    previous: Option<Vec<Screen>>,
    mode: Mode,
    /// Over whatever the mode shows.
    prompt: Option<Prompt>,
    flash: Option<Flash>,
    details_scroll: usize,
    shown: Shown,
    size: (u16, u16),
    now: Timestamp,
    header_hidden: bool,
    /// The context picker was opened by itself; once is enough.
    picker_offered: bool,
    fetched: Vec<Ref>,
    options: Options,
}

impl Model {
    pub fn new(options: Options) -> Model {
        let mut res = Model {
            graph: Graph::default(),
            ledger: Ledger::default(),
            board: Board::default(),
            queue: Queue::default(),
            generation: Generation::default(),
            contexts: Vec::new(),
            context: None,
            screens: vec![Screen::new(ViewKind::Identities)],
            previous: None,
            mode: Mode::List,
            prompt: None,
            flash: None,
            details_scroll: 0,
            shown: Shown::default(),
            size: (80, 24),
            now: Timestamp::UNIX_EPOCH,
            header_hidden: false,
            picker_offered: false,
            fetched: Vec::new(),
            options,
        };
        if let Some(line) = res.options.start.take() {
            res.go(line);
        }
        if let Some(focus) = res.options.focus.take() {
            res.focus(focus);
        }
        res
    }

    /// Takes in what happened and says what has to be done about it.
    pub fn update(&mut self, event: Event) -> Vec<Request> {
        match event {
            Event::Facts { generation, changes } if generation == self.generation => {
                self.observe(changes)
            }
            Event::Notice { generation, notice } if generation == self.generation => {
                self.notify(notice);
                Vec::new()
            }
            // Of a context that was left.
            Event::Facts { .. } | Event::Notice { .. } => Vec::new(),
            Event::Work { units } => self.work(units),
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Resize { width, height } => {
                self.size = (width, height);
                Vec::new()
            }
            Event::Tick(now) => {
                self.now = now;
                if self.flash.as_ref().is_some_and(|it| it.until <= now) {
                    self.flash = None;
                }
                self.renew_rows();
                Vec::new()
            }
            Event::Contexts { contexts, current } => {
                self.contexts = contexts;
                self.context = current.or(self.context.take());
                self.screen_mut().stale = true;
                self.renew_rows();
                Vec::new()
            }
            Event::LoggedIn { ok, output } => self.logged_in(ok, &output),
            Event::Copied(result) => {
                match result {
                    Ok(()) => self.say(Level::Info, "copied"),
                    Err(it) => self.say(Level::Error, &format!("not copied: {it}")),
                }
                Vec::new()
            }
            Event::Saved(result) => {
                match result {
                    Ok(it) => self.say(Level::Info, &format!("saved {it}")),
                    Err(it) => self.say(Level::Error, &format!("not saved: {it}")),
                }
                Vec::new()
            }
            Event::Drawn(shown) => {
                self.drawn(shown);
                Vec::new()
            }
            Event::Terminate => vec![Request::Leave],
        }
    }

    fn logged_in(&mut self, ok: bool, output: &str) -> Vec<Request> {
        if ok {
            self.say(Level::Info, "logged in; reading again");
            return vec![Request::Refresh];
        }
        let last =
            output.lines().rev().find(|it| !it.trim().is_empty()).unwrap_or("it gave no reason");
        self.say(Level::Error, &format!("login failed: {last}"));
        Vec::new()
    }

    fn drawn(&mut self, shown: Shown) {
        self.shown = shown;
        self.screen_mut().top = shown.list_top;
        self.details_scroll = self.details_scroll.min(shown.details_limit);
        match &mut self.mode {
            Mode::Page(page) => page.scroll = page.scroll.min(shown.page_limit),
            // The pane that had the focus is gone.
            Mode::Details if !shown.details_shown => self.mode = Mode::List,
            Mode::List | Mode::Details => {}
        }
    }

    fn notify(&mut self, notice: Notice) {
        self.say(notice.level, &notice.text);
    }

    fn say(&mut self, level: Level, text: &str) {
        // INVARIANT: six seconds after any clock reading is still a timestamp.
        let until = self.now.checked_add(FLASH).unwrap_or(Timestamp::MAX);
        self.flash = Some(Flash { level, text: text.into(), until });
    }

    fn screen_mut(&mut self) -> &mut Screen {
        // INVARIANT: there is always a first screen.
        self.screens.last_mut().expect("a screen")
    }
}

/// # What the view reads
impl Model {
    pub fn screen(&self) -> &Screen {
        // INVARIANT: there is always a first screen.
        self.screens.last().expect("a screen")
    }

    pub fn screens(&self) -> &[Screen] {
        &self.screens
    }

    pub fn world(&self) -> World<'_> {
        World {
            graph: &self.graph,
            ledger: &self.ledger,
            board: &self.board,
            contexts: &self.contexts,
        }
    }

    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    pub fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    pub fn flash(&self) -> Option<&Flash> {
        self.flash.as_ref()
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    pub fn details_scroll(&self) -> usize {
        self.details_scroll
    }

    pub fn is_header_hidden(&self) -> bool {
        self.header_hidden
    }

    pub fn keymap(&self) -> &Keymap {
        &self.options.keymap
    }

    /// The kubeconfig context, once known.
    pub fn context(&self) -> Option<&Text> {
        self.context.as_ref()
    }

    /// Units that wait to be judged.
    pub fn n_waiting(&self) -> usize {
        self.queue.len()
    }
}
