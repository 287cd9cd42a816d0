//! How a thing stands, worst first: what badges are chosen by, lists are sorted by, and headers count.
//!
//! A reading of findings and verdicts, not a judgement of its own.

use crate::{
    check::{ContainerLine, Finding, Ledger, Severity, Told, stage},
    fact::{Knowledge, Pod},
    graph::Graph,
    ident::{Arn, Ref},
    identity::{Carried, Signature, Verdict, Why, chain::Provider},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// The intended identity cannot be obtained.
    Blocked,
    /// It runs, with another identity than was asked for.
    WrongId,
    Degraded,
    /// It works, and more may use it than should.
    Risky,
    /// Something that decides could not be read.
    Unknown,
    /// Being read, or a restart is under way.
    Waiting,
    Healthy,
    /// Ends with the node role, and nothing else was asked for.
    NodeRole,
    /// No identity is declared and none expected.
    Undeclared,
}

impl Standing {
    pub const ALL: [Standing; 9] = [
        Standing::Blocked,
        Standing::WrongId,
        Standing::Degraded,
        Standing::Risky,
        Standing::Unknown,
        Standing::Waiting,
        Standing::Healthy,
        Standing::NodeRole,
        Standing::Undeclared,
    ];

    /// What stands beside the glyph.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Blocked => "blocked",
            Standing::WrongId => "wrong id",
            Standing::Degraded => "degraded",
            Standing::Risky => "risky",
            Standing::Unknown => "unknown",
            Standing::Waiting => "waiting",
            Standing::Healthy => "healthy",
            Standing::NodeRole => "node role",
            Standing::Undeclared => "–",
        }
    }

    /// What faults-only keeps.
    pub fn is_fault(self) -> bool {
        match self {
            Standing::Blocked | Standing::WrongId | Standing::Degraded | Standing::Risky => true,
            Standing::Unknown
            | Standing::Waiting
            | Standing::Healthy
            | Standing::NodeRole
            | Standing::Undeclared => false,
        }
    }

    /// `None` for what leaves a node as it stands.
    pub fn of_severity(severity: Severity) -> Option<Standing> {
        match severity {
            Severity::Blocker => Some(Standing::Blocked),
            Severity::WrongId => Some(Standing::WrongId),
            Severity::Degraded => Some(Standing::Degraded),
            Severity::SecHigh | Severity::SecMed | Severity::SecLow => Some(Standing::Risky),
            Severity::Unknown => Some(Standing::Unknown),
            Severity::Hygiene => None,
        }
    }

    /// How a verdict alone stands.
    pub fn of_verdict(verdict: &Verdict) -> Standing {
        match verdict {
            Verdict::None => Standing::Undeclared,
            Verdict::Allow => Standing::Healthy,
            Verdict::Deny(_) => Standing::Blocked,
            Verdict::Unknown(Why::Pending(_)) => Standing::Waiting,
            Verdict::Unknown(Why::Denied(_) | Why::InvalidPolicy(_) | Why::Undecidable(_)) => {
                Standing::Unknown
            }
        }
    }
}

/// How many stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u32; Standing::ALL.len()]);

impl Tally {
    pub fn count(&self, standing: Standing) -> u32 {
        self.0[standing as usize]
    }

    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The worst standing that somebody has; `None` for nobody.
    pub fn worst(&self) -> Option<Standing> {
        Standing::ALL.into_iter().find(|it| 0 < self.count(*it))
    }

    pub fn add(&mut self, standing: Standing) {
        self.0[standing as usize] += 1;
    }

    pub fn take(&mut self, standing: Standing) {
        // INVARIANT: only what was added is taken.
        self.0[standing as usize] -= 1;
    }
}

/// The finding that makes a node stand worst, with how.
pub fn worst<'a>(
    findings: impl IntoIterator<Item = &'a Finding>,
) -> Option<(Standing, &'a Finding)> {
    findings
        .into_iter()
        .filter_map(|it| Some((Standing::of_severity(it.severity)?, it)))
        .min_by_key(|(_, it)| rank(Told::of(it), None))
}

/// Findings in the order in which they are told: the worst first; of equals the one whose error the pods print, then
/// as the manual has them, which is the order in which a chain breaks.
pub fn rank(told: Told, printed: Option<Signature>) -> (Severity, bool, usize) {
    let is_other = printed.is_none() || told.signature != printed;
    (told.severity, is_other, stage(told.code).unwrap_or(usize::MAX))
}

/// How a pod stands, with the error text that it prints where AWS refuses what it carries.
pub fn of_pod(ledger: &Ledger, pod: &Pod) -> (Standing, Option<Signature>) {
    let at = Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() };
    if let Some((standing, finding)) = worst(ledger.findings_at(&at)) {
        return (standing, finding.signature);
    }
    if pod.completed() {
        return (Standing::Undeclared, None);
    }
    let Some(identity) = ledger.identity(&pod.service_account()) else {
        return (Standing::Waiting, None);
    };
    let lines = ledger.containers(&pod.namespace, &pod.name).unwrap_or_default();
    let carries = lines.iter().any(|it| it.effective != Carried::None);
    // Granted is the identity that is asked for, and not another one that it was born with.
    let is_stale = |it: &ContainerLine| {
        let none = Carried::None;
        it.declared != none && it.effective != none && it.effective != it.declared
    };
    if lines.iter().any(is_stale) {
        let account = Ref::ServiceAccount(pod.service_account());
        let found = worst(ledger.findings_at(&account)).map(|(it, _)| it);
        return (found.unwrap_or(Standing::WrongId).min(Standing::WrongId), None);
    }
    let node_role = lines.iter().any(|it| it.chain.provider == Provider::NodeRole);
    match &identity.verdict {
        Verdict::None if node_role => (Standing::NodeRole, None),
        Verdict::None => (Standing::Undeclared, None),
        // Granted and not carried, with nothing said against it: what it ends with is all there is to say.
        Verdict::Allow if !carries && node_role => (Standing::NodeRole, None),
        verdict => (Standing::of_verdict(verdict), verdict.signature()),
    }
}

/// How any other node stands: by its findings and by what is known of it.
pub fn of_ref(graph: &Graph, ledger: &Ledger, at: &Ref) -> Standing {
    let found = worst(ledger.findings_at(at)).map(|(it, _)| it);
    found.unwrap_or_else(|| match at {
        Ref::Role(arn) => known(graph.role(arn).map(|_| ()), is_used(graph, arn)),
        Ref::Association(id) => match graph.association(id) {
            Some(it) => known(it.detail.as_ref().map(|_| ()), true),
            None => Standing::Unknown,
        },
        Ref::Pod { namespace, name } => match graph.pod(namespace, name) {
            Some(pod) => of_pod(ledger, pod).0,
            None => Standing::Unknown,
        },
        Ref::ServiceAccount(key) => match ledger.identity(key) {
            Some(it) => Standing::of_verdict(&it.verdict),
            None => Standing::Waiting,
        },
        Ref::Cluster
        | Ref::Namespace(_)
        | Ref::Workload { .. }
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => Standing::Healthy,
    })
}

fn known(knowledge: Knowledge<()>, used: bool) -> Standing {
    match knowledge {
        Knowledge::Known(()) if used => Standing::Healthy,
        Knowledge::Known(()) => Standing::Undeclared,
        Knowledge::Absent => Standing::Blocked,
        Knowledge::Denied(_) => Standing::Unknown,
        Knowledge::NotYet => Standing::Waiting,
    }
}

fn is_used(graph: &Graph, role: &Arn) -> bool {
    graph.annotated_with(role).next().is_some() || graph.associated_with(role).next().is_some()
}

#[cfg(test)]
mod tests {
    use crate::tree::{Standing, Tally};

    #[test]
    fn a_tally_knows_its_worst() {
        let mut tally = Tally::default();
        assert_eq!(tally.worst(), None);
        for it in [Standing::Healthy, Standing::Risky, Standing::Undeclared, Standing::Risky] {
            tally.add(it);
        }
        assert_eq!((tally.worst(), tally.total()), (Some(Standing::Risky), 4));
        tally.take(Standing::Risky);
        tally.take(Standing::Risky);
        assert_eq!(tally.worst(), Some(Standing::Healthy));
    }
}
