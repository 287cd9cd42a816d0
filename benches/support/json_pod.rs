//! A pod as the wire has it.

use serde_json::json;

/// A pod of 16 KB as an API server writes it: two containers, 23 variables each, three volumes, managedFields.
pub fn pod(i: usize) -> String {
    let env: Vec<_> = (0..20)
        .map(|n| json!({"name": format!("SETTING_{n:02}"), "value": "x".repeat(40)}))
        .chain([
            json!({"name": "AWS_REGION", "value": "eu-west-1"}),
            json!({"name": "AWS_ROLE_ARN", "value": format!("arn:aws:iam::111122223333:role/app-{}", i % 200)}),
            json!({"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"}),
        ])
        .collect();
    let volume = format!("kube-api-access-{:05}", i % 100_000);
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.example/app:1.2.3", "env": env,
            "volumeMounts": [{"name": volume, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
        })
    };
    let fields: serde_json::Map<_, _> = (0..110)
        .map(|n| {
            (
                format!("k:{{\"name\":\"SETTING_{n:03}\"}}"),
                json!({".": {}, "f:name": {}, "f:value": {}}),
            )
        })
        .collect();
    json!({
        "metadata": {
            "name": format!("app-{i}"), "namespace": format!("ns-{}", i % 50), "uid": format!("uid-{i:08}"),
            "resourceVersion": format!("{i}"), "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"app": format!("app-{}", i % 200), "pod-template-hash": "5d4f8c7b9"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("app-{}-5d4f8c7b9", i % 200), "controller": true}],
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": fields}],
        },
        "spec": {
            "serviceAccountName": format!("app-{}", i % 200), "nodeName": format!("node-{}", i % 300),
            "containers": [container("app"), container("sidecar")],
            "volumes": [
                {"name": volume, "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "config", "configMap": {"name": "app"}},
            ],
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
    .to_string()
}
