//! An error message or a log: which signature it is, which causes fit, and whom.

mod causes;
mod disproof;
mod hints;
mod said;

pub use causes::causes;
pub use said::{Log, Said};

use crate::{
    check::{Ledger, Row},
    fact::Knowledge,
    graph::Graph,
    ident::{Ref, SaKey, visible},
    identity::{Signature, Verdict, signature::Match},
    report::explain,
};
use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
};

/// What a text means here.
pub struct Answer {
    /// As a `TARGET`, when one was given.
    pub target: Option<String>,
    /// One a signature, in the order in which they first appear.
    pub errors: Vec<Error>,
    /// Without any of the known signatures: pages that the text reminds of.
    pub hints: Vec<&'static Row>,
}

/// One signature found in the text.
pub struct Error {
    pub found: Match,
    /// The ServiceAccounts that the text, or failing that the live data, points at. Sorted.
    pub subjects: Vec<SaKey>,
    /// What the names in the text say beside what is read, a sentence each.
    pub notes: Vec<String>,
    /// Confirmed first, then possible, then excluded.
    pub causes: Vec<Cause>,
}

/// One code that can make workloads print the signature.
pub struct Cause {
    pub row: &'static Row,
    pub state: State,
    /// Why it is confirmed, possible or excluded; a sentence.
    pub because: String,
    /// The ServiceAccounts that have it. Sorted.
    pub subjects: Vec<String>,
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
    !Said::from(text).found.is_empty()
}

/// Judges what is said; with a target for that one only.
pub fn triage(graph: &Graph, ledger: &Ledger, said: &Said, target: Option<&Ref>) -> Answer {
    let mut errors: Vec<Error> = Vec::new();
    let mentioned = mentioned(graph, &said.names);
    for found in said.found.iter().cloned() {
        let subjects = subjects(graph, ledger, &found, target, &mentioned);
        let notes = notes(graph, ledger, &found, &subjects);
        let known = errors.iter_mut().find(|it| it.found.signature == found.signature);
        match known {
            Some(it) => {
                let mut all: BTreeSet<SaKey> = it.subjects.drain(..).collect();
                all.extend(subjects);
                it.subjects = all.into_iter().collect();
                it.notes.extend(notes);
            }
            None => errors.push(Error { found, subjects, notes, causes: Vec::new() }),
        }
    }
    for error in &mut errors {
        error.notes.sort();
        error.notes.dedup();
        error.causes = causes::of_error(graph, ledger, &error.found, &error.subjects, target);
    }
    let hints = if errors.is_empty() { said.hints.clone() } else { Vec::new() };
    Answer { target: target.map(|it| explain::target_name(graph, it)), errors, hints }
}

/// Where the text itself contradicts what a subject declares.
fn notes(graph: &Graph, ledger: &Ledger, found: &Match, subjects: &[SaKey]) -> Vec<String> {
    let mut res = Vec::new();
    if let (Some(issuer), Some(own)) = (&found.issuer, graph.issuer().known())
        && !issuer.trim_start_matches("https://").starts_with(own.as_str())
        && issuer.contains("/id/")
    {
        res.push(format!(
            "the token is of issuer `{issuer}`, and this cluster's is `{own}`: it comes from another cluster"
        ));
    }
    if let (Signature::E16, Some(namespace), Some(name)) =
        (found.signature, &found.namespace, &found.service_account)
    {
        let key = SaKey::new(namespace.as_str(), name.as_str());
        match graph.service_account(&key) {
            Knowledge::Known(_) => res.push(format!("ServiceAccount {key} exists now")),
            Knowledge::Absent => res.push(format!("ServiceAccount {key} does not exist")),
            Knowledge::Denied(_) | Knowledge::NotYet => {}
        }
    }
    let Some(role) = found.caller.as_ref().and(found.role.as_ref()) else { return res };
    for key in subjects {
        let Some(judged) = ledger.identity(key) else { continue };
        let declared: Vec<_> =
            [&judged.role_arn, &judged.target_role_arn].into_iter().flatten().collect();
        if !declared.is_empty() && declared.iter().all(|it| it.name() != role.name()) {
            let names: Vec<String> = declared.iter().map(|it| format!("`{it}`")).collect();
            res.push(format!(
                "the caller is role `{}`, and ServiceAccount {key} declares {}: the pod ended with another identity",
                role.name().unwrap_or_default(),
                names.join(" and ")
            ));
        }
    }
    res
}

/// Whose pods have their name somewhere in the text, as log shippers put it there.
fn mentioned(graph: &Graph, names: &HashSet<String>) -> BTreeSet<SaKey> {
    let pods = graph.pods().filter(|it| names.contains(&*it.name));
    pods.map(|it| it.service_account()).collect()
}

fn subjects(
    graph: &Graph,
    ledger: &Ledger,
    found: &Match,
    target: Option<&Ref>,
    mentioned: &BTreeSet<SaKey>,
) -> Vec<SaKey> {
    match target {
        // Everybody whom it concerns.
        Some(Ref::Role(arn)) => {
            let associated = graph.associated_with(arn).map(|it| it.service_account.clone());
            let all: BTreeSet<_> = graph.annotated_with(arn).cloned().chain(associated).collect();
            return all.into_iter().collect();
        }
        Some(Ref::Node(name)) => {
            let all: BTreeSet<_> = graph.pods_on(name).map(|it| it.service_account()).collect();
            return all.into_iter().collect();
        }
        Some(target) => {
            if let Some(key) = graph.account_of(target) {
                return vec![key];
            }
        }
        None => {}
    }
    let mut res: BTreeSet<SaKey> = BTreeSet::new();
    if let (Some(namespace), Some(name)) = (&found.namespace, &found.service_account) {
        res.insert(SaKey::new(namespace.as_str(), name.as_str()));
    }
    if let Some(name) = &found.pod {
        let pods = graph.pods().filter(|it| *it.name == **name);
        res.extend(pods.map(|it| it.service_account()));
        if !res.is_empty() {
            return res.into_iter().collect();
        }
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
        res.extend(mentioned.iter().cloned());
    }
    if res.is_empty() {
        let refused = |key: &&SaKey| {
            let verdict = ledger.identity(key).map(|it| &it.verdict);
            let same = verdict.and_then(Verdict::signature) == Some(found.signature);
            same || ledger
                .findings_of_identity(graph, key)
                .iter()
                .any(|it| causes::explains(it, found.signature))
        };
        res.extend(graph.identities().filter(refused).cloned());
    }
    res.into_iter().collect()
}

/// Text, or Markdown.
pub fn render(answer: &Answer, markdown: bool) -> String {
    let mut res = String::new();
    if answer.errors.is_empty() {
        let n_known = Signature::all().count();
        put(&mut res, format_args!("none of the {n_known} known error signatures is in this text"));
        for row in &answer.hints {
            put(&mut res, format_args!("  it may be {} {}: {}", row.code, row.title, row.detect));
        }
        return res;
    }
    for error in &answer.errors {
        let signature = error.found.signature;
        let mark = if markdown { "## " } else { "" };
        put(&mut res, format_args!("{mark}{signature}: {}", signature.meaning()));
        let fence = if markdown { "\n```" } else { "" };
        if markdown {
            put(&mut res, format_args!("{fence}text"));
        }
        put(&mut res, format_args!("  seen: {}", visible(&error.found.excerpt)));
        let names: Vec<String> =
            error.subjects.iter().take(8).map(|it| format!("sa/{it}")).collect();
        let more = match error.subjects.len().saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match names.is_empty() {
            true => put(&mut res, format_args!("  fits: nobody that could be read")),
            false => {
                put(&mut res, format_args!("  fits: {}{more}", visible(&names.join(", "))));
            }
        }
        for note in &error.notes {
            put(&mut res, format_args!("  note: {}", visible(note)));
        }
        put_causes(&mut res, &error.causes);
        if markdown {
            put(&mut res, format_args!("```"));
        }
        put(&mut res, format_args!(""));
    }
    res
}

/// Confirmed and possible ones by themselves, the excluded ones by what excludes them.
pub fn render_causes(causes: &[Cause]) -> String {
    let mut res = String::new();
    put_causes(&mut res, causes);
    res
}

fn put_causes(res: &mut String, causes: &[Cause]) {
    if causes.is_empty() {
        put(
            res,
            format_args!("  no code is about this error; what it means is all there is to say"),
        );
    }
    for cause in causes.iter().filter(|it| it.state != State::Excluded) {
        let whose = match cause.subjects.as_slice() {
            [] => String::new(),
            [one] => format!(" (sa/{one})"),
            [first, rest @ ..] => format!(" (sa/{first} and {} more)", rest.len()),
        };
        put(
            res,
            format_args!(
                "  {:<9} {:<13} {}: {}{}",
                cause.state.as_str(),
                cause.row.code,
                cause.row.title,
                visible(&cause.because),
                visible(&whose)
            ),
        );
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for cause in causes.iter().filter(|it| it.state == State::Excluded) {
        match reasons.iter_mut().find(|(it, _)| *it == cause.because) {
            Some((_, codes)) => codes.push(cause.row.code),
            None => reasons.push((&cause.because, vec![cause.row.code])),
        }
    }
    for (because, codes) in reasons {
        put(res, format_args!("  excluded  {}: {}", codes.join(", "), visible(because)));
    }
}

/// For machines: `idscope/triage/v1`.
pub fn data(answer: &Answer) -> serde_json::Value {
    let errors: Vec<_> = answer
        .errors
        .iter()
        .map(|it| {
            serde_json::json!({
                "signature": it.found.signature.to_string(),
                "meaning": it.found.signature.meaning(),
                "excerpt": it.found.excerpt,
                "subjects": it.subjects.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "notes": it.notes,
                "causes": it.causes.iter().map(cause_data).collect::<Vec<_>>(),
            })
        })
        .collect();
    let hints: Vec<_> = answer.hints.iter().map(|it| it.code).collect();
    serde_json::json!({
        "schema": "idscope/triage/v1",
        "target": answer.target,
        "errors": errors,
        "hints": hints,
    })
}

pub fn cause_data(it: &Cause) -> serde_json::Value {
    serde_json::json!({
        "code": it.row.code,
        "name": it.row.name,
        "title": it.row.title,
        "severity": it.row.severity.as_str(),
        "confidence": it.row.confidence.as_str(),
        "state": it.state.as_str(),
        "because": it.because,
        "subjects": it.subjects,
    })
}

fn put(res: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(res, "{text}").expect("a String takes all");
}
