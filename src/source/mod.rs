//! Watches and polls that turn the cluster and AWS into `Event::Facts`. API types stop in `lower_*`.
//!
//! Nothing here judges. A failing call becomes a `SourceState` or `Knowledge`, never the end of the session.

pub mod aws;
mod lower_aws;
mod lower_kube;
pub mod slim;

use crate::{
    event::{Event, Generation},
    ident::{Ref, Text},
};
use std::{path::PathBuf, time::Duration};
use tokio::sync::mpsc;

/// Everything a session needs to know, resolved from flags, environment and configuration.
#[derive(Clone, Debug)]
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
}

/// A role that reads another account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRole {
    pub account: Text,
    pub role_arn: String,
    pub external_id: Option<String>,
}

/// A running set of sources. Dropping it ends them.
pub struct Session {}

impl Session {
    /// Starts everything. Never fails: an unreachable cluster or missing credentials arrive as states.
    pub fn start(
        _settings: Settings,
        _generation: Generation,
        _events: mpsc::Sender<Event>,
    ) -> Session {
        todo!()
    }

    /// Asks for objects that no list has brought; de-duplicated and rate-limited here.
    pub fn fetch(&self, _wanted: Vec<Ref>) {
        todo!()
    }

    /// Polls everything now.
    pub fn refresh(&self) {
        todo!()
    }
}
