//! Everything that can happen, in one closed enum. Keys, facts and time arrive in one order.

use crate::{
    fact::Change,
    ident::{Text, Timestamp},
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
    /// The login command of `:login` ended.
    LoggedIn {
        ok: bool,
        output: Text,
    },
    /// What was asked to be copied went to the clipboard, or why not.
    Copied(Result<(), Text>),
    /// A file was written on request (`ctrl-s`), or why not.
    Saved(Result<Text, Text>),
    /// Nothing else waits: judge at most this many of the units that do. The loop measures how many fit into a frame.
    Work {
        units: usize,
    },
    /// A frame was drawn; what came of the sizes. Changes nothing that is seen.
    Drawn(Shown),
    /// SIGTERM, SIGHUP: leave now.
    Terminate,
}

/// Where a frame ended up, since only the layout knows heights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Rows that the list had room for.
    pub list_height: usize,
    /// The list's first visible row.
    pub list_top: usize,
    /// How far the details could be scrolled.
    pub details_limit: usize,
    /// How far the open page could be scrolled.
    pub page_limit: usize,
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
