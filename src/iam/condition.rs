//! One condition against the request: missing keys, lists of values, negation, set operators, variables.
//!
//! Rules: IAM User Guide, "Condition operators", "Set operators for multivalued context keys" and "Policy elements:
//! Variables and tags". How single values compare is `compare`'s.

use crate::iam::{
    Clause, Condition, Context, Got, Operator, Part, Quantifier, Test, Truth, Version,
    compare::Wanted,
    variable::{Fragment, Unresolved, resolve},
};

pub(crate) fn judge(condition: &Condition, version: Version, context: &Context) -> Clause {
    let got = context.get(&condition.key);
    let (truth, note) = match Operator::parse(&condition.operator) {
        Some(operator) => holds(operator, condition, &got, version, context),
        None => (Truth::Unknown, Some("the operator is not known")),
    };
    Clause {
        part: Part::Condition { operator: condition.operator.clone(), key: condition.key.clone() },
        wanted: condition.values.clone(),
        got,
        truth,
        note,
    }
}

type Judged = (Truth, Option<&'static str>);

fn holds(
    operator: Operator,
    condition: &Condition,
    got: &Got,
    version: Version,
    context: &Context,
) -> Judged {
    // A key without values is no key: IAM calls both a null data set.
    let values = match got {
        Got::Present(values) if !values.is_empty() => Some(&**values),
        Got::Present(_) | Got::Absent | Got::Unknown => None,
    };
    let is_unknown = *got == Got::Unknown;
    if operator.if_exists && values.is_none() && !is_unknown {
        return (Truth::True, Some("the key is missing, which is enough for `IfExists`"));
    }
    let wanted = match Values::read(operator.test, condition, version, context) {
        Ok(it) => it,
        // The key may turn out to be missing, which would be enough.
        Err(note) if operator.if_exists && is_unknown => return (Truth::Unknown, Some(note)),
        Err(note) => return (Truth::False, Some(note)),
    };
    let (truth, note) = if is_unknown {
        (Truth::Unknown, Some("the key's value cannot be known from here"))
    } else if operator.test == Test::Null {
        let is_null = if values.is_none() { "true" } else { "false" };
        (wanted.any(is_null), None)
    } else {
        match values {
            Some(values) => (present(operator, &wanted, values), None),
            None => missing(operator),
        }
    };
    // A variable that cannot be known may also be one that cannot be resolved, which matches nothing.
    let truth = if wanted.may_be_missing { truth.and(Truth::Unknown) } else { truth };
    (truth, note.or(wanted.note.filter(|_| truth == Truth::Unknown)))
}

/// What a key that is not in the request means.
fn missing(operator: Operator) -> Judged {
    match (operator.quantifier, operator.negated) {
        (Some(Quantifier::All), _) => {
            (Truth::True, Some("the key is missing, which `ForAllValues` takes for a match"))
        }
        (Some(Quantifier::Any), _) => (Truth::False, None),
        (None, true) => (Truth::True, Some("the key is missing, so it differs from every value")),
        (None, false) => (Truth::False, None),
    }
}

fn present(operator: Operator, wanted: &Values, got: &[crate::ident::Text]) -> Truth {
    // Negated operators are NOR over the policy's values, under a set operator for each of the request's values.
    let one = |it: &crate::ident::Text| {
        let any = wanted.any(it);
        if operator.negated { any.not() } else { any }
    };
    match (operator.quantifier, operator.negated) {
        (Some(Quantifier::Any), _) | (None, false) => Truth::any(got.iter().map(one)),
        (Some(Quantifier::All), _) | (None, true) => Truth::all(got.iter().map(one)),
    }
}

/// The values of the policy, ready to be compared.
struct Values {
    known: Vec<Wanted>,
    /// Some value could not be read, so none of the others' failing is the last word.
    has_unread: bool,
    /// Some value holds a variable that may turn out to be missing.
    may_be_missing: bool,
    note: Option<&'static str>,
}

impl Values {
    /// Fails when a variable cannot be resolved, with the note on that.
    fn read(
        test: Test,
        condition: &Condition,
        version: Version,
        context: &Context,
    ) -> Result<Values, &'static str> {
        let mut res = Values {
            known: Vec::with_capacity(condition.values.len()),
            has_unread: false,
            may_be_missing: false,
            note: None,
        };
        for value in &condition.values {
            let fragments = if test.has_variables() {
                resolve(value, version, context)
            } else {
                Ok(vec![Fragment::Written(value)])
            };
            match fragments.map(|it| Wanted::read(test, &it)) {
                Ok(Some(wanted)) => {
                    res.note = res.note.or(wanted.note());
                    res.known.push(wanted);
                }
                Ok(None) => res.unread("a value is not of the operator's type"),
                Err(Unresolved::Missing) => return Err(Unresolved::Missing.note()),
                Err(failure @ (Unresolved::Unknown | Unresolved::Malformed)) => {
                    res.may_be_missing |= failure == Unresolved::Unknown;
                    res.unread(failure.note());
                }
            }
        }
        Ok(res)
    }

    fn unread(&mut self, note: &'static str) {
        self.has_unread = true;
        self.note = Some(note);
    }

    /// Whether `got` matches one of the values.
    fn any(&self, got: &str) -> Truth {
        let unread = if self.has_unread { Truth::Unknown } else { Truth::False };
        unread.or(Truth::any(self.known.iter().map(|it| it.matches(got))))
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::{
        Condition, Context,
        Truth::{self, False, True, Unknown},
        Version,
        condition::judge,
    };

    /// Values are separated by spaces. In the context `k` is there once, `many` has two values, `empty` none, and
    /// `hidden` cannot be known.
    #[track_caller]
    fn check(operator: &str, key: &str, values: &str, expected: Truth) {
        let mut context = Context::default();
        context.set("K", ["a"]);
        context.set("many", ["a", "c"]);
        context.set("empty", [""; 0]);
        context.set("star", ["*"]);
        context.set("arn", ["arn:aws:iam::1:role/x"]);
        context.set("letter", ["é"]);
        context.set("number", ["5"]);
        context.set("text", ["five"]);
        context.set_unknown("hidden");
        let condition = Condition {
            operator: operator.into(),
            key: key.into(),
            values: values.split_terminator(' ').map(Into::into).collect(),
        };
        let clause = judge(&condition, Version::V2012, &context);
        assert_eq!(clause.truth, expected, "{operator} {key} {values}: {:?}", clause.note);
        assert!(expected != Unknown || clause.note.is_some(), "an unknown clause says why");
    }

    #[test]
    fn values_are_alternatives() {
        check("StringEquals", "k", "a", True);
        check("stringequals", "K", "x a", True);
        check("StringEquals", "k", "x y", False);
        check("StringEquals", "k", "", False);
        check("StringNotEquals", "k", "a", False);
        check("StringNotEquals", "k", "x a", False);
        check("StringNotEquals", "k", "x y", True);
        check("StringNotEquals", "k", "", True);
        check("StringNotLike", "k", "b* ?", False);
    }

    #[test]
    fn missing_keys() {
        for key in ["gone", "empty"] {
            check("StringEquals", key, "a", False);
            check("StringNotEquals", key, "a", True);
            check("NotIpAddress", key, "10.0.0.0/8", True);
            check("StringEqualsIfExists", key, "a", True);
            check("StringNotEqualsIfExists", key, "a", True);
            check("ForAllValues:StringEquals", key, "a", True);
            check("ForAllValues:StringNotEquals", key, "a", True);
            check("ForAnyValue:StringEquals", key, "a", False);
            check("ForAnyValue:StringNotEquals", key, "a", False);
            check("ForAnyValue:StringEqualsIfExists", key, "a", True);
            check("ForAnyValue:StringNotEqualsIfExists", key, "a", True);
            check("Null", key, "true", True);
            check("Null", key, "false", False);
        }
        check("Null", "k", "true", False);
        check("Null", "k", "false", True);
        check("null", "k", "True False", True);
    }

    #[test]
    fn set_operators() {
        check("ForAnyValue:StringEquals", "many", "a", True);
        check("ForAnyValue:StringEquals", "many", "b", False);
        check("ForAllValues:StringEquals", "many", "a", False);
        check("ForAllValues:StringEquals", "many", "a b c", True);
        check("ForAnyValue:StringNotEquals", "many", "a b", True);
        check("ForAnyValue:StringNotEquals", "many", "a c", False);
        check("ForAllValues:StringNotEquals", "many", "b d", True);
        check("ForAllValues:StringNotEquals", "many", "b c", False);
        check("ForAnyValue:StringLike", "k", "?", True);
        // Without a set operator, as `ForAnyValue` and, negated, as its opposite.
        check("StringEquals", "many", "c", True);
        check("StringNotEquals", "many", "c", False);
        check("StringNotEquals", "many", "b", True);
    }

    #[test]
    fn unknown_keys() {
        for operator in [
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIfExists",
            "ForAllValues:StringEquals",
            "ForAnyValue:StringNotLike",
            "Null",
            "NumericLessThan",
        ] {
            check(operator, "hidden", "true", Unknown);
        }
    }

    #[test]
    fn unknown_operators() {
        check("StringMatches", "k", "a", Unknown);
        check("StringMatches", "gone", "a", Unknown);
        check("NullIfExists", "k", "true", Unknown);
    }

    #[test]
    fn values_of_the_wrong_type() {
        check("NumericLessThan", "text", "7", False);
        check("NumericNotEquals", "text", "7", True);
        check("NumericEquals", "number", "five", Unknown);
        check("NumericEquals", "number", "five 5", True);
        check("NumericNotEquals", "number", "five 5", False);
        check("NumericNotEquals", "number", "five 6", Unknown);
        check("NumericEquals", "gone", "five", False);
        check("NumericEqualsIfExists", "gone", "five", True);
        check("Null", "k", "maybe", Unknown);
        check("ArnNotLike", "k", "arn:aws:iam::*:role/*", True);
        check("ArnLike", "k", "*", False);
        check("ArnNotLike", "k", "system:serviceaccount:*", True);
        check("ArnLike", "arn", "arn:*", Unknown);
        check("StringEqualsIgnoreCase", "letter", "É", Unknown);
    }

    #[test]
    fn variables() {
        check("StringEquals", "k", "${k}", True);
        check("StringLike", "k", "${star}", False);
        check("StringLike", "star", "${star}", True);
        check("StringLike", "star", "${*}", True);
        check("StringLike", "k", "${*}", False);
        check("StringEquals", "star", "${*}", True);
        check("ArnLike", "arn", "${arn}", True);
        check("ArnLike", "arn", "arn:${gone,'aws'}:iam::*:role/*", True);
        check("NumericEquals", "number", "${number}", Unknown);
        // A statement with a variable that cannot be resolved does not match, whatever the operator says.
        check("StringEquals", "k", "a ${gone}", False);
        check("StringNotEquals", "k", "x ${gone}", False);
        check("StringNotEquals", "k", "x ${many}", False);
        check("StringNotEquals", "gone", "${gone}", False);
        check("ForAllValues:StringEquals", "gone", "${gone}", False);
        check("StringEqualsIfExists", "gone", "${gone}", True);
        check("StringEquals", "hidden", "${gone}", False);
        check("StringEqualsIfExists", "hidden", "${gone}", Unknown);
        check("StringNotEqualsIfExists", "hidden", "a ${gone}", Unknown);
        // One that cannot be known may also be one that cannot be resolved.
        check("StringEquals", "k", "a ${hidden}", Unknown);
        check("StringEquals", "gone", "${hidden}", False);
        check("StringNotEquals", "gone", "${hidden}", Unknown);
        check("StringNotEquals", "k", "a ${hidden}", False);
        check("StringEquals", "k", "${", Unknown);
    }
}
