//! `info`: where things are, what is connected to what, what may be read; and the least that must be allowed.

use crate::{
    cli::{collect::Collected, settings},
    fact::{Knowledge, Proof},
    ident::visible,
    report::build,
};
use std::fmt::Write as _;

/// What reading needs of AWS: nothing that writes, nothing that reads data.
pub const IAM_READ: &str = include_str!("../../assets/permissions/iam-read.json");

/// What reading needs of Kubernetes.
pub const CLUSTER_ROLE_READ: &str = include_str!("../../assets/permissions/clusterrole-read.yaml");

/// The two documents, told apart by comment lines that both formats' users can strip.
pub fn permissions() -> String {
    format!(
        "# IAM policy for the principal that reads AWS\n{IAM_READ}\n# ClusterRole for the user that reads Kubernetes\n\
         {CLUSTER_ROLE_READ}"
    )
}

pub fn info(it: &Collected, demo: bool) -> String {
    let mut res = String::new();
    let path = |it: Option<std::path::PathBuf>| {
        it.map_or_else(|| "none".to_owned(), |it| it.display().to_string())
    };
    put(&mut res, "version", env!("CARGO_PKG_VERSION"));
    put(&mut res, "config", &path(settings::config_dir()));
    put(&mut res, "cache", &path(settings::cache_dir()));
    if demo {
        put(&mut res, "demo", "embedded endpoints; nothing real is read");
    }
    if let Some(api) = it.graph.api_server() {
        put(&mut res, "context", &api.context);
        put(&mut res, "server", &api.server);
        put(&mut res, "kubernetes", &api.version);
    } else {
        put(&mut res, "server", "not reached");
    }
    match it.graph.cluster() {
        Knowledge::Known(cluster) => {
            put(&mut res, "cluster", cluster.arn.as_str());
            put(&mut res, "issuer", cluster.issuer.as_ref().map_or("none", |it| it.as_str()));
        }
        Knowledge::Absent => put(&mut res, "cluster", "no such cluster"),
        Knowledge::Denied(it) => put(&mut res, "cluster", &format!("denied: {}", it.permission)),
        Knowledge::NotYet => put(&mut res, "cluster", "not known"),
    }
    let proof = match it.graph.api_server().and_then(|it| it.proof) {
        Some(Proof::Issuer) => "the API server publishes the cluster's issuer",
        Some(Proof::Endpoint) => "the server is the cluster's endpoint",
        Some(Proof::CertificateAuthority) => "the certificate authority is the cluster's",
        None => "cluster not proven: nothing could be compared, writes are off",
    };
    put(&mut res, "proof", proof);
    match it.graph.caller() {
        Knowledge::Known(caller) => {
            put(&mut res, "caller", &format!("{} (via {})", caller.arn, caller.via));
            put(&mut res, "accounts read", &caller.accounts.join(", "));
        }
        Knowledge::Absent | Knowledge::NotYet => put(&mut res, "caller", "no AWS credentials"),
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

fn put(res: &mut String, name: &str, value: &str) {
    writeln!(res, "{name:<28} {}", visible(value)).expect("a String takes all");
}
