//! Watches and polls that turn the cluster and AWS into `Event::Facts`. API types stop in `lower_*`.
//!
//! Nothing here judges. A failing call becomes a `SourceState` or `Knowledge`, never the end of the session.

pub mod aws;
mod cache;
pub mod kube;
pub(crate) mod lower_aws;
mod lower_kube;
pub mod slim;

pub use crate::plan::Writes;

use crate::{
    event::{Event, Generation},
    ident::{Ref, Text, Timestamp},
};
use std::{fmt, path::PathBuf, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

/// Everything a session needs to know, resolved from flags, environment and configuration.
#[derive(Clone)]
pub struct Settings {
    /// The kubeconfig context; `None`: the current one.
    pub context: Option<String>,
    /// `None`: `KUBECONFIG`, else the default path.
    pub kubeconfig: Option<PathBuf>,
    /// `-n`; empty with `all_namespaces` false: all that can be read.
    pub namespaces: Vec<Text>,
    pub cluster: Option<String>,
    pub region: Option<String>,
    pub profile: Option<String>,
    /// `--account-profile ID=PROFILE`.
    pub account_profiles: Vec<(Text, String)>,
    /// Config `accounts: {ID: {roleArn, externalId}}`; its `profile` form is among `account_profiles`.
    pub account_roles: Vec<AccountRole>,
    /// Where the disk cache lives; `None`: no cache.
    pub cache_dir: Option<PathBuf>,
    pub read_secrets: bool,
    pub request_timeout: Duration,
    /// How often AWS is polled; jittered.
    pub poll: Duration,
    /// Environment variables by name, read once at start; the lab puts its own here.
    pub env: Vec<(String, String)>,
    /// Watch on (dashboard) or end after the first complete answer of every scope (`check`).
    pub follow: bool,
    /// Sources never write; this is for whoever carries out plans.
    pub writes: Writes,
}

impl fmt::Debug for Settings {
    /// Without the environment, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("context", &self.context)
            .field("cluster", &self.cluster)
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("follow", &self.follow)
            .finish_non_exhaustive()
    }
}

/// A role that reads another account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRole {
    pub account: Text,
    pub role_arn: String,
    pub external_id: Option<String>,
}

/// A running set of sources. Dropping it ends them.
#[derive(Debug)]
pub struct Session {
    wanted: mpsc::UnboundedSender<Vec<Ref>>,
    documents: mpsc::UnboundedSender<Ref>,
    asked: watch::Sender<u64>,
    aws_commands: mpsc::Sender<aws::Command>,
    /// Aborts what it holds when it is dropped, and so does `aws`.
    _kube: JoinSet<()>,
    _aws: aws::Running,
}

/// How many orders to the AWS side may wait; further ones are dropped, since the graph asks again.
const AWS_COMMANDS: usize = 256;

impl Session {
    /// Starts everything in the running tokio runtime. Never fails: an unreachable cluster or missing credentials arrive
    /// as states.
    pub fn start(
        settings: Settings,
        generation: Generation,
        events: mpsc::Sender<Event>,
    ) -> Session {
        // An error means that somebody chose one before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (sides, kube_side) = watch::channel(None);
        let (wanted, wanted_here) = mpsc::unbounded_channel();
        let (documents, documents_here) = mpsc::unbounded_channel();
        let (asked, asked_here) = watch::channel(0);
        let (aws_commands, commands) = mpsc::channel(AWS_COMMANDS);
        let aws = aws::start(settings.clone(), generation, events.clone(), kube_side, commands);
        let wires = kube::Wires {
            events,
            sides,
            cluster: aws.cluster.clone(),
            wanted: wanted_here,
            documents: documents_here,
            asked: asked_here,
        };
        let mut kube = JoinSet::new();
        kube.spawn(kube::run(settings, generation, wires));
        Session { wanted, documents, asked, aws_commands, _kube: kube, _aws: aws }
    }

    /// Asks for objects that no list has brought; de-duplicated and rate-limited here.
    pub fn fetch(&self, wanted: Vec<Ref>) {
        let (kube, aws): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|it| match it {
            Ref::ConfigMap { .. } | Ref::Secret { .. } => true,
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::Association(_)
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => false,
        });
        // Neither side may be there any longer in a run without `follow`; then nothing more can be answered.
        if !kube.is_empty() {
            let _ = self.wanted.send(kube);
        }
        if !aws.is_empty() {
            let _ = self.aws_commands.try_send(aws::Command::Fetch(aws));
        }
    }

    /// Asks for one object of the cluster in full; answered by `Event::Document`.
    pub fn document(&self, of: Ref) {
        // The other end is there as long as the session follows; then nobody waits for an answer.
        let _ = self.documents.send(of);
    }

    /// Polls everything now: AWS at once, and on the cluster what nothing watches or what waits to be tried again.
    pub fn refresh(&self) {
        self.asked.send_modify(|it| *it += 1);
        let _ = self.aws_commands.try_send(aws::Command::Refresh);
    }
}

/// The present time, for the states of sources: when something was last right.
#[expect(clippy::disallowed_methods, reason = "a source is where the world's time enters as data")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
