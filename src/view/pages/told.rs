//! An error text explained.

use crate::{
    identity::Signature,
    model::Explained,
    view::{
        Back, Line, Tone,
        badge::glyph,
        fit::{cut_middle, exactly, thousands, width, wrap},
    },
};

pub fn explain(it: &Explained, room: usize) -> Vec<Line> {
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
    let widest = it.fits.iter().map(|it| width(&it.key.to_string())).max().unwrap_or(0);
    let for_name = widest.min(room / 2);
    for fit in &it.fits {
        let (glyph, tone) = glyph(fit.standing);
        let mut line = Line::of(tone, format!("{glyph} "));
        let name = Line::of(Tone::Strong, cut_middle(&fit.key.to_string(), for_name));
        line.spans.extend(exactly(name, for_name).spans);
        line.push(Tone::Muted, format!("  {}", fit.why));
        line = exactly(line, room);
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
    let mut res: Vec<&str> = Vec::new();
    for it in rows.map(|it| it.code.rsplit_once('-').map_or(it.code, |(family, _)| family)) {
        if !res.contains(&it) {
            res.push(it);
        }
    }
    res
}
