//! HOOK: the pod identity webhook and what it missed.

use crate::{
    check::{
        Acc, Confidence, ContainerContext, Context, Evidence, Fix, PodContext, Row, Rule, Severity,
        Subject, SubjectKind, blocker_or_wrong_id,
    },
    fact::{Knowledge, PodSpec, ServiceAccount, Webhook},
    ident::{Ref, Text},
    identity::{Carried, Mechanism, Signature, csv},
    plan::Place,
};

const WEBHOOK: &str = "https://github.com/aws/amazon-eks-pod-identity-webhook";

pub const ROWS: &[Row] = &[
    Row {
        code: "HOOK-01",
        name: "pod-older-than-annotation",
        title: "pod older than the annotation",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Pod,
        fragment: "pods were created before their ServiceAccount was annotated",
        detect: "The ServiceAccount is annotated, the pod carries no role, and it was created before the annotation last changed. The webhook injects at creation only.",
        repair: "Restart the workload; new pods are injected.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
        rule: Rule::Pod(older_than_annotation),
    },
    Row {
        code: "HOOK-02",
        name: "pod-carries-older-role",
        title: "pod carries an older role",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::Pod,
        fragment: "pods carry another role than their ServiceAccount's annotation names",
        detect: "AWS_ROLE_ARN in the stored pod differs from the annotation, and the pod template does not set it.",
        repair: "Restart the workload; new pods carry the annotated role.",
        signatures: &[Signature::E05, Signature::E14],
        fixes: &["FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html",
        rule: Rule::Pod(older_role),
    },
    Row {
        code: "HOOK-03",
        name: "webhook-configuration-missing",
        title: "webhook configuration missing",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Cluster,
        fragment: "clusters have no pod identity webhook, so new pods get no identity",
        detect: "The EKS cluster has no MutatingWebhookConfiguration `pod-identity-webhook`, or one without webhooks.",
        repair: "Restore the configuration with this cluster's own caBundle; a copy of another cluster's does not work. AWS Support can restore it.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-NONE"],
        reference: "https://repost.aws/knowledge-center/eks-pods-iam-role-service-accounts",
        rule: Rule::Unit(no_webhook),
    },
    Row {
        code: "HOOK-07",
        name: "pod-opted-out",
        title: "pod opted out by label",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Pod,
        fragment: "pods opt out of injection by label although their ServiceAccount declares an identity",
        detect: "The pod has the label `eks.amazonaws.com/skip-pod-identity-webhook`, and the webhook's objectSelector honours it.",
        repair: "Remove the label from the pod template; the change restarts the pods.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-WL-META"],
        reference: WEBHOOK,
        rule: Rule::Pod(opted_out),
    },
    Row {
        code: "HOOK-08",
        name: "container-skipped",
        title: "container in skip-containers",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers are left out of injection by annotation",
        detect: "The pod's annotation `eks.amazonaws.com/skip-containers` names the container, and the ServiceAccount declares an identity.",
        repair: "Take the container out of the annotation in the pod template; the change restarts the pods.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-WL-META"],
        reference: WEBHOOK,
        rule: Rule::Pod(skipped),
    },
];

/// The containers that the webhook should have injected into and did not, although nobody told it not to.
pub(crate) fn missed<'p, 'a>(
    pod: &'p PodContext<'a>,
) -> impl Iterator<Item = &'p ContainerContext<'a>> {
    let skipped = skip_list(&pod.pod.spec);
    let out = is_opted_out(pod);
    pod.admitted().filter(move |it| {
        it.effective == Carried::None
            && !out
            && !skipped.contains(&it.container.name.to_string())
            && !has_identity_variables(it)
    })
}

/// Whether the stored container sets any of the variables that make the webhook leave it alone.
fn has_identity_variables(it: &ContainerContext<'_>) -> bool {
    const NAMES: [&str; 4] = [
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ];
    NAMES.iter().any(|name| it.container.env(name).is_some())
}

fn older_than_annotation(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.identity.mechanism != Mechanism::Irsa {
        return;
    }
    let Knowledge::Known(sa) = &pod.identity.sa else { return };
    let (Some(born), Some(changed)) = (pod.pod.created, sa.annotation_changed.or(sa.created))
    else {
        return;
    };
    let missed: Vec<_> = missed(pod).collect();
    if missed.is_empty() || changed <= born {
        return;
    }
    let names: Vec<&str> = missed.iter().map(|it| &*it.container.name).collect();
    let evidence = vec![
        Evidence {
            place: format!(
                "ServiceAccount {} annotation {}",
                pod.identity.key,
                ServiceAccount::ROLE_ARN
            ),
            found: format!("changed at {changed}, after the pod was created"),
            needed: "a pod created after it".into(),
        },
        Evidence {
            place: format!("containers {} env AWS_ROLE_ARN", names.join(", ")),
            found: String::new(),
            needed: pod.identity.annotation.map(ToString::to_string).unwrap_or_default(),
        },
    ];
    let still = missed.iter().any(|it| it.ends_with_identity());
    let finding = acc.push(
        Subject::pod(pod.pod),
        format!(
            "was created before ServiceAccount `{}` was annotated, so nothing was injected",
            pod.identity.key
        ),
        evidence,
    );
    finding.severity = blocker_or_wrong_id(still);
    finding.fixes.push(Fix::restart(&pod.pod.namespace, &pod.pod.name, pod.owner));
}

fn older_role(pod: &PodContext<'_>, acc: &mut Acc) {
    let Carried::Irsa(declared) = &pod.declared else { return };
    for it in pod.admitted() {
        let Carried::Irsa(carried) = &it.effective else { continue };
        if carried == declared || carried.as_str().is_empty() || is_in_template(pod, it) {
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

/// Whether the owner's template sets the container's AWS_ROLE_ARN itself.
pub(crate) fn is_in_template(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> bool {
    let template = pod.owner.map(|it| &it.template);
    let twin = template
        .and_then(|spec| spec.containers.iter().find(|twin| twin.name == it.container.name));
    twin.is_some_and(|it| it.env("AWS_ROLE_ARN").is_some_and(|it| it.is_set()))
}

fn no_webhook(cx: &Context<'_>, unit: &Ref, acc: &mut Acc) {
    if *unit != Ref::Cluster || !cx.graph.cluster().is_known() {
        return;
    }
    let found = match cx.graph.webhook() {
        Knowledge::Absent => "no such configuration",
        Knowledge::Known(it) if it.hooks.is_empty() => "a configuration without webhooks",
        Knowledge::Known(_) | Knowledge::Denied(_) | Knowledge::NotYet => return,
    };
    let finding = acc.push(
        Subject::cluster(cx.graph),
        "has no pod identity webhook, so no new pod gets an identity".into(),
        vec![Evidence {
            place: format!("MutatingWebhookConfiguration {}", Webhook::POD_IDENTITY),
            found: found.into(),
            needed: "webhook iam-for-pods.amazonaws.com for CREATE of pods".into(),
        }],
    );
    finding.fixes.push(Fix::by_hand(
        "FX-NONE",
        "restore the webhook configuration".into(),
        vec![format!("kubectl get mutatingwebhookconfiguration {} -o yaml", Webhook::POD_IDENTITY)],
    ));
}

/// Whether the label is there and the webhook's selector honours it.
fn is_opted_out(pod: &PodContext<'_>) -> bool {
    let Knowledge::Known(webhook) = pod.cx.graph.webhook() else { return false };
    pod.pod.spec.label(PodSpec::SKIP_WEBHOOK).is_some()
        && webhook.hooks.iter().any(|it| {
            it.object_selector
                .expressions
                .iter()
                .any(|it| &*it.key == PodSpec::SKIP_WEBHOOK && &*it.operator == "DoesNotExist")
        })
}

fn opted_out(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None || !is_opted_out(pod) {
        return;
    }
    let bare: Vec<_> = pod.admitted().filter(|it| it.effective == Carried::None).collect();
    if bare.is_empty() {
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

fn skip_list(spec: &PodSpec) -> Vec<String> {
    spec.annotation(PodSpec::SKIP_CONTAINERS)
        .and_then(|it| csv::first_record(it))
        .unwrap_or_default()
}

fn skipped(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None || is_opted_out(pod) {
        return;
    }
    let names = skip_list(&pod.pod.spec);
    for it in pod.admitted() {
        let name = it.container.name.to_string();
        if it.effective != Carried::None || !names.contains(&name) {
            continue;
        }
        let left: Vec<&str> = names.iter().filter(|it| **it != name).map(String::as_str).collect();
        let value: Option<Text> = (!left.is_empty()).then(|| left.join(",").into());
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("is left out of injection by the annotation `{}`", PodSpec::SKIP_CONTAINERS),
            vec![Evidence {
                place: format!("metadata.annotations[{}]", PodSpec::SKIP_CONTAINERS),
                found: pod
                    .pod
                    .spec
                    .annotation(PodSpec::SKIP_CONTAINERS)
                    .map(ToString::to_string)
                    .unwrap_or_default(),
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
