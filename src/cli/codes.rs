//! `codes`: the reference manual out of the check table.

use crate::{
    check::{self, Row},
    cli::{
        args::{Codes, CodesOutput},
        error::UsageError,
        output,
    },
};
use std::fmt::Write as _;

pub fn run(args: &Codes) -> Result<String, UsageError> {
    let rows: Vec<&Row> = match &args.code {
        None => check::table().collect(),
        Some(asked) => vec![find(asked)?],
    };
    Ok(match args.output {
        CodesOutput::Json => {
            let pages: Vec<_> = rows.iter().map(|it| json(it)).collect();
            output::json(&pages)
        }
        CodesOutput::Markdown => {
            let mut res = String::from("# Finding codes\n");
            if args.code.is_none() {
                res.push_str(&index(&rows));
            }
            for row in rows {
                write!(res, "\n{}", page(row, true)).expect("a String takes all");
            }
            res
        }
        CodesOutput::Text if args.code.is_some() => rows.iter().map(|it| page(it, false)).collect(),
        CodesOutput::Text => rows
            .iter()
            .map(|it| format!("{:<13} {:<9} {}\n", it.code, it.severity.as_str(), it.name))
            .collect(),
    })
}

/// A code or a name, whatever its case.
pub fn find(asked: &str) -> Result<&'static Row, UsageError> {
    let wanted = asked.trim().to_ascii_lowercase();
    check::table()
        .find(|it| it.code.to_ascii_lowercase() == wanted || it.name == wanted)
        .ok_or_else(|| {
            let near: Vec<&str> = check::table()
                .filter(|it| {
                    let family = wanted.rsplit_once('-').map_or(wanted.as_str(), |(it, _)| it);
                    !family.is_empty() && it.code.to_ascii_lowercase().starts_with(family)
                })
                .map(|it| it.code)
                .collect();
            let error = UsageError::new(format!("unknown code `{asked}`"));
            if near.is_empty() {
                error.hint("`idscope codes` lists them")
            } else {
                error.hint(format!("of that family: {}", near.join(", ")))
            }
        })
}

const INTRODUCTION: &str = "
What `idscope check` reports and `idscope explain` names. `idscope codes CODE` prints one page.

Severity, worst first: *blocker* (no credentials, or AWS refuses them), *wrong-id* (the workload runs as somebody else),
*degraded* (it works now and will not always), *sec-high*, *sec-med*, *sec-low* (more may be assumed than needs to be),
*hygiene* (harmless leftovers). *unknown* stands outside the order: idscope could not read what it needs.

Confidence: *certain* follows from documented semantics, *likely* could have another cause too, *runtime* leaves no trace
in any API, so `check` never reports it and `explain` names it as a hypothesis when an error message fits.
";

/// One line a code, linked to its page.
fn index(rows: &[&Row]) -> String {
    let mut res = format!(
        "{INTRODUCTION}\n| code | severity | confidence | what it is |\n|---|---|---|---|\n"
    );
    for it in rows {
        let anchor = format!("{} {}", it.code, it.name).to_lowercase().replace(' ', "-");
        let (severity, confidence) = (it.severity.as_str(), it.confidence.as_str());
        writeln!(res, "| [{}](#{anchor}) | {severity} | {confidence} | {} |", it.code, it.title)
            .expect("a String takes all");
    }
    res
}

fn page(row: &Row, markdown: bool) -> String {
    let mut res = String::new();
    let mut put = |text: std::fmt::Arguments<'_>| {
        writeln!(res, "{text}").expect("a String takes all");
    };
    if markdown {
        put(format_args!("## {} {}\n\n{}\n", row.code, row.name, row.title));
    } else {
        put(format_args!("{} {}\n{}\n", row.code, row.name, row.title));
    }
    let signatures: Vec<String> =
        row.signatures.iter().map(|it| format!("{it} {}", it.meaning())).collect();
    let fields = [
        ("Severity", row.severity.as_str().to_owned()),
        ("Confidence", row.confidence.as_str().to_owned()),
        ("Reported on", row.subject.as_str().to_owned()),
        ("Seen when", row.detect.to_owned()),
        ("Workloads print", signatures.join("; ")),
        ("Repair", row.repair.to_owned()),
        ("Fixes", row.fixes.join(", ")),
        ("Reference", row.reference.to_owned()),
    ];
    for (name, value) in fields.iter().filter(|(_, it)| !it.is_empty()) {
        if markdown {
            put(format_args!("- {name}: {value}"));
        } else {
            put(format_args!("{name:<16} {value}"));
        }
    }
    res
}

fn json(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "code": row.code,
        "name": row.name,
        "title": row.title,
        "severity": row.severity.as_str(),
        "confidence": row.confidence.as_str(),
        "subject": row.subject.as_str(),
        "detect": row.detect,
        "repair": row.repair,
        "signatures": row.signatures.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fixes": row.fixes,
        "reference": row.reference,
    })
}
