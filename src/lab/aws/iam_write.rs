//! IAM, the writing half: trust policies, providers, attached and inline policies, roles.

use crate::{
    iam::{Document, Kind},
    ident::{AccountId, Arn, Text},
    lab::{
        aws::{
            Call,
            error::AwsError,
            iam_read::{find_role, full, is_of, no_such_role, provider_of},
        },
        ids,
        scenario::{Provider, Role},
        state::{State, now},
    },
};
use serde_json::{Value, json};

/// IAM's quota for trust policies, without white space.
const TRUST_LIMIT: usize = 2048;

pub fn answer(state: &mut State, call: &Call<'_>, operation: &str) -> Result<Value, AwsError> {
    let account = call.account()?.clone();
    match operation {
        "UpdateAssumeRolePolicy" => {
            let document = trust(call.text("PolicyDocument")?)?;
            role(state, call)?.trust = document;
        }
        "UpdateRole" => {
            let seconds = call.query.get("MaxSessionDuration").and_then(|it| it.parse().ok());
            let role = role(state, call)?;
            role.max_session_seconds = seconds.unwrap_or(role.max_session_seconds);
        }
        "CreateRole" => return create_role(state, call, &account),
        "DeleteRole" => {
            let found = role(state, call)?;
            if !found.attached.is_empty() || !found.inline.is_empty() {
                let message = "Cannot delete entity, must detach all policies first.";
                return Err(AwsError::sender(409, "DeleteConflict", message));
            }
            let arn = found.arn.clone();
            state.world.roles.retain(|it| it.arn != arn);
        }
        "AttachRolePolicy" => {
            let arn = Arn::from(call.text("PolicyArn")?);
            if state.world.policy_document(arn.as_str()).is_none() {
                let message = format!("Policy {arn} does not exist or is not attachable.");
                return Err(AwsError::no_such_entity(message));
            }
            let attached = &mut role(state, call)?.attached;
            if !attached.contains(&arn) {
                attached.push(arn);
            }
        }
        "DetachRolePolicy" => {
            let arn = call.text("PolicyArn")?;
            let attached = &mut role(state, call)?.attached;
            let before = attached.len();
            attached.retain(|it| it.as_str() != arn);
            if before == attached.len() {
                return Err(AwsError::no_such_entity(format!("Policy {arn} was not found.")));
            }
        }
        "PutRolePolicy" => {
            let name: Text = call.text("PolicyName")?.into();
            let document = call.text("PolicyDocument")?;
            malformed(document, Kind::Identity)?;
            let inline = &mut role(state, call)?.inline;
            inline.retain(|(it, _)| *it != name);
            inline.push((name, document.into()));
        }
        "DeleteRolePolicy" => {
            let name = call.text("PolicyName")?;
            role(state, call)?.inline.retain(|(it, _)| &**it != name);
        }
        "PutRolePermissionsBoundary" => {
            role(state, call)?.boundary = Some(Arn::from(call.text("PermissionsBoundary")?));
        }
        "DeleteRolePermissionsBoundary" => role(state, call)?.boundary = None,
        "TagRole" => {
            let new = tags(call);
            let tags = &mut role(state, call)?.tags;
            tags.retain(|(key, _)| new.iter().all(|(it, _)| it != key));
            tags.extend(new);
        }
        "UntagRole" => {
            let keys = members(call, "TagKeys");
            role(state, call)?.tags.retain(|(key, _)| !keys.iter().any(|it| **it == **key));
        }
        "CreateOpenIDConnectProvider" => return create_provider(state, call, &account),
        "DeleteOpenIDConnectProvider" => {
            let arn = call.text("OpenIDConnectProviderArn")?;
            provider_of(&state.world, &account, arn)?;
            state.world.providers.retain(|it| it.arn().as_str() != arn);
        }
        "AddClientIDToOpenIDConnectProvider" => {
            let id: Text = call.text("ClientID")?.into();
            let ids = &mut provider(state, call, &account)?.client_ids;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        "RemoveClientIDFromOpenIDConnectProvider" => {
            let id = call.text("ClientID")?;
            provider(state, call, &account)?.client_ids.retain(|it| &**it != id);
        }
        "UpdateOpenIDConnectProviderThumbprint" => {
            let all = members(call, "ThumbprintList");
            provider(state, call, &account)?.thumbprints =
                all.iter().map(|it| (**it).into()).collect();
        }
        _ => return Err(AwsError::unknown_operation()),
    }
    Ok(Value::Null)
}

fn members(call: &Call<'_>, name: &str) -> Vec<String> {
    let prefix = format!("{name}.member.");
    let all = call.query.pairs().filter(|(key, _)| key.starts_with(&prefix));
    all.map(|(_, it)| it.to_owned()).collect()
}

fn tags(call: &Call<'_>) -> Vec<(Text, Text)> {
    let get = |i: usize, part: &str| call.query.raw(&format!("Tags.member.{i}.{part}"));
    (1..)
        .map_while(|i| Some((get(i, "Key")?.into(), get(i, "Value").unwrap_or_default().into())))
        .collect()
}

fn role<'a>(state: &'a mut State, call: &Call<'_>) -> Result<&'a mut Role, AwsError> {
    let (account, name) = (call.account()?, call.text("RoleName")?);
    let arn = find_role(&state.world, account, name).map(|it| it.arn.clone());
    let arn = arn.ok_or_else(|| no_such_role(name))?;
    state.world.roles.iter_mut().find(|it| it.arn == arn).ok_or_else(|| no_such_role(name))
}

fn provider<'a>(
    state: &'a mut State,
    call: &Call<'_>,
    account: &AccountId,
) -> Result<&'a mut Provider, AwsError> {
    let arn = call.text("OpenIDConnectProviderArn")?;
    provider_of(&state.world, account, arn)?;
    let found = state.world.providers.iter_mut().find(|it| it.arn().as_str() == arn);
    found.ok_or_else(|| {
        AwsError::no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
    })
}

fn malformed(document: &str, kind: Kind) -> Result<(), AwsError> {
    match Document::parse(document, kind).parsed {
        Ok(_) => Ok(()),
        Err(invalid) => {
            let message = match &*invalid.path {
                "" => format!("Syntax error in policy: {}", invalid.reason),
                path => format!("Syntax errors in policy: {path}: {}", invalid.reason),
            };
            Err(AwsError::sender(400, "MalformedPolicyDocument", message))
        }
    }
}

/// What IAM checks before it stores a trust policy.
fn trust(document: &str) -> Result<Text, AwsError> {
    let json: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = json["Statement"].as_array().cloned().unwrap_or_default();
    if statements.iter().any(|it| it.get("Resource").is_some()) {
        return Err(AwsError::sender(
            400,
            "MalformedPolicyDocument",
            "Has prohibited field Resource",
        ));
    }
    malformed(document, Kind::Trust)?;
    let policy = Document::parse(document, Kind::Trust).parsed;
    if policy.is_ok_and(|it| it.refused_federated().is_some()) {
        let message = "Federated principals must be valid domain names or SAML metadata ARNs";
        return Err(AwsError::sender(400, "MalformedPolicyDocument", message));
    }
    let n_chars = document.chars().filter(|it| !it.is_whitespace()).count();
    if n_chars > TRUST_LIMIT {
        let message = format!("Cannot exceed quota for ACLSizePerRole: {TRUST_LIMIT}");
        return Err(AwsError::sender(409, "LimitExceeded", message));
    }
    Ok(document.into())
}

fn create_role(state: &mut State, call: &Call<'_>, account: &AccountId) -> Result<Value, AwsError> {
    let name = call.text("RoleName")?;
    if find_role(&state.world, account, name).is_some() {
        let message = format!("Role with name {name} already exists.");
        return Err(AwsError::sender(409, "EntityAlreadyExists", message));
    }
    let path = call.query.get("Path").unwrap_or("/");
    let partition = state.world.cluster.partition();
    let arn = Arn::new(format!("arn:{partition}:iam::{account}:role{path}{name}"));
    let number = state.next();
    let role = Role {
        id: ids::role_id(&format!("{arn}#{number}")),
        trust: trust(call.text("AssumeRolePolicyDocument")?)?,
        attached: Vec::new(),
        inline: Vec::new(),
        boundary: call.query.get("PermissionsBoundary").map(Arn::from),
        max_session_seconds: call
            .query
            .get("MaxSessionDuration")
            .and_then(|it| it.parse().ok())
            .unwrap_or(3600),
        tags: tags(call),
        created: now(),
        last_used: None,
        last_used_region: None,
        arn,
    };
    debug_assert!(is_of(&role.arn, account));
    let res = json!({"Role": full(&role)});
    state.world.roles.push(role);
    Ok(res)
}

fn create_provider(
    state: &mut State,
    call: &Call<'_>,
    account: &AccountId,
) -> Result<Value, AwsError> {
    let url = call.text("Url")?;
    let bare = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let bare = bare.ok_or_else(|| {
        AwsError::sender(400, "ValidationError", "Invalid Open ID Connect Provider URL")
    })?;
    let provider = Provider {
        account: account.clone(),
        partition: state.world.cluster.partition(),
        url: bare.into(),
        client_ids: members(call, "ClientIDList").iter().map(|it| (**it).into()).collect(),
        thumbprints: members(call, "ThumbprintList").iter().map(|it| (**it).into()).collect(),
        created: now(),
    };
    let arn = provider.arn();
    if provider_of(&state.world, account, arn.as_str()).is_ok() {
        let message = format!("Provider with url {url} already exists.");
        return Err(AwsError::sender(409, "EntityAlreadyExists", message));
    }
    state.world.providers.push(provider);
    Ok(json!({"OpenIDConnectProviderArn": arn.as_str()}))
}
