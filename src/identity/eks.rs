//! Would EKS Pod Identity deliver: the association's role, its trust in the service, the target role behind it.
//!
//! Delivery on the node (agent, platform) is not a grant and is judged in `check`.

use crate::{
    fact::{AssociationDetail, Cluster, IamRole, Knowledge},
    ident::SaKey,
    ident::Timestamp,
    identity::{Judged, Verdict, sts::World},
};

#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub service_account: &'a SaKey,
    pub cluster: Knowledge<&'a Cluster>,
    pub association: Knowledge<&'a AssociationDetail>,
    pub role: Knowledge<&'a IamRole>,
    /// Only looked at when the association names a target role.
    pub target: Knowledge<&'a IamRole>,
    pub world: World<'a>,
    pub now: Option<Timestamp>,
}

/// Steps 5 to 8 of the delivery: what EKS Auth and STS decide.
pub fn judge(_ask: &Ask<'_>) -> Judged {
    Judged { verdict: Verdict::None, because: String::new(), hops: Vec::new() }
}
