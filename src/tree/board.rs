//! How every ServiceAccount and namespace stands and what each cause affects, kept up as units are judged.
//!
//! Costs as much as changed, so that headers and roll-ups are right at any size without being counted again.

use crate::{
    check::{Finding, Ledger, PodCounts, Told},
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text, Timestamp},
    identity::Mechanism,
    tree::{
        Reach,
        reaches::Reaches,
        standing::{Standing, Tally, rank},
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Default)]
pub struct Board {
    identities: HashMap<SaKey, Summary>,
    namespaces: BTreeMap<Text, Tally>,
    total: Tally,
    node_role: u32,
    affects: HashMap<Cause, Affected>,
    reaches: Reaches,
}

/// One ServiceAccount, as its row says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub standing: Standing,
    /// The code of the finding that decides the standing.
    pub code: Option<&'static str>,
    pub mechanism: Mechanism,
    pub counts: PodCounts,
    causes: Vec<Cause>,
}

/// One fault at one place: what the findings are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    pub code: &'static str,
    /// The role where the finding speaks of one, the ServiceAccount of a pod, else the node it hangs at.
    pub of: Ref,
}

#[derive(Default)]
struct Affected {
    identities: BTreeSet<SaKey>,
    /// Pods of those.
    pods: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affects {
    pub identities: u32,
    /// Pods of those.
    pub pods: u32,
}

impl Cause {
    pub fn new(graph: &Graph, finding: &Finding) -> Cause {
        let at = &finding.subject.at;
        let of = match at {
            Ref::Pod { namespace, name } => match graph.pod(namespace, name) {
                Some(pod) => Ref::ServiceAccount(pod.service_account()),
                None => at.clone(),
            },
            Ref::ServiceAccount(_) => match &finding.subject.arn {
                // Only a role that is there can be the common cause; a wrong ARN is each account's own.
                Some(arn) if graph.role(arn).is_known() => Ref::Role(arn.clone()),
                Some(_) | None => at.clone(),
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
            | Ref::Nodegroup(_) => at.clone(),
        };
        Cause { code: finding.code, of }
    }
}

impl Board {
    pub fn identity(&self, key: &SaKey) -> Option<&Summary> {
        self.identities.get(key)
    }

    /// Those judged so far, of one namespace.
    pub fn namespace(&self, name: &str) -> Tally {
        self.namespaces.get(name).copied().unwrap_or_default()
    }

    /// Those with some ServiceAccount judged so far, sorted.
    pub fn namespaces(&self) -> impl Iterator<Item = &Text> {
        self.namespaces.keys()
    }

    pub fn total(&self) -> &Tally {
        &self.total
    }

    /// Pods of which some container ends with the node role.
    pub fn node_role_pods(&self) -> u32 {
        self.node_role
    }

    pub fn affects(&self, cause: &Cause) -> Affects {
        self.affects.get(cause).map_or(Affects::default(), |it| Affects {
            identities: u32::try_from(it.identities.len()).unwrap_or(u32::MAX),
            pods: it.pods,
        })
    }

    /// Whom a role lets in; `None` while nobody has looked, or the role was not read.
    pub fn reach(&self, role: &Arn) -> Option<&Reach> {
        self.reaches.get(role)
    }

    /// Notes which roles have to be looked at again because of these units.
    pub fn expect_roles(&mut self, graph: &Graph, units: &[Ref]) {
        self.reaches.expect(graph, units);
    }

    pub fn n_roles_waiting(&self) -> usize {
        self.reaches.n_waiting()
    }

    /// Looks at roles again, asking up to about `n` questions.
    pub fn renew_roles(&mut self, graph: &Graph, n: usize, now: Timestamp) {
        self.reaches.work(graph, n, now);
    }

    /// The ServiceAccounts that a cause affects, sorted.
    pub fn affected(&self, cause: &Cause) -> impl Iterator<Item = &SaKey> {
        self.affects.get(cause).into_iter().flat_map(|it| &it.identities)
    }

    /// Sums these up again, and forgets those that nothing names any more.
    pub fn renew(&mut self, graph: &Graph, ledger: &Ledger, keys: Vec<SaKey>, now: Timestamp) {
        for key in keys {
            let new = summarise(graph, ledger, &key);
            if new.as_ref() == self.identities.get(&key) {
                continue;
            }
            let was_there = self.forget(&key);
            match new {
                Some(summary) => {
                    if !was_there {
                        self.reaches.admit(graph, &key, now);
                    }
                    self.remember(key, summary);
                }
                None if was_there => self.reaches.dismiss(graph, &key),
                None => {}
            }
        }
    }

    /// Whether there was something to forget.
    fn forget(&mut self, key: &SaKey) -> bool {
        let Some(old) = self.identities.remove(key) else { return false };
        self.total.take(old.standing);
        self.node_role -= old.counts.node_role;
        if let Some(it) = self.namespaces.get_mut(&key.namespace) {
            it.take(old.standing);
            if it.total() == 0 {
                self.namespaces.remove(&key.namespace);
            }
        }
        for cause in old.causes {
            if let Some(it) = self.affects.get_mut(&cause) {
                it.identities.remove(key);
                it.pods -= old.counts.total;
                if it.identities.is_empty() {
                    self.affects.remove(&cause);
                }
            }
        }
        true
    }

    fn remember(&mut self, key: SaKey, new: Summary) {
        self.total.add(new.standing);
        self.node_role += new.counts.node_role;
        self.namespaces.entry(key.namespace.clone()).or_default().add(new.standing);
        for cause in &new.causes {
            let it = self.affects.entry(cause.clone()).or_default();
            it.identities.insert(key.clone());
            it.pods += new.counts.total;
        }
        self.identities.insert(key, new);
    }
}

/// `None` when nothing of that name exists or is named any more. Costs the same however many pods it has.
fn summarise(graph: &Graph, ledger: &Ledger, key: &SaKey) -> Option<Summary> {
    let identity = ledger.identity(key)?;
    let around = ledger.findings_around(graph, key);
    let own = Ref::ServiceAccount(key.clone());
    // As `Cause::new` has it of what hangs at a pod.
    let of_pods = ledger.told_of_pods(key);
    let of_pods = of_pods.map(|it| (it, Cause { code: it.code, of: own.clone() }));
    let around = around.into_iter().map(|it| (Told::of(it), Cause::new(graph, it)));
    let all: Vec<(Told, Cause)> = around.chain(of_pods).collect();

    let printed = identity.verdict.signature();
    let telling = all.iter().filter_map(|(it, _)| Some((Standing::of_severity(it.severity)?, it)));
    let found = telling.min_by_key(|(_, it)| rank(**it, printed));
    let base = Standing::of_verdict(&identity.verdict);
    let (standing, code) = match found {
        Some((it, told)) if it <= base => (it, Some(told.code)),
        Some(_) | None => (base, None),
    };
    let mut causes: Vec<Cause> = all.into_iter().map(|(_, it)| it).collect();
    causes.sort_unstable();
    causes.dedup();
    let counts = ledger.counts(key);
    Some(Summary { standing, code, mechanism: identity.mechanism, counts, causes })
}
