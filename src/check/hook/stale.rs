//! Pods that carry the role of before.

use crate::{
    check::{Acc, ContainerContext, Evidence, Fix, PodContext, Subject},
    fact::{Knowledge, Scope},
    ident::WorkloadKind,
    identity::Carried,
};

/// HOOK-02.
pub(super) fn older_role(pod: &PodContext<'_>, acc: &mut Acc) {
    let Carried::Irsa(declared) = &pod.declared else { return };
    if awaits_template(pod) {
        return;
    }
    for it in pod.admitted() {
        let Carried::Irsa(carried) = &it.effective else { continue };
        if carried == declared || !it.effective.is_known() || is_in_template(pod, it) {
            continue;
        }
        let finding = acc.push(
            Subject::pod(pod.pod),
            format!("carries `{carried}`, the annotation says `{declared}`"),
            vec![Evidence {
                place: format!("container {} env AWS_ROLE_ARN", it.container.name),
                found: carried.to_string(),
                needed: declared.to_string(),
            }],
        );
        finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
        // One restart mends all containers of the pod.
        return;
    }
}

/// Whether what the pod was made from may still arrive: its template may set the role as well (POD-ENV-04).
fn awaits_template(pod: &PodContext<'_>) -> bool {
    let owner = pod.pod.owner.as_ref().filter(|_| pod.template.is_none());
    owner.and_then(|it| WorkloadKind::parse(&it.kind)).is_some_and(|kind| {
        let namespace = Some(pod.pod.namespace.clone());
        pod.cx.graph.listed(&Scope::Workloads { kind, namespace }) == Knowledge::NotYet
    })
}

/// Whether the template sets the container's AWS_ROLE_ARN itself.
pub(crate) fn is_in_template(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> bool {
    pod.is_written(it, "AWS_ROLE_ARN") == Some(true)
}
