//! Every `idscope` line of the README runs, on the embedded endpoints where it would read a cluster.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// The words after `idscope` of each console line, comments and continuations resolved.
fn lines() -> Vec<String> {
    let text = fs::read_to_string("README.md").unwrap().replace("\\\n", " ");
    text.lines()
        .filter_map(|it| it.strip_prefix("$ "))
        .filter_map(|it| it.split_once("idscope").filter(|(before, _)| !before.contains("cargo")))
        .map(|(_, it)| it.split(" #").next().unwrap_or(it).trim().to_owned())
        .collect()
}

#[test]
fn every_command_of_the_readme_runs() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = fs::read_to_string("tests/vectors/trust-vectors.json").unwrap();
    fs::write(dir.path().join("vectors.json"), vectors).unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    fs::write(dir.path().join("trust.json"), policy).unwrap();
    let mut n_run = 0;
    for line in lines() {
        // The dashboard itself is run in a real terminal by tests/pty.rs.
        let Some(verb) = line.split_whitespace().next() else { continue };
        let mut command = Command::new(env!("CARGO_BIN_EXE_idscope"));
        command.args(line.split_whitespace()).current_dir(dir.path());
        // The journal of whoever runs this is none of ours.
        command.env("HOME", dir.path()).env("XDG_STATE_HOME", dir.path());
        if matches!(verb, "check" | "explain" | "info" | "fix" | "probe") {
            command.arg("--demo");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\n";
        // A command that reads no input may have left already.
        drop(child.stdin.take().unwrap().write_all(log.as_bytes()));
        let out = child.wait_with_output().unwrap();
        let status = out.status.code().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(matches!(status, 0 | 1 | 3), "idscope {line}: exit status {status}: {said}");
        assert!(!out.stdout.is_empty(), "idscope {line}: nothing on stdout: {said}");
        n_run += 1;
    }
    assert!(8 <= n_run, "only {n_run} commands were found in the README");
}

#[test]
fn the_manual_is_what_the_program_prints() {
    let command = ["codes", "--output", "markdown"];
    let out = Command::new(env!("CARGO_BIN_EXE_idscope")).args(command).output().unwrap();
    let printed = String::from_utf8(out.stdout).unwrap();
    if std::env::var_os("IDSCOPE_WRITE_MANUAL").is_some() {
        fs::write("assets/codes.md", &printed).unwrap();
    }
    let kept = fs::read_to_string("assets/codes.md").unwrap();
    let differs = printed.lines().zip(kept.lines()).find(|(a, b)| a != b);
    assert!(
        printed == kept,
        "assets/codes.md is not what `idscope codes --output markdown` prints; write it anew with \
         `IDSCOPE_WRITE_MANUAL=1 cargo test --test readme`. The first difference: {differs:?}"
    );
    assert!(fs::read_to_string("README.md").unwrap().contains("(assets/codes.md)"));
}

/// `cargo …` lines of the benchmarks' page, without what stands before `cargo`.
fn cargo_lines(text: &str) -> Vec<Vec<String>> {
    let code = text.split('`').skip(1).step_by(2).flat_map(str::lines);
    let lines = code.filter_map(|it| it.find("cargo ").map(|at| &it[at..]));
    lines.map(|it| it.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn every_command_of_the_benchmarks_names_what_is_there() {
    let text = fs::read_to_string("BENCHMARKS.md").unwrap();
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let (mut n_benches, mut n_tests) = (0, 0);
    for words in cargo_lines(&text) {
        let line = words.join(" ");
        let after = |flag: &str| {
            let at = words.iter().position(|it| it == flag)?;
            words.get(at + 1).map(String::as_str)
        };
        match (words[1].as_str(), after("--bench"), after("--test")) {
            ("bench", Some(name), None) => {
                assert!(fs::exists(format!("benches/{name}.rs")).unwrap(), "{line}");
                let listed = format!("[[bench]]\nname = \"{name}\"\nharness = false");
                assert!(manifest.contains(&listed), "{line}: not in Cargo.toml");
                let source = fs::read_to_string(format!("benches/{name}.rs")).unwrap();
                for word in words.iter().skip_while(|it| *it != "--").skip(1) {
                    let is_known =
                        word.parse::<u32>().is_ok() || source.contains(&format!("(\"{word}\", "));
                    assert!(is_known, "{line}: nothing in it is called `{word}`");
                }
                n_benches += 1;
            }
            ("test", None, Some(name)) => {
                let single = format!("tests/{name}.rs");
                let dir = format!("tests/{name}");
                let sources: String = match fs::read_to_string(&single) {
                    Ok(it) => it,
                    Err(_) => fs::read_dir(&dir)
                        .unwrap_or_else(|it| panic!("{line}: {it}"))
                        .filter_map(|it| fs::read_to_string(it.unwrap().path()).ok())
                        .collect(),
                };
                let after = words.iter().skip_while(|it| *it != "--test").skip(2);
                for test in after.filter(|it| !it.starts_with('-')) {
                    assert!(sources.contains(&format!("fn {test}(")), "{line}: no such test");
                }
                n_tests += 1;
            }
            ("build" | "run", None, None) => {}
            _ => panic!("{line}: what does it reproduce?"),
        }
    }
    assert!(4 <= n_benches && 1 <= n_tests, "{n_benches} benches and {n_tests} tests");
}
