//! One question to AWS with a fresh token of a ServiceAccount. It writes nothing, but it makes credentials for a moment, so
//! it counts as a write where nothing may be written; they are dropped unseen, at once.

use crate::{
    apply::{Hands, access::Permit},
    ident::{Arn, Text},
    identity::probe::{Answer, Ask, Probed, Way},
    plan::Whereabouts,
    source::{Settings, aws::ask, kube::write::WriteError},
};
use serde_json::{Value, json};

/// The shortest that a token may live.
const TOKEN_SECONDS: u32 = 600;

/// Asks once. What went wrong on the way is an answer as well: that nobody knows.
pub async fn probe(settings: &Settings, place: &Whereabouts, ask: Ask) -> Probed {
    let answer = answer(settings, place, &ask).await.unwrap_or_else(Answer::NotKnown);
    Probed { ask, answer }
}

async fn answer(settings: &Settings, place: &Whereabouts, ask: &Ask) -> Result<Answer, Text> {
    let failed = |it: crate::apply::AccessError| Text::from(format!("failed to {it}"));
    let mut hands = Hands::connect(settings, place).await.map_err(failed)?;
    let permit = hands.permit().map_err(failed)?;
    let cluster = place.cluster.as_deref().map(Arn::from);
    let region = cluster.as_ref().and_then(|it| Some(it.parts()?.region.to_string()));
    let region = region.as_deref().filter(|it| !it.is_empty());
    match &ask.way {
        Way::Sts { role_arn, .. } => {
            let token = token(&hands, &permit, ask).await?;
            let target = hands.link.connected().target;
            let role_arn = Arn::new(role_arn.clone());
            let settings = &hands.settings;
            Ok(ask::web_identity(settings, &target.side, region, &role_arn, token).await)
        }
        Way::EksAuth { cluster: name, .. } => {
            let id = cluster.as_ref().and_then(Arn::account);
            let id = id.ok_or("which account the cluster is in is not known")?;
            // Before there is a token: without credentials it would be for nothing.
            hands.prove_accounts(vec![id.clone()], &[]).await.map_err(failed)?;
            let account = hands.account(&id).ok_or("no credentials")?.clone();
            let token = token(&hands, &permit, ask).await?;
            Ok(ask::pod_identity(&account, region, name, token).await)
        }
    }
}

async fn token(hands: &Hands, _permit: &Permit, ask: &Ask) -> Result<String, Text> {
    let key = &ask.service_account;
    let mut spec = json!({"audiences": [ask.way.audience()], "expirationSeconds": TOKEN_SECONDS});
    if let Way::EksAuth { pod, pod_uid, .. } = &ask.way {
        spec["boundObjectRef"] =
            json!({"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": pod_uid});
    }
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "metadata": {"name": key.name, "namespace": key.namespace}, "spec": spec});
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", key.namespace, key.name);
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let made = hands.link.write("POST", &path, Some("application/json"), body).await;
    let made = made.map_err(|it| {
        let why = match it {
            WriteError::NotNow { message } | WriteError::Refused { message, .. } => message,
            WriteError::NotKnown(it) => it,
        };
        Text::from(format!("no token of ServiceAccount `{key}`: {why}"))
    })?;
    let mut made: Value = serde_json::from_slice(&made).unwrap_or_default();
    match made["status"]["token"].take() {
        Value::String(it) => Ok(it),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("no token of ServiceAccount `{key}` in the answer").into())
        }
    }
}
