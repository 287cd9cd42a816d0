//! What should be read although no list brings it, and what is still on its way.

use crate::{
    fact::{Caller, Denied, Knowledge, Scope, SourceState},
    graph::{Graph, scope::Reading, touch::Touched},
    ident::{AccountId, Arn, Ref},
};

/// What the graph still waits for. Empty on both sides: everything that can be known is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outstanding {
    /// Scopes without their first answer, be it complete, refused or failed.
    pub scopes: Vec<Scope>,
    /// Single objects that are wanted and of which nothing was said, not even that they could not be read just now.
    pub objects: Vec<Ref>,
}

impl Outstanding {
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.objects.is_empty()
    }
}

impl Graph {
    /// What should be read and is in no list: named roles (`Role`) that their account's list does not settle, roles
    /// whose policies a rule needs (`Role` again), the cluster's `Provider` in an account that does not list its
    /// providers, `envFrom` ConfigMaps and Secrets. Sorted. The source de-duplicates and limits, and leaves Secrets alone
    /// unless told to read them.
    ///
    /// A role stays wanted until it is there with its policies, or until it was said (`Change::Know`, or `Denied`
    /// policies) that it cannot be had.
    pub fn wanted(&self) -> Vec<Ref> {
        self.wanted.iter().cloned().collect()
    }

    /// Whether it is among what is wanted.
    pub fn wants(&self, of: &Ref) -> bool {
        self.wanted.contains(of)
    }

    /// Grows whenever something becomes wanted that was not.
    pub fn n_ever_wanted(&self) -> u64 {
        self.n_ever_wanted
    }

    /// What has not been answered yet. Secrets are left out, since they are read only on request. Details of listed
    /// rows belong to the list, whose scope is live only when they were read too.
    pub fn outstanding(&self) -> Outstanding {
        let waits = |state: &SourceState| match Reading::of(Some(state)) {
            Reading::Waiting | Reading::Cached => true,
            Reading::Unasked
            | Reading::Complete
            | Reading::Partial
            | Reading::Expired
            | Reading::Denied(_)
            | Reading::Off(_) => false,
        };
        let scopes = self.sources.iter().filter(|(_, state)| waits(state));
        let unanswered =
            |it: &&Ref| !matches!(it, Ref::Secret { .. }) && !self.said.contains_key(*it);
        Outstanding {
            scopes: scopes.map(|(scope, _)| scope.clone()).collect(),
            objects: self.wanted.iter().filter(unanswered).cloned().collect(),
        }
    }

    /// Keeps `wanted` right after a change.
    pub(crate) fn renew_wanted(&mut self, touched: &Touched) {
        for of in &touched.wants {
            if self.is_wanted(of) {
                self.n_ever_wanted += u64::from(self.wanted.insert(of.clone()));
            } else {
                self.wanted.remove(of);
            }
        }
    }

    /// What may be wanted, or no longer, by whatever exists once: the roles of the nodes, and the providers that the
    /// cluster's tokens need.
    pub(crate) fn touch_wanted(&self, acc: &mut Touched) {
        acc.wants.extend(self.node_roles().cloned().map(Ref::Role));
        let accounts = self.caller().known().map(|it| it.accounts.iter()).into_iter().flatten();
        let needed = accounts.filter_map(|it| self.expected_provider(&AccountId::parse(it)?));
        acc.wants.extend(needed.map(Ref::Provider));
        // Who reads them, and whose tokens they are for, may be what changes.
        let wanted = self.wanted.range(Ref::Provider(Arn::from(""))..);
        acc.wants.extend(wanted.take_while(|it| matches!(it, Ref::Provider(_))).cloned());
    }

    fn is_wanted(&self, of: &Ref) -> bool {
        match of {
            Ref::Role(arn) => self.is_role_wanted(arn),
            Ref::Provider(arn) => self.is_provider_wanted(arn),
            Ref::ConfigMap { .. } | Ref::Secret { .. } => {
                let read = self.pod_readers.has(of) || self.workload_readers.has(of);
                read && self.key_names(of) == Knowledge::NotYet
            }
            Ref::Cluster
            | Ref::Namespace(_)
            | Ref::ServiceAccount(_)
            | Ref::Pod { .. }
            | Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::Association(_)
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => false,
        }
    }

    /// The one that the cluster's tokens need, of an account that can be read and whose list does not tell of it.
    fn is_provider_wanted(&self, arn: &Arn) -> bool {
        let Some(account) = arn.account() else { return false };
        let reads = |it: &Caller| it.accounts.iter().any(|it| **it == *account.as_str());
        if !self.caller().known().is_some_and(reads)
            || self.expected_provider(&account).as_ref() != Some(arn)
            || self.providers.get(arn).is_some_and(|it| !it.mark.cached)
        {
            return false;
        }
        match self.reading(&Scope::Providers { account: account.as_str().into() }) {
            Reading::Partial | Reading::Denied(_) => {
                let said = self.said.get(&Ref::Provider(arn.clone()));
                !matches!(said, Some(Knowledge::Absent | Knowledge::Denied(_)))
            }
            Reading::Unasked
            | Reading::Waiting
            | Reading::Cached
            | Reading::Complete
            | Reading::Expired
            | Reading::Off(_) => false,
        }
    }

    fn is_role_wanted(&self, arn: &Arn) -> bool {
        let on_nodes = !self.associations.is_empty() && self.is_node_role(arn);
        if !on_nodes && !self.roles.is_named(arn) {
            return false;
        }
        let Some(account) = arn.account().filter(|_| arn.is_iam_role()) else { return false };
        let reading = self.reading(&Scope::Roles { account: account.as_str().into() });
        if matches!(reading, Reading::Expired | Reading::Off(_)) {
            return false;
        }
        if let Some(held) = self.roles.get(arn).filter(|it| !it.mark.cached) {
            return held.fact.policies == Knowledge::NotYet;
        }
        match self.said.get(&Ref::Role(arn.clone())) {
            Some(Knowledge::Absent | Knowledge::Denied(_)) => false,
            Some(Knowledge::NotYet) => true,
            Some(Knowledge::Known(())) | None => match reading {
                // The list will tell, and for less than one call a role.
                Reading::Waiting | Reading::Cached => false,
                Reading::Complete | Reading::Expired | Reading::Off(_) => false,
                Reading::Unasked | Reading::Partial | Reading::Denied(_) => true,
            },
        }
    }
}

impl Graph {
    /// ConfigMaps and Secrets that an `envFrom` names and that may not be read. Sorted.
    pub fn refused_env_objects(&self) -> Vec<(Ref, Denied)> {
        // What was said or read of an object, since those that were not are many.
        let is_object = |it: &&Ref| matches!(it, Ref::ConfigMap { .. } | Ref::Secret { .. });
        let said = self.said.keys().filter(is_object);
        let is_read = |it: &&Ref| self.pod_readers.has(*it) || self.workload_readers.has(*it);
        let mut objects: Vec<&Ref> = said.chain(self.key_names.keys()).filter(is_read).collect();
        objects.sort();
        objects.dedup();
        objects
            .into_iter()
            .filter_map(|it| match self.key_names(it) {
                Knowledge::Denied(denied) => Some((it.clone(), denied)),
                Knowledge::Known(_) | Knowledge::Absent | Knowledge::NotYet => None,
            })
            .collect()
    }
}
