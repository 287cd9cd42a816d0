//! What is kept of a paste or of a log, however long it is.

use crate::{
    check::Row,
    identity::signature::{Match, Reader},
    report::triage::hints,
};
use std::collections::HashSet;

/// What a paste or a log says, as far as it is of use.
#[derive(Clone, Default)]
pub struct Said {
    pub(crate) found: Vec<Match>,
    /// What may be the names of pods.
    pub(crate) names: HashSet<String>,
    pub(crate) hints: Vec<&'static Row>,
}

/// A log as it comes in: of any length, and what is kept of it is not.
#[derive(Default)]
pub struct Log {
    reader: Reader,
    names: HashSet<String>,
    hints: Vec<&'static Row>,
}

/// A log that has a new word in each line is not kept whole.
const MOST_NAMES: usize = 100_000;

impl Log {
    /// What comes next; best whole lines.
    pub fn push(&mut self, text: &str) {
        self.reader.push(text);
        let is_of_name =
            |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "-.".contains(it);
        for word in text.split(|it| !is_of_name(it)).filter(|it| it.contains('-')) {
            if self.names.len() < MOST_NAMES && word.len() <= 253 && !self.names.contains(word) {
                self.names.insert(word.to_owned());
            }
        }
        for row in hints::of(text) {
            if !self.hints.iter().any(|it| it.code == row.code) {
                self.hints.push(row);
            }
        }
    }

    /// Whether one of the signatures is in it so far.
    pub fn is_known(&self) -> bool {
        self.reader.is_known()
    }

    pub fn finish(self) -> Said {
        Said { found: self.reader.finish(), names: self.names, hints: self.hints }
    }
}

impl From<&str> for Said {
    fn from(text: &str) -> Said {
        let mut log = Log::default();
        log.push(text);
        log.finish()
    }
}
