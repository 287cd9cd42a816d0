//! The policy evaluator from outside: against a second evaluator, against its own laws, and for its growth.

mod growth;
mod laws;
mod naive;
#[path = "../common/policies.rs"]
mod policies;
mod second_opinion;

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
