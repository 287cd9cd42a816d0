//! From a finding to a repaired identity: what can be done, the plan of it, its confirmation, how it goes, what came of
//! it, and how it is put back.
//!
//! Everything is worked out here from the graph; `Request`s carry what has to be asked of the world or written to it.

mod after;
mod confirm;
mod journal;
mod list;
mod plan;
mod probe;

pub use after::Healing;
pub use journal::Journal;
pub use list::Offers;
pub use probe::{ProbeStage, Probing};

use crate::{
    check::{Blast, Cure, Deputy, Offer, Restarts},
    ident::{AccountId, Text, Timestamp},
    model::Page,
    plan::{Left, May, Outcome, Plan, Purpose, Refusal, StepState, blocked},
};

/// A plan and everything that stands on its page.
#[derive(Debug)]
pub struct Proposed {
    pub offer: Offer,
    pub plan: Planned,
    pub purpose: Purpose,
    pub blast: Blast,
    pub deputies: Vec<Deputy>,
    pub restarts: Restarts,
    /// The restarts that are offered are part of the plan.
    pub with_restart: bool,
    pub may: Asked,
    pub stage: Stage,
    /// What undoing leaves as it is.
    pub left: Vec<Left>,
    /// Why it is not to be carried out any more: the world has moved on.
    pub outdated: Option<String>,
    pub made_at: Timestamp,
    /// Who the credentials belonged to when it was made.
    pub callers: Vec<(AccountId, Text)>,
    /// Where one came from.
    pub before: Option<Box<Page>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    Plan(Box<Plan>),
    Refused(Refusal),
    /// Nothing in it can be written by us.
    ByHand,
}

/// Whether the caller may carry it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing is asked where nothing may be written.
    Not,
    Asking,
    /// One answer a step.
    Told(Vec<May>),
}

/// How far a plan is on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    Shown,
    /// `a` was pressed: words are typed.
    Confirming(Typed),
    Running(Run),
    Ended {
        run: Run,
        outcome: Outcome,
        /// To be looked after; of what was applied as a whole.
        cure: Option<Cure>,
    },
}

/// What was typed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    pub text: String,
    /// A frame has shown the prompt. Keys that were typed before were not meant for it.
    pub is_seen: bool,
    /// What was wrong with it, until something else is typed.
    pub wrong: Option<Wrong>,
}

/// Why words that were given set nothing going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Enter came after other ones, which stay to be mended.
    OtherWords,
    /// They are to be typed.
    Pasted,
}

/// Where each step is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub steps: Vec<Option<StepState>>,
    /// A person asked it to stop.
    pub is_stopping: bool,
}

impl Proposed {
    pub fn as_plan(&self) -> Option<&Plan> {
        match &self.plan {
            Planned::Plan(it) => Some(it),
            Planned::Refused(_) | Planned::ByHand => None,
        }
    }

    /// The permission that the caller lacks for a step.
    pub fn missing(&self) -> Option<&Text> {
        match &self.may {
            Asked::Told(them) => them.iter().find_map(|it| match it {
                May::No(it) => Some(it),
                May::Yes | May::NotKnown(_) => None,
            }),
            Asked::Not | Asked::Asking => None,
        }
    }

    /// The permission without which nothing of it can be done: what stands beside a step that is not allowed goes on, but
    /// not of an undo.
    pub fn blocked(&self) -> Option<&Text> {
        match (&self.may, self.as_plan()) {
            (Asked::Told(may), Some(plan)) if self.purpose == Purpose::Fix => {
                blocked(&plan.steps, may)
            }
            (Asked::Told(_) | Asked::Asking | Asked::Not, _) => self.missing(),
        }
    }

    /// Something of it is on its way to being written.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running(_))
    }

    pub fn is_confirming(&self) -> bool {
        matches!(self.stage, Stage::Confirming(_))
    }
}
