//! Verdicts and findings beside the graph, kept by unit and renewed only where something changed.
//!
//! What is true of all pods of a ServiceAccount is counted, so that one changed pod costs the same whether its
//! ServiceAccount has three pods or a hundred thousand.

mod agenda;
mod judging;
mod store;
mod tally;
mod weighing;

use crate::{
    check::{
        ContainerLine, Context, Finding, Health, Severity, Shown,
        injection::Injection,
        judge::{self, Declaration},
        overview::Overview,
    },
    fact::Knowledge,
    graph::{Affected, Graph, Wide},
    ident::{Arn, Ref, SaKey, Text, Timestamp},
    identity::{Judged, Mechanism, Verdict},
};
use agenda::Agenda;
use judging::{Entry, PodEntry};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use store::Store;
use tally::Tally;
pub use tally::Told;

/// Everything derived, by unit. Holds no facts.
#[derive(Clone, Default)]
pub struct Ledger {
    identities: HashMap<SaKey, Entry>,
    /// By namespace and name.
    pods: HashMap<Text, HashMap<Text, PodEntry>>,
    tallies: HashMap<SaKey, Tally>,
    findings: Store,
    overview: Overview,
    injection: Injection,
    agenda: Agenda,
    /// When what was said of a unit ceases to be true by itself.
    lapses: HashMap<Ref, Timestamp>,
}

/// One ServiceAccount judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    pub key: SaKey,
    /// Whether the ServiceAccount exists; `None` when nobody may say.
    pub exists: Option<bool>,
    pub mechanism: Mechanism,
    pub role_arn: Option<Arn>,
    pub target_role_arn: Option<Arn>,
    pub association: Option<Text>,
    pub verdict: Verdict,
    pub because: String,
    /// The chain behind the verdict; with both mechanisms the association's.
    pub judged: Option<Arc<Judged>>,
    /// With both mechanisms: the annotation's.
    pub shadowed: Option<Arc<Judged>>,
}

/// What a portion of judging came to.
#[derive(Clone, Debug, Default)]
pub struct Worked {
    /// The units that are not of one ServiceAccount alone.
    pub units: Vec<Ref>,
    /// ServiceAccounts that were judged themselves.
    pub judged: BTreeSet<SaKey>,
    /// Others of which something is told that was not before.
    pub concerned: BTreeSet<SaKey>,
    /// Those whose pods are all judged.
    pub finished: Vec<SaKey>,
    /// As `concerned`, where they are many.
    pub wide: BTreeSet<Wide>,
}

/// Pods of one ServiceAccount that have not run to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    pub total: u32,
    /// At least one container carries the declared identity.
    pub injected: u32,
    /// Some container's injected identity differs from the declared one.
    pub stale: u32,
    /// Some container ends with the node role.
    pub node_role: u32,
    /// Some container ends with static keys.
    pub fixed: u32,
}

impl Worked {
    /// Adds the ServiceAccounts that findings at this place are told of.
    fn concern(&mut self, graph: &Graph, place: &Ref) {
        match place {
            Ref::Cluster => drop(self.wide.insert(Wide::Everything)),
            Ref::Provider(it) => self.wide.extend(it.account().map(Wide::RolesOf)),
            Ref::Role(it) => drop(self.wide.insert(Wide::UsersOf(it.clone()))),
            Ref::Node(it) => self.concerned.extend(graph.accounts_on(it)),
            Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Association(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => self.concerned.extend(graph.account_of(place)),
        }
    }
}

impl Ledger {
    /// Judges the given units again and whatever that leads to, and forgets those that are gone.
    pub fn refresh(&mut self, graph: &Graph, units: &[Ref], now: Timestamp) {
        units.iter().for_each(|it| self.agenda.push(it.clone()));
        while 0 < self.n_waiting() {
            self.work(graph, usize::MAX, now);
        }
    }

    /// Puts what a change concerns on the agenda.
    pub fn expect(&mut self, graph: &Graph, affected: Affected) {
        self.agenda.push_all(graph, affected);
    }

    /// What is on the agenda.
    pub fn n_waiting(&self) -> usize {
        self.agenda.len()
    }

    /// Whether the pods of a ServiceAccount are just being judged.
    pub fn is_crowded(&self, key: &SaKey) -> bool {
        self.agenda.has_crowd(key)
    }

    /// Judges about as many units as `n` of what is on the agenda. What they lead to goes there as well, so that a
    /// portion takes as long as it is large, whatever it is about.
    pub fn work(&mut self, graph: &Graph, n: usize, now: Timestamp) -> Worked {
        let cx = Context { graph, now };
        let shown = self.injection.shown();
        let mut portion = self.agenda.take(graph, n);
        let mut identities = BTreeSet::new();
        let mut others = BTreeSet::new();
        let mut gone = Vec::new();
        for unit in portion.units {
            match unit {
                Ref::ServiceAccount(it) => {
                    identities.insert(it);
                }
                Ref::Pod { namespace, name } => match graph.pod(&namespace, &name) {
                    Some(it) => {
                        portion.weigh.push(it);
                        portion.judge.push(it);
                    }
                    None => gone.push((namespace, name)),
                },
                Ref::Cluster
                | Ref::Namespace(_)
                | Ref::Workload { .. }
                | Ref::Node(_)
                | Ref::Webhook(_)
                | Ref::Budget { .. }
                | Ref::ConfigMap { .. }
                | Ref::Secret { .. }
                | Ref::Association(_)
                | Ref::Role(_)
                | Ref::Provider(_)
                | Ref::Addon(_)
                | Ref::Nodegroup(_) => {
                    others.insert(unit);
                }
            }
        }
        if others.iter().any(judging::concerns_overview) {
            self.look_over(cx);
        }
        let mut concerned = BTreeSet::new();
        let held = portion.weigh.iter().map(|it| (&it.namespace, &it.name, Some(*it)));
        for (namespace, name, pod) in held.chain(gone.iter().map(|(a, b)| (a, b, None))) {
            identities.extend(self.weigh_pod(graph, (namespace, name), pod, &mut concerned));
        }
        for key in &identities {
            let again = self.judge_identity(cx, key);
            if let Some(stage) = again.filter(|_| !portion.whole.contains(key)) {
                self.agenda.push_crowd(graph, key, stage, false);
            }
        }
        for unit in &others {
            self.weigh_workload(graph, unit);
        }
        if self.injection.shown() != shown {
            others.insert(Ref::Cluster);
            if self.injection.answers() != shown.answers {
                self.expect_all_pods(graph);
            }
        }
        self.judge_pods(cx, &portion.judge);
        for unit in &others {
            self.judge_unit(cx, unit);
        }
        let units = others.into_iter().collect();
        let mut res = Worked {
            units,
            judged: identities,
            concerned,
            finished: portion.finished,
            wide: BTreeSet::new(),
        };
        for place in self.findings.take_moved() {
            res.concern(graph, &place);
        }
        // Who is judged after it is summed up after it.
        res.wide.retain(|it| !portion.begun.contains(it) && !self.agenda.is_ahead(it));
        res
    }

    /// The units to judge again because time has passed.
    pub fn lapsed(&self, now: Timestamp) -> Vec<Ref> {
        let lapsed = self.lapses.iter().filter(|(_, at)| **at <= now);
        lapsed.map(|(unit, _)| unit.clone()).collect()
    }

    /// All findings, unsorted, one a unit and fault; `roll_up` makes siblings one.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.all()
    }

    /// What pods and templates show of the pod identity webhook.
    pub fn shown(&self) -> Shown {
        self.injection.shown()
    }

    /// Findings hung at this unit itself.
    pub fn findings_at(&self, unit: &Ref) -> &[Finding] {
        self.findings.at(unit)
    }

    pub fn identity(&self, key: &SaKey) -> Option<&Identity> {
        self.identities.get(key).map(|it| &it.identity)
    }

    pub fn counts(&self, key: &SaKey) -> PodCounts {
        self.tallies.get(key).map(|it| it.siblings.counts).unwrap_or_default()
    }

    /// One line a container, in the pod's order; `None` for a pod that is not there or has run to its end.
    pub fn containers(&self, namespace: &str, pod: &str) -> Option<&[ContainerLine]> {
        self.pods.get(namespace)?.get(pod).map(|it| &*it.lines)
    }

    /// All findings that affect the ServiceAccount: its own, its pods', workloads', association's, role's, provider's
    /// and the cluster's.
    pub fn findings_of_identity(&self, graph: &Graph, key: &SaKey) -> Vec<&Finding> {
        let mut res = self.findings_around(graph, key);
        let Some(told) = self.findings.pods_in(&key.namespace) else { return res };
        let at = |name: &Text| Ref::Pod { namespace: key.namespace.clone(), name: name.clone() };
        // Whichever are fewer: the pods of the ServiceAccount, or those of the namespace that have findings.
        if told.len() < graph.n_members(key) {
            let is_its = |name: &&Text| {
                let pod = graph.pod(&key.namespace, name);
                pod.is_some_and(|it| it.service_account() == *key)
            };
            let its = told.iter().filter(is_its);
            res.extend(its.flat_map(|it| self.findings.at(&at(it))));
        } else {
            let its = graph.pods_of(key).filter(|it| told.contains(&it.name));
            res.extend(its.flat_map(|it| self.findings.at(&at(&it.name))));
        }
        res
    }

    /// What is told of its pods themselves, each once, however many there are.
    pub fn told_of_pods(&self, key: &SaKey) -> impl Iterator<Item = Told> {
        self.tallies.get(key).into_iter().flat_map(|it| it.told.keys().copied())
    }

    pub fn health(&self, graph: &Graph, key: &SaKey) -> Health {
        let Some(entry) = self.identities.get(key) else { return Health::Unknown };
        let identity = &entry.identity;
        if identity.exists == Some(false) || self.role_is_absent(graph, entry) {
            return Health::Missing;
        }
        let tally = self.tallies.get(key);
        let troubled = tally.is_some_and(|it| 0 < it.troubled)
            || matches!(identity.verdict, Verdict::Deny(_))
            || self.findings_around(graph, key).iter().any(|it| is_trouble(it.severity));
        if troubled {
            return Health::Degraded;
        }
        match identity.verdict {
            Verdict::Unknown(_) => return Health::Unknown,
            Verdict::None | Verdict::Allow | Verdict::Deny(_) => {}
        }
        // Pods without the identity and without a finding are on their way out.
        let leaving = tally.is_some_and(|it| {
            let counts = it.siblings.counts;
            0 < it.deleting && (counts.injected < counts.total || 0 < counts.stale)
        });
        if identity.mechanism != Mechanism::None && leaving {
            Health::Progressing
        } else {
            Health::Healthy
        }
    }

    /// As `findings_of_identity` without the pods' own: costs the same however many there are.
    pub fn findings_around(&self, graph: &Graph, key: &SaKey) -> Vec<&Finding> {
        let mut units = vec![Ref::ServiceAccount(key.clone())];
        units.extend(graph.workloads_of(key).map(|it| Ref::Workload {
            kind: it.kind,
            namespace: it.namespace.clone(),
            name: it.name.clone(),
        }));
        let declaration = Declaration::of(graph, key);
        let mechanism = declaration.mechanism();
        let mut roles = BTreeSet::new();
        if let Knowledge::Known(it) = &declaration.association {
            units.push(Ref::Association(it.id.clone()));
            if let Some(it) = it.detail.as_ref().known() {
                roles.insert(it.role_arn.clone());
                roles.extend(it.target_role_arn.clone());
            }
        }
        if let Some(it) = declaration.annotation {
            let role = Arn::new(it.clone());
            if let (Some(account), Some(issuer)) = (role.account(), graph.issuer().known()) {
                let partition = role.partition().expect("an ARN with an account has a partition");
                units.push(Ref::Provider(issuer.provider_arn(&partition, &account)));
            }
            roles.insert(role);
        }
        units.extend(roles.into_iter().map(Ref::Role));
        if let Some(tally) = self.tallies.get(key) {
            units.extend(self.findings.nodes_among(&tally.nodes));
        }
        let mut res: Vec<_> = units.iter().flat_map(|it| self.findings.at(it)).collect();
        let global = self.findings.at(&Ref::Cluster).iter();
        let unknown = matches!(self.identity(key).map(|it| &it.verdict), Some(Verdict::Unknown(_)));
        if mechanism != Mechanism::None {
            res.extend(global.filter(|it| unknown || !it.code.starts_with("TOOL-")));
        }
        res.retain(|it| concerns(it.code, mechanism));
        res
    }

    fn role_is_absent(&self, graph: &Graph, entry: &Entry) -> bool {
        let identity = &entry.identity;
        // What is no role's ARN names none that could be missing.
        let absent =
            |it: &Arn| it.is_iam_role() && judge::settled_role(graph, it) == Knowledge::Absent;
        identity.verdict != Verdict::None
            && (identity.role_arn.as_ref().is_some_and(absent)
                || identity.target_role_arn.as_ref().is_some_and(absent))
    }
}

/// Blocker, wrong-id and degraded make a ServiceAccount degraded; what is unsafe or untidy does not.
pub(crate) fn is_trouble(severity: Severity) -> bool {
    match severity {
        Severity::Blocker | Severity::WrongId | Severity::Degraded => true,
        Severity::SecHigh
        | Severity::SecMed
        | Severity::SecLow
        | Severity::Hygiene
        | Severity::Unknown => false,
    }
}

/// Whether findings of this kind can affect ServiceAccounts of this mechanism at all.
fn concerns(code: &str, mechanism: Mechanism) -> bool {
    let web_identity = matches!(mechanism, Mechanism::Irsa | Mechanism::Both);
    let pod_identity = matches!(mechanism, Mechanism::PodIdentity | Mechanism::Both);
    if code.starts_with("PI-AGENT-") || code.starts_with("PI-VER-") || code == "TOOL-PERM-03" {
        pod_identity
    } else if code.starts_with("OIDC-") || code == "TOOL-PERM-02" {
        web_identity
    } else {
        true
    }
}
