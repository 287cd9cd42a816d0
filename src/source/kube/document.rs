//! Whole objects for people to read: asked for one at a time, never kept, without what nobody should see over a
//! shoulder. Secrets and ConfigMaps are not among them.

use crate::{
    event::Document,
    fact::redact::{is_credential, looks_like_credential},
    ident::{Ref, Text},
    source::{
        kube::{
            keeper::Shared,
            link::{CallError, Link},
            out::Closed,
            target::Listed,
        },
        slim::Kind,
    },
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

/// What stands where something was left out.
const LEFT_OUT: &str = "(left out by idscope)";
/// Holds whole manifests once more, values and all.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Answers with one event each, until nobody can ask any more.
pub(crate) async fn answer(
    shared: Shared,
    mut asked: mpsc::UnboundedReceiver<Ref>,
) -> Result<(), Closed> {
    let mut running: JoinSet<Result<(), Closed>> = JoinSet::new();
    while let Some(of) = asked.recv().await {
        while let Some(done) = running.try_join_next() {
            done.unwrap_or(Ok(()))?;
        }
        let (link, out) = (shared.link.clone(), shared.out.clone());
        running.spawn(async move {
            let answer = read(&link, &of).await;
            out.document(of, answer).await
        });
    }
    Ok(())
}

async fn read(link: &Link, of: &Ref) -> Result<Document, Text> {
    let Some(path) = path(of) else { return Err("there is no such object to read".into()) };
    match link.get_bytes(&path).await {
        Ok(bytes) => document(&bytes).map_err(Text::from),
        Err(CallError::NotFound { .. }) => Err("it does not exist, or no longer".into()),
        Err(it) => Err(format!("failed to read it: {it}").into()),
    }
}

/// `None` for what is not read this way.
fn path(of: &Ref) -> Option<String> {
    let (kind, namespace, name) = match of {
        Ref::Namespace(name) => (Kind::Namespace, None, name),
        Ref::Node(name) => (Kind::Node, None, name),
        Ref::Webhook(name) => (Kind::Webhook, None, name),
        Ref::ServiceAccount(key) => (Kind::ServiceAccount, Some(&key.namespace), &key.name),
        Ref::Pod { namespace, name } => (Kind::Pod, Some(namespace), name),
        Ref::Workload { kind, namespace, name } => (Kind::Workload(*kind), Some(namespace), name),
        Ref::Budget { namespace, name } => (Kind::Budget, Some(namespace), name),
        Ref::Cluster
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => return None,
    };
    // A name may come from elsewhere than the API server, and is one segment whatever is in it.
    let listed = Listed { kind, namespace: namespace.map(|it| segment(it).into()) };
    Some(format!("{}/{}", listed.path(), segment(name)))
}

fn segment(name: &str) -> String {
    let mut res = String::with_capacity(name.len());
    for it in name.bytes() {
        if it.is_ascii_alphanumeric() || b"-._~:".contains(&it) {
            res.push(char::from(it));
        } else {
            res.push_str(&format!("%{it:02X}"));
        }
    }
    // As a segment these would lead elsewhere.
    if matches!(&*res, "." | "..") { res.replace('.', "%2E") } else { res }
}

/// The object as YAML, once without `managedFields` and once with.
fn document(bytes: &[u8]) -> Result<Document, String> {
    let mut object: Value = serde_json::from_slice(bytes)
        .map_err(|it| format!("failed to read it: the answer is no JSON: {it}"))?;
    redact(&mut object);
    let yaml = |it: &Value| {
        serde_saphyr::to_string(it).map(Text::from).map_err(|it| format!("failed to show it: {it}"))
    };
    let whole = object.pointer("/metadata/managedFields").is_some().then(|| yaml(&object));
    if let Some(it) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        it.remove("managedFields");
    }
    Ok(Document { text: yaml(&object)?, with_managed_fields: whole.transpose()? })
}

/// Values of variables and arguments that are or look like credentials, wherever they stand.
fn redact(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let name = map.get("name").and_then(Value::as_str).map(str::to_owned);
            if let (Some(name), Some(Value::String(it))) = (name, map.get_mut("value"))
                && is_credential(&name, it)
            {
                *it = LEFT_OUT.to_owned();
            }
            if let Some(it) = map.get_mut(LAST_APPLIED) {
                *it = Value::from(LEFT_OUT);
            }
            map.values_mut().for_each(redact);
        }
        Value::Array(them) => {
            redact_arguments(them);
            them.iter_mut().for_each(redact);
        }
        Value::String(it) if looks_like_credential(it) => *it = LEFT_OUT.to_owned(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `--db-password=x`, and `--db-password` with what follows it.
fn redact_arguments(them: &mut [Value]) {
    const TELLING: [&str; 4] = ["password", "secret", "token", "access-key"];
    let mut is_value = false;
    for it in them {
        let Value::String(text) = it else {
            is_value = false;
            continue;
        };
        if std::mem::take(&mut is_value) && !text.starts_with('-') {
            *text = LEFT_OUT.to_owned();
            continue;
        }
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (&**text, None),
        };
        let lower = flag.to_ascii_lowercase();
        // A file is a place, not a credential.
        let tells = flag.starts_with('-') && TELLING.iter().any(|it| lower.ends_with(it));
        match (tells, value) {
            (true, Some(value)) if !value.is_empty() => *text = format!("{flag}={LEFT_OUT}"),
            (true, None) => is_value = true,
            (_, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ident::{Ref, SaKey, WorkloadKind},
        source::kube::document::{document, path},
    };

    #[test]
    fn every_kind_has_its_path() {
        let check = |of: Ref, expected: Option<&str>| {
            assert_eq!(path(&of).as_deref(), expected, "{of}");
        };
        let account = |name: &str| Ref::ServiceAccount(SaKey::new("shop", name));
        check(account("web"), Some("/api/v1/namespaces/shop/serviceaccounts/web"));
        check(Ref::Node("n".into()), Some("/api/v1/nodes/n"));
        check(
            Ref::Workload {
                kind: WorkloadKind::CronJob,
                namespace: "shop".into(),
                name: "nightly".into(),
            },
            Some("/apis/batch/v1/namespaces/shop/cronjobs/nightly"),
        );
        check(account("../x?y"), Some("/api/v1/namespaces/shop/serviceaccounts/..%2Fx%3Fy"));
        check(account(".."), Some("/api/v1/namespaces/shop/serviceaccounts/%2E%2E"));
        check(Ref::Secret { namespace: "shop".into(), name: "s".into() }, None);
    }

    #[test]
    fn credentials_are_left_out_and_the_rest_is_kept() {
        let key_id = format!("AKIA{}", "I44QH8DHBEXAMPLE");
        let object = serde_json::json!({
            "metadata": {
                "name": "web",
                "managedFields": [{"manager": "helm"}],
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{\"secret-thing\":1}",
                },
            },
            "spec": {"containers": [{
                "env": [
                    {"name": "AWS_SECRET_ACCESS_KEY", "value": "hunter2"},
                    {"name": "DB_PASSWORD", "value": "hunter3"},
                    {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::111122223333:role/web"},
                    {"name": "NOTE", "value": key_id},
                ],
                "args": ["--db-password=hunter4", "--token", "hunter5", "--token-file", "/t", "-v"],
            }]},
        });
        let read = document(object.to_string().as_bytes()).unwrap();
        for it in ["hunter", "AKIA", "secret-thing", "managedFields"] {
            assert!(!read.text.contains(it), "{it}: {}", read.text);
        }
        for it in ["role/web", "--token-file", "/t", "-v", "name: web"] {
            assert!(read.text.contains(it), "{it}: {}", read.text);
        }
        let whole = read.with_managed_fields.unwrap();
        assert!(whole.contains("manager: helm") && !whole.contains("hunter"), "{whole}");
        assert!(document(b"<html>").is_err());
    }
}
