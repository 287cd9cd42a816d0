//! What a person can ask for, with the words that the footer and the help page use.
//!
//! Two forms: `Command`, which keys are bound to, and `Line`, what is typed after `:`. Keys are not named here, and what
//! a command does is `model`'s business.

mod line;

pub use line::{Line, NotACommand, parse_line, suggest};

/// Everything that a key can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    Enter,
    Back,
    Quit,
    ForceQuit,
    Help,
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
    WorstFirst,
    AllNamespaces,
    Refresh,
    UsedBy,
    Policy,
    Repairs,
    Copy,
    Previous,
    Header,
}

/// The headings of the help page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Ask,
    Look,
    Move,
    Leave,
}

impl Group {
    pub const ALL: [Group; 4] = [Group::Ask, Group::Look, Group::Move, Group::Leave];

    pub fn title(self) -> &'static str {
        match self {
            Group::Ask => "Ask about the selected row",
            Group::Look => "Find",
            Group::Move => "Move",
            Group::Leave => "Go",
        }
    }
}

impl Command {
    pub const ALL: [Command; 29] = [
        Command::Enter,
        Command::Back,
        Command::Quit,
        Command::ForceQuit,
        Command::Help,
        Command::Prompt,
        Command::Filter,
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
        Command::Faults,
        Command::WorstFirst,
        Command::AllNamespaces,
        Command::Refresh,
        Command::UsedBy,
        Command::Policy,
        Command::Repairs,
        Command::Copy,
        Command::Previous,
        Command::Header,
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
            Command::UsedBy | Command::Policy | Command::Repairs | Command::Copy => Group::Ask,
            Command::Filter
            | Command::Faults
            | Command::WorstFirst
            | Command::AllNamespaces
            | Command::Refresh
            | Command::Header => Group::Look,
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
            | Command::Prompt
            | Command::Help
            | Command::Quit
            | Command::ForceQuit => Group::Leave,
        }
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
            Command::Prompt => {
                ("prompt", "go to", "type where to go: another view, namespace or context")
            }
            Command::Filter => {
                ("filter", "filter", "keep the rows that match a pattern, folded ones included")
            }
            Command::Up => ("up", "up", "one row up"),
            Command::Down => ("down", "down", "one row down"),
            Command::PageUp => ("page-up", "page up", "one page up"),
            Command::PageDown => ("page-down", "page down", "one page down"),
            Command::First => ("first", "first", "to the first row"),
            Command::Last => ("last", "last", "to the last row"),
            Command::Open => ("open", "unfold", "unfold the row, or step into it"),
            Command::Close => ("close", "fold", "fold the row, or step out to its parent"),
            Command::Toggle => ("toggle", "fold", "fold or unfold the row"),
            Command::FoldAll => {
                ("fold-all", "fold all", "fold every row, or unfold as at the start")
            }
            Command::Pane => ("pane", "pane", "to the next pane: list, details"),
            Command::PaneBack => ("pane-back", "pane", "to the pane before"),
            Command::Faults => ("faults", "faults", "only rows with something wrong, or all again"),
            Command::WorstFirst => {
                ("worst-first", "worst", "sort by what is worst, or by name again")
            }
            Command::AllNamespaces => ("all-namespaces", "all", "look in all namespaces"),
            Command::Refresh => ("refresh", "refresh", "read everything from AWS again now"),
            Command::UsedBy => {
                ("used-by", "used by", "who uses it: pods of an account, accounts of a role")
            }
            Command::Policy => ("policy", "policy", "the trust policy as IAM has it, as JSON"),
            Command::Repairs => {
                ("repairs", "repair", "the commands that would repair it; nothing is written")
            }
            Command::Copy => ("copy", "copy", "copy its name, or what stands in the open page"),
            Command::Previous => ("previous", "last view", "to the view before this one"),
            Command::Header => ("header", "header", "show or hide the header"),
        }
    }
}

/// The lists that can be gone to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViewKind {
    Identities,
    Pods,
    Roles,
    Associations,
    Providers,
    Findings,
    Namespaces,
    Contexts,
    Sources,
}

impl ViewKind {
    pub const ALL: [ViewKind; 9] = [
        ViewKind::Identities,
        ViewKind::Pods,
        ViewKind::Roles,
        ViewKind::Associations,
        ViewKind::Providers,
        ViewKind::Findings,
        ViewKind::Namespaces,
        ViewKind::Contexts,
        ViewKind::Sources,
    ];

    /// In the pane's title and the crumbs.
    pub fn title(self) -> &'static str {
        match self {
            ViewKind::Identities => "identities",
            ViewKind::Pods => "pods",
            ViewKind::Roles => "roles",
            ViewKind::Associations => "associations",
            ViewKind::Providers => "providers",
            ViewKind::Findings => "findings",
            ViewKind::Namespaces => "namespaces",
            ViewKind::Contexts => "contexts",
            ViewKind::Sources => "sources",
        }
    }

    /// What may be typed after `:`; the first is what the help page shows.
    pub fn aliases(self) -> &'static [&'static str] {
        match self {
            ViewKind::Identities => {
                &["sa", "identities", "identity", "id", "serviceaccount", "serviceaccounts"]
            }
            ViewKind::Pods => &["pods", "pod", "po"],
            ViewKind::Roles => &["roles", "role", "iam"],
            ViewKind::Associations => {
                &["assoc", "associations", "association", "podidentity", "pia"]
            }
            ViewKind::Providers => &["oidc", "providers", "provider", "idp"],
            ViewKind::Findings => &["findings", "finding", "faults", "f"],
            ViewKind::Namespaces => &["ns", "namespaces", "namespace"],
            ViewKind::Contexts => &["ctx", "contexts", "context"],
            ViewKind::Sources => &["sources", "source", "src"],
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            ViewKind::Identities => "ServiceAccounts by namespace, with what they may become",
            ViewKind::Pods => "pods, with what each really ends with",
            ViewKind::Roles => "IAM roles, with who may assume them and who is set up to",
            ViewKind::Associations => "Pod Identity associations",
            ViewKind::Providers => "IAM OIDC providers",
            ViewKind::Findings => "everything wrong, by cause",
            ViewKind::Namespaces => "namespaces",
            ViewKind::Contexts => "contexts of the kubeconfig",
            ViewKind::Sources => "what is read from where, how old it is, and what is refused",
        }
    }

    /// Whether a namespace narrows it.
    pub fn has_namespaces(self) -> bool {
        match self {
            ViewKind::Identities | ViewKind::Pods | ViewKind::Associations | ViewKind::Findings => {
                true
            }
            ViewKind::Roles
            | ViewKind::Providers
            | ViewKind::Namespaces
            | ViewKind::Contexts
            | ViewKind::Sources => false,
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
