//! What the rules are given: worked out once a unit, read by many rows.

use crate::{
    check::Severity,
    fact::{Association, Container, Knowledge, Pod, ServiceAccount, Workload},
    graph::Graph,
    ident::{Arn, SaKey, Text, Timestamp},
    identity::{Carried, Judged, Mechanism, chain::Chain},
};

/// The world as known at `now`.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub graph: &'a Graph,
    pub now: Timestamp,
}

/// One ServiceAccount, with what it asks for and whether it would be granted.
pub struct IdentityContext<'a> {
    pub cx: Context<'a>,
    pub key: &'a SaKey,
    pub sa: Knowledge<&'a ServiceAccount>,
    pub association: Knowledge<&'a Association>,
    pub mechanism: Mechanism,
    /// The role annotation, verbatim and not empty.
    pub annotation: Option<&'a Text>,
    /// The annotation judged as if there were no association; `None` without annotation.
    pub irsa: Option<Judged>,
    /// The association judged; `None` without association.
    pub pod_identity: Option<Judged>,
    /// Why its workloads are expected to use AWS although nothing is declared; `None` for plain workloads.
    pub expected: Option<String>,
}

/// One pod that has not run to its end.
pub struct PodContext<'a> {
    pub cx: Context<'a>,
    pub identity: &'a IdentityContext<'a>,
    pub pod: &'a Pod,
    /// The outermost known owner.
    pub owner: Option<&'a Workload>,
    /// What annotation and association ask for now (with both: the association's).
    pub declared: Carried,
    /// One a container, in the pod's order.
    pub containers: Vec<ContainerContext<'a>>,
}

pub struct ContainerContext<'a> {
    pub container: &'a Container,
    /// What the stored container carries.
    pub effective: Carried,
    pub chain: Chain,
}

impl IdentityContext<'_> {
    /// The role of the declared identity: the association's where there is one.
    pub fn role_arn(&self) -> Option<Arn> {
        if let Knowledge::Known(it) = &self.association {
            return it.detail.as_ref().known().map(|it| it.role_arn.clone());
        }
        self.annotation.map(|it| Arn::new(it.clone()))
    }
}

/// `blocker or wrong-id` rows: wrong-id when the container still ends with some identity.
pub fn blocker_or_wrong_id(still_ends_with_identity: bool) -> Severity {
    if still_ends_with_identity { Severity::WrongId } else { Severity::Blocker }
}
