//! What covers the list, and what stands in a list that has no rows.

use crate::{
    check::Applicability,
    command::{Command, ViewKind},
    identity::Signature,
    model::{Condition, Explained, Model, Page, PageKind},
    plan::Names,
    tree::{RowId, Within},
    view::{
        Back, Frame, Line, Pane, PaneKind, Rect, Tone,
        badge::glyph,
        details,
        fit::{cut_line, cut_middle, spread, thousands, wrap},
        help,
        words::label,
    },
};

/// The pane, and how far it could be scrolled.
pub fn page(model: &Model, page: &Page, area: Rect) -> (Pane, usize) {
    let frame = if 40 <= area.width && 8 <= area.height { Frame::Focused } else { Frame::None };
    let inner = area.inner(frame);
    let room = usize::from(inner.width);
    let mut right = Line::new();
    let (title, lines) = match &page.kind {
        PageKind::Help => ("help".to_owned(), help::lines(model.keymap(), room)),
        PageKind::Details(id) => {
            right = details::standing(model, id);
            (details::title(id), details::lines(model, id, room))
        }
        PageKind::Policy(arn) => {
            let text = model.policy_text(arn).unwrap_or_else(|| "the role is gone".into());
            let title = format!("trust policy of {}", arn.name().unwrap_or(arn.as_str()));
            (title, text.split('\n').map(json_line).collect())
        }
        PageKind::Repairs(id) => {
            (format!("repairs for {}", details::title(id)), repairs(model, id, room))
        }
        PageKind::Explain(it) => ("explain".to_owned(), explain(it, room)),
    };
    let height = usize::from(inner.height);
    let limit = lines.len().saturating_sub(height);
    // A selection inside of the page stays in sight.
    let selected = lines.iter().position(|it| it.back == Back::Selected).unwrap_or(0);
    let scroll = match &page.kind {
        PageKind::Explain(_) => {
            crate::view::layout::window(page.scroll, selected, lines.len(), height)
        }
        _ => page.scroll.min(limit),
    };
    let title_room = usize::from(area.width).saturating_sub(right.width() + 8);
    let pane = Pane {
        kind: PaneKind::Page,
        area,
        frame,
        title: Line::of(Tone::Title, format!(" {} ", cut_middle(&title, title_room))),
        title_right: right,
        foot: details::more(lines.len(), scroll, height),
        lines: lines.into_iter().skip(scroll).take(height).map(|it| cut_line(it, room)).collect(),
    };
    (pane, limit)
}

/// Keys stand out from values; nothing else of JSON is worth a colour.
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

fn repairs(model: &Model, id: &RowId, room: usize) -> Vec<Line> {
    let mut res =
        vec![Line::of(Tone::Muted, "Nothing is written from here. c copies the commands.")];
    let mut said: Vec<&str> = Vec::new();
    let names = Names::of(model.world().graph);
    for finding in model.findings_of(id) {
        for fix in &finding.fixes {
            if said.contains(&&*fix.title) {
                continue;
            }
            said.push(&fix.title);
            res.push(Line::new());
            let note = match fix.applicability {
                Applicability::Safe => "safe",
                Applicability::Confirm => "changes who may do what, or restarts something",
                Applicability::DisplayOnly => "by hand",
            };
            let head = Line::of(Tone::Key, finding.code);
            res.push(spread(head, Line::of(Tone::Muted, note), room));
            for part in wrap(&fix.title, room.saturating_sub(2)) {
                res.push(Line::of(Tone::Strong, format!("  {part}")));
            }
            for command in fix.commands(&names) {
                for (at, part) in wrap(&command, room.saturating_sub(4)).into_iter().enumerate() {
                    let mark = if at == 0 { "  $ " } else { "    " };
                    res.push(Line::of(Tone::Muted, mark).add(Tone::Plain, part));
                }
            }
            let restart = if fix.restart_needed {
                "pods have to be restarted afterwards: the identity is injected at admission"
            } else {
                "no restart needed: the SDK asks again"
            };
            for it in wrap(restart, room.saturating_sub(2)) {
                res.push(Line::of(Tone::Muted, format!("  {it}")));
            }
        }
    }
    res
}

fn explain(it: &Explained, room: usize) -> Vec<Line> {
    let mut res = Vec::new();
    if it.text.trim().is_empty() {
        for part in wrap("Paste an error message or a piece of log here.", room) {
            res.push(Line::of(Tone::Plain, part));
        }
        return res;
    }
    let all = wrap(it.text.trim(), room.saturating_sub(2));
    let n_lines = all.len();
    for part in all.into_iter().take(4) {
        res.push(Line::of(Tone::Muted, "│ ").add(Tone::Plain, part));
    }
    if 4 < n_lines {
        res.push(Line::of(Tone::Muted, format!("│ … {} more lines", n_lines - 4)));
    }
    res.push(Line::new());
    if it.matches.is_empty() {
        let text =
            "none of the error texts that are known; what it names is looked for all the same";
        for (at, part) in wrap(text, room.saturating_sub(2)).into_iter().enumerate() {
            res.push(Line::of(
                Tone::Unknown,
                format!("{} {part}", if at == 0 { "?" } else { " " }),
            ));
        }
    }
    let mut said = Vec::new();
    for signature in it.matches.iter().map(|it| it.signature) {
        if said.contains(&signature) {
            continue;
        }
        said.push(signature);
        let mut push = |tone: Tone, text: &str| {
            for (at, part) in wrap(text, room.saturating_sub(6)).into_iter().enumerate() {
                let is_first = at == 0 && tone == Tone::Strong;
                let code = if is_first { signature.to_string() } else { String::new() };
                res.push(Line::of(Tone::Key, format!("{code:<5} ")).add(tone, part));
            }
        };
        push(Tone::Strong, signature.text());
        push(Tone::Plain, signature.meaning());
        let families = families(signature);
        if !families.is_empty() {
            push(Tone::Muted, &format!("comes of {}", families.join(", ")));
        }
    }
    res.push(Line::new());
    if it.fits.is_empty() {
        res.push(Line::of(Tone::Muted, "Nothing in this cluster fits it as far as it was read."));
        return res;
    }
    res.push(Line::of(Tone::Title, format!("Fits here ({})", thousands(it.fits.len()))));
    for fit in &it.fits {
        let (glyph, tone) = glyph(fit.standing);
        let key = fit.key.to_string();
        let mut line = Line::of(tone, format!("{glyph} "));
        line.push(Tone::Strong, cut_middle(&key, room / 2));
        line.push(Tone::Muted, format!("  {}", fit.why));
        line = crate::view::fit::exactly(line, room);
        if it.selected() == Some(&fit.key) {
            line.back = Back::Selected;
        }
        res.push(line);
    }
    res
}

/// The families of codes that make workloads print this; the codes themselves would fill the page.
fn families(signature: Signature) -> Vec<&'static str> {
    let rows = crate::check::table().filter(|it| it.signatures.contains(&signature));
    let mut res: Vec<&str> =
        rows.map(|it| it.code.rsplit_once('-').map_or(it.code, |(family, _)| family)).collect();
    res.dedup();
    res
}

/// Why there are no rows, and what to do about it.
pub fn condition(model: &Model, room: usize, height: usize) -> Vec<Line> {
    let ask = &model.screen().ask;
    let what = noun(ask.view);
    let place = match &ask.within {
        Within::Everything => String::new(),
        Within::Namespace(it) => format!(" in {it}"),
        Within::Of(it) => format!(" of {}", label(it)),
    };
    let key = |it: Command| model.keymap().hint(it).unwrap_or_else(|| "–".into());
    let all = match &ask.within {
        Within::Namespace(_) => format!(" · {} looks everywhere", key(Command::AllNamespaces)),
        Within::Everything | Within::Of(_) => String::new(),
    };
    let mut res: Vec<(Tone, String)> = Vec::new();
    match model.condition() {
        Condition::Rows => {}
        Condition::Loading(0) => res.push((Tone::Info, format!("◐ reading {what}{place} …"))),
        Condition::Loading(n) => {
            res.push((Tone::Info, format!("◐ {what} {} so far …", thousands(n))));
        }
        Condition::NoMatch => {
            let text = format!(
                "nothing matches /{}/{place} · {} clears{all}",
                ask.filter.text(),
                key(Command::Back)
            );
            res.push((Tone::Plain, text));
        }
        Condition::NoFaults { n_unknown } => {
            res.push((
                Tone::Success,
                format!("✔ nothing wrong{place} · {} shows all", key(Command::Faults)),
            ));
            if 0 < n_unknown {
                res.push((
                    Tone::Unknown,
                    format!("? {n_unknown} not known, which is not the same"),
                ));
            }
        }
        Condition::Empty if ask.view == ViewKind::Contexts => {
            res.push((
                Tone::Plain,
                "no contexts: KUBECONFIG or --kubeconfig names no file that has any".into(),
            ));
        }
        Condition::Empty if ask.view == ViewKind::Findings => {
            res.push((Tone::Success, format!("✔ nothing wrong{place}{all}")));
        }
        Condition::Empty => res.push((Tone::Plain, format!("no {what}{place}{all}"))),
        Condition::Denied(it) => {
            res.push((Tone::Unknown, format!("? {} denied{}", it.permission, whom(model))));
            if !it.detail.is_empty() {
                res.push((Tone::Muted, it.detail.to_string()));
            }
            let text = format!(
                "verdicts that need it are unknown · {} copies what to ask for",
                key(Command::Copy)
            );
            res.push((Tone::Plain, text));
        }
        Condition::NoCluster(error) => {
            res.push((Tone::Error, format!("✖ no cluster: {error}")));
            res.push((Tone::Plain, format!("{}ctx chooses another context", key(Command::Prompt))));
        }
        Condition::Off(reason) => {
            res.push((Tone::Unknown, format!("? AWS is not read: {reason}")));
        }
        Condition::Expired { profile, login } => {
            res.push((Tone::Error, format!("✖ credentials of {profile} have expired")));
            res.push((Tone::Plain, format!("{}login runs {login}", key(Command::Prompt))));
        }
        Condition::Failed(error) => {
            res.push((Tone::Error, format!("✖ {what} could not be read: {error}")));
            res.push((Tone::Plain, "it is tried again".into()));
        }
    }
    let lines = res.into_iter().flat_map(|(tone, text)| {
        wrap(&text, room).into_iter().map(move |it| Line::of(tone, it)).collect::<Vec<_>>()
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.truncate(height);
    lines
}

fn whom(model: &Model) -> String {
    match model.world().graph.caller() {
        crate::fact::Knowledge::Known(it) => {
            format!(" for {}", it.arn.name().unwrap_or(it.arn.as_str()))
        }
        crate::fact::Knowledge::Absent
        | crate::fact::Knowledge::Denied(_)
        | crate::fact::Knowledge::NotYet => String::new(),
    }
}

fn noun(view: ViewKind) -> &'static str {
    match view {
        ViewKind::Identities => "ServiceAccounts",
        ViewKind::Pods => "pods",
        ViewKind::Roles => "roles",
        ViewKind::Associations => "associations",
        ViewKind::Providers => "providers",
        ViewKind::Findings => "findings",
        ViewKind::Namespaces => "namespaces",
        ViewKind::Contexts => "contexts",
        ViewKind::Sources => "sources",
    }
}
