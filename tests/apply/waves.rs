//! Several workloads restarted by one plan: the first goes alone, the others once its pods are Ready. Until then nothing
//! is written, whatever becomes of the wait; and a step that fails takes only those with it that need it.

use crate::{
    command::{Scenario, idscope, output, said, text},
    world::{Home, rows},
};
use idscope::{
    apply::{self, Job},
    ident::WorkloadKind,
    lab::scenario::{Answer, Fault, When},
    plan::{Edit, Outcome, Progress, StepState, WorkloadKey},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

const PODS: &str = "/api/v1/namespaces/shop/pods";

/// A Deployment whose new pods are Ready only once somebody says so of them.
const SLOW: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a-slow, namespace: shop}\nspec: {replicas: 2, \
    template: {metadata: {labels: {app: a-slow}}, spec: {serviceAccountName: web, readinessGates: [{conditionType: shop/warm}], \
    containers: [{name: app, image: a}]}}}\n";

fn restart(kind: WorkloadKind, name: &str) -> Edit {
    Edit::Restart { workload: WorkloadKey::new(kind, "shop", name) }
}

/// The slow one first, then two others.
fn edits() -> Vec<Edit> {
    vec![
        restart(WorkloadKind::Deployment, "a-slow"),
        restart(WorkloadKind::StatefulSet, "db"),
        restart(WorkloadKind::Deployment, "web"),
    ]
}

/// Says of the slow one's pods that they are Ready.
async fn warm_up(home: &Home) {
    let (_, list) = home.kube("GET", PODS, &Value::Null).await;
    let is_slow = |it: &&Value| it["metadata"]["labels"]["app"] == "a-slow";
    let pods: Vec<Value> =
        list["items"].as_array().unwrap().iter().filter(is_slow).cloned().collect();
    assert_eq!(pods.len(), 2, "{list}");
    for it in pods {
        let mut conditions = it["status"]["conditions"].clone();
        for it in conditions.as_array_mut().unwrap().iter_mut().filter(|it| it["type"] == "Ready") {
            it["status"] = json!("True");
        }
        let path = format!("{PODS}/{}/status", it["metadata"]["name"].as_str().unwrap());
        let (status, told) =
            home.kube("PATCH", &path, &json!({"status": {"conditions": conditions}})).await;
        assert_eq!(status, 200, "{told}");
    }
}

/// What was restarted, in order.
fn restarted(home: &Home) -> Vec<String> {
    let of_owners = |it: &str| it.contains("deployments") || it.contains("statefulsets");
    let all = home.lab.mutations().into_iter().filter(|it| of_owners(&it.api));
    all.map(|it| it.resource).collect()
}

/// What a plan that waits is met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Ready,
    Stopped,
    /// Nobody does anything.
    Nothing,
    Gone,
}

/// Runs it until it waits, does that, and gives how it ended and what was said of the wait.
async fn waits(home: &Home, then: Then) -> (Outcome, Vec<(usize, String)>) {
    let within = match then {
        Then::Nothing => Duration::from_millis(400),
        Then::Ready | Then::Stopped | Then::Gone => Duration::from_secs(20),
    };
    let job = Job { ready_within: within, ..home.job(edits()) };
    let (settings, journal) = (home.settings(), home.journal());
    let (progress, mut told) = mpsc::channel(64);
    let (stop, stopped) = watch::channel(false);
    let listening = async {
        let mut waited = Vec::new();
        while let Some(it) = told.recv().await {
            let Progress::Step { index, state: StepState::Waiting { what, .. } } = it else {
                continue;
            };
            if waited.is_empty() {
                assert_eq!(restarted(home), ["shop/a-slow"], "nothing else before it is Ready");
                match then {
                    Then::Ready => warm_up(home).await,
                    Then::Stopped => drop(stop.send_replace(true)),
                    Then::Nothing => {}
                    Then::Gone => {
                        let path = "/apis/apps/v1/namespaces/shop/deployments/a-slow";
                        assert_eq!(home.kube("DELETE", path, &Value::Null).await.0, 200);
                    }
                }
            }
            waited.push((index, what.to_string()));
        }
        waited
    };
    let running = async {
        let outcome = apply::run(&settings, &journal, job, &progress, &stopped).await;
        drop(progress);
        outcome
    };
    tokio::join!(running, listening)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_workload_goes_alone_until_its_pods_are_ready() {
    let check = async |then: Then, wanted: Outcome, done: &[&str]| {
        let home = Home::with(SLOW).await;
        let (outcome, waited) = waits(&home, then).await;
        let named = |it: &Outcome| match it {
            Outcome::Partly { done, why } => (*done, why.to_string()),
            _ => (0, String::new()),
        };
        let ((n, why), (n_wanted, wanted_why)) = (named(&outcome), named(&wanted));
        assert_eq!(
            std::mem::discriminant(&outcome),
            std::mem::discriminant(&wanted),
            "{outcome:?}"
        );
        assert!(n == n_wanted && why.contains(&wanted_why), "{then:?}: {outcome:?}");
        let (index, what) = waited.first().unwrap();
        assert_eq!((*index, &**what), (1, "deploy/shop/a-slow goes first: 0 of 2 pods are Ready"));
        let mut seen = restarted(&home);
        seen.retain(|_| then != Then::Gone);
        assert_eq!(seen, done, "{then:?}");
        let entry = home.journal().entries().unwrap().0.pop().unwrap();
        assert_eq!(entry.outcome, Some(outcome));
        assert_eq!(entry.n_done(), done.len().max(1));
    };
    check(Then::Ready, Outcome::Applied, &["shop/a-slow", "shop/db", "shop/web"]).await;
    check(Then::Stopped, Outcome::Stopped { done: 1 }, &["shop/a-slow"]).await;
    let why = "deploy/shop/a-slow did not become Ready within 0 s: 0 of 2 pods are Ready; 2 workloads were left alone";
    check(Then::Nothing, Outcome::Partly { done: 1, why: why.into() }, &["shop/a-slow"]).await;
    let why = "did not become Ready: it is gone; 2 workloads were left alone";
    check(Then::Gone, Outcome::Partly { done: 1, why: why.into() }, &[]).await;
}

/// What was left alone waits for the same workload when it is asked for again, until somebody sees to that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_alone_waits_for_the_same_workload_again() {
    let rest = || edits()[1..].to_vec();
    let again = async |home: &Home| {
        let job = Job { ready_within: Duration::from_millis(400), ..home.job(rest()) };
        home.run(job).await.outcome
    };
    let left = async |home: &Home| {
        let (outcome, _) = waits(home, Then::Nothing).await;
        assert!(matches!(outcome, Outcome::Partly { done: 1, .. }), "{outcome:?}");
        let Outcome::Nothing { why } = again(home).await else { panic!() };
        let wanted = "deploy/shop/a-slow did not become Ready within 0 s: 0 of 2 pods are Ready; 2 workloads were left alone; an earlier plan made it anew first: repair it, or undo that plan";
        assert_eq!(&*why, wanted);
        // Nor does asking once more lead around it.
        assert!(matches!(again(home).await, Outcome::Nothing { .. }));
        assert_eq!(restarted(home), ["shop/a-slow"]);
    };
    let home = Home::with(SLOW).await;
    left(&home).await;
    warm_up(&home).await;
    assert_eq!(again(&home).await, Outcome::Applied);
    assert_eq!(restarted(&home), ["shop/a-slow", "shop/db", "shop/web"]);
    // What was restarted since waits for nobody.
    assert_eq!(again(&home).await, Outcome::Applied);
    let home = Home::with(SLOW).await;
    left(&home).await;
    let path = "/apis/apps/v1/namespaces/shop/deployments/a-slow";
    assert_eq!(home.kube("DELETE", path, &Value::Null).await.0, 200);
    assert_eq!(again(&home).await, Outcome::Applied);
}

/// A plan that was killed while it waited: the next one waits for the same workload, and restarts none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_was_killed_while_it_waited_is_finished() {
    let home = Home::with(SLOW).await;
    let (file, digest) = home.plan_file(edits());
    let mut child =
        idscope(&home, &["fix", "--plan", &file, "--apply", "--yes", &digest]).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waits = tokio::task::spawn_blocking(move || {
        lines.map_while(Result::ok).find(|it| it.contains("waiting until"))
    });
    let line = waits.await.unwrap().expect("it waits");
    assert!(line.contains("deploy/shop/a-slow goes first: 0 of 2 pods are Ready"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(restarted(&home), ["shop/a-slow"]);
    let out = output(&home, &["undo", "-o", "json"]).await;
    let all: Value = serde_json::from_slice(&out.stdout).unwrap();
    let id = all[0]["id"].as_str().unwrap();
    // Still not Ready: it waits again, as long as it is told to, and the others are left alone.
    let plan = |more: &[&str]| {
        let all: Vec<&str> = ["fix", "--finish", id].iter().chain(more).copied().collect();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let shown = plan(&["-o", "json"]);
    let shown: Vec<&str> = shown.iter().map(|it| &**it).collect();
    let out = output(&home, &shown).await;
    let digest: Value = serde_json::from_slice(&out.stdout).unwrap();
    let digest = digest["digest"].as_str().unwrap().to_owned();
    let apply = plan(&["--apply", "--yes", &digest, "--ready-within", "1s"]);
    let apply: Vec<&str> = apply.iter().map(|it| &**it).collect();
    let out = output(&home, &apply).await;
    assert_eq!(out.status.code(), Some(5), "{}", said(&out));
    let told = text(&out.stderr);
    assert!(told.contains("did not become Ready within 1 s"), "{told}");
    assert_eq!(restarted(&home), ["shop/a-slow"]);
    warm_up(&home).await;
    // What ended is put back or planned anew; the first workload has what it should.
    let (file, digest) = home.plan_file(edits()[1..].to_vec());
    let out = output(&home, &["fix", "--plan", &file, "--apply", "--yes", &digest]).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(restarted(&home), ["shop/a-slow", "shop/db", "shop/web"]);
}

/// The strategy is looked at again right before the write.
#[tokio::test]
async fn a_workload_that_was_paused_since_is_not_restarted() {
    let home = Home::new().await;
    let job = home.job(vec![restart(WorkloadKind::Deployment, "web")]);
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    assert_eq!(home.kube("PATCH", path, &json!({"spec": {"paused": true}})).await.0, 200);
    let before = restarted(&home).len();
    let ran = home.run(job).await;
    let Outcome::Nothing { why } = &ran.outcome else { panic!("{ran:?}") };
    assert!(why.contains("makes its pods anew in another way now"), "{why}");
    let Some(StepState::Moved { found, .. }) = &ran.last else { panic!("{ran:?}") };
    assert!(found.contains("spec.paused = true"), "{found}");
    assert_eq!(restarted(&home).len(), before);
}

/// Asked to stop while a write is on its way: that step is finished, read back and noted; nothing is begun after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_step_in_flight_is_finished_and_nothing_after_it_is_begun() {
    let all = ["annotate", "set trust", "update association"];
    for (index, name) in all.into_iter().enumerate() {
        let home = Home::new().await;
        let rows = rows(&home.world);
        let row = |name: &str| rows.iter().find(|it| it.name == name).unwrap();
        let edits = all.iter().map(|it| row(it).edit.clone()).collect();
        let (settings, journal, job) = (home.settings(), home.journal(), home.job(edits));
        let n_before = usize::from(row(name).is_kubernetes());
        let mut pause = home.lab.pause(row(name).write, n_before, When::Before);
        let (progress, mut told) = mpsc::channel(64);
        let (stop, stopped) = watch::channel(false);
        let listening = async { while told.recv().await.is_some() {} };
        let running = async {
            let outcome = apply::run(&settings, &journal, job, &progress, &stopped).await;
            drop(progress);
            outcome
        };
        let stopping = async {
            pause.reached().await;
            stop.send_replace(true);
            pause.release();
        };
        let (outcome, (), ()) = tokio::join!(running, listening, stopping);
        // Once the last one is written nothing is left to be stopped.
        let wanted = match index {
            2 => Outcome::Applied,
            _ => Outcome::Stopped { done: index + 1 },
        };
        assert_eq!(outcome, wanted, "{name}");
        assert_eq!(home.lab.mutations().len(), index + 1, "{name}");
        let entry = home.journal().entries().unwrap().0.pop().unwrap();
        assert_eq!((entry.n_done(), entry.cut_off()), (index + 1, None), "{name}");
        assert_eq!(entry.steps[index].state, Some(StepState::Done), "{name}");
        assert_eq!(entry.outcome, Some(outcome), "{name}");
    }
}

/// Roles stand beside each other; what is about one of them goes with it.
#[tokio::test]
async fn a_step_that_fails_takes_only_those_with_it_that_need_it() {
    let home = Home::new().await;
    let all = rows(&home.world);
    let of = |name: &str| all.iter().find(|it| it.name == name).unwrap().edit.clone();
    // `web` has role `app`, whose trust policy is the one that fails.
    let edits = vec![of("set trust"), of("restart"), of("add client id"), of("update association")];
    let fault = Fault {
        api: "iam:UpdateAssumeRolePolicy".into(),
        answer: Answer::Deny,
        resource: None,
        after_events: None,
        times: Some(1),
        when: When::Before,
    };
    home.lab.break_with(fault);
    let ran = home.run(home.job(edits)).await;
    let Outcome::Except { done: 2, left } = &ran.outcome else { panic!("{ran:?}") };
    assert_eq!(ran.outcome.exit_status(), 5);
    assert!(
        left[0].contains("role/app: ") && left[0].contains("UpdateAssumeRolePolicy"),
        "{left:?}"
    );
    assert_eq!(&*left[1], "deploy/shop/web: it needs a step that was not done");
    assert_eq!(left.len(), 2);
    let seen: Vec<_> = ran.seen.iter().map(|it| &*it.api).collect();
    assert_eq!(
        seen,
        [
            // Denied, once.
            "iam:UpdateAssumeRolePolicy",
            "iam:AddClientIDToOpenIDConnectProvider",
            "eks:UpdatePodIdentityAssociation"
        ]
    );
    let entry = ran.entry.unwrap();
    assert_eq!((entry.n_done(), entry.is_finished()), (2, true));
}

/// Of several roles one may not be changed: it is left, the others are done, and the end says so. Where nothing else is
/// left to do, nothing is written at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_allowed_stops_only_itself() {
    let check = async |names: &[&str], status: i32, said_so: &[&str]| {
        let scenario = Scenario::new(&made_again(names));
        let of = |args: &[&str]| {
            let mut command =
                scenario.idscope(&[&["fix", "cluster", "--goal", "re-home"], args].concat());
            command.env("HOME", scenario.path.parent().unwrap());
            tokio::task::spawn_blocking(move || command.output().unwrap())
        };
        let shown = of(&["-o", "json"]).await.unwrap();
        let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let digest = plan["digest"].as_str().unwrap();
        let out = of(&["--apply", "--yes", digest]).await.unwrap();
        assert_eq!(out.status.code(), Some(status), "{}", said(&out));
        for it in said_so {
            assert!(text(&out.stderr).contains(it), "{it}: {}", said(&out));
        }
    };
    let some = [
        "role/a: iam:UpdateAssumeRolePolicy is not allowed, so it will be left",
        "3 of 4 steps are done, 1 left:",
        "what was done is verified",
    ];
    check(&["a", "b", "c"], 5, &some).await;
    // The provider alone can be made, and is of use to nobody yet.
    check(&["a"], 5, &["1 of 2 steps written, then: "]).await;
}

/// A cluster that was made again, and roles that trust the one before; role `a` may not be changed.
fn made_again(names: &[&str]) -> String {
    let head = "apiVersion: lab.idscope.dev/v1\nkind:";
    let old = "oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D4E5F60718293A4B5C6D7E8F9";
    let mut res = format!(
        "{head} EksCluster\nname: prod\naccount: \"111122223333\"\nregion: eu-west-1\nissuer: https://oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E\nage: 1d\n\
         ---\n{head} EksDefaults\n---\n{head} Caller\ndeny: [\"iam:UpdateAssumeRolePolicy arn:aws:iam::111122223333:role/a\"]\n"
    );
    for it in names {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{old}")},
            "Condition": {"StringEquals": {format!("{old}:sub"): format!("system:serviceaccount:shop:{it}")}}}]});
        res.push_str(&format!(
            "---\n{head} IamRole\narn: arn:aws:iam::111122223333:role/{it}\nage: 300d\ntrustPolicy: {trust}\n\
             ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {it}, namespace: shop, annotations: {{eks.amazonaws.com/role-arn: \"arn:aws:iam::111122223333:role/{it}\"}}}}\n"
        ));
    }
    res
}
