//! Containers that the graph is made of: a held fact, names within namespaces, links between names.
//!
//! Knows nothing of what the facts mean.

use crate::ident::Text;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Bound,
    sync::Arc,
};

/// What follows `last` in a sorted map or set; all of it for `None`.
pub fn following<T: ?Sized>(last: Option<&T>) -> (Bound<&T>, Bound<&T>) {
    (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// A fact with where it comes from.
#[derive(Clone, Debug)]
pub struct Held<T> {
    pub fact: T,
    pub mark: Mark,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Painted from the disk cache and not confirmed since: never judged by.
    pub cached: bool,
    /// The last `Replace` that brought it; zero for none.
    pub seen: u32,
}

impl<T: PartialEq> Held<T> {
    /// Whether the same was held before; then it is only marked anew.
    pub fn renew(it: Option<&mut Held<T>>, fact: &T, mark: Mark) -> bool {
        let Some(it) = it.filter(|it| it.mark.cached == mark.cached && it.fact == *fact) else {
            return false;
        };
        it.mark = mark;
        true
    }
}

/// Things with a namespace and a name, sorted, looked up without building a key.
#[derive(Clone, Debug)]
pub struct Namespaced<T> {
    by_namespace: BTreeMap<Text, BTreeMap<Text, T>>,
}

impl<T> Default for Namespaced<T> {
    fn default() -> Namespaced<T> {
        Namespaced { by_namespace: BTreeMap::new() }
    }
}

impl<T> Namespaced<T> {
    pub fn get(&self, namespace: &str, name: &str) -> Option<&T> {
        self.by_namespace.get(namespace)?.get(name)
    }

    pub fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut T> {
        self.by_namespace.get_mut(namespace)?.get_mut(name)
    }

    pub fn insert(&mut self, namespace: &Text, name: &Text, it: T) -> Option<T> {
        self.names_mut(namespace).insert(name.clone(), it)
    }

    pub fn entry(&mut self, namespace: &Text, name: &Text) -> &mut T
    where
        T: Default,
    {
        self.names_mut(namespace).entry(name.clone()).or_default()
    }

    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<T> {
        let names = self.by_namespace.get_mut(namespace)?;
        let res = names.remove(name);
        if names.is_empty() {
            self.by_namespace.remove(namespace);
        }
        res
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_namespace.values().flat_map(|it| it.values())
    }

    /// With namespaces and names; all of one namespace, or everything.
    pub fn named<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Text, &'a Text, &'a T)> {
        let within = self
            .by_namespace
            .iter()
            .filter(move |(it, _)| namespace.is_none_or(|wanted| wanted == &***it));
        within.flat_map(|(namespace, it)| it.iter().map(move |(name, it)| (namespace, name, it)))
    }

    /// What follows this namespace and name; everything for `None`.
    pub fn after<'a>(
        &'a self,
        last: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let open = Bound::Unbounded;
        let of_namespace = last.and_then(|(namespace, name)| {
            let names = self.by_namespace.get(namespace)?;
            Some(names.range::<str, _>((Bound::Excluded(name), open)))
        });
        let first = last.map_or(open, |(namespace, _)| Bound::Excluded(namespace));
        let others = self.by_namespace.range::<str, _>((first, open)).flat_map(|(_, it)| it);
        of_namespace.into_iter().flatten().chain(others).map(|(_, it)| it)
    }

    /// What follows this name in its namespace; all of it for `None`.
    pub fn in_after<'a>(
        &'a self,
        namespace: &str,
        last: Option<&str>,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let names = self.by_namespace.get(namespace);
        let names = names.map(|it| it.range::<str, _>(following(last)));
        names.into_iter().flatten().map(|(_, it)| it)
    }

    /// All of one namespace, or everything.
    pub fn iter_in_mut<'a>(
        &'a mut self,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &'a mut T> + use<'a, T> {
        let (one, all) = match namespace {
            Some(it) => (self.by_namespace.get_mut(it), None),
            None => (None, Some(&mut self.by_namespace)),
        };
        let all = all.into_iter().flat_map(|it| it.values_mut());
        one.into_iter().chain(all).flat_map(|it| it.values_mut())
    }

    /// All of one namespace, or everything.
    pub fn iter_in<'a>(
        &'a self,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let one = namespace.and_then(|it| self.by_namespace.get(it));
        let all = namespace.is_none().then_some(&self.by_namespace);
        let all = all.into_iter().flat_map(|it| it.values());
        one.into_iter().chain(all).flat_map(|it| it.values())
    }

    fn names_mut(&mut self, namespace: &Text) -> &mut BTreeMap<Text, T> {
        if !self.by_namespace.contains_key(namespace) {
            self.by_namespace.insert(namespace.clone(), BTreeMap::new());
        }
        self.by_namespace.get_mut(namespace).expect("it was just put there")
    }
}

/// Which names lead to which others; no key leads to nothing.
#[derive(Clone, Debug)]
pub struct Links<K, V>(BTreeMap<K, BTreeSet<V>>);

impl<K, V> Default for Links<K, V> {
    fn default() -> Links<K, V> {
        Links(BTreeMap::new())
    }
}

impl<K: Ord, V: Ord> Links<K, V> {
    pub fn link(&mut self, from: K, to: V) {
        self.0.entry(from).or_default().insert(to);
    }

    pub fn unlink<Q: Ord + ?Sized>(&mut self, from: &Q, to: &V)
    where
        K: std::borrow::Borrow<Q>,
    {
        let Some(set) = self.0.get_mut(from) else { return };
        set.remove(to);
        if set.is_empty() {
            self.0.remove(from);
        }
    }

    pub fn of<'a, Q: Ord + ?Sized>(
        &'a self,
        from: &Q,
    ) -> impl Iterator<Item = &'a V> + use<'a, Q, K, V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get(from).into_iter().flatten()
    }

    /// As `of`, those that follow `last`; all for `None`.
    pub fn after<'a>(
        &'a self,
        from: &K,
        last: Option<&V>,
    ) -> impl Iterator<Item = &'a V> + use<'a, K, V> {
        let set = self.0.get(from).map(|it| it.range(following(last)));
        set.into_iter().flatten()
    }

    pub fn has<Q: Ord + ?Sized>(&self, from: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.contains_key(from)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// The keys that follow `last`; all for `None`.
    pub fn keys_after<'a>(
        &'a self,
        last: Option<&K>,
    ) -> impl Iterator<Item = &'a K> + use<'a, K, V> {
        self.0.range(following(last)).map(|(it, _)| it)
    }

    /// The links of `first` and of all that follow it.
    pub fn from<'a>(&'a self, first: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        self.0.range(first..).flat_map(|(from, to)| to.iter().map(move |it| (from, it)))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(|(from, to)| to.iter().map(move |it| (from, it)))
    }
}

/// One copy of equal things, freed some time after the last user let go.
#[derive(Debug)]
pub struct Shared<T: ?Sized> {
    copies: HashSet<Arc<T>>,
    /// Sweep when this many are held: twice what was alive at the last sweep, so that sweeping costs O(1) an insert.
    sweep_at: usize,
}

// Derived it would ask for `T: Clone`, and `str` is not.
impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared { copies: self.copies.clone(), sweep_at: self.sweep_at }
    }
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared { copies: HashSet::new(), sweep_at: 64 }
    }
}

impl<T: Eq + std::hash::Hash + ?Sized> Shared<T> {
    /// Puts the one copy of `it` in its place.
    pub fn share(&mut self, it: &mut Arc<T>) {
        if let Some(copy) = self.copies.get(it) {
            *it = copy.clone();
            return;
        }
        if self.sweep_at <= self.copies.len() {
            self.copies.retain(|it| 1 < Arc::strong_count(it));
            self.sweep_at = (2 * self.copies.len()).max(64);
        }
        self.copies.insert(it.clone());
    }

    /// Says that one user lets go of `it`; frees the copy when that was the last one.
    pub fn release(&mut self, it: Arc<T>) {
        // Two are left when the table and this handle are the only ones.
        if Arc::strong_count(&it) == 2 && self.copies.get(&it).is_some_and(|c| Arc::ptr_eq(c, &it))
        {
            self.copies.remove(&it);
        }
    }

    pub fn n_copies(&self) -> usize {
        self.copies.len()
    }
}
