//! Words for things: how nodes are called, and what verdicts, mechanisms and sources read as.

use crate::{
    fact::SourceState,
    ident::Ref,
    identity::{Carried, Mechanism, Signature, Verdict, Why, chain::Provider},
};

/// Why nobody can say, in a fragment.
pub fn unknown(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unknown(Why::Denied(it)) => Some(format!("{} denied", it.permission)),
        Verdict::Unknown(Why::Pending(it)) => Some(format!("reading {it}")),
        Verdict::Unknown(Why::InvalidPolicy(it) | Why::Undecidable(it)) => Some(it.to_string()),
        Verdict::None | Verdict::Allow | Verdict::Deny(_) => None,
    }
}

/// What the workload prints, with the number that we know it by.
pub fn error_text(it: Signature) -> String {
    format!("{} {it}", it.text())
}

/// How a node is called in a line that says what it is.
pub fn label(at: &Ref) -> String {
    match at {
        Ref::ServiceAccount(it) => it.to_string(),
        Ref::Namespace(it) | Ref::Node(it) => it.to_string(),
        Ref::Pod { namespace, name } => format!("{namespace}/{name}"),
        Ref::Role(it) => match it.name() {
            Some(name) => name.to_owned(),
            None => it.to_string(),
        },
        Ref::Provider(it) => match it.as_str().split_once(":oidc-provider/") {
            Some((_, url)) => url.to_owned(),
            None => it.to_string(),
        },
        Ref::Cluster
        | Ref::Workload { .. }
        | Ref::Webhook(_)
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => at.to_string(),
    }
}

pub fn mechanism(it: Mechanism) -> &'static str {
    match it {
        Mechanism::None => "–",
        Mechanism::Irsa => "irsa",
        Mechanism::PodIdentity => "pod-id",
        Mechanism::Both => "both",
    }
}

pub fn carried(it: &Carried) -> &'static str {
    match it {
        Carried::None => "–",
        Carried::Irsa(_) => "irsa",
        Carried::PodIdentity(_) => "pod-id",
    }
}

pub fn provider(it: &Provider) -> &'static str {
    match it {
        Provider::Static => "static keys",
        Provider::WebIdentity(_) => "irsa",
        Provider::Container => "pod-id",
        Provider::NodeRole => "node role",
        Provider::None => "nothing",
    }
}

pub fn source_detail(state: &SourceState) -> String {
    match state {
        SourceState::Denied { denied, .. } if denied.detail.is_empty() => {
            denied.permission.to_string()
        }
        SourceState::Denied { denied, .. } => format!("{}: {}", denied.permission, denied.detail),
        SourceState::Stale { error, .. } | SourceState::Failed { error, .. } => error.to_string(),
        SourceState::Truncated { detail, .. } => detail.to_string(),
        SourceState::Expired { profile, login } => format!("{profile}: {login}"),
        SourceState::Off { reason } => reason.to_string(),
        SourceState::Pending { .. } | SourceState::Live { .. } | SourceState::Cached { .. } => {
            String::new()
        }
    }
}

pub fn count(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
