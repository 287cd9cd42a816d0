//! What was done before a plan is carried out, as the journal has it, and counts.

use crate::{
    apply::{Job, run::Work},
    ident::Timestamp,
    plan::{Edit, Entry, Purpose, WorkloadKey},
};

impl Work<'_> {
    /// What was done before counts: by an earlier run of the entry, or by an earlier plan that left workloads of this one
    /// alone.
    pub(crate) fn take_up(&mut self, job: &Job) {
        let Ok((entries, _)) = self.journal.entries() else { return };
        match &job.purpose {
            Purpose::Fix => {
                let of_here = entries
                    .iter()
                    .filter(|it| it.id != self.id && it.place.differs(&job.place).is_none());
                let of_here: Vec<&Entry> = of_here.collect();
                let mut all = job.plan.edits().filter_map(Edit::rolls_out);
                self.first = all.find_map(|it| left_alone_for(&of_here, it)).cloned();
                self.is_first_of_before = self.first.is_some();
            }
            // What was made anew is put back as it is.
            Purpose::Undo(_) => {}
            Purpose::Finish { entry, .. } => {
                if let Some(it) = entries.iter().find(|it| it.id == *entry) {
                    self.take_up_entry(it);
                }
            }
        }
    }

    /// A restart that an earlier run announced is told by the time that was announced.
    fn take_up_entry(&mut self, found: &Entry) {
        self.n_written = found.n_done();
        let done = found.plan.edits.iter().zip(&found.steps).filter(|(_, it)| it.is_done());
        done.for_each(|(edit, _)| self.went(edit));
        let announced = found.steps.iter().rev().find_map(|it| {
            it.before.as_ref()?.get("restartedAt")?.as_str()?.parse::<Timestamp>().ok()
        });
        if let Some(it) = announced {
            self.restarted_at = it;
        }
    }
}

/// The workload that the newest plan about `key` made anew first, if it left `key` alone then: whatever held it back may
/// still be so. What was put back since holds nothing back.
fn left_alone_for<'e>(entries: &[&'e Entry], key: &WorkloadKey) -> Option<&'e WorkloadKey> {
    let is_fix = |it: &&&Entry| it.undoes.is_none() && it.undone_by.is_none();
    let rolled = |it: &'e Entry| {
        let all = it.plan.edits.iter().zip(&it.steps);
        all.filter_map(|(edit, step)| Some((edit.rolls_out()?, step.is_done())))
    };
    let newest = entries
        .iter()
        .rev()
        .filter(is_fix)
        // One that waited in vain says nothing new.
        .filter(|it| rolled(it).any(|(_, is_done)| is_done))
        .find(|it| it.plan.edits.iter().any(|it| it.rolls_out() == Some(key)))?;
    if rolled(newest).any(|(it, is_done)| it == key && is_done) {
        return None;
    }
    rolled(newest).find(|(it, is_done)| *is_done && *it != key).map(|(it, _)| it)
}
