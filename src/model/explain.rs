//! An error text that somebody pasted: which error it is, and whose it may be here.

use crate::{
    ident::{Ref, SaKey},
    identity::Signature,
    model::{Mode, Model, PageKind, Request},
    tree::Standing,
};

/// A pasted text, recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    pub text: String,
    pub signatures: Vec<Signature>,
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
    pub(in crate::model) fn step(&mut self, down: bool) -> Vec<Request> {
        let at = self.fits.iter().position(|it| Some(&it.key) == self.selected.as_ref());
        let next = match (at, down) {
            (Some(it), true) => (it + 1).min(self.fits.len() - 1),
            (Some(it), false) => it.saturating_sub(1),
            (None, _) => 0,
        };
        self.selected = self.fits.get(next).map(|it| it.key.clone());
        Vec::new()
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
        let signatures: Vec<Signature> = Vec::new();
        let mut fits: Vec<Fit> = Vec::new();
        for key in self.graph.identities() {
            fits.extend(self.fit(key, text, &signatures));
        }
        fits.sort_by(|a, b| {
            (!a.is_named, a.standing, &a.key).cmp(&(!b.is_named, b.standing, &b.key))
        });
        let selected = fits.first().map(|it| it.key.clone());
        Explained { text: text.to_owned(), signatures, fits, selected }
    }

    /// `None` when nothing ties this ServiceAccount to the text.
    fn fit(&self, key: &SaKey, text: &str, signatures: &[Signature]) -> Option<Fit> {
        let summary = self.board.identity(key)?;
        let identity = self.ledger.identity(key)?;
        let role = identity.role_arn.as_ref().map(|it| it.as_str());
        let named = if text.contains(&key.subject()) {
            Some("the text names it")
        } else if role.is_some_and(|it| text.contains(it)) {
            Some("the text names its role")
        } else if self.graph.pods_of(key).any(|it| text.contains(&*it.name)) {
            Some("the text names its pod")
        } else {
            None
        };
        let own = identity.verdict.signature();
        let found = self.ledger.findings_of_identity(&self.graph, key);
        let by_finding =
            found.iter().find(|it| it.signature.is_some_and(|it| signatures.contains(&it)));
        let why = match (named, by_finding) {
            (Some(named), Some(it)) => format!("{named}; {}", it.code),
            (Some(named), None) => named.to_owned(),
            (None, Some(it)) => it.code.to_owned(),
            (None, None) => match own.filter(|it| signatures.contains(it)) {
                Some(it) => format!("its pods print {it}"),
                None => return None,
            },
        };
        Some(Fit { key: key.clone(), standing: summary.standing, why, is_named: named.is_some() })
    }

    /// The page's row, for commands that ask about it.
    pub fn explained_node(&self) -> Option<Ref> {
        match &self.mode {
            Mode::Page(page) => match &page.kind {
                PageKind::Explain(it) => it.selected().cloned().map(Ref::ServiceAccount),
                PageKind::Help
                | PageKind::Details(_)
                | PageKind::Policy(_)
                | PageKind::Repairs(_) => None,
            },
            Mode::List | Mode::Details => None,
        }
    }
}
