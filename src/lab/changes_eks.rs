//! The offline route of EKS, of the caller, and of what the API server says of itself.

use crate::{
    fact::{
        self, Addon, ApiServer, AssociationDetail, Change, Fact, IdentityProviders, Knowledge,
        Nodegroup, OtherAssociation, OtherAssociations, OtherClusters, Place, Scope, SourceState,
    },
    ident::{AccountId, Issuer, Text},
    lab::{
        changes::{denied, refuse, replace},
        ids,
        listing::{EKS_PAGE, Listing},
        scenario::{Association, Cluster, World},
    },
    source::aws,
};
use std::collections::BTreeSet;

pub fn changes(world: &World) -> Vec<Change> {
    let mut res = Vec::new();
    let described = cluster(world, &mut res);
    api_server(world, described.as_ref(), &mut res);
    caller(world, &mut res);
    other_clusters(world, &mut res);
    identity_providers(world, &mut res);
    associations(world, &mut res);
    addons(world, &mut res);
    nodegroups(world, &mut res);
    res
}

/// What the API server's version endpoint says.
pub fn git_version(cluster: &Cluster) -> String {
    format!("v{}.1-eks-d96d92f", cluster.version)
}

/// The first label of the API server's name.
pub fn endpoint_id(cluster: &Cluster) -> String {
    ids::uid(&["endpoint", &cluster.name]).replace('-', "").to_uppercase()
}

fn endpoint(cluster: &Cluster) -> Text {
    format!("https://{}.gr7.{}.eks.amazonaws.com", endpoint_id(cluster), cluster.region).into()
}

/// EKS is asked with the credentials of the cluster's account; `None`: they may.
fn refused(world: &World, api: &str, resource: &str) -> Option<fact::Denied> {
    refused_in(world, &world.cluster.account, api, Some(resource))
}

/// What a list call about the cluster brings.
fn list(world: &World, scope: Scope, api: &str, facts: Vec<Fact>, res: &mut Vec<Change>) {
    if let Some(denied) = refused(world, api, world.cluster.arn().as_str()) {
        return refuse(world, scope, denied, res);
    }
    let arn = world.cluster.arn();
    let listing = Listing::of(world, api, Some(arn.as_str()), facts.len(), EKS_PAGE);
    listing.tell(world, scope, facts, res);
}

fn refused_in(
    world: &World,
    account: &AccountId,
    api: &str,
    resource: Option<&str>,
) -> Option<fact::Denied> {
    if !world.caller.accounts.contains(account) {
        let why = format!("no credentials for account {account}");
        return Some(denied(api, why));
    }
    world.caller.denies(api, resource).then(|| denied(api, ""))
}

fn cluster(world: &World, res: &mut Vec<Change>) -> Option<fact::Cluster> {
    let arn = world.cluster.arn();
    if let Some(denied) = refused(world, "eks:DescribeCluster", arn.as_str()) {
        refuse(world, Scope::Cluster, denied, res);
        return None;
    }
    let fact = fact(&world.cluster);
    replace(world, Scope::Cluster, vec![Fact::Cluster(fact.clone())], res);
    Some(fact)
}

/// What DescribeCluster tells.
pub fn fact(it: &Cluster) -> fact::Cluster {
    fact::Cluster {
        name: it.name.clone(),
        arn: it.arn(),
        account: it.account.as_str().into(),
        region: it.region.clone(),
        issuer: it.issuer.as_deref().map(Issuer::new),
        endpoint: Some(endpoint(it)),
        ca_sha256: None,
        created: Some(it.created),
        version: it.version.clone(),
        platform_version: it.platform_version.clone(),
        status: "ACTIVE".into(),
        authentication_mode: it.authentication_mode.clone(),
        auto_mode: it.auto_mode,
        node_role: it.node_role.clone(),
        tags: it.tags.clone(),
        health_issues: Vec::new(),
        outpost: false,
    }
}

fn api_server(world: &World, cluster: Option<&fact::Cluster>, res: &mut Vec<Change>) {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    let issuer = match world.caller.denies_path(DISCOVERY) {
        true => Knowledge::Denied(denied(format!("get {DISCOVERY}"), "")),
        false => Knowledge::Known(Issuer::new(world.published_issuer())),
    };
    let version = match world.caller.denies_path("/version") {
        true => String::new(),
        false => git_version(&world.cluster),
    };
    let side = aws::KubeSide {
        server: Some(endpoint(&world.cluster)),
        ca_sha256: None,
        exec_args: Vec::new(),
        exec_env: Vec::new(),
        issuer: issuer.clone(),
    };
    let fact = Fact::ApiServer(ApiServer {
        context: "lab".into(),
        server: endpoint(&world.cluster),
        ca_sha256: None,
        version: version.into(),
        issuer,
        proof: cluster.and_then(|it| aws::proof(&side, it)),
    });
    replace(world, Scope::ApiServer, vec![fact], res);
}

fn caller(world: &World, res: &mut Vec<Change>) {
    if world.caller.accounts.is_empty() {
        let state = SourceState::Off { reason: "no AWS credentials".into() };
        return res.push(Change::Source { scope: Scope::Caller, state });
    }
    let fact = Fact::Caller(fact::Caller {
        arn: world.caller.arn.clone(),
        account: world.home_account().as_str().into(),
        user_id: ids::user_id(world.caller.arn.as_str()).into(),
        via: "environment".into(),
        accounts: world.caller.accounts.iter().map(|it| it.as_str().into()).collect(),
    });
    replace(world, Scope::Caller, vec![fact], res);
}

/// Those of the cluster's region, and of every region that a provider of a readable account names.
fn other_clusters(world: &World, res: &mut Vec<Change>) {
    let scope = Scope::OtherClusters;
    if let Some(denied) = refused_in(world, &world.cluster.account, "eks:ListClusters", None) {
        refuse(world, Scope::OtherAssociations, denied.clone(), res);
        return refuse(world, scope, denied, res);
    }
    let mut clusters: Vec<&Cluster> = Vec::new();
    let mut places = Vec::new();
    for (account, region) in further_places(world) {
        if refused_in(world, &account, "eks:ListClusters", None).is_some() {
            continue;
        }
        let here = |it: &&Cluster| it.account == account && it.region == region;
        let listed: Vec<&Cluster> = world.other_clusters.iter().filter(here).collect();
        let readable = |it: &&Cluster| {
            let arn = it.arn();
            refused_in(world, &account, "eks:DescribeCluster", Some(arn.as_str())).is_none()
        };
        if listed.iter().all(readable) {
            places.push(Place { account: account.as_str().into(), region: region.clone() });
        }
        clusters.extend(listed.into_iter().filter(readable));
    }
    clusters.sort_by_key(|it| it.arn());
    let facts = clusters.iter().map(|it| fact::OtherCluster {
        name: it.name.clone(),
        arn: it.arn(),
        region: it.region.clone(),
        issuer: it.issuer.as_deref().map(Issuer::new),
    });
    let fact = Fact::OtherClusters(OtherClusters { clusters: facts.collect(), places });
    replace(world, scope, vec![fact], res);
    clusters.retain(|it| it.account == world.cluster.account);
    other_associations(world, &clusters, res);
}

/// Where other clusters are looked for.
fn further_places(world: &World) -> BTreeSet<(AccountId, Text)> {
    let accounts = || world.caller.accounts.iter().cloned();
    let readable = world.providers.iter().filter(|it| world.caller.accounts.contains(&it.account));
    let named = readable.filter_map(|it| Issuer::new(&it.url).region().map(Text::from));
    let regions: BTreeSet<Text> = match world.caller.denies("iam:ListOpenIDConnectProviders", None)
    {
        true => BTreeSet::new(),
        false => named.collect(),
    };
    let named =
        accounts().flat_map(|account| regions.iter().map(move |it| (account.clone(), it.clone())));
    named.chain([(world.cluster.account.clone(), world.cluster.region.clone())]).collect()
}

fn other_associations(world: &World, clusters: &[&Cluster], res: &mut Vec<Change>) {
    let (mut all, mut refusal) = (Vec::new(), None);
    for cluster in clusters {
        let arn = cluster.arn();
        if let Some(it) = refused(world, "eks:ListPodIdentityAssociations", arn.as_str()) {
            refusal = Some(it);
            continue;
        }
        let own = world.associations.iter().filter(|it| it.cluster == cluster.name);
        all.extend(own.map(|it| OtherAssociation {
            service_account: it.service_account.clone(),
            cluster: arn.clone(),
        }));
    }
    let fact = Fact::OtherAssociations(OtherAssociations::new(all));
    replace(world, Scope::OtherAssociations, vec![fact], res);
    if let Some(denied) = refusal {
        refuse(world, Scope::OtherAssociations, denied, res);
    }
}

fn identity_providers(world: &World, res: &mut Vec<Change>) {
    let mut names = world.cluster.identity_providers.clone();
    names.sort();
    let facts = vec![Fact::IdentityProviders(IdentityProviders { names })];
    list(world, Scope::IdentityProviders, "eks:ListIdentityProviderConfigs", facts, res);
}

fn associations(world: &World, res: &mut Vec<Change>) {
    let own = world.associations.iter().filter(|it| it.cluster == world.cluster.name);
    let facts = own.map(|it| Fact::Association(association(world, it))).collect();
    list(world, Scope::Associations, "eks:ListPodIdentityAssociations", facts, res);
}

fn association(world: &World, it: &Association) -> fact::Association {
    let arn = it.arn(&world.cluster);
    let detail = match refused(world, "eks:DescribePodIdentityAssociation", arn.as_str()) {
        Some(denied) => Knowledge::Denied(denied),
        None => Knowledge::Known(AssociationDetail {
            role_arn: it.role.clone(),
            target_role_arn: it.target_role.clone(),
            external_id: it.external_id.clone(),
            disable_session_tags: it.disable_session_tags,
            policy: it.policy.clone(),
            created: Some(it.created),
            modified: Some(it.modified),
            tags: it.tags.clone(),
        }),
    };
    fact::Association {
        id: it.id.clone(),
        arn: Some(arn),
        service_account: it.service_account.clone(),
        owner_arn: it.owner.clone(),
        detail,
    }
}

fn addons(world: &World, res: &mut Vec<Change>) {
    let arn = world.cluster.arn();
    if let Some(denied) = refused(world, "eks:DescribeAddon", arn.as_str()) {
        return refuse(world, Scope::Addons, denied, res);
    }
    let fact = |it: &crate::lab::scenario::Addon| {
        Fact::Addon(Addon {
            name: it.name.clone(),
            version: it.version.clone(),
            status: it.status.clone(),
            service_account_role: it.service_account_role.clone(),
            associations: it.associations.clone(),
            health_issues: it.health_issues.clone(),
            configuration: it.configuration.clone(),
        })
    };
    let facts = world.addons.iter().map(fact).collect();
    list(world, Scope::Addons, "eks:ListAddons", facts, res);
}

fn nodegroups(world: &World, res: &mut Vec<Change>) {
    let arn = world.cluster.arn();
    if let Some(denied) = refused(world, "eks:DescribeNodegroup", arn.as_str()) {
        return refuse(world, Scope::Nodegroups, denied, res);
    }
    let facts = world.nodegroups.iter().map(|it| {
        Fact::Nodegroup(Nodegroup {
            name: it.name.clone(),
            node_role: Some(it.node_role.clone()),
            status: "ACTIVE".into(),
        })
    });
    list(world, Scope::Nodegroups, "eks:ListNodegroups", facts.collect(), res);
}
