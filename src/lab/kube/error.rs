//! `Status` objects, worded as the API server words them.

use crate::lab::{
    kube::Call,
    resource::Resource,
    server::{Body, respond},
};
use http::{HeaderValue, Response};
use serde_json::{Value, json};

/// A refusal of the API server.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub details: Value,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, reason, message: message.into(), details: json!({}) }
    }

    fn about(self, resource: &Resource, name: &str) -> Refusal {
        let details = json!({"name": name, "group": resource.group, "kind": resource.plural});
        Refusal { details, ..self }
    }

    pub fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "BadRequest", message)
    }

    /// The path is no resource at all.
    pub fn no_such_path() -> Refusal {
        Refusal::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub fn not_found(resource: &Resource, name: &str) -> Refusal {
        Refusal::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
            .about(resource, name)
    }

    pub fn exists(resource: &Resource, name: &str) -> Refusal {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Refusal::new(409, "AlreadyExists", message).about(resource, name)
    }

    pub fn modified(resource: &Resource, name: &str) -> Refusal {
        Refusal::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Refusal {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Refusal::new(409, "Conflict", message).about(resource, name)
    }

    pub fn invalid(resource: &Resource, name: &str, why: &str) -> Refusal {
        let kind = match &*resource.group {
            "" => resource.kind.clone(),
            group => format!("{}.{group}", resource.kind),
        };
        let message = format!("{kind} \"{name}\" is invalid: {why}");
        // `kubectl` prints the causes, not the message.
        let (field, cause) = why.split_once(": ").unwrap_or(("", why));
        let reason = match cause.split(':').next() {
            Some("Required value") => "FieldValueRequired",
            Some("Forbidden") => "FieldValueForbidden",
            Some(_) | None => "FieldValueInvalid",
        };
        let causes = json!([{"reason": reason, "message": cause, "field": field}]);
        let details =
            json!({"name": name, "group": resource.group, "kind": resource.kind, "causes": causes});
        Refusal { details, ..Refusal::new(422, "Invalid", message) }
    }

    /// A JSON patch whose `test` fails or whose path does not exist.
    pub fn unprocessable() -> Refusal {
        let message = "the server rejected our request due to an error in our request";
        Refusal::new(422, "Invalid", message)
    }

    /// Admission refused the object.
    pub fn forbidden_object(resource: &Resource, name: &str, why: &str) -> Refusal {
        let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
        Refusal::new(403, "Forbidden", message).about(resource, name)
    }

    /// RBAC refused a path that is no resource.
    pub fn forbidden_path(path: &str) -> Refusal {
        let user = crate::lab::kube::USER;
        let message = format!("forbidden: User \"{user}\" cannot get path \"{path}\"");
        Refusal::new(403, "Forbidden", message)
    }

    /// RBAC refused the call.
    pub fn forbidden(call: &Call<'_>) -> Refusal {
        let resource = call.resource;
        let name = call.name.as_deref().unwrap_or_default();
        let quoted = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let scope = match call.namespace.as_deref() {
            Some(namespace) if resource.namespaced => format!("in the namespace \"{namespace}\""),
            Some(_) | None => "at the cluster scope".to_owned(),
        };
        let message = format!(
            "{}{quoted} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {scope}",
            resource.qualified(),
            crate::lab::kube::USER,
            call.verb,
            call.resource_path(),
            resource.group
        );
        Refusal::new(403, "Forbidden", message).about(resource, name)
    }

    /// As `forbidden`, for what has no object.
    pub fn forbidden_review(api: &str) -> Refusal {
        let resource = api.split(':').nth(1).unwrap_or_default();
        let message = format!(
            "{resource} is forbidden: User \"{}\" cannot create resource \"{resource}\"",
            crate::lab::kube::USER
        );
        Refusal::new(403, "Forbidden", message)
    }

    /// A continue token whose version is no longer kept.
    pub fn expired_list() -> Refusal {
        Refusal::new(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can start a new \
             list without the continue parameter.",
        )
    }

    pub fn expired_watch(wanted: u64, oldest: u64) -> Refusal {
        let message = format!("too old resource version: {wanted} ({oldest})");
        Refusal::new(410, "Expired", message)
    }

    pub fn too_many_requests() -> Refusal {
        let message =
            "the server has received too many requests and has asked us to try again later";
        Refusal {
            details: json!({"retryAfterSeconds": 1}),
            ..Refusal::new(429, "TooManyRequests", message)
        }
    }

    pub fn unauthorized() -> Refusal {
        Refusal::new(401, "Unauthorized", "Unauthorized")
    }

    pub fn unsupported(content_type: &str) -> Refusal {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, not {content_type}"
        );
        Refusal::new(415, "UnsupportedMediaType", message)
    }

    pub fn method_not_allowed() -> Refusal {
        let message = "the server does not allow this method on the requested resource";
        Refusal::new(405, "MethodNotAllowed", message)
    }

    pub fn status(&self) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.code})
    }

    pub fn response(&self) -> Response<Body> {
        let mut res = respond(self.code, "application/json", self.status().to_string());
        if self.code == 429 {
            res.headers_mut().insert("Retry-After", HeaderValue::from_static("1"));
        }
        res
    }
}
