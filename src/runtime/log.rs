//! The log: into a file that was asked for, nowhere else, since the screen is taken.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};
use tracing_subscriber::EnvFilter;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not retryable: another path is needed.
    #[error("open the log file `{0}`")]
    Open(PathBuf, #[source] io::Error),
    #[error("start the log: one is running")]
    Twice,
}

/// Appends to the file what the filter lets through; `info` for ours and `warn` for all others where it is empty.
pub fn log_to(path: &Path, filter: &str) -> Result<(), LogError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|it| LogError::Open(path.to_owned(), it))?;
    let filter = if filter.is_empty() { "warn,idscope=info" } else { filter };
    tracing_subscriber::fmt()
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(filter))
        .try_init()
        .map_err(|_| LogError::Twice)
}
