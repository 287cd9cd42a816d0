//! The details of a row: what its pods print, the chain hop by hop with the clause that decided, what is wrong and what
//! repairs it.

mod aws;
mod chain;

use crate::{
    check::{Applicability, Finding, row},
    fact::SourceState,
    ident::{Ref, SaKey},
    model::{Mode, Model, what_to_ask_for},
    tree::{Cause, RowId, Standing, worst},
    view::{
        Frame, Line, Pane, PaneKind, Rect, Tone,
        badge::{badge, glyph},
        cells::Cells,
        fit::{cut_line, cut_middle, exactly, wrap},
        header,
        words::{count, label, shorten, source_detail},
    },
};

/// The pane beside or below the list, and how far it could be scrolled.
pub fn pane(model: &Model, area: Rect) -> (Pane, usize) {
    let has_focus = matches!(model.mode(), Mode::Details);
    let frame = if has_focus { Frame::Focused } else { Frame::Plain };
    let inner = area.inner(frame);
    let room = usize::from(inner.width);
    let (title, right, lines) = match model.screen().current() {
        Some(row) => (title(&row.id), standing(model, &row.id), lines(model, &row.id, room)),
        None => ("details".to_owned(), Line::new(), Vec::new()),
    };
    let height = usize::from(inner.height);
    let limit = lines.len().saturating_sub(height);
    let scroll = model.details_scroll().min(limit);
    let title_room = usize::from(area.width).saturating_sub(right.width() + 8);
    let pane = Pane {
        kind: PaneKind::Details,
        area,
        frame,
        title: Line::of(Tone::Title, format!(" {} ", cut_middle(&title, title_room))),
        title_right: right,
        foot: more(limit - scroll),
        lines: lines.into_iter().skip(scroll).take(height).collect(),
    };
    (pane, limit)
}

/// How much of a text is below.
pub fn more(n_below: usize) -> Line {
    match n_below {
        0 => Line::new(),
        1 => Line::of(Tone::Muted, " 1 more line "),
        n => Line::of(Tone::Muted, format!(" {n} more lines ")),
    }
}

pub fn title_of(at: &Ref) -> String {
    match at {
        Ref::ServiceAccount(it) => format!("sa {it}"),
        Ref::Role(_) => format!("role {}", label(at)),
        Ref::Namespace(_) => format!("namespace {}", label(at)),
        Ref::Pod { .. } => format!("pod {}", label(at)),
        Ref::Provider(_) => format!("provider {}", label(at)),
        it => it.to_string(),
    }
}

pub fn title(id: &RowId) -> String {
    match id {
        RowId::Node(at) | RowId::Under(_, at) => title_of(at),
        RowId::Container { pod, container, .. } => format!("container {container} of {pod}"),
        RowId::Cause(it) => it.code.to_owned(),
        RowId::Context(it) => format!("context {it}"),
        RowId::Profile(it) => format!("profile {it}"),
        RowId::Source(it) => it.name(),
        RowId::Alias(it) => it.title().to_owned(),
    }
}

pub fn standing(model: &Model, id: &RowId) -> Line {
    let cells = Cells::new(model);
    let it = match id {
        RowId::Node(at) | RowId::Under(_, at) => cells.standing(at),
        RowId::Container { namespace, pod, .. } => {
            let at = Ref::Pod { namespace: namespace.clone(), name: pod.clone() };
            worst(model.findings_of(id)).map_or_else(|| cells.standing(&at), |(it, _)| it)
        }
        RowId::Cause(_) => worst(model.findings_of(id)).map_or(Standing::Undeclared, |(it, _)| it),
        RowId::Context(_) | RowId::Profile(_) | RowId::Source(_) | RowId::Alias(_) => {
            return Line::new();
        }
    };
    let mut res = Line::of(Tone::Plain, " ");
    res.spans.extend(badge(it).spans);
    res.add(Tone::Plain, " ")
}

/// Everything about a row, each line no wider than `room`.
pub fn lines(model: &Model, id: &RowId, room: usize) -> Vec<Line> {
    let mut out = Out { model, room, lines: Vec::new() };
    match id {
        RowId::Node(at) | RowId::Under(_, at) => out.node(at),
        RowId::Container { namespace, pod, container } => {
            out.containers(namespace, pod, Some(container));
        }
        RowId::Cause(it) => out.cause(it),
        RowId::Context(name) => out.context(name),
        RowId::Profile(name) => out.profile(name),
        RowId::Alias(view) => {
            out.text(Tone::Plain, view.help());
            let words: Vec<String> = view.aliases().iter().map(|it| format!(":{it}")).collect();
            out.text(Tone::Key, &words.join(" "));
        }
        RowId::Source(scope) => {
            if let Some(state) = model.world().graph.source(scope) {
                out.source(state, Model::is_watched(scope));
            }
        }
    }
    let findings = model.findings_of(id);
    if !matches!(id, RowId::Cause(_)) {
        out.findings(&findings);
    }
    out.lines.into_iter().map(|it| cut_line(it, room)).collect()
}

/// Lines as they are written.
struct Out<'a> {
    model: &'a Model,
    room: usize,
    lines: Vec<Line>,
}

impl Out<'_> {
    fn heading(&mut self, text: &str) {
        if self.lines.last().is_some_and(|it| !it.spans.is_empty()) {
            self.lines.push(Line::new());
        }
        self.lines.push(Line::of(Tone::Title, text));
    }

    fn text(&mut self, tone: Tone, text: &str) {
        self.indented(0, tone, text);
    }

    fn indented(&mut self, indent: usize, tone: Tone, text: &str) {
        for it in wrap(text, self.room.saturating_sub(indent)) {
            self.lines.push(Line::of(Tone::Plain, " ".repeat(indent)).add(tone, it));
        }
    }

    /// `✔ role  payments-api`, with what follows wrapped under it.
    fn hop(&mut self, (glyph, tone): (&str, Tone), what: &str, name: &str) {
        let mut line = Line::of(tone, glyph).add(Tone::Plain, format!(" {what} "));
        let left = self.room.saturating_sub(line.width());
        line.push(Tone::Strong, cut_middle(name, left));
        self.lines.push(line);
    }

    fn detail(&mut self, tone: Tone, text: &str) {
        for it in wrap(text, self.room.saturating_sub(2)) {
            self.lines.push(Line::of(Tone::Muted, "│ ").add(tone, it));
        }
    }

    /// `name   value`.
    fn pair(&mut self, name: &str, value: &str) {
        let mut line = Line::of(Tone::Muted, format!("{name:<12} "));
        let left = self.room.saturating_sub(line.width());
        line.push(Tone::Plain, cut_middle(value, left));
        self.lines.push(line);
    }

    fn node(&mut self, at: &Ref) {
        match at {
            Ref::ServiceAccount(key) => self.account(key),
            Ref::Pod { namespace, name } => self.pod(namespace, name),
            Ref::Role(arn) => self.role(arn),
            Ref::Association(id) => self.association(id),
            Ref::Provider(arn) => self.provider(arn),
            Ref::Namespace(name) => self.namespace(name),
            Ref::Cluster => self.cluster(),
            Ref::Workload { .. }
            | Ref::Node(_)
            | Ref::Webhook(_)
            | Ref::Budget { .. }
            | Ref::ConfigMap { .. }
            | Ref::Secret { .. }
            | Ref::Addon(_)
            | Ref::Nodegroup(_) => self.text(Tone::Strong, &label(at)),
        }
    }

    fn namespace(&mut self, name: &str) {
        let world = self.model.world();
        let tally = world.board.namespace(name);
        self.text(Tone::Plain, &count(tally.total(), "ServiceAccount"));
        for it in Standing::ALL.into_iter().filter(|it| 0 < tally.count(*it)) {
            let (glyph, tone) = glyph(it);
            let word = if it == Standing::Undeclared { "without an identity" } else { it.word() };
            self.lines.push(
                Line::of(tone, format!("{glyph} {:>4} ", tally.count(it))).add(Tone::Plain, word),
            );
        }
        let mut faults: Vec<(Standing, SaKey)> = world
            .graph
            .identities_in(name)
            .filter_map(|it| Some((world.board.identity(it)?.standing, it.clone())))
            .filter(|(it, _)| *it < Standing::Waiting)
            .collect();
        faults.sort();
        if !faults.is_empty() {
            self.heading("What to look at");
        }
        let cells = Cells::new(self.model);
        for (_, key) in faults {
            let mut line = Line::of(Tone::Strong, cut_middle(&key.name, self.room / 3));
            line = exactly(line, self.room / 3).add(Tone::Plain, "  ");
            let left = self.room.saturating_sub(line.width());
            line.spans.extend(cells.why_of(&Ref::ServiceAccount(key), left).spans);
            self.lines.push(line);
        }
    }

    fn profile(&mut self, name: &str) {
        if self.model.profile().is_some_and(|it| **it == *name) {
            self.text(Tone::Info, "current");
        }
        self.heading("What now");
        self.text(Tone::Plain, "enter reads AWS with it; everything is read anew");
    }

    fn context(&mut self, name: &str) {
        let contexts = self.model.world().contexts;
        if let Some((_, cluster)) = contexts.iter().find(|(it, _)| **it == *name) {
            self.pair("cluster", cluster);
        }
        if self.model.context().is_some_and(|it| **it == *name) {
            self.text(Tone::Info, "current");
            for it in self.model.troubles().iter().take(1) {
                if let crate::model::Trouble::NoCluster { error } = it {
                    self.heading("Not reached");
                    self.text(Tone::Error, error);
                }
            }
        }
        self.heading("What now");
        self.text(Tone::Plain, "enter connects to it; what was read of the other one is forgotten");
    }

    fn source(&mut self, state: &SourceState, is_watched: bool) {
        let (text, tone) = header::state(self.model.now(), state, is_watched);
        self.text(tone, &text);
        let detail = source_detail(state);
        if !detail.is_empty() {
            self.text(Tone::Plain, &detail);
        }
        match state {
            SourceState::Denied { denied, .. } => {
                self.heading("What to ask for (c copies it)");
                for it in what_to_ask_for(denied).lines() {
                    self.lines.push(Line::of(Tone::Plain, it));
                }
            }
            SourceState::Expired { .. } => self.text(Tone::Info, ":login renews them"),
            SourceState::Pending { .. }
            | SourceState::Live { .. }
            | SourceState::Cached { .. }
            | SourceState::Stale { .. }
            | SourceState::Failed { .. }
            | SourceState::Truncated { .. }
            | SourceState::Off { .. } => {}
        }
    }

    fn cause(&mut self, cause: &Cause) {
        let findings = self.model.findings_of(&RowId::Cause(cause.clone()));
        let affects = self.model.world().board.affects(cause);
        if let Some(it) = row(cause.code) {
            self.text(Tone::Strong, it.title);
        }
        let at = match &cause.of {
            Ref::Association(id) => match self.model.world().graph.association(id) {
                Some(it) => format!("{} of {}", cause.of, it.service_account),
                None => cause.of.to_string(),
            },
            it => it.to_string(),
        };
        self.pair("at", &at);
        let affected = format!(
            "{}, {}",
            count(affects.identities, "ServiceAccount"),
            count(affects.pods, "pod")
        );
        self.pair("affects", &affected);
        if let Some(it) = findings.first() {
            self.finding(it);
        }
        let n_more = findings.len().saturating_sub(1);
        if 0 < n_more {
            self.text(
                Tone::Muted,
                &format!("and {n_more} more like it; unfold the row to see where"),
            );
        }
        if let Some(it) = row(cause.code) {
            self.heading("How it is seen");
            self.text(Tone::Plain, it.detect);
            self.heading("What repairs it");
            self.text(Tone::Plain, it.repair);
            self.text(Tone::Muted, it.reference);
        }
    }

    fn findings(&mut self, findings: &[&Finding]) {
        let mut said: Vec<(&str, &str)> = Vec::new();
        for it in findings {
            // Siblings say the same of each other.
            if said.contains(&(it.code, &it.message)) {
                continue;
            }
            said.push((it.code, &it.message));
            self.finding(it);
        }
    }

    fn finding(&mut self, it: &Finding) {
        let (glyph, tone) = match Standing::of_severity(it.severity) {
            Some(standing) => glyph(standing),
            None => ("·", Tone::Muted),
        };
        self.heading("");
        self.lines.pop();
        let name = row(it.code).map_or("", |it| it.name);
        let mut line = Line::of(tone, format!("{glyph} {}", it.code));
        let left = self.room.saturating_sub(line.width() + it.confidence.as_str().len() + 2);
        line.push(Tone::Strong, format!(" {}", cut_middle(name, left)));
        self.lines.push(crate::view::fit::spread(
            line,
            Line::of(Tone::Muted, it.confidence.as_str()),
            self.room,
        ));
        self.indented(2, Tone::Plain, &shorten(&it.message));
        for evidence in &it.evidence {
            // The chain has taken it apart already.
            let said = |text: &str| {
                8 < text.len() && self.lines.iter().any(|it| it.text().trim_end().ends_with(text))
            };
            if said(&evidence.found) && said(&evidence.needed) {
                continue;
            }
            let place = cut_middle(&shorten(&evidence.place), self.room.saturating_sub(2));
            self.lines.push(Line::of(Tone::Muted, format!("  {place}")));
            let found = if evidence.found.is_empty() { "nothing" } else { &evidence.found };
            let room = self.room;
            crate::view::policy::push_difference(
                &mut self.lines,
                "found",
                found,
                "needed",
                &evidence.needed,
                room,
            );
        }
        for fix in &it.fixes {
            let restart =
                if fix.restart_needed { ", then restart the pods" } else { ", no restart" };
            let tone = match fix.applicability {
                Applicability::Safe | Applicability::Confirm => Tone::Plain,
                Applicability::DisplayOnly => Tone::Muted,
            };
            let mut line = Line::of(Tone::Key, "f ");
            let text = shorten(&format!("{}{restart}", fix.title));
            let mut parts = wrap(&text, self.room.saturating_sub(2)).into_iter();
            line.push(tone, parts.next().unwrap_or_default());
            self.lines.push(line);
            for it in parts {
                self.lines.push(Line::of(tone, format!("  {it}")));
            }
        }
    }
}
