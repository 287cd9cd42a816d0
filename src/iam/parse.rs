//! JSON text to `Policy`, strict about the grammar and exact about where it breaks.
use crate::iam::{Invalid, Kind, Policy};

pub(crate) fn policy(_raw: &str, _kind: Kind) -> Result<Policy, Invalid> {
    Err(Invalid { path: String::new(), reason: "not parsed yet".into() })
}
