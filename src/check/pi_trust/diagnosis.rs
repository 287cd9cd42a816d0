//! Why the trust policy of an association's role does not let EKS in.
//!
//! Speaks only of what is certain: a clause that may hold is no fault, and a policy that lets EKS in has none.

use crate::{
    check::{AssociationContext, judge},
    fact::{AssociationDetail, IamRole, Knowledge},
    iam::{self, Effect, Evaluation, Part, Statement, StatementTrace, Truth},
    ident::Text,
    identity::eks::{self, SERVICE, TAG_KEYS},
};

const ASSUME: &str = "sts:AssumeRole";
const TAG: &str = "sts:TagSession";

/// One reason, at one place of the policy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub what: What,
    pub statement: usize,
    /// Which of the statement's conditions, for faults of one.
    pub condition: Option<usize>,
    /// `trust policy Statement[0].Condition.StringEquals[aws:RequestTag/…]`.
    pub place: String,
    pub found: String,
    pub needed: String,
    /// What EKS sends for the key of the condition, where it is one value.
    pub sent: Option<Text>,
    /// Rests on what EKS is likely to send.
    pub is_inferred: bool,
}

/// What is wrong; one a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    TagSession,
    OtherService,
    FederatedOnly,
    Action,
    RequestTag,
    PrincipalTag,
    Source,
    TagsDisabled,
    TagKeys,
    Removed,
    Deny,
}

/// Every fault, in document order; none where the policy lets EKS in, may do so, or is none.
pub(crate) fn diagnose(
    context: &AssociationContext<'_>,
    detail: &AssociationDetail,
    role: &IamRole,
) -> Vec<Fault> {
    let Ok(policy) = &role.trust.parsed else { return Vec::new() };
    let key = &context.association.service_account;
    let ask = judge::delivery(context.cx, key, Knowledge::Known(detail));
    let evaluate = |action| iam::evaluate(policy, &eks::request(&ask, detail, action));
    let assume = evaluate(ASSUME);
    let tag = (!detail.disable_session_tags).then(|| evaluate(TAG));
    let mut res = denials(policy, assume.statements.iter().chain(tag.iter().flat_map(of)));
    let services: Vec<usize> = allows(policy).filter(|(_, it)| is_for_eks(it)).map(at).collect();
    if services.is_empty() {
        res.extend(without_service(policy));
        return res;
    }
    let refused = |it: &Evaluation| {
        let mut allows = it.statements.iter().filter(|it| it.effect == Effect::Allow);
        allows.all(|it| it.matches == Truth::False)
    };
    let assume_refused = refused(&assume);
    if assume_refused {
        match nearest(&assume, &services) {
            Some(it) => res.extend(clauses(policy, it, detail)),
            None => {
                // The right action alone would not do where a condition fails too.
                let all: Vec<&StatementTrace> =
                    assume.statements.iter().filter(|it| services.contains(&it.index)).collect();
                let nearest = all.into_iter().min_by_key(|it| n_failing(it));
                res.push(action(policy, nearest.map_or(services[0], |it| it.index)));
                res.extend(nearest.into_iter().flat_map(|it| clauses(policy, it, detail)));
                return res;
            }
        }
    }
    if let Some(tag) = tag.filter(refused) {
        match nearest(&tag, &services) {
            Some(it) => {
                for fault in clauses(policy, it, detail) {
                    if !res.contains(&fault) {
                        res.push(fault);
                    }
                }
            }
            None => {
                // The statement that has, or nearly has, the other action.
                let at = nearest(&assume, &services).map_or(services[0], |it| it.index);
                res.push(tag_session(policy, at));
            }
        }
    }
    res
}

fn of(it: &Evaluation) -> impl Iterator<Item = &StatementTrace> {
    it.statements.iter()
}

fn at((index, _): (usize, &Statement)) -> usize {
    index
}

fn allows(policy: &iam::Policy) -> impl Iterator<Item = (usize, &Statement)> {
    policy.statements.iter().enumerate().filter(|(_, it)| it.effect == Effect::Allow)
}

fn is_for_eks(statement: &Statement) -> bool {
    statement.principals().any(|it| it == ("Service", SERVICE))
}

/// Deny statements that match for sure, each once.
fn denials<'a>(
    policy: &iam::Policy,
    traces: impl Iterator<Item = &'a StatementTrace>,
) -> Vec<Fault> {
    let mut res: Vec<Fault> = Vec::new();
    for it in traces.filter(|it| it.effect == Effect::Deny && it.matches == Truth::True) {
        if res.iter().all(|known| known.statement != it.index) {
            let statement = &policy.statements[it.index];
            res.push(Fault {
                what: What::Deny,
                statement: it.index,
                condition: None,
                place: format!("trust policy Statement[{}]", it.index),
                found: format!("Deny {}", patterns(&statement.action)),
                needed: format!("no Deny that matches {SERVICE}"),
                sent: None,
                is_inferred: false,
            });
        }
    }
    res.sort_by_key(|it| it.statement);
    res
}

/// The service is not trusted at all; nothing is said where `*` is, since what that comes to is not documented.
fn without_service(policy: &iam::Policy) -> Option<Fault> {
    let principals: Vec<(&str, &str)> =
        allows(policy).flat_map(|(_, it)| it.principals()).collect();
    if principals.iter().any(|(kind, it)| *kind == "AWS" && *it == "*") {
        return None;
    }
    let some = !principals.is_empty();
    let what = if some && principals.iter().all(|(kind, _)| *kind == "Federated") {
        What::FederatedOnly
    } else if principals.iter().any(|(kind, _)| *kind == "Service") {
        What::OtherService
    } else {
        What::Removed
    };
    let found: Vec<String> = principals.iter().map(|(kind, it)| format!("{kind} {it}")).collect();
    Some(Fault {
        what,
        statement: policy.statements.len(),
        condition: None,
        place: "trust policy Principal".into(),
        found: if some { found.join(", ") } else { "nobody".into() },
        needed: format!("Service {SERVICE}"),
        sent: None,
        is_inferred: false,
    })
}

/// Of the statements for EKS that have the action, the one that fails in the fewest places; `None`: none has it.
fn nearest<'a>(evaluation: &'a Evaluation, services: &[usize]) -> Option<&'a StatementTrace> {
    let has_action = |it: &&StatementTrace| {
        let mut clauses = it.clauses.iter().filter(|it| matches!(it.part, Part::Action { .. }));
        clauses.all(|it| it.truth == Truth::True)
    };
    let ours = evaluation.statements.iter().filter(|it| services.contains(&it.index));
    ours.filter(has_action).min_by_key(|it| n_failing(it))
}

fn n_failing(it: &StatementTrace) -> usize {
    it.clauses.iter().filter(|it| it.truth == Truth::False).count()
}

/// The conditions of one statement that do not hold for sure.
fn clauses(policy: &iam::Policy, trace: &StatementTrace, detail: &AssociationDetail) -> Vec<Fault> {
    let statement = &policy.statements[trace.index];
    let conditions = trace.clauses.iter().filter(|it| matches!(it.part, Part::Condition { .. }));
    let mut res = Vec::new();
    for (index, clause) in conditions.enumerate() {
        let Some(condition) = statement.conditions.get(index) else { continue };
        if clause.truth != Truth::False {
            continue;
        }
        let Some(what) = what(condition, detail) else { continue };
        let sent = match &clause.got {
            iam::Got::Present(values) => match &values[..] {
                [one] => Some(one.clone()),
                _ => None,
            },
            iam::Got::Absent | iam::Got::Unknown => None,
        };
        let needed = match what {
            What::PrincipalTag => condition.key.replacen("PrincipalTag", "RequestTag", 1),
            What::TagsDisabled => "no condition on tags".into(),
            What::TagKeys => TAG_KEYS.join(", "),
            What::RequestTag | What::Source => match &sent {
                Some(it) => it.to_string(),
                None => "nothing: EKS sends no such key".into(),
            },
            What::TagSession
            | What::OtherService
            | What::FederatedOnly
            | What::Action
            | What::Removed
            | What::Deny => String::new(),
        };
        res.push(Fault {
            what,
            statement: trace.index,
            condition: Some(index),
            place: place(trace.index, &clause.part),
            found: condition.values.join(", "),
            needed,
            sent,
            is_inferred: condition.key.eq_ignore_ascii_case("aws:SourceArn"),
        });
    }
    res
}

/// Which code a condition on this key that does not hold has; `None`: it says nothing for sure.
fn what(condition: &iam::Condition, detail: &AssociationDetail) -> Option<What> {
    let key = &*condition.key.to_ascii_lowercase();
    let of_tags = key.starts_with("aws:requesttag/")
        || key == "aws:tagkeys"
        || key == "sts:transitivetagkeys";
    let of_session = |it: &str| it.starts_with("kubernetes-") || it.starts_with("eks-cluster-");
    if key.strip_prefix("aws:principaltag/").is_some_and(of_session) {
        Some(What::PrincipalTag)
    } else if of_tags && detail.disable_session_tags {
        Some(What::TagsDisabled)
    } else if key.starts_with("aws:requesttag/") {
        Some(What::RequestTag)
    } else if of_tags {
        let operator = condition.parsed_operator()?;
        let lists = operator.test != iam::Test::Null && !operator.negated;
        lists.then_some(What::TagKeys)
    } else if key == "aws:sourceaccount" || key == "aws:sourcearn" {
        Some(What::Source)
    } else {
        // Of a key that EKS does not send, mistyped or of another kind of trust, the tags were meant or nothing was.
        Some(What::RequestTag)
    }
}

fn action(policy: &iam::Policy, index: usize) -> Fault {
    let needed = format!("{ASSUME} and {TAG}");
    of_action(policy, index, What::Action, needed)
}

fn tag_session(policy: &iam::Policy, index: usize) -> Fault {
    of_action(policy, index, What::TagSession, format!("{TAG} too"))
}

fn of_action(policy: &iam::Policy, index: usize, what: What, needed: String) -> Fault {
    let statement = &policy.statements[index];
    let part = Part::Action { negated: statement.action.negated };
    Fault {
        what,
        statement: index,
        condition: None,
        place: place(index, &part),
        found: patterns(&statement.action),
        needed,
        sent: None,
        is_inferred: false,
    }
}

fn place(statement: usize, part: &Part) -> String {
    format!("trust policy Statement[{statement}].{part}")
}

fn patterns(it: &iam::Patterns) -> String {
    let list = it.patterns.join(", ");
    if it.negated { format!("everything but {list}") } else { list }
}
