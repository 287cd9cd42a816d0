//! What people get wrong, one row a mistake.

use crate::{
    policy::{ACTION, AUDIENCE, ISSUER, Policy, provider},
    rng::Rng,
};
use serde_json::{Value, json};

/// Where a mistake is made. Two mistakes in one place are one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Action,
    Principal,
    Key,
    Subject,
    Audience,
    More,
}

pub struct Mistake {
    pub name: &'static str,
    pub code: &'static str,
    pub part: Part,
    /// Whether it leaves the rest of the statement to be judged, and does not change what other mistakes mean.
    pub beside_others: bool,
    pub make: fn(&mut Policy, &mut Rng),
}

const fn mistake(
    name: &'static str,
    code: &'static str,
    part: Part,
    make: fn(&mut Policy, &mut Rng),
) -> Mistake {
    Mistake { name, code, part, beside_others: true, make }
}

/// As `mistake` where it says all there is to say about the statement.
const fn alone(
    name: &'static str,
    code: &'static str,
    part: Part,
    make: fn(&mut Policy, &mut Rng),
) -> Mistake {
    Mistake { name, code, part, beside_others: false, make }
}

pub const MISTAKES: &[Mistake] = &[
    mistake("AssumeRole", "TRUST-ACT-01", Part::Action, |it, rng| {
        it.action.1 = rng
            .pick(&[json!("sts:AssumeRole"), json!(["sts:AssumeRole", "sts:TagSession"])])
            .clone();
    }),
    mistake("another action", "TRUST-ACT-02", Part::Action, |it, rng| {
        let actions = [
            "sts:AssumeRoleWithSAML",
            "sts:TagSession",
            "sts:AssumeRoleWithWebIdentities",
            "AssumeRoleWithWebIdentity",
            "sts:AssumeRoleWithWebIdentity ",
        ];
        it.action.1 = json!(rng.pick(&actions));
    }),
    mistake("excluded action", "TRUST-ACT-02", Part::Action, |it, rng| {
        it.action = ("NotAction", rng.pick(&[json!(ACTION), json!("sts:*")]).clone());
    }),
    alone("another cluster's provider", "TRUST-PRIN-03", Part::Principal, |it, rng| {
        it.principal = json!({"Federated": provider(&with_id(&other_id(rng)))});
    }),
    mistake("mistyped id", "TRUST-KEY-04", Part::Principal, |it, rng| {
        it.principal = json!({"Federated": provider(&mistyped(rng))});
    }),
    mistake("cut id", "TRUST-KEY-04", Part::Principal, |it, rng| {
        it.principal = json!({"Federated": provider(&ISSUER[..ISSUER.len() - 1 - rng.below(20)])});
    }),
    mistake("another region", "TRUST-PRIN-04", Part::Principal, |it, rng| {
        it.principal = json!({"Federated": provider(&in_region(rng))});
    }),
    mistake("another account", "TRUST-PRIN-05", Part::Principal, |it, rng| {
        let account = *rng.pick(&["444455556666", "111122223334"]);
        it.principal = json!({"Federated": provider(ISSUER).replace("111122223333", account)});
    }),
    mistake("another partition", "TRUST-PRIN-06", Part::Principal, |it, rng| {
        let partition = *rng.pick(&["arn:aws-cn:", "arn:aws-us-gov:"]);
        it.principal = json!({"Federated": provider(ISSUER).replace("arn:aws:", partition)});
    }),
    mistake("swapped host", "TRUST-PRIN-07", Part::Principal, |it, _| {
        it.principal = json!({"Federated": provider(&swapped())});
    }),
    mistake("scheme", "TRUST-PRIN-08", Part::Principal, |it, _| {
        it.principal = json!({"Federated": provider(&format!("https://{ISSUER}"))});
    }),
    mistake("the older scheme", "TRUST-PRIN-08", Part::Principal, |it, _| {
        it.principal = json!({"Federated": provider(&format!("http://{ISSUER}"))});
    }),
    mistake("no ARN", "TRUST-PRIN-09", Part::Principal, |it, rng| {
        let values = [
            ISSUER.to_owned(),
            format!("https://{ISSUER}"),
            "arn:aws:iam::111122223333:saml-provider/x".into(),
        ];
        it.principal = json!({"Federated": rng.pick(&values)});
    }),
    mistake("wrong type", "TRUST-PRIN-10", Part::Principal, |it, rng| {
        let kind = *rng.pick(&["AWS", "Service"]);
        it.principal = json!({kind: provider(ISSUER)});
    }),
    alone("deleted principal", "TRUST-PRIN-11", Part::Principal, |it, rng| {
        it.principal = json!({"AWS": rng.pick(&["AROAEXAMPLE123", "AIDAEXAMPLE123"])});
        it.others.clear();
    }),
    alone("Pod Identity's service", "TRUST-PRIN-02", Part::Principal, |it, _| {
        it.principal = json!({"Service": "pods.eks.amazonaws.com"});
        it.others.clear();
    }),
    alone("another service", "TRUST-PRIN-01", Part::Principal, |it, rng| {
        it.principal = json!({"Service": rng.pick(&["ec2.amazonaws.com", "eks.amazonaws.com"])});
    }),
    alone("a placeholder", "TRUST-PRIN-13", Part::Principal, |it, rng| {
        let values = [
            provider(ISSUER).replace("111122223333", "ACCOUNT_ID"),
            provider("oidc.eks.REGION.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"),
            "arn:aws:iam::<account>:oidc-provider/<issuer>".to_owned(),
        ];
        it.principal = json!({"Federated": rng.pick(&values)});
    }),
    mistake("another cluster's key", "TRUST-KEY-01", Part::Key, |it, rng| {
        it.subject.1 = format!("{}:sub", with_id(&other_id(rng)));
    }),
    mistake("mistyped key", "TRUST-KEY-04", Part::Key, |it, rng| {
        let issuers = [ISSUER.replace("eu-west-1", "us-west-2"), ISSUER.replace("C891", "C819")];
        it.subject.1 = format!("{}:sub", rng.pick(&issuers));
    }),
    mistake("key by ARN", "TRUST-KEY-02", Part::Key, |it, _| {
        it.subject.1 = format!("{}:sub", provider(ISSUER));
    }),
    mistake("key with scheme", "TRUST-KEY-03", Part::Key, |it, _| {
        it.subject.1 = format!("https://{ISSUER}:sub");
    }),
    mistake("bare key", "TRUST-KEY-05", Part::Key, |it, rng| {
        let keys = [
            "sub".to_owned(),
            "oidc:sub".to_owned(),
            format!("{ISSUER}:sub "),
            format!(" {ISSUER}:sub"),
        ];
        it.subject.1 = rng.pick(&keys).clone();
    }),
    alone("a claim that STS does not show", "TRUST-KEY-07", Part::Key, |it, rng| {
        let claim = *rng.pick(&["kubernetes.io/namespace", "email", "iss", "jti"]);
        it.subject.1 = format!("{ISSUER}:{claim}");
    }),
    mistake("a principal's key", "TRUST-KEY-08", Part::More, |it, rng| {
        let key = *rng.pick(&["aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalTag/team"]);
        it.more.push(("StringLike".into(), key.into(), json!("x*")));
    }),
    mistake("another namespace", "TRUST-SUB-01", Part::Subject, |it, rng| {
        let namespace = *rng.pick(&["pay", "default", "team-b"]);
        it.subject.2 = json!(format!("system:serviceaccount:{namespace}:{}", it.name));
    }),
    mistake("another name", "TRUST-SUB-02", Part::Subject, |it, rng| {
        let name = *rng.pick(&["worker", "web2", "default"]);
        it.subject.2 = json!(format!("system:serviceaccount:{}:{name}", it.namespace));
    }),
    mistake("another name among several", "TRUST-SUB-02", Part::Subject, |it, _| {
        let one = |name: &str| format!("system:serviceaccount:{}:{name}", it.namespace);
        it.subject.2 = json!([one("worker"), one("batch")]);
    }),
    mistake("white space", "TRUST-SUB-03", Part::Subject, |it, rng| {
        let subject = it.subject_text();
        let at = subject.match_indices(':').map(|it| it.0 + 1).collect::<Vec<_>>();
        let at = *rng.pick(&[at[1], at[2], 0, subject.len()]);
        let space = *rng.pick(&[" ", "\t", "\u{a0}", "\n", "\u{200b}"]);
        it.subject.2 = json!(format!("{}{space}{}", &subject[..at], &subject[at..]));
    }),
    mistake("letter case", "TRUST-SUB-04", Part::Subject, |it, rng| {
        let Policy { namespace, name, .. } = it;
        let upper = |it: &str| it[..1].to_uppercase() + &it[1..];
        let values = [
            format!("system:serviceaccount:{}:{name}", upper(namespace)),
            format!("system:serviceaccount:{namespace}:{}", upper(name)),
            format!("System:ServiceAccount:{namespace}:{name}"),
        ];
        it.subject.2 = json!(rng.pick(&values));
    }),
    mistake("wrong shape", "TRUST-SUB-05", Part::Subject, |it, rng| {
        let Policy { namespace, name, .. } = it;
        let values = [
            format!("system:serviceaccounts:{namespace}:{name}"),
            format!("serviceaccount:{namespace}:{name}"),
            format!("{namespace}:{name}"),
            format!("{namespace}/{name}"),
            format!("system:serviceaccount:{namespace}/{name}"),
            format!("system:serviceaccount:{name}"),
        ];
        it.subject.2 = json!(rng.pick(&values));
    }),
    mistake("wildcard under StringEquals", "TRUST-SUB-06", Part::Subject, |it, rng| {
        it.subject.0 = "StringEquals".into();
        let values = [
            format!("system:serviceaccount:{}:*", it.namespace),
            format!("system:serviceaccount:*:{}", it.name),
            format!("system:serviceaccount:{}:{}*", it.namespace, &it.name[..2]),
            "system:serviceaccount:*".to_owned(),
            format!("system:serviceaccount:{}:?{}", it.namespace, &it.name[1..]),
        ];
        it.subject.2 = json!(rng.pick(&values));
    }),
    mistake("another generated name", "TRUST-SUB-07", Part::Subject, |it, rng| {
        it.name = format!("{}-3fd9bb1b5de1", it.name);
        let old = *rng.pick(&["0a1b2c3d4e5f", "9f8e7d6c5b4a"]);
        let name = it.name.replace("3fd9bb1b5de1", old);
        it.subject.2 = json!(format!("system:serviceaccount:{}:{name}", it.namespace));
    }),
    alone("subject under :aud", "TRUST-SUB-08", Part::Subject, |it, _| {
        it.audience = None;
        it.subject.1 = format!("{ISSUER}:aud");
    }),
    alone("negated subject", "TRUST-COND-04", Part::Subject, |it, rng| {
        it.subject.0 = (*rng.pick(&["StringNotEquals", "StringNotLike"])).into();
    }),
    mistake("another audience", "TRUST-AUD-01", Part::Audience, |it, rng| {
        let values = [
            "sts.amazonaws.com.cn",
            "sts.eu-west-1.amazonaws.com",
            "https://sts.amazonaws.com",
            "amazonaws.com",
            "vault",
        ];
        let operator = *rng.pick(&["StringEquals", "StringLike"]);
        it.audience = Some((operator.into(), format!("{ISSUER}:aud"), json!(rng.pick(&values))));
    }),
    mistake("negated audience", "TRUST-AUD-01", Part::Audience, |it, _| {
        it.audience = Some(("StringNotEquals".into(), format!("{ISSUER}:aud"), json!(AUDIENCE)));
    }),
    alone("two clusters in one statement", "TRUST-COND-01", Part::More, |it, rng| {
        let other = with_id(&other_id(rng));
        it.principal = json!({"Federated": [provider(ISSUER), provider(&other)]});
        it.more.push((it.subject.0.clone(), format!("{other}:sub"), json!(it.subject_text())));
    }),
    alone("two values that exclude each other", "TRUST-COND-02", Part::More, |it, _| {
        it.subject.0 = "StringEquals".into();
        let pattern = "system:serviceaccount:pay:*";
        it.more.push(("StringLike".into(), it.subject.1.clone(), json!(pattern)));
    }),
    alone("a Deny", "TRUST-COND-03", Part::More, |it, rng| {
        let deny = [
            json!({"Effect": "Deny", "Principal": "*", "Action": "sts:*"}),
            json!({"Effect": "Deny", "Principal": it.principal, "Action": ACTION}),
            json!({"Effect": "Deny", "Principal": {"AWS": "*"}, "NotAction": "iam:*", "Condition":
                {"StringNotEquals": {format!("{ISSUER}:sub"): "system:serviceaccount:pay:api"}}}),
        ];
        it.others.push(rng.pick(&deny).clone());
    }),
    mistake("Null that cannot hold", "TRUST-COND-04", Part::More, |it, rng| {
        let (key, value) =
            *rng.pick(&[("aws:TokenIssueTime", "false"), ("aws:SecureTransport", "true")]);
        it.more.push(("Null".into(), key.into(), json!(value)));
    }),
    mistake("a value that does not hold", "TRUST-COND-04", Part::More, |it, rng| {
        let (operator, key, value): (_, _, Value) = rng
            .pick(&[
                ("Bool", "aws:SecureTransport", json!("false")),
                ("StringEqualsIfExists", "aws:RequestedRegion", json!("us-east-1")),
                ("ForAllValues:StringEquals", "aws:RequestedRegion", json!(["us-east-1"])),
            ])
            .clone();
        it.more.push((operator.into(), key.into(), value));
    }),
    mistake("a variable", "TRUST-COND-05", Part::More, |it, rng| {
        let value = *rng.pick(&["${aws:userid}", "x${aws:username}", "${saml:sub}"]);
        it.more.push(("StringLike".into(), "aws:RequestedRegion".into(), json!(value)));
    }),
    alone("a variable for the subject", "TRUST-COND-05", Part::Subject, |it, _| {
        it.subject.2 = json!("system:serviceaccount:${aws:PrincipalTag/namespace}:web");
    }),
    mistake("a date that has passed", "TRUST-COND-06", Part::More, |it, rng| {
        let (operator, value) = *rng.pick(&[
            ("DateLessThan", "2020-01-01T00:00:00Z"),
            ("DateGreaterThan", "2030-01-01T00:00:00Z"),
            ("DateEquals", "2026-01-02"),
        ]);
        it.more.push((operator.into(), "aws:CurrentTime".into(), json!(value)));
    }),
    alone("an operator that nobody knows", "TRUST-COND-07", Part::More, |it, rng| {
        let operator = *rng.pick(&["StringMatches", "StringEqual", "StringStartsWith"]);
        it.more.push((operator.into(), "aws:RequestedRegion".into(), json!("eu-west-1")));
    }),
];

fn id() -> &'static str {
    ISSUER.rsplit('/').next().unwrap()
}

fn with_id(id_: &str) -> String {
    ISSUER.replace(id(), id_)
}

/// An id that is no typing error away from ours.
fn other_id(rng: &mut Rng) -> String {
    (0..32).map(|_| *rng.pick(&['0', '1', '2', '3', '4', '5', '6', '7'])).collect()
}

/// One to four characters of the id are others.
fn mistyped(rng: &mut Rng) -> String {
    let mut res: Vec<char> = id().chars().collect();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(res.len());
        res[at] = *rng.pick(&['G', 'H', 'J']);
    }
    with_id(&res.into_iter().collect::<String>())
}

fn in_region(rng: &mut Rng) -> String {
    let region = *rng.pick(&["us-east-1", "eu-west-2", "ap-northeast-2"]);
    ISSUER.replace("eu-west-1", region)
}

fn swapped() -> String {
    ISSUER.replace("oidc.eks.eu-west-1", "oidc.eu-west-1.eks")
}
