//! Keys to commands, and moving about within a list: selecting, folding, switching panes, one step back.

use crate::{
    command::{Command, ViewKind},
    event::{Key, Level},
    ident::Ref,
    model::{Mode, Model, PageKind, PromptKind, Request},
    tree::{Filter, Fold, RowId, Within},
};

/// The last rows stay in sight when a page is turned.
const OVERLAP: usize = 1;

impl Model {
    pub(in crate::model) fn key(&mut self, key: Key) -> Vec<Request> {
        let command = self.options.keymap.command(key);
        if command == Some(Command::ForceQuit) {
            return vec![Request::Leave];
        }
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        let Some(command) = command.filter(|it| self.can(*it)) else { return Vec::new() };
        match &self.mode {
            Mode::Page(_) => self.page_command(command),
            Mode::Details => self.details_command(command),
            Mode::List => self.list_command(command),
        }
    }

    /// Whether a command would do something here and now; hints and help show no other.
    pub fn can(&self, command: Command) -> bool {
        let in_list = matches!(self.mode, Mode::List);
        let on_page = matches!(self.mode, Mode::Page(_));
        let row = self.screen().current();
        match command {
            Command::Back | Command::Quit | Command::ForceQuit | Command::Prompt => true,
            Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::First
            | Command::Last => true,
            Command::Help => {
                !matches!(&self.mode, Mode::Page(it) if matches!(it.kind, PageKind::Help))
            }
            Command::Filter | Command::Header | Command::Refresh => !on_page,
            Command::WorstFirst => !on_page && is_judged(self.screen().view()),
            Command::Faults => !on_page && is_judged(self.screen().view()),
            Command::AllNamespaces => {
                !on_page && matches!(self.screen().ask.within, Within::Namespace(_))
            }
            Command::Pane | Command::PaneBack => !on_page && self.shown.details_shown,
            Command::Open | Command::Close | Command::Toggle | Command::FoldAll => {
                in_list && self.screen().rows.iter().any(|it| it.fold != Fold::Leaf)
            }
            Command::Previous => !on_page && self.previous.is_some(),
            Command::Enter => match &self.mode {
                Mode::List => row.is_some(),
                Mode::Details => row.is_some(),
                Mode::Page(page) => self.page_can_enter(page),
            },
            Command::UsedBy => !on_page && self.users_screen().is_some(),
            Command::Policy => self.policy_of_current().is_some(),
            Command::Repairs => self.repairs_of_current().is_some(),
            Command::Copy => self.copied_text().is_some(),
        }
    }

    fn list_command(&mut self, command: Command) -> Vec<Request> {
        let page = self.shown.list_height.saturating_sub(OVERLAP).max(1);
        let (at, n_rows) = (self.screen().at, self.screen().rows.len());
        match command {
            Command::Up => self.select(at.saturating_sub(1)),
            Command::Down => self.select(at + 1),
            Command::PageUp => self.select(at.saturating_sub(page)),
            Command::PageDown => self.select(at + page),
            Command::First => self.select(0),
            Command::Last => self.select(n_rows.saturating_sub(1)),
            Command::Open => self.open(),
            Command::Close => self.close(),
            Command::Toggle => self.toggle(),
            Command::FoldAll => self.fold_all(),
            Command::Enter => return self.enter(),
            _ => return self.common_command(command),
        }
        Vec::new()
    }

    fn details_command(&mut self, command: Command) -> Vec<Request> {
        let limit = self.shown.details_limit;
        let page = self.shown.list_height.saturating_sub(OVERLAP).max(1);
        let at = self.details_scroll;
        self.details_scroll = match command {
            Command::Up => at.saturating_sub(1),
            Command::Down => (at + 1).min(limit),
            Command::PageUp => at.saturating_sub(page),
            Command::PageDown => (at + page).min(limit),
            Command::First => 0,
            Command::Last => limit,
            Command::Enter => {
                if let Some(row) = self.screen().current() {
                    let id = row.id.clone();
                    self.open_page(PageKind::Details(id));
                }
                return Vec::new();
            }
            _ => return self.common_command(command),
        };
        Vec::new()
    }

    /// What is the same wherever the focus is.
    pub(in crate::model) fn common_command(&mut self, command: Command) -> Vec<Request> {
        match command {
            Command::Back => self.back(),
            Command::Quit => {
                if self.is_at_root() {
                    return vec![Request::Leave];
                }
                self.back();
            }
            Command::ForceQuit => return vec![Request::Leave],
            Command::Help => self.open_page(PageKind::Help),
            Command::Prompt => self.open_prompt(PromptKind::Line, String::new()),
            Command::Filter => {
                let before = self.screen().ask.filter.text().to_owned();
                self.open_prompt(PromptKind::Filter { before: before.clone() }, before);
            }
            Command::Pane | Command::PaneBack => {
                let to_details = matches!(self.mode, Mode::List);
                self.mode = if to_details { Mode::Details } else { Mode::List };
            }
            Command::Faults => {
                let on = !self.screen().ask.faults_only;
                self.screen_mut().ask.faults_only = on;
                self.force_rows();
            }
            Command::WorstFirst => {
                let on = !self.screen().ask.worst_first;
                self.screen_mut().ask.worst_first = on;
                self.force_rows();
                self.select(0);
            }
            Command::AllNamespaces => {
                self.screen_mut().ask.within = Within::Everything;
                self.force_rows();
            }
            Command::Refresh => {
                self.say(Level::Info, "reading again");
                return vec![Request::Refresh];
            }
            Command::UsedBy => {
                if let Some(it) = self.users_screen() {
                    self.push(it);
                }
            }
            Command::Policy => {
                if let Some(it) = self.policy_of_current() {
                    self.open_page(PageKind::Policy(it));
                }
            }
            Command::Repairs => {
                if let Some(it) = self.repairs_of_current() {
                    self.open_page(PageKind::Repairs(it));
                }
            }
            Command::Copy => return self.copied_text().map(Request::Copy).into_iter().collect(),
            Command::Previous => {
                if let Some(it) = self.previous.take() {
                    self.previous = Some(std::mem::replace(&mut self.screens, it));
                    self.arrived();
                }
            }
            Command::Header => self.header_hidden = !self.header_hidden,
            // Of the list or of a page alone.
            Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::First
            | Command::Last
            | Command::Open
            | Command::Close
            | Command::Toggle
            | Command::FoldAll
            | Command::Enter => {}
        }
        Vec::new()
    }

    fn select(&mut self, at: usize) {
        self.screen_mut().select(at);
        self.details_scroll = 0;
    }

    fn open(&mut self) {
        let at = self.screen().at;
        match self.screen().current().map(|it| (it.fold, it.id.clone())) {
            Some((Fold::Folded, id)) => self.fold(id, true),
            Some((Fold::Open, _)) => self.select(at + 1),
            Some((Fold::Leaf, _)) | None => {}
        }
    }

    fn close(&mut self) {
        let screen = self.screen();
        let Some(row) = screen.current() else { return };
        if row.fold == Fold::Open {
            let id = row.id.clone();
            return self.fold(id, false);
        }
        let depth = row.depth;
        let parent = screen.rows[..screen.at].iter().rposition(|it| it.depth < depth);
        if let Some(at) = parent {
            self.select(at);
        }
    }

    pub(in crate::model) fn toggle(&mut self) {
        match self.screen().current().map(|it| (it.fold, it.id.clone())) {
            Some((Fold::Folded, id)) => self.fold(id, true),
            Some((Fold::Open, id)) => self.fold(id, false),
            Some((Fold::Leaf, _)) => self.close(),
            None => {}
        }
    }

    fn fold(&mut self, id: RowId, open: bool) {
        let screen = self.screen_mut();
        screen.selected = Some(id.clone());
        screen.ask.folds.insert(id, open);
        self.force_rows();
    }

    /// Folds what is open at the top, or lets everything be as at the start.
    fn fold_all(&mut self) {
        let screen = self.screen_mut();
        let open: Vec<RowId> =
            screen.rows.iter().filter(|it| it.fold == Fold::Open).map(|it| it.id.clone()).collect();
        // The selection goes with the branch that it is in.
        let top = screen.rows[..=screen.at].iter().rposition(|it| it.depth == 0);
        if let Some(at) = top {
            screen.select(at);
        }
        screen.ask.folds.retain(|_, open| !*open);
        if open.is_empty() {
            screen.ask.folds.clear();
        }
        screen.ask.folds.extend(open.into_iter().map(|it| (it, false)));
        self.force_rows();
    }

    /// Into what the row stands for; where the details have no room of their own, to those first.
    fn enter(&mut self) -> Vec<Request> {
        let Some(row) = self.screen().current() else { return Vec::new() };
        let id = row.id.clone();
        let wants_details = match &id {
            RowId::Node(Ref::Namespace(_)) | RowId::Context(_) => false,
            RowId::Node(_)
            | RowId::Container { .. }
            | RowId::Cause(_)
            | RowId::Under(..)
            | RowId::Source(_) => !self.shown.details_shown,
        };
        if wants_details {
            self.open_page(PageKind::Details(id));
            return Vec::new();
        }
        self.drill(id)
    }

    fn is_at_root(&self) -> bool {
        let screen = self.screen();
        matches!(self.mode, Mode::List) && screen.ask.filter.is_empty() && self.screens.len() == 1
    }

    /// One step back: the page, the pane, the filter, the screen.
    pub(in crate::model) fn back(&mut self) {
        if !matches!(self.mode, Mode::List) {
            self.mode = Mode::List;
        } else if !self.screen().ask.filter.text().is_empty() {
            self.screen_mut().ask.filter = Filter::default();
            self.force_rows();
        } else if 1 < self.screens.len() {
            self.screens.pop();
            self.details_scroll = 0;
            self.force_rows();
        }
    }
}

/// Whether its rows stand in some way.
fn is_judged(view: ViewKind) -> bool {
    match view {
        ViewKind::Identities
        | ViewKind::Pods
        | ViewKind::Roles
        | ViewKind::Associations
        | ViewKind::Providers
        | ViewKind::Findings
        | ViewKind::Namespaces => true,
        ViewKind::Contexts | ViewKind::Sources => false,
    }
}
