//! A person's hand on a model: types, pastes, waits, and sees the frame as text.

use idscope::{
    event::{Event, Generation, Key},
    fact::Change,
    ident::Timestamp,
    keymap::parse_key,
    lab::{World, changes},
    model::{Model, Options, Request},
    ui::{self, Color, Theme},
    view::{self, PaneKind, View},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color as Paint, Modifier, Style},
};

pub const WORLD: &str = include_str!("world.yaml");

pub fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

pub struct Hand {
    pub model: Model,
    pub requests: Vec<Request>,
}

impl Hand {
    /// At an empty screen of this size, with a clock that stands.
    pub fn at(size: (u16, u16)) -> Hand {
        Hand::with(Options::default(), size)
    }

    pub fn with(options: Options, (width, height): (u16, u16)) -> Hand {
        let mut res = Hand { model: Model::new(options), requests: Vec::new() };
        res.send(Event::Resize { width, height });
        res.send(Event::Tick(now()));
        let contexts =
            vec![("prod".into(), "prod-eks".into()), ("stage".into(), "stage-eks".into())];
        res.send(Event::Contexts { contexts, current: Some("prod".into()) });
        res
    }

    /// Before the world of `world.yaml`.
    pub fn before_world(size: (u16, u16)) -> Hand {
        let mut res = Hand::at(size);
        res.facts(world_changes(WORLD));
        res
    }

    pub fn facts(&mut self, changes: Vec<Change>) -> &mut Hand {
        self.facts_of(Generation::default(), changes)
    }

    pub fn facts_of(&mut self, generation: Generation, changes: Vec<Change>) -> &mut Hand {
        self.send(Event::Facts { generation, changes });
        self.works();
        // Once in the beginning: whether something was cut off.
        self.requests.retain(|it| *it != Request::Journal);
        self
    }

    /// Until nothing waits.
    fn works(&mut self) {
        let mut n_slices = 0;
        while 0 < self.model.n_waiting() {
            self.send(Event::Work { units: 16 });
            n_slices += 1;
            assert!(n_slices < 10_000, "judging comes to no end");
        }
    }

    pub fn send(&mut self, event: Event) -> &mut Hand {
        let requests = self.model.update(event);
        self.requests.extend(requests);
        self.see();
        self
    }

    /// Keys by their names, with spaces between them.
    pub fn keys(&mut self, names: &str) -> &mut Hand {
        for it in names.split_whitespace() {
            let key = parse_key(it).unwrap_or_else(|| panic!("no key {it}"));
            self.send(Event::Key(key));
            // What another list shows may not have been looked at before.
            self.works();
        }
        self
    }

    pub fn types(&mut self, text: &str) -> &mut Hand {
        for it in text.chars() {
            let code = idscope::event::KeyCode::Char(it);
            self.send(Event::Key(Key { code, ctrl: false, alt: false }));
        }
        self
    }

    /// Goes where a line says.
    pub fn goes(&mut self, line: &str) -> &mut Hand {
        self.types(":").types(line).keys("enter")
    }

    /// The frame; what came of its sizes is told to the model, as the loop does.
    pub fn see(&mut self) -> View {
        assert!(self.model.update(Event::Frame).is_empty());
        let view = view::build(&self.model);
        assert!(self.model.update(Event::Drawn(view.shown)).is_empty());
        view
    }

    pub fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// What the whole screen says.
    pub fn text(&mut self) -> String {
        let view = self.see();
        text(&view, &Theme::new(Color::Painted, false))
    }

    /// What one pane says, title included.
    pub fn pane(&mut self, kind: PaneKind) -> String {
        let mut view = self.see();
        view.panes.retain(|it| it.kind == kind);
        text(&view, &Theme::new(Color::Painted, false)).trim().to_owned()
    }

    /// The selected row as it is written.
    pub fn selected(&mut self) -> String {
        let view = self.see();
        let lines = view.panes.iter().flat_map(|it| &it.lines);
        let selected = lines.filter(|it| it.back != view::Back::None);
        let text = |it: &view::Line| it.spans.iter().map(|it| &*it.text).collect::<String>();
        selected.map(text).collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

pub fn world_changes(text: &str) -> Vec<Change> {
    changes(&World::parse("world.yaml", text, now()).unwrap_or_else(|it| panic!("{it}")))
}

fn buffer(view: &View, theme: &Theme) -> Buffer {
    let (width, height) = view.size;
    let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width, height });
    ui::draw(view, theme, &mut buffer);
    buffer
}

pub fn text(view: &View, theme: &Theme) -> String {
    let buffer = buffer(view, theme);
    let mut res = String::new();
    for y in 0..buffer.area.height {
        let row: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        res.push_str(row.trim_end());
        res.push('\n');
    }
    res
}

/// The screen, and under it the same screen in letters that say how each cell looks: what a colour-blind test would
/// miss. `.` is plain.
pub fn styled(view: &View, theme: &Theme) -> String {
    let buffer = buffer(view, theme);
    let mut res = text(view, theme);
    res.push_str(&"=".repeat(usize::from(buffer.area.width)));
    res.push('\n');
    for y in 0..buffer.area.height {
        let row: String = (0..buffer.area.width)
            .map(|x| match buffer[(x, y)].symbol() {
                " " if letter(buffer[(x, y)].style()) != 'S' => ' ',
                _ => letter(buffer[(x, y)].style()),
            })
            .collect();
        res.push_str(row.trim_end());
        res.push('\n');
    }
    res
}

/// One letter for a look; every tone that differs has its own.
fn letter(style: Style) -> char {
    let has = |it: Modifier| style.add_modifier.contains(it);
    match style.fg {
        Some(Paint::Red) if has(Modifier::REVERSED) => 'W',
        _ if has(Modifier::REVERSED) && has(Modifier::DIM) => 's',
        _ if has(Modifier::REVERSED) => 'S',
        Some(Paint::Red) => 'e',
        Some(Paint::Yellow) => 'w',
        Some(Paint::Magenta) => 'a',
        Some(Paint::LightBlue) => 'i',
        Some(Paint::Green) => 'g',
        Some(Paint::Cyan) if has(Modifier::BOLD) => 'T',
        Some(Paint::Cyan) => 'k',
        Some(Paint::DarkGray) if has(Modifier::ITALIC) => 'u',
        Some(Paint::DarkGray) => 'm',
        _ if has(Modifier::BOLD) => 'B',
        _ if has(Modifier::DIM) => 'd',
        _ => '.',
    }
}
