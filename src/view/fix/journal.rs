//! What was written from here, the newest first.

use crate::{
    event::Noted,
    graph::Graph,
    model::{Journal, Model},
    plan::{Outcome, Shown, Whereabouts, shown_step},
    view::{
        Line, Tone,
        fit::{cut_middle, exactly, spread},
        fix::Out,
    },
};

pub fn journal(model: &Model, it: &Journal, room: usize) -> Vec<Line> {
    let mut out = Out { model, room, lines: Vec::new() };
    match &it.entries {
        None => out.text(0, Tone::Info, "◐ reading …"),
        Some(Err(why)) => out.text(0, Tone::Error, why),
        Some(Ok(them)) if them.is_empty() => {
            out.text(0, Tone::Plain, "Nothing was written from here yet.");
        }
        Some(Ok(them)) => {
            let here = Whereabouts::of(model.world().graph);
            for noted in them {
                let from = out.lines.len();
                out.noted(noted, &here);
                if Some(&noted.entry.id) == it.selected.as_ref() {
                    for line in &mut out.lines[from..] {
                        *line = exactly(std::mem::take(line), room);
                    }
                    out.choose(from);
                }
            }
        }
    }
    out.done()
}

impl Out<'_> {
    fn noted(&mut self, it: &Noted, here: &Whereabouts) {
        let (glyph, tone, words) = state(it, self.model.world().graph, here);
        let entry = &it.entry;
        let at = entry.at.strftime("%Y-%m-%d %H:%M").to_string();
        let right = Line::of(Tone::Muted, format!("  {at}"));
        let left = self.room.saturating_sub(right.width() + 2);
        let title = cut_middle(&entry.plan.title, left);
        let line = Line::of(tone, glyph).add(Tone::Strong, format!(" {title}"));
        self.lines.push(spread(line, right, self.room));
        self.text(2, tone, &words);
        if let Some(why) = entry.place.differs(here) {
            self.text(2, Tone::Muted, &why);
        }
    }
}

/// How an entry stands.
fn state(it: &Noted, graph: &Graph, here: &Whereabouts) -> (&'static str, Tone, String) {
    let entry = &it.entry;
    let n = entry.plan.edits.len();
    let (done, undone) = (entry.n_done(), &entry.undone_by);
    if let Some(by) = undone {
        return ("·", Tone::Muted, format!("undone by {by}"));
    }
    match (&entry.outcome, entry.cut_off()) {
        (Some(Outcome::Applied), _) if entry.undoes.is_some() => {
            ("✔", Tone::Success, "applied: it put another one back".to_owned())
        }
        (Some(Outcome::Applied), _) => ("✔", Tone::Success, "applied".to_owned()),
        (Some(Outcome::Nothing { why }), _) => {
            ("·", Tone::Muted, format!("nothing was written: {why}"))
        }
        (Some(Outcome::Except { done, left }), _) => {
            ("▲", Tone::Warning, format!("{done} done, {} left", left.len()))
        }
        (Some(Outcome::Partly { done, why }), _) => {
            ("✖", Tone::Error, format!("{done} of {n} steps, then: {why}"))
        }
        (Some(Outcome::NotKnown { done, why }), _) => {
            ("?", Tone::Unknown, format!("step {} not known: {why}", done + 1))
        }
        (Some(Outcome::Stopped { done }), _) => {
            ("▲", Tone::Warning, format!("stopped after {done} of {n} steps"))
        }
        (None, _) if it.is_running => ("◐", Tone::Info, format!("running: {done} of {n} steps")),
        (None, Some(step)) => {
            let is_here = entry.place.differs(here).is_none();
            let found = (entry.plan.edits.get(step).zip(entry.steps.get(step)))
                .filter(|_| is_here)
                .map_or(Shown::NotKnown, |(edit, it)| shown_step(graph, edit, it));
            let said = match found {
                Shown::After => "reading shows that it was written",
                Shown::Before => "reading shows that it was not written",
                Shown::Other => "reading shows something else",
                Shown::NotKnown => "not known whether it was written",
            };
            ("▲", Tone::Warning, format!("cut off in step {} of {n}: {said}", step + 1))
        }
        (None, None) => ("▲", Tone::Warning, format!("cut off after {done} of {n} steps")),
    }
}
