//! ANN: the role annotation of a ServiceAccount.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
