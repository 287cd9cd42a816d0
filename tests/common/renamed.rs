//! One name for another.

/// Every whole word exchanged.
pub fn renamed(text: &str, from: &str, to: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut res = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, found) = rest.split_at(at);
        let after = &found[from.len()..];
        let whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        res.push_str(before);
        res.push_str(if whole { to } else { from });
        rest = after;
    }
    res + rest
}
