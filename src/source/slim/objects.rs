//! Every other kind that is read.

use crate::{
    ident::Text,
    source::slim::{
        meta::Meta,
        pod::{Expression, Template},
        value::{All, Keys, Pairs, Str},
    },
};
use serde::{Deserialize, de::IgnoredAny};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Namespace<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a>,
    #[serde(borrow)]
    pub(crate) status: Option<NamespaceStatus<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NamespaceStatus<'a> {
    #[serde(borrow)]
    pub(crate) phase: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ServiceAccount<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a, Vec<ManagedFields<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManagedFields<'a> {
    #[serde(borrow)]
    pub(crate) manager: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) time: Option<Str<'a>>,
    pub(crate) fields_v1: Option<Fields>,
}

/// Whether managedFields cover the role annotation; the rest of the tree is skipped.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Fields {
    #[serde(rename = "f:metadata")]
    metadata: Option<MetadataFields>,
}

#[derive(Clone, Debug, Deserialize)]
struct MetadataFields {
    #[serde(rename = "f:annotations")]
    annotations: Option<AnnotationFields>,
}

#[derive(Clone, Debug, Deserialize)]
struct AnnotationFields {
    #[serde(rename = "f:eks.amazonaws.com/role-arn")]
    role_arn: Option<IgnoredAny>,
}

impl Fields {
    pub(crate) fn touch_role(&self) -> bool {
        let annotations = self.metadata.as_ref().and_then(|it| it.annotations.as_ref());
        annotations.is_some_and(|it| it.role_arn.is_some())
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Node<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a>,
    #[serde(borrow)]
    pub(crate) spec: Option<NodeSpec<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<Status<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NodeSpec<'a> {
    #[serde(borrow, rename = "providerID")]
    pub(crate) provider_id: Option<Str<'a>>,
}

/// The status of nodes and workloads.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Status<'a> {
    #[serde(borrow)]
    pub(crate) conditions: Option<Vec<Condition<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) reason: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) message: Option<Str<'a>>,
    #[serde(borrow, rename = "lastTransitionTime")]
    pub(crate) last_transition_time: Option<Str<'a>>,
}

/// Deployment, StatefulSet, DaemonSet, ReplicaSet, Job.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Workload<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a>,
    #[serde(borrow)]
    pub(crate) spec: Option<WorkloadSpec<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<Status<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkloadSpec<'a> {
    pub(crate) replicas: Option<i32>,
    pub(crate) paused: Option<bool>,
    /// A Deployment's.
    #[serde(borrow)]
    pub(crate) strategy: Option<Strategy<'a>>,
    /// A StatefulSet's or a DaemonSet's.
    #[serde(borrow)]
    pub(crate) update_strategy: Option<Strategy<'a>>,
    #[serde(borrow)]
    pub(crate) template: Option<Template<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Strategy<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) rolling_update: Option<RollingUpdate<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RollingUpdate<'a> {
    #[serde(borrow)]
    pub(crate) max_unavailable: Option<IntOrText<'a>>,
    #[serde(borrow)]
    pub(crate) max_surge: Option<IntOrText<'a>>,
    pub(crate) partition: Option<i32>,
}

/// A number of pods, or a share of them as `25%`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum IntOrText<'a> {
    Int(i32),
    Text(#[serde(borrow)] Str<'a>),
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Budget<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a>,
    #[serde(borrow)]
    pub(crate) spec: Option<BudgetSpec<'a>>,
    pub(crate) status: Option<BudgetStatus>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BudgetSpec<'a> {
    #[serde(borrow)]
    pub(crate) selector: Option<Selector<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BudgetStatus {
    pub(crate) disruptions_allowed: Option<i32>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CronJob<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a>,
    #[serde(borrow)]
    pub(crate) spec: Option<CronJobSpec<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CronJobSpec<'a> {
    #[serde(borrow)]
    pub(crate) job_template: Option<JobTemplate<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct JobTemplate<'a> {
    #[serde(borrow)]
    pub(crate) spec: Option<WorkloadSpec<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Webhook<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a, Vec<Touch<'a>>>,
    #[serde(borrow)]
    pub(crate) webhooks: Option<Vec<Hook<'a>>>,
}

/// When managedFields were written, whatever they cover.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Touch<'a> {
    #[serde(borrow)]
    pub(crate) time: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hook<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) client_config: Option<ClientConfig<'a>>,
    #[serde(borrow)]
    pub(crate) failure_policy: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) reinvocation_policy: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) admission_review_versions: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) rules: Option<Vec<HookRule<'a>>>,
    pub(crate) match_conditions: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    pub(crate) object_selector: Option<Selector<'a>>,
    #[serde(borrow)]
    pub(crate) namespace_selector: Option<Selector<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientConfig<'a> {
    #[serde(borrow)]
    pub(crate) url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) service: Option<Service<'a>>,
    #[serde(borrow)]
    pub(crate) ca_bundle: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Service<'a> {
    #[serde(borrow)]
    pub(crate) namespace: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HookRule<'a> {
    #[serde(borrow)]
    pub(crate) api_groups: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) api_versions: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) operations: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) resources: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) scope: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selector<'a> {
    #[serde(borrow)]
    pub(crate) match_labels: Option<Pairs<'a, All>>,
    #[serde(borrow)]
    pub(crate) match_expressions: Option<Vec<Expression<'a>>>,
}

/// A ConfigMap or Secret, without any value.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyNames {
    data: Option<Keys>,
    binary_data: Option<Keys>,
}

impl KeyNames {
    /// Sorted, without duplicates.
    pub(crate) fn keys(self) -> Vec<Text> {
        let lists = [self.data, self.binary_data];
        let mut res: Vec<Text> =
            lists.into_iter().flatten().flat_map(|it| it.0).map(Text::from).collect();
        res.sort();
        res.dedup();
        res
    }
}
