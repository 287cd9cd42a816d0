//! The scenario files of the codes.

use std::{fs, path::PathBuf};

/// Every one, in the order of their paths.
pub fn scenarios() -> Vec<PathBuf> {
    let mut res = Vec::new();
    for dir in fs::read_dir("tests/scenarios").unwrap() {
        for file in fs::read_dir(dir.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|it| it == "yaml") {
                res.push(path);
            }
        }
    }
    res.sort();
    assert!(!res.is_empty());
    res
}
