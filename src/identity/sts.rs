//! Would STS accept `AssumeRoleWithWebIdentity`: request shape, token against the provider, trust policy.
//!
//! Not judged: whether the token file is there and readable, the network path to STS, and what an organisation's
//! resource control policies add.

use crate::{
    fact::{IamRole, Knowledge},
    iam,
    ident::{AccountId, Arn, Issuer, Partition, SaKey, Text, Timestamp},
    identity::{
        Judged, Signature,
        steps::{Found, Steps, missing},
    },
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

/// The action that is asked for.
pub const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// RoleArn's limits in the STS API model, in characters.
const MIN_ROLE_ARN: usize = 20;
const MAX_ROLE_ARN: usize = 2048;

/// Stages A to C.
///
/// The hops are always the same, in this order: `role ARN`, `OIDC provider`, `token audience`, `role`, `trust policy`;
/// after a malformed ARN nothing else is looked at. A hop behind a failed one is `Skipped` but keeps what it would
/// have come to in `detail` and `evaluation`.
pub fn judge(ask: &Ask<'_>) -> Judged {
    let mut steps = Steps::default();
    let account = role_arn(ask, &mut steps);
    if let Some(account) = account {
        provider(ask, &account, &mut steps);
        role(ask, &account, &mut steps);
    }
    let subject = ask.service_account.subject();
    steps.verdict(format!("the trust policy of `{}` lets `{subject}` in", ask.role_arn))
}

/// The request that the trust policy is evaluated with. `account` is the role's; the caller is the provider of
/// `issuer` in that account and in the role's partition.
pub fn request(ask: &Ask<'_>, account: &AccountId, issuer: &Issuer) -> iam::Request {
    let partition = Arn::from(ask.role_arn).partition().unwrap_or(Partition::Aws);
    let mut context = iam::Context::default();
    context.set(&format!("{issuer}:sub"), [ask.service_account.subject()]);
    context.set(&format!("{issuer}:aud"), ask.audience.iter().cloned());
    common_keys(&mut context, ask.world, ask.now, ask.region);
    match (ask.session_name, ask.world) {
        (Some(it), _) => context.set("sts:RoleSessionName", [it]),
        (None, World::Open) => context.set_unknown("sts:RoleSessionName"),
        (None, World::Closed(_)) => {}
    }
    resource_tags(&mut context, &ask.role);
    further_keys(&mut context, ask.world);
    iam::Request {
        action: ACTION.into(),
        caller: iam::Caller::Federated(issuer.provider_arn(&partition, account)),
        resource: None,
        context,
    }
}

fn role_arn(ask: &Ask<'_>, steps: &mut Steps) -> Option<AccountId> {
    let what = "role ARN";
    let n_chars = ask.role_arn.chars().count();
    let arn = Arn::from(ask.role_arn);
    if !(MIN_ROLE_ARN..=MAX_ROLE_ARN).contains(&n_chars) {
        let detail = format!("`{arn}` is {n_chars} characters long; STS takes 20 to 2048");
        steps.add(what, arn.text().clone(), Found::Fail(Signature::E07), detail, None);
        return None;
    }
    if !arn.is_iam_role() {
        let detail = format!("`{arn}` is not the ARN of an IAM role");
        steps.add(what, arn.text().clone(), Found::Fail(Signature::E06), detail, None);
        return None;
    }
    steps.add(what, arn.text().clone(), Found::Pass, "well formed", None);
    arn.account()
}

fn provider(ask: &Ask<'_>, account: &AccountId, steps: &mut Steps) {
    let what = "OIDC provider";
    let issuer = match &ask.issuer {
        Knowledge::Known(it) => it,
        Knowledge::Absent => {
            let detail = "the cluster has no issuer, so no provider can match";
            steps.add(what, "", Found::Fail(Signature::E01), detail, None);
            return;
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            if let Some((why, detail)) = missing(&ask.issuer, "the cluster's issuer") {
                steps.add(what, "", Found::Unknown(why), detail, None);
            }
            return;
        }
    };
    let name = issuer.as_str();
    let clients = match &ask.provider {
        Knowledge::Known(it) => it,
        Knowledge::Absent => {
            let detail = format!("account {account} has no OIDC provider for `{issuer}`");
            steps.add(what, name, Found::Fail(Signature::E01), detail, None);
            return;
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            let of = format!("the OIDC provider of account {account}");
            if let Some((why, detail)) = missing(&ask.provider, &of) {
                steps.add(what, name, Found::Unknown(why), detail, None);
            }
            return;
        }
    };
    steps.add(what, name, Found::Pass, format!("registered in account {account}"), None);

    let audience = list(ask.audience);
    let (found, detail) = match ask.audience.iter().any(|it| clients.contains(it)) {
        true => (Found::Pass, format!("the provider accepts {audience}")),
        false => (
            Found::Fail(Signature::E02),
            format!("the token is for {audience}, the provider accepts {}", list(clients)),
        ),
    };
    steps.add("token audience", ask.audience.join(", "), found, detail, None);
}

fn role(ask: &Ask<'_>, account: &AccountId, steps: &mut Steps) {
    let name = ask.role_arn;
    let role = match &ask.role {
        Knowledge::Known(it) if it.arn.as_str() == name => it,
        Knowledge::Known(it) => {
            let detail = format!("no role has this ARN; `{}` is another one", it.arn);
            steps.add("role", name, Found::Fail(Signature::E05), detail, None);
            return;
        }
        Knowledge::Absent => {
            let detail = format!("role `{name}` does not exist");
            steps.add("role", name, Found::Fail(Signature::E05), detail, None);
            return;
        }
        Knowledge::Denied(_) | Knowledge::NotYet => {
            if let Some((why, detail)) = missing(&ask.role, &format!("role `{name}`")) {
                steps.add("role", name, Found::Unknown(why), detail, None);
            }
            return;
        }
    };
    steps.add("role", name, Found::Pass, "exists", None);
    // Without an issuer nothing can be asked of the policy, and the provider's hop has said so.
    if let Knowledge::Known(issuer) = &ask.issuer {
        let request = request(ask, account, issuer);
        steps.policy("trust policy", name, &role.trust, &request, Signature::E05);
    }
}

/// Keys that every call to STS has, and those that depend on the way there.
pub(crate) fn common_keys(
    context: &mut iam::Context,
    world: World<'_>,
    now: Option<Timestamp>,
    region: Option<&str>,
) {
    context.set("aws:SecureTransport", ["true"]);
    match now {
        Some(it) => {
            context.set("aws:CurrentTime", [it.to_string()]);
            context.set("aws:EpochTime", [it.as_second().to_string()]);
        }
        // There always is a time; only which one is not known.
        None => {
            context.set_unknown("aws:CurrentTime");
            context.set_unknown("aws:EpochTime");
        }
    }
    match (region, world) {
        (Some(it), _) => context.set("aws:RequestedRegion", [it]),
        (None, World::Open) => context.set_unknown("aws:RequestedRegion"),
        (None, World::Closed(_)) => {}
    }
    match world {
        World::Open => {
            for key in ["aws:SourceIp", "aws:VpcSourceIp", "aws:UserAgent", "aws:Referer"] {
                context.set_unknown(key);
            }
            // SourceVpc, SourceVpcArn, SourceVpce.
            context.set_unknown_prefix("aws:SourceVpc");
            // Properties of the role's account, which nothing that is read tells.
            context.set_unknown_prefix("aws:ResourceOrg");
            context.set_unknown("aws:ResourceAccount");
        }
        World::Closed(_) => {}
    }
}

/// The role's tags, by both names that they have.
pub(crate) fn resource_tags(context: &mut iam::Context, role: &Knowledge<&IamRole>) {
    let tags = match role {
        Knowledge::Known(it) => it.tags.as_ref(),
        Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => Knowledge::NotYet,
    };
    for prefix in ["aws:ResourceTag/", "iam:ResourceTag/"] {
        match &tags {
            Knowledge::Known(tags) => {
                for (key, value) in *tags {
                    context.set(&format!("{prefix}{key}"), [value.clone()]);
                }
            }
            Knowledge::Absent => {}
            Knowledge::Denied(_) | Knowledge::NotYet => context.set_unknown_prefix(prefix),
        }
    }
}

/// What a closed world names beside the derived keys; it wins over them.
pub(crate) fn further_keys(context: &mut iam::Context, world: World<'_>) {
    match world {
        World::Open => {}
        World::Closed(keys) => {
            for (key, values) in keys {
                context.set(key, values.iter().cloned());
            }
        }
    }
}

fn list(values: &[Text]) -> String {
    match values {
        [] => "nothing".to_owned(),
        _ => values.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", "),
    }
}
