//! What a failed AWS call means here: refused, absent, credentials at an end, too fast, or simply failed.

use crate::{fact::Denied, ident::Text};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use std::error::Error;

/// What is said of an answer that is none of what the service answers.
const UNREADABLE: &str = "the answer is not readable";

/// How long an error text may get.
const MAX_TEXT: usize = 300;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// The service refuses this caller. Asking again does not help.
    Denied(Denied),
    /// The service says that it does not exist.
    Absent,
    /// Credentials are expired, invalid or gone. A login helps.
    Expired(Text),
    /// Too many calls, after the SDK's own retries. Asking later helps.
    Throttled,
    /// Network, time-out, unreadable answer, anything else. Asking later may help.
    Failed(Text),
}

/// Error codes by which AWS says that the credentials, not the permissions, are the matter.
const EXPIRED: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "InvalidTokenException",
    "AuthFailure",
    "NotAuthorized",
    "UnauthorizedException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
    "Forbidden",
    "ForbiddenException",
];

const ABSENT: &[&str] =
    &["NoSuchEntity", "NoSuchEntityException", "ResourceNotFoundException", "NotFoundException"];

const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequests",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "TransactionInProgressException",
];

/// `permission`: what the called operation needs, e.g. `iam:GetRole`.
pub(crate) fn classify<E>(err: &SdkError<E, HttpResponse>, permission: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(service) = err.as_service_error() {
        let status = err.raw_response().map(|it| it.status().as_u16());
        return by_code(service.code(), service.message(), status, permission);
    }
    if let Some(credentials) = find::<CredentialsError>(err) {
        return of_credentials(credentials);
    }
    Failure::Failed(short(&match find::<ConnectorError>(err) {
        Some(it) => causes(it),
        None => match err {
            SdkError::TimeoutError(_) => "no answer in time".into(),
            SdkError::ResponseError(_) => UNREADABLE.into(),
            other => causes(other),
        },
    }))
}

/// What a failed write means: refused for sure, or nobody knows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    /// The service said no, and may say yes to the same later: nothing was written.
    NotNow(Text),
    /// The service said no, or it was never asked: nothing was written.
    Refused(Text),
    /// No answer, or one that tells nothing: it may have been written.
    NotKnown(Text),
}

/// As `classify`, for a call that changes something.
pub(crate) fn written<E>(err: &SdkError<E, HttpResponse>, permission: &str) -> Written
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = classify(err, permission);
    let status = err.raw_response().map(|it| it.status().as_u16());
    // An answer of success that cannot be read is none: the service may well have done it.
    let is_refusal = |it: u16| (400..500).contains(&it);
    let answered = err.as_service_error().is_some() && status.is_some_and(is_refusal);
    // Without credentials nothing is sent.
    let unsent =
        matches!(err, SdkError::ConstructionFailure(_)) || find::<CredentialsError>(err).is_some();
    let text: Text = match failure {
        Failure::Denied(it) if it.detail.is_empty() => {
            format!("{} is denied", it.permission).into()
        }
        Failure::Denied(it) => format!("{} is denied: {}", it.permission, it.detail).into(),
        Failure::Absent => "it does not exist".into(),
        Failure::Throttled if answered => return Written::NotNow("too many requests".into()),
        Failure::Throttled => "too many requests".into(),
        Failure::Expired(it) | Failure::Failed(it) => it,
    };
    if answered || unsent { Written::Refused(text) } else { Written::NotKnown(text) }
}

/// Why no credentials could be got.
pub(crate) fn of_credentials(err: &CredentialsError) -> Failure {
    if find::<ConnectorError>(err).is_some_and(|it| it.is_io() || it.is_timeout() || it.is_user()) {
        return Failure::Failed(short(&causes(err)));
    }
    let text = format!("{}", DisplayErrorContext(err));
    // Assuming a profile's role is a call of its own; its typed error is private to the SDK's provider.
    if text.contains("AccessDenied") && text.contains("AssumeRole") {
        let detail = reason(&text);
        return Failure::Denied(Denied { permission: "sts:AssumeRole".into(), detail });
    }
    match err {
        CredentialsError::ProviderTimedOut(_) => Failure::Failed(short(&causes(err))),
        _ => Failure::Expired(short(&causes(err))),
    }
}

fn by_code(
    code: Option<&str>,
    message: Option<&str>,
    status: Option<u16>,
    permission: &str,
) -> Failure {
    let code = code.unwrap_or_default();
    let message = message.unwrap_or_default();
    let is_skewed = message.contains("Signature expired") || message.contains("not yet current");
    let failed = || Failure::Failed(short(format!("{code}: {message}").trim_matches([':', ' '])));
    if DENIED.contains(&code) {
        // STS and EKS say so of an expired token too.
        if message.contains("security token") && message.contains("expired") {
            return Failure::Expired(short(message));
        }
        return Failure::Denied(denied(message, permission));
    }
    if EXPIRED.contains(&code) && !is_skewed {
        return Failure::Expired(short(&format!("{code}: {message}")));
    }
    if ABSENT.contains(&code) {
        return Failure::Absent;
    }
    if THROTTLED.contains(&code) || status == Some(429) {
        return Failure::Throttled;
    }
    match (code, status) {
        // It was a success, of which nothing can be known.
        ("", Some(200..300)) => Failure::Failed(UNREADABLE.into()),
        ("", Some(status)) => Failure::Failed(short(&format!("HTTP status {status}"))),
        _ => failed(),
    }
}

/// The permission is the one that the message names, if it names one: an operation may need more than its own.
fn denied(message: &str, permission: &str) -> Denied {
    let named = message
        .split_once("not authorized to perform: ")
        .and_then(|(_, rest)| rest.split([' ', ',', ')']).next())
        .filter(|it| is_permission(it));
    Denied { permission: named.unwrap_or(permission).into(), detail: reason(message) }
}

/// The part of AWS's message that says why: `no identity-based policy allows the iam:GetRole action`, `explicit deny …`.
fn reason(message: &str) -> Text {
    let at = ["because ", "with an explicit deny"].iter().find_map(|it| message.find(it));
    at.map_or_else(|| "".into(), |at| short(message[at..].trim_start_matches("because ")))
}

fn is_permission(text: &str) -> bool {
    let Some((service, action)) = text.split_once(':') else { return false };
    !service.is_empty()
        && !action.is_empty()
        && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && action.chars().all(|c| c.is_ascii_alphanumeric())
}

/// One line without control characters.
pub(crate) fn short(text: &str) -> Text {
    let mut res = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if MAX_TEXT <= res.len() {
            res.push('…');
            break;
        }
        res.push(c);
    }
    res.into()
}

/// The error and what caused it, in one line, each thing once.
fn causes(err: &(dyn Error + 'static)) -> String {
    let mut res: Vec<String> = Vec::new();
    let mut next = Some(err);
    while let Some(it) = next {
        let text = it.to_string();
        if res.iter().all(|known| !known.contains(&text)) {
            res.push(text);
        }
        next = it.source();
    }
    res.join(": ")
}

fn find<'a, T: Error + 'static>(err: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(err);
    while let Some(it) = next {
        if let Some(found) = it.downcast_ref::<T>() {
            return Some(found);
        }
        next = it.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, message: &str, status: u16, expected: Failure) {
        let got = by_code(Some(code), Some(message), Some(status), "iam:GetRole");
        assert_eq!(got, expected, "{code} {message}");
    }

    fn denied(permission: &str, detail: &str) -> Failure {
        Failure::Denied(Denied { permission: permission.into(), detail: detail.into() })
    }

    #[test]
    fn refusals_name_what_is_missing() {
        check("AccessDenied", "", 403, denied("iam:GetRole", ""));
        check(
            "AccessDenied",
            "User: arn:aws:iam::111122223333:user/x is not authorized to perform: iam:ListRoles because no \
             identity-based policy allows the iam:ListRoles action",
            403,
            denied("iam:ListRoles", "no identity-based policy allows the iam:ListRoles action"),
        );
        check(
            "AccessDeniedException",
            "User: x is not authorized to perform: eks:DescribeCluster on resource: arn:aws:eks:a:b:cluster/c with an \
             explicit deny in a service control policy",
            403,
            denied("eks:DescribeCluster", "with an explicit deny in a service control policy"),
        );
        check(
            "AccessDenied",
            "not authorized to perform: \u{1b}[31m",
            403,
            denied("iam:GetRole", ""),
        );
    }

    #[test]
    fn credentials_at_an_end_are_no_refusal() {
        let expired = |text: &str| Failure::Expired(text.into());
        check(
            "ExpiredToken",
            "The security token",
            403,
            expired("ExpiredToken: The security token"),
        );
        check("InvalidClientTokenId", "bad", 403, expired("InvalidClientTokenId: bad"));
        check(
            "UnrecognizedClientException",
            "bad",
            403,
            expired("UnrecognizedClientException: bad"),
        );
        check(
            "AccessDenied",
            "The security token included in the request is expired",
            403,
            expired("The security token included in the request is expired"),
        );
        check(
            "SignatureDoesNotMatch",
            "Signature expired: 2026 is now earlier than",
            403,
            Failure::Failed(
                "SignatureDoesNotMatch: Signature expired: 2026 is now earlier than".into(),
            ),
        );
    }

    #[test]
    fn the_rest() {
        check("NoSuchEntity", "The role", 404, Failure::Absent);
        check("ResourceNotFoundException", "No cluster", 404, Failure::Absent);
        check("Throttling", "Rate exceeded", 400, Failure::Throttled);
        check("", "", 429, Failure::Throttled);
        check("", "", 502, Failure::Failed("HTTP status 502".into()));
        check("", "", 200, Failure::Failed("the answer is not readable".into()));
        check("InternalFailure", "a\u{7}b", 500, Failure::Failed("InternalFailure: a b".into()));
    }
}
