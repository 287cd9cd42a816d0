//! Keys, pastes and sizes from the terminal, in a task that can be stopped while another program has it.

use crate::event::{Event, Key, KeyCode, Mouse, MouseKind};
use crossterm::event::{
    self as term, EventStream, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};
use futures::StreamExt;
use tokio::{sync::mpsc, task::JoinHandle};

pub struct Input {
    task: JoinHandle<()>,
}

impl Input {
    pub fn start(events: mpsc::Sender<Event>) -> Input {
        let task = tokio::spawn(async move {
            let mut stream = EventStream::new();
            while let Some(it) = stream.next().await {
                let event = match it {
                    Ok(it) => lower(it),
                    // The terminal is gone: so is whoever looked at it.
                    Err(_) => Some(Event::Terminate),
                };
                if let Some(event) = event
                    && events.send(event).await.is_err()
                {
                    break;
                }
            }
        });
        Input { task }
    }

    /// Ends when nobody reads the terminal any more.
    pub async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `None` for what nobody asked for: releases, motion, focus.
fn lower(event: term::Event) -> Option<Event> {
    match event {
        term::Event::Key(it) => key(it).map(Event::Key),
        term::Event::Paste(it) => Some(Event::Paste(it)),
        term::Event::Resize(width, height) => Some(Event::Resize { width, height }),
        term::Event::Mouse(it) => mouse(it).map(Event::Mouse),
        term::Event::FocusGained | term::Event::FocusLost => None,
    }
}

fn mouse(it: MouseEvent) -> Option<Mouse> {
    let kind = match it.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Click,
        MouseEventKind::ScrollUp => MouseKind::WheelUp,
        MouseEventKind::ScrollDown => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Mouse { kind, x: it.column, y: it.row })
}

fn key(it: KeyEvent) -> Option<Key> {
    if it.kind == KeyEventKind::Release {
        return None;
    }
    let ctrl = it.modifiers.contains(KeyModifiers::CONTROL);
    let alt = it.modifiers.contains(KeyModifiers::ALT);
    let shift = it.modifiers.contains(KeyModifiers::SHIFT);
    let code = match it.code {
        // One byte for both, and read as the digit.
        term::KeyCode::Char('4') if ctrl => KeyCode::Char('\\'),
        term::KeyCode::Char(it) => KeyCode::Char(it),
        term::KeyCode::Enter => KeyCode::Enter,
        term::KeyCode::Esc => KeyCode::Esc,
        term::KeyCode::Tab => KeyCode::Tab,
        term::KeyCode::BackTab => KeyCode::BackTab,
        term::KeyCode::Backspace => KeyCode::Backspace,
        term::KeyCode::Delete => KeyCode::Delete,
        term::KeyCode::Up => KeyCode::Up,
        term::KeyCode::Down => KeyCode::Down,
        term::KeyCode::Left if shift => KeyCode::ShiftLeft,
        term::KeyCode::Right if shift => KeyCode::ShiftRight,
        term::KeyCode::Left => KeyCode::Left,
        term::KeyCode::Right => KeyCode::Right,
        term::KeyCode::Home => KeyCode::Home,
        term::KeyCode::End => KeyCode::End,
        term::KeyCode::PageUp => KeyCode::PageUp,
        term::KeyCode::PageDown => KeyCode::PageDown,
        term::KeyCode::F(it) => KeyCode::F(it),
        _ => return None,
    };
    Some(Key { code, ctrl, alt })
}

#[cfg(test)]
mod tests {
    use crate::{
        event::{Event, Mouse, MouseKind},
        keymap::parse_key,
        runtime::input::lower,
    };
    use crossterm::event::{
        Event as Term, KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers, MouseButton,
        MouseEvent, MouseEventKind,
    };

    fn press(code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) -> Term {
        Term::Key(KeyEvent { code, modifiers, kind, state: KeyEventState::NONE })
    }

    #[test]
    fn keys_read_as_they_are_written() {
        let check = |code: KeyCode, modifiers: KeyModifiers, expected: &str| match lower(press(
            code,
            modifiers,
            KeyEventKind::Press,
        )) {
            Some(Event::Key(it)) => assert_eq!(Some(it), parse_key(expected)),
            other => panic!("{other:?}"),
        };
        check(KeyCode::Char('z'), KeyModifiers::CONTROL, "ctrl-z");
        check(KeyCode::Char('G'), KeyModifiers::SHIFT, "G");
        check(KeyCode::BackTab, KeyModifiers::SHIFT, "shift-tab");
        check(KeyCode::F(5), KeyModifiers::NONE, "f5");
        check(KeyCode::Left, KeyModifiers::SHIFT, "shift-left");
        check(KeyCode::Char(' '), KeyModifiers::CONTROL, "ctrl-space");
        check(KeyCode::Char('4'), KeyModifiers::CONTROL, "ctrl-\\");
    }

    #[test]
    fn clicks_and_the_wheel_are_heard_and_motion_is_not() {
        let check = |kind: MouseEventKind, expected: Option<MouseKind>| {
            let modifiers = KeyModifiers::NONE;
            let it = Term::Mouse(MouseEvent { kind, column: 7, row: 3, modifiers });
            match (lower(it), expected) {
                (Some(Event::Mouse(it)), Some(kind)) => assert_eq!(it, Mouse { kind, x: 7, y: 3 }),
                (got, expected) => assert!(got.is_none() && expected.is_none(), "{got:?}"),
            }
        };
        check(MouseEventKind::Down(MouseButton::Left), Some(MouseKind::Click));
        check(MouseEventKind::ScrollDown, Some(MouseKind::WheelDown));
        check(MouseEventKind::Moved, None);
        check(MouseEventKind::Down(MouseButton::Right), None);
    }

    #[test]
    fn a_key_that_is_let_go_is_no_key() {
        let it = press(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert!(lower(it).is_none());
        let it = press(KeyCode::Char('j'), KeyModifiers::NONE, KeyEventKind::Repeat);
        assert!(matches!(lower(it), Some(Event::Key(_))));
    }
}
