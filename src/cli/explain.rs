//! `explain`: a target's chain, or what a pasted error means here.

use crate::{
    cli::{
        args::{Explain, ExplainOutput},
        collect::Collected,
        error::UsageError,
    },
    ident::{Ref, Text, visible},
    identity::Verdict,
    report::{explain, target, target::Resolved, triage},
};

/// What was asked, with standard input already read.
pub struct Question {
    /// The words as one text, or the log.
    what: String,
    from_stdin: bool,
    /// `--error`.
    error: Option<String>,
}

/// A pasted log may be long; what comes after this is not read.
const MAX_LOG: u64 = 16 << 20;

pub fn question(args: &Explain) -> Result<Question, UsageError> {
    let from_stdin = args.what == ["-"];
    if from_stdin && args.error.as_deref() == Some("-") {
        return Err(UsageError::new("standard input can be the log or the error, not both"));
    }
    let what = if from_stdin { stdin()? } else { args.what.join(" ") };
    let error = match args.error.as_deref() {
        Some("-") => Some(stdin()?),
        other => other.map(str::to_owned),
    };
    Ok(Question { what, from_stdin, error })
}

fn stdin() -> Result<String, UsageError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(MAX_LOG)
        .read_to_end(&mut bytes)
        .map_err(|err| UsageError::new(format!("failed to read standard input: {err}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text for stdout and the exit status.
pub fn run(
    args: &Explain,
    question: &Question,
    read: &Collected,
    namespaces: &[Text],
) -> Result<(String, u8), UsageError> {
    let graph = &read.graph;
    let (target, note) = if question.from_stdin {
        return Ok(triage(args, &question.what, None, read));
    } else {
        match target::resolve(graph, &question.what, namespaces) {
            Resolved::One(it) => (it, None),
            Resolved::Owner { gone, owner } => {
                let note = format!("pod `{gone}` is gone; this is its owner {owner}");
                (owner, Some(note))
            }
            Resolved::Many(found) => {
                let mut error = UsageError::new(format!("`{}` is not unique", question.what));
                for it in found {
                    error = error.hint(it.to_string());
                }
                return Err(error);
            }
            Resolved::NotATarget => return Ok(triage(args, &question.what, None, read)),
            // One word that is no name here may still be an error's name, such as `NoCredentialProviders`.
            Resolved::None(_) if triage::is_known(&question.what) => {
                return Ok(triage(args, &question.what, None, read));
            }
            Resolved::None(near) => {
                let wrong = visible(&question.what);
                let mut error = UsageError::new(format!("nothing here is called `{wrong}`"));
                for it in near {
                    error = error.hint(format!("did you mean {it}?"));
                }
                return Err(error);
            }
        }
    };
    if let Some(text) = &question.error {
        return Ok(triage(args, text, Some(&target), read));
    }
    let mut page = explain::explain(graph, &read.ledger, &target, read.now);
    page.notes.extend(note);
    let status = match &page.verdict {
        Some(Verdict::Deny(_)) => 1,
        Some(Verdict::Unknown(_)) => 3,
        Some(Verdict::Allow | Verdict::None) | None => 0,
    };
    let text = match args.output {
        ExplainOutput::Text => explain::render(&page, false),
        ExplainOutput::Markdown => explain::render(&page, true),
        ExplainOutput::Json => pretty(&explain::data(&page)),
    };
    Ok((text, status))
}

fn triage(args: &Explain, text: &str, target: Option<&Ref>, read: &Collected) -> (String, u8) {
    let answer = triage::triage(&read.graph, &read.ledger, text, target);
    let text = match args.output {
        ExplainOutput::Text => triage::render(&answer, false),
        ExplainOutput::Markdown => triage::render(&answer, true),
        ExplainOutput::Json => pretty(&triage::data(&answer)),
    };
    // A confirmed cause is a refusal; anything less is not known.
    (text, if answer.is_confirmed() { 1 } else { 3 })
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).expect("plain data serialises") + "\n"
}
