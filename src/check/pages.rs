//! Codes that are never reported: what no API shows, what services refuse at once, and what is no fault at all.
//!
//! They are pages in `codes` and hypotheses in `explain`.

mod cloud;
mod network;
mod pod;

use crate::check::Row;

pub const POD: &[Row] = pod::ROWS;
pub const CLOUD: &[Row] = cloud::ROWS;
pub const NETWORK: &[Row] = network::ROWS;
