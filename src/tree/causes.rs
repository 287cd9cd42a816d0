//! Everything wrong, grouped by what causes it.

use crate::{
    check::{Finding, Severity, row},
    ident::Ref,
    tree::{Ask, Branch, Cause, Row, RowId, SortBy, Standing, Within, World, flatten, sort},
};
use std::{cmp::Reverse, collections::BTreeMap, fmt::Write};

/// The worst first; of equals what affects the most.
type Rank = (Severity, Reverse<u32>, Reverse<u32>);

pub fn rows(world: World<'_>, ask: &Ask) -> Vec<Row> {
    let mut causes: BTreeMap<Cause, Vec<&Finding>> = BTreeMap::new();
    for it in world.ledger.findings() {
        causes.entry(Cause::new(world.graph, it)).or_default().push(it);
    }
    let mut ranked: Vec<(Rank, Branch)> = Vec::new();
    for (cause, findings) in causes {
        let affects = world.board.affects(&cause);
        // INVARIANT: a cause was made from at least one finding.
        let severity = findings.iter().map(|it| it.severity).min().expect("a cause has findings");
        let rank = (severity, Reverse(affects.identities), Reverse(affects.pods));
        if let Some(it) = branch(world, ask, cause, &findings, severity) {
            ranked.push((rank, it));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut branches: Vec<Branch> = ranked.into_iter().map(|(_, it)| it).collect();
    sort::sort(&mut branches, world, ask.sort, SortBy::Status);
    let mut res = Vec::new();
    flatten(branches, ask, 0, &mut res);
    res
}

/// `None` where it is not asked for.
fn branch(
    world: World<'_>,
    ask: &Ask,
    cause: Cause,
    findings: &[&Finding],
    severity: Severity,
) -> Option<Branch> {
    let affected = || world.board.affected(&cause);
    let here = match &ask.within {
        Within::Everything => true,
        Within::Namespace(name) => {
            let by_subject = |it: &&Finding| it.subject.namespace.as_ref() == Some(name);
            findings.iter().any(by_subject) || affected().any(|it| it.namespace == *name)
        }
        Within::Of(Ref::ServiceAccount(key)) => affected().any(|it| it == key),
        Within::Of(of) => cause.of == *of,
    };
    let is_fault = Standing::of_severity(severity).is_some_and(Standing::is_fault);
    if !here || (ask.faults_only && !is_fault) {
        return None;
    }
    let kept = ask.filter.is_empty() || {
        let title = row(cause.code).map_or("", |it| it.title);
        let mut cells = format!("{}\n{}\n{title}\n{}\n", cause.code, cause.of, severity.as_str());
        for it in findings {
            let _ = writeln!(cells, "{}", it.message);
        }
        for it in affected() {
            let _ = writeln!(cells, "{it}");
        }
        ask.filter.keeps(&cells)
    };
    let mut res = Branch::leaf(RowId::Cause(cause.clone()), kept);
    res.has_children = true;
    if ask.is_open(&res.id, false) {
        let mut children: Vec<Ref> = affected().cloned().map(Ref::ServiceAccount).collect();
        if children.is_empty() {
            children = findings.iter().map(|it| it.subject.at.clone()).collect();
        }
        let leaf = |it| Branch::leaf(RowId::Under(Box::new(res.id.clone()), it), res.matches);
        res.children = children.into_iter().map(leaf).collect();
    }
    Some(res)
}
