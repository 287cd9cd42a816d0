//! TRUST-ACT: the action of the trust policy.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
