//! All that keeps one Allow statement from matching, what each would need, and the statement that would match.

use crate::{
    iam::{self, Got, Part, Truth},
    ident::{Arn, Issuer, Text},
    identity::{
        near_miss::{
            Action, Condition, Fault, Key, Principal, Repair, Subject, Target, What,
            clause::{self, Claim, Fix, claim, key_issuer},
            principal,
        },
        sts,
        words::path,
    },
};
use std::collections::HashSet;

/// One statement's diagnosis.
pub(crate) struct Candidate {
    pub index: usize,
    pub faults: Vec<Fault>,
    pub repair: Repair,
    /// What stands in the statement's place: one statement, or two after a split.
    pub edited: Vec<iam::Statement>,
    /// How far the statement is from matching; smaller is nearer.
    pub cost: u32,
}

pub(crate) fn diagnose(
    policy: &iam::Policy,
    trace: &iam::StatementTrace,
    needed: &Arn,
    target: &Target<'_>,
) -> Option<Candidate> {
    let statement = policy.statements.get(trace.index)?;
    let mut walk = Walk {
        index: trace.index,
        statement,
        version: policy.version,
        target,
        faults: Vec::new(),
        edited: statement.clone(),
        repair: Repair::Edit,
    };
    let named = walk.principal(trace, needed);
    if walk.repair == Repair::Edit {
        walk.action(trace);
        walk.conditions(trace, named.as_deref());
    }
    // The words follow the document: action before principal.
    walk.faults.sort_by_key(|it| match it.what {
        What::Action(_) => 0,
        What::Principal(_) => 1,
        What::Key(_)
        | What::Subject(_)
        | What::Audience(_)
        | What::Condition(_)
        | What::TwoIssuers
        | What::Conflict
        | What::Deny
        | What::NoStatement => 2,
    });
    let cost = walk.faults.iter().map(cost).sum();
    let edited = match walk.repair {
        Repair::Split => split(&walk.edited, statement, needed, target.issuer),
        Repair::Edit | Repair::Add | Repair::Narrow => vec![walk.edited],
    };
    Some(Candidate { index: trace.index, faults: walk.faults, repair: walk.repair, edited, cost })
}

struct Walk<'a> {
    index: usize,
    statement: &'a iam::Statement,
    version: iam::Version,
    target: &'a Target<'a>,
    faults: Vec<Fault>,
    edited: iam::Statement,
    repair: Repair,
}

impl Walk<'_> {
    /// Tells the issuer that a wrong principal names, where the issuer is what is wrong with it.
    fn principal(&mut self, trace: &iam::StatementTrace, needed: &Arn) -> Option<String> {
        let clause = trace.clauses.iter().find(|it| it.part == Part::Principal)?;
        if clause.truth == Truth::True {
            return None;
        }
        let wrong = principal::nearest(self.statement, needed, self.target.issuer)?;
        let place = match self.statement.principal {
            Some(iam::Principal::Everyone) | None => "Principal".to_owned(),
            Some(iam::Principal::Listed(_)) => format!("Principal.{}", wrong.kind),
        };
        self.faults.push(Fault {
            what: What::Principal(wrong.what),
            path: format!("Statement[{}].{place}", self.index),
            found: wrong.value.into(),
            needed: needed.text().clone(),
            secondary: false,
        });
        if principal::is_foreign(wrong.what) {
            self.repair = Repair::Add;
        } else {
            let corrected = principal::corrected(self.statement, &wrong, needed);
            self.edited.principal = Some(corrected);
        }
        principal::is_about_issuer(wrong.what).then(|| wrong.issuer.map(str::to_owned))?
    }

    fn action(&mut self, trace: &iam::StatementTrace) {
        let Some(clause) = trace.clauses.iter().find(|it| matches!(it.part, Part::Action { .. }))
        else {
            return;
        };
        if clause.truth == Truth::True {
            return;
        }
        let action = &self.statement.action;
        let what = match () {
            () if action.negated => Action::NotAction,
            () if action.patterns.iter().any(|it| it.eq_ignore_ascii_case("sts:AssumeRole")) => {
                Action::AssumeRole
            }
            () => Action::Other,
        };
        self.faults.push(Fault {
            what: What::Action(what),
            path: path(self.index, &clause.part),
            found: action.patterns.join(", ").into(),
            needed: sts::ACTION.into(),
            secondary: false,
        });
        // Beside other principals the old actions may be in use.
        let shared = self.statement.principals().any(|(kind, _)| kind != "Federated");
        self.edited.action = match (shared, action.negated) {
            (true, true) => {
                self.repair = Repair::Add;
                return;
            }
            (true, false) => {
                let mut res = action.clone();
                res.patterns.push(sts::ACTION.into());
                res
            }
            (false, _) => iam::Patterns { negated: false, patterns: vec![sts::ACTION.into()] },
        };
    }

    fn conditions(&mut self, trace: &iam::StatementTrace, named: Option<&str>) {
        let conditions = &self.statement.conditions;
        let head = trace.clauses.len().saturating_sub(conditions.len());
        let clauses = trace.clauses.get(head..).unwrap_or_default();
        let mut fixed: Vec<Option<iam::Condition>> = Vec::new();
        let keys: HashSet<String> =
            conditions.iter().map(|it| it.key.to_ascii_lowercase()).collect();
        let mut causes: HashSet<String> = named.map(str::to_ascii_lowercase).into_iter().collect();
        for (condition, clause) in conditions.iter().zip(clauses) {
            if clause.truth == Truth::True {
                fixed.push(Some(condition.clone()));
                continue;
            }
            if self.is_second_issuer(condition, clause, &keys) {
                let again = self.faults.iter().any(|it| it.what == What::TwoIssuers);
                self.fault(clause, What::TwoIssuers, condition.key.clone(), "".into(), again);
                self.repair = Repair::Split;
                fixed.push(None);
                continue;
            }
            let (found, fix) = clause::diagnose(condition, clause, self.version, self.target);
            let found_negated =
                found.iter().any(|(what, ..)| *what == What::Subject(Subject::Negated));
            for (what, found, needed) in found {
                let what = match what {
                    What::Subject(_) if self.conflicts(condition, clauses) => What::Conflict,
                    it => it,
                };
                // The same wrong text before `:sub` and `:aud`, or in the provider's ARN too, is one cause.
                let cause = match what {
                    What::Key(Key::OtherIssuer | Key::NearIssuer | Key::Arn | Key::Scheme)
                    | What::Principal(_) => key_prefix(&condition.key),
                    What::Key(Key::Placeholder) => Some(bare_prefix(&condition.key)),
                    What::Key(Key::Bare) => Some(format!("bare {}", bare_prefix(&condition.key))),
                    What::Key(
                        Key::Claim
                        | Key::PrincipalKey
                        | Key::Network
                        | Key::SessionName
                        | Key::Absent,
                    )
                    | What::Action(_)
                    | What::Subject(_)
                    | What::Audience(_)
                    | What::Condition(_)
                    | What::TwoIssuers
                    | What::Conflict
                    | What::Deny
                    | What::NoStatement => None,
                };
                // An operator that is not known decides nothing where another clause already fails.
                let moot = what == What::Condition(Condition::UnknownOperator)
                    && trace.matches == Truth::False;
                let secondary = moot || cause.as_ref().is_some_and(|it| causes.contains(it));
                causes.extend(cause);
                self.fault(clause, what, found, needed, secondary);
            }
            // Whoever left it out may have meant that: a statement of its own says the contrary, and can be taken back.
            if found_negated {
                self.repair = Repair::Add;
            }
            fixed.push(match fix {
                Fix::Keep => Some(condition.clone()),
                Fix::Remove => None,
                Fix::Set(it) => Some(it),
            });
        }
        self.edited.conditions = distinct(fixed.into_iter().flatten());
    }

    fn fault(
        &mut self,
        clause: &iam::Clause,
        what: What,
        found: Text,
        needed: Text,
        secondary: bool,
    ) {
        let path = path(self.index, &clause.part);
        self.faults.push(Fault { what, path, found, needed, secondary });
    }

    /// Whether the condition asks for another cluster's claim while its neighbour asks for the same one of ours.
    /// `keys` are the statement's, in lower case.
    fn is_second_issuer(
        &self,
        condition: &iam::Condition,
        clause: &iam::Clause,
        keys: &HashSet<String>,
    ) -> bool {
        let issuer = self.target.issuer;
        let Some((_, name)) = condition.key.rsplit_once(':') else { return false };
        let foreign =
            key_issuer(&condition.key).is_some_and(|it| !it.eq_ignore_ascii_case(issuer.as_str()));
        let ours = format!("{issuer}:{name}").to_ascii_lowercase();
        foreign && clause.got == Got::Absent && keys.contains(&ours)
    }

    /// Whether another condition on the subject holds, so that both together are what nobody fulfils.
    fn conflicts(&self, condition: &iam::Condition, clauses: &[iam::Clause]) -> bool {
        let issuer = self.target.issuer;
        let on_subject = |key: &str| claim(key, issuer) == Some(Claim::Subject);
        on_subject(&condition.key)
            && self.statement.conditions.iter().zip(clauses).any(|(it, clause)| {
                it != condition
                    && on_subject(&it.key)
                    && clause.truth == Truth::True
                    && it.parsed_operator().is_some_and(|it| !it.negated)
            })
    }
}

/// Two conditions of one operator on one key cannot be written; of those that ask for the same one is enough.
fn distinct(all: impl Iterator<Item = iam::Condition>) -> Vec<iam::Condition> {
    let mut res: Vec<iam::Condition> = Vec::new();
    for it in all {
        let again = res.iter().any(|other| {
            other.operator == it.operator
                && other.key.eq_ignore_ascii_case(&it.key)
                && other.values == it.values
        });
        if !again {
            res.push(it);
        }
    }
    res
}

/// The part for our issuer, then the part for the others where there is one.
fn split(
    edited: &iam::Statement,
    written: &iam::Statement,
    needed: &Arn,
    issuer: &Issuer,
) -> Vec<iam::Statement> {
    let part = |statement: &iam::Statement, ours: bool| {
        let mut res = statement.clone();
        if let Some(iam::Principal::Listed(types)) = &mut res.principal {
            for (kind, values) in types.iter_mut() {
                values.retain(|it| (&**kind == "Federated" && **it == *needed.as_str()) == ours);
            }
            types.retain(|it| !it.1.is_empty());
        }
        res.conditions.retain(|it| {
            let of_us = claim(&it.key, issuer).is_some();
            let of_others = key_issuer(&it.key).is_some() && !of_us;
            if ours { !of_others } else { !of_us }
        });
        res
    };
    let (mut ours, others) = (part(edited, true), part(written, false));
    // A statement id must be unique.
    ours.sid = if others_remain(&others) { None } else { ours.sid };
    match others_remain(&others) {
        true => vec![ours, others],
        false => vec![ours],
    }
}

/// Whether somebody is left to be served, and on some condition.
fn others_remain(others: &iam::Statement) -> bool {
    others.principals().next().is_some() && !others.conditions.is_empty()
}

/// What stands before the claim's name in a key that looks like some cluster's.
fn key_prefix(key: &str) -> Option<String> {
    key_issuer(key)?;
    Some(key.trim().rsplit_once(':')?.0.to_ascii_lowercase())
}

/// What stands before the claim's name in any key, blanks aside.
fn bare_prefix(key: &str) -> String {
    let prefix = key.trim().rsplit_once(':').map_or("", |it| it.0);
    prefix.to_ascii_lowercase()
}

fn cost(fault: &Fault) -> u32 {
    if fault.secondary {
        return 1;
    }
    match fault.what {
        What::Subject(it) => match it {
            Subject::Whitespace | Subject::Case | Subject::Wildcard => 8,
            Subject::Shape | Subject::GeneratedName | Subject::UnderAudience => 9,
            Subject::Name | Subject::Namespace | Subject::Negated => 10,
            Subject::Placeholder => 12,
            Subject::Both => 16,
        },
        What::Principal(it) => match it {
            Principal::OtherCluster => 40,
            Principal::Placeholder => 38,
            Principal::Everyone => 30,
            Principal::Deleted | Principal::PodIdentity | Principal::Service | Principal::Other => {
                60
            }
            Principal::NearId
            | Principal::Region
            | Principal::Account
            | Principal::Partition
            | Principal::SwappedHost
            | Principal::Scheme
            | Principal::Host
            | Principal::NotArn
            | Principal::WrongType => 10,
        },
        What::Key(it) => match it {
            Key::OtherIssuer => 12,
            Key::NearIssuer
            | Key::Arn
            | Key::Scheme
            | Key::Bare
            | Key::Placeholder
            | Key::Claim
            | Key::PrincipalKey
            | Key::Network
            | Key::SessionName
            | Key::Absent => 10,
        },
        What::Action(_)
        | What::Audience(_)
        | What::Condition(_)
        | What::TwoIssuers
        | What::Conflict
        | What::Deny
        | What::NoStatement => 10,
    }
}
