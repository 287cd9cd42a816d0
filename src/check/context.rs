//! What the rules are given: worked out once a unit, read by many rows.

use crate::{
    check::{PodCounts, Reach, Severity, pod_env::Fault},
    fact::{Association, Container, Knowledge, Pod, PodSpec, ServiceAccount, Workload},
    graph::Graph,
    iam,
    ident::{AccountId, Arn, Issuer, SaKey, Text, Timestamp},
    identity::{
        Carried, Judged, Mechanism, Verdict, chain::Chain, near_miss::Diagnosis, sts,
        webhook::Called,
    },
};
use std::{cell::OnceCell, sync::Arc};

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
    pub irsa: Option<Arc<Judged>>,
    /// The association judged; `None` without association.
    pub pod_identity: Option<Arc<Judged>>,
    /// Why its workloads are expected to use AWS although nothing is declared; `None` for plain workloads.
    pub expected: Option<String>,
    /// Its pods, as they were stored; nothing here depends on a verdict.
    pub counts: PodCounts,
    /// Bare pods of it that have the role annotation themselves.
    pub(crate) annotated_pods: u32,
    /// Pods of it without an owner, but for mirrors of static pods and node agents.
    pub(crate) bare_pods: u32,
    /// The `aud` of its web identity tokens.
    pub(crate) audience: Arc<[Text]>,
    /// The `AWS_ROLE_SESSION_NAME` that all its pods set alike, where the role's trust policy asks for one.
    pub(crate) session: Knowledge<Text>,
    /// What is wrong with the annotated role's trust policy; worked out when the first row asks.
    pub(crate) diagnosis: OnceCell<Option<Diagnosis>>,
    /// That trust policy, where it is known and valid; looked up when the first row asks.
    pub(crate) trust: OnceCell<Option<Arc<iam::Document>>>,
}

/// One Pod Identity association, listed and not painted from the disk.
pub struct AssociationContext<'a> {
    pub cx: Context<'a>,
    pub association: &'a Association,
    /// What keeps the role's trust policy from letting EKS in; worked out when the first row asks.
    pub(crate) trust: OnceCell<Vec<crate::check::pi_trust::Fault>>,
}

/// One pod that has not run to its end.
pub struct PodContext<'a> {
    pub cx: Context<'a>,
    pub identity: &'a IdentityContext<'a>,
    pub pod: &'a Pod,
    /// The outermost known owner.
    pub owner: Option<&'a Workload>,
    /// What it was made from, as that is now: its owner's template. For a pod without owner a template of the same
    /// ServiceAccount whose containers it has; `None` where there is none.
    pub template: Option<&'a PodSpec>,
    /// Whether the webhook is called for pods with its labels; `Absent` without a configuration.
    pub called: Knowledge<Called>,
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
    pub reach: Reach,
    /// What is wrong with its variables and token file; worked out when the first row asks.
    pub(crate) fault: OnceCell<Option<Fault>>,
}

impl<'a> IdentityContext<'a> {
    /// The role of the declared identity: the association's where there is one.
    pub fn role_arn(&self) -> Option<Arn> {
        if let Knowledge::Known(it) = &self.association {
            return it.detail.as_ref().known().map(|it| it.role_arn.clone());
        }
        self.annotation.map(|it| Arn::new(it.clone()))
    }

    /// The annotated role as it will be sent to STS, valid or not.
    pub fn annotated_role(&self) -> Option<Arn> {
        self.annotation.map(|it| Arn::new(it.clone()))
    }

    /// The account that the annotated role is looked up in; `None` when the annotation is no ARN with an account.
    pub fn role_account(&self) -> Option<AccountId> {
        self.annotated_role()?.account()
    }

    /// The issuer of its tokens, where it is known.
    pub fn issuer(&self) -> Option<Issuer> {
        self.cx.graph.issuer().known()
    }

    /// What keeps the annotated role's trust policy from letting it in; `None` when nothing does, when web identity is
    /// not what its pods use, or when the policy is not known.
    pub(crate) fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.get_or_init(|| crate::check::trust::diagnose(self)).as_ref()
    }

    pub fn irsa_verdict(&self) -> Option<&Verdict> {
        self.irsa.as_ref().map(|it| &it.verdict)
    }

    pub fn pod_identity_verdict(&self) -> Option<&Verdict> {
        self.pod_identity.as_ref().map(|it| &it.verdict)
    }

    /// The question to STS behind `irsa`, to be asked again with one thing changed.
    pub fn ask<'s>(&'s self, role_arn: &'s str) -> sts::Ask<'s> {
        let graph = self.cx.graph;
        let arn = Arn::from(role_arn);
        let account = arn.account();
        sts::Ask {
            role_arn,
            service_account: self.key,
            issuer: graph.issuer(),
            audience: &self.audience,
            provider: crate::check::judge::client_ids(graph, account.as_ref()),
            role: crate::check::judge::settled_role(graph, &arn),
            region: graph.cluster().known().map(|it| &*it.region),
            session_name: self.session.as_ref().map(|it| &**it),
            world: sts::World::Open,
            now: Some(self.cx.now),
        }
    }
}

impl<'a> PodContext<'a> {
    /// Whether the manifest itself sets a variable of the container; `None` where the manifest is not known.
    pub fn is_written(&self, it: &ContainerContext<'_>, name: &str) -> Option<bool> {
        let template = self.template?;
        let twin = template.containers.iter().find(|twin| twin.name == it.container.name);
        Some(twin.is_some_and(|it| it.env(name).is_some()))
    }

    /// Whether the container is one of the manifest's own; `None` where the manifest is not known.
    pub fn is_own(&self, it: &ContainerContext<'_>) -> Option<bool> {
        let template = self.template?;
        Some(template.containers.iter().any(|twin| twin.name == it.container.name))
    }

    /// The containers that the webhook looks at: all but ephemeral ones.
    pub fn admitted(&self) -> impl Iterator<Item = &ContainerContext<'a>> {
        use crate::fact::ContainerKind;
        self.containers.iter().filter(|it| it.container.kind != ContainerKind::Ephemeral)
    }
}

impl ContainerContext<'_> {
    /// Whether an object that is not read may set further variables.
    pub fn is_partly_read(&self) -> bool {
        self.chain.unread.iter().any(|it| it.contains("(envFrom)"))
    }

    /// The value of a variable where it is set and known.
    pub fn literal(&self, name: &str) -> Option<&str> {
        let value = self.container.env(name).and_then(|it| it.literal());
        value.map(|it| &**it).filter(|it| !it.is_empty())
    }

    /// Whether a variable is set to anything; an empty value is none.
    pub fn is_set(&self, name: &str) -> bool {
        self.container.env(name).is_some_and(|it| it.is_set())
    }

    /// Whether there is an entry for a variable, set or empty: what the webhook looks at.
    pub fn has(&self, name: &str) -> bool {
        self.container.env(name).is_some()
    }

    /// Whether its chain ends with somebody's credentials, right or wrong.
    pub fn ends_with_identity(&self) -> bool {
        use crate::identity::chain::Provider;
        match self.chain.provider {
            Provider::Static | Provider::WebIdentity(_) | Provider::Container => true,
            Provider::NodeRole => self.reach != Reach::Blocked,
            Provider::None => false,
        }
    }
}

/// `blocker or wrong-id` rows: wrong-id when the container still ends with some identity.
pub fn blocker_or_wrong_id(still_ends_with_identity: bool) -> Severity {
    if still_ends_with_identity { Severity::WrongId } else { Severity::Blocker }
}
