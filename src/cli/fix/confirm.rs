//! Asking a person whether it is to be done.

use crate::{cli::fix::How, ident::visible, plan::Plan};
use std::io::{BufRead, IsTerminal, Write};

/// Why the plan is not carried out: another digest, no terminal to ask at, or other words than asked for.
pub(super) fn unconfirmed(plan: &Plan, how: &How) -> Option<String> {
    if let Some(yes) = &how.yes {
        let same = **yes == *plan.digest;
        return (!same).then(|| format!("the plan's digest is {}, not {yes}", plan.digest));
    }
    confirmed(plan.confirm.words(), "apply", &format!("--yes {}", plan.digest))
}

/// Asks a person for `words`; `Some` says why it is not confirmed, without a terminal that `flag` is needed.
pub(crate) fn confirmed(words: &str, verb: &str, flag: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() {
        return Some(format!("without a terminal pass {flag}"));
    }
    eprint!("type `{}` to {verb}: ", visible(words));
    drop(std::io::stderr().flush());
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) if line.trim_end_matches(['\n', '\r']) == words => None,
        Ok(_) => Some("not confirmed".to_owned()),
        Err(it) => Some(format!("failed to read the confirmation: {it}")),
    }
}
