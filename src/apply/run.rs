//! One plan, step by step.
//!
//! Before the first write: credentials proven, locks taken, the journal begun. For each step: read, compare, dry run
//! (Kubernetes), note, prove the caller once more, write once, read again, note. A step that fails ends the plan; what
//! was written before it stays and is said.

use crate::{
    apply::{
        Hands, Journal, eks_target, iam_target, kube_target,
        lock::Lock,
        present::{Present, Standing, standing},
        told::{ended, is_iam, made, shown, words},
    },
    ident::{AccountId, Text, Timestamp},
    plan::{
        Edit, Outcome, Plan, Progress, Recorded, Step, StepState, Whereabouts, digest_of,
        without_secrets,
    },
    source::{
        Settings,
        aws::{account::Account, error::Written},
        kube::write::WriteError,
        now,
    },
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// What is to be carried out, and for whom it was made.
#[derive(Clone, Debug)]
pub struct Job {
    pub plan: Plan,
    /// The cluster that the plan is for.
    pub place: Whereabouts,
    /// Who the credentials belonged to when the plan was made.
    pub callers: Vec<(AccountId, Text)>,
    /// The journal's entry that this puts back.
    pub undoes: Option<Text>,
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
    let mut locks = Vec::new();
    for step in &job.plan.steps {
        match Lock::take(journal.dir(), &step.target) {
            Ok(it) => locks.push(it),
            // Two steps of one plan may be about one target.
            Err(_) if is_repeated(&job.plan, step) => {}
            Err(it) => return nothing(it.to_string()),
        }
    }
    let id = entry_id(&job.plan);
    let begun = (hands.who(settings), job.place.clone());
    let plan = Recorded::from(&job.plan);
    if let Err(it) = journal.begin(&id, now(), begun, plan, job.undoes.clone()) {
        return nothing(format!("failed to {it}"));
    }
    let mut work = Work { hands, journal, id: id.clone(), progress, restarted_at: now() };
    let outcome = work.steps(&job.plan, stop).await;
    if let Err(error) = journal.end(&id, now(), outcome.clone()) {
        tracing::error!(%error, "failed to end the journal's entry");
    }
    drop(locks);
    outcome
}

/// Whether an earlier step of the plan has the same target.
fn is_repeated(plan: &Plan, step: &Step) -> bool {
    let same = |it: &&Step| it.target == step.target;
    1 < plan.steps.iter().filter(same).count()
}

/// Sorts by time; the digest's head tells two of one moment apart.
fn entry_id(plan: &Plan) -> Text {
    let at = now();
    let salt = digest_of(format!("{at}{}{}", plan.digest, std::process::id()).as_bytes());
    format!("{}-{}", at.strftime("%Y%m%dT%H%M%SZ"), &salt[..6]).into()
}

struct Work<'a> {
    hands: Hands,
    journal: &'a Journal,
    id: Text,
    progress: &'a mpsc::Sender<Progress>,
    restarted_at: Timestamp,
}

/// What one step came to.
enum Done {
    Written,
    /// Nothing of it was written.
    Not(StepState, String),
    /// Written or not: nobody knows, or something else is there now.
    Uncertain(StepState, String),
}

impl Work<'_> {
    async fn steps(&mut self, plan: &Plan, stop: &watch::Receiver<bool>) -> Outcome {
        for (index, step) in plan.steps.iter().enumerate() {
            if *stop.borrow() {
                return ended(index, "it was stopped".to_owned());
            }
            match self.step(index, step).await {
                Done::Written => self.tell(index, StepState::Done).await,
                Done::Not(state, why) => {
                    self.tell(index, state).await;
                    return ended(index, why);
                }
                Done::Uncertain(state, why) => {
                    self.tell(index, state).await;
                    return Outcome::NotKnown { done: index, why: why.into() };
                }
            }
        }
        Outcome::Applied
    }

    async fn tell(&self, index: usize, state: StepState) {
        let _ = self.progress.send(Progress::Step { index, state }).await;
    }

    async fn step(&mut self, index: usize, step: &Step) -> Done {
        self.tell(index, StepState::Checking).await;
        let present = match self.observe(step).await {
            Ok(it) => it,
            Err(it) => return refused(format!("failed to read what is there: {it}")),
        };
        if let Some(moved) = moved(step, &present) {
            return moved;
        }
        if standing(&step.edit, &present) == Standing::After {
            // As it is meant to be already: an earlier run, or somebody else.
            return self.note_done(index, &present, Value::Null);
        }
        if step.edit.is_kubernetes() {
            self.tell(index, StepState::DryRun).await;
            if let Err(it) = self.send(step, &present, true).await {
                let (Sent::Refused(why) | Sent::NotKnown(why)) = it;
                return refused(format!("the API server would not take it: {why}"));
            }
        }
        let kept = without_secrets(&json!({"value": present.value, "uid": present.uid,
            "revision": present.revision}));
        if let Err(it) = self.journal.before(&self.id, now(), index, kept) {
            return refused(format!("failed to {it}"));
        }
        if let Some(account) = self.account(step)
            && let Err(it) = account.check().await
        {
            let why = format!("failed to prove the caller again: {}", words(&it));
            let state = StepState::Refused(why.as_str().into());
            return self.note(index, state, Done::Not, why);
        }
        self.tell(index, StepState::Writing).await;
        match self.send(step, &present, false).await {
            Ok(answer) => {
                self.tell(index, StepState::Reading).await;
                self.read_back(index, step, &present, &answer).await
            }
            Err(Sent::Refused(why)) => {
                let state = StepState::Refused(why.as_str().into());
                self.note(index, state, Done::Not, why)
            }
            Err(Sent::NotKnown(why)) => self.unanswered(index, step, why).await,
        }
    }

    /// After an answer of success. IAM and EKS may still show the old state for a while.
    async fn read_back(&self, index: usize, step: &Step, before: &Present, answer: &Value) -> Done {
        let made = made(step, before, answer);
        let mut pauses = READ_AGAIN.iter();
        loop {
            let read = self.observe(step).await;
            let restart = matches!(step.edit, Edit::Restart { .. });
            match &read {
                Ok(it) if restart && it.value == json!(self.restarted_at.to_string()) => {
                    return self.note_done(index, it, made);
                }
                Ok(it) if !restart && standing(&step.edit, it) == Standing::After => {
                    return self.note_done(index, it, made);
                }
                // The old state: not everywhere yet.
                Ok(it) if it.value == before.value => {}
                Ok(it) => {
                    let found = shown(&it.value);
                    let why = "something else was written after it".to_owned();
                    let state = StepState::Overwritten { found: found.as_str().into() };
                    return self.note_made(index, (state, Some(made)), Done::Uncertain, why);
                }
                Err(_) => {}
            }
            match pauses.next() {
                Some(it) => tokio::time::sleep(*it).await,
                // The service said yes, and that counts; what it shows follows.
                None => return self.note_done(index, before, made),
            }
        }
    }

    /// No answer: it is read, not tried again.
    async fn unanswered(&self, index: usize, step: &Step, why: String) -> Done {
        let not_known = |more: &str| {
            let why = format!("no answer ({why}); {more}");
            (StepState::NotKnown(why.as_str().into()), why)
        };
        let (state, why) = match self.observe(step).await {
            Ok(it) if standing(&step.edit, &it) == Standing::After => {
                let made = made(step, &it, &Value::Null);
                let (_, why) = not_known("reading again shows that it was written");
                return self.note_made(index, (StepState::Done, Some(made)), Done::Uncertain, why);
            }
            Ok(it) if standing(&step.edit, &it) == Standing::Before => {
                not_known("reading again shows that it was not written so far")
            }
            Ok(_) => not_known("reading again shows something else"),
            Err(it) => not_known(&format!("reading again failed: {it}")),
        };
        self.note(index, state, Done::Uncertain, why)
    }

    fn note_done(&self, index: usize, _now: &Present, made: Value) -> Done {
        let made = (!made.is_null()).then_some(made);
        match self.journal.after(&self.id, now(), index, (StepState::Done, made)) {
            Ok(()) => Done::Written,
            Err(it) => {
                let why = format!("it was written, but failed to {it}");
                Done::Uncertain(StepState::Done, why)
            }
        }
    }

    fn note(
        &self,
        index: usize,
        state: StepState,
        done: fn(StepState, String) -> Done,
        why: String,
    ) -> Done {
        self.note_made(index, (state, None), done, why)
    }

    fn note_made(
        &self,
        index: usize,
        (state, made): (StepState, Option<Value>),
        done: fn(StepState, String) -> Done,
        why: String,
    ) -> Done {
        if let Err(error) = self.journal.after(&self.id, now(), index, (state.clone(), made)) {
            tracing::error!(%error, "failed to note what came of a step");
        }
        done(state, why)
    }

    fn account(&self, step: &Step) -> Option<&Arc<Account>> {
        self.hands.account(step.account.as_ref()?)
    }

    async fn observe(&self, step: &Step) -> Result<Present, Text> {
        if step.edit.is_kubernetes() {
            let read = kube_target::observe(&self.hands.link, &step.edit).await;
            return read.map_err(|it| it.to_string().into());
        }
        let Some(account) = self.account(step) else { return Err("no credentials".into()) };
        let read = if is_iam(&step.edit) {
            iam_target::observe(account, &step.edit).await
        } else {
            eks_target::observe(account, &self.hands.cluster, &step.edit).await
        };
        read.map_err(|it| words(&it))
    }

    async fn send(&self, step: &Step, present: &Present, is_dry_run: bool) -> Result<Value, Sent> {
        if step.edit.is_kubernetes() {
            let at = self.restarted_at.to_string();
            let sent =
                kube_target::send(&self.hands.link, &step.edit, present, &at, is_dry_run).await;
            return sent.map_err(|it| match it {
                WriteError::Refused { message, .. } => Sent::Refused(message.to_string()),
                WriteError::NotKnown(it) => Sent::NotKnown(it.to_string()),
            });
        }
        let Some(account) = self.account(step) else {
            return Err(Sent::Refused("no credentials".to_owned()));
        };
        let sent = if is_iam(&step.edit) {
            iam_target::send(account, &step.edit).await
        } else {
            eks_target::send(account, &self.hands.cluster, &step.edit).await
        };
        sent.map_err(|it| match it {
            Written::Refused(it) => Sent::Refused(it.to_string()),
            Written::NotKnown(it) => Sent::NotKnown(it.to_string()),
        })
    }
}

/// How long to wait between readings of what was just written, until the service's word has to do.
const READ_AGAIN: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
    Duration::from_millis(2_700),
];

/// Why a request brought no success.
enum Sent {
    Refused(String),
    NotKnown(String),
}

fn refused(why: String) -> Done {
    Done::Not(StepState::Refused(why.as_str().into()), why)
}

/// What was there when the plan was made must be there now: the same object, in the same state.
fn moved(step: &Step, present: &Present) -> Option<Done> {
    let other = |expected: String, found: String| {
        let why = format!("{} moved: expected {expected}, found {found}", step.target);
        let (expected, found) = (expected.as_str().into(), found.as_str().into());
        Some(Done::Not(StepState::Moved { expected, found }, why))
    };
    if let (Some(expected), Some(found)) = (&step.uid, &present.uid)
        && expected != found
        && !expected.is_empty()
    {
        return other(format!("uid {expected}"), format!("uid {found}"));
    }
    if standing(&step.edit, present) != Standing::Other {
        return None;
    }
    let expected = match &step.edit {
        Edit::SetTrust { was, .. } => was.to_string(),
        _ => {
            let all = step
                .expects
                .iter()
                .map(|it| format!("{} = {}", it.field, it.value.as_deref().unwrap_or("nothing")));
            all.collect::<Vec<_>>().join(", ")
        }
    };
    other(expected, shown(&present.value))
}
