//! One API server and one MiniStack on which a scenario's world can be made true, again and again, and the program as
//! a user runs it against them.

use crate::{
    aws, kube,
    peers::{ACCOUNT, ADMIN, Kubernetes, MiniStack},
    state,
};
use idscope::{
    ident::Timestamp,
    lab::scenario::{Answer, Cluster, Provider, World},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub struct Site {
    pub ministack: MiniStack,
    pub kubernetes: Kubernetes,
    /// The cluster's administrator.
    pub admin: ::kube::Client,
    pub aws: aws::Maker,
    dir: PathBuf,
    objects: kube::Maker,
    /// What MiniStack's clusters are made from.
    clusters: String,
    /// Users of the API server that have been given away.
    n_users: usize,
    /// Tokens of users by what they may do.
    users: HashMap<String, String>,
    /// Key pairs of IAM users by account and policy.
    keys: HashMap<(String, String), (String, String)>,
}

/// The cluster that the suite's own clients call theirs; which one it is makes no difference to them.
pub const ANY: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";

/// Who runs the program: what they may do on the API server, and in which accounts they have which policy.
#[derive(Clone, Debug)]
pub struct Rights {
    /// Rules of a ClusterRole.
    pub rules: Value,
    /// `None`: all.
    pub namespaces: Option<Vec<String>>,
    /// `(account, IAM policy)`, the cluster's first.
    pub accounts: Vec<(String, Value)>,
}

/// The ClusterRole that the program asks for, without names.
pub fn minimal_rules() -> Value {
    let text = include_str!("../../assets/permissions/clusterrole-read.yaml");
    let role: Value = serde_saphyr::from_str(text).expect("YAML");
    role["rules"].clone()
}

/// The IAM policy that the program asks for.
pub fn minimal_policy() -> Value {
    serde_json::from_str(include_str!("../../assets/permissions/iam-read.json")).expect("JSON")
}

impl Rights {
    /// Exactly what the program asks for, in exactly the accounts that the world's caller can read.
    pub fn minimal(world: &World) -> Rights {
        let accounts = world.caller.accounts.iter();
        Rights {
            rules: minimal_rules(),
            namespaces: None,
            accounts: accounts.map(|it| (it.to_string(), minimal_policy())).collect(),
        }
    }

    /// Exactly what the program asks for to read and to repair, in the accounts that the world's caller can read.
    pub fn to_fix(world: &World) -> Rights {
        let text = include_str!("../../assets/permissions/clusterrole-fix.yaml");
        let role: Value = serde_saphyr::from_str(text).expect("YAML");
        let text = include_str!("../../assets/permissions/iam-fix.json");
        let policy: Value = serde_json::from_str(text).expect("JSON");
        let more = |all: &mut Value, of: &Value| {
            let all = all.as_array_mut().expect("a list");
            all.extend(of.as_array().expect("a list").iter().cloned());
        };
        let mut res = Rights::minimal(world);
        more(&mut res.rules, &role["rules"]);
        for (_, it) in &mut res.accounts {
            more(&mut it["Statement"], &policy["Statement"]);
        }
        res
    }

    /// As `minimal`, without what the world says that its caller lacks.
    pub fn of(world: &World) -> Rights {
        let mut res = Rights::minimal(world);
        for denied in &world.caller.deny {
            let resource = denied.resource.as_deref().unwrap_or("*");
            for (_, policy) in &mut res.accounts {
                let statements = policy["Statement"].as_array_mut().expect("statements");
                statements
                    .push(json!({"Effect": "Deny", "Action": &*denied.api, "Resource": resource}));
            }
        }
        for (verb, resource) in &world.caller.deny_kube {
            res.rules = without(&res.rules, verb, resource);
        }
        let namespaces = world.caller.namespaces.as_ref();
        res.namespaces = namespaces.map(|all| all.iter().map(ToString::to_string).collect());
        res
    }
}

/// The rules without one verb on one resource; `*` is all of them.
pub fn without(rules: &Value, verb: &str, resource: &str) -> Value {
    let mut res = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        let Some(resources) = rule["resources"].as_array() else {
            res.push(rule.clone());
            continue;
        };
        for it in resources {
            let mut rule = rule.clone();
            rule["resources"] = json!([it]);
            if (resource == "*" || it == resource)
                && let Some(verbs) = rule["verbs"].as_array_mut()
            {
                verbs.retain(|it| verb != "*" && it != verb);
            }
            if rule["verbs"].as_array().is_some_and(|it| !it.is_empty()) {
                res.push(rule);
            }
        }
    }
    res.into()
}

/// The present time, from which a world's ages are counted back.
#[expect(clippy::disallowed_methods, reason = "the real servers live in the present")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The program that is tried: this build's, or the one that `IDSCOPE_PROGRAM` names.
pub fn program() -> PathBuf {
    let named = std::env::var_os("IDSCOPE_PROGRAM");
    named.map_or_else(|| env!("CARGO_BIN_EXE_idscope").into(), PathBuf::from)
}

/// What the program printed.
pub struct Said {
    pub report: Value,
    pub status: Option<i32>,
    pub stderr: String,
}

impl Site {
    /// Servers in directories of their own under `dir`; the API server publishes `issuer`.
    pub async fn start(dir: &Path, issuer: &str) -> Site {
        let (of_aws, of_kubernetes) = (dir.join("aws"), dir.join("kubernetes"));
        for it in [&of_aws, &of_kubernetes] {
            std::fs::create_dir_all(it).expect("a directory");
        }
        let ministack = MiniStack::start(&of_aws);
        let kubernetes = Kubernetes::start(&of_kubernetes, issuer);
        let admin = kube::client(&kubernetes.kubeconfig(ANY, ADMIN)).await;
        let mut aws = aws::Maker::new(ministack.url());
        // MiniStack writes the state of a service down that was asked for something.
        let root = aws.root(ACCOUNT, "eu-west-1");
        root.iam.list_roles().send().await.expect("MiniStack answers");
        root.eks.list_clusters().send().await.expect("MiniStack answers");
        Site {
            aws,
            ministack,
            kubernetes,
            admin,
            dir: dir.to_owned(),
            objects: kube::Maker::default(),
            clusters: String::new(),
            n_users: 0,
            users: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    /// Why a world cannot be made of these servers, if so.
    pub fn refuses(world: &World) -> Option<String> {
        let clusters = std::iter::once(&world.cluster).chain(&world.other_clusters);
        let mut partitions = clusters.map(|it| it.partition().to_string());
        if let Some(it) = partitions.find(|it| it != "aws") {
            return Some(format!("MiniStack has no partition {it}"));
        }
        let arns = world.roles.iter().map(|it| it.arn.clone());
        let mut arns = arns.chain(world.providers.iter().map(Provider::arn));
        if let Some(it) = arns.find(|it| it.partition().is_none_or(|it| it.as_str() != "aws")) {
            return Some(format!("MiniStack has no partition for {it}"));
        }
        world.faults.first().map(|it| {
            let word = Answer::ALL.iter().find(|(answer, _)| *answer == it.answer);
            format!("no server answers `{}` to {} at will", word.map_or("", |it| it.1), it.api)
        })
    }

    /// Makes a world true. What it had before must have been wiped.
    pub async fn make(&mut self, world: &World) -> Result<(), String> {
        self.kubernetes.publish(world.published_issuer());
        self.make_in_aws(world).await?;
        self.objects.make(&self.kubernetes, &self.admin, &world.objects).await
    }

    /// What a world has in AWS.
    pub async fn make_in_aws(&mut self, world: &World) -> Result<(), String> {
        let clusters = std::iter::once(&world.cluster).chain(&world.other_clusters);
        // Whether a cluster is 90 days old or 91 makes no difference; whether it is young, may.
        let made_of = |it: &Cluster| {
            let is_old = 24 * 60 <= world.now.duration_since(it.created).as_hours();
            let created = if is_old { Timestamp::UNIX_EPOCH } else { it.created };
            format!("{:?}", Cluster { created, ..it.clone() })
        };
        let clusters: Vec<String> = clusters.map(made_of).collect();
        let clusters = clusters.join("\n");
        if self.clusters != clusters {
            state::restart(&mut self.ministack, world, false);
            self.clusters = clusters;
        }
        self.aws.make(world).await?;
        if state::is_needed(world) {
            state::restart(&mut self.ministack, world, true);
        }
        Ok(())
    }

    /// One more object, which goes with the rest.
    pub async fn add(&mut self, object: &Value) {
        self.objects.add(&self.admin, object).await.unwrap_or_else(|it| panic!("{it}: {object}"));
    }

    /// As `wipe`, after the program has written too.
    pub async fn sweep(&mut self, world: &World) {
        self.objects.sweep(&self.admin).await;
        self.wipe().await;
        self.aws.sweep(world).await;
    }

    pub async fn wipe(&mut self) {
        self.objects.wipe(&self.admin).await;
        self.aws.wipe().await;
    }

    /// The token of an API server's user with these rights.
    pub async fn token(&mut self, rights: &Rights) -> String {
        let key = format!("{} {:?}", rights.rules, rights.namespaces);
        if let Some(it) = self.users.get(&key) {
            return it.clone();
        }
        let user = format!("user-{}", self.n_users);
        self.n_users += 1;
        kube::allow(&self.admin, &user, &rights.rules, rights.namespaces.as_deref()).await;
        self.users.insert(key, user.clone());
        user
    }

    /// The key pair of an IAM user of `account` with `policy`.
    pub async fn key(&mut self, account: &str, policy: &Value) -> (String, String) {
        let key = (account.to_owned(), policy.to_string());
        if let Some(it) = self.keys.get(&key) {
            return it.clone();
        }
        let name = format!("reader-{}", self.keys.len());
        let aws = self.aws.root(account, "us-east-1");
        let pair = aws.user(&name, &policy.to_string()).await;
        self.keys.insert(key, pair.clone());
        pair
    }

    /// The environment and the flags with which somebody with `rights` runs the program.
    pub async fn caller(&mut self, world: &World, rights: &Rights) -> Caller {
        let arn = world.cluster.arn();
        let token = self.token(rights).await;
        let kubeconfig = self.kubernetes.kubeconfig(arn.as_str(), &token);
        let home = self.dir.join(format!("home-{token}-{}", self.keys.len()));
        std::fs::create_dir_all(&home).expect("a directory");
        let (mut config, mut flags) = (String::new(), Vec::new());
        for (n, (account, policy)) in rights.accounts.iter().enumerate() {
            let (key, secret) = self.key(account, policy).await;
            let is_home = n == 0;
            let name =
                if is_home { "default".into() } else { format!("profile account-{account}") };
            config +=
                &format!("[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
            if !is_home {
                flags.push(format!("--account-profile={account}=account-{account}"));
            }
        }
        let file = home.join("aws-config");
        std::fs::write(&file, config).expect("a configuration");
        let path = |it: &Path| it.display().to_string();
        let env = [
            ("HOME", path(&home)),
            ("KUBECONFIG", path(&kubeconfig)),
            ("AWS_ENDPOINT_URL", self.ministack.url()),
            ("AWS_CONFIG_FILE", path(&file)),
            ("AWS_SHARED_CREDENTIALS_FILE", path(&home.join("none"))),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ];
        Caller { env: env.map(|(key, value)| (key.to_owned(), value)).into(), flags }
    }
}

/// Somebody who runs the program.
#[derive(Clone)]
pub struct Caller {
    pub env: Vec<(String, String)>,
    pub flags: Vec<String>,
}

/// The cluster's administrator, without AWS.
pub fn admin_env(kubernetes: &Kubernetes) -> Caller {
    let kubeconfig = kubernetes.kubeconfig(ANY, ADMIN).display().to_string();
    let env = [("KUBECONFIG", kubeconfig), ("AWS_EC2_METADATA_DISABLED", "true".into())];
    Caller { env: env.map(|(key, value)| (key.to_owned(), value)).into(), flags: Vec::new() }
}

impl Caller {
    /// `idscope check --output json`.
    pub fn check(&self, arguments: &[&str]) -> Said {
        Said::of(&self.run(&[&["check", "--output", "json"], arguments].concat()))
    }

    /// The program with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.args(arguments).args(&self.flags);
        command.env_clear().envs(self.env.iter().map(|(key, value)| (key, value)));
        command.output().expect("the program runs")
    }
}

impl Said {
    pub fn of(out: &Output) -> Said {
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        let report = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|err| panic!("no report: {err}: {stderr}"));
        Said { report, status: out.status.code(), stderr }
    }

    /// `CODE severity Kind namespace/name[/container]` of every finding that `keep` keeps.
    pub fn lines(&self, keep: impl Fn(&Value) -> bool) -> Vec<String> {
        let all = self.report["findings"].as_array().expect("findings");
        let mut res: Vec<String> = all.iter().filter(|it| keep(it)).map(line).collect();
        res.sort();
        res
    }

    pub fn identities(&self) -> &[Value] {
        self.report["identities"].as_array().expect("identities")
    }
}

pub fn is_above_hygiene(finding: &Value) -> bool {
    finding["severity"] != "hygiene" && finding["severity"] != "unknown"
}

fn line(finding: &Value) -> String {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let subject = &finding["subject"];
    let mut name = match subject["namespace"].as_str() {
        Some(it) => format!("{it}/{}", text(&subject["name"])),
        None => text(&subject["name"]),
    };
    if subject["kind"] == "Container" {
        name = format!("{name}/{}", text(&subject["container"]));
    }
    format!(
        "{} {} {} {name}",
        text(&finding["code"]),
        text(&finding["severity"]),
        text(&subject["kind"])
    )
}
