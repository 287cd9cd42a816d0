//! TRUST-PRIN: the principal of the trust policy.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
