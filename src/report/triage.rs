//! An error message or a log: which signature it is, which causes fit, and whom.

use crate::{
    check::{self, Confidence, Finding, Ledger, Row},
    graph::Graph,
    ident::{Ref, SaKey, visible},
    identity::{
        Signature, Verdict,
        signature::{Match, recognise},
    },
    report::explain,
};
use std::{collections::BTreeSet, fmt::Write as _};

/// What a text means here.
pub struct Answer {
    /// One a signature, in the order in which they first appear.
    pub errors: Vec<Error>,
}

/// One signature found in the text.
pub struct Error {
    pub found: Match,
    /// The ServiceAccounts that the text, or failing that the live data, points at. Sorted.
    pub subjects: Vec<SaKey>,
    /// Confirmed first, then possible, then excluded.
    pub causes: Vec<Cause>,
}

/// One code that can make workloads print the signature.
pub struct Cause {
    pub row: &'static Row,
    pub state: State,
    /// Why it is confirmed, possible or excluded; a sentence.
    pub because: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Found on a subject that fits.
    Confirmed,
    /// Cannot be seen in API data, or what it needs was not read.
    Possible,
    /// Everything that it needs was read, and it is not so.
    Excluded,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Confirmed => "confirmed",
            State::Possible => "possible",
            State::Excluded => "excluded",
        }
    }
}

impl Answer {
    pub fn is_confirmed(&self) -> bool {
        self.errors.iter().flat_map(|it| &it.causes).any(|it| it.state == State::Confirmed)
    }
}

/// Whether the text holds one of the signatures.
pub fn is_known(text: &str) -> bool {
    !recognise(text).is_empty()
}

/// Judges `text`; with a target for that one only.
pub fn triage(graph: &Graph, ledger: &Ledger, text: &str, target: Option<&Ref>) -> Answer {
    let mut errors: Vec<Error> = Vec::new();
    for found in recognise(text) {
        let subjects = subjects(graph, ledger, &found, target);
        let known = errors.iter_mut().find(|it| it.found.signature == found.signature);
        match known {
            Some(it) => {
                let mut all: BTreeSet<SaKey> = it.subjects.drain(..).collect();
                all.extend(subjects);
                it.subjects = all.into_iter().collect();
            }
            None => errors.push(Error { found, subjects, causes: Vec::new() }),
        }
    }
    for error in &mut errors {
        error.causes = causes(graph, ledger, error.found.signature, &error.subjects);
    }
    Answer { errors }
}

fn subjects(graph: &Graph, ledger: &Ledger, found: &Match, target: Option<&Ref>) -> Vec<SaKey> {
    if let Some(target) = target {
        return explain::service_account(graph, target).into_iter().collect();
    }
    let mut res: BTreeSet<SaKey> = BTreeSet::new();
    if let (Some(namespace), Some(name)) = (&found.namespace, &found.service_account) {
        res.insert(SaKey::new(namespace.as_str(), name.as_str()));
    }
    if let Some(role) = &found.role {
        let same = |it: &crate::ident::Arn| it == role || it.name() == role.name();
        for key in graph.identities() {
            let judged = ledger.identity(key);
            let roles = judged.map(|it| [&it.role_arn, &it.target_role_arn]);
            if roles.into_iter().flatten().flatten().any(same) {
                res.insert(key.clone());
            }
        }
    }
    if res.is_empty() {
        let refused = |key: &&SaKey| {
            let verdict = ledger.identity(key).map(|it| &it.verdict);
            let same = verdict.and_then(Verdict::signature) == Some(found.signature);
            same || ledger
                .findings_of_identity(graph, key)
                .iter()
                .any(|it| it.signature == Some(found.signature))
        };
        res.extend(graph.identities().filter(refused).cloned());
    }
    res.into_iter().collect()
}

fn causes(graph: &Graph, ledger: &Ledger, signature: Signature, subjects: &[SaKey]) -> Vec<Cause> {
    let found: Vec<&Finding> =
        subjects.iter().flat_map(|it| ledger.findings_of_identity(graph, it)).collect();
    let undecided = subjects.is_empty()
        || subjects.iter().any(|it| {
            ledger.identity(it).is_none_or(|it| matches!(it.verdict, Verdict::Unknown(_)))
        });
    let mut res: Vec<Cause> = check::table()
        .filter(|it| it.signatures.contains(&signature))
        .map(|row| {
            let here = found.iter().find(|it| it.code == row.code);
            let (state, because) = match here {
                Some(it) => (State::Confirmed, it.message.clone()),
                None if row.confidence == Confidence::Runtime => {
                    (State::Possible, row.detect.to_owned())
                }
                None if subjects.is_empty() => {
                    (State::Possible, format!("nobody here fits yet: {}", row.detect))
                }
                None if undecided => {
                    (State::Possible, format!("not everything could be read: {}", row.detect))
                }
                None => (State::Excluded, "everything it needs was read, and it is not so".into()),
            };
            Cause { row, state, because }
        })
        .collect();
    res.sort_by_key(|it| (it.state, it.row.severity, it.row.code));
    res
}

/// Text, or Markdown.
pub fn render(answer: &Answer, markdown: bool) -> String {
    let mut res = String::new();
    if answer.errors.is_empty() {
        put(
            &mut res,
            format_args!(
                "none of the {} known error signatures is in this text",
                Signature::all().count()
            ),
        );
        return res;
    }
    for error in &answer.errors {
        let signature = error.found.signature;
        let mark = if markdown { "## " } else { "" };
        put(&mut res, format_args!("{mark}{signature}: {}", signature.meaning()));
        put(&mut res, format_args!("  seen: {}", visible(&error.found.excerpt)));
        let names: Vec<String> =
            error.subjects.iter().take(8).map(|it| format!("sa/{it}")).collect();
        let more = error.subjects.len().saturating_sub(names.len());
        match (names.is_empty(), more) {
            (true, _) => put(&mut res, format_args!("  fits: nobody that could be read")),
            (false, 0) => put(&mut res, format_args!("  fits: {}", visible(&names.join(", ")))),
            (false, more) => {
                put(
                    &mut res,
                    format_args!("  fits: {} and {more} more", visible(&names.join(", "))),
                );
            }
        }
        for cause in &error.causes {
            put(
                &mut res,
                format_args!(
                    "  {:<9} {:<13} {}: {}",
                    cause.state.as_str(),
                    cause.row.code,
                    cause.row.title,
                    visible(&cause.because)
                ),
            );
        }
        put(&mut res, format_args!(""));
    }
    res
}

/// For machines: `idscope/triage/v1`.
pub fn data(answer: &Answer) -> serde_json::Value {
    let errors: Vec<_> = answer
        .errors
        .iter()
        .map(|it| {
            let causes: Vec<_> = it
                .causes
                .iter()
                .map(|it| {
                    serde_json::json!({
                        "code": it.row.code,
                        "name": it.row.name,
                        "state": it.state.as_str(),
                        "because": it.because,
                    })
                })
                .collect();
            serde_json::json!({
                "signature": it.found.signature.to_string(),
                "meaning": it.found.signature.meaning(),
                "excerpt": it.found.excerpt,
                "subjects": it.subjects.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "causes": causes,
            })
        })
        .collect();
    serde_json::json!({ "schema": "idscope/triage/v1", "errors": errors })
}

fn put(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}
