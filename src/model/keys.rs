//! Which command a key means here and now.

use crate::{
    command::{Command, ViewKind},
    event::Key,
    model::{Content, Mode, Model, PageKind, ProbeStage, Probing, Request, Stage},
    plan::Purpose,
    tree::{Fold, SortBy, Within},
};

impl Model {
    pub(in crate::model) fn key(&mut self, key: Key) -> Vec<Request> {
        let keymap = &self.options.keymap;
        let leaves = keymap.commands(key).any(|it| it == Command::ForceQuit);
        if self.prompt.is_none()
            && let Some(it) = self.proposal_key(key).or_else(|| self.probing_key(key))
        {
            return it;
        }
        let keymap = &self.options.keymap;
        if leaves {
            return vec![Request::Leave];
        }
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        let command = keymap.commands(key).find(|it| self.can(*it));
        command.map_or(Vec::new(), |it| self.obey(it))
    }

    pub(in crate::model) fn obey(&mut self, command: Command) -> Vec<Request> {
        match &self.mode {
            Mode::Page(_) => self.page_command(command),
            Mode::Details => self.details_command(command),
            Mode::List => self.list_command(command),
        }
    }

    /// Whether a command would do something here and now; hints show no other.
    pub fn can(&self, command: Command) -> bool {
        if command.writes() && self.read_only().is_some() {
            return false;
        }
        match &self.mode {
            Mode::Page(page) => self.can_on_page(command, &page.kind),
            Mode::List | Mode::Details => self.can_in_list(command),
        }
    }

    fn can_on_page(&self, command: Command, kind: &PageKind) -> bool {
        let Mode::Page(page) = &self.mode else { return false };
        let is_asked = |it: &Probing| matches!(it.stage, ProbeStage::Confirming(_));
        if self.proposal().is_some_and(|it| it.is_running() || it.is_confirming())
            || self.probing().is_some_and(is_asked)
        {
            return can_meanwhile(command);
        }
        match command {
            Command::Back
            | Command::Quit
            | Command::ForceQuit
            | Command::Prompt
            | Command::Aliases
            | Command::Header
            | Command::Crumbs
            | Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::First
            | Command::Last => true,
            Command::Help => !matches!(kind, PageKind::Help),
            Command::Enter => self.page_can_enter(page),
            Command::Filter => !page.has_selection(),
            Command::NextMatch | Command::PreviousMatch => page.search.is_some(),
            Command::Open | Command::Close => page.is_text(),
            Command::Save => !matches!(kind, PageKind::Help),
            Command::Refresh => match kind {
                PageKind::Yaml(it) => it.is_of_cluster(),
                PageKind::Plan(it) => it.purpose == Purpose::Fix && it.stage == Stage::Shown,
                PageKind::Help
                | PageKind::Details(_)
                | PageKind::Policy(_)
                | PageKind::Fixes(_)
                | PageKind::Journal(_)
                | PageKind::Probe(_)
                | PageKind::Explain(_) => false,
            },
            Command::ManagedFields => match kind {
                PageKind::Yaml(it) => match &it.content {
                    Content::Read(it) => it.with_managed_fields.is_some(),
                    Content::Reading | Content::Failed(_) => false,
                },
                PageKind::Help
                | PageKind::Details(_)
                | PageKind::Policy(_)
                | PageKind::Fixes(_)
                | PageKind::Plan(_)
                | PageKind::Journal(_)
                | PageKind::Probe(_)
                | PageKind::Explain(_) => false,
            },
            Command::Yaml => self.yaml_of_current().is_some(),
            Command::Policy => self.policy_of_current().is_some(),
            Command::Repairs => self.can_offer(),
            Command::Apply => self.can_apply() || self.can_finish(),
            Command::Restart => self.can_restart(),
            Command::Undo => self.can_undo(),
            Command::Probe => self.can_probe(),
            Command::CopyTerraform | Command::Export => {
                self.proposal().is_some_and(|it| it.as_plan().is_some())
            }
            Command::Copy => self.copied_text().is_some(),
            Command::Toggle
            | Command::FoldAll
            | Command::Pane
            | Command::PaneBack
            | Command::Faults
            | Command::AllNamespaces
            | Command::Favourite(_)
            | Command::Warp
            | Command::Wide
            | Command::SortName
            | Command::SortAge
            | Command::SortStatus
            | Command::SortNamespace
            | Command::ColumnLeft
            | Command::ColumnRight
            | Command::SortColumn
            | Command::Describe
            | Command::UsedBy
            | Command::Owner
            | Command::Mark
            | Command::MarkRange
            | Command::ClearMarks
            | Command::CopyNamespace
            | Command::Previous
            | Command::HistoryBack
            | Command::HistoryForward => false,
        }
    }

    fn can_in_list(&self, command: Command) -> bool {
        let in_list = matches!(self.mode, Mode::List);
        let screen = self.screen();
        let row = screen.current();
        let sorts = |by: SortBy| SortBy::of(screen.view()).contains(&by);
        match command {
            Command::Back
            | Command::Quit
            | Command::ForceQuit
            | Command::Prompt
            | Command::Aliases
            | Command::Help
            | Command::Filter
            | Command::Header
            | Command::Crumbs
            | Command::Wide
            | Command::Refresh
            | Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::First
            | Command::Last => true,
            Command::Enter => row.is_some(),
            Command::Faults => is_judged(screen.view()),
            Command::AllNamespaces => matches!(screen.ask.within, Within::Namespace(_)),
            Command::Favourite(it) => usize::from(it) <= self.favourites.len(),
            Command::Warp => match self.namespace_of_current() {
                Some(it) => screen.ask.within != Within::Namespace(it),
                None => false,
            },
            Command::SortName => sorts(SortBy::Name),
            Command::SortAge => sorts(SortBy::Age),
            Command::SortStatus => sorts(SortBy::Status),
            Command::SortNamespace => {
                sorts(SortBy::Namespace) && !matches!(screen.ask.within, Within::Namespace(_))
            }
            Command::ColumnLeft | Command::ColumnRight | Command::SortColumn => {
                1 < SortBy::of(screen.view()).len()
            }
            Command::Pane | Command::PaneBack => self.shown.details_shown,
            Command::Open | Command::Close | Command::Toggle | Command::FoldAll => {
                in_list && screen.rows.iter().any(|it| it.fold != Fold::Leaf)
            }
            Command::Describe => row.is_some_and(|it| it.id.node().is_some()),
            Command::Yaml => self.yaml_of_current().is_some(),
            Command::Policy => self.policy_of_current().is_some(),
            Command::Repairs => self.can_offer(),
            Command::Probe => self.can_probe(),
            Command::UsedBy => self.users_screen().is_some(),
            Command::Owner => self.owner_of_current().is_some(),
            Command::Mark | Command::MarkRange => in_list && row.is_some(),
            Command::ClearMarks => !screen.marks.is_empty(),
            Command::Copy => self.copied_text().is_some(),
            Command::CopyNamespace => self.namespace_of_current().is_some(),
            Command::Save => !screen.rows.is_empty(),
            Command::Previous | Command::HistoryBack => !self.past.is_empty(),
            Command::HistoryForward => !self.future.is_empty(),
            Command::NextMatch
            | Command::PreviousMatch
            | Command::ManagedFields
            | Command::Apply
            | Command::Restart
            | Command::Undo
            | Command::CopyTerraform
            | Command::Export => false,
        }
    }
}

/// What is left to do while words are asked for or a plan runs: to look, and to stop it.
fn can_meanwhile(command: Command) -> bool {
    matches!(
        command,
        Command::Back
            | Command::Quit
            | Command::ForceQuit
            | Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::First
            | Command::Last
    )
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
        ViewKind::Contexts | ViewKind::Profiles | ViewKind::Sources | ViewKind::Aliases => false,
    }
}
