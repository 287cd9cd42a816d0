//! What EKS and IAM said.

use crate::{
    fact::Knowledge,
    iam,
    ident::{Arn, Issuer, SaKey, Text, Timestamp},
};
use std::sync::Arc;

/// `eks:DescribeCluster`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    pub name: Text,
    pub arn: Arn,
    pub account: Text,
    pub region: Text,
    /// `None`: the cluster has no issuer (local clusters on Outposts).
    pub issuer: Option<Issuer>,
    pub endpoint: Option<Text>,
    pub ca_sha256: Option<Text>,
    pub created: Option<Timestamp>,
    pub version: Text,
    pub platform_version: Text,
    pub status: Text,
    pub authentication_mode: Text,
    /// `computeConfig.enabled`: EKS Auto Mode, whose nodes have the agent built in.
    pub auto_mode: bool,
    /// `computeConfig.nodeRoleArn`.
    pub node_role: Option<Arn>,
    pub tags: Vec<(Text, Text)>,
    /// `health.issues` as `(code, message)`.
    pub health_issues: Vec<(Text, Text)>,
    pub outpost: bool,
}

/// The other clusters that could be read, to tell a recreated cluster from a shared role.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherClusters {
    pub clusters: Vec<OtherCluster>,
    /// Where they were listed completely.
    pub places: Vec<Place>,
}

impl OtherClusters {
    /// Whether all clusters of the account in the region are known.
    pub fn covers(&self, account: &str, region: &str) -> bool {
        self.places.iter().any(|it| &*it.account == account && &*it.region == region)
    }

    pub fn of_issuer(&self, issuer: &Issuer) -> Option<&OtherCluster> {
        self.clusters.iter().find(|it| it.issuer.as_ref() == Some(issuer))
    }
}

/// One account's part of one region: what one `eks:ListClusters` answers for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub account: Text,
    pub region: Text,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OtherCluster {
    pub name: Text,
    pub arn: Arn,
    pub region: Text,
    pub issuer: Option<Issuer>,
}

/// `eks:ListPodIdentityAssociations` of the account's other clusters, as far as they may be read.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherAssociations {
    /// Sorted.
    all: Vec<OtherAssociation>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherAssociation {
    pub service_account: SaKey,
    /// The cluster that has it.
    pub cluster: Arn,
}

impl OtherAssociations {
    pub fn new(mut all: Vec<OtherAssociation>) -> OtherAssociations {
        all.sort();
        OtherAssociations { all }
    }

    /// The first one for a ServiceAccount of this name.
    pub fn of(&self, key: &SaKey) -> Option<&OtherAssociation> {
        let at = self.all.partition_point(|it| it.service_account < *key);
        self.all.get(at).filter(|it| it.service_account == *key)
    }

    pub fn iter(&self) -> impl Iterator<Item = &OtherAssociation> {
        self.all.iter()
    }
}

/// `eks:ListIdentityProviderConfigs`: the OIDC providers by which *people* log in to the cluster, another thing than
/// IAM's OIDC providers. Their names, sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityProviders {
    pub names: Vec<Text>,
}

/// `eks:DescribePodIdentityAssociation`; what only describe tells is `Knowledge`, since one row may fail alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Association {
    /// `a-…`.
    pub id: Text,
    pub arn: Option<Arn>,
    pub service_account: SaKey,
    pub owner_arn: Option<Arn>,
    pub detail: Knowledge<AssociationDetail>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AssociationDetail {
    pub role_arn: Arn,
    pub target_role_arn: Option<Arn>,
    pub external_id: Option<Text>,
    pub disable_session_tags: bool,
    /// The session policy as written.
    pub policy: Option<Text>,
    pub created: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    pub tags: Vec<(Text, Text)>,
}

/// `iam:ListRoles` / `iam:GetRole`.
#[derive(Clone, Debug, PartialEq)]
pub struct IamRole {
    /// As IAM returned it, path included.
    pub arn: Arn,
    pub id: Text,
    pub created: Option<Timestamp>,
    pub trust: Arc<iam::Document>,
    pub max_session_seconds: Option<i32>,
    /// From GetRole only.
    pub permissions_boundary: Knowledge<Option<Arn>>,
    /// From GetRole only; keys and values.
    pub tags: Knowledge<Vec<(Text, Text)>>,
    /// From GetRole only.
    pub last_used: Knowledge<LastUsed>,
    /// Attached and inline policies, read on demand.
    pub policies: Knowledge<Policies>,
    /// When GetRole or ListRoles said so.
    pub read_at: Option<Timestamp>,
}

/// RoleLastUsed: hours late, any caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastUsed {
    pub at: Option<Timestamp>,
    pub region: Option<Text>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    pub attached: Vec<AttachedPolicy>,
    /// `(name, document)`.
    pub inline: Vec<(Text, Arc<iam::Document>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AttachedPolicy {
    pub arn: Arn,
    /// The default version's document.
    pub document: Knowledge<Arc<iam::Document>>,
}

/// `iam:GetOpenIDConnectProvider`, by its ARN.
#[derive(Clone, Debug, PartialEq)]
pub struct OidcProvider {
    pub arn: Arn,
    /// Without scheme. What the ARN says after `oidc-provider/`, which is all that the list tells, until `detail` says
    /// what STS goes by.
    pub url: Text,
    pub detail: Knowledge<ProviderDetail>,
}

impl OidcProvider {
    pub fn new(arn: Arn, detail: Knowledge<ProviderDetail>) -> OidcProvider {
        let described = detail.as_ref().known().map(|it| &it.url).filter(|it| !it.is_empty());
        let url = described.cloned().unwrap_or_else(|| {
            arn.as_str().split_once(":oidc-provider/").map_or("", |(_, it)| it).into()
        });
        OidcProvider { arn, url, detail }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct ProviderDetail {
    /// `Url` without scheme.
    pub url: Text,
    pub client_ids: Vec<Text>,
    pub thumbprints: Vec<Text>,
    pub created: Option<Timestamp>,
    pub tags: Vec<(Text, Text)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Addon {
    pub name: Text,
    pub version: Text,
    pub status: Text,
    pub service_account_role: Option<Arn>,
    pub associations: Vec<Arn>,
    pub health_issues: Vec<(Text, Text)>,
    pub configuration: Option<Text>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Nodegroup {
    pub name: Text,
    pub node_role: Option<Arn>,
    pub status: Text,
}
