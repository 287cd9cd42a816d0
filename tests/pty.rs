//! The binary in a real pseudo-terminal: it starts, follows the size, leaves, and always gives the terminal back.

use idscope::{
    event::{Event, Generation},
    ident::Ref,
    lab::{
        Lab, World,
        scenario::{Answer, Fault, When},
    },
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
    home: TempDir,
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
        Terminal { master: pair.master, keyboard, child, output, screen, home }
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
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
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
fn a_storm_of_sizes_ends_in_the_last_one() {
    let mut it = Terminal::demo();
    for n in 0..200u16 {
        it.resizes(10 + n * 7 % 200, 3 + n * 5 % 60);
    }
    it.resizes(100, 30).sees("ctrl-z faults").types("q");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn the_mouse_is_heard_until_it_is_let_go() {
    let mut it = Terminal::demo();
    it.waits("the mouse", |it| it.mouse_protocol_mode() != vt100::MouseProtocolMode::None);
    // A press on the third row of the list, as the terminal reports it.
    it.types("\u{1b}[<0;10;7M\u{1b}[<0;10;7m").sees("╭ sa bi/foreign");
    it.types(":mouse\r").sees("the mouse is the terminal's");
    it.waits("no mouse", |it| it.mouse_protocol_mode() == vt100::MouseProtocolMode::None);
    it.types("q");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn whole_objects_are_read_from_the_cluster() {
    let mut it = Terminal::demo();
    it.types(":pods payments /mailer\r").sees("pods(payments)[1]").types("y");
    it.sees("yaml of pod payments/mailer-0").sees("kind: Pod").sees("serviceAccountName: mailer");
    it.types("/arn\r").sees("</arn> 1 of").types("\u{1b}");
    it.waits("no search", |it| !it.contents().contains("</arn>"));
    it.types("\u{1b}").sees("pods(payments)[1]").types("qq");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn what_is_seen_is_saved_to_a_file() {
    let mut it = Terminal::demo();
    it.types(":sa payments\r").sees("identities(payments)[4]").types("\u{13}").sees("· saved ");
    let home = it.home.path().to_owned();
    let dir = home.join(".local/state/idscope/saved");
    let saved: Vec<_> = std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    let text = std::fs::read_to_string(&saved[0]).unwrap();
    assert!(text.contains("api,irsa,payments-api"), "{text}");
    it.types("q");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn stops_as_a_job_of_the_shell_and_goes_on() {
    let program = env!("CARGO_BIN_EXE_idscope");
    let mut it = Terminal::start("/bin/sh".into(), &["-i"], &[("PS1", "ready> ")]);
    it.sees("ready> ").types(&format!("'{program}' '--demo={WORLD}'\r")).sees("payments-api");
    it.types(":suspend\r");
    it.waits("the shell", |it| !it.alternate_screen() && it.contents().contains("topped"));
    it.types("fg\r").waits("the dashboard", |it| it.alternate_screen());
    it.sees("payments-api").types(":sa shop\r").sees("identities(shop)").types(":q\r");
    it.waits("the shell", |it| {
        !it.alternate_screen() && it.contents().trim_end().ends_with("ready>")
    });
    it.types("exit\r");
    let _ = it.ends();
}

#[test]
fn without_a_shell_it_says_that_it_cannot_stop() {
    let mut it = Terminal::demo();
    it.types(":suspend\r").sees("not stopped: there is no shell").types("q");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn goes_on_after_somebody_stopped_it() {
    let mut it = Terminal::demo();
    it.signals("-STOP").signals("-CONT").types(":sa shop\r").sees("identities(shop)").types("q");
    assert_eq!(it.ends().0.exit_code(), 0);
}

#[test]
fn the_login_command_has_the_terminal_to_itself() {
    let home = TempDir::new().unwrap();
    let config = "login: \"sh -c 'echo who are you; read it; echo hello $it'\"\n";
    std::fs::write(home.path().join("config.yaml"), config).unwrap();
    let kubeconfig = home.path().join("kube");
    std::fs::write(&kubeconfig, "apiVersion: v1\nkind: Config\n").unwrap();
    let arguments = ["--no-cache", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let env = [("IDSCOPE_CONFIG_DIR", home.path().to_str().unwrap())];
    let mut it = Terminal::start(env!("CARGO_BIN_EXE_idscope").into(), &arguments, &env);
    it.sees("no cluster").types(":login\r").sees("who are you");
    assert!(!it.screen.screen().alternate_screen() && !it.screen.screen().bracketed_paste());
    it.types("kim\r").sees("logged in; reading again").types("\u{3}");
    assert_eq!(it.ends().0.exit_code(), 0);
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
    fn document(&self, _of: Ref) {}
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
        writes: Default::default(),
    };
    let in_task = what == "task";
    let start = move |_: Settings, _: Generation, _: tokio::sync::mpsc::Sender<Event>| {
        assert!(in_task, "a broken invariant");
        tokio::spawn(async { panic!("a broken task") });
        let feed: Box<dyn Feed> = Box::new(Nothing);
        feed
    };
    let theme = Theme::new(Color::Painted, false);
    let options = Options::default();
    let start = Box::new(start);
    let launch = Launch { settings, options, theme, start, save_dir: None, journal_dir: None };
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

/// Counts the keys.
struct Fingers<'a> {
    it: &'a mut Terminal,
    n_keys: usize,
}

impl Fingers<'_> {
    fn press(&mut self, text: &str) -> &mut Self {
        self.n_keys += text.chars().count();
        self.it.types(text);
        self
    }

    fn sees(&mut self, text: &str) -> &mut Self {
        self.it.sees(text);
        self
    }
}

/// See the fault, read why, fix it, see it verified, put it back: on the embedded demo, with few keys.
#[test]
fn a_triage_takes_fewer_than_twenty_keys() {
    let mut it = Terminal::idscope(&["--demo"]);
    it.sees("blocked").sees("identities(all)");
    let mut hand = Fingers { it: &mut it, n_keys: 0 };
    // See the fault and read why.
    hand.press(":f\r").sees("findings(all)");
    // The third row, once everything is judged; what comes later does not move the selection.
    let third = |it: &vt100::Screen| it.contents().lines().nth(6).map(str::to_owned);
    let is_there = |it: &vt100::Screen| third(it).is_some_and(|it| it.contains("TRUST-SUB-03"));
    hand.it.waits("the fault in the third row", is_there);
    let title = |it: &vt100::Screen| {
        let contents = it.contents();
        contents.lines().filter(|it| it.starts_with("╭ ")).nth(1).map(str::to_owned)
    };
    let is_chosen = |it: &vt100::Screen| title(it).is_some_and(|it| it.contains("TRUST-SUB-03"));
    for _ in 0..4 {
        if is_chosen(hand.it.screen.screen()) {
            break;
        }
        let before = title(hand.it.screen.screen());
        hand.press("j").it.waits("the next row", |it| title(it) != before);
    }
    hand.sees("stray whitespace in the subject").sees("╭ TRUST-SUB-03 ");
    // Fix it.
    hand.press("f").sees("fixes for TRUST-SUB-03").press("\r").sees("Whom it concerns");
    hand.sees("✔ iam:UpdateAssumeRolePolicy");
    hand.press("a").sees("type yes to apply").press("yes\r");
    hand.sees("repaired: finding gone, verdict allow");
    // Put it back.
    hand.press("u").sees("Whom it concerns").sees("undo 20").sees("✔ iam:UpdateAssumeRolePolicy");
    hand.press("a").sees("type yes to apply").press("yes\r").sees("undone");
    let n_keys = hand.n_keys;
    assert!(n_keys < 20, "{n_keys} keys");
    it.types("\u{1b}").sees("TRUST-SUB-03").types(":undo\r").sees("undone by");
    it.types("\u{3}");
    assert_eq!(it.ends().0.exit_code(), 0);
}

/// A terminal that hands over "a", the words and enter at once has not shown the question.
#[test]
fn words_that_came_before_the_question_apply_nothing() {
    let mut it = Terminal::demo();
    it.types(":sa payments /api\r").sees("identities(payments)[1]").types("jf").sees("fixes for");
    it.types("\r").sees("Whom it concerns").sees("✔ iam:UpdateAssumeRolePolicy");
    it.types("ayes\r").sees("type yes to apply");
    it.types("\u{1b}").sees("a apply").types(":undo\r").sees("Nothing was written from here yet");
    it.types("\u{3}");
    assert_eq!(it.ends().0.exit_code(), 0);
}

/// Runs `WRITER | idscope explain -` in the foreground of a terminal, which sends an interrupt to both, and types the
/// interrupt once nothing but that ends the log. `after`: what is typed when idscope has answered.
///
/// Gives the status, the answer, and what was said beside it.
fn interrupts_a_log(writer: &str, after: Option<&str>) -> (i32, String, String) {
    let home = TempDir::new().unwrap();
    let answer = home.path().join("answer");
    let script = format!(
        "trap : INT; sh -c '{writer}' | \"$IDSCOPE\" explain - --demo={WORLD} >\"$ANSWER\"; echo \"ended with $?.\""
    );
    let program = env!("CARGO_BIN_EXE_idscope");
    let env = [("IDSCOPE", program), ("ANSWER", answer.to_str().unwrap())];
    let mut it = Terminal::start("/bin/sh".into(), &["-c", &script], &env);
    // The writer waits, and so does its reader.
    it.sees("the writer waits").sees("ctrl-c ends the log").types("\u{3}");
    if let Some(keys) = after {
        it.sees("lines say").types(keys);
    }
    it.sees("ended with ");
    let (_, screen) = it.ends();
    let status = screen.split("ended with ").nth(1).unwrap().split('.').next().unwrap();
    (status.parse().unwrap(), std::fs::read_to_string(answer).unwrap(), screen)
}

#[test]
fn an_interrupt_ends_the_log_and_not_the_answer() {
    // Flushes what it has and ends, as `kubectl logs -f` does.
    let writer = "sleep 600 >/dev/null & \
        trap \"echo [pod/api-7d9f5c-abcde/app] AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity; kill $!; exit 130\" INT; \
        echo all is well; echo the writer waits >&2; wait";
    let (status, answer, said) = interrupts_a_log(writer, None);
    assert_eq!(status, 1, "{answer}{said}");
    for it in ["E05", "payments/api", "TRUST-SUB-03"] {
        assert!(answer.contains(it), "no `{it}` in {answer}{said}");
    }
    // Takes no notice and lives on, until its input ends.
    let writer = "trap \"\" INT; echo all is well; echo the writer waits >&2; exec cat";
    let (status, answer, said) = interrupts_a_log(writer, Some("\u{4}"));
    assert_eq!(status, 3, "{answer}{said}");
    assert!(answer.contains("none of the 36"), "{answer}{said}");
    assert!(said.contains("this is what the first 1 lines say"), "{said}");
}

/// Two workloads, of which the first never becomes Ready again once it is restarted.
fn slow_world() -> String {
    let issuer = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
    let head = "---\napiVersion: lab.idscope.dev/v1\nkind:";
    let workload = |name: &str, more: &str| {
        let of_it = "containers: [{name: app, image: a}], serviceAccountName: web";
        let pod = |i: u8| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{i}, namespace: shop, labels: {{app: {name}}}, \
                 ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: {name}, controller: true}}]}}\nspec: {{{of_it}}}\n"
            )
        };
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{replicas: 2, selector: \
             {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{{of_it}{more}}}}}}}\n{}{}",
            pod(1),
            pod(2)
        )
    };
    format!(
        "{head} EksCluster\nname: prod\naccount: \"111122223333\"\nregion: eu-west-1\nissuer: https://{issuer}\n\
         {head} EksDefaults\n{head} OidcProvider\naccount: \"111122223333\"\nurl: {issuer}\nclientIds: [sts.amazonaws.com]\n\
         {head} IamRole\narn: arn:aws:iam::111122223333:role/web\nattachedPolicies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]\n\
         trustPolicy: {{Version: \"2012-10-17\", Statement: [{{Effect: Allow, Principal: {{Federated: \
         \"arn:aws:iam::111122223333:oidc-provider/{issuer}\"}}, Action: sts:AssumeRoleWithWebIdentity, Condition: {{StringEquals: \
         {{\"{issuer}:sub\": \"system:serviceaccount:shop:web\", \"{issuer}:aud\": sts.amazonaws.com}}}}}}]}}\n\
         ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: web, namespace: shop, annotations: \
         {{eks.amazonaws.com/role-arn: \"arn:aws:iam::111122223333:role/web \"}}}}\n{}{}",
        workload("a-slow", ", readinessGates: [{conditionType: shop/warm}]"),
        workload("b-other", "")
    )
}

/// Every way out of a plan that runs stops it first, and shows what was applied.
#[test]
fn a_plan_that_runs_is_stopped_before_anybody_leaves() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("slow.yaml");
    std::fs::write(&file, slow_world()).unwrap();
    for way in ["\u{1b}", "q", "\u{3}"] {
        let mut it = Terminal::idscope(&[&format!("--demo={}", file.display())]);
        it.sees("blocked").types(":sa shop /web\r").sees("identities(shop)[1]");
        it.types(":goal irsa\r").sees("make IRSA work for `shop/web`");
        it.sees("✔ patch deployments in shop").types("a").sees("type prod to apply");
        it.types("prod\r").sees("deploy/shop/a-slow goes first").types(way);
        it.sees("stopped: 2 of 3 steps were written");
        it.types(":undo\r").sees("stopped after 2 of 3 steps").types("\u{3}");
        assert_eq!(it.ends().0.exit_code(), 0);
    }
}

/// The dashboard on endpoints that fail on every call that would change something, with every key pressed: none comes.
#[test]
fn read_only_sends_nothing_that_changes_anything() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let text = std::fs::read_to_string(WORLD).unwrap();
    let now = "2026-01-10T12:00:00Z".parse().unwrap();
    let lab =
        runtime.block_on(Lab::start(World::parse("world.yaml", &text, now).unwrap())).unwrap();
    for api in [
        "kube:*:create",
        "kube:*:patch",
        "kube:*:update",
        "kube:*:delete*",
        "iam:Add*",
        "iam:Create*",
        "iam:Delete*",
        "iam:Remove*",
        "iam:Update*",
        "eks:Create*",
        "eks:Delete*",
        "eks:Update*",
        "eks-auth:*",
    ] {
        lab.break_with(Fault {
            api: api.into(),
            answer: Answer::Deny,
            resource: None,
            after_events: None,
            times: None,
            when: When::Before,
        });
    }
    let config = TempDir::new().unwrap();
    std::fs::write(config.path().join("config.yaml"), "contexts: {'*': {readonly: true}}\n")
        .unwrap();
    let kubeconfig = lab.kubeconfig().to_str().unwrap().to_owned();
    let none = TempDir::new().unwrap();
    let flag = ["--no-cache", "--readonly", "--kubeconfig", &kubeconfig];
    let by_context = ["--no-cache", "--kubeconfig", &kubeconfig];
    for (arguments, dir) in [(&flag[..], none.path()), (&by_context[..], config.path())] {
        let mut env = lab.settings_env();
        env.push(("IDSCOPE_CONFIG_DIR".to_owned(), dir.to_str().unwrap().to_owned()));
        let env: Vec<(&str, &str)> = env.iter().map(|(a, b)| (&**a, &**b)).collect();
        let mut it = Terminal::start(env!("CARGO_BIN_EXE_idscope").into(), arguments, &env);
        it.sees("payments-api").sees("blocked");
        it.types("?").sees("the keys that write are not there");
        it.types(":sa payments /api\r").sees("identities(payments)[1]");
        it.types("f").sees("fixes for sa payments/api").types("\r").sees("Whom it concerns");
        it.sees("look: ").types("ayes\r").sees("look: ");
        // Whatever a hand may hit, but for what leaves and what opens a prompt.
        for key in ('!'..='~').filter(|it| !"q:/".contains(*it)) {
            it.types(&key.to_string());
        }
        let goals = ["irsa", "pod-identity", "migrate", "leave-migration"];
        let goals = goals.map(|it| format!("goal {it}"));
        for line in ["undo", "login", "roles"].into_iter().chain(goals.iter().map(|it| &**it)) {
            it.types(":sa payments\r").sees("identities(payments)[4]");
            it.types(&format!(":{line}\r")).types("auryes\r");
        }
        it.types(":assoc\r").sees("associations(all)").types("\u{3}");
        assert_eq!(it.ends().0.exit_code(), 0);
    }
    assert_eq!(lab.mutations(), []);
}
