//! How a plan ended, and what has been true since: repaired, delivering, running.

use crate::{
    check::{Aftermath, Waits},
    model::{Healing, Proposed},
    plan::{Outcome, Plan, Purpose},
    view::{Tone, fix::Out, words::error_text},
};

impl Out<'_> {
    pub(in crate::view::fix) fn ended(&mut self, it: &Proposed, plan: &Plan, outcome: &Outcome) {
        let all = plan.steps.len();
        self.blank();
        match outcome {
            Outcome::Applied => {}
            Outcome::Nothing { why } => {
                self.marked(0, ("✖", Tone::Error), Tone::Error, "nothing was written");
                self.text(2, Tone::Plain, why);
                return;
            }
            Outcome::Partly { done, why } => {
                let text = format!("{done} of {all} steps written, then it ended");
                self.marked(0, ("✖", Tone::Error), Tone::Error, &text);
                self.text(2, Tone::Plain, why);
                return;
            }
            Outcome::Except { done, left } => {
                let text = format!("{done} of {all} steps are done, {} left", left.len());
                self.marked(0, ("▲", Tone::Warning), Tone::Warning, &text);
                for it in left {
                    self.text(2, Tone::Plain, it);
                }
                self.blank();
            }
            Outcome::NotKnown { done, why } => {
                let text = format!("whether step {} was written is not known", done + 1);
                self.marked(0, ("?", Tone::Unknown), Tone::Unknown, &text);
                self.text(2, Tone::Plain, why);
                return;
            }
            Outcome::Stopped { done } => {
                let text = format!("stopped: {done} of {all} steps were written");
                self.marked(0, ("▲", Tone::Warning), Tone::Warning, &text);
                return;
            }
        }
        match &it.purpose {
            Purpose::Undo(_) => self.put_back(),
            Purpose::Fix | Purpose::Finish { .. } => {
                if let Some(it) = self.model.healing() {
                    self.healing(&it);
                }
            }
        }
    }

    fn put_back(&mut self) {
        self.marked(
            0,
            ("✔", Tone::Success),
            Tone::Success,
            "undone: everything is as it was before",
        );
    }

    fn healing(&mut self, it: &Healing) {
        let waits = match &it.aftermath {
            Aftermath::Pending { until } => {
                let text = format!(
                    "re-reading… AWS may show the old state until {}",
                    until.strftime("%H:%M:%S")
                );
                return self.marked(0, ("◐", Tone::Info), Tone::Info, &text);
            }
            Aftermath::StillThere { codes, is_seen } => {
                let text = match codes.join(", ") {
                    it if it.is_empty() => "applied, and reading does not show it".to_owned(),
                    it => format!("applied, still there: {it}"),
                };
                self.marked(0, ("✖", Tone::Error), Tone::Error, &text);
                if !is_seen {
                    let text = "what was written is not what is read a minute later";
                    self.text(2, Tone::Plain, text);
                }
                return;
            }
            Aftermath::Refused { key, why } => {
                self.marked(0, ("✖", Tone::Error), Tone::Error, "applied, the finding is gone");
                let why = why.map(error_text).unwrap_or_default();
                return self.text(2, Tone::Plain, &format!("and {key} would be refused: {why}"));
            }
            Aftermath::NotKnown { key, why } => {
                self.marked(0, ("?", Tone::Unknown), Tone::Unknown, "applied, the finding is gone");
                let text = format!("whether {key} is granted it is not known: {why}");
                return self.text(2, Tone::Plain, &text);
            }
            Aftermath::Repaired { of: 0, .. } => {
                let text = "repaired: finding gone, verdict allow · no pods to wait for";
                return self.marked(0, ("✔", Tone::Success), Tone::Success, text);
            }
            Aftermath::Repaired { of, waits } => {
                let text = "repaired: finding gone, verdict allow";
                self.marked(0, ("✔", Tone::Success), Tone::Success, text);
                let text = format!("waiting for new pods 0/{of}");
                self.marked(0, ("◐", Tone::Info), Tone::Info, &text);
                *waits
            }
            Aftermath::Delivering { ready, of, waits } => {
                let text = "repaired: finding gone, verdict allow";
                self.marked(0, ("✔", Tone::Success), Tone::Success, text);
                let text = format!("delivering: running {ready} of {of}");
                self.marked(0, ("◐", Tone::Info), Tone::Info, &text);
                *waits
            }
            Aftermath::Running { of } => {
                let text = "repaired: finding gone, verdict allow";
                self.marked(0, ("✔", Tone::Success), Tone::Success, text);
                let text = format!("running {of}/{of}");
                return self.marked(0, ("✔", Tone::Success), Tone::Success, &text);
            }
        };
        if let Some(what) = waits.map(Waits::describe) {
            let text = match it.until {
                Some(until) => format!("{what} (until {})", until.strftime("%H:%M:%S")),
                None => what.to_owned(),
            };
            self.text(2, Tone::Plain, &text);
        }
        match &it.restart {
            Ok(Some(it)) => self.text(2, Tone::Info, &format!("r restarts {it}")),
            Ok(None) => {}
            Err(why) => self.text(2, Tone::Warning, why),
        }
    }
}
