//! What was written from this machine, and the way back: `:undo`.

use crate::{
    check,
    event::{Level, Noted},
    ident::Text,
    model::{Mode, Model, Page, PageKind, Request},
    plan::Whereabouts,
};

/// The journal, the newest entry first.
#[derive(Debug)]
pub struct Journal {
    /// `None` until it was read.
    pub entries: Option<Result<Vec<Noted>, Text>>,
    pub selected: Option<Text>,
}

impl Journal {
    pub fn selected(&self) -> Option<&Noted> {
        let entries = self.entries.as_ref()?.as_ref().ok()?;
        entries.iter().find(|it| Some(&it.entry.id) == self.selected.as_ref())
    }

    pub(in crate::model) fn step(&mut self, down: bool) {
        let Some(Ok(entries)) = &self.entries else { return };
        let at = entries.iter().position(|it| Some(&it.entry.id) == self.selected.as_ref());
        let next = match (at, down) {
            (Some(it), true) => (it + 1).min(entries.len() - 1),
            (Some(it), false) => it.saturating_sub(1),
            (None, _) => 0,
        };
        self.selected = entries.get(next).map(|it| it.entry.id.clone());
    }

    fn take(&mut self, mut answer: Result<Vec<Noted>, Text>) {
        if let Ok(it) = &mut answer {
            it.reverse();
            if self.selected.is_none() {
                self.selected = it.first().map(|it| it.entry.id.clone());
            }
        }
        self.entries = Some(answer);
    }
}

impl Model {
    pub(in crate::model) fn open_journal(&mut self) -> Vec<Request> {
        self.open_page(PageKind::Journal(Box::new(Journal { entries: None, selected: None })));
        vec![Request::Journal]
    }

    /// The journal as it was read: for the list, or for the plan that is to be put back.
    pub(in crate::model) fn journal_read(
        &mut self,
        answer: Result<Vec<Noted>, Text>,
    ) -> Vec<Request> {
        if let Some(digest) = self.to_undo.take() {
            self.flash = None;
            let entries = match answer {
                Ok(it) => it,
                Err(it) => {
                    self.say(Level::Error, &format!("the journal cannot be read: {it}"));
                    return Vec::new();
                }
            };
            let is_it = |it: &&Noted| it.entry.plan.digest == digest;
            return match entries.iter().rev().find(is_it) {
                Some(it) => self.propose_undo(it),
                None => {
                    self.say(Level::Warning, "the journal has no entry of it");
                    Vec::new()
                }
            };
        }
        if let Mode::Page(Page { kind: PageKind::Journal(it), .. }) = &mut self.mode {
            it.take(answer);
            return Vec::new();
        }
        if let Ok(entries) = answer {
            self.tell_unfinished(&entries);
        }
        Vec::new()
    }

    /// What was cut off here is said when a session begins.
    fn tell_unfinished(&mut self, entries: &[Noted]) {
        let here = Whereabouts::of(&self.graph);
        let unfinished = entries.iter().filter(|it| {
            let is_here = it.entry.place.differs(&here).is_none();
            !it.entry.is_finished() && !it.is_running && is_here
        });
        match unfinished.count() {
            0 => {}
            1 => self.say(Level::Warning, "a fix was cut off here: :undo finishes or undoes it"),
            n => self.say(
                Level::Warning,
                &format!("{n} fixes were cut off here: :undo finishes or undoes them"),
            ),
        }
    }

    /// The chosen entry of the list.
    pub fn noted(&self) -> Option<&Noted> {
        match &self.mode {
            Mode::Page(Page { kind: PageKind::Journal(it), .. }) => it.selected(),
            Mode::Page(_) | Mode::List | Mode::Details => None,
        }
    }

    /// Whether the chosen entry was cut off and could be gone on with.
    pub(in crate::model) fn can_finish(&self) -> bool {
        let is_cut_off = |it: &Noted| !it.entry.is_finished() && !it.is_running;
        self.read_only().is_none() && self.noted().is_some_and(is_cut_off)
    }

    pub(in crate::model) fn finish_noted(&mut self) -> Vec<Request> {
        let Some(Noted { entry, .. }) = self.noted() else { return Vec::new() };
        let is_here = entry.place.differs(&Whereabouts::of(&self.graph)).is_none();
        let (id, is_undone) = (entry.id.clone(), entry.undone_by.is_some());
        match check::finish(&self.graph, entry) {
            Ok(it) => self.propose_undoing(it),
            // Its last step was written before it was cut off: there is only the journal to tell.
            Err(why) if is_here && !is_undone => {
                self.say(Level::Info, &format!("it is finished: {why}"));
                vec![Request::Close(id)]
            }
            Err(why) => {
                self.say(Level::Warning, &why);
                Vec::new()
            }
        }
    }

    pub(in crate::model) fn undo_noted(&mut self) -> Vec<Request> {
        let Some(it) = self.noted().cloned() else { return Vec::new() };
        self.propose_undo(&it)
    }

    fn propose_undo(&mut self, it: &Noted) -> Vec<Request> {
        if it.is_running {
            self.say(Level::Warning, "it is running still");
            return Vec::new();
        }
        match check::undo(&self.graph, &it.entry, self.now) {
            Ok(it) => self.propose_undoing(it),
            Err(why) => {
                self.say(Level::Warning, &why);
                Vec::new()
            }
        }
    }
}
