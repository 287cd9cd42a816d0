//! TRUST-MULTI: roles shared by clusters.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
