//! `TARGET` to nodes of the graph: `pod/NS/NAME`, `sa/NAME`, `role/ARN`, a bare name, what `kubectl -o name` prints.

use crate::{
    fact::{Container, Scope},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text, WorkloadKind},
};
use std::collections::BTreeSet;

/// What a target means in this cluster.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolved {
    One(Ref),
    /// A pod that is gone, by the owner that its name tells.
    Owner {
        gone: String,
        owner: Ref,
    },
    Many(Vec<Ref>),
    /// Nothing has that name; near names, if any.
    None(Vec<String>),
    /// Nothing that could be read has that name, and this was not read: names of sources.
    Unread(Vec<String>),
    /// Not of the form of a target at all: no kind that we know.
    NotATarget,
}

/// Kinds as people and `kubectl` write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pod,
    ServiceAccount,
    Workload(WorkloadKind),
    Role,
    Association,
    Provider,
    Node,
}

fn kind(text: &str) -> Option<Kind> {
    // `kubectl -o name` prints `deployment.apps/x`, `pod/x`, `serviceaccount/x`; a version may stand before the group.
    let lower = text.to_ascii_lowercase();
    let (base, group) = lower.split_once('.').unwrap_or((&lower, ""));
    let group = match group.split_once('.') {
        Some((version, group)) if version.starts_with('v') => group,
        Some(_) | None => group,
    };
    let res = match base {
        "pod" | "pods" | "po" => Kind::Pod,
        "sa" | "serviceaccount" | "serviceaccounts" => Kind::ServiceAccount,
        "deploy" | "deployment" | "deployments" => Kind::Workload(WorkloadKind::Deployment),
        "sts" | "statefulset" | "statefulsets" => Kind::Workload(WorkloadKind::StatefulSet),
        "ds" | "daemonset" | "daemonsets" => Kind::Workload(WorkloadKind::DaemonSet),
        "rs" | "replicaset" | "replicasets" => Kind::Workload(WorkloadKind::ReplicaSet),
        "job" | "jobs" => Kind::Workload(WorkloadKind::Job),
        "cj" | "cronjob" | "cronjobs" => Kind::Workload(WorkloadKind::CronJob),
        "role" | "roles" => Kind::Role,
        "association" | "assoc" | "associations" => Kind::Association,
        "oidc" | "provider" => Kind::Provider,
        "node" | "nodes" | "no" => Kind::Node,
        _ => return None,
    };
    // Somebody else's `deployments.example.com` is none of ours.
    (group.is_empty() || group == res.group() || group == "v1").then_some(res)
}

impl Kind {
    /// What a bare name may be the name of.
    const BARE: [Kind; 10] = [
        Kind::Pod,
        Kind::ServiceAccount,
        Kind::Role,
        Kind::Node,
        Kind::Workload(WorkloadKind::Deployment),
        Kind::Workload(WorkloadKind::StatefulSet),
        Kind::Workload(WorkloadKind::DaemonSet),
        Kind::Workload(WorkloadKind::ReplicaSet),
        Kind::Workload(WorkloadKind::Job),
        Kind::Workload(WorkloadKind::CronJob),
    ];

    /// The API group that `kubectl` writes behind the kind.
    fn group(self) -> &'static str {
        match self {
            Kind::Workload(WorkloadKind::Job | WorkloadKind::CronJob) => "batch",
            Kind::Workload(
                WorkloadKind::Deployment
                | WorkloadKind::StatefulSet
                | WorkloadKind::DaemonSet
                | WorkloadKind::ReplicaSet,
            ) => "apps",
            Kind::Pod
            | Kind::ServiceAccount
            | Kind::Role
            | Kind::Association
            | Kind::Provider
            | Kind::Node => "",
        }
    }
}

/// Resolves `text`; without a namespace in it, `namespaces` (empty: all) are searched.
pub fn resolve(graph: &Graph, text: &str, namespaces: &[Text]) -> Resolved {
    if text == "cluster" {
        return Resolved::One(Ref::Cluster);
    }
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Resolved::NotATarget;
    }
    if text.starts_with("arn:") {
        let mut found = of_kind(graph, Kind::Role, text, &[]);
        found.extend(of_kind(graph, Kind::Provider, text, &[]));
        return pick(graph, found, &[Kind::Role, Kind::Provider], text, &[]);
    }
    let Some((word, rest)) = text.split_once('/') else {
        let found = bare(graph, text, namespaces);
        if found.is_empty()
            && let Some(it) = owner_of_gone(graph, text, namespaces)
        {
            return it;
        }
        return pick(graph, found, &Kind::BARE, text, namespaces);
    };
    let Some(kind) = kind(word).filter(|_| !rest.is_empty()) else { return Resolved::NotATarget };
    let found = of_kind(graph, kind, rest, namespaces);
    if found.is_empty()
        && kind == Kind::Pod
        && let Some(it) = owner_of_gone(graph, rest, namespaces)
    {
        return it;
    }
    pick(graph, found, &[kind], rest, namespaces)
}

/// The namespace that a target names itself.
pub fn namespace(text: &str) -> Option<Text> {
    let (word, rest) = text.split_once('/')?;
    match kind(word)? {
        Kind::Pod | Kind::ServiceAccount | Kind::Workload(_) | Kind::Association => {
            rest.split_once('/').map(|(namespace, _)| namespace.into())
        }
        Kind::Role | Kind::Provider | Kind::Node => None,
    }
}

/// A target that is complete in itself, without asking whether it exists; `None` for any other text.
pub fn exact(text: &str) -> Option<Ref> {
    if text == "cluster" {
        return Some(Ref::Cluster);
    }
    let (word, rest) = text.split_once('/')?;
    let pair = || rest.split_once('/').map(|(ns, name)| (Text::from(ns), Text::from(name)));
    match kind(word)? {
        Kind::Pod => pair().map(|(namespace, name)| Ref::Pod { namespace, name }),
        Kind::ServiceAccount => pair().map(|(ns, name)| Ref::ServiceAccount(SaKey::new(ns, name))),
        Kind::Workload(kind) => pair().map(|(ns, name)| workload(kind, &ns, &name)),
        Kind::Role => rest.starts_with("arn:").then(|| Ref::Role(Arn::from(rest))),
        Kind::Provider => rest.starts_with("arn:").then(|| Ref::Provider(Arn::from(rest))),
        Kind::Node => Some(Ref::Node(rest.into())),
        // Known by its id only after it was read.
        Kind::Association => rest.starts_with("a-").then(|| Ref::Association(rest.into())),
    }
}

fn pick(
    graph: &Graph,
    mut found: Vec<Ref>,
    kinds: &[Kind],
    rest: &str,
    namespaces: &[Text],
) -> Resolved {
    found.sort();
    found.dedup();
    match found.len() {
        0 => match unread(graph, kinds, rest, namespaces) {
            unread if unread.is_empty() => Resolved::None(near(graph, rest, namespaces)),
            unread => Resolved::Unread(unread),
        },
        1 => Resolved::One(found.remove(0)),
        _ => Resolved::Many(found),
    }
}

/// The names of the sources that could still hold such a name: those that are not completely read.
fn unread(graph: &Graph, kinds: &[Kind], rest: &str, namespaces: &[Text]) -> Vec<String> {
    let within: Vec<Option<Text>> = match rest.split_once('/') {
        Some((namespace, _)) => vec![Some(namespace.into())],
        None if namespaces.is_empty() => vec![None],
        None => namespaces.iter().cloned().map(Some).collect(),
    };
    let of_kind = |kind: Kind| -> Vec<Scope> {
        let each =
            |make: &dyn Fn(Option<Text>) -> Scope| within.iter().cloned().map(make).collect();
        match kind {
            Kind::Pod => each(&|namespace| Scope::Pods { namespace }),
            Kind::ServiceAccount => each(&|namespace| Scope::ServiceAccounts { namespace }),
            Kind::Workload(kind) => each(&|namespace| Scope::Workloads { kind, namespace }),
            Kind::Association => vec![Scope::Associations],
            Kind::Node => vec![Scope::Nodes],
            Kind::Role => {
                accounts(graph, rest).into_iter().map(|account| Scope::Roles { account }).collect()
            }
            Kind::Provider => {
                let accounts = accounts(graph, rest).into_iter();
                accounts.map(|account| Scope::Providers { account }).collect()
            }
        }
    };
    let mut res: Vec<String> = kinds
        .iter()
        .flat_map(|it| of_kind(*it))
        .filter(|it| !graph.listed(it).is_known())
        .map(|it| it.name())
        .collect();
    res.sort();
    res.dedup();
    res
}

/// The accounts that a role or provider of that name could be in: the ARN's, else those that are read.
fn accounts(graph: &Graph, rest: &str) -> Vec<Text> {
    if let Some(account) = Arn::from(rest).account() {
        return vec![account.as_str().into()];
    }
    match graph.caller().known() {
        Some(caller) => caller.accounts.clone(),
        None => vec!["?".into()],
    }
}

fn of_kind(graph: &Graph, kind: Kind, rest: &str, namespaces: &[Text]) -> Vec<Ref> {
    let (ns, name) = match rest.split_once('/') {
        Some((ns, name)) => (Some(ns), name),
        None => (None, rest),
    };
    let within = |it: &Text| match ns {
        Some(ns) => &**it == ns,
        None => namespaces.is_empty() || namespaces.contains(it),
    };
    match kind {
        Kind::Pod => graph
            .pods()
            .filter(|it| &*it.name == name && within(&it.namespace))
            .map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() })
            .collect(),
        Kind::ServiceAccount => graph
            .identities()
            .filter(|it| &*it.name == name && within(&it.namespace))
            .map(|it| Ref::ServiceAccount(it.clone()))
            .collect(),
        Kind::Workload(kind) => graph
            .workloads()
            .filter(|it| it.kind == kind && &*it.name == name && within(&it.namespace))
            .map(|it| workload(it.kind, &it.namespace, &it.name))
            .collect(),
        Kind::Association => {
            let there = graph.associations().filter(|it| {
                let key = &it.service_account;
                &*it.id == rest || (&*key.name == name && within(&key.namespace))
            });
            let found: Vec<Ref> = there.map(|it| Ref::Association(it.id.clone())).collect();
            match found.is_empty() {
                // One that is missed here is what its ServiceAccount shows.
                true => of_kind(graph, Kind::ServiceAccount, rest, namespaces)
                    .into_iter()
                    .filter(|it| misses_association(graph, it))
                    .collect(),
                false => found,
            }
        }
        // A role's name may hold no `/`, but an ARN does: look at the whole rest.
        Kind::Role => roles(graph, rest),
        Kind::Provider => providers(graph, rest),
        Kind::Node => graph
            .nodes()
            .filter(|it| &*it.name == rest)
            .map(|it| Ref::Node(it.name.clone()))
            .collect(),
    }
}

/// Whether pods of the ServiceAccount still ask for an association, or another cluster has the one that it lacks.
fn misses_association(graph: &Graph, of: &Ref) -> bool {
    let Ref::ServiceAccount(key) = of else { return false };
    let asks = |it: &Container| it.env("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some();
    graph.associated_elsewhere(key).is_some()
        || graph.pods_of(key).any(|it| it.spec.containers.iter().any(asks))
}

fn workload(kind: WorkloadKind, namespace: &Text, name: &Text) -> Ref {
    Ref::Workload { kind, namespace: namespace.clone(), name: name.clone() }
}

fn roles(graph: &Graph, text: &str) -> Vec<Ref> {
    let all: BTreeSet<&Arn> = graph.roles().map(|it| &it.arn).chain(graph.named_roles()).collect();
    all.into_iter()
        .filter(|it| it.as_str() == text || (!text.starts_with("arn:") && it.name() == Some(text)))
        .map(|it| Ref::Role(it.clone()))
        .collect()
}

/// Those that exist, and those that should.
fn providers(graph: &Graph, text: &str) -> Vec<Ref> {
    let url = text.strip_prefix("https://").unwrap_or(text);
    let is_it = |arn: &Arn| {
        arn.as_str() == text
            || arn.as_str().split_once(":oidc-provider/").is_some_and(|it| it.1 == url)
    };
    let present = graph.all_providers().map(|it| it.arn.clone());
    let arns: BTreeSet<Arn> = present.chain(graph.expected_providers()).filter(is_it).collect();
    arns.into_iter().map(Ref::Provider).collect()
}

/// A bare name: pods, ServiceAccounts and workloads of that name; one chain counts once.
fn bare(graph: &Graph, name: &str, namespaces: &[Text]) -> Vec<Ref> {
    let mut found: Vec<Ref> =
        Kind::BARE.into_iter().flat_map(|it| of_kind(graph, it, name, namespaces)).collect();
    // `api` the Deployment that runs as `api` the ServiceAccount is one answer: the workload, which shows both.
    let shadowed: Vec<Ref> = found
        .iter()
        .filter_map(|it| match it {
            Ref::Workload { kind, namespace, name } => {
                let workload = graph.workload(*kind, namespace, name)?;
                Some(Ref::ServiceAccount(workload.service_account()))
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Association(_)
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => None,
        })
        .collect();
    found.retain(|it| !shadowed.contains(it));
    found
}

/// `api-7d9f5c6b8-x2x4z` was made by ReplicaSet `api-7d9f5c6b8` of Deployment `api`; `db-0` by StatefulSet `db`.
fn owner_of_gone(graph: &Graph, rest: &str, namespaces: &[Text]) -> Option<Resolved> {
    let (prefix, name) = match rest.split_once('/') {
        Some((ns, name)) => (format!("{ns}/"), name),
        None => (String::new(), rest),
    };
    let (once, last) = name.rsplit_once('-')?;
    let twice = once.rsplit_once('-');
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
    // What controllers append: a word of at most ten letters and digits, whatever their alphabet.
    let random = |it: &str| {
        (1..=10).contains(&it.len())
            && it.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let by_one = random(last).then_some(once);
    let by_two = twice.filter(|(_, it)| random(it) && random(last)).map(|(it, _)| it);
    let indexed = twice.filter(|(_, it)| digits(it) && random(last)).map(|(it, _)| it);
    let kinds = [
        (WorkloadKind::Deployment, by_two),
        (WorkloadKind::ReplicaSet, by_one),
        (WorkloadKind::StatefulSet, digits(last).then_some(once)),
        (WorkloadKind::CronJob, indexed),
        (WorkloadKind::Job, by_one),
        (WorkloadKind::Job, indexed),
        (WorkloadKind::DaemonSet, by_one),
        // Hand-made names, as in examples: `web-1` of Deployment `web`.
        (WorkloadKind::Deployment, digits(last).then_some(once)),
    ];
    kinds.into_iter().find_map(|(kind, name)| {
        let mut found =
            of_kind(graph, Kind::Workload(kind), &format!("{prefix}{}", name?), namespaces);
        match found.len() {
            0 => None,
            1 => Some(Resolved::Owner { gone: rest.to_owned(), owner: found.remove(0) }),
            _ => Some(Resolved::Many(found)),
        }
    })
}

/// Names that hold the asked one or are held by it, at most eight.
fn near(graph: &Graph, name: &str, namespaces: &[Text]) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let close = |it: &str| !name.is_empty() && (it.contains(name) || name.contains(it));
    let within = |it: &Text| namespaces.is_empty() || namespaces.contains(it);
    let sas = graph
        .identities()
        .filter(|it| close(&it.name) && within(&it.namespace))
        .map(|it| format!("sa/{it}"));
    let workloads = graph
        .workloads()
        .filter(|it| close(&it.name) && within(&it.namespace))
        .map(|it| workload(it.kind, &it.namespace, &it.name).to_string());
    sas.chain(workloads).take(8).collect()
}
