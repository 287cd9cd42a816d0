//! `explain`: a target's chain, or what a pasted error means here.

use crate::{
    cli::{
        args::{Explain, ExplainOutput, Global},
        collect::Collected,
        error::UsageError,
        log, output,
    },
    ident::{Ref, visible},
    identity::{Signature, Verdict},
    report::{
        build::Meta,
        explain, target,
        target::Resolved,
        triage::{self, Said},
    },
};
use tokio::time::Instant;

/// What was asked, with standard input already read.
pub struct Question {
    /// The words as one text; nothing where the log is all.
    what: String,
    log: Option<Said>,
    /// `--error`.
    error: Option<Said>,
    /// When standard input was read to its end.
    pub log_ended: Option<Instant>,
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

/// `None` when interrupted before anything was said.
pub async fn question(args: &Explain) -> Result<Option<Question>, UsageError> {
    let from_stdin = args.what == ["-"];
    if from_stdin && args.error.as_deref() == Some("-") {
        return Err(UsageError::new("standard input can be the log or the error, not both"));
    }
    if from_stdin && args.error.is_some() {
        return Err(UsageError::new(
            "--error needs a target; the log alone is `idscope explain -`",
        ));
    }
    let read = match from_stdin || args.error.as_deref() == Some("-") {
        true => match log::from_stdin().await? {
            Some(it) => Some(it),
            None => return Ok(None),
        },
        false => None,
    };
    let log_ended = read.is_some().then(Instant::now);
    let what = args.what.join(" ");
    Ok(Some(match (from_stdin, args.error.as_deref()) {
        (true, _) => Question { what: String::new(), log: read, error: None, log_ended },
        (false, None) => Question { what, log: None, error: None, log_ended },
        (false, Some(text)) => {
            let error = read.unwrap_or_else(|| text.into());
            Question { what, log: None, error: Some(error), log_ended }
        }
    }))
}

/// The text for stdout and the exit status.
pub fn run(
    args: &Explain,
    question: &Question,
    read: &Collected,
) -> Result<(String, u8), UsageError> {
    let graph = &read.graph;
    let (target, note) = if let Some(log) = &question.log {
        return Ok(triage(args, log, None, read));
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
                return Ok(triage(args, &question.what.as_str().into(), None, read));
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
    if let Some(said) = &question.error {
        return Ok(triage(args, said, Some(&target), read));
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

fn triage(args: &Explain, said: &Said, target: Option<&Ref>, read: &Collected) -> (String, u8) {
    let answer = triage::triage(&read.graph, &read.ledger, said, target);
    let text = match args.output {
        ExplainOutput::Text => triage::render(&answer, false),
        ExplainOutput::Markdown => triage::render(&answer, true),
        ExplainOutput::Json => output::json(&triage::data(&answer)),
    };
    // A confirmed cause is a refusal; anything less is not known.
    (text, if answer.is_confirmed() { 1 } else { 3 })
}
