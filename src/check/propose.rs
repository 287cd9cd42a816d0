//! From findings to one plan: each finding's best repair, judged anew after every step of it.
//!
//! A repair may heal several findings, and two repairs may touch one document; so the next one is always made from the
//! world as it would be then.

use crate::{
    check::{After, Context, Finding, Fix, Ledger, Severity, judge, restarts, roll_up},
    fact::Knowledge,
    graph::Graph,
    ident::{Arn, Ref, SaKey, Text, Timestamp},
    plan::{self, Because, Edit, Plan, Refusal},
};
use std::collections::BTreeSet;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only findings of this code.
    pub code: Option<Text>,
    /// On these nodes and what their identity depends on; empty: everywhere.
    pub targets: Vec<Ref>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// `None` when nothing is left that we may write; `Err` when it may not be planned.
    pub plan: Option<Result<Plan, Refusal>>,
    /// What a person has to do: the finding's code and the repair.
    pub left: Vec<(&'static str, Fix)>,
    /// The findings that it was made for, worst first.
    pub findings: Vec<Finding>,
}

const RESTART: &str = "FX-RESTART";

/// The cluster was made again.
const RECREATED: &str = "OIDC-04";

/// More findings than this are not repaired by one plan; nobody could read it.
const MOST: usize = 200;

/// A repair uncovers what it stood before: an annotation that is mended leads to a trust policy that is wrong as well. More
/// layers than these there are not.
const LAYERS: usize = 4;

/// Makes one plan of the best repairs.
pub fn propose(graph: &Graph, ledger: &Ledger, wanted: &Wanted, now: Timestamp) -> Proposal {
    let mut findings: Vec<Finding> = asked_for(graph, ledger, wanted);
    findings.sort_by(worst_first);
    findings.truncate(MOST);
    let world = World { graph: graph.clone(), now, is_changed: false };
    let mut draft =
        Draft { world, edits: Vec::new(), left: Vec::new(), titles: Vec::new(), id: None };
    findings.iter().for_each(|it| draft.repair(it));
    // Whoever asks for a code is not to get another repair.
    if wanted.code.is_none() {
        let keys = keys_of(graph, wanted);
        for _layer in 0..LAYERS {
            let mut found = draft.world.uncovered(&keys, &findings);
            if found.is_empty() {
                break;
            }
            found.sort_by(worst_first);
            found.iter().for_each(|it| draft.repair(it));
            findings.extend(found);
        }
    }
    let Draft { edits, left, mut titles, id, .. } = draft;
    let because = Because {
        code: single(findings.iter().map(|it| it.code)).map(Into::into),
        subject: match wanted.targets.as_slice() {
            [one] => one.to_string().into(),
            [] => "cluster".into(),
            many => format!("{} targets", many.len()).into(),
        },
    };
    let title = match titles.len() {
        0 | 1 => titles.pop().unwrap_or_default(),
        n => format!("{} and {} more", titles.swap_remove(0), n - 1),
    };
    let edits = with_restarts(graph, joined(edits), now);
    let plan = (!edits.is_empty())
        .then(|| plan::build(graph, id.unwrap_or("FX-NONE"), title, because, edits));
    Proposal { plan, left, findings }
}

fn worst_first(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    let key = |it: &Finding| (it.severity, it.code, it.subject.at.clone());
    key(a).cmp(&key(b))
}

/// A plan as far as it is made.
struct Draft {
    world: World,
    edits: Vec<Edit>,
    left: Vec<(&'static str, Fix)>,
    titles: Vec<String>,
    /// Of the repair that came first.
    id: Option<&'static str>,
}

impl Draft {
    /// Adds what repairs the finding, as it would be by then.
    fn repair(&mut self, finding: &Finding) {
        let mut next = self.world.again(finding);
        while let Some(present) = next {
            next = None;
            let Some(fix) = automatic(&present) else {
                self.left.extend(present.fixes.into_iter().next().map(|it| (finding.code, it)));
                continue;
            };
            let all: Vec<&Edit> = match finding.code {
                // The provider and every role: none of them repairs anything alone.
                RECREATED => present.fixes.iter().flat_map(|it| &it.edits).collect(),
                _code => fix.edits.iter().chain(restart(&present, fix)).collect(),
            };
            let new: Vec<Edit> =
                all.into_iter().filter(|it| !self.edits.contains(it)).cloned().collect();
            self.world.make(&new);
            if !new.is_empty() {
                self.titles.push(fix.title.clone());
                if finding.code == RECREATED {
                    self.titles.extend(present.fixes.iter().skip(1).map(|it| it.title.clone()));
                }
                self.id.get_or_insert(fix.id);
                // What is wrong with a provider may take several: itself, and every role that trusts another one.
                if let Ref::Provider(_) = finding.subject.at {
                    next = self.world.again(finding);
                }
            }
            self.edits.extend(new);
        }
    }
}

fn keys_of(graph: &Graph, wanted: &Wanted) -> BTreeSet<SaKey> {
    wanted.targets.iter().filter_map(|it| graph.account_of(it)).collect()
}

/// The findings on the targets, siblings once.
fn asked_for(graph: &Graph, ledger: &Ledger, wanted: &Wanted) -> Vec<Finding> {
    let keys = keys_of(graph, wanted);
    let of_keys: Vec<&Finding> =
        keys.iter().flat_map(|it| ledger.findings_of_identity(graph, it)).collect();
    roll_up(graph, ledger)
        .into_iter()
        .map(|it| it.finding)
        .filter(|it| wanted.code.as_deref().is_none_or(|code| code == it.code))
        // Hygiene is repaired when it is asked for by its code.
        .filter(|it| wanted.code.is_some() || it.severity < Severity::Hygiene)
        .filter(|it| {
            wanted.targets.is_empty()
                || wanted.targets.contains(&it.subject.at)
                || wanted.targets.contains(&Ref::Cluster) && is_of_cluster(&it.subject.at)
                // Who repairs an identity narrows no role beside it, unless that is asked for.
                || (wanted.code.is_some() || it.severity <= Severity::Degraded)
                    && of_keys
                        .iter()
                        .any(|other| other.code == it.code && other.subject.at == it.subject.at)
        })
        .cloned()
        .collect()
}

/// Providers are whole clusters'.
fn is_of_cluster(at: &Ref) -> bool {
    matches!(at, Ref::Provider(_))
}

/// The first repair that we may write. A restart is one only where it is the repair itself: beside another one it brings
/// nothing to pods before that is made.
fn automatic(finding: &Finding) -> Option<&Fix> {
    let mut fixes = finding.fixes.iter().enumerate();
    let is_it = |(at, it): &(usize, &Fix)| !it.edits.is_empty() && (*at == 0 || it.id != RESTART);
    fixes.find(is_it).map(|(_, it)| it)
}

/// A pod keeps what it was born with: what is found on it is gone only after the restart that is offered beside `fix`.
fn restart<'f>(finding: &'f Finding, fix: &Fix) -> impl Iterator<Item = &'f Edit> {
    let is_of_pod = matches!(finding.subject.at, Ref::Pod { .. });
    let is_wanted = is_of_pod && fix.restart_needed && fix.id != RESTART;
    let others = finding.fixes.iter().filter(move |it| is_wanted && it.id == RESTART);
    others.flat_map(|it| &it.edits)
}

/// What runs keeps what it has until it is made again; where new pods would be granted what the edits give, that is the
/// rest of the repair.
fn with_restarts(graph: &Graph, mut edits: Vec<Edit>, now: Timestamp) -> Vec<Edit> {
    if edits.iter().any(Edit::needs_restart) {
        let blast = After::of(graph, &edits, now).blast();
        let offered = restarts(graph, &edits, &blast).offered;
        edits.extend(offered.into_iter().map(|it| Edit::Restart { workload: it.workload }));
    }
    edits
}

/// The world with the edits so far.
struct World {
    graph: Graph,
    now: Timestamp,
    /// Whether any edit was made.
    is_changed: bool,
}

impl World {
    fn make(&mut self, edits: &[Edit]) {
        self.is_changed |= !edits.is_empty();
        for edit in edits {
            plan::pretend(&mut self.graph, edit, self.now);
        }
    }

    /// What keeps the identities from their roles and was not found before: it stood behind what is repaired.
    fn uncovered(&self, keys: &BTreeSet<SaKey>, known: &[Finding]) -> Vec<Finding> {
        if !self.is_changed {
            return Vec::new();
        }
        let mut units = vec![Ref::Cluster];
        for key in keys {
            units.push(Ref::ServiceAccount(key.clone()));
            let declared = judge::Declaration::of(&self.graph, key);
            let role = declared.annotation.map(|it| Arn::new(it.clone()));
            units.extend(role.clone().map(Ref::Role));
            let issuer = self.graph.issuer().known();
            let provider =
                role.and_then(|it| Some(issuer?.provider_arn(&it.partition()?, &it.account()?)));
            units.extend(provider.map(Ref::Provider));
            if let Knowledge::Known(it) = declared.association {
                units.push(Ref::Association(it.id.clone()));
            }
        }
        let mut ledger = Ledger::default();
        ledger.refresh(&self.graph, &units, self.now);
        let is_new = |it: &&Finding| {
            known.iter().all(|was| was.code != it.code || was.subject.at != it.subject.at)
        };
        // What pods show goes by their restart, which is planned last.
        let is_in_the_way = |it: &&Finding| {
            it.severity <= Severity::Degraded
                && matches!(
                    it.subject.at,
                    Ref::ServiceAccount(_) | Ref::Role(_) | Ref::Provider(_) | Ref::Association(_)
                )
        };
        let found = keys.iter().flat_map(|it| ledger.findings_of_identity(&self.graph, it));
        let mut res: Vec<Finding> = Vec::new();
        for it in found.filter(is_in_the_way).filter(is_new) {
            if !res.iter().any(|other| other.code == it.code && other.subject.at == it.subject.at) {
                res.push(it.clone());
            }
        }
        res
    }

    /// The same finding as it would be now; `None` when it is healed.
    fn again(&self, finding: &Finding) -> Option<Finding> {
        // What pods show of the cluster is not looked for again, where no repair could change it.
        let is_fixed = finding.subject.at == Ref::Cluster && automatic(finding).is_none();
        if is_fixed || !self.is_changed {
            return Some(finding.clone());
        }
        let cx = Context { graph: &self.graph, now: self.now };
        let mut ledger = Ledger::default();
        let mut units = vec![Ref::Cluster, finding.subject.at.clone()];
        units.extend(self.graph.account_of(&finding.subject.at).map(Ref::ServiceAccount));
        ledger.refresh(cx.graph, &units, self.now);
        let same = |it: &&Finding| {
            it.code == finding.code && it.subject.container == finding.subject.container
        };
        ledger.findings_at(&finding.subject.at).iter().find(same).cloned()
    }
}

/// Two trust policies of one role, one after the other, are one write.
pub(crate) fn joined(edits: Vec<Edit>) -> Vec<Edit> {
    let mut res: Vec<Edit> = Vec::new();
    for edit in edits {
        if let Edit::SetTrust { role, document, change, .. } = &edit
            && let Some(Edit::SetTrust { document: first, change: of_first, .. }) = res
                .iter_mut()
                .find(|it| matches!(it, Edit::SetTrust { role: it, .. } if it == role))
        {
            first.clone_from(document);
            // What opens more decides how it is confirmed.
            if *change == plan::TrustChange::Opens {
                *of_first = *change;
            }
            continue;
        }
        res.push(edit);
    }
    res
}

fn single<'a>(mut all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = all.next()?;
    all.all(|it| it == first).then_some(first)
}
