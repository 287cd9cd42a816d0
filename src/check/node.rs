//! NODE: pods that end with the node role.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
