//! The lab's own kinds: which keys each has, which are required, and what they must look like.

use crate::{
    ident::{AccountId, Arn, SaKey, Text, Timestamp},
    lab::scenario::{
        DenyAws, Draft, Policy, Role, ScenarioError, kinds_eks, kinds_lab,
        node::{At, Fields, Node},
        values::{account, age, before, document},
    },
};

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
    pub identity_providers: Vec<Text>,
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
    pub tags: Vec<(Text, Text)>,
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
        "EksDefaults" => {
            if draft.defaults.is_some() {
                return Err(ScenarioError::new(node.at, "expected at most one `EksDefaults`"));
            }
            draft.defaults = Some(defaults(node)?);
        }
        "IamRole" => draft.roles.push(role(node, now)?),
        "OidcProvider" => draft.providers.push(provider(node, now)?),
        "PodIdentityAssociation" => draft.associations.push(association(node, now)?),
        "IamPolicy" => draft.policies.push(policy(node)?),
        "Addon" => draft.addons.push(kinds_eks::addon(node, now)?),
        "Nodegroup" => draft.nodegroups.push(kinds_eks::nodegroup(node, now)?),
        "Instance" => draft.instances.push(kinds_eks::instance(node)?),
        "AccessEntry" => draft.access_entries.push(kinds_eks::access_entry(node, now)?),
        "Caller" => {
            if draft.caller.is_some() {
                return Err(ScenarioError::new(node.at, "expected at most one `Caller`"));
            }
            draft.caller = Some(kinds_lab::caller(node)?);
        }
        "Fault" => draft.faults.push(kinds_lab::fault(node)?),
        "Churn" => draft.churns.push(kinds_lab::churn(node)?),
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
        "identityProviderConfigs",
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
        identity_providers: it.texts("identityProviderConfigs")?,
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
        "tags",
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
        tags: it.pairs("tags")?,
        modified: age(&it, "modified", now)?,
    };
    Ok(Aged { at: node.at, created: age(&it, "age", now)?, it: doc })
}

fn policy(node: &Node) -> Result<Policy, ScenarioError> {
    let it = Fields::read(node, "IamPolicy", &["apiVersion", "kind", "arn", "document"])?;
    Ok(Policy { arn: it.arn("arn")?, document: document(it.required("document")?, "document")? })
}
