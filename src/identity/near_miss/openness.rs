//! Who, beside the one asked for, gets in: the over-breadth probe.

use crate::{
    iam::{self, Condition, Effect, Policy, Quantifier, Statement, Truth},
    ident::{Issuer, Text},
    identity::{
        near_miss::{
            Target,
            clause::{Claim, claim, key_issuer},
            principal::{is_eks, named_issuer},
        },
        words::path,
    },
};
use std::collections::HashSet;

/// Who, beside the one asked for, gets in by one Allow statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub statement: usize,
    pub openness: Openness,
    /// The clause that opens it, as a path, or the statement's when there is none.
    pub path: String,
    /// The pattern as written; empty without one.
    pub found: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Openness {
    /// No subject other than those that it names.
    Listed,
    /// Every ServiceAccount of one namespace, as documented: `system:serviceaccount:NAMESPACE:*`.
    Namespace(Text),
    /// A prefix or other wildcard in the name within one namespace: `system:serviceaccount:NAMESPACE:app-*`.
    Name(Text),
    /// A wildcard in the namespace: `…:*:app`, `…:team-*:app`.
    Namespaces,
    /// A wildcard that runs over the colon: `…:default*`.
    OverColon,
    /// Every ServiceAccount, since the pattern is `*`, `system:serviceaccount:*` or `…:*:*`.
    Everyone,
    /// Every ServiceAccount: there is no condition at all.
    NoCondition,
    /// Every ServiceAccount: only `:aud` is asked for, or nothing about the subject.
    NoSubject,
    /// Every ServiceAccount, since an operator holds for a key that is not there (`ForAllValues`, `…IfExists`, negated).
    Vacuous,
}

const PREFIX: &str = "system:serviceaccount:";
/// A subject that nobody names.
const STRANGER: &str = "system:serviceaccount:idscope-probe-k4x:idscope-probe-w9q";
/// What stands for `*` where a pattern is tried.
const FILLING: &str = "idscope-probe-k4x";

/// The openness of every Allow statement that lets tokens of `target`'s issuer in, in document order; a statement with
/// several wildcards has several entries. Statements that let nobody in have none.
pub fn openness(policy: &Policy, target: &Target<'_>) -> Vec<Open> {
    let statements = policy.statements.iter().enumerate();
    let allows = statements.filter(|(_, it)| it.effect == Effect::Allow);
    let probe = Probe { denies: denies(policy), stranger: asked_for(STRANGER, target) };
    allows.flat_map(|(index, it)| of_statement(policy, &probe, index, it, target)).collect()
}

/// The EKS issuers whose providers the policy's Allow statements name as Federated, each once, in document order.
pub fn eks_issuers(policy: &Policy) -> Vec<Issuer> {
    let mut seen = HashSet::new();
    let mut res: Vec<Issuer> = Vec::new();
    for statement in policy.statements.iter().filter(|it| it.effect == Effect::Allow) {
        for (kind, value) in statement.principals() {
            let named = named_issuer(value).filter(|_| kind == "Federated").map(Issuer::new);
            if let Some(it) = named
                && is_eks(it.as_str())
                && seen.insert(it.clone())
            {
                res.push(it);
            }
        }
    }
    res
}

/// Whether `after` would let somebody in who is not `target` and whom `before` kept out: a name that nobody has, one of
/// the same namespace, or the same name elsewhere.
pub(crate) fn opens(
    policy: &Policy,
    before: &Statement,
    after: &[Statement],
    target: &Target<'_>,
) -> bool {
    let own = target.service_account;
    let strangers = [
        STRANGER.to_owned(),
        format!("{PREFIX}{}:{FILLING}", own.namespace),
        format!("{PREFIX}{FILLING}:{}", own.name),
    ];
    strangers.iter().any(|it| {
        !admits(policy, before, it, target)
            && after.iter().any(|statement| admits(policy, statement, it, target))
    })
}

/// What is the same for every statement.
struct Probe {
    denies: Policy,
    stranger: iam::Request,
}

fn of_statement(
    policy: &Policy,
    probe: &Probe,
    index: usize,
    statement: &Statement,
    target: &Target<'_>,
) -> Vec<Open> {
    let open = |openness: Openness, condition: Option<&Condition>, found: Text| {
        let path = match condition {
            Some(it) => {
                let (operator, key) = (it.operator.clone(), it.key.clone());
                path(index, &iam::Part::Condition { operator, key })
            }
            None => format!("Statement[{index}]"),
        };
        Open { statement: index, openness, path, found }
    };
    let denies = &probe.denies;
    let lets_in_strangers = admits_request(policy, statement, &probe.stranger, target)
        && !refuses(denies, STRANGER, target);
    let on_subject: Vec<_> = subject_conditions(statement, target).collect();
    let first_on_subject = on_subject.first().map(|it| it.0);
    if lets_in_strangers {
        if statement.conditions.is_empty() {
            return vec![open(Openness::NoCondition, None, "".into())];
        }
        let vacuous = statement.conditions.iter().find(|it| is_vacuous(it, target));
        if let Some(it) = vacuous {
            return vec![open(Openness::Vacuous, Some(it), it.values.join(", ").into())];
        }
        return match first_on_subject {
            Some(it) => {
                let widest = it.values.iter().min_by_key(|it| it.len());
                vec![open(Openness::Everyone, Some(it), widest.cloned().unwrap_or_default())]
            }
            None => vec![open(Openness::NoSubject, statement.conditions.first(), "".into())],
        };
    }
    let mut res: Vec<Open> = Vec::new();
    let mut named = None;
    for (condition, at) in &on_subject {
        let operator = condition.parsed_operator();
        if operator.is_none_or(|it| it.negated) {
            continue;
        }
        let like = operator.is_some_and(|it| it.test.has_wildcards());
        // Alone in its condition a value is enough for what it stands for, and asking the others would take their
        // number squared.
        let mut alone = statement.clone();
        for value in condition.values.iter().take(MOST) {
            let wild = like && value.contains(['*', '?']);
            if !wild && named.is_some() || wild && !fits_somebody(value) {
                continue;
            }
            let tried = if wild { filled(value) } else { value.to_string() };
            alone.conditions[*at].values = vec![value.clone()];
            if !admits(policy, &alone, &tried, target) || refuses(denies, &tried, target) {
                continue;
            }
            match wild {
                true => res.push(open(breadth(value), Some(condition), value.clone())),
                false => {
                    named = named.or(Some(open(Openness::Listed, Some(condition), value.clone())))
                }
            }
        }
    }
    if res.is_empty() {
        res.extend(named);
    }
    res
}

fn subject_conditions<'a>(
    statement: &'a Statement,
    target: &Target<'_>,
) -> impl Iterator<Item = (&'a Condition, usize)> {
    let issuer = target.issuer.clone();
    let conditions = statement.conditions.iter().zip(0..);
    conditions.filter(move |it| claim(&it.0.key, &issuer) == Some(Claim::Subject))
}

/// Whether a condition was meant for the subject and holds for everybody, since its key is not there or its operator
/// only leaves somebody out.
fn is_vacuous(condition: &Condition, target: &Target<'_>) -> bool {
    let Some(operator) = condition.parsed_operator() else { return false };
    if claim(&condition.key, target.issuer) == Some(Claim::Subject) {
        // With a wildcard it is the pattern that opens it, whatever the operator does with missing keys.
        return operator.negated;
    }
    // A key of another issuer or a mistyped one shows by what it has before and behind, or by what it is compared with.
    let about = condition.key.to_ascii_lowercase().trim_end().ends_with("sub")
        || is_other_claim(&condition.key, target.issuer)
        || condition.values.iter().any(|it| it.trim_start().starts_with(PREFIX));
    about
        && (operator.negated || operator.if_exists || operator.quantifier == Some(Quantifier::All))
}

/// `ISSUER:NAME` of an EKS issuer, where NAME is not `aud`.
fn is_other_claim(key: &str, issuer: &Issuer) -> bool {
    let Some((prefix, name)) = key.trim().rsplit_once(':') else { return false };
    let of_eks = prefix.eq_ignore_ascii_case(issuer.as_str()) || key_issuer(key).is_some();
    of_eks && !name.trim().eq_ignore_ascii_case("aud")
}

/// Whether a pattern on the subject can match a ServiceAccount at all: their names have no upper case, no blanks.
fn fits_somebody(pattern: &str) -> bool {
    // What a variable comes to is not known.
    pattern.contains("${")
        || pattern.chars().all(|c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '-' | '.' | '*' | '?')
        })
}

/// More values than a trust policy that IAM takes has room for; the rest are not looked at.
const MOST: usize = 256;

/// The Deny statements alone; none where they are more than anybody looks at.
fn denies(policy: &Policy) -> Policy {
    let denies = || policy.statements.iter().filter(|it| it.effect == Effect::Deny);
    let n_values: usize = denies().flat_map(|it| &it.conditions).map(|it| it.values.len()).sum();
    let statements = if MOST < n_values { Vec::new() } else { denies().cloned().collect() };
    Policy { version: policy.version, statements }
}

/// Whether one of these Deny statements is sure to keep this subject out.
fn refuses(denies: &Policy, subject: &str, target: &Target<'_>) -> bool {
    if denies.statements.is_empty() {
        return false;
    }
    let request = asked_for(subject, target);
    iam::evaluate(denies, &request).statements.iter().any(|it| it.matches == Truth::True)
}

/// The target's request with another subject.
fn asked_for(subject: &str, target: &Target<'_>) -> iam::Request {
    let mut request = target.request.clone();
    request.context.set(&format!("{}:sub", target.issuer), [subject]);
    request
}

/// Whether the statement, alone, would let this subject in. What hangs on the caller (its address, its session name)
/// does not close it; what cannot be understood does not open it.
fn admits(policy: &Policy, statement: &Statement, subject: &str, target: &Target<'_>) -> bool {
    admits_request(policy, statement, &asked_for(subject, target), target)
}

/// As `admits`, for a request that is at hand.
fn admits_request(
    policy: &Policy,
    statement: &Statement,
    request: &iam::Request,
    target: &Target<'_>,
) -> bool {
    let policy = Policy { version: policy.version, statements: vec![statement.clone()] };
    let evaluation = iam::evaluate(&policy, request);
    evaluation.statements.first().is_some_and(|it| {
        let principal = it.clauses.iter().find(|it| it.part == iam::Part::Principal);
        let head = it.clauses.len().saturating_sub(statement.conditions.len());
        let mut conditions = it.clauses.iter().skip(head).zip(&statement.conditions);
        let obscure = conditions.any(|(clause, condition)| {
            clause.truth == Truth::Unknown
                && (condition.parsed_operator().is_none()
                    || claim(&condition.key, target.issuer) == Some(Claim::Subject))
        });
        // `*` is judged by others; here only named providers count.
        principal.is_some_and(|it| it.truth == Truth::True)
            && it.matches != Truth::False
            && !obscure
    })
}

/// A subject that the pattern matches and nobody meant.
fn filled(pattern: &str) -> String {
    pattern.replace("${*}", "*").replace('*', FILLING).replace('?', "q")
}

/// What a wildcard pattern on the subject opens.
fn breadth(pattern: &str) -> Openness {
    let wild = |it: &str| it.contains(['*', '?']);
    let Some(rest) = pattern.strip_prefix(PREFIX) else {
        return match pattern.trim_matches('*').is_empty() || pattern.ends_with('*') {
            true => Openness::OverColon,
            false => Openness::Namespaces,
        };
    };
    match rest.split_once(':') {
        None => Openness::OverColon,
        Some((namespace, _)) if wild(namespace) => Openness::Namespaces,
        Some((namespace, "*")) => Openness::Namespace(namespace.into()),
        Some((namespace, _)) => Openness::Name(namespace.into()),
    }
}
