//! What is seen, as a file: a list as CSV with all its columns, a page as it is.

use crate::{
    model::{Asked, Mode, Model, Page, PageKind},
    plan::{May, Names, Whereabouts},
    report::plan as report,
    tree::Row,
    view::{
        Line,
        cells::{Cells, Col},
        columns, details, fix, pages,
    },
};
use std::fmt::Write;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What it is of, fit for a file name, without time and ending.
    pub name: String,
    pub ending: &'static str,
    pub text: String,
}

/// Wide enough for nothing to be cut.
const ROOM: usize = 4_096;
/// As wide as text for people is broken.
const PAGE: usize = 100;

/// The open page, else the list with the rows as they are filtered, sorted and unfolded.
pub fn saved(model: &Model) -> Saved {
    match model.mode() {
        Mode::Page(it) => page(model, it),
        Mode::List | Mode::Details => list(model),
    }
}

/// The plan that is seen in all forms that others take: a script that checks first, Terraform, markdown.
pub fn exported(model: &Model) -> Vec<Saved> {
    let Some(it) = model.proposal() else { return Vec::new() };
    let Some(plan) = it.as_plan() else { return Vec::new() };
    let graph = model.world().graph;
    let names = Names::of(graph);
    let may: &[May] = match &it.may {
        Asked::Told(them) => them,
        Asked::Not | Asked::Asking => &[],
    };
    let left = &it.offer.left;
    let restarts = &it.restarts;
    let deputies = &it.deputies;
    let page =
        report::Page { plan, blast: &it.blast, deputies, names: &names, may, left, restarts };
    let name = file_name(&fix::title(it));
    let saved = |ending, text| Saved { name: name.clone(), ending, text };
    vec![
        saved("sh", report::script(&page, &Whereabouts::of(graph))),
        saved("tf", report::terraform(&page)),
        saved("md", report::text(&page, true)),
    ]
}

fn page(model: &Model, page: &Page) -> Saved {
    let lines = |them: Vec<Line>| {
        let text = them.iter().map(|it| it.text().trim_end().to_owned());
        text.collect::<Vec<_>>().join("\n") + "\n"
    };
    let plain = || model.page_text(page).unwrap_or_default().to_string();
    let (name, ending, text) = match &page.kind {
        PageKind::Help => ("help".to_owned(), "txt", String::new()),
        PageKind::Details(id) => {
            (details::title(id), "txt", lines(details::lines(model, id, PAGE)))
        }
        PageKind::Policy(arn) => (arn.name().unwrap_or("policy").to_owned(), "json", plain()),
        PageKind::Yaml(it) => (details::title_of(&it.of), "yaml", plain()),
        PageKind::Fixes(it) => (fix::offers_title(it), "txt", lines(fix::offers(model, it, PAGE))),
        PageKind::Plan(it) => (fix::title(it), "txt", lines(fix::plan(model, it, PAGE))),
        PageKind::Probe(it) => (fix::probe_title(it), "txt", lines(fix::probe(model, it, PAGE))),
        PageKind::Journal(it) => {
            ("journal".to_owned(), "txt", lines(fix::journal(model, it, PAGE)))
        }
        PageKind::Explain(it) => ("explain".to_owned(), "txt", lines(pages::explain(it, PAGE))),
    };
    Saved { name: file_name(&name), ending, text }
}

fn list(model: &Model) -> Saved {
    let screen = model.screen();
    let specs = columns::all(screen.view());
    let cells = Cells::new(model);
    let mut text = String::new();
    let heads: Vec<String> = specs.iter().map(|it| field(it.title)).collect();
    let _ = writeln!(text, "{}", heads.join(","));
    for row in &screen.rows {
        let fields: Vec<String> =
            specs.iter().map(|it| field(&cell(&cells, row, it.col))).collect();
        let _ = writeln!(text, "{}", fields.join(","));
    }
    Saved { name: file_name(screen.view().title()), ending: "csv", text }
}

fn cell(cells: &Cells<'_>, row: &Row, col: Col) -> String {
    let text = cells.cell(row, col, ROOM).text();
    if col != Col::Name {
        return text.trim().to_owned();
    }
    // Where it stands in the tree is not part of its name.
    text.trim().trim_start_matches(['▾', '▸', '·', ' ']).to_owned()
}

/// RFC 4180, section 2; what a spreadsheet would take for a formula is not one.
fn field(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@']) && 1 < text.len() {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

fn file_name(text: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let res: String = text.chars().map(clean).take(80).collect();
    res.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use crate::view::save::{field, file_name};

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        let check = |text: &str, expected: &str| assert_eq!(field(text), expected);
        check("shop/web", "shop/web");
        check("a, b", "\"a, b\"");
        check("say \"no\"", "\"say \"\"no\"\"\"");
        check("=cmd()", "'=cmd()");
        check("-", "-");
        check("–", "–");
    }

    #[test]
    fn names_of_files_have_nothing_odd() {
        let check = |text: &str, expected: &str| assert_eq!(file_name(text), expected);
        check("sa payments/api", "sa-payments-api");
        check("../../etc/passwd", "etc-passwd");
        check("한글", "");
    }
}
