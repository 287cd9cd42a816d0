//! IAM, the reading half: roles, providers, policies, in pages of a hundred.

use crate::{
    iam::{self, Caller, Context, Decision},
    ident::{AccountId, Arn},
    lab::{
        admission::seconds,
        aws::{Call, error::AwsError, sts::role_of_session},
        encode::{base64_decode, base64_url, percent_encode},
        ids,
        scenario::{Provider, Role, World},
        state::State,
    },
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PAGE: usize = 100;

/// `None`: the operation is none of these.
pub fn answer(state: &State, call: &Call<'_>, operation: &str) -> Result<Option<Value>, AwsError> {
    let world = &state.world;
    let account = call.account()?;
    let role = || role_of(world, call);
    Ok(Some(match operation {
        "ListRoles" => {
            let prefix = call.query.get("PathPrefix").unwrap_or("/");
            let mut all: Vec<&Role> =
                world.roles.iter().filter(|it| is_of(&it.arn, account)).collect();
            all.retain(|it| path_of(&it.arn).starts_with(prefix));
            all.sort_by(|a, b| a.arn.cmp(&b.arn));
            page(call, "Roles", all.into_iter().map(brief).collect())?
        }
        "GetRole" => json!({"Role": full(role()?)}),
        "GetAccountAuthorizationDetails" => details(world, call, account)?,
        "ListRoleTags" => page(call, "Tags", tags(&role()?.tags))?,
        "ListAttachedRolePolicies" => {
            let attached = role()?.attached.iter();
            let all = attached.map(
                |it| json!({"PolicyName": it.name().unwrap_or_default(), "PolicyArn": it.as_str()}),
            );
            page(call, "AttachedPolicies", all.collect())?
        }
        "ListRolePolicies" => {
            let names = role()?.inline.iter().map(|(it, _)| Value::from(&**it)).collect();
            page(call, "PolicyNames", names)?
        }
        "GetRolePolicy" => {
            let (role, name) = (role()?, call.text("PolicyName")?);
            let found = role.inline.iter().find(|(it, _)| &**it == name);
            let (_, document) = found.ok_or_else(|| {
                AwsError::no_such_entity(format!(
                    "The role policy with name {name} cannot be found."
                ))
            })?;
            json!({"RoleName": role.arn.name(), "PolicyName": name, "PolicyDocument": percent_encode(document)})
        }
        "GetPolicy" => {
            let arn = call.text("PolicyArn")?;
            policy_document(world, arn)?;
            json!({"Policy": {"PolicyName": Arn::from(arn).name(), "PolicyId": ids::policy_id(arn), "Arn": arn,
                "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1, "IsAttachable": true,
                "CreateDate": "2015-02-06T18:40:58Z", "UpdateDate": "2015-02-06T18:40:58Z"}})
        }
        "GetPolicyVersion" => {
            let arn = call.text("PolicyArn")?;
            let document = policy_document(world, arn)?;
            let version = call.text("VersionId")?;
            if version != "v1" {
                let message =
                    format!("Policy {arn} version {version} does not exist or is not attachable.");
                return Err(AwsError::no_such_entity(message));
            }
            json!({"PolicyVersion": {"Document": percent_encode(document), "VersionId": "v1",
                "IsDefaultVersion": true, "CreateDate": "2015-02-06T18:40:58Z"}})
        }
        "ListPolicyVersions" => {
            policy_document(world, call.text("PolicyArn")?)?;
            page(
                call,
                "Versions",
                vec![json!({"VersionId": "v1", "IsDefaultVersion": true,
                "CreateDate": "2015-02-06T18:40:58Z"})],
            )?
        }
        "ListOpenIDConnectProviders" => {
            let own = world.providers.iter().filter(|it| it.account == *account);
            let all: Vec<Value> = own.map(|it| json!({"Arn": it.arn().as_str()})).collect();
            json!({"OpenIDConnectProviderList": all})
        }
        "GetOpenIDConnectProvider" => {
            let it = provider_of(world, account, call.text("OpenIDConnectProviderArn")?)?;
            json!({"Url": &*it.url, "ClientIDList": it.client_ids.iter().map(|it| &**it).collect::<Vec<_>>(),
                "ThumbprintList": it.thumbprints.iter().map(|it| &**it).collect::<Vec<_>>(),
                "CreateDate": seconds(it.created), "Tags": []})
        }
        "ListAccountAliases" => json!({"AccountAliases": [], "IsTruncated": false}),
        "GetInstanceProfile" => instance_profile(world, call)?,
        "SimulatePrincipalPolicy" => simulate(world, call)?,
        _ => return Ok(None),
    }))
}

pub fn is_of(arn: &Arn, account: &AccountId) -> bool {
    arn.account().as_ref() == Some(account)
}

/// `/` or `/team/app/`.
fn path_of(arn: &Arn) -> String {
    let resource = arn.parts().map(|it| it.resource).unwrap_or_default();
    let path = resource.strip_prefix("role").unwrap_or(resource);
    path.rsplit_once('/').map_or("/".into(), |(it, _)| format!("{it}/"))
}

/// Names are unique in an account whatever their path, and compare without regard to case.
pub fn find_role<'a>(world: &'a World, account: &AccountId, name: &str) -> Option<&'a Role> {
    world.roles.iter().find(|it| {
        is_of(&it.arn, account) && it.arn.name().is_some_and(|it| it.eq_ignore_ascii_case(name))
    })
}

fn role_of<'a>(world: &'a World, call: &Call<'_>) -> Result<&'a Role, AwsError> {
    let name = call.text("RoleName")?;
    find_role(world, call.account()?, name).ok_or_else(|| no_such_role(name))
}

pub fn no_such_role(name: &str) -> AwsError {
    AwsError::no_such_entity(format!("The role with name {name} cannot be found."))
}

pub fn provider_of<'a>(
    world: &'a World,
    account: &AccountId,
    arn: &str,
) -> Result<&'a Provider, AwsError> {
    let own = world.providers.iter().filter(|it| it.account == *account);
    own.into_iter().find(|it| it.arn().as_str() == arn).ok_or_else(|| {
        AwsError::no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
    })
}

fn policy_document<'a>(world: &'a World, arn: &str) -> Result<&'a str, AwsError> {
    world.policy_document(arn).ok_or_else(|| {
        AwsError::no_such_entity(format!("Policy {arn} does not exist or is not attachable."))
    })
}

fn brief(role: &Role) -> Value {
    json!({"Path": path_of(&role.arn), "RoleName": role.arn.name(), "RoleId": &*role.id,
        "Arn": role.arn.as_str(), "CreateDate": seconds(role.created),
        "AssumeRolePolicyDocument": percent_encode(&role.trust), "Description": "",
        "MaxSessionDuration": role.max_session_seconds})
}

/// What only GetRole tells comes on top.
pub fn full(role: &Role) -> Value {
    let mut res = brief(role);
    if let Some(arn) = &role.boundary {
        res["PermissionsBoundary"] = json!({"PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": arn.as_str()});
    }
    if !role.tags.is_empty() {
        res["Tags"] = tags(&role.tags).into();
    }
    res["RoleLastUsed"] = json!({"LastUsedDate": role.last_used.map(seconds),
        "Region": role.last_used_region.as_deref()});
    res
}

/// Roles with their policies and the account's own managed policies, as far as the filter lets them in; users and groups
/// there are none.
fn details(world: &World, call: &Call<'_>, account: &AccountId) -> Result<Value, AwsError> {
    let filter: Vec<&str> = call
        .query
        .pairs()
        .filter(|(key, _)| key.starts_with("Filter.member."))
        .map(|(_, it)| it)
        .collect();
    let wants = |what: &str| filter.is_empty() || filter.contains(&what);
    let mut roles: Vec<&Role> = world.roles.iter().filter(|it| is_of(&it.arn, account)).collect();
    roles.retain(|_| wants("Role"));
    roles.sort_by(|a, b| a.arn.cmp(&b.arn));
    let attached = world.roles.iter().flat_map(|it| &it.attached);
    let own = attached.filter(|it| is_of(it, account) && wants("LocalManagedPolicy"));
    let own: BTreeSet<&Arn> = own.collect();
    let n_roles = roles.len();
    let policies = own.into_iter().filter_map(|arn| {
        let document = world.policy_document(arn.as_str())?;
        Some(json!({"PolicyName": arn.name(), "Arn": arn.as_str(), "PolicyId": ids::policy_id(arn.as_str()),
            "Path": "/", "DefaultVersionId": "v1", "PolicyVersionList": [{"VersionId": "v1",
            "IsDefaultVersion": true, "Document": percent_encode(document)}]}))
    });
    let all: Vec<Value> = roles.into_iter().map(detail).chain(policies).collect();
    let indices = (0..all.len()).map(Value::from).collect();
    let mut res = page(call, "Items", indices)?;
    let on_page = res["Items"].take();
    let indices = on_page.as_array().into_iter().flatten().filter_map(Value::as_u64);
    let (roles, policies): (Vec<usize>, Vec<usize>) =
        indices.map(|it| it as usize).partition(|it| *it < n_roles);
    let pick = |of: Vec<usize>| of.into_iter().map(|it| all[it].clone()).collect::<Vec<_>>();
    res["UserDetailList"] = json!([]);
    res["GroupDetailList"] = json!([]);
    res["RoleDetailList"] = pick(roles).into();
    res["Policies"] = pick(policies).into();
    Ok(res)
}

fn detail(role: &Role) -> Value {
    let mut res = full(role);
    let inline = role.inline.iter();
    res["RolePolicyList"] = inline
        .map(|(name, it)| json!({"PolicyName": &**name, "PolicyDocument": percent_encode(it)}))
        .collect::<Vec<_>>()
        .into();
    let attached = role.attached.iter();
    res["AttachedManagedPolicies"] = attached
        .map(|it| json!({"PolicyName": it.name().unwrap_or_default(), "PolicyArn": it.as_str()}))
        .collect::<Vec<_>>()
        .into();
    res["InstanceProfileList"] = json!([]);
    // Only ListRoles and GetRole tell these.
    for it in ["Description", "MaxSessionDuration"] {
        res[it] = Value::Null;
    }
    res
}

fn tags(tags: &[(crate::ident::Text, crate::ident::Text)]) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({"Key": &**key, "Value": &**value})).collect()
}

/// IAM's paging: `MaxItems` (100 when not given), an opaque `Marker`.
fn page(call: &Call<'_>, name: &str, all: Vec<Value>) -> Result<Value, AwsError> {
    let size = match call.query.get("MaxItems").map(str::parse::<usize>) {
        None => PAGE,
        Some(Ok(it @ 1..=1000)) => it,
        Some(_) => {
            return Err(AwsError::validation(
                "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have \
                 value between 1 and 1000",
            ));
        }
    };
    let wrong = || AwsError::validation("Invalid Marker");
    let start = match call.query.get("Marker") {
        None => 0,
        Some(it) => {
            let bytes = base64_decode(it).ok_or_else(wrong)?;
            let text = String::from_utf8(bytes).map_err(|_| wrong())?;
            text.strip_prefix("lab:").and_then(|it| it.parse().ok()).ok_or_else(wrong)?
        }
    };
    let end = (start + size).min(all.len());
    let items: Vec<Value> = all.get(start..end).unwrap_or_default().to_vec();
    let more = end < all.len();
    let mut res = json!({name: items, "IsTruncated": more});
    if more {
        res["Marker"] = base64_url(format!("lab:{end}").as_bytes()).into();
    }
    Ok(res)
}

fn instance_profile(world: &World, call: &Call<'_>) -> Result<Value, AwsError> {
    let (account, name) = (call.account()?, call.text("InstanceProfileName")?);
    let known = world.instances.iter().filter_map(|it| it.profile_role.as_ref());
    let arn = known.into_iter().find(|it| it.name() == Some(name)).ok_or_else(|| {
        AwsError::no_such_entity(format!("Instance Profile {name} cannot be found."))
    })?;
    let role = world.role(arn).map(brief);
    let partition = world.cluster.partition();
    Ok(json!({"InstanceProfile": {"InstanceProfileName": name, "Path": "/",
        "InstanceProfileId": ids::policy_id(name), "Arn": format!("arn:{partition}:iam::{account}:instance-profile/{name}"),
        "CreateDate": seconds(world.cluster.created), "Roles": role.into_iter().collect::<Vec<_>>()}}))
}

/// Attached and inline policies against each action and resource; no boundaries, no organisation.
fn simulate(world: &World, call: &Call<'_>) -> Result<Value, AwsError> {
    let arn = Arn::from(call.text("PolicySourceArn")?);
    let account = call.account()?.clone();
    let caller = call.principal.as_ref().map(|it| role_of_session(&it.arn));
    // What the caller may do is said by the scenario's `Caller`, not by policies.
    let is_caller = caller.is_some_and(|it| it == arn);
    let documents: Vec<iam::Document> = match world.role(&arn) {
        _ if is_caller => Vec::new(),
        Some(role) => {
            let attached = role.attached.iter().filter_map(|it| world.policy_document(it.as_str()));
            attached
                .chain(role.inline.iter().map(|(_, it)| &**it))
                .map(|it| iam::Document::parse(it, iam::Kind::Identity))
                .collect()
        }
        None => return Err(no_such_role(arn.name().unwrap_or_default())),
    };
    let members = |prefix: &str| -> Vec<String> {
        let prefix = format!("{prefix}.member.");
        let all = call.query.pairs().filter(|(key, _)| key.starts_with(&prefix));
        all.map(|(_, it)| it.to_owned()).collect()
    };
    let mut resources = members("ResourceArns");
    if resources.is_empty() {
        resources.push("*".into());
    }
    let mut results = Vec::new();
    for action in members("ActionNames") {
        for resource in &resources {
            let request = iam::Request {
                action: action.as_str().into(),
                caller: Caller::AwsRole { arn: arn.clone(), account: account.clone() },
                resource: Some(resource.as_str().into()),
                context: Context::default(),
            };
            let decisions: Vec<Decision> = documents
                .iter()
                .filter_map(|it| it.parsed.as_ref().ok())
                .map(|it| iam::evaluate(it, &request).decision)
                .collect();
            let named = Some(resource.as_str()).filter(|it| *it != "*");
            let word = if is_caller {
                if world.caller.denies(&action, named) { "implicitDeny" } else { "allowed" }
            } else if decisions.iter().any(|it| matches!(it, Decision::ExplicitDeny)) {
                "explicitDeny"
            } else if decisions.iter().any(|it| matches!(it, Decision::Allow)) {
                "allowed"
            } else {
                "implicitDeny"
            };
            results.push(
                json!({"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": word,
                "MatchedStatements": [], "MissingContextValues": []}),
            );
        }
    }
    Ok(json!({"EvaluationResults": results, "IsTruncated": false}))
}
