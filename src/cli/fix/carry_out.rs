//! A confirmed plan carried out and told, and what is true afterwards.

use crate::{
    apply::{self, Job, Purpose},
    check::{self, Aftermath, Blast, Cure, Healed, Proposal, Whole},
    cli::{
        INTERRUPTED,
        error::UsageError,
        fix::{
            NOT_HEALED, RE_HOME,
            ended::{Ended, brought, sentence},
            record::journal,
            session::Session,
            tell::say_progress,
        },
        read_with,
    },
    ident::{Ref, SaKey, Timestamp, visible},
    plan::{self, Edit, Outcome, Plan, Progress, Shown, StepState},
};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long to wait between looks at what IAM shows.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Session<'_> {
    pub(super) async fn carry_out(
        &self,
        job: Job,
        proposal: &Proposal,
        blast: &Blast,
    ) -> Result<Ended, UsageError> {
        let journal = match journal(self.lab.as_ref()) {
            Ok(it) => it,
            Err(it) => return Ok(Ended::nothing(&it.to_string())),
        };
        let begun = crate::cli::clock();
        let (progress, mut told) = mpsc::channel(64);
        let (stop, stopped) = watch::channel(false);
        let listening = async {
            let mut states: Vec<Option<StepState>> = vec![None; job.plan.steps.len()];
            while let Some(it) = told.recv().await {
                say_progress(&job.plan, &it);
                if let Progress::Step { index, state } = it
                    && let Some(step) = states.get_mut(index)
                {
                    *step = Some(state);
                }
            }
            states
        };
        let interrupted = async {
            // The step in flight is finished, then it stops.
            while tokio::signal::ctrl_c().await.is_ok() {
                eprintln!("idscope: stopping after the step in flight");
                stop.send_replace(true);
            }
            std::future::pending::<()>().await;
        };
        let running = async {
            let outcome =
                apply::run(&self.settings, &journal, job.clone(), &progress, &stopped).await;
            drop(progress);
            outcome
        };
        let (outcome, states) = tokio::select! {
            both = async { tokio::join!(running, listening) } => both,
            () = interrupted => unreachable!("it waits for ever"),
        };
        let all = job.plan.steps.len();
        match &outcome {
            Outcome::Applied => {
                let edits = job.plan.edits().cloned().collect();
                return self.verified(&job, edits, proposal, blast, begun).await;
            }
            Outcome::Nothing { why } => return Ok(Ended::nothing(why)),
            Outcome::Partly { done, why } => {
                eprintln!("idscope: {done} of {all} steps written, then: {}", visible(why));
            }
            Outcome::Except { done, left } => {
                eprintln!("idscope: {done} of {all} steps are done, {} left:", left.len());
                for it in left {
                    eprintln!("  {}", visible(it));
                }
                // Only what was done can be seen.
                let states = job.plan.edits().zip(&states);
                let done = states.filter(|(_, it)| it.as_ref().is_some_and(StepState::is_done));
                let done = done.map(|(edit, _)| edit.clone()).collect();
                let verified = self.verified(&job, done, proposal, blast, begun).await?;
                let status = outcome.exit_status();
                return Ok(Ended { outcome, status, ..verified });
            }
            Outcome::NotKnown { done, why } => {
                eprintln!("idscope: step {}: not known: {}", done + 1, visible(why));
            }
            Outcome::Stopped { done } => {
                eprintln!("idscope: stopped: {done} of {all} steps written")
            }
        }
        eprintln!("idscope: `idscope undo` lists what was written and puts it back");
        let status = outcome.exit_status();
        Ok(Ended {
            outcome,
            left: None,
            brought: Vec::new(),
            after: Vec::new(),
            since: begun,
            status,
        })
    }

    /// Reads again and says whether the findings are gone, and how far pods have come. What IAM or EKS do not show yet
    /// is waited for, as long as they may take.
    async fn verified(
        &self,
        job: &Job,
        edits: Vec<Edit>,
        proposal: &Proposal,
        blast: &Blast,
        begun: Timestamp,
    ) -> Result<Ended, UsageError> {
        let is_whole = edits.len() == job.plan.steps.len();
        let since = Instant::now();
        let ended =
            |left: Option<Vec<&'static str>>, after: Vec<(SaKey, Aftermath)>, status: u8| Ended {
                outcome: Outcome::Applied,
                left,
                brought: Vec::new(),
                after,
                since: begun,
                status,
            };
        let concerned = match job.purpose {
            // To put something back repairs nothing.
            Purpose::Undo(_) => Vec::new(),
            Purpose::Fix | Purpose::Finish { .. } => concerned(&job.plan, blast, proposal),
        };
        loop {
            let Some(read) = read_with(self.settings.clone(), None).await? else {
                return Ok(ended(None, Vec::new(), INTERRUPTED));
            };
            let left: Vec<&'static str> = proposal
                .findings
                .iter()
                .filter(|it| Healed::of(it).is_left(&read.graph, &read.ledger, &edits))
                .filter(|it| proposal.left.iter().all(|(code, _)| *code != it.code))
                .map(|it| it.code)
                .collect();
            let of = |key: &SaKey| {
                let (keys, edits) = (vec![key.clone()], edits.clone());
                let cure = Cure { heals: Vec::new(), keys, edits, at: begun };
                check::aftermath(&read.graph, &read.ledger, &cure, read.now)
            };
            let after: Vec<(SaKey, Aftermath)> =
                concerned.iter().map(|key| (key.clone(), of(key))).collect();
            let is_pending = after.iter().any(|(_, it)| matches!(it, Aftermath::Pending { .. }))
                || edits
                    .iter()
                    .any(|it| !it.is_kubernetes() && plan::shown(&read.graph, it) == Shown::Before);
            let is_waiting = is_pending && since.elapsed() < job.propagation;
            // Of a goal no finding tells; AWS's word does.
            let id = &*job.plan.id;
            let is_goal = id == RE_HOME || Whole::parse(id).is_some();
            let is_refused =
                is_goal && after.iter().any(|(_, it)| matches!(it, Aftermath::Refused { .. }));
            if !is_waiting {
                let new = brought(&concerned, &self.read, &read);
                // A plan that is for no finding is to do what it says, no more.
                let is_worse = !proposal.findings.is_empty() && !new.is_empty();
                let is_healed = left.is_empty() && !is_refused && !is_worse;
                match (is_healed, is_whole, left.is_empty()) {
                    (true, true, _) => eprintln!("idscope: applied and verified"),
                    (true, false, _) => eprintln!("idscope: what was done is verified"),
                    (false, _, true) if is_worse => eprintln!("idscope: applied"),
                    (false, _, true) => {
                        eprintln!("idscope: applied, and AWS would refuse it all the same")
                    }
                    (false, _, false) => {
                        eprintln!("idscope: applied, still there: {}", left.join(", "));
                    }
                }
                for (key, it) in &after {
                    eprintln!("idscope: sa/{key}: {}", visible(&sentence(it, begun)));
                }
                for it in &new {
                    eprintln!("idscope: found now: {}", visible(it));
                }
                let status = if is_healed { 0 } else { NOT_HEALED };
                return Ok(Ended { brought: new, ..ended(Some(left), after, status) });
            }
            eprintln!("idscope: applied; AWS does not show it everywhere yet, reading again");
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                _interrupt = tokio::signal::ctrl_c() => {
                    return Ok(ended(Some(left), Vec::new(), INTERRUPTED));
                }
            }
        }
    }
}

/// The ServiceAccounts that are to get something by the plan, in the order of names.
fn concerned(plan: &Plan, blast: &Blast, proposal: &Proposal) -> Vec<SaKey> {
    let gains = blast.gains.iter().chain(&blast.changes_identity);
    let mut res: Vec<SaKey> = gains.map(|it| it.service_account.clone()).collect();
    for it in &proposal.findings {
        if let Ref::ServiceAccount(key) = &it.subject.at {
            res.push(key.clone());
        }
    }
    if let Some((namespace, name)) =
        plan.because.subject.strip_prefix("sa/").and_then(|it| it.split_once('/'))
    {
        res.push(SaKey::new(namespace, name));
    }
    res.sort();
    res.dedup();
    res
}
