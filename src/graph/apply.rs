//! Changes carried out: one at a time, gathering what they concern.

use crate::{
    fact::{Change, Fact, IamRole, Knowledge, Scope, ServiceAccount, SourceState},
    graph::{
        Graph,
        scope::Reading,
        slot::{Slot, covers},
        table::{Held, Mark},
        touch::Touched,
        wide::{Sweep, Wide},
    },
    ident::{Ref, SaKey, Text, WorkloadKind},
};
use std::collections::BTreeSet;

/// What a change concerns. All sorted and without duplicates; a unit may be told by several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// ServiceAccounts, each with all its pods, workloads and associations. One that is gone is told, to be forgotten.
    pub whole: Vec<SaKey>,
    pub units: Vec<Ref>,
    /// What is too much to be counted out at once.
    pub wide: Vec<Wide>,
}

impl Affected {
    pub(crate) fn sorted(
        whole: impl IntoIterator<Item = SaKey>,
        units: impl IntoIterator<Item = Ref>,
        wide: Vec<Wide>,
    ) -> Affected {
        let mut res = Affected {
            whole: whole.into_iter().collect(),
            units: units.into_iter().collect(),
            wide,
        };
        res.whole.sort();
        res.units.sort();
        res.units.dedup();
        res
    }
}

/// # Changing
impl Graph {
    /// Applies one change and returns the units to judge again, sorted, without duplicates.
    ///
    /// Units: `ServiceAccount` (every name that exists or that a pod, template or association names), `Pod`,
    /// `Workload`, `Association`, `Role` (known, or named by an annotation or association), `Provider` (known, or the
    /// one that a named role's account should have), `Node`, `Cluster`. Units that are gone are returned too, to be
    /// forgotten. Cost is proportional to the units returned.
    ///
    /// A unit is returned when something changed that it leads to by name: its own fact and what is known of it; the
    /// owners of a pod; the ServiceAccount with its namespace, annotation, association, their roles and those roles'
    /// providers; the pods and workloads of a ServiceAccount for the ServiceAccount itself, and the templates for its pods;
    /// ServiceAccounts of the same name elsewhere when what they declare changes; what the ServiceAccounts of a namespace
    /// declare and whether anybody uses them for the one called `default`, and whether anybody uses that one for those
    /// that are annotated; roles that it names or whose name it could have been mistaken
    /// for; the trust of roles that only name it; its node; the objects of its `envFrom`; whatever exists once in the
    /// cluster.
    /// Whether a pod is ready and what it waits for concerns only itself, its owners and its node, and if it is an agent
    /// the pods on that node.
    ///
    /// Not tracked: what a rule reads by iterating over everything, and, for a pod, the other pods of its
    /// ServiceAccount and of its owner.
    pub fn apply(&mut self, change: Change) -> Vec<Ref> {
        let affected = self.affect(change);
        self.counted_out(affected)
    }

    /// All of it, sorted, without duplicates.
    pub fn counted_out(&self, affected: Affected) -> Vec<Ref> {
        let Affected { mut whole, units: mut res, wide } = affected;
        for it in wide {
            let more = self.sweep(&mut Sweep::new(it), usize::MAX);
            whole.extend(more.whole);
            res.extend(more.units);
        }
        whole.sort();
        whole.dedup();
        for key in whole {
            res.extend(
                self.pods_after(&key, None)
                    .map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() }),
            );
            res.extend(self.kin_of(&key));
            res.push(Ref::ServiceAccount(key));
        }
        // Not the unstable sort: this one makes use of what is in order already, which is most of it when there is much.
        res.sort();
        res.dedup();
        res
    }

    /// As `apply`, without counting out what a ServiceAccount brings with it nor what is wide, so that even what
    /// concerns everybody is taken in at once.
    pub fn affect(&mut self, change: Change) -> Affected {
        let mut acc = Touched::default();
        match change {
            Change::Upsert(fact) => self.put(*fact, Mark::default(), &mut acc),
            Change::Remove(of) => {
                let slot = Slot::Of(of.clone());
                let was_said = self.said.contains_key(&of);
                if was_said {
                    self.touch(&slot, &mut acc);
                    self.said.remove(&of);
                    self.touch(&slot, &mut acc);
                }
                self.drop_fact(&slot, &mut acc);
            }
            Change::Replace { scope, facts } => self.replace(&scope, facts, &mut acc),
            Change::Know { of, knowledge } => self.know(of, knowledge, &mut acc),
            Change::Source { scope, state } => self.set_source(scope, state, &mut acc),
        }
        self.finish(acc)
    }

    fn put(&mut self, mut fact: Fact, mark: Mark, acc: &mut Touched) {
        // What is only painted takes nothing over from what was observed, or it would be another the second time.
        if !mark.cached {
            self.enrich(&mut fact);
        }
        let slot = Slot::of(&fact);
        // An observed fact outweighs what was said; once it is here the word is out of date.
        let outdated = slot.name().filter(|_| !mark.cached && !self.said.is_empty());
        if self.renew(&fact, mark) {
            outdated.map(|it| self.said.remove(it));
            return;
        }
        if let Fact::Pod(pod) = &mut fact
            && let Some(id) = self.pods.stays(pod)
        {
            // What most changes of pods are: nothing moves, so asking once is enough.
            if self.pods.is_only_its_health(id, pod, mark) {
                self.touch_pod_alone(id, acc);
            } else {
                self.touch(&slot, acc);
            }
            outdated.map(|it| self.said.remove(it));
            self.pods.update(id, pod, mark);
            return;
        }
        if let Fact::Role(role) = &fact
            && self.trusts_the_same(role, mark)
        {
            // What polls and reads on demand bring in: tags, policies, the time of the last use.
            self.touch_role(&role.arn, acc);
            outdated.map(|it| self.said.remove(it));
            self.take(&slot);
            self.insert(fact, mark);
            return;
        }
        let before = self.extra(&slot);
        self.touch(&slot, acc);
        outdated.map(|it| self.said.remove(it));
        self.take_noted(&slot, acc);
        self.insert(fact, mark);
        self.touch(&slot, acc);
        let after = self.extra(&slot);
        self.touch_extra(&slot, before, after, acc);
    }

    /// Whether the role is held, and differs at most in what neither its provider nor those whom it trusts read.
    fn trusts_the_same(&self, new: &IamRole, mark: Mark) -> bool {
        self.roles.get(&new.arn).is_some_and(|it| {
            let old = &it.fact;
            let same = old.id == new.id && old.created == new.created && old.trust == new.trust;
            same && it.mark.cached == mark.cached
        })
    }

    fn drop_fact(&mut self, slot: &Slot, acc: &mut Touched) {
        if !self.holds(slot) {
            return;
        }
        let before = self.extra(slot);
        self.touch(slot, acc);
        self.take_noted(slot, acc);
        self.touch(slot, acc);
        self.touch_extra(slot, before, Extra::None, acc);
    }

    /// Takes a fact out; a pod's id, which another pod may get, is noted by name.
    fn take_noted(&mut self, slot: &Slot, acc: &mut Touched) {
        if let Slot::Of(of @ Ref::Pod { namespace, name }) = slot
            && self.pods.id(namespace, name).is_some()
        {
            acc.refs.insert(of.clone());
        }
        self.take(slot);
    }

    fn replace(&mut self, scope: &Scope, facts: Vec<Fact>, acc: &mut Touched) {
        self.n_replaced = self.n_replaced.wrapping_add(1).max(1);
        let seen = self.n_replaced;
        let painted = Reading::of(self.sources.get(scope)) == Reading::Cached;
        for fact in facts {
            let cached = painted && covers(scope, &fact);
            self.put(fact, Mark { cached, seen }, acc);
        }
        for slot in self.scan(scope, |it| it.seen != seen) {
            self.drop_fact(&slot, acc);
        }
    }

    fn know(&mut self, of: Ref, knowledge: Knowledge<()>, acc: &mut Touched) {
        let slot = Slot::Of(of.clone());
        let knowledge = match knowledge {
            Knowledge::Known(()) => None,
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Some(knowledge),
        };
        if knowledge == Some(Knowledge::Absent) {
            self.drop_fact(&slot, acc);
        }
        if self.said.get(&of) == knowledge.as_ref() {
            return;
        }
        self.touch(&slot, acc);
        match knowledge {
            Some(it) => self.said.insert(of, it),
            None => self.said.remove(&of),
        };
        self.touch(&slot, acc);
    }

    fn set_source(&mut self, scope: Scope, state: SourceState, acc: &mut Touched) {
        let old = self.sources.get(&scope);
        if old == Some(&state) {
            return;
        }
        let only_counts = matches!(
            (old, &state),
            (Some(SourceState::Pending { .. }), SourceState::Pending { .. })
        );
        let paint = match (old, &state) {
            (Some(SourceState::Live { .. }), SourceState::Live { .. })
            | (Some(SourceState::Cached { .. }), SourceState::Cached { .. }) => None,
            (_, SourceState::Live { .. }) => Some(false),
            (_, SourceState::Cached { .. }) => Some(true),
            (
                _,
                SourceState::Pending { .. }
                | SourceState::Stale { .. }
                | SourceState::Denied { .. }
                | SourceState::Failed { .. }
                | SourceState::Truncated { .. }
                | SourceState::Expired { .. }
                | SourceState::Off { .. },
            ) => None,
        };
        let reads_otherwise = Reading::of(old) != Reading::of(Some(&state));
        let lists_users = self.lists_all_users();
        let was_cached = matches!(old, Some(SourceState::Cached { .. }));
        if paint.is_some() && matches!(scope, Scope::ApiServer | Scope::Cluster) {
            // The issuer may be about to become unknown, and with it the names of these units.
            acc.refs.extend(self.expected_providers().map(Ref::Provider).collect::<Vec<_>>());
        }
        let painted = paint.map(|cached| {
            self.scan(&scope, |it| std::mem::replace(&mut it.cached, cached) != cached)
        });
        // Rules also ask whether the state itself is the disk's, whatever is held.
        let crosses = was_cached != matches!(state, SourceState::Cached { .. });
        let painted = crosses || painted.is_some_and(|it| !it.is_empty());
        if reads_otherwise {
            self.touch_missing(&scope, acc);
        }
        self.n_painted += usize::from(matches!(state, SourceState::Cached { .. }));
        self.n_painted -= usize::from(was_cached);
        self.sources.insert(scope.clone(), state);
        if painted {
            self.touch_painted(&scope, acc);
        }
        if reads_otherwise {
            self.touch_missing(&scope, acc);
        }
        // What is offered for a role that is open depends on it.
        if lists_users != self.lists_all_users() {
            acc.refs.extend(self.roles.trusted().map(|(_, role)| Ref::Role(role.clone())));
        }
        if !only_counts {
            acc.refs.insert(Ref::Cluster);
        }
    }

    /// Whether everybody was listed who may use some role.
    fn lists_all_users(&self) -> bool {
        let kinds = WorkloadKind::ALL.map(|kind| Scope::Workloads { kind, namespace: None });
        let all = [Scope::ServiceAccounts { namespace: None }, Scope::Pods { namespace: None }];
        all.iter().chain(&kinds).all(|it| self.reading(it) == Reading::Complete)
    }

    /// What was gathered, in order.
    fn finish(&mut self, acc: Touched) -> Affected {
        self.renew_wanted(&acc);
        let Touched { mut wide, refs, whole, mut pods, wants: _ } = acc;
        if wide.contains(&Wide::Everything) {
            wide = BTreeSet::from([Wide::Everything]);
            pods.clear();
        }
        pods.sort_unstable();
        pods.dedup();
        let pods = pods.into_iter().filter_map(|it| self.pods.get(it)).map(|it| Ref::Pod {
            namespace: it.fact.namespace.clone(),
            name: it.fact.name.clone(),
        });
        Affected::sorted(whole, refs.into_iter().chain(pods), wide.into_iter().collect())
    }

    /// What of a fact concerns more than `touch` says, if it changes.
    fn extra(&self, slot: &Slot) -> Extra {
        let Slot::Of(of) = slot else { return Extra::None };
        match of {
            Ref::ServiceAccount(key) => {
                let held = self.seats.get(&key.namespace, &key.name);
                let held = held.and_then(|it| it.account.as_ref());
                held.map_or(Extra::None, Extra::declared)
            }
            Ref::Workload { kind, namespace, name } => {
                let held = self.workloads[*kind as usize].get(namespace, name);
                held.map_or(Extra::None, |it| Extra::Template {
                    key: it.fact.service_account(),
                    template: it.fact.template.clone(),
                    annotations: it.fact.annotations.clone(),
                })
            }
            Ref::Association(_) => match self.associations.len() {
                0 => Extra::None,
                _ => Extra::Associations,
            },
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::Pod { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Role(_)
            | Ref::Provider(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => Extra::None,
        }
    }

    fn touch_extra(&mut self, slot: &Slot, before: Extra, after: Extra, acc: &mut Touched) {
        if before == after {
            return;
        }
        if let Slot::Of(Ref::ServiceAccount(key)) = slot {
            self.touch_namesakes(&key.name, acc);
        }
        for it in [before, after] {
            match it {
                Extra::Template { key, template, .. } => {
                    self.touch_identity(&key, acc);
                    self.pods.release_spec(template);
                }
                // The node roles' policies matter only where there is an association.
                Extra::Associations => acc.wants.extend(self.node_roles().cloned().map(Ref::Role)),
                Extra::None | Extra::Declared(..) => {}
            }
        }
    }
}

/// A part of a fact whose change concerns more than the fact's other changes do.
#[derive(PartialEq)]
enum Extra {
    None,
    /// The role annotation, and whether it is only painted.
    Declared(Text, bool),
    /// What a ServiceAccount's pods may be expected to need follows from its workloads' templates.
    Template {
        key: SaKey,
        template: std::sync::Arc<crate::fact::PodSpec>,
        annotations: Vec<(Text, Text)>,
    },
    /// There are some.
    Associations,
}

impl Extra {
    fn declared(it: &Held<ServiceAccount>) -> Extra {
        it.fact.role_arn().map_or(Extra::None, |role| Extra::Declared(role.clone(), it.mark.cached))
    }
}
