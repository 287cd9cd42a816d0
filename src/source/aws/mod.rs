//! AWS: who calls, which EKS cluster this is, its associations, and the roles and providers of every readable account.
//!
//! Polls and answers fetches; never judges and never writes. What one call is refused is one `Denied`, the rest goes on.

mod access;
pub(crate) mod account;
pub(crate) mod ask;
mod book;
mod credentials;
mod details;
mod eks;
mod elsewhere;
mod env;
pub(crate) mod error;
pub(crate) mod hands;
mod hints;
mod http;
mod iam;
mod jobs;
mod limit;
mod pages;
mod paint;
mod poll;
mod queue;
mod shared;

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
    /// The EKS cluster as soon as it is described; it is what [`proof`] is made from. Touched once more when the first
    /// pass is over, with or without a cluster.
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
    settings: Settings,
    generation: Generation,
    events: mpsc::Sender<Event>,
    kube: watch::Receiver<Option<KubeSide>>,
    commands: mpsc::Receiver<Command>,
) -> Running {
    let (known, cluster) = watch::channel(None);
    let task = tokio::spawn(poll::run(settings, generation, events, kube, commands, known));
    Running { cluster, task }
}

/// The profiles of the AWS configuration, sorted, and the one that a session would be told to use.
///
/// # Errors
/// A file that is no profile file, as a sentence.
pub async fn profiles(settings: &Settings) -> Result<(Vec<Text>, Option<Text>), String> {
    let env = env::Env::new(&settings.env);
    let profiles = env::Profiles::load(&env, settings.profile.as_deref()).await?;
    let current = profiles.is_explicit.then(|| Text::from(profiles.selected()));
    Ok((profiles.names(), current))
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ident::Arn;
    use std::time::Duration;

    /// A session without flags and without environment.
    pub(crate) fn settings() -> Settings {
        Settings {
            context: None,
            kubeconfig: None,
            namespaces: Vec::new(),
            cluster: None,
            region: None,
            profile: None,
            account_profiles: Vec::new(),
            account_roles: Vec::new(),
            cache_dir: None,
            read_secrets: false,
            request_timeout: Duration::from_secs(5),
            poll: Duration::from_secs(60),
            env: Vec::new(),
            follow: false,
            writes: Default::default(),
        }
    }

    #[test]
    fn the_issuer_proves_first_and_may_disprove() {
        let cluster = |issuer: Option<&str>, endpoint: &str, ca: &str| Cluster {
            name: "c".into(),
            arn: Arn::from("arn:aws:eks:eu-west-1:111122223333:cluster/c"),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            issuer: issuer.map(Issuer::new),
            endpoint: Some(endpoint.into()),
            ca_sha256: Some(ca.into()),
            created: None,
            version: "".into(),
            platform_version: "".into(),
            status: "".into(),
            authentication_mode: "".into(),
            auto_mode: false,
            node_role: None,
            tags: Vec::new(),
            health_issues: Vec::new(),
            outpost: false,
        };
        let kube = |issuer: Option<&str>, server: &str, ca: &str| KubeSide {
            server: Some(server.into()),
            ca_sha256: (!ca.is_empty()).then(|| ca.into()),
            exec_args: Vec::new(),
            exec_env: Vec::new(),
            issuer: issuer.map_or(Knowledge::NotYet, |it| Knowledge::Known(Issuer::new(it))),
        };
        let check = |kube: KubeSide, cluster: Cluster, expected: Option<Proof>| {
            assert_eq!(proof(&kube, &cluster), expected, "{kube:?}");
        };
        let (i, j) = (Some("https://oidc/id/A"), Some("https://oidc/id/B"));
        let described = || cluster(i, "https://ABC.eks.amazonaws.com", "aa");
        check(kube(i, "https://tunnel:8443", ""), described(), Some(Proof::Issuer));
        check(kube(j, "https://abc.eks.amazonaws.com", "aa"), described(), None);
        check(
            kube(None, "https://abc.eks.amazonaws.com:443/", ""),
            described(),
            Some(Proof::Endpoint),
        );
        check(
            kube(None, "https://tunnel:8443", "aa"),
            described(),
            Some(Proof::CertificateAuthority),
        );
        check(kube(None, "https://tunnel:8443", ""), described(), None);
        check(kube(i, "https://tunnel:8443", ""), cluster(None, "https://x", "bb"), None);
    }
}
