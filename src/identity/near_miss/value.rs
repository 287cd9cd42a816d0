//! What is wrong with the values of a condition on `:sub` or `:aud`, and the values that would do.

use crate::{
    iam::{self, Operator, Quantifier, Test, glob_matches},
    ident::Text,
    identity::near_miss::{
        Audience, Condition, Subject, Target, What,
        clause::{Claim, needed},
        text::{is_placeholder, same_but_generated, without_space},
    },
};

const SUBJECT: &str = "system:serviceaccount:";

/// A condition on `:sub` that does not hold. Values that can be no ServiceAccount's are replaced; others may be
/// somebody's, so the right one is put beside them.
pub(crate) fn subject(
    condition: &iam::Condition,
    operator: Operator,
    target: &Target<'_>,
) -> (What, Option<iam::Condition>) {
    if operator.negated {
        let mut fixed = condition.clone();
        let subject = target.service_account.subject();
        fixed.values.retain(|it| !glob_matches(it, &subject));
        return (What::Subject(Subject::Negated), Some(fixed).filter(|it| !it.values.is_empty()));
    }
    let classes = condition.values.iter().map(|it| of_value(it, operator.test, target));
    let Some((what, at)) = classes.zip(0..).min_by_key(|it| rank(it.0)) else {
        return (What::Subject(Subject::Both), with(condition, needed(Claim::Subject, target)));
    };
    let right = needed(Claim::Subject, target);
    // A pattern may be what lets somebody else in.
    let may_match = operator.test.has_wildcards()
        && condition.values.get(at).is_some_and(|it| it.contains(['*', '?']));
    let fixed = match what {
        Subject::Namespace | Subject::Name | Subject::Both | Subject::GeneratedName => {
            with(condition, right)
        }
        Subject::Whitespace | Subject::Case | Subject::Shape | Subject::Placeholder
            if may_match =>
        {
            with(condition, right)
        }
        // Under StringEquals a wildcard is a character that no name has; what it was meant to open stays shut.
        Subject::Wildcard
        | Subject::Whitespace
        | Subject::Case
        | Subject::Shape
        | Subject::Placeholder => Some(replaced(condition, at, right)),
        Subject::UnderAudience | Subject::Negated => None,
    };
    (What::Subject(what), fixed)
}

/// A condition on `:aud` that does not hold.
pub(crate) fn audience(
    condition: &iam::Condition,
    operator: Operator,
    target: &Target<'_>,
) -> (What, Option<iam::Condition>) {
    let right = needed(Claim::Audience, target);
    if let Some(it) = condition.values.iter().find(|it| it.starts_with(SUBJECT)) {
        let fits = glob_matches(it, &target.service_account.subject());
        let value = if fits { it.clone() } else { needed(Claim::Subject, target) };
        let fixed = iam::Condition {
            operator: condition.operator.clone(),
            key: format!("{}:sub", target.issuer).into(),
            values: vec![value],
        };
        return (What::Subject(Subject::UnderAudience), Some(fixed));
    }
    if operator.negated {
        let mut fixed = condition.clone();
        fixed.values.retain(|it| !target.audience.contains(it));
        return (What::Audience(Audience::Negated), Some(fixed).filter(|it| !it.values.is_empty()));
    }
    let usual = |it: &Text| &**it == "sts.amazonaws.com";
    let is_custom = !target.audience.iter().any(usual);
    match is_custom && condition.values.iter().any(usual) {
        true => (What::Audience(Audience::TokenIsCustom), with(condition, right)),
        // Something like STS's own name can only be a mistake for it.
        false => match condition.values.iter().position(|it| it.contains("amazon")) {
            Some(at) => (What::Audience(Audience::Value), Some(replaced(condition, at, right))),
            None => (What::Audience(Audience::Value), with(condition, right)),
        },
    }
}

/// A condition on any other key that does not hold.
pub(crate) fn other(condition: &iam::Condition, operator: Operator) -> Condition {
    if condition.values.iter().any(|it| it.contains("${")) {
        return Condition::Variable;
    }
    let odd = operator.if_exists || operator.quantifier == Some(Quantifier::All);
    let of_time = ["aws:CurrentTime", "aws:EpochTime"];
    match operator.test {
        Test::Date(_) => Condition::Time,
        Test::Null => Condition::Misuse,
        Test::Numeric(_) if of_time.iter().any(|it| condition.key.eq_ignore_ascii_case(it)) => {
            Condition::Time
        }
        Test::StringEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringLike
        | Test::Numeric(_)
        | Test::Bool
        | Test::BinaryEquals
        | Test::IpAddress
        | Test::Arn
            if odd =>
        {
            Condition::Misuse
        }
        Test::StringEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringLike
        | Test::Numeric(_)
        | Test::Bool
        | Test::BinaryEquals
        | Test::IpAddress
        | Test::Arn => Condition::Value,
    }
}

fn rank(what: Subject) -> u8 {
    match what {
        Subject::Whitespace => 0,
        Subject::Case => 1,
        Subject::Wildcard => 2,
        Subject::Shape => 3,
        Subject::GeneratedName => 4,
        Subject::Name => 5,
        Subject::Namespace => 6,
        Subject::Placeholder => 7,
        Subject::Both => 8,
        Subject::UnderAudience => 9,
        Subject::Negated => 10,
    }
}

fn of_value(value: &str, test: Test, target: &Target<'_>) -> Subject {
    let sa = target.service_account;
    let subject = sa.subject();
    let like = test.has_wildcards();
    let fits = |value: &str| match like {
        true => glob_matches(value, &subject),
        false => value == subject,
    };
    let compact = without_space(value);
    if compact != value {
        // Blanks beside another mistake are the lesser one.
        return if fits(&compact) { Subject::Whitespace } else { of_value(&compact, test, target) };
    }
    if fits(&value.to_lowercase()) {
        return Subject::Case;
    }
    if !like && value.contains(['*', '?']) && glob_matches(value, &subject) {
        return Subject::Wildcard;
    }
    let parts = value.strip_prefix(SUBJECT).map(|it| it.split(':').collect::<Vec<_>>());
    let Some([namespace, name]) = parts.as_deref() else {
        let resembles = value.contains(&*sa.name);
        let crossing = like && value.starts_with(SUBJECT) && value.contains('*');
        return match () {
            () if crossing => Subject::Namespace,
            () if is_placeholder(value) && !resembles => Subject::Placeholder,
            () => Subject::Shape,
        };
    };
    if namespace.is_empty() || name.is_empty() {
        return Subject::Shape;
    }
    let one = |pattern: &str, text: &str| match like {
        true => glob_matches(pattern, text),
        false => pattern == text,
    };
    // A letter of another alphabet was typed or pasted, not left to be filled in.
    let is_unnamable = |it: &str| it.is_ascii() && !is_name(it, like);
    let unfilled = is_placeholder(value) || is_unnamable(namespace) || is_unnamable(name);
    match (one(namespace, &sa.namespace), one(name, &sa.name)) {
        _ if unfilled => Subject::Placeholder,
        (true, _) if same_but_generated(name, &sa.name) => Subject::GeneratedName,
        (true, _) => Subject::Name,
        (_, true) => Subject::Namespace,
        (false, false) => Subject::Both,
    }
}

/// Whether Kubernetes would take it as a name, wildcards aside.
fn is_name(text: &str, like: bool) -> bool {
    text.chars().all(|c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c) || like && "*?".contains(c)
    }) || !like && text.contains(['*', '?'])
}

fn replaced(condition: &iam::Condition, at: usize, value: Text) -> iam::Condition {
    let mut res = condition.clone();
    match res.values.get_mut(at) {
        Some(it) => *it = value,
        None => res.values.push(value),
    }
    res
}

fn with(condition: &iam::Condition, value: Text) -> Option<iam::Condition> {
    let mut res = condition.clone();
    res.values.push(value);
    Some(res)
}

/// The same under StringLike, set operator and IfExists kept.
pub(crate) fn like(condition: &iam::Condition) -> iam::Condition {
    let operator = &*condition.operator;
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (format!("{set}:"), rest),
        None => (String::new(), operator),
    };
    let tail = if rest.to_ascii_lowercase().ends_with("ifexists") { "IfExists" } else { "" };
    iam::Condition { operator: format!("{set}StringLike{tail}").into(), ..condition.clone() }
}
