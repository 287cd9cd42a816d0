//! The policy evaluator from outside: against a second evaluator, against its own laws, and for its growth.

mod growth;
mod laws;
mod naive;
#[path = "../common/policies.rs"]
mod policies;
mod second_opinion;
#[path = "../common/worked.rs"]
mod worked;

use idscope::{
    iam::{Caller, Context, Document, Kind, Policy, Request},
    ident::Arn,
};
use policies::{Case, Mechanism, Subject};

fn parse(policy: &serde_json::Value) -> Policy {
    let parsed = Document::parse(policy.to_string(), Kind::Trust).parsed;
    parsed.unwrap_or_else(|err| panic!("{err}: {policy}"))
}

fn request(subject: &Subject) -> Request {
    let mut context = Context::default();
    for (key, values) in &subject.context {
        context.set(key, values.iter().map(|it| &**it));
    }
    let caller = match subject.mechanism {
        Mechanism::WebIdentity => Caller::Federated(Arn::new(subject.provider())),
        Mechanism::PodIdentity => Caller::Service("pods.eks.amazonaws.com".into()),
    };
    Request { action: subject.action().into(), caller, resource: None, context }
}

/// The case in one paragraph, for a failing test.
fn show(case: &Case) -> String {
    format!("seed {}\n{}\n{:#?}", case.seed, case.policy, case.subject)
}

/// AWS's own documents are in the language that `iam` reads.
#[test]
fn managed_policies_are_policies() {
    let mut n_read = 0;
    let mut dirs = vec![std::path::PathBuf::from("assets/aws-policies")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let document = Document::parse(std::fs::read_to_string(&path).unwrap(), Kind::Identity);
            let policy = document.parsed.unwrap_or_else(|err| panic!("{}: {err}", path.display()));
            for (_, condition) in policy.conditions() {
                let operator = &condition.operator;
                assert!(condition.parsed_operator().is_some(), "{}: {operator}", path.display());
            }
            n_read += 1;
        }
    }
    assert!(10 < n_read, "{n_read} policies");
}
