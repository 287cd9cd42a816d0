//! Requests that change something: sent once, whatever comes of it.
//!
//! Unlike a read, a write that was not answered may have happened; so the error says whether it was refused for sure.

use crate::{
    ident::Text,
    source::kube::link::{CallError, Link, one_line},
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::client::Body;

/// Why a write did not come back with an answer of success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    /// The API server said no, and it may say yes to the same later: the object has moved, or there are too many
    /// requests. Nothing was written.
    #[error("{message}")]
    NotNow { message: Text },
    /// The API server said no: nothing was written.
    #[error("{message}")]
    Refused { status: u16, message: Text },
    /// Nobody knows whether it was written.
    #[error("{0}")]
    NotKnown(Text),
}

impl Link {
    /// Sends one request and returns the body of a 2xx answer.
    pub(crate) async fn write(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&'static str>,
        body: Vec<u8>,
    ) -> Result<Bytes, WriteError> {
        let login =
            |it: CallError| WriteError::Refused { status: 0, message: one_line(&it.to_string()) };
        let connected = self.fresh().await.map_err(login)?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("idscope/", env!("CARGO_PKG_VERSION")));
        if let Some(it) = content_type {
            request = request.header(header::CONTENT_TYPE, it);
        }
        let request = request.body(Body::from(body)).map_err(|it| WriteError::Refused {
            status: 0,
            message: one_line(&format!("the request cannot be made: {it}")),
        })?;
        let not_known = |text: &str| WriteError::NotKnown(one_line(text));
        let timeout = self.timeout();
        let response = match tokio::time::timeout(timeout, connected.send_raw(request)).await {
            Err(_) => return Err(not_known("no answer in time")),
            Ok(Err(it)) => return Err(not_known(&it)),
            Ok(Ok(it)) => it,
        };
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), 8 << 20).collect();
        let body = match tokio::time::timeout(timeout, body).await {
            Ok(Ok(it)) => it.to_bytes(),
            Ok(Err(_)) | Err(_) if status.is_success() => {
                return Err(not_known("the answer was cut off"));
            }
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        if status.is_success() {
            return Ok(body);
        }
        if status.is_server_error() {
            return Err(not_known(&format!("the API server answered {status}")));
        }
        let message = connected.refusal(status, &body);
        // A conflict of a POST is an object that exists.
        let has_moved = status == StatusCode::CONFLICT && method != "POST";
        if has_moved || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(WriteError::NotNow { message });
        }
        Err(WriteError::Refused { status: status.as_u16(), message })
    }

    /// An object, whole; `None` when it is not there.
    pub(crate) async fn object(&self, path: &str) -> Result<Option<serde_json::Value>, CallError> {
        match self.get_bytes(path).await {
            Ok(it) => {
                let object = serde_json::from_slice(&it);
                object.map(Some).map_err(|it| CallError::failed(format!("read `{path}`: {it}")))
            }
            Err(CallError::NotFound { .. }) => Ok(None),
            Err(it) => Err(it),
        }
    }
}
