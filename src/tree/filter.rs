//! The pattern behind `/`: k9s's case-insensitive regular expression over a row's cells, `!` inverse, `-f` fuzzy.

use fuzzy_matcher::{FuzzyMatcher, skim::SkimMatcherV2};
use regex::{Regex, RegexBuilder};
use std::{fmt, sync::Arc};

/// A filter as typed, ready to be matched. The default one lets everything through.
#[derive(Clone, Default)]
pub struct Filter {
    text: String,
    inverse: bool,
    how: How,
}

#[derive(Clone, Default)]
enum How {
    #[default]
    Everything,
    Pattern(Regex),
    /// Lower-cased; only for what is too long for a pattern.
    Literal(String),
    Fuzzy(Arc<SkimMatcherV2>, String),
}

impl Filter {
    /// Never fails: what is no regular expression (yet) is looked for as it stands.
    pub fn parse(text: &str) -> Filter {
        let (inverse, rest) = match text.strip_prefix('!') {
            Some(it) => (true, it),
            None => (false, text),
        };
        let fuzzy = rest.strip_prefix("-f").filter(|it| it.is_empty() || it.starts_with(' '));
        let how = match fuzzy.map(str::trim) {
            Some("") => How::Everything,
            Some(it) => How::Fuzzy(Arc::default(), it.to_owned()),
            None if rest.is_empty() => How::Everything,
            None => pattern(rest),
        };
        Filter { text: text.to_owned(), inverse, how }
    }

    /// As typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        matches!(self.how, How::Everything)
    }

    pub fn is_inverse(&self) -> bool {
        self.inverse
    }

    /// Whether a row is kept. `cells` are its cells, one a line; the fuzzy form looks at the first alone, its name.
    pub fn keeps(&self, cells: &str) -> bool {
        match &self.how {
            How::Everything => true,
            How::Pattern(it) => it.is_match(cells) != self.inverse,
            How::Literal(it) => cells.to_lowercase().contains(it) != self.inverse,
            How::Fuzzy(matcher, it) => {
                let name = cells.lines().next().unwrap_or_default();
                matcher.fuzzy_match(name, it).is_some() != self.inverse
            }
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({:?})", self.text)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.text == other.text
    }
}

fn pattern(text: &str) -> How {
    // The limit keeps a pattern such as `(a{1000}){1000}` from taking the screen with it.
    let build = |it: &str| {
        RegexBuilder::new(it).case_insensitive(true).multi_line(true).size_limit(1 << 20).build()
    };
    match build(text).or_else(|_| build(&regex::escape(text))) {
        Ok(it) => How::Pattern(it),
        Err(_) => How::Literal(text.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::Filter;

    #[test]
    fn patterns() {
        let check = |text: &str, cells: &str, expected: bool| {
            assert_eq!(Filter::parse(text).keeps(cells), expected, "{text:?} on {cells:?}");
        };
        check("", "anything", true);
        check("api", "payments/API\nirsa", true);
        check("^irsa$", "payments/api\nirsa\n", true);
        check("lbc|shop", "shop/web", true);
        check("api(", "a (b) api(c", true);
        check("api(", "api", false);
        check("a.*irsa", "a\nirsa", false);
        check("!api", "payments/api", false);
        check("!api", "payments/db", true);
        check("!", "x", true);
        check("-f pmapi", "payments/api", true);
        check("-f", "x", true);
        check("-f irsa", "payments/api\nirsa", false);
        check("!-f pmapi", "payments/api", false);
        check("-foo", "a-foo", true);
        check("(a{1000}){1000}", "x", false);
    }

    #[test]
    fn an_inverse_of_nothing_is_nothing() {
        assert!(Filter::parse("!").is_empty());
        assert!(!Filter::parse("!a").is_empty());
        assert!(Filter::parse("!a").is_inverse());
    }
}
