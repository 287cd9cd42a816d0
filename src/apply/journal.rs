//! What was written, by whom and why, in a file that only grows.
//!
//! One JSON object a line, mode 0600, synced to the disk before and after each write to the world; so whoever is killed
//! at any instant leaves behind what was done and what was begun.

use crate::{
    apply::lock::{Lock, LockError},
    ident::{Text, Timestamp},
    plan::{Entry, Outcome, Recorded, RecordedStep, StepState, Whereabouts, Who},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Why the journal cannot be kept. Nothing is written to the world then.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("keep the journal in `{0}`")]
    Keep(PathBuf, #[source] io::Error),
    #[error("read the journal `{0}`")]
    Read(PathBuf, #[source] io::Error),
}

/// The file `journal.jsonl` of a state directory.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Note {
    Begin {
        id: Text,
        at: Timestamp,
        who: Who,
        place: Whereabouts,
        plan: Recorded,
        undoes: Option<Text>,
    },
    /// Somebody goes on with one that was cut off.
    Resume {
        id: Text,
        at: Timestamp,
        who: Who,
    },
    /// A step is about to be written.
    Before {
        id: Text,
        at: Timestamp,
        step: usize,
        before: Value,
    },
    /// What came of it.
    After {
        id: Text,
        at: Timestamp,
        step: usize,
        state: StepState,
        made: Option<Value>,
    },
    End {
        id: Text,
        at: Timestamp,
        outcome: Outcome,
    },
}

impl Journal {
    /// Makes the directory, for its owner only, and the file.
    pub fn open(dir: &Path) -> Result<Journal, JournalError> {
        let path = dir.join("journal.jsonl");
        let failed = |it| JournalError::Keep(path.clone(), it);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let file = append(&path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is no regular file")));
        }
        // The name, too, has to outlive a crash.
        File::open(dir).and_then(|it| it.sync_all()).map_err(failed)?;
        Ok(Journal { path })
    }

    /// Whether somebody on this machine is at work on the entry.
    pub fn is_running(&self, entry: &Entry) -> bool {
        matches!(Lock::entry(self.dir(), &entry.id), Err(LockError::Taken(_)))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that locks are kept in.
    pub(crate) fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Everything in it, oldest first, and the numbers of lines that cannot be read: a crash may cut one off, and the
    /// others are no worse for it.
    pub fn entries(&self) -> Result<(Vec<Entry>, Vec<usize>), JournalError> {
        let file =
            File::open(&self.path).map_err(|it| JournalError::Read(self.path.clone(), it))?;
        let (mut res, mut broken) = (Vec::new(), Vec::new());
        for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
            let line = line.map_err(|it| JournalError::Read(self.path.clone(), it))?;
            match serde_json::from_slice(&line) {
                Ok(note) => take(&mut res, note),
                Err(_) if line.is_empty() => {}
                Err(_) => broken.push(index + 1),
            }
        }
        Ok((res, broken))
    }

    pub(crate) fn begin(
        &self,
        id: &Text,
        at: Timestamp,
        (who, place): (Who, Whereabouts),
        plan: Recorded,
        undoes: Option<Text>,
    ) -> Result<(), JournalError> {
        self.note(&Note::Begin { id: id.clone(), at, who, place, plan, undoes })
    }

    pub(crate) fn resume(&self, id: &Text, at: Timestamp, who: Who) -> Result<(), JournalError> {
        self.note(&Note::Resume { id: id.clone(), at, who })
    }

    pub(crate) fn before(
        &self,
        id: &Text,
        at: Timestamp,
        step: usize,
        before: Value,
    ) -> Result<(), JournalError> {
        self.note(&Note::Before { id: id.clone(), at, step, before })
    }

    pub(crate) fn after(
        &self,
        id: &Text,
        at: Timestamp,
        step: usize,
        (state, made): (StepState, Option<Value>),
    ) -> Result<(), JournalError> {
        self.note(&Note::After { id: id.clone(), at, step, state, made })
    }

    /// Notes that an entry which was cut off is finished: everything in it is as it was wanted. Whoever is at work on it
    /// notes that itself.
    pub fn close(&self, id: &Text, at: Timestamp) -> Result<(), JournalError> {
        let (entries, _) = self.entries()?;
        match entries.iter().find(|it| it.id == *id) {
            Some(it) if !it.is_finished() && !self.is_running(it) => {
                self.end(id, at, Outcome::Applied)
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn end(
        &self,
        id: &Text,
        at: Timestamp,
        outcome: Outcome,
    ) -> Result<(), JournalError> {
        self.note(&Note::End { id: id.clone(), at, outcome })
    }

    fn note(&self, note: &Note) -> Result<(), JournalError> {
        let failed = |it| JournalError::Keep(self.path.clone(), it);
        let mut line = serde_json::to_vec(note).map_err(|it| failed(it.into()))?;
        line.push(b'\n');
        let mut file = append(&self.path).map_err(failed)?;
        // One write, so that two at once do not mix; a line that an earlier crash cut off is ended first.
        if !ends_with_newline(&self.path).map_err(failed)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line).map_err(failed)?;
        file.sync_all().map_err(failed)
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn take(entries: &mut Vec<Entry>, note: Note) {
    let find = |entries: &mut Vec<Entry>, id: &Text| entries.iter().rposition(|it| it.id == *id);
    match note {
        Note::Begin { id, at, who, place, plan, undoes } => {
            let steps = vec![RecordedStep::default(); plan.edits.len()];
            entries.push(Entry {
                id,
                at,
                who,
                place,
                plan,
                steps,
                outcome: None,
                undoes,
                undone_by: None,
                resumed: Vec::new(),
            });
        }
        Note::Resume { id, at: when, who } => {
            if let Some(at) = find(entries, &id) {
                // How it ended is open again.
                entries[at].outcome = None;
                entries[at].resumed.push((when, who));
            }
        }
        Note::Before { id, step, before, at: _ } => {
            if let Some(at) = find(entries, &id)
                && let Some(step) = entries[at].steps.get_mut(step)
            {
                // What came of an earlier attempt is not what comes of this one.
                *step = RecordedStep { before: Some(before), state: None, made: step.made.take() };
            }
        }
        Note::After { id, step, state, made, at: _ } => {
            if let Some(at) = find(entries, &id)
                && let Some(step) = entries[at].steps.get_mut(step)
            {
                step.state = Some(state);
                step.made = made.or_else(|| step.made.take());
            }
        }
        Note::End { id, outcome, at: _ } => {
            let Some(at) = find(entries, &id) else { return };
            let applied = outcome == Outcome::Applied;
            entries[at].outcome = Some(outcome);
            if let (true, Some(undone)) = (applied, entries[at].undoes.clone())
                && let Some(undone) = find(entries, &undone)
            {
                entries[undone].undone_by = Some(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        apply::Journal,
        ident::{SaKey, Text, Timestamp},
        plan::{Edit, Outcome, Recorded, StepState, Whereabouts, Who},
    };
    use serde_json::json;
    use std::{fs, io::Write, os::unix::fs::PermissionsExt};

    fn recorded() -> Recorded {
        Recorded {
            id: "FX-SA-ANN".into(),
            title: "t".into(),
            code: None,
            subject: "sa/shop/web".into(),
            digest: "d".into(),
            edits: vec![Edit::Annotate {
                service_account: SaKey::new("shop", "web"),
                key: "k".into(),
                was: None,
                value: None,
            }],
            undo: vec![Err("no".into())],
        }
    }

    fn at() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_noted_is_read_back_also_after_a_cut_off_line() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("state")).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(journal.path().to_owned()), 0o600);
        assert_eq!(mode(dir.path().join("state")), 0o700);
        let id: Text = "1".into();
        let begun = (Who::default(), Whereabouts::default());
        journal.begin(&id, at(), begun.clone(), recorded(), None).unwrap();
        journal.before(&id, at(), 0, json!({"value": null})).unwrap();
        let [entry] = &journal.entries().unwrap().0[..] else { panic!() };
        assert_eq!((entry.cut_off(), entry.is_finished()), (Some(0), false));

        // Killed in the middle of a line.
        let mut file = fs::OpenOptions::new().append(true).open(journal.path()).unwrap();
        file.write_all(b"{\"event\":\"aft").unwrap();
        assert_eq!(journal.entries().unwrap().1, [3]);

        // The next one goes on below it.
        journal.after(&id, at(), 0, (StepState::Done, None)).unwrap();
        let (entries, broken) = journal.entries().unwrap();
        assert_eq!((entries[0].n_done(), broken), (1, vec![3]));
    }

    #[test]
    fn an_entry_in_which_nothing_is_left_is_closed_once() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let id: Text = "1".into();
        journal
            .begin(&id, at(), (Who::default(), Whereabouts::default()), recorded(), None)
            .unwrap();
        journal.before(&id, at(), 0, json!({"value": null})).unwrap();
        let lines = || fs::read_to_string(journal.path()).unwrap().lines().count();
        // Somebody is at it.
        let lock = crate::apply::lock::Lock::entry(dir.path(), &id).unwrap();
        journal.close(&id, at()).unwrap();
        assert_eq!(lines(), 2);
        drop(lock);
        for _ in 0..2 {
            journal.close(&id, at()).unwrap();
            journal.close(&"other".into(), at()).unwrap();
            assert_eq!(lines(), 3);
        }
        assert_eq!(journal.entries().unwrap().0[0].outcome, Some(Outcome::Applied));
    }

    #[test]
    fn an_undone_entry_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let begun = (Who::default(), Whereabouts::default());
        for (id, undoes) in [("1", None), ("2", Some(Text::from("1")))] {
            let id: Text = id.into();
            journal.begin(&id, at(), begun.clone(), recorded(), undoes).unwrap();
            journal.end(&id, at(), Outcome::Applied).unwrap();
        }
        let (entries, _) = journal.entries().unwrap();
        assert_eq!(entries[0].undone_by.as_deref(), Some("2"));
        assert_eq!(entries[1].undone_by, None);
    }
}
