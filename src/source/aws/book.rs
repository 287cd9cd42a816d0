//! What was read so far, merged: lists tell less than single reads, and a later list must not take away what a single
//! read brought.

use crate::{
    fact::{
        Association, AssociationDetail, Denied, IamRole, Knowledge, OidcProvider, Policies,
        ProviderDetail,
    },
    iam::Document,
    ident::{Arn, Issuer, Partition, Text, Timestamp},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

#[derive(Debug, Default)]
pub(crate) struct Book {
    roles: HashMap<Arn, IamRole>,
    /// Roles that GetRole was asked for, and when it last answered.
    asked: HashMap<Arn, Timestamp>,
    /// Roles that GetRole was refused for before any list told of them.
    refused: HashMap<Arn, Denied>,
    associations: HashMap<Text, Described<AssociationDetail>>,
    providers: HashMap<Arn, Described<ProviderDetail>>,
    /// What the last list of each account names.
    provider_urls: HashMap<Text, Vec<Text>>,
    /// Managed policies by ARN: many roles have the same ones attached.
    documents: HashMap<String, (Arc<Document>, Timestamp)>,
    document_locks: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Debug)]
struct Described<T> {
    detail: Knowledge<T>,
    at: Timestamp,
}

/// # Roles
impl Book {
    pub(crate) fn role(&self, arn: &Arn) -> Option<&IamRole> {
        self.roles.get(arn)
    }

    /// A complete list of one account, begun at `since`. Returns what is now known of all its roles.
    pub(crate) fn roles_listed(
        &mut self,
        account: &str,
        listed: Vec<IamRole>,
        since: Timestamp,
    ) -> Vec<IamRole> {
        let names: HashSet<Arn> = listed.iter().map(|it| it.arn.clone()).collect();
        self.roles.retain(|arn, known| {
            // A role that was made while the list was on its way is not missing from it.
            let is_newer = known.read_at.is_some_and(|it| since <= it);
            names.contains(arn) || is_newer || arn.parts().is_none_or(|it| it.account != account)
        });
        for it in listed {
            self.role_listed(it);
        }
        let of_account = |it: &&IamRole| it.arn.parts().is_some_and(|it| it.account == account);
        let mut res: Vec<IamRole> = self.roles.values().filter(of_account).cloned().collect();
        res.sort_by(|a, b| a.arn.cmp(&b.arn));
        res
    }

    /// One role of a list; keeps what only GetRole tells, unless it is another role of the same name.
    pub(crate) fn role_listed(&mut self, mut listed: IamRole) -> IamRole {
        if let Some(known) = self.roles.get(&listed.arn).filter(|it| it.id == listed.id) {
            if known.read_at > listed.read_at {
                return known.clone();
            }
            listed.permissions_boundary = known.permissions_boundary.clone();
            listed.tags = known.tags.clone();
            listed.last_used = known.last_used.clone();
            listed.policies = known.policies.clone();
            reuse_document(&mut listed, known);
        }
        let arn = listed.arn.clone();
        self.roles.insert(arn.clone(), listed.clone());
        let refused = self.refused.remove(&arn);
        refused.and_then(|it| self.role_refused(&arn, &it)).unwrap_or(listed)
    }

    /// What GetRole returned.
    pub(crate) fn role_got(&mut self, mut got: IamRole) -> IamRole {
        if let Some(known) = self.roles.get(&got.arn).filter(|it| it.id == got.id) {
            got.policies = known.policies.clone();
            reuse_document(&mut got, known);
        }
        self.roles.insert(got.arn.clone(), got.clone());
        got
    }

    /// A listed role with what many are told at once. `None`: no list has told of it, or it was read since.
    pub(crate) fn role_detailed(&mut self, mut got: IamRole) -> Option<IamRole> {
        let known = self.roles.get_mut(&got.arn).filter(|it| it.id == got.id)?;
        if known.read_at > got.read_at && known.last_used != Knowledge::NotYet {
            return None;
        }
        got.max_session_seconds = known.max_session_seconds;
        got.policies = known.policies.clone();
        reuse_document(&mut got, known);
        *known = got.clone();
        Some(got)
    }

    /// GetRole was refused for a role that a list brought. `None`: no list did.
    pub(crate) fn role_refused(&mut self, arn: &Arn, denied: &Denied) -> Option<IamRole> {
        let Some(known) = self.roles.get_mut(arn) else {
            self.refused.insert(arn.clone(), denied.clone());
            return None;
        };
        if !known.last_used.is_known() {
            known.permissions_boundary = Knowledge::Denied(denied.clone());
            known.tags = Knowledge::Denied(denied.clone());
            known.last_used = Knowledge::Denied(denied.clone());
        }
        Some(known.clone())
    }

    /// `None`: the role went away meanwhile.
    pub(crate) fn policies_got(
        &mut self,
        arn: &Arn,
        policies: Knowledge<Policies>,
    ) -> Option<IamRole> {
        let known = self.roles.get_mut(arn)?;
        known.policies = policies;
        Some(known.clone())
    }

    /// Whether it was known.
    pub(crate) fn role_gone(&mut self, arn: &Arn) -> bool {
        self.roles.remove(arn).is_some()
    }

    pub(crate) fn role_asked(&mut self, arn: &Arn, at: Timestamp) {
        self.asked.insert(arn.clone(), at);
    }

    /// Whether GetRole answered for the role, and its policies were never asked for.
    pub(crate) fn lacks_policies(&self, arn: &Arn) -> bool {
        self.asked.contains_key(arn)
            && self.roles.get(arn).is_some_and(|it| it.policies == Knowledge::NotYet)
    }

    /// Roles that somebody asked for and that were answered before `before`, oldest first.
    pub(crate) fn roles_asked_before(&self, before: Timestamp) -> Vec<Arn> {
        let mut res: Vec<_> = self.asked.iter().filter(|(_, at)| **at <= before).collect();
        res.sort_by_key(|(arn, at)| (**at, (*arn).clone()));
        res.into_iter().map(|(arn, _)| arn.clone()).collect()
    }
}

/// # Managed policies
impl Book {
    /// `None`: not read since `since`.
    pub(crate) fn document(&self, policy: &str, since: Timestamp) -> Option<Arc<Document>> {
        let (document, at) = self.documents.get(policy)?;
        (since <= *at).then(|| Arc::clone(document))
    }

    pub(crate) fn document_got(&mut self, policy: &str, document: &Arc<Document>, at: Timestamp) {
        self.documents.insert(policy.to_owned(), (Arc::clone(document), at));
    }

    /// Held by who reads the document.
    pub(crate) fn document_lock(&mut self, policy: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.document_locks.entry(policy.to_owned()).or_default())
    }

    /// Reads every document again.
    pub(crate) fn forget_documents(&mut self) {
        self.documents.clear();
    }
}

/// # Associations and providers
impl Book {
    /// Fills in what is known of each row, and drops what the list does not have.
    pub(crate) fn associations_listed(&mut self, listed: &mut [Association]) {
        let ids: HashSet<&Text> = listed.iter().map(|it| &it.id).collect();
        self.associations.retain(|id, _| ids.contains(id));
        for it in listed {
            if let Some(known) = self.associations.get(&it.id) {
                it.detail = known.detail.clone();
            }
        }
    }

    pub(crate) fn association_got(
        &mut self,
        id: &Text,
        detail: Knowledge<AssociationDetail>,
        at: Timestamp,
    ) {
        self.associations.insert(id.clone(), Described { detail, at });
    }

    /// Ids in the order in which they should be described: unknown ones first, then the oldest; of the latter at most
    /// `n_old`.
    pub(crate) fn associations_due(&self, listed: &[Association], n_old: usize) -> Vec<Text> {
        let age = |id: &Text| self.associations.get(id);
        let ids = listed.iter().map(|it| it.id.clone());
        due(ids, |id| age(id).map(|it| (it.at, it.detail.is_known())), n_old)
    }

    pub(crate) fn providers_listed(&mut self, listed: &mut [OidcProvider], account: &str) {
        let urls = listed.iter().map(|it| it.url.clone()).collect();
        self.provider_urls.insert(account.into(), urls);
        let arns: HashSet<&Arn> = listed.iter().map(|it| &it.arn).collect();
        self.providers.retain(|arn, _| {
            arns.contains(arn) || arn.parts().is_none_or(|it| it.account != account)
        });
        for it in listed {
            if let Some(known) = self.providers.get(&it.arn) {
                *it = OidcProvider::new(it.arn.clone(), known.detail.clone());
            }
        }
    }

    /// The regions of the partition whose EKS issuers some provider is for. Sorted.
    pub(crate) fn provider_regions(&self, partition: &Partition) -> BTreeSet<Text> {
        let issuers = self.provider_urls.values().flatten().map(|it| Issuer::new(it));
        issuers
            .filter_map(|it| it.region().map(Text::from))
            .filter(|it| it.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'))
            .filter(|it| Partition::of_region(it) == *partition)
            .collect()
    }

    pub(crate) fn provider_got(
        &mut self,
        arn: &Arn,
        detail: Knowledge<ProviderDetail>,
        at: Timestamp,
    ) {
        self.providers.insert(arn.clone(), Described { detail, at });
    }

    pub(crate) fn providers_due(&self, listed: &[OidcProvider], n_old: usize) -> Vec<Arn> {
        let age = |arn: &Arn| self.providers.get(arn);
        let arns = listed.iter().map(|it| it.arn.clone());
        due(arns, |arn| age(arn).map(|it| (it.at, it.detail.is_known())), n_old)
    }
}

fn due<K: Ord>(
    keys: impl Iterator<Item = K>,
    known: impl Fn(&K) -> Option<(Timestamp, bool)>,
    n_old: usize,
) -> Vec<K> {
    let (mut old, mut res) = (Vec::new(), Vec::new());
    for key in keys {
        match known(&key) {
            Some((at, true)) => old.push((at, key)),
            Some((_, false)) | None => res.push(key),
        }
    }
    old.sort();
    res.extend(old.into_iter().take(n_old).map(|(_, key)| key));
    res
}

/// Equal text keeps the parsed document that is already shared.
fn reuse_document(new: &mut IamRole, known: &IamRole) {
    if new.trust.raw == known.trust.raw {
        new.trust = Arc::clone(&known.trust);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fact::{Denied, LastUsed},
        iam::Kind,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn listed(name: &str, id: &str, second: i64) -> IamRole {
        IamRole {
            arn: Arn::new(format!("arn:aws:iam::111122223333:role/{name}")),
            id: id.into(),
            created: None,
            trust: Arc::new(Document::parse("{}", Kind::Trust)),
            max_session_seconds: None,
            permissions_boundary: Knowledge::NotYet,
            tags: Knowledge::NotYet,
            last_used: Knowledge::NotYet,
            policies: Knowledge::NotYet,
            read_at: Some(at(second)),
        }
    }

    fn got(name: &str, id: &str, second: i64) -> IamRole {
        let last_used = Knowledge::Known(LastUsed { at: Some(at(1)), region: None });
        IamRole { last_used, ..listed(name, id, second) }
    }

    #[test]
    fn a_list_keeps_what_single_reads_brought() {
        let mut book = Book::default();
        book.role_got(got("a", "AROA1", 10));
        let arn = listed("a", "AROA1", 0).arn;
        book.policies_got(&arn, Knowledge::Known(Policies::default()));
        let all = book.roles_listed("111122223333", vec![listed("a", "AROA1", 20)], at(15));
        assert!(all[0].last_used.is_known() && all[0].policies.is_known());
        assert_eq!(all[0].read_at, Some(at(20)));
        let all = book.roles_listed("111122223333", vec![listed("a", "AROA2", 30)], at(25));
        assert!(!all[0].last_used.is_known(), "a recreated role has a past of its own");
    }

    #[test]
    fn what_is_newer_than_the_list_survives_it() {
        let mut book = Book::default();
        book.role_got(got("old", "AROA1", 10));
        book.role_got(got("new", "AROA2", 20));
        let names = |all: Vec<IamRole>| all.iter().map(|it| it.id.to_string()).collect::<Vec<_>>();
        assert_eq!(names(book.roles_listed("111122223333", vec![], at(15))), ["AROA2"]);
        assert_eq!(names(book.roles_listed("444455556666", vec![], at(99))), [""; 0]);
        assert_eq!(names(book.roles_listed("111122223333", vec![], at(30))), [""; 0]);
    }

    #[test]
    fn a_refused_single_read_does_not_hide_the_listed_role() {
        let mut book = Book::default();
        let denied = Denied { permission: "iam:GetRole".into(), detail: "".into() };
        let arn = listed("a", "AROA1", 0).arn;
        assert_eq!(book.role_refused(&arn, &denied), None);
        // Nobody asks for it once more.
        let it = book.role_listed(listed("a", "AROA1", 1));
        assert_eq!(it.last_used, Knowledge::Denied(denied.clone()));
        let it = book.role_refused(&arn, &denied).expect("listed");
        assert_eq!(it.last_used, Knowledge::Denied(denied));
    }

    #[test]
    fn unknown_rows_first_then_the_oldest() {
        let known = |key: &&str| match *key {
            "young" => Some((at(30), true)),
            "old" => Some((at(10), true)),
            "failed" => Some((at(40), false)),
            _ => None,
        };
        let keys = ["young", "failed", "old", "new"];
        assert_eq!(due(keys.into_iter(), known, 1), ["failed", "new", "old"]);
        assert_eq!(due(keys.into_iter(), known, 9), ["failed", "new", "old", "young"]);
    }
}
