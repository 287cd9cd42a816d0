//! `lab`: the embedded endpoints for other clients, and their start for `--demo`.

use crate::{
    cli::{
        args::{self, Global},
        error::UsageError,
        output,
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
    let mut present = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let Some((program, rest)) = args.command.split_first() else {
        // Whoever reads the exports may stop it at once.
        let mut stops = Stops::listen();
        output::raw(&lab.exports(present));
        let status = stops.next().await;
        // Its files go with it.
        drop(lab);
        return Ok(status);
    };
    let mut command = tokio::process::Command::new(program);
    command.args(rest);
    for name in present.by_ref().filter(|it| Lab::unsets(it)) {
        command.env_remove(name);
    }
    command.envs(lab.settings_env());
    let failed = |err| UsageError::new(format!("failed to run `{program}`: {err}"));
    let mut stops = Stops::listen();
    let mut child = command.spawn().map_err(failed)?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map(exit_status).map_err(failed),
            // A terminal interrupts the command as well, and what it does then is its business.
            status = stops.next() => if status != crate::cli::INTERRUPTED {
                // It may have ended just now.
                drop(child.start_kill());
            },
        }
    }
}

/// Who wants an end. One that cannot be listened to keeps its default, which ends us.
#[cfg(unix)]
struct Stops(Vec<(u8, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Stops {
    /// From now on.
    fn listen() -> Stops {
        use tokio::signal::unix::{SignalKind, signal};
        let all = [
            (crate::cli::INTERRUPTED, SignalKind::interrupt()),
            (128 + 15, SignalKind::terminate()),
            (128 + 1, SignalKind::hangup()),
        ];
        Stops(all.into_iter().filter_map(|(code, it)| Some((code, signal(it).ok()?))).collect())
    }

    /// 128 and the signal's number.
    async fn next(&mut self) -> u8 {
        std::future::poll_fn(|cx| {
            let mut all = self.0.iter_mut();
            let found = all.find_map(|(code, it)| it.poll_recv(cx).is_ready().then_some(*code));
            found.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }
}

#[cfg(not(unix))]
struct Stops;

#[cfg(not(unix))]
impl Stops {
    fn listen() -> Stops {
        Stops
    }

    async fn next(&mut self) -> u8 {
        drop(tokio::signal::ctrl_c().await);
        crate::cli::INTERRUPTED
    }
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
