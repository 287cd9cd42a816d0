//! Names of things: every reference between modules is one of these.
//!
//! Nothing here says whether the named thing exists or is well formed beyond its shape; that is `graph`'s and
//! `check`'s business.

mod visible;

pub use visible::{is_deceptive, visible};

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, sync::Arc};

/// Shared, immutable text. Facts repeat the same few names many thousand times, so they share them.
pub type Text = Arc<str>;

/// A point in time, UTC. Pure code never asks for the present one; it is given.
pub type Timestamp = jiff::Timestamp;

/// An Amazon Resource Name as somebody wrote it, valid or not.
///
/// Shape: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` (AWS General Reference, "Amazon Resource Names").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arn(Text);

/// The six parts of an ARN; `resource` keeps its own colons and slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArnParts<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

impl Arn {
    pub fn new(text: impl Into<Text>) -> Arn {
        Arn(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn text(&self) -> &Text {
        &self.0
    }

    /// `None` when there are not six colon-separated parts that start with `arn`.
    pub fn parts(&self) -> Option<ArnParts<'_>> {
        let mut it = self.0.splitn(6, ':');
        if it.next() != Some("arn") {
            return None;
        }
        let (partition, service, region) = (it.next()?, it.next()?, it.next()?);
        let (account, resource) = (it.next()?, it.next()?);
        Some(ArnParts { partition, service, region, account, resource })
    }

    /// The account field; `None` for no ARN or when the field is not twelve digits.
    pub fn account(&self) -> Option<AccountId> {
        AccountId::parse(self.parts()?.account)
    }

    /// `None` for no ARN.
    pub fn partition(&self) -> Option<Partition> {
        self.parts().map(|it| Partition::parse(it.partition))
    }

    /// The friendly name: what follows the last `/` of the resource. `None` for no ARN or an empty name.
    pub fn name(&self) -> Option<&str> {
        let resource = self.parts()?.resource;
        let name = resource.rsplit(['/', ':']).next().unwrap_or(resource);
        (!name.is_empty()).then_some(name)
    }

    /// Whether this is `arn:P:iam::ACCOUNT:role/[PATH/]NAME`, the only form that STS takes as RoleArn.
    ///
    /// Characters are those of the pod identity webhook's own check, `[\w-\/.@+=,]` (its `handler.go`).
    pub fn is_iam_role(&self) -> bool {
        let Some(parts) = self.parts() else { return false };
        let name = parts.resource.strip_prefix("role/").unwrap_or_default();
        let partition = parts.partition.strip_prefix("aws");
        partition.is_some_and(|it| {
            it.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        }) && parts.service == "iam"
            && parts.region.is_empty()
            && AccountId::parse(parts.account).is_some()
            && !name.is_empty()
            && !name.ends_with('/')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.@+=,".contains(c))
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Arn {
    fn from(text: &str) -> Arn {
        Arn(text.into())
    }
}

impl From<String> for Arn {
    fn from(text: String) -> Arn {
        Arn(text.into())
    }
}

impl Borrow<str> for Arn {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Twelve decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(Text);

impl TryFrom<String> for AccountId {
    type Error = String;

    fn try_from(text: String) -> Result<AccountId, String> {
        AccountId::parse(&text).ok_or_else(|| format!("`{text}` is not a twelve-digit account id"))
    }
}

impl AccountId {
    /// `None` unless `text` is exactly twelve ASCII digits.
    pub fn parse(text: &str) -> Option<AccountId> {
        (text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit()))
            .then(|| AccountId(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The second field of an ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Partition {
    Aws,
    AwsCn,
    AwsUsGov,
    /// A partition whose host names are not known to us (isolated regions, typing errors).
    Other(Text),
}

impl Partition {
    pub fn parse(text: &str) -> Partition {
        match text {
            "aws" => Partition::Aws,
            "aws-cn" => Partition::AwsCn,
            "aws-us-gov" => Partition::AwsUsGov,
            other => Partition::Other(other.into()),
        }
    }

    /// The partition that a region code belongs to, by its documented prefixes.
    pub fn of_region(region: &str) -> Partition {
        match region {
            it if it.starts_with("cn-") => Partition::AwsCn,
            it if it.starts_with("us-gov-") => Partition::AwsUsGov,
            it if it.starts_with("us-isob-") => Partition::Other("aws-iso-b".into()),
            it if it.starts_with("us-iso-") => Partition::Other("aws-iso".into()),
            _ => Partition::Aws,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Partition::Aws => "aws",
            Partition::AwsCn => "aws-cn",
            Partition::AwsUsGov => "aws-us-gov",
            Partition::Other(it) => it,
        }
    }
}

impl From<String> for Partition {
    fn from(text: String) -> Partition {
        Partition::parse(&text)
    }
}

impl From<Partition> for String {
    fn from(it: Partition) -> String {
        it.as_str().to_owned()
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The issuer of a cluster's ServiceAccount tokens without its scheme, as IAM writes it in ARNs and condition keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuer(Text);

impl Issuer {
    /// Takes the URL with or without scheme. Nothing else is normalised: a trailing slash is significant to STS.
    ///
    /// `http://` exists only on loopback, where a test server publishes it, and is stripped likewise.
    pub fn new(url: &str) -> Issuer {
        let bare = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        Issuer(bare.unwrap_or(url).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `/`.
    pub fn host(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// What follows `/id/`; `None` when there is no such segment.
    pub fn id(&self) -> Option<&str> {
        self.0.split_once("/id/").map(|(_, it)| it)
    }

    /// The region in `oidc.eks.REGION.amazonaws.com[.cn]`; `None` for another host shape.
    pub fn region(&self) -> Option<&str> {
        let rest = self.host().strip_prefix("oidc.eks.")?;
        rest.strip_suffix(".amazonaws.com.cn").or_else(|| rest.strip_suffix(".amazonaws.com"))
    }

    /// The ARN that IAM gives the provider of this issuer (`arn:P:iam::ACCOUNT:oidc-provider/ISSUER`).
    pub fn provider_arn(&self, partition: &Partition, account: &AccountId) -> Arn {
        Arn::new(format!("arn:{partition}:iam::{account}:oidc-provider/{}", self.0))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A ServiceAccount by namespace and name, existing or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SaKey {
    pub namespace: Text,
    pub name: Text,
}

impl SaKey {
    pub fn new(namespace: impl Into<Text>, name: impl Into<Text>) -> SaKey {
        SaKey { namespace: namespace.into(), name: name.into() }
    }

    /// The `sub` claim of its tokens: `system:serviceaccount:NAMESPACE:NAME` (Kubernetes, "Authenticating").
    pub fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

impl fmt::Display for SaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The kinds of owner whose pod template the rules read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    CronJob,
}

impl WorkloadKind {
    pub const ALL: [WorkloadKind; 6] = [
        WorkloadKind::Deployment,
        WorkloadKind::StatefulSet,
        WorkloadKind::DaemonSet,
        WorkloadKind::ReplicaSet,
        WorkloadKind::Job,
        WorkloadKind::CronJob,
    ];

    /// The Kubernetes `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::StatefulSet => "StatefulSet",
            WorkloadKind::DaemonSet => "DaemonSet",
            WorkloadKind::ReplicaSet => "ReplicaSet",
            WorkloadKind::Job => "Job",
            WorkloadKind::CronJob => "CronJob",
        }
    }

    /// The word that `kubectl` users type: `deploy`, `sts`, `ds`, `rs`, `job`, `cronjob`.
    pub fn short(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "deploy",
            WorkloadKind::StatefulSet => "sts",
            WorkloadKind::DaemonSet => "ds",
            WorkloadKind::ReplicaSet => "rs",
            WorkloadKind::Job => "job",
            WorkloadKind::CronJob => "cronjob",
        }
    }

    /// `None` for a kind that is not a workload of ours.
    pub fn parse(kind: &str) -> Option<WorkloadKind> {
        WorkloadKind::ALL.into_iter().find(|it| it.as_str() == kind)
    }
}

/// The name of one node of the graph. Closed: every arm is written wherever it is matched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ref {
    /// The EKS cluster, as AWS describes it, and everything that exists once in it.
    Cluster,
    Namespace(Text),
    ServiceAccount(SaKey),
    Pod {
        namespace: Text,
        name: Text,
    },
    Workload {
        kind: WorkloadKind,
        namespace: Text,
        name: Text,
    },
    Node(Text),
    /// The MutatingWebhookConfiguration of that name.
    Webhook(Text),
    /// A PodDisruptionBudget.
    Budget {
        namespace: Text,
        name: Text,
    },
    /// The names of the keys of a ConfigMap, read because an `envFrom` names it.
    ConfigMap {
        namespace: Text,
        name: Text,
    },
    /// As `ConfigMap`, for a Secret; read only with `--read-secrets`.
    Secret {
        namespace: Text,
        name: Text,
    },
    /// A Pod Identity association by its id (`a-…`).
    Association(Text),
    Role(Arn),
    /// An IAM OIDC provider by its ARN.
    Provider(Arn),
    Addon(Text),
    Nodegroup(Text),
}

impl fmt::Display for Ref {
    /// The `TARGET` form of the command line where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ref::Cluster => f.write_str("cluster"),
            Ref::Namespace(it) => write!(f, "ns/{it}"),
            Ref::ServiceAccount(it) => write!(f, "sa/{it}"),
            Ref::Pod { namespace, name } => write!(f, "pod/{namespace}/{name}"),
            Ref::Workload { kind, namespace, name } => {
                write!(f, "{}/{namespace}/{name}", kind.short())
            }
            Ref::Node(it) => write!(f, "node/{it}"),
            Ref::Webhook(it) => write!(f, "webhook/{it}"),
            Ref::Budget { namespace, name } => write!(f, "pdb/{namespace}/{name}"),
            Ref::ConfigMap { namespace, name } => write!(f, "configmap/{namespace}/{name}"),
            Ref::Secret { namespace, name } => write!(f, "secret/{namespace}/{name}"),
            Ref::Association(it) => write!(f, "association/{it}"),
            Ref::Role(it) => write!(f, "role/{it}"),
            Ref::Provider(it) => write!(f, "oidc/{it}"),
            Ref::Addon(it) => write!(f, "addon/{it}"),
            Ref::Nodegroup(it) => write!(f, "nodegroup/{it}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ident::{Arn, Issuer, Partition, visible};

    #[test]
    fn untrusted_text_is_made_visible() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("plain é 漢字", "plain é 漢字");
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\nb\tc\r", "a\\nb\\tc\\r");
        check("x\u{202e}y\u{200b}", "x\\u{202e}y\\u{200b}");
        check("\u{9b}2J", "\\u{9b}2J");
    }

    #[test]
    fn only_role_arns_are_role_arns() {
        let check = |text: &str, expected: bool| {
            assert_eq!(Arn::from(text).is_iam_role(), expected, "{text}");
        };
        check("arn:aws:iam::111122223333:role/app", true);
        check("arn:aws-cn:iam::111122223333:role/team/a/app", true);
        check("arn:aws-us-gov:iam::111122223333:role/a.b@c=d,e+f_g-h", true);
        check("arn:aws:iam::11112222333:role/app", false);
        check("arn:aws:iam::111122223333:role/", false);
        check("arn:aws:iam::111122223333:role/app ", false);
        check("arn:aws:iam::111122223333:policy/app", false);
        check("arn:aws:iam:us-east-1:111122223333:role/app", false);
        check("arn:aws:sts::111122223333:assumed-role/app/s", false);
        check("arn:gcp:iam::111122223333:role/app", false);
        check("app", false);
    }

    #[test]
    fn issuers_keep_everything_but_the_scheme() {
        let issuer = Issuer::new("https://oidc.eks.cn-north-1.amazonaws.com.cn/id/AB12");
        assert_eq!(issuer.region(), Some("cn-north-1"));
        assert_eq!(issuer.id(), Some("AB12"));
        assert_eq!(Issuer::new("oidc.eks.us-east-1.amazonaws.com/id/A/").id(), Some("A/"));
        assert_eq!(Partition::of_region("us-gov-west-1"), Partition::AwsUsGov);
    }
}
