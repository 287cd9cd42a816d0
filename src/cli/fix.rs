//! `fix` and `undo`: the plan on stdout, and with `--apply` its carrying out, told on stderr.

mod carry_out;
mod confirm;
mod ended;
mod probe;
mod record;
mod session;
mod tell;

use crate::{
    apply::Purpose,
    check::{self, Proposal, Undoing, Wanted},
    cli::{
        args::{Fix, FixOutput, Global, Undo},
        collect::Collected,
        error::UsageError,
        fix::{
            record::{Given, entries, find, given, journal, list},
            session::Session,
            tell::say_nothing,
        },
        goal, output,
    },
    ident::{Ref, SaKey, Text, visible},
    identity::Verdict,
    plan::{self, Confirm, Edit, Entry, Plan, Whereabouts},
    report::plan as page,
};

use std::{collections::BTreeSet, time::Duration};

pub use probe::probe;

/// Nothing was written: refused, moved, another digest.
const NOTHING_WRITTEN: u8 = 4;
/// The plan of all roles of a cluster that was made again.
pub(crate) const RE_HOME: &str = "re-home";
/// Applied, and the finding is still there.
const NOT_HEALED: u8 = 1;

pub async fn fix(args: &Fix, global: &Global) -> Result<u8, UsageError> {
    if args.targets.is_empty() && !args.all && args.plan.is_none() && args.finish.is_none() {
        return Err(UsageError::new(
            "name a target, or --all with --code, or --plan FILE, or --finish ID",
        ));
    }
    if let Some(code) = &args.code
        && check::row(code).is_none()
    {
        return Err(UsageError::new(format!("there is no code `{code}`"))
            .hint("`idscope codes` lists them"));
    }
    let given = args.plan.as_deref().map(given).transpose()?;
    let cut_off = args.finish.as_deref().map(entry).transpose()?;
    let Some(session) = Session::open(global).await? else { return Ok(crate::cli::INTERRUPTED) };
    let how = How {
        output: args.output,
        apply: args.apply,
        yes: args.yes.clone(),
        ready_within: args.ready_within,
    };
    if let Some(it) = cut_off {
        return session.finish(&it, &how).await;
    }
    session.tell_unfinished()?;
    let proposal = match given {
        Some(it) => match session.given(it) {
            Ok(it) => it,
            Err(why) => return Ok(say_nothing(&why)),
        },
        None => {
            let (namespaces, texts) = goal::namespaces(args.goal, &args.targets, &session.read)?;
            let mut targets = session.targets(&texts)?;
            targets.extend(namespaces);
            if let Some(goal) = args.goal {
                let (role, ready_for) = (args.role.as_deref(), args.ready_for);
                let mut asked = goal::Asked { goal, role, ready_for, answered: false };
                let waiting = goal::wait_for_answer(&asked, &targets, &session.read);
                if !waiting.is_empty() {
                    asked.answered = args.probe;
                    for key in waiting.iter().filter(|_| args.probe) {
                        asked.answered &= session.is_delivered(key).await;
                    }
                    if !args.probe {
                        eprintln!("idscope: --probe asks EKS Auth");
                    }
                }
                let proposal = goal::proposal(&asked, &targets, &session.read)?;
                return session.answer(proposal, &how, Purpose::Fix).await;
            }
            let wanted = Wanted { code: args.code.as_deref().map(Into::into), targets };
            let Collected { graph, ledger, now, .. } = &session.read;
            let res = check::propose(graph, ledger, &wanted, *now);
            if res.findings.is_empty() {
                session.tell_unknown(&wanted.targets);
            }
            res
        }
    };
    session.answer(proposal, &how, Purpose::Fix).await
}

pub async fn undo(args: &Undo, global: &Global) -> Result<u8, UsageError> {
    let Some(id) = &args.id else {
        let journal = journal(None)?;
        let entries = entries(&journal)?;
        output::print(&list(&journal, &entries, args.output), global.ascii);
        return Ok(0);
    };
    let entry = entry(id)?;
    if let Some(by) = &entry.undone_by {
        return Ok(say_nothing(&format!("it was undone by {by} already")));
    }
    let Some(session) = Session::open(global).await? else { return Ok(crate::cli::INTERRUPTED) };
    let how = How {
        output: args.output,
        apply: args.apply,
        yes: args.yes.clone(),
        ready_within: args.ready_within,
    };
    session.undo(&entry, &how).await
}

/// The journal's entry that somebody named.
fn entry(id: &str) -> Result<Entry, UsageError> {
    find(entries(&journal(None)?)?, id)
}

/// How a plan is shown and whether it is carried out.
struct How {
    output: FixOutput,
    apply: bool,
    yes: Option<String>,
    /// How long the pods of the first workload may take.
    ready_within: Duration,
}

impl Session<'_> {
    /// That nothing is found is no good news of what nobody could look at.
    fn tell_unknown(&self, targets: &[Ref]) {
        let Collected { graph, ledger, .. } = &self.read;
        let keys: BTreeSet<SaKey> = targets.iter().filter_map(|it| graph.account_of(it)).collect();
        for key in keys {
            if let Some(Verdict::Unknown(why)) = ledger.identity(&key).map(|it| &it.verdict) {
                let why = why.describe();
                eprintln!(
                    "idscope: whether sa/{key} gets its role is not known: {}",
                    visible(&why)
                );
            }
        }
    }

    /// A plan that somebody else made, if it still is that plan.
    fn given(&self, it: Given) -> Result<Proposal, String> {
        let Given { edits, digest, title, because } = it;
        let Collected { graph, ledger, now, .. } = &self.read;
        // What it is to heal is looked for here, so that it can be said afterwards whether it did.
        let wanted = |code: Text| {
            let targets = self.targets(&[because.subject.to_string()]).unwrap_or_default();
            let code = Some(code);
            check::propose(graph, ledger, &Wanted { code, targets }, *now).findings
        };
        let findings = because.code.clone().map(wanted).unwrap_or_default();
        let mut plan = plan::build(graph, "FX", title, because, edits);
        if let Ok(it) = &mut plan {
            if it.digest != digest {
                return Err(format!(
                    "the plan would be another one now: digest {}, not {digest}",
                    it.digest
                ));
            }
            distrust(it);
        }
        Ok(Proposal { plan: Some(plan), left: Vec::new(), findings })
    }

    async fn undo(&self, entry: &Entry, how: &How) -> Result<u8, UsageError> {
        let Collected { graph, now, .. } = &self.read;
        match check::undo(graph, entry, *now) {
            Ok(it) => self.undoing(it, how).await,
            Err(why) => {
                self.no_plan(how);
                Ok(say_nothing(&why))
            }
        }
    }

    async fn finish(&self, entry: &Entry, how: &How) -> Result<u8, UsageError> {
        let here = Whereabouts::of(&self.read.graph);
        match check::finish(&self.read.graph, entry) {
            Ok(it) => self.undoing(it, how).await,
            // It is another cluster's, or was undone.
            Err(why) if entry.place.differs(&here).is_some() || entry.undone_by.is_some() => {
                self.no_plan(how);
                Ok(say_nothing(&why))
            }
            Err(why) => self.close(entry, how, &why),
        }
    }

    async fn undoing(&self, it: Undoing, how: &How) -> Result<u8, UsageError> {
        let names = self.names();
        for it in it.left {
            eprintln!("idscope: warning: left as it is: {}", visible(&it.why));
            for command in it.edit.iter().flat_map(|it| plan::commands(it, &names)) {
                eprintln!("  {}", visible(&command));
            }
        }
        let plan = match it.plan {
            Some(it) => it,
            None => {
                self.no_plan(how);
                return Ok(say_nothing("everything that can be put back is as it was"));
            }
        };
        let proposal = Proposal { plan: Some(plan), left: Vec::new(), findings: Vec::new() };
        self.answer(proposal, how, it.purpose).await
    }

    /// An entry whose last step was written before it was cut off: there is nothing left but to say so in the journal.
    fn close(&self, entry: &Entry, how: &How, why: &str) -> Result<u8, UsageError> {
        self.no_plan(how);
        if entry.is_finished() {
            return Ok(say_nothing(why));
        }
        let journal = journal(None)?;
        if journal.is_running(entry) {
            return Ok(say_nothing("another idscope on this machine is at it"));
        }
        let closed = journal.close(&entry.id, crate::cli::clock());
        closed.map_err(|it| UsageError::new(format!("failed to {it}")))?;
        eprintln!("idscope: {} is finished: {why}", entry.id);
        Ok(0)
    }

    /// For machines, where there is nothing to show.
    fn no_plan(&self, how: &How) {
        if how.output == FixOutput::Json {
            self.print(&output::json(&page::no_plan(&[], &self.names(), None)));
        }
    }
}

/// How somebody else classified an edit of a trust policy counts for nothing: it is confirmed by the role's name.
fn distrust(plan: &mut Plan) {
    let role = plan.steps.iter().find_map(|it| match &it.edit {
        Edit::SetTrust { role, .. } => Some(role.name().unwrap_or(role.as_str())),
        _ => None,
    });
    if let Some(it) = role {
        plan.confirm = Confirm::IamRole(it.into());
    }
}
