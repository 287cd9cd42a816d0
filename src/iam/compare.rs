//! What each operator does with one value of the policy and one of the request.
//!
//! A request's value of the wrong type matches nothing. A policy's value of the wrong type is `Unknown`: IAM does not
//! document what it makes of it. Missing keys, lists, negation and set operators are `condition`'s.

use crate::iam::{
    Comparison, Test, Truth,
    glob::{Piece, covers},
    variable::{Fragment, pattern, plain},
};
use core::net::IpAddr;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::cmp::Ordering;

/// A value of the policy, read once for all values of the request.
#[derive(Debug)]
pub(crate) enum Wanted {
    Text(String),
    IgnoreCase(String),
    Pattern(Vec<Piece>),
    /// The six parts of an ARN pattern.
    Arn(Vec<Vec<Piece>>),
    Numeric(Comparison, Number),
    Date(Comparison, Timestamp),
    Bool(bool),
    Network(IpAddr, u8),
    /// An ARN pattern with wildcards and fewer than six parts. Whether IAM lets a `*` stand for several parts is not
    /// documented; what is no ARN it matches in no case.
    ShortArn,
    /// Equals no value whatever.
    Nothing,
}

impl Wanted {
    /// `None` when the value is not of the operator's type.
    pub(crate) fn read(test: Test, value: &[Fragment<'_>]) -> Option<Wanted> {
        Some(match test {
            // Both sides carry Base64, whose canonical form is unique.
            Test::StringEquals | Test::BinaryEquals => Wanted::Text(plain(value)),
            Test::StringEqualsIgnoreCase => Wanted::IgnoreCase(plain(value)),
            Test::StringLike => Wanted::Pattern(pattern(value)),
            Test::Arn => arn(&pattern(value)),
            Test::Numeric(comparison) => Wanted::Numeric(comparison, Number::parse(&plain(value))?),
            Test::Date(comparison) => Wanted::Date(comparison, date(&plain(value))?),
            Test::Bool | Test::Null => Wanted::Bool(boolean(&plain(value))?),
            Test::IpAddress => {
                let (address, prefix) = network(&plain(value))?;
                Wanted::Network(address, prefix)
            }
        })
    }

    /// Why it may be that nobody can say whether a value matches.
    pub(crate) fn note(&self) -> Option<&'static str> {
        match self {
            Wanted::IgnoreCase(_) => {
                Some("which letters beyond ASCII are the same without case is not documented")
            }
            Wanted::ShortArn => {
                Some("an ARN pattern has six parts, what fewer match is not documented")
            }
            Wanted::Text(_)
            | Wanted::Pattern(_)
            | Wanted::Arn(_)
            | Wanted::Numeric(..)
            | Wanted::Date(..)
            | Wanted::Bool(_)
            | Wanted::Network(..)
            | Wanted::Nothing => None,
        }
    }

    /// Whether the request's value `got` is what is wanted.
    pub(crate) fn matches(&self, got: &str) -> Truth {
        match self {
            Wanted::Text(it) => (it == got).into(),
            Wanted::IgnoreCase(it) if it.eq_ignore_ascii_case(got) => Truth::True,
            // Which letters beyond ASCII IAM folds is not documented.
            Wanted::IgnoreCase(it) if it.to_lowercase() == got.to_lowercase() => Truth::Unknown,
            Wanted::IgnoreCase(_) | Wanted::Nothing => Truth::False,
            Wanted::Pattern(it) => covers(it.iter().copied(), got.chars().map(Piece::Exact)).into(),
            Wanted::Arn(parts) => arn_matches(parts, got).into(),
            Wanted::ShortArn if is_arn(got) => Truth::Unknown,
            Wanted::ShortArn => Truth::False,
            Wanted::Numeric(comparison, it) => {
                Number::parse(got).is_some_and(|got| comparison.holds(got.compare(it))).into()
            }
            Wanted::Date(comparison, it) => {
                date(got).is_some_and(|got| comparison.holds(got.cmp(it))).into()
            }
            Wanted::Bool(it) => (boolean(got) == Some(*it)).into(),
            Wanted::Network(address, prefix) => {
                got.parse().is_ok_and(|got| in_network(got, *address, *prefix)).into()
            }
        }
    }
}

/// A decimal number: exact when it is an integer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn parse(text: &str) -> Option<Number> {
        if let Ok(it) = text.parse() {
            return Some(Number::Integer(it));
        }
        // `f64` would also read `inf` and `nan`.
        let is_decimal =
            text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        text.parse().ok().filter(|_| is_decimal).map(Number::Float)
    }

    fn compare(self, other: &Number) -> Ordering {
        match (self, *other) {
            (Number::Integer(it), Number::Integer(other)) => it.cmp(&other),
            (it, other) => it.as_f64().total_cmp(&other.as_f64()),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Number::Integer(it) => it as f64,
            // Adding zero makes the negative zero positive.
            Number::Float(it) => it + 0.0,
        }
    }
}

/// ISO 8601 in the W3C profile (year, month and day alone included) or seconds since 1970. Four digits are a year.
/// A time without a zone is UTC.
fn date(text: &str) -> Option<Timestamp> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let civil = match (n_digits, text.len()) {
        (4, 4) => format!("{text}-01-01"),
        (4, 7) => format!("{text}-01"),
        (4, _) => text.to_owned(),
        (_, _) => return Timestamp::from_second(text.parse().ok()?).ok(),
    };
    if civil.contains('[') {
        return None;
    }
    if let Ok(it) = civil.parse() {
        return Some(it);
    }
    let civil: DateTime = civil.parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// An address with the length of its prefix; without one, the address alone.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(it) if it.bytes().all(|it| it.is_ascii_digit()) => it.parse().ok()?,
        Some(_) => return None,
        None => longest,
    };
    (prefix <= longest).then_some((address, prefix))
}

fn in_network(it: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let (it, network, width) = match (it, network) {
        (IpAddr::V4(it), IpAddr::V4(network)) => {
            (u128::from(it.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(it), IpAddr::V6(network)) => (it.to_bits(), network.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    // A shift by the whole width is no shift: the empty prefix holds everything.
    let host_bits = width - u32::from(prefix);
    it.checked_shr(host_bits) == network.checked_shr(host_bits)
}

fn arn(pattern: &[Piece]) -> Wanted {
    let parts: Vec<Vec<Piece>> =
        pattern.splitn(6, |it| *it == Piece::Exact(':')).map(<[Piece]>::to_vec).collect();
    let is_literal = pattern.iter().all(|it| matches!(it, Piece::Exact(_)));
    match parts.len() {
        6 => Wanted::Arn(parts),
        // Text that is no ARN equals none.
        _ if is_literal => Wanted::Nothing,
        _ => Wanted::ShortArn,
    }
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.splitn(6, ':').count() == 6
}

fn arn_matches(parts: &[Vec<Piece>], got: &str) -> bool {
    is_arn(got)
        && parts
            .iter()
            .zip(got.splitn(6, ':'))
            .all(|(part, got)| covers(part.iter().copied(), got.chars().map(Piece::Exact)))
}

#[cfg(test)]
mod tests {
    use crate::iam::{Comparison, Operator, Test, Truth, compare::Wanted, variable::Fragment};

    /// `expected` is `None` where the policy's value is not of the operator's type.
    #[track_caller]
    fn check(operator: &str, wanted: &str, got: &str, expected: impl Into<Option<bool>>) {
        let operator = Operator::parse(operator).unwrap();
        let read = Wanted::read(operator.test, &[Fragment::Written(wanted)]);
        let truth = read.map(|it| it.matches(got));
        assert_eq!(truth, expected.into().map(Truth::from), "{operator:?} {wanted} {got}");
    }

    #[test]
    fn strings() {
        check("StringEquals", "a*", "a*", true);
        check("StringEquals", "a*", "ab", false);
        check("StringEquals", "a", " a", false);
        check("StringEquals", "a", "A", false);
        check("StringEqualsIgnoreCase", "aB", "Ab", true);
        check("StringEqualsIgnoreCase", "a*", "ab", false);
        check("StringLike", "a*c?", "abcd", true);
        check("StringLike", "a*c?", "abc", false);
        check("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true);
        check("BinaryEquals", "QmluYXJ5", "qmluYXJ5", false);
        let folded = Wanted::read(Test::StringEqualsIgnoreCase, &[Fragment::Written("É")]).unwrap();
        assert_eq!(folded.matches("é"), Truth::Unknown);
    }

    #[test]
    fn numbers() {
        check("NumericEquals", "10", "10.0", true);
        check("NumericEquals", "0", "-0.0", true);
        check("NumericLessThan", "10", "9.5", true);
        check("NumericLessThan", "10", "10", false);
        check("NumericLessThanEquals", "10", "10", true);
        check("NumericGreaterThan", "-1", "0", true);
        check("NumericGreaterThanEquals", "1e3", "1000", true);
        check("NumericEquals", "9007199254740993", "9007199254740992", false);
        check("NumericEquals", "10", "ten", false);
        check("NumericEquals", "10", " 10", false);
        check("NumericEquals", "ten", "10", None);
        check("NumericLessThan", "inf", "10", None);
        check("NumericLessThan", "nan", "10", None);
        check("NumericLessThan", "", "10", None);
    }

    #[test]
    fn dates() {
        let noon = "2026-06-01T12:00:00Z";
        check("DateEquals", "2026-06-01T21:00:00+09:00", noon, true);
        check("DateEquals", "1780315200", noon, true);
        check("DateEquals", noon, "1780315200", true);
        check("DateLessThan", "2026-06-01T12:00:00.5Z", noon, true);
        check("DateLessThan", noon, noon, false);
        check("DateLessThanEquals", "2026-06-01T12:00Z", noon, true);
        check("DateGreaterThan", "2026-06-01", noon, true);
        check("DateGreaterThan", "2026-06", noon, true);
        check("DateGreaterThan", "2026", noon, true);
        check("DateLessThan", "2027", noon, true);
        check("DateGreaterThanEquals", "2026-06-01T12:00:00", noon, true);
        check("DateGreaterThan", "0", noon, true);
        check("DateGreaterThan", "-5", noon, true);
        check("DateEquals", noon, "yesterday", false);
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-06-01T12:00:00Z[Asia/Seoul]",
            "99999999999999999999",
        ] {
            check("DateLessThan", text, noon, None);
        }
    }

    #[test]
    fn booleans() {
        check("Bool", "true", "true", true);
        check("Bool", "True", "true", true);
        check("Bool", "false", "true", false);
        check("Bool", "true", "yes", false);
        check("Bool", "yes", "true", None);
    }

    #[test]
    fn addresses() {
        check("IpAddress", "10.0.0.0/8", "10.255.0.1", true);
        check("IpAddress", "10.1.2.3/8", "10.255.0.1", true);
        check("IpAddress", "10.0.0.0/8", "11.0.0.1", false);
        check("IpAddress", "10.0.0.1", "10.0.0.1", true);
        check("IpAddress", "10.0.0.1", "10.0.0.2", false);
        check("IpAddress", "0.0.0.0/0", "203.0.113.9", true);
        check("IpAddress", "0.0.0.0/0", "2001:db8::1", false);
        check("IpAddress", "::/0", "2001:db8::1", true);
        check("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678:9::1", true);
        check("IpAddress", "2001:db8::/33", "2001:db8:8000::", false);
        check("IpAddress", "10.0.0.0/8", "not an address", false);
        for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "", "::/129", "*"] {
            check("IpAddress", text, "10.0.0.1", None);
        }
    }

    #[test]
    fn arns() {
        let topic = "arn:aws:sns:eu-west-1:111122223333:a:b";
        check("ArnEquals", topic, topic, true);
        check("ArnEquals", "arn:aws:sns:*:*:*", topic, true);
        check("ArnLike", "arn:aws:sns:eu-west-?:111122223333:a*", topic, true);
        for short in ["arn:*:b", "*", "arn:aws:sns:*"] {
            let wanted = Wanted::read(Test::Arn, &[Fragment::Written(short)]).unwrap();
            let got = [topic, "system:serviceaccount:default:app", "topic", ""];
            let truths = got.map(|it| wanted.matches(it));
            let no = Truth::False;
            assert_eq!(truths, [Truth::Unknown, no, no, no], "{short}");
        }
        check("ArnLike", "arn:aws:*:111122223333:a:b", topic, false);
        check("ArnLike", "topic", topic, false);
        check("ArnLike", "ARN:aws:sns:*:*:*", topic, false);
        check("ArnLike", "*:*:*:*:*:*", "system:serviceaccount:a:b:c:d", false);
        let sub = "system:serviceaccount:default:app";
        check("ArnLike", sub, sub, false);
        check("ArnLike", "arn:aws:eks:*:*:cluster/*", "arn:aws:eks:r:1:cluster/c", true);
    }

    #[test]
    fn every_comparison_reads_the_request_on_the_left() {
        use Comparison::{Equals, GreaterThan, GreaterThanEquals, LessThan, LessThanEquals};
        for (comparison, expected) in [
            (Equals, [false, true, false]),
            (LessThan, [true, false, false]),
            (LessThanEquals, [true, true, false]),
            (GreaterThan, [false, false, true]),
            (GreaterThanEquals, [false, true, true]),
        ] {
            let wanted =
                Wanted::read(Test::Numeric(comparison), &[Fragment::Written("5")]).unwrap();
            let got = ["4", "5", "6"].map(|it| wanted.matches(it));
            assert_eq!(got, expected.map(Truth::from), "{comparison:?}");
        }
    }
}
