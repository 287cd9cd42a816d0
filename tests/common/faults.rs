//! The scenarios in which something is wrong.

use crate::files;
use std::path::{Path, PathBuf};

/// Each with the code that it is about.
pub fn faults() -> Vec<(String, PathBuf)> {
    let name = |it: &Path| it.file_name().unwrap().to_str().unwrap().to_owned();
    let all = files::scenarios().into_iter().filter(|it| name(it).starts_with("fires"));
    all.map(|it| (name(it.parent().unwrap()), it)).collect()
}
