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
                Ok(Some(wanted)) => res.known.push(wanted),
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
