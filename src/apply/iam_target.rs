//! Edits of IAM: trust policies and OIDC providers of one account. IAM has no compare-and-swap, so what is there is read
//! right before and right after.

use crate::{
    apply::{access::Permit, present::Present},
    iam::Kind,
    ident::{Arn, Text},
    plan::Edit,
    source::{
        aws::{
            account::Account,
            error::{Failure, Written, written},
        },
        lower_aws,
    },
};
use serde_json::{Value, json};

/// What is there now.
pub(crate) async fn observe(account: &Account, edit: &Edit) -> Result<Present, Failure> {
    let provider = match edit {
        Edit::SetTrust { role, .. } => return observe_role(account, role).await,
        Edit::CreateProvider { partition, account, issuer, .. } => {
            issuer.provider_arn(partition, account)
        }
        Edit::DeleteProvider { arn: it, .. }
        | Edit::AddClientId { provider: it, .. }
        | Edit::RemoveClientId { provider: it, .. }
        | Edit::SetThumbprints { provider: it, .. } => it.clone(),
        _ => return Err(Failure::Failed("it is no change of IAM".into())),
    };
    let iam = &account.clients.iam;
    let request =
        iam.get_open_id_connect_provider().open_id_connect_provider_arn(provider.as_str());
    let got = match account.call("iam:GetOpenIDConnectProvider", request.send()).await {
        Ok(it) => it,
        Err(Failure::Absent) => return Ok(Present::default()),
        Err(it) => return Err(it),
    };
    let value = match edit {
        Edit::SetThumbprints { .. } => json!(got.thumbprint_list.unwrap_or_default()),
        _ => json!(got.client_id_list.unwrap_or_default()),
    };
    Ok(Present { value, ..Present::default() })
}

async fn observe_role(account: &Account, role: &Arn) -> Result<Present, Failure> {
    let name = role.name().unwrap_or(role.as_str());
    let request = account.clients.iam.get_role().role_name(name).send();
    let got = match account.call("iam:GetRole", request).await {
        Ok(it) => it,
        Err(Failure::Absent) => return Ok(Present::default()),
        Err(it) => return Err(it),
    };
    let Some(got) = got.role else { return Ok(Present::default()) };
    // The same name under another path is another role.
    if got.arn != role.as_str() {
        return Ok(Present::default());
    }
    let document = lower_aws::document(got.assume_role_policy_document.as_deref(), Kind::Trust);
    Ok(Present { value: json!(document.raw), uid: Some(got.role_id.into()), ..Present::default() })
}

/// Sends the edit, once.
pub(crate) async fn send(
    account: &Account,
    _permit: &Permit,
    edit: &Edit,
) -> Result<Value, Written> {
    let iam = &account.clients.iam;
    let once = || {
        aws_sdk_iam::config::Builder::new()
            .retry_config(aws_sdk_iam::config::retry::RetryConfig::disabled())
    };
    macro_rules! send {
        ($request:expr) => {
            $request.customize().config_override(once()).send().await.map(drop).map_err(|it| {
                let permission = edit.call("", "").permission();
                written(&it, &permission)
            })
        };
    }
    match edit {
        Edit::SetTrust { role, document, .. } => send!(
            iam.update_assume_role_policy()
                .role_name(role.name().unwrap_or(role.as_str()))
                .policy_document(&**document)
        ),
        Edit::CreateProvider { issuer, client_ids, tags, .. } => {
            let tags = tags.iter().filter_map(|(key, value)| {
                aws_sdk_iam::types::Tag::builder().key(&**key).value(&**value).build().ok()
            });
            let tags: Vec<_> = tags.collect();
            send!(
                iam.create_open_id_connect_provider()
                    .url(url_of(issuer.as_str()))
                    .set_client_id_list(Some(owned(client_ids)))
                    .set_tags((!tags.is_empty()).then_some(tags))
            )
        }
        Edit::DeleteProvider { arn, .. } => {
            send!(iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn.as_str()))
        }
        Edit::AddClientId { provider, client_id } => send!(
            iam.add_client_id_to_open_id_connect_provider()
                .open_id_connect_provider_arn(provider.as_str())
                .client_id(&**client_id)
        ),
        Edit::RemoveClientId { provider, client_id } => send!(
            iam.remove_client_id_from_open_id_connect_provider()
                .open_id_connect_provider_arn(provider.as_str())
                .client_id(&**client_id)
        ),
        Edit::SetThumbprints { provider, thumbprints, .. } => send!(
            iam.update_open_id_connect_provider_thumbprint()
                .open_id_connect_provider_arn(provider.as_str())
                .set_thumbprint_list(Some(owned(thumbprints)))
        ),
        _ => Err(Written::Refused("it is no change of IAM".into())),
    }
    .map(|()| Value::Null)
}

/// IAM takes `https://` only; a test server on loopback has what it has.
fn url_of(issuer: &str) -> String {
    let loopback = ["localhost", "127.0.0.1", "[::1]"];
    let host = issuer.split(['/', ':']).next().unwrap_or_default();
    let scheme = if loopback.contains(&host) { "http" } else { "https" };
    format!("{scheme}://{issuer}")
}

fn owned(all: &[Text]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
