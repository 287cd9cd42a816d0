//! A confirmed plan carried out and told, and what is true afterwards.

use crate::{
    apply::{self, Job, Purpose},
    check::{self, Aftermath, Blast, Cure, Proposal},
    cli::{
        INTERRUPTED,
        error::UsageError,
        fix::{
            NOT_HEALED,
            ended::{Ended, sentence},
            record::journal,
            session::Session,
            tell::say_progress,
        },
        read_with,
    },
    ident::{Ref, SaKey, Timestamp, visible},
    plan::{self, Edit, Outcome, Plan, Shown},
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
            while let Some(it) = told.recv().await {
                say_progress(&job.plan, &it);
            }
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
        let outcome = tokio::select! {
            (outcome, ()) = async { tokio::join!(running, listening) } => outcome,
            () = interrupted => unreachable!("it waits for ever"),
        };
        let all = job.plan.steps.len();
        match &outcome {
            Outcome::Applied => return self.verified(&job, proposal, blast, begun).await,
            Outcome::Nothing { why } => return Ok(Ended::nothing(why)),
            Outcome::Partly { done, why } => {
                eprintln!("idscope: {done} of {all} steps written, then: {}", visible(why));
            }
            Outcome::Except { done, left } => {
                eprintln!("idscope: {done} of {all} steps are done, {} left:", left.len());
                for it in left {
                    eprintln!("  {}", visible(it));
                }
                let verified = self.verified(&job, proposal, blast, begun).await?;
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
        Ok(Ended { outcome, left: None, after: Vec::new(), status })
    }

    /// Reads again and says whether the findings are gone, and how far pods have come. What IAM or EKS do not show yet
    /// is waited for, as long as they may take.
    async fn verified(
        &self,
        job: &Job,
        proposal: &Proposal,
        blast: &Blast,
        begun: Timestamp,
    ) -> Result<Ended, UsageError> {
        let since = Instant::now();
        let ended =
            |left: Option<Vec<&'static str>>, after: Vec<(SaKey, Aftermath)>, status: u8| Ended {
                outcome: Outcome::Applied,
                left,
                after,
                status,
            };
        let edits: Vec<Edit> = job.plan.edits().cloned().collect();
        let concerned = match job.purpose {
            // To put something back repairs nothing.
            Purpose::Undo(_) => Vec::new(),
            Purpose::Fix | Purpose::Finish { .. } => concerned(&job.plan, blast, proposal),
        };
        loop {
            let Some(read) = read_with(self.settings.clone()).await? else {
                return Ok(ended(None, Vec::new(), INTERRUPTED));
            };
            let left: Vec<&'static str> = proposal
                .findings
                .iter()
                .filter(|it| {
                    let mut now = read.ledger.findings_at(&it.subject.at).iter();
                    now.any(|other| other.code == it.code)
                })
                .filter(|it| proposal.left.iter().all(|(code, _)| *code != it.code))
                .map(|it| it.code)
                .collect();
            let after = || -> Vec<(SaKey, Aftermath)> {
                let of = |key: &SaKey| {
                    let (keys, edits) = (vec![key.clone()], edits.clone());
                    let cure = Cure { heals: Vec::new(), keys, edits, at: begun };
                    check::aftermath(&read.graph, &read.ledger, &cure, read.now)
                };
                concerned.iter().map(|key| (key.clone(), of(key))).collect()
            };
            if left.is_empty() {
                eprintln!("idscope: applied and verified");
                let after = after();
                for (key, it) in &after {
                    eprintln!("idscope: sa/{key}: {}", visible(&sentence(it)));
                }
                return Ok(ended(Some(left), after, 0));
            }
            let lags =
                |it: &Edit| !it.is_kubernetes() && plan::shown(&read.graph, it) == Shown::Before;
            let is_pending = job.plan.edits().any(lags) && since.elapsed() < job.propagation;
            if !is_pending {
                eprintln!("idscope: applied, still there: {}", left.join(", "));
                return Ok(ended(Some(left), after(), NOT_HEALED));
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
