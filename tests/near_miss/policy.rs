//! A trust policy in parts that a mistake can be made in, and the world around it.

use crate::rng::Rng;
use serde_json::{Map, Value, json};

pub const NOW: &str = "2026-01-01T00:00:00Z";
pub const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
pub const ACCOUNT: &str = "111122223333";
pub const ROLE: &str = "arn:aws:iam::111122223333:role/web";
pub const AUDIENCE: &str = "sts.amazonaws.com";
pub const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// One condition: operator, key, value.
pub type Condition = (String, String, Value);

/// The statement that mistakes are made in, taken apart.
pub struct Policy {
    pub namespace: String,
    pub name: String,
    pub action: (&'static str, Value),
    pub principal: Value,
    pub subject: Condition,
    pub audience: Option<Condition>,
    pub more: Vec<Condition>,
    /// Other statements that do not matter here.
    pub others: Vec<Value>,
    /// Where among them the statement stands.
    pub at: usize,
}

impl Policy {
    /// One of the ways to write it that let the ServiceAccount in.
    pub fn right(rng: &mut Rng) -> Policy {
        let namespace = (*rng.pick(&["shop", "team-a", "kube-system"])).to_owned();
        let name = (*rng.pick(&["web", "api-v2", "external-dns"])).to_owned();
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        let operator = *rng.pick(&["StringEquals", "StringEquals", "StringLike"]);
        let action = match rng.below(3) {
            0 => json!([ACTION]),
            _ => json!(ACTION),
        };
        let principal = match rng.below(3) {
            0 => json!({"Federated": [provider(ISSUER)]}),
            _ => json!({"Federated": provider(ISSUER)}),
        };
        let service = json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole"});
        let others: Vec<Value> = (0..rng.below(3)).map(|_| service.clone()).collect();
        let audience = ("StringEquals".to_owned(), format!("{ISSUER}:aud"), json!(AUDIENCE));
        Policy {
            namespace,
            name,
            action: ("Action", action),
            principal,
            subject: (operator.to_owned(), format!("{ISSUER}:sub"), json!(subject)),
            audience: rng.percent(80).then_some(audience),
            more: Vec::new(),
            at: rng.below(others.len() + 1),
            others,
        }
    }

    pub fn subject_text(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    pub fn text(&self) -> String {
        let mut condition: Map<String, Value> = Map::new();
        let all = std::iter::once(&self.subject).chain(&self.audience).chain(&self.more);
        for (operator, key, value) in all {
            let block = condition.entry(operator.clone()).or_insert_with(|| json!({}));
            block.as_object_mut().unwrap().insert(key.clone(), value.clone());
        }
        let mut statement = json!({"Effect": "Allow", "Principal": self.principal});
        statement[self.action.0] = self.action.1.clone();
        statement["Condition"] = condition.into();
        let mut statements = self.others.clone();
        statements.insert(self.at.min(statements.len()), statement);
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }

    /// A cluster whose only fault, if any, is this trust policy.
    pub fn scenario(&self) -> String {
        let Policy { namespace, name, .. } = self;
        let policy = self.text();
        format!(
            r#"apiVersion: lab.idscope.dev/v1
kind: EksCluster
name: prod
account: "{ACCOUNT}"
region: eu-west-1
issuer: https://{ISSUER}
---
apiVersion: lab.idscope.dev/v1
kind: EksDefaults
---
apiVersion: lab.idscope.dev/v1
kind: OidcProvider
account: "{ACCOUNT}"
url: {ISSUER}
clientIds: [{AUDIENCE}]
---
apiVersion: lab.idscope.dev/v1
kind: IamRole
arn: {ROLE}
trustPolicy: {policy}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {namespace}, annotations: {{eks.amazonaws.com/role-arn: "{ROLE}"}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-1, namespace: {namespace}}}
spec: {{serviceAccountName: {name}, containers: [{{name: app, image: app}}]}}
"#
        )
    }
}

pub fn provider(issuer: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")
}
