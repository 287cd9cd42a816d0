//! Hops collected one by one, and the verdict that follows from them.

use crate::{
    fact::{Denied, Knowledge},
    iam,
    ident::Text,
    identity::{Hop, Judged, Outcome, Signature, Verdict, Why, words},
};

/// Keys whose values are the cluster's, in a session that EKS starts.
pub(crate) const OF_CLUSTER: [&str; 6] = [
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:RequestTag/eks-cluster-",
    "aws:PrincipalTag/eks-cluster-",
    "aws:RequestedRegion",
    "sts:ExternalId",
];

/// What keys of a role's own tags begin with.
pub(crate) const OF_TAGS: [&str; 3] = ["aws:ResourceTag/", "iam:ResourceTag/", "aws:PrincipalTag/"];

/// What one station came to.
pub(crate) enum Found {
    Pass,
    Fail(Signature),
    Unknown(Why),
}

/// A failed hop decides, whatever earlier ones left open: the identity is refused either way. Without one the first
/// unknown hop decides.
#[derive(Default)]
pub(crate) struct Steps {
    hops: Vec<Hop>,
    /// Condition keys, or what they begin with, whose values were refused to the reader.
    refused: Vec<(&'static str, Denied)>,
    failed: Option<(Signature, String)>,
    unknown: Option<(Why, String)>,
}

impl Steps {
    /// Takes note of keys that would be known if somebody allowed it, so that whatever they leave open names that.
    pub(crate) fn refuse<T>(&mut self, keys: &[&'static str], by: &Knowledge<T>) {
        if let Knowledge::Denied(it) = by {
            self.refused.extend(keys.iter().map(|key| (*key, it.clone())));
        }
    }

    pub(crate) fn add(
        &mut self,
        what: &'static str,
        name: impl Into<Text>,
        found: Found,
        detail: impl Into<String>,
        evaluation: Option<iam::Evaluation>,
    ) {
        let detail = detail.into();
        let mut outcome = match &found {
            Found::Pass => Outcome::Pass,
            Found::Fail(_) => Outcome::Fail,
            Found::Unknown(_) => Outcome::Unknown,
        };
        if self.failed.is_some() {
            outcome = Outcome::Skipped;
        } else {
            match found {
                Found::Pass => {}
                Found::Fail(it) => self.failed = Some((it, detail.clone())),
                Found::Unknown(it) => {
                    self.unknown.get_or_insert((it, detail.clone()));
                }
            }
        }
        self.hops.push(Hop { what, name: name.into(), outcome, detail, evaluation });
    }

    /// Evaluates one document for one request.
    pub(crate) fn policy(
        &mut self,
        what: &'static str,
        name: impl Into<Text>,
        document: &iam::Document,
        request: &iam::Request,
        signature: Signature,
    ) {
        match &document.parsed {
            Ok(policy) => self.evaluated(what, name, iam::evaluate(policy, request), signature),
            Err(it) => {
                let reason = match it.path.is_empty() {
                    true => it.reason.clone(),
                    false => format!("`{}`: {}", it.path, it.reason),
                };
                let detail = format!("the policy is invalid: {reason}");
                let why = Why::InvalidPolicy(reason.into());
                self.add(what, name, Found::Unknown(why), detail, None);
            }
        }
    }

    pub(crate) fn evaluated(
        &mut self,
        what: &'static str,
        name: impl Into<Text>,
        evaluation: iam::Evaluation,
        signature: Signature,
    ) {
        let mut detail = words::reason(&evaluation);
        let found = match evaluation.decision {
            iam::Decision::Allow => Found::Pass,
            iam::Decision::ExplicitDeny | iam::Decision::ImplicitDeny => Found::Fail(signature),
            iam::Decision::Unknown => self.undecided(&evaluation, &mut detail),
        };
        self.add(what, name, found, detail, Some(evaluation));
    }

    /// An evaluation that came to no end; where a refusal is why, `detail` names it too.
    pub(crate) fn undecided(&self, evaluation: &iam::Evaluation, detail: &mut String) -> Found {
        Found::Unknown(match self.refusal(evaluation) {
            Some(it) => {
                detail.push_str(&format!("; `{}` was refused", it.permission));
                Why::Denied(it)
            }
            None => Why::Undecidable(detail.as_str().into()),
        })
    }

    /// What would tell the first undecided key, and was refused.
    fn refusal(&self, evaluation: &iam::Evaluation) -> Option<Denied> {
        let undecided = evaluation.statements.iter().filter(|it| it.matches == iam::Truth::Unknown);
        let clauses = undecided.flat_map(|it| &it.clauses);
        clauses.filter(|it| it.truth == iam::Truth::Unknown).find_map(|it| {
            let iam::Part::Condition { key, .. } = &it.part else { return None };
            let begins =
                |with: &str| key.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
            self.refused.iter().find(|(with, _)| begins(with)).map(|(_, it)| it.clone())
        })
    }

    /// The verdict; `allowed` is the sentence for the case that every hop passed.
    pub(crate) fn verdict(self, allowed: String) -> Judged {
        let (verdict, because) = match (self.failed, self.unknown) {
            (Some((signature, detail)), _) => (Verdict::Deny(signature), detail),
            (None, Some((why, detail))) => (Verdict::Unknown(why), detail),
            (None, None) => (Verdict::Allow, allowed),
        };
        Judged { verdict, because, hops: self.hops }
    }
}

/// Why a fact is not known, with a fragment that says so. `Known` and `Absent` are `None`: they are answers.
pub(crate) fn missing<T>(knowledge: &Knowledge<T>, what: &str) -> Option<(Why, String)> {
    match knowledge {
        Knowledge::Known(_) | Knowledge::Absent => None,
        Knowledge::Denied(it) => {
            let Denied { permission, detail } = it;
            let detail = match detail.is_empty() {
                true => String::new(),
                false => format!(" ({detail})"),
            };
            let words = format!("{what} could not be read: `{permission}` was refused{detail}");
            Some((Why::Denied(it.clone()), words))
        }
        Knowledge::NotYet => {
            Some((Why::Pending(what.into()), format!("{what} has not been read yet")))
        }
    }
}
