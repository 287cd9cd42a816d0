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
        steps::{Found, OF_TAGS, Steps, missing},
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
    /// Where the call goes to; only looked at in the open world.
    pub region: Option<&'a str>,
    /// `AWS_ROLE_SESSION_NAME`; absent where it is not set, so that the SDK makes one up.
    pub session_name: Knowledge<&'a str>,
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

/// A condition key.
const SESSION_NAME: &str = "sts:RoleSessionName";

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
    if let Knowledge::Known(it) = &ask.role {
        steps.refuse(&OF_TAGS, &it.tags);
    }
    steps.refuse(&[SESSION_NAME], &ask.session_name);
    let account = role_arn(ask, &mut steps);
    if let Some(account) = account {
        provider(ask, &account, &mut steps);
        role(ask, &account, &mut steps);
    }
    let subject = ask.service_account.subject();
    steps.verdict(format!("the trust policy of `{}` lets `{subject}` in", ask.role_arn))
}

/// Whether `judge` comes to `Allow`, without the words for it.
pub fn allows(ask: &Ask<'_>) -> bool {
    let (Knowledge::Known(issuer), Knowledge::Known(clients), Knowledge::Known(role)) =
        (&ask.issuer, &ask.provider, &ask.role)
    else {
        return false;
    };
    let arn = Arn::from(ask.role_arn);
    let is_sent = (MIN_ROLE_ARN..=MAX_ROLE_ARN).contains(&ask.role_arn.chars().count());
    let account = arn.account().filter(|_| is_sent && arn.is_iam_role());
    let (Some(account), Ok(policy)) = (account, &role.trust.parsed) else { return false };
    let takes_token = ask.audience.iter().any(|it| clients.contains(it));
    let lets_in =
        || iam::evaluate(policy, &request(ask, &account, issuer)).decision == iam::Decision::Allow;
    takes_token && role.arn == arn && lets_in()
}

/// The request that the trust policy is evaluated with. `account` is the role's; the caller is the provider of
/// `issuer` in that account and in the role's partition.
pub fn request(ask: &Ask<'_>, account: &AccountId, issuer: &Issuer) -> iam::Request {
    let partition = Arn::from(ask.role_arn).partition().unwrap_or(Partition::Aws);
    let mut context = iam::Context::default();
    context.set(&format!("{issuer}:sub"), [ask.service_account.subject()]);
    context.set(&format!("{issuer}:aud"), ask.audience.iter().cloned());
    common_keys(&mut context, ask.world, ask.now, ask.region);
    match (&ask.session_name, ask.world) {
        (Knowledge::Known(it), _) => context.set(SESSION_NAME, [*it]),
        (_, World::Open) => context.set_unknown(SESSION_NAME),
        (_, World::Closed(_)) => {}
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
    match world {
        World::Open => {
            match region {
                Some(it) => context.set("aws:RequestedRegion", [it]),
                None => context.set_unknown("aws:RequestedRegion"),
            }
            for key in ["aws:SourceIp", "aws:VpcSourceIp", "aws:UserAgent", "aws:Referer"] {
                context.set_unknown(key);
            }
            // SourceVpc, SourceVpcArn, SourceVpce.
            context.set_unknown_prefix("aws:SourceVpc");
            // Every request has it, and no service stands between.
            context.set("aws:ViaAWSService", ["false"]);
            // Properties of the role's account, which nothing that is read tells.
            context.set_unknown_prefix("aws:ResourceOrg");
            context.set_unknown("aws:ResourceAccount");
        }
        // The call may go to any region, so a closed world has one only by name.
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

#[cfg(test)]
mod tests {
    use crate::{
        fact::Denied,
        identity::{Outcome, Verdict, Why, sts::*},
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    const ISSUER: &str = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111";
    const ROLE: &str = "arn:aws:iam::111122223333:role/app";

    fn role(arn: &str, condition: &str) -> IamRole {
        let raw = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{ACTION}",
            "Principal":{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}},
            "Condition":{condition}}}]}}"#
        );
        IamRole {
            arn: arn.into(),
            id: "AROAEXAMPLE".into(),
            created: None,
            trust: Arc::new(iam::Document::parse(raw, iam::Kind::Trust)),
            max_session_seconds: None,
            permissions_boundary: Knowledge::NotYet,
            tags: Knowledge::NotYet,
            last_used: Knowledge::NotYet,
            policies: Knowledge::NotYet,
            read_at: None,
        }
    }

    /// An ask that is allowed, in the open world, with all its parts to be replaced.
    fn with_ask<T>(
        role: &IamRole,
        change: impl FnOnce(&mut Ask<'_>),
        look: impl FnOnce(&Ask<'_>) -> T,
    ) -> T {
        let audience = ["sts.amazonaws.com".into()];
        let mut ask = Ask {
            role_arn: ROLE,
            service_account: &SaKey::new("shop", "web"),
            issuer: Knowledge::Known(Issuer::new(ISSUER)),
            audience: &audience,
            provider: Knowledge::Known(vec!["sts.amazonaws.com".into()]),
            role: Knowledge::Known(role),
            region: None,
            session_name: Knowledge::Absent,
            world: World::Open,
            now: None,
        };
        change(&mut ask);
        look(&ask)
    }

    fn right() -> IamRole {
        let condition =
            format!(r#"{{"StringEquals":{{"{ISSUER}:sub":"system:serviceaccount:shop:web"}}}}"#);
        role(ROLE, &condition)
    }

    fn wrong() -> IamRole {
        let condition =
            format!(r#"{{"StringEquals":{{"{ISSUER}:sub":"system:serviceaccount:shop:api"}}}}"#);
        role(ROLE, &condition)
    }

    /// Which verdict, and the first letters of the hops' outcomes.
    fn check(role: &IamRole, change: impl FnOnce(&mut Ask<'_>), verdict: &str, outcomes: &str) {
        let (judged, allows) = with_ask(role, change, |ask| (judge(ask), allows(ask)));
        assert_eq!(allows, judged.verdict == Verdict::Allow);
        let got = match &judged.verdict {
            Verdict::Deny(it) => it.to_string(),
            Verdict::Unknown(Why::Denied(it)) => it.permission.to_string(),
            Verdict::Unknown(Why::Pending(_)) => "pending".to_owned(),
            Verdict::Unknown(Why::InvalidPolicy(_)) => "invalid".to_owned(),
            Verdict::Unknown(Why::Undecidable(_)) => "undecidable".to_owned(),
            it @ (Verdict::None | Verdict::Allow) => it.as_str().to_owned(),
        };
        let hops = judged.hops.iter().map(|it| match it.outcome {
            Outcome::Pass => 'p',
            Outcome::Fail => 'f',
            Outcome::Unknown => 'u',
            Outcome::Skipped => 's',
        });
        assert_eq!((&*got, &*hops.collect::<String>()), (verdict, outcomes), "{}", judged.because);
        assert!(!judged.because.is_empty() && !judged.because.ends_with('.'));
    }

    fn denied<T>(permission: &str) -> Knowledge<T> {
        Knowledge::Denied(Denied { permission: permission.into(), detail: "".into() })
    }

    #[test]
    fn every_hop_can_refuse() {
        let right = right();
        check(&right, |_| {}, "allow", "ppppp");
        check(&right, |it| it.role_arn = "app", "E07", "f");
        let long = format!("{ROLE}{}", "x".repeat(2048));
        with_ask(
            &right,
            |_| {},
            |ask| {
                let ask = Ask { role_arn: &long, ..ask.clone() };
                assert_eq!(judge(&ask).verdict, Verdict::Deny(Signature::E07));
            },
        );
        for arn in [
            "arn:aws:iam::111122223333:policy/app",
            "arn:aws:iam::111122223333:instance-profile/app",
            "arn:aws:iam::11112222333:role/app",
            "\"arn:aws:iam::111122223333:role/app\"",
            "arn:aws:iam::111122223333:role/app\n",
            "arn:aws:iam::111122223333:role/a pp",
            "arn:aws:sts::111122223333:assumed-role/app/x",
        ] {
            check(&right, |it| it.role_arn = arn, "E06", "f");
        }
        check(&right, |it| it.issuer = Knowledge::Absent, "E01", "pfs");
        check(&right, |it| it.provider = Knowledge::Absent, "E01", "pfss");
        check(&right, |it| it.provider = Knowledge::Known(vec!["other".into()]), "E02", "ppfss");
        check(&right, |it| it.audience = &[], "E02", "ppfss");
        check(&right, |it| it.role = Knowledge::Absent, "E05", "pppf");
        check(&right, |it| it.role_arn = "arn:aws:iam::111122223333:role/team/app", "E05", "pppf");
        check(&wrong(), |_| {}, "E05", "ppppf");
    }

    #[test]
    fn what_is_not_known_matters_only_where_it_decides() {
        let right = right();
        check(
            &right,
            |it| it.provider = denied("iam:ListOpenIDConnectProviders"),
            "iam:ListOpenIDConnectProviders",
            "pupp",
        );
        check(&right, |it| it.role = denied("iam:GetRole"), "iam:GetRole", "pppu");
        check(&right, |it| it.role = Knowledge::NotYet, "pending", "pppu");
        check(&right, |it| it.issuer = Knowledge::NotYet, "pending", "pup");
        check(&right, |it| it.issuer = denied("eks:DescribeCluster"), "eks:DescribeCluster", "pup");
        // Refused either way.
        check(&wrong(), |it| it.provider = Knowledge::NotYet, "E05", "pupf");
        check(
            &right,
            |it| {
                it.issuer = Knowledge::NotYet;
                it.role = Knowledge::Absent;
            },
            "E05",
            "puf",
        );
        check(
            &right,
            |it| {
                it.role = Knowledge::NotYet;
                it.provider = Knowledge::Absent;
            },
            "E01",
            "pfs",
        );
        check(
            &right,
            |it| {
                it.role = Knowledge::NotYet;
                it.role_arn = "x";
            },
            "E07",
            "f",
        );
    }

    #[test]
    fn keys_of_the_open_and_of_the_closed_world() {
        let with = |condition: &str| {
            let subject =
                format!(r#""StringEquals":{{"{ISSUER}:sub":"system:serviceaccount:shop:web"}}"#);
            role(ROLE, &format!("{{{subject},{condition}}}"))
        };
        let closed = |it: &mut Ask<'_>| it.world = World::Closed(&[]);
        for key in [
            "aws:SourceIp",
            "aws:SourceVpce",
            "aws:UserAgent",
            "sts:RoleSessionName",
            "aws:RequestedRegion",
        ] {
            let role = with(&format!(r#""StringLike":{{"{key}":"x"}}"#));
            check(&role, |_| {}, "undecidable", "ppppu");
            check(&role, closed, "E05", "ppppf");
        }
        for (key, change) in [
            ("aws:RequestedRegion", (|it: &mut Ask<'_>| it.region = Some("x")) as fn(&mut Ask<'_>)),
            ("sts:RoleSessionName", |it| it.session_name = Knowledge::Known("x")),
        ] {
            check(&with(&format!(r#""StringLike":{{"{key}":"x"}}"#)), change, "allow", "ppppp");
        }
        for key in ["aws:PrincipalOrgID", "aws:PrincipalArn", "aws:RequestTag/x", "sts:ExternalId"]
        {
            check(&with(&format!(r#""StringLike":{{"{key}":"*"}}"#)), |_| {}, "E05", "ppppf");
        }
        check(&with(r#""Bool":{"aws:SecureTransport":"true"}"#), closed, "allow", "ppppp");
        check(&with(r#""StringLike":{"aws:ResourceTag/a":"b"}"#), |_| {}, "undecidable", "ppppu");
        let mut tagged = with(r#""StringLike":{"iam:ResourceTag/a":"b"}"#);
        tagged.tags = Knowledge::Known(vec![("a".into(), "b".into())]);
        check(&tagged, |_| {}, "allow", "ppppp");
        tagged.tags = Knowledge::Known(Vec::new());
        check(&tagged, |_| {}, "E05", "ppppf");
        let direct = with(r#""Bool":{"aws:ViaAWSService":"false"}"#);
        check(&direct, |_| {}, "allow", "ppppp");
        check(&direct, closed, "E05", "ppppf");
        let date = with(r#""DateLessThan":{"aws:CurrentTime":"2026-01-02T00:00:00Z"}"#);
        check(&date, |_| {}, "undecidable", "ppppu");
        for (now, verdict, outcomes) in
            [("2026-01-01T00:00:00Z", "allow", "ppppp"), ("2026-01-03T00:00:00Z", "E05", "ppppf")]
        {
            check(&date, |it| it.now = Some(now.parse().unwrap()), verdict, outcomes);
        }
    }

    #[test]
    fn an_invalid_policy_is_no_refusal() {
        let mut invalid = right();
        invalid.trust = Arc::new(iam::Document::parse(r#"{"Statement":[{}]}"#, iam::Kind::Trust));
        check(&invalid, |_| {}, "invalid", "ppppu");
    }

    #[test]
    fn a_skipped_policy_still_tells_what_it_would_say() {
        let judged = with_ask(&wrong(), |it| it.provider = Knowledge::Absent, judge);
        let policy = judged.hops.last().unwrap();
        assert_eq!(policy.outcome, Outcome::Skipped);
        assert_eq!(policy.evaluation.as_ref().unwrap().decision, iam::Decision::ImplicitDeny);
        assert!(policy.detail.contains("system:serviceaccount:shop:api"), "{}", policy.detail);
    }

    #[test]
    fn the_provider_is_that_of_the_roles_account_and_partition() {
        with_ask(
            &right(),
            |_| {},
            |ask| {
                let arn = "arn:aws-cn:iam::444455556666:role/app";
                let ask = Ask { role_arn: arn, ..ask.clone() };
                let account = Arn::from(arn).account().unwrap();
                let request = request(&ask, &account, &Issuer::new(ISSUER));
                let provider = format!("arn:aws-cn:iam::444455556666:oidc-provider/{ISSUER}");
                assert_eq!(request.caller, iam::Caller::Federated(provider.into()));
            },
        );
    }

    proptest! {
        #[test]
        fn never_allows_by_not_knowing(
            arn in "(arn:aws:iam::111122223333:role/app|\\PC{0,40})",
            issuer in 0..4, provider in 0..4, role_is in 0..4, good: bool,
        ) {
            fn pick<T>(which: i32, known: T) -> Knowledge<T> {
                match which {
                    0 => Knowledge::Known(known),
                    1 => Knowledge::Absent,
                    2 => Knowledge::NotYet,
                    _ => denied("x:Y"),
                }
            }
            let role = if good { right() } else { wrong() };
            let (judged, allows) = with_ask(&role, |_| {}, |ask| {
                let ask = Ask {
                    role_arn: &arn,
                    issuer: pick(issuer, Issuer::new(ISSUER)),
                    provider: pick(provider, vec!["sts.amazonaws.com".into()]),
                    role: pick(role_is, &role),
                    ..ask.clone()
                };
                (judge(&ask), allows(&ask))
            });
            prop_assert_eq!(allows, judged.verdict == Verdict::Allow);
            let all = good && arn == ROLE && (issuer, provider, role_is) == (0, 0, 0);
            prop_assert_eq!(judged.verdict == Verdict::Allow, all);
            let absent = [issuer, provider, role_is].contains(&1);
            if absent || arn != ROLE || (!good && (issuer, role_is) == (0, 0)) {
                let certain = matches!(judged.verdict, Verdict::Deny(_)) || issuer >= 2;
                prop_assert!(certain, "{:?}", judged.verdict);
            }
        }
    }
}
