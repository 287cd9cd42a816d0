//! An error text that somebody pasted: which error it is, and whose it may be here.

use crate::{
    ident::SaKey,
    identity::{
        Signature,
        signature::{Match, recognise},
    },
    model::{Model, PageKind},
    tree::Standing,
};

/// A pasted text, recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    pub text: String,
    /// The errors in it, in its order.
    pub matches: Vec<Match>,
    /// Most fitting first.
    pub fits: Vec<Fit>,
    selected: Option<SaKey>,
}

/// A ServiceAccount whose pods may print the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    pub key: SaKey,
    pub standing: Standing,
    /// What ties it to the text, a fragment.
    pub why: String,
    /// The text names it, or something that only it uses.
    pub is_named: bool,
}

impl Explained {
    /// Moves the selection by one, by name.
    pub(in crate::model) fn step(&mut self, down: bool) {
        let at = self.fits.iter().position(|it| Some(&it.key) == self.selected.as_ref());
        let next = match (at, down) {
            (Some(it), true) => (it + 1).min(self.fits.len() - 1),
            (Some(it), false) => it.saturating_sub(1),
            (None, _) => 0,
        };
        self.selected = self.fits.get(next).map(|it| it.key.clone());
    }

    pub fn selected(&self) -> Option<&SaKey> {
        self.selected.as_ref()
    }
}

impl Model {
    pub(in crate::model) fn explain(&mut self, text: &str) {
        let it = self.explained(text);
        self.open_page(PageKind::Explain(it));
    }

    fn explained(&self, text: &str) -> Explained {
        let matches = recognise(text);
        let mut fits: Vec<Fit> = Vec::new();
        for key in self.graph.identities() {
            fits.extend(self.fit(key, text, &matches));
        }
        fits.sort_by(|a, b| {
            (!a.is_named, a.standing, &a.key).cmp(&(!b.is_named, b.standing, &b.key))
        });
        let selected = fits.first().map(|it| it.key.clone());
        Explained { text: text.to_owned(), matches, fits, selected }
    }

    /// `None` when nothing ties this ServiceAccount to the text.
    fn fit(&self, key: &SaKey, text: &str, matches: &[Match]) -> Option<Fit> {
        let summary = self.board.identity(key)?;
        let identity = self.ledger.identity(key)?;
        let role = identity.role_arn.as_ref();
        let its_name = |it: &Match| {
            let namespace = it.namespace.as_deref().is_none_or(|it| it == &*key.namespace);
            it.service_account.as_deref() == Some(&*key.name) && namespace
        };
        // An assumed role is told without its path.
        let its_role = |it: &Match| {
            it.role.as_ref().is_some_and(|it| {
                role.is_some_and(|ours| it.account() == ours.account() && it.name() == ours.name())
            })
        };
        let named = if text.contains(&key.subject()) || matches.iter().any(its_name) {
            Some("the text names it")
        } else if role.is_some_and(|it| text.contains(it.as_str())) || matches.iter().any(its_role)
        {
            Some("the text names its role")
        } else if self.graph.pods_of(key).any(|it| text.contains(&*it.name)) {
            Some("the text names its pod")
        } else {
            None
        };
        let is_asked = |it: Signature| matches.iter().any(|asked| asked.signature == it);
        let found = self.ledger.findings_of_identity(&self.graph, key);
        let by_finding = found.iter().find(|it| it.signature.is_some_and(is_asked));
        let by_verdict = identity.verdict.signature().filter(|it| is_asked(*it));
        let ties = [
            named.map(str::to_owned),
            by_verdict.map(|it| format!("its pods print {it}")),
            by_finding.map(|it| it.code.to_owned()),
        ];
        let ties: Vec<String> = ties.into_iter().flatten().collect();
        if ties.is_empty() {
            return None;
        }
        let is_named = named.is_some();
        Some(Fit { key: key.clone(), standing: summary.standing, why: ties.join("; "), is_named })
    }
}
