//! OIDC: the IAM OIDC provider of the cluster.

use crate::check::Row;

pub const ROWS: &[Row] = &[];

use crate::{check::Context, ident::AccountId};

/// The issuer that the cluster had before it was made again, when roles of `account` that are used here still trust
/// it (OIDC-04).
pub(crate) fn recreated(_cx: &Context<'_>, _account: &AccountId) -> Option<()> {
    None
}
