//! TRUST-KEY: condition keys.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
