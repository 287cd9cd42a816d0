//! What is wrong with one condition, and the condition that would hold.

use crate::{
    iam::{self, Got, Operator, Test, Truth},
    ident::{Issuer, Text},
    identity::near_miss::{
        Condition, Key, Principal, Target, What,
        principal::{Relation, is_eks, relation},
        text::is_placeholder,
        value,
    },
};

/// What becomes of a condition.
pub(crate) enum Fix {
    /// Nobody can say from here whether it holds.
    Keep,
    Remove,
    Set(iam::Condition),
}

/// One fault of a clause: what, as found, as needed. The place is the caller's.
pub(crate) type Found = (What, Text, Text);

/// The faults of one condition that does not hold for sure, in the order key, value; and what to do about it.
pub(crate) fn diagnose(
    condition: &iam::Condition,
    clause: &iam::Clause,
    version: iam::Version,
    target: &Target<'_>,
) -> (Vec<Found>, Fix) {
    let Some(operator) = condition.parsed_operator() else {
        let what = What::Condition(Condition::UnknownOperator);
        return (vec![(what, condition.operator.clone(), "".into())], Fix::Keep);
    };
    if clause.truth == Truth::Unknown {
        return (undecided(condition, target.issuer).into_iter().collect(), Fix::Keep);
    }
    if let Some(claim) = claim(&condition.key, target.issuer) {
        return of_token(condition, operator, claim, version, target);
    }
    let (key, fixed) = wrong_key(&condition.key, target.issuer);
    let Some(fixed) = fixed else {
        return elsewhere(condition, operator, clause, key);
    };
    let mut faults = vec![(key, condition.key.clone(), fixed.clone().into())];
    let renamed = iam::Condition { key: fixed.as_str().into(), ..condition.clone() };
    match (holds(&renamed, version, target.request), claim(&fixed, target.issuer)) {
        (Truth::True, _) | (_, None) => (faults, Fix::Set(renamed)),
        (Truth::False | Truth::Unknown, Some(claim)) => {
            let (more, fix) = of_token(&renamed, operator, claim, version, target);
            faults.extend(more);
            (faults, fix)
        }
    }
}

/// What makes a condition undecidable that is known to depend on the caller; `None` where only something was not read,
/// which is no fault.
pub(crate) fn undecided(condition: &iam::Condition, issuer: &Issuer) -> Option<Found> {
    let what = match wrong_key(&condition.key, issuer).0 {
        _ if condition.parsed_operator().is_none() => What::Condition(Condition::UnknownOperator),
        it @ What::Key(Key::Network | Key::SessionName) => it,
        _ => return None,
    };
    Some((what, condition.key.clone(), "".into()))
}

/// Whether one condition holds for the request.
pub(crate) fn holds(
    condition: &iam::Condition,
    version: iam::Version,
    request: &iam::Request,
) -> Truth {
    let statement = iam::Statement {
        sid: None,
        effect: iam::Effect::Allow,
        principal: None,
        action: iam::Patterns { negated: false, patterns: vec!["*".into()] },
        resource: None,
        conditions: vec![condition.clone()],
    };
    let policy = iam::Policy { version, statements: vec![statement] };
    iam::evaluate(&policy, request).statements.first().map_or(Truth::Unknown, |it| it.matches)
}

/// What a token's own keys say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Subject,
    Audience,
}

/// Which claim of this issuer's tokens the key is, letter case aside.
pub(crate) fn claim(key: &str, issuer: &Issuer) -> Option<Claim> {
    let (prefix, name) = key.rsplit_once(':')?;
    if !prefix.eq_ignore_ascii_case(issuer.as_str()) {
        return None;
    }
    match () {
        () if name.eq_ignore_ascii_case("sub") => Some(Claim::Subject),
        () if name.eq_ignore_ascii_case("aud") => Some(Claim::Audience),
        () => None,
    }
}

/// The issuer in a key that looks like a claim of some EKS cluster's tokens, as written.
pub(crate) fn key_issuer(key: &str) -> Option<&str> {
    let (prefix, _) = key.rsplit_once(':')?;
    let bare = prefix.split_once("oidc-provider/").map_or(prefix, |it| it.1);
    let bare = bare.strip_prefix("https://").or(bare.strip_prefix("http://")).unwrap_or(bare);
    is_eks(bare).then_some(bare)
}

/// What is wrong with a key that the request does not have, and the key that was meant.
fn wrong_key(key: &str, issuer: &Issuer) -> (What, Option<String>) {
    let trimmed = key.trim();
    let (prefix, name) = trimmed.rsplit_once(':').unwrap_or(("", trimmed));
    let name = name.trim().to_ascii_lowercase();
    let fixed = matches!(&*name, "sub" | "aud").then(|| format!("{issuer}:{name}"));
    let lower = prefix.to_ascii_lowercase();
    let is = |texts: &[&str]| {
        let key = trimmed.to_ascii_lowercase();
        texts.iter().any(|it| key.starts_with(it))
    };
    if is(&["aws:principal"]) {
        return (What::Key(Key::PrincipalKey), None);
    }
    if is(&["aws:sourceip", "aws:vpcsourceip", "aws:sourcevpc"]) {
        return (What::Key(Key::Network), None);
    }
    if is(&["sts:rolesessionname"]) {
        return (What::Key(Key::SessionName), None);
    }
    if lower == issuer.as_str().to_ascii_lowercase() {
        // Only white space was wrong, or the claim is none that STS shows.
        return match fixed {
            Some(_) => (What::Key(Key::Bare), fixed),
            None => (What::Key(Key::Claim), None),
        };
    }
    if lower.starts_with("arn:") && lower.contains(":oidc-provider/") {
        return (What::Key(Key::Arn), fixed);
    }
    if lower.starts_with("https://") || lower.starts_with("http://") {
        return (What::Key(Key::Scheme), fixed);
    }
    let bare = prefix.trim();
    match relation(bare, issuer) {
        // The same mistake as in the provider's ARN, where it is better known.
        Relation::Swapped => return (What::Principal(Principal::SwappedHost), fixed),
        Relation::Same | Relation::Region | Relation::Host | Relation::NearId => {
            return (What::Key(Key::NearIssuer), fixed);
        }
        Relation::Other => {}
    }
    if is_placeholder(prefix) {
        return (What::Key(Key::Placeholder), fixed);
    }
    if is_eks(bare) {
        return (What::Key(Key::OtherIssuer), fixed);
    }
    if ["", "oidc", "oidc-provider", "eks", "token", "jwt", "openid"].contains(&&*lower) {
        return match fixed {
            Some(_) => (What::Key(Key::Bare), fixed),
            None => (What::Key(Key::Absent), None),
        };
    }
    // `HOST:sub` without the id, or a host of somebody's own.
    match fixed {
        Some(_) if lower.contains("oidc") || lower.contains("eks") => {
            (What::Key(Key::NearIssuer), fixed)
        }
        Some(_) | None => (What::Key(Key::Absent), None),
    }
}

/// A claim of the token whose value does not fit.
fn of_token(
    condition: &iam::Condition,
    operator: Operator,
    claim: Claim,
    version: iam::Version,
    target: &Target<'_>,
) -> (Vec<Found>, Fix) {
    let found: Text = condition.values.join(", ").into();
    if let Some(it) = condition.values.iter().find(|it| it.contains("${")) {
        let mut fixed = condition.clone();
        // The others may be somebody's.
        fixed.values.retain(|it| !it.contains("${"));
        fixed.values.push(needed(claim, target));
        let fault = (What::Condition(Condition::Variable), it.clone(), needed(claim, target));
        return (vec![fault], Fix::Set(fixed));
    }
    let fits = match operator.test {
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => true,
        Test::Arn
        | Test::Null
        | Test::Bool
        | Test::BinaryEquals
        | Test::IpAddress
        | Test::Numeric(_)
        | Test::Date(_) => false,
    };
    if !fits {
        let operator = "StringEquals".into();
        let values = vec![needed(claim, target)];
        let fixed = iam::Condition { operator, values, key: condition.key.clone() };
        let fault = (What::Condition(Condition::Misuse), found, needed(claim, target));
        return (vec![fault], Fix::Set(fixed));
    }
    let (what, fixed) = match claim {
        Claim::Subject => value::subject(condition, operator, target),
        Claim::Audience => value::audience(condition, operator, target),
    };
    let words = match &fixed {
        Some(it) if it.operator != condition.operator => it.operator.clone(),
        Some(_) => needed(claim, target),
        None => "".into(),
    };
    let fixed = fixed.filter(|it| holds(it, version, target.request) == Truth::True);
    (vec![(what, found, words)], fixed.map_or(Fix::Remove, Fix::Set))
}

pub(crate) fn needed(claim: Claim, target: &Target<'_>) -> Text {
    match claim {
        Claim::Subject => target.service_account.subject().into(),
        Claim::Audience => target.audience.first().cloned().unwrap_or_default(),
    }
}

/// A key that has nothing to do with the token.
fn elsewhere(
    condition: &iam::Condition,
    operator: Operator,
    clause: &iam::Clause,
    key: What,
) -> (Vec<Found>, Fix) {
    let depends = matches!(key, What::Key(Key::Network | Key::SessionName));
    let missing = clause.got == Got::Absent && is_about_key(operator);
    let (what, found) = match depends || missing {
        true => (key, condition.key.clone()),
        false => {
            (What::Condition(value::other(condition, operator)), condition.values.join(", ").into())
        }
    };
    (vec![(what, found, "".into())], Fix::Remove)
}

/// Whether the operator asks for a value, so that a missing key is what is wrong.
fn is_about_key(operator: Operator) -> bool {
    operator.test != Test::Null && !operator.negated
}
