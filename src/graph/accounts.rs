//! Which ServiceAccounts a unit is about.

use crate::{
    graph::Graph,
    ident::{Ref, SaKey},
};

impl Graph {
    /// The ServiceAccount that a unit runs as or belongs to; `None` for what is nobody's alone, and for what is not there.
    pub fn account_of(&self, unit: &Ref) -> Option<SaKey> {
        match unit {
            Ref::ServiceAccount(it) => Some(it.clone()),
            Ref::Pod { namespace, name } => {
                self.pod(namespace, name).map(|it| it.service_account())
            }
            Ref::Workload { kind, namespace, name } => {
                self.workload(*kind, namespace, name).map(|it| it.service_account())
            }
            Ref::Association(id) => self.association(id).map(|it| it.service_account.clone()),
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => None,
        }
    }

    /// As `account_of`, and everybody who asks for a role.
    pub fn accounts_of(&self, unit: &Ref) -> Vec<SaKey> {
        if let Ref::Role(arn) = unit {
            let associated = self.associated_with(arn).map(|it| &it.service_account);
            return self.annotated_with(arn).chain(associated).cloned().collect();
        }
        self.account_of(unit).into_iter().collect()
    }
}
