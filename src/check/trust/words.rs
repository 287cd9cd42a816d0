//! What a plan that edits a trust policy is called: in a list of plans it tells whom it is for and which role.

use crate::{
    check::trust::Told,
    ident::{Arn, SaKey},
    identity::near_miss::{Condition, Fault, Key, Repair, Subject, What},
};

/// The title of the repair of one fault. `instead`: the name that gives way.
pub(crate) fn title(told: &Told<'_>, instead: Option<&SaKey>) -> String {
    let Told { cx, role, fault, diagnosis, .. } = told;
    let key = cx.key;
    let title = match diagnosis.repair {
        Repair::Add => return append(key, role),
        Repair::Split => of_role("divide the statement for two clusters", "in", role),
        Repair::Edit | Repair::Narrow => of_fault(fault, key, role, instead),
    };
    let more = diagnosis.faults.iter().filter(|it| !it.secondary && *it != *fault).count();
    match more {
        0 => title,
        1 => format!("{title}, with one more correction"),
        n => format!("{title}, with {n} more corrections"),
    }
}

fn of_fault(fault: &Fault, key: &SaKey, role: &Arn, instead: Option<&SaKey>) -> String {
    let gone = |what: &str| of_role(&format!("remove {what}"), "from", role);
    match fault.what {
        What::Action(_) => of_role("allow sts:AssumeRoleWithWebIdentity", "in", role),
        What::Principal(_) | What::NoStatement => {
            of_role("name this cluster's OIDC provider", "in", role)
        }
        What::Key(it) => match it {
            Key::OtherIssuer
            | Key::NearIssuer
            | Key::Arn
            | Key::Scheme
            | Key::Bare
            | Key::Placeholder => of_role("ask for claims of this cluster's issuer", "in", role),
            Key::Claim | Key::PrincipalKey | Key::Network | Key::SessionName | Key::Absent => {
                gone(&format!("the condition on `{}`", fault.found))
            }
        },
        What::Subject(it) => match (it, instead) {
            (
                Subject::Namespace | Subject::Name | Subject::Both | Subject::GeneratedName,
                Some(it),
            ) => of_role(&format!("name `{key}` instead of `{it}`"), "in", role),
            (Subject::Namespace | Subject::Name | Subject::Both | Subject::GeneratedName, None) => {
                of_role(&format!("name `{key}` beside the others"), "in", role)
            }
            (Subject::Negated, _) => of_role(&format!("no longer leave `{key}` out"), "in", role),
            (
                Subject::Whitespace
                | Subject::Case
                | Subject::Shape
                | Subject::Wildcard
                | Subject::Placeholder
                | Subject::UnderAudience,
                _,
            ) => subject(key, role),
        },
        What::Audience(_) => {
            of_role(&format!("ask for the audience `{}`", fault.needed), "in", role)
        }
        What::Conflict => of_role(&format!("name `{key}` in both conditions"), "in", role),
        What::Condition(Condition::Variable) => {
            of_role(&format!("name `{key}` instead of a variable"), "in", role)
        }
        What::Condition(_) | What::TwoIssuers | What::Deny => match place(fault) {
            Some((operator, key)) => gone(&format!("the condition {operator} on `{key}`")),
            None => gone(&fault.path),
        },
    }
}

/// `Statement[0].Condition.DateLessThan[aws:CurrentTime]` as operator and key.
fn place(fault: &Fault) -> Option<(&str, &str)> {
    let (_, condition) = fault.path.split_once(".Condition.")?;
    condition.strip_suffix(']')?.split_once('[')
}

pub(crate) fn subject(key: &SaKey, role: &Arn) -> String {
    of_role(&format!("correct the subject of `{key}`"), "in", role)
}

pub(crate) fn append(key: &SaKey, role: &Arn) -> String {
    of_role(&format!("append a statement for `{key}`"), "to", role)
}

/// `… in the trust policy of `NAME``.
pub(crate) fn of_role(what: &str, preposition: &str, role: &Arn) -> String {
    let name = role.name().unwrap_or(role.as_str());
    format!("{what} {preposition} the trust policy of `{name}`")
}
