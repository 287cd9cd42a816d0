//! CHAIN: a second role after the first.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
