//! Headless renderings: what `check`, `explain`, `trust` and `codes` print. Pure: text out of graph and ledger.

pub mod build;
pub mod chain;
pub mod evidence;
pub mod explain;
pub mod facts;
pub mod json;
pub mod lets;
mod deputy;
pub mod plan;
pub mod probe;
pub mod roles;
pub mod table;
pub mod target;
pub mod triage;
pub mod vector;
