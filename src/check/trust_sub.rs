//! TRUST-SUB: the subject that the trust policy asks for.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
