//! What covers the list, scrolled and searched; and what stands in a list that has no rows.

mod condition;
mod told;

pub use condition::condition;
pub use told::explain;

use crate::{
    event::Shown,
    model::{Content, Model, Page, PageKind, Search, Yaml},
    view::{
        Back, Frame, Line, Pane, PaneKind, Rect, Span, Tone, details,
        fit::{clean, cut_line, cut_middle, skip_columns, width, wrap},
        fix, help,
    },
};

/// What stands on a page: lines made for it, or a text of which only the visible part is looked at.
enum Body {
    Lines(Vec<Line>),
    Text(String),
}

/// The pane, and what came of its size.
pub fn page(model: &Model, page: &Page, area: Rect) -> (Pane, Shown) {
    let frame = if 40 <= area.width && 8 <= area.height { Frame::Focused } else { Frame::None };
    let inner = area.inner(frame);
    let room = usize::from(inner.width);
    let mut right = Line::new();
    let (title, body) = match &page.kind {
        PageKind::Help => ("help".to_owned(), Body::Lines(help::lines(model, room))),
        PageKind::Details(id) => {
            right = details::standing(model, id);
            (details::title(id), Body::Lines(details::lines(model, id, room)))
        }
        PageKind::Policy(arn) => {
            let text = model.policy_text(arn).unwrap_or_else(|| "the role is gone".into());
            let title = format!("trust policy of {}", arn.name().unwrap_or(arn.as_str()));
            (title, Body::Text(text))
        }
        PageKind::Yaml(it) => (format!("yaml of {}", details::title_of(&it.of)), yaml(it, room)),
        PageKind::Fixes(it) => (fix::offers_title(it), Body::Lines(fix::offers(model, it, room))),
        PageKind::Plan(it) => (fix::title(it), Body::Lines(fix::plan(model, it, room))),
        PageKind::Probe(it) => (fix::probe_title(it), Body::Lines(fix::probe(model, it, room))),
        PageKind::Journal(it) => {
            ("written from here".to_owned(), Body::Lines(fix::journal(model, it, room)))
        }
        PageKind::Explain(it) => ("explain".to_owned(), Body::Lines(explain(it, room))),
    };
    let height = usize::from(inner.height);
    let (lines, shown) = visible(body, page, (room, height));
    let found = matches(page.search.as_deref(), shown.n_matches);
    let title_room = usize::from(area.width).saturating_sub(right.width() + found.width() + 8);
    let mut title = Line::of(Tone::Title, format!(" {} ", cut_middle(&title, title_room)));
    title.spans.extend(found.spans);
    let n_below = shown.page_limit - shown.page_top;
    let pane = Pane {
        kind: PaneKind::Page,
        area,
        frame,
        title,
        title_right: right,
        foot: details::more(n_below),
        lines,
    };
    (pane, shown)
}

/// `</sts> 2 of 5 `.
fn matches(search: Option<&Search>, n_matches: usize) -> Line {
    let Some(it) = search else { return Line::new() };
    let text = match n_matches {
        0 => "nothing".to_owned(),
        n => format!("{} of {n}", it.at + 1),
    };
    Line::of(Tone::Key, format!("</{}> ", it.filter.text())).add(Tone::Strong, format!("{text} "))
}

/// Columns of a match that have to be in sight.
const SEEN: usize = 8;

/// The lines that are in sight, with what is searched marked, and where they are.
fn visible(body: Body, page: &Page, (room, height): (usize, usize)) -> (Vec<Line>, Shown) {
    let texts: Vec<&str> = match &body {
        Body::Lines(_) => Vec::new(),
        Body::Text(it) => it.split('\n').collect(),
    };
    let n_lines = match &body {
        Body::Lines(it) => it.len(),
        Body::Text(_) => texts.len(),
    };
    let limit = n_lines.saturating_sub(height);
    let search = page.search.as_deref();
    let found: Vec<usize> = search.map_or(Vec::new(), |it| match &body {
        Body::Lines(lines) => positions(lines.iter().map(Line::text), it),
        Body::Text(_) => positions(texts.iter(), it),
    });
    let mut top = page.scroll.min(limit);
    if let Some(it) = search.filter(|it| it.seeks)
        && let Some(at) = found.get(it.at)
    {
        top = crate::view::layout::window(top, *at, n_lines, height).min(limit);
    }
    if let (true, Body::Lines(lines)) = (page.has_selection(), &body) {
        // A selection inside of the page stays in sight, all of its lines if they fit.
        let is_selected = |it: &Line| it.back == Back::Selected;
        let first = lines.iter().position(is_selected).unwrap_or(0);
        let last = lines.iter().rposition(is_selected).unwrap_or(first);
        top = crate::view::layout::window(page.scroll, last, n_lines, height).min(limit);
        top = crate::view::layout::window(top, first, n_lines, height).min(limit);
    }
    let chosen = search.and_then(|it| found.get(it.at).copied());
    let in_sight = top..(top + height).min(n_lines);
    let mut widest = 0;
    let mut left = 0;
    let mut lines: Vec<Line> = match body {
        Body::Lines(it) => it.into_iter().skip(top).take(height).collect(),
        Body::Text(_) => {
            let shown = || texts[in_sight.clone()].iter().map(|it| clean(it));
            widest = shown().map(|it| width(&it)).max().unwrap_or(0);
            left = page.left;
            if let Some(it) = search.filter(|it| it.seeks)
                && let Some(line) = chosen.map(|at| clean(texts[at]))
                && let Some(at) = it.filter.find(&line)
            {
                let column = width(&line[..at]);
                let is_seen = left <= column && column + SEEN <= left + room;
                left = if is_seen { left } else { column.saturating_sub(room / 2) };
            }
            left = left.min(widest.saturating_sub(room));
            shown().map(|it| skip_columns(painted(&it), left)).collect()
        }
    };
    for (line, at) in lines.iter_mut().zip(in_sight) {
        *line = cut_line(std::mem::take(line), room);
        if found.binary_search(&at).is_ok() {
            mark(line, Some(at) == chosen);
        }
    }
    let shown = Shown {
        page_limit: limit,
        page_top: top,
        page_height: height,
        page_left: left,
        page_left_limit: widest.saturating_sub(room).max(left),
        n_matches: found.len(),
        ..Shown::default()
    };
    (lines, shown)
}

fn positions(lines: impl Iterator<Item = impl AsRef<str>>, search: &Search) -> Vec<usize> {
    let matching = lines.enumerate().filter(|(_, it)| search.filter.keeps(it.as_ref()));
    matching.map(|(at, _)| at).collect()
}

/// A line that matches; the one that was gone to stands out.
fn mark(line: &mut Line, is_chosen: bool) {
    if is_chosen {
        line.back = Back::Selected;
        return;
    }
    for Span { tone, .. } in &mut line.spans {
        *tone = Tone::Match;
    }
}

fn yaml(it: &Yaml, room: usize) -> Body {
    match (&it.content, it.text()) {
        (_, Some(text)) => Body::Text(text.trim_end().to_owned()),
        (Content::Failed(why), None) => {
            let lines = wrap(why, room).into_iter().map(|it| Line::of(Tone::Error, it));
            Body::Lines(lines.collect())
        }
        (Content::Reading | Content::Read(_), None) => {
            Body::Lines(vec![Line::of(Tone::Info, "◐ reading …")])
        }
    }
}

/// A line of JSON or YAML: keys stand out from values, what was left out from both.
fn painted(text: &str) -> Line {
    let trimmed = text.trim_start();
    if trimmed.starts_with(['"', '{', '}', ']', '[']) && !trimmed.starts_with("[]") {
        return json_line(text);
    }
    let indent = &text[..text.len() - trimmed.len()];
    let (dash, rest) = match trimmed.strip_prefix("- ") {
        Some(it) => ("- ", it),
        None => ("", trimmed),
    };
    let key_ends = rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len));
    let res = Line::of(Tone::Plain, indent).add(Tone::Muted, dash);
    match key_ends {
        Some(at) if !rest.starts_with(['"', '\'']) => {
            res.add(Tone::Key, &rest[..at]).add(Tone::Plain, &rest[at..])
        }
        Some(_) | None => res.add(Tone::Plain, rest),
    }
}

fn json_line(text: &str) -> Line {
    let trimmed = text.trim_start();
    let indent = &text[..text.len() - trimmed.len()];
    match trimmed.split_once("\": ") {
        Some((key, value)) if trimmed.starts_with('"') => Line::of(Tone::Plain, indent)
            .add(Tone::Key, format!("{key}\""))
            .add(Tone::Muted, ": ")
            .add(Tone::Plain, value),
        Some(_) | None => Line::of(Tone::Plain, text),
    }
}
