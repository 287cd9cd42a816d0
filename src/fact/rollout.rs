//! How owners make their pods anew, and how many of them are promised to stay meanwhile.

use crate::{
    fact::{Selector, SelectorTerm},
    ident::Text,
};

/// How a Deployment, a StatefulSet or a DaemonSet makes its pods anew when its template changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    pub strategy: UpdateStrategy,
    /// `spec.paused`, which only a Deployment has.
    pub paused: bool,
}

/// What the API server fills in where nothing is written is filled in here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateStrategy {
    Rolling {
        /// `25%` or `1`, as written.
        max_unavailable: Text,
        /// `None` for a StatefulSet, which never has more pods than replicas.
        max_surge: Option<Text>,
        /// Pods of a StatefulSet with a lower number stay as they are.
        partition: i32,
    },
    /// All pods go before the first new one is made.
    Recreate,
    /// A pod is made anew only once somebody deletes it.
    OnDelete,
    /// A word that the API has learnt since.
    Other(Text),
}

impl UpdateStrategy {
    /// As the manifest has it.
    pub fn as_str(&self) -> &str {
        match self {
            UpdateStrategy::Rolling { .. } => "RollingUpdate",
            UpdateStrategy::Recreate => "Recreate",
            UpdateStrategy::OnDelete => "OnDelete",
            UpdateStrategy::Other(it) => it,
        }
    }
}

/// A PodDisruptionBudget. Evictions obey it, rollouts do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub namespace: Text,
    pub name: Text,
    /// `None` selects no pod (policy/v1); an empty one selects all of the namespace.
    pub selector: Option<Selector>,
    /// How many pods may be missing beside those that are; `None` until it was counted.
    pub disruptions_allowed: Option<i32>,
}

impl Selector {
    /// Whether an object with these labels, which are all it has, is selected. An operator that the API server does not
    /// know selects nothing.
    pub fn selects(&self, labels: &[(Text, Text)]) -> bool {
        let value =
            |key: &Text| labels.iter().find(|(it, _)| it == key).map(|(_, value)| value.clone());
        let fits = |it: &SelectorTerm| {
            let listed = || value(&it.key).is_some_and(|value| it.values.contains(&value));
            match &*it.operator {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => value(&it.key).is_some(),
                "DoesNotExist" => value(&it.key).is_none(),
                _ => false,
            }
        };
        self.match_labels.iter().all(|(key, wanted)| value(key).as_ref() == Some(wanted))
            && self.expressions.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use crate::fact::{Selector, SelectorTerm};

    #[test]
    fn selectors_select_as_the_api_server_does() {
        let labels = [("app".into(), "web".into()), ("tier".into(), "front".into())];
        let check = |match_labels: &[(&str, &str)], term: Option<(&str, &str, &[&str])>, wanted| {
            let selector = Selector {
                match_labels: match_labels
                    .iter()
                    .map(|(a, b)| ((*a).into(), (*b).into()))
                    .collect(),
                expressions: term
                    .into_iter()
                    .map(|(key, operator, values)| SelectorTerm {
                        key: key.into(),
                        operator: operator.into(),
                        values: values.iter().map(|it| (*it).into()).collect(),
                    })
                    .collect(),
            };
            assert_eq!(selector.selects(&labels), wanted, "{selector:?}");
        };
        check(&[], None, true);
        check(&[("app", "web")], None, true);
        check(&[("app", "web"), ("tier", "back")], None, false);
        check(&[("zone", "a")], None, false);
        check(&[], Some(("app", "In", &["api", "web"])), true);
        check(&[], Some(("app", "NotIn", &["web"])), false);
        check(&[], Some(("zone", "NotIn", &["a"])), true);
        check(&[], Some(("tier", "Exists", &[])), true);
        check(&[], Some(("tier", "DoesNotExist", &[])), false);
        check(&[], Some(("zone", "DoesNotExist", &[])), true);
        check(&[("app", "web")], Some(("app", "Like", &["web"])), false);
    }
}
