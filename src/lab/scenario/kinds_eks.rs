//! The kinds of a cluster's parts: add-ons, node groups, instances, access entries.

use crate::{
    ident::{Arn, Timestamp},
    lab::scenario::{
        AccessEntry, Addon, Instance, Nodegroup, ScenarioError,
        node::{Fields, Node},
        values::document,
    },
};

pub fn addon(node: &Node, now: Timestamp) -> Result<Addon, ScenarioError> {
    let known = [
        "apiVersion",
        "kind",
        "name",
        "version",
        "status",
        "serviceAccountRoleArn",
        "podIdentityAssociations",
        "healthIssues",
        "configurationValues",
    ];
    let it = Fields::read(node, "Addon", &known)?;
    let issue = |node: &Node| {
        let it = Fields::read(node, "healthIssues", &["code", "message"])?;
        Ok((it.text("code")?, it.text_opt("message")?.unwrap_or_default()))
    };
    Ok(Addon {
        name: it.text("name")?,
        version: it.text_opt("version")?.unwrap_or_else(|| "v1.0.0-eksbuild.1".into()),
        status: it.text_opt("status")?.unwrap_or_else(|| "ACTIVE".into()),
        service_account_role: it.arn_opt("serviceAccountRoleArn")?,
        associations: it.texts("podIdentityAssociations")?.into_iter().map(Arn::new).collect(),
        health_issues: it
            .list("healthIssues")?
            .iter()
            .map(issue)
            .collect::<Result<_, ScenarioError>>()?,
        configuration: it
            .node("configurationValues")
            .map(|it| document(it, "configurationValues"))
            .transpose()?,
        created: now,
    })
}

pub fn nodegroup(node: &Node, now: Timestamp) -> Result<Nodegroup, ScenarioError> {
    let it = Fields::read(node, "Nodegroup", &["apiVersion", "kind", "name", "nodeRole", "nodes"])?;
    let nodes = it.node("nodes").map(|_| it.texts("nodes")).transpose()?;
    Ok(Nodegroup { name: it.text("name")?, node_role: it.arn("nodeRole")?, nodes, created: now })
}

pub fn instance(node: &Node) -> Result<Instance, ScenarioError> {
    let known = [
        "apiVersion",
        "kind",
        "id",
        "instanceProfileRole",
        "httpEndpoint",
        "httpTokens",
        "httpPutResponseHopLimit",
    ];
    let it = Fields::read(node, "Instance", &known)?;
    let one_of = |key: &str, words: [&'static str; 2]| match it.text_opt(key)? {
        None => Ok(None),
        Some(word) if words.contains(&&*word) => Ok(Some(word)),
        Some(_) => Err(it.required(key)?.wrong(format!("`{}` or `{}`", words[0], words[1]))),
    };
    Ok(Instance {
        id: it.text("id")?,
        profile_role: it.arn_opt("instanceProfileRole")?,
        http_endpoint: one_of("httpEndpoint", ["enabled", "disabled"])?
            .unwrap_or_else(|| "enabled".into()),
        http_tokens: one_of("httpTokens", ["required", "optional"])?
            .unwrap_or_else(|| "required".into()),
        hop_limit: it.count("httpPutResponseHopLimit")?.unwrap_or(2),
    })
}

pub fn access_entry(node: &Node, now: Timestamp) -> Result<AccessEntry, ScenarioError> {
    let known = ["apiVersion", "kind", "principalArn", "type", "username", "groups", "policies"];
    let it = Fields::read(node, "AccessEntry", &known)?;
    let principal = it.arn("principalArn")?;
    let policy = |node: &Node| {
        let it = Fields::read(node, "policies", &["policyArn", "namespaces"])?;
        Ok((it.arn("policyArn")?, it.texts("namespaces")?))
    };
    Ok(AccessEntry {
        kind: it.text_opt("type")?.unwrap_or_else(|| "STANDARD".into()),
        username: match it.text_opt("username")? {
            Some(it) => it,
            None => principal.text().clone(),
        },
        groups: it.texts("groups")?,
        policies: it.list("policies")?.iter().map(policy).collect::<Result<_, ScenarioError>>()?,
        created: now,
        principal,
    })
}
