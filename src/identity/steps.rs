//! Hops collected one by one, and the verdict that follows from them.

use crate::{
    fact::{Denied, Knowledge},
    iam,
    ident::Text,
    identity::{Hop, Judged, Outcome, Signature, Verdict, Why, words},
};

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
    failed: Option<(Signature, String)>,
    unknown: Option<(Why, String)>,
}

impl Steps {
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
        let detail = words::reason(&evaluation);
        let found = match evaluation.decision {
            iam::Decision::Allow => Found::Pass,
            iam::Decision::ExplicitDeny | iam::Decision::ImplicitDeny => Found::Fail(signature),
            iam::Decision::Unknown => Found::Unknown(Why::Undecidable(detail.as_str().into())),
        };
        self.add(what, name, found, detail, Some(evaluation));
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
