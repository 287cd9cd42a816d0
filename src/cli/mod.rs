//! The command line: arguments to the right command, its answer to stdout, everything else to stderr.

mod args;
mod check;
mod codes;
mod collect;
mod dashboard;
mod error;
mod explain;
mod fix;
mod goal;
mod info;
mod lab;
mod log;
mod output;
mod settings;
mod trust;

use crate::{
    cli::{
        args::{Cli, Command, Global},
        collect::{Collected, clock, collect},
        error::UsageError,
    },
    config::Config,
    event::Level,
    fact::Scope,
    lab::Lab,
    report::build,
    source::Settings,
};
use clap::{CommandFactory, Parser};
use std::{collections::BTreeSet, io::IsTerminal, process::ExitCode};
use tokio::time::Instant;

/// Exit status where not even the runtime starts.
const USAGE: u8 = 2;
/// Exit status after an interrupt (128 + SIGINT).
const INTERRUPTED: u8 = 130;

/// Parses the arguments, runs, and says how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(it) => it,
        Err(err) => {
            eprintln!("idscope: failed to start: {err}");
            return ExitCode::from(USAGE);
        }
    };
    let status = runtime.block_on(async {
        match run(cli).await {
            Ok(status) => status,
            Err(error) => {
                eprintln!("idscope: {}", output::lines(&error.to_string()));
                for hint in &error.hints {
                    eprintln!("  {}", output::lines(hint));
                }
                error.status
            }
        }
    });
    // Watches and polls may hang in a system call; nothing is lost by leaving them.
    runtime.shutdown_background();
    ExitCode::from(status)
}

async fn run(cli: Cli) -> Result<u8, UsageError> {
    let global = &cli.global;
    if let Some(path) = &global.log_file {
        crate::runtime::log_to(path, "")
            .map_err(|err| UsageError::new(format!("failed to {err}: {}", cause(&err))))?;
    }
    let print = |text: &str| output::print(text, global.ascii);
    match &cli.command {
        Some(Command::Trust { command }) => {
            let (text, status) = trust::run(command, global, clock())?;
            print(&text);
            Ok(status)
        }
        Some(Command::Codes(it)) => {
            print(&codes::run(it)?);
            Ok(0)
        }
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "idscope", &mut text);
            output::raw(&String::from_utf8_lossy(&text));
            Ok(0)
        }
        Some(Command::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text).map_err(|err| {
                UsageError::new(format!("failed to render the manual page: {err}"))
            })?;
            output::raw(&String::from_utf8_lossy(&text));
            Ok(0)
        }
        Some(Command::Info(it)) if it.permissions => {
            print(&info::permissions(it.fixes));
            Ok(0)
        }
        Some(Command::Info(_)) => {
            let Some(read) = read(global, None).await? else { return Ok(INTERRUPTED) };
            print(&info::info(&read, global));
            Ok(0)
        }
        Some(Command::Check(it)) => {
            let filter = check::Filter::new(it)?;
            let Some(read) = read(global, None).await? else { return Ok(INTERRUPTED) };
            let (text, status) = check::run(it, &filter, &read, width());
            print(&text);
            Ok(status)
        }
        Some(Command::Explain(it)) => {
            let Some(question) = explain::question(it).await? else { return Ok(INTERRUPTED) };
            let Some(read) = read(&question.widened(global), question.log_ended).await? else {
                return Ok(INTERRUPTED);
            };
            let (text, status) = explain::run(it, &question, &read)?;
            print(&text);
            Ok(status)
        }
        Some(Command::Fix(it)) => fix::fix(it, global).await,
        Some(Command::Undo(it)) => fix::undo(it, global).await,
        Some(Command::Probe(it)) => fix::probe(it, global).await,
        Some(Command::Lab(it)) => lab::run(it, global, clock()).await,
        None => dashboard(global).await,
    }
}

/// Reads everything once; `None` when interrupted, and not by what ended a log just now.
async fn read(
    global: &Global,
    log_ended: Option<Instant>,
) -> Result<Option<Collected>, UsageError> {
    one_context(global)?;
    let lab = demo(global).await?;
    let settings = headless(global, lab.as_ref())?;
    read_with(settings, log_ended).await
}

/// Flags, environment and configuration of a run that reads once.
fn headless(global: &Global, lab: Option<&Lab>) -> Result<Settings, UsageError> {
    let mut settings = settings_of(global, lab, false);
    if lab.is_none() {
        dashboard::configure(&mut settings, &dashboard::config()?);
    }
    Ok(settings)
}

/// Reads everything once and says on stderr what did not go well; `None` when interrupted.
async fn read_with(
    settings: Settings,
    log_ended: Option<Instant>,
) -> Result<Option<Collected>, UsageError> {
    let progress = std::io::stderr().is_terminal();
    let read = tokio::select! {
        // Listened to before anything is asked.
        biased;
        () = log::interrupted(log_ended) => return Ok(None),
        read = collect(settings, progress) => read,
    };
    for notice in &read.notices {
        let word = match notice.level {
            Level::Info => continue,
            Level::Warning => "warning",
            Level::Error => "error",
        };
        eprintln!("idscope: {word}: {}", crate::ident::visible(&notice.text));
    }
    if !check::kube_was_read(&read.graph) && read.notices.iter().all(|it| it.level != Level::Error)
    {
        for line in unread_kube(&read) {
            eprintln!("idscope: error: the cluster was not read: {}", output::lines(&line));
        }
    }
    for it in settings::unknown_namespaces(&read) {
        eprintln!("idscope: warning: there is no namespace `{}`", crate::ident::visible(it));
    }
    for it in &read.unanswered {
        eprintln!("idscope: warning: no answer: {}", crate::ident::visible(it));
    }
    Ok(Some(read))
}

/// Why pods and ServiceAccounts were not read, each reason once.
fn unread_kube(read: &Collected) -> Vec<String> {
    let of_kube = |it: &Scope| matches!(it, Scope::Pods { .. } | Scope::ServiceAccounts { .. });
    let reasons: BTreeSet<String> = read
        .graph
        .sources()
        .filter(|(scope, _)| of_kube(scope))
        .filter_map(|(_, state)| {
            let (word, _, detail, permission) = build::source_words(state);
            let permission = permission.map(|it| format!("{it} is denied"));
            permission.or(detail).or_else(|| (word != "live").then(|| word.to_owned()))
        })
        .collect();
    reasons.into_iter().collect()
}

async fn dashboard(global: &Global) -> Result<u8, UsageError> {
    one_context(global)?;
    let config = if global.demo.is_some() { Config::default() } else { dashboard::config()? };
    let lab = demo(global).await?;
    let mut settings = settings_of(global, lab.as_ref(), true);
    dashboard::configure(&mut settings, &config);
    dashboard::run(global, settings, &config, lab).await
}

fn settings_of(global: &Global, lab: Option<&Lab>, follow: bool) -> Settings {
    match lab {
        Some(lab) => settings::demo_settings(global, lab, follow),
        None => settings::settings(global, follow),
    }
}

/// The embedded endpoints, when asked for.
async fn demo(global: &Global) -> Result<Option<Lab>, UsageError> {
    match &global.demo {
        None => Ok(None),
        Some(file) => lab::start(file.as_deref(), global.scale, clock()).await.map(Some),
    }
}

fn one_context(global: &Global) -> Result<(), UsageError> {
    match global.context.as_slice() {
        [] | [_] => Ok(()),
        [..] => Err(UsageError::new("several contexts at once are not supported yet")
            .hint("run once for each --context")),
    }
}

/// The columns of the terminal that stdout is; unlimited elsewhere, so that logs and pipes lose nothing.
fn width() -> usize {
    if std::io::stdout().is_terminal() {
        crossterm::terminal::size().map_or(usize::MAX, |(width, _)| usize::from(width))
    } else {
        usize::MAX
    }
}

/// The innermost cause, which says what the operating system said.
fn cause(error: &dyn std::error::Error) -> String {
    let mut it = error;
    while let Some(source) = it.source() {
        it = source;
    }
    it.to_string()
}
