//! The offline route of EKS, of the caller, and of what the API server says of itself.

use crate::{
    fact::{
        self, Addon, ApiServer, AssociationDetail, Change, Fact, Knowledge, Nodegroup, Scope,
        SourceState,
    },
    ident::{Issuer, Text},
    lab::{
        changes::{denied, refuse, replace},
        ids,
        scenario::{Association, Cluster, World},
    },
    source::aws,
};

pub fn changes(world: &World) -> Vec<Change> {
    let mut res = Vec::new();
    let described = cluster(world, &mut res);
    api_server(world, described.as_ref(), &mut res);
    caller(world, &mut res);
    other_clusters(world, &mut res);
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
    if !world.caller.accounts.contains(&world.cluster.account) {
        let why = format!("no credentials for account {}", world.cluster.account);
        return Some(denied(api, why));
    }
    world.caller.denies(api, Some(resource)).then(|| denied(api, ""))
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
    let issuer = Knowledge::Known(Issuer::new(world.published_issuer()));
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
        version: git_version(&world.cluster).into(),
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

fn other_clusters(world: &World, res: &mut Vec<Change>) {
    let scope = Scope::OtherClusters;
    if let Some(denied) = refused(world, "eks:ListClusters", "*") {
        return refuse(world, scope, denied, res);
    }
    let (account, region) = (&world.cluster.account, &world.cluster.region);
    let listed: Vec<&Cluster> = world
        .other_clusters
        .iter()
        .filter(|it| it.account == *account && it.region == *region)
        .collect();
    let readable =
        |it: &&Cluster| refused(world, "eks:DescribeCluster", it.arn().as_str()).is_none();
    let complete = listed.iter().all(readable);
    let clusters = listed.into_iter().filter(readable).map(|it| fact::OtherCluster {
        name: it.name.clone(),
        arn: it.arn(),
        region: it.region.clone(),
        issuer: it.issuer.as_deref().map(Issuer::new),
    });
    let fact = Fact::OtherClusters(fact::OtherClusters {
        clusters: clusters.collect(),
        regions: if complete { vec![region.clone()] } else { Vec::new() },
    });
    replace(world, scope, vec![fact], res);
}

fn associations(world: &World, res: &mut Vec<Change>) {
    let arn = world.cluster.arn();
    if let Some(denied) = refused(world, "eks:ListPodIdentityAssociations", arn.as_str()) {
        return refuse(world, Scope::Associations, denied, res);
    }
    let own = world.associations.iter().filter(|it| it.cluster == world.cluster.name);
    let facts = own.map(|it| Fact::Association(association(world, it))).collect();
    replace(world, Scope::Associations, facts, res);
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
    let refusal = refused(world, "eks:ListAddons", arn.as_str())
        .or_else(|| refused(world, "eks:DescribeAddon", arn.as_str()));
    if let Some(denied) = refusal {
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
    replace(world, Scope::Addons, world.addons.iter().map(fact).collect(), res);
}

fn nodegroups(world: &World, res: &mut Vec<Change>) {
    let arn = world.cluster.arn();
    let refusal = refused(world, "eks:ListNodegroups", arn.as_str())
        .or_else(|| refused(world, "eks:DescribeNodegroup", arn.as_str()));
    if let Some(denied) = refusal {
        return refuse(world, Scope::Nodegroups, denied, res);
    }
    let facts = world.nodegroups.iter().map(|it| {
        Fact::Nodegroup(Nodegroup {
            name: it.name.clone(),
            node_role: Some(it.node_role.clone()),
            status: "ACTIVE".into(),
        })
    });
    replace(world, Scope::Nodegroups, facts.collect(), res);
}
