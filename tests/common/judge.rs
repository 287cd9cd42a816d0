//! A graph that nobody has judged yet.

use idscope::{
    check::Ledger,
    graph::Graph,
    ident::{Ref, Timestamp},
    plan::WorkloadKey,
};
use std::collections::BTreeSet;

/// Judges every unit there is.
pub fn judge(graph: &Graph, now: Timestamp) -> Ledger {
    let mut units: BTreeSet<Ref> = BTreeSet::from([Ref::Cluster]);
    units.extend(graph.identities().cloned().map(Ref::ServiceAccount));
    units.extend(
        graph.pods().map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() }),
    );
    units.extend(graph.workloads().map(|it| WorkloadKey::from(it).reference()));
    units.extend(graph.associations().map(|it| Ref::Association(it.id.clone())));
    units.extend(graph.roles().map(|it| Ref::Role(it.arn.clone())));
    units.extend(graph.named_roles().cloned().map(Ref::Role));
    units.extend(graph.all_providers().map(|it| Ref::Provider(it.arn.clone())));
    units.extend(graph.expected_providers().map(Ref::Provider));
    units.extend(graph.nodes().map(|it| Ref::Node(it.name.clone())));
    units.extend(graph.namespaces().map(|it| Ref::Namespace(it.name.clone())));
    units.extend(graph.addons().map(|it| Ref::Addon(it.name.clone())));
    let mut res = Ledger::default();
    res.refresh(graph, &units.into_iter().collect::<Vec<_>>(), now);
    res
}
