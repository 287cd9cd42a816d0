//! `lab`: the embedded endpoints for other clients, and their start for `--demo`.

use crate::{
    cli::{
        args::{self, Global},
        error::UsageError,
    },
    ident::Timestamp,
    lab::{Lab, World},
};
use std::path::Path;

/// Starts the endpoints on the default scenario, on `file`, or on a generated fleet of `scale` pods.
pub async fn start(
    file: Option<&Path>,
    scale: Option<usize>,
    now: Timestamp,
) -> Result<Lab, UsageError> {
    let world = match (file, scale) {
        (Some(_), Some(_)) => {
            return Err(UsageError::new(
                "--scale generates the fleet, so --demo takes no file with it",
            ));
        }
        (None, Some(n_pods)) => World::fleet(n_pods, now),
        (None, None) => World::default_scenario(now),
        (Some(path), None) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|err| UsageError::new(format!("failed to read `{name}`: {err}")))?;
            World::parse(&name, &text, now).map_err(|err| UsageError::new(err.to_string()))?
        }
    };
    Lab::start(world)
        .await
        .map_err(|err| UsageError::new(format!("failed to start the embedded endpoints: {err}")))
}

/// Prints the exports and stays until interrupted, or runs a command with them.
pub async fn run(args: &args::Lab, global: &Global, now: Timestamp) -> Result<u8, UsageError> {
    let file = global.demo.as_ref().and_then(|it| it.as_deref());
    let lab = start(file, global.scale, now).await?;
    let Some((program, rest)) = args.command.split_first() else {
        crate::cli::print(&lab.exports());
        let interrupted = tokio::signal::ctrl_c().await;
        drop(interrupted);
        return Ok(crate::cli::INTERRUPTED);
    };
    let mut command = tokio::process::Command::new(program);
    command.args(rest);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if Lab::unsets(&name) {
            command.env_remove(name);
        }
    }
    command.envs(lab.settings_env());
    let status = command
        .status()
        .await
        .map_err(|err| UsageError::new(format!("failed to run `{program}`: {err}")))?;
    Ok(exit_status(status))
}

#[cfg(unix)]
fn exit_status(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|it| 128 + it)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(not(unix))]
fn exit_status(status: std::process::ExitStatus) -> u8 {
    u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)
}
