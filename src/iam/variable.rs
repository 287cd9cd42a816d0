//! `${key}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}` in values of a policy.
//!
//! Which values may hold variables is the caller's business; so is what a failure means for the statement.

use crate::iam::{Context, Got, Version, glob::Piece};

/// A stretch of a value after substitution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fragment<'a> {
    /// As the policy has it: wildcards are wildcards where the operator knows them.
    Written(&'a str),
    /// Came from the request, a default or an escape: all its characters are literal.
    Literal(String),
}

/// Why a value has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// A key is missing or has several values: the statement does not match.
    Missing,
    /// A key's value cannot be known from here.
    Unknown,
    /// `${` without the rest of a variable: what IAM makes of it is not documented.
    Malformed,
}

impl Unresolved {
    pub(crate) fn note(self) -> &'static str {
        match self {
            Unresolved::Missing => {
                "a policy variable has no single value, so the statement does not match"
            }
            Unresolved::Unknown => "a policy variable's key cannot be known from here",
            Unresolved::Malformed => "a policy variable is malformed",
        }
    }
}

/// Substitutes the variables of `text`. In the older language there are none and everything is as written.
pub(crate) fn resolve<'a>(
    text: &'a str,
    version: Version,
    context: &Context,
) -> Result<Vec<Fragment<'a>>, Unresolved> {
    let mut res = Vec::with_capacity(1);
    let mut rest = match version {
        Version::V2008 => return Ok(vec![Fragment::Written(text)]),
        Version::V2012 => text,
    };
    let mut failure = None;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            res.push(Fragment::Written(before));
        }
        let Some((inside, after)) = after.split_once('}') else {
            return Err(Unresolved::Malformed);
        };
        match substitute(inside, context) {
            Ok(it) => res.push(Fragment::Literal(it)),
            Err(Unresolved::Malformed) => return Err(Unresolved::Malformed),
            Err(Unresolved::Missing) => failure = Some(Unresolved::Missing),
            Err(Unresolved::Unknown) => failure = failure.or(Some(Unresolved::Unknown)),
        }
        rest = after;
    }
    if !rest.is_empty() {
        res.push(Fragment::Written(rest));
    }
    failure.map_or(Ok(res), Err)
}

/// The fragments as one text without wildcards.
pub(crate) fn plain(fragments: &[Fragment<'_>]) -> String {
    fragments
        .iter()
        .map(|it| match it {
            Fragment::Written(text) => *text,
            Fragment::Literal(text) => text,
        })
        .collect()
}

/// The fragments as a pattern: only what the policy wrote has wildcards.
pub(crate) fn pattern(fragments: &[Fragment<'_>]) -> Vec<Piece> {
    let mut res = Vec::new();
    for fragment in fragments {
        match fragment {
            Fragment::Written(text) => res.extend(text.chars().map(Piece::of)),
            Fragment::Literal(text) => res.extend(text.chars().map(Piece::Exact)),
        }
    }
    res
}

fn substitute(inside: &str, context: &Context) -> Result<String, Unresolved> {
    if matches!(inside, "*" | "?" | "$") {
        return Ok(inside.to_owned());
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
            (key, Some(quoted.ok_or(Unresolved::Malformed)?))
        }
    };
    let key = key.trim();
    if key.is_empty() || key.contains(['{', '$', '*', '?', '\'']) {
        return Err(Unresolved::Malformed);
    }
    match context.get(key) {
        Got::Unknown => Err(Unresolved::Unknown),
        Got::Absent => default.map(str::to_owned).ok_or(Unresolved::Missing),
        Got::Present(values) => match &*values {
            [] => default.map(str::to_owned).ok_or(Unresolved::Missing),
            [value] => Ok(value.to_string()),
            [_, _, ..] => Err(Unresolved::Missing),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::iam::{
        Context, Version,
        variable::{Fragment, Unresolved, plain, resolve},
    };

    fn context() -> Context {
        let mut res = Context::default();
        res.set("aws:a", ["x*"]);
        res.set("aws:PrincipalTag/cost center", ["42"]);
        res.set("aws:many", ["1", "2"]);
        res.set("aws:none", [""; 0]);
        res.set_unknown("aws:Hidden");
        res
    }

    #[test]
    fn resolves() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, Unresolved>) {
            let got = resolve(text, Version::V2012, &context()).map(|it| plain(&it));
            assert_eq!(got.as_deref().map_err(|it| *it), expected, "{text}");
            let older = resolve(text, Version::V2008, &context()).map(|it| plain(&it));
            assert_eq!(older.as_deref(), Ok(text), "no variables in the older language");
        }
        check("", Ok(""));
        check("plain", Ok("plain"));
        check("$5 } {", Ok("$5 } {"));
        check("a/${aws:a}/b", Ok("a/x*/b"));
        check("${AWS:A}${aws:a}", Ok("x*x*"));
        check("${aws:principaltag/cost center}", Ok("42"));
        check("${*}${?}${$}{x}", Ok("*?${x}"));
        check("${aws:b, 'it'}", Ok("it"));
        check("${aws:b,'it'}", Ok("it"));
        check("${aws:a, 'it'}", Ok("x*"));
        check("${aws:none, 'it'}", Ok("it"));
        check("${aws:b, ''}", Ok(""));
        check("${aws:b}", Err(Unresolved::Missing));
        check("${aws:many}", Err(Unresolved::Missing));
        check("${aws:many, 'x'}", Err(Unresolved::Missing));
        check("${aws:none}", Err(Unresolved::Missing));
        check("${aws:hidden}", Err(Unresolved::Unknown));
        check("${aws:hidden, 'x'}", Err(Unresolved::Unknown));
        check("${aws:hidden}${aws:b}", Err(Unresolved::Missing));
        check("${aws:b}${aws:hidden}", Err(Unresolved::Missing));
        for text in ["${", "${aws:a", "${}", "${ }", "${aws:b, it}", "${aws:b, 'it}", "${${aws:a}}"]
        {
            check(text, Err(Unresolved::Malformed));
        }
    }

    #[test]
    fn substituted_text_is_literal() {
        assert_eq!(
            resolve("*${aws:a}", Version::V2012, &context()),
            Ok(vec![Fragment::Written("*"), Fragment::Literal("x*".into())])
        );
    }
}
