//! What the journal keeps of a plan that was carried out, and what follows from it: whether it was finished, and how it
//! is put back.

use crate::{
    ident::{Text, Timestamp},
    plan::{Because, Edit, Outcome, Plan, StepState, digest_of, looks_secret},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One plan, from the moment it was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Sorts by time: `20260101T000000Z-1a2b3c`.
    pub id: Text,
    pub at: Timestamp,
    pub who: Who,
    pub place: Whereabouts,
    pub plan: Recorded,
    pub steps: Vec<RecordedStep>,
    /// `None`: it was cut off, or still runs.
    pub outcome: Option<Outcome>,
    /// The entry that this one puts back.
    pub undoes: Option<Text>,
    /// The entry that put this one back.
    #[serde(default)]
    pub undone_by: Option<Text>,
    /// Who went on with it after it was cut off, and when.
    #[serde(default)]
    pub resumed: Vec<(Timestamp, Who)>,
}

/// On whose behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// What `sts:GetCallerIdentity` said, one an account.
    pub callers: Vec<Text>,
    /// The user of this machine.
    pub user: Option<Text>,
    pub host: Option<Text>,
}

/// Which cluster; one that was made again since is another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Whereabouts {
    pub context: Option<Text>,
    pub server: Option<Text>,
    pub cluster: Option<Text>,
    pub issuer: Option<Text>,
    pub created: Option<Timestamp>,
}

impl Whereabouts {
    /// Why an entry of `self` may not be touched from `now`; `None` when both are the same cluster.
    pub fn differs(&self, now: &Whereabouts) -> Option<String> {
        let told = |it: &Option<Text>| it.as_deref().unwrap_or("none").to_owned();
        if self.cluster != now.cluster {
            let (then, now) = (told(&self.cluster), told(&now.cluster));
            return Some(format!("it was made on cluster `{then}`, this is `{now}`"));
        }
        if self.issuer != now.issuer {
            let (then, now) = (told(&self.issuer), told(&now.issuer));
            return Some(format!("the cluster had issuer `{then}` then and has `{now}` now"));
        }
        if self.created != now.created {
            return Some("the cluster was made again since".to_owned());
        }
        None
    }
}

/// The plan as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    pub id: Text,
    pub title: String,
    pub code: Option<Text>,
    pub subject: Text,
    pub digest: Text,
    pub edits: Vec<Edit>,
    /// How each is put back; `Err` says why it cannot be.
    pub undo: Vec<Result<Edit, String>>,
}

impl From<&Plan> for Recorded {
    fn from(it: &Plan) -> Recorded {
        let Because { code, subject } = it.because.clone();
        Recorded {
            id: it.id.clone(),
            title: it.title.clone(),
            code,
            subject,
            digest: it.digest.clone(),
            edits: it.edits().cloned().collect(),
            undo: it.steps.iter().map(|it| it.undo.clone()).collect(),
        }
    }
}

/// What happened to one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedStep {
    /// What was there; secrets are replaced by their digest.
    pub before: Option<Value>,
    /// How far it came; `None` when it was never begun.
    pub state: Option<StepState>,
    /// What only the answer told: `uid`, `associationId`, `revision`.
    #[serde(default)]
    pub made: Option<Value>,
}

impl RecordedStep {
    pub fn is_done(&self) -> bool {
        self.state.as_ref().is_some_and(StepState::is_done)
    }

    /// Whether it was written, or may have been.
    pub(crate) fn may_be_written(&self) -> bool {
        match &self.state {
            Some(StepState::Done | StepState::Reading | StepState::NotKnown(_)) => true,
            // Announced, and nobody wrote down what came of it.
            None => self.before.is_some(),
            Some(
                StepState::Already
                | StepState::Waiting { .. }
                | StepState::Checking
                | StepState::DryRun
                | StepState::Writing
                | StepState::Refused(_)
                | StepState::Moved { .. }
                // Somebody else's is there now.
                | StepState::Overwritten { .. },
            ) => false,
        }
    }
}

impl Entry {
    /// Steps that are as the plan wanted them, for sure.
    pub fn n_done(&self) -> usize {
        self.steps.iter().filter(|it| it.is_done()).count()
    }

    /// The step that was cut off in the middle: announced, and nobody wrote down what came of it.
    pub fn cut_off(&self) -> Option<usize> {
        if self.outcome.is_some() {
            return None;
        }
        self.steps.iter().position(|it| it.before.is_some() && it.state.is_none())
    }

    pub fn is_finished(&self) -> bool {
        self.outcome.is_some()
    }
}

/// The same with every value that looks like a credential replaced by its digest. Member names tell what a value is.
pub fn without_secrets(value: &Value) -> Value {
    hide("", value)
}

fn hide(name: &str, value: &Value) -> Value {
    match value {
        Value::String(it) if looks_secret(name, it) => {
            Value::String(format!("(hidden, sha256 {})", digest_of(it.as_bytes())))
        }
        Value::Array(items) => items.iter().map(|it| hide(name, it)).collect(),
        Value::Object(members) => {
            // `{"name": "X", "value": "…"}` is an environment entry: the name is that of the value.
            let called = members.get("name").and_then(Value::as_str);
            let hidden = members.iter().map(|(key, it)| {
                let of = if key == "value" { called.unwrap_or(key) } else { key };
                (key.clone(), hide(of, it))
            });
            Value::Object(hidden.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ident::SaKey,
        plan::{
            Edit, Entry, Outcome, Recorded, RecordedStep, StepState, Whereabouts, Who,
            record::without_secrets,
        },
    };
    use serde_json::json;

    fn annotate(was: Option<&str>, value: Option<&str>) -> Edit {
        Edit::Annotate {
            service_account: SaKey::new("shop", "web"),
            key: "k".into(),
            was: was.map(Into::into),
            value: value.map(Into::into),
        }
    }

    fn entry(edits: Vec<(Edit, Result<Edit, String>)>, steps: Vec<RecordedStep>) -> Entry {
        let (edits, undo) = edits.into_iter().unzip();
        Entry {
            id: "1".into(),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            who: Who::default(),
            place: Whereabouts::default(),
            plan: Recorded {
                id: "FX".into(),
                title: "t".into(),
                code: None,
                subject: "s".into(),
                digest: "d".into(),
                edits,
                undo,
            },
            steps,
            outcome: None,
            undoes: None,
            undone_by: None,
            resumed: Vec::new(),
        }
    }

    fn step(state: Option<StepState>, made: Option<serde_json::Value>) -> RecordedStep {
        RecordedStep { before: Some(json!({})), state, made }
    }

    #[test]
    fn how_far_it_came_is_told() {
        let edits = || vec![(annotate(Some("a"), None), Ok(annotate(None, Some("a")))); 3];
        let told = |steps: Vec<RecordedStep>| {
            let it = entry(edits(), steps);
            let may: Vec<bool> = it.steps.iter().map(RecordedStep::may_be_written).collect();
            (it.n_done(), it.cut_off(), may)
        };
        let done = || step(Some(StepState::Done), None);
        let refused = || step(Some(StepState::Refused("no".into())), None);
        let never = RecordedStep::default;
        assert_eq!(told(vec![done(), refused(), never()]), (1, None, vec![true, false, false]));
        assert_eq!(
            told(vec![done(), step(None, None), never()]),
            (1, Some(1), vec![true, true, false])
        );
        let already = step(Some(StepState::Already), None);
        assert_eq!(told(vec![already, done(), done()]), (3, None, vec![false, true, true]));
        let reading = step(Some(StepState::Reading), None);
        let unknown = step(Some(StepState::NotKnown("x".into())), None);
        assert_eq!(told(vec![reading, unknown, never()]), (1, None, vec![true, true, false]));

        let mut it = entry(edits(), vec![step(None, None), never(), never()]);
        it.outcome = Some(Outcome::Nothing { why: "x".into() });
        assert_eq!(it.cut_off(), None);
    }

    #[test]
    fn another_cluster_of_the_same_name_is_another() {
        let place = |created: &str, issuer: &str| Whereabouts {
            cluster: Some("arn:aws:eks:eu-west-1:111122223333:cluster/c".into()),
            issuer: Some(issuer.into()),
            created: Some(created.parse().unwrap()),
            ..Whereabouts::default()
        };
        let then = place("2026-01-01T00:00:00Z", "a");
        assert_eq!(then.differs(&then), None);
        assert!(then.differs(&place("2026-01-02T00:00:00Z", "a")).is_some());
        assert!(then.differs(&place("2026-01-01T00:00:00Z", "b")).is_some());
        assert!(then.differs(&Whereabouts::default()).is_some());
    }

    #[test]
    fn secrets_are_not_kept() {
        let secret = format!("AKIA{}", "I44QH8DHBEXAMPLE");
        let kept = without_secrets(&json!({
            "env": [{"name": "AWS_SECRET_ACCESS_KEY", "value": "hunter2"}, {"name": "A", "value": "b"}],
            "x": secret, "AWS_SESSION_TOKEN": "t", "role": "arn:aws:iam::111122223333:role/a"}));
        let text = kept.to_string();
        for it in ["hunter2", &secret, "\"t\""] {
            assert!(!text.contains(it), "{text}");
        }
        assert!(text.contains("\"b\"") && text.contains("role/a") && text.contains("sha256"));
    }
}
