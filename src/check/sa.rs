//! SA: how workloads and ServiceAccounts name each other.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
