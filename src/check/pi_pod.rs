//! PI-POD: pods against their association.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
