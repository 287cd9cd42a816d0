//! What a person can ask for, with the words that the footer and the help page use.
//!
//! Two forms: `Command`, which keys are bound to, and `Line`, what is typed after `:`. Keys are not named here, and what
//! a command does is `model`'s business.

mod line;
mod view;

pub use line::{Known, Line, NotACommand, OTHERS, parse_line, suggest};
pub use view::ViewKind;

/// Everything that a key can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    Enter,
    Back,
    Quit,
    ForceQuit,
    Help,
    Aliases,
    Prompt,
    Filter,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Close,
    Toggle,
    FoldAll,
    Pane,
    PaneBack,
    Faults,
    AllNamespaces,
    /// One of the nine namespaces that have a digit of their own, from 1.
    Favourite(u8),
    Warp,
    Wide,
    Header,
    Crumbs,
    Refresh,
    SortName,
    SortAge,
    SortStatus,
    SortNamespace,
    ColumnLeft,
    ColumnRight,
    SortColumn,
    Describe,
    Yaml,
    Policy,
    UsedBy,
    Owner,
    Repairs,
    Apply,
    Restart,
    Undo,
    CopyTerraform,
    Export,
    Probe,
    Mark,
    MarkRange,
    ClearMarks,
    Copy,
    CopyNamespace,
    Save,
    NextMatch,
    PreviousMatch,
    ManagedFields,
    Previous,
    HistoryBack,
    HistoryForward,
}

/// The headings of the help page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Ask,
    Repair,
    Look,
    Sort,
    Take,
    Read,
    Move,
    Leave,
}

impl Group {
    pub const ALL: [Group; 8] = [
        Group::Ask,
        Group::Repair,
        Group::Look,
        Group::Sort,
        Group::Take,
        Group::Read,
        Group::Move,
        Group::Leave,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Group::Ask => "Ask about the selected row",
            Group::Repair => "Repair; nothing is written before it was confirmed",
            Group::Look => "Find",
            Group::Sort => "Sort; the same key again turns it round",
            Group::Take => "Take with you",
            Group::Read => "On a page of text",
            Group::Move => "Move",
            Group::Leave => "Go",
        }
    }
}

/// The names of the digit keys in the configuration file.
const FAVOURITES: [&str; 9] = [
    "namespace-1",
    "namespace-2",
    "namespace-3",
    "namespace-4",
    "namespace-5",
    "namespace-6",
    "namespace-7",
    "namespace-8",
    "namespace-9",
];

impl Command {
    pub const ALL: [Command; 67] = [
        Command::Enter,
        Command::Back,
        Command::Previous,
        Command::HistoryBack,
        Command::HistoryForward,
        Command::Prompt,
        Command::Aliases,
        Command::Help,
        Command::Quit,
        Command::ForceQuit,
        Command::Filter,
        Command::Faults,
        Command::AllNamespaces,
        Command::Favourite(1),
        Command::Favourite(2),
        Command::Favourite(3),
        Command::Favourite(4),
        Command::Favourite(5),
        Command::Favourite(6),
        Command::Favourite(7),
        Command::Favourite(8),
        Command::Favourite(9),
        Command::Warp,
        Command::Wide,
        Command::Header,
        Command::Crumbs,
        Command::Refresh,
        Command::SortName,
        Command::SortAge,
        Command::SortStatus,
        Command::SortNamespace,
        Command::ColumnLeft,
        Command::ColumnRight,
        Command::SortColumn,
        Command::Describe,
        Command::Repairs,
        Command::Apply,
        Command::Restart,
        Command::Undo,
        Command::CopyTerraform,
        Command::Export,
        Command::Probe,
        Command::UsedBy,
        Command::Owner,
        Command::Yaml,
        Command::Policy,
        Command::Mark,
        Command::MarkRange,
        Command::ClearMarks,
        Command::Copy,
        Command::CopyNamespace,
        Command::Save,
        Command::NextMatch,
        Command::PreviousMatch,
        Command::ManagedFields,
        Command::Up,
        Command::Down,
        Command::PageUp,
        Command::PageDown,
        Command::First,
        Command::Last,
        Command::Open,
        Command::Close,
        Command::Toggle,
        Command::FoldAll,
        Command::Pane,
        Command::PaneBack,
    ];

    /// The name in the configuration file.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// The word beside its key in the footer.
    pub fn title(self) -> &'static str {
        self.words().1
    }

    /// The sentence on the help page.
    pub fn help(self) -> &'static str {
        self.words().2
    }

    pub fn group(self) -> Group {
        match self {
            Command::Describe
            | Command::Yaml
            | Command::Policy
            | Command::UsedBy
            | Command::Owner
            | Command::Probe => Group::Ask,
            Command::Repairs
            | Command::Apply
            | Command::Restart
            | Command::Undo
            | Command::CopyTerraform
            | Command::Export => Group::Repair,
            Command::Filter
            | Command::Faults
            | Command::AllNamespaces
            | Command::Favourite(_)
            | Command::Warp
            | Command::Wide
            | Command::Header
            | Command::Crumbs
            | Command::Refresh => Group::Look,
            Command::SortName
            | Command::SortAge
            | Command::SortStatus
            | Command::SortNamespace
            | Command::ColumnLeft
            | Command::ColumnRight
            | Command::SortColumn => Group::Sort,
            Command::Mark
            | Command::MarkRange
            | Command::ClearMarks
            | Command::Copy
            | Command::CopyNamespace
            | Command::Save => Group::Take,
            Command::NextMatch | Command::PreviousMatch | Command::ManagedFields => Group::Read,
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
            | Command::Pane
            | Command::PaneBack => Group::Move,
            Command::Enter
            | Command::Back
            | Command::Previous
            | Command::HistoryBack
            | Command::HistoryForward
            | Command::Prompt
            | Command::Aliases
            | Command::Help
            | Command::Quit
            | Command::ForceQuit => Group::Leave,
        }
    }

    /// Whether it leads to something being written, if only a token; where nothing may be, it is not there.
    pub fn writes(self) -> bool {
        matches!(self, Command::Apply | Command::Restart | Command::Undo | Command::Probe)
    }

    /// `None` for a name that no command has.
    pub fn parse(name: &str) -> Option<Command> {
        Command::ALL.into_iter().find(|it| it.name() == name)
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Command::Enter => {
                ("enter", "drill", "drill into the row; on a small screen: its details")
            }
            Command::Back => ("back", "back", "clear the filter, else go back one screen"),
            Command::Quit => ("quit", "quit", "as back; on the first screen: leave"),
            Command::ForceQuit => ("force-quit", "leave", "leave at once, from anywhere"),
            Command::Help => ("help", "help", "this page"),
            Command::Aliases => ("aliases", "aliases", "everything that can be typed after :"),
            Command::Prompt => {
                ("prompt", "go to", "type where to go: another view, namespace or context")
            }
            Command::Filter => {
                ("filter", "filter", "keep the rows that match, folded ones too; on a page: search")
            }
            Command::Up => ("up", "up", "one row up"),
            Command::Down => ("down", "down", "one row down"),
            Command::PageUp => ("page-up", "page up", "one page up"),
            Command::PageDown => ("page-down", "page down", "one page down"),
            Command::First => ("first", "first", "to the first row"),
            Command::Last => ("last", "last", "to the last row"),
            Command::Open => {
                ("open", "unfold", "unfold the row, or step into it; on a page: right")
            }
            Command::Close => {
                ("close", "fold", "fold the row, or step out to its parent; on a page: left")
            }
            Command::Toggle => ("toggle", "fold", "fold or unfold the row"),
            Command::FoldAll => {
                ("fold-all", "fold all", "fold every row, or unfold as at the start")
            }
            Command::Pane => ("pane", "pane", "to the next pane: list, details"),
            Command::PaneBack => ("pane-back", "pane", "to the pane before"),
            Command::Faults => ("faults", "faults", "only rows with something wrong, or all again"),
            Command::AllNamespaces => ("all-namespaces", "all", "look in all namespaces"),
            Command::Favourite(it) => (
                FAVOURITES[usize::from(it.clamp(1, 9)) - 1],
                "namespace",
                "look in a namespace that was visited or configured; :ns says which",
            ),
            Command::Warp => ("warp", "namespace", "look in the row's namespace only"),
            Command::Wide => ("wide", "wide", "the list over the whole width, with all columns"),
            Command::Header => ("header", "header", "show or hide the header"),
            Command::Crumbs => ("crumbs", "crumbs", "show or hide the way back, at the bottom"),
            Command::Refresh => {
                ("refresh", "refresh", "read everything from AWS again now; on a page: this object")
            }
            Command::SortName => ("sort-name", "by name", "by name"),
            Command::SortAge => ("sort-age", "by age", "by age, the youngest first"),
            Command::SortStatus => ("sort-status", "worst", "by how it stands, the worst first"),
            Command::SortNamespace => ("sort-namespace", "by namespace", "by namespace"),
            Command::ColumnLeft => ("column-left", "column", "choose the column to the left"),
            Command::ColumnRight => ("column-right", "column", "choose the column to the right"),
            Command::SortColumn => ("sort-column", "sort", "by the chosen column"),
            Command::Describe => ("describe", "describe", "all that is known of it, on a page"),
            Command::Yaml => (
                "yaml",
                "yaml",
                "the whole object as the cluster or AWS has it, credentials left out",
            ),
            Command::Policy => ("policy", "trust", "the trust policy as IAM has it, as JSON"),
            Command::UsedBy => {
                ("used-by", "used by", "who uses it: pods of an account, accounts of a role")
            }
            Command::Owner => ("owner", "owner", "to the ServiceAccount that it belongs to"),
            Command::Repairs => (
                "repairs",
                "fix",
                "what repairs the row or all marked rows, best first; enter: the plan",
            ),
            Command::Apply => (
                "apply",
                "apply",
                "carry the plan out, once its words were typed; of a fix that was cut off: finish it",
            ),
            Command::Restart => (
                "restart",
                "restart",
                "restart the workload too, so that pods that run get it; one workload at a time",
            ),
            Command::Undo => ("undo", "undo", "what puts back what was just written, as a plan"),
            Command::CopyTerraform => {
                ("copy-terraform", "copy as terraform", "copy the plan as Terraform")
            }
            Command::Export => {
                ("export", "export", "save the plan as a script, as Terraform and as markdown")
            }
            Command::Probe => {
                ("probe", "probe", "ask AWS itself with a fresh token, once it was confirmed")
            }
            Command::Mark => ("mark", "mark", "mark the row, or no longer"),
            Command::MarkRange => ("mark-range", "mark", "mark from the last mark to here"),
            Command::ClearMarks => ("clear-marks", "unmark", "mark nothing"),
            Command::Copy => ("copy", "copy", "copy the names of what is marked, or the open page"),
            Command::CopyNamespace => ("copy-namespace", "copy ns", "copy the row's namespace"),
            Command::Save => ("save", "save", "save the list as CSV, or the open page, to a file"),
            Command::NextMatch => ("next-match", "next", "the next place that / found"),
            Command::PreviousMatch => {
                ("previous-match", "previous", "the place before that / found")
            }
            Command::ManagedFields => {
                ("managed-fields", "managed fields", "of YAML: managedFields too, or no longer")
            }
            Command::Previous => ("previous", "last view", "to the view before this one, and back"),
            Command::HistoryBack => ("history-back", "earlier", "one view back in the history"),
            Command::HistoryForward => ("history-forward", "later", "one view on in the history"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::{Command, ViewKind};
    use std::collections::BTreeSet;

    #[test]
    fn every_command_has_a_name_of_its_own_and_words() {
        let names: BTreeSet<_> = Command::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), Command::ALL.len());
        for it in Command::ALL {
            assert_eq!(Command::parse(it.name()), Some(it));
            assert!(!it.title().is_empty() && !it.help().is_empty() && !it.help().ends_with('.'));
        }
    }

    #[test]
    fn no_two_views_answer_to_one_alias() {
        let all: Vec<_> = ViewKind::ALL.iter().flat_map(|it| it.aliases()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
