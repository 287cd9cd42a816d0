//! The pods' own arena: `u32` ids, shared names, one copy of equal specs.
//!
//! Pods are the only kind that comes by the hundred thousand, so only they are kept so.

use crate::{
    fact::{Labels, Pod, PodSpec},
    graph::table::{Held, Mark, Namespaced, Shared},
    ident::Text,
};
use std::sync::Arc;

/// A place in the arena; valid until that pod is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodId(u32);

#[derive(Clone, Debug, Default)]
pub struct Pods {
    slots: Vec<Option<Held<Pod>>>,
    free: Vec<PodId>,
    ids: Namespaced<PodId>,
    specs: Shared<PodSpec>,
    labels: Shared<[(Text, Text)]>,
    names: Shared<str>,
}

impl Pods {
    pub fn id(&self, namespace: &str, name: &str) -> Option<PodId> {
        self.ids.get(namespace, name).copied()
    }

    /// `None` for an id whose pod is gone.
    pub fn get(&self, id: PodId) -> Option<&Held<Pod>> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, id: PodId) -> Option<&mut Held<Pod>> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Sorted by namespace and name.
    pub fn ids_in<'a>(&'a self, namespace: Option<&str>) -> impl Iterator<Item = PodId> + use<'a> {
        self.ids.iter_in(namespace).copied()
    }

    /// Sorted by namespace and name.
    pub fn held(&self) -> impl Iterator<Item = &Held<Pod>> {
        self.ids.iter().filter_map(|it| self.get(*it))
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes in a pod whose namespace and name no other one has.
    pub fn insert(&mut self, mut held: Held<Pod>) -> PodId {
        let pod = &mut held.fact;
        self.names.share(&mut pod.namespace);
        for name in pod.node.iter_mut().chain(&mut pod.waiting) {
            self.names.share(name);
        }
        if let Some(owner) = &mut pod.owner {
            self.names.share(&mut owner.kind);
            self.names.share(&mut owner.name);
        }
        self.specs.share(&mut pod.spec);
        self.labels.share(&mut pod.labels);

        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // INVARIANT: four thousand million pods do not fit into the memory of any machine.
            PodId(u32::try_from(self.slots.len() - 1).expect("pods fit into u32"))
        });
        self.ids.insert(&pod.namespace, &pod.name, id);
        self.slots[id.0 as usize] = Some(held);
        id
    }

    /// The pod of this name, if it differs from `new` only in what no index is made of.
    pub fn stays(&self, new: &Pod) -> Option<PodId> {
        let id = self.id(&new.namespace, &new.name)?;
        let old = &self.get(id)?.fact;
        let stays = old.node == new.node && old.owner == new.owner && old.spec == new.spec;
        stays.then_some(id)
    }

    /// Whether a pod that `stays` differs only in how it is doing.
    pub fn is_only_its_health(&self, id: PodId, new: &Pod, mark: Mark) -> bool {
        self.get(id).is_some_and(|it| {
            let old = &it.fact;
            it.mark.cached == mark.cached
                && old.uid == new.uid
                && old.created == new.created
                && old.deleting == new.deleting
                && old.mirror == new.mirror
                && old.labels == new.labels
                && old.completed() == new.completed()
        })
    }

    /// Renews a pod that `stays`.
    pub fn update(&mut self, id: PodId, new: &mut Pod, mark: Mark) {
        let Some(held) = self.slots.get_mut(id.0 as usize).and_then(|it| it.as_mut()) else {
            return;
        };
        let old = &mut held.fact;
        new.namespace = old.namespace.clone();
        new.name = old.name.clone();
        new.node = old.node.clone();
        new.owner = old.owner.clone();
        new.spec = old.spec.clone();
        if let Some(it) = &mut new.waiting {
            self.names.share(it);
        }
        self.labels.share(&mut new.labels);
        std::mem::swap(old, new);
        held.mark = mark;
    }

    pub fn remove(&mut self, id: PodId) -> Option<Held<Pod>> {
        let held = self.slots.get_mut(id.0 as usize)?.take()?;
        self.ids.remove(&held.fact.namespace, &held.fact.name);
        self.free.push(id);
        Some(held)
    }

    /// The one copy of a spec, for templates, which often equal each other.
    pub fn share_spec(&mut self, spec: &mut Arc<PodSpec>) {
        self.specs.share(spec);
    }

    pub fn release_spec(&mut self, spec: Arc<PodSpec>) {
        self.specs.release(spec);
    }

    /// As `share_spec`, for the labels of templates.
    pub fn share_labels(&mut self, labels: &mut Labels) {
        self.labels.share(labels);
    }

    pub fn release_labels(&mut self, labels: Labels) {
        self.labels.release(labels);
    }

    pub fn share_name(&mut self, name: &mut Text) {
        self.names.share(name);
    }

    /// How many different specs are held.
    pub fn n_specs(&self) -> usize {
        self.specs.n_copies()
    }
}
