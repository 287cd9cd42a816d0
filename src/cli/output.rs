//! What goes to the terminal: nothing in it may steer one, whatever the cluster, AWS or a file put into it.

use crate::{
    ident::{is_deceptive, visible},
    ui,
};
use std::{borrow::Cow, fmt::Write as _, io::Write as _};

/// The answer. A reader that went away (`| head`) is no error of ours.
pub fn print(text: &str, ascii: bool) {
    let text = lines(text);
    if ascii && !text.is_ascii() {
        raw(&text.chars().map(ui::ascii).collect::<String>());
    } else {
        raw(&text);
    }
}

/// As it is: for what we made whole ourselves, such as completions.
pub fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Each line made harmless; most texts are already, name by name, and this is what holds for all of them.
pub fn lines(text: &str) -> Cow<'_, str> {
    // Tabs steer nothing, and scripts may need theirs.
    let is_plain = |it: char| matches!(it, '\n' | '\t');
    if !text.chars().any(|it| !is_plain(it) && is_deceptive(it)) {
        return Cow::Borrowed(text);
    }
    let mut res = String::with_capacity(text.len() + 16);
    for part in text.split_inclusive(is_plain) {
        match part.strip_suffix(is_plain) {
            Some(words) => {
                res.push_str(&visible(words));
                res.push_str(&part[words.len()..]);
            }
            None => res.push_str(&visible(part)),
        }
    }
    Cow::Owned(res)
}

/// Indented JSON in which every character that could steer a terminal is an escape, so that it still is the same JSON.
pub fn json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain data serialises");
    let mut res = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Between the strings of a document there are only line feeds and spaces.
        if c != '\n' && is_deceptive(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(res, "\\u{unit:04x}").expect("a String takes all");
            }
        } else {
            res.push(c);
        }
    }
    res.push('\n');
    res
}

#[cfg(test)]
mod tests {
    use crate::cli::output::{json, lines};

    #[test]
    fn nothing_steers_a_terminal() {
        let check = |text: &str, wanted: &str| assert_eq!(lines(text), wanted);
        check("a\nb\n", "a\nb\n");
        check("a\u{1b}[2J\nb\tc", "a\\u{1b}[2J\nb\tc");
        check("\u{9b}1m\u{202e}", "\\u{9b}1m\\u{202e}");
    }

    #[test]
    fn json_says_the_same_without_what_steers() {
        let value = serde_json::json!({"a\u{9b}": ["\u{1b}[2J", "x\u{202e}y\u{e0041}z", "é 漢字", "\u{7f}\n"]});
        let text = json(&value);
        let safe = |it: char| it == '\n' || !crate::ident::is_deceptive(it);
        assert!(text.chars().all(safe), "{text:?}");
        assert!(text.contains("é 漢字"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
