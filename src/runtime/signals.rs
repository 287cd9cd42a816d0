//! Signals: those that end the session, and stopping and going on as a job of the shell.

use crate::ident::Text;
use std::{io, time::Duration};
use tokio::{
    signal::unix::{self, SignalKind, signal},
    time::timeout,
};

/// Whoever asks to be stopped is stopped at once; after so long the system did not do it.
const STOPS_WITHIN: Duration = Duration::from_millis(500);

/// SIGTERM, SIGHUP, a SIGINT from elsewhere (ctrl-c is a key here), and SIGCONT.
pub struct Signals {
    hangup: unix::Signal,
    interrupt: unix::Signal,
    terminate: unix::Signal,
    go_on: unix::Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Its number.
    Leave(u8),
    /// It was stopped, and goes on.
    Continued,
}

impl Signals {
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            go_on: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Leave(1),
            _ = self.interrupt.recv() => Signal::Leave(2),
            _ = self.terminate.recv() => Signal::Leave(15),
            _ = self.go_on.recv() => Signal::Continued,
        }
    }

    /// One that has come already.
    pub fn pending(&mut self) -> Option<Signal> {
        use futures::FutureExt;
        self.next().now_or_never()
    }

    /// Stops the whole job, as the terminal does at ctrl-z, and comes back when it goes on. An error where nobody
    /// could let it go on, and so the system does not stop it.
    pub async fn stop(&mut self) -> Result<(), Text> {
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)
            .map_err(|it| format!("not stopped: {it}"))?;
        match timeout(STOPS_WITHIN, self.go_on.recv()).await {
            Ok(_) => Ok(()),
            Err(_) => Err("not stopped: there is no shell that could let it go on".into()),
        }
    }
}
