//! What can be done about findings, best first.
//!
//! An offer is not a plan yet: it holds edits and where they come from. What may be written, and whom it would concern,
//! is worked out when somebody looks at it.

use crate::{
    check::{Finding, Fix, Ledger, Proposal, Severity, Wanted, propose},
    graph::Graph,
    ident::{Arn, Ref, Text, Timestamp},
    plan::{Because, Edit, TrustChange},
};

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// `FX-…`, or the name of a goal.
    pub id: &'static str,
    pub title: String,
    pub class: Class,
    pub because: Because,
    /// The findings that it is for, worst first.
    pub heals: Vec<Healed>,
    pub restart_needed: bool,
    /// What it writes, in order; empty for what only a person can do.
    pub edits: Vec<Edit>,
    pub by_hand: Vec<String>,
    /// Beside it: what only a person can do, with the code that it is for.
    pub left: Vec<(&'static str, Fix)>,
    /// Sentences to know before.
    pub notes: Vec<String>,
}

/// How much an offer may do beyond what it is meant for; the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Nobody gets a role who was not meant to have it: a value that is nearly right, an annotation, a workload.
    Mends,
    /// Somebody who was not named before may assume a role.
    Opens,
    /// A whole identity, in several steps.
    Goal,
    /// Only a person can do it.
    ByHand,
}

/// A finding, to be looked for again afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healed {
    pub code: &'static str,
    pub at: Ref,
    pub container: Option<Text>,
    pub severity: Severity,
}

impl Healed {
    pub fn of(it: &Finding) -> Healed {
        Healed {
            code: it.code,
            at: it.subject.at.clone(),
            container: it.subject.container.clone(),
            severity: it.severity,
        }
    }

    /// Whether it is still there.
    pub fn is_found(&self, ledger: &Ledger) -> bool {
        let is_it = |it: &Finding| it.code == self.code && it.subject.container == self.container;
        ledger.findings_at(&self.at).iter().any(is_it)
    }

    /// Whether it is still there once `edits` are made: pods that are made anew have other names.
    pub fn is_left(&self, graph: &Graph, ledger: &Ledger, edits: &[Edit]) -> bool {
        let is_of_pod = matches!(self.at, Ref::Pod { .. });
        let owners = edits.iter().filter_map(Edit::rolls_out).filter(|_| is_of_pod);
        let mut pods = owners
            .flat_map(|it| graph.pods_of_workload(it.kind, &it.namespace, &it.name))
            .filter(|it| !it.completed() && !it.deleting);
        self.is_found(ledger)
            || pods.any(|it| {
                let (namespace, name) = (it.namespace.clone(), it.name.clone());
                Healed { at: Ref::Pod { namespace, name }, ..self.clone() }.is_found(ledger)
            })
    }
}

impl Offer {
    fn of(finding: &Finding, fix: &Fix) -> Offer {
        let subject = finding.subject.at.to_string();
        Offer {
            id: fix.id,
            title: fix.title.clone(),
            class: class(&fix.edits),
            because: Because { code: Some(finding.code.into()), subject: subject.into() },
            heals: vec![Healed::of(finding)],
            restart_needed: fix.restart_needed,
            edits: fix.edits.clone(),
            by_hand: fix.by_hand.clone(),
            left: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn is_of(&self, fix: &Fix) -> bool {
        if self.edits.is_empty() && fix.edits.is_empty() {
            self.title == fix.title && self.by_hand == fix.by_hand
        } else {
            self.edits == fix.edits
        }
    }

    /// The codes that it is for, each once.
    pub fn codes(&self) -> Vec<&'static str> {
        let mut res: Vec<&str> = Vec::new();
        for it in &self.heals {
            if !res.contains(&it.code) {
                res.push(it.code);
            }
        }
        res
    }
}

/// The class of edits; that of the one that may do the most.
fn class(edits: &[Edit]) -> Class {
    if edits.is_empty() {
        return Class::ByHand;
    }
    if edits.iter().any(|it| opens(it).is_some()) { Class::Opens } else { Class::Mends }
}

/// The role that somebody new may assume by an edit; `None` where nobody new may.
pub fn opens(edit: &Edit) -> Option<&Arn> {
    let is_for_nobody_new =
        matches!(edit, Edit::SetTrust { change: TrustChange::NearMiss | TrustChange::Narrows, .. })
            || matches!(
                edit,
                Edit::UpdateAssociation { was, fields, .. } if was.role_arn == fields.role_arn
            );
    edit.role().filter(|_| !is_for_nobody_new)
}

/// What the findings offer, each thing once. Of equally bad findings what does the least comes first, so that a trust
/// policy is widened only after an annotation could have been mended; what one finding offers keeps its order otherwise.
pub fn offers(findings: &[&Finding]) -> Vec<Offer> {
    let mut res: Vec<Offer> = Vec::new();
    for finding in findings {
        for (at, fix) in finding.fixes.iter().enumerate() {
            // Before what it stands beside is made, a restart brings nothing to pods.
            if 0 < at && fix.id == "FX-RESTART" {
                continue;
            }
            match res.iter_mut().find(|it| it.is_of(fix)) {
                Some(it) => it.heals.push(Healed::of(finding)),
                None => res.push(Offer::of(finding, fix)),
            }
        }
    }
    let worst = |it: &Offer| it.heals.iter().map(|it| it.severity).min();
    res.sort_by_key(|it| (it.class == Class::ByHand, worst(it), it.class));
    res
}

/// The best repair of everything that is wrong at several nodes, as one; `None` where there is none that we may write.
pub fn all_at_once(
    graph: &Graph,
    ledger: &Ledger,
    targets: Vec<Ref>,
    now: Timestamp,
) -> Option<Offer> {
    let n_targets = targets.len();
    let wanted = Wanted { code: None, targets };
    let Proposal { plan, left, findings } = propose(graph, ledger, &wanted, now);
    let plan = plan?.ok()?;
    let edits: Vec<Edit> = plan.edits().cloned().collect();
    Some(Offer {
        id: "FX-ALL",
        title: format!("everything that can be repaired at the {n_targets} marked rows"),
        class: class(&edits),
        because: plan.because,
        heals: findings
            .iter()
            .filter(|it| left.iter().all(|(code, _)| *code != it.code))
            .map(Healed::of)
            .collect(),
        restart_needed: plan.restart_needed,
        edits,
        by_hand: Vec::new(),
        left,
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        check::{
            Applicability, Confidence, Finding, Fix, Severity, Subject,
            offer::{Class, offers},
        },
        ident::{Arn, SaKey},
        plan::{Edit, TrustChange},
    };

    fn finding(code: &'static str, severity: Severity, fixes: Vec<Fix>) -> Finding {
        Finding {
            code,
            severity,
            confidence: Confidence::Certain,
            subject: Subject::service_account(&SaKey::new("shop", "web"), None),
            message: String::new(),
            signature: None,
            evidence: Vec::new(),
            fixes,
        }
    }

    fn fix(title: &str, edits: Vec<Edit>) -> Fix {
        Fix {
            id: "FX-NONE",
            title: title.to_owned(),
            applicability: Applicability::Confirm,
            restart_needed: false,
            edits,
            by_hand: Vec::new(),
        }
    }

    fn trust(document: &str, change: TrustChange) -> Edit {
        let role = Arn::from("arn:aws:iam::111122223333:role/web");
        Edit::SetTrust { role, was: "{}".into(), document: document.into(), change }
    }

    fn annotate(value: &str) -> Edit {
        Edit::Annotate {
            service_account: SaKey::new("shop", "web"),
            key: "k".into(),
            was: None,
            value: Some(value.into()),
        }
    }

    #[test]
    fn what_does_least_comes_first_and_nothing_comes_twice() {
        let opens = || fix("opens", vec![trust("a", TrustChange::Opens)]);
        let blocked = finding(
            "A-01",
            Severity::Blocker,
            vec![
                fix("by hand", Vec::new()),
                opens(),
                fix("nearly", vec![trust("b", TrustChange::NearMiss)]),
                fix("annotates", vec![annotate("x")]),
            ],
        );
        let sibling = finding("A-02", Severity::Blocker, vec![opens()]);
        let minor = finding("B-01", Severity::Hygiene, vec![fix("tidy", vec![annotate("y")])]);
        let res = offers(&[&blocked, &sibling, &minor]);
        let told: Vec<_> = res.iter().map(|it| (&*it.title, it.class)).collect();
        assert_eq!(
            told,
            [
                ("nearly", Class::Mends),
                ("annotates", Class::Mends),
                ("opens", Class::Opens),
                ("tidy", Class::Mends),
                ("by hand", Class::ByHand),
            ]
        );
        assert_eq!(res[2].codes(), ["A-01", "A-02"]);
    }
}
