//! Which whole identities ServiceAccounts can be led to, and the way of each as a person reads of it.

use crate::{
    check::{
        Class, Goal, Ledger, Migration, Offer, Proof, Stage, Way,
        goal::{self, NoWay},
    },
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text, Timestamp},
    identity::{Mechanism, Verdict},
    plan::{Because, Edit},
};

/// What a ServiceAccount can be led to as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Irsa,
    PodIdentity,
    /// The present stage of going from the one to the other.
    Migrate,
    /// Back to IRSA from whatever stage that is.
    LeaveMigration,
}

impl Whole {
    pub const ALL: [Whole; 4] =
        [Whole::Irsa, Whole::PodIdentity, Whole::Migrate, Whole::LeaveMigration];

    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Whole::Irsa => "irsa",
            Whole::PodIdentity => "pod-identity",
            Whole::Migrate => "migrate",
            Whole::LeaveMigration => "leave-migration",
        }
    }

    pub fn parse(word: &str) -> Option<Whole> {
        Whole::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether several ServiceAccounts can be led there together.
    pub fn takes_several(self) -> bool {
        match self {
            Whole::Migrate | Whole::LeaveMigration => true,
            Whole::Irsa | Whole::PodIdentity => false,
        }
    }
}

/// Who is to be led somewhere.
pub struct Led<'a> {
    pub keys: &'a [SaKey],
    /// What all of them are called together: `sa/shop/web`, `ns/shop`, `3 marked rows`.
    pub called: Text,
    /// What speaks for taking the old way away.
    pub proof: &'a dyn Fn(&SaKey) -> Proof,
}

/// The way to a whole identity, as a person reads of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    pub title: String,
    pub way: Way,
    /// Where a migration stands, and what to know there.
    pub stage: Option<(Stage, String)>,
}

/// How a migration is left, said at every stage that has something to leave.
const LEAVE: &str = "the goal `leave-migration` leads back to IRSA from here, also without the journal of whoever came this far";

/// The way there; `Err` says why there is none. `role` is as for `goal::reach`; a migration has its own.
pub fn course(
    graph: &Graph,
    ledger: &Ledger,
    led: &Led<'_>,
    goal: Whole,
    role: Option<&Arn>,
    now: Timestamp,
) -> Result<Course, NoWay> {
    let one = || match led.keys {
        [one] => Ok(one),
        _ => Err(format!("`{}` is for one ServiceAccount at a time", goal.as_str())),
    };
    let called = match led.keys {
        [one] => format!("`{one}`"),
        _ => led.called.to_string(),
    };
    let straight = match goal {
        Whole::Irsa => Goal::Irsa,
        Whole::PodIdentity => Goal::PodIdentity,
        Whole::Migrate => {
            let Migration { stage, mut way, because } = match led.keys {
                [one] => goal::migrate(graph, ledger, one, (led.proof)(one), now)?,
                many => goal::migrate_all(graph, ledger, many, led.proof, now)?,
            };
            if stage != Stage::DualTrust {
                way.notes.push(LEAVE.to_owned());
            }
            let title = format!("migrate {called} to Pod Identity: {}", stage.as_str());
            return Ok(Course { title, way, stage: Some((stage, because)) });
        }
        Whole::LeaveMigration => {
            let way = goal::leave(graph, led.keys, now)?;
            let title = format!("leave the migration of {called}: back to IRSA");
            return Ok(Course { title, way, stage: None });
        }
    };
    let way = goal::reach(graph, one()?, straight, role, now)?;
    let name = match straight {
        Goal::Irsa => "IRSA",
        Goal::PodIdentity => "Pod Identity",
    };
    Ok(Course { title: format!("make {name} work for {called}"), way, stage: None })
}

/// The way there as an offer; `Err` says why there is none.
pub fn whole(
    graph: &Graph,
    ledger: &Ledger,
    led: &Led<'_>,
    goal: Whole,
    now: Timestamp,
) -> Result<Offer, String> {
    let Course { title, way, stage } = course(graph, ledger, led, goal, None, now)?;
    let because = stage.map(|(_, it)| it);
    let is_stage = because.is_some();
    let notes: Vec<String> = because.into_iter().chain(way.notes).collect();
    if way.edits.is_empty() {
        return Err(match is_stage {
            true => notes.join("; "),
            false => format!("{} has everything that {} takes", led.called, goal.as_str()),
        });
    }
    Ok(Offer {
        id: goal.as_str(),
        title,
        class: Class::Goal,
        because: Because { code: None, subject: led.called.clone() },
        heals: Vec::new(),
        restart_needed: way.edits.iter().any(Edit::needs_restart),
        edits: way.edits,
        by_hand: Vec::new(),
        left: Vec::new(),
        notes,
    })
}

/// The goals that fit a ServiceAccount as it stands: what it asks for and does not get, the way on from IRSA, and the way
/// back to it.
pub fn goals(
    graph: &Graph,
    ledger: &Ledger,
    key: &SaKey,
    proof: Proof,
    now: Timestamp,
) -> Vec<Offer> {
    let Some(it) = ledger.identity(key) else { return Vec::new() };
    let is_granted = it.verdict == Verdict::Allow;
    let fitting: &[Whole] = match (it.mechanism, is_granted) {
        (Mechanism::Irsa | Mechanism::Both | Mechanism::PodIdentity, true) => &[Whole::Migrate],
        (Mechanism::Both, false) => &[Whole::PodIdentity, Whole::Migrate],
        (Mechanism::Irsa, false) => &[Whole::Irsa, Whole::PodIdentity],
        (Mechanism::PodIdentity, false) => &[Whole::PodIdentity],
        // Only where a trust policy names it: the role is known then.
        (Mechanism::None, _) => &[Whole::Irsa, Whole::PodIdentity],
    };
    let back = goal::is_under_way(graph, key).then_some(Whole::LeaveMigration);
    let keys = std::slice::from_ref(key);
    let called = Ref::ServiceAccount(key.clone()).to_string().into();
    let led = Led { keys, called, proof: &|_| proof };
    let all = fitting.iter().copied().chain(back);
    all.filter_map(|it| whole(graph, ledger, &led, it, now).ok()).collect()
}
