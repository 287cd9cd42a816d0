//! The help page, written by the keymap and the commands themselves, so that it cannot be wrong.

use crate::{
    command::{Command, Group, OTHERS, ViewKind},
    model::Model,
    view::{Line, Tone, fit::width},
};

const KEYS: usize = 18;

pub fn lines(model: &Model, room: usize) -> Vec<Line> {
    let keymap = model.keymap();
    let read_only = model.read_only();
    let mut res = Vec::new();
    if let Some(why) = &read_only {
        let text = format!("{why}: the keys that write are not there");
        res.extend(
            crate::view::fit::wrap(&text, room).into_iter().map(|it| Line::of(Tone::Warning, it)),
        );
    }
    for group in Group::ALL {
        push_heading(&mut res, group.title());
        let is_there = |it: &Command| !it.writes() || read_only.is_none();
        for it in Command::ALL.into_iter().filter(|it| it.group() == group).filter(is_there) {
            // The nine digits say one thing.
            let shown = match it {
                Command::Favourite(1) => (1..=9).map(Command::Favourite).collect(),
                Command::Favourite(_) => continue,
                it => vec![it],
            };
            let keys = shown.iter().flat_map(|it| keymap.keys(*it)).map(|it| it.to_string());
            let keys: Vec<String> = keys.collect();
            if !keys.is_empty() {
                push_entry(&mut res, &keys.join(" "), it.help(), room);
            }
        }
    }
    push_heading(&mut res, "Views, after :");
    for it in ViewKind::ALL {
        let scope = match it {
            it if it.has_namespaces() => " · [NAMESPACE] [LABEL=VALUE] [@CONTEXT] [/FILTER]",
            ViewKind::Contexts | ViewKind::Profiles | ViewKind::Namespaces => " · [NAME]",
            _ => "",
        };
        push_entry(
            &mut res,
            &format!(":{}", it.aliases()[0]),
            &format!("{}{scope}", it.help()),
            room,
        );
    }
    for (word, help) in OTHERS {
        push_entry(&mut res, &format!(":{word}"), help, room);
    }
    push_heading(&mut res, "Filters, after /");
    push_entry(
        &mut res,
        "/api|web",
        "a regular expression over all columns, upper and lower case alike",
        room,
    );
    push_entry(&mut res, "/!kube", "what does not match", room);
    push_entry(&mut res, "/-f pmapi", "fuzzy, on the name", room);
    push_entry(
        &mut res,
        "/app=web",
        "by label, also -l app in (web,api); of pods, ServiceAccounts and namespaces",
        room,
    );
    res
}

fn push_heading(res: &mut Vec<Line>, text: &str) {
    if !res.is_empty() {
        res.push(Line::new());
    }
    res.push(Line::of(Tone::Title, text));
}

fn push_entry(res: &mut Vec<Line>, keys: &str, text: &str, room: usize) {
    let keys_room = if room < 60 { 12 } else { KEYS };
    let parts = crate::view::fit::wrap(text, room.saturating_sub(keys_room + 3).max(10));
    for (at, part) in parts.into_iter().enumerate() {
        let keys = if at == 0 { keys } else { "" };
        let gap = " ".repeat((keys_room + 1).saturating_sub(width(keys)).max(1));
        res.push(Line::of(Tone::Key, format!("  {keys}")).add(Tone::Plain, format!("{gap}{part}")));
    }
}
