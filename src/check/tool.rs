//! TOOL: what could not be read.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
