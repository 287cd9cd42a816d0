//! Roles of a cluster that was made again: one plan for all of them.

use crate::{
    check::{
        Context,
        goal::{NoWay, Way},
        judge,
        oidc::{recreated, rewrite},
    },
    fact::Knowledge,
    graph::Graph,
    ident::{AccountId, Arn, Timestamp},
    plan::{self, Edit},
};
use std::collections::BTreeSet;

/// The way of every role that is used here and trusts only an issuer that no cluster has any more: the provider, once an
/// account, and each role's trust policy. With `roles` only of those. What stops one role is said of it, and the others go
/// on.
pub fn re_home(graph: &Graph, roles: &[Arn], now: Timestamp) -> Result<Way, NoWay> {
    let cx = Context { graph, now };
    let issuer = graph.issuer().known().ok_or("the cluster's issuer is not known")?;
    let accounts: BTreeSet<AccountId> = graph.named_roles().filter_map(Arn::account).collect();
    let mut res = Way::default();
    let mut found = false;
    for account in accounts {
        let Some(it) = recreated(&cx, &account) else { continue };
        let mut trusts = Vec::new();
        for role in it.roles.iter().filter(|it| roles.is_empty() || roles.contains(it)) {
            found = true;
            match trust(&cx, role, &it.old, &issuer) {
                Ok(edit) => trusts.push(edit),
                Err(why) => res.notes.push(format!("role `{role}` is left as it is: {why}")),
            }
        }
        // A provider alone would help nobody.
        if trusts.is_empty() {
            continue;
        }
        if graph.provider(&account, &issuer) == Knowledge::Absent {
            let fix = crate::check::Fix::create_provider(&cx, &account, &issuer);
            res.edits.extend(fix.edits);
        }
        res.edits.extend(trusts);
    }
    for role in roles.iter().filter(|it| judge::settled_role(graph, it) == Knowledge::Absent) {
        res.notes.push(format!("role `{role}` does not exist"));
    }
    match found {
        true => Ok(res),
        false => Err("no role here trusts an issuer that no cluster has any more".to_owned()),
    }
}

/// The role's trust policy with this cluster's issuer, if it can be saved at all.
fn trust(
    cx: &Context<'_>,
    role: &Arn,
    old: &crate::ident::Issuer,
    new: &crate::ident::Issuer,
) -> Result<Edit, NoWay> {
    let fix = rewrite(cx, role, old, new).ok_or("its trust policy cannot be written")?;
    let edit = fix.edits.into_iter().next().ok_or("its trust policy cannot be written")?;
    plan::can_be_saved(&edit).map_err(|it| it.to_string())?;
    Ok(edit)
}
