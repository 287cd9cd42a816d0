//! The lab's own kinds: which keys each has, which are required, and what they must look like.

use crate::{
    ident::{AccountId, Arn, Partition, SaKey, Text, Timestamp},
    lab::scenario::{
        AccessEntry, Addon, Answer, Churn, DenyAws, Draft, Fault, Instance, Nodegroup, Policy,
        Role, ScenarioError,
        node::{At, Fields, Node, Shape, text},
    },
};
use std::time::Duration;

/// Something whose creation time the file may have left open.
#[derive(Clone, Debug)]
pub struct Aged<T> {
    pub at: At,
    pub created: Option<Timestamp>,
    pub it: T,
}

#[derive(Clone, Debug)]
pub struct ClusterDoc {
    pub name: Text,
    pub account: AccountId,
    pub region: Text,
    pub issuer: Option<Text>,
    pub published_issuer: Option<Text>,
    pub version: Option<Text>,
    pub platform_version: Option<Text>,
    pub authentication_mode: Option<Text>,
    pub auto_mode: bool,
    pub node_role: Option<Arn>,
    pub created: Option<Timestamp>,
    pub tags: Vec<(Text, Text)>,
}

#[derive(Clone, Debug)]
pub struct ProviderDoc {
    pub account: AccountId,
    pub url: Text,
    pub client_ids: Vec<Text>,
    pub thumbprints: Vec<Text>,
}

#[derive(Clone, Debug)]
pub struct AssociationDoc {
    pub cluster: Option<Text>,
    pub service_account: SaKey,
    pub role: Arn,
    pub target_role: Option<Arn>,
    pub external_id: Option<Text>,
    pub disable_session_tags: bool,
    pub policy: Option<Text>,
    pub owner: Option<Arn>,
    pub id: Option<Text>,
    pub modified: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct CallerDoc {
    pub arn: Option<Arn>,
    pub accounts: Option<Vec<AccountId>>,
    pub deny: Vec<DenyAws>,
    pub namespaces: Option<Vec<Text>>,
    pub deny_kube: Vec<(Text, Text)>,
}

/// What `EksDefaults` leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    pub agent: bool,
    pub webhook: bool,
    pub nodes: bool,
}

const KINDS: &str = "`EksCluster`, `OtherCluster`, `EksDefaults`, `IamRole`, `OidcProvider`, `PodIdentityAssociation`, \
                     `IamPolicy`, `Addon`, `Nodegroup`, `Instance`, `AccessEntry`, `Caller`, `Fault`, `Churn`";

/// Reads one document of ours into the draft.
pub fn read(
    node: &Node,
    kind: &str,
    now: Timestamp,
    draft: &mut Draft,
) -> Result<(), ScenarioError> {
    match kind {
        "EksCluster" => {
            if draft.cluster.is_some() {
                return Err(ScenarioError::new(node.at, "expected exactly one `EksCluster`"));
            }
            draft.cluster = Some(cluster(node, "EksCluster", now)?);
        }
        "OtherCluster" => draft.other_clusters.push(cluster(node, "OtherCluster", now)?),
        "EksDefaults" => draft.defaults = Some(defaults(node)?),
        "IamRole" => draft.roles.push(role(node, now)?),
        "OidcProvider" => draft.providers.push(provider(node, now)?),
        "PodIdentityAssociation" => draft.associations.push(association(node, now)?),
        "IamPolicy" => draft.policies.push(policy(node)?),
        "Addon" => draft.addons.push(addon(node, now)?),
        "Nodegroup" => draft.nodegroups.push(nodegroup(node, now)?),
        "Instance" => draft.instances.push(instance(node)?),
        "AccessEntry" => draft.access_entries.push(access_entry(node, now)?),
        "Caller" => {
            if draft.caller.is_some() {
                return Err(ScenarioError::new(node.at, "expected at most one `Caller`"));
            }
            draft.caller = Some(caller(node)?);
        }
        "Fault" => draft.faults.push(fault(node)?),
        "Churn" => draft.churns.push(churn(node)?),
        _ => {
            let at = node.get("kind").unwrap_or(node);
            return Err(at.wrong(format!("`kind` to be one of {KINDS}")));
        }
    }
    Ok(())
}

fn cluster(node: &Node, of: &'static str, now: Timestamp) -> Result<ClusterDoc, ScenarioError> {
    let known = [
        "apiVersion",
        "kind",
        "name",
        "account",
        "region",
        "issuer",
        "publishedIssuer",
        "version",
        "platformVersion",
        "authenticationMode",
        "autoMode",
        "nodeRoleArn",
        "age",
        "tags",
    ];
    let it = Fields::read(node, of, &known)?;
    if !it.has("issuer") {
        return Err(it.missing("issuer"));
    }
    let mode = it.text_opt("authenticationMode")?;
    let modes = ["API", "API_AND_CONFIG_MAP", "CONFIG_MAP"];
    if mode.as_deref().is_some_and(|it| !modes.contains(&it)) {
        let at = it.required("authenticationMode")?;
        return Err(at.wrong("`API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`"));
    }
    Ok(ClusterDoc {
        name: it.text("name")?,
        account: account(it.required("account")?)?,
        region: it.text("region")?,
        issuer: it.text_opt("issuer")?.map(with_scheme),
        published_issuer: it.text_opt("publishedIssuer")?.map(with_scheme),
        version: it.text_opt("version")?,
        platform_version: it.text_opt("platformVersion")?,
        authentication_mode: mode,
        auto_mode: it.flag("autoMode")?.unwrap_or_default(),
        node_role: it.arn_opt("nodeRoleArn")?,
        created: age(&it, "age", now)?,
        tags: it.pairs("tags")?,
    })
}

/// EKS writes issuers with their scheme.
fn with_scheme(issuer: Text) -> Text {
    if issuer.contains("://") { issuer } else { format!("https://{issuer}").into() }
}

fn defaults(node: &Node) -> Result<Without, ScenarioError> {
    let it = Fields::read(node, "EksDefaults", &["apiVersion", "kind", "without"])?;
    let mut res = Without::default();
    for part in it.list("without")? {
        match part.as_text() {
            Some("agent") => res.agent = true,
            Some("webhook") => res.webhook = true,
            Some("nodes") => res.nodes = true,
            Some(_) | None => return Err(part.wrong("`agent`, `webhook` or `nodes`")),
        }
    }
    Ok(res)
}

fn role(node: &Node, now: Timestamp) -> Result<Aged<Role>, ScenarioError> {
    let known = [
        "apiVersion",
        "kind",
        "arn",
        "trustPolicy",
        "roleId",
        "attachedPolicies",
        "inlinePolicies",
        "permissionsBoundary",
        "maxSessionDuration",
        "tags",
        "age",
        "lastUsed",
    ];
    let it = Fields::read(node, "IamRole", &known)?;
    let arn = it.arn("arn")?;
    let is_role =
        arn.parts().is_some_and(|p| p.service == "iam" && p.resource.starts_with("role/"))
            && arn.account().is_some();
    if !is_role {
        return Err(it.required("arn")?.wrong("`arn` as `arn:PARTITION:iam::ACCOUNT:role/NAME`"));
    }
    let inline = it.map("inlinePolicies")?.iter();
    let (last_used, last_used_region) = last_used(&it, now)?;
    let max_session = it.count("maxSessionDuration")?.unwrap_or(3600);
    let role = Role {
        id: match it.text_opt("roleId")? {
            Some(it) => it,
            None => crate::lab::ids::role_id(arn.as_str()),
        },
        trust: document(it.required("trustPolicy")?, "trustPolicy")?,
        attached: it.texts("attachedPolicies")?.into_iter().map(Arn::new).collect(),
        inline: inline
            .map(|(key, it)| Ok((key.name.as_str().into(), document(it, &key.name)?)))
            .collect::<Result<_, ScenarioError>>()?,
        boundary: it.arn_opt("permissionsBoundary")?,
        max_session_seconds: i32::try_from(max_session).unwrap_or(i32::MAX),
        tags: it.pairs("tags")?,
        created: now,
        last_used,
        last_used_region,
        arn,
    };
    Ok(Aged { at: node.at, created: age(&it, "age", now)?, it: role })
}

/// `lastUsed: 2h` or `lastUsed: {age: 2h, region: eu-west-1}`.
fn last_used(
    it: &Fields<'_>,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Text>), ScenarioError> {
    let Some(node) = it.node("lastUsed") else { return Ok((None, None)) };
    if node.as_text().is_some() {
        return Ok((Some(before(now, node, "lastUsed")?), None));
    }
    let it = Fields::read(node, "lastUsed", &["age", "region"])?;
    Ok((Some(before(now, it.required("age")?, "age")?), it.text_opt("region")?))
}

fn provider(node: &Node, now: Timestamp) -> Result<Aged<ProviderDoc>, ScenarioError> {
    let known = ["apiVersion", "kind", "account", "url", "clientIds", "thumbprints", "age"];
    let it = Fields::read(node, "OidcProvider", &known)?;
    it.required("clientIds")?;
    let url = it.text("url")?;
    let bare = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let doc = ProviderDoc {
        account: account(it.required("account")?)?,
        url: bare.map(Text::from).unwrap_or(url.clone()),
        client_ids: it.texts("clientIds")?,
        thumbprints: it.texts("thumbprints")?,
    };
    Ok(Aged { at: node.at, created: age(&it, "age", now)?, it: doc })
}

fn association(node: &Node, now: Timestamp) -> Result<Aged<AssociationDoc>, ScenarioError> {
    let known = [
        "apiVersion",
        "kind",
        "namespace",
        "serviceAccount",
        "roleArn",
        "cluster",
        "targetRoleArn",
        "externalId",
        "disableSessionTags",
        "policy",
        "ownerArn",
        "id",
        "age",
        "modified",
    ];
    let it = Fields::read(node, "PodIdentityAssociation", &known)?;
    let doc = AssociationDoc {
        cluster: it.text_opt("cluster")?,
        service_account: SaKey::new(it.text("namespace")?, it.text("serviceAccount")?),
        role: it.arn("roleArn")?,
        target_role: it.arn_opt("targetRoleArn")?,
        external_id: it.text_opt("externalId")?,
        disable_session_tags: it.flag("disableSessionTags")?.unwrap_or_default(),
        policy: it.node("policy").map(|it| document(it, "policy")).transpose()?,
        owner: it.arn_opt("ownerArn")?,
        id: it.text_opt("id")?,
        modified: age(&it, "modified", now)?,
    };
    Ok(Aged { at: node.at, created: age(&it, "age", now)?, it: doc })
}

fn policy(node: &Node) -> Result<Policy, ScenarioError> {
    let it = Fields::read(node, "IamPolicy", &["apiVersion", "kind", "arn", "document"])?;
    Ok(Policy { arn: it.arn("arn")?, document: document(it.required("document")?, "document")? })
}

fn addon(node: &Node, now: Timestamp) -> Result<Addon, ScenarioError> {
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

fn nodegroup(node: &Node, now: Timestamp) -> Result<Nodegroup, ScenarioError> {
    let it = Fields::read(node, "Nodegroup", &["apiVersion", "kind", "name", "nodeRole", "nodes"])?;
    let nodes = it.node("nodes").map(|_| it.texts("nodes")).transpose()?;
    Ok(Nodegroup { name: it.text("name")?, node_role: it.arn("nodeRole")?, nodes, created: now })
}

fn instance(node: &Node) -> Result<Instance, ScenarioError> {
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

fn access_entry(node: &Node, now: Timestamp) -> Result<AccessEntry, ScenarioError> {
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

fn caller(node: &Node) -> Result<CallerDoc, ScenarioError> {
    let known = ["apiVersion", "kind", "arn", "accounts", "deny", "namespaces", "denyKube"];
    let it = Fields::read(node, "Caller", &known)?;
    let deny = |node: &Node| {
        let text = text(node, "deny")?;
        let (api, resource) = match text.split_once(' ') {
            Some((api, glob)) => (api, Some(glob.trim().into())),
            None => (&*text, None),
        };
        if !is_api(api, ':') {
            return Err(node.wrong("`service:Operation` or `service:Operation ARN-GLOB`"));
        }
        Ok(DenyAws { api: api.into(), resource })
    };
    let deny_kube = |node: &Node| {
        let text = text(node, "denyKube")?;
        match text.split_once(':') {
            Some((verb, resource)) if !verb.is_empty() && !resource.is_empty() => {
                Ok((verb.into(), resource.into()))
            }
            Some(_) | None => Err(node.wrong("`verb:resource`")),
        }
    };
    let has_accounts = it.node("accounts").is_some();
    let accounts: Vec<AccountId> =
        it.list("accounts")?.iter().map(account).collect::<Result<_, _>>()?;
    Ok(CallerDoc {
        arn: it.arn_opt("arn")?,
        accounts: has_accounts.then_some(accounts),
        deny: it.list("deny")?.iter().map(deny).collect::<Result<_, ScenarioError>>()?,
        namespaces: it.node("namespaces").map(|_| it.texts("namespaces")).transpose()?,
        deny_kube: it
            .list("denyKube")?
            .iter()
            .map(deny_kube)
            .collect::<Result<_, ScenarioError>>()?,
    })
}

fn fault(node: &Node) -> Result<Fault, ScenarioError> {
    let known = ["apiVersion", "kind", "api", "answer", "resource", "afterEvents", "times"];
    let it = Fields::read(node, "Fault", &known)?;
    let (api, answer) = (it.text("api")?, it.text("answer")?);
    let n_parts = api.split(':').filter(|it| !it.is_empty()).count();
    let wanted = if api.starts_with("kube:") { 3 } else { 2 };
    if n_parts != wanted || api.split(':').count() != wanted {
        return Err(it.required("api")?.wrong("`service:Operation` or `kube:RESOURCE:VERB`"));
    }
    let Some((answer, _)) = Answer::ALL.into_iter().find(|(_, word)| *word == &*answer) else {
        let words: Vec<_> = Answer::ALL.iter().map(|(_, it)| format!("`{it}`")).collect();
        let at = it.required("answer")?;
        return Err(at.wrong(format!("`answer` to be one of {}", words.join(", "))));
    };
    Ok(Fault {
        api,
        answer,
        resource: it.text_opt("resource")?,
        after_events: it.count("afterEvents")?,
        times: it.count("times")?,
    })
}

fn churn(node: &Node) -> Result<Churn, ScenarioError> {
    let it = Fields::read(node, "Churn", &["apiVersion", "kind", "namespace", "owner", "every"])?;
    let every = match it.node("every") {
        Some(node) => duration(node, "every")?,
        None => Duration::from_secs(10),
    };
    Ok(Churn { namespace: it.text("namespace")?, owner: it.text("owner")?, every })
}

fn is_api(text: &str, separator: char) -> bool {
    text.split_once(separator).is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
}

/// A policy document as it is served: an object as compact JSON, a string verbatim.
fn document(node: &Node, key: &str) -> Result<Text, ScenarioError> {
    match &node.shape {
        Shape::Text(it) => Ok(it.as_str().into()),
        Shape::Map(_) => Ok(node.to_json().to_string().into()),
        Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::List(_) => {
            Err(node.wrong(format!("`{key}` as a map, or as a string that is served verbatim")))
        }
    }
}

/// Twelve digits; YAML makes a number of them when nobody quotes them.
fn account(node: &Node) -> Result<AccountId, ScenarioError> {
    let parsed = match &node.shape {
        Shape::Text(it) => AccountId::parse(it),
        Shape::Number(it) => AccountId::parse(&it.to_string()),
        Shape::Null | Shape::Bool(_) | Shape::List(_) | Shape::Map(_) => None,
    };
    parsed.ok_or_else(|| node.wrong("an account as a string of twelve digits"))
}

fn age(it: &Fields<'_>, key: &str, now: Timestamp) -> Result<Option<Timestamp>, ScenarioError> {
    it.node(key).map(|node| before(now, node, key)).transpose()
}

/// The time `node` (a duration) before `now`.
pub fn before(now: Timestamp, node: &Node, key: &str) -> Result<Timestamp, ScenarioError> {
    let span = duration(node, key)?;
    now.checked_sub(jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX))
        .map_err(|_| node.wrong(format!("`{key}` within the calendar")))
}

fn duration(node: &Node, key: &str) -> Result<Duration, ScenarioError> {
    node.as_text()
        .and_then(parse_duration)
        .ok_or_else(|| node.wrong(format!("`{key}` as a duration such as 90s, 10m, 3h or 2d")))
}

/// `90s`, `10m`, `3h`, `2d`, or several of them together (`1h30m`).
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0u64;
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..n_digits].parse().ok()?;
        let mut after = rest[n_digits..].chars();
        let unit = match after.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// The partition of a provider's account: that of a role there, else the cluster's.
pub fn partition_of(account: &AccountId, roles: &[Aged<Role>], cluster: &Partition) -> Partition {
    roles
        .iter()
        .find(|it| it.it.arn.account().as_ref() == Some(account))
        .and_then(|it| it.it.arn.partition())
        .unwrap_or_else(|| cluster.clone())
}
