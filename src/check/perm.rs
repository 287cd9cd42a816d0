//! PERM: permissions after a correct identity.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
