//! A plan on its way: where each step is, in its own words.

use crate::{
    model::Run,
    plan::{Plan, Side, Step, StepState, three_way},
    view::{
        Line, Tone,
        fit::cut_middle,
        fix::{
            Out,
            diff::{broken, only_issuer, without_issuer},
            plan::target,
        },
    },
};

/// Lines of a conflict before it is cut.
const CONFLICT: usize = 40;

impl Out<'_> {
    pub(in crate::view::fix) fn run(&mut self, plan: &Plan, run: &Run) {
        self.blank();
        for (at, step) in plan.steps.iter().enumerate() {
            let state = run.steps.get(at).and_then(Option::as_ref);
            self.state(at, step, state);
        }
        if run.is_stopping {
            self.blank();
            let text = "stopping: the step in flight is finished, nothing more is written";
            self.marked(0, ("◐", Tone::Warning), Tone::Warning, text);
        }
    }

    fn state(&mut self, at: usize, step: &Step, state: Option<&StepState>) {
        let (glyph, tone, words) = match state {
            None => ("·", Tone::Muted, ""),
            Some(StepState::Waiting { .. }) => ("◐", Tone::Info, ""),
            Some(StepState::Checking) => ("◐", Tone::Info, "reading what is there"),
            Some(StepState::DryRun) => ("◐", Tone::Info, "asking whether it would be taken"),
            Some(StepState::Writing) => ("◐", Tone::Info, "writing"),
            Some(StepState::Reading) => ("◐", Tone::Info, "written; re-reading…"),
            Some(StepState::Done) => ("✔", Tone::Success, "done"),
            Some(StepState::Already) => ("✔", Tone::Success, "it was so already; nothing written"),
            Some(StepState::Refused(_)) => ("✖", Tone::Error, "refused; nothing was written"),
            Some(StepState::Moved { .. }) => {
                ("✖", Tone::Error, "it is not as the plan expects it; nothing was written")
            }
            Some(StepState::Overwritten { .. }) => {
                ("✖", Tone::Error, "something else was written after ours; nothing more is written")
            }
            Some(StepState::NotKnown(_)) => ("?", Tone::Unknown, "not known"),
        };
        let mut line = Line::of(tone, glyph).add(Tone::Muted, format!(" {:>2} ", at + 1));
        line.push(Tone::Key, step.edit.call("", "").permission());
        let left = self.room.saturating_sub(line.width() + 2);
        line.push(Tone::Strong, format!("  {}", cut_middle(&target(step), left)));
        self.lines.push(line);
        if !words.is_empty() {
            self.text(5, tone, words);
        }
        match state {
            Some(StepState::Waiting { what, until }) => {
                let text = format!("waits until {}: {what}", until.strftime("%H:%M:%S"));
                self.text(5, Tone::Info, &text);
            }
            Some(StepState::Refused(why) | StepState::NotKnown(why)) => {
                self.text(5, Tone::Plain, why);
            }
            Some(StepState::Moved { found, .. } | StepState::Overwritten { found }) => {
                self.conflict(step, found);
            }
            Some(
                StepState::Checking
                | StepState::DryRun
                | StepState::Writing
                | StepState::Reading
                | StepState::Done
                | StepState::Already,
            )
            | None => {}
        }
    }

    /// What the plan was made from, what is there, what the plan would write, side by side.
    fn conflict(&mut self, step: &Step, found: &str) {
        self.text(
            5,
            Tone::Muted,
            "first mark: what somebody else changed; second mark: what this plan would change",
        );
        let all = three_way(&step.edit, found);
        let n_more = all.len().saturating_sub(CONFLICT);
        let issuer = only_issuer(all.iter().map(|it| &*it.text));
        for it in all.into_iter().take(CONFLICT) {
            let tone = match (it.theirs, it.ours) {
                (Side::Kept, Side::Kept) => Tone::Muted,
                (Side::Kept, _) => Tone::Plain,
                (Side::Gone, _) => Tone::Error,
                (Side::New, _) => Tone::Warning,
            };
            let text = without_issuer(&it.render(), issuer.as_deref());
            for (index, part) in broken(&text, self.room.saturating_sub(8)).into_iter().enumerate()
            {
                let indent = if index == 0 { "     " } else { "        " };
                self.lines.push(Line::of(tone, format!("{indent}{part}")));
            }
        }
        if 0 < n_more {
            self.text(5, Tone::Muted, &format!("and {n_more} more lines"));
        }
    }
}
