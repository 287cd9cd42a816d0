//! PI-AGENT: the agent that hands out Pod Identity credentials on each node.

use crate::{
    check::{
        Acc, Confidence, Context, Evidence, Fix, Row, Rule, Severity, Subject, SubjectKind, judge,
    },
    fact::{Knowledge, Node, Pod, Scope, SourceState},
    graph::Graph,
    ident::{Ref, WorkloadKind},
    identity::{Carried, Signature},
};

const GUIDE: &str = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html";
const AGENT: &str = "eks-pod-identity-agent";

pub const ROWS: &[Row] = &[
    Row {
        code: "PI-AGENT-01",
        name: "agent-not-installed",
        title: "agent not installed",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Cluster,
        fragment: "clusters have associations but no Pod Identity agent",
        detect: "The cluster has associations, is not in Auto Mode, and has neither the add-on nor the DaemonSet `eks-pod-identity-agent`.",
        repair: "Install the add-on eks-pod-identity-agent.",
        signatures: &[Signature::E20],
        fixes: &["FX-AGENT-ADD"],
        reference: GUIDE,
        rule: Rule::Unit(not_installed),
    },
    Row {
        code: "PI-AGENT-02",
        name: "agent-not-ready-on-node",
        title: "no Ready agent on this pod's node",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Node,
        fragment: "nodes run pods with Pod Identity but no Ready agent",
        detect: "Pods on the node carry Pod Identity, and no pod of the DaemonSet `eks-pod-identity-agent` is Ready on it. An agent elsewhere proves nothing.",
        repair: "See why the agent is not Ready there: affinity, taints, image pull, crash.",
        signatures: &[Signature::E20],
        fixes: &["FX-NONE"],
        reference: GUIDE,
        rule: Rule::Unit(not_ready),
    },
];

/// Whether a list of that kind covers kube-system and is complete.
fn is_listed(graph: &Graph, scopes: [Scope; 2]) -> bool {
    scopes.iter().any(|it| {
        matches!(graph.source(it), Some(SourceState::Live { .. } | SourceState::Stale { .. }))
    })
}

fn agent_daemon_set(graph: &Graph) -> Knowledge<()> {
    let scope = |namespace: Option<&str>| Scope::Workloads {
        kind: WorkloadKind::DaemonSet,
        namespace: namespace.map(Into::into),
    };
    if graph.workload(WorkloadKind::DaemonSet, "kube-system", AGENT).is_some() {
        Knowledge::Known(())
    } else if is_listed(graph, [scope(None), scope(Some("kube-system"))]) {
        Knowledge::Absent
    } else {
        Knowledge::NotYet
    }
}

fn not_installed(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster {
        return;
    }
    let Some(cluster) = cx.graph.cluster().known() else { return };
    let Some(first) = cx.graph.associations().next() else { return };
    if cluster.auto_mode
        || agent_daemon_set(cx.graph) != Knowledge::Absent
        || cx.graph.addon(AGENT) != Knowledge::Absent
        || !judge::is_settled(cx.graph, &Scope::Associations)
    {
        return;
    }
    let finding = acc.push(
        Subject::cluster(cx.graph),
        "has Pod Identity associations but no agent, so no pod gets credentials by them".into(),
        vec![Evidence {
            place: format!("DaemonSet kube-system/{AGENT}"),
            found: format!(
                "does not exist, with association {} of `{}`",
                first.id, first.service_account
            ),
            needed: "Ready on every node".into(),
        }],
    );
    finding.fixes.push(Fix::add_agent());
}

fn not_ready(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    let Ref::Node(name) = unit else { return };
    let Some(node) = cx.graph.node(name).known() else { return };
    let pods = |namespace: Option<&str>| Scope::Pods { namespace: namespace.map(Into::into) };
    // An add-on may have failed before it made anything; without one PI-AGENT-01 says so once.
    let failed = || {
        let addon = cx.graph.addon(AGENT).known();
        addon.is_some_and(|it| !matches!(&*it.status, "CREATING" | "ACTIVE" | "UPDATING"))
    };
    let is_expected = agent_daemon_set(cx.graph).is_known() || failed();
    if has_no_agent_by_design(node)
        || !is_expected
        || !is_listed(cx.graph, [pods(None), pods(Some("kube-system"))])
    {
        return;
    }
    let agents: Vec<&Pod> = cx.graph.pods_on(name).filter(|it| is_agent(it)).collect();
    if agents.iter().any(|it| it.ready) {
        return;
    }
    let mut waiting = cx.graph.pods_on(name).filter(|it| !it.completed() && carries(cx.graph, it));
    let Some(first) = waiting.next() else { return };
    let n_pods = 1 + waiting.count();
    let found = match agents.first() {
        None => "no agent pod on this node".to_owned(),
        Some(it) => match &it.waiting {
            Some(reason) => format!("{} is not Ready: {reason}", it.name),
            None => format!("{} is not Ready", it.name),
        },
    };
    let finding = acc.push(
        Subject::node(name),
        format!(
            "has no Ready agent, and {n_pods} of its pods need it (`{}/{}`)",
            first.namespace, first.name
        ),
        vec![Evidence {
            place: format!("pods of DaemonSet kube-system/{AGENT} on node {name}"),
            found,
            needed: "one Ready".into(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "see why the agent is not Ready on the node".into(),
        vec![format!(
            "kubectl describe pods -n kube-system -l app.kubernetes.io/name={AGENT} --field-selector spec.nodeName={}",
            crate::check::quote(name)
        )],
    ));
}

/// Whether the agent is installed, and none is Ready on a node that needs one.
pub(crate) fn lacks_ready_agent(graph: &Graph, node: &Node) -> bool {
    let pods = |namespace: Option<&str>| Scope::Pods { namespace: namespace.map(Into::into) };
    !has_no_agent_by_design(node)
        && agent_daemon_set(graph) == Knowledge::Known(())
        && is_listed(graph, [pods(None), pods(Some("kube-system"))])
        && !graph.pods_on(&node.name).any(|it| is_agent(it) && it.ready)
}

/// Auto Mode nodes have the agent built in; Fargate and Windows cannot have it; hybrid nodes have another DaemonSet.
fn has_no_agent_by_design(node: &Node) -> bool {
    node.is_windows() || matches!(node.compute_type(), Some("fargate" | "auto" | "hybrid"))
}

fn is_agent(pod: &Pod) -> bool {
    let owned = pod.owner.as_ref().is_some_and(|it| &*it.kind == "DaemonSet" && &*it.name == AGENT);
    &*pod.namespace == "kube-system" && (owned || pod.name.starts_with("eks-pod-identity-agent-"))
}

/// Whether some container asks the agent.
fn carries(graph: &Graph, pod: &Pod) -> bool {
    let declaration = judge::Declaration::of(graph, &pod.service_account());
    declaration.association.is_known()
        && judge::lines(graph, pod, &declaration)
            .iter()
            .any(|it| matches!(it.effective, Carried::PodIdentity(_)))
}
