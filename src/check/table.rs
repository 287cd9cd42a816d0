//! All codes in one table, in the order of the reference manual.

use crate::check::{
    Acc, IdentityContext, PodContext, Row, Rule, ann, app, chain, hook, node, oidc, pages, perm,
    pi_agent, pi_assoc, pi_both, pi_pod, pi_target, pi_trust, pod_env, pod_key, sa, sec, tool,
    trust_act, trust_aud, trust_cond, trust_doc, trust_key, trust_multi, trust_prin, trust_sub,
};
use std::{collections::HashMap, sync::LazyLock};

/// One slice a family; a family is what stands before the number of a code. Pages come last.
pub const FAMILIES: &[&[Row]] = &[
    oidc::ROWS,
    trust_act::ROWS,
    trust_prin::ROWS,
    trust_key::ROWS,
    trust_sub::ROWS,
    trust_aud::ROWS,
    trust_cond::ROWS,
    trust_multi::ROWS,
    trust_doc::ROWS,
    ann::ROWS,
    sa::ROWS,
    hook::ROWS,
    pod_key::ROWS,
    pod_env::ROWS,
    node::ROWS,
    pi_assoc::ROWS,
    pi_pod::ROWS,
    pi_agent::ROWS,
    pi_trust::ROWS,
    pi_target::ROWS,
    pi_both::ROWS,
    chain::ROWS,
    perm::ROWS,
    sec::ROWS,
    app::ROWS,
    tool::ROWS,
    pages::POD,
    pages::CLOUD,
    pages::NETWORK,
];

/// Every code, pages that are never reported included (`Rule::Page`).
pub fn table() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().copied().flatten()
}

/// The row of a code as written in reports (`TRUST-SUB-03`); `None` for a code that is not ours.
pub fn row(code: &str) -> Option<&'static Row> {
    BY_CODE.get(code).map(|(_, it)| *it)
}

/// Where a code stands in the manual; `None` for a code that is not ours.
pub fn stage(code: &str) -> Option<usize> {
    BY_CODE.get(code).map(|(stage, _)| *stage)
}

/// Rules of one kind with their rows, in the order of the table.
type Rules<R> = LazyLock<Vec<(&'static Row, R)>>;

pub(crate) static OF_IDENTITIES: Rules<fn(&IdentityContext<'_>, &mut Acc)> = LazyLock::new(|| {
    let rule = |row: &'static Row| match row.rule {
        Rule::Identity(it) => Some((row, it)),
        Rule::Pod(_)
        | Rule::Both { .. }
        | Rule::Association(_)
        | Rule::Unit(_)
        | Rule::Webhook(_)
        | Rule::Page => None,
    };
    table().filter_map(rule).collect()
});

pub(crate) static OF_PODS: Rules<fn(&PodContext<'_>, &mut Acc)> = LazyLock::new(|| {
    let rule = |row: &'static Row| match row.rule {
        Rule::Pod(it) | Rule::Both { pod: it, .. } => Some((row, it)),
        Rule::Identity(_)
        | Rule::Association(_)
        | Rule::Unit(_)
        | Rule::Webhook(_)
        | Rule::Page => None,
    };
    table().filter_map(rule).collect()
});

/// Rows whose rule looks at units of the other kinds.
pub(crate) static OF_UNITS: LazyLock<Vec<&'static Row>> = LazyLock::new(|| {
    let is_of_units = |it: &&Row| match it.rule {
        Rule::Unit(_) | Rule::Both { .. } | Rule::Association(_) | Rule::Webhook(_) => true,
        Rule::Identity(_) | Rule::Pod(_) | Rule::Page => false,
    };
    table().filter(is_of_units).collect()
});

/// Every row with its place.
static BY_CODE: LazyLock<HashMap<&'static str, (usize, &'static Row)>> =
    LazyLock::new(|| table().enumerate().map(|(stage, it)| (it.code, (stage, it))).collect());
