//! The credential plugin of a kubeconfig's user: run once for a connection, without a terminal.
//!
//! kube would run it three times to make one client, and `aws eks get-token` takes most of a second each time.
//! The protocol: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>.

use crate::{
    ident::Timestamp,
    source::kube::{
        config::Login,
        link::{CallError, one_line},
    },
};
use kube::config::{AuthInfo, Config, ExecConfig};
use serde::Deserialize;
use std::{process::Stdio, time::Duration};
use tokio::process::Command;

/// Plugins that ask a token service need a while; one that needs longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a plugin prints.
#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<Timestamp>,
}

/// Puts what the plugin gives in its place, and tells until when that holds. Does nothing where there is no plugin, or
/// where something stands beside it that kube takes first.
pub(crate) async fn log_in(
    config: &mut Config,
    login: &Login,
) -> Result<Option<Timestamp>, CallError> {
    let user = &mut config.auth_info;
    if has_other(user) {
        return Ok(None);
    }
    let Some(exec) = user.exec.take() else { return Ok(None) };
    let status = run(&exec, login).await?;
    let encoded = |pem: String| aws_smithy_types::base64::encode(pem);
    if let (Some(certificate), Some(key)) = (status.client_certificate_data, status.client_key_data)
    {
        user.client_certificate_data = Some(encoded(certificate));
        user.client_key_data = Some(encoded(key).into());
    } else if status.token.is_none() {
        let text = format!(
            "log in: credential plugin `{}` gave neither a token nor a certificate with its key",
            login.plugin
        );
        return Err(CallError::failed(text));
    }
    user.token = status.token.map(Into::into);
    Ok(status.expiration_timestamp)
}

fn has_other(user: &AuthInfo) -> bool {
    user.auth_provider.is_some()
        || user.username.is_some() && user.password.is_some()
        || user.token.is_some()
        || user.token_file.is_some()
}

async fn run(exec: &ExecConfig, login: &Login) -> Result<Status, CallError> {
    let plugin = &login.plugin;
    let failed =
        |text: String| CallError::failed(format!("log in: credential plugin `{plugin}` {text}"));
    let program = exec.command.as_deref().unwrap_or_default();
    let mut info = serde_json::json!({"kind": "ExecCredential", "spec": {"interactive": false}});
    if let Some(it) = &exec.api_version {
        info["apiVersion"] = it.as_str().into();
    }
    if exec.provide_cluster_info
        && let Some(it) = &exec.cluster
    {
        let cluster = serde_json::to_value(it);
        info["spec"]["cluster"] =
            cluster.map_err(|it| failed(format!("cannot be told of the cluster: {it}")))?;
    }
    let mut command = Command::new(program);
    command.args(exec.args.iter().flatten());
    for it in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (it.get("name"), it.get("value")) {
            command.env(name, value);
        }
    }
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let out = match tokio::time::timeout(PATIENCE, command.output()).await {
        Err(_) => return Err(failed(format!("gave no answer within {} s", PATIENCE.as_secs()))),
        Ok(Err(it)) => return Err(failed(format!("does not start: {it}"))),
        Ok(Ok(it)) => it,
    };
    if !out.status.success() {
        // Its own last line, never its output, which may hold a token.
        let stderr = String::from_utf8_lossy(&out.stderr);
        let said = stderr.lines().map(str::trim).rfind(|it| !it.is_empty());
        let said = said.map_or_else(|| out.status.to_string(), str::to_owned);
        return Err(refused(&format!("log in: credential plugin `{plugin}`: {said}"), login));
    }
    // YAML as well, as `kubectl` takes it.
    let printed = serde_saphyr::from_slice::<ExecCredential>(&out.stdout).ok();
    printed.and_then(|it| it.status).ok_or_else(|| failed("printed no ExecCredential".to_owned()))
}

/// A plugin that ran and failed: mostly because its own login is over.
pub(crate) fn refused(message: &str, login: &Login) -> CallError {
    let lower = message.to_ascii_lowercase();
    let over = ["expired", "sso", "login", "refresh", "credentials", "token"];
    if over.iter().any(|it| lower.contains(it)) {
        return CallError::Expired { message: one_line(message), login: login.clone() };
    }
    CallError::failed(message)
}
