//! `--scale N`: a made-up fleet of N pods of 8 to 16 KB, a role for every twenty of them, and two faults in a hundred.

use crate::{
    ident::{Arn, Timestamp},
    lab::{
        ids,
        scenario::{Role, ScenarioError, World},
    },
};
use serde_json::{Value, json};

const CLUSTER: &str = "apiVersion: lab.idscope.dev/v1
kind: EksCluster
name: fleet
account: \"111122223333\"
region: eu-west-1
issuer: https://oidc.eks.eu-west-1.amazonaws.com/id/F1EE7F1EE7F1EE7F1EE7F1EE7F1EE7F1
---
apiVersion: lab.idscope.dev/v1
kind: EksDefaults
---
apiVersion: lab.idscope.dev/v1
kind: OidcProvider
account: \"111122223333\"
url: oidc.eks.eu-west-1.amazonaws.com/id/F1EE7F1EE7F1EE7F1EE7F1EE7F1EE7F1
clientIds: [sts.amazonaws.com]
";
const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/F1EE7F1EE7F1EE7F1EE7F1EE7F1EE7F1";
const PODS_PER_ROLE: usize = 20;
const ACCOUNTS_PER_NAMESPACE: usize = 25;

impl World {
    /// The embedded shop in which every failure of the documentation can be found.
    pub fn default_scenario(now: Timestamp) -> World {
        const TEXT: &str = include_str!("../../assets/scenarios/default.yaml");
        built_in(World::parse("default.yaml", TEXT, now))
    }

    /// A fleet of `n_pods` pods below Deployments; the same number gives the same fleet.
    pub fn fleet(n_pods: usize, now: Timestamp) -> World {
        let (mut roles, mut objects) = (Vec::new(), Vec::new());
        for group in 0..n_pods.div_ceil(PODS_PER_ROLE) {
            let n_here = PODS_PER_ROLE.min(n_pods - group * PODS_PER_ROLE);
            roles.push(role(group, now));
            objects.extend(self::objects(group, n_here));
        }
        built_in(World::parse_with("fleet.yaml", CLUSTER, now, objects, roles))
    }
}

fn built_in(parsed: Result<World, ScenarioError>) -> World {
    // INVARIANT: the text is ours; a test loads it.
    parsed.unwrap_or_else(|error| panic!("built-in scenario: {error}"))
}

fn name(group: usize) -> String {
    format!("app-{group:05}")
}

fn namespace(group: usize) -> String {
    format!("team-{:03}", group / ACCOUNTS_PER_NAMESPACE)
}

fn arn(group: usize) -> String {
    format!("arn:aws:iam::111122223333:role/{}", name(group))
}

/// Every fiftieth is broken.
fn role(group: usize, now: Timestamp) -> Role {
    // A stray space is the fault that no eye sees.
    let space = if group % 50 == 49 { " " } else { "" };
    let subject = format!("system:serviceaccount:{space}{}:{}", namespace(group), name(group));
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}")},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{ISSUER}:sub"): subject, format!("{ISSUER}:aud"): "sts.amazonaws.com"}}}]});
    let arn = Arn::new(arn(group));
    Role {
        id: ids::role_id(arn.as_str()),
        trust: trust.to_string().into(),
        attached: vec![Arn::from("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")],
        inline: Vec::new(),
        boundary: None,
        max_session_seconds: 3600,
        tags: Vec::new(),
        created: now,
        last_used: None,
        last_used_region: None,
        arn,
    }
}

/// One ServiceAccount with its Deployment, ReplicaSet and pods.
fn objects(group: usize, n_pods: usize) -> Vec<Value> {
    let (name, namespace, role) = (name(group), namespace(group), arn(group));
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": namespace,
        "team": namespace});
    let spec = pod_spec(group, &name);
    let mut res = vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace,
            "annotations": {"eks.amazonaws.com/role-arn": role}}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"replicas": n_pods, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec}}}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": format!("{name}-5d8f"), "namespace": namespace, "labels": labels,
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name}]},
            "spec": {"replicas": n_pods, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec}}}),
    ];
    for i in 0..n_pods {
        let mut spec = spec.clone();
        spec["nodeName"] = format!("node-{}", 1 + (group + i) % 2).into();
        res.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{name}-5d8f-{i:05}"), "namespace": namespace, "labels": labels,
                "annotations": {"lab.idscope.dev/age": format!("{}m", 10 + (group * 7 + i) % 2_000)},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                    "name": format!("{name}-5d8f")}]},
            "spec": spec}));
    }
    res
}

/// Two containers with as much configuration as real ones carry: 8 to 16 KB once stored.
fn pod_spec(group: usize, name: &str) -> Value {
    let n_env = 18 + group % 5 * 7;
    let env: Vec<Value> = (0..n_env)
        .map(|i| {
            json!({"name": format!("SETTING_{i:02}_OF_THE_APPLICATION"),
                "value": format!("https://service-{i:02}.{name}.internal.example:8443/api/v1/resources?limit=500")})
        })
        .collect();
    let container = |container: &str| {
        json!({"name": container, "image": format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/{name}:1.{group}"),
            "env": env, "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]})
    };
    json!({"serviceAccountName": name, "containers": [container("app"), container("proxy")],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": 300}]})
}

#[cfg(test)]
mod tests {
    use crate::lab::fleet::*;

    #[test]
    fn the_fleet_has_the_promised_pods_of_the_promised_size() {
        let now = "2026-01-10T12:00:00Z".parse().unwrap();
        let world = World::fleet(1_030, now);
        let pods: Vec<&Value> = world
            .objects
            .iter()
            .filter(|it| it["kind"] == "Pod" && it["metadata"]["namespace"] != "kube-system")
            .collect();
        assert_eq!(pods.len(), 1_030);
        for pod in &pods {
            let n_bytes = pod.to_string().len();
            assert!((8_000..=16_384).contains(&n_bytes), "{n_bytes}");
        }
        assert_eq!(world.roles.len(), 52 + 1);
        assert_eq!(world.roles.iter().filter(|it| it.trust.contains(": team")).count(), 1);
    }

    #[test]
    fn the_default_scenario_loads() {
        let now = "2026-01-10T12:00:00Z".parse().unwrap();
        let world = World::default_scenario(now);
        assert!(world.objects.len() > 100);
        assert!(!world.churns.is_empty());
    }
}
