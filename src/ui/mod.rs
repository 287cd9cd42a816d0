//! `View` to terminal cells. Obeys; measures and decides nothing.

mod theme;

pub use theme::{Color, Theme, ascii};

use crate::view::{Back, Frame, Line, Pane, PaneKind, Rect, Tone, View};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect as Area},
};

/// Draws one frame into a cleared buffer of the view's size; a buffer of another size shows what fits.
pub fn draw(view: &View, theme: &Theme, buffer: &mut Buffer) {
    for pane in &view.panes {
        draw_pane(pane, theme, buffer);
    }
}

fn draw_pane(pane: &Pane, theme: &Theme, buffer: &mut Buffer) {
    let area = to_area(pane.area).intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let inner = match pane.frame {
        Frame::None => {
            let has_title = pane.kind == PaneKind::List || pane.kind == PaneKind::Page;
            if has_title {
                put(buffer, area.x, area.y, area.width, &pane.title, theme);
                Area { y: area.y + 1, height: area.height - 1, ..area }
            } else {
                area
            }
        }
        Frame::Plain | Frame::Focused => {
            edges(pane, area, theme, buffer);
            Area {
                x: area.x + 2,
                y: area.y + 1,
                width: area.width.saturating_sub(4),
                height: area.height.saturating_sub(2),
            }
        }
    };
    for (line, y) in pane.lines.iter().zip(inner.top()..inner.bottom()) {
        if line.back != Back::None {
            // The mark runs from edge to edge, so that a short row is seen as well.
            let (x, width) = match pane.frame {
                Frame::None => (inner.x, inner.width),
                Frame::Plain | Frame::Focused => (area.x + 1, area.width.saturating_sub(2)),
            };
            buffer.set_style(Area { x, y, width, height: 1 }, theme.back(line.back));
        }
        put(buffer, inner.x, y, inner.width, line, theme);
        if line.is_marked {
            mark(pane, inner, y, theme, buffer);
        }
    }
}

/// A marked row: a point in the margin, or over the first column where there is none.
fn mark(pane: &Pane, inner: Area, y: u16, theme: &Theme, buffer: &mut Buffer) {
    let x = match pane.frame {
        Frame::None => inner.x,
        Frame::Plain | Frame::Focused => inner.x - 1,
    };
    buffer[(x, y)].set_symbol(theme.mark()).set_style(theme.tone(Tone::Key));
}

fn edges(pane: &Pane, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let style = theme.edge(pane.frame == Frame::Focused);
    let [horizontal, vertical, corners @ ..] = theme.edges();
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.left()..=right {
        for y in [area.top(), bottom] {
            buffer[(x, y)].set_symbol(horizontal).set_style(style);
        }
    }
    for y in area.top()..=bottom {
        for x in [area.left(), right] {
            buffer[(x, y)].set_symbol(vertical).set_style(style);
        }
    }
    let places =
        [(area.left(), area.top()), (right, area.top()), (area.left(), bottom), (right, bottom)];
    for (symbol, (x, y)) in corners.into_iter().zip(places) {
        buffer[(x, y)].set_symbol(symbol).set_style(style);
    }
    let room = area.width.saturating_sub(2);
    put(buffer, area.x + 1, area.y, room, &pane.title, theme);
    for (line, y) in [(&pane.title_right, area.y), (&pane.foot, bottom)] {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        if 0 < width && width < room {
            put(buffer, right - width, y, width, line, theme);
        }
    }
}

fn put(buffer: &mut Buffer, x: u16, y: u16, room: u16, line: &Line, theme: &Theme) {
    let end = x.saturating_add(room);
    let mut x = x;
    for it in &line.spans {
        let left = end.saturating_sub(x);
        if left == 0 || !buffer.area.contains(Position { x, y }) {
            return;
        }
        let text = theme.text(&it.text);
        let style = match line.back {
            Back::None => theme.tone(it.tone),
            Back::Selected | Back::Chosen => theme.back(line.back),
        };
        (x, _) = buffer.set_stringn(x, y, &*text, left.into(), style);
    }
}

fn to_area(it: Rect) -> Area {
    Area { x: it.x, y: it.y, width: it.width, height: it.height }
}
