//! `trust eval` and `trust test` as a person meets them: on right, wrong and broken files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

const ISSUER: &str = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111";

/// Runs idscope and tells its status, stdout and stderr.
fn idscope(args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_idscope")).args(args).output().unwrap();
    let text = |it: Vec<u8>| String::from_utf8(it).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn file(dir: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn eval(path: &Path, more: &[&str]) -> (i32, String, String) {
    let mut args = vec!["trust", "eval", "--trust-policy", path.to_str().unwrap()];
    args.extend(["--account", "111122223333", "--issuer", ISSUER, "--service-account", "app"]);
    args.extend(more);
    idscope(&args)
}

fn right() -> String {
    format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Effect": "Allow",
      "Principal": {{"Federated": "arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}},
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {{"StringEquals": {{"{ISSUER}:sub": "system:serviceaccount:default:app"}}}}
    }}
  ]
}}
"#
    )
}

/// The first line of stdout for a broken policy, after the file's name; the status is 3.
#[track_caller]
fn check_broken(policy: impl AsRef<[u8]>, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "trust.json", policy);
    let (status, out, _) = eval(&path, &[]);
    let first = out.lines().next().unwrap_or_default();
    assert_eq!(first.replace(path.to_str().unwrap(), "trust.json"), format!("INVALID: {expected}"));
    assert_eq!(status, 3);
}

#[test]
fn a_right_policy_is_allowed_and_a_wrong_one_denied() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "trust.json", right());
    assert_eq!(eval(&path, &[]).0, 0);
    let (status, out, _) = eval(&path, &["-n", "other"]);
    assert_eq!(status, 1);
    assert!(out.starts_with("E05: `Statement[0].Condition.StringEquals["), "{out}");
    // Both flags take the URL as people copy it.
    let (https, clients) = (format!("https://{ISSUER}"), format!("https://{ISSUER}=x"));
    assert_eq!(eval(&path, &["--issuer", &https]).0, 2, "given twice");
    let (status, out, _) = eval(&path, &["--providers", &clients]);
    assert_eq!(status, 1);
    assert!(out.starts_with("E02: "), "{out}");
}

#[test]
fn syntax_errors_have_a_place_and_a_guess() {
    let right = right();
    check_broken(
        "",
        "trust.json:1:1: it is no JSON: EOF while parsing a value at line 1 column 0: it is empty",
    );
    check_broken(
        format!("\u{feff}{right}"),
        "trust.json:1:1: it is no JSON: expected value at line 1 column 1: it starts with a byte order mark",
    );
    check_broken(
        right.replacen("    {", "    // the pods\n    {", 1),
        "trust.json:4:5: it is no JSON: expected value at line 4 column 5: JSON has no comments",
    );
    check_broken(
        right.replacen("\"Version\"", "Version", 1),
        "trust.json:2:3: it is no JSON: key must be a string at line 2 column 3: names stand in double quotes",
    );
    check_broken(
        right.replacen("\"2012-10-17\"", "'2012-10-17'", 1),
        "trust.json:2:14: it is no JSON: expected value at line 2 column 14: text stands in double quotes",
    );
    check_broken(
        right.replacen("\"2012-10-17\"", "\u{201c}2012-10-17\u{201d}", 1),
        "trust.json:2:14: it is no JSON: expected value at line 2 column 14: typographic quotes are no quotes",
    );
    check_broken(
        right.replacen("    }\n", "    },\n", 1),
        "trust.json:10:3: it is no JSON: trailing comma at line 10 column 3",
    );
    check_broken(
        "Version: \"2012-10-17\"\nStatement: []\n",
        "trust.json:1:1: it is no JSON: expected value at line 1 column 1: it looks like YAML",
    );
    check_broken(
        "%7B%22Version%22%3A%222012-10-17%22%7D",
        "trust.json:1:1: it is no JSON: expected value at line 1 column 1: it is percent-encoded, as the IAM API returns it",
    );
}

#[test]
fn faults_of_the_policy_have_a_place() {
    let right = right();
    let check = |from: &str, to: &str, expected: &str| {
        let broken = right.replacen(from, to, 1);
        assert_ne!(broken, right, "{from}");
        check_broken(broken, expected);
    };
    check(
        "\"Effect\"",
        "\"effect\"",
        "trust.json:5:7: Statement[0].effect: `effect` must be written `Effect`",
    );
    check(
        "\"Allow\"",
        "\"allow\"",
        "trust.json:5:17: Statement[0].Effect: expected `Allow` or `Deny`, found `allow`",
    );
    check(
        "      \"Effect\": \"Allow\",\n",
        "",
        "trust.json:4:5: Statement[0]: the statement has no `Effect`",
    );
    check(
        "\"Condition\"",
        "\"Action\": \"x\", \"Condition\"",
        "trust.json:8:7: Statement[0]: the key `Action` is there twice",
    );
    check(
        "\"system:serviceaccount:default:app\"",
        "[\"é\", null]",
        &format!(
            "trust.json:8:{}: Statement[0].Condition.StringEquals[{ISSUER}:sub][1]: expected a string, a number or a boolean, found null",
            52 + ISSUER.len()
        ),
    );
    check(
        "\"Version\": \"2012-10-17\"",
        "\"Version\": \"2012-10-18\"",
        "trust.json:2:14: Version: there is no version `2012-10-18` of the policy language",
    );
    check("{\n", "[]\n", "trust.json:2:3: it is no JSON: trailing characters at line 2 column 3");
}

#[test]
fn files_that_are_no_text_are_refused_with_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], expected: &[&str]| {
        let path = file(dir.path(), "trust.json", bytes);
        let (status, out, err) = eval(&path, &[]);
        assert_eq!((status, &*out), (2, ""));
        let err = err.replace(path.to_str().unwrap(), "trust.json");
        assert!(expected.iter().all(|it| err.contains(it)), "{err}");
    };
    check(b"{\n \"a\xff\"}", &["trust.json:2:4: the file is not UTF-8"]);
    check(b"\xff\xfe{\0", &["trust.json:1:1: the file is not UTF-8", "UTF-16"]);
    let (status, _, err) = eval(Path::new("/nowhere/trust.json"), &[]);
    assert_eq!(status, 2);
    assert!(err.contains("failed to read `/nowhere/trust.json`"), "{err}");
}

#[test]
fn large_policies_are_judged_and_told_shortly() {
    let dir = tempfile::tempdir().unwrap();
    let subjects: Vec<String> =
        (0..40_000).map(|i| format!(r#""system:serviceaccount:namespace-{i}:{i}""#)).collect();
    let many = subjects.join(",");
    let large = right().replace("\"system:serviceaccount:default:app\"", &format!("[{many}]"));
    assert!(1 << 20 < large.len());
    let path = file(dir.path(), "large.json", &large);
    let (status, out, _) = eval(&path, &[]);
    assert_eq!(status, 1);
    let first = out.lines().next().unwrap();
    assert!(first.len() < 2000 && first.contains("39992 more"), "{first}");
    // What does not parse is not told at length either.
    let path = file(dir.path(), "cut.json", &large[..large.len() - 40]);
    let (status, out, _) = eval(&path, &[]);
    assert_eq!(status, 3);
    assert!(out.lines().next().unwrap().len() < 300, "{out}");
}

#[test]
fn vector_files_are_refused_with_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let check = |content: &str, expected: &[&str]| {
        let path = file(dir.path(), "v.json", content);
        let (status, out, err) = idscope(&["trust", "test", path.to_str().unwrap()]);
        assert_eq!((status, &*out), (2, ""));
        let err = err.replace(path.to_str().unwrap(), "v.json");
        assert!(expected.iter().all(|it| err.contains(it)), "{err}");
    };
    check("{\n  // x\n}", &["v.json:2:3: not a vector file", "JSON has no comments"]);
    check("", &["v.json:1:0: not a vector file", "it is empty"]);
    check(r#"{"schema":"other","vectors":[]}"#, &["`schema` is `other`"]);
    check(
        r#"{"schema":"idscope/trust-vectors/v1","vectors":[{"id":"a","oops":1}]}"#,
        &["v.json: vector `a`: unknown key `oops`"],
    );
}
