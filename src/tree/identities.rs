//! The main list: namespaces, their ServiceAccounts, their pods, their containers.

use crate::{
    check::row,
    fact::{Knowledge, Pod},
    ident::{Ref, SaKey, Text},
    tree::{
        Ask, Branch, Row, RowId, SortBy, Standing, Within, World, flatten,
        lists::{pod_branch, sorted_pods, users_of},
        sort::sort,
        standing::of_pod,
    },
};
use std::fmt::Write;

pub fn rows(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let (keys, by_namespace): (Vec<SaKey>, bool) = match &ask.within {
        Within::Of(of) => (users_of(world.graph, of), false),
        Within::Everything => (world.graph.identities().cloned().collect(), true),
        Within::Namespace(name) => {
            let it = world.graph.identities().filter(|it| it.namespace == *name);
            (it.cloned().collect(), false)
        }
    };
    let mut res = Vec::new();
    let mut cells = String::new();
    if !by_namespace {
        let mut branches: Vec<_> =
            keys.iter().map(|it| identity(world, ask, it, false, &mut cells)).collect();
        sort(&mut branches, world, ask.sort, SortBy::Name);
        flatten(branches, ask, 0, &mut res);
        return res;
    }
    let mut namespaces: Vec<Branch> = Vec::new();
    for same in keys.chunk_by(|a, b| a.namespace == b.namespace) {
        let name = &same[0].namespace;
        let named = !ask.filter.is_empty() && !ask.filter.is_inverse() && ask.filter.keeps(name);
        let branches = same.iter().map(|it| identity(world, ask, it, named, &mut cells));
        let mut children: Vec<Branch> = branches.collect();
        sort(&mut children, world, ask.sort, SortBy::Name);
        namespaces.push(Branch {
            id: RowId::Node(Ref::Namespace(name.clone())),
            // A namespace stands for what is in it.
            matches: !ask.narrows(),
            open_at_start: true,
            has_children: true,
            children,
        });
    }
    sort(&mut namespaces, world, ask.sort, SortBy::Name);
    flatten(namespaces, ask, 0, &mut res);
    res
}

/// `named`: its namespace was asked for by name, so all of it is wanted.
fn identity(world: World<'_>, ask: &Ask, key: &SaKey, named: bool, cells: &mut String) -> Branch {
    let summary = world.board.identity(key);
    let standing = summary.map_or(Standing::Waiting, |it| it.standing);
    let id = RowId::Node(Ref::ServiceAccount(key.clone()));
    let fits = !ask.faults_only || standing.is_fault();
    let kept = named || ask.filter.is_empty() || keeps(world, ask, key, cells);
    let mut res = Branch::leaf(id, fits && kept);
    res.has_children = world.graph.pods_of(key).next().is_some();
    // Folded pods are looked at only when something may be found there.
    let search = !kept && !ask.filter.is_inverse();
    if res.has_children && (search || ask.is_open(&res.id, false)) {
        let pods = sorted_pods(world.graph.pods_of(key));
        res.children = pods.into_iter().map(|it| pod(world, ask, it, kept, cells)).collect();
        sort(&mut res.children, world, ask.sort, SortBy::Name);
    }
    res
}

fn keeps(world: World<'_>, ask: &Ask, key: &SaKey, cells: &mut String) -> bool {
    if ask.filter.is_of_labels() {
        return match world.graph.service_account(key) {
            Knowledge::Known(it) => ask.filter.keeps_labels(&it.labels),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => false,
        };
    }
    write_cells(world, key, cells);
    ask.filter.keeps(cells)
}

fn pod(world: World<'_>, ask: &Ask, pod: &Pod, parent_kept: bool, cells: &mut String) -> Branch {
    let fits = !ask.faults_only || of_pod(world.ledger, pod).0.is_fault();
    // What an account was kept for holds for its pods; an inverse looks at accounts alone.
    let kept = parent_kept
        || !ask.filter.is_inverse()
            && match ask.filter.is_of_labels() {
                true => ask.filter.keeps_labels(&pod.labels),
                false => {
                    cells.clear();
                    cells.push_str(&pod.name);
                    ask.filter.keeps(cells)
                }
            };
    pod_branch(ask, pod, fits && kept)
}

/// What the filter looks at: the row's cells, its name first.
fn write_cells(world: World<'_>, key: &SaKey, cells: &mut String) {
    cells.clear();
    let _ = writeln!(cells, "{key}");
    if let Some(it) = world.ledger.identity(key) {
        let role: Option<&Text> = it.role_arn.as_ref().map(|it| it.text());
        let _ = writeln!(cells, "{}\n{}", it.mechanism.as_str(), role.map_or("", |it| it));
    }
    if let Some(it) = world.board.identity(key) {
        let title = it.code.and_then(row).map_or("", |it| it.title);
        let _ = writeln!(cells, "{}\n{}\n{title}", it.standing.word(), it.code.unwrap_or_default());
    }
}
