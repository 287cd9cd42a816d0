//! `info`: where things are, what is connected to what, what may be read; and the least that must be allowed.

use crate::{
    cli::{args::Global, collect::Collected, settings},
    fact::{Knowledge, Proof, Scope},
    ident::{Text, visible},
    report::build,
};
use std::fmt::Write as _;

/// What reading needs of AWS: nothing that writes, nothing that reads data.
pub const IAM_READ: &str = include_str!("../../assets/permissions/iam-read.json");

/// What reading needs of Kubernetes.
pub const CLUSTER_ROLE_READ: &str = include_str!("../../assets/permissions/clusterrole-read.yaml");

/// What repairing and probing need beside [`IAM_READ`].
pub const IAM_FIX: &str = include_str!("../../assets/permissions/iam-fix.json");

/// What repairing and probing need beside [`CLUSTER_ROLE_READ`].
pub const CLUSTER_ROLE_FIX: &str = include_str!("../../assets/permissions/clusterrole-fix.yaml");

/// The two documents, told apart by comment lines that both formats' users can strip.
pub fn permissions(fixes: bool) -> String {
    let mut res = format!(
        "# IAM policy for the principal that reads AWS\n{IAM_READ}\n# ClusterRole for the user that reads Kubernetes\n\
         {CLUSTER_ROLE_READ}"
    );
    if fixes {
        res.push_str(&format!(
            "---\n# IAM policy for `fix`, `undo` and `probe`, beside the one above\n{IAM_FIX}\n# ClusterRole for `fix`, `undo` \
             and `probe`, beside the one above\n{CLUSTER_ROLE_FIX}"
        ));
    }
    res
}

pub fn info(it: &Collected, global: &Global) -> String {
    let mut res = String::new();
    let path = |it: Option<std::path::PathBuf>| {
        it.map_or_else(|| "none".to_owned(), |it| it.display().to_string())
    };
    put(&mut res, "version", env!("CARGO_PKG_VERSION"));
    put(&mut res, "config", &path(settings::config_dir()));
    put(&mut res, "cache", &path(settings::cache_dir().filter(|_| !global.no_cache)));
    put(&mut res, "log", &path(global.log_file.clone()));
    if global.demo.is_some() {
        put(&mut res, "demo", "embedded endpoints; nothing real is read");
    }
    if let Some(api) = it.graph.api_server() {
        put(&mut res, "context", &api.context);
        put(&mut res, "server", &api.server);
        put(&mut res, "kubernetes", &api.version);
    } else {
        put(&mut res, "context", it.settings.context.as_deref().unwrap_or("the current one"));
        put(&mut res, "server", "not reached");
    }
    match it.graph.cluster() {
        Knowledge::Known(cluster) => {
            put(&mut res, "cluster", cluster.arn.as_str());
            put(&mut res, "account", &cluster.account);
            put(&mut res, "region", &cluster.region);
            put(&mut res, "issuer", cluster.issuer.as_ref().map_or("none", |it| it.as_str()));
        }
        Knowledge::Absent => put(&mut res, "cluster", "no such cluster"),
        Knowledge::Denied(it) => put(&mut res, "cluster", &format!("denied: {}", it.permission)),
        Knowledge::NotYet => put(&mut res, "cluster", "not known"),
    }
    put(&mut res, "proof", proof(it));
    match it.graph.caller() {
        Knowledge::Known(caller) => {
            put(&mut res, "caller", caller.arn.as_str());
            put(&mut res, "accounts read", &caller.accounts.join(", "));
            let why = format!("{}, {}", caller.via, why(global, &caller.via));
            put(&mut res, &format!("credentials {}", caller.account), &why);
            foreign(&mut res, it, &caller.accounts);
        }
        Knowledge::Absent | Knowledge::NotYet => {
            let state = it.graph.source(&Scope::Caller).map(build::source_words);
            let detail = state.and_then(|(_, _, detail, _)| detail);
            put(&mut res, "caller", detail.as_deref().unwrap_or("no AWS credentials"));
        }
        Knowledge::Denied(it) => put(&mut res, "caller", &format!("denied: {}", it.permission)),
    }
    let mut sources: Vec<_> = it.graph.sources().collect();
    sources.sort_by_key(|(scope, _)| scope.name());
    for (scope, state) in sources {
        let (word, _, detail, permission) = build::source_words(state);
        let permission = permission.map(|it| format!(" {it}")).unwrap_or_default();
        let detail = detail.map(|it| format!(": {it}")).unwrap_or_default();
        let count = build::count(&it.graph, scope);
        put(&mut res, &scope.name(), &format!("{word} {count}{permission}{detail}"));
    }
    res
}

/// What ties the context to the cluster. An issuer that differs is proof of the contrary.
fn proof(it: &Collected) -> &'static str {
    let api = it.graph.api_server();
    let published = api.and_then(|it| it.issuer.as_ref().known());
    let described = it.graph.cluster().known().and_then(|it| it.issuer.as_ref());
    match api.and_then(|it| it.proof) {
        Some(Proof::Issuer) => "the API server publishes the cluster's issuer",
        Some(Proof::Endpoint) => "the server is the cluster's endpoint",
        Some(Proof::CertificateAuthority) => "the certificate authority is the cluster's",
        None if published.is_some() && described.is_some() => {
            "the API server publishes another issuer: it is another cluster, and nothing is judged across the two \
             (TOOL-CTX-01)"
        }
        None => "cluster not proven: nothing could be compared, writes are off",
    }
}

/// Why these credentials read the cluster's account.
fn why(global: &Global, via: &str) -> &'static str {
    let from_variable = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
        .iter()
        .any(|it| std::env::var(it).is_ok_and(|it| it == via));
    match via {
        _ if global.demo.is_some() => "of the embedded endpoints",
        "environment" | "web identity" | "container" | "instance" => {
            "since neither --profile nor the kubeconfig names a profile"
        }
        _ if global.profile.is_some() => "by --profile",
        _ if from_variable => "by AWS_PROFILE or the kubeconfig's exec section",
        "default" => "since nothing names another profile",
        _ => "by the kubeconfig's exec section",
    }
}

/// Credentials that were configured for further accounts, and what came of them.
fn foreign(res: &mut String, it: &Collected, read: &[Text]) {
    let profiles =
        it.settings.account_profiles.iter().map(|(id, it)| (id, format!("profile {it}")));
    let assumed =
        it.settings.account_roles.iter().map(|it| (&it.account, format!("role {}", it.role_arn)));
    for (account, name) in profiles.chain(assumed) {
        let used = match read.contains(account) {
            true => ", by --account-profile or the configuration",
            false => ": not usable, see the sources below",
        };
        put(res, &format!("credentials {account}"), &format!("{name}{used}"));
    }
}

fn put(res: &mut String, name: &str, value: &str) {
    writeln!(res, "{:<28} {}", visible(name), visible(value)).expect("a String takes all");
}
