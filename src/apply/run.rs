//! One plan, step by step.
//!
//! Before the first write: credentials proven, locks taken, the journal begun. A step that fails takes with it those that
//! need it, and ends the plan where nothing stands beside it; what was written before it stays and is said. What IAM and EKS do not show yet is waited for together, and only where the
//! next step needs it or none is left.

use crate::{
    apply::{
        Hands, Journal,
        access::Permit,
        lock::Lock,
        ready::READY_WITHIN,
        step::{Done, Pending},
        told::{ended, made},
    },
    ident::{AccountId, Ref, Text, Timestamp},
    plan::{
        Edit, Order, Outcome, Plan, Progress, Purpose, Recorded, Step, StepState, Whereabouts,
        WorkloadKey, digest_of, left_alone,
    },
    source::{Settings, now},
};
use std::time::Duration;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// How long IAM and EKS may go on showing the state before a write.
pub const PROPAGATION: Duration = Duration::from_secs(60);

/// What is to be carried out, and for whom it was made.
#[derive(Clone, Debug)]
pub struct Job {
    pub plan: Plan,
    /// The cluster that the plan is for.
    pub place: Whereabouts,
    /// Who the credentials belonged to when the plan was made.
    pub callers: Vec<(AccountId, Text)>,
    pub purpose: Purpose,
    /// [`PROPAGATION`], unless somebody cannot wait so long.
    pub propagation: Duration,
    /// How long the pods of the first workload may take before the others are left alone.
    pub ready_within: Duration,
}

impl Job {
    pub fn new(plan: Plan, place: Whereabouts, callers: Vec<(AccountId, Text)>) -> Job {
        Job {
            plan,
            place,
            callers,
            purpose: Purpose::Fix,
            propagation: PROPAGATION,
            ready_within: READY_WITHIN,
        }
    }
}

impl From<Order> for Job {
    fn from(it: Order) -> Job {
        let Order { plan, place, callers, purpose } = it;
        Job { purpose, ..Job::new(plan, place, callers) }
    }
}

/// Carries a job out. `progress` hears of every state, `Ended` last; `stop` ends it after the step in flight.
///
/// Never fails: how it ended is the outcome, and the journal has it too.
pub async fn run(
    settings: &Settings,
    journal: &Journal,
    job: Job,
    progress: &mpsc::Sender<Progress>,
    stop: &watch::Receiver<bool>,
) -> Outcome {
    let outcome = carry_out(settings, journal, &job, progress, stop).await;
    // Whoever listened may have left; the journal has it.
    let _ = progress.send(Progress::Ended(outcome.clone())).await;
    outcome
}

async fn carry_out(
    settings: &Settings,
    journal: &Journal,
    job: &Job,
    progress: &mpsc::Sender<Progress>,
    stop: &watch::Receiver<bool>,
) -> Outcome {
    let nothing = |why: String| Outcome::Nothing { why: why.into() };
    let hands = match Hands::open(settings, &job.plan, &job.place, &job.callers).await {
        Ok(it) => it,
        Err(it) => return nothing(format!("failed to {it}")),
    };
    let permit = match hands.permit() {
        Ok(it) => it,
        Err(it) => return nothing(format!("failed to {it}")),
    };
    let id = match &job.purpose {
        Purpose::Fix | Purpose::Undo(_) => entry_id(&job.plan),
        Purpose::Finish { entry, .. } => entry.clone(),
    };
    let locks = match locked(journal, &id, &job.plan) {
        Ok(it) => it,
        Err(why) => return nothing(why),
    };
    let begun = match &job.purpose {
        Purpose::Fix => begin(journal, &id, &hands, job, None),
        Purpose::Undo(entry) => begin(journal, &id, &hands, job, Some(entry.clone())),
        Purpose::Finish { .. } => journal.resume(&id, now(), hands.who()),
    };
    if let Err(it) = begun {
        return nothing(format!("failed to {it}"));
    }
    let mut work = Work {
        hands,
        permit,
        journal,
        id: id.clone(),
        numbers: match &job.purpose {
            Purpose::Finish { steps, .. } => steps.clone(),
            Purpose::Fix | Purpose::Undo(_) => (0..job.plan.steps.len()).collect(),
        },
        progress,
        stop,
        restarted_at: now(),
        propagation: job.propagation,
        ready_within: job.ready_within,
        first: None,
        is_first_ready: false,
        is_first_of_before: false,
        pending: Vec::new(),
        recent: Vec::new(),
        n_written: 0,
    };
    work.take_up(job);
    let outcome = work.steps(&job.plan, job.purpose == Purpose::Fix).await;
    if let Err(error) = journal.end(&id, now(), outcome.clone()) {
        tracing::error!(%error, "failed to end the journal's entry");
    }
    drop(locks);
    outcome
}

fn begin(
    journal: &Journal,
    id: &Text,
    hands: &Hands,
    job: &Job,
    undoes: Option<Text>,
) -> Result<(), crate::apply::JournalError> {
    let begun = (hands.who(), job.place.clone());
    journal.begin(id, now(), begun, Recorded::from(&job.plan), undoes)
}

/// One lock for the entry, which tells that somebody is at it, and one for each target.
fn locked(journal: &Journal, id: &Text, plan: &Plan) -> Result<Vec<Lock>, String> {
    let entry = Lock::entry(journal.dir(), id);
    let mut res = vec![entry.map_err(|it| it.to_string())?];
    let mut taken: Vec<&Step> = Vec::new();
    for step in &plan.steps {
        // Two steps of one plan may be about one target.
        if taken.iter().all(|it| it.target != step.target) {
            let lock = Lock::target(journal.dir(), &step.target);
            res.push(lock.map_err(|it| it.to_string())?);
            taken.push(step);
        }
    }
    Ok(res)
}

/// Sorts by time; the digest's head tells two of one moment apart.
fn entry_id(plan: &Plan) -> Text {
    let at = now();
    let salt = digest_of(format!("{at}{}{}", plan.digest, std::process::id()).as_bytes());
    format!("{}-{}", at.strftime("%Y%m%dT%H%M%SZ"), &salt[..6]).into()
}

/// A plan on its way.
pub(crate) struct Work<'a> {
    pub hands: Hands,
    pub permit: Permit,
    pub journal: &'a Journal,
    pub id: Text,
    /// The journal's numbers of the plan's steps.
    pub numbers: Vec<usize>,
    pub progress: &'a mpsc::Sender<Progress>,
    pub stop: &'a watch::Receiver<bool>,
    pub restarted_at: Timestamp,
    pub propagation: Duration,
    pub ready_within: Duration,
    /// The workload whose pods were made anew first, and whether they are Ready.
    pub first: Option<WorkloadKey>,
    pub is_first_ready: bool,
    /// It was an earlier plan that made them anew, and left others alone because of it.
    pub is_first_of_before: bool,
    /// Written steps that are not shown yet.
    pub pending: Vec<Pending>,
    /// What was written, and when: others may not have heard of it yet.
    pub recent: Vec<(Ref, Instant)>,
    pub n_written: usize,
}

impl Work<'_> {
    /// `goes_on`: what stands beside a step that fails is carried out all the same.
    async fn steps(&mut self, plan: &Plan, goes_on: bool) -> Outcome {
        let mut failed: Vec<usize> = Vec::new();
        let mut left: Vec<Text> = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            if *self.stop.borrow() {
                return Outcome::Stopped { done: self.n_written };
            }
            if left_alone(&plan.steps, &failed).contains(&index) {
                let why = "it needs a step that was not done";
                self.tell(index, StepState::Refused(why.into())).await;
                left.push(format!("{}: {why}", step.target).into());
                continue;
            }
            if self.needs_the_others(plan, step)
                && let Some(it) = self.settle(plan).await
            {
                return it;
            }
            match self.hold(index, plan).await {
                Some(Outcome::Partly { why, .. }) if !left.is_empty() => {
                    let done = index - left.len();
                    left.push(why);
                    return Outcome::Except { done, left };
                }
                Some(it) => return it,
                None => {}
            }
            let is_last = index + 1 == plan.steps.len();
            match self.step(index, step).await {
                Done::Written => self.went(&step.edit),
                Done::Already => {
                    if let Edit::Restart { .. } = step.edit {
                        self.went(&step.edit);
                    }
                    self.tell(index, StepState::Already).await;
                }
                Done::Not(state, why) => {
                    self.tell(index, state).await;
                    failed.push(index);
                    // Nothing stood beside it so far, and nothing does that comes later.
                    let n_lost = left_alone(&plan.steps, &failed).len();
                    let is_end = failed.len() == 1 && index + 1 + n_lost == plan.steps.len();
                    if !goes_on || is_end {
                        return ended(self.n_written, index, why);
                    }
                    left.push(format!("{}: {why}", step.target).into());
                }
                Done::Lost(why) if is_last => {
                    self.tell(index, StepState::Done).await;
                    tracing::warn!(%why, "the last step was written, though its answer was lost");
                }
                Done::Lost(why) => {
                    self.tell(index, StepState::Done).await;
                    return Outcome::Partly { done: index + 1, why: why.into() };
                }
                Done::Uncertain(state, why) => {
                    self.tell(index, state).await;
                    return Outcome::NotKnown { done: index, why: why.into() };
                }
            }
        }
        match self.settle(plan).await {
            Some(it) => it,
            None if left.is_empty() => Outcome::Applied,
            None if self.n_written == 0 => Outcome::Nothing { why: left.join("; ").into() },
            None => Outcome::Except { done: plan.steps.len() - left.len(), left },
        }
    }

    pub(crate) async fn tell(&self, index: usize, state: StepState) {
        let _ = self.progress.send(Progress::Step { index, state }).await;
    }

    /// Whether a step can only work once what was written before it is in force: EKS looks at a trust policy when an
    /// association is made, new pods ask for credentials at once, and what is written twice is found as it was left.
    fn needs_the_others(&self, plan: &Plan, step: &Step) -> bool {
        matches!(step.edit, Edit::CreateAssociation { .. } | Edit::UpdateAssociation { .. })
            || step.edit.rolls_out().is_some()
            || self.pending.iter().any(|it| plan.steps[it.index].target == step.target)
    }

    /// Waits until every written step is shown. `Some`: one is not, or something else is there.
    async fn settle(&mut self, plan: &Plan) -> Option<Outcome> {
        let pause = (self.propagation / 60).max(Duration::from_millis(10));
        let mut stop = self.stop.clone();
        loop {
            for it in std::mem::take(&mut self.pending) {
                match self.look(plan, it).await {
                    Ok(still) => self.pending.extend(still),
                    Err(it) => return Some(it),
                }
            }
            // Whoever stops it has the service's word, and the journal has it too.
            if self.pending.is_empty() || *stop.borrow() {
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _stopped = stop.changed() => {}
            }
        }
    }

    /// Looks at one that is not shown yet: `Some` if it still is not.
    async fn look(&mut self, plan: &Plan, it: Pending) -> Result<Option<Pending>, Outcome> {
        let step = &plan.steps[it.index];
        let why = match self.observe(step).await {
            Ok(now) if self.is_after(step, &now) => {
                let made = made(step, &it.before, Some(&now), &it.answer);
                return match self.written(it.index, made) {
                    Done::Written => {
                        self.tell(it.index, StepState::Done).await;
                        Ok(None)
                    }
                    other => Err(self.uncertain(it.index, other).await),
                };
            }
            Ok(now) if now.value == it.before.value => {
                "reading still shows the state before it".to_owned()
            }
            Ok(now) => {
                let other = self.overwritten(it.index, &it.before, &now, step, &it.answer);
                return Err(self.uncertain(it.index, other).await);
            }
            Err(why) => format!("reading again failed: {why}"),
        };
        if it.since.elapsed() < self.propagation {
            return Ok(Some(it));
        }
        let seconds = self.propagation.as_secs();
        let why = format!("the service said {seconds} s ago that it is written, and {why}");
        let state = StepState::NotKnown(why.as_str().into());
        let made = made(step, &it.before, None, &it.answer);
        let other = self.note_made(it.index, (state, made), Done::Uncertain, why);
        Err(self.uncertain(it.index, other).await)
    }

    async fn uncertain(&self, index: usize, done: Done) -> Outcome {
        match done {
            Done::Uncertain(state, why) | Done::Not(state, why) => {
                self.tell(index, state).await;
                Outcome::NotKnown { done: index, why: why.into() }
            }
            Done::Written | Done::Already => Outcome::Applied,
            Done::Lost(why) => Outcome::Partly { done: index + 1, why: why.into() },
        }
    }
}

/// When something was written.
pub(crate) fn clock() -> Instant {
    Instant::now()
}
