//! One step: read, compare, dry run (Kubernetes), note, prove the caller once more, write once, read again, note.

use crate::{
    apply::{
        present::{Present, Standing, standing},
        run::{Work, clock},
        send::Sent,
        told::{made, may_lag},
    },
    ident::{Ref, Text},
    plan::{Edit, Expect, Step, StepState, laid_out, states, without_secrets},
    source::now,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What one step came to.
pub(crate) enum Done {
    /// Written, and noted.
    Written,
    /// It was so before.
    Already,
    /// Nothing of it was written.
    Not(StepState, String),
    /// Its answer never came, and reading again shows that it was written.
    Lost(String),
    /// Written or not: nobody knows, or something else is there now.
    Uncertain(StepState, String),
}

/// A step that was written and is not shown yet.
pub(crate) struct Pending {
    pub index: usize,
    pub since: Instant,
    pub before: Present,
    pub answer: Value,
}

/// How often a step is begun anew after a refusal that only says "not now": the object moved in between in a field that
/// is none of ours, or there were too many requests. Everything is read again each time.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// How long to wait between readings of what was just written before going on; it is looked at again later.
const READ_AGAIN: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];

impl Work<'_> {
    pub(crate) async fn step(&mut self, index: usize, step: &Step) -> Done {
        let (mut noted, mut attempt) = (false, 0);
        loop {
            attempt += 1;
            self.tell(index, StepState::Checking).await;
            let present = match self.observe(step).await {
                Ok(it) => it,
                Err(it) => {
                    let why = format!("failed to read what is there: {it}");
                    return self.refused(index, noted, why);
                }
            };
            if let Some((state, why)) = moved(step, &present) {
                return self.not(index, noted, state, why);
            }
            if self.is_after(step, &present) {
                // An earlier run, or somebody else.
                return self.already(index, step, &present, noted);
            }
            let is_kubernetes = step.edit.is_kubernetes();
            if is_kubernetes {
                self.tell(index, StepState::DryRun).await;
                match self.send(step, &present, true).await {
                    Ok(_) => {}
                    Err(Sent::NotNow(_)) if attempt < TRIES => {
                        tokio::time::sleep(PAUSE * attempt).await;
                        continue;
                    }
                    Err(Sent::NotNow(why) | Sent::Refused(why) | Sent::NotKnown(why)) => {
                        let why = format!("the API server would not take it: {why}");
                        return self.refused(index, noted, why);
                    }
                }
            }
            if !noted {
                if let Err(it) = self.announce(index, step, &present) {
                    return self.refused(index, false, format!("failed to {it}"));
                }
                noted = true;
            }
            if let Err(why) = self.hands.prove(step).await {
                let why = format!("failed to prove the caller again: {why}");
                return self.refused(index, noted, why);
            }
            // IAM and EKS have no precondition, so what is there is compared at the last moment; where it moved, the
            // next attempt says so.
            if !is_kubernetes {
                match self.observe(step).await {
                    Ok(it) if it.value == present.value => {}
                    Ok(_) if attempt < TRIES => continue,
                    Ok(_) => return self.refused(index, noted, "it keeps changing".to_owned()),
                    Err(it) => {
                        let why = format!("failed to read it right before the write: {it}");
                        return self.refused(index, noted, why);
                    }
                }
            }
            self.tell(index, StepState::Writing).await;
            match self.send(step, &present, false).await {
                Ok(answer) => {
                    self.n_written += 1;
                    self.recent.push((step.target.clone(), clock()));
                    self.tell(index, StepState::Reading).await;
                    return self.read_back(index, step, present, answer).await;
                }
                Err(Sent::NotNow(_)) if attempt < TRIES => {
                    tokio::time::sleep(PAUSE * attempt).await;
                }
                Err(Sent::Refused(_)) if self.may_not_have_heard(step) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(Sent::NotNow(why) | Sent::Refused(why)) => {
                    return self.turned_down(index, step, why).await;
                }
                Err(Sent::NotKnown(why)) => {
                    return self.unanswered(index, step, &present, why).await;
                }
            }
        }
    }

    /// Whether the refusal may come from EKS not having heard of the role's new trust policy.
    fn may_not_have_heard(&self, step: &Step) -> bool {
        let (Edit::CreateAssociation { fields, .. } | Edit::UpdateAssociation { fields, .. }) =
            &step.edit
        else {
            return false;
        };
        let of = Ref::Role(fields.role_arn.clone());
        let mut recent = self.recent.iter().filter(|(it, _)| *it == of);
        recent.any(|(_, at)| at.elapsed() < self.propagation)
    }

    /// What is there goes into the journal before anything is written over it.
    fn announce(
        &self,
        index: usize,
        step: &Step,
        present: &Present,
    ) -> Result<(), crate::apply::JournalError> {
        let mut kept = json!({"value": present.value, "uid": present.uid,
            "revision": present.revision});
        if !present.order.is_empty() {
            kept["order"] = json!(present.order);
        }
        if matches!(step.edit, Edit::Restart { .. }) {
            kept["restartedAt"] = json!(self.restarted_at.to_string());
        }
        self.journal.before(&self.id, now(), self.numbers[index], without_secrets(&kept))
    }

    /// As the plan means to leave it.
    pub(crate) fn is_after(&self, step: &Step, present: &Present) -> bool {
        match &step.edit {
            Edit::Restart { .. } => present.value == json!(self.restarted_at.to_string()),
            edit => standing(edit, present) == Standing::After,
        }
    }

    /// After an answer of success.
    async fn read_back(
        &mut self,
        index: usize,
        step: &Step,
        before: Present,
        answer: Value,
    ) -> Done {
        // The service's word first: whoever is killed while reading has written.
        let told = made(step, &before, None, &answer);
        let after = (StepState::Reading, told);
        if let Err(it) = self.journal.after(&self.id, now(), self.numbers[index], after) {
            return Done::Uncertain(StepState::Done, format!("it was written, but failed to {it}"));
        }
        let mut pauses = READ_AGAIN.iter();
        loop {
            match self.observe(step).await {
                Ok(it) if self.is_after(step, &it) => {
                    let made = made(step, &before, Some(&it), &answer);
                    let done = self.written(index, made);
                    if matches!(done, Done::Written) {
                        self.tell(index, StepState::Done).await;
                    }
                    return done;
                }
                // Not everywhere yet. The API server shows what it stores; there somebody else put it back.
                Ok(it) if it.value == before.value && may_lag(&step.edit) => {}
                Ok(it) => return self.overwritten(index, &before, &it, step, &answer),
                Err(_) => {}
            }
            match pauses.next() {
                Some(it) => tokio::time::sleep(*it).await,
                None => {
                    self.pending.push(Pending { index, since: clock(), before, answer });
                    return Done::Written;
                }
            }
        }
    }

    pub(crate) fn overwritten(
        &self,
        index: usize,
        before: &Present,
        found: &Present,
        step: &Step,
        answer: &Value,
    ) -> Done {
        let why = "something else was written after it; nothing more is written".to_owned();
        let state = StepState::Overwritten { found: laid_out(&found.value).into() };
        let made = made(step, before, None, answer);
        self.note_made(index, (state, made), Done::Uncertain, why)
    }

    /// The service said no. Somebody may have been faster.
    async fn turned_down(&self, index: usize, step: &Step, why: String) -> Done {
        if let Ok(it) = self.observe(step).await {
            if self.is_after(step, &it) {
                return self.already(index, step, &it, true);
            }
            if let Some((state, why)) = moved(step, &it) {
                return self.not(index, true, state, why);
            }
        }
        self.refused(index, true, why)
    }

    /// No answer: it is read, not tried again.
    async fn unanswered(
        &mut self,
        index: usize,
        step: &Step,
        before: &Present,
        why: String,
    ) -> Done {
        let lost = format!("no answer ({why})");
        self.tell(index, StepState::NotKnown(lost.as_str().into())).await;
        let mut pauses = READ_AGAIN.iter();
        let said = loop {
            match self.observe(step).await {
                Ok(it) if self.is_after(step, &it) => {
                    self.n_written += 1;
                    let made = made(step, before, Some(&it), &Value::Null);
                    let why = format!("{lost}; reading again shows that it was written");
                    return match self.written(index, made) {
                        Done::Written => Done::Lost(why),
                        other => other,
                    };
                }
                Ok(it) if moved(step, &it).is_some() => {
                    break "reading again shows something else".to_owned();
                }
                Ok(_) => match pauses.next() {
                    Some(it) if may_lag(&step.edit) => tokio::time::sleep(*it).await,
                    Some(_) | None => {
                        break "reading again shows that it was not written so far".to_owned();
                    }
                },
                Err(why) => match pauses.next() {
                    Some(it) => tokio::time::sleep(*it).await,
                    None => break format!("reading again failed: {why}"),
                },
            }
        };
        let why = format!("{lost}; {said}");
        let state = StepState::NotKnown(why.as_str().into());
        self.note_made(index, (state, None), Done::Uncertain, why)
    }

    fn already(&self, index: usize, step: &Step, present: &Present, noted: bool) -> Done {
        let after = match self.announced(index).filter(|_| !noted) {
            // By an earlier run of the same entry, and found written: it is ours, and so is what it made.
            Some(kept) => {
                let revision = kept["revision"].as_i64();
                let before = Present { revision, ..Present::default() };
                (StepState::Done, made(step, &before, Some(present), &Value::Null))
            }
            None => (StepState::Already, None),
        };
        match self.journal.after(&self.id, now(), self.numbers[index], after) {
            Ok(()) => Done::Already,
            Err(it) => {
                let why = format!("failed to {it}");
                Done::Not(StepState::Refused(why.as_str().into()), why)
            }
        }
    }

    /// What was there when a run of this entry announced the step, if nobody noted what came of it.
    fn announced(&self, index: usize) -> Option<Value> {
        let (entries, _) = self.journal.entries().ok()?;
        let entry = entries.into_iter().find(|it| it.id == self.id)?;
        let step = entry.steps.into_iter().nth(self.numbers[index])?;
        step.before.filter(|_| step.state.is_none())
    }

    /// Notes that it was written and read back.
    pub(crate) fn written(&self, index: usize, made: Option<Value>) -> Done {
        let after = (StepState::Done, made);
        match self.journal.after(&self.id, now(), self.numbers[index], after) {
            Ok(()) => Done::Written,
            Err(it) => {
                let why = format!("it was written, but failed to {it}");
                Done::Uncertain(StepState::Done, why)
            }
        }
    }

    fn refused(&self, index: usize, noted: bool, why: String) -> Done {
        self.not(index, noted, StepState::Refused(why.as_str().into()), why)
    }

    /// Nothing was written; the journal hears of it where it was announced.
    fn not(&self, index: usize, noted: bool, state: StepState, why: String) -> Done {
        if noted || self.announced(index).is_some() {
            return self.note_made(index, (state, None), Done::Not, why);
        }
        Done::Not(state, why)
    }

    pub(crate) fn note_made(
        &self,
        index: usize,
        (state, made): (StepState, Option<Value>),
        done: fn(StepState, String) -> Done,
        why: String,
    ) -> Done {
        let after = (state.clone(), made);
        if let Err(error) = self.journal.after(&self.id, now(), self.numbers[index], after) {
            tracing::error!(%error, "failed to note what came of a step");
        }
        done(state, why)
    }
}

/// What was there when the plan was made must be there now: the same object, in the same state.
fn moved(step: &Step, present: &Present) -> Option<(StepState, String)> {
    if let (Some(expected), Some(found)) = (&step.uid, &present.uid)
        && expected != found
        && !expected.is_empty()
    {
        let why = format!("{} is another one now: uid {found}, not {expected}", step.target);
        let (expected, found) = (format!("uid {expected}").into(), format!("uid {found}").into());
        return Some((StepState::Moved { expected, found }, why));
    }
    if let Edit::Restart { .. } = step.edit
        && !step.expects.is_empty()
        && step.expects != present.reads
    {
        let why = format!("{} makes its pods anew in another way now", step.target);
        let (expected, found) = (told(&step.expects), told(&present.reads));
        return Some((StepState::Moved { expected, found }, why));
    }
    if standing(&step.edit, present) != Standing::Other {
        return None;
    }
    let expected = laid_out(&states(&step.edit).0).into();
    let found = laid_out(&present.value).into();
    let why = format!("{} was changed since the plan was made", step.target);
    Some((StepState::Moved { expected, found }, why))
}

/// `spec.paused = true`, a line each; what is not written is left out.
fn told(all: &[Expect]) -> Text {
    let lines: Vec<String> = all
        .iter()
        .filter_map(|it| Some(format!("{} = {}", it.field, it.value.as_deref()?)))
        .collect();
    lines.join("\n").into()
}
