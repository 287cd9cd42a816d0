//! Label selectors as kubectl takes them: `app=web,tier!=db`, `app in (a,b)`, `app notin (a)`, `app`, `!app`.

use crate::ident::Text;

/// All terms have to hold; without any, everything does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl Labels {
    /// `None` for what is no selector (yet).
    pub fn parse(text: &str) -> Option<Labels> {
        let terms = split(text).into_iter().map(|it| term(it.trim()));
        Some(Labels(terms.collect::<Option<Vec<Term>>>()?))
    }

    /// Whether a bare text is meant as one: `key=value`, comma separated.
    pub fn is_bare(text: &str) -> bool {
        let is_plain = |it: &str| {
            !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        };
        text.split(',').all(|it| {
            let pair = it.split_once("!=").or_else(|| it.split_once("=="));
            pair.or_else(|| it.split_once('=')).is_some_and(|(k, v)| is_plain(k) && is_plain(v))
        })
    }

    /// As Kubernetes: `!=` and `notin` hold for what has no such label at all.
    pub fn match_all(&self, labels: &[(Text, Text)]) -> bool {
        self.0.iter().all(|term| {
            let value = labels.iter().find(|(key, _)| **key == *term.key).map(|(_, it)| &**it);
            match (&term.test, value) {
                (Test::In(them), Some(it)) => them.iter().any(|one| one == it),
                (Test::In(_), None) => false,
                (Test::NotIn(them), Some(it)) => them.iter().all(|one| one != it),
                (Test::NotIn(_), None) => true,
                (Test::Exists, it) => it.is_some(),
                (Test::DoesNotExist, it) => it.is_none(),
            }
        })
    }
}

/// At commas that are not between brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut res, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, it) in text.char_indices() {
        match it {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                res.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text.trim().is_empty() {
        res.push(&text[start..]);
    }
    res
}

fn term(text: &str) -> Option<Term> {
    let one = |key: &str, test: Test| {
        let key = key.trim();
        let is_key = !key.is_empty() && !key.contains(char::is_whitespace);
        is_key.then(|| Term { key: key.to_owned(), test })
    };
    if let Some((key, value)) = text.split_once("!=") {
        return one(key, Test::NotIn(vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return one(key, Test::In(vec![value.trim().to_owned()]));
    }
    if let Some(key) = text.strip_prefix('!') {
        return one(key, Test::DoesNotExist);
    }
    let set = |rest: &str| -> Option<Vec<String>> {
        let inner = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|it| it.trim().to_owned()).collect())
    };
    match text.split_once(char::is_whitespace) {
        None => one(text, Test::Exists),
        Some((key, rest)) => match rest.trim().split_once(['(', ' ']).map(|it| it.0) {
            Some("in") => one(key, Test::In(set(rest.trim().strip_prefix("in")?)?)),
            Some("notin") => one(key, Test::NotIn(set(rest.trim().strip_prefix("notin")?)?)),
            Some(_) | None => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::{ident::Text, tree::labels::Labels};

    #[test]
    fn selects_as_kubectl_does() {
        let labels: Vec<(Text, Text)> =
            vec![("app".into(), "web".into()), ("tier".into(), "front".into())];
        let check = |text: &str, expected: bool| {
            let selector = Labels::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(selector.match_all(&labels), expected, "{text}");
        };
        check("", true);
        check("app=web", true);
        check("app==web,tier=front", true);
        check("app=web,tier=back", false);
        check("app!=web", false);
        check("none!=web", true);
        check("app", true);
        check("none", false);
        check("!none", true);
        check("!app", false);
        check("app in (api,web)", true);
        check("app in(api, web),tier", true);
        check("app notin (api,web)", false);
        check("none notin (api)", true);
        check("none in (api)", false);
    }

    #[test]
    fn what_is_none_is_none() {
        for it in ["app in", "app in (a", "=x", "a b", "app is (x)", ","] {
            assert_eq!(Labels::parse(it), None, "{it}");
        }
        for (text, expected) in
            [("app=web", true), ("a=b,c!=d", true), ("a==b", true), ("a=", false), ("a|b=c", false)]
        {
            assert_eq!(Labels::is_bare(text), expected, "{text}");
        }
    }
}
