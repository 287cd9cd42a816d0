//! Is a workload expected to use AWS although nothing is declared? ("One cause, one finding", ANN-01 and NODE-01.)
//!
//! Only evidence counts: a controller that is useless without AWS, SDK variables in a template, a role that names the
//! ServiceAccount, a sibling that has an identity. A plain workload never needs one.

use crate::{
    check::{Context, PodCounts},
    fact::{Container, PodSpec, Workload},
    ident::SaKey,
};

/// Controllers that do nothing without AWS, by a part of their image's path and what people call them.
///
/// cert-manager, External Secrets and the Secrets Store CSI driver are missing on purpose: they work without AWS.
const CONTROLLERS: &[(&str, &str)] = &[
    ("/aws-load-balancer-controller", "AWS Load Balancer Controller"),
    ("/karpenter/controller", "Karpenter"),
    ("/cluster-autoscaler", "Cluster Autoscaler"),
    ("/external-dns", "ExternalDNS"),
    ("/aws-controllers-k8s/", "AWS Controllers for Kubernetes"),
    ("/provider-aws", "Crossplane AWS provider"),
    ("/provider-family-aws", "Crossplane AWS provider"),
];

/// Names (workload, `app.kubernetes.io/name`, ServiceAccount) that mean the same.
const NAMES: &[(&str, &str)] = &[
    ("aws-load-balancer-controller", "AWS Load Balancer Controller"),
    ("karpenter", "Karpenter"),
    ("cluster-autoscaler", "Cluster Autoscaler"),
    ("external-dns", "ExternalDNS"),
    ("ebs-csi-controller", "EBS CSI controller"),
    ("efs-csi-controller", "EFS CSI controller"),
];

/// Part of every node, and meant to run with the node role.
const NODE_AGENTS: &[&str] = &[
    "aws-node",
    "kube-proxy",
    "eks-pod-identity-agent",
    "ebs-csi-node",
    "efs-csi-node",
    "fsx-csi-node",
    "s3-csi-node",
    "node-local-dns",
    "nodelocaldns",
];

/// What SDKs read. `AWS_VPC_…` (the CNI's own) and keys are not among them.
const SDK_VARIABLES: &[&str] = &[
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_SDK_LOAD_CONFIG",
];

const STATIC_KEY: &str = "AWS_ACCESS_KEY_ID";

/// The reason, as a fragment that follows "expected to use AWS: "; `None` for plain workloads.
pub(crate) fn expected(
    cx: Context<'_>,
    key: &SaKey,
    pods: &Siblings,
    accepts: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let mut used = 0 < pods.counts.total;
    let mut by_hand = 0 < pods.by_hand;
    let mut reason = None;
    for workload in cx.graph.workloads_of(key) {
        if workload.completed || is_node_agent(&workload.name, &workload.namespace) {
            continue;
        }
        used = true;
        by_hand |= workload.template.containers.iter().any(has_identity);
        reason = reason.or_else(|| of_workload(workload, key));
    }
    if !used || pods.counts.total != 0 && pods.node_agents == pods.counts.total {
        return None;
    }
    let reason = reason
        .or_else(|| (0 < pods.hints).then(|| "a pod of it sets AWS SDK variables".to_owned()));
    if by_hand {
        // What is written by hand is an identity too, and may be the only one that is wanted.
        return reason;
    }
    reason
        .or_else(|| {
            (0 < pods.carrying).then(|| "a pod of it still carries an AWS identity".to_owned())
        })
        .or_else(|| {
            let roles = cx.graph.roles_naming(key);
            let named = roles.into_iter().find(|it| accepts(it.arn.as_str()))?;
            Some(format!("the trust policy of role `{}` names it exactly", named.arn))
        })
}

/// What is counted of the pods of one ServiceAccount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Siblings {
    pub counts: PodCounts,
    /// Pods without a known template whose own spec sets SDK variables.
    pub hints: u32,
    /// Pods that carry some web identity or Pod Identity which the webhook gave them.
    pub carrying: u32,
    /// Pods that carry one which was written by hand.
    pub by_hand: u32,
    /// Pods of node agents.
    pub node_agents: u32,
    /// Pods without an owner that have the role annotation themselves.
    pub annotated: u32,
    /// Pods without an owner that are no mirrors of static ones and no node agents.
    pub bare: u32,
}

/// Whether a spec sets variables that only an AWS SDK reads, in a container without credentials of its own.
pub(crate) fn uses_sdk(spec: &PodSpec) -> bool {
    spec.containers.iter().any(container_uses_sdk)
}

/// As `uses_sdk`, for one container.
pub(crate) fn container_uses_sdk(container: &Container) -> bool {
    let set = |name: &str| is_set(container, name);
    !set(STATIC_KEY) && !has_identity(container) && SDK_VARIABLES.iter().any(|name| set(name))
}

/// Whether a container has all variables of an identity: nobody has to inject one.
pub(crate) fn has_identity(container: &Container) -> bool {
    let set = |name: &str| is_set(container, name);
    set("AWS_ROLE_ARN") && set("AWS_WEB_IDENTITY_TOKEN_FILE")
        || set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        || set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
}

fn is_set(container: &Container, name: &str) -> bool {
    container.env(name).is_some_and(|it| it.is_set())
}

/// The agents that run on every node with the node role by design, by the name of their DaemonSet or pod.
pub fn is_node_agent(workload_or_pod: &str, namespace: &str) -> bool {
    namespace == "kube-system"
        && NODE_AGENTS.iter().any(|it| {
            workload_or_pod
                .strip_prefix(it)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
}

/// What people call the controller that this workload runs; `None` when it is none that needs AWS.
pub fn known_controller(workload: &Workload) -> Option<&'static str> {
    let named = |name: &str| NAMES.iter().find(|(it, _)| *it == name).map(|(_, it)| *it);
    let label = workload.template.label("app.kubernetes.io/name").or_else(|| {
        workload.labels.iter().find(|(it, _)| &**it == "app.kubernetes.io/name").map(|(_, it)| it)
    });
    named(&workload.name).or_else(|| label.and_then(|it| named(it))).or_else(|| {
        let images = workload.template.containers.iter().map(|it| &it.image);
        images
            .flat_map(|it| CONTROLLERS.iter().filter(move |(part, _)| it.contains(part)))
            .map(|(_, it)| *it)
            .next()
    })
}

fn of_workload(workload: &Workload, key: &SaKey) -> Option<String> {
    let place = || format!("{} `{}`", workload.kind.as_str(), workload.name);
    let has_credentials = |it: &Container| is_set(it, STATIC_KEY) || has_identity(it);
    if workload.template.containers.iter().any(has_credentials) {
        return uses_sdk(&workload.template).then(|| format!("{} sets AWS SDK variables", place()));
    }
    if let Some(it) = known_controller(workload) {
        return Some(format!("{} runs the {it}", place()));
    }
    if key.namespace.as_ref() == "kube-system"
        && let Some((_, it)) = NAMES.iter().find(|(it, _)| key.name.strip_suffix("-sa") == Some(it))
    {
        return Some(format!("{} runs the {it}", place()));
    }
    uses_sdk(&workload.template).then(|| format!("{} sets AWS SDK variables", place()))
}
