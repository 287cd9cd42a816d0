//! What must hold before anything may be planned: a proven cluster, fresh facts, a trust policy that is one and fits.

use crate::{
    fact::{Scope, SourceState},
    graph::Graph,
    iam,
    ident::Text,
    plan::{Edit, Names, Refusal, Warning},
};

/// The most characters without white space that IAM takes in a trust policy, with and without a raised quota (IAM
/// quotas: "Role trust policy length").
const QUOTA: usize = 2_048;
const RAISED_QUOTA: usize = 4_096;

/// Writes need a cluster that is proven to be the one that AWS describes.
pub(crate) fn proven(graph: &Graph, edits: &[Edit]) -> Result<(), Refusal> {
    let proven = graph.api_server().is_some_and(|it| it.proof.is_some());
    if edits.is_empty() || proven { Ok(()) } else { Err(Refusal::NotProven) }
}

/// Facts that are older than the last successful read allow no write.
pub(crate) fn fresh(graph: &Graph, edit: &Edit) -> Result<(), Refusal> {
    for scope in scopes(graph, edit) {
        let state = match graph.source(&scope) {
            Some(SourceState::Stale { at, .. } | SourceState::Cached { at }) => format!("at {at}"),
            Some(SourceState::Expired { .. }) => "before the credentials expired".to_owned(),
            _ => continue,
        };
        return Err(Refusal::NotFresh { scope: scope.name(), state });
    }
    Ok(())
}

/// The lists that tell what the edit's target is.
fn scopes(graph: &Graph, edit: &Edit) -> Vec<Scope> {
    let within = |namespace: &Text, make: fn(Option<Text>) -> Scope| {
        [make(None), make(Some(namespace.clone()))].to_vec()
    };
    if let Some(it) = edit.rolls_out() {
        let kind = it.kind;
        return [None, Some(it.namespace.clone())]
            .into_iter()
            .map(|namespace| Scope::Workloads { kind, namespace })
            .collect();
    }
    let account = edit.account(Names::of(graph).account.as_ref());
    match edit {
        Edit::Annotate { service_account: it, .. }
        | Edit::CreateServiceAccount { service_account: it, .. }
        | Edit::DeleteServiceAccount { service_account: it, .. } => {
            within(&it.namespace, |namespace| Scope::ServiceAccounts { namespace })
        }
        Edit::SetTrust { .. } => {
            account.map(|it| Scope::Roles { account: it.as_str().into() }).into_iter().collect()
        }
        Edit::CreateProvider { .. }
        | Edit::DeleteProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. } => {
            account.map(|it| Scope::Providers { account: it.as_str().into() }).into_iter().collect()
        }
        Edit::CreateAssociation { .. }
        | Edit::UpdateAssociation { .. }
        | Edit::DeleteAssociation { .. } => vec![Scope::Associations],
        Edit::CreateAddon { .. } | Edit::DeleteAddon { .. } => vec![Scope::Addons],
        Edit::UseServiceAccount { .. }
        | Edit::SetEnv { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::Restart { .. } => Vec::new(),
    }
}

/// The result must be a policy, and fit.
pub(crate) fn trust(
    role: &str,
    document: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    let name = || Text::from(role);
    if role.contains(":role/aws-service-role/") {
        return Err(Refusal::ServiceLinked(name()));
    }
    if let Some(reason) = refused_trust(document) {
        return Err(Refusal::NoPolicy { role: name(), reason });
    }
    let chars = document.chars().filter(|it| !it.is_whitespace()).count();
    if RAISED_QUOTA < chars {
        return Err(Refusal::TooLong { role: name(), chars });
    }
    if QUOTA < chars {
        warnings.push(Warning {
            grave: true,
            text: format!(
                "the trust policy will have {chars} characters without white space; IAM takes {QUOTA} unless the quota was raised"
            ),
        });
    }
    Ok(())
}

/// Why IAM would not store a trust policy; whether it fits is not looked at.
pub(crate) fn refused_trust(document: &str) -> Option<String> {
    match iam::Document::parse(document, iam::Kind::Trust).parsed {
        Err(it) => Some(format!("{} {}", it.path, it.reason).trim().to_owned()),
        Ok(it) => it.refused_federated().map(|it| {
            format!(
                "`{it}` is neither a domain name nor an ARN, as federated principals have to be"
            )
        }),
    }
}

/// Whether a trust policy is one that IAM could take: a policy, short enough, of a role that may be changed.
pub fn can_be_saved(edit: &Edit) -> Result<(), Refusal> {
    match edit {
        Edit::SetTrust { role, document, .. } => trust(role.as_str(), document, &mut Vec::new()),
        Edit::Annotate { .. }
        | Edit::CreateServiceAccount { .. }
        | Edit::DeleteServiceAccount { .. }
        | Edit::UseServiceAccount { .. }
        | Edit::SetEnv { .. }
        | Edit::RestoreEnv { .. }
        | Edit::SetMetadata { .. }
        | Edit::Restart { .. }
        | Edit::CreateProvider { .. }
        | Edit::DeleteProvider { .. }
        | Edit::AddClientId { .. }
        | Edit::RemoveClientId { .. }
        | Edit::SetThumbprints { .. }
        | Edit::CreateAssociation { .. }
        | Edit::UpdateAssociation { .. }
        | Edit::DeleteAssociation { .. }
        | Edit::CreateAddon { .. }
        | Edit::DeleteAddon { .. } => Ok(()),
    }
}
