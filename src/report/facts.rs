//! What is known of targets that have no chain of their own: nodes, providers and the cluster. A word and its value each.

use crate::{
    check::Ledger,
    fact::{Knowledge, Pod, Proof},
    graph::Graph,
    ident::{Arn, Ref, SaKey},
    report::build::knowledge_word,
};
use std::collections::BTreeMap;

pub type Facts = Vec<(&'static str, String)>;

/// Empty for targets with a chain, and for roles, of which `evidence` tells.
pub fn facts(graph: &Graph, ledger: &Ledger, target: &Ref) -> Facts {
    match target {
        Ref::Cluster => cluster(graph, ledger),
        Ref::Node(name) => node(graph, ledger, name),
        Ref::Provider(arn) => provider(graph, arn),
        Ref::Namespace(_)
        | Ref::ServiceAccount(_)
        | Ref::Pod { .. }
        | Ref::Workload { .. }
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => Vec::new(),
    }
}

fn cluster(graph: &Graph, ledger: &Ledger) -> Facts {
    let mut res = Facts::new();
    let cluster = graph.cluster();
    res.push(("knowledge", knowledge_word(&cluster).to_owned()));
    if let Knowledge::Known(it) = cluster {
        res.push(("arn", it.arn.to_string()));
        res.push(("version", format!("{} {}", it.version, it.platform_version)));
        res.push(("authentication mode", it.authentication_mode.to_string()));
        res.push(("auto mode", yes(it.auto_mode)));
    }
    let issuer = graph.issuer().known();
    res.push((
        "issuer",
        issuer.map_or_else(|| "none or not known".to_owned(), |it| it.to_string()),
    ));
    let proof = match graph.api_server().and_then(|it| it.proof) {
        Some(Proof::Issuer) => "by the issuer that the API server publishes",
        Some(Proof::Endpoint) => "by the API server's endpoint",
        Some(Proof::CertificateAuthority) => "by the certificate authority",
        None => "not proven",
    };
    res.push(("context is this cluster", proof.to_owned()));
    res.push(("webhook", knowledge_word(&graph.webhook()).to_owned()));
    let agent = graph.addon("eks-pod-identity-agent");
    res.push(("add-on of the agent", knowledge_word(&agent).to_owned()));
    res.push(("associations", graph.associations().count().to_string()));
    let keys: Vec<&SaKey> = graph.identities().collect();
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for it in keys.iter().filter_map(|it| ledger.identity(it)) {
        *verdicts.entry(it.verdict.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = verdicts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    res.push(("identities", format!("{}: {}", keys.len(), counts.join(", "))));
    res
}

fn node(graph: &Graph, ledger: &Ledger, name: &str) -> Facts {
    let mut res = Facts::new();
    let node = graph.node(name);
    res.push(("knowledge", knowledge_word(&node).to_owned()));
    if let Knowledge::Known(it) = node {
        res.push(("ready", yes(it.ready)));
        res.extend(it.provider_id.as_ref().map(|it| ("provider id", it.to_string())));
        res.push(("compute type", it.compute_type().unwrap_or("ec2").to_owned()));
        let group = it.nodegroup();
        res.extend(group.map(|it| ("node group", it.to_string())));
        let role = group.and_then(|it| graph.nodegroup(it).known()?.node_role.clone());
        res.extend(role.map(|it| ("node role", it.to_string())));
    }
    let mut pods: Vec<&Pod> = graph.pods_on(name).filter(|it| !it.completed()).collect();
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    let is_agent =
        |it: &Pod| graph.root_owner(it).is_some_and(|it| &*it.name == "eks-pod-identity-agent");
    let agents: Vec<String> = pods
        .iter()
        .filter(|it| is_agent(it))
        .map(|it| {
            format!("{}/{} {}", it.namespace, it.name, if it.ready { "Ready" } else { "not Ready" })
        })
        .collect();
    res.push(("agent", if agents.is_empty() { "none".to_owned() } else { agents.join(", ") }));
    res.push(("pods", pods.len().to_string()));
    for pod in pods {
        for line in ledger.containers(&pod.namespace, &pod.name).unwrap_or_default() {
            let carried = line.effective.render();
            if carried != "none" {
                let at = format!("{}/{}[{}]", pod.namespace, pod.name, line.container);
                res.push(("carries an identity", format!("{at} {carried}")));
            }
        }
    }
    res
}

fn provider(graph: &Graph, arn: &Arn) -> Facts {
    let mut res = Facts::new();
    let provider = graph.provider_at(arn);
    res.push(("knowledge", knowledge_word(&provider).to_owned()));
    let own = graph.issuer().known();
    let of = arn.as_str().split_once(":oidc-provider/").map(|it| it.1);
    if let (Some(own), Some(of)) = (own, of) {
        let whose = if own.as_str() == of { "this cluster" } else { "another issuer" };
        res.push(("of", whose.to_owned()));
    }
    if let Some(detail) = provider.known().and_then(|it| it.detail.as_ref().known()) {
        res.push(("client ids", detail.client_ids.join(", ")));
        res.push(("thumbprints", detail.thumbprints.join(", ")));
        res.extend(detail.created.map(|it| ("created", it.to_string())));
    }
    let roles: Vec<String> =
        graph.roles_trusting(arn).iter().map(|it| it.arn.to_string()).collect();
    res.push((
        "trusted by",
        if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") },
    ));
    res
}

fn yes(it: bool) -> String {
    if it { "yes" } else { "no" }.to_owned()
}
