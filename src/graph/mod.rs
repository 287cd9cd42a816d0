//! Facts by name, indices over them, and which subjects a change concerns.
//!
//! Holds what was observed and what follows from names alone (who uses which role, who owns which pod). Verdicts and
//! findings are beside it, keyed by `Ref`, not in it.

use crate::{
    fact::{
        Addon, ApiServer, Association, Caller, Change, Cluster, IamRole, Knowledge, Namespace,
        Node, Nodegroup, OidcProvider, OtherClusters, Pod, Scope, ServiceAccount, SourceState,
        Webhook, Workload,
    },
    ident::{AccountId, Arn, Issuer, Ref, SaKey, Text, WorkloadKind},
};

/// The in-memory graph. One writer; `apply` is the only way to change it.
#[derive(Default)]
pub struct Graph {}

/// # Changing
impl Graph {
    /// Applies one change and returns the units to judge again, without duplicates.
    ///
    /// Units: `ServiceAccount` (every name that exists or that a pod, template or association names), `Pod`,
    /// `Workload`, `Association`, `Role` (known, or named by an annotation or association), `Provider` (known, or the
    /// one that a named role's account should have), `Node`, `Cluster`. Cost is proportional to the units returned.
    pub fn apply(&mut self, _change: Change) -> Vec<Ref> {
        todo!()
    }
}

/// # The cluster and its sources
impl Graph {
    pub fn api_server(&self) -> Option<&ApiServer> {
        todo!()
    }
    pub fn cluster(&self) -> Knowledge<&Cluster> {
        todo!()
    }
    /// The issuer to judge by: DescribeCluster's; where AWS could not be asked, what the API server publishes.
    /// `Absent`: the cluster has none.
    pub fn issuer(&self) -> Knowledge<Issuer> {
        todo!()
    }
    pub fn caller(&self) -> Knowledge<&Caller> {
        todo!()
    }
    pub fn other_clusters(&self) -> Knowledge<&OtherClusters> {
        todo!()
    }
    pub fn source(&self, _scope: &Scope) -> Option<&SourceState> {
        todo!()
    }
    pub fn sources(&self) -> impl Iterator<Item = (&Scope, &SourceState)> {
        std::iter::empty()
    }
}

/// # Kubernetes
impl Graph {
    /// `Absent` only when the namespaces were listed completely.
    pub fn namespace(&self, _name: &str) -> Knowledge<&Namespace> {
        todo!()
    }
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        std::iter::empty()
    }
    pub fn service_account(&self, _key: &SaKey) -> Knowledge<&ServiceAccount> {
        todo!()
    }
    pub fn service_accounts(&self) -> impl Iterator<Item = &ServiceAccount> {
        std::iter::empty()
    }
    /// Every ServiceAccount that exists or that a pod, a template or an association of this cluster names. Sorted.
    pub fn identities(&self) -> impl Iterator<Item = &SaKey> {
        std::iter::empty()
    }
    pub fn pod(&self, _namespace: &str, _name: &str) -> Option<&Pod> {
        todo!()
    }
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        std::iter::empty()
    }
    pub fn pods_of(&self, _key: &SaKey) -> impl Iterator<Item = &Pod> {
        std::iter::empty()
    }
    pub fn pods_on(&self, _node: &str) -> impl Iterator<Item = &Pod> {
        std::iter::empty()
    }
    pub fn workload(
        &self,
        _kind: WorkloadKind,
        _namespace: &str,
        _name: &str,
    ) -> Option<&Workload> {
        todo!()
    }
    pub fn workloads(&self) -> impl Iterator<Item = &Workload> {
        std::iter::empty()
    }
    /// Those whose template names the ServiceAccount. A ReplicaSet with a known Deployment is left out.
    pub fn workloads_of(&self, _key: &SaKey) -> impl Iterator<Item = &Workload> {
        std::iter::empty()
    }
    /// The outermost known owner: the Deployment of a pod's ReplicaSet, the CronJob of its Job.
    pub fn root_owner(&self, _pod: &Pod) -> Option<&Workload> {
        todo!()
    }
    pub fn pods_of_workload(
        &self,
        _kind: WorkloadKind,
        _namespace: &str,
        _name: &str,
    ) -> Vec<&Pod> {
        todo!()
    }
    pub fn node(&self, _name: &str) -> Knowledge<&Node> {
        todo!()
    }
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::empty()
    }
    /// The configuration named `pod-identity-webhook`.
    pub fn webhook(&self) -> Knowledge<&Webhook> {
        todo!()
    }
    /// Key names of a ConfigMap or Secret that an `envFrom` names.
    pub fn key_names(&self, _of: &Ref) -> Knowledge<Vec<Text>> {
        todo!()
    }
}

/// # AWS
impl Graph {
    pub fn associations(&self) -> impl Iterator<Item = &Association> {
        std::iter::empty()
    }
    pub fn association(&self, _id: &str) -> Option<&Association> {
        todo!()
    }
    /// `Absent` only when the associations were listed completely.
    pub fn association_of(&self, _key: &SaKey) -> Knowledge<&Association> {
        todo!()
    }
    /// `Absent` when GetRole said NoSuchEntity or a complete, live list of its account does not have that exact ARN.
    pub fn role(&self, _arn: &Arn) -> Knowledge<&IamRole> {
        todo!()
    }
    pub fn roles(&self) -> impl Iterator<Item = &IamRole> {
        std::iter::empty()
    }
    /// By account and friendly name, whatever the path.
    pub fn role_by_name(&self, _account: &AccountId, _name: &str) -> Option<&IamRole> {
        todo!()
    }
    /// Every role ARN that an annotation or an association (target roles included) names, valid or not. Sorted.
    pub fn named_roles(&self) -> impl Iterator<Item = &Arn> {
        std::iter::empty()
    }
    /// The ServiceAccounts whose annotation is exactly this text.
    pub fn annotated_with(&self, _role: &Arn) -> impl Iterator<Item = &SaKey> {
        std::iter::empty()
    }
    /// The associations whose role or target role this is.
    pub fn associated_with(&self, _role: &Arn) -> impl Iterator<Item = &Association> {
        std::iter::empty()
    }
    /// Known roles with an Allow whose `…:sub` under StringEquals (any set prefix) or wildcard-free StringLike names
    /// the subject exactly, or whose Pod Identity request tags do.
    pub fn roles_naming(&self, _key: &SaKey) -> Vec<&IamRole> {
        todo!()
    }
    /// The provider of exactly this issuer in this account.
    pub fn provider(&self, _account: &AccountId, _issuer: &Issuer) -> Knowledge<&OidcProvider> {
        todo!()
    }
    /// All providers of an account; `Absent` never.
    pub fn providers(&self, _account: &AccountId) -> Knowledge<Vec<&OidcProvider>> {
        todo!()
    }
    pub fn addon(&self, _name: &str) -> Knowledge<&Addon> {
        todo!()
    }
    pub fn nodegroup(&self, _name: &str) -> Knowledge<&Nodegroup> {
        todo!()
    }
    pub fn nodegroups(&self) -> impl Iterator<Item = &Nodegroup> {
        std::iter::empty()
    }
    /// What should be read and is not in any list yet: named roles (`Role`), roles whose policies a rule needs,
    /// `envFrom` ConfigMaps. The source de-duplicates and limits.
    pub fn wanted(&self) -> Vec<Ref> {
        todo!()
    }
}
