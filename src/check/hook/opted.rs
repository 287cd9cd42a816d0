//! Pods and containers that somebody told the webhook to leave alone.

use crate::{
    check::{Acc, ContainerContext, Evidence, Fix, PodContext, Subject, injection, sidecar},
    fact::PodSpec,
    ident::Text,
    identity::{Carried, csv},
    plan::Place,
};

/// HOOK-07.
pub(super) fn opted_out(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None || !injection::is_opted_out(&pod.called) {
        return;
    }
    if pod.admitted().all(|it| it.effective != Carried::None) {
        return;
    }
    let finding = acc.push(
        Subject::pod(pod.pod),
        format!("opts out of injection by the label `{}`", PodSpec::SKIP_WEBHOOK),
        vec![Evidence {
            place: "metadata.labels".into(),
            found: PodSpec::SKIP_WEBHOOK.into(),
            needed: "no such label".into(),
        }],
    );
    finding.fixes.push(Fix::set_metadata(
        (&pod.pod.namespace, &pod.pod.name),
        pod.owner,
        (Place::Labels, PodSpec::SKIP_WEBHOOK),
        pod.owner.and_then(|it| it.template.label(PodSpec::SKIP_WEBHOOK)),
        None,
    ));
}

/// Whether the pod's annotation tells the webhook to leave the container alone.
pub(crate) fn is_skipped(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> bool {
    skip_list(&pod.pod.spec).iter().any(|name| **name == *it.container.name)
}

fn skip_list(spec: &PodSpec) -> Vec<String> {
    spec.annotation(PodSpec::SKIP_CONTAINERS)
        .and_then(|it| csv::first_record(it))
        .unwrap_or_default()
}

/// HOOK-08.
pub(super) fn skipped(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None || injection::is_opted_out(&pod.called) {
        return;
    }
    let names = skip_list(&pod.pod.spec);
    for it in pod.admitted() {
        let name = it.container.name.to_string();
        if it.effective != Carried::None
            || !names.contains(&name)
            || sidecar::never_calls_aws(&name)
        {
            continue;
        }
        let annotation = pod.pod.spec.annotation(PodSpec::SKIP_CONTAINERS);
        let template = pod.owner.map(|it| &*it.template);
        let written = template.filter(|it| it.annotation(PodSpec::SKIP_CONTAINERS).is_some());
        // What is changed is the template, which may name fewer than the pod was born with.
        let mut left = skip_list(written.unwrap_or(&pod.pod.spec));
        left.retain(|it| *it != name);
        let value: Option<Text> = (!left.is_empty()).then(|| left.join(",").into());
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("is left out of injection by the annotation `{}`", PodSpec::SKIP_CONTAINERS),
            vec![Evidence {
                place: format!("metadata.annotations[{}]", PodSpec::SKIP_CONTAINERS),
                found: annotation.map(ToString::to_string).unwrap_or_default(),
                needed: format!("a list without `{name}`"),
            }],
        );
        finding.fixes.push(Fix::set_metadata(
            (&pod.pod.namespace, &pod.pod.name),
            pod.owner,
            (Place::Annotations, PodSpec::SKIP_CONTAINERS),
            pod.owner.and_then(|it| it.template.annotation(PodSpec::SKIP_CONTAINERS)),
            value,
        ));
    }
}
