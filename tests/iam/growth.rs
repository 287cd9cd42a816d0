//! A policy eight times as long takes about eight times as long, whatever its shape.

use crate::{policies::generate, request, worked::worked};
use idscope::{
    iam::{Document, Kind, Policy, Request, evaluate},
    ident::{Issuer, SaKey},
    identity::near_miss,
};
use std::{hint::black_box, time::Duration};

const LARGE: usize = 1 << 20;

/// `make` gets the length wanted and returns a document of about that length.
#[track_caller]
fn check(is_valid: bool, make: impl Fn(usize) -> String) {
    let (small, large) = (make(LARGE / 8), make(LARGE));
    let ratio = large.len() / small.len();
    assert!((6..=10).contains(&ratio), "the shape does not scale: {ratio}");
    let mut best = [Duration::MAX; 2];
    // The fastest of several runs: whatever else the machine does only makes a run slower.
    for _ in 0..6 {
        best = [best[0].min(run(&small, is_valid)), best[1].min(run(&large, is_valid))];
        // Three times the linear time is still far from the 64-fold of a quadratic algorithm.
        if best[1] < 24 * best[0] {
            return;
        }
    }
    panic!("{:?} for {} bytes, {:?} for {}", best[0], small.len(), best[1], large.len());
}

fn run(raw: &str, is_valid: bool) -> Duration {
    let request = request(&generate(0).subject);
    let start = worked();
    let document = Document::parse(raw, Kind::Trust);
    assert_eq!(document.parsed.is_ok(), is_valid, "{:?}", document.parsed.err());
    if let Ok(policy) = &document.parsed {
        black_box(evaluate(policy, &request));
        diagnose(policy, &request);
    }
    worked() - start
}

/// What `check` asks of a trust policy beyond its verdict.
fn diagnose(policy: &Policy, request: &Request) {
    let issuer = Issuer::new("oidc.eks.us-west-2.amazonaws.com/id/AAAA1111");
    let target = near_miss::Target {
        service_account: &SaKey::new("shop", "web"),
        issuer: &issuer,
        audience: &["sts.amazonaws.com".into()],
        request,
    };
    black_box(near_miss::diagnose(policy, &target));
    black_box(near_miss::openness(policy, &target));
    black_box(near_miss::eks_issuers(policy));
}

fn statement(condition: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"x"}},"Action":"sts:*","Condition":{{{condition}}}}}"#
    )
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

/// `item(0),item(1),…` of about `n_bytes`.
fn list(n_bytes: usize, item: impl Fn(usize) -> String) -> String {
    let mut res = String::new();
    for i in 0.. {
        if n_bytes <= res.len() {
            break;
        }
        if !res.is_empty() {
            res.push(',');
        }
        res.push_str(&item(i));
    }
    res
}

#[test]
fn many_statements() {
    let condition = r#""StringLike":{"oidc.eks.us-west-2.amazonaws.com/id/AAAA1111:sub":"*x*y"}"#;
    check(true, |n| document(&list(n, |_| statement(condition))));
}

#[test]
fn many_values() {
    check(true, |n| {
        let values = list(n, |i| format!(r#""system:serviceaccount:ns-{i}:*a*b*c""#));
        let sub = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111:sub";
        document(&statement(&format!(r#""StringLike":{{"{sub}":[{values}]}}"#)))
    });
}

#[test]
fn many_keys() {
    check(true, |n| {
        let keys = list(n, |i| format!(r#""key-{i}":"${{aws:CurrentTime}}""#));
        document(&statement(&format!(r#""ForAllValues:StringNotLikeIfExists":{{{keys}}}"#)))
    });
}

#[test]
fn many_values_that_may_be_ours() {
    let sub = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111:sub";
    let provider =
        "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/AAAA1111";
    check(true, |n| {
        let values = list(n, |i| format!(r#""system:serviceaccount:ns-{i}:*""#));
        format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},
            "Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"{sub}":[{values}]}}}}}}}}"#
        )
    });
}

#[test]
fn many_issuers() {
    let issuer = |i: usize| format!("oidc.eks.us-west-2.amazonaws.com/id/{i:08}");
    let ours = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111";
    let provider = format!("arn:aws:iam::111122223333:oidc-provider/{ours}");
    check(true, |n| {
        let keys = list(n, |i| format!(r#""{}:sub":"x""#, issuer(i)));
        format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},
            "Action":"sts:*","Condition":{{"StringEquals":{{"{ours}:sub":"x",{keys}}}}}}}}}"#
        )
    });
    check(true, |n| {
        let values =
            list(n, |i| format!(r#""arn:aws:iam::111122223333:oidc-provider/{}""#, issuer(i)));
        document(&format!(
            r#"{{"Effect":"Allow","Principal":{{"Federated":[{values}]}},"Action":"sts:*"}}"#
        ))
    });
}

#[test]
fn many_doubled_keys() {
    check(false, |n| {
        let keys = list(n, |i| format!(r#""key-{i}":1"#));
        let doubled = format!(r#""Bool":{{{keys},"key-0":1}}"#);
        document(&statement(&doubled))
    });
}

#[test]
fn many_principals() {
    check(true, |n| {
        let values = list(n, |i| format!(r#""arn:aws:iam::111122223333:role/{i}""#));
        document(&format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":[{values}]}},"Action":"sts:*"}}"#
        ))
    });
}

#[test]
fn one_long_pattern() {
    let sub = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111:sub";
    for piece in ["*a", "?", "*", "*?", "${*}", "${aws:CurrentTime}"] {
        check(true, |n| {
            let pattern = piece.repeat(n / piece.len());
            document(&statement(&format!(r#""StringLike":{{"{sub}":"*s{pattern}"}}"#)))
        });
    }
}

#[test]
fn unfinished_documents() {
    check(false, |n| {
        let mut res = document(&list(n, |_| statement("")));
        res.pop();
        res
    });
}
