//! EKS's REST API: clusters, add-ons, node groups, access entries. Associations are in `associations`.

use crate::{
    ident::{Arn, Timestamp},
    lab::{
        aws::{Call, associations, error::AwsError},
        changes_eks::endpoint_id,
        encode::{base64, base64_decode, base64_url},
        scenario::{Addon, Cluster, Nodegroup},
        state::{Shared, State},
    },
};
use http::Method;
use serde_json::{Value, json};

/// Method, path below `clusters/NAME` (`*` is any segment) and operation.
const OPERATIONS: [(&str, &[&str], &str); 20] = [
    ("GET", &[], "eks:DescribeCluster"),
    ("GET", &["pod-identity-associations"], "eks:ListPodIdentityAssociations"),
    ("POST", &["pod-identity-associations"], "eks:CreatePodIdentityAssociation"),
    ("GET", &["pod-identity-associations", "*"], "eks:DescribePodIdentityAssociation"),
    ("POST", &["pod-identity-associations", "*"], "eks:UpdatePodIdentityAssociation"),
    ("DELETE", &["pod-identity-associations", "*"], "eks:DeletePodIdentityAssociation"),
    ("GET", &["addons"], "eks:ListAddons"),
    ("POST", &["addons"], "eks:CreateAddon"),
    ("GET", &["addons", "*"], "eks:DescribeAddon"),
    ("DELETE", &["addons", "*"], "eks:DeleteAddon"),
    ("GET", &["node-groups"], "eks:ListNodegroups"),
    ("GET", &["node-groups", "*"], "eks:DescribeNodegroup"),
    ("GET", &["access-entries"], "eks:ListAccessEntries"),
    ("GET", &["access-entries", "*"], "eks:DescribeAccessEntry"),
    ("GET", &["access-entries", "*", "access-policies"], "eks:ListAssociatedAccessPolicies"),
    ("GET", &["fargate-profiles"], "eks:ListFargateProfiles"),
    ("GET", &["identity-provider-configs"], "eks:ListIdentityProviderConfigs"),
    ("GET", &["updates"], "eks:ListUpdates"),
    ("POST", &["assume-role-for-pod-identity"], "eks-auth:AssumeRoleForPodIdentity"),
    ("POST", &["assets"], "eks-auth:AssumeRoleForPodIdentity"),
];

/// `None`: no operation has this method and path.
pub fn operation(method: &Method, segments: &[String]) -> Option<&'static str> {
    let [first, rest @ ..] = segments else { return None };
    if first != "clusters" {
        return None;
    }
    let Some((_, rest)) = rest.split_first() else {
        return (method == Method::GET).then_some("eks:ListClusters");
    };
    let fits = |path: &[&str]| {
        path.len() == rest.len()
            && path.iter().zip(rest).all(|(want, it)| *want == "*" || want == it)
    };
    OPERATIONS
        .iter()
        .find(|(it, path, _)| *it == method.as_str() && fits(path))
        .map(|(_, _, it)| *it)
}

/// The ARN that refusals and faults go by.
pub fn resource(state: &State, call: &Call<'_>, operation: &str) -> Option<String> {
    let name = call.path.get(1)?;
    let cluster = find_cluster(state, call, name)?;
    let whole = cluster.arn().to_string();
    let part = match operation {
        "DescribePodIdentityAssociation"
        | "UpdatePodIdentityAssociation"
        | "DeletePodIdentityAssociation" => "podidentityassociation",
        _ => return Some(whole),
    };
    Some(format!("{}/{}", whole.replace(":cluster/", &format!(":{part}/")), call.path.get(3)?))
}

/// Clusters are seen by the account that has them, in the region that is asked.
fn clusters<'a>(state: &'a State, call: &'a Call<'_>) -> impl Iterator<Item = &'a Cluster> {
    let world = &state.world;
    std::iter::once(&world.cluster).chain(&world.other_clusters).filter(|it| {
        let own = call.principal.as_ref().is_none_or(|caller| caller.account == it.account);
        own && *it.region == *call.region
    })
}

fn find_cluster<'a>(state: &'a State, call: &'a Call<'_>, name: &str) -> Option<&'a Cluster> {
    clusters(state, call).find(|it| *it.name == *name)
}

pub fn cluster<'a>(state: &'a State, call: &'a Call<'_>) -> Result<&'a Cluster, AwsError> {
    let name = call.path.get(1).map(String::as_str).unwrap_or_default();
    find_cluster(state, call, name)
        .ok_or_else(|| AwsError::not_found(format!("No cluster found for name: {name}.")))
}

pub fn answer(shared: &Shared, state: &mut State, call: &Call<'_>) -> Result<Value, AwsError> {
    if call.operation() == "ListClusters" {
        let mut names: Vec<Value> =
            clusters(state, call).map(|it| Value::from(&*it.name)).collect();
        names.sort_by_key(|it| it.as_str().map(str::to_owned));
        return page(call, "clusters", names);
    }
    let cluster = cluster(state, call)?.clone();
    // What a file does not say of another cluster does not exist there.
    let is_home =
        cluster.name == state.world.cluster.name && cluster.region == state.world.cluster.region;
    let third = call.path.get(3).map(String::as_str).unwrap_or_default();
    let addons: &[Addon] = if is_home { &state.world.addons } else { &[] };
    let groups: &[Nodegroup] = if is_home { &state.world.nodegroups } else { &[] };
    let entries = if is_home { &*state.world.access_entries } else { &[] };
    match call.operation() {
        "DescribeCluster" => Ok(json!({"cluster": describe(shared, &cluster, is_home)})),
        "ListAddons" => {
            page(call, "addons", addons.iter().map(|it| Value::from(&*it.name)).collect())
        }
        "DescribeAddon" => {
            let found = addons.iter().find(|it| *it.name == *third);
            let found = found.ok_or_else(|| {
                AwsError::not_found(format!("No addon: {third} found in cluster: {}", cluster.name))
            })?;
            Ok(json!({"addon": addon(found, &cluster)}))
        }
        "ListNodegroups" => {
            page(call, "nodegroups", groups.iter().map(|it| Value::from(&*it.name)).collect())
        }
        "DescribeNodegroup" => {
            let found = groups.iter().find(|it| *it.name == *third);
            let found = found.ok_or_else(|| {
                AwsError::not_found(format!("No node group found for name: {third}."))
            })?;
            Ok(json!({"nodegroup": nodegroup(found, &cluster)}))
        }
        "ListAccessEntries" => page(
            call,
            "accessEntries",
            entries.iter().map(|it| it.principal.as_str().into()).collect(),
        ),
        "DescribeAccessEntry" | "ListAssociatedAccessPolicies" => {
            let found = entries.iter().find(|it| it.principal.as_str() == third).ok_or_else(|| {
                AwsError::not_found(format!(
                    "The specified principalArn could not be found. You can view your available access entries with \
                     'list-access-entries': {third}"
                ))
            })?;
            if call.operation() == "DescribeAccessEntry" {
                let arn = format!("{}/access-entry", cluster.arn());
                return Ok(
                    json!({"accessEntry": {"clusterName": &*cluster.name, "principalArn": third,
                    "kubernetesGroups": texts(&found.groups), "accessEntryArn": arn, "type": &*found.kind,
                    "username": &*found.username, "createdAt": epoch(found.created),
                    "modifiedAt": epoch(found.created), "tags": {}}}),
                );
            }
            let policies: Vec<Value> = found
                .policies
                .iter()
                .map(|(arn, namespaces)| {
                    let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
                    json!({"policyArn": arn.as_str(), "associatedAt": epoch(found.created),
                        "accessScope": {"type": kind, "namespaces": texts(namespaces)}})
                })
                .collect();
            Ok(json!({"clusterName": &*cluster.name, "principalArn": third,
                "associatedAccessPolicies": policies}))
        }
        "CreateAddon" | "DeleteAddon" => change_addon(state, call, &cluster, third),
        "ListFargateProfiles" => page(call, "fargateProfileNames", Vec::new()),
        "ListIdentityProviderConfigs" => {
            let names = cluster.identity_providers.iter();
            let configs = names.map(|it| json!({"type": "oidc", "name": &**it}));
            page(call, "identityProviderConfigs", configs.collect())
        }
        "ListUpdates" => page(call, "updateIds", Vec::new()),
        _ => associations::answer(shared, state, call, &cluster),
    }
}

fn change_addon(
    state: &mut State,
    call: &Call<'_>,
    cluster: &Cluster,
    name: &str,
) -> Result<Value, AwsError> {
    if call.operation() == "DeleteAddon" {
        let at = state.world.addons.iter().position(|it| *it.name == *name);
        let at = at.ok_or_else(|| {
            AwsError::not_found(format!("No addon: {name} found in cluster: {}", cluster.name))
        })?;
        let gone = state.world.addons.remove(at);
        return Ok(json!({"addon": addon(&gone, cluster)}));
    }
    let body = call.json()?;
    let name = body["addonName"].as_str().unwrap_or_default();
    if state.world.addons.iter().any(|it| *it.name == *name) {
        let message = "Addon already exists.";
        return Err(AwsError::sender(409, "ResourceInUseException", message));
    }
    let new = Addon {
        name: name.into(),
        version: body["addonVersion"].as_str().unwrap_or("v1.3.10-eksbuild.2").into(),
        status: "ACTIVE".into(),
        service_account_role: body["serviceAccountRoleArn"].as_str().map(Arn::from),
        associations: Vec::new(),
        health_issues: Vec::new(),
        configuration: body["configurationValues"].as_str().map(Into::into),
        created: crate::lab::state::now(),
    };
    let res = json!({"addon": addon(&new, cluster)});
    state.world.addons.push(new);
    Ok(res)
}

/// EKS writes times as seconds since the epoch.
pub fn epoch(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

fn texts(all: &[crate::ident::Text]) -> Vec<&str> {
    all.iter().map(|it| &**it).collect()
}

pub fn tags(all: &[(crate::ident::Text, crate::ident::Text)]) -> Value {
    all.iter().map(|(key, value)| ((**key).to_owned(), Value::from(&**value))).collect()
}

fn describe(shared: &Shared, it: &Cluster, is_home: bool) -> Value {
    let endpoint = match is_home {
        true => shared.kube_url.clone(),
        false => format!("https://{}.gr7.{}.eks.amazonaws.com", endpoint_id(it), it.region),
    };
    let certificate = "-----BEGIN CERTIFICATE-----\nlab\n-----END CERTIFICATE-----\n";
    let identity = it.issuer.as_deref().map(|it| json!({"oidc": {"issuer": it}}));
    json!({
        "name": &*it.name, "arn": it.arn().as_str(), "createdAt": epoch(it.created),
        "version": &*it.version, "platformVersion": &*it.platform_version, "status": "ACTIVE",
        "endpoint": endpoint, "identity": identity,
        "roleArn": format!("arn:{}:iam::{}:role/eks-cluster", it.partition(), it.account),
        "certificateAuthority": {"data": base64(certificate.as_bytes())},
        "accessConfig": {"authenticationMode": &*it.authentication_mode},
        "computeConfig": {"enabled": it.auto_mode, "nodePools": [],
            "nodeRoleArn": it.node_role.as_ref().map(Arn::as_str)},
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4"},
        "resourcesVpcConfig": {"subnetIds": [], "securityGroupIds": [], "vpcId": "vpc-00000000000000001",
            "endpointPublicAccess": true, "endpointPrivateAccess": true, "publicAccessCidrs": ["0.0.0.0/0"]},
        "health": {"issues": []}, "tags": tags(&it.tags),
    })
}

fn part_arn(cluster: &Cluster, part: &str, name: &str) -> String {
    let whole = cluster.arn().to_string().replace(":cluster/", &format!(":{part}/"));
    format!("{whole}/{name}/00000000-0000-4000-8000-000000000000")
}

fn addon(it: &Addon, cluster: &Cluster) -> Value {
    let issues: Vec<Value> = it
        .health_issues
        .iter()
        .map(|(code, message)| json!({"code": &**code, "message": &**message, "resourceIds": []}))
        .collect();
    json!({"addonName": &*it.name, "clusterName": &*cluster.name, "status": &*it.status,
        "addonVersion": &*it.version, "health": {"issues": issues},
        "addonArn": part_arn(cluster, "addon", &it.name), "createdAt": epoch(it.created),
        "modifiedAt": epoch(it.created),
        "serviceAccountRoleArn": it.service_account_role.as_ref().map(Arn::as_str), "tags": {},
        "configurationValues": it.configuration.as_deref(),
        "podIdentityAssociations": it.associations.iter().map(Arn::as_str).collect::<Vec<_>>()})
}

fn nodegroup(it: &Nodegroup, cluster: &Cluster) -> Value {
    json!({"nodegroupName": &*it.name, "clusterName": &*cluster.name, "status": "ACTIVE",
        "nodegroupArn": part_arn(cluster, "nodegroup", &it.name), "nodeRole": it.node_role.as_str(),
        "version": &*cluster.version, "capacityType": "ON_DEMAND", "amiType": "AL2023_x86_64_STANDARD",
        "instanceTypes": ["m6i.large"], "subnets": [], "health": {"issues": []}, "tags": {},
        "scalingConfig": {"minSize": 1, "maxSize": 10, "desiredSize": 2},
        "createdAt": epoch(it.created), "modifiedAt": epoch(it.created)})
}

/// EKS's paging: `maxResults` (1 to 100, 100 when not given) and `nextToken`.
pub fn page(call: &Call<'_>, name: &str, all: Vec<Value>) -> Result<Value, AwsError> {
    let size = match call.query.get("maxResults").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(it @ 1..=100)) => it,
        Some(_) => return Err(AwsError::invalid_parameter("maxResults must be between 1 and 100")),
    };
    let wrong = || AwsError::invalid_parameter("Invalid nextToken");
    let start = match call.query.get("nextToken") {
        None => 0,
        Some(it) => {
            let text =
                String::from_utf8(base64_decode(it).ok_or_else(wrong)?).map_err(|_| wrong())?;
            text.strip_prefix("lab:").and_then(|it| it.parse().ok()).ok_or_else(wrong)?
        }
    };
    let end = (start + size).min(all.len());
    let next = (end < all.len()).then(|| base64_url(format!("lab:{end}").as_bytes()));
    let items: Vec<Value> = all.get(start..end).unwrap_or_default().to_vec();
    Ok(json!({name: items, "nextToken": next}))
}
