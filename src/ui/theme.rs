//! What a tone looks like. The sixteen colours of the terminal's own palette, so that light and dark both work.

use crate::view::{Back, Tone};
use ratatui::style::{Color as Paint, Modifier, Style};
use std::borrow::Cow;

/// Whether to paint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Painted,
    /// `NO_COLOR`, `--color never`: bold, dim and reverse carry what glyph and word do not.
    Plain,
}

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    color: Color,
    ascii: bool,
}

impl Theme {
    pub fn new(color: Color, ascii: bool) -> Theme {
        Theme { color, ascii }
    }

    pub(in crate::ui) fn tone(&self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let (paint, style) = match tone {
            Tone::Plain => (None, plain),
            Tone::Strong => (None, bold),
            Tone::Muted => (Some(Paint::DarkGray), plain),
            Tone::Title => (Some(Paint::Cyan), bold),
            Tone::Key => (Some(Paint::Cyan), plain),
            Tone::Error => (Some(Paint::Red), plain),
            // White on red is read on dark and light screens alike; reversed red is not.
            Tone::WrongId => match self.color {
                Color::Painted => (Some(Paint::White), bold.bg(Paint::Red)),
                Color::Plain => (None, plain.add_modifier(Modifier::REVERSED)),
            },
            Tone::Warning => (Some(Paint::Yellow), plain),
            Tone::Accent => (Some(Paint::Magenta), plain),
            Tone::Unknown => (Some(Paint::DarkGray), plain.add_modifier(Modifier::ITALIC)),
            Tone::Info => (Some(Paint::LightBlue), plain),
            Tone::Success => (Some(Paint::Green), plain),
            Tone::Match => (Some(Paint::Yellow), bold.add_modifier(Modifier::UNDERLINED)),
        };
        match (self.color, paint) {
            (Color::Painted, Some(it)) => style.fg(it),
            (Color::Plain, Some(Paint::DarkGray)) => style.add_modifier(Modifier::DIM),
            (Color::Painted | Color::Plain, _) => style,
        }
    }

    /// Reverse is the one mark that every terminal and palette shows; over it no tone is readable in all of them, and
    /// glyph and word say the same.
    pub(in crate::ui) fn back(&self, back: Back) -> Style {
        match back {
            Back::None => Style::new(),
            Back::Selected => Style::new().add_modifier(Modifier::REVERSED),
            Back::Chosen => Style::new().add_modifier(Modifier::REVERSED | Modifier::DIM),
        }
    }

    pub(in crate::ui) fn edge(&self, focused: bool) -> Style {
        self.tone(if focused { Tone::Key } else { Tone::Muted })
    }

    /// Horizontal, vertical, and the corners in reading order.
    pub(in crate::ui) fn edges(&self) -> [&'static str; 6] {
        if self.ascii {
            ["-", "|", "+", "+", "+", "+"]
        } else {
            ["─", "│", "╭", "╮", "╰", "╯"]
        }
    }

    /// The point of a marked row.
    pub(in crate::ui) fn mark(&self) -> &'static str {
        if self.ascii { "*" } else { "•" }
    }

    /// Our own signs in ASCII where that is asked for. One column each, so that nothing moves; names from the cluster
    /// that are not ASCII stay as they are.
    pub(in crate::ui) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().map(ascii).collect())
    }
}

/// One of our own signs in ASCII; any other character as it is.
pub fn ascii(it: char) -> char {
    match it {
        '✖' => 'x',
        '≠' => '#',
        '▲' => '!',
        '◆' => '*',
        '◐' => '~',
        '✔' => '+',
        '○' => 'o',
        '·' => '.',
        '–' => '-',
        '▸' => '>',
        '▾' => 'v',
        '│' => '|',
        '…' => '~',
        '␣' => '_',
        '↑' => '^',
        '↓' => 'v',
        it => it,
    }
}
