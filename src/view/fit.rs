//! Making text harmless and making it fit: widths are what a terminal shows, not bytes or characters.

use crate::{
    ident::visible,
    view::{Line, Span, Tone},
};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// The text with everything written out that a terminal would obey, that hides what is there, or that takes no room and
/// so would make every measure a guess.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|it| (b' '..=b'~').contains(&it)) {
        return Cow::Borrowed(text);
    }
    let tame = visible(text);
    let takes_no_room = |it: char| it.width() == Some(0) || ('\u{fe00}'..='\u{fe0f}').contains(&it);
    if !tame.chars().any(takes_no_room) {
        return tame;
    }
    let mut res = String::with_capacity(tame.len() + 8);
    for it in tame.chars() {
        if takes_no_room(it) {
            res.push_str(&format!("\\u{{{:x}}}", u32::from(it)));
        } else {
            res.push(it);
        }
    }
    Cow::Owned(res)
}

/// Cut at the end: for sentences.
pub fn cut_end(text: &str, room: usize) -> String {
    let text = clean(text);
    if width(&text) <= room {
        return text.into_owned();
    }
    match room {
        0 => String::new(),
        room => format!("{}…", head(&text, room - 1)),
    }
}

/// Cut in the middle: for names, whose both ends carry meaning.
pub fn cut_middle(text: &str, room: usize) -> String {
    let text = clean(text);
    if width(&text) <= room {
        return text.into_owned();
    }
    match room {
        0 => String::new(),
        1 => "…".into(),
        room => {
            let tail_room = (room - 1) / 2;
            format!("{}…{}", head(&text, room - 1 - tail_room), tail(&text, tail_room))
        }
    }
}

fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, it) in text.char_indices() {
        used += it.width().unwrap_or(0);
        if room < used {
            return &text[..at];
        }
    }
    text
}

fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, it) in text.char_indices().rev() {
        used += it.width().unwrap_or(0);
        if room < used {
            return &text[at + it.len_utf8()..];
        }
    }
    text
}

/// The line cut or filled to exactly this width.
pub fn exactly(mut line: Line, room: usize) -> Line {
    line = cut_line(line, room);
    let used = line.width();
    if used < room {
        line.spans.push(Span { text: " ".repeat(room - used), tone: Tone::Plain });
    }
    line
}

/// The line, no wider than this.
pub fn cut_line(mut line: Line, room: usize) -> Line {
    let mut left = room;
    let mut n_kept = 0;
    for it in &mut line.spans {
        let wide = width(&it.text);
        if left < wide {
            it.text = cut_end(&it.text, left);
            n_kept += usize::from(!it.text.is_empty());
            break;
        }
        left -= wide;
        n_kept += 1;
    }
    line.spans.truncate(n_kept);
    line
}

/// The line without its first columns; a character that would be cut in half is left out whole.
pub fn skip_columns(mut line: Line, n: usize) -> Line {
    let mut left = n;
    for it in &mut line.spans {
        let wide = width(&it.text);
        if left == 0 {
            break;
        }
        if wide <= left {
            left -= wide;
            it.text.clear();
            continue;
        }
        let mut used = 0;
        let start = it.text.char_indices().find(|(_, c)| {
            let is_there = left <= used;
            used += c.width().unwrap_or(0);
            is_there
        });
        it.text = start.map_or(String::new(), |(at, _)| it.text[at..].to_owned());
        left = 0;
    }
    line.spans.retain(|it| !it.text.is_empty());
    line
}

/// `left` and `right` at the edges; the left gives way.
pub fn spread(left: Line, right: Line, room: usize) -> Line {
    let right = cut_line(right, room);
    let for_left = room.saturating_sub(right.width() + usize::from(!right.spans.is_empty()));
    let mut res = exactly(left, for_left);
    let gap = room - for_left - right.width();
    if 0 < gap {
        res.spans.push(Span { text: " ".repeat(gap), tone: Tone::Plain });
    }
    res.spans.extend(right.spans);
    res
}

/// Text in lines no wider than this, broken at spaces where there are any; a line break in it is one.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut res = Vec::new();
    for paragraph in text.split('\n') {
        let paragraph = paragraph.strip_suffix('\r').unwrap_or(paragraph).replace('\t', "  ");
        let mut line = String::new();
        for word in clean(&paragraph).split_inclusive(' ') {
            if room < width(&line) + width(word.trim_end()) && !line.is_empty() {
                res.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            let mut word = word;
            while room < width(word.trim_end()) {
                let part = head(word, room);
                // A character wider than the room: let it be cut rather than loop.
                let part = if part.is_empty() { word } else { part };
                res.push(part.to_owned());
                word = &word[part.len()..];
            }
            line.push_str(word);
        }
        res.push(line.trim_end().to_owned());
    }
    res
}

/// `1204` as `1,204`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut res = String::new();
    for (at, it) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            res.push(',');
        }
        res.push(it);
    }
    res
}

/// A span of time in its largest unit: `12s`, `4m`, `3h`, `2d`.
pub fn age(seconds: i64) -> String {
    match seconds.max(0) {
        it @ 0..120 => format!("{it}s"),
        it @ 120..7_200 => format!("{}m", it / 60),
        it @ 7_200..172_800 => format!("{}h", it / 3_600),
        it => format!("{}d", it / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use crate::view::{
        Line, Tone,
        fit::{age, clean, cut_end, cut_line, cut_middle, exactly, thousands, width, wrap},
    };
    use proptest::prelude::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected);
        check("plain", "plain");
        check("한글 ok ✔", "한글 ok ✔");
        check("a\x1b[31mb", "a\\u{1b}[31mb");
        check("a\u{9b}31m", "a\\u{9b}31m");
        check("tab\tline\r\n", "tab\\tline\\r\\n");
        check("ok\u{202e}drowssap", "ok\\u{202e}drowssap");
        check("pay\u{200b}ments", "pay\\u{200b}ments");
        check("e\u{301}", "e\\u{301}");
    }

    #[test]
    fn names_are_cut_in_the_middle_and_sentences_at_the_end() {
        assert_eq!(cut_middle("aws-load-balancer-controller", 11), "aws-l…oller");
        assert_eq!(cut_middle("abc", 3), "abc");
        assert_eq!(cut_middle("abcd", 1), "…");
        assert_eq!(cut_end("a space in the subject", 8), "a space…");
        assert_eq!(cut_middle("한글한글한글", 7), "한…글");
        assert_eq!(cut_end("abc", 0), "");
    }

    #[test]
    fn figures() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1204), "1,204");
        assert_eq!(thousands(100_000), "100,000");
        for (seconds, expected) in
            [(-5, "0s"), (12, "12s"), (119, "119s"), (240, "4m"), (10_800, "3h"), (200_000, "2d")]
        {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn wraps_at_spaces_and_breaks_what_has_none() {
        assert_eq!(wrap("a space in the subject", 9), ["a space", "in the", "subject"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("one\n\ntwo", 10), ["one", "", "two"]);
        assert_eq!(wrap("한", 1), ["한", ""]);
    }

    proptest! {
        #[test]
        fn what_was_made_to_fit_fits(text in "\\PC{0,40}|[\\x00-\\x7f한글🙂]{0,40}", room in 0usize..30) {
            prop_assert!(width(&cut_end(&text, room)) <= room);
            prop_assert!(width(&cut_middle(&text, room)) <= room);
            let line = Line::of(Tone::Plain, &text).add(Tone::Key, "abc");
            prop_assert!(cut_line(line.clone(), room).width() <= room);
            prop_assert_eq!(exactly(line.clone(), room).width(), room);
            let whole = line.width();
            let rest = crate::view::fit::skip_columns(line, room).width();
            prop_assert!(rest <= whole.saturating_sub(room) && whole.saturating_sub(room) <= rest + 1);
            for it in wrap(&text, room.max(2)) {
                prop_assert!(width(&it) <= room.max(2), "{:?}", it);
            }
        }
    }
}
