//! Questions that are asked by `create`: access reviews, who am I, and ServiceAccount tokens.
//!
//! Tokens are JSON web tokens with the claims of EKS; their signature is ours, so that our STS knows them again.

use crate::lab::{
    encode::{base64_decode, base64_url},
    kube::{Refusal, USER, discovery, json, parse_body},
    server::Body,
    state::{Shared, State, now},
};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a token of this lab says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    pub issuer: String,
    pub audiences: Vec<String>,
    pub namespace: String,
    pub service_account: String,
    pub pod: Option<(String, String)>,
    /// Seconds since the epoch.
    pub expires: i64,
}

/// The call (`kube:RESOURCE:create`) and what it is about; `None`: the path is not one of these.
pub fn named(method: &Method, group: &str, rest: &[&str]) -> Option<(String, String)> {
    if method != Method::POST {
        return None;
    }
    match (group, rest) {
        (
            "authorization.k8s.io",
            [
                it @ ("selfsubjectaccessreviews"
                | "subjectaccessreviews"
                | "selfsubjectrulesreviews"),
            ],
        )
        | ("authentication.k8s.io", [it @ ("selfsubjectreviews" | "tokenreviews")]) => {
            Some((format!("kube:{it}:create"), String::new()))
        }
        ("", ["namespaces", namespace, "serviceaccounts", name, "token"]) => {
            Some(("kube:serviceaccounts/token:create".into(), format!("{namespace}/{name}")))
        }
        _ => None,
    }
}

/// Answers what `named` knows.
pub fn answer(
    shared: &Shared,
    request: &Request<Bytes>,
    group: &str,
    rest: &[&str],
) -> Result<Response<Body>, Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let body = || parse_body(request.body(), content_type);
    let value = match (group, rest) {
        ("authorization.k8s.io", ["selfsubjectrulesreviews"]) => rules_review(shared, body()?),
        ("authorization.k8s.io", _) => access_review(shared, body()?),
        ("authentication.k8s.io", ["selfsubjectreviews"]) => {
            let mut it = body()?;
            it["status"] =
                json!({"userInfo": {"username": USER, "groups": ["system:authenticated"]}});
            it
        }
        ("authentication.k8s.io", _) => token_review(shared, body()?),
        (_, ["namespaces", namespace, "serviceaccounts", name, "token"]) => {
            token_request(shared, namespace, name, body()?)?
        }
        _ => return Err(Refusal::no_such_path()),
    };
    Ok(json(201, &value))
}

fn access_review(shared: &Shared, mut review: Value) -> Value {
    let attributes = &review["spec"]["resourceAttributes"];
    let text = |key: &str| attributes[key].as_str().unwrap_or_default();
    let allowed = if attributes.is_object() {
        let state = shared.lock();
        let resource = match text("subresource") {
            "" => text("resource").to_owned(),
            it => format!("{}/{it}", text("resource")),
        };
        let namespaced = state
            .resources
            .iter()
            .find(|it| it.plural == text("resource") && it.group == text("group"))
            .is_some_and(|it| it.namespaced);
        let namespace = Some(text("namespace")).filter(|it| !it.is_empty());
        !state.world.caller.denies_kube(text("verb"), &resource, namespaced, namespace)
    } else {
        true
    };
    review["status"] = json!({"allowed": allowed});
    review
}

fn rules_review(shared: &Shared, mut review: Value) -> Value {
    let state = shared.lock();
    let namespace = review["spec"]["namespace"].as_str().unwrap_or("default");
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let rules: Vec<Value> = state
        .resources
        .iter()
        .map(|it| {
            let namespace = Some(namespace).filter(|_| it.namespaced);
            let allowed: Vec<&str> = verbs
                .into_iter()
                .filter(|verb| {
                    !state.world.caller.denies_kube(verb, &it.plural, it.namespaced, namespace)
                })
                .collect();
            json!({"verbs": allowed, "apiGroups": [it.group], "resources": [it.plural]})
        })
        .filter(|it| it["verbs"] != json!([]))
        .collect();
    review["status"] = json!({"resourceRules": rules, "incomplete": false,
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}]});
    review
}

fn token_review(shared: &Shared, mut review: Value) -> Value {
    let token = review["spec"]["token"].as_str().unwrap_or_default();
    let claims = verify_token(shared, token).filter(|it| now().as_second() < it.expires);
    review["status"] = match claims {
        Some(it) => json!({"authenticated": true, "audiences": it.audiences, "user": {
            "username": format!("system:serviceaccount:{}:{}", it.namespace, it.service_account)}}),
        None => json!({"authenticated": false, "error": "invalid bearer token"}),
    };
    review["spec"] = json!({});
    review
}

fn token_request(
    shared: &Shared,
    namespace: &str,
    name: &str,
    mut request: Value,
) -> Result<Value, Refusal> {
    let state = shared.lock();
    let accounts = state.resource("", "serviceaccounts").ok_or_else(Refusal::no_such_path)?;
    if state.world.caller.denies_kube("create", "serviceaccounts/token", true, Some(namespace)) {
        let why = format!(
            "User \"{USER}\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \
             \"{namespace}\""
        );
        return Err(Refusal::forbidden_object(accounts, name, &why));
    }
    let found = state.store.get("serviceaccounts", namespace, name);
    let uid = found.ok_or_else(|| Refusal::not_found(accounts, name))?.uid.clone();
    let issuer = state.world.published_issuer().to_owned();
    let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(3_600);
    if seconds < 600 {
        let why = format!(
            "spec.expirationSeconds: Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        );
        return Err(Refusal::invalid(&token_resource(accounts), "", &why));
    }
    if request["spec"]["boundObjectRef"]["kind"] == "Pod" {
        bind(&state, (namespace, name), &mut request["spec"]["boundObjectRef"])?;
    }
    let bound = &request["spec"]["boundObjectRef"];
    let audiences = match request["spec"]["audiences"].as_array().filter(|it| !it.is_empty()) {
        Some(it) => it.clone(),
        None => vec![issuer.clone().into()],
    };
    let at = now().as_second();
    let mut kubernetes =
        json!({"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}});
    if bound["kind"] == "Pod" {
        kubernetes["pod"] = json!({"name": bound["name"], "uid": bound["uid"]});
    }
    let claims = json!({"aud": audiences, "exp": at + seconds, "iat": at, "nbf": at, "iss": issuer,
        "jti": crate::lab::ids::uid(&["token", namespace, name, &at.to_string()]),
        "kubernetes.io": kubernetes,
        "sub": format!("system:serviceaccount:{namespace}:{name}")});
    let expires = crate::ident::Timestamp::from_second(at + seconds).unwrap_or_default();
    request["status"] = json!({"token": sign(shared, &claims),
        "expirationTimestamp": crate::lab::admission::seconds(expires)});
    request["spec"]["audiences"] = audiences.into();
    request["spec"]["expirationSeconds"] = seconds.into();
    request["metadata"]["name"] = name.into();
    request["metadata"]["namespace"] = namespace.into();
    request["kind"] = "TokenRequest".into();
    request["apiVersion"] = "authentication.k8s.io/v1".into();
    Ok(request)
}

/// A token lives as long as the pod that it is bound to; the pod must run as that ServiceAccount.
fn bind(
    state: &State,
    (namespace, account): (&str, &str),
    bound: &mut Value,
) -> Result<(), Refusal> {
    let pods = state.resource("", "pods").ok_or_else(Refusal::no_such_path)?;
    let name = bound["name"].as_str().unwrap_or_default().to_owned();
    let pod = state.store.get("pods", namespace, &name);
    let pod = pod.ok_or_else(|| Refusal::not_found(pods, &name))?;
    if pod.value()["spec"]["serviceAccountName"] != account {
        let why = format!(
            "cannot bind token for serviceaccount \"{account}\" to pod running with different serviceaccount name."
        );
        return Err(Refusal::bad_request(why));
    }
    match bound["uid"].as_str().filter(|it| !it.is_empty()) {
        Some(it) if it != pod.uid => {
            let why = format!(
                "the UID in the bound object reference ({it}) does not match the UID in record. The object might have \
                 been deleted and then recreated"
            );
            Err(Refusal::conflict(pods, &name, &why))
        }
        Some(_) => Ok(()),
        None => {
            bound["uid"] = pod.uid.clone().into();
            Ok(())
        }
    }
}

fn token_resource(accounts: &crate::lab::resource::Resource) -> crate::lab::resource::Resource {
    crate::lab::resource::Resource {
        group: "authentication.k8s.io".into(),
        kind: "TokenRequest".into(),
        ..accounts.clone()
    }
}

fn sign(shared: &Shared, claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": discovery::key_id(), "typ": "JWT"});
    let part = |it: &Value| base64_url(it.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = mac(&shared.secret, signed.as_bytes());
    format!("{signed}.{}", base64_url(&signature))
}

/// HMAC-SHA256 (RFC 2104).
pub fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |with: u8| -> Vec<u8> {
        key.iter().copied().chain(std::iter::repeat_n(0, 32)).map(|it| it ^ with).collect()
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

/// What a token says, expired or not; `None` when it is not one of this lab's.
pub fn verify_token(shared: &Shared, token: &str) -> Option<TokenClaims> {
    let (signed, signature) = token.rsplit_once('.')?;
    if base64_decode(signature)? != mac(&shared.secret, signed.as_bytes()) {
        return None;
    }
    let (_, claims) = signed.split_once('.')?;
    let claims: Value = serde_json::from_slice(&base64_decode(claims)?).ok()?;
    let text = |it: &Value| it.as_str().map(str::to_owned);
    let kubernetes = &claims["kubernetes.io"];
    let pod = &kubernetes["pod"];
    Some(TokenClaims {
        issuer: text(&claims["iss"])?,
        audiences: claims["aud"].as_array()?.iter().filter_map(text).collect(),
        namespace: text(&kubernetes["namespace"])?,
        service_account: text(&kubernetes["serviceaccount"]["name"])?,
        pod: text(&pod["name"]).zip(text(&pod["uid"])),
        expires: claims["exp"].as_i64()?,
    })
}

#[cfg(test)]
mod tests {
    use crate::lab::kube::review::*;

    #[test]
    fn the_mac_is_hmac_sha256() {
        // RFC 4231 test case 1, whose 20 byte key is padded with zeros as HMAC does itself.
        let mut key = [0u8; 32];
        key[..20].fill(0x0b);
        let hex: String = mac(&key, b"Hi There").iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }
}
