//! The prompts: `/` filters as one types, `:` goes somewhere. A prompt owns all keys, and so takes `(` and `?`.

use crate::{
    command::{parse_line, suggest},
    event::{Key, KeyCode, Level},
    model::{Model, Prompt, PromptKind, Request},
    tree::Filter,
};

/// Nobody types more; somebody pastes more.
const MAX_LEN: usize = 512;

impl Prompt {
    fn insert(&mut self, text: &str) {
        let clean = text.chars().filter(|it| !it.is_control());
        for it in clean {
            if MAX_LEN < self.text.len() + it.len_utf8() {
                break;
            }
            self.text.insert(self.cursor, it);
            self.cursor += it.len_utf8();
        }
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.text[self.cursor..].chars().next().map_or(0, char::len_utf8)
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn start_of_word(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + 1)
    }
}

impl Model {
    pub(in crate::model) fn open_prompt(&mut self, kind: PromptKind, text: String) {
        self.prompt = Some(Prompt { kind, cursor: text.len(), text });
    }

    pub(in crate::model) fn prompt_key(&mut self, key: Key) -> Vec<Request> {
        let suggestion = self.suggestion();
        let Some(prompt) = &mut self.prompt else { return Vec::new() };
        match (key.code, key.ctrl) {
            (KeyCode::Esc, _) => return self.leave_prompt(),
            (KeyCode::Enter, _) => return self.accept_prompt(),
            (KeyCode::Tab, _) => prompt.insert(&suggestion.unwrap_or_default()),
            (KeyCode::Right, _) if prompt.cursor == prompt.text.len() => {
                prompt.insert(&suggestion.unwrap_or_default());
            }
            (KeyCode::Right, _) => prompt.cursor = prompt.after(),
            (KeyCode::Left, _) => prompt.cursor = prompt.before(),
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => prompt.cursor = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => prompt.cursor = prompt.text.len(),
            // An empty prompt is left by the key that empties it.
            (KeyCode::Backspace, _) if prompt.text.is_empty() => return self.leave_prompt(),
            (KeyCode::Backspace, _) => prompt.remove(prompt.before(), prompt.cursor),
            (KeyCode::Delete, _) => {
                let (from, to) = (prompt.cursor, prompt.after());
                prompt.remove(from, to);
            }
            (KeyCode::Char('u'), true) => prompt.remove(0, prompt.cursor),
            (KeyCode::Char('w'), true) => prompt.remove(prompt.start_of_word(), prompt.cursor),
            (KeyCode::Char(it), false) => prompt.insert(it.encode_utf8(&mut [0; 4])),
            (
                KeyCode::Char(_)
                | KeyCode::BackTab
                | KeyCode::Up
                | KeyCode::Down
                | KeyCode::PageUp
                | KeyCode::PageDown
                | KeyCode::F(_),
                _,
            ) => {}
        }
        self.prompt_changed();
        Vec::new()
    }

    /// Text that was pasted: into the prompt if one is open, else it is an error to be explained. Never keys.
    pub(in crate::model) fn paste(&mut self, text: &str) -> Vec<Request> {
        match &mut self.prompt {
            Some(prompt) => {
                prompt.insert(&text.trim().replace(['\n', '\r', '\t'], " "));
                self.prompt_changed();
            }
            None if text.trim().is_empty() => {}
            None => self.explain(text),
        }
        Vec::new()
    }

    /// What `tab` would add to the line; `None` in other prompts.
    pub fn suggestion(&self) -> Option<String> {
        let prompt = self.prompt.as_ref().filter(|it| it.kind == PromptKind::Line)?;
        let mut namespaces: Vec<&str> = self.board.namespaces().map(|it| &**it).collect();
        namespaces.sort_unstable();
        let contexts = self.contexts.iter().map(|(it, _)| &**it);
        suggest(&prompt.text, namespaces.into_iter(), contexts)
            .filter(|_| prompt.cursor == prompt.text.len())
    }

    fn prompt_changed(&mut self) {
        let Some(prompt) = &self.prompt else { return };
        if let PromptKind::Filter { .. } = prompt.kind {
            let text = prompt.text.clone();
            self.set_filter(&text);
        }
    }

    fn set_filter(&mut self, text: &str) {
        if self.screen().ask.filter.text() != text {
            self.screen_mut().ask.filter = Filter::parse(text);
            self.details_scroll = 0;
            self.force_rows();
        }
    }

    fn leave_prompt(&mut self) -> Vec<Request> {
        match self.prompt.take().map(|it| it.kind) {
            Some(PromptKind::Filter { before }) => self.set_filter(&before),
            Some(PromptKind::Line) | None => {}
        }
        Vec::new()
    }

    fn accept_prompt(&mut self) -> Vec<Request> {
        let suggestion = self.suggestion().unwrap_or_default();
        let Some(prompt) = self.prompt.take() else { return Vec::new() };
        match prompt.kind {
            // It was applied with every key.
            PromptKind::Filter { .. } => Vec::new(),
            // The beginning of a word is enough where the rest was shown.
            PromptKind::Line => match parse_line(&prompt.text).or_else(|error| {
                parse_line(&format!("{}{suggestion}", prompt.text)).map_err(|_| error)
            }) {
                Ok(line) => self.go(line),
                Err(it) => {
                    self.say(Level::Error, &it.to_string());
                    Vec::new()
                }
            },
        }
    }
}
