//! What came of a plan: the world is asked, and what it says is looked at with every frame.

use crate::{
    check::{self, Aftermath, Class, Cure, Offer},
    event::Level,
    ident::{Ref, SaKey, Timestamp},
    model::{
        Model, Request,
        propose::{Proposed, Run, Stage},
    },
    plan::{Edit, Outcome, Purpose, StepState, WorkloadKey},
};

/// What came of a plan, and what shortens the wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Healing {
    pub aftermath: Aftermath,
    /// The workload whose restart brings it to the pods; `Err` says why none would.
    pub restart: Result<Option<WorkloadKey>, String>,
    /// When the wait is over at the latest.
    pub until: Option<Timestamp>,
}

impl Proposed {
    /// What is to be looked after; `None` where not everything was written, or where a fault was put back.
    pub(in crate::model) fn cure(
        &self,
        run: &Run,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Option<Cure> {
        let is_whole = match outcome {
            Outcome::Applied | Outcome::Except { .. } => true,
            Outcome::Nothing { .. }
            | Outcome::Partly { .. }
            | Outcome::NotKnown { .. }
            | Outcome::Stopped { .. } => false,
        };
        let heals = match self.purpose {
            Purpose::Fix | Purpose::Finish { .. } => self.offer.heals.clone(),
            Purpose::Undo(_) => Vec::new(),
        };
        let is_done = |it: &Option<StepState>| it.as_ref().is_some_and(StepState::is_done);
        // Where some steps were left, only the others can be seen.
        let states = self.as_plan()?.edits().zip(&run.steps);
        let edits = match outcome {
            Outcome::Except { .. } => {
                states.filter(|(_, it)| is_done(it)).map(|(edit, _)| edit.clone()).collect()
            }
            Outcome::Applied
            | Outcome::Nothing { .. }
            | Outcome::Partly { .. }
            | Outcome::NotKnown { .. }
            | Outcome::Stopped { .. } => states.map(|(edit, _)| edit.clone()).collect(),
        };
        is_whole.then(|| Cure { heals, keys: self.concerned(), edits, at })
    }

    /// The ServiceAccounts that are to get something by it.
    fn concerned(&self) -> Vec<SaKey> {
        if let Purpose::Undo(_) = self.purpose {
            return Vec::new();
        }
        let gains = self.blast.gains.iter().chain(&self.blast.changes_identity);
        let mut res: Vec<SaKey> = gains.map(|it| it.service_account.clone()).collect();
        for it in &self.offer.heals {
            if let Ref::ServiceAccount(key) = &it.at {
                res.push(key.clone());
            }
        }
        if let Some(text) = self.offer.because.subject.strip_prefix("sa/")
            && let Some((namespace, name)) = text.split_once('/')
        {
            res.push(SaKey::new(namespace, name));
        }
        res.sort();
        res.dedup();
        res
    }
}

impl Model {
    /// How far the cure has come; `None` where nothing was applied, or while not everything is judged yet.
    pub fn healing(&self) -> Option<Healing> {
        let Stage::Ended { cure: Some(cure), .. } = &self.proposal()?.stage else { return None };
        let mut aftermath = check::aftermath(&self.graph, &self.ledger, cure, self.now);
        if 0 < self.n_waiting() && matches!(aftermath, Aftermath::StillThere { .. }) {
            let until = cure.at.checked_add(check::LAG).unwrap_or(Timestamp::MAX);
            aftermath = Aftermath::Pending { until };
        }
        let waits = match &aftermath {
            Aftermath::Repaired { waits, .. } | Aftermath::Delivering { waits, .. } => *waits,
            Aftermath::Pending { .. }
            | Aftermath::StillThere { .. }
            | Aftermath::Refused { .. }
            | Aftermath::NotKnown { .. }
            | Aftermath::Running { .. } => None,
        };
        let until = waits.and_then(|it| it.until(cure.at)).filter(|it| self.now < *it);
        let restart = if waits.is_some_and(check::Waits::is_shortened) {
            check::next_restart(&self.graph, &self.ledger, cure, self.now)
        } else {
            Ok(None)
        };
        Some(Healing { aftermath, restart, until })
    }

    /// Whether `r` does something: adds the restart to the plan, or plans the one that shortens the wait.
    pub(in crate::model) fn can_restart(&self) -> bool {
        let Some(it) = self.proposal() else { return false };
        if self.read_only().is_some() {
            return false;
        }
        match &it.stage {
            Stage::Shown => {
                it.purpose == Purpose::Fix
                    && it.as_plan().is_some()
                    && !it.restarts.offered.is_empty()
            }
            Stage::Ended { .. } => {
                self.healing().is_some_and(|it| matches!(it.restart, Ok(Some(_))))
            }
            Stage::Confirming(_) | Stage::Running(_) => false,
        }
    }

    pub(in crate::model) fn restart(&mut self) -> Vec<Request> {
        match self.healing() {
            Some(Healing { restart: Ok(Some(workload)), .. }) => self.propose_restart(workload),
            Some(_) => Vec::new(),
            None => self.toggle_restart(),
        }
    }

    fn propose_restart(&mut self, workload: WorkloadKey) -> Vec<Request> {
        let Some(it) = self.proposal() else { return Vec::new() };
        let offer = Offer {
            id: "FX-RESTART",
            title: format!("restart {workload}"),
            class: Class::Mends,
            because: it.offer.because.clone(),
            heals: Vec::new(),
            restart_needed: false,
            edits: vec![Edit::Restart { workload }],
            by_hand: Vec::new(),
            left: Vec::new(),
            notes: Vec::new(),
        };
        self.propose(offer, Purpose::Fix)
    }

    /// Whether `u` does something: there is an entry of the journal to put back.
    pub(in crate::model) fn can_undo(&self) -> bool {
        let written = |it: &Proposed| match &it.stage {
            Stage::Ended { outcome, .. } => match outcome {
                Outcome::Applied
                | Outcome::Partly { .. }
                | Outcome::Except { .. }
                | Outcome::NotKnown { .. } => true,
                Outcome::Stopped { done } => 0 < *done,
                Outcome::Nothing { .. } => false,
            },
            Stage::Shown | Stage::Confirming(_) | Stage::Running(_) => false,
        };
        let is_fix = |it: &&Proposed| !matches!(it.purpose, Purpose::Undo(_));
        self.read_only().is_none() && self.proposal().filter(is_fix).is_some_and(written)
    }

    /// Reads the journal for the entry of the plan that just ended.
    pub(in crate::model) fn undo_this(&mut self) -> Vec<Request> {
        let Some(plan) = self.proposal().and_then(Proposed::as_plan) else { return Vec::new() };
        self.to_undo = Some(plan.digest.clone());
        self.say(Level::Info, "reading the journal");
        vec![Request::Journal]
    }
}
