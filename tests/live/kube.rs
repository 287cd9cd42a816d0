//! Writes objects to the real API server, and plays the controllers that do not run.

use crate::peers::Kubernetes;
use kube::{
    Client,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

/// A client that acts as the owner of a kubeconfig.
pub async fn client(kubernetes: &Kubernetes, token: &str) -> Client {
    let path = kubernetes.kubeconfig("suite", token);
    let file = Kubeconfig::read_from(path).expect("our own kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("our own kubeconfig is complete");
    Client::try_from(config).expect("a client")
}

/// `METHOD path` with a JSON body; the answer, or the API server's Status as text.
pub async fn call(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, String> {
    let content_type = match method {
        "PATCH" => "application/merge-patch+json",
        _create_or_read => "application/json",
    };
    let bytes = body.map(|it| serde_json::to_vec(it).expect("JSON")).unwrap_or_default();
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(bytes)
        .expect("a request");
    client.request::<Value>(request).await.map_err(|err| format!("{method} {path}: {err}"))
}

/// The collection that an object is posted to.
pub fn collection(object: &Value) -> String {
    let api_version = object["apiVersion"].as_str().expect("apiVersion");
    let kind = object["kind"].as_str().expect("kind");
    let plural = match kind {
        "MutatingWebhookConfiguration" => "mutatingwebhookconfigurations".to_owned(),
        "Ingress" => "ingresses".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    };
    let root = if api_version.contains('/') { "apis" } else { "api" };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{api_version}/{plural}"),
    }
}

/// Posts an object, and its status where the API takes that apart.
pub async fn create(client: &Client, object: &Value) -> Result<Value, String> {
    let mut object = object.clone();
    let status = object.as_object_mut().and_then(|it| it.remove("status"));
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
            metadata.remove(key);
        }
        // The owner's uid is another one here; garbage collection does not run.
        if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
            for owner in owners {
                owner["uid"] = json!("00000000-0000-0000-0000-000000000001");
            }
        }
    }
    let path = collection(&object);
    let made = call(client, "POST", &path, Some(&object)).await?;
    if let Some(status) = status.filter(|it| it.as_object().is_some_and(|it| !it.is_empty())) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let body = json!({ "status": status });
        call(client, "PATCH", &format!("{path}/{name}/status"), Some(&body)).await?;
    }
    Ok(made)
}

/// Deletes everything that the suite may have made, without waiting for controllers.
pub async fn wipe(client: &Client) {
    let namespaces = call(client, "GET", "/api/v1/namespaces", None).await.expect("namespaces");
    let names: Vec<String> = namespaces["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    for namespace in &names {
        for path in [
            "api/v1/namespaces/NS/pods?gracePeriodSeconds=0",
            "api/v1/namespaces/NS/serviceaccounts",
            "api/v1/namespaces/NS/configmaps",
            "apis/apps/v1/namespaces/NS/deployments",
            "apis/apps/v1/namespaces/NS/statefulsets",
            "apis/apps/v1/namespaces/NS/daemonsets",
            "apis/apps/v1/namespaces/NS/replicasets",
            "apis/batch/v1/namespaces/NS/jobs",
            "apis/batch/v1/namespaces/NS/cronjobs",
        ] {
            let path = format!("/{}", path.replace("NS", namespace));
            call(client, "DELETE", &path, None).await.expect("a collection can be emptied");
        }
    }
    for path in
        ["/api/v1/nodes", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"]
    {
        call(client, "DELETE", path, None).await.expect("a collection can be emptied");
    }
}

/// Creates a namespace unless it is there.
pub async fn namespace(client: &Client, name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    match create(client, &object).await {
        Ok(_made) => {}
        Err(text) if text.contains("AlreadyExists") || text.contains("already exists") => {}
        Err(text) => panic!("{text}"),
    }
}
