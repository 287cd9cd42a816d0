//! The IAM policy language: parse, match, evaluate, and say clause by clause why.
//!
//! Knows nothing of Kubernetes, of roles' existence or of tokens; callers bring the request context. The words are
//! IAM's own (IAM User Guide, "Policy grammar", "Policy evaluation logic") and are written `iam::X` everywhere else.

mod compare;
mod condition;
mod edit;
mod evaluate;
mod glob;
mod json;
mod operator;
mod parse;
mod place;
mod render;
mod principal;
mod read;
mod variable;

pub use evaluate::evaluate;
pub use glob::{glob_covers, glob_matches};
pub use operator::{Comparison, Operator, Quantifier, Test};
pub use place::hint as json_hint;

use crate::ident::{AccountId, Arn, Text};
use std::collections::BTreeMap;

/// A policy as it was served, with what it means or why it means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Byte for byte what the API returned, URL-decoded.
    pub raw: Text,
    pub parsed: Result<Policy, Invalid>,
}

/// Which grammar applies: a trust policy has principals and no resources, an identity policy the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Trust,
    Identity,
}

/// Why a document is not a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where, as `Statement[0].Condition`; empty for the document itself.
    pub path: String,
    /// Lowercase, reads after "the policy is invalid: ".
    pub reason: String,
    /// Where in the raw text; `None` when it is no text of the document that is wrong.
    pub position: Option<Position>,
}

/// A place in a text; lines and characters are counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub version: Version,
    pub statements: Vec<Statement>,
}

/// Policy variables exist only in the newer language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Written so, or not written at all.
    V2008,
    V2012,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sid: Option<Text>,
    pub effect: Effect,
    /// `None` only in identity policies.
    pub principal: Option<Principal>,
    pub action: Patterns,
    /// `None` only in trust policies.
    pub resource: Option<Patterns>,
    /// In document order; `Condition` absent or `{}` is empty.
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// `Action`/`NotAction`, `Resource`/`NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    /// Written in the `Not…` form.
    pub negated: bool,
    pub patterns: Vec<Text>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// `"*"`.
    Everyone,
    /// `(type, values)` in document order; types as written (`AWS`, `Service`, `Federated`, `CanonicalUser`, …).
    Listed(Vec<(Text, Vec<Text>)>),
}

/// One operator with one key; an operator block with three keys is three of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As written, e.g. `ForAnyValue:StringLikeIfExists`.
    pub operator: Text,
    /// As written; compared without regard to ASCII case.
    pub key: Text,
    pub values: Vec<Text>,
}

/// Kleene's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    True,
    False,
    Unknown,
}

/// What is asked of a policy.
#[derive(Clone, Debug)]
pub struct Request {
    /// E.g. `sts:AssumeRoleWithWebIdentity`.
    pub action: Text,
    pub caller: Caller,
    /// The resource's ARN; only identity policies look at it. `None`: the action has no resources and is authorised
    /// on `*`.
    pub resource: Option<Text>,
    pub context: Context,
}

/// Who asks, in the terms of the `Principal` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The ARN of the OIDC provider.
    Federated(Arn),
    /// E.g. `pods.eks.amazonaws.com`.
    Service(Text),
    /// An IAM role that assumes another one: matched by its ARN, its account id, its account's root or `*`.
    AwsRole { arn: Arn, account: AccountId },
}

/// The request context: which condition keys are there, which are known to be missing, and which nobody can know.
#[derive(Clone, Debug, Default)]
pub struct Context {
    present: BTreeMap<String, Vec<Text>>,
    unknown: BTreeMap<String, ()>,
    unknown_prefixes: Vec<String>,
}

/// What the context has for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Present(Vec<Text>),
    Absent,
    Unknown,
}

impl Context {
    /// Adds a key with its values (several for multivalued keys). Names compare without regard to ASCII case.
    pub fn set<V: Into<Text>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let key = key.to_ascii_lowercase();
        self.unknown.remove(&key);
        self.present.insert(key, values.into_iter().map(Into::into).collect());
    }

    /// Marks a key whose presence and value cannot be known from here.
    pub fn set_unknown(&mut self, key: &str) {
        let key = key.to_ascii_lowercase();
        self.present.remove(&key);
        self.unknown.insert(key, ());
    }

    /// As `set_unknown` for every key that starts so and is not set otherwise.
    pub fn set_unknown_prefix(&mut self, prefix: &str) {
        self.unknown_prefixes.push(prefix.to_ascii_lowercase());
    }

    pub fn get(&self, key: &str) -> Got {
        let key = key.to_ascii_lowercase();
        if let Some(values) = self.present.get(&key) {
            return Got::Present(values.clone());
        }
        let unknown = self.unknown.contains_key(&key)
            || self.unknown_prefixes.iter().any(|it| key.starts_with(it.as_str()));
        if unknown { Got::Unknown } else { Got::Absent }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Some Allow matches for sure and no Deny may match.
    Allow,
    /// Some Deny matches for sure, whatever else is unknown.
    ExplicitDeny,
    /// Nothing can match.
    ImplicitDeny,
    /// What could not be known decides.
    Unknown,
}

/// A decision with the clause-by-clause reasons for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub decision: Decision,
    /// One a statement, in document order.
    pub statements: Vec<StatementTrace>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementTrace {
    pub index: usize,
    pub sid: Option<Text>,
    pub effect: Effect,
    /// The Kleene conjunction of the clauses.
    pub matches: Truth,
    /// Action, then principal or resource, then conditions in document order.
    pub clauses: Vec<Clause>,
}

/// One thing that must hold for a statement to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// What kind of clause; renders as its path in the statement.
    pub part: Part,
    /// What the policy asks for, as written; principals as `TYPE VALUE`.
    pub wanted: Vec<Text>,
    /// What the request has.
    pub got: Got,
    pub truth: Truth,
    /// Why it is unknown or surprising; lowercase fragment. `None` where wanted and got speak for themselves.
    pub note: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Action { negated: bool },
    Principal,
    Resource { negated: bool },
    Condition { operator: Text, key: Text },
}

impl Truth {
    pub fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::False, _) | (_, Truth::False) => Truth::False,
            (Truth::True, Truth::True) => Truth::True,
            (Truth::Unknown | Truth::True, Truth::Unknown | Truth::True) => Truth::Unknown,
        }
    }

    pub fn or(self, other: Truth) -> Truth {
        self.not().and(other.not()).not()
    }

    /// The conjunction of all; of none `True`.
    pub fn all(them: impl IntoIterator<Item = Truth>) -> Truth {
        let mut res = Truth::True;
        for it in them {
            res = res.and(it);
            // Nothing makes it true again.
            if res == Truth::False {
                break;
            }
        }
        res
    }

    /// The disjunction of all; of none `False`.
    pub fn any(them: impl IntoIterator<Item = Truth>) -> Truth {
        let mut res = Truth::False;
        for it in them {
            res = res.or(it);
            if res == Truth::True {
                break;
            }
        }
        res
    }

    #[expect(clippy::should_implement_trait, reason = "reads as the other connectives do")]
    pub fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(it: bool) -> Truth {
        if it { Truth::True } else { Truth::False }
    }
}

impl Document {
    /// Parses tolerantly: whatever is wrong is kept as `Invalid` beside the raw text. Linear in the text's length.
    pub fn parse(raw: impl Into<Text>, kind: Kind) -> Document {
        let raw = raw.into();
        let parsed = parse::policy(&raw, kind);
        Document { raw, parsed }
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::{
        Context, Got,
        Truth::{self, False, True, Unknown},
    };

    #[test]
    fn kleene() {
        for (left, right, and, or) in [
            (True, True, True, True),
            (True, False, False, True),
            (True, Unknown, Unknown, True),
            (False, False, False, False),
            (False, Unknown, False, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            for (left, right) in [(left, right), (right, left)] {
                assert_eq!((left.and(right), left.or(right)), (and, or), "{left:?} {right:?}");
                assert_eq!(Truth::all([left, right]), and);
                assert_eq!(Truth::any([left, right]), or);
            }
        }
        assert_eq!([True, False, Unknown].map(Truth::not), [False, True, Unknown]);
        assert_eq!((Truth::all([]), Truth::any([])), (True, False));
    }

    #[test]
    fn the_last_word_on_a_key_counts() {
        let mut context = Context::default();
        context.set_unknown_prefix("aws:SourceVpc");
        context.set_unknown("aws:SourceIp");
        context.set("Issuer:SUB", ["a"]);
        context.set("aws:SourceVpce", ["vpce-1"]);
        let present = |it: &str| Got::Present(vec![it.into()]);
        assert_eq!(context.get("issuer:sub"), present("a"));
        assert_eq!(context.get("AWS:SOURCEIP"), Got::Unknown);
        assert_eq!(context.get("aws:sourcevpc"), Got::Unknown);
        assert_eq!(context.get("aws:SourceVpce"), present("vpce-1"));
        assert_eq!(context.get("aws:UserAgent"), Got::Absent);
        context.set("aws:SourceIp", ["10.0.0.1"]);
        assert_eq!(context.get("aws:SourceIp"), present("10.0.0.1"));
        context.set_unknown("Aws:SourceIp");
        assert_eq!(context.get("aws:SourceIp"), Got::Unknown);
    }
}
