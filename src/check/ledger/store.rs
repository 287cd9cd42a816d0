//! Findings by the unit that they hang at, and by the unit whose rules made them.

use crate::{
    check::{Finding, Subject, ledger::tally::Told},
    ident::{Ref, Text},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Clone, Default)]
pub(crate) struct Store {
    hung: HashMap<Ref, Hung>,
    /// Where else the findings of a unit's rules hang than at the unit itself, without duplicates. Few do.
    elsewhere: HashMap<Ref, Vec<Ref>>,
    /// Pods that findings hang at, by namespace.
    pods: HashMap<Text, BTreeSet<Text>>,
    /// Nodes that findings hang at.
    nodes: BTreeSet<Text>,
    /// Where something else is told than before, since somebody last asked.
    moved: BTreeSet<Ref>,
}

#[derive(Clone, Default)]
struct Hung {
    findings: Vec<Finding>,
    /// Whose rules made each, in step with `findings`.
    by: Vec<Ref>,
}

/// What roll-ups read of a finding.
type ToldOf<'a> = (Told, &'a Subject);

impl Store {
    /// Replaces all that `unit`'s rules made before.
    pub fn put(&mut self, unit: &Ref, found: Vec<Finding>) {
        let elsewhere = match self.elsewhere.is_empty() {
            true => None,
            false => self.elsewhere.get(unit),
        };
        let places = || std::iter::once(unit).chain(elsewhere.into_iter().flatten());
        let old: Vec<&Finding> = places().flat_map(|it| self.made_at(it, unit)).collect();
        let in_order = places().flat_map(|at| found.iter().filter(move |it| it.subject.at == *at));
        if old.len() == found.len() && old.iter().copied().eq(in_order) {
            return;
        }
        let mut moved: Vec<Ref> = Vec::new();
        let new: BTreeSet<&Ref> = found.iter().map(|it| &it.subject.at).collect();
        let all: BTreeSet<&Ref> = places().chain(new).collect();
        for at in all {
            let new = found.iter().filter(|it| it.subject.at == *at).map(told);
            if !self.made_at(at, unit).map(told).eq(new) {
                moved.push(at.clone());
            }
        }
        self.moved.extend(moved);
        self.take_down(unit);
        let mut elsewhere: Vec<Ref> = Vec::new();
        for finding in found {
            let at = finding.subject.at.clone();
            if at != *unit && elsewhere.last() != Some(&at) && !elsewhere.contains(&at) {
                elsewhere.push(at.clone());
            }
            match &at {
                Ref::Pod { namespace, name } => {
                    self.pods.entry(namespace.clone()).or_default().insert(name.clone());
                }
                Ref::Node(name) => drop(self.nodes.insert(name.clone())),
                Ref::Cluster
                | Ref::Namespace(_)
                | Ref::ServiceAccount(_)
                | Ref::Workload { .. }
                | Ref::Webhook(_)
                | Ref::Budget { .. }
                | Ref::ConfigMap { .. }
                | Ref::Secret { .. }
                | Ref::Association(_)
                | Ref::Role(_)
                | Ref::Provider(_)
                | Ref::Addon(_)
                | Ref::Nodegroup(_) => {}
            }
            let hung = self.hung.entry(at).or_default();
            hung.findings.push(finding);
            hung.by.push(unit.clone());
        }
        if !elsewhere.is_empty() {
            self.elsewhere.insert(unit.clone(), elsewhere);
        }
    }

    pub fn forget(&mut self, unit: &Ref) {
        self.put(unit, Vec::new());
    }

    fn take_down(&mut self, unit: &Ref) {
        let elsewhere = self.elsewhere.remove(unit).unwrap_or_default();
        for place in std::iter::once(unit.clone()).chain(elsewhere) {
            let Some(hung) = self.hung.get_mut(&place) else { continue };
            let mut keep = hung.by.iter().map(|it| it != unit);
            hung.findings.retain(|_| keep.next().unwrap_or(true));
            hung.by.retain(|it| it != unit);
            if !hung.findings.is_empty() {
                continue;
            }
            self.hung.remove(&place);
            if let Ref::Pod { namespace, name } = &place
                && let Some(names) = self.pods.get_mut(namespace)
            {
                names.remove(name);
            }
            if let Ref::Node(name) = &place {
                self.nodes.remove(name);
            }
        }
    }

    /// The places at which something else is told since this was last asked.
    pub fn take_moved(&mut self) -> BTreeSet<Ref> {
        std::mem::take(&mut self.moved)
    }

    pub fn all(&self) -> impl Iterator<Item = &Finding> {
        self.hung.values().flat_map(|it| &it.findings)
    }

    pub fn at(&self, unit: &Ref) -> &[Finding] {
        self.hung.get(unit).map_or(&[], |it| &it.findings)
    }

    /// The pods of a namespace that findings hang at.
    pub fn pods_in(&self, namespace: &str) -> Option<&BTreeSet<Text>> {
        self.pods.get(namespace)
    }

    /// Those of the nodes that findings hang at, sorted.
    pub fn nodes_among(&self, nodes: &BTreeMap<Text, u32>) -> Vec<Ref> {
        // Whichever are fewer.
        let names: Vec<&Text> = if self.nodes.len() < nodes.len() {
            self.nodes.iter().filter(|it| nodes.contains_key(*it)).collect()
        } else {
            nodes.keys().filter(|it| self.nodes.contains(*it)).collect()
        };
        names.into_iter().cloned().map(Ref::Node).collect()
    }

    fn made_at<'a>(&'a self, place: &Ref, unit: &Ref) -> impl Iterator<Item = &'a Finding> {
        let hung = self.hung.get(place);
        let both = hung.into_iter().flat_map(|it| it.findings.iter().zip(&it.by));
        both.filter(move |(_, by)| *by == unit).map(|(it, _)| it)
    }
}

fn told(finding: &Finding) -> ToldOf<'_> {
    (Told::of(finding), &finding.subject)
}
