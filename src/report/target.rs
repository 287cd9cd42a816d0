//! `TARGET` to nodes of the graph: `pod/NS/NAME`, `sa/NAME`, `role/ARN`, a bare name, what `kubectl -o name` prints.

use crate::{
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
    // `kubectl -o name` prints `deployment.apps/x`, `pod/x`, `serviceaccount/x`.
    let lower = text.to_ascii_lowercase();
    let base = lower.split('.').next().unwrap_or_default();
    Some(match base {
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
    })
}

/// Resolves `text`; without a namespace in it, `namespaces` (empty: all) are searched.
pub fn resolve(graph: &Graph, text: &str, namespaces: &[Text]) -> Resolved {
    if text == "cluster" {
        return Resolved::One(Ref::Cluster);
    }
    let Some((word, rest)) = text.split_once('/') else {
        return if text.starts_with("arn:") {
            by_arn(graph, text)
        } else if text.is_empty() || text.contains(char::is_whitespace) {
            Resolved::NotATarget
        } else {
            pick(graph, bare(graph, text, namespaces), text, namespaces)
        };
    };
    if text.starts_with("arn:") {
        return by_arn(graph, text);
    }
    let Some(kind) = kind(word) else { return Resolved::NotATarget };
    if rest.is_empty() || rest.contains(char::is_whitespace) {
        return Resolved::NotATarget;
    }
    let found = of_kind(graph, kind, rest, namespaces);
    if found.is_empty()
        && kind == Kind::Pod
        && let Some(owner) = owner_of_gone(graph, rest, namespaces)
    {
        return Resolved::Owner { gone: rest.to_owned(), owner };
    }
    pick(graph, found, rest, namespaces)
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

fn pick(graph: &Graph, mut found: Vec<Ref>, name: &str, namespaces: &[Text]) -> Resolved {
    found.sort();
    found.dedup();
    match found.len() {
        0 => Resolved::None(near(graph, name, namespaces)),
        1 => Resolved::One(found.remove(0)),
        _ => Resolved::Many(found),
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
        Kind::Association => graph
            .associations()
            .filter(|it| {
                let key = &it.service_account;
                &*it.id == rest || (&*key.name == name && within(&key.namespace))
            })
            .map(|it| Ref::Association(it.id.clone()))
            .collect(),
        // A role's name may hold no `/`, but an ARN does: look at the whole rest.
        Kind::Role => roles(graph, rest),
        Kind::Provider => graph
            .all_providers()
            .filter(|it| it.arn.as_str() == rest || &*it.url == rest)
            .map(|it| Ref::Provider(it.arn.clone()))
            .collect(),
        Kind::Node => graph
            .nodes()
            .filter(|it| &*it.name == rest)
            .map(|it| Ref::Node(it.name.clone()))
            .collect(),
    }
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

fn by_arn(graph: &Graph, text: &str) -> Resolved {
    let mut found = roles(graph, text);
    found.extend(of_kind(graph, Kind::Provider, text, &[]));
    pick(graph, found, text, &[])
}

/// A bare name: pods, ServiceAccounts and workloads of that name; one chain counts once.
fn bare(graph: &Graph, name: &str, namespaces: &[Text]) -> Vec<Ref> {
    let kinds = [Kind::Pod, Kind::ServiceAccount, Kind::Role, Kind::Node];
    let mut found: Vec<Ref> = kinds
        .into_iter()
        .chain(WorkloadKind::ALL.into_iter().map(Kind::Workload))
        .flat_map(|it| of_kind(graph, it, name, namespaces))
        .collect();
    // `api` the Deployment that runs as `api` the ServiceAccount is one answer: the workload, which shows both.
    let shadowed: Vec<Ref> = found
        .iter()
        .filter_map(|it| match it {
            Ref::Workload { kind, namespace, name } => {
                let template = &graph.workload(*kind, namespace, name)?.template;
                let key = SaKey::new(namespace.clone(), template.service_account.clone());
                Some(Ref::ServiceAccount(key))
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
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
fn owner_of_gone(graph: &Graph, rest: &str, namespaces: &[Text]) -> Option<Ref> {
    let (prefix, name) = match rest.split_once('/') {
        Some((ns, name)) => (format!("{ns}/"), name),
        None => (String::new(), rest),
    };
    let (once, _) = name.rsplit_once('-')?;
    let twice = once.rsplit_once('-').map(|(it, _)| it);
    let kinds = [
        (WorkloadKind::Deployment, twice),
        (WorkloadKind::ReplicaSet, Some(once)),
        (WorkloadKind::StatefulSet, Some(once)),
        (WorkloadKind::DaemonSet, Some(once)),
        (WorkloadKind::Job, Some(once)),
        (WorkloadKind::CronJob, twice),
    ];
    kinds.into_iter().find_map(|(kind, name)| {
        let mut found =
            of_kind(graph, Kind::Workload(kind), &format!("{prefix}{}", name?), namespaces);
        if found.len() == 1 { found.pop() } else { None }
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
