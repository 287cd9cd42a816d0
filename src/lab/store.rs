//! The Kubernetes objects as the API server keeps them: bytes by key, one counter of versions, and a bounded history.
//!
//! Knows nothing of HTTP, of selectors or of what an object means.

use bytes::Bytes;
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use tokio::sync::watch;

/// How many changes can be replayed; a watch from before them is told 410.
const HISTORY: usize = 20_000;
/// The version before the first object, so that versions look like those of a cluster that has lived.
const FIRST_VERSION: u64 = 1_000;

/// Namespace (empty for cluster-wide kinds) and name, in the order of lists.
pub type Key = (String, String);

/// One object; immutable, shared with every list and watch that sends it.
#[derive(Debug)]
pub struct Stored {
    pub key: Key,
    pub uid: String,
    pub version: u64,
    pub labels: Vec<(String, String)>,
    /// `spec.nodeName`.
    pub node: String,
    /// uid of the controlling owner; empty: none.
    pub owner: String,
    pub json: Bytes,
}

impl Stored {
    pub fn value(&self) -> Value {
        // INVARIANT: `json` was written by serde_json.
        serde_json::from_slice(&self.json).expect("a stored object is JSON")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

#[derive(Debug)]
pub struct Entry {
    pub version: u64,
    pub resource: Arc<str>,
    pub kind: ChangeKind,
    pub object: Arc<Stored>,
    /// As it was; `None` when it is new.
    pub before: Option<Arc<Stored>>,
}

pub struct Store {
    objects: BTreeMap<Arc<str>, BTreeMap<Key, Arc<Stored>>>,
    history: VecDeque<Arc<Entry>>,
    /// Changes up to this version cannot be replayed.
    forgotten: u64,
    version: u64,
    wake: watch::Sender<u64>,
}

impl Store {
    pub fn new() -> Store {
        Store {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: FIRST_VERSION,
            version: FIRST_VERSION,
            wake: watch::Sender::new(FIRST_VERSION),
        }
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// The oldest version that a watch may start from.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Wakes at every change with the newest version.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.objects.get(resource)?.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// In key order; of one namespace, or of all with `None`.
    pub fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Stored>> + use<'a> {
        let from = (namespace.unwrap_or_default().to_owned(), String::new());
        let all = self.objects.get(resource).map(|it| it.range(from..));
        all.into_iter()
            .flatten()
            .take_while(move |((it, _), _)| namespace.is_none_or(|ns| ns == it))
            .map(|(_, it)| it)
    }

    /// Stores `value` under the next version, which is written into it, and returns what is stored.
    pub fn put(&mut self, resource: &str, mut value: Value) -> Arc<Stored> {
        self.version += 1;
        value["metadata"]["resourceVersion"] = self.version.to_string().into();
        let stored = Arc::new(stored(&value, self.version));
        let resource = self.intern(resource);
        let of_kind = self.objects.entry(resource.clone()).or_default();
        let before = of_kind.insert(stored.key.clone(), stored.clone());
        let kind = if before.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.record(resource, kind, stored.clone(), before);
        stored
    }

    /// Stores what exists before the first client comes, without history.
    pub fn load(&mut self, resource: &str, value: Value) {
        self.put(resource, value);
        self.history.clear();
        self.forgotten = self.version;
    }

    /// Removes an object; its last state carries the version of the removal, as watches report it.
    pub fn remove(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        let key = (namespace.to_owned(), name.to_owned());
        let before = self.objects.get_mut(resource)?.remove(&key)?;
        self.version += 1;
        let mut value = before.value();
        value["metadata"]["resourceVersion"] = self.version.to_string().into();
        let last = Arc::new(stored(&value, self.version));
        let resource = self.intern(resource);
        self.record(resource, ChangeKind::Deleted, last.clone(), Some(before));
        Some(last)
    }

    /// Changes of `resource` after `version`; `None` when they are no longer known.
    pub fn since(&self, resource: &str, version: u64) -> Option<Vec<Arc<Entry>>> {
        if version < self.forgotten {
            return None;
        }
        let start = self.history.partition_point(|it| it.version <= version);
        let newer = self.history.range(start..);
        Some(newer.filter(|it| &*it.resource == resource).cloned().collect())
    }

    fn intern(&self, resource: &str) -> Arc<str> {
        match self.objects.get_key_value(resource) {
            Some((it, _)) => it.clone(),
            None => resource.into(),
        }
    }

    fn record(
        &mut self,
        resource: Arc<str>,
        kind: ChangeKind,
        object: Arc<Stored>,
        before: Option<Arc<Stored>>,
    ) {
        self.history.push_back(Arc::new(Entry {
            version: self.version,
            resource,
            kind,
            object,
            before,
        }));
        while self.history.len() > HISTORY {
            if let Some(it) = self.history.pop_front() {
                self.forgotten = it.version;
            }
        }
        self.wake.send_replace(self.version);
    }
}

fn stored(value: &Value, version: u64) -> Stored {
    let metadata = &value["metadata"];
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let labels = metadata["labels"].as_object().into_iter().flatten();
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.into_iter().find(|it| it["controller"] == true);
    Stored {
        key: (text(&metadata["namespace"]), text(&metadata["name"])),
        uid: text(&metadata["uid"]),
        version,
        labels: labels.map(|(key, it)| (key.clone(), text(it))).collect(),
        node: text(&value["spec"]["nodeName"]),
        owner: owner.map(|it| text(&it["uid"])).unwrap_or_default(),
        json: value.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::store::*;
    use serde_json::json;

    fn pod(namespace: &str, name: &str) -> Value {
        json!({"kind": "Pod", "metadata": {"namespace": namespace, "name": name}})
    }

    #[test]
    fn history_is_replayed_until_it_is_forgotten() {
        let mut store = Store::new();
        store.load("pods", pod("a", "old"));
        let start = store.version();
        let first = store.put("pods", pod("a", "x")).version;
        store.put("nodes", pod("", "n"));
        store.remove("pods", "a", "x");
        let kinds = |since: u64| {
            let all = store.since("pods", since)?;
            Some(all.iter().map(|it| it.kind).collect::<Vec<_>>())
        };
        assert_eq!(kinds(start), Some(vec![ChangeKind::Added, ChangeKind::Deleted]));
        assert_eq!(kinds(first), Some(vec![ChangeKind::Deleted]));
        assert_eq!(kinds(start - 1), None);
        assert_eq!(store.remove("pods", "a", "x").map(|_| ()), None);
        for _ in 0..=HISTORY {
            store.put("pods", pod("a", "busy"));
        }
        assert!(store.since("pods", first).is_none());
    }

    #[test]
    fn lists_are_in_key_order_and_by_namespace() {
        let mut store = Store::new();
        for (namespace, name) in [("b", "1"), ("a", "2"), ("ab", "0"), ("a", "1")] {
            store.put("pods", pod(namespace, name));
        }
        let names = |namespace: Option<&str>| -> Vec<String> {
            store.list("pods", namespace).map(|it| format!("{}/{}", it.key.0, it.key.1)).collect()
        };
        assert_eq!(names(None), ["a/1", "a/2", "ab/0", "b/1"]);
        assert_eq!(names(Some("a")), ["a/1", "a/2"]);
        assert_eq!(names(Some("none")), Vec::<String>::new());
    }
}
