//! The prompts: `/` filters as one types, `:` goes somewhere. A prompt owns all keys, and so takes `(` and `?`.

use crate::{
    command::{Known, parse_line, suggest},
    event::{Key, KeyCode, Level},
    model::{Mode, Model, Prompt, PromptKind, Request, Search},
    tree::Filter,
};

/// Nobody types more; somebody pastes more.
const MAX_LEN: usize = 512;
/// Lines that `up` brings back.
const MAX_LINES: usize = 50;

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
        self.prompt = Some(Prompt { kind, cursor: text.len(), text, recalled: None });
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
            (KeyCode::Up, _) if prompt.kind == PromptKind::Line => {
                recall(prompt, &self.lines, true)
            }
            (KeyCode::Down, _) if prompt.kind == PromptKind::Line => {
                recall(prompt, &self.lines, false);
            }
            (
                KeyCode::Char(_)
                | KeyCode::BackTab
                | KeyCode::Up
                | KeyCode::Down
                | KeyCode::PageUp
                | KeyCode::PageDown
                | KeyCode::ShiftLeft
                | KeyCode::ShiftRight
                | KeyCode::F(_),
                _,
            ) => {}
        }
        self.prompt_changed();
        Vec::new()
    }

    /// Text that was pasted: into the prompt if one is open, else it is an error to be explained. Never keys.
    pub(in crate::model) fn paste(&mut self, text: &str) -> Vec<Request> {
        if self.prompt.is_none() && self.paste_into_proposal() {
            return Vec::new();
        }
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
        let known = Known {
            namespaces: self.board.namespaces().map(|it| &**it).collect(),
            contexts: self.contexts.iter().map(|(it, _)| &**it).collect(),
            profiles: self.profiles.iter().map(|it| &**it).collect(),
        };
        suggest(&prompt.text, &known).filter(|_| prompt.cursor == prompt.text.len())
    }

    fn prompt_changed(&mut self) {
        let Some(prompt) = &self.prompt else { return };
        let text = prompt.text.clone();
        match prompt.kind {
            PromptKind::Filter { .. } => self.set_filter(&text),
            PromptKind::Search => self.set_search(&text),
            PromptKind::Line => {}
        }
    }

    fn set_search(&mut self, text: &str) {
        let Mode::Page(page) = &mut self.mode else { return };
        let filter = Filter::parse(text);
        let search = Search { filter, at: 0, seeks: true };
        page.search = (!search.filter.is_empty()).then(|| Box::new(search));
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
            Some(PromptKind::Search) => self.set_search(""),
            Some(PromptKind::Line) | None => {}
        }
        Vec::new()
    }

    fn accept_prompt(&mut self) -> Vec<Request> {
        let suggestion = self.suggestion().unwrap_or_default();
        let Some(prompt) = self.prompt.take() else { return Vec::new() };
        match prompt.kind {
            // It was applied with every key.
            PromptKind::Filter { .. } | PromptKind::Search => Vec::new(),
            // The beginning of a word is enough where the rest was shown.
            PromptKind::Line => match parse_line(&prompt.text).or_else(|error| {
                parse_line(&format!("{}{suggestion}", prompt.text)).map_err(|_| error)
            }) {
                Ok(line) => {
                    self.remember(prompt.text);
                    self.go(line)
                }
                Err(it) => {
                    self.say(Level::Error, &it.to_string());
                    Vec::new()
                }
            },
        }
    }

    fn remember(&mut self, line: String) {
        if !line.trim().is_empty() && self.lines.last() != Some(&line) {
            self.lines.push(line);
            let n_more = self.lines.len().saturating_sub(MAX_LINES);
            self.lines.drain(..n_more);
        }
    }
}

/// The line typed before, or after, the one that is shown.
fn recall(prompt: &mut Prompt, lines: &[String], older: bool) {
    let next = match (prompt.recalled, older) {
        (None, true) => Some(0),
        (Some(it), true) => Some((it + 1).min(lines.len().saturating_sub(1))),
        (Some(0) | None, false) => None,
        (Some(it), false) => Some(it - 1),
    };
    let line = next.and_then(|it| lines.iter().rev().nth(it));
    if next.is_some() && line.is_none() {
        return;
    }
    prompt.recalled = next;
    prompt.text = line.cloned().unwrap_or_default();
    prompt.cursor = prompt.text.len();
}
