//! The command line as CI jobs meet it: the real program on the embedded endpoints, its exit status, what it writes where.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// A healthy cluster: `shop/web` by annotation, `shop/pi` by association.
const BASE: &str = include_str!("cli/base.yaml");
const ISSUER: &str = "oidc.eks.ap-northeast-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
const E05: &str = "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity";

struct World {
    // Removed with the test.
    _dir: tempfile::TempDir,
    path: PathBuf,
}

/// The healthy cluster with further documents.
fn world(more: &str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("world.yaml");
    std::fs::write(&path, format!("{BASE}\n---\n{more}\n")).unwrap();
    World { _dir: dir, path }
}

fn annotated(name: &str, role: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: shop\n  annotations: \
         {{eks.amazonaws.com/role-arn: \"arn:aws:iam::111122223333:role/{role}\"}}\n"
    )
}

fn lab(kind: &str, rest: &str) -> String {
    format!("---\napiVersion: lab.idscope.dev/v1\nkind: {kind}\n{rest}\n")
}

/// One role that refuses `shop/broken`, and that ServiceAccount.
fn broken() -> String {
    let statement = format!(
        "{{Effect: Allow, Principal: {{Federated: \"arn:aws:iam::111122223333:oidc-provider/{ISSUER}\"}}, Action: \
         sts:AssumeRoleWithWebIdentity, Condition: {{StringEquals: {{\"{ISSUER}:sub\": \
         \"system:serviceaccount: shop:broken\"}}}}}}"
    );
    let role = lab(
        "IamRole",
        &format!(
            "arn: arn:aws:iam::111122223333:role/broken\ntrustPolicy: {{Version: \"2012-10-17\", Statement: \
             [{statement}]}}\nattachedPolicies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]"
        ),
    );
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: broken-1, namespace: shop}\nspec: \
               {serviceAccountName: broken, containers: [{name: app, image: app}]}\n";
    annotated("broken", "broken") + &role + pod
}

fn idscope(args: &[&str]) -> Command {
    let mut res = Command::new(env!("CARGO_BIN_EXE_idscope"));
    res.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    res.env_remove("KUBECONFIG").env("HOME", "/nonexistent");
    res
}

fn run(world: &World, args: &[&str]) -> Output {
    idscope(args).arg(format!("--demo={}", world.path.display())).output().unwrap()
}

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(out: &Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|it| panic!("{it}: {}", said(out)))
}

/// Runs, compares the exit status, and wants each word on stdout, or after `!` on stderr.
fn check(world: &World, args: &[&str], status: i32, words: &[&str]) -> Output {
    let out = run(world, args);
    expect(&out, args, status, words);
    out
}

fn expect(out: &Output, args: &[&str], status: i32, words: &[&str]) {
    assert_eq!(out.status.code(), Some(status), "{args:?}: {}", said(out));
    for word in words {
        let (word, of) = match word.strip_prefix('!') {
            Some(it) => (it, &out.stderr),
            None => (*word, &out.stdout),
        };
        assert!(text(of).contains(word), "{args:?}: no `{word}` in: {}", said(out));
    }
}

#[test]
fn check_ends_with_what_it_found() {
    let healthy = world("");
    check(&healthy, &["check"], 0, &["6 identities, 6 healthy"]);
    check(&healthy, &["check", "--fail-on", "sec-low"], 0, &[]);
    check(&healthy, &["check", "--fail-on", "hygiene"], 1, &["SEC-TRUST-09"]);
    let skipped = ["check", "--fail-on", "hygiene", "--skip", "sec-trust-09"];
    check(&healthy, &skipped, 0, &["0 hygiene"]);
    check(&healthy, &["check", "--fail-on", "unknown"], 2, &["!possible values"]);
    check(&healthy, &["check", "--only", "NOPE-01"], 2, &["!unknown code `NOPE-01`"]);
    let sick = world(&broken());
    check(&sick, &["check"], 1, &["TRUST-SUB-03", "1 blocker"]);
    check(&sick, &["check", "--fail-on", "never"], 0, &["TRUST-SUB-03"]);
    check(&sick, &["check", "--skip", "TRUST-SUB-03"], 0, &["0 blocker"]);
    check(&sick, &["check", "--only", "OIDC-01,ANN-01"], 0, &["0 blocker"]);
    check(&sick, &["check", "--only", "trust-subject-whitespace"], 1, &["1 blocker"]);
}

#[test]
fn too_little_read_is_a_status_of_its_own() {
    let denied = world(&lab("Caller", "deny: [\"iam:GetRole\", \"iam:ListRoles\"]"));
    check(&denied, &["check"], 3, &["TOOL-PERM-01"]);
    check(&denied, &["check", "--allow-unknown"], 0, &[]);
    check(&denied, &["check", "--fail-on", "never"], 0, &[]);
    check(&denied, &["explain", "sa/shop/web"], 3, &["unknown", "iam:GetRole"]);
    // A finding wins over what was not read.
    let both = world(&(broken() + &lab("Caller", "deny: [\"iam:GetOpenIDConnectProvider\"]")));
    check(&both, &["check"], 1, &["TRUST-SUB-03"]);
    let garbled =
        lab("IamRole", "arn: arn:aws:iam::111122223333:role/odd\ntrustPolicy: \"{not json\"");
    let garbled = world(&(annotated("odd", "odd") + &garbled));
    check(&garbled, &["check", "--skip", "PERM-01"], 3, &[]);
    check(&garbled, &["explain", "sa/shop/odd"], 3, &["it is no JSON"]);
    let unread = world(&lab("Caller", "denyKube: [\"list:pods\"]"));
    check(&unread, &["check"], 3, &["list pods", "!list pods"]);
    check(&unread, &["explain", "pod/shop/other"], 3, &["!kube/pods"]);
    // Two clusters are not judged across.
    let published = BASE.replace(
        "kind: EksCluster\n",
        "kind: EksCluster\npublishedIssuer: https://oidc.eks.ap-northeast-2.amazonaws.com/id/OTHER\n",
    );
    let elsewhere = world("");
    std::fs::write(&elsewhere.path, published).unwrap();
    check(&elsewhere, &["check"], 3, &["TOOL-CTX-01"]);
    check(&elsewhere, &["info"], 0, &["TOOL-CTX-01"]);
}

#[test]
fn without_a_cluster_everything_says_so() {
    let bare = |args: &[&str], status, words: &[&str]| {
        let mut command = idscope(args);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        expect(&command.output().unwrap(), args, status, words);
    };
    let none = ["--kubeconfig", "/nonexistent/kubeconfig"];
    let with = |more: &[&'static str]| [more, &none].concat();
    bare(
        &with(&["check"]),
        3,
        &["!`/nonexistent/kubeconfig` does not exist", "no AWS credentials"],
    );
    bare(&with(&["check", "--allow-unknown"]), 0, &[]);
    bare(&with(&["check", "--fail-on", "never"]), 0, &[]);
    bare(&with(&["explain", "sa/shop/web"]), 3, &["!kube/serviceaccounts@shop"]);
    bare(&with(&["explain", E05]), 3, &["E05", "possible  TRUST-SUB-01"]);
    bare(&["check", "--kubeconfig", "Cargo.toml"], 3, &["!`Cargo.toml`: it is no kubeconfig"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    let context = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {token: t}}]\n";
    for (cluster, more, words) in [
        ("server: \"http://127.0.0.1:1\"", None, "!reach `http://127.0.0.1:1`"),
        ("server: \"not a url\"", None, "!its `server` is no URL"),
        (
            "{server: \"https://127.0.0.1:1\", certificate-authority-data: \"%%\"}",
            None,
            "!its `certificate-authority-data` is not base64",
        ),
        ("server: \"http://127.0.0.1:1\"", Some("nope"), "!find context `nope`"),
    ] {
        std::fs::write(
            &file,
            format!("{context}clusters:\n- name: a\n  cluster:\n    {cluster}\n"),
        )
        .unwrap();
        let path = file.display().to_string();
        let mut args = vec!["check", "--kubeconfig", &path, "--request-timeout", "2s"];
        args.extend(more.iter().flat_map(|it| ["--context", *it]));
        bare(&args, 3, &[words]);
    }
}

#[test]
fn what_never_answers_is_waited_for_as_long_as_one_request_may_take() {
    // A refused cluster keeps nobody waiting: the default of 30 s would end this test.
    let refused = world(&lab("Caller", "deny: [\"eks:DescribeCluster\"]"));
    let out = check(&refused, &["check", "-o", "json"], 3, &[]);
    let sources = json(&out)["sources"].as_array().unwrap().clone();
    let of = |name: &str| sources.iter().find(|it| it["name"] == *name).unwrap().clone();
    assert_eq!(of("kube/apiserver")["state"], "live");
    assert_eq!(of("eks/cluster")["missingPermission"], "eks:DescribeCluster");

    // What a list would have told is asked for by name when the list never comes.
    let hangs = world(&lab("Fault", "api: iam:ListRoles\nanswer: hang"));
    let out = check(&hangs, &["check", "-o", "json", "--request-timeout", "1s"], 0, &[]);
    let report = json(&out);
    for it in report["identities"].as_array().unwrap() {
        assert!(it["verdict"] == "allow" || it["verdict"] == "none", "{it}");
    }
    let sources = report["sources"].as_array().unwrap();
    let roles = sources.iter().find(|it| it["name"] == "iam/roles@111122223333").unwrap();
    assert_eq!(roles["state"], "failed", "{roles}");
}

#[test]
fn what_cannot_be_read_is_asked_for_again() {
    let calls =
        ["DescribeCluster", "DescribePodIdentityAssociation", "DescribeAddon", "DescribeNodegroup"];
    let report = |times: &str, status| {
        let fault = |it: &str| lab("Fault", &format!("api: eks:{it}\nanswer: garbage\n{times}"));
        let world = world(&calls.map(fault).concat());
        json(&check(&world, &["check", "-o", "json"], status, &[]))
    };
    // As if nothing had been.
    let whole = timeless(json(&run(&world(""), &["check", "-o", "json"])));
    let server = |it: &Value| it["cluster"]["context"].clone();
    let passing = timeless(report("times: 2", 0));
    assert_eq!(
        (&passing["identities"], &passing["findings"]),
        (&whole["identities"], &whole["findings"])
    );
    assert_eq!((&passing["sources"], server(&passing)), (&whole["sources"], server(&whole)));

    // What stays so is not known, and the reason is told.
    let detail = |report: &Value, name: &str| {
        let mut sources = report["sources"].as_array().unwrap().iter();
        let it = sources.find(|it| it["name"] == *name).unwrap();
        format!("{} {}", it["state"].as_str().unwrap(), it["detail"].as_str().unwrap_or_default())
    };
    let none = report("", 3);
    for name in ["eks/cluster", "eks/addons", "eks/nodegroups"] {
        assert_eq!(detail(&none, name), "failed the answer is not readable", "{name}");
    }
    let fault = "api: eks:DescribePodIdentityAssociation\nanswer: garbage";
    let report = json(&check(&world(&lab("Fault", fault)), &["check", "-o", "json"], 3, &[]));
    let why = "failed 1 of 1 could not be described: the answer is not readable";
    assert_eq!(detail(&report, "eks/associations"), why);
    for it in report["identities"].as_array().unwrap() {
        let expected = match it["serviceAccount"].as_str().unwrap() {
            "pi" => "unknown",
            "web" => "allow",
            _ => "none",
        };
        assert_eq!(it["verdict"], expected, "{it}");
    }
}

#[test]
fn explain_finds_targets_in_every_form() {
    let world = world(&broken());
    for form in [
        "sa/shop/web",
        "serviceaccount/web",
        "deploy/web",
        "deployment.apps/web",
        "deployments.v1.apps/web",
        "replicaset.apps/web-7d9f5c6b8",
        "pod/shop/web-7d9f5c6b8-aaaaa",
        "pod/web-7d9f5c6b8-aaaaa",
        "web",
        "association/shop/pi",
        "pi-1",
    ] {
        check(&world, &["explain", form], 0, &["allow, healthy"]);
    }
    for form in ["role/app", "role/arn:aws:iam::111122223333:role/app", "node/node-1", "cluster"] {
        check(&world, &["explain", form], 0, &[]);
    }
    let provider = format!("oidc/arn:aws:iam::111122223333:oidc-provider/{ISSUER}");
    check(&world, &["explain", &provider], 0, &["client ids", "sts.amazonaws.com"]);
    check(&world, &["explain", "sa/broken"], 1, &["deny E05", "TRUST-SUB-03"]);
    let several = ["!sa/default/default", "!sa/kube-system/default", "!sa/shop/default"];
    check(&world, &["explain", "default"], 2, &several);
    check(&world, &["explain", "default", "-n", "shop"], 0, &["sa/shop/default"]);
    check(&world, &["explain", "default", "-n", "shop", "-A"], 2, &several);
    check(&world, &["explain", "sa/shop/web", "-n", "kube-system"], 0, &["allow"]);
    for gone in ["pod/shop/web-7d9f5c6b8-zzzzz", "pod/web-7d9f5c6b8-zzzzz", "web-5b8c6d7f99-zzzzz"]
    {
        check(&world, &["explain", gone], 0, &["is gone", "deploy/shop/web"]);
    }
    for unknown in ["sa/shop/nobody", "role/nobody", "nobody", "pod/shop/web-api"] {
        check(&world, &["explain", unknown], 2, &["!nothing here is called"]);
    }
    check(&world, &["explain", "configmap/x"], 2, &["!is no target"]);
    check(&world, &["explain", "deployments.example.com/web"], 2, &["!is no target"]);
    check(&world, &["check", "-n", "nowhere"], 0, &["!there is no namespace `nowhere`"]);
    check(&world, &["check", "-n", "a/b"], 2, &["!no name of a namespace"]);
}

#[test]
fn namespaces_narrow_the_report() {
    let world = world(&broken());
    check(&world, &["check", "-n", "kube-system"], 0, &["0 blocker"]);
    let out = check(&world, &["check", "-n", "shop", "-o", "json"], 1, &[]);
    let report = json(&out);
    for it in report["identities"].as_array().unwrap() {
        assert_eq!(it["namespace"], "shop");
    }
    let codes: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["SEC-TRUST-09", "TRUST-SUB-03"]);
    let out = check(&world, &["check", "-n", "default", "-o", "json"], 0, &[]);
    assert_eq!(json(&out)["findings"], serde_json::json!([]));
}

/// The demo: something of everything.
fn demo() -> World {
    let dir = tempfile::tempdir().unwrap();
    let path = "assets/scenarios/default.yaml".into();
    World { _dir: dir, path }
}

/// An object's keys in the order of the contract, then what is told besides; and of what stands in it the same.
/// `a|b` behind a key: its only values. `?`: or `null`.
#[track_caller]
fn is_shaped(value: &Value, wanted: &str) {
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    for (at, wanted) in wanted.split_whitespace().enumerate() {
        let (name, rule) = wanted.split_once(':').unwrap_or((wanted, ""));
        assert_eq!(keys.get(at).map(|it| &***it), Some(name), "{keys:?}");
        let (values, or_null) = match rule.strip_suffix('?') {
            Some(it) => (it, true),
            None => (rule, false),
        };
        let it = &value[name];
        let fits = match it {
            Value::Null => or_null,
            Value::String(text) => values.is_empty() || values.split('|').any(|it| it == text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                values.is_empty()
            }
        };
        assert!(fits, "`{name}` is {it}");
    }
}

#[track_caller]
fn each(value: &Value, mut check: impl FnMut(&Value)) {
    let all = value.as_array().unwrap();
    assert!(!all.is_empty(), "nothing to look at");
    all.iter().for_each(&mut check);
}

const SEVERITIES: &str = "blocker|wrong-id|degraded|sec-high|sec-med|sec-low|hygiene|unknown";

fn is_cluster(it: &Value) {
    is_shaped(it, "context name arn account region issuer kubernetesVersion");
}

fn is_identity(it: &Value) {
    is_shaped(
        it,
        "namespace serviceAccount exists:? mechanism:irsa|pod-identity|both|none roleArn:? targetRoleArn:? \
         associationId:? verdict:allow|deny|unknown|none errorSignature:? because \
         health:healthy|progressing|unknown|missing|degraded pods findings",
    );
    is_shaped(&it["pods"], "total injected stale nodeRole static");
    assert_eq!(it["errorSignature"].is_null(), it["verdict"] != "deny", "{it}");
    let (mechanism, is_associated) = (&it["mechanism"], !it["associationId"].is_null());
    assert_eq!(is_associated, *mechanism == "pod-identity" || *mechanism == "both", "{it}");
}

fn is_container(it: &Value) {
    is_shaped(
        it,
        "namespace pod container declared effective actual:irsa|pod-identity|static|node-role|none|unknown \
         reach:proven|not-known|blocked? roleArn:?",
    );
    for key in ["declared", "effective"] {
        let (mechanism, _) = it[key].as_str().unwrap().split_once(':').unwrap_or_default();
        let is_so = ["irsa", "pod-identity"].contains(&mechanism) || it[key] == "none";
        assert!(is_so, "{it}");
    }
}

fn is_role(it: &Value) {
    is_shaped(
        it,
        "arn knowledge:known|absent|denied|not-yet usedBy couldBeUsedBy \
         openTo:nobody|listed|wildcard|everyone|unknown trusts complete lastUsed:?",
    );
    for it in it["trusts"].as_array().unwrap() {
        is_shaped(
            it,
            "statement effect:Allow|Deny principalType principal scope:this-cluster|other-cluster|outside \
             pattern:? verdict:allow|deny|none",
        );
    }
    if !it["lastUsed"].is_null() {
        is_shaped(&it["lastUsed"], "at:? region:? readAt");
    }
}

fn is_finding(it: &Value) {
    let keys = format!(
        "code name severity:{SEVERITIES} confidence:certain|likely|runtime subject message errorSignature:? evidence \
         affects fixes reference"
    );
    is_shaped(it, &keys);
    is_shaped(
        &it["subject"],
        "kind:ServiceAccount|Pod|Container|Association|Role|OidcProvider|Node|Cluster|Workload|Namespace|AccessEntry|ConfigMap \
         namespace:? name arn:? container:? workloadKind:?",
    );
    is_shaped(&it["affects"], "pods workloads");
    for it in it["evidence"].as_array().unwrap() {
        is_shaped(it, "where found needed");
    }
    for it in it["fixes"].as_array().unwrap() {
        is_shaped(it, "id title applicability:safe|confirm|display-only restartNeeded commands");
    }
}

#[test]
fn documents_are_as_the_contract_has_them() {
    let world = demo();
    let report = json(&check(&world, &["check", "-o", "json"], 1, &[]));
    is_shaped(
        &report,
        "schema:idscope/report/v1 generatedAt cluster sources identities containers roles findings summary caller \
         toolVersion accountsRead",
    );
    is_cluster(&report["cluster"]);
    each(&report["sources"], |it| {
        is_shaped(
            it,
            "name state:live|cached|pending|denied|failed|truncated observedAt:? count detail:? missingPermission:?",
        );
    });
    each(&report["identities"], is_identity);
    each(&report["containers"], is_container);
    each(&report["roles"], is_role);
    each(&report["findings"], is_finding);
    is_shaped(
        &report["summary"],
        "identities healthy blocker wrongId degraded security hygiene unknown",
    );
    // It is a scenario with something of everything.
    for (list, key, values) in [
        ("identities", "mechanism", "irsa|pod-identity|both|none"),
        ("identities", "verdict", "allow|deny|unknown|none"),
        ("containers", "actual", "irsa|pod-identity|static|node-role"),
        ("roles", "openTo", "listed|wildcard|everyone|unknown"),
        ("findings", "severity", "blocker|wrong-id|sec-high|sec-med|hygiene|unknown"),
    ] {
        let all = report[list].as_array().unwrap();
        for value in values.split('|') {
            assert!(all.iter().any(|it| it[key] == *value), "no {list} whose {key} is {value}");
        }
    }
    // The sums are those of the lists.
    let all = report["findings"].as_array().unwrap();
    for (key, severities) in [
        ("blocker", "blocker"),
        ("wrongId", "wrong-id"),
        ("degraded", "degraded"),
        ("security", "sec-high|sec-med|sec-low"),
        ("hygiene", "hygiene"),
        ("unknown", "unknown"),
    ] {
        let of = |it: &&Value| severities.split('|').any(|severity| it["severity"] == *severity);
        assert_eq!(report["summary"][key], all.iter().filter(of).count(), "{key}");
    }
}

#[test]
fn an_explanation_has_what_the_report_has() {
    let world = demo();
    let report = timeless(json(&check(&world, &["check", "-o", "json"], 1, &[])));
    let find = |list: &str, is_it: &dyn Fn(&Value) -> bool| -> Value {
        let mut all = report[list].as_array().unwrap().iter();
        all.find(|it| is_it(it)).unwrap_or_else(|| panic!("no such one in {list}")).clone()
    };
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let explain = |target: &str| {
        let out = run(&world, &["explain", target, "-o", "json"]);
        let answer = json(&out);
        if !answer["role"].is_null() {
            is_role(&answer["role"]);
        }
        let answer = timeless(answer);
        is_cluster(&answer["cluster"]);
        answer["findings"].as_array().unwrap().iter().for_each(is_finding);
        // Everything of it is in the document for people too.
        let page = self::text(&run(&world, &["explain", target, "-o", "markdown"]).stdout);
        let mut words: Vec<String> = Vec::new();
        for it in answer["findings"].as_array().unwrap() {
            words.extend(
                ["code", "severity", "confidence", "message", "reference"]
                    .map(|key| text(&it[key])),
            );
            words.extend(it["errorSignature"].as_str().map(|it| format!("error: {it}")));
            words.extend(it["fixes"].as_array().unwrap().iter().map(|it| text(&it["title"])));
            words.extend(it["evidence"].as_array().unwrap().iter().map(|it| text(&it["where"])));
        }
        if let Some(role) = answer["role"].as_object() {
            words.extend([text(&role["openTo"]), text(&role["knowledge"])]);
            words.extend(
                role["lastUsed"]["region"].as_str().map(|it| format!(" in {it} (read at ")),
            );
            words
                .extend(role["trusts"].as_array().unwrap().iter().map(|it| text(&it["principal"])));
        }
        for it in words {
            assert!(page.contains(&it), "no `{it}` for {target} in {page}");
        }
        answer
    };
    for verdict in ["allow", "deny", "unknown", "none"] {
        let identity =
            find("identities", &|it| it["verdict"] == *verdict && it["pods"]["total"] != 0);
        let (namespace, name) = (&identity["namespace"], &identity["serviceAccount"]);
        let target = format!("sa/{}/{}", text(namespace), text(name));
        let answer = explain(&target);
        assert_eq!(answer["identity"], identity, "{target}");
        is_identity(&answer["identity"]);
        let mut found: Vec<String> =
            answer["findings"].as_array().unwrap().iter().map(|it| text(&it["code"])).collect();
        found.sort();
        found.dedup();
        assert_eq!(identity["findings"], serde_json::json!(found), "{target}");
        each(&answer["containers"], |it| {
            is_container(it);
            assert!(report["containers"].as_array().unwrap().contains(it), "{it}");
        });
    }
    for open_to in ["wildcard", "unknown"] {
        let role = find("roles", &|it| it["openTo"] == *open_to);
        let answer = explain(&format!("role/{}", text(&role["arn"])));
        assert_eq!(answer["role"], role);
    }
    let used = find("roles", &|it| !it["lastUsed"]["region"].is_null());
    explain(&format!("role/{}", text(&used["arn"])));
    explain("cluster");
}

/// Without what tells the time or the port.
fn timeless(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            map.retain(|key, _| {
                !matches!(key.as_str(), "generatedAt" | "observedAt" | "readAt" | "at" | "created")
            });
            for (_, it) in map.iter_mut() {
                *it = timeless(it.take());
            }
        }
        Value::Array(items) => {
            for it in items {
                *it = timeless(it.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

#[test]
fn two_runs_are_equal_but_for_times() {
    let world = world(&broken());
    for args in [
        &["check", "-o", "json"][..],
        &["explain", "sa/broken", "-o", "json"],
        &["explain", "role/broken", "-o", "json"],
        &["explain", E05, "-o", "json"],
    ] {
        let once = timeless(json(&run(&world, args))).to_string();
        let twice = timeless(json(&run(&world, args))).to_string();
        assert_eq!(once, twice, "{args:?}");
    }
    let report = json(&run(&world, &["check", "-o", "json"]));
    let sorted = |list: &str, keys: &[&str]| {
        let all: Vec<Vec<String>> = report[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                keys.iter()
                    .map(|key| it.pointer(key).unwrap().as_str().unwrap_or_default().to_owned())
                    .collect()
            })
            .collect();
        assert!(all.is_sorted(), "{list}: {all:?}");
    };
    sorted("identities", &["/namespace", "/serviceAccount"]);
    sorted("containers", &["/namespace", "/pod"]);
    sorted("findings", &["/subject/namespace", "/subject/name", "/code"]);
    sorted("roles", &["/arn"]);
    sorted("sources", &["/name"]);
}

#[test]
fn nothing_from_the_cluster_steers_the_terminal() {
    let evil = r"\e[2J\e]0;title\a\u009b31m\u202eabc\n\tmore\u200b";
    let more = format!(
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: evil, namespace: shop, annotations: \
         {{eks.amazonaws.com/role-arn: \"arn:aws:iam::111122223333:role/x{evil}\"}}}}\n---\napiVersion: v1\nkind: \
         Pod\nmetadata: {{name: evil-1, namespace: shop}}\nspec: {{serviceAccountName: evil, containers: [{{name: \
         \"c{evil}\", image: app, env: [{{name: AWS_ROLE_ARN, value: \"{evil}\"}}]}}]}}\n---\napiVersion: v1\nkind: \
         Pod\nmetadata: {{name: \"имя-{evil}\", namespace: shop}}\nspec: {{serviceAccountName: web, containers: \
         [{{name: a, image: app}}]}}\n{}",
        lab(
            "IamRole",
            &format!("arn: arn:aws:iam::111122223333:role/odd\ntrustPolicy: \"no json {evil}\"")
        ),
    );
    let world = world(&(more + &annotated("odd", "odd")));
    let wild = "\u{1b}[2J\u{9b}1m";
    let pasted = format!("{wild}{E05}{wild}");
    for args in [
        &["check"][..],
        &["check", "-o", "wide"],
        &["check", "-o", "json"],
        &["check", "--only", wild],
        &["explain", "sa/shop/evil"],
        &["explain", "sa/shop/evil", "-o", "json"],
        &["explain", "sa/shop/evil", "-o", "markdown"],
        &["explain", "role/odd"],
        &["explain", "role/odd", "-o", "markdown"],
        &["explain", "sa/shop/odd"],
        &["explain", &pasted],
        &["explain", &pasted, "-o", "json"],
        &["explain", wild],
        &["explain", "node/node-1"],
        &["info"],
    ] {
        let out = run(&world, args);
        let odd = |it: char| it != '\n' && idscope::ident::is_deceptive(it);
        let found = said(&out).chars().find(|it| odd(*it));
        assert_eq!(found, None, "{args:?}: {}", said(&out).escape_debug());
        assert!(!said(&out).contains("panicked"), "{args:?}: {}", said(&out));
    }
    // The names are there, as somebody could type them.
    let out = check(&world, &["check", "-o", "json"], 1, &["имя-"]);
    let report = json(&out);
    let pods = report["containers"].as_array().unwrap();
    assert!(pods.iter().any(|it| it["pod"].as_str().unwrap().contains("\u{1b}[2J")));
}

#[test]
fn a_role_is_evidence_to_keep() {
    let statement = |sub: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"{ISSUER}:sub":"{sub}"}}}}}}"#
        )
    };
    let other = ISSUER.replace("C891", "0000");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{},{},{},{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::444455556666:root"}},"Action":"sts:AssumeRole"}}]}}"#,
        statement("system:serviceaccount:shop:*"),
        statement("system:serviceaccount:future:api"),
        statement("system:serviceaccount:x:y").replace(ISSUER, &other),
    );
    let role = lab(
        "IamRole",
        &format!("arn: arn:aws:iam::111122223333:role/shared\ntrustPolicy: {policy:?}"),
    );
    let world = world(&(role + &annotated("user", "shared")));
    let out = check(&world, &["explain", "role/shared", "-o", "json"], 0, &[]);
    let answer = json(&out);
    let role = &answer["role"];
    assert_eq!(role["usedBy"], serde_json::json!(["shop/user"]));
    assert_eq!(
        role["couldBeUsedBy"],
        serde_json::json!(["future/api", "shop/default", "shop/pi", "shop/user", "shop/web"])
    );
    assert_eq!(role["openTo"], "wildcard");
    assert_eq!(role["complete"], true);
    let scopes: Vec<&str> =
        role["trusts"].as_array().unwrap().iter().map(|it| it["scope"].as_str().unwrap()).collect();
    assert_eq!(scopes, ["this-cluster", "this-cluster", "other-cluster", "outside"]);
    let lets: Vec<&str> =
        role["lets"].as_array().unwrap().iter().map(|it| it["who"].as_str().unwrap()).collect();
    assert_eq!(
        lets,
        [
            "any ServiceAccount of namespace `shop` (4 exist today)",
            &format!("ServiceAccount x/y of the cluster with issuer {other}"),
            "whomever account 444455556666 lets assume it",
        ]
    );
    let evidence = &answer["evidence"];
    assert_eq!(evidence["trustPolicy"]["document"], policy);
    let digest: String =
        Sha256::digest(policy.as_bytes()).iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(evidence["trustPolicy"]["sha256"], digest);
    assert_eq!(evidence["notRead"], serde_json::json!([]));
    let could = evidence["could"].as_array().unwrap();
    let future = could.iter().find(|it| it["serviceAccount"] == "future/api").unwrap();
    assert_eq!(
        (&future["exists"], &future["configured"]),
        (&Value::Bool(false), &Value::Bool(false))
    );
    assert_eq!(evidence["configured"][0]["verdict"], "allow");
    assert_eq!(answer["caller"]["arn"], "arn:aws:iam::111122223333:user/lab");
    assert_eq!(answer["accountsRead"], serde_json::json!(["111122223333"]));
    for output in ["text", "markdown"] {
        let out = run(&world, &["explain", "role/shared", "-o", output]);
        for word in
            [&*digest, &policy, "user/lab", "future/api", "does not exist yet", "(4 exist today)"]
        {
            assert!(text(&out.stdout).contains(word), "{output}: no `{word}` in {}", said(&out));
        }
    }
    let denied = self::world(&(annotated("user", "shared") + &lab("Caller", "deny: [\"iam:*\"]")));
    let answer = json(&check(&denied, &["explain", "role/shared", "-o", "json"], 0, &[]));
    assert_eq!(answer["role"]["complete"], false);
    assert_eq!(answer["role"]["openTo"], "unknown");
    assert_eq!(answer["evidence"]["trustPolicy"], Value::Null);
    let unread = answer["evidence"]["notRead"].to_string();
    assert!(unread.contains("iam:ListRoles"), "{unread}");
}

#[test]
fn whomever_a_deny_leaves_is_told() {
    let other = ISSUER.replace("C891", "0000");
    let statement = |issuer: &str, effect: &str, condition: &str| {
        format!(
            r#"{{"Effect":"{effect}","Principal":{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{issuer}"}},"Action":"sts:AssumeRoleWithWebIdentity"{}}}"#,
            condition.replace("ISSUER", issuer)
        )
    };
    let like = |sub: &str| format!(r#","Condition":{{"StringNotLike":{{"ISSUER:sub":"{sub}"}}}}"#);
    let equal = |operator: &str, subs: &str| {
        format!(r#","Condition":{{"{operator}":{{"ISSUER:sub":[{subs}]}}}}"#)
    };
    let of_shop = like("system:serviceaccount:shop:*");
    let two = r#""system:serviceaccount:shop:web","system:serviceaccount:future:api""#;
    let check = |statements: &[String], open_to: &str, may: &[&str], lets: &[&str]| {
        let policy =
            format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        let role = lab(
            "IamRole",
            &format!("arn: arn:aws:iam::111122223333:role/shared\ntrustPolicy: {policy:?}"),
        );
        let answer = json(&check(&world(&role), &["explain", "role/shared", "-o", "json"], 0, &[]));
        let role = &answer["role"];
        let who: Vec<&str> =
            role["lets"].as_array().unwrap().iter().map(|it| it["who"].as_str().unwrap()).collect();
        assert_eq!(
            (&role["openTo"], &role["couldBeUsedBy"]),
            (&Value::from(open_to), &serde_json::json!(may)),
            "{policy}"
        );
        assert_eq!(who, lets, "{policy}");
    };
    let all = || statement(ISSUER, "Allow", "");
    // Those of a namespace, also the ones that nobody has made yet.
    let of_namespace = "any ServiceAccount of namespace `shop` (3 exist today)";
    let in_shop = ["shop/default", "shop/pi", "shop/web"];
    check(&[all(), statement(ISSUER, "Deny", &of_shop)], "wildcard", &in_shop, &[of_namespace]);
    let but = statement(ISSUER, "Allow", &like("system:serviceaccount:kube-system:*"));
    check(&[but, statement(ISSUER, "Deny", &of_shop)], "wildcard", &in_shop, &[of_namespace]);
    // Two that are written out, of which one does not exist.
    let deny = statement(ISSUER, "Deny", &equal("StringNotEquals", two));
    check(&[all(), deny], "wildcard", &["future/api", "shop/web"], &[]);
    // Another cluster's.
    let elsewhere = [statement(&other, "Allow", ""), statement(&other, "Deny", &of_shop)];
    let who = format!("any ServiceAccount of namespace `shop` of the cluster with issuer {other}");
    check(&elsewhere, "wildcard", &[], &[&who]);
    // Nobody gets in, whatever is allowed.
    check(&[all(), statement(ISSUER, "Deny", "")], "nobody", &[], &[]);
    let spaced = equal("StringEquals", r#""system:serviceaccount: shop:web""#);
    check(&[statement(ISSUER, "Allow", &spaced)], "nobody", &[], &[]);
}

/// What the answer says of a code, with the reason.
fn cause(answer: &Value, code: &str) -> (String, String) {
    let errors = answer["errors"].as_array().unwrap();
    let causes = errors.iter().flat_map(|it| it["causes"].as_array().unwrap());
    let it = causes.clone().find(|it| it["code"] == *code);
    let it = it.unwrap_or_else(|| panic!("no {code} in {answer}"));
    (it["state"].as_str().unwrap().to_owned(), it["because"].as_str().unwrap().to_owned())
}

#[test]
fn an_error_is_traced_to_what_the_data_proves() {
    let gone = annotated("gone", "gone");
    let world = world(&(broken() + &gone));
    let ask = |target: &str, error: &str, status| {
        json(&check(&world, &["explain", target, "--error", error, "-o", "json"], status, &[]))
    };
    // The same text for a role that is gone and for one that refuses: the data tells them apart.
    let answer = ask("sa/shop/broken", E05, 1);
    assert_eq!(cause(&answer, "TRUST-SUB-03").0, "confirmed");
    let (state, why) = cause(&answer, "ANN-06");
    assert_eq!(state, "excluded");
    assert!(why.contains("exists"), "{why}");
    let (state, why) = cause(&answer, "TRUST-SUB-01");
    assert!(state == "excluded" && why.contains("TRUST-SUB-03"), "{state} {why}");
    let answer = ask("sa/shop/gone", E05, 1);
    assert_eq!(cause(&answer, "ANN-06").0, "confirmed");
    let (state, why) = cause(&answer, "TRUST-SUB-03");
    assert!(state == "excluded" && why.contains("role/gone"), "{state} {why}");
    // Nothing of this is so for a healthy one; what no API shows stays possible.
    let answer = ask("sa/shop/web", E05, 3);
    assert_eq!(cause(&answer, "TRUST-SUB-03").0, "excluded");
    assert_eq!(cause(&answer, "TRUST-ORG-01").0, "possible");
    assert_eq!(cause(&answer, "TRUST-KEY-09").0, "excluded");

    let explained = check(&world, &["explain", "sa/shop/broken"], 1, &["Other explanations"]);
    assert!(text(&explained.stdout).contains("excluded  ANN-06"), "{}", said(&explained));

    let prefixed = format!("[pod/broken-1/app] 2026-01-01T00:00:00Z {E05}\n");
    let mut child = idscope(&["explain", "-", "-o", "json"])
        .arg(format!("--demo={}", world.path.display()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(prefixed.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(json(&out)["errors"][0]["subjects"], serde_json::json!(["shop/broken"]));
    assert_eq!(out.status.code(), Some(1));
}

/// Ends the program if the test would wait for ever.
fn within_minutes(child: std::process::Child) -> Output {
    let id = child.id();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if waiting.recv_timeout(std::time::Duration::from_secs(300)).is_err() {
            drop(Command::new("kill").args(["-KILL", &id.to_string()]).status());
        }
    });
    let out = child.wait_with_output().unwrap();
    done.send(()).unwrap_or_default();
    guard.join().unwrap();
    out
}

#[cfg(unix)]
#[test]
fn a_log_that_does_not_end_is_answered() {
    let world = world(&broken());
    let start = || {
        idscope(&["explain", "-", "-o", "json"])
            .arg(format!("--demo={}", world.path.display()))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let log = format!("\u{1b}[31mERROR\u{1b}[0m [pod/broken-1/app] {E05}\r\n");
    // As `kubectl logs -f`: nothing more comes, and it is not closed.
    let mut child = start();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(log.as_bytes()).unwrap();
    let out = within_minutes(child);
    drop(stdin);
    assert_eq!(json(&out)["errors"][0]["signature"], "E05", "{}", said(&out));
    assert_eq!(json(&out)["errors"][0]["subjects"], serde_json::json!(["shop/broken"]));
    assert!(text(&out.stderr).contains("the log goes on"), "{}", said(&out));
    assert_eq!(out.status.code(), Some(1));

    // Longer than anything is kept of, and the error at its very end.
    let mut child = start();
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("{}\n", "info request handled status=200 ".repeat(8));
    for _ in 0..24_000 {
        stdin.write_all(line.as_bytes()).unwrap();
    }
    stdin.write_all(log.as_bytes()).unwrap();
    drop(stdin);
    let out = within_minutes(child);
    assert_eq!(json(&out)["errors"][0]["subjects"], serde_json::json!(["shop/broken"]));
    assert!(text(&out.stderr).is_empty(), "{}", said(&out));
}

#[test]
fn what_is_no_known_error_is_said_to_be_none() {
    let world = world("");
    check(&world, &["explain", "all is well today"], 3, &["none of the 36 known"]);
    check(&world, &["explain", "NoCredentialProviders"], 3, &["E12"]);
    check(&world, &["explain", "sa/shop/web", "--error", "all is well"], 3, &["none of the 36"]);
    check(&world, &["explain", "all is well", "--error", E05], 2, &["!--error needs a target"]);
    check(&world, &["explain", "-", "--error", E05], 2, &["!--error needs a target"]);
    let missing = "Error creating: pods \"x-\" is forbidden: error looking up service account shop/nobody: serviceaccount \"nobody\" not found";
    check(&world, &["explain", missing], 3, &["E16", "ServiceAccount shop/nobody does not exist"]);
    for (text, code) in [
        (
            "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
            "PERM-09",
        ),
        (
            "RequestError: send request failed caused by: Post \"https://sts.eu-west-1.amazonaws.com/\": dial tcp 10.0.0.1:443: i/o timeout",
            "NET-STS-01",
        ),
        (
            "Post \"https://sts.amazonaws.com/\": x509: certificate signed by unknown authority",
            "NET-STS-06",
        ),
        ("AssumeRoleWithWebIdentity: Throttling: Rate exceeded", "NET-STS-07"),
        (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            "CHAIN-04",
        ),
    ] {
        check(&world, &["explain", text], 3, &["none of the 36", code]);
    }
    let refusal = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: s3:GetObject on resource: r with an explicit deny in a service control policy";
    let out = check(&world, &["explain", refusal, "-o", "json"], 3, &[]);
    assert_eq!(cause(&json(&out), "PERM-08").0, "possible");
    assert_eq!(cause(&json(&out), "PERM-12").0, "excluded");
}

#[test]
fn the_lab_runs_a_command_and_cleans_up() {
    let world = world("");
    let script = "echo $KUBECONFIG; test -z \"$AWS_PROFILE$HTTPS_PROXY\" && test -f \"$AWS_CONFIG_FILE\" && exit 7";
    let out = idscope(&["lab"])
        .arg(format!("--demo={}", world.path.display()))
        .args(["--", "sh", "-c", script])
        .env("AWS_PROFILE", "real")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    let kubeconfig = text(&out.stdout);
    assert!(!std::path::Path::new(kubeconfig.trim()).exists(), "{kubeconfig}");
    check(&world, &["lab", "--", "/nonexistent/program"], 2, &["!failed to run"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_is_130() {
    use std::io::{BufRead, BufReader};
    let kill = |signal: &str, id: u32| {
        assert!(Command::new("kill").args([signal, &id.to_string()]).status().unwrap().success());
    };
    // Prints its exports and stays.
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let mut child = idscope(&["lab", "--demo"]).env("AWS_STRANGE", "1").spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let file = first.strip_prefix("export KUBECONFIG=").unwrap().to_owned();
        assert!(std::path::Path::new(&file).exists(), "{first}");
        let last = lines.map(Result::unwrap).find(|it| it.starts_with("unset ")).unwrap();
        assert!(last.split(' ').any(|it| it == "AWS_STRANGE"), "{last}");
        kill(signal, child.id());
        assert_eq!(child.wait().unwrap().code(), Some(status));
        assert!(!std::path::Path::new(&file).exists(), "{file} is left behind");
    }
    // Waits for what never answers; the fault's own log line says that the request is on its way.
    let hangs = world(&lab("Fault", "api: sts:GetCallerIdentity\nanswer: hang"));
    let log = hangs.path.with_extension("log");
    let child = idscope(&["check", "--log-file"])
        .arg(&log)
        .arg(format!("--demo={}", hangs.path.display()))
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(&log).unwrap_or_default().contains("kube/pods") {
        std::thread::yield_now();
    }
    kill("-INT", child.id());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}", said(&out));
    assert!(out.stdout.is_empty(), "{}", said(&out));
}

#[test]
fn wrong_scenario_files_end_early() {
    let world = world("");
    for (text, wanted) in [
        ("", "!world.yaml:1:1: expected exactly one `EksCluster`, found none"),
        ("kind: Pod\n", "!world.yaml:1:1: expected key `apiVersion`"),
        ("a: [\n", "!expected well-formed YAML"),
    ] {
        std::fs::write(&world.path, text).unwrap();
        for command in ["check", "info", "lab"] {
            check(&world, &[command], 2, &[wanted]);
        }
    }
    check(&self::world(&lab("EksDefaults", "")), &["check"], 2, &["!at most one `EksDefaults`"]);
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: default}\n";
    check(&self::world(pod), &["check"], 2, &["!expected one Pod `default/x`"]);
    check(&world, &["check", "--demo=/nonexistent.yaml"], 2, &["!cannot be used multiple times"]);
}

#[test]
fn secrets_are_read_only_when_asked_for_and_their_values_never() {
    let more = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: shop}\nstringData: \
                {AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE, AWS_SECRET_ACCESS_KEY: wJalrXUtnFEMIK7MDENGbPxRfiCY}\n---\n\
                apiVersion: v1\nkind: Pod\nmetadata: {name: keyed, namespace: shop}\nspec: {serviceAccountName: web, \
                containers: [{name: app, image: app, envFrom: [{secretRef: {name: keys}}]}]}\n";
    let world = world(more);
    let container = |args: &[&str]| {
        let out = run(&world, &[&["check", "-o", "json"], args].concat());
        assert!(!said(&out).contains("AKIA") && !said(&out).contains("wJalr"), "{}", said(&out));
        let report = json(&out);
        report["containers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["pod"] == "keyed")
            .unwrap()
            .clone()
    };
    let unread = container(&[]);
    assert_eq!(unread["actual"], "irsa");
    let because = unread["because"].as_str().unwrap();
    assert!(because.contains("not read: secret keys (envFrom)"), "{because}");
    assert_eq!(container(&["--read-secrets"])["actual"], "static");
}

#[test]
fn a_vector_with_a_wrong_key_is_no_test() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors.json");
    for (file, text) in
        [("trust-vectors.json", "\"namespace\""), ("admission-vectors.json", "\"association\"")]
    {
        let vectors = std::fs::read_to_string(format!("tests/vectors/{file}")).unwrap();
        std::fs::write(&path, &vectors).unwrap();
        let args = ["trust", "test", path.to_str().unwrap()];
        expect(&idscope(&args).output().unwrap(), &args, 0, &[" passed, 0 failed"]);
        std::fs::write(&path, vectors.replacen(text, "\"nmespace\"", 1)).unwrap();
        expect(&idscope(&args).output().unwrap(), &args, 2, &["!unknown key `nmespace`"]);
    }
    std::fs::write(&path, "[]").unwrap();
    let args = ["trust", "test", path.to_str().unwrap()];
    expect(&idscope(&args).output().unwrap(), &args, 2, &["!not a vector file"]);
}
