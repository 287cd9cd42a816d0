//! From IRSA to Pod Identity for several ServiceAccounts at once: the earliest stage that any of them is in.

use crate::{
    check::{
        Ledger,
        goal::{
            NoWay,
            migrate::{Migration, Pace, Proof, Stage, staged},
        },
        propose::joined,
    },
    graph::Graph,
    ident::{SaKey, Timestamp},
    plan::{self, Edit},
};

/// The ServiceAccounts of a namespace that ask for a role or have one.
pub fn of_namespace(graph: &Graph, namespace: &str) -> Vec<SaKey> {
    let asks = |it: &&SaKey| {
        let account = graph.service_account(it).known();
        account.is_some_and(|it| it.role_arn().is_some()) || graph.association_of(it).is_known()
    };
    graph.identities_in(namespace).filter(asks).cloned().collect()
}

/// As `migrate`, for all of them. One workload of all goes first; who cannot be migrated is named and stays. `Err`: none
/// of them can be.
pub fn migrate_all(
    graph: &Graph,
    ledger: &Ledger,
    keys: &[SaKey],
    proof: &dyn Fn(&SaKey) -> Proof,
    now: Timestamp,
) -> Result<Migration, NoWay> {
    let mut stages: Vec<(&SaKey, Migration)> = Vec::new();
    let mut left = Vec::new();
    for key in keys {
        match staged(graph, ledger, key, proof(key), Pace::Canary, now) {
            Ok(it) => stages.push((key, it)),
            Err(why) => left.push(format!("`{key}` stays as it is: {why}")),
        }
    }
    let Some(stage) = stages.iter().map(|(_, it)| it.stage).min() else {
        return Err(match left.is_empty() {
            true => "no ServiceAccount here asks for a role".to_owned(),
            false => left.join("; "),
        });
    };
    // What has moved of one of them is the canary of all.
    let has_begun = stages.iter().any(|(_, it)| Stage::Canary < it.stage);
    let pace = if has_begun { Pace::All } else { Pace::Canary };
    let stage = if stage == Stage::Canary && has_begun { Stage::Restart } else { stage };
    let at = |it: Stage| it == stage || stage == Stage::Restart && it == Stage::Canary;
    let mut res = Migration { stage, way: Default::default(), because: String::new() };
    // Two of them may have one role: each is worked out where the edits before it are made.
    let mut world = graph.clone();
    let mut because: Vec<String> = Vec::new();
    for (key, it) in stages.iter().filter(|(_, it)| at(it.stage)) {
        let it = match stage {
            Stage::DualTrust | Stage::Restart => {
                staged(&world, ledger, key, proof(key), pace, now)?
            }
            Stage::Associate
            | Stage::Canary
            | Stage::Prove
            | Stage::Unannotate
            | Stage::DropTrust
            | Stage::Finished => it.clone(),
        };
        let new: Vec<Edit> =
            it.way.edits.into_iter().filter(|it| !res.way.edits.contains(it)).collect();
        if stage == Stage::DualTrust {
            new.iter().for_each(|it| drop(plan::pretend(&mut world, it, now)));
        }
        res.way.edits.extend(new);
        res.way.notes.extend(it.way.notes);
        because.push(format!("`{key}`: {}", it.because));
        if stage == Stage::Canary {
            break;
        }
    }
    res.way.edits = joined(res.way.edits);
    res.way.notes.extend(left);
    because.dedup();
    res.because = because.join("; ");
    Ok(res)
}
