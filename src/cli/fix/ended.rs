//! How carrying out a plan ended, for the exit status and for `--output json`.

use crate::{
    check::Aftermath,
    cli::fix::{NOTHING_WRITTEN, tell::say_nothing},
    ident::{SaKey, Timestamp},
    plan::Outcome,
};
use serde_json::{Value, json};

pub(super) struct Ended {
    pub outcome: Outcome,
    /// Codes of findings that are still there; `None`: nobody looked.
    pub left: Option<Vec<&'static str>>,
    /// How far each ServiceAccount has come.
    pub after: Vec<(SaKey, Aftermath)>,
    pub status: u8,
}

impl Ended {
    /// Says that nothing was written.
    pub(super) fn nothing(why: &str) -> Ended {
        say_nothing(why);
        let outcome = Outcome::Nothing { why: why.into() };
        Ended { outcome, left: None, after: Vec::new(), status: NOTHING_WRITTEN }
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
            "identities": self.after.iter().map(identity).collect::<Vec<_>>(),
        })
    }
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

fn state(it: &Aftermath) -> State {
    let none = |word: &'static str, why: String| State {
        word,
        ready: 0,
        of: 0,
        why: Some(why),
        until: None,
    };
    let pods = |word: &'static str, ready: u32, of: u32, waits: Option<crate::check::Waits>| {
        State { word, ready, of, why: waits.map(|it| it.describe().to_owned()), until: None }
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
pub(super) fn sentence(it: &Aftermath) -> String {
    let State { word, ready, of, why, until } = state(it);
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

fn identity((key, it): &(SaKey, Aftermath)) -> Value {
    let State { word, ready, of, why, until } = state(it);
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
