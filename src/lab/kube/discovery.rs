//! What the API server says of itself: groups, resources, version, issuer, keys, and as much OpenAPI as `kubectl` asks.

use crate::lab::{
    changes_eks::git_version,
    encode::base64_url,
    ids,
    kube::json,
    resource::Resource,
    server::{Body, respond},
    state::Shared,
};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Path below its resource, kind, verbs.
const SUBRESOURCES: [(&str, &str, &str, &[&str]); 12] = [
    ("pods", "log", "Pod", &["get"]),
    ("pods", "status", "Pod", &["get", "patch", "update"]),
    ("pods", "eviction", "Eviction", &["create"]),
    ("pods", "ephemeralcontainers", "Pod", &["patch", "update"]),
    ("serviceaccounts", "token", "TokenRequest", &["create"]),
    ("namespaces", "status", "Namespace", &["get", "patch", "update"]),
    ("nodes", "status", "Node", &["get", "patch", "update"]),
    ("deployments", "scale", "Scale", &["get", "patch", "update"]),
    ("deployments", "status", "Deployment", &["get", "patch", "update"]),
    ("replicasets", "scale", "Scale", &["get", "patch", "update"]),
    ("statefulsets", "scale", "Scale", &["get", "patch", "update"]),
    ("daemonsets", "status", "DaemonSet", &["get", "patch", "update"]),
];

/// Resources that only answer questions.
const REVIEWS: [(&str, &str, &str); 5] = [
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    ("authentication.k8s.io", "tokenreviews", "TokenReview"),
];

/// `None`: the path is not one of these.
pub fn answer(
    shared: &Shared,
    request: &Request<Bytes>,
    segments: &[&str],
) -> Option<Response<Body>> {
    if request.method() != Method::GET {
        return None;
    }
    let accept = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let aggregated = accept.is_some_and(|it| it.contains("as=APIGroupDiscoveryList"));
    let groups = || grouped(shared);
    let value = match segments {
        ["version"] => version(shared),
        ["healthz" | "livez" | "readyz", ..] => return Some(respond(200, "text/plain", "ok")),
        [".well-known", "openid-configuration"] => openid(shared),
        ["openid", "v1", "jwks"] => keys(shared),
        ["api"] if aggregated => {
            let core = groups().remove("").unwrap_or_default();
            return Some(aggregate(vec![("", core)]));
        }
        ["apis"] if aggregated => {
            let mut all = groups();
            all.remove("");
            let all: Vec<(String, Vec<Resource>)> = all.into_iter().collect();
            return Some(aggregate(all.iter().map(|(it, all)| (&**it, all.clone())).collect()));
        }
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]}),
        ["apis"] => {
            let all = groups();
            let listed: Vec<Value> = all
                .iter()
                .filter(|(it, _)| !it.is_empty())
                .map(|(group, resources)| api_group(group, resources))
                .collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
        }
        ["apis", group] => {
            let mut res = api_group(group, groups().get(*group)?);
            res["kind"] = "APIGroup".into();
            res["apiVersion"] = "v1".into();
            res
        }
        ["api", "v1"] => resource_list("v1", groups().get("")?),
        ["apis", group, version] => {
            let all = groups();
            let of_version: Vec<Resource> =
                all.get(*group)?.iter().filter(|it| it.version == *version).cloned().collect();
            if of_version.is_empty() {
                return None;
            }
            resource_list(&format!("{group}/{version}"), &of_version)
        }
        ["openapi", "v3"] => openapi_root(&groups()),
        ["openapi", "v3", "api", "v1"] => openapi(groups().get("")?),
        ["openapi", "v3", "apis", group, _] => openapi(groups().get(*group)?),
        _ => return None,
    };
    Some(json(200, &value))
}

/// Resources by group, those of reviews included.
fn grouped(shared: &Shared) -> BTreeMap<String, Vec<Resource>> {
    let mut res: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
    for it in &shared.lock().resources {
        res.entry(it.group.clone()).or_default().push(it.clone());
    }
    for (group, plural, kind) in REVIEWS {
        res.entry(group.into()).or_default().push(Resource {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: plural.into(),
            short: Vec::new(),
            namespaced: false,
        });
    }
    res
}

fn is_review(it: &Resource) -> bool {
    REVIEWS.iter().any(|(_, plural, _)| *plural == it.plural)
}

fn verbs(it: &Resource) -> Vec<&'static str> {
    if is_review(it) { vec!["create"] } else { VERBS.to_vec() }
}

fn subresources(
    it: &Resource,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str, &'static [&'static str])>
{
    let plural = it.plural.clone();
    let builtin = it.group.is_empty() || it.group == "apps";
    SUBRESOURCES.iter().filter(move |(of, _, _, _)| builtin && *of == plural)
}

fn categories(it: &Resource) -> Value {
    let all = [
        "pods",
        "services",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "cronjobs",
    ];
    if all.contains(&&*it.plural) { json!(["all"]) } else { Value::Null }
}

fn api_group(group: &str, resources: &[Resource]) -> Value {
    let mut versions: Vec<&str> = resources.iter().map(|it| &*it.version).collect();
    versions.sort_unstable();
    versions.dedup();
    let of = |it: &str| json!({"groupVersion": format!("{group}/{it}"), "version": it});
    let preferred = versions.first().map(|it| of(it));
    json!({"name": group, "versions": versions.iter().map(|it| of(it)).collect::<Vec<_>>(),
        "preferredVersion": preferred})
}

fn resource_list(group_version: &str, resources: &[Resource]) -> Value {
    let mut all = Vec::new();
    for it in resources {
        let mut entry = json!({"name": it.plural, "singularName": it.singular(), "namespaced": it.namespaced,
            "kind": it.kind, "verbs": verbs(it)});
        if !it.short.is_empty() {
            entry["shortNames"] = json!(it.short);
        }
        if !categories(it).is_null() {
            entry["categories"] = categories(it);
        }
        all.push(entry);
        for (of, name, kind, verbs) in subresources(it) {
            all.push(json!({"name": format!("{of}/{name}"), "singularName": "",
                "namespaced": it.namespaced, "kind": kind, "verbs": verbs}));
        }
    }
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": all})
}

fn aggregate(groups: Vec<(&str, Vec<Resource>)>) -> Response<Body> {
    let items: Vec<Value> = groups
        .into_iter()
        .map(|(group, resources)| {
            let mut versions: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
            for it in &resources {
                versions.entry(&it.version).or_default().push(aggregated(it));
            }
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|(version, all)| json!({"version": version, "resources": all, "freshness": "Current"}))
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items});
    respond(200, AGGREGATED, list.to_string())
}

fn aggregated(it: &Resource) -> Value {
    let kind = |kind: &str| json!({"group": it.group, "version": it.version, "kind": kind});
    let mut res = json!({"resource": it.plural, "responseKind": kind(&it.kind),
        "scope": if it.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": it.singular(), "verbs": verbs(it)});
    if !it.short.is_empty() {
        res["shortNames"] = json!(it.short);
    }
    if !categories(it).is_null() {
        res["categories"] = categories(it);
    }
    let below: Vec<Value> = subresources(it)
        .map(|(_, name, of, verbs)| json!({"subresource": name, "responseKind": kind(of), "verbs": verbs}))
        .collect();
    if !below.is_empty() {
        res["subresources"] = below.into();
    }
    res
}

fn version(shared: &Shared) -> Value {
    let state = shared.lock();
    let (major, minor) = state.world.cluster.version.split_once('.').unwrap_or(("1", "0"));
    json!({"major": major, "minor": minor, "gitVersion": git_version(&state.world.cluster),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.25.0", "compiler": "gc", "platform": "linux/amd64"})
}

fn openid(shared: &Shared) -> Value {
    let issuer = shared.lock().world.published_issuer().to_owned();
    json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"]})
}

/// A key of the right shape; the lab recognises its own tokens by other means.
fn keys(shared: &Shared) -> Value {
    let modulus: Vec<u8> = shared.secret.iter().map(|it| it | 1).cycle().take(256).collect();
    json!({"keys": [{"use": "sig", "kty": "RSA", "alg": "RS256", "kid": key_id(), "e": "AQAB",
        "n": base64_url(&modulus)}]})
}

pub fn key_id() -> String {
    ids::suffix(&["key"], 20)
}

fn openapi_root(groups: &BTreeMap<String, Vec<Resource>>) -> Value {
    let mut paths = serde_json::Map::new();
    for (group, resources) in groups {
        for it in resources {
            let path = match &**group {
                "" => format!("api/{}", it.version),
                group => format!("apis/{group}/{}", it.version),
            };
            let url = format!("/openapi/v3/{path}?hash=0");
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

/// Only what tells `kubectl` that the server validates fields itself.
fn openapi(resources: &[Resource]) -> Value {
    let parameter = json!([{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
        {"name": "dryRun", "in": "query", "schema": {"type": "string"}}]);
    let mut paths = serde_json::Map::new();
    for it in resources {
        let base = match &*it.group {
            "" => format!("/api/{}", it.version),
            group => format!("/apis/{group}/{}", it.version),
        };
        let namespace = if it.namespaced { "/namespaces/{namespace}" } else { "" };
        let kind = json!({"group": it.group, "version": it.version, "kind": it.kind});
        let operation = |action: &str| {
            json!({"parameters": parameter, "responses": {}, "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": kind})
        };
        let collection = format!("{base}{namespace}/{}", it.plural);
        paths.insert(
            format!("{collection}/{{name}}"),
            json!({"patch": operation("patch"), "put": operation("put")}),
        );
        paths.insert(collection, json!({"post": operation("post")}));
    }
    json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "lab"}, "paths": paths,
        "components": {"schemas": {}}})
}
