//! PI-POD: pods that were born before their association.

use crate::{
    check::{
        Acc, Confidence, Evidence, Fix, PodContext, Row, Rule, Severity, Subject, SubjectKind,
        blocker_or_wrong_id, hook,
    },
    fact::Knowledge,
    identity::{Carried, Signature},
};

pub const ROWS: &[Row] = &[Row {
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
}];

fn older(pod: &PodContext<'_>, acc: &mut Acc) {
    let Knowledge::Known(association) = &pod.identity.association else { return };
    let Some(detail) = association.detail.as_ref().known() else { return };
    let (Some(born), Some(created)) = (pod.pod.created, detail.created) else { return };
    if created <= born {
        return;
    }
    let bare: Vec<_> = hook::missed(pod).collect();
    // Injected with the role that the annotation named then: IRSA until the restart.
    let before: Vec<_> = pod
        .admitted()
        .filter(|it| matches!(it.effective, Carried::Irsa(_)) && !hook::is_in_template(pod, it))
        .collect();
    let Some(first) = bare.first().or(before.first()) else { return };
    let still = bare.iter().chain(&before).any(|it| it.ends_with_identity());
    let finding = acc.push(
        Subject::pod(pod.pod),
        format!(
            "was created before the association of `{}`, so it does not have Pod Identity",
            pod.identity.key
        ),
        vec![
            Evidence {
                place: format!("association {} createdAt", association.id),
                found: format!("{created}, after the pod was created"),
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
    finding.severity = blocker_or_wrong_id(still);
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
}
