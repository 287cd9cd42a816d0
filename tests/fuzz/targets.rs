//! What is fed, and what tells two ends apart.

use idscope::{
    fact::Knowledge,
    iam::{self, Document, Kind},
    ident::{Arn, Issuer, Partition, SaKey, Text},
    identity::{
        admission::{self, Defaults, Known},
        chain, near_miss, signature,
    },
    lab::World,
    source::slim,
};
use std::time::Duration;

pub struct Target {
    pub name: &'static str,
    /// Words of the language.
    pub words: &'static [&'static str],
    /// More than it takes where optimised, far less than what grows with the square would.
    pub a_megabyte_takes: Duration,
    /// Tells what the input came to, without its own text, so that another end is something new.
    pub run: fn(&[u8]) -> String,
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "policy",
        a_megabyte_takes: Duration::from_millis(600),
        words: &[
            "\"Version\":\"2012-10-17\",",
            "\"Statement\":",
            "\"Effect\":\"Allow\",",
            "\"Effect\":\"Deny\",",
            "\"Principal\":\"*\",",
            "\"Principal\":{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/AAAA1111\"},",
            "\"Action\":\"sts:*\",",
            "\"NotAction\":\"*a*\",",
            "\"Condition\":{",
            "\"ForAllValues:StringLike\":{",
            "\"StringNotEqualsIfExists\":{",
            "\"oidc.eks.us-west-2.amazonaws.com/id/AAAA1111:sub\":\"system:serviceaccount:shop:web\"",
            "[",
            "]",
            "{",
            "}",
            "[[[[[[[[",
            "{\"a\":",
            "${aws:userid}",
            "${*}",
            "null",
            "true",
            ",",
        ],
        run: policy,
    },
    Target {
        name: "arn",
        a_megabyte_takes: Duration::from_millis(600),
        words: &[
            "arn:",
            "aws",
            "aws-cn",
            "iam",
            "sts",
            "::",
            "111122223333",
            ":role/",
            "/path/",
            ":oidc-provider/",
            "https://",
            "oidc.eks.",
            "eu-west-1",
            ".amazonaws.com",
            ".cn",
            "/id/",
            "*",
            "?",
            "*a*a*a*",
            "system:serviceaccount:",
        ],
        run: arn,
    },
    Target {
        name: "condition",
        a_megabyte_takes: Duration::from_millis(600),
        words: &[
            "ForAnyValue:",
            "ForAllValues:",
            "IfExists",
            "String",
            "Not",
            "Equals",
            "Like",
            "IgnoreCase",
            "Numeric",
            "Date",
            "LessThan",
            "GreaterThan",
            "Bool",
            "Binary",
            "IpAddress",
            "Arn",
            "Null",
            "\n",
            "2026-01-01T00:00:00Z",
            "10.0.0.0/8",
            "::/0",
            "arn:aws:s3:::b/*",
            "${x:k}",
            "${x:k, 'd'}",
            "${*}",
            "*",
            "*a*a*a*",
            "1e308",
            "true",
        ],
        run: condition,
    },
    Target {
        name: "triage",
        a_megabyte_takes: Duration::from_millis(3000),
        words: &[
            "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: ",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            "InvalidIdentityToken",
            "ValidationError",
            "No OpenIDConnect provider found in your account for https://",
            "\n\tstatus code: 403",
            "\x1b[31m",
            "\\n",
            "{\"msg\":\"",
            "serviceaccount \"",
            "is not authorized to perform: ",
            "arn:aws:sts::111122223333:assumed-role/",
            "AKIAIOSFODNN7EXAMPLE",
            "Incorrect token audience",
            "connection refused",
            "169.254.170.23",
            "eyJhbGciOiJSUzI1NiJ9.",
            "\"",
            "\r\n",
        ],
        run: triage,
    },
    Target {
        name: "scenario",
        a_megabyte_takes: Duration::from_millis(8000),
        words: &[
            "---\n",
            "apiVersion: lab.idscope.dev/v1\n",
            "kind: EksCluster\n",
            "kind: IamRole\n",
            "kind: EksDefaults\n",
            "kind: Fault\n",
            "kind: Pod\n",
            "metadata: {name: a, namespace: b}\n",
            "spec:\n",
            "  - ",
            ": ",
            "&a ",
            "*a ",
            "<<: ",
            "!!binary ",
            "|\n",
            ">-\n",
            "{",
            "}",
            "[",
            "]",
            "'",
            "\"",
            "#",
            "\t",
            "age: 3h\n",
            "%YAML 1.1\n",
            "? ",
            "*a,*a,*a,*a,",
        ],
        run: scenario,
    },
    Target {
        name: "pod",
        a_megabyte_takes: Duration::from_millis(2000),
        words: &[
            "\"metadata\":{",
            "\"annotations\":{",
            "\"eks.amazonaws.com/skip-containers\":\"",
            "\"eks.amazonaws.com/token-expiration\":\"",
            "\"spec\":{",
            "\"containers\":[{",
            "\"initContainers\":[",
            "\"env\":[{\"name\":\"AWS_ROLE_ARN\",\"value\":\"x\"}]",
            "\"valueFrom\":{",
            "\"envFrom\":[",
            "\"volumeMounts\":[",
            "\"volumes\":[",
            "\"projected\":{\"sources\":[{\"serviceAccountToken\":{",
            "\"nodeSelector\":{",
            "null",
            "{",
            "}",
            "[",
            "]",
            ",",
            "$(A)",
            "\\u0000",
            "\\ud800",
        ],
        run: pod,
    },
];

fn policy(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut res = String::new();
    for kind in [Kind::Trust, Kind::Identity] {
        let document = Document::parse(&*text, kind);
        match &document.parsed {
            Ok(it) => {
                let request = request();
                let evaluation = iam::evaluate(it, &request);
                let truths: Vec<_> =
                    evaluation.statements.iter().map(|it| it.matches).take(3).collect();
                res += &format!("{:?} {truths:?} ", evaluation.decision);
                if let Some(written) = it.to_json() {
                    let again = Document::parse(written.as_str(), kind).parsed;
                    assert_eq!(again.as_ref(), Ok(it), "what is written reads the same");
                }
                let (key, issuer) = (SaKey::new("shop", "web"), Issuer::new(ISSUER));
                let target = near_miss::Target {
                    service_account: &key,
                    issuer: &issuer,
                    audience: &["sts.amazonaws.com".into()],
                    request: &request,
                };
                let faults =
                    near_miss::diagnose(it, &target).map(|it| it.faults).unwrap_or_default();
                res +=
                    &format!("{:?} ", faults.iter().map(|it| it.what).take(4).collect::<Vec<_>>());
                res += &near_miss::openness(it, &target).len().min(3).to_string();
            }
            Err(it) => {
                let lines = text.matches('\n').count() + 1;
                assert!(it.position.is_none_or(|at| at.line <= lines), "{:?}", it.position);
                res += &shape(&it.reason);
            }
        }
    }
    res
}

const ISSUER: &str = "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111";

fn request() -> iam::Request {
    let mut context = iam::Context::default();
    context.set(&format!("{ISSUER}:sub"), ["system:serviceaccount:shop:web"]);
    context.set(&format!("{ISSUER}:aud"), ["sts.amazonaws.com"]);
    context.set("x:many", ["a", "b"]);
    context.set_unknown("aws:SourceIp");
    let provider = format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}");
    iam::Request {
        action: "sts:AssumeRoleWithWebIdentity".into(),
        caller: iam::Caller::Federated(provider.into()),
        resource: None,
        context,
    }
}

fn arn(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let arn = Arn::from(&*text);
    let issuer = Issuer::new(&text);
    let (left, right) = text.split_once('\n').unwrap_or((&text, ""));
    // What patterns are held against are names, and the work is one times the other.
    let right = right.char_indices().nth(512).map_or(right, |(at, _)| &right[..at]);
    let covers = iam::glob_covers(left, right);
    let matches = iam::glob_matches(left, right);
    // A text without wildcards is a pattern of its own.
    if !right.contains(['*', '?']) {
        assert_eq!(covers, matches);
    }
    assert!(iam::glob_covers(left, left));
    let near =
        near_miss::is_near(left, right) as u8 + 2 * u8::from(near_miss::is_placeholder(left));
    format!(
        "{} {:?} {} {} {} {covers} {matches} {near}",
        arn.is_iam_role(),
        arn.partition()
            .map(|it| matches!(it, Partition::Aws | Partition::AwsCn | Partition::AwsUsGov)),
        arn.account().is_some(),
        arn.name().is_some(),
        issuer.region().is_some() as u8 + 2 * issuer.id().is_some() as u8,
    )
}

/// Lines: operator, values separated by tabs, values of the request likewise.
fn condition(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let operator = lines.next().unwrap_or_default();
    let list = |it: Option<&str>| it.unwrap_or_default().split('\t').map(Text::from).collect();
    let (values, mut got): (Vec<Text>, Vec<Text>) = (list(lines.next()), list(lines.next()));
    // A policy may be long, a request is not.
    got.truncate(16);
    let condition = iam::Condition { operator: operator.into(), key: "x:k".into(), values };
    let statement = iam::Statement {
        sid: None,
        effect: iam::Effect::Allow,
        principal: Some(iam::Principal::Everyone),
        action: iam::Patterns { negated: false, patterns: vec!["*".into()] },
        resource: None,
        conditions: vec![condition],
    };
    let mut res = String::new();
    for version in [iam::Version::V2012, iam::Version::V2008] {
        let policy = iam::Policy { version, statements: vec![statement.clone()] };
        let mut request = request();
        request.context.set("x:k", got.iter().cloned());
        let clauses = iam::evaluate(&policy, &request).statements.remove(0).clauses;
        let clause = clauses.last().unwrap();
        res += &format!("{:?} {:?} ", clause.truth, clause.note);
    }
    let parsed = iam::Operator::parse(operator).map(|it| (it.test, it.quantifier, it.negated));
    format!("{parsed:?} {res}")
}

fn triage(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let found = signature::recognise(&text);
    found.iter().take(4).map(|it| format!("{} ", it.signature)).collect()
}

fn scenario(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    match World::parse("fuzz.yaml", &text, now) {
        Ok(_) => "a world".to_owned(),
        Err(it) => shape(&it.to_string()),
    }
}

fn pod(input: &[u8]) -> String {
    let mut pool = slim::Pool::default();
    let decoded = slim::decode(slim::Kind::Pod, input, &mut pool);
    let Ok(value) = serde_json::from_slice(input) else {
        return format!("no JSON {}", decoded.is_ok());
    };
    let pod = match slim::pod_from_json(&value) {
        Ok(it) => it,
        Err(it) => return shape(&it.to_string()),
    };
    let annotations = pod.spec.annotations.clone();
    let mut res = String::new();
    for association in [false, true] {
        let known = Known { association, annotations: Some(&annotations) };
        let stored = admission::admit(&pod.spec, known, &Defaults::for_region("eu-west-1"));
        assert!(pod.spec.containers.len() == stored.containers.len());
        for it in stored.containers.iter().take(3) {
            let chain = chain::settle_in(it, &stored.volumes, &|_| Knowledge::NotYet);
            res +=
                &format!("{} {:?} {} ", chain.provider.as_str(), chain.error, it.env.len().min(6));
        }
    }
    res
}

/// A message without what it quotes and counts.
fn shape(message: &str) -> String {
    let mut quoted = false;
    message
        .chars()
        .filter(|c| {
            quoted ^= *c == '`';
            !quoted && !c.is_ascii_digit()
        })
        .take(80)
        .collect()
}
