//! Which key asks for which command, both ways: the loop looks keys up, the footer and the help page look commands up.
//!
//! One map for all places. A key may ask for several commands that never make sense in one place (`n` copies a namespace
//! in a list and goes to the next match on a page); which of them does, `model` knows.

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
    ShiftLeft,
    ShiftRight,
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
        let mut bindings = vec![
            (plain(KeyCode::Enter), Command::Enter),
            (plain(KeyCode::Esc), Command::Back),
            (char('q'), Command::Quit),
            (ctrl('c'), Command::ForceQuit),
            (char('?'), Command::Help),
            (ctrl('a'), Command::Aliases),
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
            (char('o'), Command::Toggle),
            (char('x'), Command::FoldAll),
            (plain(KeyCode::Tab), Command::Pane),
            (plain(KeyCode::BackTab), Command::PaneBack),
            (ctrl('z'), Command::Faults),
            (char('0'), Command::AllNamespaces),
            (char('w'), Command::Warp),
            (ctrl('w'), Command::Wide),
            (ctrl('e'), Command::Header),
            (ctrl('g'), Command::Crumbs),
            (ctrl('r'), Command::Refresh),
            (char('n'), Command::NextMatch),
            (char('N'), Command::PreviousMatch),
            (char('N'), Command::SortName),
            (char('A'), Command::SortAge),
            (char('S'), Command::SortStatus),
            (char('P'), Command::SortNamespace),
            (plain(KeyCode::ShiftLeft), Command::ColumnLeft),
            (plain(KeyCode::ShiftRight), Command::ColumnRight),
            (char('O'), Command::SortColumn),
            (char('d'), Command::Describe),
            (char('y'), Command::Yaml),
            (char('t'), Command::Policy),
            (char('u'), Command::UsedBy),
            (char('J'), Command::Owner),
            (char('f'), Command::Repairs),
            (char('a'), Command::Apply),
            (char('r'), Command::Restart),
            (char('u'), Command::Undo),
            (char('C'), Command::CopyTerraform),
            (char('e'), Command::Export),
            (char('p'), Command::Probe),
            (char(' '), Command::Mark),
            (ctrl(' '), Command::MarkRange),
            (ctrl('\\'), Command::ClearMarks),
            (char('c'), Command::Copy),
            (char('n'), Command::CopyNamespace),
            (ctrl('s'), Command::Save),
            (char('m'), Command::ManagedFields),
            (char('-'), Command::Previous),
            (char('['), Command::HistoryBack),
            (char(']'), Command::HistoryForward),
        ];
        let digits = ('1'..='9').zip(1..);
        bindings.extend(digits.map(|(it, at)| (char(it), Command::Favourite(at))));
        Keymap { bindings }
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

    /// What a key asks for; of several the first that makes sense.
    pub fn commands(&self, key: Key) -> impl Iterator<Item = Command> {
        self.bindings.iter().filter(move |(it, _)| *it == key).map(|(_, it)| *it)
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
    ("shift-left", KeyCode::ShiftLeft),
    ("shift-right", KeyCode::ShiftRight),
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
    let mut shifted = rest.strip_prefix("shift-").unwrap_or_default().chars();
    let code = match (chars.next(), chars.next()) {
        (Some(it), None) if !it.is_control() => KeyCode::Char(it),
        // As k9s writes capitals.
        _ if let (Some(it @ 'a'..='z'), None) = (shifted.next(), shifted.next()) => {
            KeyCode::Char(it.to_ascii_uppercase())
        }
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
        for it in ["ctrl-", "", "f0", "f13", "meta-x", "ab", "shift-", "shift-ab", "\u{1b}"] {
            assert_eq!(parse_key(it), None, "{it:?}");
        }
        assert_eq!(parse_key("shift-n"), parse_key("N"));
    }

    #[test]
    fn every_command_has_a_key_and_shared_keys_are_shared_on_purpose() {
        let map = Keymap::default();
        for it in Command::ALL {
            assert!(map.hint(it).is_some(), "{it:?}");
        }
        let shared: Vec<String> = map
            .bindings
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| 1 < map.commands(*key).count())
            .map(|it| it.to_string())
            .collect();
        assert_eq!(shared, ["n", "N", "N", "u", "u", "n"]);
    }

    #[test]
    fn the_configuration_rebinds() {
        let map = Keymap::with([("ctrl-z", "copy"), ("F", "faults")]).unwrap();
        let asked: Vec<_> = map.commands(parse_key("ctrl-z").unwrap()).collect();
        assert_eq!(asked, [Command::Copy]);
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
