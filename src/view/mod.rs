//! `Model` to `View`: what stands where on the screen, as plain data. Only what is visible is made.
//!
//! Text is measured, cut and made harmless here; tones say what it means, and `ui` decides what that looks like.

mod badge;
mod cells;
mod columns;
mod details;
mod fit;
mod fix;
mod footer;
mod header;
mod help;
mod layout;
mod list;
mod pages;
mod policy;
mod save;
mod words;

pub use crate::event::Rect;
pub use badge::{badge, glyph};
pub use fit::{clean, width};
pub use save::{Saved, exported, saved};

use crate::{
    event::Shown,
    model::{Mode, Model},
};
use layout::Layout;

/// One frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub size: (u16, u16),
    /// In drawing order.
    pub panes: Vec<Pane>,
    /// Where the cursor stands; `None`: hidden.
    pub cursor: Option<(u16, u16)>,
    /// What came of the sizes, for `Event::Drawn`.
    pub shown: Shown,
}

/// A box of lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Pane {
    pub kind: PaneKind,
    pub area: Rect,
    pub frame: Frame,
    /// In the upper edge: left and right.
    pub title: Line,
    pub title_right: Line,
    /// In the lower edge, on the right.
    pub foot: Line,
    /// No more than fit, each no wider than fits.
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaneKind {
    Header,
    Banner,
    List,
    Details,
    Page,
    Footer,
    /// The terminal is too small for anything else.
    TooSmall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// No edges; a title takes the first line.
    None,
    Plain,
    /// Has the keys.
    Focused,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    pub spans: Vec<Span>,
    pub back: Back,
    /// The person marked it.
    pub is_marked: bool,
}

/// What a whole line stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Back {
    #[default]
    None,
    Selected,
    /// Selected, and the keys are elsewhere.
    Chosen,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub text: String,
    pub tone: Tone,
}

/// What a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tone {
    #[default]
    Plain,
    Strong,
    Muted,
    Title,
    Key,
    Error,
    /// The wrong identity: as an error, and marked once more.
    WrongId,
    Warning,
    Accent,
    Unknown,
    Info,
    Success,
    /// What is searched.
    Match,
}

impl Tone {
    pub const ALL: [Tone; 13] = [
        Tone::Plain,
        Tone::Strong,
        Tone::Muted,
        Tone::Title,
        Tone::Key,
        Tone::Error,
        Tone::WrongId,
        Tone::Warning,
        Tone::Accent,
        Tone::Unknown,
        Tone::Info,
        Tone::Success,
        Tone::Match,
    ];
}

impl Line {
    pub fn new() -> Line {
        Line::default()
    }

    pub fn of(tone: Tone, text: impl AsRef<str>) -> Line {
        Line::new().add(tone, text)
    }

    #[must_use]
    pub fn add(mut self, tone: Tone, text: impl AsRef<str>) -> Line {
        self.push(tone, text);
        self
    }

    /// Whatever comes from outside is made harmless on its way in.
    pub fn push(&mut self, tone: Tone, text: impl AsRef<str>) {
        let text = text.as_ref();
        if !text.is_empty() {
            self.spans.push(Span { text: clean(text).into_owned(), tone });
        }
    }

    pub fn width(&self) -> usize {
        self.spans.iter().map(|it| width(&it.text)).sum()
    }

    pub fn text(&self) -> String {
        self.spans.iter().map(|it| &*it.text).collect()
    }
}

/// The frame that shows the model as it is.
pub fn build(model: &Model) -> View {
    let (width, height) = model.size();
    let mut view = View { size: model.size(), ..View::default() };
    let Some(layout) = layout::layout(model) else {
        let text = fit::cut_end("make me bigger", usize::from(width));
        let y = height.saturating_sub(1) / 2;
        let area = Rect { x: 0, y, width, height: height.min(1) };
        view.panes.push(pane(PaneKind::TooSmall, area, vec![Line::of(Tone::Warning, text)]));
        return view;
    };
    view.panes.extend(header::header(model, &layout));
    view.panes.extend(header::banner(model, &layout));
    if let Mode::Page(page) = model.mode() {
        let (it, shown) = pages::page(model, page, layout.page);
        view.panes.push(it);
        view.shown = shown;
        view.shown.list_top = model.screen().top;
        view.shown.list_height = list::height(layout.list);
        view.shown.details_shown = layout.details.is_some();
    } else {
        body(model, &layout, &mut view);
    }
    let (footer, cursor) = footer::footer(model, layout.footer);
    view.panes.push(footer);
    view.cursor = cursor;
    view
}

fn body(model: &Model, layout: &Layout, view: &mut View) {
    let (pane, top) = list::list(model, layout.list);
    view.panes.push(pane);
    view.shown.list_top = top;
    view.shown.list_height = list::height(layout.list);
    view.shown.rows = list::rows_area(layout.list);
    if let Some(area) = layout.details {
        let (pane, limit) = details::pane(model, area);
        view.panes.push(pane);
        view.shown.details = area;
        view.shown.details_limit = limit;
        view.shown.details_shown = true;
    }
}

fn pane(kind: PaneKind, area: Rect, lines: Vec<Line>) -> Pane {
    Pane {
        kind,
        area,
        frame: Frame::None,
        title: Line::new(),
        title_right: Line::new(),
        foot: Line::new(),
        lines,
    }
}

impl Rect {
    /// What is left inside of the edges.
    fn inner(self, frame: Frame) -> Rect {
        match frame {
            Frame::None => Rect {
                y: self.y + self.height.min(1),
                height: self.height.saturating_sub(1),
                ..self
            },
            // One more column on each side, so that text does not lean on the edge.
            Frame::Plain | Frame::Focused => Rect {
                x: self.x + 2,
                y: self.y + 1,
                width: self.width.saturating_sub(4),
                height: self.height.saturating_sub(2),
            },
        }
    }
}
