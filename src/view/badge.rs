//! Glyph, word and tone for how a thing stands. Never colour alone, and every glyph is one column wide.

use crate::{
    check::row,
    iam::Truth,
    identity::Outcome,
    tree::{Standing, Tally},
    view::{Line, Tone, fit::cut_end, words::family_word},
};

pub fn glyph(standing: Standing) -> (&'static str, Tone) {
    match standing {
        Standing::Blocked => ("✖", Tone::Error),
        Standing::WrongId => ("≠", Tone::WrongId),
        Standing::Degraded => ("▲", Tone::Warning),
        Standing::Risky => ("◆", Tone::Accent),
        Standing::Unknown => ("?", Tone::Unknown),
        Standing::Waiting => ("◐", Tone::Info),
        Standing::Healthy => ("✔", Tone::Success),
        Standing::NodeRole => ("○", Tone::Info),
        Standing::Undeclared => ("·", Tone::Muted),
    }
}

/// `✖ blocked`.
pub fn badge(standing: Standing) -> Line {
    let (glyph, tone) = glyph(standing);
    match standing {
        Standing::Undeclared => Line::of(tone, glyph),
        Standing::Blocked
        | Standing::WrongId
        | Standing::Degraded
        | Standing::Risky
        | Standing::Unknown
        | Standing::Waiting
        | Standing::Healthy
        | Standing::NodeRole => Line::of(tone, format!("{glyph} {}", standing.word())),
    }
}

/// What is wrong and how often, `✖ 2 ≠ 1`; where nothing is: how many are well.
pub fn tally(tally: &Tally) -> Line {
    let mut res = Line::new();
    for it in Standing::ALL.into_iter().filter(|it| *it < Standing::Healthy) {
        push_count(&mut res, it, tally.count(it));
    }
    if res.spans.is_empty() {
        push_count(&mut res, Standing::Healthy, tally.count(Standing::Healthy));
    }
    if res.spans.is_empty() {
        push_count(&mut res, Standing::Undeclared, tally.count(Standing::Undeclared));
    }
    res
}

fn push_count(line: &mut Line, standing: Standing, count: u32) {
    if count == 0 {
        return;
    }
    if !line.spans.is_empty() {
        line.push(Tone::Plain, " ");
    }
    let (glyph, tone) = glyph(standing);
    line.push(tone, format!("{glyph} {count}"));
}

pub fn of_outcome(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Pass => ("✔", Tone::Success),
        Outcome::Fail => ("✖", Tone::Error),
        Outcome::Unknown => ("?", Tone::Unknown),
        Outcome::Skipped => ("·", Tone::Muted),
    }
}

pub fn of_truth(truth: Truth) -> (&'static str, Tone) {
    match truth {
        Truth::True => ("✔", Tone::Success),
        Truth::False => ("✖", Tone::Error),
        Truth::Unknown => ("?", Tone::Unknown),
    }
}

/// What is wrong: the title of a code where there is room for it, else its family's word, else how it stands.
pub fn tell(standing: Standing, code: &str, room: usize) -> Line {
    if SENTENCE <= room {
        return say(standing, row(code).map_or(code, |it| it.title), room);
    }
    let (glyph, tone) = glyph(standing);
    // A word says more than a code to whoever does not know the codes.
    for it in [family_word(code), standing.word()] {
        let res = Line::of(tone, format!("{glyph} {it}"));
        if !it.is_empty() && res.width() <= room {
            return res;
        }
    }
    brief(standing, room)
}

/// Less room than this is none for a sentence.
const SENTENCE: usize = 20;

/// A glyph with a sentence where it fits, else with the word, else alone.
pub fn say(standing: Standing, text: &str, room: usize) -> Line {
    let (glyph, tone) = glyph(standing);
    if room < SENTENCE {
        return brief(standing, room);
    }
    // A whole sentence marked as the wrong identity is would drown the others.
    let text_tone = if tone == Tone::WrongId { Tone::Error } else { tone };
    Line::of(tone, glyph).add(text_tone, format!(" {}", cut_end(text, room - 2)))
}

pub fn brief(standing: Standing, room: usize) -> Line {
    let it = badge(standing);
    if it.width() <= room {
        return it;
    }
    let (glyph, tone) = glyph(standing);
    Line::of(tone, glyph)
}
