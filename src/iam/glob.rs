//! `*` and `?` as IAM matches them, and whether one such pattern covers another.
//!
//! One matcher serves both questions: it walks two sequences of pieces, and a text is a pattern without wildcards.
//! It remembers only the last `*`, so the work is at most pattern times text, never exponential.

/// Whether `pattern` (`*` any run, `?` one character) matches all of `text`, case-sensitively.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    covers(pattern.chars().map(Piece::of), text.chars().map(Piece::Exact))
}

/// Whether every text that `narrow` matches is matched by `wide` too; `false` when that cannot be shown.
pub fn glob_covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (normal(wide), normal(narrow));
    covers(wide.iter().copied(), narrow.iter().copied())
}

/// One element of a pattern. Text that was substituted for a policy variable is all `Exact`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Exact(char),
    One,
    Run,
}

impl Piece {
    /// What `c` means where wildcards are allowed.
    pub(crate) fn of(c: char) -> Piece {
        match c {
            '*' => Piece::Run,
            '?' => Piece::One,
            other => Piece::Exact(other),
        }
    }

    /// Whether this piece, which is no `Run`, takes the place of exactly `other`.
    fn takes(self, other: Piece) -> bool {
        match (self, other) {
            (Piece::Exact(it), Piece::Exact(other)) => it == other,
            (Piece::One, Piece::Exact(_) | Piece::One) => true,
            (Piece::Exact(_), Piece::One | Piece::Run)
            | (Piece::One, Piece::Run)
            | (Piece::Run, _) => false,
        }
    }
}

/// Whether the pieces `wide` match everything that `narrow` stands for.
///
/// Between two `Run`s the leftmost fit is always as good as any other, so only the last one is ever retried.
pub(crate) fn covers(
    mut wide: impl Iterator<Item = Piece> + Clone,
    mut narrow: impl Iterator<Item = Piece> + Clone,
) -> bool {
    let mut retry = None;
    loop {
        let before = narrow.clone();
        match (wide.next(), narrow.next()) {
            (None, None) => return true,
            (Some(Piece::Run), _) => {
                // The run takes nothing at first.
                narrow = before;
                retry = Some((wide.clone(), narrow.clone()));
            }
            (Some(piece), Some(other)) if piece.takes(other) => {}
            (_, None) => return false,
            (Some(_) | None, Some(_)) => {
                let Some((after_run, mut from)) = retry else { return false };
                from.next();
                wide = after_run.clone();
                narrow = from.clone();
                retry = Some((after_run, from));
            }
        }
    }
}

/// The pieces with every mixed run of wildcards in one order (`*?*` is `?*`), so that equal patterns look equal.
fn normal(pattern: &str) -> Vec<Piece> {
    let mut res = Vec::with_capacity(pattern.len());
    let mut run_open = false;
    for piece in pattern.chars().map(Piece::of) {
        match piece {
            Piece::Run => run_open = true,
            Piece::One => res.push(Piece::One),
            Piece::Exact(_) => {
                if std::mem::take(&mut run_open) {
                    res.push(Piece::Run);
                }
                res.push(piece);
            }
        }
    }
    if run_open {
        res.push(Piece::Run);
    }
    res
}

#[cfg(test)]
mod tests {
    use crate::iam::{
        glob::{Piece, covers},
        glob_covers, glob_matches,
    };
    use std::cell::Cell;

    #[test]
    fn matches_as_iam_does() {
        #[track_caller]
        fn check(pattern: &str, yes: &[&str], no: &[&str]) {
            for it in yes {
                assert!(glob_matches(pattern, it), "`{pattern}` should match `{it}`");
            }
            for it in no {
                assert!(!glob_matches(pattern, it), "`{pattern}` should not match `{it}`");
            }
        }
        check("", &[""], &["a"]);
        check("*", &["", "a", "a:b/c", "é漢"], &[]);
        check("**", &["", "a"], &[]);
        check("?", &["a", "é", "漢", "🦀", "*"], &["", "ab"]);
        check("a?c", &["abc", "a?c", "a漢c"], &["ac", "abbc"]);
        check("a*c", &["ac", "abc", "acc", "a:/c"], &["acb", "bac"]);
        check("*a*b", &["ab", "aab", "xaxb", "abab"], &["ba", "aba"]);
        check("*?", &["a", "ab"], &[""]);
        check(
            "system:serviceaccount:default*",
            &["system:serviceaccount:default-x:app"],
            &["system:serviceaccount:Default:app"],
        );
        check("aab*aab", &["aabaab", "aabxaab"], &["aab", "aabaa"]);
    }

    #[test]
    fn covers_only_what_it_matches() {
        #[track_caller]
        fn check(wide: &str, narrow: &str, expected: bool) {
            assert_eq!(glob_covers(wide, narrow), expected, "`{wide}` over `{narrow}`");
        }
        check("*", "", true);
        check("*", "a?b*", true);
        check("a*", "a*b", true);
        check("a*b", "a*", false);
        check("?*", "*?", true);
        check("*?*?", "??*", true);
        check("?", "*", false);
        check("?", "a", true);
        check("a", "?", false);
        check("*:*", "system:*:x", true);
        check("*a*", "*b*", false);
        check("a", "a", true);
        check("", "", true);
        check("", "*", false);
    }

    /// Counts the steps instead of the time.
    #[test]
    fn the_work_is_at_most_pattern_times_text() {
        #[track_caller]
        fn check(pattern: &str, text: &str, most: usize) {
            let n_steps = Cell::new(0);
            let count = |_: &Piece| n_steps.set(n_steps.get() + 1);
            let pieces = pattern.chars().map(Piece::of).inspect(count);
            assert!(!covers(pieces, text.chars().map(Piece::Exact)), "`{pattern}` fits");
            assert!(n_steps.get() <= most, "{} steps, {most} allowed", n_steps.get());
        }
        let text = "a".repeat(1000);
        check(&("a*".repeat(100) + "b"), &text, 3000);
        check(&("*a".repeat(100) + "*b"), &text, 3000);
        check(&("*".repeat(1000) + "b"), &text, 4000);
        // The worst there is: every try fails at its end.
        check(&("*".to_owned() + &"a".repeat(100) + "b"), &text, 101 * 1001);
    }
}
