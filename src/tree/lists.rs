//! The flat lists, and the two that unfold into what uses a thing.

use crate::{
    check::row,
    command::ViewKind,
    fact::{Knowledge, Pod, Scope},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text},
    identity::chain::Provider,
    tree::{
        Ask, Branch, Row, RowId, Within, World, flatten, reach,
        sort::{natural, sort, standing_of},
        standing::{of_pod, worst},
    },
};
use std::{collections::BTreeSet, fmt::Write};

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
        if fits && keeps_pod(world, ask, pod, &mut cells) {
            branches.push(pod_branch(ask, pod, true));
        }
    }
    finish(branches, world, ask)
}

fn keeps_pod(world: World<'_>, ask: &Ask, pod: &Pod, cells: &mut String) -> bool {
    if ask.filter.is_empty() {
        return true;
    }
    if ask.filter.is_of_labels() {
        return ask.filter.keeps_labels(&pod.labels);
    }
    cells.clear();
    let sa = &pod.spec.service_account;
    let node = pod.node.as_deref().unwrap_or_default();
    let _ = writeln!(cells, "{}/{}\n{sa}\n{node}", pod.namespace, pod.name);
    let (standing, signature) = of_pod(world.ledger, pod);
    let _ = writeln!(cells, "{}", standing.word());
    if let Some(it) = signature {
        let _ = writeln!(cells, "{it}");
    }
    let at = Ref::Pod { namespace: pod.namespace.clone(), name: pod.name.clone() };
    if let Some((_, it)) = worst(world.ledger.findings_at(&at)) {
        let _ = writeln!(cells, "{}\n{}", it.code, row(it.code).map_or("", |it| it.title));
    }
    if let Some(it) = world.ledger.containers(&pod.namespace, &pod.name).unwrap_or_default().first()
    {
        let role = it.role_arn.as_ref().map_or("", |it| it.as_str());
        let _ = writeln!(cells, "{} {role}", provider_word(&it.chain.provider));
    }
    ask.filter.keeps(cells)
}

/// What a container ends with, in a word.
pub fn provider_word(it: &Provider) -> &'static str {
    match it {
        Provider::Static => "static keys",
        Provider::WebIdentity(_) => "irsa",
        Provider::Container => "pod-id",
        Provider::NodeRole => "node role",
        Provider::None => "nothing",
    }
}

/// A pod with its containers where they are unfolded.
pub fn pod_branch(ask: &Ask, pod: &Pod, matches: bool) -> Branch {
    let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
    let id = RowId::Node(Ref::Pod { namespace, name });
    let mut res = Branch::leaf(id, matches);
    res.has_children = !pod.spec.containers.is_empty();
    if ask.is_open(&res.id, false) {
        let containers = pod.spec.containers.iter().map(|it| {
            let id = RowId::Container {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: it.name.clone(),
            };
            Branch::leaf(id, matches)
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
    let res: BTreeSet<SaKey> = match of {
        Ref::ServiceAccount(_)
        | Ref::Role(_)
        | Ref::Association(_)
        | Ref::Workload { .. }
        | Ref::Pod { .. } => graph.accounts_of(of).into_iter().collect(),
        // A provider vouches for every annotated role of its account.
        Ref::Provider(arn) => graph
            .named_roles()
            .filter(|it| it.account().is_some() && it.account() == arn.account())
            .flat_map(|it| graph.annotated_with(it).cloned())
            .collect(),
        Ref::Node(name) => graph.pods_on(name).map(Pod::service_account).collect(),
        Ref::Namespace(name) => {
            graph.identities().filter(|it| it.namespace == *name).cloned().collect()
        }
        Ref::Cluster
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => BTreeSet::new(),
    };
    res.into_iter().collect()
}

/// Every role that was read or is named, by name.
pub fn role_refs(graph: &Graph) -> Vec<Arn> {
    let all: BTreeSet<&Arn> = graph.named_roles().chain(graph.roles().map(|it| &it.arn)).collect();
    let mut res: Vec<Arn> = all.into_iter().cloned().collect();
    res.sort_by_cached_key(|it| it.name().unwrap_or(it.as_str()).to_owned());
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
        let relations = reach::relations(world, &arn);
        let at = Ref::Role(arn.clone());
        let mut cells = format!("{arn}\n{}", standing_of(world, &at).word());
        if !ask.filter.is_empty() {
            for (key, _) in &relations {
                let _ = write!(cells, "\n{key}");
            }
            if let Some((_, it)) = worst(world.ledger.findings_at(&at)) {
                let title = row(it.code).map_or("", |it| it.title);
                let _ = write!(cells, "\n{}\n{title}", it.code);
            }
        }
        let mut res = branch(world, ask, RowId::Node(at), &cells);
        res.has_children = !relations.is_empty();
        if ask.is_open(&res.id, false) {
            let users = relations.into_iter().map(|(it, _)| it).collect();
            res.children = users_below(ask, &res, users);
        }
        res
    });
    finish(branches.collect(), world, ask)
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
    finish(branches.collect(), world, ask)
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
    finish(branches.collect(), world, ask)
}

pub fn namespaces(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let mut names: BTreeSet<Text> = world.graph.namespaces().map(|it| it.name.clone()).collect();
    names.extend(world.graph.identities().map(|it| it.namespace.clone()));
    let branches = names.into_iter().map(|name| {
        let at = Ref::Namespace(name.clone());
        let fits = !ask.faults_only || standing_of(world, &at).is_fault();
        let kept = match world.graph.namespace(&name) {
            Knowledge::Known(it) if ask.filter.is_of_labels() => {
                ask.filter.keeps_labels(&it.labels)
            }
            Knowledge::Known(_) | Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
                ask.filter.keeps(&name)
            }
        };
        Branch::leaf(RowId::Node(at), fits && kept)
    });
    finish(branches.collect(), world, ask)
}

pub fn contexts(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let branches = world.contexts.iter().map(|(name, cluster)| {
        let kept = ask.filter.keeps(&format!("{name}\n{cluster}"));
        Branch::leaf(RowId::Context(name.clone()), kept)
    });
    finish(branches.collect(), world, ask)
}

pub fn sources(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let scopes: BTreeSet<&Scope> = world.graph.sources().map(|(it, _)| it).collect();
    let branches = scopes.into_iter().map(|scope| {
        let kept = ask.filter.keeps(&scope.name());
        Branch::leaf(RowId::Source(scope.clone()), kept)
    });
    finish(branches.collect(), world, ask)
}

pub fn profiles(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let branches = world.profiles.iter();
    let branches =
        branches.map(|it| Branch::leaf(RowId::Profile(it.clone()), ask.filter.keeps(it)));
    finish(branches.collect(), world, ask)
}

pub fn aliases(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let branches = ViewKind::ALL.into_iter().map(|it| {
        let kept = ask.filter.keeps(&format!("{}\n{}", it.aliases().join(" "), it.help()));
        Branch::leaf(RowId::Alias(it), kept)
    });
    finish(branches.collect(), world, ask)
}

fn branch(world: World<'_>, ask: &Ask, id: RowId, cells: &str) -> Branch {
    // INVARIANT: the callers name nodes.
    let at = id.node().expect("a node's row");
    let fits = !ask.faults_only || standing_of(world, &at).is_fault();
    Branch::leaf(id, fits && ask.filter.keeps(cells))
}

fn users_below(ask: &Ask, of: &Branch, users: Vec<SaKey>) -> Vec<Branch> {
    let row = |it: SaKey| {
        let kept = of.matches || (!ask.filter.is_empty() && ask.filter.keeps(&it.to_string()));
        let id = RowId::Under(Box::new(of.id.clone()), Ref::ServiceAccount(it));
        Branch::leaf(id, kept)
    };
    users.into_iter().map(row).collect()
}

fn finish(mut branches: Vec<Branch>, world: World<'_>, ask: &Ask) -> Vec<Row> {
    sort(&mut branches, world, ask.sort, natural(ask.view, &ask.within));
    let mut res = Vec::with_capacity(branches.len());
    flatten(branches, ask, 0, &mut res);
    res
}
