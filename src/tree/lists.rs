//! The flat lists, and the two that unfold into what uses a thing.

use crate::{
    check::Finding,
    fact::{Pod, Scope},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text},
    tree::{
        Ask, Branch, Cause, Row, RowId, Standing, Within, World, flatten,
        standing::{of_pod, of_ref},
    },
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

pub fn pods(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let graph = world.graph;
    let of: Vec<&Pod> = match &ask.within {
        Within::Everything => sorted_pods(graph.pods()),
        Within::Namespace(it) => sorted_pods(graph.pods().filter(|pod| pod.namespace == *it)),
        Within::Of(Ref::ServiceAccount(key)) => sorted_pods(graph.pods_of(key)),
        Within::Of(Ref::Node(name)) => sorted_pods(graph.pods_on(name)),
        Within::Of(Ref::Workload { kind, namespace, name }) => {
            sorted_pods(graph.pods_of_workload(*kind, namespace, name))
        }
        Within::Of(of) => {
            let keys = users_of(graph, of);
            sorted_pods(keys.iter().flat_map(|key| graph.pods_of(key)))
        }
    };
    let mut cells = String::new();
    let mut branches: Vec<Branch> = Vec::with_capacity(of.len());
    for pod in of {
        let fits = !ask.faults_only || of_pod(world.ledger, pod).0.is_fault();
        let kept = fits
            && (ask.filter.is_empty() || {
                cells.clear();
                let sa = &pod.spec.service_account;
                let node = pod.node.as_deref().unwrap_or_default();
                let _ = write!(cells, "{}/{}\n{sa}\n{node}", pod.namespace, pod.name);
                ask.filter.keeps(&cells)
            });
        if kept {
            branches.push(pod_branch(world, ask, pod, true));
        }
    }
    finish(branches, ask)
}

/// A pod with its containers where they are unfolded.
pub fn pod_branch(world: World<'_>, ask: &Ask, pod: &Pod, matches: bool) -> Branch {
    let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
    let id = RowId::Node(Ref::Pod { namespace, name });
    // Only sorting asks, and it has to ask for every pod.
    let standing = if ask.worst_first { of_pod(world.ledger, pod).0 } else { Standing::Healthy };
    let mut res = Branch::leaf(id, standing, matches);
    res.has_children = !pod.spec.containers.is_empty();
    if ask.is_open(&res.id, false) {
        let containers = pod.spec.containers.iter().map(|it| {
            let id = RowId::Container {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: it.name.clone(),
            };
            Branch::leaf(id, Standing::Healthy, matches)
        });
        res.children = containers.collect();
    }
    res
}

pub fn sorted_pods<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Vec<&'a Pod> {
    let mut res: Vec<_> = pods.into_iter().collect();
    res.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    res
}

/// The ServiceAccounts that use a node of AWS's, or that belong to a node of the cluster. Sorted.
pub fn users_of(graph: &Graph, of: &Ref) -> Vec<SaKey> {
    let of_pods = |pods: Vec<&Pod>| pods.into_iter().map(Pod::service_account).collect();
    let res: BTreeSet<SaKey> = match of {
        Ref::ServiceAccount(key) => BTreeSet::from([key.clone()]),
        Ref::Role(arn) => {
            let associated = graph.associated_with(arn).map(|it| it.service_account.clone());
            graph.annotated_with(arn).cloned().chain(associated).collect()
        }
        Ref::Association(id) => {
            graph.association(id).into_iter().map(|it| it.service_account.clone()).collect()
        }
        // A provider vouches for every annotated role of its account.
        Ref::Provider(arn) => graph
            .named_roles()
            .filter(|it| it.account().is_some() && it.account() == arn.account())
            .flat_map(|it| graph.annotated_with(it).cloned())
            .collect(),
        Ref::Node(name) => of_pods(graph.pods_on(name).collect()),
        Ref::Workload { kind, namespace, name } => {
            let template = graph.workload(*kind, namespace, name);
            template
                .map(|it| SaKey::new(namespace.clone(), it.template.service_account.clone()))
                .into_iter()
                .collect()
        }
        Ref::Pod { namespace, name } => of_pods(graph.pod(namespace, name).into_iter().collect()),
        Ref::Namespace(name) => {
            graph.identities().filter(|it| it.namespace == *name).cloned().collect()
        }
        Ref::Cluster
        | Ref::Webhook(_)
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => BTreeSet::new(),
    };
    res.into_iter().collect()
}

/// Every role that was read or is named, the used ones first.
pub fn role_refs(graph: &Graph) -> Vec<Arn> {
    let all: BTreeSet<&Arn> = graph.named_roles().chain(graph.roles().map(|it| &it.arn)).collect();
    let is_used = |arn: &Arn| {
        graph.annotated_with(arn).next().is_some() || graph.associated_with(arn).next().is_some()
    };
    let mut res: Vec<Arn> = all.into_iter().cloned().collect();
    res.sort_by_cached_key(|it| (!is_used(it), it.name().unwrap_or(it.as_str()).to_owned()));
    res
}

pub fn roles(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let arns = match &ask.within {
        Within::Of(Ref::ServiceAccount(key)) => {
            let identity = world.ledger.identity(key);
            identity.and_then(|it| it.role_arn.clone()).into_iter().collect()
        }
        Within::Everything | Within::Namespace(_) | Within::Of(_) => role_refs(world.graph),
    };
    let branches = arns.into_iter().map(|arn| {
        let users = users_of(world.graph, &Ref::Role(arn.clone()));
        let cells = format!("{arn}");
        let mut res = branch(world, ask, RowId::Node(Ref::Role(arn)), &cells);
        res.has_children = !users.is_empty();
        res.children = users_below(ask, &res, users);
        res
    });
    finish(branches.collect(), ask)
}

pub fn associations(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let mut all: Vec<_> = world.graph.associations().collect();
    all.sort_by(|a, b| (&a.service_account, &a.id).cmp(&(&b.service_account, &b.id)));
    let branches = all.into_iter().filter(|it| ask.within.has(&it.service_account.namespace));
    let branches = branches.map(|it| {
        let detail = it.detail.as_ref().known();
        let role = detail.map_or("", |it| it.role_arn.as_str());
        let target = detail.and_then(|it| it.target_role_arn.as_ref()).map_or("", Arn::as_str);
        let cells = format!("{}\n{role}\n{target}\n{}", it.service_account, it.id);
        branch(world, ask, RowId::Node(Ref::Association(it.id.clone())), &cells)
    });
    finish(branches.collect(), ask)
}

pub fn providers(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let graph = world.graph;
    let mut arns = BTreeSet::new();
    for (scope, _) in graph.sources() {
        let Scope::Providers { account } = scope else { continue };
        let Some(account) = crate::ident::AccountId::parse(account) else { continue };
        let known = graph.providers(&account).known().unwrap_or_default();
        arns.extend(known.into_iter().map(|it| it.arn.clone()));
    }
    // One that is missing is known by the finding that says so.
    for it in world.ledger.findings() {
        if let Ref::Provider(arn) = &it.subject.at {
            arns.insert(arn.clone());
        }
    }
    let branches = arns.into_iter().map(|arn| {
        let cells = arn.as_str().to_owned();
        branch(world, ask, RowId::Node(Ref::Provider(arn)), &cells)
    });
    finish(branches.collect(), ask)
}

pub fn findings(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let mut causes: BTreeMap<Cause, Vec<&Finding>> = BTreeMap::new();
    for it in world.ledger.findings() {
        causes.entry(Cause::new(world.graph, it)).or_default().push(it);
    }
    let mut branches = Vec::new();
    for (cause, findings) in causes {
        let affected: Vec<SaKey> = world.board.affected(&cause).into_iter().cloned().collect();
        let here = match &ask.within {
            Within::Everything => true,
            Within::Namespace(name) => {
                let by_subject = |it: &&Finding| it.subject.namespace.as_ref() == Some(name);
                findings.iter().any(by_subject) || affected.iter().any(|it| it.namespace == *name)
            }
            Within::Of(Ref::ServiceAccount(key)) => affected.contains(key),
            Within::Of(of) => cause.of == *of,
        };
        // INVARIANT: a cause was made from at least one finding.
        let severity = findings.iter().map(|it| it.severity).min().expect("a cause has findings");
        let standing = Standing::of_severity(severity).unwrap_or(Standing::Healthy);
        if !here || (ask.faults_only && !standing.is_fault()) {
            continue;
        }
        let mut cells = format!("{}\n{}\n{}\n", cause.code, cause.of, severity.as_str());
        for it in &findings {
            let _ = writeln!(cells, "{}", it.message);
        }
        for it in &affected {
            let _ = writeln!(cells, "{it}");
        }
        let affects = world.board.affects(&cause);
        let rank = (severity, Reverse(affects.identities), Reverse(affects.pods));
        let mut res = Branch::leaf(RowId::Cause(cause.clone()), standing, ask.filter.keeps(&cells));
        let children: Vec<Ref> = if affected.is_empty() {
            findings.iter().map(|it| it.subject.at.clone()).collect()
        } else {
            affected.into_iter().map(Ref::ServiceAccount).collect()
        };
        res.has_children = true;
        if ask.is_open(&res.id, false) {
            let leaf = |it| {
                Branch::leaf(RowId::Under(Box::new(res.id.clone()), it), standing, res.matches)
            };
            res.children = children.into_iter().map(leaf).collect();
        }
        branches.push((rank, res));
    }
    branches.sort_by_key(|(rank, _)| *rank);
    let mut res = Vec::new();
    flatten(branches.into_iter().map(|(_, it)| it).collect(), ask, 0, &mut res);
    res
}

pub fn namespaces(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let mut names: BTreeSet<Text> = world.graph.namespaces().map(|it| it.name.clone()).collect();
    names.extend(world.graph.identities().map(|it| it.namespace.clone()));
    let branches = names.into_iter().map(|name| {
        let standing = world.board.namespace(&name).worst().unwrap_or(Standing::Undeclared);
        let kept = ask.filter.keeps(&name) && (!ask.faults_only || standing.is_fault());
        Branch::leaf(RowId::Node(Ref::Namespace(name)), standing, kept)
    });
    finish(branches.collect(), ask)
}

pub fn contexts(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let branches = world.contexts.iter().map(|(name, cluster)| {
        let kept = ask.filter.keeps(&format!("{name}\n{cluster}"));
        Branch::leaf(RowId::Context(name.clone()), Standing::Healthy, kept)
    });
    finish(branches.collect(), ask)
}

pub fn sources(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let scopes: BTreeSet<&Scope> = world.graph.sources().map(|(it, _)| it).collect();
    let branches = scopes.into_iter().map(|scope| {
        let kept = ask.filter.keeps(&scope.name());
        Branch::leaf(RowId::Source(scope.clone()), Standing::Healthy, kept)
    });
    finish(branches.collect(), ask)
}

fn branch(world: World<'_>, ask: &Ask, id: RowId, cells: &str) -> Branch {
    // INVARIANT: the callers name nodes.
    let at = id.node().expect("a node's row");
    let standing = of_ref(world.graph, world.ledger, &at);
    let kept = ask.filter.keeps(cells) && (!ask.faults_only || standing.is_fault());
    Branch::leaf(id, standing, kept)
}

fn users_below(ask: &Ask, of: &Branch, users: Vec<SaKey>) -> Vec<Branch> {
    let row = |it: SaKey| {
        let kept = of.matches || (!ask.filter.is_empty() && ask.filter.keeps(&it.to_string()));
        let id = RowId::Under(Box::new(of.id.clone()), Ref::ServiceAccount(it));
        Branch::leaf(id, Standing::Healthy, kept)
    };
    users.into_iter().map(row).collect()
}

fn finish(mut branches: Vec<Branch>, ask: &Ask) -> Vec<Row> {
    if ask.worst_first {
        branches.sort_by_key(|it| it.standing);
    }
    let mut res = Vec::with_capacity(branches.len());
    flatten(branches, ask, 0, &mut res);
    res
}
