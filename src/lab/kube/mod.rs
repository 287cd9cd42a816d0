//! The Kubernetes API on loopback: which path is which call, RBAC, and faults.
//!
//! Reading is in `read` and `watch`, writing in `write`; nothing here knows AWS.

mod discovery;
mod error;
mod fields;
mod patch;
mod protobuf;
mod read;
mod review;
mod table;
mod watch;
mod write;

pub use error::Refusal;
pub use review::{TokenClaims, mac, verify_token};

use crate::lab::{
    encode::{Query, percent_decode},
    resource::Resource,
    scenario::{Answer, When},
    server::{self, Aborted, Body, respond},
    state::Shared,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use serde_json::Value;
use std::sync::Arc;

/// Who everybody is here; the kubeconfig's token is not looked at.
pub const USER: &str = "lab";

/// One authorised request on a resource.
pub struct Call<'a> {
    /// Kubernetes' verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: &'static str,
    pub resource: &'a Resource,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
    pub query: Query,
    pub headers: &'a HeaderMap,
    pub body: &'a Bytes,
}

impl Call<'_> {
    /// `pods`, `pods/log`.
    pub fn resource_path(&self) -> String {
        match &self.subresource {
            Some(it) => format!("{}/{it}", self.resource.plural),
            None => self.resource.plural.clone(),
        }
    }

    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// By the query, or for a deletion by its options.
    pub fn is_dry_run(&self) -> bool {
        self.query.get("dryRun") == Some("All")
            || self.verb == "delete" && self.json().is_ok_and(|it| it["dryRun"][0] == "All")
    }

    /// The manager that managedFields name for a write.
    pub fn manager(&self) -> &str {
        let agent = self.header(header::USER_AGENT).split('/').next().unwrap_or_default();
        self.query.get("fieldManager").unwrap_or(if agent.is_empty() { "unknown" } else { agent })
    }

    /// The body as JSON; YAML and the common part of protobuf are taken too.
    pub fn json(&self) -> Result<Value, Refusal> {
        parse_body(self.body, self.header(header::CONTENT_TYPE))
    }
}

/// A body of JSON, or of YAML where the content type says so.
pub fn parse_body(body: &[u8], content_type: &str) -> Result<Value, Refusal> {
    if content_type.contains("protobuf") {
        return protobuf::decode(body).ok_or_else(|| Refusal::unsupported(content_type));
    }
    if content_type.contains("cbor") {
        return Err(Refusal::unsupported(content_type));
    }
    if content_type.contains("yaml") {
        let options = serde_saphyr::options! { strict_booleans: true };
        let text = String::from_utf8_lossy(body);
        return serde_saphyr::from_str_with_options(&text, options)
            .map_err(|it| Refusal::bad_request(format!("error decoding YAML: {it}")));
    }
    serde_json::from_slice(body).map_err(|it| {
        Refusal::bad_request(format!("couldn't get version/kind; json parse error: {it}"))
    })
}

pub async fn handle(shared: Arc<Shared>, request: Request<Bytes>) -> server::Answer {
    match route(&shared, &request).await {
        Ok(answer) => answer,
        Err(refusal) => Ok(refusal.response()),
    }
}

async fn route(shared: &Arc<Shared>, request: &Request<Bytes>) -> Result<server::Answer, Refusal> {
    let path = request.uri().path();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let segments: Vec<String> =
        path.split('/').filter(|it| !it.is_empty()).map(percent_decode).collect();
    let segments: Vec<&str> = segments.iter().map(|it| &**it).collect();
    if shared.lock().world.caller.denies_path(path) {
        return Err(Refusal::forbidden_path(path));
    }
    if let Some(it) = discovery::answer(shared, request, &segments) {
        return Ok(Ok(it));
    }
    let (group, rest) = match segments.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, _version, rest @ ..] => (*group, rest),
        _ => return Err(Refusal::no_such_path()),
    };
    if let Some((api, of)) = review::named(request.method(), group, rest) {
        return reviewed(shared, request, (group, rest), (&api, &of)).await;
    }
    // `watch/` is the old spelling of `?watch=1`.
    let (old_watch, rest) = match rest {
        ["watch", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() && !is_of_namespace(rest) => {
            (Some((*namespace).to_owned()), rest)
        }
        rest => (None, rest),
    };
    let [plural, rest @ ..] = rest else { return Err(Refusal::no_such_path()) };
    let resource =
        shared.lock().resource(group, plural).cloned().ok_or_else(Refusal::no_such_path)?;
    let name = rest.first().map(|it| (*it).to_owned());
    let subresource = (rest.len() > 1).then(|| rest[1..].join("/"));
    let is_watch = old_watch || query.is_true("watch");
    let verb = match (request.method(), &name) {
        (&Method::GET, _) if is_watch && subresource.is_none() => "watch",
        (&Method::GET, Some(_)) => "get",
        (&Method::GET, None) => "list",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, Some(_)) => "delete",
        (&Method::DELETE, None) => "deletecollection",
        _ => return Err(Refusal::method_not_allowed()),
    };
    let call = Call {
        verb,
        resource: &resource,
        namespace,
        name,
        subresource,
        query,
        headers: request.headers(),
        body: request.body(),
    };
    dispatch(shared, &call).await
}

/// What stores nothing: reviews and tokens.
async fn reviewed(
    shared: &Arc<Shared>,
    request: &Request<Bytes>,
    (group, rest): (&str, &[&str]),
    (api, of): (&str, &str),
) -> Result<server::Answer, Refusal> {
    let mut way = shared.enter(api, of, false);
    if let Err(it) = way.pass(When::Before).await {
        return Ok(Err(it));
    }
    let forbidden = || Refusal::forbidden_review(api);
    if let Some(due) = way.due {
        return fail(due.answer, forbidden).await;
    }
    let answer = review::answer(shared, request, group, rest);
    match way.pass(When::After).await {
        Ok(()) => answer.map(Ok),
        Err(it) => Ok(Err(it)),
    }
}

/// `/api/v1/namespaces/shop/status` concerns the namespace itself.
fn is_of_namespace(rest: &[&str]) -> bool {
    matches!(rest, ["status" | "finalize"])
}

async fn dispatch(shared: &Arc<Shared>, call: &Call<'_>) -> Result<server::Answer, Refusal> {
    let path = call.resource_path();
    let namespace = call.namespace.as_deref().filter(|_| call.resource.namespaced);
    let refused = {
        let state = shared.lock();
        let caller = &state.world.caller;
        caller.denies_kube(call.verb, &path, call.resource.namespaced, namespace)
    };
    if refused {
        return Err(Refusal::forbidden(call));
    }
    let api = format!("kube:{path}:{}", call.verb);
    let reads = ["get", "list", "watch"].contains(&call.verb);
    let of = format!("{}/{}", call.namespace(), call.name());
    let mut way = shared.enter(&api, &of, !reads && !call.is_dry_run());
    if let Err(it) = way.pass(When::Before).await {
        return Ok(Err(it));
    }
    if call.verb == "watch" {
        return watch::answer(shared, call, way.due).await;
    }
    if let Some(due) = way.due {
        if due.when == When::After {
            // What it would have answered is not what is told.
            drop(carry_out(shared, call));
        }
        return fail(due.answer, || Refusal::forbidden(call)).await;
    }
    let answer = carry_out(shared, call);
    match way.pass(When::After).await {
        Ok(()) => answer.map(Ok),
        Err(it) => Ok(Err(it)),
    }
}

fn carry_out(shared: &Shared, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    match call.verb {
        "list" => read::list(shared, call),
        "get" => read::get(shared, call),
        _ => write::answer(shared, call),
    }
}

/// What goes wrong instead of an answer.
async fn fail(
    answer: Answer,
    forbidden: impl FnOnce() -> Refusal,
) -> Result<server::Answer, Refusal> {
    match answer {
        Answer::Throttle => Err(Refusal::too_many_requests()),
        Answer::Deny => Err(forbidden()),
        Answer::Hang => std::future::pending().await,
        Answer::Drop => Ok(Err(Aborted)),
        Answer::Expired => Err(Refusal::unauthorized()),
        Answer::Stale => Err(Refusal::bad_request("the API server's own reads are never stale")),
        Answer::Gone => Err(Refusal::expired_list()),
        Answer::Garbage => {
            Ok(Ok(respond(200, "application/json", "{\"kind\":\"List\",\"items\":[{\"metadata\":")))
        }
    }
}

fn json(status: u16, value: &Value) -> Response<Body> {
    respond(status, "application/json", value.to_string())
}
