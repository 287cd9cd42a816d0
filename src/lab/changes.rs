//! The offline route from a scenario to facts: as if every source had read everything once.
//!
//! Honours what the `Caller` may read, and faults that keep a list of AWS from being read for good; all other faults of
//! the endpoints are theirs alone.

use crate::{
    fact::{
        AttachedPolicy, Change, Denied, Fact, IamRole, Knowledge, LastUsed, OidcProvider, Policies,
        ProviderDetail, Scope, SourceState,
    },
    iam,
    ident::{Arn, Issuer, Ref, Text},
    lab::{
        listing::{IAM_PAGE, Listing, UNPAGED},
        scenario::{Caller, Provider, Role, World},
    },
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

const LIST_PROVIDERS: &str = "iam:ListOpenIDConnectProviders";

/// Everything that the sources would say of `world`.
pub fn changes(world: &World) -> Vec<Change> {
    Side::ALL.into_iter().flat_map(|it| changes_of(world, it)).collect()
}

/// Whose lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is listed of the API server.
    Kubernetes,
    /// EKS, the caller, and what the API server says of itself.
    Eks,
    Iam,
}

impl Side {
    pub const ALL: [Side; 3] = [Side::Kubernetes, Side::Eks, Side::Iam];
}

/// What one side's sources would say of `world`.
pub fn changes_of(world: &World, side: Side) -> Vec<Change> {
    match side {
        Side::Kubernetes => crate::lab::changes_kube::changes(world),
        Side::Eks => crate::lab::changes_eks::changes(world),
        Side::Iam => {
            let mut res = Vec::new();
            iam(world, &mut res);
            res
        }
    }
}

/// A complete list and the state of its source.
pub fn replace(world: &World, scope: Scope, facts: Vec<Fact>, res: &mut Vec<Change>) {
    res.push(Change::Replace { scope: scope.clone(), facts });
    res.push(Change::Source { scope, state: SourceState::Live { at: world.now } });
}

pub fn refuse(world: &World, scope: Scope, denied: Denied, res: &mut Vec<Change>) {
    res.push(Change::Source { scope, state: SourceState::Denied { at: world.now, denied } });
}

pub fn denied(permission: impl Into<Text>, detail: impl Into<Text>) -> Denied {
    Denied { permission: permission.into(), detail: detail.into() }
}

fn iam(world: &World, res: &mut Vec<Change>) {
    let named = named_roles(world);
    let readable: BTreeSet<&str> = world.caller.accounts.iter().map(|it| it.as_str()).collect();
    for account in &world.caller.accounts {
        let account: Text = account.as_str().into();
        roles(world, &account, &named, res);
        providers(world, &account, res);
    }
    let foreign: BTreeSet<_> = named
        .iter()
        .filter_map(Arn::account)
        .chain([world.cluster.account.clone()])
        .filter(|it| !readable.contains(it.as_str()))
        .collect();
    for account in foreign {
        let why = format!("no credentials for account {account}");
        let text: Text = account.as_str().into();
        for (scope, permission) in [
            (Scope::Roles { account: text.clone() }, "iam:ListRoles"),
            (Scope::Providers { account: text.clone() }, "iam:ListOpenIDConnectProviders"),
        ] {
            refuse(world, scope, denied(permission, why.as_str()), res);
        }
        for arn in named.iter().filter(|it| it.account().as_ref() == Some(&account)) {
            let knowledge = Knowledge::Denied(denied("iam:GetRole", why.as_str()));
            res.push(Change::Know { of: Ref::Role(arn.clone()), knowledge });
        }
    }
}

/// Every role ARN that an object, an association or a node group names.
fn named_roles(world: &World) -> BTreeSet<Arn> {
    let mut res = BTreeSet::new();
    for object in &world.objects {
        collect_roles(object, &mut res);
    }
    for it in &world.associations {
        res.extend([Some(&it.role), it.target_role.as_ref()].into_iter().flatten().cloned());
    }
    res.extend(world.nodegroups.iter().map(|it| it.node_role.clone()));
    res.extend(world.cluster.node_role.clone());
    res.extend(world.addons.iter().filter_map(|it| it.service_account_role.clone()));
    res.retain(Arn::is_iam_role);
    res
}

fn collect_roles(value: &Value, res: &mut BTreeSet<Arn>) {
    match value {
        Value::String(it) if it.starts_with("arn:") => {
            res.insert(Arn::new(it.as_str()));
        }
        Value::Array(it) => it.iter().for_each(|it| collect_roles(it, res)),
        Value::Object(it) => it.values().for_each(|it| collect_roles(it, res)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn roles(world: &World, account: &Text, named: &BTreeSet<Arn>, res: &mut Vec<Change>) {
    let scope = Scope::Roles { account: account.clone() };
    let of_account = |it: &Arn| it.account().is_some_and(|it| it.as_str() == &**account);
    let own = world.roles.iter().filter(|it| of_account(&it.arn));
    let facts: Vec<Fact> = own.map(|it| Fact::Role(role(world, &world.caller, it))).collect();
    let listing = Listing::of(world, "iam:ListRoles", None, facts.len(), IAM_PAGE);
    if listing.tell(world, scope, facts, res) {
        return;
    }
    // Those that are used are asked for by name.
    for arn in named.iter().filter(|it| of_account(it)) {
        if world.caller.denies("iam:GetRole", Some(arn.as_str())) {
            let knowledge = Knowledge::Denied(denied("iam:GetRole", ""));
            res.push(Change::Know { of: Ref::Role(arn.clone()), knowledge });
            continue;
        }
        match world.role(arn) {
            Some(it) => {
                res.push(Change::Upsert(Box::new(Fact::Role(role(world, &world.caller, it)))))
            }
            None => {
                // IAM looks for the name alone, so that one with another path comes back.
                let alike = |it: &&Role| of_account(&it.arn) && it.arn.name() == arn.name();
                if let Some(it) = world.roles.iter().find(alike) {
                    let fact = Fact::Role(role(world, &world.caller, it));
                    res.push(Change::Upsert(Box::new(fact)));
                }
                res.push(Change::Know { of: Ref::Role(arn.clone()), knowledge: Knowledge::Absent })
            }
        }
    }
}

/// A role as somebody sees it who may read everything, which is how the services themselves see it.
pub fn full_role(world: &World, it: &Role) -> IamRole {
    let everything = Caller {
        deny: Vec::new(),
        deny_kube: Vec::new(),
        namespaces: None,
        ..world.caller.clone()
    };
    role(world, &everything, it)
}

fn role(world: &World, caller: &Caller, it: &Role) -> IamRole {
    let get_role = || match caller.denies("iam:GetRole", Some(it.arn.as_str())) {
        true => Knowledge::Denied(denied("iam:GetRole", "")),
        false => Knowledge::Known(()),
    };
    IamRole {
        arn: it.arn.clone(),
        id: it.id.clone(),
        created: Some(it.created),
        trust: document(&it.trust, iam::Kind::Trust),
        max_session_seconds: Some(it.max_session_seconds),
        permissions_boundary: get_role().map(|()| it.boundary.clone()),
        tags: get_role().map(|()| it.tags.clone()),
        last_used: get_role()
            .map(|()| LastUsed { at: it.last_used, region: it.last_used_region.clone() }),
        policies: policies(world, caller, it),
        read_at: Some(world.now),
    }
}

fn document(raw: &str, kind: iam::Kind) -> Arc<iam::Document> {
    Arc::new(iam::Document::parse(raw, kind))
}

fn policies(world: &World, caller: &Caller, role: &Role) -> Knowledge<Policies> {
    let mut needed = vec!["iam:ListAttachedRolePolicies", "iam:ListRolePolicies"];
    if !role.inline.is_empty() {
        needed.push("iam:GetRolePolicy");
    }
    let refused = needed.into_iter().find(|it| caller.denies(it, Some(role.arn.as_str())));
    if let Some(permission) = refused {
        return Knowledge::Denied(denied(permission, ""));
    }
    let attached = |arn: &Arn| {
        let refused = ["iam:GetPolicy", "iam:GetPolicyVersion"]
            .into_iter()
            .find(|it| caller.denies(it, Some(arn.as_str())));
        let text = world.policy_document(arn.as_str());
        let document = match (refused, text) {
            (Some(permission), _) => Knowledge::Denied(denied(permission, "")),
            (None, Some(text)) => Knowledge::Known(document(text, iam::Kind::Identity)),
            (None, None) => Knowledge::Absent,
        };
        AttachedPolicy { arn: arn.clone(), document }
    };
    let inline = role.inline.iter();
    Knowledge::Known(Policies {
        attached: role.attached.iter().map(attached).collect(),
        inline: inline
            .map(|(name, text)| (name.clone(), document(text, iam::Kind::Identity)))
            .collect(),
    })
}

fn providers(world: &World, account: &Text, res: &mut Vec<Change>) {
    let scope = Scope::Providers { account: account.clone() };
    let own = || world.providers.iter().filter(|it| it.account.as_str() == &**account);
    let facts: Vec<Fact> = own().map(|it| provider(world, it)).collect();
    let listing = Listing::of(world, LIST_PROVIDERS, None, facts.len(), UNPAGED);
    if listing.tell(world, scope, facts, res) {
        return;
    }
    // The one that should exist is asked for by name.
    let Some(issuer) = world.cluster.issuer.as_deref().map(Issuer::new) else { return };
    let Some(account) = crate::ident::AccountId::parse(account) else { return };
    let arn = issuer.provider_arn(&world.cluster.partition(), &account);
    if let Some(it) = own().find(|it| it.arn() == arn) {
        return res.push(Change::Upsert(Box::new(provider(world, it))));
    }
    let knowledge = match world.caller.denies("iam:GetOpenIDConnectProvider", Some(arn.as_str())) {
        true => Knowledge::Denied(denied("iam:GetOpenIDConnectProvider", "")),
        false => Knowledge::Absent,
    };
    res.push(Change::Know { of: Ref::Provider(arn), knowledge });
}

fn provider(world: &World, it: &Provider) -> Fact {
    let refused = world.caller.denies("iam:GetOpenIDConnectProvider", Some(it.arn().as_str()));
    let detail = match refused {
        true => Knowledge::Denied(denied("iam:GetOpenIDConnectProvider", "")),
        false => Knowledge::Known(ProviderDetail {
            url: it.url.clone(),
            client_ids: it.client_ids.clone(),
            thumbprints: it.thumbprints.clone(),
            created: Some(it.created),
            tags: Vec::new(),
        }),
    };
    Fact::Provider(OidcProvider { arn: it.arn(), url: it.url.clone(), detail })
}
