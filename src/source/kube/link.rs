//! The connection to one API server: one request at a time, answered or failed in words.
//!
//! Renews credentials when the server says 401, by reading the kubeconfig again. Does not retry otherwise: who calls
//! decides, and shows it.

use crate::{
    ident::{Text, Timestamp},
    source::{
        Settings,
        aws::KubeSide,
        kube::{
            config::{self, ConfigError, Login, Target},
            plugin,
        },
        now,
    },
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use kube::client::{AuthError, Body, Client};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// Not retryable until somebody grants it.
    #[error("{message}")]
    Forbidden { message: Text },
    /// 401, or a credential plugin that says its own credentials are over. Retryable after a login.
    #[error("{message}")]
    Expired { message: Text, login: Login },
    /// Not retryable: the resource is not served, or the object is gone.
    #[error("{message}")]
    NotFound { message: Text },
    /// The resource version or the list's continuation is too old. List again.
    #[error("{message}")]
    Gone { message: Text },
    /// Everything else; retryable.
    #[error("{message}")]
    Failed { message: Text },
}

impl CallError {
    pub(crate) fn failed(message: impl AsRef<str>) -> CallError {
        CallError::Failed { message: one_line(message.as_ref()) }
    }
}

/// What has been resolved and connected, until it is renewed.
#[derive(Clone)]
pub(crate) struct Connected {
    client: Client,
    pub(crate) target: Arc<Target>,
    /// Counts renewals, so that ten tasks that see one 401 renew once.
    epoch: u64,
    since: Instant,
    /// Until when what the credential plugin gave holds.
    expires: Option<Timestamp>,
}

impl Connected {
    /// A little early, so that no request is under way when they end; but what lives shorter is not asked for again and
    /// again.
    fn is_over(&self) -> bool {
        let left = self.expires.map(|it| it.duration_since(now()));
        left.is_some_and(|it| it.is_negative() || it < EARLY && RENEW_AFTER < self.since.elapsed())
    }

    /// One request with these credentials; the error is the cause of there being no answer.
    pub(crate) async fn send_raw(&self, request: Request<Body>) -> Result<Response<Body>, String> {
        let server = self.target.side.server.as_deref().unwrap_or_default();
        let sent = self.client.send(request).await;
        sent.map_err(|it| transport(&it, server, &self.target.login).to_string())
    }

    /// The server's own words for an answer that is no success.
    pub(crate) fn refusal(&self, status: StatusCode, body: &[u8]) -> Text {
        refusal(status, body, &self.target.login).to_string().as_str().into()
    }
}

pub(crate) struct Link {
    settings: Settings,
    connected: Mutex<Connected>,
    renewing: tokio::sync::Mutex<()>,
}

/// How long a client may take to be made.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// A refusal of credentials younger than this is final for now: reading them again would give the same.
const RENEW_AFTER: Duration = Duration::from_secs(2);

impl Link {
    /// `found` is told what the kubeconfig says, before anybody logs in.
    pub(crate) async fn connect(
        settings: &Settings,
        found: impl FnOnce(&KubeSide),
    ) -> Result<Link, ConnectError> {
        let connected = Mutex::new(connect(settings, 0, found).await?);
        Ok(Link { settings: settings.clone(), connected, renewing: tokio::sync::Mutex::new(()) })
    }

    pub(crate) fn connected(&self) -> Connected {
        self.connected.lock().expect("nothing panics while it holds this lock").clone()
    }

    /// With credentials that hold.
    pub(crate) async fn fresh(&self) -> Result<Connected, CallError> {
        let connected = self.connected();
        if connected.is_over() { self.renew(connected.epoch).await } else { Ok(connected) }
    }

    /// Sends a GET and returns once the head of a 200 has arrived; the body is still to be read.
    pub(crate) async fn get(&self, path: &str) -> Result<Response<Body>, CallError> {
        let connected = self.fresh().await?;
        match self.send(&connected, path).await {
            Err(CallError::Expired { .. }) if RENEW_AFTER < connected.since.elapsed() => {
                let renewed = self.renew(connected.epoch).await?;
                self.send(&renewed, path).await
            }
            res => res,
        }
    }

    /// As `get`, with the whole body; for small answers.
    pub(crate) async fn get_bytes(&self, path: &str) -> Result<Bytes, CallError> {
        let response = self.get(path).await?;
        let body = http_body_util::Limited::new(response.into_body(), 8 << 20).collect();
        match tokio::time::timeout(self.settings.request_timeout, body).await {
            Ok(Ok(it)) => Ok(it.to_bytes()),
            Ok(Err(it)) => Err(CallError::failed(format!("read `{path}`: {it}"))),
            Err(_) => Err(self.silent(path)),
        }
    }

    /// The error of an answer that did not come in time.
    pub(crate) fn silent(&self, path: &str) -> CallError {
        let path = path.split('?').next().unwrap_or_default();
        let seconds = self.settings.request_timeout.as_secs_f32();
        CallError::failed(format!("read `{path}`: no answer within {seconds} s"))
    }

    /// How long one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.settings.request_timeout
    }

    async fn send(&self, connected: &Connected, path: &str) -> Result<Response<Body>, CallError> {
        let request = Request::get(path)
            .header(header::ACCEPT, "application/json")
            // The server answers pretty-printed, 2.3 times the bytes, to what looks like a browser or curl.
            .header(header::USER_AGENT, concat!("idscope/", env!("CARGO_PKG_VERSION")))
            .body(Body::empty())
            .map_err(|it| CallError::failed(format!("ask for `{path}`: {it}")))?;
        let sent =
            tokio::time::timeout(self.settings.request_timeout, connected.client.send(request));
        let login = &connected.target.login;
        let server = connected.target.side.server.as_deref().unwrap_or_default();
        let response = match sent.await {
            Err(_) => return Err(self.silent(path)),
            Ok(Err(it)) => return Err(transport(&it, server, login)),
            Ok(Ok(it)) => it,
        };
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let body = http_body_util::Limited::new(response.into_body(), 64 << 10).collect();
        let body = tokio::time::timeout(self.settings.request_timeout, body).await;
        let body = body.ok().and_then(Result::ok).map(|it| it.to_bytes()).unwrap_or_default();
        Err(refusal(status, &body, login))
    }

    /// Reads the kubeconfig again and connects anew, unless somebody else has since `epoch`.
    async fn renew(&self, epoch: u64) -> Result<Connected, CallError> {
        let _only_one = self.renewing.lock().await;
        let present = self.connected();
        if present.epoch != epoch {
            return Ok(present);
        }
        let renewed = connect(&self.settings, epoch + 1, |_known| {}).await;
        let renewed = renewed.map_err(ConnectError::into_call)?;
        *self.connected.lock().expect("nothing panics while it holds this lock") = renewed.clone();
        Ok(renewed)
    }
}

/// Why there is no connection to try requests on.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Config(ConfigError),
    /// The kubeconfig is fine, but there is no client for it.
    Call(CallError),
}

impl ConnectError {
    pub(crate) fn into_call(self) -> CallError {
        match self {
            ConnectError::Config(it) => CallError::failed(it.to_string()),
            ConnectError::Call(it) => it,
        }
    }
}

async fn connect(
    settings: &Settings,
    epoch: u64,
    found: impl FnOnce(&KubeSide),
) -> Result<Connected, ConnectError> {
    let wanted = settings.clone();
    let load = move || tokio::runtime::Handle::current().block_on(config::load(&wanted));
    let target = match tokio::task::spawn_blocking(load).await {
        Ok(it) => it.map_err(ConnectError::Config)?,
        Err(it) => return Err(ConnectError::Call(CallError::failed(it.to_string()))),
    };
    let side = target.side.clone();
    found(&side);
    let failed = ConnectError::Call;
    let mut config = target.config.clone();
    if config.cluster_url.scheme_str() == Some("http") {
        // Nobody's certificate is looked at, so the platform's authorities need not be read.
        config.root_cert.get_or_insert_default();
    }
    let expires = plugin::log_in(&mut config, &target.login).await.map_err(failed)?;
    // Reads certificates, and may run the command of an older kind of login.
    let client = tokio::task::spawn_blocking(|| Client::try_from(config));
    let client = match tokio::time::timeout(CLIENT_TIMEOUT, client).await {
        Ok(Ok(Ok(it))) => it,
        Ok(Ok(Err(it))) => {
            let server = side.server.as_deref().unwrap_or_default();
            return Err(failed(transport(&it, server, &target.login)));
        }
        Ok(Err(it)) => return Err(failed(CallError::failed(it.to_string()))),
        Err(_) => {
            let seconds = CLIENT_TIMEOUT.as_secs();
            let text = format!("log in: no answer within {seconds} s");
            return Err(failed(CallError::failed(text)));
        }
    };
    Ok(Connected { client, target: Arc::new(target), epoch, since: Instant::now(), expires })
}

/// A call that got no HTTP answer.
fn transport(error: &kube::Error, server: &str, login: &Login) -> CallError {
    if let Some(auth) = auth_error(error) {
        return login_failed(auth, login);
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(it) = cause.source() {
        cause = it;
    }
    CallError::failed(format!("reach `{server}`: {cause}"))
}

fn auth_error(error: &kube::Error) -> Option<&AuthError> {
    if let kube::Error::Auth(it) = error {
        return Some(it);
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(it) = cause {
        if let Some(auth) = it.downcast_ref::<AuthError>() {
            return Some(auth);
        }
        cause = it.source();
    }
    None
}

/// A login that kube makes itself.
fn login_failed(error: &AuthError, login: &Login) -> CallError {
    match error {
        // Its own words, never its output, which may hold a token.
        AuthError::AuthExecRun { cmd: _, out } => {
            let stderr = String::from_utf8_lossy(&out.stderr);
            plugin::refused(&format!("log in: {}", stderr.trim()), login)
        }
        other => CallError::failed(format!("log in: {other}")),
    }
}

/// An HTTP answer that is not 200.
fn refusal(status: StatusCode, body: &[u8], login: &Login) -> CallError {
    #[derive(serde::Deserialize)]
    struct Status {
        message: Option<String>,
    }
    let said = serde_json::from_slice::<Status>(body).ok().and_then(|it| it.message);
    let said = said.filter(|it| !it.is_empty());
    let message = one_line(&said.unwrap_or_else(|| format!("the API server answered {status}")));
    match status {
        StatusCode::FORBIDDEN => CallError::Forbidden { message },
        StatusCode::UNAUTHORIZED => CallError::Expired { message, login: login.clone() },
        StatusCode::NOT_FOUND => CallError::NotFound { message },
        StatusCode::GONE => CallError::Gone { message },
        _ => CallError::Failed { message },
    }
}

/// Text of the server or of a plugin as one line of bearable length without control characters.
pub(crate) fn one_line(text: &str) -> Text {
    const LONGEST: usize = 400;
    let clean = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    clean.take(LONGEST).collect::<String>().trim().into()
}
