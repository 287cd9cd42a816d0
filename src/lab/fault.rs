//! Which calls go wrong: the scenario's `Fault` documents with what is left of them.

use crate::{
    iam::glob_matches,
    lab::scenario::{Answer, Fault},
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
}

impl Faults {
    pub fn new(faults: &[Fault]) -> Faults {
        let state = |it: &Fault| State {
            fault: it.clone(),
            left: it.times,
            pass: it.after_events.unwrap_or_default(),
        };
        Faults(faults.iter().map(state).collect())
    }

    /// The first fault for this call, which is used up once.
    ///
    /// `api` is `iam:GetRole` or `kube:pods:list`; `resource` an ARN or `NAMESPACE/NAME` with what the call names.
    pub fn take(&mut self, api: &str, resource: &str) -> Option<Due> {
        let is_watch = api.starts_with("kube:") && api.ends_with(":watch");
        let state = self.0.iter_mut().find(|it| {
            glob_matches(&it.fault.api.to_lowercase(), &api.to_lowercase())
                && it.fault.resource.as_deref().is_none_or(|glob| glob_matches(glob, resource))
                && it.left != Some(0)
        })?;
        if !is_watch && state.pass > 0 {
            state.pass -= 1;
            return None;
        }
        if let Some(left) = &mut state.left {
            *left -= 1;
        }
        let after_events = state.fault.after_events.filter(|_| is_watch).unwrap_or_default();
        Some(Due { answer: state.fault.answer, after_events })
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
        }])
    }

    #[test]
    fn faults_are_used_up() {
        let hits = |mut faults: Faults, api: &str, resource: &str| -> String {
            (0..4).map(|_| if faults.take(api, resource).is_some() { 'x' } else { '.' }).collect()
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
        assert_eq!(watch.take("kube:pods:watch", "").map(|it| it.after_events), Some(7));
    }
}
