//! Which key asks for which command, both ways: the loop looks keys up, the footer and the help page look commands up.
//!
//! One map for all places: whether a command makes sense where the person is, `model` knows.

use crate::command::Command;
use std::fmt;

/// Several keys may ask for one command; the first is the one that hints show.
#[derive(Clone, Debug)]
pub struct Keymap {
    bindings: Vec<(Key, Command)>,
}

/// A key as the terminal told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
    pub alt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// Shift is in the character.
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    #[error("`{0}` is no key; write it as `x`, `ctrl-x`, `alt-x`, `enter`, `f5`")]
    NotAKey(String),
    #[error("`{0}` is no command that a key can be bound to")]
    NotACommand(String),
}

impl Default for Keymap {
    /// k9s's keys where it has them.
    fn default() -> Keymap {
        let plain = |code| Key { code, ctrl: false, alt: false };
        let char = |it| plain(KeyCode::Char(it));
        let ctrl = |it| Key { code: KeyCode::Char(it), ctrl: true, alt: false };
        Keymap {
            bindings: vec![
                (plain(KeyCode::Enter), Command::Enter),
                (plain(KeyCode::Esc), Command::Back),
                (char('q'), Command::Quit),
                (ctrl('c'), Command::ForceQuit),
                (char('?'), Command::Help),
                (char(':'), Command::Prompt),
                (char('/'), Command::Filter),
                (char('j'), Command::Down),
                (plain(KeyCode::Down), Command::Down),
                (char('k'), Command::Up),
                (plain(KeyCode::Up), Command::Up),
                (plain(KeyCode::PageDown), Command::PageDown),
                (ctrl('f'), Command::PageDown),
                (plain(KeyCode::PageUp), Command::PageUp),
                (ctrl('b'), Command::PageUp),
                (char('g'), Command::First),
                (plain(KeyCode::Home), Command::First),
                (char('G'), Command::Last),
                (plain(KeyCode::End), Command::Last),
                (char('l'), Command::Open),
                (plain(KeyCode::Right), Command::Open),
                (char('h'), Command::Close),
                (plain(KeyCode::Left), Command::Close),
                (char(' '), Command::Toggle),
                (char('x'), Command::FoldAll),
                (plain(KeyCode::Tab), Command::Pane),
                (plain(KeyCode::BackTab), Command::PaneBack),
                (ctrl('z'), Command::Faults),
                (char('S'), Command::WorstFirst),
                (char('0'), Command::AllNamespaces),
                (ctrl('r'), Command::Refresh),
                (char('u'), Command::UsedBy),
                (char('y'), Command::Policy),
                (char('f'), Command::Repairs),
                (char('c'), Command::Copy),
                (char('-'), Command::Previous),
                (ctrl('e'), Command::Header),
            ],
        }
    }
}

impl Keymap {
    /// The default map with `(key, command name)` laid over it: a key asks for what was said last.
    pub fn with<'a>(
        overrides: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Keymap, KeymapError> {
        let mut res = Keymap::default();
        for (key, command) in overrides {
            let key = parse_key(key).ok_or_else(|| KeymapError::NotAKey(key.to_owned()))?;
            let command = Command::parse(command)
                .ok_or_else(|| KeymapError::NotACommand(command.to_owned()))?;
            res.bindings.retain(|(it, _)| *it != key);
            res.bindings.insert(0, (key, command));
        }
        Ok(res)
    }

    pub fn command(&self, key: Key) -> Option<Command> {
        self.bindings.iter().find(|(it, _)| *it == key).map(|(_, it)| *it)
    }

    /// All keys that ask for a command, the one to show first.
    pub fn keys(&self, command: Command) -> impl Iterator<Item = Key> {
        self.bindings.iter().filter(move |(_, it)| *it == command).map(|(it, _)| *it)
    }

    /// The key to show in a hint; `None` when it was bound away.
    pub fn hint(&self, command: Command) -> Option<String> {
        self.keys(command).next().map(|it| it.to_string())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("space"),
            KeyCode::Char(it) => write!(f, "{it}"),
            KeyCode::F(it) => write!(f, "f{it}"),
            other => f.write_str(NAMED.iter().find(|(_, it)| *it == other).map_or("", |it| it.0)),
        }
    }
}

/// Names of keys that are no characters, as `ux` conventions and the configuration file write them.
const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

/// `None` for what is not written as `Display` writes keys.
pub fn parse_key(text: &str) -> Option<Key> {
    let mut rest = text;
    let (mut ctrl, mut alt) = (false, false);
    loop {
        if let Some(it) = rest.strip_prefix("ctrl-").filter(|it| !it.is_empty()) {
            (rest, ctrl) = (it, true);
        } else if let Some(it) = rest.strip_prefix("alt-").filter(|it| !it.is_empty()) {
            (rest, alt) = (it, true);
        } else {
            break;
        }
    }
    let mut chars = rest.chars();
    let code = match (chars.next(), chars.next()) {
        (Some(it), None) if !it.is_control() => KeyCode::Char(it),
        _ => match NAMED.iter().find(|(name, _)| *name == rest) {
            Some((_, code)) => *code,
            None => {
                KeyCode::F(rest.strip_prefix('f')?.parse().ok().filter(|it| (1..=12).contains(it))?)
            }
        },
    };
    Some(Key { code, ctrl, alt })
}

#[cfg(test)]
mod tests {
    use crate::{
        command::Command,
        keymap::{Keymap, KeymapError, parse_key},
    };

    #[test]
    fn every_key_reads_back_as_it_is_shown() {
        for (key, _) in Keymap::default().bindings {
            assert_eq!(parse_key(&key.to_string()), Some(key), "{key}");
        }
        for it in ["ctrl-", "", "f0", "f13", "meta-x", "ab", "\u{1b}"] {
            assert_eq!(parse_key(it), None, "{it:?}");
        }
    }

    #[test]
    fn no_key_asks_for_two_things_and_every_command_has_a_key() {
        let map = Keymap::default();
        for (key, command) in &map.bindings {
            assert_eq!(map.command(*key), Some(*command), "{key}");
        }
        for it in Command::ALL {
            assert!(map.hint(it).is_some(), "{it:?}");
        }
    }

    #[test]
    fn the_configuration_rebinds() {
        let map = Keymap::with([("ctrl-z", "copy"), ("F", "faults")]).unwrap();
        assert_eq!(map.command(parse_key("ctrl-z").unwrap()), Some(Command::Copy));
        assert_eq!(map.hint(Command::Faults).as_deref(), Some("F"));
        assert_eq!(
            Keymap::with([("ctrl-z", "delete")]).err(),
            Some(KeymapError::NotACommand("delete".into()))
        );
        assert_eq!(
            Keymap::with([("hyper-z", "copy")]).err(),
            Some(KeymapError::NotAKey("hyper-z".into()))
        );
    }
}
