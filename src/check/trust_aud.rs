//! TRUST-AUD: the audience that the trust policy asks for.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
