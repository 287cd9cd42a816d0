//! `probe`: what the endpoints answer to a fresh token, beside the verdict.

use crate::{
    command::{self, BASE, Scenario, expect, text},
    world::Home,
};
use idscope::lab::scenario::{Answer, Fault, When};
use serde_json::Value;

fn annotated(name: &str, role: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: shop\n  annotations: \
         {{eks.amazonaws.com/role-arn: \"arn:aws:iam::111122223333:role/{role}\"}}\n"
    )
}

fn fault(api: &str, answer: &str) -> String {
    format!("---\napiVersion: lab.idscope.dev/v1\nkind: Fault\napi: {api}\nanswer: {answer}\n")
}

fn associated(name: &str) -> String {
    format!(
        "---\napiVersion: lab.idscope.dev/v1\nkind: PodIdentityAssociation\nnamespace: shop\nserviceAccount: {name}\n\
         roleArn: arn:aws:iam::111122223333:role/pi\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, \
         namespace: shop}}\n"
    )
}

/// Answer, verdict, how both agree, and the exit status.
#[track_caller]
fn check(more: &str, target: &str, status: i32, wanted: (&str, &str, &str)) -> Value {
    let world = Scenario::new(&format!("{BASE}{more}"));
    let out = expect(
        world.idscope(&["probe", target, "--yes", "-o", "json"]),
        status,
        &["idscope/probe/v1"],
    );
    let data: Value = serde_json::from_slice(&out.stdout).unwrap();
    let told = |it: &Value| it.as_str().unwrap_or("null").to_owned();
    let got = (
        told(&data["answer"]["verdict"]),
        told(&data["judged"]["verdict"]),
        told(&data["agreement"]),
    );
    let wanted = (wanted.0.to_owned(), wanted.1.to_owned(), wanted.2.to_owned());
    assert_eq!(got, wanted, "{target}: {data:#}");
    assert_eq!(data["finding"].is_null(), wanted.2 != "differs", "{data:#}");
    // Nothing of what came back is told.
    for secret in ["ASIA", "lab-session-", "eyJ"] {
        assert!(!command::said(&out).contains(secret), "{secret}: {}", command::said(&out));
    }
    data
}

#[test]
fn aws_itself_says_what_was_judged() {
    let agrees = ("allow", "allow", "agrees");
    let data = check("", "sa/shop/web", 0, agrees);
    assert_eq!(data["operation"], "sts:AssumeRoleWithWebIdentity");
    assert_eq!(
        data["answer"]["session"],
        "arn:aws:sts::111122223333:assumed-role/app/idscope-probe"
    );
    let data = check("", "sa/shop/pi", 0, agrees);
    assert_eq!(data["operation"], "eks-auth:AssumeRoleForPodIdentity");
    assert!(data["pod"].as_str().unwrap().starts_with("pi"), "{data}");
    check("", "pod/shop/web-7d9f5c6b8-aaaaa", 0, agrees);

    // Refused as judged: a role that trusts somebody else, and one that does not exist.
    let data = check(&annotated("api", "app"), "sa/shop/api", 1, ("deny", "deny", "agrees"));
    assert_eq!(data["answer"]["errorSignature"], data["judged"]["errorSignature"]);
    check(&annotated("api", "nobody"), "sa/shop/api", 1, ("deny", "deny", "agrees"));
}

#[test]
fn a_difference_is_a_finding_about_idscope() {
    let sts = fault("sts:AssumeRoleWithWebIdentity", "deny");
    let data = check(&sts, "sa/shop/web", 1, ("deny", "allow", "differs"));
    let finding = &data["finding"];
    assert_eq!(finding["subject"]["name"], "idscope");
    let report = finding["report"].as_str().unwrap();
    for part in [env!("CARGO_PKG_VERSION"), "AWS: AccessDenied", "idscope: allow", "trust policy"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let world = Scenario::new(&format!("{BASE}{sts}"));
    let words = ["AWS and idscope differ", "A report to copy", "TOOL-ORG-01"];
    expect(world.idscope(&["probe", "sa/shop/web", "--yes"]), 1, &words);
}

#[test]
fn what_was_not_answered_is_not_known() {
    let open = ("unknown", "allow", "open");
    for (api, answer) in [
        ("sts:AssumeRoleWithWebIdentity", "drop"),
        ("sts:AssumeRoleWithWebIdentity", "throttle"),
        ("sts:AssumeRoleWithWebIdentity", "garbage"),
        ("kube:serviceaccounts/token:create", "deny"),
        ("kube:serviceaccounts/token:create", "drop"),
    ] {
        check(&fault(api, answer), "sa/shop/web", 3, open);
    }
    // Whoever may not ask EKS Auth learns nothing of the identity.
    let data = check(&fault("eks-auth:*", "deny"), "sa/shop/pi", 3, open);
    let why = data["answer"]["message"].as_str().unwrap();
    assert!(why.contains("eks-auth:AssumeRoleForPodIdentity is denied"), "{why}");
    // What could not be judged is settled by the answer.
    let unread = fault("iam:GetRole", "deny") + &fault("iam:ListRoles", "deny");
    check(&unread, "sa/shop/web", 0, ("allow", "unknown", "settles"));
}

#[test]
fn nothing_is_asked_without_consent_or_for_nothing() {
    let world = Scenario::new(&format!("{BASE}{}", associated("idle")));
    let nothing = "!nothing was asked";
    let run =
        |args: &[&str], status: i32, words: &[&str]| expect(world.idscope(args), status, words);
    run(&["probe", "sa/shop/web"], 3, &[nothing, "!pass --yes", "!dropped unseen"]);
    run(&["probe", "sa/shop/web", "--yes", "--readonly"], 3, &[nothing, "!read-only"]);
    run(&["probe", "sa/shop/idle", "--yes"], 3, &[nothing, "!no pod of `shop/idle` runs"]);
    run(&["probe", "sa/shop/default", "--yes"], 0, &[nothing, "!asks for no AWS identity"]);
    run(&["probe", "cluster", "--yes"], 2, &["!has no ServiceAccount"]);
    run(&["probe", "sa/shop/nobody", "--yes"], 2, &["!nothing here is called"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_and_one_question() {
    let home = Home::with(&format!("---\n{}", associated_pod())).await;
    let asked = |home: &Home| -> Vec<String> {
        let all = home.lab.calls().into_iter().map(|it| it.api);
        all.filter(|it| it.contains("token") || it.contains("Assume")).collect()
    };
    let run = async |target: &'static str| {
        let command = command::idscope(&home, &["probe", target, "--yes"]);
        tokio::task::spawn_blocking(move || {
            let mut command = command;
            command.output().unwrap()
        })
        .await
        .unwrap()
    };
    let out = run("sa/shop/web").await;
    assert_eq!(out.status.code(), Some(1), "{}", command::said(&out));
    assert_eq!(
        asked(&home),
        ["kube:serviceaccounts/token:create", "sts:AssumeRoleWithWebIdentity"]
    );
    let out = run("sa/shop/assoc").await;
    assert_eq!(out.status.code(), Some(0), "{}", command::said(&out));
    assert_eq!(
        asked(&home)[2..],
        ["kube:serviceaccounts/token:create", "eks-auth:AssumeRoleForPodIdentity"]
    );
    // A refusal is not asked for again either.
    home.lab.break_with(Fault {
        api: "sts:AssumeRoleWithWebIdentity".into(),
        answer: Answer::Throttle,
        resource: None,
        after_events: None,
        times: None,
        when: When::Before,
    });
    let out = run("sa/shop/web").await;
    assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
    assert_eq!(asked(&home).len(), 6);
    assert!(home.lab.mutations().iter().all(|it| it.api.contains("token")));
}

fn associated_pod() -> &'static str {
    "apiVersion: v1\nkind: Pod\nmetadata: {name: assoc-0, namespace: shop}\nspec: {serviceAccountName: assoc, containers: \
     [{name: app, image: a}]}\n"
}

/// A ServiceAccount on the way to Pod Identity that only lacks the proof.
fn migrating() -> String {
    let issuer = "oidc.eks.ap-northeast-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
    let role = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{issuer}")},
            "Condition": {"StringEquals": {format!("{issuer}:sub"): "system:serviceaccount:shop:both",
                format!("{issuer}:aud"): "sts.amazonaws.com"}}},
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Principal": {"Service": "pods.eks.amazonaws.com"}}]});
    format!(
        "---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: arn:aws:iam::111122223333:role/both\ntrustPolicy: {role}\n\
         attachedPolicies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]\n{}---\napiVersion: lab.idscope.dev/v1\nkind: \
         PodIdentityAssociation\nnamespace: shop\nserviceAccount: both\nroleArn: arn:aws:iam::111122223333:role/both\nage: 3h\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: both-1, namespace: shop, annotations: {{lab.idscope.dev/age: 2h}}}}\n\
         spec: {{serviceAccountName: both, containers: [{{name: app, image: app}}]}}\n",
        annotated("both", "both")
            .replace("annotations: {", "annotations: {lab.idscope.dev/age: 5h, ")
    )
}

#[test]
fn a_migration_goes_on_once_eks_auth_answered() {
    let migrate = ["fix", "sa/shop/both", "--goal", "migrate"];
    let world = Scenario::new(&(BASE.to_owned() + &migrating()));
    expect(world.idscope(&migrate), 0, &["!stage prove", "!--probe asks EKS Auth"]);
    let probe = [&migrate[..], &["--probe"]].concat();
    expect(world.idscope(&probe), 0, &["!AWS      allow", "!stage unannotate", "annotate"]);
    // The wrong answer proves nothing.
    let refused = BASE.to_owned() + &migrating() + &fault("eks-auth:*", "drop");
    expect(Scenario::new(&refused).idscope(&probe), 0, &["!AWS      unknown", "!stage prove"]);
}
