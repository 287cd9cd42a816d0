//! One unit at a time: run the rules over it, keep what they said.

use crate::{
    check::{
        Acc, AssociationContext, ContainerContext, ContainerLine, Context, IdentityContext, Ledger,
        OF_IDENTITIES, OF_PODS, OF_UNITS, PodContext, Rule,
        expect::Siblings,
        injection,
        judge::{self, Declaration},
        ledger::{
            Identity,
            agenda::Stage,
            is_trouble,
            tally::{Marks, Told},
        },
        overview::Overview,
        pi_assoc, precedence,
    },
    fact::{Knowledge, Pod, Scope, Workload},
    graph::Graph,
    ident::{Ref, SaKey, Text},
    identity::{Carried, Judged, Mechanism},
};
use std::{cell::OnceCell, collections::BTreeSet, sync::Arc};

/// One ServiceAccount, with what its pods' rules need of it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) identity: Identity,
    pub(crate) irsa: Option<Arc<Judged>>,
    pub(crate) pod_identity: Option<Arc<Judged>>,
    pub(crate) expected: Option<String>,
    pub(crate) audience: Arc<[Text]>,
    pub(crate) declared: Carried,
    /// Its findings say why its pods carry nothing.
    pub(crate) explained: bool,
}

/// One pod that has not run to its end.
#[derive(Clone)]
pub(crate) struct PodEntry {
    pub(crate) key: SaKey,
    /// One value for all pods of a ServiceAccount whose containers come to the same.
    pub(crate) lines: Arc<[ContainerLine]>,
    pub(crate) marks: Marks,
}

impl Ledger {
    /// Renews the overview, and puts whom its change concerns on the agenda.
    pub(crate) fn look_over(&mut self, cx: Context<'_>) {
        let now = Overview::of(cx);
        if now == self.overview {
            return;
        }
        let was = std::mem::replace(&mut self.overview, now);
        let orphans = self.overview.orphans.symmetric_difference(&was.orphans);
        let orphans: Vec<Ref> = orphans.cloned().map(Ref::Provider).collect();
        orphans.into_iter().for_each(|it| self.agenda.push(it));
        let differs = self.overview.not_one_cluster != was.not_one_cluster;
        if differs {
            self.expect_all_pods(cx.graph);
        }
        let moved: BTreeSet<_> =
            self.overview.recreated.symmetric_difference(&was.recreated).cloned().collect();
        for (key, entry) in &self.identities {
            let role = entry.irsa.as_ref().and(entry.identity.role_arn.as_ref());
            let account = role.and_then(|it| it.account());
            if differs || account.is_some_and(|it| moved.contains(&it)) {
                self.agenda.push(Ref::ServiceAccount(key.clone()));
            }
        }
    }

    pub(crate) fn expect_all_pods(&mut self, graph: &Graph) {
        for key in graph.identities() {
            self.agenda.push_crowd(graph, key, Stage::Judge, false);
        }
    }

    /// Judges one ServiceAccount. From which stage on its pods must be judged again because of it.
    pub(crate) fn judge_identity(&mut self, cx: Context<'_>, key: &SaKey) -> Option<Stage> {
        let unit = Ref::ServiceAccount(key.clone());
        let was = self.identities.remove(key);
        if !exists_or_named(cx.graph, key) {
            self.findings.forget(&unit);
            // Pods that are gone too may not have been weighed yet; the last of them brings the ServiceAccount here again.
            if self.tallies.get(key).is_some_and(|it| it.siblings.counts.total == 0) {
                self.tallies.remove(key);
            }
            return None;
        }
        let siblings = self.tallies.get(key).map(|it| it.siblings).unwrap_or_default();
        let context = judge::identity(cx, key, &siblings);
        let mut acc = Acc::default();
        for (row, rule) in OF_IDENTITIES.iter().filter(|(it, _)| self.may_speak(it.code)) {
            acc.turn_to(row);
            rule(&context, &mut acc);
        }
        let mut found = acc.into_findings();
        let account = context.role_account();
        let is_meant = pi_assoc::is_meant(&context);
        precedence::of_identity(
            &mut found,
            account.is_some_and(|it| self.overview.recreated.contains(&it)),
            is_meant,
        );
        let explained = is_meant || precedence::explains_nothing_injected(&found);
        let entry = entry(&context, explained);
        self.findings.put(&unit, found);
        let again = match &was {
            // What its pods come to depends on what it asks for.
            Some(it) if it.declared != entry.declared => Some(Stage::Weigh),
            Some(it)
                if it.expected.is_some() != entry.expected.is_some()
                    || it.explained != entry.explained =>
            {
                Some(Stage::Judge)
            }
            Some(_) => None,
            None => Some(Stage::Weigh),
        };
        self.identities.insert(key.clone(), entry);
        again
    }

    /// Judges pods. What those of one ServiceAccount have in common is looked up once where they follow each other.
    pub(crate) fn judge_pods(&mut self, cx: Context<'_>, pods: &[&Pod]) {
        let answers = self.injection.answers();
        let rules: Vec<_> = OF_PODS.iter().filter(|(it, _)| self.may_speak(it.code)).collect();
        let Ledger { identities, pods: entries, tallies, findings, .. } = self;
        let is_of_one = |a: &&Pod, b: &&Pod| {
            a.namespace == b.namespace && a.spec.service_account == b.spec.service_account
        };
        for of_one in pods.chunk_by(is_of_one) {
            let key = of_one[0].service_account();
            let Some(entries) = entries.get_mut(&key.namespace) else { continue };
            let Some(entry) = identities.get(&key) else { continue };
            let siblings = tallies.get(&key).map(|it| it.siblings).unwrap_or_default();
            let identity = recall(cx, entry, &siblings);
            let mut last: Option<(&Pod, Option<&Workload>)> = None;
            for pod in of_one {
                let Some(stored) = entries.get_mut(&pod.name).filter(|it| it.key == key) else {
                    continue;
                };
                let owner = match last.filter(|(it, _)| it.owner == pod.owner) {
                    Some((_, it)) => it,
                    None => cx.graph.root_owner(pod),
                };
                last = Some((pod, owner));
                let context = PodContext {
                    cx,
                    identity: &identity,
                    pod,
                    owner,
                    template: injection::template_of(cx.graph, pod, owner),
                    called: injection::called_for(cx.graph, pod, answers),
                    declared: entry.declared.clone(),
                    containers: containers(pod, &stored.lines),
                };
                let mut acc = Acc::default();
                // What is on its way out needs no repair.
                for (row, rule) in rules.iter().filter(|_| !pod.deleting) {
                    acc.turn_to(row);
                    rule(&context, &mut acc);
                }
                let mut found = acc.into_findings();
                let not_called = injection::is_not_called(&context.called);
                precedence::of_pod(&mut found, entry.explained, not_called);
                let troubled = found.iter().any(|it| is_trouble(it.severity));
                // INVARIANT: only its own rules hang anything at a pod.
                let at_it = found.iter().filter(|it| matches!(it.subject.at, Ref::Pod { .. }));
                let told: Box<[Told]> = at_it.map(Told::of).collect();
                findings.put(&pod_ref(&pod.namespace, &pod.name), found);
                let marks = &mut stored.marks;
                if (marks.troubled, &marks.told) != (troubled, &told) {
                    let tally = tallies.entry(key.clone()).or_default();
                    tally.count(marks, false);
                    (marks.troubled, marks.told) = (troubled, told);
                    tally.count(marks, true);
                }
            }
        }
    }

    pub(crate) fn judge_unit(&mut self, cx: Context<'_>, unit: &Ref) {
        // What is only painted from the disk is shown, not judged.
        if cx.graph.is_cached(unit) {
            self.lapses.remove(unit);
            self.findings.forget(unit);
            return;
        }
        let association = association(cx, unit);
        let mut acc = Acc::default();
        for row in OF_UNITS.iter().filter(|it| self.may_speak(it.code)) {
            acc.turn_to(row);
            match row.rule {
                Rule::Unit(rule) | Rule::Both { unit: rule, .. } => rule(&cx, unit, &mut acc),
                Rule::Association(rule) => {
                    if let Some(context) = &association {
                        rule(context, &mut acc);
                    }
                }
                Rule::Webhook(rule) => {
                    if *unit == Ref::Cluster {
                        rule(&cx, &self.injection.shown(), &mut acc);
                    }
                }
                Rule::Identity(_) | Rule::Pod(_) | Rule::Page => {}
            }
        }
        let lapse = acc.lapse();
        let mut found = acc.into_findings();
        precedence::of_unit(&mut found);
        match lapse {
            Some(at) => self.lapses.insert(unit.clone(), at),
            None => self.lapses.remove(unit),
        };
        self.findings.put(unit, found);
    }

    /// Across two clusters nothing is said but that they are two, and what one pod says of itself.
    fn may_speak(&self, code: &str) -> bool {
        !self.overview.not_one_cluster || code.starts_with("TOOL-") || code.starts_with("POD-KEY-")
    }
}

/// Its containers with what they were weighed to be.
fn containers<'a>(pod: &'a Pod, lines: &[ContainerLine]) -> Vec<ContainerContext<'a>> {
    let both = pod.spec.containers.iter().zip(lines);
    both.map(|(container, line)| ContainerContext {
        container,
        effective: line.effective.clone(),
        chain: line.chain.clone(),
        reach: line.reach,
        fault: OnceCell::new(),
    })
    .collect()
}

fn entry(context: &IdentityContext<'_>, explained: bool) -> Entry {
    let (verdict, because) = judge::verdict(context);
    let association = context.association.as_ref().known();
    let detail = association.and_then(|it| it.detail.as_ref().known());
    let (judged, shadowed) = match context.mechanism {
        Mechanism::None => (None, None),
        Mechanism::Irsa => (context.irsa.clone(), None),
        Mechanism::PodIdentity => (context.pod_identity.clone(), None),
        Mechanism::Both => (context.pod_identity.clone(), context.irsa.clone()),
    };
    let identity = Identity {
        key: context.key.clone(),
        exists: match context.sa {
            Knowledge::Known(_) => Some(true),
            Knowledge::Absent => Some(false),
            Knowledge::Denied(_) | Knowledge::NotYet => None,
        },
        mechanism: context.mechanism,
        role_arn: context.role_arn(),
        target_role_arn: detail.and_then(|it| it.target_role_arn.clone()),
        association: association.map(|it| it.id.clone()),
        verdict,
        because,
        judged,
        shadowed,
    };
    Entry {
        identity,
        irsa: context.irsa.clone(),
        pod_identity: context.pod_identity.clone(),
        expected: context.expected.clone(),
        audience: context.audience.clone(),
        declared: Declaration::of(context.cx.graph, context.key).carried(),
        explained,
    }
}

/// `None` for other units, and while the list of associations is only painted.
fn association<'a>(cx: Context<'a>, unit: &Ref) -> Option<AssociationContext<'a>> {
    let Ref::Association(id) = unit else { return None };
    if !judge::is_settled(cx.graph, &Scope::Associations) {
        return None;
    }
    let association = cx.graph.association(id)?;
    Some(AssociationContext { cx, association, trust: OnceCell::new() })
}

/// The context of an identity that was judged before.
fn recall<'a>(cx: Context<'a>, entry: &'a Entry, siblings: &Siblings) -> IdentityContext<'a> {
    let key = &entry.identity.key;
    let declaration = Declaration::of(cx.graph, key);
    IdentityContext {
        cx,
        key,
        mechanism: declaration.mechanism(),
        sa: declaration.sa,
        association: declaration.association,
        annotation: declaration.annotation,
        irsa: entry.irsa.clone(),
        pod_identity: entry.pod_identity.clone(),
        expected: entry.expected.clone(),
        counts: siblings.counts,
        annotated_pods: siblings.annotated,
        bare_pods: siblings.bare,
        audience: entry.audience.clone(),
        // What one pod sets is asked for that pod (POD-ENV-13).
        session: Knowledge::Absent,
        diagnosis: OnceCell::new(),
        trust: OnceCell::new(),
    }
}

fn exists_or_named(graph: &Graph, key: &SaKey) -> bool {
    graph.service_account(key).is_known()
        || graph.association_of(key).is_known()
        || graph.pods_of(key).next().is_some()
        || graph.workloads_of(key).any(|it| !is_former(it))
}

/// A ReplicaSet of an earlier template, which its Deployment keeps to go back to.
fn is_former(it: &Workload) -> bool {
    it.replicas == Some(0) && it.owner.is_some()
}

pub(crate) fn pod_ref(namespace: &Text, name: &Text) -> Ref {
    Ref::Pod { namespace: namespace.clone(), name: name.clone() }
}

pub(crate) fn concerns_overview(unit: &Ref) -> bool {
    matches!(unit, Ref::Cluster | Ref::Role(_) | Ref::Provider(_) | Ref::Webhook(_))
}
