//! One cause, one finding: which codes give way to which (the reference manual, section 0.1).
//!
//! Only what crosses families is here; what can be told apart inside a family is told apart by its rules.

use crate::check::Finding;
use std::collections::BTreeSet;

/// On one unit: where the left code is reported, the right ones are not. A family stands for its codes.
const GIVE_WAY: &[(&str, &[&str])] = &[
    // The annotated role is the wrong one: what is wrong with its trust policy is beside the point.
    ("ANN-14", TRUST),
    ("TRUST-DOC-02", TRUST),
    ("ANN-08", &["ANN-06", "ANN-14", "TRUST-DOC-02"]),
    ("PI-BOTH-01", &["ANN-18"]),
    ("ANN-11", &["ANN-01", "ANN-12"]),
    ("ANN-12", &["ANN-01"]),
    ("ANN-16", &["ANN-01"]),
    ("SA-01", &["ANN-01"]),
    ("SA-03", &["SA-02", "ANN-01"]),
    ("SA-07", &["ANN-01"]),
    ("SA-08", &["TRUST-SUB-01", "TRUST-SUB-02", "TRUST-SUB-05"]),
    ("SA-06", &["SA-02", "SA-03", "ANN-01"]),
    ("TRUST-MULTI-01", &["TRUST-PRIN-03"]),
    ("PI-ASSOC-02", &["PI-ASSOC-01", "SA-05", "SA-06", "PI-ASSOC-10"]),
    ("SA-05", &["PI-ASSOC-01"]),
    // The kubelet makes a static pod from its own file, whenever that was.
    ("HOOK-11", &["HOOK-01", "HOOK-05", "HOOK-06", "PI-POD-01", "PI-POD-02"]),
    ("ANN-11", &["PI-ASSOC-04"]),
    ("ANN-12", &["PI-ASSOC-04"]),
    ("ANN-16", &["PI-ASSOC-04"]),
    ("PI-ASSOC-04", &["ANN-01"]),
    ("PI-ASSOC-12", &["ANN-01", "PI-ASSOC-04"]),
    ("PI-ASSOC-01", &["PI-ASSOC-10"]),
    ("PI-ASSOC-05", &["PI-ASSOC-10"]),
    // An association with a mistyped name is refused by a trust policy that has the right one.
    ("PI-ASSOC-03", &["PI-ASSOC-10", "PI-ASSOC-01", "PI-TRUST-05"]),
    ("PI-ASSOC-08", &["PI-TRUST"]),
    ("PI-TRUST-03", &["PI-TRUST-10"]),
    ("PI-TRUST-02", &["PI-TRUST-10"]),
];

const TRUST: &[&str] = &[
    "TRUST-SUB",
    "TRUST-PRIN",
    "TRUST-KEY",
    "TRUST-ACT",
    "TRUST-AUD",
    "TRUST-COND",
    "TRUST-MULTI",
];

/// What a recreated cluster explains for each role (OIDC-04 says it once, on the provider).
const EXPLAINED_BY_RECREATION: &[&str] = &["TRUST-PRIN-03", "TRUST-KEY-01", "TRUST-MULTI-01"];

/// On the ServiceAccount: says why its pods carry nothing.
const EXPLAINS_NOTHING_INJECTED: &[&str] =
    &["ANN-01", "ANN-11", "ANN-12", "ANN-16", "PI-ASSOC-04", "PI-ASSOC-12", "SA-01", "SA-03"];

/// On the pod itself: likewise.
const EXPLAINS_ON_POD: &[&str] = &["HOOK", "PI-POD", "POD-ENV", "POD-KEY"];

/// Says why the webhook did not inject into one pod, as if it were called for pods like it.
const NOT_INJECTED: &[&str] =
    &["HOOK-01", "HOOK-05", "HOOK-06", "HOOK-11", "HOOK-13", "PI-POD-01", "PI-POD-02"];

/// What a pod says only where nothing else explains it.
const LAST_RESORT: &[&str] = &["NODE-01", "CHAIN-05"];

/// Leaves what is said of a ServiceAccount after "one cause, one finding". `is_meant`: an association has nearly its name
/// (PI-ASSOC-03 says so there).
pub(crate) fn of_identity(found: &mut Vec<Finding>, recreated: bool, is_meant: bool) {
    give_way(found);
    if is_meant {
        found.retain(|it| !fits(it.code, &["ANN-01", "PI-ASSOC-04"]));
    }
    if recreated {
        found.retain(|it| !EXPLAINED_BY_RECREATION.contains(&it.code));
    }
}

/// As `of_identity`, for one pod; `explained` is what `explains_nothing_injected` said of its ServiceAccount, and
/// `not_called` that HOOK-03 or HOOK-04 says once for all pods that nobody injects into them.
pub(crate) fn of_pod(found: &mut Vec<Finding>, explained: bool, not_called: bool) {
    give_way(found);
    if not_called {
        found.retain(|it| !fits(it.code, NOT_INJECTED));
    }
    let explained =
        explained || not_called || found.iter().any(|it| fits(it.code, EXPLAINS_ON_POD));
    if explained {
        found.retain(|it| !LAST_RESORT.contains(&it.code));
    }
}

/// As `of_identity`, for any other unit.
pub(crate) fn of_unit(found: &mut Vec<Finding>) {
    give_way(found);
}

/// Whether the findings of a ServiceAccount say why its pods carry nothing.
pub(crate) fn explains_nothing_injected(found: &[Finding]) -> bool {
    found.iter().any(|it| EXPLAINS_NOTHING_INJECTED.contains(&it.code))
}

fn give_way(found: &mut Vec<Finding>) {
    if found.len() < 2 {
        return;
    }
    // A large policy may have thousands of the same code.
    let codes: BTreeSet<&str> = found.iter().map(|it| it.code).collect();
    let is_lost = |code: &&str| {
        GIVE_WAY
            .iter()
            .any(|(winner, losers)| winner != code && codes.contains(winner) && fits(code, losers))
    };
    let lost: Vec<&str> = codes.iter().copied().filter(is_lost).collect();
    if !lost.is_empty() {
        found.retain(|it| !lost.contains(&it.code));
    }
}

/// Whether a code is among codes and families.
fn fits(code: &str, among: &[&str]) -> bool {
    among.iter().any(|it| {
        code.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}
