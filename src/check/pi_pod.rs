//! PI-POD: pods that were born before their association, or with it.

use crate::{
    check::{
        Acc, Confidence, ContainerContext, Evidence, Finding, Fix, PodContext, Row, Rule, Severity,
        Subject, SubjectKind, blocker_or_wrong_id, hook,
    },
    fact::{Association, Knowledge},
    ident::Timestamp,
    identity::{Carried, Signature},
};
use jiff::SignedDuration;

/// How long the webhook may take to learn of a new association, and a little more.
const LAG: SignedDuration = SignedDuration::from_secs(15);

pub const ROWS: &[Row] = &[
    Row {
        code: "PI-POD-01",
        name: "pod-older-than-association",
        title: "pod older than the association",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Pod,
        fragment: "pods were created before their Pod Identity association",
        detect: "The ServiceAccount has an association, the pod was created before it, and its containers do not carry Pod Identity. The webhook injects at creation only.",
        repair: "Restart the workload; new pods get Pod Identity.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
        rule: Rule::Pod(older),
    },
    Row {
        code: "PI-POD-02",
        name: "pod-created-with-association",
        title: "pod created seconds after the association",
        severity: Severity::Degraded,
        confidence: Confidence::Likely,
        subject: SubjectKind::Pod,
        fragment: "pods were created within seconds of their Pod Identity association",
        detect: "The pod was created less than 15 seconds after its ServiceAccount's association, and its containers do not carry Pod Identity. The webhook learns of associations with a delay, even when they are said to be ready.",
        repair: "Restart the workload; let ten seconds pass between association and pods the next time.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
        rule: Rule::Pod(raced),
    },
];

fn older(pod: &PodContext<'_>, acc: &mut Acc) {
    let Some((association, created, born)) = ages(pod) else { return };
    let without = without(pod);
    let Some(first) = without.first().filter(|_| born < created) else { return };
    let still = without.iter().any(|it| it.ends_with_identity());
    let message = format!(
        "was created before the association of `{}`, so it does not have Pod Identity",
        pod.identity.key
    );
    let found = format!("{created}, after the pod was created");
    let finding = say(pod, acc, association, first, message, found);
    finding.severity = blocker_or_wrong_id(still);
}

fn raced(pod: &PodContext<'_>, acc: &mut Acc) {
    let Some((association, created, born)) = ages(pod) else { return };
    let without = without(pod);
    let after = born.duration_since(created);
    if after.is_negative() || LAG <= after {
        return;
    }
    let Some(first) = without.first() else { return };
    let message = format!(
        "was created {} s after the association of `{}`, before the webhook knew of it",
        after.as_secs(),
        pod.identity.key
    );
    let found = format!("{created}, {} s before the pod was created", after.as_secs());
    say(pod, acc, association, first, message, found);
}

/// The association, when it was made, and when the pod was.
fn ages<'a>(pod: &PodContext<'a>) -> Option<(&'a Association, Timestamp, Timestamp)> {
    let Knowledge::Known(association) = &pod.identity.association else { return None };
    let created = association.detail.as_ref().known()?.created?;
    Some((association, created, pod.pod.created?))
}

/// The containers that should have Pod Identity and have nothing, else those that were injected with the role that the
/// annotation named then: IRSA until the restart.
fn without<'p, 'a>(pod: &'p PodContext<'a>) -> Vec<&'p ContainerContext<'a>> {
    let irsa = pod
        .admitted()
        .filter(|it| matches!(it.effective, Carried::Irsa(_)) && !hook::is_in_template(pod, it));
    hook::missed(pod).chain(irsa).collect()
}

fn say<'f>(
    pod: &PodContext<'_>,
    acc: &'f mut Acc,
    association: &Association,
    first: &ContainerContext<'_>,
    message: String,
    found: String,
) -> &'f mut Finding {
    let finding = acc.push(
        Subject::pod(pod.pod),
        message,
        vec![
            Evidence {
                place: format!("association {} createdAt", association.id),
                found,
                needed: "a pod created after it".into(),
            },
            Evidence {
                place: format!(
                    "container {} env AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    first.container.name
                ),
                found: first.effective.render(),
                needed: "http://169.254.170.23/v1/credentials".into(),
            },
        ],
    );
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
    finding
}
