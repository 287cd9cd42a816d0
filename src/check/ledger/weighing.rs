//! What pods and templates come to before anybody is judged: lines, counts, what they show of the webhook.

use crate::{
    check::{
        Ledger, injection,
        judge::{self, Declaration},
        ledger::{
            judging::{PodEntry, pod_ref},
            tally::Marks,
        },
    },
    fact::Pod,
    graph::Graph,
    ident::{Ref, SaKey, Text},
};
use std::collections::BTreeSet;

impl Ledger {
    /// What a workload's template shows of the webhook; nothing for units of other kinds.
    pub(crate) fn weigh_workload(&mut self, graph: &Graph, unit: &Ref) {
        let Ref::Workload { kind, namespace, name } = unit else { return };
        let workload = graph.workload(*kind, namespace, name).filter(|_| !graph.is_cached(unit));
        // What its owner makes of it is told by its owner.
        let left_out = workload.is_some_and(|it| {
            graph.parent(it).is_none() && injection::leaves_out_pods_of(graph, it)
        });
        self.injection.put(unit.clone(), left_out);
    }

    /// Everything of a pod that needs no verdict: lines and counts. The ServiceAccounts to judge again because what is
    /// counted of their pods began or ceased to be: two, where a pod of the same name runs as another one now.
    pub(crate) fn weigh_pod(
        &mut self,
        graph: &Graph,
        (namespace, name): (&Text, &Text),
        pod: Option<&Pod>,
        concerned: &mut BTreeSet<SaKey>,
    ) -> Vec<SaKey> {
        let was = self.pods.get_mut(namespace).and_then(|it| it.remove(name));
        let pod = pod.filter(|it| !it.completed() && !graph.is_cached(&pod_ref(namespace, name)));
        let now = pod.map(|pod| {
            let key = pod.service_account();
            let declaration = Declaration::of(graph, &key);
            let lines = judge::lines(graph, pod, &declaration);
            let lines = self.tallies.entry(key.clone()).or_default().shared(lines);
            let mut marks = Marks::of(graph, pod, &declaration.carried(), &lines);
            if let Some(was) = &was {
                // Until it is judged anew.
                (marks.troubled, marks.told) = (was.marks.troubled, was.marks.told.clone());
            }
            PodEntry { key, lines, marks }
        });
        let left_out = now.as_ref().is_some_and(|it| it.marks.left_out);
        self.injection.put(pod_ref(namespace, name), left_out);
        let proof = |it: &Option<PodEntry>| it.as_ref().is_some_and(|it| it.marks.proof);
        self.injection.count_proof(proof(&was), proof(&now));
        let is_same = match (&was, &now) {
            (Some(was), Some(now)) => (&was.key, &was.marks) == (&now.key, &now.marks),
            (None, None) => true,
            (_, _) => false,
        };
        if !is_same {
            concerned.extend(was.iter().chain(&now).map(|it| it.key.clone()));
        }
        let mut changed = Vec::new();
        let known = now.as_ref().is_none_or(|it| self.identities.contains_key(&it.key));
        match (&was, &now) {
            (Some(was), Some(now)) if was.key == now.key => {
                let tally = self.tallies.entry(now.key.clone()).or_default();
                let before = tally.shape();
                tally.count(&was.marks, false);
                tally.count(&now.marks, true);
                if before != tally.shape() || !known {
                    changed.push(now.key.clone());
                }
            }
            (_, _) => {
                for (entry, add) in [(&was, false), (&now, true)] {
                    let Some(entry) = entry else { continue };
                    let tally = self.tallies.entry(entry.key.clone()).or_default();
                    let before = tally.shape();
                    tally.count(&entry.marks, add);
                    if before != tally.shape() || !known {
                        changed.push(entry.key.clone());
                    }
                }
            }
        }
        match now {
            Some(it) => {
                self.pods.entry(namespace.clone()).or_default().insert(name.clone(), it);
            }
            None => {
                self.findings.forget(&pod_ref(namespace, name));
            }
        }
        changed
    }
}
