//! Errors as the services write them: XML with a code for IAM and STS, JSON with a header for EKS.

use crate::lab::{
    aws::{Protocol, xml},
    ids,
    server::{Body, respond},
};
use http::{HeaderValue, Response};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Debug)]
pub struct AwsError {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl AwsError {
    pub fn sender(status: u16, code: &'static str, message: impl Into<String>) -> AwsError {
        AwsError { status, code, message: message.into() }
    }

    pub fn validation(message: impl Into<String>) -> AwsError {
        AwsError::sender(400, "ValidationError", message)
    }

    pub fn invalid_parameter(message: impl Into<String>) -> AwsError {
        AwsError::sender(400, "InvalidParameterException", message)
    }

    /// IAM's NoSuchEntity.
    pub fn no_such_entity(message: impl Into<String>) -> AwsError {
        AwsError::sender(404, "NoSuchEntity", message)
    }

    /// EKS's ResourceNotFoundException.
    pub fn not_found(message: impl Into<String>) -> AwsError {
        AwsError::sender(404, "ResourceNotFoundException", message)
    }

    pub fn unknown_operation() -> AwsError {
        AwsError::sender(400, "InvalidAction", "the lab does not serve this operation")
    }

    pub fn missing_token() -> AwsError {
        AwsError::sender(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
    }

    pub fn unknown_key(protocol: Protocol) -> AwsError {
        let code = match protocol {
            Protocol::Query(_) => "InvalidClientTokenId",
            Protocol::Rest => "UnrecognizedClientException",
        };
        AwsError::sender(403, code, "The security token included in the request is invalid.")
    }

    pub fn throttled(protocol: Protocol) -> AwsError {
        match protocol {
            Protocol::Query(_) => AwsError::sender(400, "Throttling", "Rate exceeded"),
            Protocol::Rest => AwsError::sender(429, "ThrottlingException", "Rate exceeded"),
        }
    }

    /// Session credentials that were valid once.
    pub fn expired(protocol: Protocol) -> AwsError {
        let code = match protocol {
            Protocol::Query(_) => "ExpiredToken",
            Protocol::Rest => "ExpiredTokenException",
        };
        let message = "The security token included in the request is expired";
        AwsError::sender(403, code, message)
    }

    pub fn not_authorized(caller: &str, api: &str, resource: Option<&str>) -> AwsError {
        let on = resource.map(|it| format!(" on resource: {it}")).unwrap_or_default();
        let message = format!(
            "User: {caller} is not authorized to perform: {api}{on} because no identity-based policy allows the {api} \
             action"
        );
        let is_rest = api.starts_with("eks");
        let code = if is_rest { "AccessDeniedException" } else { "AccessDenied" };
        AwsError::sender(403, code, message)
    }

    pub fn response(&self, protocol: Protocol) -> Response<Body> {
        let mut res = match protocol {
            Protocol::Query(namespace) => {
                let body = xml::error(namespace, self.code, &self.message);
                respond(self.status, "text/xml", body)
            }
            Protocol::Rest => {
                let body = json!({"message": self.message}).to_string();
                let mut res = respond(self.status, "application/json", body);
                let header = HeaderValue::from_static(self.code);
                res.headers_mut().insert("x-amzn-errortype", header);
                res
            }
        };
        request_id(&mut res);
        res
    }
}

/// Every answer of AWS carries one.
pub fn request_id(response: &mut Response<Body>) {
    if let Ok(it) = HeaderValue::from_str(&next_id()) {
        response.headers_mut().insert("x-amzn-requestid", it);
    }
}

pub fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ids::uid(&["request", &NEXT.fetch_add(1, Ordering::Relaxed).to_string()])
}
