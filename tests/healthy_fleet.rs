//! No false alarms: a large healthy fleet is silent, and one fault planted into it is the only one that is found.

#[path = "common/files.rs"]
mod files;
#[path = "common/fleet.rs"]
mod fleet;
#[path = "common/line.rs"]
mod line;
#[path = "healthy_fleet/plants.rs"]
mod plants;
#[path = "common/renamed.rs"]
mod renamed;
#[path = "healthy_fleet/scenarios.rs"]
mod scenarios;

use fleet::{Dice, Draft, Fleet, Place, SORTS, Sort, realise};
use idscope::{
    check::{Health, Ledger, Severity, roll_up},
    fact::{Change, Fact},
    graph::Graph,
    ident::{Ref, SaKey, Timestamp},
    identity::Verdict,
};
use line::line;
use plants::{PLANTS, Plant};
use std::collections::BTreeSet;

const ID: &str = "9F2C4E6A8B0D1F3E5A7C9B1D3F5E7A9C";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// One of each kind of cluster.
fn places() -> [Place; 4] {
    let place = |region: &str, auto_mode: bool| Place::new(now(), region, ID, auto_mode);
    [
        place("eu-west-1", false),
        place("cn-north-1", false),
        place("us-gov-west-1", false),
        place("us-east-1", true),
    ]
}

struct Judge {
    graph: Graph,
    ledger: Ledger,
}

impl Judge {
    fn of(changes: Vec<Change>) -> Judge {
        let mut res = Judge { graph: Graph::default(), ledger: Ledger::default() };
        res.apply(changes);
        res
    }

    fn apply(&mut self, changes: Vec<Change>) {
        let units: BTreeSet<Ref> =
            changes.into_iter().flat_map(|it| self.graph.apply(it)).collect();
        self.ledger.refresh(&self.graph, &units.into_iter().collect::<Vec<_>>(), now());
    }

    /// Everything above hygiene, and what could not be judged.
    fn alarms(&self) -> BTreeSet<String> {
        let rolled = roll_up(&self.graph, &self.ledger);
        let told = rolled.into_iter().map(|it| it.finding);
        told.filter(|it| it.severity != Severity::Hygiene).map(line).collect()
    }
}

/// The fleet's size over all clusters.
const N_WORKLOADS: usize = 5_000;

#[test]
fn five_thousand_healthy_workloads_are_silent() {
    for (n, place) in places().into_iter().enumerate() {
        let fleet = Fleet::new(place, N_WORKLOADS / 4, n as u64);
        let judge = Judge::of(fleet.changes());
        let region = &fleet.place.region;
        let alarms = judge.alarms();
        assert!(alarms.is_empty(), "{region}: {:#?}", alarms.iter().take(10).collect::<Vec<_>>());
        let mut seen = BTreeSet::new();
        for draft in &fleet.drafts {
            let key = SaKey::new(draft.namespace.clone(), draft.service_account.clone());
            let identity = judge.ledger.identity(&key).unwrap_or_else(|| panic!("{key}"));
            let wanted = if draft.sort == Sort::Plain { Verdict::None } else { Verdict::Allow };
            assert_eq!(identity.verdict, wanted, "{region}: {key}: {}", identity.because);
            let health = judge.ledger.health(&judge.graph, &key);
            let is_well = matches!(health, Health::Healthy | Health::Progressing);
            assert!(is_well, "{region}: {key} is {health:?}");
            seen.insert(draft.sort);
        }
        assert_eq!(seen, BTreeSet::from(SORTS), "every sort of workload is there");
    }
}

/// Places that each fault is planted at, in each kind of cluster.
const N_SEEDS: u64 = 4;

#[test]
fn one_planted_fault_is_the_only_one() {
    let mut wrong = Vec::new();
    for place in places() {
        let mut fleet = Fleet::new(place, 120, 7);
        let mut judge = Judge::of(fleet.changes());
        assert_eq!(judge.alarms(), BTreeSet::new());
        for (n, plant) in PLANTS.iter().enumerate() {
            for seed in 0..N_SEEDS {
                let mut dice = Dice::new(seed * 1000 + n as u64);
                plant_one(&mut fleet, &mut judge, plant, &mut dice, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Plants, compares, and takes it out again, after which all is silent.
fn plant_one(
    fleet: &mut Fleet,
    judge: &mut Judge,
    plant: &Plant,
    dice: &mut Dice,
    wrong: &mut Vec<String>,
) {
    let place = &fleet.place;
    let fits = |it: &&Draft| plant.sorts.contains(&it.sort) && (plant.fits)(place, it);
    let sites: Vec<&Draft> = fleet.drafts.iter().filter(fits).collect();
    if sites.is_empty() {
        return;
    }
    let before = sites[dice.below(sites.len())].clone();
    let mut after = before.clone();
    let expected = (plant.plant)(place, &mut after);
    let (old, new) = (realise(place, &before), realise(place, &after));
    judge.apply(difference(&old, &new));
    let found = judge.alarms();
    let expected = BTreeSet::from([expected]);
    if found != expected {
        wrong.push(format!(
            "{} at {}/{} ({:?}, {}): {found:#?} instead of {expected:#?}",
            plant.code, before.namespace, before.name, before.sort, place.region
        ));
    }
    judge.apply(difference(&new, &old));
    let rest = judge.alarms();
    if !rest.is_empty() {
        wrong.push(format!("{} taken out again leaves {rest:#?}", plant.code));
        // What is left would spoil all that follow.
        *judge = Judge::of(fleet.changes());
    }
}

/// What makes one set of facts the other.
fn difference(old: &[Fact], new: &[Fact]) -> Vec<Change> {
    let keys: BTreeSet<Ref> = new.iter().map(Fact::key).collect();
    let gone = old.iter().map(Fact::key).filter(|it| !keys.contains(it)).map(Change::Remove);
    let upsert = |it: &Fact| Change::Upsert(Box::new(it.clone()));
    gone.chain(new.iter().filter(|it| !old.contains(it)).map(upsert)).collect()
}
