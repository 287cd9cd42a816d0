//! What a plan brings along: risks that are found once it is made are said before.
//!
//! What pods show until they are made again is not among them; the plan says itself that they need a restart.

use crate::{
    check::{Finding, Ledger, Severity, after},
    graph::Graph,
    ident::Timestamp,
    plan::{Plan, Warning},
};

/// Adds a warning for each security finding that is not there now, by what was judged, and would be.
pub fn forewarn(graph: &Graph, ledger: &Ledger, plan: &mut Plan, now: Timestamp) {
    let (then, units) = after(graph, plan.edits(), now);
    let mut after = Ledger::default();
    after.refresh(&then, &units, now);
    let is_new = |it: &&Finding| {
        let mut known = ledger.findings_at(&it.subject.at).iter();
        !known.any(|other| other.code == it.code)
    };
    let risks = after.findings().filter(|it| is_risk(it.severity)).filter(is_new);
    plan.warnings.extend(risks.map(|it| Warning {
        grave: false,
        text: format!("afterwards {} is found: {}", it.code, it.message),
    }));
}

fn is_risk(it: Severity) -> bool {
    match it {
        Severity::SecHigh | Severity::SecMed | Severity::SecLow => true,
        Severity::Blocker
        | Severity::WrongId
        | Severity::Degraded
        | Severity::Hygiene
        | Severity::Unknown => false,
    }
}
