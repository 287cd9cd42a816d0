//! IAM: roles, their policies, and OIDC providers of one account.

use crate::source::now;
use crate::{
    fact::{
        AttachedPolicy, Change, Fact, IamRole, Knowledge, OidcProvider, Policies, ProviderDetail,
        Scope,
    },
    iam::{Document, Kind},
    ident::{Arn, Ref, Text},
    source::{
        aws::{
            account::Account,
            error::Failure,
            pages::{pages, passes},
            queue::Job,
            shared::Shared,
        },
        lower_aws,
    },
};
use futures::FutureExt;
use std::{sync::Arc, time::Duration};

/// Providers that are read at once.
const N_AT_ONCE: usize = 4;

/// Known providers that one poll reads again, beside those that are not known yet.
const N_OLD: usize = 10;

/// How long a managed policy's document is taken for what it is.
const DOCUMENT_AGE: Duration = Duration::from_secs(300);

/// IAM may return fewer than asked for.
const PAGE: i32 = 1000;

/// ListRoles, to the end.
pub(crate) async fn roles(shared: &Shared, account: &Account) {
    let scope = Scope::Roles { account: account.id.clone() };
    let since = now();
    let iam = &account.clients.iam;
    let listed = pages(shared, &scope, |token| {
        async move {
            let request = iam.list_roles().max_items(PAGE).set_marker(token).send();
            let got = account.call("iam:ListRoles", request).await?;
            Ok((got.roles, got.marker.filter(|_| got.is_truncated)))
        }
        .boxed()
    })
    .await;
    let at = now();
    let roles: Vec<IamRole> =
        listed.items.into_iter().map(|it| lower_aws::listed_role(it, at)).collect();
    let arns: Vec<Arn> = roles.iter().map(|it| it.arn.clone()).collect();
    let changes = match listed.end {
        Ok(()) => {
            let roles = shared.state().book.roles_listed(&account.id, roles, since);
            let facts = roles.into_iter().map(Fact::Role).collect();
            vec![Change::Replace { scope: scope.clone(), facts }, shared.complete(&scope)]
        }
        Err(failure) => {
            shared.note(account, &failure);
            let mut changes: Vec<Change> = roles
                .into_iter()
                .map(|it| shared.state().book.role_listed(it))
                .map(|it| Change::Upsert(Box::new(Fact::Role(it))))
                .collect();
            changes.push(shared.incomplete(&scope, &failure, &account.origin, changes.len()));
            changes
        }
    };
    shared.emit(changes).await;
    {
        let mut state = shared.state();
        state.queue.listed(&account.id);
        // Who was refused a role asked for its policies too, which only now have one to belong to.
        for arn in arns.into_iter().filter(|it| state.book.lacks_policies(it)).collect::<Vec<_>>() {
            state.queue.push(Job::Policies(arn), false);
        }
    }
    shared.wake.notify_one();
}

/// ListOpenIDConnectProviders, then GetOpenIDConnectProvider for each that is due; `all`: for every one. `first`: the
/// issuer whose provider matters most.
pub(crate) async fn providers(shared: &Shared, account: &Account, all: bool, first: Option<&str>) {
    let scope = Scope::Providers { account: account.id.clone() };
    let request = account.clients.iam.list_open_id_connect_providers().send();
    let listed = account.call("iam:ListOpenIDConnectProviders", request).await;
    let mut providers: Vec<OidcProvider> = match listed {
        Ok(it) => it.open_id_connect_provider_list.unwrap_or_default(),
        Err(failure) => {
            shared.note(account, &failure);
            let change = shared.incomplete(&scope, &failure, &account.origin, 0);
            return shared.emit(vec![change]).await;
        }
    }
    .into_iter()
    .filter_map(|it| Some(OidcProvider::new(Arn::new(it.arn?), Knowledge::NotYet)))
    .collect();
    let mut due = {
        let mut state = shared.state();
        state.book.providers_listed(&mut providers, &account.id);
        state.book.providers_due(&providers, if all { usize::MAX } else { N_OLD })
    };
    for it in providers.iter().filter(|it| Some(&*it.url) == first) {
        due.retain(|arn| *arn != it.arn);
        due.insert(0, it.arn.clone());
    }
    let n = providers.len();
    let facts = providers.into_iter().map(Fact::Provider).collect();
    shared.emit(vec![Change::Replace { scope: scope.clone(), facts }]).await;
    shared.received(&scope, n).await;
    let read = |arn: Arn| async move { Some((listed_provider(shared, account, &arn).await?, arn)) };
    let left = passes(N_AT_ONCE, due, read).await;
    shared.emit(vec![shared.described(&scope, account, n, &left)]).await;
}

/// Why it could not be read.
async fn listed_provider(shared: &Shared, account: &Account, arn: &Arn) -> Option<Failure> {
    let detail = match provider(account, arn).await {
        Ok(it) => it,
        Err(Failure::Denied(it)) => Knowledge::Denied(it),
        // Gone since the list was made; the next list will say so.
        Err(Failure::Absent) => return None,
        Err(failure) => {
            shared.note(account, &failure);
            return Some(failure);
        }
    };
    shared.emit(provider_known(shared, arn, detail)).await;
    None
}

/// GetOpenIDConnectProvider. `Err(Denied)` is left to the caller: it means something else in a list and alone.
pub(crate) async fn provider(
    account: &Account,
    arn: &Arn,
) -> Result<Knowledge<ProviderDetail>, Failure> {
    let iam = &account.clients.iam;
    let request = iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn.as_str());
    let got = account.call("iam:GetOpenIDConnectProvider", request.send()).await?;
    Ok(Knowledge::Known(lower_aws::provider_detail(got)))
}

pub(crate) fn provider_known(
    shared: &Shared,
    arn: &Arn,
    detail: Knowledge<ProviderDetail>,
) -> Vec<Change> {
    shared.state().book.provider_got(arn, detail.clone(), now());
    let provider = OidcProvider::new(arn.clone(), detail);
    vec![Change::Upsert(Box::new(Fact::Provider(provider)))]
}

/// GetRole by the friendly name in `wanted`. IAM ignores the path, so what comes back may be another role: then the
/// wanted one is absent, and the other one is a fact by its own ARN.
pub(crate) async fn role(
    shared: &Shared,
    account: &Account,
    wanted: &Arn,
) -> Result<Vec<Change>, Failure> {
    let absent = || Change::Know { of: Ref::Role(wanted.clone()), knowledge: Knowledge::Absent };
    let Some(name) = wanted.name() else { return Ok(vec![absent()]) };
    let request = account.clients.iam.get_role().role_name(name).send();
    let at = now();
    let got = match account.call("iam:GetRole", request).await {
        Ok(got) => got.role,
        Err(Failure::Absent) => None,
        Err(Failure::Denied(denied)) => {
            let known = shared.state().book.role_refused(wanted, &denied);
            let of = Ref::Role(wanted.clone());
            return Ok(vec![match known {
                Some(it) => Change::Upsert(Box::new(Fact::Role(it))),
                None => Change::Know { of, knowledge: Knowledge::Denied(denied) },
            }]);
        }
        Err(other) => return Err(other),
    };
    let mut changes = Vec::new();
    let got = got.map(|it| lower_aws::got_role(it, at));
    let is_wanted = got.as_ref().is_some_and(|it| it.arn == *wanted);
    if !is_wanted {
        if shared.state().book.role_gone(wanted) {
            changes.push(Change::Remove(Ref::Role(wanted.clone())));
        }
        changes.push(absent());
    }
    if let Some(it) = got {
        let it = shared.state().book.role_got(it);
        changes.push(Change::Upsert(Box::new(Fact::Role(it))));
    }
    Ok(changes)
}

/// Attached and inline policies of a role that is already known.
pub(crate) async fn policies(
    shared: &Shared,
    account: &Account,
    arn: &Arn,
) -> Result<Vec<Change>, Failure> {
    let Some(name) = arn.name() else { return Ok(Vec::new()) };
    let read = async {
        let attached = attached_policies(shared, account, name).await?;
        let inline = inline_policies(account, name).await?;
        Ok(Policies { attached, inline })
    };
    let policies = match read.await {
        Ok(it) => Knowledge::Known(it),
        Err(Failure::Denied(it)) => Knowledge::Denied(it),
        Err(Failure::Absent) => return Ok(Vec::new()),
        Err(other) => return Err(other),
    };
    let known = shared.state().book.policies_got(arn, policies);
    Ok(known.into_iter().map(|it| Change::Upsert(Box::new(Fact::Role(it)))).collect())
}

async fn attached_policies(
    shared: &Shared,
    account: &Account,
    name: &str,
) -> Result<Vec<AttachedPolicy>, Failure> {
    let mut res = Vec::new();
    let mut marker = None;
    loop {
        let request = account.clients.iam.list_attached_role_policies().role_name(name);
        let request = request.set_marker(marker.clone()).send();
        let got = account.call("iam:ListAttachedRolePolicies", request).await?;
        for arn in
            got.attached_policies.unwrap_or_default().into_iter().filter_map(|it| it.policy_arn)
        {
            let document = policy_document(shared, account, &arn).await?;
            res.push(AttachedPolicy { arn: Arn::new(arn), document });
        }
        let next = got.marker.filter(|_| got.is_truncated);
        if next.is_none() || next == marker {
            return Ok(res);
        }
        marker = next;
    }
}

/// What can be known of a managed policy: a refusal is an answer too.
pub(crate) async fn policy_document(
    shared: &Shared,
    account: &Account,
    arn: &str,
) -> Result<Knowledge<Arc<Document>>, Failure> {
    match policy(shared, account, arn).await {
        Ok(it) => Ok(Knowledge::Known(it)),
        Err(Failure::Denied(it)) => Ok(Knowledge::Denied(it)),
        Err(Failure::Absent) => Ok(Knowledge::Absent),
        Err(other) => Err(other),
    }
}

/// The default version's document.
async fn policy(shared: &Shared, account: &Account, arn: &str) -> Result<Arc<Document>, Failure> {
    let at = now();
    let since = at.checked_sub(DOCUMENT_AGE).unwrap_or(at);
    // Roles that are read at the same time have the same policies attached; the first one reads for all.
    let lock = shared.state().book.document_lock(arn);
    let _reading = lock.lock().await;
    if let Some(it) = shared.state().book.document(arn, since) {
        return Ok(it);
    }
    let iam = &account.clients.iam;
    let got = account.call("iam:GetPolicy", iam.get_policy().policy_arn(arn).send()).await?;
    let version = got.policy.and_then(|it| it.default_version_id).ok_or(Failure::Absent)?;
    let request = iam.get_policy_version().policy_arn(arn).version_id(version).send();
    let got = account.call("iam:GetPolicyVersion", request).await?;
    let text = got.policy_version.and_then(|it| it.document);
    let document = Arc::new(lower_aws::document(text.as_deref(), Kind::Identity));
    shared.state().book.document_got(arn, &document, at);
    Ok(document)
}

async fn inline_policies(
    account: &Account,
    name: &str,
) -> Result<Vec<(Text, Arc<Document>)>, Failure> {
    let iam = &account.clients.iam;
    let mut res = Vec::new();
    let mut marker = None;
    loop {
        let request = iam.list_role_policies().role_name(name).set_marker(marker.clone()).send();
        let got = account.call("iam:ListRolePolicies", request).await?;
        for policy in got.policy_names {
            let request = iam.get_role_policy().role_name(name).policy_name(&policy).send();
            let document = match account.call("iam:GetRolePolicy", request).await {
                Ok(it) => lower_aws::document(Some(&it.policy_document), Kind::Identity),
                // Deleted since it was listed.
                Err(Failure::Absent) => continue,
                Err(other) => return Err(other),
            };
            res.push((policy.into(), Arc::new(document)));
        }
        let next = got.marker.filter(|_| got.is_truncated);
        if next.is_none() || next == marker {
            return Ok(res);
        }
        marker = next;
    }
}
