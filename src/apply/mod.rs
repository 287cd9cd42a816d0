//! Carrying plans out: the only place that writes to a cluster or to AWS.
//!
//! Every step is read right before it is written and read again afterwards; what is not as the plan expects is not
//! written, what was not answered is not tried again. Everything is in the journal before it happens and after.

mod access;
mod before;
mod journal;
mod kube_target;
mod iam_target;
mod eks_target;
mod lock;
mod permission;
mod present;
mod probe;
mod ready;
mod run;
mod send;
mod step;
mod told;

pub use crate::plan::Purpose;
pub use journal::{Journal, JournalError};
pub use ready::READY_WITHIN;
pub use run::{Job, PROPAGATION, run};

pub use access::{AccessError, Hands};
pub use permission::{permissions, revisions};
pub use probe::probe;
