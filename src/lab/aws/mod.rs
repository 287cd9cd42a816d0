//! STS, IAM, EKS and EKS Auth on one loopback port: who calls, which operation it is, refusals and faults.
//!
//! Signatures are not verified: the access key alone says which account calls.

mod associations;
mod eks;
mod error;
mod iam_read;
mod iam_write;
mod sts;
mod xml;

use crate::{
    ident::{AccountId, Arn},
    lab::{
        aws::error::AwsError,
        calls,
        encode::{Query, percent_decode},
        ids,
        scenario::{Answer, When},
        server::{self, Aborted, Body, respond},
        state::{Shared, State},
    },
};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde_json::Value;
use std::sync::Arc;

/// Who signed a request.
#[derive(Clone, Debug)]
pub struct Principal {
    pub arn: Arn,
    pub account: AccountId,
    pub user_id: String,
}

/// How errors and answers look on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IAM and STS, with their XML namespace.
    Query(&'static str),
    /// EKS and EKS Auth.
    Rest,
}

const IAM: Protocol = Protocol::Query("https://iam.amazonaws.com/doc/2010-05-08/");
const STS: Protocol = Protocol::Query("https://sts.amazonaws.com/doc/2011-06-15/");

/// One operation with everything that it can see.
pub struct Call<'a> {
    /// `iam:GetRole`.
    pub api: String,
    pub principal: Option<Principal>,
    pub query: Query,
    /// Path segments of a REST call.
    pub path: Vec<String>,
    pub body: &'a Bytes,
    pub region: String,
}

impl Call<'_> {
    pub fn operation(&self) -> &str {
        self.api.split_once(':').map_or(&*self.api, |(_, it)| it)
    }

    /// The caller's account; unsigned calls have none.
    pub fn account(&self) -> Result<&AccountId, AwsError> {
        self.principal.as_ref().map(|it| &it.account).ok_or_else(AwsError::missing_token)
    }

    pub fn text(&self, key: &str) -> Result<&str, AwsError> {
        self.query.get(key).ok_or_else(|| {
            AwsError::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(key)
            ))
        })
    }

    pub fn json(&self) -> Result<Value, AwsError> {
        if self.body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(self.body).map_err(|_| {
            AwsError::sender(400, "SerializationException", "could not parse the body")
        })
    }

    /// Refuses what the scenario's `Caller` may not do.
    pub fn authorize(&self, state: &State, resource: Option<&str>) -> Result<(), AwsError> {
        if !state.world.caller.denies(&self.api, resource) {
            return Ok(());
        }
        let caller = self.principal.as_ref().map(|it| it.arn.to_string()).unwrap_or_default();
        Err(AwsError::not_authorized(&caller, &self.api, resource))
    }
}

fn lower_first(text: &str) -> String {
    let mut it = text.chars();
    it.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(it).collect()
}

pub async fn handle(shared: Arc<Shared>, request: Request<Bytes>) -> server::Answer {
    let (protocol, call) = match read(&shared, &request) {
        Ok(it) => it,
        Err((protocol, error)) => return Ok(error.response(protocol)),
    };
    let resource = resource_of(&shared.lock(), &call);
    let resource = resource.as_deref();
    let mutates = calls::is_write(&call.api);
    let mut way = shared.enter(&call.api, resource.unwrap_or_default(), mutates);
    way.pass(When::Before).await?;
    if way.due.is_some_and(|it| it.when == When::After) {
        // What it would have answered is not what is told.
        drop(carry_out(&shared, &call, resource));
    }
    let result = match way.due.map(|it| it.answer) {
        None => carry_out(&shared, &call, resource),
        Some(Answer::Stale) => {
            shared.lock().swap_past();
            let res = carry_out(&shared, &call, resource);
            shared.lock().swap_past();
            res
        }
        Some(Answer::Throttle) => Err(AwsError::throttled(protocol)),
        Some(Answer::Deny) => {
            let caller = call.principal.as_ref().map(|it| it.arn.to_string()).unwrap_or_default();
            Err(AwsError::not_authorized(&caller, &call.api, resource))
        }
        Some(Answer::Expired) => Err(AwsError::expired(protocol)),
        Some(Answer::Gone) => Err(AwsError::sender(410, "Gone", "the resource is gone")),
        Some(Answer::Hang) => std::future::pending().await,
        Some(Answer::Drop) => return Err(Aborted),
        Some(Answer::Garbage) => {
            return Ok(match protocol {
                Protocol::Query(_) => respond(200, "text/xml", "<Garbage><Unclosed>"),
                Protocol::Rest => respond(200, "application/json", "{\"garbage\":"),
            });
        }
    };
    way.pass(When::After).await?;
    Ok(match result {
        Ok(value) => success(protocol, &call, &value),
        Err(error) => error.response(protocol),
    })
}

fn success(protocol: Protocol, call: &Call<'_>, value: &Value) -> Response<Body> {
    match protocol {
        Protocol::Query(namespace) => {
            let body = xml::response(call.operation(), namespace, value);
            let mut res = respond(200, "text/xml", body);
            error::request_id(&mut res);
            res
        }
        Protocol::Rest => {
            let mut res = respond(200, "application/json", value.to_string());
            error::request_id(&mut res);
            res
        }
    }
}

/// The operation that a request asks for.
fn read<'a>(
    shared: &Shared,
    request: &'a Request<Bytes>,
) -> Result<(Protocol, Call<'a>), (Protocol, AwsError)> {
    let credential = credential(request);
    let scope = |i: usize| credential.as_deref().and_then(|it| it.split('/').nth(i));
    let segments: Vec<String> =
        request.uri().path().split('/').filter(|it| !it.is_empty()).map(percent_decode).collect();
    let is_rest =
        segments.first().is_some_and(|it| it == "clusters" || it == "addons" || it == "tags");
    let uri_query = request.uri().query().unwrap_or_default();
    let (protocol, api, query) = if is_rest {
        let api = eks::operation(request.method(), &segments)
            .ok_or_else(|| (Protocol::Rest, AwsError::unknown_operation()))?;
        (Protocol::Rest, api.to_owned(), Query::parse(uri_query))
    } else {
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let text = if request.method() == Method::POST { &*form } else { uri_query };
        let query = Query::parse(text);
        let is_sts = scope(3).map_or(query.get("Version") == Some("2011-06-15"), |it| it == "sts");
        let protocol = if is_sts { STS } else { IAM };
        let action =
            query.get("Action").ok_or_else(|| (protocol, AwsError::unknown_operation()))?;
        let api = format!("{}:{action}", if is_sts { "sts" } else { "iam" });
        (protocol, api, query)
    };
    let key = scope(0).filter(|it| !it.is_empty());
    let principal = match key {
        Some(key) => Some(
            principal(&shared.lock(), key)
                .ok_or_else(|| (protocol, AwsError::unknown_key(protocol)))?,
        ),
        None => None,
    };
    let anonymous =
        matches!(&*api, "sts:AssumeRoleWithWebIdentity" | "eks-auth:AssumeRoleForPodIdentity");
    if principal.is_none() && !anonymous {
        return Err((protocol, AwsError::missing_token()));
    }
    let region = scope(2).filter(|it| !it.is_empty()).map(str::to_owned);
    let region = region.unwrap_or_else(|| shared.lock().world.cluster.region.to_string());
    Ok((protocol, Call { api, principal, query, path: segments, body: request.body(), region }))
}

/// `KEY/DATE/REGION/SERVICE/aws4_request` of the Authorization header.
fn credential(request: &Request<Bytes>) -> Option<String> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, rest) = header.split_once("Credential=")?;
    Some(rest.split([',', ' ']).next()?.to_owned())
}

/// The caller that an access key belongs to; `None`: nobody's.
fn principal(state: &State, key: &str) -> Option<Principal> {
    if let Some(it) = state.sessions.get(key) {
        return Some(it.clone());
    }
    let account = AccountId::parse(ids::account_of_key(key)?)?;
    let world = &state.world;
    if !world.caller.accounts.contains(&account) {
        return None;
    }
    let arn = match account == *world.home_account() {
        true => world.caller.arn.clone(),
        false => Arn::new(format!("arn:{}:iam::{account}:user/lab", world.cluster.partition())),
    };
    Some(Principal { user_id: ids::user_id(arn.as_str()), arn, account })
}

/// The ARN of what a call names, for refusals and faults; `None`: it names nothing.
fn resource_of(state: &State, call: &Call<'_>) -> Option<String> {
    let world = &state.world;
    let partition = world.cluster.partition();
    match call.api.split_once(':') {
        Some(("eks" | "eks-auth", operation)) => eks::resource(state, call, operation),
        Some(("sts", _)) => call.query.get("RoleArn").map(str::to_owned),
        _ => {
            let account = call.principal.as_ref().map(|it| &it.account)?;
            if let Some(name) = call.query.get("RoleName") {
                let known = iam_read::find_role(world, account, name).map(|it| it.arn.to_string());
                return Some(
                    known.unwrap_or_else(|| format!("arn:{partition}:iam::{account}:role/{name}")),
                );
            }
            let keys = ["OpenIDConnectProviderArn", "PolicyArn", "PolicySourceArn"];
            keys.iter().find_map(|it| call.query.get(it)).map(str::to_owned)
        }
    }
}

fn carry_out(shared: &Shared, call: &Call<'_>, resource: Option<&str>) -> Result<Value, AwsError> {
    let mut state = shared.lock();
    call.authorize(&state, resource)?;
    if calls::is_write(&call.api) {
        state.remember();
    }
    match call.api.split_once(':') {
        Some(("sts", _)) => sts::answer(shared, &mut state, call),
        Some(("iam", operation)) => match iam_read::answer(&state, call, operation)? {
            Some(it) => Ok(it),
            None => iam_write::answer(&mut state, call, operation),
        },
        _ => eks::answer(shared, &mut state, call),
    }
}
