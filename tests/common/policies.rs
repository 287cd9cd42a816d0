//! Random trust policies and the request of one subject, the same for the same seed.
//!
//! Shaped like what people write: mostly right, with the mistakes of real roles mixed in. A case says which parts of
//! the language it uses, so that a comparison with an evaluator that knows fewer of them can leave it out.

mod rng;

pub use rng::Rng;

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How the role is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// `sts:AssumeRoleWithWebIdentity` by an OIDC provider.
    WebIdentity,
    /// `sts:AssumeRole` by `pods.eks.amazonaws.com`.
    PodIdentity,
}

/// Who asks and what the request carries.
#[derive(Clone, Debug)]
pub struct Subject {
    pub mechanism: Mechanism,
    pub account: String,
    /// Without scheme.
    pub issuer: String,
    pub namespace: String,
    pub service_account: String,
    /// Every condition key of the request; what is not here is absent.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Subject {
    pub fn action(&self) -> &'static str {
        match self.mechanism {
            Mechanism::WebIdentity => "sts:AssumeRoleWithWebIdentity",
            Mechanism::PodIdentity => "sts:AssumeRole",
        }
    }

    pub fn provider(&self) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.issuer)
    }

    /// The `sub` claim.
    pub fn sub(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }
}

/// What a policy uses beyond the plain core (exact principals and actions, single values, positive string operators).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    Deny,
    NotAction,
    /// `"*"` or `{"AWS": "*"}`.
    Everyone,
    Negated,
    SetOperator,
    IfExists,
    Null,
    /// Numeric, date, boolean, address and ARN operators.
    Typed,
    Variable,
    UnknownOperator,
    /// A condition on a key that is not in the request.
    AbsentKey,
    /// No `Version`, or the older one.
    OldVersion,
    /// A condition on a key that has several values, or none.
    Multivalued,
    /// Text beyond ASCII, or white space where none belongs.
    Odd,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    pub policy: Value,
    pub subject: Subject,
    pub features: BTreeSet<Feature>,
}

/// The case of one seed.
pub fn generate(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let subject = subject(&mut rng);
    let mut maker = Maker { rng, subject, features: BTreeSet::new() };
    let n_statements = *maker.rng.pick(&[1, 1, 1, 2, 2, 3, 4]);
    let statements: Vec<Value> = (0..n_statements).map(|_| maker.statement()).collect();
    let mut policy = Map::new();
    match maker.rng.below(10) {
        0 => drop(maker.features.insert(Feature::OldVersion)),
        1 => {
            maker.features.insert(Feature::OldVersion);
            policy.insert("Version".into(), json!("2008-10-17"));
        }
        _ => drop(policy.insert("Version".into(), json!("2012-10-17"))),
    }
    let single = n_statements == 1 && maker.rng.percent(20);
    let statement = if single { statements[0].clone() } else { Value::Array(statements) };
    policy.insert("Statement".into(), statement);
    let Maker { subject, features, .. } = maker;
    Case { seed, policy: Value::Object(policy), subject, features }
}

/// What nobody should write, and what somebody will.
const ODD: [&str; 9] = ["é", "É", "e\u{301}", "漢字", "🦀*", " x ", "two\nlines", "\u{202e}x", "ß"];

const OTHER_ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/OTHER2222";

fn subject(rng: &mut Rng) -> Subject {
    let mechanism = if rng.percent(80) { Mechanism::WebIdentity } else { Mechanism::PodIdentity };
    let mut res = Subject {
        mechanism,
        account: "111122223333".into(),
        issuer: "oidc.eks.us-west-2.amazonaws.com/id/AAAA1111".into(),
        namespace: (*rng.pick(&["default", "kube-system", "team-a"])).into(),
        service_account: (*rng.pick(&["app", "app-2", "external-dns"])).into(),
        context: BTreeMap::new(),
    };
    let sub = res.sub();
    let mut set = |key: &str, values: &[&str]| {
        res.context.insert(key.into(), values.iter().map(|it| (*it).into()).collect());
    };
    match mechanism {
        Mechanism::WebIdentity => {
            set(&format!("{}:sub", res.issuer), &[&sub]);
            set(&format!("{}:aud", res.issuer), &["sts.amazonaws.com"]);
        }
        Mechanism::PodIdentity => {
            set("aws:RequestTag/kubernetes-namespace", &[&res.namespace]);
            set("aws:RequestTag/kubernetes-service-account", &[&res.service_account]);
            set("aws:SourceAccount", &[&res.account]);
            set("aws:SourceArn", &["arn:aws:eks:us-west-2:111122223333:cluster/c1"]);
            set("aws:TagKeys", &["kubernetes-namespace", "kubernetes-service-account"]);
        }
    }
    set("aws:CurrentTime", &["2026-06-01T12:00:00Z"]);
    set("aws:EpochTime", &["1780315200"]);
    set("aws:SecureTransport", &["true"]);
    if rng.percent(50) {
        set("aws:SourceIp", &[*rng.pick(&["10.20.30.40", "203.0.113.9", "2001:db8::1"])]);
    }
    if rng.percent(50) {
        set("aws:ResourceTag/team", &[*rng.pick(&["default", "team-a", "x"])]);
    }
    if rng.percent(30) {
        set("aws:ResourceTag/level", &[*rng.pick(&["1", "5", "10", "high"])]);
    }
    if rng.percent(40) {
        set("aws:ResourceTag/name", &[*rng.pick(&ODD)]);
    }
    if rng.percent(20) {
        set("x:digest", &[*rng.pick(&["QUJD", "QUJE", "AA=="])]);
    }
    let many: Vec<&str> = (0..rng.below(4)).map(|_| *rng.pick(&["a", "b", "c"])).collect();
    if rng.percent(50) {
        set("x:many", &many);
    }
    res
}

struct Maker {
    rng: Rng,
    subject: Subject,
    features: BTreeSet<Feature>,
}

impl Maker {
    fn statement(&mut self) -> Value {
        let mut res = Map::new();
        if self.rng.percent(20) {
            res.insert("Sid".into(), json!(format!("S{}", self.rng.below(1000))));
        }
        let is_deny = self.rng.percent(20);
        if is_deny {
            self.features.insert(Feature::Deny);
        }
        res.insert("Effect".into(), json!(if is_deny { "Deny" } else { "Allow" }));
        res.insert("Principal".into(), self.principal());
        let (name, action) = self.action();
        res.insert(name.into(), action);
        if let Some(it) = self.conditions(is_deny) {
            res.insert("Condition".into(), it);
        }
        Value::Object(res)
    }

    fn principal(&mut self) -> Value {
        let provider = self.subject.provider();
        let right = match self.subject.mechanism {
            Mechanism::WebIdentity => json!({"Federated": provider}),
            Mechanism::PodIdentity => json!({"Service": "pods.eks.amazonaws.com"}),
        };
        let account = &self.subject.account;
        let issuer = &self.subject.issuer;
        match self.rng.below(100) {
            0..70 => right,
            70..75 => json!({
                "Federated": [format!("arn:aws:iam::{account}:oidc-provider/{OTHER_ISSUER}"), provider],
                "Service": ["ec2.amazonaws.com", "pods.eks.amazonaws.com"],
            }),
            75..78 => {
                json!({"Federated": format!("arn:aws:iam::{account}:oidc-provider/{OTHER_ISSUER}")})
            }
            78..80 => {
                json!({"Federated": format!("arn:aws:iam::444455556666:oidc-provider/{issuer}")})
            }
            80..82 => {
                json!({"Federated": format!("arn:aws:iam::{account}:oidc-provider/https://{issuer}")})
            }
            82..84 => json!({"Federated": issuer}),
            84..86 => json!({"AWS": provider}),
            86..89 => json!({"AWS": format!("arn:aws:iam::{account}:root")}),
            89..92 => json!({"Service": "ec2.amazonaws.com"}),
            92 => json!({"federated": provider, "CanonicalUser": "x"}),
            93 => json!({"Federated": [provider, provider], "AWS": []}),
            94..96 => {
                self.features.insert(Feature::Everyone);
                json!("*")
            }
            _ => {
                self.features.insert(Feature::Everyone);
                json!({"AWS": "*"})
            }
        }
    }

    fn action(&mut self) -> (&'static str, Value) {
        let right = self.subject.action();
        if self.rng.percent(7) {
            self.features.insert(Feature::NotAction);
            let actions = [
                json!("sts:TagSession"),
                json!("iam:*"),
                json!(right),
                json!("sts:*"),
                json!(["iam:*", right.to_uppercase()]),
                json!(["iam:*", "s3:?et*"]),
            ];
            return ("NotAction", self.rng.pick(&actions).clone());
        }
        let action = match self.rng.below(100) {
            0..60 => json!(right),
            60..72 => json!([right, "sts:TagSession"]),
            72..76 => json!("sts:*"),
            76..80 => json!("sts:AssumeRole*"),
            80..83 => json!(right.to_lowercase()),
            83..88 => json!("sts:AssumeRole"),
            88..92 => json!("sts:AssumeRoleWithSAML"),
            92..94 => json!("sts:AssumeRole?ithWebIdentity"),
            94..97 => json!(["sts:TagSession"]),
            _ => json!("*"),
        };
        ("Action", action)
    }

    fn conditions(&mut self, is_deny: bool) -> Option<Value> {
        let mut res: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        let mut add = |operator: &str, key: String, value: Value| {
            res.entry(operator.into()).or_default().insert(key, value);
        };
        if !is_deny && self.rng.percent(70) {
            match self.subject.mechanism {
                Mechanism::WebIdentity => {
                    let operator = if self.rng.percent(70) { "StringEquals" } else { "StringLike" };
                    let issuer = self.subject.issuer.clone();
                    add(operator, format!("{issuer}:sub"), self.sub_value());
                    if self.rng.percent(80) {
                        add("StringEquals", format!("{issuer}:aud"), json!("sts.amazonaws.com"));
                    }
                }
                Mechanism::PodIdentity => {
                    let key = "aws:RequestTag/kubernetes-namespace".to_owned();
                    add("StringEquals", key, json!(self.subject.namespace));
                }
            }
        }
        let n_more = *self.rng.pick(&[0, 0, 0, 1, 1, 2]);
        let n_more = if is_deny { n_more.max(1) } else { n_more };
        for _ in 0..n_more {
            let (key, kind) = self.key();
            let operator = self.operator(kind);
            let value = self.values(&key, kind, &operator);
            add(&operator, key, value);
        }
        (!res.is_empty()).then(|| json!(res))
    }

    /// Right, or wrong in one of the ways of real trust policies.
    fn sub_value(&mut self) -> Value {
        let Subject { namespace, service_account, .. } = &self.subject;
        let sub = self.subject.sub();
        let other = format!("system:serviceaccount:other:{service_account}");
        match self.rng.below(20) {
            0..9 => json!(sub),
            9 => json!([other, sub]),
            10 => json!(other),
            11 => json!(format!("system:serviceaccount:{namespace}:*")),
            12 => json!(format!("system:serviceaccount:{namespace}*")),
            13 => json!(format!("system:serviceaccount:*:{service_account}")),
            14 => json!(format!("system:serviceaccount:{namespace}:???")),
            15 => json!(format!("system:serviceaccount: {namespace}:{service_account}")),
            16 => json!(sub.to_uppercase()),
            17 => json!(format!("{namespace}:{service_account}")),
            18 => json!("system:serviceaccount:*"),
            _ => json!("*"),
        }
    }

    fn key(&mut self) -> (String, Kind) {
        let issuer = &self.subject.issuer;
        let keys = [
            (format!("{issuer}:sub"), Kind::Text),
            (format!("{issuer}:SUB"), Kind::Text),
            (format!("{issuer}:aud"), Kind::Text),
            (format!("{OTHER_ISSUER}:sub"), Kind::Text),
            (format!("https://{issuer}:sub"), Kind::Text),
            ("aws:ResourceTag/team".into(), Kind::Text),
            ("aws:RequestTag/kubernetes-namespace".into(), Kind::Text),
            ("aws:TagKeys".into(), Kind::Text),
            ("aws:SourceAccount".into(), Kind::Text),
            ("aws:SourceArn".into(), Kind::Arn),
            ("aws:SourceIp".into(), Kind::Address),
            ("aws:CurrentTime".into(), Kind::Date),
            ("aws:EpochTime".into(), Kind::Date),
            ("aws:ResourceTag/level".into(), Kind::Number),
            ("aws:SecureTransport".into(), Kind::Bool),
            ("aws:ResourceTag/name".into(), Kind::Odd),
            ("aws:ResourceTag/名前".into(), Kind::Odd),
            (format!("{issuer}:sub "), Kind::Text),
            ("x:digest".into(), Kind::Binary),
            ("x:many".into(), Kind::Many),
        ];
        let res = self.rng.pick(&keys).clone();
        match res.1 {
            Kind::Odd => drop(self.features.insert(Feature::Odd)),
            Kind::Many => drop(self.features.insert(Feature::Multivalued)),
            Kind::Text | Kind::Arn | Kind::Address | Kind::Date | Kind::Number | Kind::Bool => {}
            Kind::Binary => {}
        }
        if !self.subject.context.keys().any(|it| it.eq_ignore_ascii_case(&res.0)) {
            self.features.insert(Feature::AbsentKey);
        }
        res
    }

    fn operator(&mut self, kind: Kind) -> String {
        if self.rng.percent(4) {
            self.features.insert(Feature::UnknownOperator);
            return (*self.rng.pick(&["StringMatches", "StringEqual", "NullIfExists"])).into();
        }
        if self.rng.percent(8) {
            self.features.insert(Feature::Null);
            return "Null".into();
        }
        let kind = if self.rng.percent(5) { Kind::Number } else { kind };
        let base = *self.rng.pick(kind.operators());
        if !base.starts_with("String") {
            self.features.insert(Feature::Typed);
        }
        if base.contains("Not") {
            self.features.insert(Feature::Negated);
        }
        let mut res = base.to_owned();
        if self.rng.percent(20) {
            self.features.insert(Feature::SetOperator);
            let set = *self.rng.pick(&["ForAnyValue:", "ForAllValues:"]);
            res.insert_str(0, set);
        }
        if self.rng.percent(20) {
            self.features.insert(Feature::IfExists);
            res.push_str("IfExists");
        }
        if self.rng.percent(4) { res.to_lowercase() } else { res }
    }

    fn values(&mut self, key: &str, kind: Kind, operator: &str) -> Value {
        if operator.eq_ignore_ascii_case("Null") {
            return self
                .rng
                .pick(&[json!("true"), json!("false"), json!(true), json!(false)])
                .clone();
        }
        let key = key.to_ascii_lowercase();
        let present = self.subject.context.iter().find(|(it, _)| it.eq_ignore_ascii_case(&key));
        let mut pool: Vec<Value> = kind.values().iter().map(|it| json!(it)).collect();
        for it in present.iter().flat_map(|(_, values)| values.iter()) {
            pool.extend([json!(it), json!(it), json!(it.to_uppercase())]);
            let half: String = it.chars().take(it.chars().count() / 2).collect();
            pool.push(json!(format!("{half}*")));
        }
        let n_values = *self.rng.pick(&[1, 1, 1, 1, 1, 2, 2, 3, 0]);
        let mut values: Vec<Value> = (0..n_values).map(|_| self.rng.pick(&pool).clone()).collect();
        if kind == Kind::Text && !values.is_empty() && self.rng.percent(8) {
            self.features.insert(Feature::Variable);
            let variables = [
                "${aws:ResourceTag/team}",
                "${aws:RequestTag/kubernetes-namespace}",
                "${aws:TagKeys}",
                "${aws:ResourceTag/nobody, 'team-a'}",
                "${*}",
                "x${?}",
            ];
            values[0] = json!(self.rng.pick(&variables));
        }
        match (values.len(), self.rng.percent(30)) {
            (1, false) => values.remove(0),
            _ => Value::Array(values),
        }
    }
}

/// What a condition key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Arn,
    Address,
    Date,
    Number,
    Bool,
    Binary,
    Odd,
    /// Several values, or none.
    Many,
}

impl Kind {
    fn operators(self) -> &'static [&'static str] {
        match self {
            Kind::Text | Kind::Odd | Kind::Many => &[
                "StringEquals",
                "StringNotEquals",
                "StringEqualsIgnoreCase",
                "StringNotEqualsIgnoreCase",
                "StringLike",
                "StringNotLike",
            ],
            Kind::Arn => &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "StringLike"],
            Kind::Address => &["IpAddress", "NotIpAddress"],
            Kind::Date => &[
                "DateEquals",
                "DateNotEquals",
                "DateLessThan",
                "DateLessThanEquals",
                "DateGreaterThan",
                "DateGreaterThanEquals",
            ],
            Kind::Number => &[
                "NumericEquals",
                "NumericNotEquals",
                "NumericLessThan",
                "NumericLessThanEquals",
                "NumericGreaterThan",
                "NumericGreaterThanEquals",
            ],
            Kind::Bool => &["Bool"],
            Kind::Binary => &["BinaryEquals", "BinaryEquals", "StringEquals"],
        }
    }

    fn values(self) -> &'static [&'static str] {
        match self {
            Kind::Text => &["default", "team-?", "*", "111122223333", "kubernetes-namespace", "x"],
            Kind::Arn => &[
                "arn:aws:eks:*:111122223333:cluster/*",
                "arn:aws:eks:us-west-2:444455556666:cluster/c1",
                "arn:*:*:*:*:*",
            ],
            Kind::Address => &["10.0.0.0/8", "10.20.30.40", "0.0.0.0/0", "2001:db8::/32", "::/0"],
            Kind::Date => &[
                "2026-06-01T12:00:00Z",
                "2026-06-01T21:00:00+09:00",
                "2020-01-01T00:00:00Z",
                "2030-01-01T00:00:00Z",
                "1780315200",
            ],
            Kind::Number => &["1", "5", "10.0", "-3"],
            Kind::Bool => &["true", "false", "True"],
            Kind::Binary => &["QUJD", "qujd"],
            Kind::Odd => &ODD,
            Kind::Many => &["a", "b", "?", "x*"],
        }
    }
}
