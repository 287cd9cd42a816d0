//! AWS: who calls, which EKS cluster this is, its associations, and the roles and providers of every readable account.
//!
//! Polls and answers fetches; never judges and never writes. What one call is refused is one `Denied`, the rest goes on.

use crate::{
    event::{Event, Generation},
    fact::{Cluster, Knowledge, Proof},
    ident::{Issuer, Ref, Text},
    source::Settings,
};
use std::sync::Arc;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// What the kubeconfig and the API server say that helps to find the EKS cluster and the credentials for it.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeSide {
    /// `https://HOST[:PORT]` as the kubeconfig has it; `None`: no cluster could be resolved.
    pub server: Option<Text>,
    /// By [`ca_sha256`]; `None` when the kubeconfig has no certificate authority.
    pub ca_sha256: Option<Text>,
    /// `users[].user.exec.args`, verbatim; empty without exec.
    pub exec_args: Vec<String>,
    /// `users[].user.exec.env`.
    pub exec_env: Vec<(String, String)>,
    /// What `/.well-known/openid-configuration` publishes; `NotYet` until it was asked.
    pub issuer: Knowledge<Issuer>,
}

/// What a session asks of the AWS source.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Roles, providers, associations; other kinds are ignored here.
    Fetch(Vec<Ref>),
    /// Poll everything now; after expired credentials, read them again first.
    Refresh,
}

/// The running source. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    /// The EKS cluster as soon as it is described; it is what [`proof`] is made from.
    pub cluster: watch::Receiver<Option<Arc<Cluster>>>,
    /// Ends by itself only when `follow` is off and `commands` is closed and everything asked is answered.
    pub task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the source in the running tokio runtime. It waits for the first `Some` in `kube` (or for its sender to go).
///
/// With `follow` off it makes one complete pass and then answers fetches until `commands` is closed.
pub fn start(
    _settings: Settings,
    _generation: Generation,
    _events: mpsc::Sender<Event>,
    _kube: watch::Receiver<Option<KubeSide>>,
    _commands: mpsc::Receiver<Command>,
) -> Running {
    let (_, cluster) = watch::channel(None);
    Running { cluster, task: tokio::spawn(async {}) }
}

/// What proves that the API server of `kube` is the cluster that AWS describes, strongest first; `None`: nothing does.
///
/// A published issuer that differs is no proof whatever else agrees (TOOL-CTX-01); a different host alone is no fault.
pub fn proof(kube: &KubeSide, cluster: &Cluster) -> Option<Proof> {
    if let (Knowledge::Known(published), Some(described)) = (&kube.issuer, &cluster.issuer) {
        return (published == described).then_some(Proof::Issuer);
    }
    let server = kube.server.as_deref().and_then(host);
    if server.is_some() && server == cluster.endpoint.as_deref().and_then(host) {
        return Some(Proof::Endpoint);
    }
    let same_ca = kube.ca_sha256.is_some() && kube.ca_sha256 == cluster.ca_sha256;
    same_ca.then_some(Proof::CertificateAuthority)
}

/// The SHA-256 of a PEM bundle, hex, without regard to white space around it.
pub fn ca_sha256(pem: &[u8]) -> Text {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(pem.trim_ascii());
    digest.iter().map(|it| format!("{it:02x}")).collect::<String>().into()
}

/// `HOST[:PORT]` of a URL in lower case, without the default port; `None` when there is no host.
fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, it)| it);
    let host = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    (!host.is_empty()).then(|| host.to_owned())
}
