//! The journal from the command line, and plans in files.

use crate::{
    apply::Journal,
    cli::{args::FixOutput, error::UsageError, output, settings},
    ident::{Text, visible},
    lab::Lab,
    plan::{self, Because, Entry, Outcome},
    report::plan as page,
};

/// The journal of this user; the demo's world ends with the process, and so does its journal.
pub(crate) fn journal(lab: Option<&Lab>) -> Result<Journal, UsageError> {
    let dir = match lab {
        Some(it) => Some(it.dir().join("state")),
        None => settings::state_dir(),
    };
    let dir = dir.ok_or_else(|| UsageError::new("there is no directory to keep a journal in"))?;
    Journal::open(&dir).map_err(|it| UsageError::new(format!("failed to {it}")))
}

/// Everything in the journal; lines that cannot be read are said.
pub(crate) fn entries(journal: &Journal) -> Result<Vec<Entry>, UsageError> {
    let read = journal.entries().map_err(|it| UsageError::new(format!("failed to {it}")));
    let (entries, broken) = read?;
    for line in broken {
        eprintln!("idscope: warning: line {line} of the journal cannot be read");
    }
    Ok(entries)
}

pub(crate) fn find(entries: Vec<Entry>, id: &str) -> Result<Entry, UsageError> {
    let mut error = UsageError::new(format!("the journal has no entry `{}`", visible(id)));
    for it in entries.iter().rev().take(5) {
        error = error.hint(format!("{} {}", it.id, visible(&it.plan.title)));
    }
    entries.into_iter().find(|it| *it.id == *id).ok_or(error)
}

pub(crate) fn list(journal: &Journal, entries: &[Entry], output: FixOutput) -> String {
    if output == FixOutput::Json {
        return output::json(&entries);
    }
    if entries.is_empty() {
        return "nothing was written yet\n".to_owned();
    }
    let mut res = String::new();
    for it in entries.iter().rev() {
        let cluster = it.place.cluster.as_deref().unwrap_or_default();
        let cluster = cluster.rsplit('/').next().unwrap_or_default();
        res.push_str(&format!(
            "{}  {cluster}  {}  {}\n",
            it.id,
            visible(&it.plan.title),
            visible(&state(journal, it))
        ));
    }
    if entries.iter().any(|it| !it.is_finished() && !journal.is_running(it)) {
        res.push_str("\na fix that was cut off: `idscope fix --finish ID` goes on, `idscope undo ID` puts it back\n");
    }
    res
}

fn state(journal: &Journal, it: &Entry) -> String {
    let n = it.plan.edits.len();
    match (&it.outcome, &it.undone_by, it.cut_off()) {
        (_, Some(by), _) => format!("undone by {by}"),
        (Some(Outcome::Applied), None, _) => "applied".to_owned(),
        (Some(Outcome::Nothing { why }), None, _) => format!("nothing written: {why}"),
        (Some(Outcome::Partly { done, why }), None, _) => format!("{done} of {n}: {why}"),
        (Some(Outcome::Except { done, left }), None, _) => {
            format!("{done} of {n} done, {} left: {}", left.len(), left.join("; "))
        }
        (Some(Outcome::NotKnown { done, why }), None, _) => {
            format!("step {} not known: {why}", done + 1)
        }
        (Some(Outcome::Stopped { done }), None, _) => format!("stopped after {done} of {n}"),
        (None, None, _) if journal.is_running(it) => format!("running: {} of {n}", it.n_done()),
        (None, None, Some(step)) => {
            format!("cut off in step {} of {n}: not known whether it was written", step + 1)
        }
        (None, None, None) => format!("cut off after {} of {n}", it.n_done()),
    }
}

/// A plan in a file.
pub(crate) struct Given {
    pub edits: Vec<plan::Edit>,
    pub digest: Text,
    pub title: String,
    pub because: Because,
}

pub(crate) fn given(path: &std::path::Path) -> Result<Given, UsageError> {
    use std::io::Read;
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|it| text = it)
    };
    let wrong =
        |why: String| UsageError::new(format!("failed to read plan `{}`: {why}", path.display()));
    read.map_err(|it| wrong(it.to_string()))?;
    let (edits, digest, value) = page::read(&text).map_err(wrong)?;
    let text = |it: &serde_json::Value| it.as_str().map(Text::from);
    let title = value["title"].as_str().unwrap_or("a plan that was given").to_owned();
    let because = Because {
        code: text(&value["finding"]["code"]),
        subject: text(&value["finding"]["subject"]).unwrap_or_else(|| "".into()),
    };
    Ok(Given { edits, digest, title, because })
}
