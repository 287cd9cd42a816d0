//! Headless renderings: what `check`, `explain`, `trust` and `codes` print. Pure: text out of graph and ledger.

pub mod chain;
pub mod vector;
