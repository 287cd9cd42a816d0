//! Evidence first: where several explanations print the same error, the one that the data proves is reported, and the
//! others are named as excluded and why.

#[path = "common/faults.rs"]
mod faults;
#[path = "common/files.rs"]
mod files;

use idscope::{
    check::{self, Finding, Ledger, Rule, Severity},
    graph::Graph,
    ident::{Ref, Timestamp},
    identity::Signature,
    lab::{self, World},
    report::{
        explain,
        triage::{Cause, Said, State, triage},
    },
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

struct Read {
    graph: Graph,
    ledger: Ledger,
}

fn read(path: &Path) -> Read {
    let text = fs::read_to_string(path).unwrap();
    let name = path.display().to_string();
    let world = World::parse(&name, &text, now()).unwrap_or_else(|it| panic!("{it}"));
    let mut graph = Graph::default();
    let units: BTreeSet<Ref> =
        lab::changes(&world).into_iter().flat_map(|it| graph.apply(it)).collect();
    let mut ledger = Ledger::default();
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now());
    Read { graph, ledger }
}

impl Read {
    fn codes(&self) -> BTreeSet<&'static str> {
        self.ledger.findings().map(|it| it.code).collect()
    }

    fn finding(&self, code: &str) -> Option<&Finding> {
        self.ledger.findings().find(|it| it.code == code)
    }

    /// What is said of every cause when `explain TARGET --error TEXT` is asked for whom the code was found on.
    fn causes(&self, code: &str, signature: Signature) -> Vec<Cause> {
        let at = &self.finding(code).unwrap_or_else(|| panic!("{code} is not found")).subject.at;
        let said = Said::from(printed(signature).as_str());
        let answer = triage(&self.graph, &self.ledger, &said, Some(at));
        let of = answer.errors.into_iter().find(|it| it.found.signature == signature);
        of.unwrap_or_else(|| panic!("{signature} is not recognised")).causes
    }
}

/// The text of a signature as workloads print it, without a name in it that would say more.
fn printed(it: Signature) -> String {
    it.text()
        .replace("NODE-ROLE/i-…", "node/i-0123456789abcdef0")
        .replace("NODE-ROLE", "arn:aws:sts::999999999999:assumed-role/node/i-0123456789abcdef0")
        .replace("User: ROLE", "User: arn:aws:sts::999999999999:assumed-role/x/s")
        .replace("ACCOUNT", "999999999999")
        .replace("User: ARN", "User: arn:aws:sts::999999999999:assumed-role/x/s")
        .replace("resource: ROLE", "resource: arn:aws:iam::999999999999:role/y")
        .replace("ACTION", "s3:GetObject")
        .replace("open TOKEN", "open /var/run/secrets/eks.amazonaws.com/serviceaccount/token")
}

/// Two codes whose pods print the same, by the reference manual's section on what is reported where several fit; each
/// with the scenario that has it.
const PAIRS: &[(Signature, &str, &str)] = &[
    // One text for every refusal, also for a role that is not there.
    (Signature::E05, "ANN-06", "TRUST-SUB-03"),
    (Signature::E05, "ANN-06", "TRUST-PRIN-01"),
    (Signature::E05, "ANN-07", "TRUST-SUB-01"),
    (Signature::E05, "ANN-07", "ANN-06"),
    (Signature::E05, "ANN-14", "TRUST-SUB-02"),
    (Signature::E05, "ANN-14", "TRUST-DOC-02"),
    (Signature::E05, "TRUST-PRIN-03", "TRUST-MULTI-01"),
    (Signature::E05, "TRUST-PRIN-03", "TRUST-KEY-01"),
    (Signature::E05, "TRUST-KEY-01", "TRUST-KEY-04"),
    (Signature::E05, "TRUST-ACT-01", "TRUST-ACT-02"),
    (Signature::E05, "TRUST-PRIN-01", "TRUST-PRIN-02"),
    (Signature::E05, "TRUST-COND-03", "TRUST-SUB-02"),
    (Signature::E05, "TRUST-AUD-01", "TRUST-SUB-01"),
    (Signature::E05, "TRUST-SUB-06", "TRUST-SUB-02"),
    // No provider for the issuer.
    (Signature::E01, "OIDC-01", "OIDC-02"),
    (Signature::E01, "OIDC-01", "OIDC-03"),
    (Signature::E01, "OIDC-02", "OIDC-03"),
    (Signature::E01, "OIDC-01", "OIDC-04"),
    (Signature::E01, "OIDC-01", "OIDC-09"),
    (Signature::E01, "OIDC-01", "OIDC-10"),
    // The wrong audience.
    (Signature::E02, "OIDC-05", "OIDC-06"),
    (Signature::E02, "OIDC-05", "OIDC-07"),
    // What is sent is no role's ARN.
    (Signature::E06, "ANN-02", "ANN-04"),
    (Signature::E06, "ANN-04", "ANN-05"),
    // Nothing was injected.
    (Signature::E12, "ANN-01", "ANN-11"),
    (Signature::E12, "ANN-01", "ANN-12"),
    (Signature::E12, "ANN-11", "ANN-12"),
    (Signature::E12, "ANN-01", "ANN-16"),
    (Signature::E12, "ANN-01", "HOOK-01"),
    (Signature::E12, "ANN-01", "SA-01"),
    (Signature::E12, "ANN-01", "SA-03"),
    (Signature::E12, "HOOK-01", "HOOK-05"),
    (Signature::E12, "HOOK-01", "HOOK-06"),
    (Signature::E12, "HOOK-05", "HOOK-06"),
    (Signature::E12, "HOOK-03", "HOOK-05"),
    (Signature::E12, "HOOK-03", "HOOK-04"),
    (Signature::E12, "HOOK-01", "PI-POD-01"),
    (Signature::E12, "PI-POD-01", "PI-POD-02"),
    (Signature::E12, "HOOK-06", "PI-POD-02"),
    (Signature::E12, "ANN-01", "PI-ASSOC-04"),
    (Signature::E13, "NODE-01", "HOOK-01"),
    (Signature::E13, "NODE-01", "ANN-01"),
    // No ServiceAccount.
    (Signature::E16, "SA-02", "SA-03"),
    (Signature::E16, "SA-05", "PI-ASSOC-01"),
    (Signature::E16, "PI-ASSOC-01", "PI-ASSOC-02"),
    // EKS may not assume the role.
    (Signature::E18, "PI-TRUST-02", "PI-TRUST-03"),
    (Signature::E18, "PI-TRUST-02", "PI-TRUST-10"),
    (Signature::E18, "PI-TRUST-03", "PI-TRUST-10"),
    (Signature::E18, "PI-ASSOC-08", "PI-TRUST-02"),
    (Signature::E18, "PI-TRUST-01", "PI-TRUST-04"),
    (Signature::E18, "PI-TRUST-05", "PI-TRUST-06"),
    (Signature::E18, "PI-TRUST-05", "PI-TRUST-08"),
    (Signature::E20, "PI-AGENT-01", "PI-AGENT-02"),
];

/// Each pair both ways, with the scenario that has the first one.
fn cases() -> impl Iterator<Item = (Signature, &'static str, &'static str, PathBuf)> {
    let both = |(signature, one, other): &(_, _, _)| {
        [(*signature, *one, *other), (*signature, *other, *one)]
    };
    let path = |it: &str| PathBuf::from(format!("tests/scenarios/{it}/fires.yaml"));
    PAIRS
        .iter()
        .flat_map(both)
        .map(move |(signature, here, not)| (signature, here, not, path(here)))
}

/// What is wrong with what is said of two codes, of which the first is so. `said`: state and reason of a code.
fn told_apart(
    signature: Signature,
    here: &str,
    not: &str,
    said: impl Fn(&str) -> Option<(String, String)>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    match said(here) {
        Some((state, _)) if state == State::Confirmed.as_str() => {}
        Some((state, because)) => wrong.push(format!("{signature} {here} is {state}: {because}")),
        None => wrong.push(format!("{signature} does not name {here}")),
    }
    match said(not) {
        // The reason is this ServiceAccount's, not the manual's.
        Some((state, because))
            if state == State::Excluded.as_str() && !because.starts_with("read, and not so") => {}
        Some((state, because)) => {
            wrong.push(format!("{signature} {here}: {not} is {state}: {because}"));
        }
        None => wrong.push(format!("{signature} does not name {not}")),
    }
    wrong
}

#[test]
fn each_of_two_is_told_by_the_data() {
    let mut wrong = Vec::new();
    for (signature, here, not, path) in cases() {
        let read = read(&path);
        let codes = read.codes();
        if !codes.contains(here) || codes.contains(not) {
            wrong.push(format!("{}: {here} and not {not}: {codes:?}", path.display()));
            continue;
        }
        let causes = read.causes(here, signature);
        wrong.extend(told_apart(signature, here, not, |code| {
            let it = causes.iter().find(|it| it.row.code == code)?;
            Some((it.state.as_str().to_owned(), it.because.clone()))
        }));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// How many programs run at the same time.
const N_AT_ONCE: usize = 4;

#[test]
fn the_program_tells_them_apart_as_well() {
    let cases = Mutex::new(cases());
    let wrong = Mutex::new(Vec::new());
    let next = || cases.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..N_AT_ONCE {
            scope.spawn(|| {
                while let Some((signature, here, not, path)) = next() {
                    let read = read(&path);
                    let target =
                        explain::target_name(&read.graph, &read.finding(here).unwrap().subject.at);
                    let causes = asked(&target, &printed(signature), &path, signature);
                    let said = |code: &str| {
                        let it = causes.iter().find(|it| it["code"] == *code)?;
                        let text = |key: &str| it[key].as_str().unwrap().to_owned();
                        Some((text("state"), text("because")))
                    };
                    wrong.lock().unwrap().extend(told_apart(signature, here, not, said));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What `explain TARGET --error -` says of every cause of the error.
fn asked(target: &str, error: &str, world: &Path, signature: Signature) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_idscope"))
        .args(["explain", target, "--error", "-", "--output", "json"])
        .arg(format!("--demo={}", world.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(error.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{target} in {}: {said}", world.display());
    let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
    let errors = answer["errors"].as_array().unwrap();
    let of = errors.iter().find(|it| it["signature"] == signature.to_string());
    let of = of.unwrap_or_else(|| panic!("{signature} is not recognised in {error}"));
    of["causes"].as_array().unwrap().clone()
}

/// Scenarios in which something stays open, since something is not read or not known.
const OPEN: &[&str] = &["ANN-08/", "ANN-13/fires-documentation", "TRUST-COND-07/", "NODE-01/"];

#[test]
fn whatever_is_found_is_confirmed_and_all_else_is_excluded() {
    let mut wrong = Vec::new();
    let mut n_causes = 0;
    for (code, path) in faults::faults() {
        let row = check::row(&code).unwrap();
        let name = path.display().to_string();
        let read = read(&path);
        let Some(finding) = read.finding(&code) else { continue };
        // What harms nobody prints nothing, and neither does a limit of idscope's.
        let prints = finding.severity <= Severity::Degraded && finding.signature.is_some();
        if !prints {
            continue;
        }
        let is_open = OPEN.iter().any(|it| name.contains(it));
        for signature in row.signatures {
            for it in read.causes(&code, *signature) {
                let is_found = read.codes().contains(it.row.code);
                let expected = match it.row.code == code {
                    true => State::Confirmed,
                    // Pages are seen in no data, and what was found beside it is judged by itself.
                    false if is_found || is_open || matches!(it.row.rule, Rule::Page) => continue,
                    false => State::Excluded,
                };
                n_causes += 1;
                if it.state != expected || it.because.is_empty() {
                    let state = it.state.as_str();
                    let other = it.row.code;
                    wrong.push(format!("{name} {signature}: {other} is {state}: {}", it.because));
                }
            }
        }
    }
    assert!(1_000 < n_causes, "{n_causes}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
