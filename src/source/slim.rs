//! Kubernetes objects with only the fields that some rule reads, decoded straight from the bytes of a response.
//!
//! Not `k8s_openapi`: a typed Pod is 98 KiB, most of it never looked at. Unknown fields are skipped, `null` stands for
//! an absent list everywhere, values of ConfigMaps and Secrets are never kept. What the fields mean for us is decided
//! in `lower_kube`; nothing outside `source` sees these types.

pub(crate) mod meta;
pub(crate) mod objects;
pub(crate) mod pod;
mod pool;
pub(crate) mod value;

pub use pool::Pool;

use crate::{
    fact::{self, Fact},
    ident::{Ref, Text, WorkloadKind},
    source::lower_kube,
};
use serde::{Deserialize, Deserializer};

/// The kinds that are listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Pod,
    ServiceAccount,
    Namespace,
    Node,
    /// MutatingWebhookConfiguration.
    Webhook,
    Workload(WorkloadKind),
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Pod,
        Kind::ServiceAccount,
        Kind::Namespace,
        Kind::Node,
        Kind::Webhook,
        Kind::Workload(WorkloadKind::Deployment),
        Kind::Workload(WorkloadKind::StatefulSet),
        Kind::Workload(WorkloadKind::DaemonSet),
        Kind::Workload(WorkloadKind::ReplicaSet),
        Kind::Workload(WorkloadKind::Job),
        Kind::Workload(WorkloadKind::CronJob),
    ];

    /// The `kind` field of one object.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pod => "Pod",
            Kind::ServiceAccount => "ServiceAccount",
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::Webhook => "MutatingWebhookConfiguration",
            Kind::Workload(it) => it.as_str(),
        }
    }

    /// `None` for a kind that no rule reads.
    pub fn parse(kind: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|it| it.as_str() == kind)
    }
}

/// One object of a list or of a watch event, lowered.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub key: Ref,
    /// `metadata.resourceVersion`; empty when not written.
    pub resource_version: String,
    /// `None`: an object that no rule reads, e.g. a webhook configuration that has nothing to do with pods.
    pub fact: Option<Fact>,
}

/// An object that is not JSON, or not of the shape that its kind has.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("decode a {kind}: {source}")]
    Shape { kind: &'static str, source: serde_json::Error },
    #[error("decode an object of kind `{kind}`, which no rule reads")]
    Kind { kind: String },
}

/// Decodes one object of a known kind and lowers it; equal texts and pod specs are shared through `pool`.
pub fn decode(kind: Kind, json: &[u8], pool: &mut Pool) -> Result<Object, DecodeError> {
    lower(kind, &mut serde_json::Deserializer::from_slice(json), pool)
}

/// As `decode`, by the `kind` field of the object itself.
pub fn object_from_json(value: &serde_json::Value) -> Result<Object, DecodeError> {
    let name = value.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
    let kind = Kind::parse(name).ok_or_else(|| DecodeError::Kind { kind: name.to_owned() })?;
    lower(kind, value, &mut Pool::default())
}

/// As `object_from_json`, for an object that the caller knows to be a pod, whether it says so or not.
pub fn pod_from_json(value: &serde_json::Value) -> Result<fact::Pod, DecodeError> {
    let slim: pod::Pod<'_> = Deserialize::deserialize(value).map_err(shape(Kind::Pod))?;
    Ok(lower_kube::pod(&slim, &mut Pool::default()))
}

/// As `pod_from_json`, for a ServiceAccount.
pub fn service_account_from_json(
    value: &serde_json::Value,
) -> Result<fact::ServiceAccount, DecodeError> {
    let slim: objects::ServiceAccount<'_> =
        Deserialize::deserialize(value).map_err(shape(Kind::ServiceAccount))?;
    Ok(lower_kube::service_account(&slim, &mut Pool::default()))
}

/// The sorted key names of a ConfigMap or Secret; values are skipped while decoding.
pub fn key_names(json: &[u8]) -> Result<Vec<Text>, DecodeError> {
    let slim: objects::KeyNames = serde_json::from_slice(json)
        .map_err(|source| DecodeError::Shape { kind: "ConfigMap or Secret", source })?;
    Ok(slim.keys())
}

fn lower<'de, D>(kind: Kind, json: D, pool: &mut Pool) -> Result<Object, DecodeError>
where
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let wrong = shape(kind);
    let (resource_version, fact) = match kind {
        Kind::Pod => {
            let slim = pod::Pod::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::pod(&slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::Pod(fact))
        }
        Kind::ServiceAccount => {
            let slim = objects::ServiceAccount::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::service_account(&slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::ServiceAccount(fact))
        }
        Kind::Namespace => {
            let slim = objects::Namespace::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::namespace(&slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::Namespace(fact))
        }
        Kind::Node => {
            let slim = objects::Node::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::node(&slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::Node(fact))
        }
        Kind::Webhook => {
            let slim = objects::Webhook::deserialize(json).map_err(wrong)?;
            let key = Ref::Webhook(pool.text(slim.metadata.name()));
            let fact = lower_kube::webhook(&slim, pool).map(Fact::Webhook);
            let resource_version = slim.metadata.resource_version().to_owned();
            return Ok(Object { key, resource_version, fact });
        }
        Kind::Workload(WorkloadKind::CronJob) => {
            let slim = objects::CronJob::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::cron_job(&slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::Workload(fact))
        }
        Kind::Workload(kind) => {
            let slim = objects::Workload::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::workload(kind, &slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::Workload(fact))
        }
    };
    Ok(Object { key: fact.key(), resource_version, fact: Some(fact) })
}

fn shape(kind: Kind) -> impl Fn(serde_json::Error) -> DecodeError {
    move |source| DecodeError::Shape { kind: kind.as_str(), source }
}
