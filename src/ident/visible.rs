//! Foreign text on a terminal.

use std::{borrow::Cow, fmt::Write as _};

/// Text that somebody else wrote, made fit for a terminal: control characters and those that reorder or hide their
/// neighbours become visible escapes (`\n`, `\t`, `\u{1b}`). Borrowed when there is nothing to do.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut res = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => res.push_str("\\n"),
            '\r' => res.push_str("\\r"),
            '\t' => res.push_str("\\t"),
            it if is_deceptive(it) => {
                write!(res, "\\u{{{:x}}}", u32::from(it)).expect("a String takes all");
            }
            it => res.push(it),
        }
    }
    Cow::Owned(res)
}

/// C0, DEL, C1, bidirectional controls, zero-width characters, line separators, the byte order mark and tags.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
