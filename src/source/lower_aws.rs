//! SDK types into facts. Nothing of the SDK's types goes further than this file's callers.

use crate::{
    fact::{
        Addon, Association, AssociationDetail, Cluster, IamRole, Knowledge, LastUsed, Nodegroup,
        OtherCluster, ProviderDetail,
    },
    iam::{Document, Invalid, Kind},
    ident::{Arn, Issuer, SaKey, Text, Timestamp},
    source::aws::ca_sha256,
};
use aws_sdk_eks::types as eks;
use aws_sdk_iam::{operation::get_open_id_connect_provider as get_provider, types as iam};
use aws_smithy_types::DateTime;
use std::{collections::HashMap, sync::Arc};

/// Longer than any document that IAM accepts; what is longer is kept, not parsed.
const MAX_DOCUMENT: usize = 256 * 1024;

/// `None` when EKS left out name or ARN, without which nothing can be said about it.
pub(crate) fn cluster(it: eks::Cluster) -> Option<Cluster> {
    let arn = Arn::new(it.arn?);
    let parts = arn.parts()?;
    let (account, region) = (Text::from(parts.account), Text::from(parts.region));
    let ca = it.certificate_authority.and_then(|ca| ca.data);
    let ca = ca.and_then(|data| aws_smithy_types::base64::decode(data.trim()).ok());
    let ca = ca.filter(|pem| !pem.trim_ascii().is_empty());
    let issuer = it.identity.and_then(|id| id.oidc).and_then(|oidc| oidc.issuer);
    let compute = it.compute_config;
    let issues = it.health.and_then(|health| health.issues).unwrap_or_default();
    Some(Cluster {
        name: it.name?.into(),
        account,
        region,
        issuer: issuer.filter(|it| !it.is_empty()).map(|it| Issuer::new(&it)),
        endpoint: it.endpoint.map(Into::into),
        ca_sha256: ca.map(|pem| ca_sha256(&pem)),
        created: it.created_at.and_then(timestamp),
        version: it.version.unwrap_or_default().into(),
        platform_version: it.platform_version.unwrap_or_default().into(),
        status: word(it.status.as_ref().map(eks::ClusterStatus::as_str)),
        authentication_mode: word(
            it.access_config
                .as_ref()
                .and_then(|it| it.authentication_mode.as_ref())
                .map(eks::AuthenticationMode::as_str),
        ),
        auto_mode: compute.as_ref().and_then(|it| it.enabled).unwrap_or_default(),
        node_role: compute.and_then(|it| it.node_role_arn).map(Arn::new),
        tags: tags_of_map(it.tags),
        health_issues: issues
            .into_iter()
            .map(|it| {
                (
                    word(it.code.as_ref().map(|it| it.as_str())),
                    it.message.unwrap_or_default().into(),
                )
            })
            .collect(),
        outpost: it.outpost_config.is_some(),
        arn,
    })
}

pub(crate) fn other_cluster(it: &Cluster) -> OtherCluster {
    OtherCluster {
        name: it.name.clone(),
        arn: it.arn.clone(),
        region: it.region.clone(),
        issuer: it.issuer.clone(),
    }
}

/// `None` when the id, namespace or ServiceAccount is missing.
pub(crate) fn association(it: eks::PodIdentityAssociationSummary) -> Option<Association> {
    Some(Association {
        id: it.association_id?.into(),
        arn: it.association_arn.map(Arn::new),
        service_account: SaKey::new(it.namespace?, it.service_account?),
        owner_arn: it.owner_arn.filter(|it| !it.is_empty()).map(Arn::new),
        detail: Knowledge::NotYet,
    })
}

/// `None` when there is no role in it.
pub(crate) fn association_detail(it: eks::PodIdentityAssociation) -> Option<AssociationDetail> {
    let text = |it: Option<String>| it.filter(|it| !it.is_empty()).map(Text::from);
    Some(AssociationDetail {
        role_arn: Arn::new(it.role_arn?),
        target_role_arn: it.target_role_arn.filter(|it| !it.is_empty()).map(Arn::new),
        external_id: text(it.external_id),
        disable_session_tags: it.disable_session_tags.unwrap_or_default(),
        policy: text(it.policy),
        created: it.created_at.and_then(timestamp),
        modified: it.modified_at.and_then(timestamp),
        tags: tags_of_map(it.tags),
    })
}

/// `None` without a name.
pub(crate) fn addon(it: eks::Addon) -> Option<Addon> {
    let issues = it.health.and_then(|health| health.issues).unwrap_or_default();
    Some(Addon {
        name: it.addon_name?.into(),
        version: it.addon_version.unwrap_or_default().into(),
        status: word(it.status.as_ref().map(eks::AddonStatus::as_str)),
        service_account_role: it.service_account_role_arn.filter(|it| !it.is_empty()).map(Arn::new),
        associations: it
            .pod_identity_associations
            .unwrap_or_default()
            .into_iter()
            .map(Arn::new)
            .collect(),
        health_issues: issues
            .into_iter()
            .map(|it| {
                (
                    word(it.code.as_ref().map(|it| it.as_str())),
                    it.message.unwrap_or_default().into(),
                )
            })
            .collect(),
        configuration: it.configuration_values.filter(|it| !it.is_empty()).map(Into::into),
    })
}

/// `None` without a name.
pub(crate) fn nodegroup(it: eks::Nodegroup) -> Option<Nodegroup> {
    Some(Nodegroup {
        name: it.nodegroup_name?.into(),
        node_role: it.node_role.filter(|it| !it.is_empty()).map(Arn::new),
        status: word(it.status.as_ref().map(eks::NodegroupStatus::as_str)),
    })
}

/// What ListRoles tells; what only GetRole tells is `NotYet`.
pub(crate) fn listed_role(it: iam::Role, read_at: Timestamp) -> IamRole {
    IamRole {
        arn: Arn::new(it.arn),
        id: it.role_id.into(),
        created: timestamp(it.create_date),
        trust: Arc::new(document(it.assume_role_policy_document.as_deref(), Kind::Trust)),
        max_session_seconds: it.max_session_duration,
        permissions_boundary: Knowledge::NotYet,
        tags: Knowledge::NotYet,
        last_used: Knowledge::NotYet,
        policies: Knowledge::NotYet,
        read_at: Some(read_at),
    }
}

pub(crate) fn got_role(it: iam::Role, read_at: Timestamp) -> IamRole {
    let boundary = it.permissions_boundary.clone().and_then(|it| it.permissions_boundary_arn);
    let tags = it.tags.clone().unwrap_or_default();
    let last_used = it.role_last_used.clone();
    IamRole {
        permissions_boundary: Knowledge::Known(boundary.map(Arn::new)),
        tags: Knowledge::Known(tags_of_list(tags)),
        last_used: Knowledge::Known(LastUsed {
            at: last_used.as_ref().and_then(|it| it.last_used_date).and_then(timestamp),
            region: last_used.and_then(|it| it.region).map(Into::into),
        }),
        ..listed_role(it, read_at)
    }
}

/// One of many; without an ARN it is nobody's. How long sessions last is not told here.
pub(crate) fn detailed_role(it: &iam::RoleDetail, read_at: Timestamp) -> Option<IamRole> {
    let boundary = it.permissions_boundary.as_ref();
    let boundary = boundary.and_then(|it| it.permissions_boundary_arn.clone());
    let last_used = it.role_last_used.as_ref();
    Some(IamRole {
        arn: Arn::new(it.arn.clone()?),
        id: it.role_id.clone().unwrap_or_default().into(),
        created: it.create_date.and_then(timestamp),
        trust: Arc::new(document(it.assume_role_policy_document.as_deref(), Kind::Trust)),
        max_session_seconds: None,
        permissions_boundary: Knowledge::Known(boundary.map(Arn::new)),
        tags: Knowledge::Known(tags_of_list(it.tags.clone().unwrap_or_default())),
        last_used: Knowledge::Known(LastUsed {
            at: last_used.and_then(|it| it.last_used_date).and_then(timestamp),
            region: last_used.and_then(|it| it.region.clone()).map(Into::into),
        }),
        policies: Knowledge::NotYet,
        read_at: Some(read_at),
    })
}

pub(crate) fn provider_detail(it: get_provider::GetOpenIdConnectProviderOutput) -> ProviderDetail {
    ProviderDetail {
        url: Issuer::new(&it.url.unwrap_or_default()).as_str().into(),
        client_ids: texts(it.client_id_list),
        thumbprints: texts(it.thumbprint_list),
        created: it.create_date.and_then(timestamp),
        tags: tags_of_list(it.tags.unwrap_or_default()),
    }
}

/// A policy document as IAM serves it: percent-encoded (RFC 3986) JSON. Whatever it is, it is kept.
pub(crate) fn document(encoded: Option<&str>, kind: Kind) -> Document {
    let invalid = |raw: String, reason: String| Document {
        raw: raw.into(),
        parsed: Err(Invalid { path: String::new(), reason, position: None }),
    };
    let Some(encoded) = encoded else {
        return invalid(String::new(), "there is no document".into());
    };
    match percent_decoded(encoded) {
        Ok(raw) if MAX_DOCUMENT < raw.len() => {
            let reason = format!("{} bytes are more than IAM allows", raw.len());
            invalid(raw, reason)
        }
        Ok(raw) => Document::parse(raw, kind),
        Err(reason) => invalid(encoded.to_owned(), reason.into()),
    }
}

/// Text that starts as JSON does is not encoded: emulators leave it out. `+` is itself in RFC 3986.
fn percent_decoded(text: &str) -> Result<String, &'static str> {
    if text.trim_start().starts_with('{') || !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut res = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            res.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return Err("a percent escape is cut off") };
        let digit = |it: &u8| char::from(*it).to_digit(16);
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err("a percent escape has no hexadecimal digits");
        };
        res.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are one byte"));
        rest = tail;
    }
    String::from_utf8(res).map_err(|_| "the decoded document is not UTF-8")
}

pub(crate) fn timestamp(it: DateTime) -> Option<Timestamp> {
    Timestamp::new(it.secs(), i32::try_from(it.subsec_nanos()).ok()?).ok()
}

fn texts(it: Option<Vec<String>>) -> Vec<Text> {
    it.unwrap_or_default().into_iter().map(Into::into).collect()
}

fn word(it: Option<&str>) -> Text {
    it.unwrap_or_default().into()
}

/// Sorted by key, so that two reads of the same tags are equal.
fn tags_of_map(tags: Option<HashMap<String, String>>) -> Vec<(Text, Text)> {
    let tags = tags.unwrap_or_default().into_iter();
    let mut res: Vec<(Text, Text)> = tags.map(|(key, value)| (key.into(), value.into())).collect();
    res.sort();
    res
}

fn tags_of_list(tags: Vec<iam::Tag>) -> Vec<(Text, Text)> {
    let tags = tags.into_iter();
    let mut res: Vec<(Text, Text)> = tags.map(|it| (it.key.into(), it.value.into())).collect();
    res.sort();
    res
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_kept_whatever_they_are() {
        let check = |encoded: Option<&str>, raw: &str| {
            assert_eq!(&*document(encoded, Kind::Trust).raw, raw, "{encoded:?}");
        };
        check(None, "");
        check(Some("%7B%22a%22%3A%20%22b+c%22%7D"), "{\"a\": \"b+c\"}");
        check(Some("{\"a\": \"100%20\"}"), "{\"a\": \"100%20\"}");
        check(Some("%7B%E2%82%AC%7D"), "{€}");
        check(Some("%7B%2"), "%7B%2");
        check(Some("%7B%zz"), "%7B%zz");
        check(Some("%7B%ff"), "%7B%ff");
        let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
        let got = document(Some(&huge), Kind::Trust);
        assert!(got.parsed.is_err() && *got.raw == *huge);
    }

    #[test]
    fn an_empty_owner_is_none() {
        let check = |owner: Option<&str>, expected: Option<&str>| {
            let summary = eks::PodIdentityAssociationSummary::builder()
                .association_id("a-1")
                .namespace("shop")
                .service_account("web")
                .set_owner_arn(owner.map(str::to_owned));
            let got = association(summary.build()).expect("id and ServiceAccount are enough");
            assert_eq!(got.owner_arn.as_ref().map(Arn::as_str), expected, "{owner:?}");
        };
        check(None, None);
        check(Some(""), None);
        let addon = "arn:aws:eks:eu-west-1:111122223333:addon/prod/vpc-cni/1";
        check(Some(addon), Some(addon));
    }

    #[test]
    fn a_cluster_without_issuer_and_without_arn() {
        let minimal = eks::Cluster::builder()
            .name("c")
            .arn("arn:aws-cn:eks:cn-north-1:111122223333:cluster/c");
        let got = cluster(minimal.build()).expect("name and ARN are enough");
        assert_eq!((&*got.account, &*got.region), ("111122223333", "cn-north-1"));
        assert_eq!(got.issuer, None);
        assert_eq!(cluster(eks::Cluster::builder().name("c").build()), None);
    }
}
