//! `explain`: a target's chain, or what a pasted error means here.

use crate::{
    cli::{
        args::{Explain, ExplainOutput, Global},
        collect::Collected,
        error::UsageError,
        output,
    },
    ident::{Ref, visible},
    identity::{Signature, Verdict},
    report::{build::Meta, explain, target, target::Resolved, triage},
};

/// What was asked, with standard input already read.
pub struct Question {
    /// The words as one text, or the log.
    what: String,
    from_stdin: bool,
    /// `--error`.
    error: Option<String>,
}

impl Question {
    /// Whether it cannot be the name of anything.
    fn is_text(&self) -> bool {
        self.what.trim().is_empty() || self.what.contains(char::is_whitespace)
    }

    /// With `-n`, what must be read as well: the namespace that the target itself names.
    pub fn widened(&self, global: &Global) -> Global {
        let mut res = global.clone();
        if let Some(it) = target::namespace(&self.what).filter(|_| !res.namespace.is_empty()) {
            res.namespace.push(it.to_string());
        }
        res
    }
}

/// The forms of a target.
const TARGETS: &str = "a target is pod|sa|deploy|sts|ds|rs|job|cronjob/[NS/]NAME, role/ARN-or-NAME, \
    association/NS/SERVICEACCOUNT, oidc/ARN, node/NAME, cluster, or a bare name";

/// A pasted log may be long; what comes after this is not read.
const MAX_LOG: u64 = 16 << 20;

pub fn question(args: &Explain) -> Result<Question, UsageError> {
    let from_stdin = args.what == ["-"];
    if from_stdin && args.error.as_deref() == Some("-") {
        return Err(UsageError::new("standard input can be the log or the error, not both"));
    }
    if from_stdin && args.error.is_some() {
        return Err(UsageError::new(
            "--error needs a target; the log alone is `idscope explain -`",
        ));
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
        .take(MAX_LOG + 1)
        .read_to_end(&mut bytes)
        .map_err(|err| UsageError::new(format!("failed to read standard input: {err}")))?;
    if MAX_LOG < bytes.len() as u64 {
        eprintln!("idscope: warning: only the first {} MiB of the log are read", MAX_LOG >> 20);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text for stdout and the exit status.
pub fn run(
    args: &Explain,
    question: &Question,
    read: &Collected,
) -> Result<(String, u8), UsageError> {
    let graph = &read.graph;
    let (target, note) = if question.from_stdin {
        return Ok(triage(args, &question.what, None, read));
    } else {
        match target::resolve(graph, &question.what, &read.settings.namespaces) {
            Resolved::One(it) => (it, None),
            Resolved::Owner { gone, owner } => {
                let note = format!("pod `{gone}` is gone; this is its owner {owner}");
                (owner, Some(note))
            }
            Resolved::Many(found) => {
                let wrong = visible(&question.what);
                let mut error = UsageError::new(format!("`{wrong}` is not unique; it could be"));
                for it in found {
                    error = error.hint(it.to_string());
                }
                return Err(error);
            }
            Resolved::NotATarget if question.error.is_some() => {
                let wrong = visible(&question.what);
                return Err(UsageError::new(format!(
                    "--error needs a target, and `{wrong}` is none"
                ))
                .hint(TARGETS));
            }
            // One word that is no name here may still be an error's name, such as `NoCredentialProviders`.
            Resolved::NotATarget | Resolved::None(_) | Resolved::Unread(_)
                if question.is_text() || triage::is_known(&question.what) =>
            {
                return Ok(triage(args, &question.what, None, read));
            }
            Resolved::NotATarget => {
                let wrong = visible(&question.what);
                return Err(UsageError::new(format!(
                    "`{wrong}` is no target, and none of the {} known errors",
                    Signature::all().count()
                ))
                .hint(TARGETS));
            }
            Resolved::None(near) => {
                let wrong = visible(&question.what);
                let mut error = UsageError::new(format!(
                    "nothing here is called `{wrong}`, and it is none of the {} known errors",
                    Signature::all().count()
                ));
                for it in near {
                    error = error.hint(format!("did you mean {it}?"));
                }
                return Err(error);
            }
            Resolved::Unread(sources) => {
                let wrong = visible(&question.what);
                return Err(UsageError::unread(format!(
                    "`{wrong}` is nothing that could be read, and not everything could: {}",
                    sources.join(", ")
                )));
            }
        }
    };
    if let Some(text) = &question.error {
        return Ok(triage(args, text, Some(&target), read));
    }
    let meta =
        Meta { generated_at: read.now, tool_version: env!("CARGO_PKG_VERSION"), namespaces: &[] };
    let mut page = explain::explain(graph, &read.ledger, &target, &meta);
    page.notes.extend(note);
    let status = match &page.verdict {
        Some(Verdict::Deny(_)) => 1,
        Some(Verdict::Unknown(_)) => 3,
        Some(Verdict::Allow | Verdict::None) | None => 0,
    };
    let text = match args.output {
        ExplainOutput::Text => explain::render(&page, false),
        ExplainOutput::Markdown => explain::render(&page, true),
        ExplainOutput::Json => output::json(&explain::data(&page)),
    };
    Ok((text, status))
}

fn triage(args: &Explain, text: &str, target: Option<&Ref>, read: &Collected) -> (String, u8) {
    let answer = triage::triage(&read.graph, &read.ledger, text, target);
    let text = match args.output {
        ExplainOutput::Text => triage::render(&answer, false),
        ExplainOutput::Markdown => triage::render(&answer, true),
        ExplainOutput::Json => output::json(&triage::data(&answer)),
    };
    // A confirmed cause is a refusal; anything less is not known.
    (text, if answer.is_confirmed() { 1 } else { 3 })
}
