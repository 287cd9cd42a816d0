//! What is to be read by name: each thing once, what is not known at all first, many roles of an account together.

use crate::ident::{Arn, Ref, Text};
use std::collections::{HashMap, HashSet, VecDeque};

/// Jobs of one kind on their way at the same time. The limiters pace each kind by itself, so none may keep another out.
const N_AT_ONCE: usize = 5;

/// With more roles than this to read, the account's list comes first: it brings all trust policies in a few calls.
const MANY_ROLES: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    Role(Arn),
    Policies(Arn),
    Provider(Arn),
    /// All that single reads of roles would tell, of an account.
    Details(Text),
}

impl Job {
    pub(crate) fn arn(&self) -> Option<&Arn> {
        match self {
            Job::Role(it) | Job::Policies(it) | Job::Provider(it) => Some(it),
            Job::Details(_) => None,
        }
    }

    pub(crate) fn is_of_role(&self) -> bool {
        match self {
            Job::Role(_) | Job::Policies(_) => true,
            Job::Provider(_) | Job::Details(_) => false,
        }
    }

    fn is_like(&self, other: &Job) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    pub(crate) fn of(&self) -> Option<Ref> {
        match self {
            Job::Role(it) | Job::Policies(it) => Some(Ref::Role(it.clone())),
            Job::Provider(it) => Some(Ref::Provider(it.clone())),
            Job::Details(_) => None,
        }
    }

    pub(crate) fn permission(&self) -> &'static str {
        match self {
            Job::Role(_) => "iam:GetRole",
            Job::Policies(_) => "iam:ListAttachedRolePolicies",
            Job::Provider(_) => "iam:GetOpenIDConnectProvider",
            Job::Details(_) => "iam:GetAccountAuthorizationDetails",
        }
    }

    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Job::Role(it) | Job::Policies(it) | Job::Provider(it) => {
                it.parts().map(|it| it.account)
            }
            Job::Details(it) => Some(it),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) job: Job,
    pub(crate) attempts: u32,
}

/// How far reading many roles of an account at once has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Details {
    /// Its roles wait.
    OnTheWay,
    /// What it did not tell is read one by one.
    Done,
    Refused,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) urgent: VecDeque<Queued>,
    pub(crate) later: VecDeque<Queued>,
    /// Queued or on their way.
    pub(crate) pending: HashSet<Job>,
    pub(crate) running: Vec<Job>,
    /// Accounts whose roles are being listed for the first time.
    listing: HashSet<Text>,
    /// Accounts many of whose roles were to be read at once.
    pub(crate) details: HashMap<Text, Details>,
    /// Associations that somebody looks at.
    pub(crate) visible: HashSet<Text>,
}

impl Queue {
    pub(crate) fn list_begins(&mut self, account: &Text) {
        self.listing.insert(account.clone());
    }

    pub(crate) fn listed(&mut self, account: &Text) {
        self.listing.remove(account);
    }

    pub(crate) fn is_listing(&self, account: &str) -> bool {
        self.listing.contains(account)
    }

    pub(crate) fn visible_first(&self, mut ids: Vec<Text>) -> Vec<Text> {
        ids.sort_by_key(|it| !self.visible.contains(it));
        ids
    }

    pub(crate) fn push(&mut self, job: Job, is_urgent: bool) {
        if self.pending.insert(job.clone()) {
            let queue = if is_urgent { &mut self.urgent } else { &mut self.later };
            queue.push_back(Queued { job, attempts: 0 });
        }
    }

    pub(crate) fn push_again(&mut self, it: Queued) {
        self.later.push_back(Queued { attempts: it.attempts + 1, ..it });
    }

    pub(crate) fn is_full(&self, job: &Job) -> bool {
        N_AT_ONCE <= self.running.iter().filter(|it| it.is_like(job)).count()
    }

    pub(crate) fn ended(&mut self, job: &Job) {
        self.running.retain(|it| it != job);
    }

    pub(crate) fn waits_for(&self, role: &Arn) -> bool {
        self.pending.contains(&Job::Role(role.clone()))
            || self.pending.contains(&Job::Policies(role.clone()))
    }

    /// Where many roles wait that a list has told of, all are asked for at once.
    pub(crate) fn gather(&mut self) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for it in self.urgent.iter().chain(&self.later).filter(|it| it.job.is_of_role()) {
            *counts.entry(it.job.account().unwrap_or_default()).or_default() += 1;
        }
        let many = counts.into_iter().filter(|(account, n)| {
            let is_listed = !self.listing.contains(*account);
            MANY_ROLES < *n && is_listed && !self.details.contains_key(*account)
        });
        let many: Vec<Text> = many.map(|(account, _)| account.into()).collect();
        for account in many {
            self.details.insert(account.clone(), Details::OnTheWay);
            self.push(Job::Details(account), true);
        }
    }

    /// What was read of a role in another way needs no job any more.
    pub(crate) fn read_elsewhere(&mut self, roles: &[Arn]) {
        let roles: HashSet<&Arn> = roles.iter().collect();
        let is_done =
            |job: &Job| job.is_of_role() && job.arn().is_some_and(|it| roles.contains(it));
        let running = &self.running;
        self.pending.retain(|it| !is_done(it) || running.contains(it));
        self.urgent.retain(|it| !is_done(&it.job));
        self.later.retain(|it| !is_done(&it.job));
    }

    /// Roles may be read at once again; `all`: what was refused may be allowed now.
    pub(crate) fn details_again(&mut self, all: bool) {
        self.details.retain(|_, it| match it {
            Details::OnTheWay => true,
            Details::Done => false,
            Details::Refused => !all,
        });
    }

    /// Accounts whose list is awaited because many of their roles are wanted.
    pub(crate) fn held(&self) -> HashSet<Text> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for it in self.urgent.iter().filter(|it| matches!(it.job, Job::Role(_))) {
            *counts.entry(it.job.account().unwrap_or_default()).or_default() += 1;
        }
        let is_held = |it: &&Text| counts.get(&***it).is_some_and(|n| MANY_ROLES < *n);
        self.listing.iter().filter(is_held).cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.later.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(n: usize) -> Job {
        Job::Role(Arn::new(format!("arn:aws:iam::111122223333:role/r{n}")))
    }

    #[test]
    fn a_job_is_queued_once() {
        let mut queue = Queue::default();
        queue.push(role(1), true);
        queue.push(role(1), true);
        queue.push(role(1), false);
        assert_eq!((queue.urgent.len(), queue.later.len()), (1, 0));
    }

    #[test]
    fn many_roles_are_read_at_once() {
        let mut queue = Queue::default();
        let account: Text = "111122223333".into();
        let asks = |queue: &mut Queue| {
            queue.gather();
            let is_details = |it: &&Queued| matches!(it.job, Job::Details(_));
            queue.urgent.iter().filter(is_details).count()
        };
        queue.list_begins(&account);
        (0..=MANY_ROLES).for_each(|n| queue.push(role(n), false));
        assert_eq!(asks(&mut queue), 0, "the list comes first");
        queue.listed(&account);
        assert_eq!(asks(&mut queue), 1);
        assert_eq!(asks(&mut queue), 1, "once is enough");
        let read = [role(0), role(1)].map(|it| it.arn().expect("a role").clone());
        queue.read_elsewhere(&read);
        assert_eq!(queue.later.len(), MANY_ROLES - 1);
        assert!(!queue.waits_for(&read[0]));
        queue.details.insert(account.clone(), Details::Refused);
        queue.details_again(false);
        assert!(queue.details.contains_key(&account), "refused is refused");
        queue.details_again(true);
        assert!(queue.details.is_empty());
    }

    #[test]
    fn many_roles_wait_for_the_list() {
        let mut queue = Queue::default();
        let account: Text = "111122223333".into();
        queue.list_begins(&account);
        for n in 0..MANY_ROLES {
            queue.push(role(n), true);
        }
        assert!(queue.held().is_empty());
        queue.push(role(MANY_ROLES), true);
        assert!(queue.held().contains(&account));
        queue.listed(&account);
        assert!(queue.held().is_empty());
    }
}
