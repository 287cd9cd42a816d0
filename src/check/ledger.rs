//! Verdicts and findings beside the graph, kept by unit and renewed only where something changed.

use crate::{
    check::{Finding, Health},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text, Timestamp},
    identity::{Carried, Judged, Mechanism, Verdict, chain::Chain},
};

/// Everything derived, by unit. Holds no facts.
#[derive(Default)]
pub struct Ledger {}

/// One ServiceAccount judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    pub key: SaKey,
    /// Whether the ServiceAccount exists; `None` when nobody may say.
    pub exists: Option<bool>,
    pub mechanism: Mechanism,
    pub role_arn: Option<Arn>,
    pub target_role_arn: Option<Arn>,
    pub association: Option<Text>,
    pub verdict: Verdict,
    pub because: String,
    /// The chain behind the verdict; with both mechanisms the association's.
    pub judged: Option<Judged>,
    /// With both mechanisms: the annotation's.
    pub shadowed: Option<Judged>,
}

/// Pods of one ServiceAccount that have not run to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    pub total: u32,
    /// At least one container carries the declared identity.
    pub injected: u32,
    /// Some container's injected identity differs from the declared one.
    pub stale: u32,
    /// Some container ends with the node role.
    pub node_role: u32,
    /// Some container ends with static keys.
    pub fixed: u32,
}

/// One container judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerLine {
    pub container: Text,
    pub declared: Carried,
    pub effective: Carried,
    pub chain: Chain,
    pub reach: Reach,
    /// The role of the provider that the chain settles on.
    pub role_arn: Option<Arn>,
}

/// Whether a container that falls back to instance metadata can reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Proven,
    NotKnown,
    Blocked,
}

impl Ledger {
    /// Judges the given units again, and forgets those that are gone.
    pub fn refresh(&mut self, _graph: &Graph, _units: &[Ref], _now: Timestamp) {
        todo!()
    }

    /// All findings, unsorted, one a unit and fault; `report` rolls siblings up.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        std::iter::empty()
    }

    /// Findings hung at this unit itself.
    pub fn findings_at(&self, _unit: &Ref) -> &[Finding] {
        &[]
    }

    pub fn identity(&self, _key: &SaKey) -> Option<&Identity> {
        todo!()
    }

    pub fn counts(&self, _key: &SaKey) -> PodCounts {
        PodCounts::default()
    }

    pub fn containers(&self, _namespace: &str, _pod: &str) -> Option<Vec<ContainerLine>> {
        None
    }

    /// All findings that affect the ServiceAccount: its own, its pods', workloads', association's, role's, provider's
    /// and the cluster's.
    pub fn findings_of_identity(&self, _graph: &Graph, _key: &SaKey) -> Vec<&Finding> {
        Vec::new()
    }

    pub fn health(&self, _graph: &Graph, _key: &SaKey) -> Health {
        Health::Healthy
    }
}
