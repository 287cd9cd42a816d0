//! `check`: the report printed, and what it means for the exit status.

use crate::{
    check,
    cli::{
        args::{Check, CheckOutput, FailOn},
        codes,
        collect::Collected,
        error::UsageError,
        output,
    },
    fact::Scope,
    graph::Graph,
    ident::SaKey,
    identity::{Verdict, Why},
    report::{build, json, table},
};

/// Codes asked for or left out; an unknown one is an error before anything is read.
pub struct Filter {
    only: Vec<&'static str>,
    skip: Vec<&'static str>,
}

impl Filter {
    pub fn new(args: &Check) -> Result<Filter, UsageError> {
        let known = |asked: &[String]| -> Result<Vec<&'static str>, UsageError> {
            asked.iter().map(|it| codes::find(it).map(|row| row.code)).collect()
        };
        Ok(Filter { only: known(&args.only)?, skip: known(&args.skip)? })
    }

    fn keeps(&self, code: &str) -> bool {
        (self.only.is_empty() || self.only.contains(&code)) && !self.skip.contains(&code)
    }
}

/// The text for stdout and the exit status.
pub fn run(args: &Check, filter: &Filter, it: &Collected, width: usize) -> (String, u8) {
    let meta = build::Meta {
        generated_at: it.now,
        tool_version: env!("CARGO_PKG_VERSION"),
        namespaces: &it.settings.namespaces,
    };
    let report = build::report(&it.graph, &it.ledger, &meta, &|code| filter.keeps(code));
    let text = match args.output {
        CheckOutput::Json => output::json(&report),
        CheckOutput::Table => table::table(&report, width),
        CheckOutput::Wide => table::wide(&report),
    };
    (text, status(args, &report, it))
}

/// Findings at or above `--fail-on` win over "too little could be read".
fn status(args: &Check, report: &json::Report, collected: &Collected) -> u8 {
    let limit = match args.fail_on {
        FailOn::Blocker => Some(check::Severity::Blocker),
        FailOn::WrongId => Some(check::Severity::WrongId),
        FailOn::Degraded => Some(check::Severity::Degraded),
        FailOn::SecHigh => Some(check::Severity::SecHigh),
        FailOn::SecMed => Some(check::Severity::SecMed),
        FailOn::SecLow => Some(check::Severity::SecLow),
        FailOn::Hygiene => Some(check::Severity::Hygiene),
        FailOn::Never => None,
    };
    let Some(limit) = limit else { return 0 };
    let hit = report.findings.iter().any(|it| {
        check::Severity::parse(it.severity)
            .is_some_and(|it| it != check::Severity::Unknown && it <= limit)
    });
    if hit {
        return 1;
    }
    let unread = !kube_was_read(&collected.graph);
    let namespaces = &collected.settings.namespaces;
    let asked = |it: &&SaKey| namespaces.is_empty() || namespaces.contains(&it.namespace);
    let undecided = collected.graph.identities().filter(asked).any(|it| {
        let verdict = collected.ledger.identity(it).map(|it| &it.verdict);
        // What depends on who calls is known as far as it can be; the rest was not readable.
        matches!(
            verdict,
            Some(Verdict::Unknown(Why::Denied(_) | Why::Pending(_) | Why::InvalidPolicy(_)))
        )
    });
    // Across two clusters nothing is judged at all.
    let elsewhere = collected.ledger.findings().any(|it| it.code == "TOOL-CTX-01");
    if !args.allow_unknown && (unread || undecided || elsewhere) { 3 } else { 0 }
}

/// Whether pods and ServiceAccounts were listed somewhere.
pub fn kube_was_read(graph: &Graph) -> bool {
    let read = |is_it: fn(&Scope) -> bool| {
        graph.sources().any(|(scope, state)| {
            is_it(scope) && matches!(build::source_words(state).0, "live" | "truncated")
        })
    };
    read(|it| matches!(it, Scope::Pods { .. }))
        && read(|it| matches!(it, Scope::ServiceAccounts { .. }))
}
