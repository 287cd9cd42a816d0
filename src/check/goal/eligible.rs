//! Whether a ServiceAccount's pods can be served by EKS Pod Identity, by where they run and may run.

use crate::{
    check::{Context, pi_agent::lacks_ready_agent},
    fact::{Knowledge, Node, Pod, PodSpec, Scope},
    ident::{Arn, SaKey},
};

/// What speaks against it and what nobody can say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Eligibility {
    /// Sentences; one is enough.
    pub never: Vec<String>,
    /// Sentences: what was looked at and is not known.
    pub not_known: Vec<String>,
    /// The agent is there, or built into the nodes.
    pub has_agent: bool,
}

/// Looks at the role, at every pod, and at every template of the ServiceAccount.
pub fn eligibility(cx: Context<'_>, key: &SaKey, role: &Arn) -> Eligibility {
    let mut res = Eligibility::default();
    let graph = cx.graph;
    match graph.cluster() {
        Knowledge::Known(it) => {
            let cluster = &it.account;
            if role.account().is_none_or(|it| it.as_str() != &**cluster) {
                res.never.push(format!(
                    "role `{role}` is not of the cluster's account {cluster}; associate a role there and give `{role}` as its target role"
                ));
            }
            if it.outpost {
                res.never
                    .push("the cluster is on an Outpost, where Pod Identity is not".to_owned());
            }
            res.has_agent = it.auto_mode;
        }
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
            res.not_known.push("the cluster could not be described".to_owned());
        }
    }
    res.has_agent |= graph.addon(AGENT).is_known()
        || graph.workload(crate::ident::WorkloadKind::DaemonSet, "kube-system", AGENT).is_some();
    for pod in graph.pods_of(key).filter(|it| !it.completed()) {
        of_pod(cx, pod, &mut res);
    }
    for it in graph.workloads_of(key).filter(|it| !it.completed && it.owner.is_none()) {
        let name = format!("{}/{}/{}", it.kind.short(), it.namespace, it.name);
        of_spec(&name, &it.template, &mut res);
    }
    res.never.sort();
    res.never.dedup();
    res.not_known.sort();
    res.not_known.dedup();
    res
}

const AGENT: &str = "eks-pod-identity-agent";

fn of_pod(cx: Context<'_>, pod: &Pod, res: &mut Eligibility) {
    let name = format!("pod {}/{}", pod.namespace, pod.name);
    of_spec(&name, &pod.spec, res);
    let Some(node) = &pod.node else {
        res.not_known.push(format!("{name} is not scheduled, so nobody knows where it will run"));
        return;
    };
    match cx.graph.node(node) {
        Knowledge::Known(it) => {
            of_node(&name, it, res);
            if lacks_ready_agent(cx.graph, it) {
                res.never.push(format!("node {node} of {name} has no Ready agent"));
            }
        }
        Knowledge::Absent => res.not_known.push(format!("node {node} of {name} is gone")),
        Knowledge::Denied(_) | Knowledge::NotYet => {
            let scope = Scope::Nodes.name();
            res.not_known.push(format!("node {node} of {name} is not read ({scope})"));
        }
    }
}

fn of_node(pod: &str, node: &Node, res: &mut Eligibility) {
    match node.compute_type() {
        Some("fargate") => {
            res.never.push(format!("{pod} runs on Fargate, where the agent cannot be"));
        }
        Some("hybrid") => {
            res.never.push(format!("{pod} runs on a hybrid node, which needs an agent of its own"));
        }
        Some("auto") => res.has_agent = true,
        Some(_) | None => {}
    }
    if node.is_windows() {
        res.never.push(format!("{pod} runs on Windows, where the agent cannot be"));
    }
}

fn of_spec(name: &str, spec: &PodSpec, res: &mut Eligibility) {
    if spec.windows_selector || spec.windows_affinity {
        res.never.push(format!("{name} asks for Windows, where the agent cannot be"));
    }
    if spec.scheduler.as_deref() == Some("fargate-scheduler") {
        res.never.push(format!("{name} asks for Fargate, where the agent cannot be"));
    }
    if spec.host_network {
        res.never
            .push(format!("{name} uses the host's network, where Pod Identity is known to fail"));
    }
    let by_hand = spec.containers.iter().find(|it| {
        ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]
            .iter()
            .any(|name| it.env(name).is_some_and(|it| it.is_set()))
    });
    // Stored pods carry what the webhook wrote; a template that does has it by hand.
    if let Some(it) = by_hand.filter(|_| !name.starts_with("pod ")) {
        res.never.push(format!(
            "container `{}` of {name} sets its identity by hand, which wins over the agent",
            it.name
        ));
    }
}
