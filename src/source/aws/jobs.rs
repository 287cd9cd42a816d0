//! Objects that were asked for by name: each answered once.

use crate::source::now;
use crate::{
    fact::{Change, Denied, Knowledge, Scope},
    ident::{Arn, Ref, Timestamp},
    source::aws::{
        Command,
        access::{NoAccess, configured},
        account::Account,
        details,
        error::Failure,
        iam,
        queue::{Details, Job, Queued},
        shared::{Access, Shared, State},
    },
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::mpsc;

/// How often a throttled job is tried again, each time after the SDK's own retries. What fails otherwise is not: a poll
/// will ask again, and a service that does not answer is not to be waited for twice.
const MAX_ATTEMPTS: u32 = 4;

/// # What is asked
impl State {
    fn fetch(&mut self, wanted: Vec<Ref>) {
        for of in wanted {
            match of {
                Ref::Role(arn) => {
                    let known = self.book.role(&arn);
                    let is_got = known.is_some_and(|it| it.last_used != Knowledge::NotYet);
                    let has_policies = known.is_some_and(|it| it.policies != Knowledge::NotYet);
                    let is_listed = known.is_some();
                    match (is_got, has_policies) {
                        (true, false) => self.queue.push(Job::Policies(arn), false),
                        (false, _) => self.queue.push(Job::Role(arn), !is_listed),
                        // Nothing is missing, so somebody wants to see it as it is now.
                        (true, true) => {
                            self.queue.push(Job::Role(arn.clone()), true);
                            self.queue.push(Job::Policies(arn), true);
                        }
                    }
                }
                Ref::Provider(arn) => self.queue.push(Job::Provider(arn), true),
                Ref::Association(id) => {
                    self.queue.visible.insert(id);
                }
                Ref::Cluster
                | Ref::Namespace(_)
                | Ref::ServiceAccount(_)
                | Ref::Pod { .. }
                | Ref::Workload { .. }
                | Ref::Node(_)
                | Ref::Webhook(_)
                | Ref::Budget { .. }
                | Ref::ConfigMap { .. }
                | Ref::Secret { .. }
                | Ref::Addon(_)
                | Ref::Nodegroup(_) => {}
            }
        }
    }

    /// Asks again for roles that were answered before `before`; policies too, where they were read.
    pub(crate) fn fetch_again(&mut self, before: Timestamp, is_due: impl Fn(&Arn) -> bool) {
        for arn in self.book.roles_asked_before(before) {
            if !is_due(&arn) {
                continue;
            }
            if self.book.role(&arn).is_some_and(|it| it.policies != Knowledge::NotYet) {
                self.queue.push(Job::Policies(arn.clone()), false);
            }
            self.queue.push(Job::Role(arn), false);
        }
    }

    pub(crate) fn fetch_provider(&mut self, arn: Arn) {
        self.queue.push(Job::Provider(arn), true);
    }
}

/// Who reads for a job.
enum Reader {
    /// Not known yet, or a login may change it.
    Hold,
    Account(Arc<Account>),
    Nobody(NoAccess),
}

fn reader(shared: &Shared, state: &State, job: &Job) -> Reader {
    let home = match &state.access {
        Access::Pending => return Reader::Hold,
        Access::None(why) => return unreadable(shared, why),
        Access::Home(it) => it,
    };
    let partition = match job.arn() {
        Some(it) => it.partition(),
        None => Some(home.account.partition.clone()),
    };
    let (Some(account), Some(partition)) = (job.account(), partition) else {
        return Reader::Account(Arc::clone(&home.account));
    };
    if partition != home.account.partition {
        return nobody(job, format!("no credentials for partition {partition}"));
    }
    if *account == *home.account.id {
        return Reader::Account(Arc::clone(&home.account));
    }
    let is_configured = configured(&shared.settings).iter().any(|(it, _)| **it == *account);
    match state.foreign.get(account) {
        Some(Ok(it)) => Reader::Account(Arc::clone(it)),
        Some(Err(why)) => unreadable(shared, why),
        None if is_configured => Reader::Hold,
        None => nobody(job, format!("no credentials for account {account}")),
    }
}

fn nobody(job: &Job, detail: String) -> Reader {
    let permission = job.permission().into();
    Reader::Nobody(NoAccess::Denied(Denied { permission, detail: detail.into() }))
}

fn unreadable(shared: &Shared, why: &NoAccess) -> Reader {
    match why {
        NoAccess::Expired { .. } | NoAccess::Failed(_) if shared.settings.follow => Reader::Hold,
        NoAccess::Expired { .. } | NoAccess::Failed(_) => Reader::Nobody(why.clone()),
        NoAccess::Off(_) | NoAccess::Denied(_) => Reader::Nobody(why.clone()),
    }
}

/// Takes the next job that can be done now.
fn next(shared: &Shared) -> Option<(Queued, Result<Arc<Account>, NoAccess>)> {
    let mut state = shared.state();
    state.queue.gather();
    let held = state.queue.held();
    let can = |it: &Queued| {
        let is_held = it.job.account().is_some_and(|account| {
            matches!(it.job, Job::Role(_)) && held.contains(account)
                // Roles may have been asked for before the account was known, and what no list told of is not taken.
                || matches!(it.job, Job::Details(_)) && state.queue.is_listing(account)
                || it.job.is_of_role()
                    && state.queue.details.get(account) == Some(&Details::OnTheWay)
        });
        if is_held || state.queue.is_full(&it.job) {
            return None;
        }
        match reader(shared, &state, &it.job) {
            Reader::Hold => None,
            Reader::Account(it) => Some(Ok(it)),
            Reader::Nobody(why) => Some(Err(why)),
        }
    };
    let first = |queue: &VecDeque<Queued>| {
        queue.iter().enumerate().find_map(|(at, it)| Some((at, can(it)?)))
    };
    let (queued, reader) = match first(&state.queue.urgent) {
        Some((at, reader)) => (state.queue.urgent.remove(at)?, reader),
        None => {
            let (at, reader) = first(&state.queue.later)?;
            (state.queue.later.remove(at)?, reader)
        }
    };
    state.queue.running.push(queued.job.clone());
    Some((queued, reader))
}

/// Answers commands until their channel is closed; with `follow` off, then until all is answered and the pass is over.
pub(crate) async fn work(shared: &Shared, mut commands: mpsc::Receiver<Command>) {
    let mut on_their_way = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        while let Some((queued, reader)) = next(shared) {
            let job = queued.job.clone();
            on_their_way.push(async move {
                run(shared, queued, reader).await;
                shared.state().queue.ended(&job);
            });
        }
        let is_idle = on_their_way.is_empty();
        if !is_open && (shared.settings.follow || (is_idle && is_done(shared))) {
            return;
        }
        tokio::select! {
            command = commands.recv(), if is_open => match command {
                Some(Command::Fetch(wanted)) => shared.state().fetch(wanted),
                Some(Command::Refresh) => shared.refresh.notify_one(),
                None => is_open = false,
            },
            Some(()) = on_their_way.next(), if !is_idle => {}
            () = shared.wake.notified() => {}
        }
    }
}

fn is_done(shared: &Shared) -> bool {
    shared.is_pass_over() && shared.state().queue.is_empty()
}

async fn run(shared: &Shared, queued: Queued, reader: Result<Arc<Account>, NoAccess>) {
    let job = &queued.job;
    let account = match reader {
        Ok(it) => it,
        Err(why) => {
            // A login mends that; until then the whole account is not readable, whatever else is asked of it.
            if let (NoAccess::Expired { .. }, Some(account)) = (&why, job.account()) {
                let scope = Scope::Roles { account: account.into() };
                shared.emit(vec![shared.unread(scope, &why)]).await;
            }
            let knowledge = match why {
                NoAccess::Denied(it) => Knowledge::Denied(it),
                NoAccess::Off(reason) => {
                    let permission = job.permission().into();
                    Knowledge::Denied(Denied { permission, detail: reason })
                }
                NoAccess::Expired { .. } | NoAccess::Failed(_) => Knowledge::NotYet,
            };
            return finish(shared, &queued.job, unanswered(shared, job, knowledge)).await;
        }
    };
    let got = match job {
        Job::Details(id) => match details::read(shared, &account).await {
            Ok(it) => {
                tracing::info!(account = &**id, n_roles = it.whole.len(), "roles read at once");
                let mut state = shared.state();
                state.queue.read_elsewhere(&it.whole);
                let at = now();
                it.whole.iter().for_each(|arn| state.book.role_asked(arn, at));
                state.queue.details.insert(id.clone(), Details::Done);
                Ok(it.changes)
            }
            Err(failure) => {
                tracing::info!(account = &**id, ?failure, "roles are read one by one");
                Err(failure)
            }
        },
        // STS takes nothing else for a role, so nothing of that name can exist.
        Job::Role(arn) if !arn.is_iam_role() => Err(Failure::Absent),
        Job::Role(arn) => iam::role(shared, &account, arn).await,
        Job::Policies(arn) => iam::policies(shared, &account, arn).await,
        Job::Provider(arn) => {
            let got = iam::provider(&account, arn).await;
            got.map(|it| iam::provider_known(shared, arn, it))
        }
    };
    let changes = match got {
        Ok(it) => it,
        Err(Failure::Absent) => unanswered(shared, job, Knowledge::Absent),
        Err(Failure::Denied(it)) => unanswered(shared, job, Knowledge::Denied(it)),
        Err(failure @ Failure::Expired(_)) => {
            shared.note(&account, &failure);
            return shared.state().queue.push_again(queued);
        }
        Err(Failure::Throttled) if queued.attempts < MAX_ATTEMPTS => {
            return shared.state().queue.push_again(queued);
        }
        Err(Failure::Throttled | Failure::Failed(_)) => unanswered(shared, job, Knowledge::NotYet),
    };
    finish(shared, &queued.job, changes).await;
}

/// What is said when nothing was read; nothing, when more than that is known already. That it could not be read just
/// now is always said: it takes nothing away, and whoever waits for it stops waiting.
fn unanswered(shared: &Shared, job: &Job, knowledge: Knowledge<()>) -> Vec<Change> {
    let is_known = match job {
        Job::Role(arn) => shared.state().book.role(arn).is_some(),
        Job::Policies(_) => true,
        Job::Provider(_) => false,
        Job::Details(_) => true,
    };
    let says_nothing = is_known && knowledge != Knowledge::NotYet;
    let of = job.of().filter(|_| !says_nothing);
    of.map(|of| Change::Know { of, knowledge }).into_iter().collect()
}

async fn finish(shared: &Shared, job: &Job, changes: Vec<Change>) {
    {
        let mut state = shared.state();
        state.queue.pending.remove(job);
        if let Job::Details(account) = job
            && state.queue.details.get(account) == Some(&Details::OnTheWay)
        {
            state.queue.details.insert(account.clone(), Details::Refused);
        }
        if let Job::Role(arn) = job {
            state.book.role_asked(arn, now());
            // Who asks for a role asks for all of it; the policies come after every role's trust policy.
            if state.book.role(arn).is_some_and(|it| it.policies == Knowledge::NotYet) {
                state.queue.push(Job::Policies(arn.clone()), false);
            }
        }
    }
    shared.emit(changes).await;
}
