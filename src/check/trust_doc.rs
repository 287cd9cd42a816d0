//! TRUST-DOC: the right policy on the wrong document.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
