//! The list: which columns there is room for, and the rows that are in sight.

use crate::{
    command::ViewKind,
    model::{Mode, Model, Screen},
    tree::{Ask, Row, Sort, Within},
    view::{
        Back, Frame, Line, Pane, PaneKind, Rect, Span, Tone,
        cells::Cells,
        columns::{Spec, columns},
        fit::{cut_line, exactly, thousands},
        layout::window,
        pages,
    },
};

pub const GAP: usize = 1;

/// Rows that an area has room for: all but its edges and the column heads.
pub fn height(area: Rect) -> usize {
    usize::from(area.inner(frame_of(area)).height).saturating_sub(1)
}

/// Where the rows stand, for clicks.
pub fn rows_area(area: Rect) -> Rect {
    let inner = area.inner(frame_of(area));
    Rect { y: inner.y + inner.height.min(1), height: inner.height.saturating_sub(1), ..inner }
}

fn frame_of(area: Rect) -> Frame {
    if 50 <= area.width && 8 <= area.height { Frame::Plain } else { Frame::None }
}

/// The pane, and the first visible row.
pub fn list(model: &Model, area: Rect) -> (Pane, usize) {
    let screen = model.screen();
    let has_focus = matches!(model.mode(), Mode::List);
    let frame = match frame_of(area) {
        Frame::Plain if has_focus => Frame::Focused,
        it => it,
    };
    let inner = area.inner(frame);
    let room = usize::from(inner.width);
    let n_rows = height(area);
    let top = window(screen.top, screen.at, screen.rows.len(), n_rows);

    let mut lines = Vec::with_capacity(n_rows + 1);
    if screen.rows.is_empty() {
        lines.extend(pages::condition(model, room, n_rows + 1));
    } else {
        let columns = columns(screen.view(), room);
        lines.push(heads(screen, &columns));
        let cells = Cells::new(model);
        let visible = screen.rows.iter().enumerate().skip(top).take(n_rows);
        for (at, row) in visible {
            let mut line = row_line(&cells, row, &columns);
            line.is_marked = screen.marks.contains(&row.id);
            if model.is_behind(screen.view()) {
                dim(&mut line);
            }
            if at == screen.at {
                line.back = if has_focus { Back::Selected } else { Back::Chosen };
            }
            lines.push(line);
        }
    }
    let title = cut_line(title(model, &screen.ask), usize::from(area.width).saturating_sub(4));
    let pane = Pane {
        kind: PaneKind::List,
        area,
        frame,
        title,
        title_right: position(screen.at, screen.rows.len(), n_rows, area),
        foot: Line::new(),
        lines,
    };
    (pane, top)
}

fn row_line(cells: &Cells<'_>, row: &Row, columns: &[(Spec, usize)]) -> Line {
    let mut line = Line::new();
    for (at, (spec, room)) in columns.iter().enumerate() {
        if at != 0 {
            line.push(Tone::Plain, " ".repeat(GAP));
        }
        let cell = cells.cell(row, spec.col, *room);
        let cell = if spec.col.is_number() { to_right(cell, *room) } else { exactly(cell, *room) };
        line.spans.extend(cell.spans);
    }
    line
}

fn to_right(line: Line, room: usize) -> Line {
    let line = cut_line(line, room);
    let mut res = Line::of(Tone::Plain, " ".repeat(room - line.width()));
    res.spans.extend(line.spans);
    res
}

/// The names of the columns, with an arrow at the one that sorts and the chosen one in another tone.
fn heads(screen: &Screen, columns: &[(Spec, usize)]) -> Line {
    let sort = screen.ask.sort;
    let mut line = Line::new();
    for (at, (spec, room)) in columns.iter().enumerate() {
        if at != 0 {
            line.push(Tone::Plain, " ".repeat(GAP));
        }
        let is_chosen = spec.sort.is_some() && spec.sort == screen.column;
        let tone = if is_chosen { Tone::Key } else { Tone::Muted };
        let mut head = Line::of(tone, spec.title);
        if spec.sort == Some(sort.by) && head.width() < *room {
            head.push(tone, if sort.is_inverted { "↑" } else { "↓" });
        }
        let cell = if spec.col.is_number() { to_right(head, *room) } else { exactly(head, *room) };
        line.spans.extend(cell.spans);
    }
    line
}

fn dim(line: &mut Line) {
    for Span { tone, .. } in &mut line.spans {
        if matches!(tone, Tone::Plain | Tone::Strong) {
            *tone = Tone::Muted;
        }
    }
}

/// ` identities(payments)[12] </api> faults `.
fn title(model: &Model, ask: &Ask) -> Line {
    let mut res = Line::of(Tone::Title, format!(" {}", ask.view.title()));
    match &ask.within {
        Within::Everything if ask.view.has_namespaces() => res.push(Tone::Muted, "(all)"),
        Within::Everything => {}
        Within::Namespace(it) => res.push(Tone::Strong, format!("({it})")),
        Within::Of(it) => res.push(Tone::Strong, format!("({})", short_ref(&it.to_string()))),
    }
    res.push(Tone::Strong, format!("[{}]", thousands(count(model, ask))));
    if !ask.filter.is_empty() {
        res.push(Tone::Key, format!(" </{}>", ask.filter.text()));
    }
    if ask.faults_only {
        res.push(Tone::Error, " faults");
    }
    if ask.sort != Sort::of(ask.view) {
        let way = if ask.sort.is_inverted { ", turned round" } else { "" };
        res.push(Tone::Key, format!(" by {}{way}", ask.sort.by.word()));
    }
    let n_marks = model.screen().marks.len();
    if 0 < n_marks {
        res.push(Tone::Strong, format!(" {n_marks} marked"));
    }
    res.push(Tone::Plain, " ");
    res
}

/// The end of a long ARN says enough in a title.
fn short_ref(text: &str) -> String {
    match text.split_once("/arn:") {
        Some((kind, arn)) => format!("{kind}/{}", arn.rsplit('/').next().unwrap_or(arn)),
        None => text.to_owned(),
    }
}

/// How many of what the view is about, those that are folded away included.
fn count(model: &Model, ask: &Ask) -> usize {
    let by_namespace = ask.view == ViewKind::Identities && ask.within == Within::Everything;
    if by_namespace && ask.filter.is_empty() && !ask.faults_only {
        return model.world().board.total().total() as usize;
    }
    model.screen().n_main
}

/// Where in a list that is longer than its pane.
fn position(at: usize, n_rows: usize, height: usize, area: Rect) -> Line {
    if n_rows <= height || area.width < 50 {
        return Line::new();
    }
    let text = format!(" {} of {} ", thousands(at + 1), thousands(n_rows));
    Line::of(Tone::Muted, text)
}
