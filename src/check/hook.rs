//! HOOK: the pod identity webhook and what it missed.

mod configuration;
mod missed;
mod opted;
mod stale;
mod stripped;

pub(crate) use missed::missed;
pub(crate) use opted::is_skipped;
pub(crate) use stale::is_in_template;

use crate::{
    check::{Confidence, ContainerContext, Row, Rule, Severity, SubjectKind},
    identity::Signature,
};

const WEBHOOK: &str = "https://github.com/aws/amazon-eks-pod-identity-webhook";

/// What makes the webhook leave a container alone, set or empty.
const IDENTITY: [&str; 4] = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

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
        rule: Rule::Pod(missed::older_than_annotation),
    },
    Row {
        code: "HOOK-02",
        name: "pod-carries-older-role",
        title: "pod carries an older role",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::Pod,
        fragment: "pods carry another role than their ServiceAccount's annotation names",
        detect: "AWS_ROLE_ARN in the stored pod differs from the annotation, and the pod template does not set it (POD-ENV-04). Also said of a pod without an owner, whose manifest nobody keeps.",
        repair: "Restart the workload; new pods carry the annotated role.",
        signatures: &[Signature::E05, Signature::E14],
        fixes: &["FX-RESTART"],
        reference: "https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html",
        rule: Rule::Pod(stale::older_role),
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
        rule: Rule::Unit(configuration::missing),
    },
    Row {
        code: "HOOK-04",
        name: "webhook-configuration-altered",
        title: "webhook configuration altered",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::Cluster,
        fragment: "clusters have a pod identity webhook that is not called, or cannot answer, for pods that need it",
        detect: "The configuration `pod-identity-webhook` has no rule for CREATE of pods; or a selector leaves out pods or templates whose ServiceAccount declares an identity (other than by the label of HOOK-07), asked of all labels of pod and namespace; or its address, its caBundle or the versions of AdmissionReview are not those of EKS while no pod shows that it answers. Nothing is said where a label or a matchCondition that decides is not known.",
        repair: "Restore the rule, the selectors and v1beta1 as EKS writes them, then restart the pods that went without. Where the caBundle is lost, AWS Support can restore the configuration.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-NONE"],
        reference: WEBHOOK,
        rule: Rule::Webhook(configuration::altered),
    },
    Row {
        code: "HOOK-05",
        name: "webhook-missed-pod",
        title: "silent miss of the webhook",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::Pod,
        fragment: "pods were created long after their identity was declared, and nothing was injected",
        detect: "The annotation or association is 15 s or more older than the pod, the webhook's configuration is there and is called for such a pod, nothing opts the pod out, and the pod shows no trace of the webhook. Its failurePolicy is Ignore, so the API server creates pods without it when it does not answer.",
        repair: "Restart the workload, and look whether it happens again: the API server's log has `failed calling webhook`.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-RESTART"],
        reference: WEBHOOK,
        rule: Rule::Pod(missed::silently),
    },
    Row {
        code: "HOOK-06",
        name: "pod-raced-annotation",
        title: "pod created together with its ServiceAccount's annotation",
        severity: Severity::Degraded,
        confidence: Confidence::Likely,
        subject: SubjectKind::Pod,
        fragment: "pods were created within seconds of their ServiceAccount's annotation, and nothing was injected",
        detect: "The pod was created less than 15 s after the annotation was written, the webhook is called for such a pod, and the pod shows no trace of it: the webhook learns of ServiceAccounts a moment late. With an association it is PI-POD-02.",
        repair: "Restart the workload. Create the ServiceAccount before what uses it, a moment apart.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-RESTART"],
        reference: WEBHOOK,
        rule: Rule::Pod(missed::raced),
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
        rule: Rule::Pod(opted::opted_out),
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
        rule: Rule::Pod(opted::skipped),
    },
    Row {
        code: "HOOK-11",
        name: "pod-before-webhook",
        title: "static pod, or pod created before the webhook was there",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::Pod,
        fragment: "pods are static, or were created before the pod identity webhook was configured",
        detect: "The ServiceAccount declares an identity that the pod does not carry, and the pod is the mirror of a static one, which is made from a file on its node and never admitted; or it is older than the webhook's configuration, though younger than the declaration.",
        repair: "Recreate the pod. A static pod cannot be injected into: run it as a DaemonSet.",
        signatures: &[Signature::E12],
        fixes: &["FX-RESTART", "FX-NONE"],
        reference: "https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/",
        rule: Rule::Pod(missed::before_webhook),
    },
    Row {
        code: "HOOK-13",
        name: "injection-stripped",
        title: "another webhook or policy engine takes parts of the injection away, or adds containers after it",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::Pod,
        fragment: "pods have only a part of what the webhook injects",
        detect: "The pod has the webhook's token volume, but a container lacks the variables; or it has the variables, which its template does not set, without the volume; or a container that its template does not have sets AWS variables and carries no identity while the others do. Sidecars of service meshes, Vault and Dapr are left out, for they never call AWS.",
        repair: "Let the other webhook or policy leave AWS variables and token volumes alone, or let it run before this one (reinvocationPolicy IfNeeded), then restart the workload.",
        signatures: &[Signature::E11, Signature::E12],
        fixes: &["FX-NONE"],
        reference: "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
        rule: Rule::Pod(stripped::partly),
    },
];

/// Whether the stored container sets any of the variables that make the webhook leave it alone.
pub(crate) fn has_identity_variables(it: &ContainerContext<'_>) -> bool {
    IDENTITY.iter().any(|name| it.has(name))
}
