//! The smallest things that can be changed. Closed: every way to write that idscope has is an arm here.

use crate::{
    ident::{AccountId, Arn, Issuer, Partition, Ref, SaKey, Text, WorkloadKind},
    plan::tags,
};
use serde::{Deserialize, Serialize};

/// One write. `was` is what must be found; values that were never read (secrets) are `EnvEntry::Hidden`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Edit {
    /// FX-SA-ANN, FX-SA-UNANN: one annotation of a ServiceAccount; `value` `None` removes it.
    Annotate { service_account: SaKey, key: Text, was: Option<Text>, value: Option<Text> },
    /// FX-SA-CREATE.
    CreateServiceAccount {
        service_account: SaKey,
        annotations: Vec<(Text, Text)>,
        labels: Vec<(Text, Text)>,
    },
    /// Undo of FX-SA-CREATE: only while it has exactly these annotations and labels.
    DeleteServiceAccount {
        service_account: SaKey,
        uid: Text,
        annotations: Vec<(Text, Text)>,
        labels: Vec<(Text, Text)>,
    },
    /// FX-WL-SA: `spec.template.spec.serviceAccountName`; `None` is not written.
    UseServiceAccount { workload: WorkloadKey, was: Option<Text>, name: Option<Text> },
    /// FX-WL-ENV: environment entries of one container of the template.
    SetEnv {
        workload: WorkloadKey,
        container: Text,
        init: bool,
        changes: Vec<EnvChange>,
        /// The names of all entries in the order to put them in, for an undo; empty: new ones come last.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        order: Vec<Text>,
    },
    /// Undo of FX-WL-ENV where a value was hidden: the entries as an older revision of the owner has them.
    RestoreEnv {
        workload: WorkloadKey,
        container: Text,
        init: bool,
        names: Vec<Text>,
        revision: i64,
    },
    /// FX-WL-META: one label or annotation of the pod template.
    SetMetadata {
        workload: WorkloadKey,
        place: Place,
        key: Text,
        was: Option<Text>,
        value: Option<Text>,
    },
    /// FX-RESTART.
    Restart { workload: WorkloadKey },
    /// FX-OIDC-CREATE.
    CreateProvider {
        partition: Partition,
        account: AccountId,
        issuer: Issuer,
        client_ids: Vec<Text>,
        tags: Vec<(Text, Text)>,
    },
    /// Undo of FX-OIDC-CREATE: only while it has exactly these client ids.
    DeleteProvider { arn: Arn, client_ids: Vec<Text> },
    /// FX-OIDC-AUD.
    AddClientId { provider: Arn, client_id: Text },
    /// Undo of FX-OIDC-AUD.
    RemoveClientId { provider: Arn, client_id: Text },
    /// FX-OIDC-THUMB: replaces the list.
    SetThumbprints { provider: Arn, was: Vec<Text>, thumbprints: Vec<Text> },
    /// FX-TRUST-EDIT, FX-TRUST-ADD, FX-TRUST-PI: both documents whole, byte for byte.
    SetTrust { role: Arn, was: Text, document: Text, change: TrustChange },
    /// FX-PIA-CREATE.
    CreateAssociation { service_account: SaKey, fields: AssociationFields },
    /// FX-PIA-UPDATE.
    UpdateAssociation {
        id: Text,
        service_account: SaKey,
        was: AssociationFields,
        fields: AssociationFields,
    },
    /// FX-PIA-DEL.
    DeleteAssociation { id: Text, service_account: SaKey, was: AssociationFields },
    /// FX-AGENT-ADD.
    CreateAddon { name: Text },
    /// Undo of FX-AGENT-ADD.
    DeleteAddon { name: Text },
}

/// An owner of pods by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkloadKey {
    pub kind: WorkloadKind,
    pub namespace: Text,
    pub name: Text,
}

/// Where in a pod template's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    Labels,
    Annotations,
}

impl Place {
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Labels => "labels",
            Place::Annotations => "annotations",
        }
    }
}

/// One environment entry: `entry` `None` removes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvChange {
    pub name: Text,
    pub was: Option<EnvEntry>,
    pub entry: Option<EnvEntry>,
}

/// What an environment entry holds, as far as it may be known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvEntry {
    Value(Text),
    /// Looks like a credential: never read.
    Hidden,
    /// `valueFrom`; the text names its origin.
    From(Text),
}

/// How a trust policy changes, which decides how it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustChange {
    /// A value that is nearly right becomes right.
    NearMiss,
    /// Somebody new gets in.
    Opens,
    /// Nobody new gets in.
    Narrows,
}

/// What can be set of an association beside its ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationFields {
    pub role_arn: Arn,
    #[serde(default)]
    pub target_role_arn: Option<Arn>,
    #[serde(default)]
    pub disable_session_tags: bool,
    /// The session policy as written.
    #[serde(default)]
    pub policy: Option<Text>,
    /// By name, and only those that somebody else than AWS may set. Of a value that looks like a credential there is the
    /// digest alone. An update has no say in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(Text, Text)>,
}

impl WorkloadKey {
    pub fn new(kind: WorkloadKind, namespace: impl Into<Text>, name: impl Into<Text>) -> Self {
        WorkloadKey { kind, namespace: namespace.into(), name: name.into() }
    }

    pub fn reference(&self) -> Ref {
        Ref::Workload {
            kind: self.kind,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

impl From<&crate::fact::Workload> for WorkloadKey {
    fn from(it: &crate::fact::Workload) -> WorkloadKey {
        WorkloadKey::new(it.kind, it.namespace.clone(), it.name.clone())
    }
}

impl std::fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind.short(), self.namespace, self.name)
    }
}

impl From<&crate::fact::AssociationDetail> for AssociationFields {
    fn from(it: &crate::fact::AssociationDetail) -> AssociationFields {
        AssociationFields {
            role_arn: it.role_arn.clone(),
            target_role_arn: it.target_role_arn.clone(),
            disable_session_tags: it.disable_session_tags,
            policy: it.policy.clone(),
            tags: tags::kept(&it.tags),
        }
    }
}

impl AssociationFields {
    /// What a new association of the role has beside it: nothing.
    pub fn of_role(role_arn: Arn) -> AssociationFields {
        AssociationFields {
            role_arn,
            target_role_arn: None,
            disable_session_tags: false,
            policy: None,
            tags: Vec::new(),
        }
    }

    /// Whether it gives the same identity; tags give none.
    pub(crate) fn gives_as(&self, other: &AssociationFields) -> bool {
        let bare = |it: &AssociationFields| AssociationFields { tags: Vec::new(), ..it.clone() };
        bare(self) == bare(other)
    }

    /// Whether it is what was to be made. Somebody may tag whatever is made.
    pub(crate) fn is_made_as(&self, wanted: &AssociationFields) -> bool {
        self.gives_as(wanted) && wanted.tags.iter().all(|it| self.tags.contains(it))
    }
}

impl Edit {
    /// The account that must carry it out; `None` for Kubernetes. `cluster` is the cluster's own.
    pub fn account(&self, cluster: Option<&AccountId>) -> Option<AccountId> {
        match self {
            Edit::Annotate { .. }
            | Edit::CreateServiceAccount { .. }
            | Edit::DeleteServiceAccount { .. }
            | Edit::UseServiceAccount { .. }
            | Edit::SetEnv { .. }
            | Edit::RestoreEnv { .. }
            | Edit::SetMetadata { .. }
            | Edit::Restart { .. } => None,
            Edit::CreateProvider { account, .. } => Some(account.clone()),
            Edit::DeleteProvider { arn: it, .. }
            | Edit::AddClientId { provider: it, .. }
            | Edit::RemoveClientId { provider: it, .. }
            | Edit::SetThumbprints { provider: it, .. }
            | Edit::SetTrust { role: it, .. } => it.account(),
            Edit::CreateAssociation { .. }
            | Edit::UpdateAssociation { .. }
            | Edit::DeleteAssociation { .. }
            | Edit::CreateAddon { .. }
            | Edit::DeleteAddon { .. } => cluster.cloned(),
        }
    }

    /// Whether it writes to the cluster's API server.
    pub fn is_kubernetes(&self) -> bool {
        match self {
            Edit::Annotate { .. }
            | Edit::CreateServiceAccount { .. }
            | Edit::DeleteServiceAccount { .. }
            | Edit::UseServiceAccount { .. }
            | Edit::SetEnv { .. }
            | Edit::RestoreEnv { .. }
            | Edit::SetMetadata { .. }
            | Edit::Restart { .. } => true,
            Edit::CreateProvider { .. }
            | Edit::DeleteProvider { .. }
            | Edit::AddClientId { .. }
            | Edit::RemoveClientId { .. }
            | Edit::SetThumbprints { .. }
            | Edit::SetTrust { .. }
            | Edit::CreateAssociation { .. }
            | Edit::UpdateAssociation { .. }
            | Edit::DeleteAssociation { .. }
            | Edit::CreateAddon { .. }
            | Edit::DeleteAddon { .. } => false,
        }
    }

    /// The owner whose pods it makes anew by being written; a changed template rolls out by itself.
    pub fn rolls_out(&self) -> Option<&WorkloadKey> {
        match self {
            Edit::UseServiceAccount { workload, .. }
            | Edit::SetEnv { workload, .. }
            | Edit::RestoreEnv { workload, .. }
            | Edit::SetMetadata { workload, .. }
            | Edit::Restart { workload } => Some(workload),
            Edit::Annotate { .. }
            | Edit::CreateServiceAccount { .. }
            | Edit::DeleteServiceAccount { .. }
            | Edit::CreateProvider { .. }
            | Edit::DeleteProvider { .. }
            | Edit::AddClientId { .. }
            | Edit::RemoveClientId { .. }
            | Edit::SetThumbprints { .. }
            | Edit::SetTrust { .. }
            | Edit::CreateAssociation { .. }
            | Edit::UpdateAssociation { .. }
            | Edit::DeleteAssociation { .. }
            | Edit::CreateAddon { .. }
            | Edit::DeleteAddon { .. } => None,
        }
    }

    /// The role that it changes the bearers of.
    pub fn role(&self) -> Option<&Arn> {
        match self {
            Edit::SetTrust { role, .. } => Some(role),
            Edit::CreateAssociation { fields, .. } | Edit::UpdateAssociation { fields, .. } => {
                Some(&fields.role_arn)
            }
            Edit::Annotate { .. }
            | Edit::CreateServiceAccount { .. }
            | Edit::DeleteServiceAccount { .. }
            | Edit::UseServiceAccount { .. }
            | Edit::SetEnv { .. }
            | Edit::RestoreEnv { .. }
            | Edit::SetMetadata { .. }
            | Edit::Restart { .. }
            | Edit::CreateProvider { .. }
            | Edit::DeleteProvider { .. }
            | Edit::AddClientId { .. }
            | Edit::RemoveClientId { .. }
            | Edit::SetThumbprints { .. }
            | Edit::DeleteAssociation { .. }
            | Edit::CreateAddon { .. }
            | Edit::DeleteAddon { .. } => None,
        }
    }

    /// Whether what it changes reaches a pod only when the pod is made again.
    pub fn needs_restart(&self) -> bool {
        match self {
            Edit::Annotate { .. }
            | Edit::CreateAssociation { .. }
            | Edit::DeleteAssociation { .. } => true,
            // EKS Auth looks an association's role up whenever the agent asks.
            Edit::UpdateAssociation { .. }
            | Edit::CreateServiceAccount { .. }
            | Edit::DeleteServiceAccount { .. }
            | Edit::UseServiceAccount { .. }
            | Edit::SetEnv { .. }
            | Edit::RestoreEnv { .. }
            | Edit::SetMetadata { .. }
            | Edit::Restart { .. }
            | Edit::CreateProvider { .. }
            | Edit::DeleteProvider { .. }
            | Edit::AddClientId { .. }
            | Edit::RemoveClientId { .. }
            | Edit::SetThumbprints { .. }
            | Edit::SetTrust { .. }
            | Edit::CreateAddon { .. }
            | Edit::DeleteAddon { .. } => false,
        }
    }
}
