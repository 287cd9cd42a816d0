//! What repairing looks like: the list of what can be done, a plan with all that has to be known before it is confirmed,
//! how it goes, what came of it, and what was written before.

mod after;
mod diff;
mod journal;
mod list;
mod plan;
mod probe;
mod progress;
mod restart;
mod sections;

pub use journal::journal;
pub use list::{offers, title as offers_title};
pub use plan::plan;
pub use probe::{probe, title as probe_title};

use crate::{
    model::{Model, Planned, ProbeStage, Proposed, Stage, Wrong},
    plan::Purpose,
    view::{
        Back, Line, Tone,
        fit::{cut_line, cut_middle, wrap},
    },
};

/// Columns before what a heading is about, where there is room for two.
const LABEL: usize = 17;

/// The title of a plan's page.
pub fn title(it: &Proposed) -> String {
    let code = it.offer.because.code.as_deref().unwrap_or(it.offer.id);
    let subject = &it.offer.because.subject;
    match (&it.purpose, it.offer.id) {
        (Purpose::Undo(id), _) => format!("undo {id}"),
        (Purpose::Finish { entry, .. }, _) => format!("finish {entry}"),
        (Purpose::Fix, "FX-RESTART") => format!("restart for {subject}"),
        (Purpose::Fix, _) if subject.is_empty() => format!("fix {code}"),
        (Purpose::Fix, _) => format!("fix {code} at {subject}"),
    }
}

/// The question in the last line, and how far the cursor stands behind its beginning. What was wrong with what was typed
/// comes first, so that no width cuts it off.
pub fn question(model: &Model, room: usize) -> Option<(Line, usize)> {
    let (words, to, typed) = match (model.proposal(), model.probing()) {
        (Some(it), _) => {
            let Stage::Confirming(typed) = &it.stage else { return None };
            let Planned::Plan(plan) = &it.plan else { return None };
            (plan.confirm.words().to_owned(), "apply", typed)
        }
        (None, Some(it)) => {
            let ProbeStage::Confirming(typed) = &it.stage else { return None };
            (it.words(), "ask", typed)
        }
        (None, None) => return None,
    };
    let mut res = match typed.wrong {
        None => Line::of(Tone::Warning, " type "),
        Some(Wrong::OtherWords) => {
            Line::of(Tone::Error, " ✖ these are other words;").add(Tone::Warning, " type ")
        }
        Some(Wrong::Pasted) => Line::of(Tone::Error, " ✖ not pasted:").add(Tone::Warning, " type "),
    };
    res.push(Tone::Strong, words);
    res.push(Tone::Warning, format!(" to {to}: "));
    // Of much text its end stays in sight, where the cursor is.
    let left = room.saturating_sub(res.width() + 1).max(8);
    let skip = typed.text.chars().count().saturating_sub(left);
    res.push(Tone::Strong, typed.text.chars().skip(skip).collect::<String>());
    let cursor = res.width();
    if typed.text.is_empty() {
        res.push(Tone::Muted, "  esc leaves it");
    }
    Some((res, cursor))
}

/// Lines as they are written.
struct Out<'a> {
    model: &'a Model,
    room: usize,
    lines: Vec<Line>,
}

impl Out<'_> {
    fn blank(&mut self) {
        if self.lines.last().is_some_and(|it| !it.spans.is_empty()) {
            self.lines.push(Line::new());
        }
    }

    fn heading(&mut self, tone: Tone, text: &str) {
        self.blank();
        self.lines.push(Line::of(tone, text));
    }

    fn text(&mut self, indent: usize, tone: Tone, text: &str) {
        for it in wrap(text, self.room.saturating_sub(indent).max(8)) {
            self.lines.push(Line::of(Tone::Plain, " ".repeat(indent)).add(tone, it));
        }
    }

    /// `✔ text`, with what follows wrapped under the text.
    fn marked(&mut self, indent: usize, (glyph, tone): (&str, Tone), text_tone: Tone, text: &str) {
        let room = self.room.saturating_sub(indent + 2).max(8);
        for (at, part) in wrap(text, room).into_iter().enumerate() {
            let mark = if at == 0 { glyph } else { " " };
            let line = Line::of(Tone::Plain, " ".repeat(indent)).add(tone, mark);
            self.lines.push(line.add(text_tone, format!(" {part}")));
        }
    }

    /// `label            text`; where there is little room, the text comes below.
    fn labelled(&mut self, label: &str, tone: Tone, text: &str) {
        if self.room < 60 {
            let line = Line::of(Tone::Muted, label).add(tone, format!("  {text}"));
            if label.is_empty() || self.room < line.width() {
                if !label.is_empty() {
                    self.lines.push(Line::of(Tone::Muted, label));
                }
                return self.text(2, tone, text);
            }
            self.lines.push(line);
            return;
        }
        for (at, part) in wrap(text, self.room.saturating_sub(LABEL)).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.lines.push(Line::of(Tone::Muted, format!("{label:<LABEL$}")).add(tone, part));
        }
    }

    /// A name in a line of its own, cut in the middle.
    fn name(&mut self, indent: usize, tone: Tone, name: &str) {
        let name = cut_middle(name, self.room.saturating_sub(indent));
        self.lines.push(Line::of(Tone::Plain, " ".repeat(indent)).add(tone, name));
    }

    /// Marks everything from `from` on as chosen.
    fn choose(&mut self, from: usize) {
        for it in &mut self.lines[from..] {
            it.back = Back::Selected;
        }
    }

    fn done(self) -> Vec<Line> {
        let room = self.room;
        self.lines.into_iter().map(|it| cut_line(it, room)).collect()
    }
}
