//! Which API server, as whom: the kubeconfig, read the way `kubectl` does and with errors that name file and field.
//!
//! Environment variables come from the settings, never from the process. Credential plugins are told that nobody is
//! there to talk to: they get no terminal, and what they complain of ends in the error.

use crate::{
    ident::Text,
    source::{
        Settings,
        aws::{KubeSide, ca_sha256},
        kube::{Contexts, proxy},
    },
};
use kube::config::{
    AuthInfo, Cluster, Config, Context, ExecInteractiveMode, KubeConfigOptions, Kubeconfig,
    KubeconfigError,
};
use std::path::PathBuf;

/// A context of the kubeconfig, ready to make a client from.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) context: Text,
    /// The context's own namespace, `default` when it has none.
    pub(crate) namespace: Text,
    /// Its issuer is not asked yet.
    pub(crate) side: KubeSide,
    pub(crate) login: Login,
}

/// How the person renews the credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Login {
    /// The AWS profile of the credential plugin, else the kubeconfig's user.
    pub(crate) profile: Text,
    /// `aws sso login --profile …`; empty when it is not the AWS CLI that gets them.
    pub(crate) command: Text,
    /// The program of the credential plugin, without its folder; empty without one.
    pub(crate) plugin: Text,
}

/// What is wrong with the kubeconfig. Reads after "failed to"; the person mends it, so it is retried forever.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("find a kubeconfig: `{path}` does not exist; name one with --kubeconfig or KUBECONFIG")]
    Missing { path: String },
    #[error("read `{path}`: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("read `{path}`: it is no kubeconfig{place}")]
    Malformed { path: String, place: String },
    #[error(
        "choose a context: `current-context` is not set in `{path}`; name one with --context: {names}"
    )]
    NoCurrent { path: String, names: String },
    #[error("find context `{name}` in `{path}`; it has {names}")]
    NoContext { name: String, path: String, names: String },
    #[error("use context `{context}`: its {kind} `{name}` is not defined in `{path}`")]
    Dangling { context: String, kind: &'static str, name: String, path: String },
    #[error("use cluster `{cluster}` of `{path}`: its `{field}` {problem}")]
    Field { cluster: String, path: String, field: &'static str, problem: String },
    #[error("use the ServiceAccount of this pod: {0}")]
    InCluster(String),
    #[error("use context `{context}` of `{path}`: {problem}")]
    Other { context: String, path: String, problem: String },
}

/// The contexts as `(name, cluster)` in the order of the file, and the current one's name.
pub(crate) fn contexts(settings: &Settings) -> Result<Contexts, ConfigError> {
    let (kubeconfig, _) = read(settings)?;
    let current = settings.context.clone().or(kubeconfig.current_context);
    let contexts = kubeconfig.contexts.into_iter().map(|it| {
        let cluster = it.context.map(|it| it.cluster).unwrap_or_default();
        (Text::from(it.name), Text::from(cluster))
    });
    Ok((contexts.collect(), current.filter(|it| !it.is_empty()).map(Text::from)))
}

/// Reads the kubeconfig and resolves the wanted context. Reads files, so it blocks.
pub(crate) async fn load(settings: &Settings) -> Result<Target, ConfigError> {
    let (kubeconfig, path) = match read(settings) {
        Err(ConfigError::Missing { .. }) if is_in_cluster(settings) => return in_cluster(),
        read => read?,
    };
    let names = || {
        let names: Vec<_> = kubeconfig.contexts.iter().map(|it| format!("`{}`", it.name)).collect();
        if names.is_empty() { "no contexts".to_owned() } else { names.join(", ") }
    };
    let current = kubeconfig.current_context.clone().filter(|it| !it.is_empty());
    let Some(name) = settings.context.clone().or(current) else {
        return Err(ConfigError::NoCurrent { path, names: names() });
    };
    let named = kubeconfig.contexts.iter().find(|it| it.name == name);
    let Some(context) = named.and_then(|it| it.context.clone()) else {
        return Err(ConfigError::NoContext { names: names(), name, path });
    };
    resolve(kubeconfig, name, &context, path, settings).await
}

async fn resolve(
    mut kubeconfig: Kubeconfig,
    name: String,
    context: &Context,
    path: String,
    settings: &Settings,
) -> Result<Target, ConfigError> {
    let dangling = |kind, missing: &str| ConfigError::Dangling {
        context: name.clone(),
        kind,
        name: missing.to_owned(),
        path: path.clone(),
    };
    let clusters = &kubeconfig.clusters;
    let cluster = clusters.iter().find(|it| it.name == context.cluster);
    let cluster = cluster
        .and_then(|it| it.cluster.clone())
        .ok_or_else(|| dangling("cluster", &context.cluster))?;
    let user_name = context.user.clone().unwrap_or_default();
    let users = &mut kubeconfig.auth_infos;
    let user = match users.iter_mut().find(|it| it.name == user_name) {
        Some(it) => it.auth_info.get_or_insert_default(),
        None if user_name.is_empty() => &mut AuthInfo::default(),
        None => return Err(dangling("user", &user_name)),
    };
    if let Some(exec) = &mut user.exec {
        // Otherwise kube hands stdin and stderr of this process, which draws on them, to the plugin.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    let user = user.clone();
    let pem = certificate_authority(&cluster, &context.cluster, &path)?;
    let side = KubeSide {
        server: cluster.server.clone().map(Text::from),
        ca_sha256: pem.as_deref().map(ca_sha256),
        exec_args: user.exec.as_ref().and_then(|it| it.args.clone()).unwrap_or_default(),
        exec_env: exec_env(&user),
        issuer: crate::fact::Knowledge::NotYet,
    };
    let options = KubeConfigOptions { context: Some(name.clone()), cluster: None, user: None };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|it| in_words(it, &name, &context.cluster, &path))?;
    let is_local = proxy::is_loopback(config.cluster_url.host().unwrap_or_default());
    config.proxy_url = match nonempty(&cluster.proxy_url) {
        Some(it) => Some(it.parse().map_err(|it| ConfigError::Field {
            cluster: context.cluster.clone(),
            path: path.clone(),
            field: "proxy-url",
            problem: format!("is no URL: {it}"),
        })?),
        None => proxy::from_environment(&config.cluster_url, &settings.env),
    };
    // Retrying is ours: it must show.
    config.default_retry = false;
    // Gzip saves 94 % of the bytes on a real link and costs 15 % of the time on none.
    config.disable_compression |= is_local;
    Ok(Target {
        namespace: config.default_namespace.as_str().into(),
        config,
        context: name.into(),
        login: login(&user, &user_name, &side),
        side,
    })
}

/// The wanted file, or the files of `KUBECONFIG` merged as `kubectl` merges them, or the default one; and their names.
fn read(settings: &Settings) -> Result<(Kubeconfig, String), ConfigError> {
    let env = |name: &str| env(settings, name);
    let from_env = || env("KUBECONFIG").map(|it| std::env::split_paths(it).collect::<Vec<_>>());
    let (paths, must_exist) = match (&settings.kubeconfig, from_env()) {
        (Some(path), _) => (vec![path.clone()], true),
        (None, Some(paths)) => (paths, false),
        (None, None) => {
            let home = env("HOME").or_else(|| env("USERPROFILE"));
            (vec![PathBuf::from(home.map_or("", |it| it)).join(".kube").join("config")], true)
        }
    };
    let shown = |path: &PathBuf| path.display().to_string();
    let all = paths.iter().filter(|it| !it.as_os_str().is_empty()).map(shown).collect::<Vec<_>>();
    let all = all.join("`, `");
    let mut res: Option<Kubeconfig> = None;
    for path in paths.iter().filter(|it| !it.as_os_str().is_empty()) {
        let one = match Kubeconfig::read_from(path) {
            // `kubectl` skips the missing ones of a list, so that one KUBECONFIG serves several machines.
            Err(KubeconfigError::ReadConfig(it, _))
                if it.kind() == std::io::ErrorKind::NotFound =>
            {
                if must_exist {
                    return Err(ConfigError::Missing { path: shown(path) });
                }
                continue;
            }
            Err(KubeconfigError::ReadConfig(source, _)) => {
                return Err(ConfigError::Unreadable { path: shown(path), source });
            }
            Err(it) => {
                return Err(ConfigError::Malformed { path: shown(path), place: place(&it) });
            }
            Ok(it) => it,
        };
        res = Some(match res {
            None => one,
            Some(it) => it.merge(one).map_err(|it| ConfigError::Malformed {
                path: shown(path),
                place: format!(": {it}"),
            })?,
        });
    }
    res.map(|it| (it, all.clone())).ok_or(ConfigError::Missing { path: all })
}

/// Where a file is malformed. Not the text there: what stands in a kubeconfig is often a secret.
fn place(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(error) = error else { return String::new() };
    let location = error.without_snippet().location();
    location.map_or_else(String::new, |it| format!(" (line {}, column {})", it.line(), it.column()))
}

fn certificate_authority(
    cluster: &Cluster,
    name: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, ConfigError> {
    let wrong = |field, problem: String| ConfigError::Field {
        cluster: name.to_owned(),
        path: path.to_owned(),
        field,
        problem,
    };
    if let Some(data) = nonempty(&cluster.certificate_authority_data) {
        let pem = aws_smithy_types::base64::decode(data);
        return pem
            .map(Some)
            .map_err(|_| wrong("certificate-authority-data", "is not base64".to_owned()));
    }
    let Some(file) = nonempty(&cluster.certificate_authority) else { return Ok(None) };
    std::fs::read(file)
        .map(Some)
        .map_err(|it| wrong("certificate-authority", format!("names `{file}`: {it}")))
}

fn in_words(error: KubeconfigError, context: &str, cluster: &str, path: &str) -> ConfigError {
    let field = |field, problem: String| ConfigError::Field {
        cluster: cluster.to_owned(),
        path: path.to_owned(),
        field,
        problem,
    };
    match error {
        KubeconfigError::MissingClusterUrl => field("server", "is not set".to_owned()),
        KubeconfigError::ParseClusterUrl(it) => field("server", format!("is no URL: {it}")),
        KubeconfigError::ParseCertificates(_) => {
            field("certificate-authority-data", "holds no PEM certificate".to_owned())
        }
        other => ConfigError::Other {
            context: context.to_owned(),
            path: path.to_owned(),
            problem: other.to_string(),
        },
    }
}

fn exec_env(user: &AuthInfo) -> Vec<(String, String)> {
    let entries = user.exec.as_ref().and_then(|it| it.env.as_deref()).unwrap_or_default();
    let pair = |it: &std::collections::HashMap<String, String>| {
        Some((it.get("name")?.clone(), it.get("value")?.clone()))
    };
    entries.iter().filter_map(pair).collect()
}

fn login(user: &AuthInfo, user_name: &str, side: &KubeSide) -> Login {
    let command = user.exec.as_ref().and_then(|it| it.command.as_deref()).unwrap_or_default();
    let program = command.rsplit(['/', '\\']).next().unwrap_or_default();
    let flag = side.exec_args.windows(2).find(|it| it[0] == "--profile").map(|it| it[1].as_str());
    let joined = || side.exec_args.iter().find_map(|it| it.strip_prefix("--profile="));
    let variable =
        || side.exec_env.iter().find(|(name, _)| name == "AWS_PROFILE").map(|(_, it)| it.as_str());
    let profile = flag.or_else(joined).or_else(variable);
    let uses_aws = matches!(program, "aws" | "aws.exe" | "aws-iam-authenticator");
    let command = match profile {
        Some(it) if uses_aws => format!("aws sso login --profile {}", quoted(it)),
        None if uses_aws => "aws sso login".to_owned(),
        Some(_) | None => String::new(),
    };
    Login {
        profile: profile.unwrap_or(user_name).into(),
        command: command.into(),
        plugin: program.into(),
    }
}

/// One word for a shell, whatever is in it.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-./@+=,:".contains(it);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn is_in_cluster(settings: &Settings) -> bool {
    settings.context.is_none() && env(settings, "KUBERNETES_SERVICE_HOST").is_some()
}

/// As a pod, with its own ServiceAccount.
fn in_cluster() -> Result<Target, ConfigError> {
    let mut config = Config::incluster().map_err(|it| ConfigError::InCluster(it.to_string()))?;
    config.default_retry = false;
    let side = KubeSide {
        server: Some(config.cluster_url.to_string().trim_end_matches('/').into()),
        ca_sha256: None,
        exec_args: Vec::new(),
        exec_env: Vec::new(),
        issuer: crate::fact::Knowledge::NotYet,
    };
    Ok(Target {
        namespace: config.default_namespace.as_str().into(),
        config,
        context: "in-cluster".into(),
        login: Login::default(),
        side,
    })
}

fn env<'a>(settings: &'a Settings, name: &str) -> Option<&'a String> {
    let value = settings.env.iter().rev().find(|(it, _)| it == name).map(|(_, it)| it);
    value.filter(|it| !it.is_empty())
}

fn nonempty(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn who_logs_in_and_how() {
        let check = |user: Value, profile: &str, command: &str, plugin: &str| {
            let shown = user.to_string();
            let user: AuthInfo = serde_json::from_value(user).unwrap();
            let exec = user.exec.as_ref();
            let side = KubeSide {
                server: None,
                ca_sha256: None,
                exec_args: exec.and_then(|it| it.args.clone()).unwrap_or_default(),
                exec_env: exec_env(&user),
                issuer: crate::fact::Knowledge::NotYet,
            };
            let expected =
                Login { profile: profile.into(), command: command.into(), plugin: plugin.into() };
            assert_eq!(login(&user, "u", &side), expected, "{shown}");
        };
        let exec = |command: &str, args: &[&str], env: Value| json!({"exec": {"command": command, "args": args, "env": env}});
        let profile = json!([{"name": "AWS_PROFILE", "value": "prod"}]);
        check(
            exec("aws", &["eks", "get-token"], profile.clone()),
            "prod",
            "aws sso login --profile prod",
            "aws",
        );
        check(
            exec("/usr/bin/aws", &["--profile", "dev"], profile),
            "dev",
            "aws sso login --profile dev",
            "aws",
        );
        check(
            exec("aws", &["--profile=dev"], Value::Null),
            "dev",
            "aws sso login --profile dev",
            "aws",
        );
        check(
            exec("aws", &["--profile", "a b;c"], Value::Null),
            "a b;c",
            "aws sso login --profile 'a b;c'",
            "aws",
        );
        check(exec("aws", &["eks"], Value::Null), "u", "aws sso login", "aws");
        check(exec("kubelogin", &["get-token"], Value::Null), "u", "", "kubelogin");
        check(json!({"token": "t"}), "u", "", "");
    }
}
