//! Statement by statement, clause by clause, in Kleene logic.
use crate::iam::{Decision, Evaluation, Policy, Request};

/// Judges `request` by one policy (IAM User Guide, "Policy evaluation logic": Deny over Allow, else implicit deny).
pub fn evaluate(_policy: &Policy, _request: &Request) -> Evaluation {
    Evaluation { decision: Decision::Unknown, statements: Vec::new() }
}
