//! What is printed as the least that repairing needs, held to what every kind of edit really calls.

use crate::{
    command,
    world::{Home, rows},
};
use futures::StreamExt;
use idscope::{
    apply::{self, Hands},
    ident::WorkloadKind,
    plan::{Edit, Outcome, Place, WorkloadKey},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a call needs beside the permission of its own name.
const BESIDE: [(&str, &str); 4] = [
    ("eks:CreatePodIdentityAssociation", "iam:PassRole"),
    ("eks:CreatePodIdentityAssociation", "eks:TagResource"),
    ("eks:UpdatePodIdentityAssociation", "iam:PassRole"),
    ("iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"),
];

/// What everybody may who has credentials at all.
const FOR_ALL: [&str; 4] = [
    "sts:GetCallerIdentity",
    "sts:AssumeRoleWithWebIdentity",
    "kube:selfsubjectaccessreviews:create",
    "kube:version:get",
];

fn actions(text: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(text).unwrap();
    let mut res = BTreeSet::new();
    for it in policy["Statement"].as_array().unwrap() {
        match &it["Action"] {
            Value::String(it) => drop(res.insert(it.clone())),
            other => {
                let all = other.as_array().unwrap().iter();
                res.extend(all.map(|it| it.as_str().unwrap().to_owned()));
            }
        }
    }
    res
}

/// `kube:RESOURCE:VERB` of a ClusterRole.
fn verbs(text: &str) -> BTreeSet<String> {
    let list = |line: &str| -> Vec<String> {
        let (_, items) = line.split_once('[').unwrap();
        items.trim_end_matches(']').split(", ").map(|it| it.trim_matches('"').to_owned()).collect()
    };
    let (mut res, mut resources) = (BTreeSet::new(), Vec::new());
    for line in text.lines() {
        match line.trim().split_once(':') {
            Some(("resources", _)) => resources = list(line),
            Some(("- nonResourceURLs", _)) => resources.clear(),
            Some(("verbs", _)) => {
                for verb in list(line) {
                    res.extend(resources.iter().map(|it| format!("kube:{it}:{verb}")));
                }
            }
            _ => {}
        }
    }
    res
}

/// Templates of every kind that may be changed.
fn more() -> String {
    let template = "{metadata: {labels: {app: x}, annotations: {eks.amazonaws.com/skip-containers: x}}, spec: {serviceAccountName: \
        web, restartPolicy: Never, containers: [{name: app, image: a}]}}";
    format!(
        "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: bare, namespace: shop}}\nspec: {{replicas: 0, selector: \
         {{matchLabels: {{app: x}}}}, template: {template}}}\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: \
         nightly, namespace: shop}}\nspec: {{schedule: '0 0 * * *', jobTemplate: {{spec: {{template: {template}}}}}}}\n"
    )
}

fn edits(home: &Home) -> Vec<Edit> {
    let mark = |kind: WorkloadKind, name: &str| Edit::SetMetadata {
        workload: WorkloadKey::new(kind, "shop", name),
        place: Place::Annotations,
        key: "eks.amazonaws.com/skip-containers".into(),
        was: Some("x".into()),
        value: None,
    };
    let mut res: Vec<Edit> = rows(&home.world).into_iter().map(|it| it.edit).collect();
    res.push(mark(WorkloadKind::DaemonSet, "log"));
    res.push(mark(WorkloadKind::ReplicaSet, "bare"));
    res.push(mark(WorkloadKind::CronJob, "nightly"));
    res
}

/// Every call of one edit: what the caller may, what can be brought back, the write, and the way back of what is hidden.
async fn calls(edit: Edit) -> Vec<String> {
    let home = Home::with(&more()).await;
    let mut job = home.job(vec![edit.clone()]);
    let hands = Hands::open(&home.settings(), &job.plan, &job.place, &job.callers).await.unwrap();
    apply::permissions(&hands, &job.plan).await;
    apply::revisions(&hands, &mut job.plan).await;
    let ran = home.run(job).await;
    assert_eq!(ran.outcome, Outcome::Applied, "{edit:?}");
    if let Edit::SetEnv { workload, container, init, .. } = edit {
        let made = ran.entry.unwrap().steps[0].made.clone().unwrap();
        let back = Edit::RestoreEnv {
            workload,
            container,
            init,
            names: vec!["AWS_SECRET_ACCESS_KEY".into()],
            revision: made["revision"].as_i64().unwrap(),
        };
        let ran = home.run(home.job(vec![back.clone()])).await;
        assert_eq!(ran.outcome, Outcome::Applied, "{back:?}");
    }
    home.lab.calls().into_iter().map(|it| it.api).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fixing_calls_what_is_printed_and_nothing_else() {
    let home = Home::with(&more()).await;
    let runs: Vec<_> = edits(&home).into_iter().map(calls).collect();
    let all: Vec<Vec<String>> = futures::stream::iter(runs).buffer_unordered(8).collect().await;
    let mut used: BTreeSet<String> = all.into_iter().flatten().collect();
    // What a probe asks, both ways.
    used.extend(
        ["kube:serviceaccounts/token:create", "eks-auth:AssumeRoleForPodIdentity"]
            .map(str::to_owned),
    );
    for (call, more) in BESIDE {
        if used.contains(call) {
            used.insert(more.to_owned());
        }
    }
    let read = include_str!("../../assets/permissions/iam-read.json");
    let mut reading = actions(read);
    reading.extend(verbs(include_str!("../../assets/permissions/clusterrole-read.yaml")));
    let mut fixing = actions(include_str!("../../assets/permissions/iam-fix.json"));
    fixing.extend(verbs(include_str!("../../assets/permissions/clusterrole-fix.yaml")));
    let both: Vec<_> = reading.intersection(&fixing).collect();
    assert!(both.is_empty(), "reading has it already: {both:?}");
    let is_for_all =
        |it: &str| FOR_ALL.contains(&it) || it.starts_with("kube:/") || it == "kube::get";
    let beyond: BTreeSet<String> =
        used.iter().filter(|it| !reading.contains(*it) && !is_for_all(it)).cloned().collect();
    assert_eq!(beyond, fixing);
}

#[test]
fn they_are_printed() {
    let out = command::plain(&["info", "--permissions", "--fixes"]).output().unwrap();
    let text = command::text(&out.stdout);
    for it in ["idscope-read", "idscope-fix", "iam:UpdateAssumeRolePolicy", "IdscopeRead"] {
        assert!(text.contains(it), "{it}: {text}");
    }
    let out = command::plain(&["info", "--permissions"]).output().unwrap();
    assert!(!command::text(&out.stdout).contains("iam:UpdateAssumeRolePolicy"));
    assert_eq!(command::plain(&["info", "--fixes"]).output().unwrap().status.code(), Some(2));
}
