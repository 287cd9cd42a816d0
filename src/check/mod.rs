//! Findings: one file per family of codes, each a table of rows; a row is the rule and all its words.
//!
//! A finding speaks only from what is known. Which of several fitting codes is reported is decided here and in the
//! families (the reference manual, "One cause, one finding"), never by the screens.

mod aftermath;
mod blast;
mod context;
mod course;
mod deputy;
mod expect;
mod fix;
mod forewarn;
mod goal;
mod injection;
mod judge;
mod ledger;
mod lines;
mod offer;
mod overview;
mod precedence;
mod probe;
mod propose;
mod put_back;
mod restarts;
mod rollup;
mod sidecar;
mod statement;
mod subject;
mod table;
mod undoing;

// who is asked: families of codes, one file each
mod ann;
mod app;
mod chain;
mod hook;
mod node;
mod oidc;
mod pages;
mod perm;
mod pi_agent;
mod pi_assoc;
mod pi_both;
mod pi_pod;
mod pi_target;
mod pi_trust;
mod pod_env;
mod pod_key;
mod sa;
mod sec;
mod tool;
mod trust;
mod trust_act;
mod trust_aud;
mod trust_cond;
mod trust_doc;
mod trust_key;
mod trust_multi;
mod trust_prin;
mod trust_sub;

pub use crate::plan::quote;
pub use aftermath::{Aftermath, Cure, LAG, Waits, aftermath};
pub use blast::{After, Blast, End, Moved, When};
pub use context::{
    AssociationContext, ContainerContext, Context, IdentityContext, PodContext, blocker_or_wrong_id,
};
pub use course::{Course, Led, Whole, course, goals, whole};
pub use deputy::{Deputy, Level, Newcomer, Power};
pub use expect::{is_node_agent, known_controller};
pub use forewarn::is_left;
pub use goal::{
    Eligibility, Goal, Migration, Proof, Stage, Way, eligibility, leave, migrate, migrate_all,
    of_namespace, re_home, reach,
};
pub use injection::Shown;
pub use ledger::{Identity, Ledger, PodCounts, Told};
pub use lines::{ContainerLine, Reach};
pub use offer::{Class, Healed, Offer, all_at_once, offers, opens};
pub use probe::probe_ask;
pub use propose::{Proposal, Wanted, propose};
pub use put_back::{PutBack, put_back};
pub use restarts::{Offered, Restarts, next_restart, restarts};
pub use rollup::{Affects, Rolled, roll_up};
pub use table::{FAMILIES, row, stage, table};
pub(crate) use table::{OF_IDENTITIES, OF_PODS, OF_UNITS};
pub use undoing::{Undoing, finish, undo};

use crate::{
    ident::{Arn, Ref, Text, Timestamp},
    identity::{Signature, near_miss::Open},
    plan::Edit,
};
use std::cell::OnceCell;

/// Worst first, as `--fail-on` orders them; `Unknown` stands outside the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Blocker,
    WrongId,
    Degraded,
    SecHigh,
    SecMed,
    SecLow,
    Hygiene,
    Unknown,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Blocker => "blocker",
            Severity::WrongId => "wrong-id",
            Severity::Degraded => "degraded",
            Severity::SecHigh => "sec-high",
            Severity::SecMed => "sec-med",
            Severity::SecLow => "sec-low",
            Severity::Hygiene => "hygiene",
            Severity::Unknown => "unknown",
        }
    }

    /// `None` for a word that is no severity.
    pub fn parse(word: &str) -> Option<Severity> {
        let all = [
            Severity::Blocker,
            Severity::WrongId,
            Severity::Degraded,
            Severity::SecHigh,
            Severity::SecMed,
            Severity::SecLow,
            Severity::Hygiene,
            Severity::Unknown,
        ];
        all.into_iter().find(|it| it.as_str() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// Follows from documented semantics or from source code.
    Certain,
    /// Strong, but another cause can produce the same data.
    Likely,
    /// Needs logs, exec, CloudTrail or a probe.
    Runtime,
}

impl Confidence {
    pub fn as_str(self) -> &'static str {
        match self {
            Confidence::Certain => "certain",
            Confidence::Likely => "likely",
            Confidence::Runtime => "runtime",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    ServiceAccount,
    Pod,
    Container,
    Association,
    Role,
    OidcProvider,
    Node,
    Cluster,
    Workload,
    Namespace,
    AccessEntry,
    ConfigMap,
}

impl SubjectKind {
    pub fn as_str(self) -> &'static str {
        match self {
            SubjectKind::ServiceAccount => "ServiceAccount",
            SubjectKind::Pod => "Pod",
            SubjectKind::Container => "Container",
            SubjectKind::Association => "Association",
            SubjectKind::Role => "Role",
            SubjectKind::OidcProvider => "OidcProvider",
            SubjectKind::Node => "Node",
            SubjectKind::Cluster => "Cluster",
            SubjectKind::Workload => "Workload",
            SubjectKind::Namespace => "Namespace",
            SubjectKind::AccessEntry => "AccessEntry",
            SubjectKind::ConfigMap => "ConfigMap",
        }
    }
}

/// Node roll-up, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    Degraded,
    Missing,
    Unknown,
    Progressing,
    Healthy,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Degraded => "degraded",
            Health::Missing => "missing",
            Health::Unknown => "unknown",
            Health::Progressing => "progressing",
            Health::Healthy => "healthy",
        }
    }
}

/// One code: the rule and everything that is ever said about it.
pub struct Row {
    /// `TRUST-SUB-03`. Codes are ours to keep: never renumbered, never reused.
    pub code: &'static str,
    /// `trust-subject-whitespace`: a kebab sentence without the verb.
    pub name: &'static str,
    /// The heading of its page: `stray whitespace in the subject`.
    pub title: &'static str,
    /// What it has unless the rule says otherwise per finding (composite severities).
    pub severity: Severity,
    pub confidence: Confidence,
    pub subject: SubjectKind,
    /// A fragment that follows a count: "ServiceAccounts have a space in the subject their role trusts".
    pub fragment: &'static str,
    /// What must be so for it to be reported, in a sentence or two; also what it needs to be seen.
    pub detect: &'static str,
    /// What repairs it, in a sentence or two.
    pub repair: &'static str,
    /// Error texts that workloads print because of it.
    pub signatures: &'static [Signature],
    /// Ids of fixes (`FX-…`) that may be offered.
    pub fixes: &'static [&'static str],
    /// The page or source that the rule follows from.
    pub reference: &'static str,
    pub rule: Rule,
}

/// Which unit a rule looks at. A rule pushes at most the findings of its own code.
#[derive(Clone, Copy)]
pub enum Rule {
    /// Once for every ServiceAccount that exists or is named.
    Identity(fn(&IdentityContext<'_>, &mut Acc)),
    /// Once for every pod that has not run to its end.
    Pod(fn(&PodContext<'_>, &mut Acc)),
    /// Once for every Pod Identity association.
    Association(fn(&AssociationContext<'_>, &mut Acc)),
    /// Once for every unit of the other kinds; the rule looks only at its own kind.
    Unit(fn(&Context<'_>, &Ref, &mut Acc)),
    /// As `Unit`, and as `Pod` for what only a pod says of the same fault.
    Both { unit: fn(&Context<'_>, &Ref, &mut Acc), pod: fn(&PodContext<'_>, &mut Acc) },
    /// Once, with what pods and templates show of the pod identity webhook.
    Webhook(fn(&Context<'_>, &Shown, &mut Acc)),
    /// Never reported: a page in `codes`, a hypothesis in `explain`.
    Page,
}

/// One thing wrong at one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub code: &'static str,
    pub severity: Severity,
    pub confidence: Confidence,
    pub subject: Subject,
    /// A sentence about this subject, without full stop.
    pub message: String,
    pub signature: Option<Signature>,
    pub evidence: Vec<Evidence>,
    pub fixes: Vec<Fix>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    pub kind: SubjectKind,
    pub namespace: Option<Text>,
    pub name: Text,
    /// TRUST and ANN findings: the role. Associations: the role. Providers and roles: their own.
    pub arn: Option<Arn>,
    pub container: Option<Text>,
    /// `Deployment`, …: workloads only.
    pub workload_kind: Option<&'static str>,
    /// The node of the graph it hangs at.
    pub at: Ref,
}

/// The field, the value seen, the value needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// E.g. `role ARN Statement[0].Condition.StringEquals[oidc…:sub]`.
    pub place: String,
    pub found: String,
    pub needed: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applicability {
    /// May be applied without thought: reversible, no restart.
    Safe,
    /// Changes who may do what, or restarts something: ask.
    Confirm,
    /// Never applied by us.
    DisplayOnly,
}

impl Applicability {
    pub fn as_str(self) -> &'static str {
        match self {
            Applicability::Safe => "safe",
            Applicability::Confirm => "confirm",
            Applicability::DisplayOnly => "display-only",
        }
    }
}

/// A repair: what is written, and what is left to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// `FX-…`.
    pub id: &'static str,
    /// Imperative, lowercase: `annotate the ServiceAccount with the role`.
    pub title: String,
    pub applicability: Applicability,
    pub restart_needed: bool,
    /// What it writes, in order; empty for what only a person can do.
    pub edits: Vec<Edit>,
    /// Commands where nothing is written by us.
    pub by_hand: Vec<String>,
}

/// Where rules put their findings; fills in what the row already says.
#[derive(Default)]
pub struct Acc {
    /// `None` before the first row had its turn.
    row: Option<&'static Row>,
    found: Vec<Finding>,
    lapses: Option<Timestamp>,
    /// Whom the unit's trust policy lets in, worked out when the first row asks.
    pub(crate) openness: OnceCell<Vec<Open>>,
}

impl Acc {
    /// Goes on to the next row of the same unit.
    pub(crate) fn turn_to(&mut self, row: &'static Row) {
        self.row = Some(row);
    }

    fn row(&self) -> &'static Row {
        // INVARIANT: a rule is asked when its row has the turn.
        self.row.expect("a row")
    }

    /// What was said is not true any longer at `at`, even if nothing changes.
    pub fn lapses(&mut self, at: Timestamp) {
        self.lapses = Some(self.lapses.map_or(at, |it| it.min(at)));
    }

    pub(crate) fn lapse(&self) -> Option<Timestamp> {
        self.lapses
    }

    /// The code that is asked for now.
    pub(crate) fn code(&self) -> &'static str {
        self.row().code
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.found
    }

    /// A finding with the row's severity, confidence and first signature. Adjust the returned one for the rest.
    pub fn push(
        &mut self,
        subject: Subject,
        message: String,
        evidence: Vec<Evidence>,
    ) -> &mut Finding {
        let row = self.row();
        self.found.push(Finding {
            code: row.code,
            severity: row.severity,
            confidence: row.confidence,
            subject,
            message,
            signature: row.signatures.first().copied(),
            evidence,
            fixes: Vec::new(),
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}
