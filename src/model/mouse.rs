//! The mouse: the wheel scrolls what it stands over, a click chooses a row, a click on the chosen one enters it.

use crate::{
    command::Command,
    event::{Level, Mouse, MouseKind},
    model::{Mode, Model, Request},
};

/// Rows for one notch of the wheel.
const NOTCH: usize = 3;

impl Model {
    pub(in crate::model) fn mouse(&mut self, it: Mouse) -> Vec<Request> {
        // What is typed is finished or given up first.
        let is_asked = self.proposal().is_some_and(crate::model::Proposed::is_confirming)
            || self.probing().is_some();
        if self.prompt.is_some() || is_asked {
            return Vec::new();
        }
        match it.kind {
            MouseKind::WheelUp | MouseKind::WheelDown => self.wheel(it),
            MouseKind::Click => self.click(it),
        }
    }

    fn wheel(&mut self, it: Mouse) -> Vec<Request> {
        let down = it.kind == MouseKind::WheelDown;
        let over_details = self.shown.details.has(it.x, it.y);
        if over_details && !matches!(self.mode, Mode::Page(_)) {
            let at = self.details_scroll;
            let next = if down { at + NOTCH } else { at.saturating_sub(NOTCH) };
            self.details_scroll = next.min(self.shown.details_limit);
            return Vec::new();
        }
        let command = if down { Command::Down } else { Command::Up };
        let steps = (0..NOTCH).flat_map(|_| match &self.mode {
            Mode::Page(_) => self.page_command(command),
            Mode::List | Mode::Details => self.list_command(command),
        });
        steps.collect()
    }

    fn click(&mut self, it: Mouse) -> Vec<Request> {
        match &self.mode {
            Mode::Page(_) => return Vec::new(),
            Mode::List | Mode::Details => {}
        }
        if self.shown.details.has(it.x, it.y) {
            self.mode = Mode::Details;
            return Vec::new();
        }
        if !self.shown.rows.has(it.x, it.y) {
            return Vec::new();
        }
        let had_focus = matches!(self.mode, Mode::List);
        self.mode = Mode::List;
        let at = self.shown.list_top + usize::from(it.y - self.shown.rows.y);
        if self.screen().rows.len() <= at {
            return Vec::new();
        }
        if had_focus && at == self.screen().at && self.screen().selected.is_some() {
            return self.obey(Command::Enter);
        }
        self.select(at);
        Vec::new()
    }

    pub(in crate::model) fn toggle_mouse(&mut self) -> Vec<Request> {
        self.has_mouse = !self.has_mouse;
        let text = match self.has_mouse {
            true => "clicks and the wheel are heard",
            false => "the mouse is the terminal's: it selects text",
        };
        self.say(Level::Info, text);
        vec![Request::Mouse(self.has_mouse)]
    }
}
