//! A cluster in which every kind of edit has something to change, and what is there before and after.

use crate::embedded;
use idscope::{
    apply::{self, Job, Journal},
    fact::Change,
    graph::Graph,
    ident::{AccountId, Arn, Issuer, Partition, SaKey, Text, Timestamp, WorkloadKind},
    lab::{self, Lab, Seen, World},
    plan::{
        self, AssociationFields, Because, Edit, Entry, EnvChange, EnvEntry, Outcome, Place, Plan,
        Progress, StepState, TrustChange, Whereabouts, WorkloadKey,
    },
    source::Settings,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};

pub const ACCOUNT: &str = "111122223333";
pub const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
/// What somebody wrote into a manifest and nobody may read.
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

pub fn role(name: &str) -> Arn {
    Arn::new(format!("arn:aws:iam::{ACCOUNT}:role/{name}"))
}

pub fn provider(issuer: &str) -> Arn {
    Arn::new(format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"))
}

pub fn trust(subject: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Own", "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": provider(ISSUER)},
            "Condition": {"StringEquals": {format!("{ISSUER}:sub"): subject,
                format!("{ISSUER}:aud"): "sts.amazonaws.com"}}},
        {"Sid": "Other", "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}}]})
    .to_string()
}

fn pods_trust() -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": "pods.eks.amazonaws.com"}}]})
    .to_string()
}

pub fn scenario() -> String {
    let head = "apiVersion: lab.idscope.dev/v1\nkind:";
    let iam_role = |name: &str, trust: &str| {
        format!("---\n{head} IamRole\narn: {}\ntrustPolicy: {trust:?}\n", role(name))
    };
    let account = |name: &str, role_arn: Option<&Arn>| {
        let note =
            role_arn.map(|it| format!(", annotations: {{eks.amazonaws.com/role-arn: \"{it}\"}}"));
        format!(
            "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop{}}}\n",
            note.unwrap_or_default()
        )
    };
    let owner = |kind: &str, name: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{replicas: 2, \
             template: {{metadata: {{labels: {{app: {name}}}, annotations: {{eks.amazonaws.com/skip-containers: x}}}}, \
             spec: {{serviceAccountName: web, containers: [{{name: app, image: a, env: [{{name: HOME, value: /root}}, \
             {{name: AWS_SECRET_ACCESS_KEY, value: {SECRET:?}}}, {{name: AWS_REGION, value: eu-west-1}}]}}]}}}}}}\n"
        )
    };
    let oidc = |url: &str, ids: &str| {
        format!(
            "---\n{head} OidcProvider\naccount: \"{ACCOUNT}\"\nurl: {url}\nclientIds: [{ids}]\nthumbprints: [{}]\n",
            "a".repeat(40)
        )
    };
    [
        format!(
            "{head} EksCluster\nname: prod\naccount: \"{ACCOUNT}\"\nregion: eu-west-1\nissuer: https://{ISSUER}\n---\n{head} EksDefaults\n"
        ),
        iam_role("app", &trust("system:serviceaccount: shop:web")),
        iam_role("pods", &pods_trust()),
        iam_role("pods2", &pods_trust()),
        oidc(ISSUER, "sts.amazonaws.com, extra"),
        oidc("oidc.eks.eu-west-1.amazonaws.com/id/00000000000000000000000000000OLD", "sts.amazonaws.com"),
        account("web", Some(&role("app"))),
        account("lone", None),
        account("assoc", None),
        account("free", None),
        format!("---\n{head} PodIdentityAssociation\nnamespace: shop\nserviceAccount: assoc\nroleArn: {}\n", role("pods")),
        owner("Deployment", "web"),
        owner("StatefulSet", "db"),
        owner("DaemonSet", "log"),
        pods("web", "Deployment"),
        pods("db", "StatefulSet"),
    ]
    .concat()
}

fn pods(owner: &str, kind: &str) -> String {
    let pod = |i: u8| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {owner}-{i}, namespace: shop, labels: {{app: {owner}}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: {kind}, name: {owner}}}]}}\nspec: {{serviceAccountName: web, \
             containers: [{{name: app, image: a}}]}}\n"
        )
    };
    pod(0) + &pod(1)
}

pub fn parse(text: &str) -> World {
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    World::parse("test.yaml", text, now).unwrap_or_else(|it| panic!("{it}"))
}

pub fn graph(world: &World) -> Graph {
    let mut res = Graph::default();
    for change in lab::changes(world) {
        let change: Change = change;
        res.apply(change);
    }
    res
}

/// One edit with the calls that read and write it.
pub struct Row {
    pub name: &'static str,
    pub edit: Edit,
    pub read: &'static str,
    pub write: &'static str,
}

impl Row {
    pub fn is_kubernetes(&self) -> bool {
        self.edit.is_kubernetes()
    }
}

/// Every kind of edit.
pub fn rows(world: &World) -> Vec<Row> {
    let sa = |name: &str| SaKey::new("shop", name);
    let uid = |kind: &str, name: &str| -> Text {
        let found = world.objects.iter().find(|it| {
            it["kind"] == kind
                && it["metadata"]["name"] == name
                && it["metadata"]["namespace"] == "shop"
        });
        found.unwrap()["metadata"]["uid"].as_str().unwrap().into()
    };
    let workload = |kind: WorkloadKind, name: &str| WorkloadKey::new(kind, "shop", name);
    let web = || workload(WorkloadKind::Deployment, "web");
    let fields = |name: &str| AssociationFields::of_role(role(name));
    let id = world.associations[0].id.clone();
    let unset = |workload: WorkloadKey| Edit::SetEnv {
        workload,
        container: "app".into(),
        init: false,
        changes: vec![
            EnvChange {
                name: "AWS_SECRET_ACCESS_KEY".into(),
                was: Some(EnvEntry::Hidden),
                entry: None,
            },
            EnvChange {
                name: "AWS_REGION".into(),
                was: Some(EnvEntry::Value("eu-west-1".into())),
                entry: Some(EnvEntry::Value("eu-west-2".into())),
            },
        ],
        order: Vec::new(),
    };
    let old = "oidc.eks.eu-west-1.amazonaws.com/id/00000000000000000000000000000OLD";
    let new = "oidc.eks.eu-west-1.amazonaws.com/id/00000000000000000000000000000NEW";
    let row = |name, edit, read, write| Row { name, edit, read, write };
    let (get_sa, patch_sa) = ("kube:serviceaccounts:get", "kube:serviceaccounts:patch");
    let (get_web, patch_web) = ("kube:deployments:get", "kube:deployments:patch");
    let (get_oidc, get_assoc) =
        ("iam:GetOpenIDConnectProvider", "eks:DescribePodIdentityAssociation");
    vec![
        row(
            "annotate",
            Edit::Annotate {
                service_account: sa("web"),
                key: "eks.amazonaws.com/role-arn".into(),
                was: Some(role("app").to_string().into()),
                value: Some(role("pods").to_string().into()),
            },
            get_sa,
            patch_sa,
        ),
        row(
            "create service account",
            Edit::CreateServiceAccount {
                service_account: sa("new"),
                annotations: vec![(
                    "eks.amazonaws.com/role-arn".into(),
                    role("app").to_string().into(),
                )],
                labels: vec![("a".into(), "b".into())],
            },
            get_sa,
            "kube:serviceaccounts:create",
        ),
        row(
            "delete service account",
            Edit::DeleteServiceAccount {
                service_account: sa("lone"),
                uid: uid("ServiceAccount", "lone"),
                annotations: Vec::new(),
                labels: Vec::new(),
            },
            get_sa,
            "kube:serviceaccounts:delete",
        ),
        row(
            "use service account",
            Edit::UseServiceAccount {
                workload: web(),
                was: Some("web".into()),
                name: Some("lone".into()),
            },
            get_web,
            patch_web,
        ),
        row("set env", unset(web()), get_web, patch_web),
        row(
            "set env of a StatefulSet",
            unset(workload(WorkloadKind::StatefulSet, "db")),
            "kube:statefulsets:get",
            "kube:statefulsets:patch",
        ),
        row(
            "set metadata",
            Edit::SetMetadata {
                workload: web(),
                place: Place::Annotations,
                key: "eks.amazonaws.com/skip-containers".into(),
                was: Some("x".into()),
                value: None,
            },
            get_web,
            patch_web,
        ),
        row("restart", Edit::Restart { workload: web() }, get_web, patch_web),
        row(
            "create provider",
            Edit::CreateProvider {
                partition: Partition::Aws,
                account: AccountId::parse(ACCOUNT).unwrap(),
                issuer: Issuer::new(&format!("https://{new}")),
                client_ids: vec!["sts.amazonaws.com".into()],
                tags: vec![("cluster".into(), "prod".into())],
            },
            get_oidc,
            "iam:CreateOpenIDConnectProvider",
        ),
        row(
            "delete provider",
            Edit::DeleteProvider {
                arn: provider(old),
                client_ids: vec!["sts.amazonaws.com".into()],
            },
            get_oidc,
            "iam:DeleteOpenIDConnectProvider",
        ),
        row(
            "add client id",
            Edit::AddClientId { provider: provider(ISSUER), client_id: "new".into() },
            get_oidc,
            "iam:AddClientIDToOpenIDConnectProvider",
        ),
        row(
            "remove client id",
            Edit::RemoveClientId { provider: provider(ISSUER), client_id: "extra".into() },
            get_oidc,
            "iam:RemoveClientIDFromOpenIDConnectProvider",
        ),
        row(
            "set thumbprints",
            Edit::SetThumbprints {
                provider: provider(ISSUER),
                was: vec!["a".repeat(40).into()],
                thumbprints: vec!["b".repeat(40).into()],
            },
            get_oidc,
            "iam:UpdateOpenIDConnectProviderThumbprint",
        ),
        row(
            "set trust",
            Edit::SetTrust {
                role: role("app"),
                was: trust("system:serviceaccount: shop:web").into(),
                document: trust("system:serviceaccount:shop:web").into(),
                change: TrustChange::NearMiss,
            },
            "iam:GetRole",
            "iam:UpdateAssumeRolePolicy",
        ),
        row(
            "create association",
            Edit::CreateAssociation { service_account: sa("free"), fields: fields("pods") },
            "eks:ListPodIdentityAssociations",
            "eks:CreatePodIdentityAssociation",
        ),
        row(
            "update association",
            Edit::UpdateAssociation {
                id: id.clone(),
                service_account: sa("assoc"),
                was: fields("pods"),
                fields: fields("pods2"),
            },
            get_assoc,
            "eks:UpdatePodIdentityAssociation",
        ),
        row(
            "delete association",
            Edit::DeleteAssociation { id, service_account: sa("assoc"), was: fields("pods") },
            get_assoc,
            "eks:DeletePodIdentityAssociation",
        ),
        row(
            "create add-on",
            Edit::CreateAddon { name: "vpc-cni".into() },
            "eks:DescribeAddon",
            "eks:CreateAddon",
        ),
        row(
            "delete add-on",
            Edit::DeleteAddon { name: "eks-pod-identity-agent".into() },
            "eks:DescribeAddon",
            "eks:DeleteAddon",
        ),
    ]
}

/// A lab, a graph of it, and a directory for the journal.
pub struct Home {
    pub lab: Lab,
    pub world: World,
    pub graph: Graph,
    pub state: tempfile::TempDir,
}

/// How a run went.
#[derive(Debug)]
pub struct Ran {
    pub outcome: Outcome,
    /// Of the last step that was begun.
    pub last: Option<StepState>,
    pub entry: Option<Entry>,
    pub seen: Vec<Seen>,
}

impl Home {
    pub async fn new() -> Home {
        Home::with("").await
    }

    pub async fn with(more: &str) -> Home {
        let world = parse(&(scenario() + more));
        let lab = Lab::start(world.clone()).await.unwrap();
        Home { lab, graph: graph(&world), world, state: tempfile::tempdir().unwrap() }
    }

    pub fn settings(&self) -> Settings {
        embedded::settings(&self.lab, Duration::from_secs(20))
    }

    pub fn place(&self) -> Whereabouts {
        let cluster = &self.world.cluster;
        Whereabouts {
            context: None,
            server: Some(self.lab.kube_url().into()),
            cluster: Some(cluster.arn().text().clone()),
            issuer: Some(ISSUER.into()),
            created: Some(cluster.created),
        }
    }

    pub fn plan(&self, edits: Vec<Edit>) -> Plan {
        let because = Because { code: None, subject: "test".into() };
        plan::build(&self.graph, "FX-TEST", "test".into(), because, edits)
            .unwrap_or_else(|it| panic!("{it}"))
    }

    /// A plan of these edits as a file that the program takes, and its digest.
    pub fn plan_file(&self, edits: Vec<Edit>) -> (String, String) {
        let plan = self.plan(edits);
        let steps: Vec<Value> = plan.edits().map(|it| json!({"edit": it})).collect();
        let file = self.state.path().join("plan.json");
        let value = json!({"schema": "idscope/plan/v1", "digest": plan.digest, "title": "test",
            "finding": {"code": null, "subject": "sa/shop/web"}, "steps": steps});
        std::fs::write(&file, value.to_string()).unwrap();
        (file.display().to_string(), plan.digest.to_string())
    }

    pub fn job(&self, edits: Vec<Edit>) -> Job {
        let caller = self.world.caller.arn.text().clone();
        let callers = vec![(AccountId::parse(ACCOUNT).unwrap(), caller)];
        Job::new(self.plan(edits), self.place(), callers)
    }

    pub fn journal(&self) -> Journal {
        Journal::open(&self.state.path().join("state")).unwrap()
    }

    pub async fn run(&self, job: Job) -> Ran {
        self.run_with(&self.settings(), job).await
    }

    pub async fn run_with(&self, settings: &Settings, job: Job) -> Ran {
        let before = self.lab.mutations().len();
        let journal = self.journal();
        let (progress, mut told) = mpsc::channel(64);
        let (_stop, stopped) = watch::channel(false);
        let listening = async {
            let mut last = None;
            while let Some(it) = told.recv().await {
                if let Progress::Step { state, .. } = it {
                    last = Some(state);
                }
            }
            last
        };
        let running = async {
            let outcome = apply::run(settings, &journal, job, &progress, &stopped).await;
            drop(progress);
            outcome
        };
        let (outcome, last) = tokio::join!(running, listening);
        let entry = journal.entries().unwrap().0.pop();
        let seen = self.lab.mutations().split_off(before);
        Ran { outcome, last, entry, seen }
    }

    /// Everything that a plan can change, without ids and times.
    pub async fn contents(&self) -> Value {
        let aws = embedded::aws_contents(&self.lab);
        let mut kube = Vec::new();
        for path in [
            "/api/v1/namespaces/shop/serviceaccounts",
            "/apis/apps/v1/namespaces/shop/deployments",
            "/apis/apps/v1/namespaces/shop/statefulsets",
        ] {
            let list = self.kube("GET", path, &Value::Null).await.1;
            for mut it in list["items"].as_array().unwrap().clone() {
                let metadata = &it["metadata"];
                let mut marks = metadata["annotations"].clone();
                if let Some(it) = marks.as_object_mut() {
                    it.shift_remove("deployment.kubernetes.io/revision");
                }
                let at = &mut it["spec"]["template"]["metadata"]["annotations"][plan::RESTARTED_AT];
                if at.is_string() {
                    *at = json!("(a time)");
                }
                kube.push(json!([
                    it["metadata"]["name"],
                    marks,
                    it["metadata"]["labels"],
                    it["spec"]["template"]
                ]));
            }
        }
        json!([aws, kube])
    }

    /// One request to the API server.
    pub async fn kube(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        embedded::kube(&self.lab, method, path, body).await
    }
}
