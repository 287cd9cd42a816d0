//! How far a list gets in the offline route: what the caller may read, and what a fault of the endpoints that never ends
//! leaves of it. One that passes is over when everything has been read.

use crate::{
    fact::{Change, Denied, Fact, Scope, SourceState},
    iam::glob_matches,
    lab::{
        changes::{denied, replace},
        scenario::{Answer, World},
    },
};

/// Rows in one answer of EKS.
pub const EKS_PAGE: usize = 100;
/// Rows in one answer of IAM's paged lists, as the sources ask for them.
pub const IAM_PAGE: usize = 1_000;
/// For lists that come in one answer.
pub const UNPAGED: usize = usize::MAX;

/// What is read of a list.
pub enum Listing {
    Whole,
    /// The first rows, before an answer that could not be had.
    Part(usize),
    Refused(Denied),
    Failed,
}

impl Listing {
    /// `resource`: the ARN that the call names.
    pub fn of(
        world: &World,
        api: &str,
        resource: Option<&str>,
        n_rows: usize,
        page: usize,
    ) -> Listing {
        if world.caller.denies(api, resource) {
            return Listing::Refused(denied(api, ""));
        }
        let fits = |glob: &str| glob_matches(glob, resource.unwrap_or_default());
        let fault = world.faults.iter().find(|it| {
            // Nothing is written offline, so no answer is stale.
            it.times.is_none()
                && it.answer != Answer::Stale
                && glob_matches(&it.api.to_lowercase(), &api.to_lowercase())
                && it.resource.as_deref().is_none_or(fits)
        });
        let Some(fault) = fault else { return Listing::Whole };
        let n_passed = fault.after_events.unwrap_or_default() as usize;
        if n_rows.div_ceil(page).max(1) <= n_passed {
            return Listing::Whole;
        }
        match fault.answer {
            Answer::Deny => Listing::Refused(denied(api, "")),
            Answer::Stale => Listing::Whole,
            Answer::Throttle
            | Answer::Hang
            | Answer::Drop
            | Answer::Gone
            | Answer::Garbage
            | Answer::Expired => match n_passed {
                0 => Listing::Failed,
                _ => Listing::Part(n_passed * page),
            },
        }
    }

    /// Tells what was read. Whether that is all.
    pub fn tell(
        self,
        world: &World,
        scope: Scope,
        facts: Vec<Fact>,
        res: &mut Vec<Change>,
    ) -> bool {
        let at = world.now;
        let error = || "the lab's endpoint gave no answer";
        let state = match self {
            Listing::Whole => {
                replace(world, scope, facts, res);
                return true;
            }
            Listing::Part(n_rows) => {
                let read = facts.into_iter().take(n_rows);
                res.extend(read.map(|it| Change::Upsert(Box::new(it))));
                SourceState::Truncated { at, detail: error().into() }
            }
            Listing::Refused(denied) => SourceState::Denied { at, denied },
            Listing::Failed => SourceState::Failed { error: error().into(), attempts: 1 },
        };
        res.push(Change::Source { scope, state });
        false
    }
}
