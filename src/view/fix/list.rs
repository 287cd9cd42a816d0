//! What can be done, best first.

use crate::{
    check::{Class, Offer},
    model::{Model, Offers},
    plan::{Edit, TrustChange},
    view::{
        Line, Tone, details,
        fit::{exactly, wrap},
        fix::Out,
        words::{count, shorten},
    },
};

pub fn title(it: &Offers) -> String {
    match &it.of[..] {
        [one] => format!("fixes for {}", details::title(one)),
        many => format!("fixes for {} marked rows", many.len()),
    }
}

pub fn offers(model: &Model, it: &Offers, room: usize) -> Vec<Line> {
    let mut out = Out { model, room, lines: Vec::new() };
    if it.offers.is_empty() {
        out.text(0, Tone::Plain, "Nothing to repair here.");
    }
    for (at, offer) in it.offers.iter().enumerate() {
        let from = out.lines.len();
        out.offer(at, offer);
        if at == it.at {
            for line in &mut out.lines[from..] {
                *line = exactly(std::mem::take(line), room);
            }
            out.choose(from);
        }
    }
    for why in &it.out_of_reach {
        out.blank();
        out.text(0, Tone::Muted, why);
    }
    out.done()
}

fn is_near_miss(it: &Edit) -> bool {
    matches!(it, Edit::SetTrust { change: TrustChange::NearMiss, .. })
}

/// Width of the number and the mark before a title.
const NUMBER: usize = 5;

impl Out<'_> {
    fn offer(&mut self, at: usize, it: &Offer) {
        let (glyph, tone, note) = match it.class {
            Class::Mends if it.edits.iter().any(is_near_miss) => {
                ("✔", Tone::Success, "what is nearly right becomes right")
            }
            Class::Mends => ("✔", Tone::Success, "nobody new gets in"),
            Class::Opens => ("◆", Tone::Accent, "lets somebody in who was not named before"),
            Class::Goal => ("▸", Tone::Info, "a whole identity"),
            Class::ByHand => ("·", Tone::Muted, "by hand"),
        };
        let parts = wrap(&shorten(&it.title), self.room.saturating_sub(NUMBER).max(8));
        for (index, part) in parts.into_iter().enumerate() {
            let head = if index == 0 { format!("{:>2} ", at + 1) } else { "   ".to_owned() };
            let glyph = if index == 0 { glyph } else { " " };
            let line = Line::of(Tone::Muted, head).add(tone, glyph);
            let text = if it.class == Class::ByHand { Tone::Plain } else { Tone::Strong };
            self.lines.push(line.add(text, format!(" {part}")));
        }
        let mut notes = it.codes().join(", ");
        let mut add = |text: &str| {
            if !notes.is_empty() {
                notes.push_str(" · ");
            }
            notes.push_str(text);
        };
        add(note);
        if 1 < it.edits.len() {
            add(&count(u32::try_from(it.edits.len()).unwrap_or(u32::MAX), "step"));
        }
        if it.restart_needed {
            add("pods have to be made again");
        }
        self.text(NUMBER, Tone::Muted, &notes);
    }
}
