//! Findings by the unit that they hang at, and by the unit whose rules made them.

use crate::{check::Finding, ident::Ref};
use std::collections::HashMap;

#[derive(Clone, Default)]
pub(crate) struct Store {
    hung: HashMap<Ref, Hung>,
    /// Where the findings of a unit's rules hang, without duplicates.
    made: HashMap<Ref, Vec<Ref>>,
}

#[derive(Clone, Default)]
struct Hung {
    findings: Vec<Finding>,
    /// Whose rules made each, in step with `findings`.
    by: Vec<Ref>,
}

impl Store {
    /// Replaces all that `unit`'s rules made before.
    pub fn put(&mut self, unit: &Ref, found: Vec<Finding>) {
        self.forget(unit);
        if found.is_empty() {
            return;
        }
        let places = self.made.entry(unit.clone()).or_default();
        for finding in found {
            let at = finding.subject.at.clone();
            if !places.contains(&at) {
                places.push(at.clone());
            }
            let hung = self.hung.entry(at).or_default();
            hung.findings.push(finding);
            hung.by.push(unit.clone());
        }
    }

    pub fn forget(&mut self, unit: &Ref) {
        for place in self.made.remove(unit).unwrap_or_default() {
            let Some(hung) = self.hung.get_mut(&place) else { continue };
            let mut keep = hung.by.iter().map(|it| it != unit);
            hung.findings.retain(|_| keep.next().unwrap_or(true));
            hung.by.retain(|it| it != unit);
            if hung.findings.is_empty() {
                self.hung.remove(&place);
            }
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &Finding> {
        self.hung.values().flat_map(|it| &it.findings)
    }

    pub fn at(&self, unit: &Ref) -> &[Finding] {
        self.hung.get(unit).map_or(&[], |it| &it.findings)
    }
}
