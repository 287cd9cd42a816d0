//! Credential plugins: run once for a connection, told what `kubectl` tells them, and their failures in words.

use crate::{ALL_PODS, Answer, Home, Reader, Server, calm, status};
use idscope::fact::{Scope, SourceState};
use serde_json::{Value, json};
use std::fs;

const API: &str = "client.authentication.k8s.io/v1";

fn credential(status: &Value) -> String {
    json!({"apiVersion": API, "kind": "ExecCredential", "status": status}).to_string()
}

/// `Ok`: it is live with the token `right`. `Err`: what is said instead. How often it ran is counted either way.
async fn check(script: &str, expected: Result<(), &str>) {
    let home = Home::new();
    let counter = home.dir.path().join("runs");
    let script = format!("echo x >> '{}'; {script}", counter.display());
    run(&home, &json!({"apiVersion": API, "command": "sh", "args": ["-c", script]}), expected)
        .await;
    let n_runs = || fs::read_to_string(&counter).unwrap().lines().count();
    if expected.is_ok() {
        assert_eq!(n_runs(), 1, "{script}");
    } else {
        assert!(0 < n_runs(), "{script}");
    }
}

async fn run(home: &Home, exec: &Value, expected: Result<(), &str>) {
    let server = Server::start(|it| match it.head.contains("authorization: bearer right") {
        true => calm(it),
        false => Answer::Full(401, status(401, "Unauthorized")),
    })
    .await;
    home.write(&server.url, &json!({"exec": exec}));
    let mut reader = Reader::start(home.settings());
    match expected {
        Ok(()) => reader.until("it is live", |it| it.is_live(&ALL_PODS)).await,
        Err(text) => {
            let is_said = |it: &Reader| it.notices.iter().any(|it| it.contains(text));
            reader.until(text, is_said).await;
            assert!(!reader.notices.iter().any(|it| it.contains("s3cret")), "{:?}", reader.notices);
        }
    }
}

#[tokio::test]
async fn a_plugin_runs_once_and_says_what_is_wrong() {
    let right = credential(&json!({"token": "right"}));
    check(&format!("echo '{right}'"), Ok(())).await;
    let until = json!({"token": "right", "expirationTimestamp": "2999-01-01T00:00:00Z"});
    check(&format!("echo '{}'", credential(&until)), Ok(())).await;
    check("printf 'kind: ExecCredential\\nstatus:\\n  token: right\\n'", Ok(())).await;
    let wrong = credential(&json!({"token": "wrong"}));
    check(&format!("echo '{wrong}'"), Err("refuses the credentials")).await;
    check("echo 's3cret'", Err("plugin `sh` printed no ExecCredential")).await;
    check("echo '{\"kind\": \"ExecCredential\"}'", Err("printed no ExecCredential")).await;
    let none = credential(&json!({"clientCertificateData": "s3cret"}));
    let neither = "plugin `sh` gave neither a token nor a certificate with its key";
    check(&format!("echo '{none}'"), Err(neither)).await;
    check("echo s3cret; exit 3", Err("plugin `sh`: exit status: 3")).await;
    check("echo no >&2; echo ' such  profile ' >&2; exit 1", Err("`sh`: such  profile")).await;
}

#[tokio::test]
async fn a_plugin_is_told_of_the_cluster_and_has_its_variables() {
    let home = Home::new();
    let told = home.dir.path().join("told");
    let right = credential(&json!({"token": "right"}));
    let script = "printf %s \"$KUBERNETES_EXEC_INFO\" > \"$TOLD\"; echo \"$SAID\"";
    let exec = json!({
        "apiVersion": API, "command": "sh", "args": ["-c", script], "provideClusterInfo": true,
        "env": [{"name": "TOLD", "value": told.to_str()}, {"name": "SAID", "value": right}],
    });
    run(&home, &exec, Ok(())).await;
    let info: Value = serde_json::from_str(&fs::read_to_string(&told).unwrap()).unwrap();
    assert_eq!(info["apiVersion"], API);
    assert_eq!(info["kind"], "ExecCredential");
    assert_eq!(info["spec"]["interactive"], false);
    let server = info["spec"]["cluster"]["server"].as_str().unwrap();
    assert!(server.starts_with("http://127.0.0.1:"), "{server}");
}

#[tokio::test]
async fn a_plugin_that_is_not_there_is_named() {
    let exec = json!({"apiVersion": API, "command": "/nowhere/get-token"});
    run(&Home::new(), &exec, Err("plugin `get-token` does not start: No such file")).await;
}

#[tokio::test]
async fn aws_is_not_kept_waiting_by_a_plugin() {
    let home = Home::new();
    let server = Server::start(calm).await;
    let flag = home.dir.path().join("go");
    let right = credential(&json!({"token": "right"}));
    let script = format!("until [ -e '{}' ]; do sleep 0.02; done; echo '{right}'", flag.display());
    let exec = json!({"apiVersion": API, "command": "sh", "args": ["-c", script]});
    home.write(&server.url, &json!({"exec": exec}));
    let mut reader = Reader::start(home.settings());
    // Nobody has credentials here: that this is known means that they were looked for.
    let is_told = |it: &Reader| {
        it.state(&Scope::Caller).is_some_and(|it| !matches!(it, SourceState::Pending { .. }))
    };
    reader.until("AWS is asked", is_told).await;
    assert!(server.log.lock().unwrap().is_empty());
    fs::write(&flag, "").unwrap();
    reader.until("it is live", |it| it.is_live(&ALL_PODS)).await;
}
