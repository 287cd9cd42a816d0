//! A fleet of any size: 20 pods an owner; Deployment, ReplicaSet, ServiceAccount and role for each owner; 30 pods a
//! node; 10 owners a namespace. Pods look as the webhook leaves them.

use idscope::{
    fact::*,
    graph::Graph,
    iam::{Document, Kind},
    ident::{Issuer, SaKey, Text, Timestamp, WorkloadKind},
};
use std::sync::Arc;

const PODS_AN_OWNER: usize = 20;
const ACCOUNT: &str = "111122223333";
const ISSUER: &str = "oidc.eks.ap-northeast-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";

#[derive(Clone, Copy)]
pub struct Fleet {
    pub n_pods: usize,
}

impl Fleet {
    pub fn n_owners(self) -> usize {
        self.n_pods.div_ceil(PODS_AN_OWNER)
    }

    pub fn graph(self) -> Graph {
        let mut res = Graph::default();
        self.fill(|it| {
            res.apply(it);
        });
        res
    }

    /// One fact at a time, as a stream would bring them.
    pub fn fill(self, mut apply: impl FnMut(Change)) {
        let mut put = |fact| apply(Change::Upsert(Box::new(fact)));
        put(Fact::Cluster(cluster()));
        put(Fact::Provider(provider()));
        for owner in 0..self.n_owners() {
            put(Fact::ServiceAccount(self.service_account(owner)));
            put(Fact::Workload(self.workload(owner, WorkloadKind::Deployment)));
            put(Fact::Workload(self.workload(owner, WorkloadKind::ReplicaSet)));
            put(Fact::Role(self.role(owner)));
        }
        for node in 0..self.n_pods.div_ceil(30) {
            put(Fact::Node(node_of(node)));
        }
        for i in 0..self.n_pods {
            put(Fact::Pod(self.pod(i)));
        }
        for scope in [
            Scope::Namespaces,
            Scope::ServiceAccounts { namespace: None },
            Scope::Pods { namespace: None },
            Scope::Nodes,
            Scope::Webhooks,
            Scope::Cluster,
            Scope::Associations,
            Scope::Roles { account: ACCOUNT.into() },
            Scope::Providers { account: ACCOUNT.into() },
        ] {
            let state = SourceState::Live { at: Timestamp::UNIX_EPOCH };
            apply(Change::Source { scope, state });
        }
    }

    pub fn pod(self, i: usize) -> Pod {
        self.pod_of(i, i / PODS_AN_OWNER)
    }

    /// As if that owner had been scaled up.
    pub fn pod_of(self, i: usize, owner: usize) -> Pod {
        let name = format!("service-{owner:05}-7d9f5c8b6-{i:05}");
        Pod {
            namespace: namespace(owner),
            name: name.into(),
            uid: format!("00000000-0000-4000-8000-{i:012}").into(),
            created: Some(Timestamp::UNIX_EPOCH),
            owner: Some(Owner { kind: "ReplicaSet".into(), name: replica_set(owner) }),
            node: Some(node_name(i % self.n_pods.div_ceil(30))),
            phase: Phase::Running,
            ready: true,
            deleting: false,
            waiting: None,
            ready_since: None,
            printed: None,
            mirror: false,
            labels: labels(owner),
            spec: spec(owner, true),
        }
    }

    pub fn role(self, owner: usize) -> IamRole {
        let subject = format!("system:serviceaccount:{}:{}", namespace(owner), account(owner));
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{ISSUER}:sub":"{subject}","{ISSUER}:aud":"sts.amazonaws.com"}}}}}}]}}"#
        );
        IamRole {
            arn: role_arn(owner).into(),
            id: "AROA0".into(),
            created: None,
            trust: Arc::new(Document::parse(trust, Kind::Trust)),
            max_session_seconds: None,
            permissions_boundary: Knowledge::Known(None),
            tags: Knowledge::Known(Vec::new()),
            last_used: Knowledge::Known(LastUsed::default()),
            policies: Knowledge::Known(Policies::default()),
            read_at: None,
        }
    }

    fn service_account(self, owner: usize) -> ServiceAccount {
        self.account_of_role(owner, owner)
    }

    /// The ServiceAccount of `owner`, annotated with another's role.
    pub fn account_of_role(self, owner: usize, role: usize) -> ServiceAccount {
        ServiceAccount {
            key: SaKey::new(namespace(owner), account(owner)),
            uid: "".into(),
            created: None,
            annotations: vec![(ServiceAccount::ROLE_ARN.into(), role_arn(role).into())],
            labels: Vec::new(),
            annotation_changed: None,
            annotation_manager: None,
        }
    }

    fn workload(self, owner: usize, kind: WorkloadKind) -> Workload {
        let deployment: Text = format!("service-{owner:05}").into();
        let is_child = kind == WorkloadKind::ReplicaSet;
        let parent = Owner { kind: "Deployment".into(), name: deployment.clone() };
        Workload {
            kind,
            namespace: namespace(owner),
            name: if is_child { replica_set(owner) } else { deployment },
            uid: "".into(),
            created: None,
            owner: is_child.then_some(parent),
            replicas: Some(PODS_AN_OWNER as i32),
            rollout: None,
            create_errors: Vec::new(),
            annotations: Vec::new(),
            labels: Vec::new(),
            template_labels: labels(owner),
            template: spec(owner, false),
            completed: false,
        }
    }
}

/// As Helm writes them, with the hash that a Deployment adds.
fn labels(owner: usize) -> Labels {
    let name: Text = account(owner).into();
    Arc::from([
        ("app.kubernetes.io/instance".into(), name.clone()),
        ("app.kubernetes.io/managed-by".into(), "Helm".into()),
        ("app.kubernetes.io/name".into(), name),
        ("helm.sh/chart".into(), "service-1.2.3".into()),
        ("pod-template-hash".into(), "7d9f5c8b6".into()),
        ("team".into(), namespace(owner)),
    ])
}

fn namespace(owner: usize) -> Text {
    format!("team-{:04}", owner / 10).into()
}

fn account(owner: usize) -> String {
    format!("service-{owner:05}")
}

fn replica_set(owner: usize) -> Text {
    format!("service-{owner:05}-7d9f5c8b6").into()
}

fn role_arn(owner: usize) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/service-{owner:05}")
}

fn node_name(node: usize) -> Text {
    format!("ip-10-0-{}-{}.ap-northeast-2.compute.internal", node / 250, node % 250).into()
}

fn node_of(node: usize) -> Node {
    Node {
        name: node_name(node),
        created: None,
        ready: true,
        provider_id: None,
        labels: vec![("kubernetes.io/os".into(), "linux".into())],
    }
}

fn spec(owner: usize, injected: bool) -> Arc<PodSpec> {
    let token = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
    let literal = |name: &str, value: &str| EnvVar {
        name: name.into(),
        value: EnvValue::Literal(value.into()),
    };
    let mount = |volume: &str, path: &str| Mount {
        volume: volume.into(),
        path: path.into(),
        sub_path: None,
        read_only: true,
    };
    let volume = |name: &str, audience: &str| Volume {
        name: name.into(),
        source: VolumeSource::Projected(vec![TokenSource {
            audience: audience.into(),
            expiration_seconds: Some(86_400),
            path: "token".into(),
        }]),
    };
    let mut env = vec![literal("AWS_REGION", "ap-northeast-2")];
    let mut volumes = vec![volume("kube-api-access", "")];
    let mut mounts =
        vec![mount("kube-api-access", "/var/run/secrets/kubernetes.io/serviceaccount")];
    if injected {
        env.push(literal("AWS_ROLE_ARN", &role_arn(owner)));
        env.push(literal("AWS_WEB_IDENTITY_TOKEN_FILE", &format!("{token}/token")));
        volumes.push(volume("aws-iam-token", "sts.amazonaws.com"));
        mounts.push(mount("aws-iam-token", token));
    }
    Arc::new(PodSpec {
        service_account: account(owner).into(),
        service_account_named: true,
        host_network: false,
        windows_selector: false,
        windows_affinity: false,
        scheduler: None,
        fs_group: None,
        labels: vec![("app.kubernetes.io/name".into(), account(owner).into())],
        annotations: Vec::new(),
        containers: vec![Container {
            name: "app".into(),
            kind: ContainerKind::Main,
            image: format!("{ACCOUNT}.dkr.ecr.ap-northeast-2.amazonaws.com/app:1").into(),
            env,
            env_from: Vec::new(),
            mounts,
        }],
        volumes,
    })
}

pub fn cluster() -> Cluster {
    Cluster {
        name: "prod".into(),
        arn: format!("arn:aws:eks:ap-northeast-2:{ACCOUNT}:cluster/prod").into(),
        account: ACCOUNT.into(),
        region: "ap-northeast-2".into(),
        issuer: Some(Issuer::new(ISSUER)),
        endpoint: None,
        ca_sha256: None,
        created: None,
        version: "1.34".into(),
        platform_version: "eks.1".into(),
        status: "ACTIVE".into(),
        authentication_mode: "API".into(),
        auto_mode: false,
        node_role: None,
        tags: Vec::new(),
        health_issues: Vec::new(),
        outpost: false,
    }
}

fn provider() -> OidcProvider {
    OidcProvider {
        arn: format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}").into(),
        url: ISSUER.into(),
        detail: Knowledge::Known(ProviderDetail {
            url: ISSUER.into(),
            client_ids: vec!["sts.amazonaws.com".into()],
            thumbprints: Vec::new(),
            created: None,
            tags: Vec::new(),
        }),
    }
}
