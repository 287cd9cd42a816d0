//! What a session is started with.

use crate::{
    command::Line,
    ident::{Ref, Text},
    keymap::Keymap,
    plan::Writes,
};
use std::time::Duration;

/// What does not change while the session lasts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub keymap: Keymap,
    /// The command of `:login` where the source names none.
    pub login: Option<Text>,
    /// Where to begin; `None`: the identities.
    pub start: Option<Line>,
    /// The node to stand on as soon as it is there.
    pub focus: Option<Ref>,
    /// Namespaces that have the digits from 1 on.
    pub namespaces: Vec<Text>,
    /// Clicks and the wheel are the terminal's from the start.
    pub without_mouse: bool,
    /// Whether plans may be carried out.
    pub writes: Writes,
    /// How long every pod has to be Ready before a migration takes the old way away; ten minutes where it is not said.
    pub ready_for: Option<Duration>,
}
