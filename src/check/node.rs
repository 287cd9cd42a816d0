//! NODE: pods that end with their node's role.

use crate::{
    check::{
        Acc, Confidence, Evidence, Fix, PodContext, Row, Rule, Severity, Subject, SubjectKind,
        hook, is_node_agent,
    },
    fact::Knowledge,
    identity::{Signature, chain::Provider},
};

pub const ROWS: &[Row] = &[Row {
    code: "NODE-01",
    name: "node-role-used",
    title: "no identity injected, pod uses the node role",
    severity: Severity::WrongId,
    confidence: Confidence::Certain,
    subject: SubjectKind::Pod,
    fragment: "pods carry no identity and end with their node's role",
    detect: "The ServiceAccount declares an identity, or its workload is expected to use AWS, but nothing is injected and no other code explains it (the webhook's configuration or the associations may not be read, say); the SDK falls back to instance metadata. That nothing is injected is certain, that metadata is reached is likely.",
    repair: "Give the workload an identity (annotation or association) and restart it.",
    signatures: &[Signature::E13],
    fixes: &["FX-NONE"],
    reference: "https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html",
    rule: Rule::Pod(node_role),
}];

fn node_role(pod: &PodContext<'_>, acc: &mut Acc) {
    // What a ServiceAccount that nobody may read declares is not known, nor what else explains an empty pod.
    if matches!(pod.identity.sa, Knowledge::Denied(_) | Knowledge::NotYet) {
        return;
    }
    let name = pod.owner.map_or(&pod.pod.name, |it| &it.name);
    let meant = pod.identity.mechanism != crate::identity::Mechanism::None
        || pod.identity.expected.is_some();
    if !meant || is_node_agent(name, &pod.pod.namespace) {
        return;
    }
    let ends: Vec<_> = hook::missed(pod)
        .filter(|it| it.chain.provider == Provider::NodeRole && !it.is_partly_read())
        .collect();
    let Some(first) = ends.first() else { return };
    let names: Vec<&str> = ends.iter().map(|it| &*it.container.name).collect();
    let finding = acc.push(
        Subject::pod(pod.pod),
        "carries no identity, so its AWS calls are made with the node's role".into(),
        vec![Evidence {
            place: format!("containers {} env", names.join(", ")),
            found: first.chain.because.clone(),
            needed: "AWS_ROLE_ARN or AWS_CONTAINER_CREDENTIALS_FULL_URI".into(),
        }],
    );
    // Whether the next pod would get one is exactly what cannot be said here.
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "see to it that an identity is declared and injected, then restart the workload".into(),
        Vec::new(),
    ));
}
