//! Edits of EKS: associations and add-ons of the plan's cluster.

use crate::{
    apply::{
        access::Permit,
        present::{Present, fields},
    },
    ident::{SaKey, Text},
    plan::{AssociationFields, Edit},
    source::{
        aws::{
            account::Account,
            error::{Failure, Written, written},
        },
        lower_aws,
    },
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What is there now.
pub(crate) async fn observe(
    account: &Account,
    cluster: &str,
    edit: &Edit,
) -> Result<Present, Failure> {
    match edit {
        Edit::CreateAssociation { service_account, .. } => {
            match find(account, cluster, service_account).await? {
                Some(id) => association(account, cluster, &id).await,
                None => Ok(Present::default()),
            }
        }
        Edit::UpdateAssociation { id, .. } | Edit::DeleteAssociation { id, .. } => {
            association(account, cluster, id).await
        }
        Edit::CreateAddon { name } | Edit::DeleteAddon { name } => {
            let request = account.clients.eks.describe_addon().cluster_name(cluster);
            let request = request.addon_name(&**name).send();
            match account.call("eks:DescribeAddon", request).await {
                Ok(it) => {
                    let status = it.addon.and_then(|it| it.status);
                    let status = status.as_ref().map_or("", |it| it.as_str()).to_owned();
                    // One that is on its way out is as good as gone.
                    let value = if status == "DELETING" { Value::Null } else { json!(status) };
                    Ok(Present { value, ..Present::default() })
                }
                Err(Failure::Absent) => Ok(Present::default()),
                Err(it) => Err(it),
            }
        }
        _ => Err(Failure::Failed("it is no change of EKS".into())),
    }
}

async fn association(account: &Account, cluster: &str, id: &str) -> Result<Present, Failure> {
    let request = account.clients.eks.describe_pod_identity_association();
    let request = request.cluster_name(cluster).association_id(id).send();
    let got = match account.call("eks:DescribePodIdentityAssociation", request).await {
        Ok(it) => it,
        Err(Failure::Absent) => return Ok(Present::default()),
        Err(it) => return Err(it),
    };
    let detail = got.association.and_then(lower_aws::association_detail);
    Ok(Present {
        value: detail.map_or(Value::Null, |it| fields(&AssociationFields::from(&it))),
        uid: Some(id.into()),
        ..Present::default()
    })
}

/// The id of the ServiceAccount's association. The list is asked for that one only.
async fn find(account: &Account, cluster: &str, key: &SaKey) -> Result<Option<Text>, Failure> {
    let request = account.clients.eks.list_pod_identity_associations().cluster_name(cluster);
    let request = request.namespace(&*key.namespace).service_account(&*key.name).send();
    let got = account.call("eks:ListPodIdentityAssociations", request).await?;
    let all = got.associations.unwrap_or_default().into_iter();
    let mut all = all.filter_map(lower_aws::association);
    Ok(all.find(|it| it.service_account == *key).map(|it| it.id))
}

fn tags(fields: &AssociationFields) -> Option<HashMap<String, String>> {
    let all = fields.tags.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    (!fields.tags.is_empty()).then(|| all.collect())
}

/// Sends the edit, once. The association's id is in the answer.
pub(crate) async fn send(
    account: &Account,
    _permit: &Permit,
    cluster: &str,
    edit: &Edit,
) -> Result<Value, Written> {
    let eks = &account.clients.eks;
    let once = || {
        aws_sdk_eks::config::Builder::new()
            .retry_config(aws_sdk_eks::config::retry::RetryConfig::disabled())
    };
    macro_rules! send {
        ($request:expr) => {
            $request.customize().config_override(once()).send().await.map_err(|it| {
                let permission = edit.call(cluster, "").permission();
                written(&it, &permission)
            })
        };
    }
    match edit {
        Edit::CreateAssociation { service_account: it, fields } => {
            let sent = send!(
                eks.create_pod_identity_association()
                    .cluster_name(cluster)
                    .namespace(&*it.namespace)
                    .service_account(&*it.name)
                    .role_arn(fields.role_arn.as_str())
                    .set_target_role_arn(fields.target_role_arn.as_ref().map(ToString::to_string))
                    .set_disable_session_tags(fields.disable_session_tags.then_some(true))
                    .set_policy(fields.policy.as_ref().map(ToString::to_string))
                    .set_tags(tags(fields))
            )?;
            let id = sent.association.and_then(|it| it.association_id);
            Ok(json!({"associationId": id}))
        }
        Edit::UpdateAssociation { id, was, fields, .. } => {
            // EKS takes an empty text for "none".
            let text = |was: Option<String>, now: Option<String>| {
                (was != now).then(|| now.unwrap_or_default())
            };
            let arn = |it: &AssociationFields| it.target_role_arn.as_ref().map(ToString::to_string);
            let policy = |it: &AssociationFields| it.policy.as_ref().map(ToString::to_string);
            let role = (was.role_arn != fields.role_arn).then(|| fields.role_arn.to_string());
            let tags = was.disable_session_tags != fields.disable_session_tags;
            send!(
                eks.update_pod_identity_association()
                    .cluster_name(cluster)
                    .association_id(&**id)
                    .set_role_arn(role)
                    .set_target_role_arn(text(arn(was), arn(fields)))
                    .set_disable_session_tags(tags.then_some(fields.disable_session_tags))
                    .set_policy(text(policy(was), policy(fields)))
            )?;
            Ok(Value::Null)
        }
        Edit::DeleteAssociation { id, .. } => {
            send!(
                eks.delete_pod_identity_association().cluster_name(cluster).association_id(&**id)
            )?;
            Ok(Value::Null)
        }
        Edit::CreateAddon { name } => {
            send!(
                eks.create_addon()
                    .cluster_name(cluster)
                    .addon_name(&**name)
                    .resolve_conflicts(aws_sdk_eks::types::ResolveConflicts::Overwrite)
            )?;
            Ok(Value::Null)
        }
        Edit::DeleteAddon { name } => {
            send!(eks.delete_addon().cluster_name(cluster).addon_name(&**name))?;
            Ok(Value::Null)
        }
        _ => Err(Written::Refused("it is no change of EKS".into())),
    }
}
