//! Many roles at once: what GetRole and the lists of their policies tell, in a few calls instead of some for each role.
//!
//! It takes a permission that reading does not need otherwise. Where that is refused, roles are read one by one.

use crate::source::now;
use crate::{
    fact::{AttachedPolicy, Change, Fact, IamRole, Knowledge, Policies},
    iam::{Document, Kind},
    ident::{Arn, Timestamp},
    source::{
        aws::{account::Account, error::Failure, iam, shared::Shared},
        lower_aws,
    },
};
use aws_sdk_iam::types::{EntityType, RoleDetail};
use std::{collections::HashMap, sync::Arc};

/// IAM may return fewer than asked for.
const PAGE: i32 = 1000;

/// What was read of the roles that somebody waits for. Names those of which nothing is left to be read.
pub(crate) struct Detailed {
    pub(crate) changes: Vec<Change>,
    pub(crate) whole: Vec<Arn>,
}

/// GetAccountAuthorizationDetails, to the end: roles, and the managed policies that are the account's own.
pub(crate) async fn read(shared: &Shared, account: &Account) -> Result<Detailed, Failure> {
    let since = now();
    let mut roles: Vec<RoleDetail> = Vec::new();
    let mut documents: HashMap<String, String> = HashMap::new();
    let mut marker = None;
    loop {
        let request = account
            .clients
            .iam
            .get_account_authorization_details()
            .filter(EntityType::Role)
            .filter(EntityType::LocalManagedPolicy)
            .max_items(PAGE)
            .set_marker(marker.clone());
        let got = account.call("iam:GetAccountAuthorizationDetails", request.send()).await?;
        for it in got.policies.unwrap_or_default() {
            let versions = it.policy_version_list.unwrap_or_default();
            let default = versions.into_iter().find(|it| it.is_default_version);
            if let (Some(arn), Some(text)) = (it.arn, default.and_then(|it| it.document)) {
                documents.insert(arn, text);
            }
        }
        let listed = got.role_detail_list.unwrap_or_default();
        let mut wanted: Vec<RoleDetail> = {
            let state = shared.state();
            let is_wanted = |it: &RoleDetail| {
                it.arn.as_deref().is_some_and(|it| state.queue.waits_for(&Arn::from(it)))
            };
            listed.into_iter().filter(is_wanted).collect()
        };
        let next = got.marker.filter(|_| got.is_truncated);
        let is_last = next.is_none() || next == marker;
        if !is_last {
            // Whoever waits sees that something comes.
            let known = wanted.iter().filter_map(|it| known(shared, it, since));
            let facts = known.map(|it| Change::Upsert(Box::new(Fact::Role(it))));
            let facts: Vec<Change> = facts.collect();
            shared.emit(facts).await;
        }
        roles.append(&mut wanted);
        if is_last {
            break;
        }
        marker = next;
    }
    let mut documents = Documents { sent: documents, told: HashMap::new() };
    let mut res = Detailed { changes: Vec::new(), whole: Vec::new() };
    for role in roles {
        let Some(known) = known(shared, &role, since) else { continue };
        let arn = known.arn.clone();
        let mut known = Some(known);
        // What could not be read of one role just now is asked for again, alone.
        if let Ok(policies) = policies(shared, account, role, &mut documents, since).await {
            known = shared.state().book.policies_got(&arn, Knowledge::Known(policies));
            res.whole.push(arn);
        }
        res.changes.extend(known.map(|it| Change::Upsert(Box::new(Fact::Role(it)))));
    }
    Ok(res)
}

/// Managed policies by ARN.
struct Documents {
    /// As they were sent: most are attached to nothing that anybody asks for.
    sent: HashMap<String, String>,
    /// What is known of those that are, refusals included.
    told: HashMap<String, Knowledge<Arc<Document>>>,
}

/// `None`: no list has told of the role, or it was read since.
fn known(shared: &Shared, role: &RoleDetail, at: Timestamp) -> Option<IamRole> {
    shared.state().book.role_detailed(lower_aws::detailed_role(role, at)?)
}

async fn policies(
    shared: &Shared,
    account: &Account,
    role: RoleDetail,
    documents: &mut Documents,
    since: Timestamp,
) -> Result<Policies, Failure> {
    let mut attached = Vec::new();
    let arns = role.attached_managed_policies.unwrap_or_default();
    for arn in arns.into_iter().filter_map(|it| it.policy_arn) {
        let document = match (documents.told.get(&arn), documents.sent.get(&arn)) {
            (Some(it), _) => it.clone(),
            (None, Some(text)) => {
                let it = Arc::new(lower_aws::document(Some(text), Kind::Identity));
                shared.state().book.document_got(&arn, &it, since);
                Knowledge::Known(it)
            }
            (None, None) => iam::policy_document(shared, account, &arn).await?,
        };
        documents.told.insert(arn.clone(), document.clone());
        attached.push(AttachedPolicy { arn: Arn::new(arn), document });
    }
    let inline = role.role_policy_list.unwrap_or_default().into_iter().filter_map(|it| {
        let document = lower_aws::document(it.policy_document.as_deref(), Kind::Identity);
        Some((it.policy_name?.into(), Arc::new(document)))
    });
    Ok(Policies { attached, inline: inline.collect() })
}
