//! Keeps the module graph a ladder: a module may name only the modules above it in `lib.rs`.
//!
//! One crate has no layers that the compiler enforces, so this test is the compiler for them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const MAX_CODE_LINES: usize = 400;

/// The modules that may touch the world; every other one is pure.
const IO: &[&str] = &["ui", "source", "apply", "lab", "runtime", "cli"];

/// What a pure module may not contain.
const WORLD: &[&str] = &[
    "tokio::",
    "kube::",
    "aws_sdk_",
    "aws_config::",
    "aws_smithy_",
    "aws_credential_types::",
    "aws_runtime::",
    "aws_types::",
    "ratatui::",
    "crossterm::",
    "std::fs",
    "std::env",
    "std::net",
    "::now()",
    "async fn",
    ".await",
    "hyper::",
    "SystemTime",
    "Instant::",
];

/// Only the loop may name what does IO, and what does IO knows nothing of the screen.
const FENCES: &[(&str, &[&str])] = &[
    ("ui", &["model", "source", "lab"]),
    ("source", &["tree", "model", "view", "ui"]),
    ("apply", &["tree", "model", "view", "ui", "check"]),
    ("lab", &["tree", "model", "view", "ui"]),
];

#[test]
fn modules_only_look_up_the_ladder() {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let ladder: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .filter_map(|rest| rest.strip_suffix(';'))
        .collect();
    let rung = |module: &str| ladder.iter().position(|it| *it == module);

    let mut wrong = Vec::new();
    for path in rust_files(Path::new("src")) {
        let Some(here) = top_module(&path) else {
            continue;
        };
        let Some(here_rung) = rung(&here) else {
            continue;
        };
        let code = code_of(&path);
        if code.contains("super::") {
            wrong.push(format!("{}: write `crate::` instead of `super::`", path.display()));
        }
        for target in crate_paths(&code) {
            let fenced = FENCES.iter().any(|(it, far)| *it == here && far.contains(&&*target));
            if fenced || rung(&target).is_some_and(|it| here_rung < it) {
                wrong.push(format!("{}: `{here}` must not name `{target}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_touch_nothing() {
    let mut wrong = Vec::new();
    for path in rust_files(Path::new("src")) {
        if top_module(&path).is_none_or(|it| IO.contains(&&*it)) {
            continue;
        }
        let code = code_of(&path);
        for word in WORLD.iter().filter(|it| code.contains(**it)) {
            wrong.push(format!("{}: `{word}` in a pure module", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let long: Vec<_> = rust_files(Path::new("src"))
        .into_iter()
        .map(|path| (code_of(&path).lines().count(), path))
        .filter(|(n_lines, _)| MAX_CODE_LINES < *n_lines)
        .collect();
    assert!(long.is_empty(), "over {MAX_CODE_LINES} lines of code: {long:?}");
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut res = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            res.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            res.push(path);
        }
    }
    res
}

/// The file without its comments and without its test module at the bottom.
fn code_of(path: &Path) -> String {
    let source = fs::read_to_string(path).unwrap();
    let end = ["mod tests", "pub(crate) mod tests"]
        .iter()
        .filter_map(|it| source.find(&format!("#[cfg(test)]\n{it}")))
        .min()
        .unwrap_or(source.len());
    let code = &source[..end];
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn top_module(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").ok()?.components().next()?.as_os_str().to_str()?;
    let name = first.trim_end_matches(".rs");
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

/// The first segment after every `crate::`, grouped imports included.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            res.insert(ident(rest));
            continue;
        };
        let (mut depth, mut at_start) = (0usize, true);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_start = true,
                c if at_start && depth == 0 && !c.is_whitespace() => {
                    res.insert(ident(&group[i..]));
                    at_start = false;
                }
                _ => {}
            }
        }
    }
    res
}

fn ident(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
