//! What concerns many units at once and decides which of several fitting codes is reported: kept by the ledger so
//! that a change of it judges exactly those again whom it concerns.

use crate::{
    check::{Context, judge, oidc},
    ident::{AccountId, Arn},
};
use std::collections::BTreeSet;

/// Judged anew whenever the cluster, a role or a provider changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overview {
    /// Accounts whose roles still trust the issuer that the cluster had before it was made again (OIDC-04).
    pub recreated: BTreeSet<AccountId>,
    /// Providers of EKS issuers that no cluster has (OIDC-12).
    pub orphans: BTreeSet<Arn>,
    /// TOOL-CTX-01: no verdict is given.
    pub not_one_cluster: bool,
}

impl Overview {
    pub fn of(cx: Context<'_>) -> Overview {
        let accounts = cx.graph.named_accounts().cloned();
        let recreated = accounts.filter(|it| oidc::recreated(&cx, it).is_some());
        Overview {
            recreated: recreated.collect(),
            orphans: oidc::orphans(&cx),
            not_one_cluster: judge::issuer_mismatch(cx.graph).is_some(),
        }
    }
}
