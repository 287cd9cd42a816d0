//! `metadata`, as far as any rule reads it.

use crate::{
    ident::Timestamp,
    plan::RESTARTED_AT,
    source::slim::value::{All, Keep, Pairs, Str, items, text},
};
use serde::{Deserialize, de::IgnoredAny};

/// `M` is what managedFields are decoded into: they are large, and read for ServiceAccounts only.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta<'a, M = IgnoredAny> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    generate_name: Option<Str<'a>>,
    #[serde(borrow)]
    namespace: Option<Str<'a>>,
    #[serde(borrow)]
    uid: Option<Str<'a>>,
    #[serde(borrow)]
    resource_version: Option<Str<'a>>,
    #[serde(borrow)]
    creation_timestamp: Option<Str<'a>>,
    deletion_timestamp: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(crate) annotations: Option<Pairs<'a, Telling>>,
    #[serde(borrow)]
    pub(crate) labels: Option<Pairs<'a, All>>,
    #[serde(borrow)]
    owner_references: Option<Vec<OwnerReference<'a>>>,
    pub(crate) managed_fields: Option<M>,
}

impl<M> Default for Meta<'_, M> {
    fn default() -> Self {
        Meta {
            name: None,
            generate_name: None,
            namespace: None,
            uid: None,
            resource_version: None,
            creation_timestamp: None,
            deletion_timestamp: None,
            annotations: None,
            labels: None,
            owner_references: None,
            managed_fields: None,
        }
    }
}

impl<M> Meta<'_, M> {
    /// The name; of a pod that is not stored yet, what its name will begin with.
    pub(crate) fn name(&self) -> &str {
        match text(&self.name) {
            "" => text(&self.generate_name),
            name => name,
        }
    }

    /// `default` when not written, as `kubectl` has it.
    pub(crate) fn namespace(&self) -> &str {
        match text(&self.namespace) {
            "" => "default",
            namespace => namespace,
        }
    }

    pub(crate) fn uid(&self) -> &str {
        text(&self.uid)
    }

    pub(crate) fn resource_version(&self) -> &str {
        text(&self.resource_version)
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        timestamp(&self.creation_timestamp)
    }

    pub(crate) fn deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key)
    }

    /// The controlling owner as `(kind, name)`. Where no reference says whether it controls (hand-written manifests),
    /// the first one.
    pub(crate) fn owner(&self) -> Option<(&str, &str)> {
        let owners = items(&self.owner_references);
        let unsaid = owners.iter().all(|it| it.controller.is_none());
        let owner = owners.iter().find(|it| unsaid || it.controller == Some(true))?;
        Some((text(&owner.kind), text(&owner.name)))
    }
}

#[derive(Clone, Debug, Deserialize)]
struct OwnerReference<'a> {
    #[serde(borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    controller: Option<bool>,
}

/// Annotations that some rule reads, of any kind of object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Telling {}

impl Telling {
    pub(crate) const MIRROR: &str = "kubernetes.io/config.mirror";
}

impl Keep for Telling {
    fn keeps(key: &str) -> bool {
        // Of a pod template: which restart was the last one.
        key == Telling::MIRROR || key == RESTARTED_AT || names_identity(key) || marks_manager(key)
    }
}

/// Whether a key could name a role or steer the webhook, misspelled or not.
pub(crate) fn names_identity(key: &str) -> bool {
    let has =
        |word: &[u8]| key.as_bytes().windows(word.len()).any(|it| it.eq_ignore_ascii_case(word));
    has(b"amazonaws.com") || has(b"role")
}

/// Whether a key is one that Helm, Argo CD, Flux or eksctl write on what they manage.
pub(crate) fn marks_manager(key: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "app.kubernetes.io/",
        "meta.helm.sh/",
        "argocd.argoproj.io/",
        "helm.toolkit.fluxcd.io/",
        "kustomize.toolkit.fluxcd.io/",
        "alpha.eksctl.io/",
    ];
    PREFIXES.iter().any(|it| key.starts_with(it))
        || matches!(key, "helm.sh/chart" | "k8s-app" | "app")
}

/// An RFC 3339 time; `None` when absent or not one.
pub(crate) fn timestamp(field: &Option<Str<'_>>) -> Option<Timestamp> {
    field.as_ref()?.as_str().parse().ok()
}
