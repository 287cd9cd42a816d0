//! Which calls go wrong: the scenario's `Fault` documents with what is left of them.

use crate::{
    iam::glob_matches,
    lab::scenario::{Answer, Fault, When},
};

/// Counts down every fault.
pub struct Faults(Vec<State>);

struct State {
    fault: Fault,
    left: Option<u64>,
    /// Calls that may still pass (`afterEvents` of calls other than watches).
    pass: u64,
}

/// A fault that concerns a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub answer: Answer,
    /// Watches: how many events are sent before it.
    pub after_events: u64,
    pub when: When,
}

impl Faults {
    pub fn new(faults: &[Fault]) -> Faults {
        let mut res = Faults(Vec::new());
        faults.iter().for_each(|it| res.add(it.clone()));
        res
    }

    pub fn add(&mut self, fault: Fault) {
        let (left, pass) = (fault.times, fault.after_events.unwrap_or_default());
        self.0.push(State { fault, left, pass });
    }

    /// Whether somebody may want the state before the last write.
    pub fn has_stale(&self) -> bool {
        self.0.iter().any(|it| it.fault.answer == Answer::Stale && it.left != Some(0))
    }

    /// The first fault for this call, which is used up once. `has_past`: there was a write that a read may not show yet.
    ///
    /// `api` is `iam:GetRole` or `kube:pods:list`; `resource` an ARN or `NAMESPACE/NAME` with what the call names.
    pub fn take(&mut self, api: &str, resource: &str, has_past: bool) -> Option<Due> {
        let is_watch = api.starts_with("kube:") && api.ends_with(":watch");
        let state = self.0.iter_mut().find(|it| {
            glob_matches(&it.fault.api.to_lowercase(), &api.to_lowercase())
                && it.fault.resource.as_deref().is_none_or(|glob| glob_matches(glob, resource))
                && it.left != Some(0)
                && (has_past || it.fault.answer != Answer::Stale)
        })?;
        if !is_watch && state.pass > 0 {
            state.pass -= 1;
            return None;
        }
        if let Some(left) = &mut state.left {
            *left -= 1;
        }
        let after_events = state.fault.after_events.filter(|_| is_watch).unwrap_or_default();
        Some(Due { answer: state.fault.answer, after_events, when: state.fault.when })
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::fault::*;

    fn fault(api: &str, resource: Option<&str>, after: Option<u64>, times: Option<u64>) -> Faults {
        Faults::new(&[Fault {
            api: api.into(),
            answer: Answer::Throttle,
            resource: resource.map(Into::into),
            after_events: after,
            times,
            when: When::Before,
        }])
    }

    #[test]
    fn faults_are_used_up() {
        let hits = |mut faults: Faults, api: &str, resource: &str| -> String {
            (0..4)
                .map(|_| if faults.take(api, resource, false).is_some() { 'x' } else { '.' })
                .collect()
        };
        assert_eq!(hits(fault("iam:GetRole", None, None, Some(2)), "iam:GetRole", ""), "xx..");
        assert_eq!(hits(fault("iam:GetRole", None, None, None), "iam:GetRole", ""), "xxxx");
        assert_eq!(hits(fault("iam:GetRole", None, None, None), "iam:ListRoles", ""), "....");
        assert_eq!(hits(fault("iam:GetRole", None, Some(3), Some(1)), "iam:GetRole", ""), "...x");
        assert_eq!(
            hits(fault("kube:pods:list", Some("shop/*"), None, None), "kube:pods:list", "pay/"),
            "...."
        );
        assert_eq!(
            hits(fault("kube:pods:list", Some("shop/*"), None, None), "kube:pods:list", "shop/"),
            "xxxx"
        );
        let mut watch = fault("kube:pods:watch", None, Some(7), None);
        let due = watch.take("kube:pods:watch", "", false);
        assert_eq!(due.map(|it| it.after_events), Some(7));
    }

    #[test]
    fn only_what_was_written_can_be_stale() {
        let mut faults = Faults::new(&[]);
        assert!(!faults.has_stale());
        faults.add(Fault {
            api: "iam:GetRole".into(),
            answer: Answer::Stale,
            resource: None,
            after_events: None,
            times: Some(1),
            when: When::Before,
        });
        assert!(faults.has_stale());
        assert_eq!(faults.take("iam:GetRole", "", false), None);
        assert!(faults.take("iam:GetRole", "", true).is_some());
        assert!(!faults.has_stale());
    }
}
