//! One finding for the pods of one owner, and how many pods and workloads each finding touches.

use crate::{
    check::{Finding, Ledger, Severity, SubjectKind},
    fact::Pod,
    graph::Graph,
    ident::{Arn, Issuer, Ref, SaKey, Text},
    identity::{Carried, Mechanism},
};
use std::collections::{BTreeMap, BTreeSet};

/// How far a finding reaches. Pods that have run to their end are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affects {
    pub pods: u32,
    pub workloads: u32,
}

/// A finding as reports list it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rolled<'a> {
    /// Of siblings: the youngest pod's.
    pub finding: &'a Finding,
    pub affects: Affects,
}

/// Pods of one owner with the same code and evidence become one finding on the youngest; every other finding stands
/// for itself. Unsorted.
pub fn roll_up<'a>(graph: &Graph, ledger: &'a Ledger) -> Vec<Rolled<'a>> {
    let mut res = Vec::new();
    let mut providers: BTreeSet<(&str, &Ref, &String)> = BTreeSet::new();
    let mut families: BTreeMap<Siblings<'a>, Vec<(&'a Finding, &Pod)>> = BTreeMap::new();
    for finding in ledger.findings() {
        match pod_of(graph, finding) {
            Some(pod) => {
                let container = finding.subject.container.as_ref();
                let owner = owner(graph, pod);
                let evidence = evidence(finding);
                let code = (finding.code, finding.severity);
                let siblings = Siblings { owner, code, container, evidence };
                families.entry(siblings).or_default().push((finding, pod));
            }
            // What several pods say of one provider is said once.
            None if finding.subject.kind == SubjectKind::OidcProvider
                && !providers.insert((finding.code, &finding.subject.at, &finding.message)) => {}
            None => res.push(Rolled { finding, affects: affects(graph, ledger, finding) }),
        }
    }
    for (siblings, members) in families {
        let pods: BTreeSet<_> = members.iter().map(|(_, it)| &it.name).collect();
        let youngest = members
            .iter()
            .max_by_key(|(_, it)| (it.created, &it.name))
            .expect("a family has a member");
        let workloads = u32::from(!matches!(siblings.owner, Owner::Itself(..)));
        let affects = Affects { pods: count(pods.len()), workloads };
        res.push(Rolled { finding: youngest.0, affects });
    }
    res
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Siblings<'a> {
    owner: Owner,
    code: (&'static str, Severity),
    container: Option<&'a Text>,
    evidence: Vec<(&'a str, &'a str, &'a str)>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    /// Namespace, kind and name of the outermost known owner.
    Workload(Text, Text, Text),
    /// A bare pod.
    Itself(Text, Text),
}

fn owner(graph: &Graph, pod: &Pod) -> Owner {
    let namespace = pod.namespace.clone();
    match (graph.root_owner(pod), &pod.owner) {
        (Some(it), _) => Owner::Workload(namespace, it.kind.as_str().into(), it.name.clone()),
        (None, Some(it)) => Owner::Workload(namespace, it.kind.clone(), it.name.clone()),
        (None, None) => Owner::Itself(namespace, pod.name.clone()),
    }
}

fn evidence(finding: &Finding) -> Vec<(&str, &str, &str)> {
    finding
        .evidence
        .iter()
        .map(|it| (it.place.as_str(), it.found.as_str(), it.needed.as_str()))
        .collect()
}

fn pod_of<'g>(graph: &'g Graph, finding: &Finding) -> Option<&'g Pod> {
    match finding.subject.kind {
        SubjectKind::Pod | SubjectKind::Container => {
            graph.pod(finding.subject.namespace.as_deref()?, &finding.subject.name)
        }
        SubjectKind::ServiceAccount
        | SubjectKind::Association
        | SubjectKind::Role
        | SubjectKind::OidcProvider
        | SubjectKind::Node
        | SubjectKind::Cluster
        | SubjectKind::Workload
        | SubjectKind::Namespace
        | SubjectKind::AccessEntry
        | SubjectKind::ConfigMap => None,
    }
}

fn affects(graph: &Graph, ledger: &Ledger, finding: &Finding) -> Affects {
    match &finding.subject.at {
        Ref::ServiceAccount(it) => of_keys(graph, ledger, [it]),
        Ref::Workload { kind, namespace, name } => {
            let pods = graph.pods_of_workload(*kind, namespace, name);
            let pods = pods.into_iter().filter(|it| !it.completed()).count();
            Affects { pods: count(pods), workloads: 1 }
        }
        Ref::Association(it) => match graph.association(it) {
            Some(it) => of_keys(graph, ledger, [&it.service_account]),
            None => Affects::default(),
        },
        Ref::Role(it) => of_keys(graph, ledger, users(graph, it)),
        Ref::Provider(it) => {
            let Some((_, url)) = it.as_str().split_once(":oidc-provider/") else {
                return Affects::default();
            };
            if graph.issuer().known() != Some(Issuer::new(url)) {
                return Affects::default();
            }
            let account = it.account();
            let roles = graph.named_roles().filter(|it| it.account() == account);
            let keys: BTreeSet<_> = roles.flat_map(|it| graph.annotated_with(it)).collect();
            of_keys(graph, ledger, keys)
        }
        Ref::Node(it) => {
            // What is said of nodes concerns who asks the agent there.
            let asks = |it: &&Pod| {
                let lines = ledger.containers(&it.namespace, &it.name).unwrap_or_default();
                lines.iter().any(|it| matches!(it.effective, Carried::PodIdentity(_)))
            };
            let pods = graph.pods_on(it).filter(|it| !it.completed()).filter(asks).count();
            Affects { pods: count(pods), workloads: 0 }
        }
        Ref::Cluster => of_cluster(graph, ledger, finding.code),
        // A pod in place of a workload.
        Ref::Pod { .. } => Affects { pods: 1, workloads: 0 },
        Ref::Namespace(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => Affects::default(),
    }
}

/// What concerns the cluster touches the pods that declare an identity; a missing webhook only those that lack it, and
/// selectors of it only those that they leave out.
fn of_cluster(graph: &Graph, ledger: &Ledger, code: &str) -> Affects {
    let shown = ledger.shown();
    if code == "HOOK-04" && 0 < shown.pods + shown.workloads {
        return Affects { pods: shown.pods, workloads: shown.workloads };
    }
    let mut res = Affects::default();
    for key in graph.identities() {
        let Some(identity) = ledger.identity(key) else { continue };
        match identity.mechanism {
            Mechanism::None => continue,
            Mechanism::Irsa if code.starts_with("PI-") => continue,
            Mechanism::Irsa | Mechanism::PodIdentity | Mechanism::Both => {}
        }
        let counts = ledger.counts(key);
        let pods =
            if code.starts_with("HOOK-") { counts.total - counts.injected } else { counts.total };
        if 0 < pods {
            res.pods += pods;
            res.workloads += count(graph.workloads_of(key).count());
        }
    }
    res
}

/// The ServiceAccounts that ask for a role, by annotation or association.
fn users<'g>(graph: &'g Graph, role: &Arn) -> BTreeSet<&'g SaKey> {
    let associated = graph.associated_with(role).map(|it| &it.service_account);
    graph.annotated_with(role).chain(associated).collect()
}

fn of_keys<'g>(
    graph: &Graph,
    ledger: &Ledger,
    keys: impl IntoIterator<Item = &'g SaKey>,
) -> Affects {
    let mut res = Affects::default();
    for key in keys {
        res.pods += ledger.counts(key).total;
        res.workloads += count(graph.workloads_of(key).count());
    }
    res
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
