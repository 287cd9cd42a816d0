//! A running lab: both endpoints, the files that point clients at them, and the pods that come and go.

use crate::{
    ident::{AccountId, Text},
    lab::{
        aws,
        calls::{Pause, Seen},
        controllers, ids, kube,
        scenario::{Fault, When, World},
        server::Server,
        state::Shared,
    },
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Why the endpoints did not come up. Retryable: ports and files are picked anew.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("listen on loopback: {0}")]
    Listen(#[source] std::io::Error),
    #[error("write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

/// The embedded endpoints; dropping it closes them and removes their files.
pub struct Lab {
    kube: Server,
    aws: Server,
    files: Files,
    region: Text,
    /// Readable accounts, the one of the plain credentials first.
    accounts: Vec<AccountId>,
    shared: Arc<Shared>,
    /// Ends with the lab.
    _churn: JoinSet<()>,
}

impl Lab {
    /// Serves `world` on two free ports of 127.0.0.1, in the running tokio runtime.
    pub async fn start(world: World) -> Result<Lab, LabError> {
        let (kube_listener, kube_address) = Server::bind().await.map_err(LabError::Listen)?;
        let (aws_listener, aws_address) = Server::bind().await.map_err(LabError::Listen)?;
        let region = world.cluster.region.clone();
        let name = world.cluster.name.clone();
        let accounts = world.caller.accounts.clone();
        let churns = world.churns.clone();
        let kube_url = format!("http://{kube_address}");
        let files = Files::write(&name, &kube_url, &region, &accounts)?;
        let shared = Arc::new(Shared::new(world, kube_url));
        let kube = {
            let shared = shared.clone();
            Server::start(kube_listener, kube_address, move |it| kube::handle(shared.clone(), it))
        };
        let aws = {
            let shared = shared.clone();
            Server::start(aws_listener, aws_address, move |it| aws::handle(shared.clone(), it))
        };
        let mut churn = JoinSet::new();
        for it in churns {
            let shared = shared.clone();
            churn.spawn(async move {
                let mut ticks = interval(it.every.max(std::time::Duration::from_millis(1)));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                ticks.tick().await;
                loop {
                    ticks.tick().await;
                    controllers::churn(&mut shared.lock(), &it.namespace, &it.owner);
                }
            });
        }
        Ok(Lab { kube, aws, files, region, accounts, shared, _churn: churn })
    }

    /// What was asked so far, oldest first; of very many the newest.
    pub fn calls(&self) -> Vec<Seen> {
        self.shared.lock().calls.seen().cloned().collect()
    }

    /// The calls that would change something.
    pub fn mutations(&self) -> Vec<Seen> {
        self.calls().into_iter().filter(|it| it.mutates).collect()
    }

    /// Lets one call of `api` (`iam:GetRole`, `kube:pods:list`, a glob) wait, after `skip` others.
    pub fn pause(&self, api: &str, skip: usize, when: When) -> Pause {
        self.shared.lock().calls.pause(api, skip, when)
    }

    /// Something goes wrong from now on.
    pub fn break_with(&self, fault: Fault) {
        self.shared.lock().faults.add(fault);
    }

    /// Somebody else changes the AWS side. Kubernetes objects are not in the world any more: they are changed by their
    /// API.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.shared.lock().world)
    }

    /// `http://127.0.0.1:PORT` of the API server.
    pub fn kube_url(&self) -> String {
        self.kube.url()
    }

    /// `http://127.0.0.1:PORT` of STS, IAM and EKS.
    pub fn aws_url(&self) -> String {
        self.aws.url()
    }

    /// Ours alone, and gone with the lab.
    pub fn dir(&self) -> &Path {
        self.files.dir.as_path()
    }

    /// The kubeconfig that points here.
    pub fn kubeconfig(&self) -> &Path {
        &self.files.kubeconfig
    }

    /// Which profile reads which further account, as `--account-profile` takes it.
    pub fn account_profiles(&self) -> Vec<(Text, String)> {
        let foreign = self.accounts.iter().skip(1);
        foreign.map(|it| (it.as_str().into(), profile(it))).collect()
    }

    /// The environment that points any client here; together with `unsets` nothing else is reached.
    pub fn settings_env(&self) -> Vec<(String, String)> {
        let path = |it: &Path| it.display().to_string();
        let mut res = vec![
            ("KUBECONFIG", path(&self.files.kubeconfig)),
            ("AWS_ENDPOINT_URL", self.aws_url()),
            ("AWS_ENDPOINT_URL_IAM", self.aws_url()),
            ("AWS_ENDPOINT_URL_EKS", self.aws_url()),
            ("AWS_ENDPOINT_URL_EKS_AUTH", self.aws_url()),
            ("AWS_ENDPOINT_URL_STS", self.aws_url()),
            ("AWS_REGION", self.region.to_string()),
            ("AWS_CONFIG_FILE", path(&self.files.config)),
            ("AWS_SHARED_CREDENTIALS_FILE", path(&self.files.credentials)),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ];
        if let Some(account) = self.accounts.first() {
            res.push(("AWS_ACCESS_KEY_ID", ids::access_key(account.as_str())));
            res.push(("AWS_SECRET_ACCESS_KEY", SECRET.into()));
        }
        if let Some(it) = &self.files.idscope {
            res.push(("IDSCOPE_CONFIG_DIR", path(it)));
        }
        res.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// `export NAME=value` lines for a shell, and one `unset` line for what would lead elsewhere: the usual variables,
    /// and of those that are `present` every further one of that kind.
    pub fn exports(&self, present: impl Iterator<Item = String>) -> String {
        let mut res = String::new();
        let own = self.settings_env();
        for (name, value) in &own {
            res.push_str(&format!("export {name}={}\n", quoted(value)));
        }
        let mut unset: BTreeSet<String> = UNSET.iter().map(|it| (*it).to_owned()).collect();
        unset.extend(present.filter(|it| Lab::unsets(it) && is_shell_name(it)));
        unset.retain(|it| own.iter().all(|(name, _)| name != it));
        res.push_str(&format!("unset {}\n", unset.into_iter().collect::<Vec<_>>().join(" ")));
        res
    }

    /// Whether a variable of the caller's environment must not reach a client of the lab.
    pub fn unsets(name: &str) -> bool {
        name.starts_with("AWS_") || UNSET.contains(&name)
    }
}

/// Signatures are not verified; clients only want one.
const SECRET: &str = "lab";

/// What could lead a client of the lab to a real account or through a proxy.
const UNSET: &[&str] = &[
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

fn profile(account: &AccountId) -> String {
    format!("lab-{account}")
}

/// Whether a shell takes it as a variable's name.
fn is_shell_name(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
        && !name.starts_with(|it: char| it.is_ascii_digit())
}

/// As a POSIX shell reads one word.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// A directory of our own with everything that clients are pointed at.
struct Files {
    dir: PathBuf,
    kubeconfig: PathBuf,
    config: PathBuf,
    credentials: PathBuf,
    /// A configuration of idscope, where there are further accounts to map.
    idscope: Option<PathBuf>,
}

impl Drop for Files {
    fn drop(&mut self) {
        // Nobody is left to tell; the system clears its temporary files.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Files {
    fn write(
        cluster: &str,
        server: &str,
        region: &str,
        accounts: &[AccountId],
    ) -> Result<Files, LabError> {
        let port = server.rsplit(':').next().unwrap_or_default();
        let dir = std::env::temp_dir().join(format!("idscope-lab-{}-{port}", std::process::id()));
        let mut res = Files {
            kubeconfig: dir.join("kubeconfig"),
            config: dir.join("aws-config"),
            credentials: dir.join("aws-credentials"),
            idscope: (accounts.len() > 1).then(|| dir.join("config")),
            dir,
        };
        make_dir(&res.dir)?;
        put(&res.kubeconfig, &kubeconfig(cluster, server))?;
        put(&res.config, &profiles(region, accounts))?;
        put(&res.credentials, "")?;
        if let Some(config) = res.idscope.take() {
            make_dir(&config)?;
            put(&config.join("config.yaml"), &mapping(accounts))?;
            res.idscope = Some(config);
        }
        Ok(res)
    }
}

fn kubeconfig(cluster: &str, server: &str) -> String {
    let name = serde_json::Value::from(cluster).to_string();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {name}\nclusters:\n- name: {name}\n  cluster:\n    server: \
         {server}\ncontexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: lab\nusers:\n- name: lab\n  \
         user:\n    token: lab\n"
    )
}

fn profiles(region: &str, accounts: &[AccountId]) -> String {
    let mut res = format!("[default]\nregion = {region}\n");
    for account in accounts.iter().skip(1) {
        res.push_str(&format!(
            "\n[profile {}]\nregion = {region}\naws_access_key_id = {}\naws_secret_access_key = {SECRET}\n",
            profile(account),
            ids::access_key(account.as_str())
        ));
    }
    res
}

fn mapping(accounts: &[AccountId]) -> String {
    let mut res = String::from("accounts:\n");
    for account in accounts.iter().skip(1) {
        res.push_str(&format!("  \"{account}\": {{profile: {}}}\n", profile(account)));
    }
    res
}

fn make_dir(path: &Path) -> Result<(), LabError> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| LabError::Write { path: path.to_owned(), source })
}

fn put(path: &Path, text: &str) -> Result<(), LabError> {
    std::fs::write(path, text).map_err(|source| LabError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use crate::lab::endpoint::*;

    #[test]
    fn exports_are_shell_words() {
        for (value, wanted) in [
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("/tmp/a b", "'/tmp/a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(value), wanted);
        }
        assert!(Lab::unsets("AWS_PROFILE") && Lab::unsets("HTTPS_PROXY") && Lab::unsets("AWS_NEW"));
        assert!(!Lab::unsets("PATH"));
    }
}
