//! The HTTP client under the AWS clients: rustls with ring, proxies and extra authorities as the session says, and the
//! guard that lets signed requests go to https or loopback only.

use crate::source::aws::env::{Endpoints, Env, Profiles};
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};
use std::net::IpAddr;

/// Where the metadata services of EC2, ECS and EKS listen, in clear text and unsigned by design.
const METADATA: &[&str] =
    &["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// # Errors
/// An authority file that cannot be read, or a proxy that is no URL.
pub(crate) fn client(
    env: &Env,
    profiles: &Profiles,
    endpoints: &Endpoints,
) -> Result<SharedHttpClient, String> {
    let only_loopback = endpoints.all().iter().all(|it| it.is_some_and(is_loopback_url));
    let is_plain = only_loopback && endpoints.all().iter().flatten().all(|it| is_http(it));
    let proxy = proxy(env)?;
    let roots = trust_store(env, profiles, is_plain)?;
    let inner = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        if is_plain {
            return builder.build_http();
        }
        let tls = TlsContext::builder().with_trust_store(roots.clone()).build();
        let builder = builder.tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
        match tls {
            Ok(it) => builder.tls_context(it).build(),
            // The builder cannot fail in this version; the defaults are the platform's authorities.
            Err(_) => builder.build(),
        }
    });
    Ok(Guarded { inner, only_loopback }.into_shared())
}

fn trust_store(env: &Env, profiles: &Profiles, is_plain: bool) -> Result<TrustStore, String> {
    let store = TrustStore::empty().with_native_roots(!is_plain);
    let Some(path) = profiles.ca_bundle(env) else { return Ok(store) };
    let pem = std::fs::read(&path)
        .map_err(|it| format!("failed to read the AWS CA bundle `{}`: {it}", path.display()))?;
    Ok(store.with_pem_certificate(pem))
}

fn proxy(env: &Env) -> Result<ProxyConfig, String> {
    let url = env.first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    let Some(url) = url else { return Ok(ProxyConfig::disabled()) };
    let except = env.first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let except = format!("localhost,127.0.0.1,::1,169.254.169.254,169.254.170.2,{except}");
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    // The URL may hold a password, so it is not repeated.
    let proxy = ProxyConfig::https(url).map_err(|_| "failed to read the proxy URL".to_owned())?;
    Ok(proxy.no_proxy(except))
}

/// Why signed requests must not go to this endpoint; `None`: they may.
pub(crate) fn refusal(url: &str) -> Option<String> {
    let is_safe = url.starts_with("https://") || (is_http(url) && is_loopback_url(url));
    (!is_safe).then(|| {
        format!("refused to send signed requests to `{url}`: only https or loopback are allowed")
    })
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://")
}

fn is_loopback_url(url: &str) -> bool {
    host(url).is_some_and(|it| is_loopback(&it))
}

fn is_loopback(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Without port, brackets and user information.
fn host(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(uri.host()?.trim_matches(['[', ']']).to_owned())
}

#[derive(Debug)]
struct Guarded {
    inner: SharedHttpClient,
    /// Every endpoint was redirected to loopback (a lab, an emulator): nothing signed may leave it, whatever the
    /// providers inside the SDK believe.
    only_loopback: bool,
}

impl HttpClient for Guarded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(GuardedConnector { inner, only_loopback: self.only_loopback })
    }
}

#[derive(Debug)]
struct GuardedConnector {
    inner: SharedHttpConnector,
    only_loopback: bool,
}

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let authorization = request.headers().get("authorization").unwrap_or_default();
        match blocked(request.uri(), authorization.starts_with("AWS4-"), self.only_loopback) {
            Some(reason) => HttpConnectorFuture::ready(Err(ConnectorError::user(reason.into()))),
            None => self.inner.call(request),
        }
    }
}

fn blocked(url: &str, is_signed: bool, only_loopback: bool) -> Option<String> {
    if is_loopback_url(url) {
        return None;
    }
    if is_signed && only_loopback {
        return Some("refused to send a signed request away from loopback".into());
    }
    if is_http(url) {
        let is_metadata = host(url).is_some_and(|it| METADATA.contains(&it.as_str()));
        return if is_metadata && !is_signed { None } else { refusal(url) };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_requests_go_to_https_or_loopback() {
        let check = |url: &str, is_signed: bool, only_loopback: bool, is_blocked: bool| {
            let got = blocked(url, is_signed, only_loopback);
            assert_eq!(got.is_some(), is_blocked, "{url} {is_signed} {only_loopback}: {got:?}");
        };
        check("https://iam.amazonaws.com/", true, false, false);
        check("https://iam.amazonaws.com/", true, true, true);
        check("https://portal.sso.eu-west-1.amazonaws.com/", false, true, false);
        check("http://127.0.0.1:4566/", true, false, false);
        check("http://127.0.0.1:4566/", true, true, false);
        check("http://[::1]:4566/", true, false, false);
        check("http://localhost:4566/x", true, false, false);
        check("http://sts.localhost:4566/x", true, false, false);
        check("http://127.0.0.1.example.com/", true, false, true);
        check("http://localhost@example.com/", true, false, true);
        check("http://10.0.0.7:4566/", true, false, true);
        check("http://10.0.0.7:4566/", false, false, true);
        check("http://169.254.169.254/latest", false, false, false);
        check("http://169.254.169.254/latest", true, false, true);
    }

    #[test]
    fn endpoints_in_clear_text_are_refused() {
        let check = |url: &str, is_refused: bool| {
            assert_eq!(refusal(url).is_some(), is_refused, "{url}");
        };
        check("https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", false);
        check("http://127.0.0.1:1", false);
        check("http://localhost:1", false);
        check("http://emulator:4566", true);
        check("ftp://127.0.0.1", true);
        check("127.0.0.1:4566", true);
    }
}
