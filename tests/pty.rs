//! The binary in a real pseudo-terminal: it starts, follows the size, leaves, and always gives the terminal back.

use idscope::{
    event::{Event, Generation},
    ident::Ref,
    model::Options,
    runtime::{Feed, Launch, run},
    source::Settings,
    ui::{Color, Theme},
};
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read, Write},
    path::PathBuf,
    process::Command,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const WORLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tui/world.yaml");

/// A program in a terminal, and somebody who looks.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    _home: TempDir,
}

impl Terminal {
    fn start(program: PathBuf, arguments: &[&str], env: &[(&str, &str)]) -> Terminal {
        let size = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let home = TempDir::new().unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home.path());
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (to, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(n) = reader.read(&mut bytes) {
                if n == 0 || to.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        let screen = vt100::Parser::new(36, 120, 0);
        Terminal { master: pair.master, keyboard, child, output, screen, _home: home }
    }

    fn idscope(arguments: &[&str]) -> Terminal {
        Terminal::start(env!("CARGO_BIN_EXE_idscope").into(), arguments, &[])
    }

    /// Before the made-up cluster, with everything read.
    fn demo() -> Terminal {
        let mut res = Terminal::idscope(&[&format!("--demo={WORLD}")]);
        res.sees("payments-api");
        res.sees("blocked");
        res
    }

    fn types(&mut self, text: &str) -> &mut Terminal {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Waits until the screen shows this.
    fn sees(&mut self, text: &str) -> &mut Terminal {
        self.waits(text, |it| it.contents().contains(text));
        self
    }

    fn waits(&mut self, what: &str, is_there: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_there(self.screen.screen()) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(it) => panic!("waiting for {what}: {it}\n{}", self.screen.screen().contents()),
            }
        }
    }

    fn resizes(&mut self, cols: u16, rows: u16) -> &mut Terminal {
        self.screen.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        self
    }

    fn signals(&mut self, name: &str) -> &mut Terminal {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        self
    }

    /// Waits for the end, and looks whether the terminal is as it was before.
    fn ends(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(it) => panic!("waiting for the end: {it}\n{}", self.screen.screen().contents()),
            }
        }
        let status = self.child.wait().unwrap();
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen(), "the alternate screen was not left");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        (status, screen.contents())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn starts_follows_the_size_and_leaves() {
    let mut it = Terminal::demo();
    assert!(it.screen.screen().alternate_screen() && it.screen.screen().bracketed_paste());
    it.resizes(80, 24).sees("enter drill  / filter");
    it.resizes(40, 12).sees("identities(all)");
    it.resizes(19, 4).sees("make me bigger");
    it.resizes(120, 36).sees("ctrl-z faults");
    it.types("/mailer").sees("identities(all)[1] </mailer>");
    it.types("\r?").sees("Ask about the selected row").types("q").sees("</mailer>");
    it.types(":q\r");
    let (status, left) = it.ends();
    assert_eq!(status.exit_code(), 0, "{left}");
}

#[test]
fn leaves_by_key_from_a_prompt() {
    let mut it = Terminal::demo();
    it.types(":sa pay").sees(":sa pay").types("\u{3}");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn a_paste_is_explained_and_not_obeyed() {
    let mut it = Terminal::demo();
    it.types("\u{1b}[200~q:q\rInvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.example\u{1b}[201~");
    it.sees("explain").sees("E01").types("q").sees("identities(all)").types("q");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn gives_the_terminal_back_at_a_signal() {
    for (name, code) in [("-TERM", 143), ("-HUP", 129), ("-INT", 130)] {
        let mut it = Terminal::demo();
        it.signals(name);
        assert_eq!(it.ends().0.exit_code(), code, "{name}");
    }
}

#[test]
fn without_a_cluster_it_offers_the_contexts() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("config");
    let cluster = "{name: C, cluster: {server: 'https://127.0.0.1:1'}}";
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n\
         clusters: [{}]\nusers: [{{name: u, user: {{}}}}]\n\
         contexts:\n- {{name: gone, context: {{cluster: C, user: u}}}}\n- {{name: other, context: {{cluster: C, user: u}}}}\n",
        cluster
    );
    std::fs::write(&path, text).unwrap();
    let mut it = Terminal::idscope(&["--no-cache", "--kubeconfig", path.to_str().unwrap()]);
    it.sees("no cluster").sees("contexts[2]").sees("gone · current").sees("other");
    it.types("\u{3}");
    assert_eq!(it.ends().0.exit_code(), 0);
}

struct Nothing;

impl Feed for Nothing {
    fn fetch(&self, _wanted: Vec<Ref>) {}
    fn refresh(&self) {}
}

const CHILD: &str = "IDSCOPE_TEST_CHILD";

/// The loop with a feed that does what the test wants. Runs in a child, which has the terminal.
fn be_the_child(what: &str) {
    let settings = Settings {
        context: None,
        kubeconfig: None,
        namespaces: Vec::new(),
        cluster: None,
        region: None,
        profile: None,
        account_profiles: Vec::new(),
        account_roles: Vec::new(),
        cache_dir: None,
        read_secrets: false,
        request_timeout: PATIENCE,
        poll: PATIENCE,
        env: Vec::new(),
        follow: true,
    };
    let in_task = what == "task";
    let start = move |_: Settings, _: Generation, _: tokio::sync::mpsc::Sender<Event>| {
        assert!(in_task, "a broken invariant");
        tokio::spawn(async { panic!("a broken task") });
        let feed: Box<dyn Feed> = Box::new(Nothing);
        feed
    };
    let theme = Theme::new(Color::Painted, false);
    let launch = Launch { settings, options: Options::default(), theme, start: Box::new(start) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(launch)).unwrap();
}

/// This very test, again, in a terminal of its own.
fn child(test: &str, what: &str) -> Terminal {
    let program = std::env::current_exe().unwrap();
    Terminal::start(program, &["--exact", test, "--nocapture"], &[(CHILD, what)])
}

#[test]
fn gives_the_terminal_back_before_it_says_why_it_panicked() {
    if let Ok(what) = std::env::var(CHILD) {
        return be_the_child(&what);
    }
    let (status, left) =
        child("gives_the_terminal_back_before_it_says_why_it_panicked", "loop").ends();
    assert!(!status.success());
    assert!(left.contains("a broken invariant"), "{left}");
}

#[test]
fn a_task_that_panics_is_a_message_and_not_the_end() {
    if let Ok(what) = std::env::var(CHILD) {
        return be_the_child(&what);
    }
    let mut it = child("a_task_that_panics_is_a_message_and_not_the_end", "task");
    it.sees("a background task failed: a broken task").sees("identities").types("q");
    let (status, left) = it.ends();
    assert!(status.success(), "{left}");
}
