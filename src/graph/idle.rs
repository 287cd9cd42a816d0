//! Associations whose ServiceAccount no pod and no template uses, and whose name may have been mistyped for another.
//!
//! There are few of them, and what happens to any ServiceAccount with a similar name concerns them.

use crate::{
    fact::Association,
    graph::{Graph, table::Links, touch::Touched},
    ident::{Ref, SaKey, Text},
};

/// Their ServiceAccounts, by namespace and by name.
#[derive(Clone, Debug, Default)]
pub struct Idle {
    names: Links<Text, Text>,
    namespaces: Links<Text, Text>,
}

impl Graph {
    /// ServiceAccounts that this one's name could have been mistaken for: a similar name in the namespace, the same name
    /// elsewhere. More than a person would say, never fewer.
    pub fn lookalikes<'a>(&'a self, key: &'a SaKey) -> impl Iterator<Item = &'a SaKey> {
        let similar = self
            .identities_in(&key.namespace)
            .filter(|it| it.name != key.name && may_resemble(&it.name, &key.name));
        let elsewhere = self.identities_named(&key.name).filter(|it| it.namespace != key.namespace);
        similar.chain(elsewhere)
    }

    /// Whether some pod or template names the ServiceAccount, those of old ReplicaSets included.
    pub fn is_used(&self, key: &SaKey) -> bool {
        let seat = self.seats.get(&key.namespace, &key.name);
        seat.is_some_and(|it| !it.pods.is_empty() || !it.workloads.is_empty())
    }

    /// The idle associations that may have been meant for this ServiceAccount; more than a person would say.
    pub fn idle_associations_like<'a>(
        &'a self,
        key: &'a SaKey,
    ) -> impl Iterator<Item = &'a Association> {
        self.idle_like(key).flat_map(|it| self.associations_of(it))
    }

    /// The ServiceAccounts of idle associations that this one may have been meant by.
    fn idle_like<'a>(&'a self, key: &'a SaKey) -> impl Iterator<Item = &'a SaKey> {
        let similar = self.idle.names.of(&key.namespace);
        let similar = similar
            .filter(|it| **it != key.name && may_resemble(it, &key.name))
            .map(|it| (&key.namespace, it));
        let elsewhere = self.idle.namespaces.of(&key.name).map(|it| (it, &key.name));
        let elsewhere = elsewhere.filter(|(namespace, _)| **namespace != key.namespace);
        let seats = similar.chain(elsewhere);
        seats.filter_map(|(namespace, name)| Some(&self.seats.get(namespace, name)?.key))
    }

    /// Keeps the index right after the seat changed.
    pub(crate) fn renew_idle(&mut self, key: &SaKey) {
        let seat = self.seats.get(&key.namespace, &key.name);
        let is_idle = seat.is_some_and(|it| {
            !it.associations.is_empty() && it.pods.is_empty() && it.workloads.is_empty()
        });
        if is_idle {
            self.idle.names.link(key.namespace.clone(), key.name.clone());
            self.idle.namespaces.link(key.name.clone(), key.namespace.clone());
        } else {
            self.idle.names.unlink(&key.namespace, &key.name);
            self.idle.namespaces.unlink(&key.name, &key.namespace);
        }
    }

    /// The idle associations that this ServiceAccount may have been meant by.
    pub(crate) fn touch_idle(&self, key: &SaKey, acc: &mut Touched) {
        if self.idle.names.is_empty() {
            return;
        }
        for it in self.idle_like(key) {
            if let Some(seat) = self.seats.get(&it.namespace, &it.name) {
                acc.refs.extend(seat.associations.iter().cloned().map(Ref::Association));
            }
        }
    }

    /// Whom an association may have been meant for while it is idle, if this one's may be about to become so or to
    /// cease to be.
    pub(crate) fn touch_lookalikes(&self, key: &SaKey, acc: &mut Touched) {
        let Some(seat) = self.seats.get(&key.namespace, &key.name) else { return };
        if !seat.associations.is_empty() && seat.pods.len() + seat.workloads.len() <= 1 {
            acc.refs.extend(self.lookalikes(&seat.key).cloned().map(Ref::ServiceAccount));
        }
    }
}

/// Whether two names can be two edits or a word apart. Cheap, and true too often.
fn may_resemble(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    // One edit adds, removes or exchanges one letter, so it changes at most two of those that occur.
    let letters = |it: &str| it.bytes().fold(0_u64, |all, c| all | 1 << (c % 64));
    let edited = long.len() - short.len() <= 2 && (letters(a) ^ letters(b)).count_ones() <= 4;
    edited || long.starts_with(short) || long.ends_with(short)
}

#[cfg(test)]
mod tests {
    use crate::graph::idle::may_resemble;

    #[test]
    fn nothing_that_is_near_is_missed() {
        let check =
            |a: &str, b: &str, expected: bool| assert_eq!(may_resemble(a, b), expected, "{a} {b}");
        check("cart", "carts", true);
        check("cart", "crat", true);
        check("cart", "bard", true);
        check("cart", "cart-worker", true);
        check("cart", "shop-cart", true);
        check("orders", "payments", false);
        check("api", "web", false);
    }
}
