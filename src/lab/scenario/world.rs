//! What a scenario says exists, completed: the state that the endpoints serve and that `changes` lowers.
//!
//! Times are absolute, names are final, nothing is judged.

use crate::ident::{AccountId, Arn, Partition, SaKey, Text, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// A whole scenario.
#[derive(Clone, Debug)]
pub struct World {
    /// The present time that ages were counted back from.
    pub now: Timestamp,
    pub cluster: Cluster,
    pub other_clusters: Vec<Cluster>,
    /// Kubernetes objects as the API server stores them, of any kind.
    pub objects: Vec<Value>,
    /// Names of the nodes that pods without `nodeName` are bound to, best first.
    pub node_order: Vec<Text>,
    pub roles: Vec<Role>,
    pub providers: Vec<Provider>,
    pub associations: Vec<Association>,
    /// Customer-managed policies only; managed ones come from `assets/aws-policies`.
    pub policies: Vec<Policy>,
    pub addons: Vec<Addon>,
    pub nodegroups: Vec<Nodegroup>,
    pub instances: Vec<Instance>,
    pub access_entries: Vec<AccessEntry>,
    pub caller: Caller,
    pub faults: Vec<Fault>,
    pub churns: Vec<Churn>,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub name: Text,
    pub account: AccountId,
    pub region: Text,
    /// With its scheme; `None`: the cluster has none.
    pub issuer: Option<Text>,
    /// What the API server says, with its scheme.
    pub published_issuer: Option<Text>,
    pub version: Text,
    pub platform_version: Text,
    pub authentication_mode: Text,
    pub auto_mode: bool,
    pub node_role: Option<Arn>,
    pub created: Timestamp,
    pub tags: Vec<(Text, Text)>,
    /// Names of the OIDC providers by which people log in.
    pub identity_providers: Vec<Text>,
}

impl Cluster {
    pub fn partition(&self) -> Partition {
        Partition::of_region(&self.region)
    }

    pub fn arn(&self) -> Arn {
        Arn::new(format!(
            "arn:{}:eks:{}:{}:cluster/{}",
            self.partition(),
            self.region,
            self.account,
            self.name
        ))
    }
}

#[derive(Clone, Debug)]
pub struct Role {
    pub arn: Arn,
    pub id: Text,
    /// The trust policy as it is served (not URL-encoded).
    pub trust: Text,
    pub attached: Vec<Arn>,
    /// `(name, document)`.
    pub inline: Vec<(Text, Text)>,
    pub boundary: Option<Arn>,
    pub max_session_seconds: i32,
    pub tags: Vec<(Text, Text)>,
    pub created: Timestamp,
    pub last_used: Option<Timestamp>,
    pub last_used_region: Option<Text>,
}

#[derive(Clone, Debug)]
pub struct Provider {
    pub account: AccountId,
    pub partition: Partition,
    /// Without scheme.
    pub url: Text,
    pub client_ids: Vec<Text>,
    pub thumbprints: Vec<Text>,
    pub created: Timestamp,
}

impl Provider {
    pub fn arn(&self) -> Arn {
        Arn::new(format!("arn:{}:iam::{}:oidc-provider/{}", self.partition, self.account, self.url))
    }
}

#[derive(Clone, Debug)]
pub struct Association {
    /// `a-…`.
    pub id: Text,
    /// The cluster's name.
    pub cluster: Text,
    pub service_account: SaKey,
    pub role: Arn,
    pub target_role: Option<Arn>,
    pub external_id: Option<Text>,
    pub disable_session_tags: bool,
    pub policy: Option<Text>,
    pub owner: Option<Arn>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub tags: Vec<(Text, Text)>,
}

impl Association {
    pub fn arn(&self, cluster: &Cluster) -> Arn {
        Arn::new(format!(
            "arn:{}:eks:{}:{}:podidentityassociation/{}/{}",
            cluster.partition(),
            cluster.region,
            cluster.account,
            self.cluster,
            self.id
        ))
    }
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub arn: Arn,
    pub document: Text,
}

#[derive(Clone, Debug)]
pub struct Addon {
    pub name: Text,
    pub version: Text,
    pub status: Text,
    pub service_account_role: Option<Arn>,
    pub associations: Vec<Arn>,
    /// `(code, message)`.
    pub health_issues: Vec<(Text, Text)>,
    pub configuration: Option<Text>,
    pub created: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Nodegroup {
    pub name: Text,
    pub node_role: Arn,
    /// Names of nodes; `None`: all.
    pub nodes: Option<Vec<Text>>,
    pub created: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Instance {
    pub id: Text,
    pub profile_role: Option<Arn>,
    pub http_endpoint: Text,
    pub http_tokens: Text,
    pub hop_limit: u64,
}

#[derive(Clone, Debug)]
pub struct AccessEntry {
    pub principal: Arn,
    pub kind: Text,
    pub username: Text,
    pub groups: Vec<Text>,
    /// `(policy ARN, namespaces)`; no namespaces: the whole cluster.
    pub policies: Vec<(Arn, Vec<Text>)>,
    pub created: Timestamp,
}

/// Who asks, and what the services refuse them.
#[derive(Clone, Debug)]
pub struct Caller {
    pub arn: Arn,
    /// Accounts whose credentials exist; the cluster's first unless the file leaves it out.
    pub accounts: Vec<AccountId>,
    pub deny: Vec<DenyAws>,
    /// `None`: all.
    pub namespaces: Option<Vec<Text>>,
    /// `(verb, resource)`, either may be `*`; `get` also of a path that is no resource (`/version`).
    pub deny_kube: Vec<(Text, Text)>,
}

impl Caller {
    /// Whether `service:Operation` is refused on `resource` (its ARN, where the call names one).
    pub fn denies(&self, api: &str, resource: Option<&str>) -> bool {
        self.deny.iter().any(|it| {
            crate::iam::glob_matches(&it.api.to_ascii_lowercase(), &api.to_ascii_lowercase())
                && match (&it.resource, resource) {
                    (None, _) => true,
                    (Some(glob), Some(arn)) => crate::iam::glob_matches(glob, arn),
                    (Some(_), None) => false,
                }
        })
    }

    /// Whether RBAC refuses `verb` on `resource`; `namespace` is `None` for a cluster-wide call or kind.
    pub fn denies_kube(
        &self,
        verb: &str,
        resource: &str,
        namespaced_kind: bool,
        namespace: Option<&str>,
    ) -> bool {
        let by_rule = self
            .deny_kube
            .iter()
            .any(|(v, r)| (&**v == "*" || &**v == verb) && (&**r == "*" || &**r == resource));
        let outside = namespaced_kind
            && self
                .namespaces
                .as_ref()
                .is_some_and(|it| !namespace.is_some_and(|ns| it.iter().any(|n| &**n == ns)));
        by_rule || outside
    }

    /// Whether RBAC refuses a path that is no resource; `*` for resources says nothing of it.
    pub fn denies_path(&self, path: &str) -> bool {
        self.deny_kube.iter().any(|(v, r)| (&**v == "*" || &**v == "get") && &**r == path)
    }
}

#[derive(Clone, Debug)]
pub struct DenyAws {
    /// `service:Operation`.
    pub api: Text,
    /// Glob on the resource's ARN; `None`: every resource.
    pub resource: Option<Text>,
}

/// What an endpoint does wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `iam:GetRole`, `kube:pods:watch`.
    pub api: Text,
    pub answer: Answer,
    pub resource: Option<Text>,
    pub after_events: Option<u64>,
    /// `None`: always.
    pub times: Option<u64>,
    pub when: When,
}

/// On which side of its being carried out something happens to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// It is not carried out.
    #[default]
    Before,
    /// It is carried out, and the answer is another one or none.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 429, or the service's throttling error.
    Throttle,
    Deny,
    /// No answer until the client gives up.
    Hang,
    /// The connection is closed.
    Drop,
    /// 410, or an ERROR event in a watch.
    Gone,
    /// 200 with invalid JSON or XML.
    Garbage,
    /// The credentials are over: 401, or the service's error for it.
    Expired,
    /// A read of IAM or EKS shows the state before the last write, once there was one.
    Stale,
}

impl Answer {
    pub const ALL: [(Answer, &str); 8] = [
        (Answer::Throttle, "throttle"),
        (Answer::Deny, "deny"),
        (Answer::Hang, "hang"),
        (Answer::Drop, "drop"),
        (Answer::Gone, "gone"),
        (Answer::Garbage, "garbage"),
        (Answer::Expired, "expired"),
        (Answer::Stale, "stale"),
    ];
}

/// Pods of one owner come and go.
#[derive(Clone, Debug)]
pub struct Churn {
    pub namespace: Text,
    pub owner: Text,
    pub every: Duration,
}
