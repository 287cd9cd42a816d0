//! The state of a session and the only function that changes it: `Model::update(Event) -> Vec<Request>`.
//!
//! Split by concern: `world` takes in facts and judges, `keys` says what makes sense where, `navigate` moves about, `go`
//! leads elsewhere, `take` marks, copies and saves, `search` owns the prompts, `pages` and `yaml` what lies over the
//! list, `propose` repairs. Nothing here measures text or knows of colours; that is `view`.

mod condition;
mod explain;
mod go;
mod keys;
mod mouse;
mod navigate;
mod options;
mod pages;
mod propose;
mod screen;
mod search;
mod take;
mod world;
mod yaml;

pub use condition::{Condition, Link, SourceGroup, Trouble};
pub use explain::{Explained, Fit};
pub use options::Options;
pub use pages::what_to_ask_for;
pub use propose::{
    Asked, Healing, Journal, Offers, Planned, ProbeStage, Probing, Proposed, Run, Stage, Typed,
    Wrong,
};
pub use screen::{Flash, Mode, Page, PageKind, Prompt, PromptKind, Screen, Search};
pub use yaml::{Content, Yaml};

use crate::{
    check::Ledger,
    command::ViewKind,
    event::{Event, Generation, Level, Shown},
    graph::Graph,
    ident::{Ref, SaKey, Text, Timestamp},
    identity::probe::Ask,
    keymap::Keymap,
    plan::{Order, Whereabouts},
    tree::{Board, World},
};
use std::{collections::BTreeSet, time::Duration};
use world::{Fetched, Queue};

/// How long a message stays.
const FLASH: Duration = Duration::from_secs(6);

/// What `update` wants done. The answers come back as events.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Read what no list has brought.
    Fetch(Vec<Ref>),
    /// Poll everything now.
    Refresh,
    /// Read one object in full.
    Document(Ref),
    /// Put this on the clipboard.
    Copy(Text),
    /// Write what is seen, list or page, to a file.
    SaveSeen,
    /// Write the plan that is seen to files: a script, Terraform, markdown.
    Export,
    /// Ask whether the caller may carry this out; nothing is written.
    Permissions { order: Box<Order>, generation: Generation },
    /// Carry this out. A person has confirmed it.
    Apply(Box<Order>),
    /// Finish the step in flight, and write nothing more.
    StopApply,
    /// Read what was written from here.
    Journal,
    /// An entry of the journal that was cut off, and in which nothing is left to do, is finished: note that and read again.
    Close(Text),
    /// Ask AWS itself, once, with a fresh token. A person has confirmed it.
    Probe { ask: Box<Ask>, place: Box<Whereabouts>, generation: Generation },
    /// Start the sources anew, on this context.
    Connect { context: Text, generation: Generation },
    /// Start the sources anew, reading AWS with this profile.
    UseProfile { profile: Text, generation: Generation },
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Stop as a job of the shell.
    Suspend,
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
    profiles: Vec<Text>,
    profile: Option<Text>,
    /// The last one is seen; the others are what `esc` goes back to.
    screens: Vec<Screen>,
    /// Where one was before, and where one came back from: `[` and `]`.
    past: Vec<Vec<Screen>>,
    future: Vec<Vec<Screen>>,
    /// Lines that were typed after `:`, the last one last.
    lines: Vec<String>,
    /// Namespaces that have a digit: those of the configuration, then those that were visited.
    favourites: Vec<Text>,
    mode: Mode,
    /// Over whatever the mode shows.
    prompt: Option<Prompt>,
    flash: Option<Flash>,
    details_scroll: usize,
    shown: Shown,
    size: (u16, u16),
    now: Timestamp,
    header_hidden: bool,
    crumbs_hidden: bool,
    is_wide: bool,
    has_mouse: bool,
    /// The context picker was opened by itself; once is enough.
    picker_offered: bool,
    fetched: Fetched,
    /// The journal was asked for what was cut off; once is enough.
    journal_asked: bool,
    /// The digest of the plan that is to be put back as soon as the journal is read.
    to_undo: Option<Text>,
    /// Who got from AWS itself what was asked for.
    delivered: BTreeSet<SaKey>,
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
            profiles: Vec::new(),
            profile: None,
            screens: vec![Screen::new(ViewKind::Identities)],
            past: Vec::new(),
            future: Vec::new(),
            lines: Vec::new(),
            favourites: options.namespaces.iter().take(9).cloned().collect(),
            mode: Mode::List,
            prompt: None,
            flash: None,
            details_scroll: 0,
            shown: Shown::default(),
            size: (80, 24),
            now: Timestamp::UNIX_EPOCH,
            header_hidden: false,
            crumbs_hidden: false,
            is_wide: false,
            has_mouse: !options.without_mouse,
            picker_offered: false,
            fetched: Fetched::default(),
            journal_asked: false,
            to_undo: None,
            delivered: BTreeSet::new(),
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
                self.say(notice.level, &notice.text);
                Vec::new()
            }
            Event::Document { generation, of, answer } if generation == self.generation => {
                self.read(&of, answer);
                Vec::new()
            }
            // Of a context that was left.
            Event::Facts { .. } | Event::Notice { .. } | Event::Document { .. } => Vec::new(),
            Event::Work { units } => self.work(units),
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(it) => self.mouse(it),
            Event::Resize { width, height } => {
                self.size = (width, height);
                Vec::new()
            }
            Event::Tick(now) => {
                self.now = now;
                self.judge_lapsed();
                self.look_after_plan();
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
            Event::Profiles { profiles, current } => {
                self.profiles = profiles;
                self.profile = current.or(self.profile.take());
                self.screen_mut().stale = true;
                self.renew_rows();
                Vec::new()
            }
            Event::LoggedIn { ok, output } => self.logged_in(ok, &output),
            Event::Permitted { generation, plan, may } => {
                self.permitted(generation, *plan, may);
                Vec::new()
            }
            Event::Probed { generation, probed } => {
                self.probed(generation, *probed);
                Vec::new()
            }
            Event::Applying { digest, progress } => self.progress(&digest, progress),
            Event::Journal(answer) => self.journal_read(answer),
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
            Event::Frame => {
                self.renew_rows_if_cheap();
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
        self.question_seen();
        match &mut self.mode {
            Mode::Page(page) => page.drawn(shown),
            // The pane that had the focus is gone.
            Mode::Details if !shown.details_shown => self.mode = Mode::List,
            Mode::List | Mode::Details => {}
        }
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
            profiles: &self.profiles,
            now: self.now,
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

    pub fn are_crumbs_hidden(&self) -> bool {
        self.crumbs_hidden
    }

    /// The list has the whole width.
    pub fn is_wide(&self) -> bool {
        self.is_wide
    }

    /// Namespaces that have a digit, from 1 on.
    pub fn favourites(&self) -> &[Text] {
        &self.favourites
    }

    pub fn keymap(&self) -> &Keymap {
        &self.options.keymap
    }

    /// The kubeconfig context, once known.
    pub fn context(&self) -> Option<&Text> {
        self.context.as_ref()
    }

    /// The AWS profile that was asked for by name, if any was.
    pub fn profile(&self) -> Option<&Text> {
        self.profile.as_ref()
    }

    /// Units that wait to be judged.
    pub fn n_waiting(&self) -> usize {
        self.waiting()
    }
}
