//! PI-ASSOC: the Pod Identity association itself.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
