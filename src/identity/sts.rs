//! Would STS accept `AssumeRoleWithWebIdentity`: request shape, token against the provider, trust policy.

use crate::{
    fact::{IamRole, Knowledge},
    iam,
    ident::{AccountId, Arn, Issuer, SaKey, Text, Timestamp},
    identity::Judged,
};

/// Everything that decides. Facts that could not be read come as `Knowledge`, and make the verdict unknown only
/// where they decide.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// RoleArn as it would be sent, verbatim.
    pub role_arn: &'a str,
    pub service_account: &'a SaKey,
    /// `None`: the cluster has no issuer. `NotYet`/`Denied`: not known.
    pub issuer: Knowledge<Issuer>,
    /// The token's `aud`.
    pub audience: &'a [Text],
    /// The provider of `issuer` in the role's account: its client ids.
    pub provider: Knowledge<Vec<Text>>,
    pub role: Knowledge<&'a IamRole>,
    pub region: Option<&'a str>,
    /// `AWS_ROLE_SESSION_NAME`, when set.
    pub session_name: Option<&'a str>,
    /// Open (`check`): keys that depend on the caller are unknown. Closed (vectors): they are absent.
    pub world: World<'a>,
    pub now: Option<Timestamp>,
}

/// Which condition keys exist beside those derived from the token.
#[derive(Clone, Copy, Debug)]
pub enum World<'a> {
    Open,
    /// Further keys that are present, with their values.
    Closed(&'a [(Text, Vec<Text>)]),
}

/// Stages A to C.
pub fn judge(_ask: &Ask<'_>) -> Judged {
    Judged { verdict: crate::identity::Verdict::None, because: String::new(), hops: Vec::new() }
}

/// The request that the trust policy is evaluated with.
pub fn request(_ask: &Ask<'_>, account: &AccountId, issuer: &Issuer) -> iam::Request {
    iam::Request {
        action: "sts:AssumeRoleWithWebIdentity".into(),
        caller: iam::Caller::Federated(Arn::new(format!("{account}{issuer}"))),
        resource: None,
        context: iam::Context::default(),
    }
}
