//! `EksDefaults`: what a healthy EKS cluster has before anybody deploys anything.

use crate::{
    ident::{Arn, Timestamp},
    lab::{
        ids,
        scenario::{
            Addon, Cluster, Draft, Instance, Nodegroup, Role,
            kinds::{Aged, Without},
            node::At,
            object::Object,
        },
    },
};
use serde_json::{Value, json};

const NODES: [(&str, &str); 2] =
    [("node-1", "i-00000000000000001"), ("node-2", "i-00000000000000002")];
const NODE_ROLE: &str = "eks-node";
const NODE_POLICIES: [&str; 3] =
    ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"];
const AGENT: &str = "eks-pod-identity-agent";
const WEBHOOK: &str = "pod-identity-webhook";

/// Adds the parts that `without` does not leave out and that the file does not bring itself.
pub fn add(draft: &mut Draft, cluster: &Cluster, without: Without, now: Timestamp) {
    let has_agent = !without.agent && !cluster.auto_mode;
    if !without.webhook {
        add_object(draft, webhook());
    }
    if !without.nodes {
        for (name, instance) in NODES {
            add_object(draft, node(name, instance, cluster));
        }
        if !cluster.auto_mode {
            node_group(draft, cluster, now);
        }
    }
    if !has_agent {
        return;
    }
    add_object(
        draft,
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": AGENT, "namespace": "kube-system"}}),
    );
    add_object(draft, agent(cluster));
    if !without.nodes {
        for (i, (node, _)) in NODES.iter().enumerate() {
            add_object(draft, agent_pod(i + 1, node, cluster));
        }
    }
    if draft.addons.iter().all(|it| &*it.name != AGENT) {
        draft.addons.push(Addon {
            name: AGENT.into(),
            version: "v1.3.10-eksbuild.2".into(),
            status: "ACTIVE".into(),
            service_account_role: None,
            associations: Vec::new(),
            health_issues: Vec::new(),
            configuration: None,
            created: now,
        });
    }
}

/// The nodes that pods are bound to before any other.
pub fn node_names() -> impl Iterator<Item = &'static str> {
    NODES.iter().map(|(it, _)| *it)
}

fn add_object(draft: &mut Draft, value: Value) {
    let object = Object::furniture(value);
    let same = |it: &Object| {
        (it.kind(), it.namespace(), it.name()) == (object.kind(), object.namespace(), object.name())
    };
    if !draft.objects.iter().any(same) {
        draft.objects.push(object);
    }
}

fn node_group(draft: &mut Draft, cluster: &Cluster, now: Timestamp) {
    let partition = cluster.partition();
    let arn = Arn::new(format!("arn:{partition}:iam::{}:role/{NODE_ROLE}", cluster.account));
    if draft.roles.iter().all(|it| it.it.arn != arn) {
        let suffix = if partition.as_str() == "aws-cn" { ".cn" } else { "" };
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": format!("ec2.amazonaws.com{suffix}")},
            "Action": "sts:AssumeRole"}]});
        let policies =
            NODE_POLICIES.map(|it| Arn::new(format!("arn:{partition}:iam::aws:policy/{it}")));
        draft.roles.push(Aged {
            at: At::default(),
            created: None,
            it: Role {
                id: ids::role_id(arn.as_str()),
                trust: trust.to_string().into(),
                attached: policies.to_vec(),
                inline: Vec::new(),
                boundary: None,
                max_session_seconds: 3600,
                tags: Vec::new(),
                created: now,
                last_used: Some(now),
                last_used_region: Some(cluster.region.clone()),
                arn: arn.clone(),
            },
        });
    }
    if draft.nodegroups.iter().all(|it| &*it.name != "default") {
        draft.nodegroups.push(Nodegroup {
            name: "default".into(),
            node_role: arn.clone(),
            nodes: Some(node_names().map(Into::into).collect()),
            created: now,
        });
    }
    for (_, instance) in NODES {
        if draft.instances.iter().all(|it| &*it.id != instance) {
            draft.instances.push(Instance {
                id: instance.into(),
                profile_role: Some(arn.clone()),
                http_endpoint: "enabled".into(),
                http_tokens: "required".into(),
                hop_limit: 2,
            });
        }
    }
}

fn webhook() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": WEBHOOK},
        "webhooks": [{
            "name": "iam-for-pods.amazonaws.com",
            "admissionReviewVersions": ["v1beta1"],
            "clientConfig": {
                "url": "https://127.0.0.1:23443/mutate",
                "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
            },
            "failurePolicy": "Ignore",
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {"matchExpressions": [
                {"key": "eks.amazonaws.com/skip-pod-identity-webhook", "operator": "DoesNotExist"}
            ]},
            "reinvocationPolicy": "IfNeeded",
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["pods"], "scope": "*"}],
            "sideEffects": "None",
            "timeoutSeconds": 10
        }]
    })
}

fn node(name: &str, instance: &str, cluster: &Cluster) -> Value {
    let zone = format!("{}a", cluster.region);
    let mut res = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": name,
            "node.kubernetes.io/instance-type": "m6i.large",
            "topology.kubernetes.io/region": &*cluster.region,
            "topology.kubernetes.io/zone": zone,
        }},
        "spec": {"providerID": format!("aws:///{zone}/{instance}")}
    });
    if cluster.auto_mode {
        res["metadata"]["labels"]["eks.amazonaws.com/compute-type"] = "auto".into();
    }
    res
}

fn agent_template(cluster: &Cluster) -> Value {
    let image =
        format!("602401143452.dkr.ecr.{}.amazonaws.com/eks/{AGENT}:v0.1.33", cluster.region);
    let not_in = json!([{"matchExpressions": [
        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate", "hybrid", "auto"]}
    ]}]);
    json!({
        "metadata": {"labels": agent_labels()},
        "spec": {
            "serviceAccountName": AGENT,
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": not_in
            }}},
            "initContainers": [{
                "name": "eks-pod-identity-agent-init", "image": image,
                "command": ["/go-runner", "/eks-pod-identity-agent", "initialize"],
                "securityContext": {"privileged": true}
            }],
            "containers": [{
                "name": AGENT, "image": image,
                "command": ["/go-runner", "/eks-pod-identity-agent", "server"],
                "args": ["--port", "80", "--cluster-name", &*cluster.name, "--probe-port", "2703"],
                "env": [{"name": "AWS_REGION", "value": &*cluster.region}],
                "ports": [{"name": "proxy", "containerPort": 80}]
            }]
        }
    })
}

fn agent_labels() -> Value {
    json!({"app.kubernetes.io/instance": AGENT, "app.kubernetes.io/name": AGENT})
}

fn agent(cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": AGENT, "namespace": "kube-system", "labels": agent_labels()},
        "spec": {"selector": {"matchLabels": agent_labels()}, "template": agent_template(cluster)}
    })
}

fn agent_pod(number: usize, node: &str, cluster: &Cluster) -> Value {
    let template = agent_template(cluster);
    let mut spec = template["spec"].clone();
    spec["nodeName"] = node.into();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{AGENT}-{number}"),
            "namespace": "kube-system",
            "labels": agent_labels(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": AGENT,
                "controller": true, "blockOwnerDeletion": true}]
        },
        "spec": spec
    })
}
