//! A small cluster on the real API server and MiniStack: planted faults are found, nothing else is, and for each
//! annotated ServiceAccount our verdict is what STS answers to a token of it.

use crate::{
    aws::Aws,
    kube,
    peers::{ACCOUNT, ADMIN, Kubernetes, MiniStack, REGION},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Command};

const CLUSTER: &str = "live";

pub async fn run(ministack: &MiniStack, aws: &Aws, dir: &std::path::Path) {
    let url = aws.cluster(CLUSTER).await;
    let issuer = url.split_once("://").expect("a URL").1.to_owned();
    let mut kubernetes = Kubernetes::start(dir, &url);
    let client = kube::client(&kubernetes, ADMIN).await;
    aws.iam
        .create_open_id_connect_provider()
        .url(&url)
        .client_id_list("sts.amazonaws.com")
        .send()
        .await
        .expect("a provider");
    // Healthy, a space in the subject, another namespace, the wrong action.
    let accounts = [
        ("shop", "web", "system:serviceaccount:shop:web", "sts:AssumeRoleWithWebIdentity"),
        ("payments", "api", "system:serviceaccount: payments:api", "sts:AssumeRoleWithWebIdentity"),
        (
            "payments",
            "refunds",
            "system:serviceaccount:billing:refunds",
            "sts:AssumeRoleWithWebIdentity",
        ),
        ("payments", "invoices", "system:serviceaccount:payments:invoices", "sts:AssumeRole"),
    ];
    for (namespace, name, subject, action) in accounts {
        kube::namespace(&client, namespace).await;
        // `:aud` is left out: MiniStack denies the list that Kubernetes writes, which STS accepts.
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": action,
            "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")},
            "Condition": {"StringEquals": {format!("{issuer}:sub"): subject}},
        }]});
        let arn =
            aws.role(&format!("arn:aws:iam::{ACCOUNT}:role/{name}"), &trust.to_string()).await;
        let attached = aws
            .iam
            .attach_role_policy()
            .role_name(name)
            .policy_arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
            .send()
            .await;
        attached.expect("a policy can be attached");
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
            "name": name, "namespace": namespace,
            "annotations": {"eks.amazonaws.com/role-arn": arn}}});
        kube::create(&client, &account).await.expect("a ServiceAccount");
        kube::create(&client, &injected(namespace, name, &arn)).await.expect("a pod");
    }
    kube::create(&client, &webhook()).await.expect("a webhook configuration");

    let planted: BTreeSet<String> =
        ["TRUST-SUB-03 api", "TRUST-SUB-01 refunds", "TRUST-ACT-01 invoices"]
            .into_iter()
            .map(str::to_owned)
            .collect();
    let report = check(&kubernetes, ministack);
    assert_eq!(found(&report), planted, "{report:#}");
    // A crash and a start later the same is found.
    kubernetes.restart();
    assert_eq!(found(&check(&kubernetes, ministack)), planted);

    for (namespace, name, _, _) in accounts {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": ["sts.amazonaws.com"]}});
        let answer = kube::call(&client, "POST", &path, Some(&body)).await.expect("a token");
        let token = answer["status"]["token"].as_str().expect("a token");
        let theirs = aws
            .sts
            .assume_role_with_web_identity()
            .role_arn(format!("arn:aws:iam::{ACCOUNT}:role/{name}"))
            .role_session_name("suite")
            .web_identity_token(token)
            .send()
            .await
            .is_ok();
        let ours = identity(&report, namespace, name)["verdict"].as_str() == Some("allow");
        assert_eq!(ours, theirs, "{namespace}/{name}");
    }
    eprintln!(
        "planted: {} faults found and nothing else, 4 verdicts as STS answers",
        planted.len()
    );
}

fn check(kubernetes: &Kubernetes, ministack: &MiniStack) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_idscope"))
        .args(["check", "--output", "json", "--cluster", CLUSTER, "--region", REGION])
        .env("KUBECONFIG", kubernetes.kubeconfig("check", ADMIN))
        .env("AWS_ENDPOINT_URL", ministack.url())
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&out.stderr);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|err| panic!("{err}: {said}"))
}

/// `CODE name` of everything above hygiene.
fn found(report: &Value) -> BTreeSet<String> {
    let all = report["findings"].as_array().expect("findings");
    all.iter()
        .filter(|it| it["severity"] != "hygiene")
        .map(|it| {
            let name = it["subject"]["name"].as_str().unwrap_or_default();
            format!("{} {name}", it["code"].as_str().unwrap_or_default())
        })
        .collect()
}

fn identity<'a>(report: &'a Value, namespace: &str, name: &str) -> &'a Value {
    let all = report["identities"].as_array().expect("identities");
    all.iter()
        .find(|it| it["namespace"] == namespace && it["serviceAccount"] == name)
        .expect("the ServiceAccount is told")
}

/// A pod as the webhook would have left it.
fn injected(namespace: &str, name: &str, role: &str) -> Value {
    let dir = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{name}-1"), "namespace": namespace},
        "spec": {"serviceAccountName": name,
            "volumes": [{"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken":
                {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}]}}],
            "containers": [{"name": "app", "image": "app",
                "env": [{"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"},
                    {"name": "AWS_DEFAULT_REGION", "value": REGION}, {"name": "AWS_REGION", "value": REGION},
                    {"name": "AWS_ROLE_ARN", "value": role},
                    {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": format!("{dir}/token")}],
                "volumeMounts": [{"name": "aws-iam-token", "mountPath": dir, "readOnly": true}]}]}})
}

fn webhook() -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [{"name": "iam-for-pods.amazonaws.com", "failurePolicy": "Ignore", "sideEffects": "None",
            "admissionReviewVersions": ["v1beta1"],
            "clientConfig": {"url": "https://127.0.0.1:23443/mutate", "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}]})
}
