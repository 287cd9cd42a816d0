//! POD-KEY: static keys.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
