//! A change as a value: what is to be different, what must be found before it is written, how it looks to a person and
//! as commands of `kubectl`, `aws`, `eksctl` and Terraform.
//!
//! A plan does not know why it is wanted, whom it serves or who may carry it out; and nothing here writes. `apply`
//! carries plans out, `check` works out whom they concern.

mod back;
mod build;
mod call;
mod command;
mod diff;
mod digest;
mod edit;
mod guard;
mod needs;
mod order;
mod owner;
mod preflight;
mod progress;
mod record;
mod secret;
mod shell;
mod show;
mod shown;
mod simulate;
mod tags;
mod terraform;
mod threeway;
mod turnover;
mod undo;

pub use build::{Because, Refusal, build};
pub(crate) use call::env_patch;
pub use call::{Call, RESTARTED_AT};
pub use command::{Names, commands};
pub use edit::{AssociationFields, Edit, EnvChange, EnvEntry, Place, TrustChange, WorkloadKey};
pub use guard::can_be_saved;
pub use needs::{blocked, left_alone};
pub use order::{Order, Purpose, Writes, callers};
pub use owner::Manager;
pub use preflight::preflight;
pub use progress::{Outcome, Progress, StepState};
pub use record::{Entry, Recorded, RecordedStep, Whereabouts, Who, without_secrets};
pub use secret::{digest_of, looks_secret};
pub use shell::{hcl, heredoc, quote};
pub use shown::{Shown, shown, shown_step};
pub use simulate::{pretend, simulate};
pub use terraform::terraform;
pub use threeway::{Side, ThreeWay, laid_out, states, three_way};
pub use turnover::{Turnover, hinders_restart, not_restarted, restart_reads};
pub use undo::{Left, Undo, undo};

use crate::ident::{AccountId, Ref, Text};

/// Ordered steps that together repair one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `FX-…` of the step that matters most, or the name of a compound fix (`irsa`, `pod-identity`, `migrate`).
    pub id: Text,
    /// Imperative, lowercase.
    pub title: String,
    pub because: Because,
    pub steps: Vec<Step>,
    /// Workloads whose pods it makes anew, in the order of the steps. The first goes alone.
    pub turnovers: Vec<Turnover>,
    /// Sentences, the gravest first.
    pub warnings: Vec<Warning>,
    /// Whether running pods keep what they have until they are made again.
    pub restart_needed: bool,
    /// What a person must type before it is carried out.
    pub confirm: Confirm,
    /// SHA-256 over target uids, step kinds and the fields that are read or written; hex.
    pub digest: Text,
}

/// One call and everything around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub edit: Edit,
    /// The node that is written.
    pub target: Ref,
    /// The uid, role id or association id of the target; `None` for what does not exist yet or has none.
    pub uid: Option<Text>,
    /// The account that must carry it out; `None` for Kubernetes.
    pub account: Option<AccountId>,
    /// What must be found right before the write.
    pub expects: Vec<Expect>,
    /// `-`, `+` and context lines, for a person.
    pub diff: Vec<Line>,
    /// Who else keeps the target as it is and would put it back.
    pub managed_by: Option<Manager>,
    /// How it is put back; `Err` says why it cannot be.
    pub undo: Result<Edit, String>,
    /// Steps before it without which it is not carried out, as indices; what they need in turn is not among them.
    pub needs: Vec<usize>,
}

/// One field with the value that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// E.g. `metadata.annotations[eks.amazonaws.com/role-arn]`.
    pub field: String,
    /// `None`: it must not be there.
    pub value: Option<String>,
}

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Same(String),
    Gone(String),
    New(String),
}

/// Something to know before it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub grave: bool,
    /// A sentence without full stop.
    pub text: String,
}

/// What a person types to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// `yes`: reversible Kubernetes writes and near-miss edits of what is there.
    Yes,
    /// The role's name: somebody new may assume it.
    IamRole(Text),
    /// The cluster's name: more than one workload restarts.
    Cluster(Text),
}

impl Confirm {
    /// The words that are to be typed.
    pub fn words(&self) -> &str {
        match self {
            Confirm::Yes => "yes",
            Confirm::IamRole(it) | Confirm::Cluster(it) => it,
        }
    }
}

/// Whether the caller may carry a step out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum May {
    Yes,
    /// The missing permission, e.g. `iam:UpdateAssumeRolePolicy` or `patch serviceaccounts in payments`.
    No(Text),
    /// Why nobody can say.
    NotKnown(Text),
}

impl Plan {
    /// The accounts whose credentials it needs, each once.
    pub fn accounts(&self) -> Vec<&AccountId> {
        let mut res: Vec<&AccountId> = Vec::new();
        for it in self.steps.iter().filter_map(|it| it.account.as_ref()) {
            if !res.contains(&it) {
                res.push(it);
            }
        }
        res
    }

    /// Its edits, in order.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.steps.iter().map(|it| &it.edit)
    }
}
