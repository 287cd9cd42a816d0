//! How carrying out a plan ended, for the exit status and for `--output json`.

use crate::{
    check::{Aftermath, Finding, Severity},
    cli::{
        collect::Collected,
        fix::{NOTHING_WRITTEN, tell::say_nothing},
    },
    ident::{SaKey, Timestamp},
    plan::Outcome,
};
use serde_json::{Value, json};

pub(super) struct Ended {
    pub outcome: Outcome,
    /// Codes of findings that are still there; `None`: nobody looked.
    pub left: Option<Vec<&'static str>>,
    /// What is wrong with the identities now and was not before: sentences.
    pub brought: Vec<String>,
    /// How far each ServiceAccount has come.
    pub after: Vec<(SaKey, Aftermath)>,
    /// When it was begun.
    pub since: Timestamp,
    pub status: u8,
}

impl Ended {
    /// Says that nothing was written.
    pub(super) fn nothing(why: &str) -> Ended {
        say_nothing(why);
        let outcome = Outcome::Nothing { why: why.into() };
        Ended {
            outcome,
            left: None,
            brought: Vec::new(),
            after: Vec::new(),
            since: crate::cli::clock(),
            status: NOTHING_WRITTEN,
        }
    }

    pub(super) fn data(&self) -> Value {
        let (word, done, why) = match &self.outcome {
            Outcome::Applied => ("applied", None, None),
            Outcome::Nothing { why } => ("nothing", Some(0), Some(why.to_string())),
            Outcome::Partly { done, why } => ("partly", Some(*done), Some(why.to_string())),
            Outcome::Except { done, left } => ("partly", Some(*done), Some(left.join("; "))),
            Outcome::NotKnown { done, why } => ("not-known", Some(*done), Some(why.to_string())),
            Outcome::Stopped { done } => ("stopped", Some(*done), None),
        };
        json!({
            "outcome": word,
            "done": done,
            "why": why,
            "healed": self.left.as_ref().map(Vec::is_empty),
            "left": self.left,
            "brought": self.brought,
            "identities": self.after.iter().map(|it| identity(it, self.since)).collect::<Vec<_>>(),
        })
    }
}

/// What is told of pods that are older than a change, or of credentials that are: it goes by itself, or by the restart that
/// is told of.
const OF_RUNNING: [&str; 7] =
    ["HOOK-", "PI-POD-", "PI-ASSOC-11", "PI-ASSOC-12", "PI-BOTH-02", "NODE-", "TOOL-"];

/// What is wrong with these identities now and was not before. Pods have other names by now.
pub(super) fn brought(keys: &[SaKey], was: &Collected, is: &Collected) -> Vec<String> {
    let mut res = Vec::new();
    for key in keys {
        let before = was.ledger.findings_of_identity(&was.graph, key);
        let known = |it: &Finding| {
            before
                .iter()
                .any(|was| was.code == it.code && was.subject.container == it.subject.container)
        };
        for it in is.ledger.findings_of_identity(&is.graph, key) {
            let is_trouble = it.severity <= Severity::Degraded
                && !OF_RUNNING.iter().any(|code| it.code.starts_with(code));
            let told = format!("{}: {}", it.code, it.message);
            if is_trouble && !known(it) && !res.contains(&told) {
                res.push(told);
            }
        }
    }
    res
}

/// How far a ServiceAccount has come; only `running` is healthy.
struct State {
    word: &'static str,
    ready: u32,
    of: u32,
    /// What is waited for, or what is in the way.
    why: Option<String>,
    until: Option<Timestamp>,
}

fn state(it: &Aftermath, since: Timestamp) -> State {
    let none = |word: &'static str, why: String| State {
        word,
        ready: 0,
        of: 0,
        why: Some(why),
        until: None,
    };
    let pods = |word: &'static str, ready: u32, of: u32, waits: Option<crate::check::Waits>| {
        let until = waits.and_then(|it| it.until(since));
        State { word, ready, of, why: waits.map(|it| it.describe().to_owned()), until }
    };
    match it {
        Aftermath::Pending { until } => State {
            until: Some(*until),
            ..none("pending", "AWS may show what was before until then".to_owned())
        },
        Aftermath::StillThere { codes, is_seen: true } => none("still-there", codes.join(", ")),
        Aftermath::StillThere { is_seen: false, .. } => {
            none("still-there", "what was written is not seen".to_owned())
        }
        Aftermath::Refused { why, .. } => {
            let why = why.map_or_else(String::new, |it| format!(" with {it}"));
            none("refused", format!("AWS would refuse it{why}"))
        }
        Aftermath::NotKnown { why, .. } => none("not-known", why.clone()),
        Aftermath::Repaired { of, waits } => pods("repaired", 0, *of, *waits),
        Aftermath::Delivering { ready, of, waits } => pods("delivering", *ready, *of, *waits),
        Aftermath::Running { of } => pods("running", *of, *of, None),
    }
}

/// `running, 2 of 2 pods Ready since the fix`.
pub(super) fn sentence(it: &Aftermath, since: Timestamp) -> String {
    let State { word, ready, of, why, until } = state(it, since);
    let mut res = word.to_owned();
    if 0 < of {
        res.push_str(&format!(", {ready} of {of} pods Ready since the fix"));
    }
    if let Some(it) = why {
        res.push_str(&format!("; {it}"));
    }
    if let Some(it) = until {
        res.push_str(&format!(" ({})", it.strftime("%H:%M:%SZ")));
    }
    res
}

fn identity((key, it): &(SaKey, Aftermath), since: Timestamp) -> Value {
    let State { word, ready, of, why, until } = state(it, since);
    json!({
        "namespace": key.namespace,
        "serviceAccount": key.name,
        "state": word,
        "ready": ready,
        "of": of,
        "healthy": matches!(it, Aftermath::Running { .. }),
        "waitsFor": why,
        "until": until,
    })
}
