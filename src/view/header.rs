//! The lines above everything: which cluster and as whom, how fresh each source is, how many stand how; and what makes
//! all of it worth less.

use crate::{
    fact::{Knowledge, SourceState},
    ident::{Arn, Timestamp},
    model::{Model, SourceGroup, Trouble},
    tree::Standing,
    view::{
        Line, Pane, PaneKind, Tone,
        badge::glyph,
        fit::{age, cut_middle, spread, thousands, width},
        layout::Layout,
        pane,
    },
};

/// Header groups that are named even when nothing is wrong with them.
const ALWAYS: &[&str] = &["pods", "roles", "assoc", "oidc"];

pub fn header(model: &Model, layout: &Layout) -> Option<Pane> {
    let area = layout.header?;
    let room = usize::from(area.width);
    let lines = if area.height < 2 {
        vec![spread(short_place(model, room), counts(model, false), room)]
    } else {
        let sources = sources(model, room / 2);
        vec![
            spread(place(model, room.saturating_sub(sources.width() + 1)), sources, room),
            spread(counts(model, true), hints(model), room),
        ]
    };
    Some(pane(PaneKind::Header, area, lines))
}

fn short_place(model: &Model, room: usize) -> Line {
    let name = context(model);
    Line::new().add(Tone::Strong, format!(" {} ", cut_middle(&name, room / 3)))
}

/// ` idscope  prod ▸ ap-northeast-2 ▸ 111122223333  as oncall (sso)`.
fn place(model: &Model, room: usize) -> Line {
    let mut res = Line::new().add(Tone::Title, " idscope  ");
    let mut parts = vec![cut_middle(&context(model), room / 2)];
    if let Knowledge::Known(it) = model.world().graph.cluster() {
        let named = parts[0].contains(&*it.name);
        if !named {
            parts.push(it.name.to_string());
        }
        parts.push(it.region.to_string());
        parts.push(it.account.to_string());
    }
    for (at, it) in parts.iter().enumerate() {
        if at != 0 {
            res.push(Tone::Muted, " ▸ ");
        }
        res.push(if at == 0 { Tone::Strong } else { Tone::Plain }, it);
    }
    if let Knowledge::Known(it) = model.world().graph.caller() {
        let caller = caller(&it.arn);
        let via = if it.via.is_empty() { String::new() } else { format!(" ({})", it.via) };
        // What does not fit is left out rather than cut.
        if res.width() + width(&caller) + 5 <= room {
            res.push(Tone::Muted, "  as ");
            res.push(Tone::Plain, caller);
            if res.width() + width(&via) <= room {
                res.push(Tone::Muted, via);
            }
        }
    }
    res
}

fn context(model: &Model) -> String {
    let graph = model.world().graph;
    let from_server = graph.api_server().map(|it| it.context.to_string());
    model
        .context()
        .map(|it| it.to_string())
        .or(from_server)
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| "no context".into())
}

/// The role or user without what is the same for all sessions.
fn caller(arn: &Arn) -> String {
    let resource = arn.parts().map_or(arn.as_str(), |it| it.resource);
    let mut parts = resource.split('/');
    let (kind, name) = (parts.next().unwrap_or_default(), parts.next());
    match (kind, name) {
        ("assumed-role", Some(name)) => name.to_owned(),
        (_, _) => arn.name().unwrap_or(resource).to_owned(),
    }
}

/// `pods 1,204 live  roles 86 12s`.
fn sources(model: &Model, room: usize) -> Line {
    let mut res = Line::new();
    let groups = model.source_groups();
    let shown = |it: &&SourceGroup| ALWAYS.contains(&it.label) || is_odd(&it.state);
    for it in groups.iter().filter(shown) {
        let (text, tone) = state(model.now(), &it.state, it.is_watched);
        // As wide as it will get, so that nothing beside it moves while it grows older.
        let text = format!("{text:<4}");
        let is_off = matches!(it.state, SourceState::Off { .. });
        let n = number(model, it.label).filter(|_| !is_off);
        let n = n.map(|it| format!(" {}", thousands(it)));
        let part = format!("{}{}", it.label, n.unwrap_or_default());
        if room < res.width() + part.len() + text.len() + 3 {
            res.push(Tone::Muted, " …");
            break;
        }
        if !res.spans.is_empty() {
            res.push(Tone::Plain, "  ");
        }
        res.push(Tone::Plain, part);
        res.push(tone, format!(" {text}"));
    }
    res.push(Tone::Plain, " ");
    res
}

fn number(model: &Model, label: &str) -> Option<usize> {
    let graph = model.world().graph;
    match label {
        "pods" => Some(graph.n_pods()),
        "roles" => Some(graph.roles().count()),
        "assoc" => Some(graph.associations().count()),
        "nodes" => Some(graph.nodes().count()),
        _ => None,
    }
}

fn is_odd(state: &SourceState) -> bool {
    match state {
        SourceState::Live { .. } | SourceState::Pending { .. } | SourceState::Off { .. } => false,
        SourceState::Cached { .. }
        | SourceState::Stale { .. }
        | SourceState::Denied { .. }
        | SourceState::Failed { .. }
        | SourceState::Truncated { .. }
        | SourceState::Expired { .. } => true,
    }
}

/// How fresh, in a word, with its tone. What is watched is always of now; what is polled is as old as it is.
pub fn state(now: Timestamp, state: &SourceState, is_watched: bool) -> (String, Tone) {
    let since = |at: &Timestamp| age(now.as_second() - at.as_second());
    match state {
        SourceState::Pending { received: 0 } => ("reading".into(), Tone::Info),
        SourceState::Pending { received } => {
            (format!("{} so far", thousands(*received)), Tone::Info)
        }
        SourceState::Live { at } if is_watched || now.as_second() - at.as_second() < 5 => {
            ("live".into(), Tone::Success)
        }
        SourceState::Live { at } => (since(at), Tone::Success),
        SourceState::Cached { at } => (format!("cached {}", since(at)), Tone::Warning),
        SourceState::Stale { at, attempts, .. } => {
            (format!("{} old · reconnecting ({attempts})", since(at)), Tone::Warning)
        }
        SourceState::Denied { .. } => ("denied".into(), Tone::Unknown),
        SourceState::Failed { .. } => ("failed".into(), Tone::Error),
        SourceState::Truncated { .. } => ("incomplete".into(), Tone::Warning),
        SourceState::Expired { .. } => ("expired".into(), Tone::Error),
        SourceState::Off { .. } => ("off".into(), Tone::Muted),
    }
}

/// `✖ 3 blocked  ≠ 1 wrong id  …`; without words where there is no room for them.
fn counts(model: &Model, words: bool) -> Line {
    let board = model.world().board;
    let mut res = Line::of(Tone::Plain, " ");
    for it in Standing::ALL {
        let count = match it {
            // Pods, not accounts: nobody asked for it, so it is said once, here.
            Standing::NodeRole => board.node_role_pods(),
            Standing::Undeclared => 0,
            Standing::Blocked
            | Standing::WrongId
            | Standing::Degraded
            | Standing::Risky
            | Standing::Unknown
            | Standing::Waiting
            | Standing::Healthy => board.total().count(it),
        };
        let (glyph, tone) = glyph(it);
        match (count, words) {
            (0, _) => {}
            (_, true) if matches!(it, Standing::Healthy) => {
                res.push(tone, format!("{glyph} {}", thousands(count as usize)));
                res.push(Tone::Plain, "  ");
            }
            (_, true) => {
                let word = if it == Standing::NodeRole { "on node role" } else { it.word() };
                res.push(tone, format!("{glyph} {} {word}", thousands(count as usize)));
                res.push(Tone::Plain, "  ");
            }
            (_, false) => {
                res.push(tone, format!("{glyph}{count}"));
                res.push(Tone::Plain, " ");
            }
        }
    }
    let n_waiting = model.n_waiting();
    if words && 0 < n_waiting {
        res.push(Tone::Info, format!("◐ judging {}", thousands(n_waiting)));
    }
    res
}

fn hints(model: &Model) -> Line {
    let mut res = Line::new();
    for it in crate::view::footer::ALWAYS {
        crate::view::footer::push_hint(model, &mut res, it);
    }
    res.push(Tone::Plain, " ");
    res
}

/// The worst thing about the sources, in one line, with what to do.
pub fn banner(model: &Model, layout: &Layout) -> Option<Pane> {
    let area = layout.banner?;
    let troubles = model.troubles();
    let (tone, text) = trouble(model, troubles.first()?);
    let more = match troubles.len() - 1 {
        0 => String::new(),
        n => format!("{n} more at :sources "),
    };
    let room = usize::from(area.width);
    let left = Line::of(tone, format!(" {text}"));
    Some(pane(PaneKind::Banner, area, vec![spread(left, Line::of(Tone::Muted, more), room)]))
}

fn trouble(model: &Model, it: &Trouble) -> (Tone, String) {
    match it {
        Trouble::NoCluster { error } => {
            (Tone::Error, format!("✖ no cluster: {error}"))
        }
        Trouble::Expired { profile, .. } => {
            (Tone::Error, format!("✖ credentials of {profile} have expired · :login renews them"))
        }
        Trouble::NoAws { reason } => {
            let text = format!(
                "? AWS is not read: {reason} · verdicts are unknown · :profiles chooses a profile"
            );
            (Tone::Unknown, text)
        }
        Trouble::Denied { denied, more } => {
            let whom = match model.world().graph.caller() {
                Knowledge::Known(it) => format!(" for {}", caller(&it.arn)),
                Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => String::new(),
            };
            let more = if *more == 0 { String::new() } else { format!(" (and {more} more)") };
            // Another account: its number says more than the call.
            let what = match denied.detail.strip_prefix("no credentials for ") {
                Some(it) => format!("{it} is not read: no credentials{more}"),
                None => format!("{}{more} denied{whom}", denied.permission),
            };
            (
                Tone::Unknown,
                format!(
                    "? {what} · verdicts that need it are unknown · :sources says what to ask for"
                ),
            )
        }
        Trouble::Stale { label, since, attempts } => {
            let old = age(model.now().as_second() - since.as_second());
            (Tone::Warning, format!("▲ {label} {old} old · reconnecting ({attempts})"))
        }
        Trouble::Failed { label, error } => (Tone::Warning, format!("▲ {label}: {error}")),
        Trouble::NotProven => (
            Tone::Warning,
            "▲ cluster not proven: nothing shows that this context is the cluster that AWS describes".into(),
        ),
    }
}
