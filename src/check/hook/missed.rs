//! Pods that carry nothing although their ServiceAccount declares an identity: why the webhook left them alone.

use crate::{
    check::{
        Acc, Confidence, ContainerContext, Evidence, Fix, PodContext, Subject, blocker_or_wrong_id,
        hook::{has_identity_variables, opted},
        injection,
    },
    fact::{Knowledge, ServiceAccount, Webhook},
    ident::Timestamp,
    identity::{Carried, Mechanism, admission, webhook::Called},
};
use jiff::SignedDuration;

/// The webhook's caches follow the API server, and EKS its associations, a moment late.
const RACE: SignedDuration = SignedDuration::from_secs(15);

/// When a pod was born, seen from the declaration of its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Born {
    Before,
    /// So soon after it that the webhook may not have known.
    Within,
    After,
}

pub(crate) fn born(pod: Timestamp, declared: Timestamp) -> Born {
    if pod < declared {
        Born::Before
    } else if pod.duration_since(declared) < RACE {
        Born::Within
    } else {
        Born::After
    }
}

/// The containers that the webhook should have injected into and did not, although nobody told it to leave them alone
/// and it left no trace in the whole pod.
pub(crate) fn missed<'p, 'a>(
    pod: &'p PodContext<'a>,
) -> impl Iterator<Item = &'p ContainerContext<'a>> {
    let left_alone = injection::is_opted_out(&pod.called) || has_trace(pod);
    pod.admitted().filter(move |it| {
        !left_alone
            && it.effective == Carried::None
            && !opted::is_skipped(pod, it)
            && !has_identity_variables(it)
    })
}

/// Whether the webhook was there: something in the pod is its work and not the manifest's.
fn has_trace(pod: &PodContext<'_>) -> bool {
    let written = |name: &str| {
        pod.template.is_some_and(|it| it.volumes.iter().any(|volume| *volume.name == *name))
    };
    let volume = [admission::IRSA_VOLUME, admission::POD_IDENTITY_VOLUME]
        .into_iter()
        .any(|it| !written(it) && pod.pod.spec.volumes.iter().any(|volume| *volume.name == *it));
    let variable = |it: &ContainerContext<'_>| {
        telling_variable(&it.effective).is_some_and(|name| pod.is_written(it, name) != Some(true))
    };
    volume || pod.admitted().any(variable)
}

/// The variable that makes an identity what it is.
fn telling_variable(carried: &Carried) -> Option<&'static str> {
    match carried {
        Carried::None => None,
        Carried::Irsa(_) => Some("AWS_ROLE_ARN"),
        Carried::PodIdentity(_) => Some("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    }
}

/// HOOK-01.
pub(super) fn older_than_annotation(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.identity.mechanism != Mechanism::Irsa {
        return;
    }
    let Knowledge::Known(sa) = &pod.identity.sa else { return };
    let Some(at) = pod.pod.created else { return };
    // The API server keeps no managedFields of an object that was created bare, as `kubectl create serviceaccount`
    // does, so nobody knows when its annotation came. That the pod is older is what most often explains such a pod.
    let changed = sa.annotation_changed.or(sa.created.filter(|it| born(at, *it) == Born::Before));
    let is_older = match changed {
        Some(changed) => born(at, changed) == Born::Before,
        None => is_called(pod),
    };
    let missed: Vec<_> = missed(pod).collect();
    if missed.is_empty() || !is_older {
        return;
    }
    let key = pod.identity.key;
    let (found, message) = match changed {
        Some(changed) => (
            format!("changed at {changed}, after the pod was created"),
            format!(
                "was created before ServiceAccount `{key}` was annotated, so nothing was injected"
            ),
        ),
        None => (
            "set at a time that managedFields do not tell".to_owned(),
            format!(
                "carries nothing of the annotation of ServiceAccount `{key}`, which most likely came after it"
            ),
        ),
    };
    let still = missed.iter().any(|it| it.ends_with_identity());
    let evidence = vec![annotation(pod, found), nothing(pod, &missed)];
    let finding = acc.push(Subject::pod(pod.pod), message, evidence);
    if changed.is_none() {
        finding.confidence = Confidence::Likely;
    }
    finding.severity = blocker_or_wrong_id(still);
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
}

/// HOOK-06.
pub(super) fn raced(pod: &PodContext<'_>, acc: &mut Acc) {
    let missed: Vec<_> = missed(pod).collect();
    let Some((declared, Born::Within)) = declaration(pod) else { return };
    // What the race with an association comes to is PI-POD-02.
    if missed.is_empty() || pod.identity.mechanism != Mechanism::Irsa || !is_called(pod) {
        return;
    }
    let found = format!("written at {declared}, less than 15 s before the pod was created");
    let finding = acc.push(
        Subject::pod(pod.pod),
        format!(
            "was created within seconds of the annotation of ServiceAccount `{}`, which the webhook did not know yet",
            pod.identity.key
        ),
        vec![annotation(pod, found), nothing(pod, &missed)],
    );
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
}

/// HOOK-05.
pub(super) fn silently(pod: &PodContext<'_>, acc: &mut Acc) {
    let missed = missed_or_outdated(pod);
    let Some((declared, Born::After)) = declaration(pod) else { return };
    let Knowledge::Known(webhook) = pod.cx.graph.webhook() else { return };
    if missed.is_empty() || !is_called(pod) || is_older(pod, webhook) {
        return;
    }
    let policy = webhook.hooks.first().map_or("", |it| &*it.failure_policy);
    let found = format!("written at {declared}, 15 s or more before the pod was created");
    let finding = acc.push(
        Subject::pod(pod.pod),
        format!(
            "was created after `{}` declared its identity, and the webhook injected nothing",
            pod.identity.key
        ),
        vec![
            annotation(pod, found),
            nothing(pod, &missed),
            Evidence {
                place: format!("MutatingWebhookConfiguration {} failurePolicy", webhook.name),
                found: policy.to_owned(),
                needed: String::new(),
            },
        ],
    );
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
}

/// HOOK-11.
pub(super) fn before_webhook(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.pod.mirror {
        return static_pod(pod, acc);
    }
    let missed: Vec<_> = missed(pod).collect();
    let Knowledge::Known(webhook) = pod.cx.graph.webhook() else { return };
    let declared = matches!(declaration(pod), Some((_, Born::Within | Born::After)));
    if missed.is_empty() || !declared || !is_called(pod) || !is_older(pod, webhook) {
        return;
    }
    let Some(created) = webhook.created else { return };
    let finding = acc.push(
        Subject::pod(pod.pod),
        "was created before the pod identity webhook was configured, so nothing was injected"
            .into(),
        vec![
            Evidence {
                place: format!("MutatingWebhookConfiguration {} creationTimestamp", webhook.name),
                found: format!("{created}, after the pod was created"),
                needed: "a pod created after it".into(),
            },
            nothing(pod, &missed),
        ],
    );
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
}

/// The mirror of a static pod that names a ServiceAccount. The API server lets no kubelet do so; one that is there
/// nevertheless shows what somebody meant.
fn static_pod(pod: &PodContext<'_>, acc: &mut Acc) {
    let bare: Vec<_> = pod.admitted().filter(|it| it.effective == Carried::None).collect();
    if pod.declared == Carried::None || !pod.pod.spec.service_account_named || bare.is_empty() {
        return;
    }
    let finding = acc.push(
        Subject::pod(pod.pod),
        "is the mirror of a static pod, which is never admitted, so nothing can be injected".into(),
        vec![
            Evidence {
                place: "metadata.annotations[kubernetes.io/config.mirror]".into(),
                found: "set".into(),
                needed: "a pod that the API server creates".into(),
            },
            nothing(pod, &bare),
        ],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "run it as a DaemonSet instead of from a file on the node".into(),
        Vec::new(),
    ));
}

/// As `missed`; and what carries the annotation's role although an association was there first.
fn missed_or_outdated<'p, 'a>(pod: &'p PodContext<'a>) -> Vec<&'p ContainerContext<'a>> {
    let outdated = |it: &&ContainerContext<'a>| {
        matches!(it.effective, Carried::Irsa(_))
            && pod.is_written(it, "AWS_ROLE_ARN") != Some(true)
            && pod.identity.mechanism == Mechanism::Both
    };
    missed(pod).chain(pod.admitted().filter(outdated)).collect()
}

/// When the identity was declared for sure, and how the pod's birth stands to it.
fn declaration(pod: &PodContext<'_>) -> Option<(Timestamp, Born)> {
    let declared = match pod.identity.mechanism {
        Mechanism::None => None,
        // The creation of the ServiceAccount says nothing of an annotation that may have come later.
        Mechanism::Irsa => pod.identity.sa.as_ref().known()?.annotation_changed,
        Mechanism::PodIdentity | Mechanism::Both => {
            pod.identity.association.as_ref().known()?.detail.as_ref().known()?.created
        }
    }?;
    Some((declared, born(pod.pod.created?, declared)))
}

fn is_called(pod: &PodContext<'_>) -> bool {
    matches!(pod.called, Knowledge::Known(Called::Yes))
}

/// Whether the pod is older than the configuration as it is held by the API server.
fn is_older(pod: &PodContext<'_>, webhook: &Webhook) -> bool {
    match (pod.pod.created, webhook.created) {
        (Some(pod), Some(webhook)) => pod < webhook,
        (_, _) => false,
    }
}

/// The declaration as evidence.
fn annotation(pod: &PodContext<'_>, found: String) -> Evidence {
    let place = match pod.identity.association.as_ref().known() {
        Some(it) => format!("association {} createdAt", it.id),
        None => {
            format!("ServiceAccount {} annotation {}", pod.identity.key, ServiceAccount::ROLE_ARN)
        }
    };
    Evidence { place, found, needed: "a pod that the webhook was called for".into() }
}

/// The containers that carry nothing, as evidence.
fn nothing(pod: &PodContext<'_>, containers: &[&ContainerContext<'_>]) -> Evidence {
    let names: Vec<&str> = containers.iter().map(|it| &*it.container.name).collect();
    let (variable, needed) = match &pod.declared {
        Carried::PodIdentity(_) => {
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", admission::AGENT_URI.to_owned())
        }
        Carried::Irsa(it) => ("AWS_ROLE_ARN", it.to_string()),
        Carried::None => ("AWS_ROLE_ARN", String::new()),
    };
    Evidence {
        place: format!("containers {} env {variable}", names.join(", ")),
        found: String::new(),
        needed,
    }
}

#[cfg(test)]
mod tests {
    use crate::{check::hook::missed::*, ident::Timestamp};

    #[test]
    fn a_pod_is_born_before_within_or_after() {
        let at = |seconds: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let check =
            |pod: i64, expected: Born| assert_eq!(born(at(pod), at(100)), expected, "{pod}");
        check(0, Born::Before);
        check(99, Born::Before);
        check(100, Born::Within);
        check(114, Born::Within);
        check(115, Born::After);
        check(100_000, Born::After);
    }
}
