//! The pattern behind `/`: k9s's case-insensitive regular expression over a row's cells, `!` inverse, `-f` fuzzy,
//! `-l app=web` or a bare `app=web` for labels.

use crate::{ident::Text, tree::labels::Labels};
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
    Nothing,
    Pattern(Regex),
    /// Lower-cased; only for what is too long for a pattern.
    Literal(String),
    Fuzzy(Arc<SkimMatcherV2>, String),
    Labels(Labels),
}

impl Filter {
    /// Never fails: what is no regular expression (yet) is looked for as it stands.
    pub fn parse(text: &str) -> Filter {
        let (inverse, rest) = match text.strip_prefix('!') {
            Some(it) => (true, it),
            None => (false, text),
        };
        let after = |flag: &str| {
            let it = rest.strip_prefix(flag)?;
            (it.is_empty() || it.starts_with(' ')).then(|| it.trim())
        };
        let how = match (after("-f"), after("-l")) {
            (Some(""), _) | (_, Some("")) => How::Everything,
            (Some(it), _) => How::Fuzzy(Arc::default(), it.to_owned()),
            // Half typed it selects nothing, rather than everything.
            (_, Some(it)) => Labels::parse(it).map_or(How::Nothing, How::Labels),
            (None, None) if rest.is_empty() => How::Everything,
            (None, None) if Labels::is_bare(rest) => {
                Labels::parse(rest).map_or(How::Nothing, How::Labels)
            }
            (None, None) => pattern(rest),
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

    /// Whether it looks at labels and not at cells.
    pub fn is_of_labels(&self) -> bool {
        matches!(self.how, How::Labels(_) | How::Nothing)
    }

    /// Whether what has these labels is kept.
    pub fn keeps_labels(&self, labels: &[(Text, Text)]) -> bool {
        match &self.how {
            How::Labels(it) => it.match_all(labels) != self.inverse,
            How::Everything => true,
            How::Nothing | How::Pattern(_) | How::Literal(_) | How::Fuzzy(..) => false,
        }
    }

    /// Where in a text a match begins, as a byte index; `None` for none, and for what has no place of its own.
    pub fn find(&self, text: &str) -> Option<usize> {
        match &self.how {
            How::Pattern(it) if !self.inverse => it.find(text).map(|it| it.start()),
            How::Literal(it) if !self.inverse => text.to_lowercase().find(it.as_str()),
            How::Everything
            | How::Nothing
            | How::Pattern(_)
            | How::Literal(_)
            | How::Fuzzy(..)
            | How::Labels(_) => None,
        }
    }

    /// Whether a row is kept. `cells` are its cells, one a line; the fuzzy form looks at the first alone, its name.
    /// What has no labels to look at is not what a label filter looks for.
    pub fn keeps(&self, cells: &str) -> bool {
        match &self.how {
            How::Everything => true,
            How::Nothing | How::Labels(_) => false,
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
        check("-l app=web", "app=web", false);
    }

    #[test]
    fn labels() {
        let labels = [("app".into(), "web".into())];
        let check = |text: &str, expected: bool| {
            let filter = Filter::parse(text);
            assert!(filter.is_of_labels(), "{text}");
            assert_eq!(filter.keeps_labels(&labels), expected, "{text}");
        };
        check("-l app=web", true);
        check("app=web", true);
        check("!app=web", false);
        check("app!=web", false);
        check("-l app in (web", false);
        assert!(!Filter::parse("a=b|c").is_of_labels());
        assert!(Filter::parse("-l").is_empty());
    }

    #[test]
    fn an_inverse_of_nothing_is_nothing() {
        assert!(Filter::parse("!").is_empty());
        assert!(!Filter::parse("!a").is_empty());
        assert!(Filter::parse("!a").is_inverse());
    }
}
