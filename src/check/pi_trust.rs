//! PI-TRUST: the trust policy that EKS Auth meets.

use crate::check::Row;

pub const ROWS: &[Row] = &[];
