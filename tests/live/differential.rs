//! The policy evaluator against MiniStack's STS: generated trust policies, the same token, the same answer.

use crate::base64_url;
use crate::{aws::Aws, peers::ACCOUNT, policies};
use idscope::{
    fact::{IamRole, Knowledge, LastUsed},
    iam,
    ident::{Arn, Issuer, SaKey, Text},
    identity::{
        Verdict,
        sts::{Ask, World, judge},
    },
};
use std::sync::Arc;

/// How many policies are compared.
const WANTED: usize = 1_200;

/// What MiniStack's evaluator does otherwise than AWS, by the parts of the language that a case uses; those cases are
/// held by the vectors, the naive evaluator and the tables instead.
fn is_comparable(case: &policies::Case) -> bool {
    use policies::Feature::*;
    case.subject.mechanism == policies::Mechanism::WebIdentity
        && case.features.iter().all(|it| match it {
            Deny | NotAction | Negated | IfExists | Null | AbsentKey | OldVersion | SetOperator => {
                true
            }
            Everyone | Typed | Variable | UnknownOperator => false,
        })
        // MiniStack has `aws:TagKeys` there and empty where AWS has no such key without session tags.
        && !case.policy.to_string().contains("aws:TagKeys")
}

pub async fn run(aws: &Aws) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/differential");
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*"}]}"#;
    aws.role(&arn, open).await;
    let (mut compared, mut allowed, mut seed) = (0, 0, 0_u64);
    let mut disagreements = Vec::new();
    while compared < WANTED {
        seed += 1;
        let case = policies::generate(seed);
        if !is_comparable(&case) {
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
            disagreements.push(format!(
                "seed {seed}: ours {ours}, theirs {theirs}: {:?} {text}",
                case.features
            ));
        }
    }
    eprintln!(
        "differential: {compared} policies compared, {allowed} allowed, {} disagree",
        disagreements.len()
    );
    assert!(WANTED / 20 < allowed, "too few policies allow to tell anything: {allowed}");
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
        session_name: Some("suite"),
        world: World::Closed(&[("aws:SourceIp".into(), vec!["127.0.0.1".into()])]),
        now: Some("2026-06-01T12:00:00Z".parse().expect("a time")),
    });
    matches!(judged.verdict, Verdict::Allow)
}
