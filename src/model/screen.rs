//! What is on the screen, as state: lists with their selection, pages over them, prompts over everything.

use crate::{
    command::ViewKind,
    event::{Level, Shown},
    ident::{Arn, Ref, Text, Timestamp},
    model::{Explained, Journal, Offers, Probing, Proposed, Yaml},
    tree::{Ask, Filter, Row, RowId, SortBy, Within, World, rows},
};
use std::collections::BTreeSet;

/// One list with everything that the person did to it.
#[derive(Debug)]
pub struct Screen {
    pub ask: Ask,
    pub rows: Vec<Row>,
    /// How many of them stand for what the view is about, not for a group of those or a part of one.
    pub n_main: usize,
    /// `None` until the person moves: then the first row, whatever comes before it.
    pub selected: Option<RowId>,
    /// Where the selected row was last seen.
    pub at: usize,
    /// The first visible row of the last frame.
    pub top: usize,
    /// The rows do not say what the facts say any more.
    pub stale: bool,
    /// To be selected as soon as it is there, unless the person moves first.
    pub expected: Option<RowId>,
    /// Opened by itself, to be closed by itself.
    pub offered: bool,
    /// What the person marked, seen or not.
    pub marks: BTreeSet<RowId>,
    /// Where the last mark was set: the other end of a range.
    pub last_mark: Option<RowId>,
    /// The column that `shift-o` sorts by, among `SortBy::of`; `None` until one was chosen.
    pub column: Option<SortBy>,
}

impl Screen {
    pub fn new(view: ViewKind) -> Screen {
        Screen::within(view, Within::Everything)
    }

    pub fn within(view: ViewKind, within: Within) -> Screen {
        Screen {
            ask: Ask::new(view, within),
            rows: Vec::new(),
            n_main: 0,
            selected: None,
            at: 0,
            top: 0,
            stale: true,
            expected: None,
            offered: false,
            marks: BTreeSet::new(),
            last_mark: None,
            column: None,
        }
    }

    pub fn view(&self) -> ViewKind {
        self.ask.view
    }

    /// The row that commands are about; `None` in an empty list.
    pub fn current(&self) -> Option<&Row> {
        self.rows.get(self.at)
    }

    /// Makes the rows anew and finds the selection among them by its name.
    pub fn renew(&mut self, world: World<'_>) {
        self.rows = rows(world, &self.ask);
        self.stale = false;
        self.n_main = self.rows.iter().filter(|it| self.is_main(it)).count();
        let find = |rows: &[Row], id: &RowId| rows.iter().position(|it| it.id == *id);
        if let Some(at) = self.expected.as_ref().and_then(|it| find(&self.rows, it)) {
            self.selected = self.expected.take();
            self.at = at;
        }
        let Some(id) = &self.selected else {
            self.at = 0;
            self.top = 0;
            return;
        };
        if self.rows.get(self.at).is_some_and(|it| it.id == *id) {
            return;
        }
        match find(&self.rows, id) {
            Some(at) => {
                // It stays where it is on the screen as well: what came or went above is out of sight.
                self.top = (self.top + at).saturating_sub(self.at);
                self.at = at;
            }
            // It is gone: whatever stands in its place now.
            None => self.select(self.at),
        }
    }

    fn is_main(&self, row: &Row) -> bool {
        let by_namespace =
            self.view() == ViewKind::Identities && self.ask.within == Within::Everything;
        if by_namespace {
            matches!(row.id, RowId::Node(Ref::ServiceAccount(_)))
        } else {
            row.depth == 0
        }
    }

    /// Without its rows, which are made again when one comes back.
    #[must_use]
    pub fn stowed(mut self) -> Screen {
        self.rows = Vec::new();
        self.stale = true;
        self
    }

    /// Selects the row at this index, or the nearest there is.
    pub fn select(&mut self, at: usize) {
        self.at = at.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.at).map(|it| it.id.clone());
        self.expected = None;
    }
}

/// Who has the keys. A prompt, where there is one, has them before.
#[derive(Debug)]
pub enum Mode {
    List,
    /// The details pane beside or below the list.
    Details,
    Page(Page),
}

/// Something that covers the list.
#[derive(Debug)]
pub struct Page {
    pub kind: PageKind,
    pub scroll: usize,
    /// Columns that are out of sight on the left.
    pub left: usize,
    pub search: Option<Box<Search>>,
}

/// What is looked for on a page.
#[derive(Debug)]
pub struct Search {
    pub filter: Filter,
    /// Which of the matches was gone to.
    pub at: usize,
    /// That match has to be brought into sight by the next frame.
    pub seeks: bool,
}

impl Page {
    pub fn new(kind: PageKind) -> Page {
        Page { kind, scroll: 0, left: 0, search: None }
    }

    /// Whether lines may be wider than the page.
    pub fn is_text(&self) -> bool {
        match self.kind {
            PageKind::Policy(_) | PageKind::Yaml(_) => true,
            PageKind::Help
            | PageKind::Details(_)
            | PageKind::Fixes(_)
            | PageKind::Plan(_)
            | PageKind::Journal(_)
            | PageKind::Probe(_)
            | PageKind::Explain(_) => false,
        }
    }

    /// Whether `up` and `down` choose among things on it.
    pub fn has_selection(&self) -> bool {
        match self.kind {
            PageKind::Fixes(_) | PageKind::Journal(_) | PageKind::Explain(_) => true,
            PageKind::Policy(_)
            | PageKind::Yaml(_)
            | PageKind::Help
            | PageKind::Details(_)
            | PageKind::Probe(_)
            | PageKind::Plan(_) => false,
        }
    }

    pub(in crate::model) fn drawn(&mut self, shown: Shown) {
        self.scroll = shown.page_top.min(shown.page_limit);
        self.left = shown.page_left.min(shown.page_left_limit);
        if let Some(it) = &mut self.search {
            it.seeks = false;
            it.at = it.at.min(shown.n_matches.saturating_sub(1));
        }
    }

    /// To the next match or the one before, round and round.
    pub(in crate::model) fn step_match(&mut self, n_matches: usize, forward: bool) {
        if let Some(it) = &mut self.search
            && 0 < n_matches
        {
            it.at = if forward { it.at + 1 } else { it.at + n_matches - 1 } % n_matches;
            it.seeks = true;
        }
    }
}

#[derive(Debug)]
pub enum PageKind {
    Help,
    /// The details of a row, where there is no room for them beside the list, or to read them in full.
    Details(RowId),
    /// The trust policy of a role.
    Policy(Arn),
    /// The whole object.
    Yaml(Yaml),
    /// What can be done about rows.
    Fixes(Box<Offers>),
    /// One plan, its confirmation, how it goes and what came of it.
    Plan(Box<Proposed>),
    /// What was written from here.
    Journal(Box<Journal>),
    /// One question to AWS.
    Probe(Box<Probing>),
    Explain(Explained),
}

#[derive(Debug)]
pub struct Prompt {
    pub kind: PromptKind,
    pub text: String,
    /// A byte index into the text, on a character boundary.
    pub cursor: usize,
    /// Which of the lines that were typed before is shown, from the last; `None`: one of its own.
    pub recalled: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// After `:`.
    Line,
    /// After `/`; with the filter that `esc` puts back.
    Filter { before: String },
    /// After `/` on a page.
    Search,
}

/// A message of a few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    pub level: Level,
    pub text: Text,
    pub until: Timestamp,
}
