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
    /// PodDisruptionBudget.
    Budget,
    Workload(WorkloadKind),
}

impl Kind {
    pub const ALL: [Kind; 12] = [
        Kind::Pod,
        Kind::ServiceAccount,
        Kind::Namespace,
        Kind::Node,
        Kind::Webhook,
        Kind::Budget,
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
            Kind::Budget => "PodDisruptionBudget",
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
        Kind::Budget => {
            let slim = objects::Budget::deserialize(json).map_err(wrong)?;
            let fact = lower_kube::budget(&slim, pool);
            (slim.metadata.resource_version().to_owned(), Fact::Budget(fact))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// JSON out of the very names that the types know, so that much of it is nearly right.
    fn nearly_an_object() -> impl Strategy<Value = Value> {
        const NAMES: &[&str] = &[
            "metadata",
            "spec",
            "status",
            "name",
            "namespace",
            "annotations",
            "labels",
            "containers",
            "initContainers",
            "env",
            "value",
            "valueFrom",
            "secretKeyRef",
            "volumes",
            "projected",
            "sources",
            "serviceAccountToken",
            "secret",
            "template",
            "jobTemplate",
            "conditions",
            "type",
            "ownerReferences",
            "controller",
            "managedFields",
            "fieldsV1",
            "f:metadata",
            "f:annotations",
            "f:eks.amazonaws.com/role-arn",
            "webhooks",
            "rules",
            "apiGroups",
            "operations",
            "creationTimestamp",
            "deletionTimestamp",
            "replicas",
            "strategy",
            "updateStrategy",
            "rollingUpdate",
            "maxUnavailable",
            "partition",
            "paused",
            "selector",
            "matchLabels",
            "disruptionsAllowed",
            "affinity",
            "nodeAffinity",
            "data",
            "AWS_REGION",
        ];
        let name = || prop::sample::select(NAMES);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            name().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 6, move |inner| {
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                3 => prop::collection::vec((name(), inner), 0..6).prop_map(|it| {
                    Value::Object(it.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn bytes_and_trees_are_read_alike(value in nearly_an_object()) {
            let bytes = serde_json::to_vec(&value).unwrap();
            for kind in Kind::ALL {
                let from_bytes = decode(kind, &bytes, &mut Pool::default()).ok();
                let from_tree = lower(kind, &value, &mut Pool::default()).ok();
                prop_assert_eq!(from_bytes, from_tree);
            }
            let _ = key_names(&bytes);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for kind in Kind::ALL {
                let _ = decode(kind, &bytes, &mut Pool::default());
            }
        }
    }

    #[test]
    fn kinds_are_known_by_their_own_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("Secret"), None);
    }
}
