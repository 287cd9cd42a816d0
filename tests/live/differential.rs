//! The policy evaluator against MiniStack's: generated trust policies, the same request, the same answer.
//!
//! Twice: in bulk against its evaluator alone, in one Python process, with every part of the language that it knows;
//! and a few over HTTP against its STS, which shows that the evaluator is what STS answers by.

use crate::{
    aws::Aws,
    encode::base64_url,
    peers::{ACCOUNT, installed},
    policies::{self, Case, Feature, Mechanism},
};
use idscope::{
    fact::{IamRole, Knowledge, LastUsed},
    iam::{self, Decision},
    ident::{Arn, Issuer, SaKey, Text},
    identity::{
        Verdict,
        sts::{Ask, World, judge},
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Write, process::Command, sync::Arc};

/// How many policies are compared in bulk unless `IDSCOPE_DIFFERENTIAL` says so, and how many over HTTP.
const IN_BULK: usize = 20_000;
const OVER_HTTP: usize = 300;

/// Where MiniStack answers otherwise than we do.
struct Difference {
    what: &'static str,
    /// Who is right, and by which source.
    right: &'static str,
    /// Whether the case has what makes the difference.
    fits: fn(&Case) -> bool,
}

/// Every disagreement has its row; one that has none fails the suite.
const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "`{\"AWS\": \"*\"}` in a Deny reaches no web identity there",
        right: "idscope: IAM User Guide, Principal: `\"AWS\": \"*\"` and `\"*\"` are the same",
        fits: |case| statements(case).any(|it| it["Principal"]["AWS"] == "*"),
    },
    Difference {
        what: "policy variables are text there",
        right: "idscope: IAM User Guide, Policy elements: Variables and tags",
        fits: |case| case.features.contains(&Feature::Variable),
    },
    Difference {
        what: "ARN operators match the whole text there, colons and all, and any text is an ARN",
        right: "idscope: IAM User Guide, Condition operators: six components, each checked separately",
        fits: |case| conditions(case).any(|it| it.operator.contains("arn")),
    },
    Difference {
        what: "several values of a key are one text there without a set operator",
        right: "nobody's to say: IAM User Guide, Multivalued context keys, asks for a set operator there",
        fits: |case| conditions(case).any(|it| it.got.len() != 1 && !it.operator.contains(':')),
    },
    Difference {
        what: "a number or date that cannot be read matches neither way there",
        right: "idscope: IAM User Guide, Condition operators: a negated operator holds where nothing matches",
        fits: |case| {
            let typed =
                |it: &Asked| ["numericnot", "datenot"].iter().any(|n| it.operator.contains(n));
            conditions(case).any(|it| typed(&it))
        },
    },
    Difference {
        what: "a wildcard does not match a line break there",
        right: "idscope: IAM User Guide, Condition operators: `*` is any run of characters",
        fits: |case| {
            let broken = |it: &Asked| it.got.iter().any(|it| it.contains('\n'));
            conditions(case).any(|it| it.operator.contains("like") && broken(&it))
        },
    },
    Difference {
        what: "a key without values is there and empty, so that `Null` and `IfExists` see it",
        right: "idscope: IAM User Guide, multivalued keys: no values are a null data set",
        fits: |case| conditions(case).any(|it| it.is_present && it.got.is_empty()),
    },
];

/// One condition of a case with what the request has for it.
struct Asked {
    operator: String,
    is_present: bool,
    got: Vec<String>,
}

fn statements(case: &Case) -> impl Iterator<Item = &Value> {
    match &case.policy["Statement"] {
        Value::Array(all) => all.iter().collect::<Vec<_>>().into_iter(),
        one => vec![one].into_iter(),
    }
}

fn conditions(case: &Case) -> impl Iterator<Item = Asked> {
    let blocks = statements(case).filter_map(|it| it["Condition"].as_object()).flatten();
    let all = blocks.flat_map(|(operator, block)| {
        block.as_object().into_iter().flatten().map(move |(key, _)| {
            let found = case.subject.context.iter().find(|(it, _)| it.eq_ignore_ascii_case(key));
            Asked {
                operator: operator.to_lowercase(),
                is_present: found.is_some(),
                got: found.map(|it| it.1.clone()).unwrap_or_default(),
            }
        })
    });
    all.collect::<Vec<_>>().into_iter()
}

/// Judges every line of a file with MiniStack's evaluator: the request's keys are those of the line and no others.
const EVALUATE: &str = r#"
import json, sys
import ministack.core.iam_evaluator as evaluator
keys = {}
evaluator._resolve_condition_key = lambda key, context: keys.get(key.lower())
for line in open(sys.argv[1], encoding="utf-8"):
    case = json.loads(line)
    keys = {key.lower(): values[0] if len(values) == 1 else values for key, values in case["context"].items()}
    context = evaluator.EvalContext(
        principal_arn=case["provider"], principal_type="WebIdentityUser", principal_account=case["account"],
        action=case["action"], resource_arn="*", region="")
    print(int(evaluator.evaluate_trust_policy(case["policy"], case["provider"], context)))
"#;

pub async fn run(aws: &Aws) {
    in_bulk();
    over_http(aws).await;
}

fn in_bulk() {
    let wanted = std::env::var("IDSCOPE_DIFFERENTIAL").ok().and_then(|it| it.parse().ok());
    // MiniStack has no service principals: a service of its own is the account's root.
    let cases = (0..).map(policies::generate);
    let cases = cases.filter(|it| it.subject.mechanism == Mechanism::WebIdentity);
    let cases: Vec<Case> = cases.take(wanted.unwrap_or(IN_BULK)).collect();
    let mut lines = tempfile::NamedTempFile::new().expect("a file");
    for case in &cases {
        let line = json!({"policy": case.policy, "context": case.subject.context,
            "provider": case.subject.provider(), "account": case.subject.account,
            "action": case.subject.action()});
        writeln!(lines, "{line}").expect("room for the policies");
    }
    let out = Command::new(installed().join("py/bin/python"))
        .args(["-c", EVALUATE])
        .arg(lines.path())
        .output()
        .expect("MiniStack's Python runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let theirs: Vec<bool> =
        String::from_utf8_lossy(&out.stdout).lines().map(|it| it == "1").collect();
    assert_eq!(theirs.len(), cases.len(), "one answer a policy");

    let (mut n_allowed, mut n_open) = (0, 0);
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs) {
        n_allowed += usize::from(theirs);
        let ours = match decide(case) {
            Decision::Allow => true,
            Decision::ExplicitDeny | Decision::ImplicitDeny => false,
            // What IAM does is not documented, so that no answer contradicts.
            Decision::Unknown => {
                n_open += 1;
                continue;
            }
        };
        if ours == theirs {
            continue;
        }
        match DIFFERENCES.iter().find(|it| (it.fits)(case)) {
            Some(it) => *told.entry(it.what).or_default() += 1,
            None => unexplained.push(format!("seed {}: ours {ours}: {}", case.seed, case.policy)),
        }
    }
    eprintln!(
        "differential: {} policies in bulk, {n_allowed} allowed, {n_open} not decided by us, {} disagree",
        cases.len(),
        told.values().sum::<usize>() + unexplained.len()
    );
    for (what, n) in &told {
        let right = DIFFERENCES.iter().find(|it| it.what == *what).map_or("", |it| it.right);
        eprintln!("  {n:>5}  {what}; right is {right}");
    }
    assert!(cases.len() / 20 < n_allowed, "too few policies allow to tell anything: {n_allowed}");
    assert!(n_open < cases.len() / 2, "too many are left open: {n_open}");
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
}

fn decide(case: &Case) -> Decision {
    let document = iam::Document::parse(case.policy.to_string(), iam::Kind::Trust);
    let policy = document.parsed.unwrap_or_else(|err| panic!("{err}: {}", case.policy));
    let mut context = iam::Context::default();
    for (key, values) in &case.subject.context {
        context.set(key, values.iter().map(|it| &**it));
    }
    let caller = iam::Caller::Federated(Arn::new(case.subject.provider()));
    let action = case.subject.action().into();
    iam::evaluate(&policy, &iam::Request { action, caller, resource: None, context }).decision
}

/// What STS can be asked over HTTP: it fills the request's keys itself.
fn is_askable(case: &Case) -> bool {
    use Feature::*;
    case.subject.mechanism == Mechanism::WebIdentity
        && case.features.iter().all(|it| match it {
            Deny | NotAction | Negated | IfExists | Null | AbsentKey | OldVersion | SetOperator => {
                true
            }
            Everyone | Typed | Variable | UnknownOperator | Multivalued | Odd => false,
        })
        // MiniStack has `aws:TagKeys` there and empty where AWS has no such key without session tags.
        && !case.policy.to_string().contains("aws:TagKeys")
        && DIFFERENCES.iter().all(|it| !(it.fits)(case))
}

async fn over_http(aws: &Aws) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/differential");
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*"}]}"#;
    aws.role(&arn, open).await;
    let (mut compared, mut allowed, mut seed) = (0, 0, 0_u64);
    let mut disagreements = Vec::new();
    while compared < OVER_HTTP {
        seed += 1;
        let case = policies::generate(seed);
        if !is_askable(&case) {
            continue;
        }
        let text = case.policy.to_string();
        let saved = aws
            .iam
            .update_assume_role_policy()
            .role_name("differential")
            .policy_document(&text)
            .send()
            .await;
        if saved.is_err() {
            // IAM validates on save; a refused document has no answer to compare with.
            continue;
        }
        let theirs = aws
            .sts
            .assume_role_with_web_identity()
            .role_arn(&arn)
            .role_session_name("suite")
            .web_identity_token(token(&case))
            .send()
            .await;
        let theirs = match theirs {
            Ok(_credentials) => true,
            Err(err) => {
                let code = aws_sdk_sts::error::ProvideErrorMetadata::code(&err).map(str::to_owned);
                assert_eq!(code.as_deref(), Some("AccessDenied"), "seed {seed}: {err:?}");
                false
            }
        };
        let ours = verdict(&case, &arn, &text);
        compared += 1;
        allowed += usize::from(theirs);
        if ours != theirs {
            let features = &case.features;
            disagreements
                .push(format!("seed {seed}: ours {ours}, theirs {theirs}: {features:?} {text}"));
        }
    }
    eprintln!(
        "differential: {compared} policies over HTTP, {allowed} allowed, {} disagree",
        disagreements.len()
    );
    assert!(OVER_HTTP / 20 < allowed, "too few policies allow to tell anything: {allowed}");
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

/// An unsigned token with the subject's claims; MiniStack does not check signatures. `aud` is a string since MiniStack
/// denies the one-element list that EKS writes, which STS accepts.
fn token(case: &policies::Case) -> String {
    let claims = serde_json::json!({
        "iss": format!("https://{}", case.subject.issuer),
        "sub": case.subject.sub(),
        "aud": "sts.amazonaws.com",
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
    });
    format!(
        "{}.{}.{}",
        base64_url(r#"{"alg":"RS256","typ":"JWT"}"#),
        base64_url(&claims.to_string()),
        base64_url("none")
    )
}

fn verdict(case: &policies::Case, arn: &str, policy: &str) -> bool {
    let role = IamRole {
        arn: Arn::from(arn),
        id: "AROAEXAMPLE".into(),
        created: None,
        trust: Arc::new(iam::Document::parse(policy, iam::Kind::Trust)),
        max_session_seconds: None,
        permissions_boundary: Knowledge::Known(None),
        tags: Knowledge::Known(Vec::new()),
        last_used: Knowledge::Known(LastUsed::default()),
        policies: Knowledge::Absent,
        read_at: None,
    };
    let audience: [Text; 1] = ["sts.amazonaws.com".into()];
    let key = SaKey::new(case.subject.namespace.as_str(), case.subject.service_account.as_str());
    let judged = judge(&Ask {
        role_arn: arn,
        service_account: &key,
        issuer: Knowledge::Known(Issuer::new(&case.subject.issuer)),
        audience: &audience,
        provider: Knowledge::Known(audience.to_vec()),
        role: Knowledge::Known(&role),
        region: None,
        session_name: Knowledge::Known("suite"),
        world: World::Closed(&[("aws:SourceIp".into(), vec!["127.0.0.1".into()])]),
        now: Some("2026-06-01T12:00:00Z".parse().expect("a time")),
    });
    matches!(judged.verdict, Verdict::Allow)
}
