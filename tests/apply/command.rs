//! The program itself, on a lab of its own or on one that a test serves.

use crate::world::Home;
use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// A healthy cluster: `shop/web` by annotation, `shop/pi` by association.
pub const BASE: &str = include_str!("../cli/base.yaml");

/// A scenario file.
pub struct Scenario {
    // Removed with the test.
    _dir: tempfile::TempDir,
    pub path: PathBuf,
}

impl Scenario {
    pub fn new(text: &str) -> Scenario {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("world.yaml");
        std::fs::write(&path, text).unwrap();
        Scenario { _dir: dir, path }
    }

    /// The program on a demo of it.
    pub fn idscope(&self, args: &[&str]) -> Command {
        let mut res = plain(args);
        res.arg(format!("--demo={}", self.path.display()));
        res
    }
}

/// The program without anything of the caller's.
pub fn plain(args: &[&str]) -> Command {
    let mut res = Command::new(env!("CARGO_BIN_EXE_idscope"));
    res.env_clear().args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    res
}

/// The program on the lab of another process, with a home of its own.
pub fn idscope(home: &Home, args: &[&str]) -> Command {
    let mut res = plain(args);
    let dir = home.state.path();
    res.envs(home.lab.settings_env()).env("HOME", dir).env("XDG_STATE_HOME", dir.join("xdg"));
    res.env("IDSCOPE_CONFIG_DIR", dir.join("config"));
    res
}

/// Runs the program beside the lab, which needs a thread.
pub async fn output(home: &Home, args: &[&str]) -> Output {
    let mut command = idscope(home, args);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn said(out: &Output) -> String {
    format!("{}\n--- stderr\n{}", text(&out.stdout), text(&out.stderr))
}

/// Runs it and holds it to its exit status and to words on stdout, or on stderr after `!`.
#[track_caller]
pub fn expect(mut command: Command, status: i32, words: &[&str]) -> Output {
    let out = command.output().unwrap();
    assert_eq!(out.status.code(), Some(status), "{command:?}: {}", said(&out));
    for word in words {
        let (word, of) = match word.strip_prefix('!') {
            Some(it) => (it, &out.stderr),
            None => (*word, &out.stdout),
        };
        assert!(text(of).contains(word), "{command:?}: no `{word}` in: {}", said(&out));
    }
    out
}
