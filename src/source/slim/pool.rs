//! One copy of every text and pod spec that many objects share.
//!
//! A cluster of ten thousand pods has a few hundred templates. Forgets what nobody holds any longer.

use crate::{
    fact::{Labels, PodSpec},
    ident::Text,
};
use std::{collections::HashSet, sync::Arc};

#[derive(Debug)]
pub struct Pool {
    texts: HashSet<Text>,
    specs: HashSet<Arc<PodSpec>>,
    labels: HashSet<Labels>,
    /// Sizes at which the sets are next swept; doubled from what survives, so that sweeping costs O(1) an insert.
    sweep_texts_at: usize,
    sweep_specs_at: usize,
    sweep_labels_at: usize,
}

const FIRST_SWEEP: usize = 8192;

impl Default for Pool {
    fn default() -> Pool {
        Pool {
            texts: HashSet::new(),
            specs: HashSet::new(),
            labels: HashSet::new(),
            sweep_texts_at: FIRST_SWEEP,
            sweep_specs_at: FIRST_SWEEP,
            sweep_labels_at: FIRST_SWEEP,
        }
    }
}

impl Pool {
    /// For texts that come again: namespaces, images, label values. A name that is met once is better not pooled.
    pub fn text(&mut self, text: &str) -> Text {
        if let Some(it) = self.texts.get(text) {
            return it.clone();
        }
        if self.sweep_texts_at <= self.texts.len() {
            self.texts.retain(|it| 1 < Arc::strong_count(it));
            self.sweep_texts_at = FIRST_SWEEP.max(2 * self.texts.len());
        }
        let res = Text::from(text);
        self.texts.insert(res.clone());
        res
    }

    pub fn spec(&mut self, spec: PodSpec) -> Arc<PodSpec> {
        if let Some(it) = self.specs.get(&spec) {
            return it.clone();
        }
        if self.sweep_specs_at <= self.specs.len() {
            self.specs.retain(|it| 1 < Arc::strong_count(it));
            self.sweep_specs_at = FIRST_SWEEP.max(2 * self.specs.len());
        }
        let res = Arc::new(spec);
        self.specs.insert(res.clone());
        res
    }

    pub fn labels(&mut self, labels: Vec<(Text, Text)>) -> Labels {
        if let Some(it) = self.labels.get(&*labels) {
            return it.clone();
        }
        if self.sweep_labels_at <= self.labels.len() {
            self.labels.retain(|it| 1 < Arc::strong_count(it));
            self.sweep_labels_at = FIRST_SWEEP.max(2 * self.labels.len());
        }
        let res = Labels::from(labels);
        self.labels.insert(res.clone());
        res
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_dropped_ones_are_forgotten() {
        let mut pool = Pool::default();
        let kept = pool.text("kept");
        for i in 0..3 * FIRST_SWEEP {
            pool.text(&format!("passing-{i}"));
        }
        assert!(pool.texts.len() <= FIRST_SWEEP, "{}", pool.texts.len());
        assert!(Arc::ptr_eq(&kept, &pool.text("kept")));
    }
}
