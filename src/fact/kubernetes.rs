//! Slim Kubernetes objects: only the fields that some rule reads.

use crate::{
    fact::{Knowledge, Rollout},
    ident::{Ref, SaKey, Text, Timestamp, WorkloadKind},
};
use std::sync::Arc;

/// All labels of an object, sorted by key: what label selectors are asked of. Objects of one template share one copy.
pub type Labels = Arc<[(Text, Text)]>;

#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    pub name: Text,
    pub created: Option<Timestamp>,
    pub deleting: bool,
    pub labels: Labels,
    /// `eks.amazonaws.com/*` and other identity annotations found here by mistake (ANN-12).
    pub annotations: Vec<(Text, Text)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServiceAccount {
    pub key: SaKey,
    pub uid: Text,
    pub created: Option<Timestamp>,
    /// All annotations whose key could name a role or steer the webhook: any key that contains `amazonaws.com` or
    /// `role`, verbatim values, sorted by key.
    pub annotations: Vec<(Text, Text)>,
    /// All labels, sorted by key (eksctl, Helm, Argo CD marks; a role key put among the labels).
    pub labels: Vec<(Text, Text)>,
    /// When managedFields last touched the role annotation; `None` when not recorded.
    pub annotation_changed: Option<Timestamp>,
    /// The field manager that did, e.g. `helm`, `kubectl-annotate`, `argocd-controller`.
    pub annotation_manager: Option<Text>,
}

impl ServiceAccount {
    pub const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
    pub const AUDIENCE: &str = "eks.amazonaws.com/audience";
    pub const REGIONAL_STS: &str = "eks.amazonaws.com/sts-regional-endpoints";
    pub const EXPIRATION: &str = "eks.amazonaws.com/token-expiration";

    pub fn annotation(&self, key: &str) -> Option<&Text> {
        self.annotations.iter().find(|(it, _)| &**it == key).map(|(_, it)| it)
    }

    /// The role annotation as written; an empty value counts as written.
    pub fn role_arn(&self) -> Option<&Text> {
        self.annotation(ServiceAccount::ROLE_ARN)
    }

    pub fn label(&self, key: &str) -> Option<&Text> {
        self.labels.iter().find(|(it, _)| &**it == key).map(|(_, it)| it)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub namespace: Text,
    pub name: Text,
    pub uid: Text,
    pub created: Option<Timestamp>,
    /// The controlling owner as written in ownerReferences (a ReplicaSet, not its Deployment).
    pub owner: Option<Owner>,
    pub node: Option<Text>,
    pub phase: Phase,
    /// Condition `Ready` is True.
    pub ready: bool,
    /// When that condition last changed.
    pub ready_since: Option<Timestamp>,
    pub deleting: bool,
    /// The reason of the container that waits, e.g. `CrashLoopBackOff`; the first one found.
    pub waiting: Option<Text>,
    /// The number of the error text (1 for E01) in the last words of a container that does not run now; the first one
    /// found. Only few containers leave any.
    pub printed: Option<u8>,
    /// `kubernetes.io/config.mirror`: a static pod's mirror.
    pub mirror: bool,
    /// Beside `spec`, which some pods of one template share although their labels tell them apart.
    pub labels: Labels,
    /// What pods of one template share; the graph keeps one copy of equal ones.
    pub spec: Arc<PodSpec>,
}

impl Pod {
    pub fn service_account(&self) -> SaKey {
        SaKey::new(self.namespace.clone(), self.spec.service_account.clone())
    }

    /// Whether it has run to its end (phase Succeeded or Failed).
    pub fn completed(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The kind as written, e.g. `ReplicaSet`, `Node`, `Workflow`.
    pub kind: Text,
    pub name: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

/// The identity-relevant part of a pod or of a pod template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodSpec {
    /// `serviceAccountName`; `default` when not written.
    pub service_account: Text,
    /// Whether the manifest (template) or stored pod named one. Stored pods always do.
    pub service_account_named: bool,
    pub host_network: bool,
    /// `nodeSelector` asks for Windows (`kubernetes.io/os` or `beta.kubernetes.io/os`).
    pub windows_selector: bool,
    /// `nodeAffinity` asks for Windows.
    pub windows_affinity: bool,
    pub scheduler: Option<Text>,
    pub fs_group: Option<i64>,
    /// Labels and annotations that the webhook or a rule reads: any `eks.amazonaws.com/*` key, any key that contains
    /// `role`, and the well-known `app.kubernetes.io/*`, `helm.sh/chart`, `k8s-app`, `app` labels. Sorted by key. All
    /// labels are beside the spec, in `Pod` and `Workload`.
    pub labels: Vec<(Text, Text)>,
    pub annotations: Vec<(Text, Text)>,
    /// Init containers first, in order; ephemeral ones last.
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
}

impl PodSpec {
    pub const SKIP_WEBHOOK: &str = "eks.amazonaws.com/skip-pod-identity-webhook";
    pub const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";
    pub const EXPIRATION: &str = "eks.amazonaws.com/token-expiration";

    pub fn label(&self, key: &str) -> Option<&Text> {
        self.labels.iter().find(|(it, _)| &**it == key).map(|(_, it)| it)
    }

    pub fn annotation(&self, key: &str) -> Option<&Text> {
        self.annotations.iter().find(|(it, _)| &**it == key).map(|(_, it)| it)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerKind {
    /// Runs before the others; a sidecar when it restarts always.
    Init,
    Main,
    /// Added by `kubectl debug`; never mutated by the webhook.
    Ephemeral,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Container {
    pub name: Text,
    pub kind: ContainerKind,
    /// `image` as written, for the container's line and for known controllers.
    pub image: Text,
    /// Kept entries, in order: `AWS_*`, `*_PROXY`/`*_proxy`, `HOME`. Others are dropped while decoding.
    pub env: Vec<EnvVar>,
    pub env_from: Vec<EnvFrom>,
    pub mounts: Vec<Mount>,
}

impl Container {
    /// The last entry of that name, which is the one that counts.
    pub fn env(&self, name: &str) -> Option<&EnvValue> {
        self.env.iter().rev().find(|it| &*it.name == name).map(|it| &it.value)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvVar {
    pub name: Text,
    pub value: EnvValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EnvValue {
    /// Written in the manifest; may be empty.
    Literal(Text),
    /// Written in the manifest, not empty, and a credential by its name or look: dropped at the door.
    Redacted,
    /// `valueFrom`: set, value unknown. The text names its origin, e.g. `secret aws/key-id`.
    From(Text),
}

impl EnvValue {
    /// Whether it counts as set: an empty literal does not (botocore).
    pub fn is_set(&self) -> bool {
        match self {
            EnvValue::Literal(it) => !it.is_empty(),
            EnvValue::Redacted | EnvValue::From(_) => true,
        }
    }

    /// The value where it is known; `None` for what was dropped, comes from elsewhere, or is put together by the kubelet
    /// (`$(OTHER)`).
    pub fn literal(&self) -> Option<&Text> {
        match self {
            EnvValue::Literal(it) => (!it.contains("$(")).then_some(it),
            EnvValue::Redacted | EnvValue::From(_) => None,
        }
    }
}

/// `envFrom`: which object's keys become environment variables, and with which prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvFrom {
    /// `Ref::ConfigMap` or `Ref::Secret`, in the pod's namespace.
    pub of: EnvSource,
    pub prefix: Text,
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EnvSource {
    ConfigMap(Text),
    Secret(Text),
}

impl EnvSource {
    pub fn reference(&self, namespace: &Text) -> Ref {
        match self {
            EnvSource::ConfigMap(name) => {
                Ref::ConfigMap { namespace: namespace.clone(), name: name.clone() }
            }
            EnvSource::Secret(name) => {
                Ref::Secret { namespace: namespace.clone(), name: name.clone() }
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mount {
    pub volume: Text,
    pub path: Text,
    pub sub_path: Option<Text>,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Volume {
    pub name: Text,
    pub source: VolumeSource,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VolumeSource {
    /// The serviceAccountToken sources of a projected volume; other sources of it are dropped.
    Projected(Vec<TokenSource>),
    Secret(Text),
    ConfigMap(Text),
    /// Any other kind, by its key in the manifest (`hostPath`, `emptyDir`, …).
    Other(Text),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenSource {
    /// Empty: the API server's own audience.
    pub audience: Text,
    pub expiration_seconds: Option<i64>,
    pub path: Text,
}

/// An owner of pods, with what its template would make.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    pub kind: WorkloadKind,
    pub namespace: Text,
    pub name: Text,
    pub uid: Text,
    pub created: Option<Timestamp>,
    /// A ReplicaSet's Deployment, a Job's CronJob.
    pub owner: Option<Owner>,
    /// Wanted replicas; `None` where the kind has none (DaemonSet, Job).
    pub replicas: Option<i32>,
    /// `None` where the kind makes no pods anew (ReplicaSet, Job, CronJob).
    pub rollout: Option<Box<Rollout>>,
    /// Messages of conditions with reason `FailedCreate` (ReplicaFailure), which hold E16 verbatim.
    pub create_errors: Vec<Text>,
    /// Annotations of the workload itself that name a role by mistake (ANN-12), and Helm/Argo marks. Sorted.
    pub annotations: Vec<(Text, Text)>,
    pub labels: Vec<(Text, Text)>,
    /// The labels that its pods are born with, but for those that its controller adds.
    pub template_labels: Labels,
    pub template: Arc<PodSpec>,
    /// A finished Job.
    pub completed: bool,
}

impl Workload {
    /// What its template's pods run as.
    pub fn service_account(&self) -> SaKey {
        SaKey::new(self.namespace.clone(), self.template.service_account.clone())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: Text,
    pub created: Option<Timestamp>,
    pub ready: bool,
    /// `aws:///ZONE/i-…`.
    pub provider_id: Option<Text>,
    /// `eks.amazonaws.com/*`, `kubernetes.io/os`, `kubernetes.io/arch`, `alpha.eksctl.io/*`, `karpenter.sh/*`. Sorted.
    pub labels: Vec<(Text, Text)>,
}

impl Node {
    pub fn label(&self, key: &str) -> Option<&Text> {
        self.labels.iter().find(|(it, _)| &**it == key).map(|(_, it)| it)
    }

    /// `eks.amazonaws.com/compute-type`: `fargate`, `auto`, `hybrid`, `ec2` or not written.
    pub fn compute_type(&self) -> Option<&str> {
        self.label("eks.amazonaws.com/compute-type").map(|it| &**it)
    }

    pub fn is_windows(&self) -> bool {
        self.label("kubernetes.io/os").is_some_and(|it| &**it == "windows")
    }

    pub fn nodegroup(&self) -> Option<&Text> {
        self.label("eks.amazonaws.com/nodegroup")
    }
}

/// A MutatingWebhookConfiguration that concerns pods; named `pod-identity-webhook` on EKS.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    pub name: Text,
    pub created: Option<Timestamp>,
    /// When managedFields last touched anything of it; `None` when not recorded.
    pub changed: Option<Timestamp>,
    pub hooks: Vec<WebhookRule>,
}

impl Webhook {
    /// What EKS calls it, and the upstream manifest too.
    pub const POD_IDENTITY: &str = "pod-identity-webhook";
}

#[derive(Clone, Debug, PartialEq)]
pub struct WebhookRule {
    pub name: Text,
    pub url: Option<Text>,
    /// `namespace/name` of an in-cluster service.
    pub service: Option<Text>,
    pub failure_policy: Text,
    pub reinvocation_policy: Text,
    pub admission_review_versions: Vec<Text>,
    /// Whether some rule covers CREATE of core/v1 pods.
    pub covers_pod_create: bool,
    pub object_selector: Selector,
    pub namespace_selector: Selector,
    /// `matchConditions`: expressions that only the API server can evaluate.
    pub has_match_conditions: bool,
    pub has_ca_bundle: bool,
}

/// A label selector; empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    pub match_labels: Vec<(Text, Text)>,
    pub expressions: Vec<SelectorTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorTerm {
    pub key: Text,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist` as written.
    pub operator: Text,
    pub values: Vec<Text>,
}

/// The key names of a ConfigMap or Secret that an `envFrom` names; values were never decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyNames {
    pub of: Ref,
    pub keys: Knowledge<Vec<Text>>,
}
