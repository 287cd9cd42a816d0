//! All codes in one table, in the order of the reference manual.

use crate::check::{
    Row, ann, app, chain, hook, node, oidc, pages, perm, pi_agent, pi_assoc, pi_both, pi_pod,
    pi_trust, pod_env, pod_key, sa, sec, tool, trust_act, trust_aud, trust_cond, trust_doc,
    trust_key, trust_multi, trust_prin, trust_sub,
};

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
    table().find(|it| it.code == code)
}
