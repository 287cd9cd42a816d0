//! Facts as the disk cache writes them: what rows show, and nothing that could be a secret.

use crate::{
    fact::{
        Addon, Association, AssociationDetail, Cluster, Fact, IamRole, Knowledge, LastUsed,
        Nodegroup, OidcProvider, ProviderDetail,
    },
    iam::{Document, Kind},
    ident::{Arn, Issuer, SaKey, Text, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A fact as it is written down.
pub(crate) trait Row: Sized {
    /// `None` for another kind of fact.
    fn of(fact: &Fact) -> Option<Self>;
    fn fact(self) -> Fact;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterRow {
    name: Text,
    arn: Text,
    account: Text,
    region: Text,
    issuer: Option<Text>,
    endpoint: Option<Text>,
    created: Option<Timestamp>,
    version: Text,
    platform_version: Text,
    status: Text,
    authentication_mode: Text,
    auto_mode: bool,
    node_role: Option<Text>,
    outpost: bool,
}

impl Row for ClusterRow {
    fn of(fact: &Fact) -> Option<ClusterRow> {
        let Fact::Cluster(it) = fact else { return None };
        Some(ClusterRow {
            name: it.name.clone(),
            arn: it.arn.text().clone(),
            account: it.account.clone(),
            region: it.region.clone(),
            issuer: it.issuer.as_ref().map(|it| it.as_str().into()),
            endpoint: it.endpoint.clone(),
            created: it.created,
            version: it.version.clone(),
            platform_version: it.platform_version.clone(),
            status: it.status.clone(),
            authentication_mode: it.authentication_mode.clone(),
            auto_mode: it.auto_mode,
            node_role: text_of(it.node_role.as_ref()),
            outpost: it.outpost,
        })
    }

    fn fact(self) -> Fact {
        Fact::Cluster(Cluster {
            name: self.name,
            arn: Arn::new(self.arn),
            account: self.account,
            region: self.region,
            issuer: self.issuer.map(|it| Issuer::new(&it)),
            endpoint: self.endpoint,
            ca_sha256: None,
            created: self.created,
            version: self.version,
            platform_version: self.platform_version,
            status: self.status,
            authentication_mode: self.authentication_mode,
            auto_mode: self.auto_mode,
            node_role: self.node_role.map(Arn::new),
            tags: Vec::new(),
            health_issues: Vec::new(),
            outpost: self.outpost,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssociationRow {
    id: Text,
    arn: Option<Text>,
    namespace: Text,
    service_account: Text,
    owner_arn: Option<Text>,
    detail: Option<AssociationDetailRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssociationDetailRow {
    role_arn: Text,
    target_role_arn: Option<Text>,
    disable_session_tags: bool,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

impl Row for AssociationRow {
    fn of(fact: &Fact) -> Option<AssociationRow> {
        let Fact::Association(it) = fact else { return None };
        let detail = it.detail.as_ref().known().map(|it| AssociationDetailRow {
            role_arn: it.role_arn.text().clone(),
            target_role_arn: text_of(it.target_role_arn.as_ref()),
            disable_session_tags: it.disable_session_tags,
            created: it.created,
            modified: it.modified,
        });
        Some(AssociationRow {
            id: it.id.clone(),
            arn: text_of(it.arn.as_ref()),
            namespace: it.service_account.namespace.clone(),
            service_account: it.service_account.name.clone(),
            owner_arn: text_of(it.owner_arn.as_ref()),
            detail,
        })
    }

    fn fact(self) -> Fact {
        let detail = self.detail.map(|it| AssociationDetail {
            role_arn: Arn::new(it.role_arn),
            target_role_arn: it.target_role_arn.map(Arn::new),
            external_id: None,
            disable_session_tags: it.disable_session_tags,
            policy: None,
            created: it.created,
            modified: it.modified,
            tags: Vec::new(),
        });
        Fact::Association(Association {
            id: self.id,
            arn: self.arn.map(Arn::new),
            service_account: SaKey::new(self.namespace, self.service_account),
            owner_arn: self.owner_arn.map(Arn::new),
            detail: detail.map_or(Knowledge::NotYet, Knowledge::Known),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRow {
    arn: Text,
    id: Text,
    created: Option<Timestamp>,
    trust: Text,
    max_session_seconds: Option<i32>,
    last_used: Option<LastUsedRow>,
    read_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastUsedRow {
    at: Option<Timestamp>,
    region: Option<Text>,
}

impl Row for RoleRow {
    fn of(fact: &Fact) -> Option<RoleRow> {
        let Fact::Role(it) = fact else { return None };
        let last_used = it.last_used.as_ref().known();
        Some(RoleRow {
            arn: it.arn.text().clone(),
            id: it.id.clone(),
            created: it.created,
            trust: it.trust.raw.clone(),
            max_session_seconds: it.max_session_seconds,
            last_used: last_used.map(|it| LastUsedRow { at: it.at, region: it.region.clone() }),
            read_at: it.read_at,
        })
    }

    fn fact(self) -> Fact {
        let last_used = self.last_used.map(|it| LastUsed { at: it.at, region: it.region });
        Fact::Role(IamRole {
            arn: Arn::new(self.arn),
            id: self.id,
            created: self.created,
            trust: Arc::new(Document::parse(self.trust, Kind::Trust)),
            max_session_seconds: self.max_session_seconds,
            permissions_boundary: Knowledge::NotYet,
            tags: Knowledge::NotYet,
            last_used: last_used.map_or(Knowledge::NotYet, Knowledge::Known),
            policies: Knowledge::NotYet,
            read_at: self.read_at,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderRow {
    arn: Text,
    url: Text,
    client_ids: Option<Vec<Text>>,
    created: Option<Timestamp>,
}

impl Row for ProviderRow {
    fn of(fact: &Fact) -> Option<ProviderRow> {
        let Fact::Provider(it) = fact else { return None };
        let detail = it.detail.as_ref().known();
        Some(ProviderRow {
            arn: it.arn.text().clone(),
            url: it.url.clone(),
            client_ids: detail.map(|it| it.client_ids.clone()),
            created: detail.and_then(|it| it.created),
        })
    }

    fn fact(self) -> Fact {
        let url = self.url.clone();
        let detail = self.client_ids.map(|client_ids| ProviderDetail {
            url,
            client_ids,
            thumbprints: Vec::new(),
            created: self.created,
            tags: Vec::new(),
        });
        Fact::Provider(OidcProvider {
            arn: Arn::new(self.arn),
            url: self.url,
            detail: detail.map_or(Knowledge::NotYet, Knowledge::Known),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddonRow {
    name: Text,
    version: Text,
    status: Text,
}

impl Row for AddonRow {
    fn of(fact: &Fact) -> Option<AddonRow> {
        let Fact::Addon(it) = fact else { return None };
        let (name, version, status) = (it.name.clone(), it.version.clone(), it.status.clone());
        Some(AddonRow { name, version, status })
    }

    fn fact(self) -> Fact {
        Fact::Addon(Addon {
            name: self.name,
            version: self.version,
            status: self.status,
            service_account_role: None,
            associations: Vec::new(),
            health_issues: Vec::new(),
            configuration: None,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodegroupRow {
    name: Text,
    node_role: Option<Text>,
    status: Text,
}

impl Row for NodegroupRow {
    fn of(fact: &Fact) -> Option<NodegroupRow> {
        let Fact::Nodegroup(it) = fact else { return None };
        let node_role = text_of(it.node_role.as_ref());
        Some(NodegroupRow { name: it.name.clone(), node_role, status: it.status.clone() })
    }

    fn fact(self) -> Fact {
        let node_role = self.node_role.map(Arn::new);
        Fact::Nodegroup(Nodegroup { name: self.name, node_role, status: self.status })
    }
}

fn text_of(arn: Option<&Arn>) -> Option<Text> {
    arn.map(|it| it.text().clone())
}
