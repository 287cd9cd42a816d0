//! The names of the condition operators, taken apart: `ForAnyValue:StringNotLikeIfExists`.
//!
//! Only names: what an operator does with values is `compare`'s, what it does with missing keys `condition`'s.

use std::cmp::Ordering;

/// A condition operator (IAM User Guide, "IAM JSON policy elements: Condition operators").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    /// `None`: written without a set operator.
    pub quantifier: Option<Quantifier>,
    pub test: Test,
    /// One of the `Not…` forms.
    pub negated: bool,
    /// Holds when the key is missing.
    pub if_exists: bool,
}

/// The set operators for multivalued keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

/// What is done with one value of the policy and one of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Comparison),
    Date(Comparison),
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which IAM documents as the same.
    Arn,
    /// Asks whether the key is there at all.
    Null,
}

/// How two ordered values must stand to each other, the request's on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Operator {
    /// Reads a name without regard to ASCII case. `None` for a name that IAM does not document; `Null` takes neither
    /// a set operator nor `IfExists`.
    pub fn parse(name: &str) -> Option<Operator> {
        let name = name.to_ascii_lowercase();
        let (quantifier, rest) = match name.split_once(':') {
            None => (None, &*name),
            Some(("foranyvalue", rest)) => (Some(Quantifier::Any), rest),
            Some(("forallvalues", rest)) => (Some(Quantifier::All), rest),
            Some(_) => return None,
        };
        let (base, if_exists) = match rest.strip_suffix("ifexists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (test, negated) = base_test(base)?;
        if test == Test::Null && (quantifier.is_some() || if_exists) {
            return None;
        }
        Some(Operator { quantifier, test, negated, if_exists })
    }
}

impl Test {
    /// Whether `*` and `?` in the policy's value are wildcards.
    pub fn has_wildcards(self) -> bool {
        match self {
            Test::StringLike | Test::Arn => true,
            Test::StringEquals
            | Test::StringEqualsIgnoreCase
            | Test::Numeric(_)
            | Test::Date(_)
            | Test::Bool
            | Test::BinaryEquals
            | Test::IpAddress
            | Test::Null => false,
        }
    }

    /// Whether `${…}` in the policy's value is a policy variable: string and ARN operators only (IAM User Guide,
    /// "Policy elements: Variables and tags").
    pub fn has_variables(self) -> bool {
        match self {
            Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn => {
                true
            }
            Test::Numeric(_)
            | Test::Date(_)
            | Test::Bool
            | Test::BinaryEquals
            | Test::IpAddress
            | Test::Null => false,
        }
    }
}

impl Comparison {
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equals => ordering.is_eq(),
            Comparison::LessThan => ordering.is_lt(),
            Comparison::LessThanEquals => ordering.is_le(),
            Comparison::GreaterThan => ordering.is_gt(),
            Comparison::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

/// The test and whether it is negated.
fn base_test(base: &str) -> Option<(Test, bool)> {
    if let Some(rest) = base.strip_prefix("numeric") {
        return comparison(rest).map(|(it, negated)| (Test::Numeric(it), negated));
    }
    if let Some(rest) = base.strip_prefix("date") {
        return comparison(rest).map(|(it, negated)| (Test::Date(it), negated));
    }
    Some(match base {
        "stringequals" => (Test::StringEquals, false),
        "stringnotequals" => (Test::StringEquals, true),
        "stringequalsignorecase" => (Test::StringEqualsIgnoreCase, false),
        "stringnotequalsignorecase" => (Test::StringEqualsIgnoreCase, true),
        "stringlike" => (Test::StringLike, false),
        "stringnotlike" => (Test::StringLike, true),
        "bool" => (Test::Bool, false),
        "binaryequals" => (Test::BinaryEquals, false),
        "ipaddress" => (Test::IpAddress, false),
        "notipaddress" => (Test::IpAddress, true),
        "arnequals" | "arnlike" => (Test::Arn, false),
        "arnnotequals" | "arnnotlike" => (Test::Arn, true),
        "null" => (Test::Null, false),
        _ => return None,
    })
}

fn comparison(rest: &str) -> Option<(Comparison, bool)> {
    Some(match rest {
        "equals" => (Comparison::Equals, false),
        "notequals" => (Comparison::Equals, true),
        "lessthan" => (Comparison::LessThan, false),
        "lessthanequals" => (Comparison::LessThanEquals, false),
        "greaterthan" => (Comparison::GreaterThan, false),
        "greaterthanequals" => (Comparison::GreaterThanEquals, false),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::iam::{Comparison, Operator, Quantifier, Test};

    #[test]
    fn names_come_apart() {
        #[track_caller]
        fn check(name: &str, quantifier: Option<Quantifier>, test: Test, flags: [bool; 2]) {
            let [negated, if_exists] = flags;
            let expected = Operator { quantifier, test, negated, if_exists };
            for name in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
                assert_eq!(Operator::parse(&name), Some(expected), "{name}");
            }
        }
        use Comparison::{Equals, GreaterThan, GreaterThanEquals, LessThan, LessThanEquals};
        use Quantifier::{All, Any};
        check("StringEquals", None, Test::StringEquals, [false, false]);
        check("StringNotEquals", None, Test::StringEquals, [true, false]);
        check("StringEqualsIgnoreCase", None, Test::StringEqualsIgnoreCase, [false, false]);
        check("StringNotEqualsIgnoreCase", None, Test::StringEqualsIgnoreCase, [true, false]);
        check("StringLikeIfExists", None, Test::StringLike, [false, true]);
        check("ForAnyValue:StringNotLikeIfExists", Some(Any), Test::StringLike, [true, true]);
        check("ForAllValues:StringEquals", Some(All), Test::StringEquals, [false, false]);
        check("NumericEquals", None, Test::Numeric(Equals), [false, false]);
        check("NumericNotEquals", None, Test::Numeric(Equals), [true, false]);
        check("NumericLessThan", None, Test::Numeric(LessThan), [false, false]);
        check("NumericLessThanEquals", None, Test::Numeric(LessThanEquals), [false, false]);
        check("NumericGreaterThan", None, Test::Numeric(GreaterThan), [false, false]);
        check("NumericGreaterThanEquals", None, Test::Numeric(GreaterThanEquals), [false, false]);
        check("DateEquals", None, Test::Date(Equals), [false, false]);
        check("DateNotEqualsIfExists", None, Test::Date(Equals), [true, true]);
        check("DateLessThan", None, Test::Date(LessThan), [false, false]);
        check("DateGreaterThanEquals", None, Test::Date(GreaterThanEquals), [false, false]);
        check("Bool", None, Test::Bool, [false, false]);
        check("BoolIfExists", None, Test::Bool, [false, true]);
        check("BinaryEquals", None, Test::BinaryEquals, [false, false]);
        check("IpAddress", None, Test::IpAddress, [false, false]);
        check("NotIpAddressIfExists", None, Test::IpAddress, [true, true]);
        check("ArnEquals", None, Test::Arn, [false, false]);
        check("ArnLike", None, Test::Arn, [false, false]);
        check("ArnNotEquals", None, Test::Arn, [true, false]);
        check("ArnNotLike", None, Test::Arn, [true, false]);
        check("Null", None, Test::Null, [false, false]);
    }

    #[test]
    fn other_names_are_unknown() {
        for name in [
            "",
            "StringMatches",
            "StringEqual",
            "NumericLike",
            "Numeric",
            "BoolNotEquals",
            "BinaryNotEquals",
            "IfExists",
            "ForSomeValues:StringEquals",
            "ForAnyValue:",
            "ForAnyValue:ForAllValues:StringEquals",
            "ForAnyValue: StringEquals",
            "StringEqualsIfExistsIfExists",
            " StringEquals",
            "NullIfExists",
            "ForAllValues:Null",
        ] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
    }
}
