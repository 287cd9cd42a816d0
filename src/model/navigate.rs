//! Moving about within a list: selecting, folding, switching panes, one step back.

use crate::{
    command::{Command, ViewKind},
    event::Level,
    ident::Ref,
    model::{Mode, Model, PageKind, PromptKind, Request, Screen},
    tree::{Filter, Fold, RowId, SortBy, Within},
};

/// The last rows stay in sight when a page is turned.
const OVERLAP: usize = 1;

impl Model {
    pub(in crate::model) fn list_command(&mut self, command: Command) -> Vec<Request> {
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

    pub(in crate::model) fn details_command(&mut self, command: Command) -> Vec<Request> {
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
            Command::Aliases => return self.go_to_view(ViewKind::Aliases),
            Command::Prompt => self.open_prompt(PromptKind::Line, String::new()),
            Command::Filter => self.open_filter(),
            Command::Pane | Command::PaneBack => {
                let to_details = matches!(self.mode, Mode::List);
                self.mode = if to_details { Mode::Details } else { Mode::List };
            }
            Command::Faults => {
                let on = !self.screen().ask.faults_only;
                self.screen_mut().ask.faults_only = on;
                self.force_rows();
            }
            Command::AllNamespaces => self.narrow(Within::Everything),
            Command::Favourite(it) => {
                if let Some(it) = self.favourites.get(usize::from(it.saturating_sub(1))) {
                    self.narrow(Within::Namespace(it.clone()));
                }
            }
            Command::Warp => {
                if let Some(it) = self.namespace_of_current() {
                    self.narrow(Within::Namespace(it));
                }
            }
            Command::Wide => self.is_wide = !self.is_wide,
            Command::Header => self.header_hidden = !self.header_hidden,
            Command::Crumbs => self.crumbs_hidden = !self.crumbs_hidden,
            Command::Refresh => {
                self.say(Level::Info, "reading again");
                return match &self.mode {
                    Mode::Page(_) if self.proposal().is_some() => self.propose_again(),
                    Mode::Page(_) => self.reread_yaml(),
                    Mode::List | Mode::Details => vec![Request::Refresh],
                };
            }
            Command::SortName => self.sort(SortBy::Name),
            Command::SortAge => self.sort(SortBy::Age),
            Command::SortStatus => self.sort(SortBy::Status),
            Command::SortNamespace => self.sort(SortBy::Namespace),
            Command::ColumnLeft => self.choose_column(false),
            Command::ColumnRight => self.choose_column(true),
            Command::SortColumn => self.sort_column(),
            Command::Describe => {
                if let Some(it) = self.screen().current() {
                    let id = it.id.clone();
                    self.open_page(PageKind::Details(id));
                }
            }
            Command::Yaml => {
                return self.yaml_of_current().map_or(Vec::new(), |it| self.open_yaml(it));
            }
            Command::Policy => {
                if let Some(it) = self.policy_of_current() {
                    self.open_page(PageKind::Policy(it));
                }
            }
            Command::UsedBy => {
                if let Some(it) = self.users_screen() {
                    self.push(it);
                }
            }
            Command::Owner => {
                if let Some(it) = self.owner_of_current() {
                    self.go_to_identity(it);
                }
            }
            Command::Repairs => {
                return self.open_offers();
            }
            Command::Apply if self.can_finish() => return self.finish_noted(),
            Command::Apply => self.confirm(),
            Command::Restart => return self.restart(),
            Command::Undo => return self.undo_this(),
            Command::CopyTerraform => {
                return self.plan_terraform().map(Request::Copy).into_iter().collect();
            }
            Command::Export => return vec![Request::Export],
            Command::Probe => return self.probe(),
            Command::Mark => self.mark(),
            Command::MarkRange => self.mark_range(),
            Command::ClearMarks => self.clear_marks(),
            Command::Copy => return self.copied_text().map(Request::Copy).into_iter().collect(),
            Command::CopyNamespace => {
                return self.copied_namespaces().map(Request::Copy).into_iter().collect();
            }
            Command::Save => return vec![Request::SaveSeen],
            Command::Previous => self.swap_with_last_view(),
            Command::HistoryBack => self.go_back_in_history(),
            Command::HistoryForward => self.go_on_in_history(),
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
            | Command::Enter
            | Command::NextMatch
            | Command::PreviousMatch
            | Command::ManagedFields => {}
        }
        Vec::new()
    }

    /// Looks at another part of the same view; where namespaces mean nothing, at the accounts there.
    fn narrow(&mut self, within: Within) {
        if let Within::Namespace(it) = &within {
            self.visited(it.clone());
        }
        let screen = self.screen();
        let is_plain = matches!(screen.ask.within, Within::Everything | Within::Namespace(_));
        if is_plain && screen.view().has_namespaces() {
            self.screen_mut().ask.within = within;
            self.details_scroll = 0;
            self.force_rows();
        } else {
            let has = screen.view().has_namespaces();
            let view = if has { screen.view() } else { ViewKind::Identities };
            self.visit(Screen::within(view, within));
        }
    }

    fn open_filter(&mut self) {
        if let Mode::Page(page) = &self.mode {
            let text = page.search.as_ref().map_or(String::new(), |it| it.filter.text().to_owned());
            return self.open_prompt(PromptKind::Search, text);
        }
        let before = self.screen().ask.filter.text().to_owned();
        self.open_prompt(PromptKind::Filter { before: before.clone() }, before);
    }

    pub(in crate::model) fn select(&mut self, at: usize) {
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
            RowId::Node(Ref::Namespace(_))
            | RowId::Context(_)
            | RowId::Profile(_)
            | RowId::Alias(_) => false,
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

    /// One step back: what is searched on a page, the page, the pane, the filter, the screen.
    pub(in crate::model) fn back(&mut self) {
        if let Mode::Page(page) = &mut self.mode
            && page.search.is_some()
        {
            page.search = None;
        } else if let Some(page) = self.page_before() {
            self.mode = Mode::Page(page);
        } else if !matches!(self.mode, Mode::List) {
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
