//! One container of a stored pod: what it carries, where its credential chain ends, what it reaches.

use crate::{
    check::judge::Declaration,
    fact::{Container, ContainerKind, EnvSource, Knowledge, Pod, PodSpec},
    graph::Graph,
    ident::{Arn, Text},
    identity::{
        Carried,
        chain::{self, Chain, Provider},
    },
};

/// Where the agent answers; any other address in `AWS_CONTAINER_CREDENTIALS_FULL_URI` is not Pod Identity.
const AGENT_URIS: &[&str] =
    &["http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"];

/// One container judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerLine {
    pub container: Text,
    pub declared: Carried,
    pub effective: Carried,
    pub chain: Chain,
    pub reach: Reach,
    /// The role of the provider that the chain settles on.
    pub role_arn: Option<Arn>,
}

/// Whether a container that falls back to instance metadata can reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Proven,
    NotKnown,
    Blocked,
}

impl Reach {
    /// `proven`, `not-known`, `blocked`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::Proven => "proven",
            Reach::NotKnown => "not-known",
            Reach::Blocked => "blocked",
        }
    }
}

/// Every container of a stored pod, judged.
pub(crate) fn lines(graph: &Graph, pod: &Pod, declaration: &Declaration<'_>) -> Vec<ContainerLine> {
    let declared = declaration.carried();
    let off_instance = on_fargate(graph, pod);
    let keys = |source: &EnvSource| graph.key_names(&source.reference(&pod.namespace));
    let line = |container: &Container| {
        let mut chain = chain::settle_in(container, &pod.spec.volumes, &keys);
        let reach = reach(pod, container, off_instance);
        if chain.provider == Provider::NodeRole && reach == Reach::Blocked {
            chain.provider = Provider::None;
        }
        let role_arn = match &chain.provider {
            Provider::WebIdentity(it) => it.clone(),
            Provider::Container => session_role(declaration),
            Provider::NodeRole => node_role(graph, pod),
            Provider::Static | Provider::None => None,
        };
        ContainerLine {
            container: container.name.clone(),
            declared: declared.clone(),
            effective: effective(container, declaration),
            chain,
            reach,
            role_arn,
        }
    };
    pod.spec.containers.iter().map(line).collect()
}

/// The identity that a stored container carries, hand-written variables included.
fn effective(container: &Container, declaration: &Declaration<'_>) -> Carried {
    let set = |name: &str| container.env(name).filter(|it| it.is_set());
    if container.kind == ContainerKind::Ephemeral {
        return Carried::None;
    }
    if let (Some(role), Some(_)) = (set("AWS_ROLE_ARN"), set("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        let text = role.literal().cloned().unwrap_or_else(|| "".into());
        return Carried::Irsa(Arn::new(text));
    }
    let uri = set("AWS_CONTAINER_CREDENTIALS_FULL_URI").and_then(|it| it.literal());
    if uri.is_some_and(|it| AGENT_URIS.contains(&&**it)) {
        let role = match &declaration.association {
            Knowledge::Known(it) => it.detail.as_ref().known().map(|it| it.role_arn.clone()),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        };
        return Carried::PodIdentity(role);
    }
    Carried::None
}

/// Whether some container asks the agent for credentials, whatever is declared.
pub(crate) fn asks_agent(spec: &PodSpec, declaration: &Declaration<'_>) -> bool {
    let mut carried = spec.containers.iter().map(|it| effective(it, declaration));
    carried.any(|it| matches!(it, Carried::PodIdentity(_)))
}

/// The role of the session that the agent hands out: the target role where there is one.
fn session_role(declaration: &Declaration<'_>) -> Option<Arn> {
    let Knowledge::Known(it) = &declaration.association else { return None };
    let detail = it.detail.as_ref().known()?;
    Some(detail.target_role_arn.as_ref().unwrap_or(&detail.role_arn).clone())
}

fn reach(pod: &Pod, container: &Container, off_instance: bool) -> Reach {
    let disabled = container
        .env("AWS_EC2_METADATA_DISABLED")
        .and_then(|it| it.literal())
        .is_some_and(|it| it.eq_ignore_ascii_case("true"));
    if disabled || off_instance {
        Reach::Blocked
    } else if pod.spec.host_network {
        Reach::Proven
    } else {
        Reach::NotKnown
    }
}

/// Fargate has no instance metadata service that a pod could reach.
pub(crate) fn on_fargate(graph: &Graph, pod: &Pod) -> bool {
    let scheduler = pod.spec.scheduler.as_deref();
    scheduler == Some("fargate-scheduler")
        || pod.node.as_ref().is_some_and(|it| match graph.node(it) {
            Knowledge::Known(it) => it.compute_type() == Some("fargate"),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => false,
        })
}

/// The role of the pod's node, by its node group or by Auto Mode.
fn node_role(graph: &Graph, pod: &Pod) -> Option<Arn> {
    let node = graph.node(pod.node.as_ref()?).known()?;
    match node.nodegroup() {
        Some(it) => graph.nodegroup(it).known()?.node_role.clone(),
        None if node.compute_type() == Some("auto") => graph.cluster().known()?.node_role.clone(),
        None => None,
    }
}
