//! From Pod Identity back to IRSA, out of whatever stage a migration is in. Worked out from the world alone: it needs no
//! journal, so anybody can go this way from any machine.
//!
//! What running pods have is taken from them last: the old way is whole before the association goes, and the statement
//! that a migration wrote for EKS goes when nobody can need it any more.

use crate::{
    check::{
        Context,
        goal::{NoWay, Way, World, meant_role, trust::trust_edit, trust::trust_of},
        judge,
        propose::joined,
        statement,
    },
    fact::Knowledge,
    graph::Graph,
    iam,
    ident::{Arn, SaKey, Timestamp},
    plan::{Edit, TrustChange},
};

/// The way back of all of them, or of those that are in a migration; who cannot go is named and stays. A single one is
/// led back from Pod Identity in any case, as far as its role is known. `Err`: there is nothing to lead back.
pub fn leave(graph: &Graph, keys: &[SaKey], now: Timestamp) -> Result<Way, NoWay> {
    let mut world = World { graph: graph.clone(), now, way: Way::default() };
    let mut back: Vec<(&SaKey, Arn)> = Vec::new();
    let mut stay = Vec::new();
    for key in keys {
        let is_meant = match keys {
            [_] => graph.association_of(key).is_known() || is_under_way(graph, key),
            _ => is_under_way(graph, key),
        };
        if !is_meant {
            continue;
        }
        let mut one = World { graph: world.graph.clone(), now, way: Way::default() };
        let led = meant_role(graph, key).and_then(|it| one.irsa(key, &it).map(|()| it));
        match led {
            Ok(role) => {
                world.graph = one.graph;
                world.way.edits.extend(one.way.edits);
                world.way.notes.extend(one.way.notes);
                back.push((key, role));
            }
            Err(why) => stay.push(format!("`{key}` stays as it is: {why}")),
        }
    }
    if back.is_empty() {
        return Err(match stay.is_empty() {
            true => "nothing of a migration is here that could be left".to_owned(),
            false => stay.join("; "),
        });
    }
    // Two of them may have one role, which is written once.
    world.way.edits = joined(std::mem::take(&mut world.way.edits));
    for (key, _) in &back {
        world.restarts(key);
    }
    let mut narrowed = Vec::new();
    for (key, role) in &back {
        if let Some(edit) = without_own(world.cx(), key, role)? {
            world.make(edit);
            narrowed.extend(world.way.edits.pop());
        }
    }
    world.way.edits.extend(joined(narrowed));
    world.way.notes.extend(stay);
    world.way.notes.dedup();
    Ok(world.way)
}

/// Whether something of a migration is on the ServiceAccount: both ways at once, or a statement of the other one.
pub(crate) fn is_under_way(graph: &Graph, key: &SaKey) -> bool {
    let declaration = judge::Declaration::of(graph, key);
    let is_associated = declaration.association.is_known();
    let trust = meant_role(graph, key).and_then(|it| trust_of(graph, &it));
    let policy = trust.as_ref().ok().and_then(|it| it.parsed.as_ref().ok());
    match (declaration.annotation.is_some(), is_associated) {
        (true, true) => true,
        (true, false) => policy.is_some_and(|it| own(graph, key, it).is_some()),
        (false, true) => policy.is_some_and(|it| lets_in(graph, key, it)),
        (false, false) => false,
    }
}

/// The number of the statement that a migration writes for EKS, exactly as it does.
fn own(graph: &Graph, key: &SaKey, policy: &iam::Policy) -> Option<usize> {
    let cluster = graph.cluster().known()?;
    let own = statement::pod_identity(cluster, key, false);
    policy.statements.iter().position(|it| *it == own)
}

/// Whether a statement for this cluster's tokens names the ServiceAccount.
fn lets_in(graph: &Graph, key: &SaKey, policy: &iam::Policy) -> bool {
    let Some(issuer) = graph.issuer().known() else { return false };
    let subject = key.subject();
    let mut ours = policy.statements.iter().filter(|it| statement::is_web_identity_of(it, &issuer));
    ours.any(|it| it.conditions.iter().flat_map(|it| &it.values).any(|it| **it == *subject))
}

/// The role's trust policy without the statement that only this ServiceAccount of this cluster can use.
fn without_own(cx: Context<'_>, key: &SaKey, role: &Arn) -> Result<Option<Edit>, NoWay> {
    // Whoever has an association still needs it.
    if cx.graph.association_of(key) != Knowledge::Absent {
        return Ok(None);
    }
    let known = trust_of(cx.graph, role)?;
    let Ok(policy) = &known.parsed else { return Ok(None) };
    let Some(at) = own(cx.graph, key, policy) else { return Ok(None) };
    let mut wanted = policy.clone();
    wanted.statements.remove(at);
    // A role that lets nobody in is no way back.
    if wanted.statements.is_empty() {
        return Ok(None);
    }
    trust_edit(role, &known, &wanted, TrustChange::Narrows).map(Some)
}
