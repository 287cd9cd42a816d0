//! TRUST-COND: how conditions combine.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
