//! What the sources observed, lowered to our own words, and the only ways in which that can change.
//!
//! No derived data: what a fact means is worked out in `graph`, `identity` and `check`. Secrets never get here: values
//! that are or look like credentials are dropped while lowering (`EnvValue::Redacted`).

mod aws;
mod kubernetes;
pub mod redact;
mod rollout;

pub use aws::*;
pub use kubernetes::*;
pub use rollout::*;

use crate::ident::{Arn, Issuer, Ref, Text, Timestamp, WorkloadKind};

/// One observed thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    ApiServer(ApiServer),
    Namespace(Namespace),
    ServiceAccount(ServiceAccount),
    Pod(Pod),
    Workload(Workload),
    Node(Node),
    Webhook(Webhook),
    Budget(Budget),
    KeyNames(KeyNames),
    Caller(Caller),
    Cluster(Cluster),
    OtherClusters(OtherClusters),
    OtherAssociations(OtherAssociations),
    IdentityProviders(IdentityProviders),
    Association(Association),
    Role(IamRole),
    Provider(OidcProvider),
    Addon(Addon),
    Nodegroup(Nodegroup),
}

impl Fact {
    /// The node that this fact describes. What exists once describes the cluster as a whole.
    pub fn key(&self) -> Ref {
        match self {
            Fact::ApiServer(_)
            | Fact::Caller(_)
            | Fact::Cluster(_)
            | Fact::OtherClusters(_)
            | Fact::OtherAssociations(_)
            | Fact::IdentityProviders(_) => Ref::Cluster,
            Fact::Namespace(it) => Ref::Namespace(it.name.clone()),
            Fact::ServiceAccount(it) => Ref::ServiceAccount(it.key.clone()),
            Fact::Pod(it) => Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() },
            Fact::Workload(it) => Ref::Workload {
                kind: it.kind,
                namespace: it.namespace.clone(),
                name: it.name.clone(),
            },
            Fact::Node(it) => Ref::Node(it.name.clone()),
            Fact::Webhook(it) => Ref::Webhook(it.name.clone()),
            Fact::Budget(it) => {
                Ref::Budget { namespace: it.namespace.clone(), name: it.name.clone() }
            }
            Fact::KeyNames(it) => it.of.clone(),
            Fact::Association(it) => Ref::Association(it.id.clone()),
            Fact::Role(it) => Ref::Role(it.arn.clone()),
            Fact::Provider(it) => Ref::Provider(it.arn.clone()),
            Fact::Addon(it) => Ref::Addon(it.name.clone()),
            Fact::Nodegroup(it) => Ref::Nodegroup(it.name.clone()),
        }
    }
}

/// Why a fact is or is not here. Not knowing is data.
#[derive(Clone, Debug, PartialEq)]
pub enum Knowledge<T> {
    Known(T),
    /// The API said that it does not exist, or a complete list does not have it.
    Absent,
    /// Reading it was refused.
    Denied(Denied),
    /// Not read yet, or reading it failed for a passing reason. Never a finding.
    NotYet,
}

/// A refusal, by the name of what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Denied {
    /// `iam:GetRole`, or for Kubernetes `list pods` / `list pods in payments`.
    pub permission: Text,
    /// What to do or why, e.g. `no credentials for account 444455556666`; empty when there is nothing to add.
    pub detail: Text,
}

impl<T> Knowledge<T> {
    pub fn known(self) -> Option<T> {
        match self {
            Knowledge::Known(it) => Some(it),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
        }
    }

    pub fn as_ref(&self) -> Knowledge<&T> {
        match self {
            Knowledge::Known(it) => Knowledge::Known(it),
            Knowledge::Absent => Knowledge::Absent,
            Knowledge::Denied(it) => Knowledge::Denied(it.clone()),
            Knowledge::NotYet => Knowledge::NotYet,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Knowledge<U> {
        match self {
            Knowledge::Known(it) => Knowledge::Known(f(it)),
            Knowledge::Absent => Knowledge::Absent,
            Knowledge::Denied(it) => Knowledge::Denied(it),
            Knowledge::NotYet => Knowledge::NotYet,
        }
    }

    pub fn is_known(&self) -> bool {
        matches!(self, Knowledge::Known(_))
    }
}

/// A set of facts that one list call describes completely.
///
/// Roles and providers are listed per account; Kubernetes kinds cluster-wide (`namespace: None`) or by namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// What the API server says of itself: published issuer, version.
    ApiServer,
    Namespaces,
    ServiceAccounts {
        namespace: Option<Text>,
    },
    Pods {
        namespace: Option<Text>,
    },
    Workloads {
        kind: WorkloadKind,
        namespace: Option<Text>,
    },
    Nodes,
    Webhooks,
    /// PodDisruptionBudgets: what a restart is warned of by, and nothing is judged by.
    Budgets {
        namespace: Option<Text>,
    },
    /// `sts:GetCallerIdentity`.
    Caller,
    /// `eks:DescribeCluster`.
    Cluster,
    /// `eks:ListClusters` of the cluster's region, and of the regions that OIDC providers of a readable account name,
    /// and what DescribeCluster says of each.
    OtherClusters,
    /// `eks:ListPodIdentityAssociations` of the other clusters in the cluster's account.
    OtherAssociations,
    /// `eks:ListIdentityProviderConfigs`.
    IdentityProviders,
    Associations,
    Addons,
    Nodegroups,
    /// `iam:ListRoles` of one account.
    Roles {
        account: Text,
    },
    Providers {
        account: Text,
    },
}

impl Scope {
    /// The name in reports and in the header: `kube/pods`, `iam/roles`, ….
    pub fn name(&self) -> String {
        let scoped = |base: &str, namespace: &Option<Text>| match namespace {
            Some(it) => format!("{base}@{it}"),
            None => base.to_owned(),
        };
        match self {
            Scope::ApiServer => "kube/apiserver".into(),
            Scope::Namespaces => "kube/namespaces".into(),
            Scope::ServiceAccounts { namespace } => scoped("kube/serviceaccounts", namespace),
            Scope::Pods { namespace } => scoped("kube/pods", namespace),
            Scope::Workloads { kind, namespace } => {
                scoped(&format!("kube/{}s", kind.as_str().to_lowercase()), namespace)
            }
            Scope::Nodes => "kube/nodes".into(),
            Scope::Webhooks => "kube/mutatingwebhookconfigurations".into(),
            Scope::Budgets { namespace } => scoped("kube/poddisruptionbudgets", namespace),
            Scope::Caller => "sts/caller".into(),
            Scope::Cluster => "eks/cluster".into(),
            Scope::OtherClusters => "eks/clusters".into(),
            Scope::OtherAssociations => "eks/other-associations".into(),
            Scope::IdentityProviders => "eks/identity-providers".into(),
            Scope::Associations => "eks/associations".into(),
            Scope::Addons => "eks/addons".into(),
            Scope::Nodegroups => "eks/nodegroups".into(),
            Scope::Roles { account } => format!("iam/roles@{account}"),
            Scope::Providers { account } => format!("iam/providers@{account}"),
        }
    }
}

/// What a source says of one scope.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceState {
    /// Nothing has arrived yet; `received` objects so far.
    Pending { received: usize },
    /// Complete as of `at`, and kept so (a watch) or re-read (a poll).
    Live { at: Timestamp },
    /// From the disk cache, as of `at`. Painted, never judged.
    Cached { at: Timestamp },
    /// Was complete; the link is down and retried. Facts stay. `at` is the last time it was right.
    Stale { at: Timestamp, error: Text, attempts: u32 },
    /// Refused. `at` is when.
    Denied { at: Timestamp, denied: Denied },
    /// Never complete and failing.
    Failed { error: Text, attempts: u32 },
    /// Read, but the end of the list was not reached.
    Truncated { at: Timestamp, detail: Text },
    /// Credentials are expired or invalid: neither denied nor absent. `login` is the command that renews them.
    Expired { profile: Text, login: Text },
    /// Not asked for: no AWS credentials at all, or the context is not EKS.
    Off { reason: Text },
}

/// The only ways in which the facts can change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// One object is new or differs.
    Upsert(Box<Fact>),
    /// One object is gone for sure.
    Remove(Ref),
    /// A complete list: whatever of `scope` is not among `facts` is gone. A watch's relist and a poll look the same.
    Replace { scope: Scope, facts: Vec<Fact> },
    /// What is known about one object that is not in any list: absent, denied, pending.
    Know { of: Ref, knowledge: Knowledge<()> },
    /// How the source of a scope is doing.
    Source { scope: Scope, state: SourceState },
}

/// Who calls AWS (`sts:GetCallerIdentity`), and what it may read.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub arn: Arn,
    pub account: Text,
    pub user_id: Text,
    /// The profile's name, `environment`, …, for the header and the login hint.
    pub via: Text,
    /// Every account that some configured credentials were proven to belong to; this one first.
    pub accounts: Vec<Text>,
}

/// What the API server says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiServer {
    /// The kubeconfig context; empty in tests.
    pub context: Text,
    /// `https://HOST[:PORT]`.
    pub server: Text,
    /// PEM bytes' SHA-256, hex; `None` when the kubeconfig has none.
    pub ca_sha256: Option<Text>,
    /// `gitVersion`, e.g. `v1.34.4-eks-1`.
    pub version: Text,
    /// What `/.well-known/openid-configuration` publishes, without scheme.
    pub issuer: Knowledge<Issuer>,
    /// How the pairing of this API server with the EKS cluster was proven; `None` when nothing could be compared.
    pub proof: Option<Proof>,
}

/// What proves that the context's API server is the EKS cluster that AWS describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Issuer,
    Endpoint,
    CertificateAuthority,
}
