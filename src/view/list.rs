//! The list: which columns there is room for, and the rows that are in sight.

use crate::{
    command::ViewKind,
    model::{Mode, Model},
    tree::{Ask, Row, Within},
    view::{
        Back, Frame, Line, Pane, PaneKind, Rect, Span, Tone,
        cells::{Cells, Col},
        fit::{cut_line, exactly, thousands},
        layout::window,
        pages,
    },
};

/// One column: what it needs before it is shown, and how wide it is.
struct Spec {
    col: Col,
    title: &'static str,
    /// Room that the list must have for this column to be there.
    from: usize,
    size: Size,
}

#[derive(Clone, Copy)]
enum Size {
    Fixed(usize),
    /// A share of what the fixed ones leave.
    Share(usize),
}

const GAP: usize = 1;

/// Rows that an area has room for: all but its edges and the column heads.
pub fn height(area: Rect) -> usize {
    usize::from(area.inner(frame_of(area)).height).saturating_sub(1)
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
        lines.push(heads(&columns));
        let cells = Cells::new(model);
        let visible = screen.rows.iter().enumerate().skip(top).take(n_rows);
        for (at, row) in visible {
            let mut line = row_line(&cells, row, &columns);
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

fn heads(columns: &[(Spec, usize)]) -> Line {
    let mut line = Line::new();
    for (at, (spec, room)) in columns.iter().enumerate() {
        if at != 0 {
            line.push(Tone::Plain, " ".repeat(GAP));
        }
        let head = Line::of(Tone::Muted, spec.title);
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
    if ask.worst_first {
        res.push(Tone::Key, " worst first");
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

fn columns(view: ViewKind, room: usize) -> Vec<(Spec, usize)> {
    let specs: Vec<Spec> = specs(view, room).into_iter().filter(|it| it.from <= room).collect();
    let gaps = GAP * specs.len().saturating_sub(1);
    let mut left = room.saturating_sub(gaps);
    let mut shares = 0;
    for it in &specs {
        match it.size {
            Size::Fixed(n) => left = left.saturating_sub(n),
            Size::Share(n) => shares += n,
        }
    }
    let shared = left;
    let n_specs = specs.len();
    let mut res: Vec<(Spec, usize)> = Vec::with_capacity(n_specs);
    for spec in specs {
        let width = match spec.size {
            Size::Fixed(n) => n,
            Size::Share(n) => {
                let it = shared * n / shares.max(1);
                left = left.saturating_sub(it);
                it
            }
        };
        res.push((spec, width));
    }
    // What rounding left goes to the name.
    if let Some((_, width)) = res.iter_mut().find(|(it, _)| matches!(it.size, Size::Share(_))) {
        *width += left;
    }
    res
}

fn specs(view: ViewKind, room: usize) -> Vec<Spec> {
    let spec = |col, title, from, size| Spec { col, title, from, size };
    // The reason is a sentence where there is room for one, else a code, else a badge.
    let why = match room {
        ..70 => Size::Fixed(10),
        70..84 => Size::Fixed(16),
        84.. => Size::Share(4),
    };
    match view {
        ViewKind::Identities => vec![
            spec(Col::Name, "NAME", 0, Size::Share(5)),
            spec(Col::Via, "VIA", 48, Size::Fixed(6)),
            spec(Col::Role, "ROLE", 38, Size::Share(3)),
            spec(Col::Pods, "PODS", 54, Size::Fixed(7)),
            spec(Col::Why, "WHY", 0, why),
        ],
        ViewKind::Pods => vec![
            spec(Col::Name, "NAME", 0, Size::Share(5)),
            spec(Col::Account, "ACCOUNT", 76, Size::Share(2)),
            spec(Col::Ends, "ENDS WITH", 40, Size::Share(3)),
            spec(Col::Age, "AGE", 56, Size::Fixed(4)),
            spec(Col::Why, "WHY", 0, why),
        ],
        ViewKind::Roles => vec![
            spec(Col::Name, "ROLE", 0, Size::Share(4)),
            spec(Col::Trusts, "TRUSTS", 50, Size::Share(3)),
            spec(Col::ConfiguredBy, "CONFIGURED BY", 36, Size::Share(3)),
            spec(Col::LastUsed, "LAST USED*", 76, Size::Fixed(10)),
            spec(Col::Why, "VERDICT", 0, why),
        ],
        ViewKind::Associations => vec![
            spec(Col::Name, "SERVICE ACCOUNT", 0, Size::Share(4)),
            spec(Col::Role, "ROLE", 38, Size::Share(3)),
            spec(Col::Target, "TARGET", 76, Size::Share(3)),
            spec(Col::Age, "AGE", 56, Size::Fixed(4)),
            spec(Col::Why, "WHY", 0, why),
        ],
        ViewKind::Providers => vec![
            spec(Col::Name, "ISSUER", 0, Size::Share(5)),
            spec(Col::Clients, "AUDIENCES", 50, Size::Share(2)),
            spec(Col::Why, "WHY", 0, why),
        ],
        ViewKind::Findings => vec![
            spec(Col::Name, "SEVERITY", 0, Size::Fixed(if room < 50 { 4 } else { 12 })),
            spec(Col::Code, "CODE", 84, Size::Fixed(14)),
            spec(Col::Cause, "CAUSE", 0, Size::Share(4)),
            spec(Col::Affects, "AFFECTS", 50, Size::Fixed(15)),
            spec(Col::Repair, "REPAIR", 110, Size::Share(2)),
        ],
        ViewKind::Namespaces => vec![
            spec(Col::Name, "NAME", 0, Size::Share(3)),
            spec(Col::Count, "ACCOUNTS", 36, Size::Fixed(8)),
            spec(Col::Why, "WHY", 0, Size::Share(2)),
        ],
        ViewKind::Contexts => vec![
            spec(Col::Name, "CONTEXT", 0, Size::Share(3)),
            spec(Col::ClusterName, "CLUSTER", 40, Size::Share(3)),
        ],
        ViewKind::Sources => vec![
            spec(Col::Name, "SOURCE", 0, Size::Share(3)),
            spec(Col::State, "STATE", 0, Size::Share(2)),
            spec(Col::Detail, "DETAIL", 50, Size::Share(4)),
        ],
    }
}
