//! How the carrying out of a plan goes, told step by step. What happens at the edge is said here as data.

use crate::{
    ident::{Text, Timestamp},
    plan::May,
};
use serde::{Deserialize, Serialize};

/// What is told while a plan runs; the last one is `Ended`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Whether the caller may, one a step, before anything is written.
    Permissions(Vec<May>),
    /// A step entered this state.
    Step {
        index: usize,
        state: StepState,
    },
    Ended(Outcome),
}

/// Where a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It is not begun before the pods of another workload are Ready: what is missing, and until when that is waited for.
    Waiting { what: Text, until: Timestamp },
    /// Whose credentials, what is there now.
    Checking,
    /// The API server was asked whether it would take it.
    DryRun,
    /// The call is on its way.
    Writing,
    /// The service said that it is written; it is read again to see whether it is so. IAM and EKS may show the old
    /// state for up to a minute.
    Reading,
    /// Written and read back.
    Done,
    /// It was so before, and nothing was written.
    Already,
    /// Nothing was written: the API's own words.
    Refused(Text),
    /// Nothing was written: what was there is not what the plan was made from. Both states as lines, for
    /// [`crate::plan::three_way`].
    Moved { expected: Text, found: Text },
    /// Something else was written after ours; likewise.
    Overwritten { found: Text },
    /// No answer came: written or not, nobody knows until it is read again.
    NotKnown(Text),
}

impl StepState {
    /// As the plan wants it, as far as the service's word goes.
    pub fn is_done(&self) -> bool {
        match self {
            StepState::Done | StepState::Already | StepState::Reading => true,
            StepState::Waiting { .. }
            | StepState::Checking
            | StepState::DryRun
            | StepState::Writing
            | StepState::Refused(_)
            | StepState::Moved { .. }
            | StepState::Overwritten { .. }
            | StepState::NotKnown(_) => false,
        }
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Every step was written and read back.
    Applied,
    /// Nothing was written.
    Nothing { why: Text },
    /// Some steps were written, in order; the next one was not.
    Partly { done: usize, why: Text },
    /// So many steps are as wanted; the others are not, each with the reason. What stood beside them went on.
    Except { done: usize, left: Vec<Text> },
    /// Whether this step was written is not known; those before it were.
    NotKnown { done: usize, why: Text },
    /// A person stopped it; this many steps were written.
    Stopped { done: usize },
}

impl Outcome {
    /// The exit status of `fix --apply` and `undo` before anything is verified.
    pub fn exit_status(&self) -> u8 {
        match self {
            Outcome::Applied => 0,
            Outcome::Nothing { .. } => 4,
            // 128 + SIGINT, as of anything that is interrupted before it did something.
            Outcome::Stopped { done: 0 } => 130,
            Outcome::Partly { .. }
            | Outcome::Except { .. }
            | Outcome::NotKnown { .. }
            | Outcome::Stopped { .. } => 5,
        }
    }
}
