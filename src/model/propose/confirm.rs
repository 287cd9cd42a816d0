//! Typing the words that set a plan going, and stopping it.

use crate::{
    command::Command,
    event::{Key, KeyCode},
    ident::Text,
    model::{
        Model, Request,
        propose::{Planned, ProbeStage, Proposed, Run, Stage, Typed, Wrong},
    },
    plan::{Order, Progress, StepState},
};

/// Nobody's role or ServiceAccount has a longer name.
const MAX_LEN: usize = 512;

/// What a key came to.
enum Typing {
    On,
    Left,
    Confirmed,
}

impl Typed {
    fn key(&mut self, key: Key, words: &str) -> Typing {
        match (key.code, key.ctrl) {
            (KeyCode::Esc, _) => return Typing::Left,
            (KeyCode::Enter, _) if self.text.trim() == words => return Typing::Confirmed,
            (KeyCode::Enter, _) => self.wrong = Some(Wrong::OtherWords),
            (KeyCode::Backspace, _) if self.text.is_empty() => return Typing::Left,
            (KeyCode::Backspace, _) => {
                self.text.pop();
                self.wrong = None;
            }
            (KeyCode::Char('u'), true) => *self = Typed { is_seen: true, ..Typed::default() },
            (KeyCode::Char(c), false) if !c.is_control() && self.text.len() < MAX_LEN => {
                self.text.push(c);
                self.wrong = None;
            }
            (_, _) => {}
        }
        Typing::On
    }
}

impl Model {
    /// Why nothing may be written here; `None`: it may be.
    pub fn read_only(&self) -> Option<String> {
        // As the kubeconfig calls it and as the source that reached it did: one is enough.
        let server = self.graph.api_server().map(|it| &it.context);
        let refusal = |it: &Text| self.options.writes.refusal(it);
        let named = server.into_iter().chain(&self.context).find_map(refusal);
        named.or_else(|| self.options.writes.refusal(""))
    }

    pub(in crate::model) fn can_apply(&self) -> bool {
        self.read_only().is_none()
            && self.proposal().is_some_and(|it| {
                it.as_plan().is_some()
                    && it.outdated.is_none()
                    && it.blocked().is_none()
                    && it.stage == Stage::Shown
            })
    }

    /// Asks for the words.
    pub(in crate::model) fn confirm(&mut self) {
        if let Some(it) = self.proposed_mut() {
            it.stage = Stage::Confirming(Typed::default());
        }
    }

    /// A key while words are typed or a plan runs; `None` where it goes its usual way.
    pub(in crate::model) fn proposal_key(&mut self, key: Key) -> Option<Vec<Request>> {
        let commands: Vec<Command> = self.options.keymap.commands(key).collect();
        let is = |it: &[Command]| commands.iter().any(|command| it.contains(command));
        let wants_out = is(&[Command::Back, Command::Quit, Command::ForceQuit]);
        let leaves = is(&[Command::ForceQuit]);
        let it = self.proposed_mut()?;
        match &mut it.stage {
            Stage::Shown | Stage::Ended { .. } => None,
            Stage::Confirming(_) if leaves => None,
            Stage::Confirming(typed) => {
                // What was typed before the question could be read was not meant for it.
                if !typed.is_seen {
                    return Some(Vec::new());
                }
                Some(self.typed(key))
            }
            Stage::Running(run) if wants_out => {
                run.is_stopping = true;
                Some(vec![Request::StopApply])
            }
            Stage::Running(_) => {
                let moves = [
                    Command::Up,
                    Command::Down,
                    Command::PageUp,
                    Command::PageDown,
                    Command::First,
                    Command::Last,
                ];
                let command = commands.into_iter().find(|it| moves.contains(it));
                Some(command.map_or(Vec::new(), |it| self.page_command(it)))
            }
        }
    }

    fn typed(&mut self, key: Key) -> Vec<Request> {
        let Some(it) = self.proposed_mut() else { return Vec::new() };
        let words = match &it.plan {
            Planned::Plan(plan) => plan.confirm.words().to_owned(),
            Planned::Refused(_) | Planned::ByHand => return Vec::new(),
        };
        let Stage::Confirming(typed) = &mut it.stage else { return Vec::new() };
        match typed.key(key, &words) {
            Typing::On => {}
            Typing::Left => it.stage = Stage::Shown,
            Typing::Confirmed => return self.set_going(),
        }
        Vec::new()
    }

    /// As `proposal_key`, while the words of a probe are typed.
    pub(in crate::model) fn probing_key(&mut self, key: Key) -> Option<Vec<Request>> {
        let leaves = self.options.keymap.commands(key).any(|it| it == Command::ForceQuit);
        let it = self.probing_mut()?;
        let words = it.words();
        let ProbeStage::Confirming(typed) = &mut it.stage else { return None };
        if leaves {
            return None;
        }
        if typed.is_seen {
            match typed.key(key, &words) {
                Typing::On => {}
                Typing::Left => it.stage = ProbeStage::Shown,
                Typing::Confirmed => return Some(self.ask_aws()),
            }
        }
        Some(Vec::new())
    }

    fn set_going(&mut self) -> Vec<Request> {
        // The world may have moved since the last tick.
        self.look_after_plan();
        let read_only = self.read_only();
        let Some(it) = self.proposal() else { return Vec::new() };
        if !it.is_confirming() || it.outdated.is_some() || read_only.is_some() {
            return Vec::new();
        }
        let Some(plan) = it.as_plan().cloned() else { return Vec::new() };
        let steps = vec![None; plan.steps.len()];
        let order = Order::of(&self.graph, plan, it.purpose.clone());
        if let Some(it) = self.proposed_mut() {
            it.stage = Stage::Running(Run { steps, is_stopping: false });
        }
        vec![Request::Apply(Box::new(order))]
    }

    /// A frame has shown the question.
    pub(in crate::model) fn question_seen(&mut self) {
        if let Some(it) = self.typed_mut() {
            it.is_seen = true;
        }
    }

    /// What is typed to set a plan or a probe going.
    fn typed_mut(&mut self) -> Option<&mut Typed> {
        if self.proposal().is_some() {
            return match &mut self.proposed_mut()?.stage {
                Stage::Confirming(typed) => Some(typed),
                Stage::Shown | Stage::Running(_) | Stage::Ended { .. } => None,
            };
        }
        match &mut self.probing_mut()?.stage {
            ProbeStage::Confirming(typed) => Some(typed),
            ProbeStage::Shown | ProbeStage::Asking | ProbeStage::Answered(_) => None,
        }
    }

    /// How the plan that runs goes.
    pub(in crate::model) fn progress(&mut self, digest: &str, progress: Progress) -> Vec<Request> {
        let now = self.now;
        let Some(it) = self.proposed_mut() else { return Vec::new() };
        if it.as_plan().is_none_or(|it| *it.digest != *digest) {
            return Vec::new();
        }
        let Stage::Running(run) = &mut it.stage else { return Vec::new() };
        match progress {
            Progress::Permissions(_) => Vec::new(),
            Progress::Step { index, state } => {
                if let Some(step) = run.steps.get_mut(index) {
                    *step = Some(state);
                }
                Vec::new()
            }
            Progress::Ended(outcome) => {
                let mut run = std::mem::take(run);
                // Nothing is waited for any more; what waited was not begun.
                for it in &mut run.steps {
                    it.take_if(|it| matches!(it, StepState::Waiting { .. }));
                }
                let cure = it.cure(&run, &outcome, now);
                it.stage = Stage::Ended { run, outcome, cure };
                // The world says what came of it, not we.
                vec![Request::Refresh]
            }
        }
    }

    /// Text that was pasted while words are asked for: they are to be typed.
    pub(in crate::model) fn paste_into_proposal(&mut self) -> bool {
        let runs = self.proposal().is_some_and(Proposed::is_running);
        let typed = self.typed_mut();
        let confirms = typed.is_some();
        if let Some(it) = typed {
            it.wrong = Some(Wrong::Pasted);
        }
        confirms || runs
    }
}
