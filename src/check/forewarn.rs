//! What a plan brings along: risks that are found once it is made are said before.
//!
//! What pods show until they are made again is not among them; the plan says itself that they need a restart.

use crate::{
    check::{After, Finding, Ledger, Severity},
    graph::Graph,
    ident::Ref,
    plan::{Plan, Warning},
};

impl After<'_> {
    /// Adds a warning for each security finding that is not there now, by what was judged, and would be.
    pub fn forewarn(&self, ledger: &Ledger, plan: &mut Plan) {
        let mut after = Ledger::default();
        after.refresh(self.graph(), self.units(), self.now());
        let is_new = |it: &&Finding| {
            let mut known = ledger.findings_at(&it.subject.at).iter();
            !known.any(|other| other.code == it.code)
        };
        let risks = after.findings().filter(|it| is_risk(it.severity)).filter(is_new);
        plan.warnings.extend(risks.map(|it| {
            let kept = match is_left(self.before(), self.graph(), it) {
                true => "; that statement is there already and is kept as it is",
                false => "",
            };
            let text = format!("afterwards {} is found: {}{kept}", it.code, it.message);
            Warning { grave: false, text }
        }));
    }
}

/// Whether a finding is the review that the catalogue keeps for a person where a fix leaves a statement alone: the fix of
/// a role that lets in only EC2, or an account's root (TRUST-PRIN-01), adds a statement and *keeps the old one*, and what
/// is *left beside* web identity is SEC-TRUST-11's. The plan neither wrote that statement nor lets anybody in by it: whom
/// it names could assume the role before, so nothing of it is new but its name. Any other statement, and one that was
/// touched, is the plan's own doing.
pub fn is_left(before: &Graph, after: &Graph, finding: &Finding) -> bool {
    let Ref::Role(role) = &finding.subject.at else { return false };
    let (Some(was), Some(is)) = (before.role(role).known(), after.role(role).known()) else {
        return false;
    };
    let (Ok(was), Ok(is)) = (&was.trust.parsed, &is.trust.parsed) else { return false };
    let statement = |place: &str| {
        let (_, index) = place.split_once(" Statement[")?;
        is.statements.get(index.split_once(']')?.0.parse::<usize>().ok()?)
    };
    let is_kept = |place: &str| statement(place).is_some_and(|it| was.statements.contains(it));
    finding.code == "SEC-TRUST-11" && finding.evidence.iter().all(|it| is_kept(&it.place))
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
