//! Declared, effective, actual: which identity was asked for, which one a pod carries, which one it ends with, and
//! whether AWS would grant it. Pure functions of facts; failure-mode codes are `check`'s business.
//!
//! Sources: amazon-eks-pod-identity-webhook (`pkg/handler`), botocore `credentials.py`, IAM User Guide, EKS User
//! Guide "Pod Identity", STS API reference.

pub mod admission;
pub mod chain;
pub(crate) mod csv;
pub mod eks;
pub mod near_miss;
pub mod probe;
pub mod signature;
mod steps;
pub mod sts;
pub mod webhook;
pub mod who;
mod words;

pub use signature::Signature;

use crate::{
    fact::Denied,
    iam,
    ident::{Arn, Text},
};

/// How a ServiceAccount asks for an AWS identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// Neither annotation nor association.
    None,
    /// The role annotation alone.
    Irsa,
    /// A Pod Identity association alone.
    PodIdentity,
    /// Both; the association wins for new pods.
    Both,
}

impl Mechanism {
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::None => "none",
            Mechanism::Irsa => "irsa",
            Mechanism::PodIdentity => "pod-identity",
            Mechanism::Both => "both",
        }
    }
}

/// Would AWS grant the declared identity to a new pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No identity is declared.
    None,
    Allow,
    /// Refused, with the error text that the workload prints.
    Deny(Signature),
    /// Something that decides could not be read or cannot be known.
    Unknown(Why),
}

/// Why nobody can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A call was refused.
    Denied(Denied),
    /// A call has not been answered yet; the text names what is read.
    Pending(Text),
    /// The policy is not one that we can judge (`INVALID`); the text says why.
    InvalidPolicy(Text),
    /// A condition key or operator decides whose value cannot be known from here.
    Undecidable(Text),
}

impl Why {
    /// A fragment: `iam:GetRole denied`, `role X is not read yet`.
    pub fn describe(&self) -> String {
        match self {
            Why::Denied(it) => format!("{} denied", it.permission),
            Why::Pending(it) => format!("{it} not answered yet"),
            Why::InvalidPolicy(it) | Why::Undecidable(it) => it.to_string(),
        }
    }
}

impl Verdict {
    /// `allow`, `deny`, `unknown`, `none`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Allow => "allow",
            Verdict::Deny(_) => "deny",
            Verdict::Unknown(_) => "unknown",
        }
    }

    pub fn signature(&self) -> Option<Signature> {
        match self {
            Verdict::Deny(it) => Some(*it),
            Verdict::None | Verdict::Allow | Verdict::Unknown(_) => None,
        }
    }
}

/// A verdict with every step that led to it, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub verdict: Verdict,
    /// One sentence, lowercase start, no full stop.
    pub because: String,
    /// Every hop that was looked at, first to last. The first `Fail` decided; without one, the first `Unknown`.
    pub hops: Vec<Hop>,
}

/// One station of the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// `role ARN`, `OIDC provider`, `token audience`, `trust policy`, `trust policy (sts:TagSession)`,
    /// `target role`, ….
    pub what: &'static str,
    /// The object's name, e.g. the role's ARN.
    pub name: Text,
    pub outcome: Outcome,
    /// One fragment: what was found, or what is missing.
    pub detail: String,
    /// The policy evaluation behind it, where there is one.
    pub evaluation: Option<iam::Evaluation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Fail,
    Unknown,
    /// Behind a failed hop: it is told what would have come out, but it did not decide.
    Skipped,
}

/// An identity that a pod carries or that its ServiceAccount asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Carried {
    None,
    /// Web identity with this role ARN, as written.
    Irsa(Arn),
    /// Pod Identity; the role is the association's, `None` when no association exists (now) or it is not known.
    PodIdentity(Option<Arn>),
}

impl Carried {
    /// Whether it is known which identity it is: not so for a role that the kubelet puts together or that comes from an
    /// object which is not read.
    pub fn is_known(&self) -> bool {
        match self {
            Carried::None | Carried::PodIdentity(_) => true,
            Carried::Irsa(it) => !it.as_str().is_empty(),
        }
    }

    /// `irsa:ARN`, `pod-identity:ARN`, `pod-identity:`, `none`.
    pub fn render(&self) -> String {
        match self {
            Carried::None => "none".into(),
            Carried::Irsa(it) => format!("irsa:{it}"),
            Carried::PodIdentity(Some(it)) => format!("pod-identity:{it}"),
            Carried::PodIdentity(None) => "pod-identity:".into(),
        }
    }
}
