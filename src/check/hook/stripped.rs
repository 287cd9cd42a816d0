//! Pods that have only a part of what the webhook injects.

use crate::{
    check::{
        Acc, ContainerContext, Evidence, Fix, PodContext, Subject, expect,
        hook::{has_identity_variables, opted},
        pod_env::{Fault, Part, fault, has_volume, lost_variables},
        sidecar,
    },
    fact::{Knowledge, Webhook},
    identity::{Carried, Signature},
};

/// HOOK-13.
pub(super) fn partly(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None {
        return;
    }
    let Some((it, what)) = lost(pod) else { return };
    let name = &it.container.name;
    let (message, found, needed, signature) = match what {
        Lost::Variables => (
            format!("has the webhook's volume, but container `{name}` lacks its variables"),
            "volume and no variables",
            "both",
            Signature::E12,
        ),
        Lost::Mount => (
            format!("has the webhook's variables, but container `{name}` lacks the token's volume"),
            "variables and no volume",
            "both",
            Signature::E11,
        ),
        Lost::Added => (
            format!("got container `{name}` after the webhook had been there, and it calls AWS"),
            "AWS variables and no identity",
            "the identity that the other containers carry",
            Signature::E12,
        ),
    };
    let mut evidence = vec![Evidence {
        place: format!("container {name} env and volumeMounts"),
        found: found.into(),
        needed: needed.into(),
    }];
    evidence.extend(reinvocation(pod));
    let others: Vec<&str> = pod.cx.graph.webhooks().map(|it| &*it.name).collect();
    let others: Vec<&str> = others.into_iter().filter(|it| *it != Webhook::POD_IDENTITY).collect();
    if !others.is_empty() {
        evidence.push(Evidence {
            place: "MutatingWebhookConfigurations about pods".into(),
            found: others.join(", "),
            needed: "none that takes AWS variables or token volumes away".into(),
        });
    }
    let finding = acc.push(Subject::pod(pod.pod), message, evidence);
    finding.signature = Some(signature);
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "look which webhook or policy changes the pods, then restart the workload".into(),
        vec!["kubectl get mutatingwebhookconfigurations".into()],
    ));
}

enum Lost {
    Variables,
    Mount,
    Added,
}

/// The first container that lacks something.
fn lost<'p, 'a>(pod: &'p PodContext<'a>) -> Option<(&'p ContainerContext<'a>, Lost)> {
    for it in pod.admitted() {
        match fault(pod, it) {
            Some(Fault::Stripped(Part::Variables)) => return Some((it, Lost::Variables)),
            Some(Fault::Stripped(Part::Mount)) => return Some((it, Lost::Mount)),
            Some(
                Fault::RoleAlone
                | Fault::TokenAlone { .. }
                | Fault::NotMounted(..)
                | Fault::ApiToken(_)
                | Fault::Early(_)
                | Fault::Volume { .. }
                | Fault::Address(_)
                | Fault::AgentAlone(_),
            )
            | None => {}
        }
    }
    let bare = || {
        pod.admitted().filter(|it| {
            it.effective == Carried::None
                && !has_identity_variables(it)
                && !opted::is_skipped(pod, it)
        })
    };
    if let Some(it) = bare().find(|it| lost_variables(pod, it)) {
        return Some((it, Lost::Variables));
    }
    let carries = |it: &ContainerContext<'_>| it.effective != Carried::None;
    if !pod.admitted().any(carries) {
        // A volume that no container mounts is what is left of the webhook's work.
        let own = |it: &&ContainerContext<'_>| !sidecar::never_calls_aws(&it.container.name);
        return has_volume(pod).then(|| bare().find(own)).flatten().map(|it| (it, Lost::Variables));
    }
    let added = |it: &&ContainerContext<'_>| {
        pod.is_own(it) == Some(false)
            && expect::container_uses_sdk(it.container)
            && !sidecar::never_calls_aws(&it.container.name)
    };
    bare().find(added).map(|it| (it, Lost::Added))
}

/// Whether the webhook is called again for what other webhooks change.
fn reinvocation(pod: &PodContext<'_>) -> Option<Evidence> {
    let Knowledge::Known(webhook) = pod.cx.graph.webhook() else { return None };
    let hook = webhook.hooks.first()?;
    Some(Evidence {
        place: format!("MutatingWebhookConfiguration {} reinvocationPolicy", webhook.name),
        found: hook.reinvocation_policy.to_string(),
        needed: "IfNeeded".into(),
    })
}
