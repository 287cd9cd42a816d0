//! `fix` and `undo`: the plan on stdout, and with `--apply` its carrying out, told on stderr.

mod record;

use crate::{
    apply::{self, Hands, Job},
    check::{self, Proposal, Wanted},
    cli::{
        args::{Fix, FixOutput, Global, Undo},
        collect::Collected,
        demo,
        error::UsageError,
        fix::record::{entries, given, journal, list, place},
        goal, headless, output, read_with,
    },
    fact::Knowledge,
    ident::{AccountId, Ref, Text, visible},
    lab::Lab,
    plan::{self, Because, May, Names, Outcome, Plan, Progress, Refusal, StepState},
    report::{
        plan as page,
        target::{self, Resolved},
    },
    source::Settings,
};
use std::io::{BufRead, IsTerminal, Write};
use tokio::sync::{mpsc, watch};

/// Nothing was written: refused, moved, another digest.
const NOTHING_WRITTEN: u8 = 4;
/// Applied, and the finding is still there.
const NOT_HEALED: u8 = 1;

pub async fn fix(args: &Fix, global: &Global) -> Result<u8, UsageError> {
    if args.targets.is_empty() && !args.all && args.plan.is_none() {
        return Err(UsageError::new("name a target, or --all with --code, or --plan FILE"));
    }
    if let Some(code) = &args.code
        && check::row(code).is_none()
    {
        return Err(UsageError::new(format!("there is no code `{code}`"))
            .hint("`idscope codes` lists them"));
    }
    let given = args.plan.as_deref().map(given).transpose()?;
    let lab = demo(global).await?;
    let settings = headless(global, lab.as_ref())?;
    let Some(read) = read_with(settings.clone()).await? else { return Ok(crate::cli::INTERRUPTED) };
    let session = Session { global, settings, lab, read };
    let proposal = match given {
        Some((edits, digest, title)) => {
            let plan = plan::build(&session.read.graph, "FX", title, Because::default(), edits);
            match &plan {
                Ok(it) if it.digest != digest => {
                    return Ok(say_nothing(&format!(
                        "the plan would be another one now: digest {}, not {digest}",
                        it.digest
                    )));
                }
                Ok(_) | Err(_) => {}
            }
            Proposal { plan: Some(plan), left: Vec::new(), findings: Vec::new() }
        }
        None => {
            let targets = session.targets(&args.targets)?;
            if let Some(goal) = args.goal {
                let (role, ready_for) = (args.role.as_deref(), args.ready_for);
                let asked = goal::Asked { goal, role, ready_for, answered: false };
                let proposal = goal::proposal(&asked, &targets, &session.read)?;
                return session.answer(&proposal, &How::from(args), None).await;
            }
            let wanted = Wanted { code: args.code.as_deref().map(Into::into), targets };
            let Collected { graph, ledger, now, .. } = &session.read;
            check::propose(graph, ledger, &wanted, *now)
        }
    };
    session.answer(&proposal, &How::from(args), None).await
}

pub async fn undo(args: &Undo, global: &Global) -> Result<u8, UsageError> {
    let journal = journal(None)?;
    let (entries, broken) = entries(&journal)?;
    for line in broken {
        eprintln!("idscope: warning: line {line} of the journal cannot be read");
    }
    let Some(id) = &args.id else {
        output::print(&list(&entries, args.output), global.ascii);
        return Ok(0);
    };
    let entry = entries.iter().find(|it| *it.id == **id);
    let entry = entry.ok_or_else(|| {
        let mut error = UsageError::new(format!("the journal has no entry `{id}`"));
        for it in entries.iter().rev().take(5) {
            error = error.hint(format!("{} {}", it.id, it.plan.title));
        }
        error
    })?;
    if let Some(by) = &entry.undone_by {
        return Ok(say_nothing(&format!("it was undone by {by} already")));
    }
    let lab = demo(global).await?;
    let settings = headless(global, lab.as_ref())?;
    let Some(read) = read_with(settings.clone()).await? else { return Ok(crate::cli::INTERRUPTED) };
    if let Some(why) = entry.place.differs(&place(&read.graph)) {
        return Ok(say_nothing(&why));
    }
    let (edits, left) = entry.undo();
    for it in left {
        eprintln!("idscope: warning: left as it is: {}", visible(&it));
    }
    let because = Because { code: entry.plan.code.clone(), subject: entry.plan.subject.clone() };
    let title = format!("undo {}: {}", entry.id, entry.plan.title);
    let plan =
        (!edits.is_empty()).then(|| plan::build(&read.graph, "FX-UNDO", title, because, edits));
    let proposal = Proposal { plan, left: Vec::new(), findings: Vec::new() };
    let session = Session { global, settings, lab, read };
    session.answer(&proposal, &How::from(args), Some(entry.id.clone())).await
}

/// How a plan is shown and whether it is carried out.
struct How {
    output: FixOutput,
    apply: bool,
    yes: Option<String>,
}

impl From<&Fix> for How {
    fn from(it: &Fix) -> How {
        How { output: it.output, apply: it.apply, yes: it.yes.clone() }
    }
}

impl From<&Undo> for How {
    fn from(it: &Undo) -> How {
        How { output: it.output, apply: it.apply, yes: it.yes.clone() }
    }
}

struct Session<'a> {
    global: &'a Global,
    settings: Settings,
    lab: Option<Lab>,
    read: Collected,
}

impl Session<'_> {
    fn print(&self, text: &str) {
        output::print(text, self.global.ascii);
    }

    fn targets(&self, texts: &[String]) -> Result<Vec<Ref>, UsageError> {
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

    /// Prints the plan, and carries it out when that is asked for.
    async fn answer(
        &self,
        proposal: &Proposal,
        how: &How,
        undoes: Option<Text>,
    ) -> Result<u8, UsageError> {
        let Collected { graph, now, .. } = &self.read;
        let names = self.names();
        let plan = match &proposal.plan {
            Some(Ok(it)) => it,
            Some(Err(it)) => return Ok(self.refused(it, proposal, &names)),
            None => return Ok(self.nothing(proposal, &names)),
        };
        let blast = check::blast(graph, plan.edits(), *now);
        let place = place(graph);
        let callers = self.callers();
        let may = match Hands::open(&self.settings, plan, &place, &callers).await {
            Ok(it) => apply::permissions(&it, plan).await,
            Err(it) => {
                let why: Text = format!("failed to {it}").into();
                plan.steps.iter().map(|_| May::NotKnown(why.clone())).collect()
            }
        };
        let shown =
            page::Page { plan, blast: &blast, names: &names, may: &may, left: &proposal.left };
        self.print(&match how.output {
            FixOutput::Text => page::text(&shown, false),
            FixOutput::Markdown => page::text(&shown, true),
            FixOutput::Json => output::json(&page::data(&shown)),
            FixOutput::Sh => page::script(&shown, &place),
            FixOutput::Tf => page::terraform(&shown),
        });
        if !how.apply {
            return Ok(0);
        }
        if self.global.readonly {
            return Ok(say_nothing("--readonly writes nothing"));
        }
        if let Some(May::No(it)) = may.iter().find(|it| matches!(it, May::No(_))) {
            return Ok(say_nothing(&format!(
                "{it} is not allowed; hand the commands above to somebody who may"
            )));
        }
        if let Some(why) = unconfirmed(plan, how) {
            return Ok(say_nothing(&why));
        }
        let job = Job { plan: plan.clone(), place, callers, undoes };
        self.carry_out(job, proposal).await
    }

    async fn carry_out(&self, job: Job, proposal: &Proposal) -> Result<u8, UsageError> {
        let journal = journal(self.lab.as_ref())?;
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
        };
        let running = async {
            let outcome =
                apply::run(&self.settings, &journal, job.clone(), &progress, &stopped).await;
            drop(progress);
            outcome
        };
        let outcome = tokio::select! {
            (outcome, ()) = async { tokio::join!(running, listening) } => outcome,
            () = interrupted => unreachable!("signals can be listened to for ever"),
        };
        match &outcome {
            Outcome::Applied => self.verified(proposal).await,
            Outcome::Nothing { why } => Ok(say_nothing(why)),
            Outcome::Partly { done, why } => {
                eprintln!(
                    "idscope: {done} of {} steps written, then: {}",
                    job.plan.steps.len(),
                    visible(why)
                );
                Ok(outcome.exit_status())
            }
            Outcome::NotKnown { done, why } => {
                eprintln!("idscope: step {}: not known: {}", done + 1, visible(why));
                eprintln!("idscope: `idscope undo` lists what was written");
                Ok(outcome.exit_status())
            }
        }
    }

    /// Reads again and says whether the findings are gone.
    async fn verified(&self, proposal: &Proposal) -> Result<u8, UsageError> {
        let Some(read) = read_with(self.settings.clone()).await? else {
            return Ok(crate::cli::INTERRUPTED);
        };
        let left: Vec<&str> = proposal
            .findings
            .iter()
            .filter(|it| {
                let mut now = read.ledger.findings_at(&it.subject.at).iter();
                now.any(|other| other.code == it.code)
            })
            .filter(|it| proposal.left.iter().all(|(code, _)| *code != it.code))
            .map(|it| it.code)
            .collect();
        if left.is_empty() {
            eprintln!("idscope: applied and verified");
            return Ok(0);
        }
        eprintln!("idscope: applied, still there: {}", left.join(", "));
        Ok(NOT_HEALED)
    }

    fn refused(&self, why: &Refusal, proposal: &Proposal, names: &Names) -> u8 {
        self.by_hand(proposal, names);
        say_nothing(&format!("refused: {why}"))
    }

    fn nothing(&self, proposal: &Proposal, names: &Names) -> u8 {
        self.by_hand(proposal, names);
        match proposal.left.is_empty() {
            true => eprintln!("idscope: nothing to repair"),
            false => eprintln!("idscope: nothing that idscope may write; a person has to"),
        }
        0
    }

    fn by_hand(&self, proposal: &Proposal, names: &Names) {
        for (code, fix) in &proposal.left {
            self.print(&format!("by hand, {code}: {}\n", visible(&fix.title)));
            for it in fix.commands(names).iter().flat_map(|it| it.lines()) {
                self.print(&format!("   {}\n", visible(it)));
            }
        }
    }

    fn names(&self) -> Names {
        let mut res = Names::of(&self.read.graph);
        for (account, profile) in &self.settings.account_profiles {
            res.profiles.extend(AccountId::parse(account).map(|it| (it, profile.as_str().into())));
        }
        res
    }

    /// Whose credentials each account's are, as far as it was read.
    fn callers(&self) -> Vec<(AccountId, Text)> {
        match self.read.graph.caller() {
            Knowledge::Known(it) => AccountId::parse(&it.account)
                .map(|account| (account, it.arn.text().clone()))
                .into_iter()
                .collect(),
            Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Vec::new(),
        }
    }
}

/// Why the plan is not carried out: another digest, no terminal to ask at, or other words than asked for.
fn unconfirmed(plan: &Plan, how: &How) -> Option<String> {
    if let Some(yes) = &how.yes {
        let same = **yes == *plan.digest;
        return (!same).then(|| format!("the plan's digest is {}, not {yes}", plan.digest));
    }
    if !std::io::stdin().is_terminal() {
        return Some(format!("without a terminal pass --yes {}", plan.digest));
    }
    let words = plan.confirm.words();
    eprint!("type `{}` to apply: ", visible(words));
    drop(std::io::stderr().flush());
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) if line.trim_end_matches(['\n', '\r']) == words => None,
        Ok(_) => Some("not confirmed".to_owned()),
        Err(it) => Some(format!("failed to read the confirmation: {it}")),
    }
}

fn say_nothing(why: &str) -> u8 {
    eprintln!("idscope: nothing was written: {}", visible(why));
    NOTHING_WRITTEN
}

fn say_progress(plan: &Plan, progress: &Progress) {
    let Progress::Step { index, state } = progress else { return };
    let target = plan.steps.get(*index).map(|it| it.target.to_string()).unwrap_or_default();
    let words = match state {
        StepState::Checking => "reading".to_owned(),
        StepState::DryRun => "dry run".to_owned(),
        StepState::Writing => "writing".to_owned(),
        StepState::Reading => "reading again".to_owned(),
        StepState::Done => "done".to_owned(),
        StepState::Refused(why) => format!("refused: {why}"),
        StepState::Moved { expected, found } => {
            format!("moved\n  expected {expected}\n  found    {found}")
        }
        StepState::Overwritten { found } => format!("something else is there now: {found}"),
        StepState::NotKnown(why) => format!("not known: {why}"),
    };
    for (at, line) in words.lines().enumerate() {
        let head = if at == 0 { format!("step {} {target}: ", index + 1) } else { String::new() };
        eprintln!("idscope: {}{}", visible(&head), visible(line));
    }
}
