//! What a step makes different, as few lines as tell it. Blanks are kept as they are: they may be the fault.

use crate::{
    plan::Line as Diff,
    view::{
        Line, Tone,
        fit::{clean, cut_middle, width},
        fix::Out,
    },
};

/// Unchanged lines that are shown around changed ones.
const CONTEXT: usize = 1;
/// Columns of an issuer that is the same everywhere.
const ISSUER: usize = 16;

impl Out<'_> {
    pub(in crate::view::fix) fn diff(&mut self, all: &[Diff]) {
        let issuer = only_issuer(all.iter().map(|it| parts(it).2));
        let shown = |text: &str| without_issuer(text, issuer.as_deref());
        let near = near(all);
        let indents = all.iter().zip(&near).skip(1).filter(|(_, near)| **near);
        let indent = indents.map(|(it, _)| indent(parts(it).2)).min().unwrap_or(0);
        let mut skipped = false;
        for (at, (line, is_near)) in all.iter().zip(&near).enumerate() {
            if !is_near {
                skipped = true;
                continue;
            }
            if std::mem::take(&mut skipped) {
                self.lines.push(Line::of(Tone::Muted, "       …"));
            }
            let (mark, tone, text) = parts(line);
            // The first line says where it is.
            let text = if at == 0 { text } else { text.get(indent..).unwrap_or(text) };
            let room = self.room.saturating_sub(7).max(8);
            for (index, part) in broken(&shown(text), room).into_iter().enumerate() {
                let mark = if index == 0 { mark } else { ' ' };
                self.lines.push(Line::of(tone, format!("     {mark} {part}")));
            }
        }
    }
}

fn parts(it: &Diff) -> (char, Tone, &str) {
    match it {
        Diff::Same(text) => (' ', Tone::Muted, text),
        Diff::Gone(text) => ('-', Tone::Error, text),
        Diff::New(text) => ('+', Tone::Success, text),
    }
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Which lines are shown: the first, and what is changed with a little around it.
fn near(all: &[Diff]) -> Vec<bool> {
    let is_changed = |it: &Diff| !matches!(it, Diff::Same(_));
    (0..all.len())
        .map(|at| {
            let around = at.saturating_sub(CONTEXT)..all.len().min(at + CONTEXT + 1);
            at == 0 || all[around].iter().any(is_changed)
        })
        .collect()
}

/// The text made harmless, with the issuer that says nothing cut in the middle.
pub(in crate::view::fix) fn without_issuer(text: &str, issuer: Option<&str>) -> String {
    match issuer {
        Some(it) => clean(text).replace(it, &cut_middle(it, ISSUER)),
        None => clean(text).into_owned(),
    }
}

/// The issuer that all lines name, if they name one and the same.
pub(in crate::view::fix) fn only_issuer<'a>(
    all: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let mut res: Option<&str> = None;
    for text in all {
        let Some(from) = text.find("oidc.eks.") else { continue };
        let rest = &text[from..];
        let ends = rest.find(|it: char| !(it.is_ascii_alphanumeric() || ".-/".contains(it)));
        let issuer = &rest[..ends.unwrap_or(rest.len())];
        match res {
            None => res = Some(issuer),
            Some(it) if it == issuer => {}
            Some(_) => return None,
        }
    }
    res.map(str::to_owned)
}

/// The text in parts of at most `room` columns, nothing lost.
pub(in crate::view::fix) fn broken(text: &str, room: usize) -> Vec<String> {
    let mut res = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if room < used + wide && 0 < used {
            res.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(it) = res.last_mut() {
            it.push(c);
        }
    }
    res
}

#[cfg(test)]
mod tests {
    use crate::{
        plan::Line as Diff,
        view::fix::diff::{broken, near, only_issuer},
    };

    #[test]
    fn blanks_are_kept_where_a_line_is_broken() {
        assert_eq!(broken("a: b", 3), ["a: ", "b"]);
        assert_eq!(broken("", 3), [""]);
        assert_eq!(broken("한글", 1), ["한", "글"]);
    }

    #[test]
    fn only_what_is_near_a_change_is_shown() {
        let same = || Diff::Same("x".into());
        let all = [same(), same(), same(), Diff::New("y".into()), same(), same()];
        assert_eq!(near(&all), [true, false, true, true, true, false]);
    }

    #[test]
    fn an_issuer_is_cut_only_where_it_is_the_same() {
        let line = |it: &str| format!("\"{it}:sub\": x");
        let (a, b) = ("oidc.eks.r.amazonaws.com/id/A", "oidc.eks.r.amazonaws.com/id/B");
        let only = |them: [&str; 2]| {
            let lines = them.map(line);
            only_issuer(lines.iter().map(String::as_str))
        };
        assert_eq!(only([a, a]).as_deref(), Some(a));
        assert_eq!(only([a, b]), None);
        assert_eq!(only_issuer(["x"]), None);
    }
}
