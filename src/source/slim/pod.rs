//! Pods and pod templates.

use crate::source::slim::{
    meta::Meta,
    objects::Condition,
    value::{All, Pairs, Sieve, Str, Wanted},
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pod<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: Meta<'a>,
    #[serde(borrow)]
    pub(crate) spec: Option<PodSpec<'a>>,
    #[serde(borrow)]
    pub(crate) status: Option<PodStatus<'a>>,
}

/// `spec.template` of a workload.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Template<'a> {
    #[serde(borrow)]
    pub(crate) metadata: Option<Meta<'a>>,
    #[serde(borrow)]
    pub(crate) spec: Option<PodSpec<'a>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSpec<'a> {
    #[serde(borrow)]
    pub(crate) service_account_name: Option<Str<'a>>,
    /// The deprecated name of the same field.
    #[serde(borrow)]
    pub(crate) service_account: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) node_name: Option<Str<'a>>,
    pub(crate) host_network: Option<bool>,
    #[serde(borrow)]
    pub(crate) node_selector: Option<Pairs<'a, All>>,
    #[serde(borrow)]
    pub(crate) affinity: Option<Affinity<'a>>,
    #[serde(borrow)]
    pub(crate) scheduler_name: Option<Str<'a>>,
    pub(crate) security_context: Option<SecurityContext>,
    #[serde(borrow)]
    pub(crate) init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow)]
    pub(crate) containers: Option<Vec<Container<'a>>>,
    #[serde(borrow)]
    pub(crate) ephemeral_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow)]
    pub(crate) volumes: Option<Vec<Volume<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityContext {
    pub(crate) fs_group: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Affinity<'a> {
    #[serde(borrow)]
    pub(crate) node_affinity: Option<NodeAffinity<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeAffinity<'a> {
    #[serde(borrow, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) required: Option<NodeSelector<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeSelector<'a> {
    #[serde(borrow)]
    pub(crate) node_selector_terms: Option<Vec<NodeSelectorTerm<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeSelectorTerm<'a> {
    #[serde(borrow)]
    pub(crate) match_expressions: Option<Vec<Expression<'a>>>,
}

/// One term of a node or label selector.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Expression<'a> {
    #[serde(borrow)]
    pub(crate) key: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) operator: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) values: Option<Vec<Str<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) image: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) env: Option<Sieve<EnvEntry<'a>>>,
    #[serde(borrow)]
    pub(crate) env_from: Option<Vec<EnvFrom<'a>>>,
    #[serde(borrow)]
    pub(crate) volume_mounts: Option<Vec<Mount<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvEntry<'a> {
    #[serde(borrow)]
    pub(crate) name: Str<'a>,
    #[serde(borrow)]
    pub(crate) value: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) value_from: Option<ValueFrom<'a>>,
}

impl Wanted for EnvEntry<'_> {
    /// What the credential chain, the agent's address or the shared files depend on.
    fn is_wanted(&self) -> bool {
        let name = self.name.as_str();
        name.starts_with("AWS_")
            || name.ends_with("_PROXY")
            || name.ends_with("_proxy")
            || name == "HOME"
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValueFrom<'a> {
    #[serde(borrow)]
    pub(crate) secret_key_ref: Option<KeyRef<'a>>,
    #[serde(borrow)]
    pub(crate) config_map_key_ref: Option<KeyRef<'a>>,
    #[serde(borrow)]
    pub(crate) field_ref: Option<FieldRef<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct KeyRef<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) key: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldRef<'a> {
    #[serde(borrow)]
    pub(crate) field_path: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvFrom<'a> {
    #[serde(borrow)]
    pub(crate) prefix: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) config_map_ref: Option<ObjectRef<'a>>,
    #[serde(borrow)]
    pub(crate) secret_ref: Option<ObjectRef<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ObjectRef<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    pub(crate) optional: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) mount_path: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) sub_path: Option<Str<'a>>,
    pub(crate) read_only: Option<bool>,
}

/// A volume. Its kind is the name of its one key besides `name`, which only a hand-written visitor can keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volume<'a> {
    pub(crate) name: Str<'a>,
    pub(crate) source: VolumeSource<'a>,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum VolumeSource<'a> {
    Projected(Projected<'a>),
    Secret(Str<'a>),
    ConfigMap(Str<'a>),
    Other(Str<'a>),
    /// No key besides `name`: the API server makes it an `emptyDir`.
    #[default]
    Unsaid,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Projected<'a> {
    #[serde(borrow)]
    pub(crate) sources: Option<Vec<Projection<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Projection<'a> {
    #[serde(borrow)]
    pub(crate) service_account_token: Option<Token<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token<'a> {
    #[serde(borrow)]
    pub(crate) audience: Option<Str<'a>>,
    pub(crate) expiration_seconds: Option<i64>,
    #[serde(borrow)]
    pub(crate) path: Option<Str<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume<'a> {
    #[serde(borrow)]
    secret_name: Option<Str<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Volume<'a>, D::Error> {
        deserializer.deserialize_map(VolumeVisitor)
    }
}

struct VolumeVisitor;

impl<'de> Visitor<'de> for VolumeVisitor {
    type Value = Volume<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a volume")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Volume<'de>, A::Error> {
        let mut res = Volume::default();
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match key.as_str() {
                "name" => res.name = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "projected" => {
                    if let Some(it) = map.next_value::<Option<_>>()? {
                        res.source = VolumeSource::Projected(it);
                    }
                }
                "secret" => {
                    if let Some(it) = map.next_value::<Option<SecretVolume<'de>>>()? {
                        res.source = VolumeSource::Secret(it.secret_name.unwrap_or_default());
                    }
                }
                "configMap" => {
                    if let Some(it) = map.next_value::<Option<ObjectRef<'de>>>()? {
                        res.source = VolumeSource::ConfigMap(it.name.unwrap_or_default());
                    }
                }
                _ => {
                    if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                        res.source = VolumeSource::Other(key);
                    }
                }
            }
        }
        Ok(res)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodStatus<'a> {
    #[serde(borrow)]
    pub(crate) phase: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) conditions: Option<Vec<Condition<'a>>>,
    #[serde(borrow)]
    pub(crate) init_container_statuses: Option<Vec<ContainerStatus<'a>>>,
    #[serde(borrow)]
    pub(crate) container_statuses: Option<Vec<ContainerStatus<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerStatus<'a> {
    #[serde(borrow)]
    pub(crate) state: Option<ContainerState<'a>>,
    #[serde(borrow)]
    pub(crate) last_state: Option<ContainerState<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ContainerState<'a> {
    #[serde(borrow)]
    pub(crate) waiting: Option<Waiting<'a>>,
    #[serde(borrow)]
    pub(crate) terminated: Option<Terminated<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Terminated<'a> {
    /// What the container left in its termination log, or the end of its log.
    #[serde(borrow)]
    pub(crate) message: Option<Str<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Waiting<'a> {
    #[serde(borrow)]
    pub(crate) reason: Option<Str<'a>>,
}
