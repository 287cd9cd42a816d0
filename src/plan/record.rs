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

impl Entry {
    /// Steps that were written for sure.
    pub fn n_done(&self) -> usize {
        self.steps.iter().filter(|it| it.state == Some(StepState::Done)).count()
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

    /// The edits that put it back, last step first, and for the steps that cannot be put back why.
    ///
    /// A step whose answer never came is among them: whether it was written is read before anything is.
    pub fn undo(&self) -> (Vec<Edit>, Vec<String>) {
        let mut edits = Vec::new();
        let mut left = Vec::new();
        for (index, step) in self.steps.iter().enumerate().rev() {
            let written = match &step.state {
                Some(StepState::Done | StepState::NotKnown(_)) => true,
                None => step.before.is_some(),
                Some(
                    StepState::Checking
                    | StepState::DryRun
                    | StepState::Writing
                    | StepState::Reading
                    | StepState::Refused(_)
                    | StepState::Moved { .. }
                    | StepState::Overwritten { .. },
                ) => false,
            };
            if !written {
                continue;
            }
            let (Some(edit), Some(undo)) = (self.plan.edits.get(index), self.plan.undo.get(index))
            else {
                continue;
            };
            match back(edit, undo, step) {
                Ok(it) => edits.push(it),
                Err(it) => left.push(it),
            }
        }
        (edits, left)
    }
}

/// The undo of one step, with what only the answer told.
fn back(edit: &Edit, undo: &Result<Edit, String>, step: &RecordedStep) -> Result<Edit, String> {
    let made = |name: &str| step.made.as_ref().and_then(|it| it.get(name));
    match (edit, undo) {
        (Edit::CreateAssociation { service_account, fields }, _) => {
            let id = made("associationId").and_then(Value::as_str);
            let id = id.ok_or("the association's id was never answered; it is in the list")?;
            Ok(Edit::DeleteAssociation {
                id: id.into(),
                service_account: service_account.clone(),
                was: fields.clone(),
            })
        }
        (_, Ok(Edit::DeleteServiceAccount { service_account, .. })) => {
            let uid = made("uid").and_then(Value::as_str);
            let uid = uid.ok_or("the ServiceAccount's uid was never answered")?;
            Ok(Edit::DeleteServiceAccount {
                service_account: service_account.clone(),
                uid: uid.into(),
            })
        }
        (_, Ok(Edit::RestoreEnv { workload, container, init, names, .. })) => {
            let revision = made("revision").and_then(Value::as_i64);
            let revision = revision.ok_or("no older revision of the owner was left")?;
            Ok(Edit::RestoreEnv {
                workload: workload.clone(),
                container: container.clone(),
                init: *init,
                names: names.clone(),
                revision,
            })
        }
        (_, Ok(it)) => Ok(it.clone()),
        (_, Err(it)) => Err(it.clone()),
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
            AssociationFields, Edit, Entry, Outcome, Recorded, RecordedStep, StepState,
            Whereabouts, Who, record::without_secrets,
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
        }
    }

    fn step(state: Option<StepState>, made: Option<serde_json::Value>) -> RecordedStep {
        RecordedStep { before: Some(json!({})), state, made }
    }

    #[test]
    fn what_was_written_is_put_back_last_first() {
        let fields = AssociationFields {
            role_arn: "arn:aws:iam::111122223333:role/a".into(),
            target_role_arn: None,
            disable_session_tags: false,
            policy: None,
        };
        let key = SaKey::new("shop", "web");
        let create =
            Edit::CreateAssociation { service_account: key.clone(), fields: fields.clone() };
        let (there, back) = (annotate(Some("a"), None), annotate(None, Some("a")));
        let (last, undo_last) = (annotate(Some("x"), Some("y")), annotate(Some("y"), Some("x")));
        let it = entry(
            vec![(there, Ok(back.clone())), (create, Err("unknown".into())), (last, Ok(undo_last))],
            vec![
                step(Some(StepState::Done), None),
                step(Some(StepState::Done), Some(json!({"associationId": "a-1"}))),
                step(Some(StepState::Refused("no".into())), None),
            ],
        );
        let delete =
            Edit::DeleteAssociation { id: "a-1".into(), service_account: key, was: fields };
        assert_eq!(it.undo(), (vec![delete, back], Vec::new()));
        assert_eq!((it.n_done(), it.cut_off()), (2, None));
    }

    #[test]
    fn a_step_that_was_cut_off_is_told_and_can_be_put_back() {
        let back = annotate(None, Some("a"));
        let mut it =
            entry(vec![(annotate(Some("a"), None), Ok(back.clone()))], vec![step(None, None)]);
        assert_eq!(it.cut_off(), Some(0));
        assert_eq!(it.undo(), (vec![back], Vec::new()));
        it.outcome = Some(Outcome::Nothing { why: "x".into() });
        assert_eq!(it.cut_off(), None);
        it.steps[0].before = None;
        assert_eq!(it.undo(), (Vec::new(), Vec::new()));
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
