//! PI-BOTH: annotation and association on one ServiceAccount.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
