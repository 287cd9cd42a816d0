//! Roles by every name that leads to one: its ARN, its friendly name, whoever asks for it, whomever it trusts.

use crate::{
    fact::{Association, IamRole, Knowledge},
    graph::{
        table::{Held, Links, following},
        trust::Naming,
    },
    ident::{AccountId, Arn, SaKey, Text, Timestamp},
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Roles {
    held: BTreeMap<Arn, (Held<IamRole>, Naming)>,
    by_name: BTreeMap<AccountId, Links<Text, Arn>>,
    /// Subject -> roles whose trust names it exactly.
    naming: Links<SaKey, Arn>,
    /// OIDC provider -> roles that trust it.
    trusting: Links<Arn, Arn>,
    annotated: Links<Arn, SaKey>,
    associated: Links<Arn, Text>,
    /// By when they were made, where that is known.
    by_birth: BTreeSet<(Timestamp, Arn)>,
    /// Account -> ARNs that an annotation or an association names; counted, since both may name one.
    named_in: BTreeMap<AccountId, BTreeMap<Arn, u32>>,
    /// Last part of the name, lowercase -> ARNs that an annotation or an association names: a role of another path,
    /// account or letter case explains a name that is wrong.
    named_alike: BTreeMap<String, BTreeMap<Arn, u32>>,
}

impl Roles {
    pub fn get(&self, arn: &Arn) -> Option<&Held<IamRole>> {
        self.held.get(arn).map(|(it, _)| it)
    }

    pub fn get_mut(&mut self, arn: &Arn) -> Option<&mut Held<IamRole>> {
        self.held.get_mut(arn).map(|(it, _)| it)
    }

    pub fn held(&self) -> impl Iterator<Item = &Held<IamRole>> {
        self.held.values().map(|(it, _)| it)
    }

    pub fn held_mut(&mut self) -> impl Iterator<Item = &mut Held<IamRole>> {
        self.held.values_mut().map(|(it, _)| it)
    }

    /// What the role's trust policy names; nothing for a role that is not held.
    pub fn trust_of(&self, arn: &Arn) -> Option<&Naming> {
        self.held.get(arn).map(|(_, it)| it)
    }

    pub fn by_name(&self, account: &AccountId, name: &str) -> impl Iterator<Item = &Arn> {
        self.by_name.get(account).into_iter().flat_map(move |it| it.of(name))
    }

    pub fn naming<'a>(&'a self, key: &SaKey) -> impl Iterator<Item = &'a Arn> + use<'a> {
        self.naming.of(key)
    }

    /// Subjects with the roles whose trust names them exactly; all or one namespace's.
    pub fn subjects(&self, namespace: Option<&Text>) -> impl Iterator<Item = (&SaKey, &Arn)> {
        let first = SaKey::new(namespace.cloned().unwrap_or_default(), "");
        let within = move |key: &SaKey| namespace.is_none_or(|it| *it == key.namespace);
        self.naming.from(&first).take_while(move |(it, _)| within(it))
    }

    /// Every OIDC provider that is trusted, with the roles that do.
    pub fn trusted(&self) -> impl Iterator<Item = (&Arn, &Arn)> {
        self.trusting.iter()
    }

    /// Every OIDC provider that is trusted.
    pub fn trusted_providers(&self) -> impl Iterator<Item = &Arn> {
        self.trusting.keys()
    }

    /// Roles that were made after `time`, painted ones included. The youngest first.
    pub fn made_after(&self, time: Timestamp) -> impl Iterator<Item = &Arn> {
        let young = self.by_birth.iter().rev().take_while(move |(it, _)| time < *it);
        young.map(|(_, it)| it)
    }

    pub fn trusting<'a>(&'a self, provider: &Arn) -> impl Iterator<Item = &'a Arn> + use<'a> {
        self.trusting.of(provider)
    }

    pub fn annotated<'a>(&'a self, arn: &Arn) -> impl Iterator<Item = &'a SaKey> + use<'a> {
        self.annotated.of(arn)
    }

    pub fn associated<'a>(&'a self, arn: &Arn) -> impl Iterator<Item = &'a Text> + use<'a> {
        self.associated.of(arn)
    }

    pub fn is_named(&self, arn: &Arn) -> bool {
        self.annotated.has(arn) || self.associated.has(arn)
    }

    /// As `annotated`, those that follow this one; all for `None`.
    pub fn annotated_after<'a>(
        &'a self,
        arn: &Arn,
        last: Option<&SaKey>,
    ) -> impl Iterator<Item = &'a SaKey> + use<'a> {
        self.annotated.after(arn, last)
    }

    /// As `associated`, those that follow this one; all for `None`.
    pub fn associated_after<'a>(
        &'a self,
        arn: &Arn,
        last: Option<&Text>,
    ) -> impl Iterator<Item = &'a Text> + use<'a> {
        self.associated.after(arn, last)
    }

    pub fn n_held(&self) -> usize {
        self.held.len()
    }

    /// Those that are held and follow this one; all for `None`.
    pub fn held_after<'a>(&'a self, last: Option<&Arn>) -> impl Iterator<Item = &'a Arn> + use<'a> {
        self.held.range::<Arn, _>(following(last)).map(|(it, _)| it)
    }

    /// Sorted.
    pub fn named(&self) -> impl Iterator<Item = &Arn> {
        self.named_after(None)
    }

    /// As `named`, those that follow this one; all for `None`.
    pub fn named_after<'a>(
        &'a self,
        last: Option<&Arn>,
    ) -> impl Iterator<Item = &'a Arn> + use<'a> {
        let mut annotated = self.annotated.keys_after(last).peekable();
        let mut associated = self.associated.keys_after(last).peekable();
        std::iter::from_fn(move || match (annotated.peek(), associated.peek()) {
            (Some(a), Some(b)) if a == b => {
                associated.next();
                annotated.next()
            }
            (Some(a), Some(b)) if b < a => associated.next(),
            (Some(_), _) => annotated.next(),
            (None, _) => associated.next(),
        })
    }

    /// Accounts of named roles.
    pub fn named_accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.named_in.keys()
    }

    pub fn names_account(&self, account: &AccountId) -> bool {
        self.named_in.contains_key(account)
    }

    pub fn named_in<'a>(&'a self, account: &AccountId) -> impl Iterator<Item = &'a Arn> + use<'a> {
        self.named_in.get(account).into_iter().flat_map(|it| it.keys())
    }

    /// As `named_in`, those that follow this one; all for `None`.
    pub fn named_in_after<'a>(
        &'a self,
        account: &AccountId,
        last: Option<&Arn>,
    ) -> impl Iterator<Item = &'a Arn> + use<'a> {
        let arns = self.named_in.get(account);
        let arns = arns.map(|it| it.range::<Arn, _>(following(last)));
        arns.into_iter().flatten().map(|(it, _)| it)
    }

    pub fn names_in(&self, account: &AccountId, arn: &Arn) -> bool {
        self.named_in.get(account).is_some_and(|it| it.contains_key(arn))
    }

    /// Named ARNs whose last part equals that of `arn`, letter case aside; itself included where it is named.
    pub fn named_alike(&self, arn: &Arn) -> impl Iterator<Item = &Arn> {
        self.named_alike.get(&last_part(arn)).into_iter().flat_map(|it| it.keys())
    }

    pub fn insert(&mut self, held: Held<IamRole>) {
        let arn = held.fact.arn.clone();
        let naming = Naming::of(&held.fact.trust);
        for key in &naming.subjects {
            self.naming.link(key.clone(), arn.clone());
        }
        for provider in &naming.providers {
            self.trusting.link(provider.clone(), arn.clone());
        }
        if let (Some(account), Some(name)) = (arn.account(), arn.name()) {
            self.by_name.entry(account).or_default().link(name.into(), arn.clone());
        }
        self.by_birth.extend(held.fact.created.map(|it| (it, arn.clone())));
        self.held.insert(arn, (held, naming));
    }

    pub fn remove(&mut self, arn: &Arn) -> Option<Held<IamRole>> {
        let (held, naming) = self.held.remove(arn)?;
        if let Some(it) = held.fact.created {
            self.by_birth.remove(&(it, arn.clone()));
        }
        for key in &naming.subjects {
            self.naming.unlink(key, arn);
        }
        for provider in &naming.providers {
            self.trusting.unlink(provider, arn);
        }
        if let (Some(account), Some(name)) = (arn.account(), arn.name())
            && let Some(links) = self.by_name.get_mut(&account)
        {
            links.unlink(name, arn);
        }
        Some(held)
    }

    pub fn annotate(&mut self, key: &SaKey, arn: &Arn) {
        self.annotated.link(arn.clone(), key.clone());
        self.count(arn);
    }

    pub fn unannotate(&mut self, key: &SaKey, arn: &Arn) {
        self.annotated.unlink(arn, key);
        self.uncount(arn);
    }

    pub fn associate(&mut self, association: &Association) {
        for arn in roles_of(association) {
            self.associated.link(arn.clone(), association.id.clone());
            self.count(arn);
        }
    }

    pub fn dissociate(&mut self, association: &Association) {
        for arn in roles_of(association) {
            self.associated.unlink(arn, &association.id);
            self.uncount(arn);
        }
    }

    fn count(&mut self, arn: &Arn) {
        let alike = self.named_alike.entry(last_part(arn)).or_default();
        *alike.entry(arn.clone()).or_default() += 1;
        if let Some(account) = arn.account() {
            *self.named_in.entry(account).or_default().entry(arn.clone()).or_default() += 1;
        }
    }

    fn uncount(&mut self, arn: &Arn) {
        uncount_in(&mut self.named_alike, &last_part(arn), arn);
        if let Some(account) = arn.account() {
            uncount_in(&mut self.named_in, &account, arn);
        }
    }
}

/// The role and the target role, where they are known.
pub fn roles_of(association: &Association) -> impl Iterator<Item = &Arn> {
    let detail = match &association.detail {
        Knowledge::Known(it) => Some(it),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => None,
    };
    let role = detail.map(|it| &it.role_arn);
    let target = detail.and_then(|it| it.target_role_arn.as_ref());
    role.into_iter().chain(target.filter(move |it| Some(*it) != role))
}

fn uncount_in<K: Ord>(counts: &mut BTreeMap<K, BTreeMap<Arn, u32>>, key: &K, arn: &Arn) {
    let Some(arns) = counts.get_mut(key) else { return };
    if let Some(n) = arns.get_mut(arn) {
        *n -= 1;
        if *n == 0 {
            arns.remove(arn);
        }
    }
    if arns.is_empty() {
        counts.remove(key);
    }
}

/// Tolerant, because it is asked of texts that may be no ARN at all.
fn last_part(arn: &Arn) -> String {
    let text = arn.as_str().trim().trim_matches(['"', '\'']).trim();
    text.rsplit(['/', ':']).next().unwrap_or_default().to_ascii_lowercase()
}
