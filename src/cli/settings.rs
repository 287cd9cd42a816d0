//! Flags and environment to `source::Settings`. The environment is read here, once.

use crate::{
    cli::{args::Global, collect::Collected},
    fact::Knowledge,
    ident::Text,
    lab::Lab,
    source::{Settings, Writes},
};
use std::{path::PathBuf, time::Duration};

/// The variables that idscope or the libraries below it honour.
const HONOURED: &[&str] = &[
    "KUBECONFIG",
    "HOME",
    "USERPROFILE",
    "NO_PROXY",
    "no_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "IDSCOPE_CONFIG_DIR",
];

/// Settings for a real cluster.
pub fn settings(global: &Global, follow: bool) -> Settings {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("AWS_") || HONOURED.contains(&name.as_str()))
        .collect();
    Settings {
        context: global.context.first().cloned(),
        kubeconfig: global.kubeconfig.clone(),
        namespaces: if global.all_namespaces {
            Vec::new()
        } else {
            global.namespace.iter().map(|it| it.as_str().into()).collect()
        },
        cluster: global.cluster.clone(),
        region: global.region.clone(),
        profile: global.profile.clone(),
        account_profiles: global
            .account_profile
            .iter()
            .map(|(id, profile)| (id.as_str().into(), profile.clone()))
            .collect(),
        account_roles: Vec::new(),
        // `check` never judges from the cache, so it does not read one either.
        cache_dir: if global.no_cache || !follow { None } else { cache_dir() },
        read_secrets: global.read_secrets,
        request_timeout: global.request_timeout,
        poll: Duration::from_secs(60),
        env,
        follow,
        writes: if global.readonly { Writes::Never } else { Writes::Allowed },
    }
}

/// Settings for the embedded endpoints: the caller's environment is not looked at.
pub fn demo_settings(global: &Global, lab: &Lab, follow: bool) -> Settings {
    Settings {
        context: None,
        kubeconfig: Some(lab.kubeconfig().to_owned()),
        cluster: None,
        region: None,
        profile: None,
        account_profiles: lab.account_profiles(),
        cache_dir: None,
        env: lab.settings_env(),
        ..settings(global, follow)
    }
}

/// Namespaces that were asked for and that do not exist; none while that is not known.
pub fn unknown_namespaces(it: &Collected) -> Vec<&Text> {
    let asked = it.settings.namespaces.iter();
    asked.filter(|name| matches!(it.graph.namespace(name), Knowledge::Absent)).collect()
}

/// Where the disk cache lives; `None` where the system has no such place.
pub fn cache_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("dev", "idscope", "idscope").map(|it| it.cache_dir().to_owned())
}

/// Where the journal, the locks and what was saved live; `None` where the system has no such place.
pub fn state_dir() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("dev", "idscope", "idscope")?;
    // Systems without a place for state have one for data.
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned())
}

/// Where the configuration is read from: `IDSCOPE_CONFIG_DIR`, else the system's place.
pub fn config_dir() -> Option<PathBuf> {
    match std::env::var_os("IDSCOPE_CONFIG_DIR") {
        Some(it) => Some(PathBuf::from(it)),
        None => directories::ProjectDirs::from("dev", "idscope", "idscope")
            .map(|it| it.config_dir().to_owned()),
    }
}
