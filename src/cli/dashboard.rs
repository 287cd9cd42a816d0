//! The dashboard: configuration file and flags to what it is started with.

use crate::{
    cli::{
        args::{self, Global},
        error::UsageError,
        settings,
    },
    command::{Line, parse_line},
    config::Config,
    keymap::Keymap,
    lab::Lab,
    model::Options,
    report::target,
    runtime::{self, Launch},
    source::{AccountRole, Settings, Writes},
    ui::{Color, Theme},
};
use std::{io::IsTerminal, path::PathBuf, time::Duration};

/// The configuration; an absent file is an empty one.
pub fn config() -> Result<Config, UsageError> {
    let Some(path) = settings::config_dir().map(|it| it.join("config.yaml")) else {
        return Ok(Config::default());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Config::parse(&text)
            .map_err(|err| UsageError::new(format!("{}: failed to {err}", path.display()))),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(err) => Err(UsageError::new(format!("failed to read `{}`: {err}", path.display()))),
    }
}

/// What the configuration adds to the flags; a flag wins.
pub fn configure(settings: &mut Settings, config: &Config) {
    let closed = config.contexts.iter().filter(|(_, it)| it.readonly);
    let closed: Vec<String> = closed.map(|(name, _)| name.clone()).collect();
    settings.writes = match std::mem::take(&mut settings.writes) {
        Writes::Never => Writes::Never,
        Writes::Allowed | Writes::NotIn(_) if config.readonly => Writes::Never,
        Writes::Allowed if closed.is_empty() => Writes::Allowed,
        Writes::Allowed => Writes::NotIn(closed),
        Writes::NotIn(before) => Writes::NotIn([before, closed].concat()),
    };
    if let Some(seconds) = config.poll_seconds.filter(|it| 0 < *it) {
        settings.poll = Duration::from_secs(seconds);
    }
    for (id, account) in &config.accounts {
        if settings.account_profiles.iter().any(|(it, _)| **it == **id) {
            continue;
        }
        if let Some(profile) = &account.profile {
            settings.account_profiles.push((id.as_str().into(), profile.clone()));
        }
        if let Some(role_arn) = &account.role_arn {
            settings.account_roles.push(AccountRole {
                account: id.as_str().into(),
                role_arn: role_arn.clone(),
                external_id: account.external_id.clone(),
            });
        }
    }
}

/// Runs until the person leaves; the exit status.
pub async fn run(
    global: &Global,
    mut settings: Settings,
    config: &Config,
    lab: Option<Lab>,
) -> Result<u8, UsageError> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(UsageError::new("the dashboard needs a terminal")
            .hint("`idscope check` prints the same without one"));
    }
    let pairs = config.keys.iter().map(|(key, command)| (key.as_str(), command.as_str()));
    let keymap = Keymap::with(pairs)
        .map_err(|err| UsageError::new(format!("configuration: `keys`: {err}")))?;
    let start = match global.start.as_ref().or(config.command.as_ref()) {
        Some(text) => Some(parse_line(text).map_err(|err| {
            UsageError::new(format!("--command: {err}")).hint("e.g. --command ':sa default'")
        })?),
        None => None,
    };
    let focus = match &global.focus {
        Some(text) => Some(target::exact(text).ok_or_else(|| {
            UsageError::new(format!("--focus: `{text}` is no target"))
                .hint("e.g. pod/NS/NAME, sa/NS/NAME, role/ARN, node/NAME")
        })?),
        None => None,
    };
    let start = start.and_then(|it| without_context(it, &mut settings));
    let options = Options {
        keymap,
        login: config.login.as_deref().map(Into::into),
        start,
        focus,
        namespaces: config.namespaces.iter().map(|it| it.as_str().into()).collect(),
        without_mouse: config.mouse == Some(false),
        writes: settings.writes.clone(),
        ready_for: config.ready_minutes.map(|it| Duration::from_secs(60 * it)),
    };
    let theme = Theme::new(color(global, config), global.ascii || config.ascii);
    let save_dir = config
        .save_dir
        .as_deref()
        .map(PathBuf::from)
        .or_else(|| settings::state_dir().map(|it| it.join("saved")));
    // The demo's world ends with the process, and so does its journal.
    let journal_dir = match &lab {
        Some(it) => Some(it.dir().join("state")),
        None => settings::state_dir(),
    };
    let launch = Launch::new(settings, options, theme, save_dir, journal_dir);
    let left = runtime::run(launch).await;
    drop(lab);
    match left {
        Ok(status) => Ok(status.code()),
        Err(err) => Err(UsageError::new(format!("failed to {err}"))),
    }
}

/// A context or profile that the first line names is where the session begins, not where it goes to.
fn without_context(line: Line, settings: &mut Settings) -> Option<Line> {
    match line {
        Line::Show { view, namespace, filter, context } => {
            settings.context = context.or(settings.context.take());
            Some(Line::Show { view, namespace, filter, context: None })
        }
        Line::Context(name) => {
            settings.context = Some(name);
            None
        }
        Line::Profile(name) => {
            settings.profile = Some(name);
            None
        }
        it @ (Line::Login
        | Line::Explain(_)
        | Line::Suspend
        | Line::Mouse
        | Line::Undo
        | Line::Goal(_)
        | Line::Help
        | Line::Quit
        | Line::Nothing) => Some(it),
    }
}

fn color(global: &Global, config: &Config) -> Color {
    let painted = match (global.color, config.color.as_deref()) {
        (args::Color::Always, _) | (args::Color::Auto, Some("always")) => true,
        (args::Color::Never, _) | (args::Color::Auto, Some("never")) => false,
        (args::Color::Auto, Some(_) | None) => {
            std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
        }
    };
    if painted { Color::Painted } else { Color::Plain }
}
