//! What is counted of the pods of one ServiceAccount.

use crate::{
    check::{
        ContainerLine, Finding, Severity,
        expect::{self, Siblings},
        injection,
    },
    fact::{ContainerKind, Pod, ServiceAccount},
    graph::Graph,
    ident::Text,
    identity::{Carried, Signature, chain::Provider},
};
use std::{collections::BTreeMap, sync::Arc};

/// A finding without its words: what lists read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub code: &'static str,
    pub severity: Severity,
    pub signature: Option<Signature>,
}

impl Told {
    pub fn of(finding: &Finding) -> Told {
        let Finding { code, severity, signature, .. } = finding;
        Told { code, severity: *severity, signature: *signature }
    }
}

/// What one pod adds to the counts of its ServiceAccount.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) injected: bool,
    pub(crate) stale: bool,
    pub(crate) node_role: bool,
    pub(crate) fixed: bool,
    pub(crate) hints: bool,
    pub(crate) carrying: bool,
    pub(crate) by_hand: bool,
    pub(crate) node_agent: bool,
    pub(crate) annotated: bool,
    pub(crate) bare: bool,
    pub(crate) deleting: bool,
    /// It declares an identity, and a selector of the webhook leaves it out.
    pub(crate) left_out: bool,
    /// The webhook injected into it since its configuration last changed.
    pub(crate) proof: bool,
    pub(crate) node: Option<Text>,
    /// Its rules found what makes it degraded, here or elsewhere.
    pub(crate) troubled: bool,
    /// What they found at the pod itself.
    pub(crate) told: Box<[Told]>,
}

#[derive(Clone, Default)]
pub(crate) struct Tally {
    pub(crate) siblings: Siblings,
    /// Pods that are going away.
    pub(crate) deleting: u32,
    pub(crate) troubled: u32,
    /// How many of the pods run on which node.
    pub(crate) nodes: BTreeMap<Text, u32>,
    /// What the containers of the pod that was weighed last come to: those of the next are mostly like them.
    last: Arc<[ContainerLine]>,
    /// What is told of the pods themselves, with how often.
    pub(crate) told: BTreeMap<Told, u32>,
}

impl Tally {
    /// `lines`, in the memory of the last pod's where they are the same.
    pub fn shared(&mut self, lines: Vec<ContainerLine>) -> Arc<[ContainerLine]> {
        if *self.last != *lines {
            self.last = lines.into();
        }
        Arc::clone(&self.last)
    }

    pub fn count(&mut self, marks: &Marks, add: bool) {
        let change = |n: &mut u32, counts: bool| {
            *n = if add { *n + u32::from(counts) } else { *n - u32::from(counts) };
        };
        let Siblings { counts, hints, carrying, by_hand, node_agents, annotated, bare } =
            &mut self.siblings;
        change(&mut counts.total, true);
        change(&mut counts.injected, marks.injected);
        change(&mut counts.stale, marks.stale);
        change(&mut counts.node_role, marks.node_role);
        change(&mut counts.fixed, marks.fixed);
        change(hints, marks.hints);
        change(carrying, marks.carrying);
        change(by_hand, marks.by_hand);
        change(node_agents, marks.node_agent);
        change(annotated, marks.annotated);
        change(bare, marks.bare);
        change(&mut self.deleting, marks.deleting);
        change(&mut self.troubled, marks.troubled);
        if let Some(node) = &marks.node {
            let on_node = self.nodes.entry(node.clone()).or_default();
            change(on_node, true);
            if *on_node == 0 {
                self.nodes.remove(node);
            }
        }
        for it in &marks.told {
            let n = self.told.entry(*it).or_default();
            change(n, true);
            if *n == 0 {
                self.told.remove(it);
            }
        }
    }

    /// What rules of the ServiceAccount may look at: only whether there are any.
    pub fn shape(&self) -> [bool; 11] {
        let Siblings { counts, hints, carrying, by_hand, node_agents, annotated, bare } =
            self.siblings;
        [
            0 < counts.total,
            0 < counts.injected,
            0 < counts.stale,
            0 < counts.node_role,
            0 < counts.fixed,
            0 < hints,
            0 < carrying,
            0 < by_hand,
            0 < annotated,
            0 < bare,
            node_agents == counts.total,
        ]
    }
}

impl Marks {
    pub fn of(graph: &Graph, pod: &Pod, declared: &Carried, lines: &[ContainerLine]) -> Marks {
        let admitted = || {
            let both = lines.iter().zip(&pod.spec.containers);
            both.filter(|(_, it)| it.kind != ContainerKind::Ephemeral).map(|(line, _)| line)
        };
        let carries = || admitted().any(|it| it.effective != Carried::None);
        let injected = injection::has_injected(graph, pod, lines);
        let ends_with = |wanted: &Provider| admitted().any(|it| it.chain.provider == *wanted);
        Marks {
            injected: *declared != Carried::None && admitted().any(|it| it.effective == *declared),
            stale: admitted().any(|it| {
                it.effective != Carried::None
                    && it.effective != *declared
                    && it.effective.is_known()
            }),
            node_role: ends_with(&Provider::NodeRole),
            fixed: ends_with(&Provider::Static),
            // Who made it is the costliest of the questions.
            hints: admitted().all(|it| it.effective == Carried::None)
                && expect::uses_sdk(&pod.spec)
                && graph.root_owner(pod).is_none(),
            carrying: injected,
            by_hand: carries() && !injected,
            node_agent: expect::is_node_agent(&pod.name, &pod.namespace),
            annotated: pod.owner.is_none()
                && pod.spec.annotation(ServiceAccount::ROLE_ARN).is_some(),
            bare: pod.owner.is_none()
                && !pod.mirror
                && !expect::is_node_agent(&pod.name, &pod.namespace),
            deleting: pod.deleting,
            left_out: injection::leaves_out(graph, pod, declared),
            proof: injection::proves(graph, pod, lines),
            node: pod.node.clone(),
            troubled: false,
            told: Box::default(),
        }
    }
}
