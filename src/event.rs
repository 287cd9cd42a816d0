//! Everything that can happen, in one closed enum. Keys, facts and time arrive in one order.

use crate::{
    fact::Change,
    ident::{Ref, Text, Timestamp},
    identity::probe::Probed,
    plan::{Entry, May, Plan, Progress},
};

pub use crate::keymap::{Key, KeyCode};

/// Which run of the sources an event comes from; events of an older run (another context) are dropped at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

#[derive(Clone, Debug)]
pub enum Event {
    /// Sources observed something.
    Facts {
        generation: Generation,
        changes: Vec<Change>,
    },
    /// Something that the person should read once: a retry, a fallback, a refused login.
    Notice {
        generation: Generation,
        notice: Notice,
    },
    /// A key, already decoded; repeats included, releases not.
    Key(Key),
    /// Bracketed paste, verbatim.
    Paste(String),
    Mouse(Mouse),
    Resize {
        width: u16,
        height: u16,
    },
    /// Once a second, and before the first draw.
    Tick(Timestamp),
    /// The kubeconfig's contexts, `(name, cluster)`; the current one's name.
    Contexts {
        contexts: Vec<(Text, Text)>,
        current: Option<Text>,
    },
    /// The profiles of the AWS configuration; the one that was asked for by name, if any.
    Profiles {
        profiles: Vec<Text>,
        current: Option<Text>,
    },
    /// An object as the API server has it, or why it could not be read.
    Document {
        generation: Generation,
        of: Ref,
        answer: Result<Document, Text>,
    },
    /// The login command of `:login` ended.
    LoggedIn {
        ok: bool,
        output: Text,
    },
    /// Whether the caller may carry a plan out, one answer a step; with the plan as it is known better now: what of it
    /// can be undone, only asking tells.
    Permitted {
        generation: Generation,
        plan: Box<Plan>,
        may: Vec<May>,
    },
    /// How the plan with this digest goes.
    Applying {
        digest: Text,
        progress: Progress,
    },
    /// What AWS itself answered.
    Probed {
        generation: Generation,
        probed: Box<Probed>,
    },
    /// What the journal has, oldest first, or why it cannot be read.
    Journal(Result<Vec<Noted>, Text>),
    /// What was asked to be copied went to the clipboard, or why not.
    Copied(Result<(), Text>),
    /// A file was written on request (`ctrl-s`), or why not.
    Saved(Result<Text, Text>),
    /// Nothing else waits: judge at most this many of the units that do. The loop measures how many fit into a frame.
    Work {
        units: usize,
    },
    /// A frame is about to be drawn: what it shows has to be up to date, as far as that costs less than the frame.
    Frame,
    /// A frame was drawn; what came of the sizes. Changes nothing that is seen.
    Drawn(Shown),
    /// SIGTERM, SIGHUP: leave now.
    Terminate,
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    pub entry: Entry,
    /// Somebody on this machine is at work on it.
    pub is_running: bool,
}

/// An object in full, as YAML, with credentials left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub text: Text,
    /// The same with `metadata.managedFields`; `None`: it has none.
    pub with_managed_fields: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    pub x: u16,
    pub y: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button, pressed.
    Click,
    WheelUp,
    WheelDown,
}

/// A part of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

impl Rect {
    pub fn has(self, x: u16, y: u16) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }
}

/// Where a frame ended up, since only the layout knows heights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Rows that the list had room for.
    pub list_height: usize,
    /// The list's first visible row.
    pub list_top: usize,
    /// Where the rows stand, without edges and heads.
    pub rows: Rect,
    /// Where the details stand; empty where they have no pane.
    pub details: Rect,
    /// How far the details could be scrolled.
    pub details_limit: usize,
    /// How far the open page could be scrolled.
    pub page_limit: usize,
    /// Its first visible line: a match that was gone to is in sight.
    pub page_top: usize,
    /// Its first visible column.
    pub page_left: usize,
    /// How far it could be moved to the side.
    pub page_left_limit: usize,
    /// Places on the open page that match what is searched.
    pub n_matches: usize,
    /// Lines of the open page that there was room for.
    pub page_height: usize,
    /// Whether there was room for the details beside or below the list.
    pub details_shown: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub level: Level,
    /// One line.
    pub text: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Warning,
    Error,
}
