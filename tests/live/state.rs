//! What MiniStack's API cannot make and its state file can: a cluster with an issuer as EKS writes it, things that are
//! older than a minute, what only EKS itself sets.

use crate::peers::MiniStack;
use idscope::{
    ident::{Arn, Timestamp},
    lab::scenario::{Cluster, World},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Replaces every cluster that MiniStack has by those of a world. With `deep`, what else a world has gets the ages and
/// the properties that no call sets.
pub fn restart(ministack: &mut MiniStack, world: &World, deep: bool) {
    ministack.restart_with(|iam, eks| {
        let clusters = std::iter::once(&world.cluster).chain(&world.other_clusters);
        let all = &mut eks["clusters"];
        *all = json!({"__account_region_scoped__": true, "data": {}});
        for it in clusters {
            let key = format!("{}\0{}\0'{}'", it.account, it.region, it.name);
            all["data"][key] = record(it);
        }
        eks["idp_configs"] = login(&world.cluster);
        if deep {
            date_iam(world, iam);
            complete_eks(world, eks);
        }
    });
}

/// How people log in to the cluster.
fn login(cluster: &Cluster) -> Value {
    let mut res = json!({"__account_region_scoped__": true, "data": {}});
    for it in &cluster.identity_providers {
        let key = format!("{}\0{}\0'{}\\x00{it}'", cluster.account, cluster.region, cluster.name);
        res["data"][key] = json!({"oidc": {"identityProviderConfigName": &**it, "clientId": "people",
            "issuerUrl": "https://login.example.com"}, "status": "ACTIVE", "tags": {}, "arn": ""});
    }
    res
}

/// Whether only the state file makes of MiniStack's objects what the world has.
pub fn is_needed(world: &World) -> bool {
    let set_by_eks = world
        .associations
        .iter()
        .any(|it| it.owner.is_some() || it.external_id.is_some() || it.modified != it.created);
    let broken = world.addons.iter().any(|it| {
        &*it.status != "ACTIVE" || !it.health_issues.is_empty() || !it.associations.is_empty()
    });
    let roles = world.roles.iter().map(|it| it.created);
    let providers = world.providers.iter().map(|it| it.created);
    let is_young = roles.chain(providers).any(|it| it < world.cluster.created);
    set_by_eks || broken || is_young || has_bare_pods(world)
}

/// Whether a pod of an association lacks what the webhook adds, so that it matters which of the two is older.
fn has_bare_pods(world: &World) -> bool {
    let associated: BTreeSet<(&str, &str)> = world
        .associations
        .iter()
        .map(|it| (&*it.service_account.namespace, &*it.service_account.name))
        .collect();
    world.objects.iter().filter(|it| it["kind"] == "Pod").any(|pod| {
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let (namespace, name) =
            (text(&pod["metadata"]["namespace"]), text(&pod["spec"]["serviceAccountName"]));
        associated.contains(&(namespace.as_str(), name.as_str()))
            && !pod["spec"].to_string().contains("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    })
}

/// As MiniStack writes a cluster down.
fn record(it: &Cluster) -> Value {
    let mut res = json!({
        "name": &*it.name,
        "arn": it.arn().as_str(),
        "createdAt": it.created.as_second(),
        "version": &*it.version,
        "endpoint": "https://localhost:16443",
        "roleArn": format!("arn:aws:iam::{}:role/cluster", it.account),
        "resourcesVpcConfig": {"subnetIds": ["subnet-1"], "securityGroupIds": [], "vpcId": "vpc-1",
            "endpointPublicAccess": true, "endpointPrivateAccess": false, "publicAccessCidrs": ["0.0.0.0/0"]},
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4"},
        "logging": {"clusterLogging": []},
        "status": "ACTIVE",
        "certificateAuthority": {"data": ""},
        "platformVersion": &*it.platform_version,
        "tags": pairs(&it.tags),
        "encryptionConfig": [],
        "accessConfig": {"authenticationMode": &*it.authentication_mode},
        "_creator_arn": null,
        "_auth_token": "suite",
        "_port": 16443,
    });
    if let Some(issuer) = &it.issuer {
        res["identity"] = json!({"oidc": {"issuer": &**issuer}});
    }
    if it.auto_mode || it.node_role.is_some() {
        res["computeConfig"] =
            json!({"enabled": it.auto_mode, "nodeRoleArn": it.node_role.as_ref().map(Arn::as_str)});
    }
    res
}

fn pairs(tags: &[(idscope::ident::Text, idscope::ident::Text)]) -> Value {
    tags.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect()
}

/// Gives associations the ids that the world has for them, which messages may name.
fn name_associations(data: &mut Value) {
    let Some(all) = data.as_object_mut() else { return };
    for (key, mut it) in std::mem::take(all) {
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let (is, wanted) = (text(&it["associationId"]), text(&it["wanted"]));
        if let Some(it) = it.as_object_mut() {
            it.shift_remove("wanted");
        }
        if is.is_empty() || wanted.is_empty() {
            all.insert(key, it);
            continue;
        }
        it["associationArn"] = text(&it["associationArn"]).replace(&is, &wanted).into();
        it["associationId"] = wanted.as_str().into();
        all.insert(key.replace(&is, &wanted), it);
    }
}

fn date_iam(world: &World, iam: &mut Value) {
    let written = |at: Timestamp| Value::from(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let of_arn = |arn: &str| {
        let roles = world.roles.iter().map(|it| (it.arn.to_string(), it.created));
        let providers = world.providers.iter().map(|it| (it.arn().to_string(), it.created));
        roles.chain(providers).find(|(it, _)| it == arn).map(|(_, created)| created)
    };
    for kind in ["roles", "oidc_providers"] {
        for (_, it) in iam[kind]["data"].as_object_mut().into_iter().flatten() {
            if let Some(created) = it["Arn"].as_str().and_then(of_arn) {
                it["CreateDate"] = written(created);
            }
        }
    }
}

fn complete_eks(world: &World, eks: &mut Value) {
    let associations = eks["pod_identity_associations"]["data"].as_object_mut();
    for (_, it) in associations.into_iter().flatten() {
        let wanted = world.associations.iter().find(|wanted| {
            it["clusterName"] == *wanted.cluster
                && it["namespace"] == *wanted.service_account.namespace
                && it["serviceAccount"] == *wanted.service_account.name
        });
        let Some(wanted) = wanted else { continue };
        it["createdAt"] = wanted.created.as_second().into();
        it["modifiedAt"] = wanted.modified.as_second().into();
        if let Some(owner) = &wanted.owner {
            it["ownerArn"] = owner.as_str().into();
        }
        if let Some(external_id) = &wanted.external_id {
            it["externalId"] = Value::from(&**external_id);
        }
        it["wanted"] = Value::from(&*wanted.id);
    }
    name_associations(&mut eks["pod_identity_associations"]["data"]);
    for (_, it) in eks["addons"]["data"].as_object_mut().into_iter().flatten() {
        let wanted = world.addons.iter().find(|wanted| it["addonName"] == *wanted.name);
        let Some(wanted) = wanted else { continue };
        it["status"] = Value::from(&*wanted.status);
        it["createdAt"] = wanted.created.as_second().into();
        let issue = |(code, message): &(_, _)| json!({"code": *code, "message": *message});
        let issues: Vec<Value> = wanted.health_issues.iter().map(issue).collect();
        it["health"] = json!({ "issues": issues });
        it["podIdentityAssociations"] =
            wanted.associations.iter().map(|it| Value::from(it.as_str())).collect();
    }
}
