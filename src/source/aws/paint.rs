//! What the disk cache paints before AWS has answered, and when that is taken off again; and what is written for next time.
//!
//! Every change on its way out passes here, so the cache holds what the graph was told.

use crate::{
    fact::{Change, Fact, Scope, SourceState},
    ident::{Arn, Ref, Text, Timestamp},
    source::cache::{self, Key, Owner},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

/// The least time between two writes.
const SAVE_EVERY: Duration = Duration::from_secs(300);

/// What was sent so far, as far as it is worth keeping.
#[derive(Debug)]
pub(crate) struct Canvas {
    dir: PathBuf,
    key: Option<Key>,
    /// Whose the painted facts are, and which scopes still show them.
    painted: Option<(Owner, BTreeSet<Scope>)>,
    held: BTreeMap<Scope, BTreeMap<Ref, Fact>>,
    /// Scopes whose facts were read to the end.
    live: BTreeSet<Scope>,
    caller: Option<Arn>,
    saved_at: Option<Timestamp>,
}

impl Canvas {
    pub(crate) fn new(dir: PathBuf) -> Canvas {
        Canvas {
            dir,
            key: None,
            painted: None,
            held: BTreeMap::new(),
            live: BTreeSet::new(),
            caller: None,
            saved_at: None,
        }
    }

    /// What the cache has for `key`; nothing the second time.
    pub(crate) fn paint(&mut self, key: Key) -> Vec<Change> {
        if self.key.as_ref() == Some(&key) {
            return Vec::new();
        }
        let loaded = cache::load(&self.dir, &key);
        self.key = Some(key);
        let Some(it) = loaded else { return Vec::new() };
        let scopes = it.scopes.iter().map(|(scope, _)| scope.clone());
        let fresh: BTreeSet<Scope> = scopes.filter(|scope| !self.live.contains(scope)).collect();
        let mut changes = Vec::new();
        for (scope, facts) in it.scopes.into_iter().filter(|(scope, _)| fresh.contains(scope)) {
            let state = SourceState::Cached { at: it.at };
            changes.push(Change::Source { scope: scope.clone(), state });
            changes.push(Change::Replace { scope, facts });
        }
        self.painted = Some((it.owner, fresh));
        changes
    }

    /// Takes note of what goes out, and makes room for it where something painted is in the way.
    pub(crate) fn pass(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let mut res = self.taken_off(&changes);
        for change in changes {
            match &change {
                Change::Source { scope, state } if self.is_painted(scope) => match state {
                    // The painted rows are shown until there is something better.
                    SourceState::Pending { .. } => continue,
                    SourceState::Live { .. } => self.unpaint(scope),
                    SourceState::Denied { .. }
                    | SourceState::Truncated { .. }
                    | SourceState::Off { .. }
                    | SourceState::Cached { .. }
                    | SourceState::Stale { .. }
                    | SourceState::Failed { .. }
                    | SourceState::Expired { .. } => {}
                },
                Change::Source { .. }
                | Change::Upsert(_)
                | Change::Remove(_)
                | Change::Replace { .. }
                | Change::Know { .. } => {}
            }
            self.note(&change);
            res.push(change);
        }
        res
    }

    /// What must be emptied first: of another caller or cluster, or of a scope that turns out not to be readable.
    fn taken_off(&mut self, changes: &[Change]) -> Vec<Change> {
        let mut res = Vec::new();
        let facts = changes.iter().filter_map(|it| match it {
            Change::Replace { facts, .. } => Some(facts),
            Change::Upsert(_) | Change::Remove(_) | Change::Know { .. } | Change::Source { .. } => {
                None
            }
        });
        if facts.flatten().any(|it| self.is_foreign(it)) {
            let scopes = self.painted.take().map(|(_, scopes)| scopes).unwrap_or_default();
            for scope in scopes {
                res.push(Change::Replace { scope: scope.clone(), facts: Vec::new() });
                res.push(Change::Source { scope, state: SourceState::Pending { received: 0 } });
            }
            if let Some(key) = &self.key {
                cache::remove(&self.dir, key);
            }
        }
        for change in changes {
            if let Change::Source { scope, state } = change
                && matches!(
                    state,
                    SourceState::Denied { .. }
                        | SourceState::Truncated { .. }
                        | SourceState::Off { .. }
                )
                && self.is_painted(scope)
            {
                self.unpaint(scope);
                res.push(Change::Replace { scope: scope.clone(), facts: Vec::new() });
            }
        }
        res
    }

    fn is_foreign(&self, fact: &Fact) -> bool {
        let Some((owner, _)) = &self.painted else { return false };
        match fact {
            Fact::Caller(it) => cache::caller_base(&it.arn) != owner.caller,
            Fact::Cluster(it) => {
                let now = Owner::new(&it.arn, it);
                (now.cluster, now.issuer, now.created)
                    != (owner.cluster.clone(), owner.issuer.clone(), owner.created)
            }
            Fact::ApiServer(_)
            | Fact::Namespace(_)
            | Fact::ServiceAccount(_)
            | Fact::Pod(_)
            | Fact::Workload(_)
            | Fact::Node(_)
            | Fact::Webhook(_)
            | Fact::Budget(_)
            | Fact::KeyNames(_)
            | Fact::OtherClusters(_)
            | Fact::OtherAssociations(_)
            | Fact::IdentityProviders(_)
            | Fact::Association(_)
            | Fact::Role(_)
            | Fact::Provider(_)
            | Fact::Addon(_)
            | Fact::Nodegroup(_) => false,
        }
    }

    fn is_painted(&self, scope: &Scope) -> bool {
        self.painted.as_ref().is_some_and(|(_, scopes)| scopes.contains(scope))
    }

    fn unpaint(&mut self, scope: &Scope) {
        if let Some((_, scopes)) = &mut self.painted {
            scopes.remove(scope);
        }
    }

    fn note(&mut self, change: &Change) {
        match change {
            Change::Replace { scope, facts } => {
                if let Some(Fact::Caller(it)) = facts.first() {
                    self.caller = Some(it.arn.clone());
                }
                let facts = facts.iter().map(|it| (it.key(), it.clone())).collect();
                self.held.insert(scope.clone(), facts);
            }
            Change::Upsert(fact) => {
                if let Some(scope) = scope_of(fact) {
                    self.held.entry(scope).or_default().insert(fact.key(), (**fact).clone());
                }
            }
            Change::Remove(of) => {
                for facts in self.held.values_mut() {
                    facts.remove(of);
                }
            }
            Change::Source { scope, state: SourceState::Live { .. } } => {
                self.live.insert(scope.clone());
            }
            Change::Source {
                scope,
                state: SourceState::Denied { .. } | SourceState::Off { .. },
            } => {
                self.live.remove(scope);
            }
            Change::Source { .. } | Change::Know { .. } => {}
        }
    }

    /// What is to be written now, if it is time; the writing itself is for a thread that may block.
    pub(crate) fn due(&mut self, at: Timestamp) -> Option<impl FnOnce() + Send + 'static + use<>> {
        let is_early = |it: Timestamp| at.duration_since(it).unsigned_abs() < SAVE_EVERY;
        if self.saved_at.is_some_and(is_early) {
            return None;
        }
        let cluster = self.held.get(&Scope::Cluster)?.values().next()?;
        let (Fact::Cluster(cluster), Some(caller)) = (cluster, &self.caller) else { return None };
        if !self.live.contains(&Scope::Cluster) {
            return None;
        }
        let owner = Owner::new(caller, cluster);
        let (dir, key) = (self.dir.clone(), self.key.clone()?);
        let live = self.held.iter().filter(|(scope, _)| self.live.contains(scope));
        let scopes: BTreeMap<Scope, Vec<Fact>> =
            live.map(|(scope, facts)| (scope.clone(), facts.values().cloned().collect())).collect();
        self.saved_at = Some(at);
        Some(move || {
            if let Err(err) = cache::save(&dir, &key, owner, at, &scopes) {
                tracing::warn!(%err, "failed to write the cache");
            }
            cache::prune(&dir);
        })
    }
}

/// The scope of what can arrive alone.
fn scope_of(fact: &Fact) -> Option<Scope> {
    let account = |arn: &Arn| Some(Text::from(arn.parts()?.account));
    match fact {
        Fact::Association(_) => Some(Scope::Associations),
        Fact::Role(it) => Some(Scope::Roles { account: account(&it.arn)? }),
        Fact::Provider(it) => Some(Scope::Providers { account: account(&it.arn)? }),
        Fact::Addon(_) => Some(Scope::Addons),
        Fact::Nodegroup(_) => Some(Scope::Nodegroups),
        Fact::ApiServer(_)
        | Fact::Namespace(_)
        | Fact::ServiceAccount(_)
        | Fact::Pod(_)
        | Fact::Workload(_)
        | Fact::Node(_)
        | Fact::Webhook(_)
        | Fact::Budget(_)
        | Fact::KeyNames(_)
        | Fact::Caller(_)
        | Fact::Cluster(_)
        | Fact::OtherClusters(_)
        | Fact::OtherAssociations(_)
        | Fact::IdentityProviders(_) => None,
    }
}
