//! APP: controllers with their own rules.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
