//! POD-ENV: identity variables that somebody wrote by hand.

use crate::{
    check::{
        Acc, Confidence, ContainerContext, Evidence, Fix, PodContext, Row, Rule, Severity, Subject,
        SubjectKind, hook,
    },
    identity::{Carried, Mechanism, Signature, chain::Provider},
};

const WEBHOOK: &str = "https://github.com/aws/amazon-eks-pod-identity-webhook";
const ROLE: &str = "AWS_ROLE_ARN";
const TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

pub const ROWS: &[Row] = &[
    Row {
        code: "POD-ENV-01",
        name: "role-without-token-file",
        title: "AWS_ROLE_ARN set by hand, token file not",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set AWS_ROLE_ARN by hand, so the webhook adds no token file",
        detect: "The ServiceAccount is annotated, and the container has AWS_ROLE_ARN but not AWS_WEB_IDENTITY_TOKEN_FILE: the webhook leaves a container alone that has either.",
        repair: "Remove AWS_ROLE_ARN from the pod template; the webhook then injects both.",
        signatures: &[Signature::E12, Signature::E13],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(role_alone),
    },
    Row {
        code: "POD-ENV-02",
        name: "token-file-without-role",
        title: "AWS_WEB_IDENTITY_TOKEN_FILE set by hand, role not",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN, which SDKs refuse",
        detect: "The container has AWS_WEB_IDENTITY_TOKEN_FILE but not AWS_ROLE_ARN, so the SDK stops with a configuration error.",
        repair: "Remove AWS_WEB_IDENTITY_TOKEN_FILE from the pod template; the webhook then injects both.",
        signatures: &[Signature::E32],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(token_alone),
    },
    Row {
        code: "POD-ENV-03",
        name: "token-file-not-mounted",
        title: "both set by hand, volume absent",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers name a token file that no volume provides",
        detect: "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are set, and no mount of the container covers the file.",
        repair: "Remove both variables and let the webhook inject them with their volume, or add the projected volume.",
        signatures: &[Signature::E11],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(not_mounted),
    },
    Row {
        code: "POD-ENV-04",
        name: "hand-written-role",
        title: "hand-written role differs from the annotation",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers set another role by hand than their ServiceAccount's annotation names",
        detect: "The pod template sets AWS_ROLE_ARN to another role than the annotation; what is written by hand wins over the webhook.",
        repair: "Remove AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE from the pod template.",
        signatures: &[Signature::E05, Signature::E14],
        fixes: &["FX-WL-ENV"],
        reference: WEBHOOK,
        rule: Rule::Pod(other_role),
    },
];

fn set(it: &ContainerContext<'_>, name: &str) -> bool {
    it.container.env(name).is_some_and(|it| it.is_set())
}

fn role_alone(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.identity.mechanism != Mechanism::Irsa {
        return;
    }
    for it in pod.admitted().filter(|it| set(it, ROLE) && !set(it, TOKEN)) {
        // Keys or an agent decide before web identity would be looked for.
        if matches!(it.chain.provider, Provider::Static | Provider::Container) {
            continue;
        }
        say(
            pod,
            it,
            acc,
            "sets AWS_ROLE_ARN by hand, so no token file is injected",
            TOKEN,
            &[ROLE],
        );
    }
}

fn token_alone(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in pod.admitted().filter(|it| set(it, TOKEN) && !set(it, ROLE)) {
        if it.chain.error == Some("InvalidConfigError") {
            let message = "sets AWS_WEB_IDENTITY_TOKEN_FILE by hand, but no role";
            say(pod, it, acc, message, ROLE, &[TOKEN]);
        }
    }
}

fn not_mounted(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in pod.admitted() {
        if !set(it, ROLE) || !matches!(it.chain.provider, Provider::WebIdentity(_)) {
            continue;
        }
        let file = it.container.env(TOKEN).and_then(|it| it.literal());
        let Some(file) = file.filter(|it| !it.is_empty()) else { continue };
        if it.container.mounts.iter().any(|mount| covers(&mount.path, file)) {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("reads its token from `{file}`, which no volume provides"),
            vec![Evidence {
                place: place(it, TOKEN),
                found: file.to_string(),
                needed: "a mount that covers the file".into(),
            }],
        );
        finding.fixes.extend(unset(pod, it, &[ROLE, TOKEN]));
    }
}

/// Whether a file lies under a mount. Windows paths lose their drive: the kubelet mounts them under it.
fn covers(mount: &str, file: &str) -> bool {
    let unix = |it: &str| {
        let it = it.replace('\\', "/");
        let bare = it.get(1..2).filter(|it| *it == ":").map_or(it.as_str(), |_| &it[2..]);
        bare.trim_end_matches('/').to_owned()
    };
    let (mount, file) = (unix(mount), unix(file));
    file.strip_prefix(&mount).is_some_and(|it| it.is_empty() || it.starts_with('/'))
}

fn other_role(pod: &PodContext<'_>, acc: &mut Acc) {
    let Carried::Irsa(declared) = &pod.declared else { return };
    for it in pod.admitted() {
        let Carried::Irsa(carried) = &it.effective else { continue };
        if carried == declared || carried.as_str().is_empty() || !hook::is_in_template(pod, it) {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("sets `{carried}` by hand, the annotation says `{declared}`"),
            vec![Evidence {
                place: place(it, ROLE),
                found: carried.to_string(),
                needed: declared.to_string(),
            }],
        );
        finding.fixes.extend(unset(pod, it, &[ROLE, TOKEN]));
    }
}

fn say(
    pod: &PodContext<'_>,
    it: &ContainerContext<'_>,
    acc: &mut Acc,
    message: &str,
    missing: &str,
    written: &[&str],
) {
    let finding = acc.push(
        Subject::container(pod.pod, it.container),
        message.to_owned(),
        vec![Evidence {
            place: place(it, missing),
            found: String::new(),
            needed: format!("set together with {}, or neither written by hand", written.join(", ")),
        }],
    );
    finding.fixes.extend(unset(pod, it, written));
}

fn place(it: &ContainerContext<'_>, name: &str) -> String {
    format!("container {} env {name}", it.container.name)
}

fn unset(pod: &PodContext<'_>, it: &ContainerContext<'_>, names: &[&str]) -> Option<Fix> {
    pod.owner.map(|owner| Fix::unset_env(owner, &it.container.name, names))
}

#[cfg(test)]
mod tests {
    use crate::check::pod_env::covers;

    #[test]
    fn mounts_cover_files_below_them() {
        let check = |mount: &str, file: &str, expected: bool| {
            assert_eq!(covers(mount, file), expected, "{mount} {file}");
        };
        check("/var/run/secrets/eks", "/var/run/secrets/eks/token", true);
        check("/var/run/secrets/eks/", "/var/run/secrets/eks/token", true);
        check("/var/run/secrets/ek", "/var/run/secrets/eks/token", false);
        check("/", "/token", true);
        check("/var/run/x", r"C:\var\run\x\token", true);
        check("/var/run/y", r"C:\var\run\x\token", false);
    }
}
