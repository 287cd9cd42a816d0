//! The last line: where one is and which keys do something here; or the prompt.

use crate::{
    command::Command,
    event::Level,
    model::{Mode, Model, PageKind, PromptKind, Proposed, Stage},
    tree::Within,
    view::{
        Line, Pane, PaneKind, Rect, Tone,
        fit::{cut_middle, spread, width},
        fix, pane,
        words::label,
    },
};

/// What is everywhere, and so stands in a header that has room.
pub const ALWAYS: [Command; 3] = [Command::Filter, Command::Prompt, Command::Help];

/// In the order in which they give way, the last first.
const HINTS: [Command; 18] = [
    Command::Apply,
    Command::Undo,
    Command::Restart,
    Command::Enter,
    Command::Repairs,
    Command::Probe,
    Command::UsedBy,
    Command::Yaml,
    Command::Policy,
    Command::NextMatch,
    Command::ManagedFields,
    Command::Copy,
    Command::CopyTerraform,
    Command::Export,
    Command::Faults,
    Command::Pane,
    Command::AllNamespaces,
    Command::Back,
];

/// The pane, and where the cursor stands while something is typed.
pub fn footer(model: &Model, area: Rect) -> (Pane, Option<(u16, u16)>) {
    let room = usize::from(area.width);
    if let Some(prompt) = model.prompt() {
        let mark = match prompt.kind {
            PromptKind::Line => ":",
            PromptKind::Filter { .. } | PromptKind::Search => "/",
        };
        let mut line = Line::of(Tone::Key, mark);
        // The cursor stays in sight however much was typed.
        let before = width(&prompt.text[..prompt.cursor]);
        let skip = (before + 2).saturating_sub(room);
        let text: String = prompt.text.chars().skip(skip).collect();
        line.push(Tone::Strong, text);
        line.push(Tone::Muted, model.suggestion().unwrap_or_default());
        let x = area.x + u16::try_from((1 + before).saturating_sub(skip)).unwrap_or(0);
        let line = crate::view::fit::cut_line(line, room);
        return (pane(PaneKind::Footer, area, vec![line]), Some((x, area.y)));
    }
    if let Some((line, cursor)) = fix::question(model, room) {
        let x = area.x + u16::try_from(cursor.min(room.saturating_sub(1))).unwrap_or(0);
        let line = crate::view::fit::cut_line(line, room);
        return (pane(PaneKind::Footer, area, vec![line]), Some((x, area.y)));
    }
    let left = match model.flash() {
        Some(it) => {
            let (mark, tone) = match it.level {
                Level::Info => ("·", Tone::Info),
                Level::Warning => ("▲", Tone::Warning),
                Level::Error => ("✖", Tone::Error),
            };
            Line::of(tone, format!(" {mark} {}", it.text))
        }
        None => crumbs(model, room),
    };
    let for_left = if model.flash().is_some() { room } else { room * 6 / 10 };
    let free = room.saturating_sub(left.width().min(for_left) + 2);
    (pane(PaneKind::Footer, area, vec![spread(left, hints(model, free), room)]), None)
}

/// ` <identities> <payments/api>`: the way back.
fn crumbs(model: &Model, room: usize) -> Line {
    let mut res = Line::of(Tone::Plain, " ");
    if room < 60 || model.are_crumbs_hidden() {
        return res;
    }
    for it in model.screens() {
        let text = match &it.ask.within {
            Within::Everything => it.view().title().to_owned(),
            Within::Namespace(name) => name.to_string(),
            Within::Of(at) => label(at),
        };
        res.push(Tone::Muted, format!("<{}> ", cut_middle(&text, 24)));
    }
    if let Mode::Page(page) = model.mode() {
        let text = match &page.kind {
            PageKind::Help => "help",
            PageKind::Details(_) => "details",
            PageKind::Policy(_) => "trust policy",
            PageKind::Yaml(_) => "yaml",
            PageKind::Fixes(_) => "fixes",
            PageKind::Plan(_) => "plan",
            PageKind::Journal(_) => "undo",
            PageKind::Probe(_) => "probe",
            PageKind::Explain(_) => "explain",
        };
        res.push(Tone::Strong, format!("<{text}> "));
    }
    res
}

fn hints(model: &Model, room: usize) -> Line {
    let mut res = Line::new();
    let small = model.size().1 <= 24 || model.size().0 < 80;
    let always = ALWAYS.into_iter().filter(|_| small || model.is_header_hidden());
    let limit = if small { 4 } else { HINTS.len() };
    let mut n_shown = 0;
    // Where there is little room, what leads on, and the way out.
    let n_first = if small && !matches!(model.mode(), Mode::Page(_)) { 5 } else { HINTS.len() };
    let takes = [Command::CopyTerraform, Command::Export];
    let first = HINTS.into_iter().take(n_first).filter(|it| !small || !takes.contains(it));
    for it in first.chain(always) {
        if !model.can(it) || limit <= n_shown || (it == Command::Back && is_root(model)) {
            continue;
        }
        let mut hint = Line::new();
        push_hint(model, &mut hint, it);
        if room < res.width() + hint.width() {
            break;
        }
        res.spans.extend(hint.spans);
        n_shown += 1;
    }
    res
}

fn is_root(model: &Model) -> bool {
    matches!(model.mode(), Mode::List) && model.screens().len() == 1
}

/// `f repair  `.
pub fn push_hint(model: &Model, line: &mut Line, command: Command) {
    let Some(key) = model.keymap().hint(command) else { return };
    if !model.can(command) {
        return;
    }
    line.push(Tone::Key, key);
    let title = match (command, model.mode()) {
        (Command::Enter, Mode::List | Mode::Details) => model.enter_title(),
        (Command::Enter, Mode::Page(page)) => match page.kind {
            PageKind::Fixes(_) => "plan",
            PageKind::Journal(_) => "undo",
            PageKind::Help
            | PageKind::Details(_)
            | PageKind::Policy(_)
            | PageKind::Yaml(_)
            | PageKind::Plan(_)
            | PageKind::Probe(_)
            | PageKind::Explain(_) => "go to",
        },
        (Command::Apply, Mode::Page(page)) if matches!(page.kind, PageKind::Journal(_)) => "finish",
        (Command::Probe, Mode::Page(page)) if matches!(page.kind, PageKind::Probe(_)) => "ask",
        (Command::Back, _) if model.proposal().is_some_and(Proposed::is_running) => {
            "stop after this step"
        }
        (Command::Restart, _) => match model.proposal().map(|it| (&it.stage, it.with_restart)) {
            Some((Stage::Shown, false)) => "with restart",
            Some((Stage::Shown, true)) => "without restart",
            Some(_) | None => command.title(),
        },
        (Command::Filter, Mode::Page(_)) => "search",
        (_, _) => command.title(),
    };
    line.push(Tone::Muted, format!(" {title}  "));
}
