//! Foreign text made safe in a POSIX shell, in a here-document and in HCL.

use std::fmt::Write;

/// A shell word: as it is where that is safe, else in single quotes.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `<<'WORD'` with the text and the closing line; nothing in it is expanded. The word is no line of the text.
pub fn heredoc(word: &str, text: &str) -> String {
    let mut end = word.to_owned();
    while text.lines().any(|it| it == end) {
        end.push('_');
    }
    format!("<<'{end}'\n{text}\n{end}")
}

/// A quoted HCL string: templates (`${`, `%{`) are escaped, so that the text stays text.
pub fn hcl(text: &str) -> String {
    let mut res = String::with_capacity(text.len() + 2);
    res.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => res.push_str("\\\""),
            '\\' => res.push_str("\\\\"),
            '\n' => res.push_str("\\n"),
            '\r' => res.push_str("\\r"),
            '\t' => res.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => res.extend([c, c]),
            it if it.is_control() => {
                write!(res, "\\u{:04x}", u32::from(it)).expect("a String takes all");
            }
            it => res.push(it),
        }
    }
    res.push('"');
    res
}

#[cfg(test)]
mod tests {
    use crate::plan::{hcl, heredoc, quote};
    use proptest::prelude::*;

    /// What a POSIX shell makes of one quoted word.
    fn unquote(word: &str) -> Option<String> {
        let mut res = String::new();
        let mut rest = word.chars();
        while let Some(c) = rest.next() {
            match c {
                '\'' => loop {
                    match rest.next()? {
                        '\'' => break,
                        it => res.push(it),
                    }
                },
                '\\' => res.push(rest.next()?),
                it if it.is_ascii_alphanumeric() || "-_./:@%+=,".contains(it) => res.push(it),
                _ => return None,
            }
        }
        Some(res)
    }

    /// What HCL makes of a quoted string; `None` when a template would start in it.
    fn unhcl(text: &str) -> Option<String> {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        let mut res = String::new();
        let mut rest = inner.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '"' => return None,
                '\\' => match rest.next()? {
                    'n' => res.push('\n'),
                    'r' => res.push('\r'),
                    't' => res.push('\t'),
                    'u' => {
                        let digits: String = rest.by_ref().take(4).collect();
                        res.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                    }
                    it => res.push(it),
                },
                '$' | '%' => {
                    let mut ahead = rest.clone();
                    if ahead.next() == Some(c) && ahead.next() == Some('{') {
                        rest.next();
                    } else if rest.peek() == Some(&'{') {
                        return None;
                    }
                    res.push(c);
                }
                it => res.push(it),
            }
        }
        Some(res)
    }

    proptest! {
        #[test]
        fn any_text_is_one_word(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(unquote(&quote(&text)), Some(text));
        }

        #[test]
        fn any_text_is_one_string_of_hcl(text in "\\PC{0,20}|[$%{}\"\\\\\\n a]{0,20}|[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(unhcl(&hcl(&text)), Some(text));
        }

        #[test]
        fn a_document_ends_where_it_ends(text in "(POLICY_?\n|[a-z\\n]{0,5}){0,6}") {
            let written = heredoc("POLICY", &text);
            let end = written.strip_prefix("<<'").unwrap().split_once('\'').unwrap().0.to_owned();
            let body = written.split_once('\n').unwrap().1;
            let lines: Vec<&str> = body.split('\n').take_while(|it| **it != *end).collect();
            prop_assert_eq!(lines.join("\n"), text);
        }
    }
}
