//! POD-ENV: identity variables that somebody wrote by hand.

mod region;
mod rest;
mod told;
mod token;

pub(crate) use token::{Fault, Part, fault, has_volume, lost_variables, own_audience};

use crate::{
    check::{
        Acc, Confidence, ContainerContext, Evidence, Fix, PodContext, Row, Rule, Severity, Subject,
        SubjectKind, hook, quote,
    },
    identity::{Carried, Signature, chain::Provider},
};
use token::{ROLE, TOKEN};

const WEBHOOK: &str = "https://github.com/aws/amazon-eks-pod-identity-webhook";

pub const ROWS: &[Row] = &[
    Row {
        code: "POD-ENV-01",
        name: "role-without-token-file",
        title: "AWS_ROLE_ARN set by hand, token file not",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set AWS_ROLE_ARN by hand, so the webhook adds no token file",
        detect: "The ServiceAccount is annotated, and the container has AWS_ROLE_ARN (even empty) but not AWS_WEB_IDENTITY_TOKEN_FILE: the webhook leaves a container alone that has either.",
        repair: "Remove AWS_ROLE_ARN from the pod template; the webhook then injects both.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-02",
        name: "token-file-without-role",
        title: "AWS_WEB_IDENTITY_TOKEN_FILE set by hand, role not",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN, which SDKs refuse",
        detect: "The container has AWS_WEB_IDENTITY_TOKEN_FILE but not AWS_ROLE_ARN, so the SDK stops with a configuration error; an empty entry stops nothing, but keeps the webhook from injecting what the annotation asks for.",
        repair: "Remove AWS_WEB_IDENTITY_TOKEN_FILE from the pod template; the webhook then injects both.",
        signatures: &[Signature::E32],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-03",
        name: "token-file-not-mounted",
        title: "both set by hand, volume absent",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers name a token file that no volume provides",
        detect: "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are set by hand, and no mount of the container covers the file: the ServiceAccount is not annotated, or an association takes the webhook's other way. Likewise for the two variables of Pod Identity.",
        repair: "Annotate the ServiceAccount, so that the webhook adds the volume; or remove both variables, or add the projected volume.",
        signatures: &[Signature::E11],
        fixes: &["FX-SA-ANN", "FX-RESTART", "FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-04",
        name: "hand-written-role",
        title: "hand-written role differs from the annotation",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set another role by hand than their ServiceAccount's annotation names",
        detect: "The pod template sets AWS_ROLE_ARN to another role than the annotation, or than the association's while it has a token file; what is written by hand wins over the webhook.",
        repair: "Remove AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE from the pod template.",
        signatures: &[Signature::E05, Signature::E14],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(other_role),
    },
    Row {
        code: "POD-ENV-05",
        name: "api-token-as-token-file",
        title: "token file is the default API token",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers hand STS the token that is meant for the API server",
        detect: "AWS_WEB_IDENTITY_TOKEN_FILE names a file below `/var/run/secrets/kubernetes.io/serviceaccount`, whose audience is the API server, and no volume with another token is mounted there.",
        repair: "Remove AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN from the pod template; the webhook injects both with a token of their own.",
        signatures: &[Signature::E02],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-06",
        name: "mount-skipped",
        title: "region, STS and identity variables by hand, so the mount is skipped",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set identity, region and STS variables by hand, so the webhook does not even mount the token",
        detect: "The container has an identity variable, AWS_REGION or AWS_DEFAULT_REGION, and AWS_STS_REGIONAL_ENDPOINTS by hand, and the token is not mounted: the webhook returns before it does anything where all three kinds are there.",
        repair: "Remove the identity variables from the pod template; the webhook then injects them with the volume.",
        signatures: &[Signature::E11, Signature::E12, Signature::E32],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-07",
        name: "token-volume-taken",
        title: "volume or mount of the webhook's name with another source or path",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers have a volume of the webhook's name that is not the webhook's",
        detect: "The pod declares a volume or mount `aws-iam-token` or `eks-pod-identity-token` itself, with another source, audience or path than the webhook gives them; the webhook keeps what is there, and the token file is missing or a wrong one.",
        repair: "Rename the volume in the pod template.",
        signatures: &[Signature::E11, Signature::E02],
        fixes: &["FX-NONE"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-08",
        name: "agent-address-by-hand",
        title: "AWS_CONTAINER_CREDENTIALS_FULL_URI set by hand",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set the address of the credentials agent by hand, so Pod Identity is not injected",
        detect: "The ServiceAccount has an association, and the container sets AWS_CONTAINER_CREDENTIALS_FULL_URI to another address than the agent's, or one of that and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE without the other: the webhook leaves a container alone that has either.",
        repair: "Remove the variable from the pod template; the webhook then injects both.",
        signatures: &[Signature::E20, Signature::E21, Signature::E24],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(told::told),
    },
    Row {
        code: "POD-ENV-09",
        name: "region-missing",
        title: "no region",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::Container,
        fragment: "containers have an identity and no region",
        detect: "The container ends with the declared identity, or with one that was written by hand, and has neither AWS_REGION nor AWS_DEFAULT_REGION; no config file and no object that is not read could name one. The webhook adds both unless an entry, even an empty one, is there. In China an SDK without region asks the STS of the wrong partition.",
        repair: "Set AWS_REGION in the pod template, or remove the empty entry.",
        signatures: &[],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(region::missing),
    },
    Row {
        code: "POD-ENV-10",
        name: "region-wrong",
        title: "region that cannot work",
        severity: Severity::Blocker,
        confidence: Confidence::Likely,
        subject: SubjectKind::Container,
        fragment: "containers set a region in which STS does not answer them",
        detect: "The container ends with an identity, and its region is not the cluster's: no region at all, one of another partition, or one that accounts must opt into while nothing shows that this one did (no cluster there, the role never used there). Another region in which STS always answers is no fault.",
        repair: "Remove the variable from the pod template; the webhook adds the cluster's region.",
        signatures: &[Signature::E09],
        fixes: &["FX-WL-ENV"],
        reference: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html",
        rule: Rule::Pod(region::wrong),
    },
    Row {
        code: "POD-ENV-11",
        name: "no-fallback",
        title: "AWS_EC2_METADATA_DISABLED=true and nothing injected",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers have no credentials at all: nothing is injected and instance metadata is switched off",
        detect: "AWS_EC2_METADATA_DISABLED is true and the container carries no identity, although its ServiceAccount declares one or its workload is expected to use AWS. It says how the container ends, beside what says why nothing was injected; where an identity is injected, the variable is harmless and good.",
        repair: "See to it that an identity is injected; the variable takes only the fallback away.",
        signatures: &[Signature::E12],
        fixes: &["FX-NONE"],
        reference: "https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html",
        rule: Rule::Pod(rest::no_fallback),
    },
    Row {
        code: "POD-ENV-12",
        name: "container-without-identity",
        title: "containers of one pod differ",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers carry no identity while others of the same pod do",
        detect: "A container of the pod carries the declared identity, and this one, which the manifest has too, carries neither variables nor mount, though no annotation skips it and no variable of its own keeps the webhook away. Sidecars that other webhooks added are HOOK-13 where they call AWS, and nothing where they never do.",
        repair: "Restart the workload, and look which webhook or policy changes the pods.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-RESTART"],
        reference: WEBHOOK,
        rule: Rule::Pod(rest::differs),
    },
    Row {
        code: "POD-ENV-13",
        name: "session-name-invalid",
        title: "session name that STS or the trust policy refuses",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set a role session name that is refused",
        detect: "The container uses web identity, and AWS_ROLE_SESSION_NAME is not 2 to 64 of the characters that STS takes (also where it comes from the pod's name), or the annotated role's trust policy has a condition on `sts:RoleSessionName` that this name does not fulfil.",
        repair: "Remove the variable from the pod template, or give it a name that fits.",
        signatures: &[],
        fixes: &["FX-WL-ENV"],
        reference: "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html",
        rule: Rule::Pod(rest::session_name),
    },
];

/// POD-ENV-04.
fn other_role(pod: &PodContext<'_>, acc: &mut Acc) {
    let (declared, by) = match &pod.declared {
        Carried::Irsa(it) => (it.clone(), "the annotation"),
        Carried::PodIdentity(Some(it)) => (it.clone(), "the association"),
        Carried::PodIdentity(None) | Carried::None => return,
    };
    for it in pod.admitted() {
        let Carried::Irsa(carried) = &it.effective else { continue };
        let wins = matches!(it.chain.provider, Provider::WebIdentity(_));
        if *carried == declared
            || !it.effective.is_known()
            || !hook::is_in_template(pod, it)
            // A file that is not there gives no identity at all (POD-ENV-03).
            || (by == "the association" && !(wins && fault(pod, it).is_none()))
        {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("sets `{carried}` by hand, {by} says `{declared}`"),
            vec![Evidence {
                place: place(it, ROLE),
                found: carried.to_string(),
                needed: declared.to_string(),
            }],
        );
        finding.fixes.extend(unset(pod, it, &[ROLE, TOKEN]));
    }
}

fn place(it: &ContainerContext<'_>, name: &str) -> String {
    format!("container {} env {name}", it.container.name)
}

/// Out of the template with those of the variables that it has; by hand where nobody owns the pod.
fn unset(pod: &PodContext<'_>, it: &ContainerContext<'_>, names: &[&str]) -> Option<Fix> {
    let Some(owner) = pod.owner else {
        let (namespace, name) = (quote(&pod.pod.namespace), quote(&pod.pod.name));
        return Some(Fix::by_hand(
            "FX-WL-ENV",
            format!("create the pod again without {}", names.join(", ")),
            vec![format!("kubectl get pod -n {namespace} {name} -o yaml")],
        ));
    };
    let written: Vec<&str> =
        names.iter().copied().filter(|name| pod.is_written(it, name) == Some(true)).collect();
    (!written.is_empty()).then(|| Fix::unset_env(owner, &it.container.name, &written))
}

/// The region that the webhook would have added.
fn set_region(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Fix> {
    let region = pod.cx.graph.cluster().known()?.region.clone();
    Some(Fix::set_env(pod.owner?, &it.container.name, "AWS_REGION", region))
}
