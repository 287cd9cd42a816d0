//! What ends a command early, with what to do about it.

/// A wrong call, an unreadable file, an unknown target, or too little that could be read. Not retryable.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    message: String,
    /// What to do, one line each.
    pub hints: Vec<String>,
    /// The exit status: 2, or 3 where too little could be read to answer.
    pub status: u8,
}

/// Exit status of a wrong call.
const USAGE: u8 = 2;
/// Exit status where too little could be read.
pub const UNKNOWN: u8 = 3;

impl UsageError {
    pub fn new(message: impl Into<String>) -> UsageError {
        UsageError { message: message.into(), hints: Vec::new(), status: USAGE }
    }

    pub fn unread(message: impl Into<String>) -> UsageError {
        UsageError { status: UNKNOWN, ..UsageError::new(message) }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> UsageError {
        self.hints.push(hint.into());
        self
    }
}
