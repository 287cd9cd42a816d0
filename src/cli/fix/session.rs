//! The world as it was read for one `fix`, `undo` or `probe`: targets in it, and plans shown, confirmed and carried out.

use crate::{
    apply::{self, Hands, Job, Purpose},
    check::{self, Aftermath, Blast, Cure, Proposal},
    cli::{
        INTERRUPTED,
        args::{FixOutput, Global},
        collect::Collected,
        demo,
        error::UsageError,
        fix::{
            How, NOT_HEALED,
            confirm::unconfirmed,
            ended::{Ended, sentence},
            record::{entries, journal},
            tell::{say_nothing, say_progress, say_unfinished},
        },
        headless, output, read_with,
    },
    ident::{AccountId, Ref, SaKey, Text, Timestamp, visible},
    lab::Lab,
    plan::{self, Edit, May, Names, Outcome, Plan, Refusal, Shown, Whereabouts},
    report::{
        plan as page,
        target::{self, Resolved},
    },
    source::Settings,
};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

pub(crate) struct Session<'a> {
    pub global: &'a Global,
    pub settings: Settings,
    lab: Option<Lab>,
    pub read: Collected,
}

/// How long to wait between looks at what IAM shows.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl<'a> Session<'a> {
    /// Reads everything once; `None` when interrupted.
    pub(crate) async fn open(global: &'a Global) -> Result<Option<Session<'a>>, UsageError> {
        let lab = demo(global).await?;
        let settings = headless(global, lab.as_ref())?;
        let read = read_with(settings.clone()).await?;
        Ok(read.map(|read| Session { global, settings, lab, read }))
    }

    pub(crate) fn print(&self, text: &str) {
        output::print(text, self.global.ascii);
    }

    pub(crate) fn targets(&self, texts: &[String]) -> Result<Vec<Ref>, UsageError> {
        let namespaces: Vec<Text> =
            self.global.namespace.iter().map(|it| it.as_str().into()).collect();
        let mut res = Vec::new();
        for text in texts {
            match target::resolve(&self.read.graph, text, &namespaces) {
                Resolved::One(it) | Resolved::Owner { owner: it, .. } => res.push(it),
                Resolved::Many(found) => {
                    let mut error = UsageError::new(format!("`{text}` is not unique"));
                    for it in found {
                        error = error.hint(it.to_string());
                    }
                    return Err(error);
                }
                Resolved::None(near) => {
                    let mut error =
                        UsageError::new(format!("nothing here is called `{}`", visible(text)));
                    for it in near {
                        error = error.hint(format!("did you mean {it}?"));
                    }
                    return Err(error);
                }
                Resolved::Unread(sources) => {
                    return Err(UsageError::unread(format!(
                        "`{}` is nothing that could be read, and not everything could: {}",
                        visible(text),
                        sources.join(", ")
                    )));
                }
                Resolved::NotATarget => {
                    return Err(UsageError::new(format!("`{}` is no target", visible(text)))
                        .hint("for example sa/payments/api, role/NAME, cluster"));
                }
            }
        }
        Ok(res)
    }

    /// Says which fixes of this cluster were cut off, how far they came, and what can be done about it.
    pub(crate) fn tell_unfinished(&self) -> Result<(), UsageError> {
        // A demo's world begins with its process.
        if self.lab.is_some() {
            return Ok(());
        }
        let journal = journal(None)?;
        let here = Whereabouts::of(&self.read.graph);
        for it in entries(&journal)? {
            if !it.is_finished() && it.place.differs(&here).is_none() && !journal.is_running(&it) {
                say_unfinished(&it, &self.read.graph);
            }
        }
        Ok(())
    }

    /// Prints the plan, and carries it out when that is asked for.
    pub(super) async fn answer(
        &self,
        mut proposal: Proposal,
        how: &How,
        purpose: Purpose,
    ) -> Result<u8, UsageError> {
        let Collected { graph, now, .. } = &self.read;
        let names = self.names();
        let mut plan = match proposal.plan.take() {
            Some(Ok(it)) => it,
            Some(Err(it)) => return Ok(self.refused(&it, &proposal, &names, how)),
            None => return Ok(self.nothing(&proposal, &names, how)),
        };
        check::forewarn(graph, &mut plan, *now);
        let blast = check::blast(graph, plan.edits(), *now);
        let edits: Vec<Edit> = plan.edits().cloned().collect();
        let deputies = check::deputies(graph, &edits, *now);
        let place = Whereabouts::of(graph);
        let callers = plan::callers(graph);
        let may = match Hands::open(&self.settings, &plan, &place, &callers).await {
            Ok(it) => {
                apply::revisions(&it, &mut plan).await;
                apply::permissions(&it, &plan).await
            }
            Err(it) => {
                let why: Text = format!("failed to {it}").into();
                plan.steps.iter().map(|_| May::NotKnown(why.clone())).collect()
            }
        };
        let left = &proposal.left;
        let shown = page::Page {
            plan: &plan,
            blast: &blast,
            deputies: &deputies,
            names: &names,
            may: &may,
            left,
        };
        // One document on stdout: what came of the plan is part of it.
        let mut document = None;
        match how.output {
            FixOutput::Json if how.apply => document = Some(page::data(&shown)),
            FixOutput::Json => self.print(&output::json(&page::data(&shown))),
            FixOutput::Text => self.print(&page::text(&shown, false)),
            FixOutput::Markdown => self.print(&page::text(&shown, true)),
            FixOutput::Sh => self.print(&page::script(&shown, &place)),
            FixOutput::Tf => self.print(&page::terraform(&shown)),
        }
        if !how.apply {
            return Ok(0);
        }
        let ended = match self.refusal(&plan, &may, &place).or_else(|| unconfirmed(&plan, how)) {
            Some(why) => Ended::nothing(&why),
            None => {
                let job = Job { purpose, ..Job::new(plan, place, callers) };
                self.carry_out(job, &proposal, &blast).await?
            }
        };
        if let Some(mut it) = document {
            it["result"] = ended.data();
            self.print(&output::json(&it));
        }
        Ok(ended.status)
    }

    /// Why the plan is not even offered for confirmation.
    fn refusal(&self, plan: &Plan, may: &[May], place: &Whereabouts) -> Option<String> {
        let context = place.context.as_deref().unwrap_or_default();
        if let Some(why) = self.settings.writes.refusal(context) {
            return Some(why);
        }
        may.iter().zip(&plan.steps).find_map(|(may, step)| match may {
            May::No(it) => Some(format!(
                "{}: {it} is not allowed; hand the commands to somebody who may",
                step.target
            )),
            May::Yes | May::NotKnown(_) => None,
        })
    }

    async fn carry_out(
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

    fn refused(&self, why: &Refusal, proposal: &Proposal, names: &Names, how: &How) -> u8 {
        let why = format!("refused: {why}");
        self.by_hand(proposal, names, how, Some(&why));
        say_nothing(&why)
    }

    fn nothing(&self, proposal: &Proposal, names: &Names, how: &How) -> u8 {
        self.by_hand(proposal, names, how, None);
        match proposal.left.is_empty() {
            true => eprintln!("idscope: nothing to repair"),
            false => eprintln!("idscope: nothing that idscope may write; a person has to"),
        }
        0
    }

    /// What is left where there is no plan.
    fn by_hand(&self, proposal: &Proposal, names: &Names, how: &How, refused: Option<&str>) {
        // Whoever runs a script, or applies a module, runs nothing of this.
        let lead = match how.output {
            FixOutput::Json => {
                let data = page::no_plan(&proposal.left, names, refused);
                return self.print(&output::json(&data));
            }
            FixOutput::Text | FixOutput::Markdown => "",
            FixOutput::Sh | FixOutput::Tf => "# ",
        };
        for (code, fix) in &proposal.left {
            self.print(&format!("{lead}by hand, {code}: {}\n", visible(&fix.title)));
            for it in fix.commands(names).iter().flat_map(|it| it.lines()) {
                self.print(&format!("{lead}   {}\n", visible(it)));
            }
        }
    }

    pub(super) fn names(&self) -> Names {
        let mut res = Names::of(&self.read.graph);
        for (account, profile) in &self.settings.account_profiles {
            res.profiles.extend(AccountId::parse(account).map(|it| (it, profile.as_str().into())));
        }
        res
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
