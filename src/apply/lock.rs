//! One writer a target on this machine: a lock file for each role, ServiceAccount or association that is written, and
//! one for the journal's entry, which tells that somebody is at it.
//!
//! The kernel lets go of it when the process ends, however it ends. Other machines are not seen; for them there is the
//! comparison before and after each write.

use crate::{ident::Ref, plan::digest_of};
use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Retryable: somebody else is at it.
    #[error("{0} is being changed by another idscope on this machine")]
    Taken(String),
    #[error("failed to lock {0}: {1}")]
    Make(String, io::Error),
}

impl Lock {
    pub(crate) fn target(dir: &Path, of: &Ref) -> Result<Lock, LockError> {
        Lock::take(dir, &of.to_string())
    }

    pub(crate) fn entry(dir: &Path, id: &str) -> Result<Lock, LockError> {
        Lock::take(dir, &format!("entry {id}"))
    }

    fn take(dir: &Path, of: &str) -> Result<Lock, LockError> {
        let dir = dir.join("locks");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|it| LockError::Make(of.to_owned(), it))?;
        // Names of targets hold slashes and may be long.
        let path = dir.join(&*digest_of(of.as_bytes()));
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
        let file = file.map_err(|it| LockError::Make(of.to_owned(), it))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken(of.to_owned())),
            Err(TryLockError::Error(it)) => Err(LockError::Make(of.to_owned(), it)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        apply::lock::{Lock, LockError},
        ident::Ref,
    };

    #[test]
    fn two_at_once_are_one_and_one_that_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let role = |name: &str| Ref::Role(format!("arn:aws:iam::111122223333:role/{name}").into());
        let first = Lock::target(dir.path(), &role("a")).unwrap();
        assert!(matches!(Lock::target(dir.path(), &role("a")), Err(LockError::Taken(_))));
        Lock::target(dir.path(), &role("b")).unwrap();
        drop(first);
        Lock::target(dir.path(), &role("a")).unwrap();
    }
}
