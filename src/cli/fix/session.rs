//! The world as it was read for one `fix`, `undo` or `probe`: targets in it, and plans shown, confirmed and carried out.

use crate::{
    apply::{self, Hands, Job, Purpose},
    check::{self, Proposal},
    cli::{
        args::{FixOutput, Global},
        collect::Collected,
        demo,
        error::UsageError,
        fix::{
            How,
            confirm::unconfirmed,
            ended::Ended,
            record::{entries, journal},
            tell::{say_nothing, say_unfinished},
        },
        headless, output, read_with,
    },
    ident::{AccountId, Ref, Text, visible},
    lab::Lab,
    plan::{self, Edit, May, Names, Plan, Refusal, Whereabouts},
    report::{
        plan as page,
        target::{self, Resolved},
    },
    source::Settings,
};

pub(crate) struct Session<'a> {
    pub global: &'a Global,
    pub settings: Settings,
    pub(super) lab: Option<Lab>,
    pub read: Collected,
}

impl<'a> Session<'a> {
    /// Reads everything once; `None` when interrupted.
    pub(crate) async fn open(global: &'a Global) -> Result<Option<Session<'a>>, UsageError> {
        let lab = demo(global).await?;
        let settings = headless(global, lab.as_ref())?;
        let read = read_with(settings.clone(), None).await?;
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
        let Collected { graph, ledger, now, .. } = &self.read;
        let names = self.names();
        let mut plan = match proposal.plan.take() {
            Some(Ok(it)) => it,
            Some(Err(it)) => return Ok(self.refused(&it, &proposal, &names, how)),
            None => return Ok(self.nothing(&proposal, &names, how)),
        };
        let edits: Vec<Edit> = plan.edits().cloned().collect();
        let after = check::After::of(graph, &edits, *now);
        after.forewarn(ledger, &mut plan);
        let blast = after.blast();
        let deputies = after.deputies();
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
        let restarts = check::restarts(graph, &edits, &blast);
        let shown = page::Page {
            plan: &plan,
            blast: &blast,
            deputies: &deputies,
            names: &names,
            may: &may,
            left,
            restarts: &restarts,
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
        let ended =
            match self.refusal(&plan, &may, &place, &purpose).or_else(|| unconfirmed(&plan, how)) {
                Some(why) => Ended::nothing(&why),
                None => {
                    let ready_within = how.ready_within;
                    let job = Job { purpose, ready_within, ..Job::new(plan, place, callers) };
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
    fn refusal(
        &self,
        plan: &Plan,
        may: &[May],
        place: &Whereabouts,
        purpose: &Purpose,
    ) -> Option<String> {
        let context = place.context.as_deref().unwrap_or_default();
        if let Some(why) = self.settings.writes.refusal(context) {
            return Some(why);
        }
        // What stands beside a step that is not allowed can be done all the same; of an undo nothing is left out.
        let denied = may.iter().zip(&plan.steps).find_map(|(may, step)| match may {
            May::No(it) => Some((it, step)),
            May::Yes | May::NotKnown(_) => None,
        });
        let (missing, step) = denied?;
        let is_whole = *purpose != Purpose::Fix || plan::blocked(&plan.steps, may).is_some();
        if !is_whole {
            eprintln!(
                "idscope: warning: {}: {missing} is not allowed, so it will be left",
                visible(&step.target.to_string())
            );
            return None;
        }
        Some(format!(
            "{}: {missing} is not allowed; hand the commands to somebody who may",
            step.target
        ))
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
        // Whoever has it applied is not to believe that it was repaired.
        match how.apply && !proposal.findings.is_empty() {
            true => say_nothing("there is no plan for what is found"),
            false => 0,
        }
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
