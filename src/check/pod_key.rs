//! POD-KEY: credentials that somebody put into the pod, which win over the declared identity.

use crate::{
    check::{
        Acc, Confidence, ContainerContext, Evidence, Fix, PodContext, Row, Rule, Severity, Subject,
        SubjectKind, quote,
    },
    fact::{EnvValue, VolumeSource},
    identity::{Carried, chain::Provider},
};

const CHAIN: &str = "https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html";
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
const FILES: [&str; 4] =
    ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"];

pub const ROWS: &[Row] = &[
    Row {
        code: "POD-KEY-01",
        name: "static-keys-in-env",
        title: "static keys in env shadow everything",
        severity: Severity::WrongId,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers have static AWS keys in their environment, which win over the declared identity",
        detect: "AWS_ACCESS_KEY_ID is set (env or envFrom), and the ServiceAccount declares an identity that is never used. Only .NET v3 asks web identity first.",
        repair: "Remove the keys from the pod template and delete the IAM user's access key.",
        signatures: &[],
        fixes: &["FX-WL-ENV"],
        reference: CHAIN,
        rule: Rule::Pod(keys),
    },
    Row {
        code: "POD-KEY-02",
        name: "credentials-file",
        title: "credentials file or profile in the pod",
        severity: Severity::WrongId,
        confidence: Confidence::Likely,
        subject: SubjectKind::Container,
        fragment: "containers bring a credentials file or profile, which may win over the declared identity",
        detect: "A Secret is mounted at an `.aws` directory, or AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE or AWS_PROFILE is set. It wins over Pod Identity; for IRSA it depends on the SDK.",
        repair: "Remove the mount and the variables from the pod template.",
        signatures: &[],
        fixes: &["FX-WL-ENV"],
        reference: CHAIN,
        rule: Rule::Pod(files),
    },
    Row {
        code: "POD-KEY-03",
        name: "static-keys-partial",
        title: "partial static keys",
        severity: Severity::Blocker,
        confidence: Confidence::Certain,
        subject: SubjectKind::Container,
        fragment: "containers have an access key id without its secret, at which SDKs stop",
        detect: "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is absent or empty, and no object that is not read could provide it. botocore stops with `Partial credentials found in env`, whatever else is configured. A secret without a key id stops nothing.",
        repair: "Remove the keys from the pod template, so that the declared identity is used.",
        signatures: &[],
        fixes: &["FX-WL-ENV"],
        reference: CHAIN,
        rule: Rule::Pod(partial),
    },
];

fn keys(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None {
        return;
    }
    for it in pod.admitted().filter(|it| is_static_env(it)) {
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            "has static keys in its environment, so the declared identity is never used".into(),
            vec![Evidence {
                place: format!("container {} env AWS_ACCESS_KEY_ID", it.container.name),
                found: it.chain.because.clone(),
                needed: "not set".into(),
            }],
        );
        let mut written: Vec<&str> =
            KEYS.into_iter().filter(|name| it.container.env(name).is_some()).collect();
        // One half of an identity, which the keys have hidden so far, would keep the webhook from adding the other.
        let halves = IDENTITY.into_iter().filter(|name| pod.is_written(it, name) == Some(true));
        if let [half] = halves.collect::<Vec<_>>()[..] {
            written.push(half);
        }
        finding.fixes.push(
            unset(pod, it, &written)
                .unwrap_or_else(|| by_hand(pod, "the keys and what brings them")),
        );
    }
}

/// What no single variable of the template brings: an envFrom, a mount, a manifest that nobody can change.
fn by_hand(pod: &PodContext<'_>, what: &str) -> Fix {
    let (title, commands) = match pod.owner {
        Some(it) => {
            let target = format!("{}/{}", it.kind.short(), it.name);
            let command = format!("kubectl edit -n {} {}", quote(&it.namespace), quote(&target));
            (format!("take {what} out of {} `{}`", it.kind.as_str(), it.name), vec![command])
        }
        None => (format!("create pod `{}` again without {what}", pod.pod.name), Vec::new()),
    };
    Fix::by_hand("FX-WL-ENV", title, commands)
}

/// Out of the template where that is known to have them.
fn unset(pod: &PodContext<'_>, it: &ContainerContext<'_>, names: &[&str]) -> Option<Fix> {
    let owner = pod.owner?;
    let written: Vec<&str> =
        names.iter().copied().filter(|name| pod.is_written(it, name) == Some(true)).collect();
    (!written.is_empty()).then(|| Fix::unset_env(owner, &it.container.name, &written))
}

fn partial(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in pod.admitted() {
        if it.chain.error != Some("PartialCredentialsError") || it.is_partly_read() {
            continue;
        }
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            "has an access key id without its secret, at which the SDK stops".into(),
            vec![Evidence {
                place: format!("container {} env AWS_SECRET_ACCESS_KEY", it.container.name),
                found: String::new(),
                needed: "set together with AWS_ACCESS_KEY_ID, or neither".into(),
            }],
        );
        let written: Vec<&str> = KEYS.into_iter().filter(|name| it.has(name)).collect();
        finding.fixes.extend(unset(pod, it, &written));
    }
}

/// The chain settled on keys, and no file brought them.
fn is_static_env(it: &ContainerContext<'_>) -> bool {
    let set = |name: &str| it.container.env(name).is_some_and(EnvValue::is_set);
    it.chain.provider == Provider::Static
        && (set("AWS_ACCESS_KEY_ID") || !it.container.env_from.is_empty())
}

fn files(pod: &PodContext<'_>, acc: &mut Acc) {
    if pod.declared == Carried::None {
        return;
    }
    for it in pod.admitted() {
        // Keys in the environment come first and are said by POD-KEY-01.
        if is_static_env(it) {
            continue;
        }
        let mut evidence: Vec<Evidence> = FILES
            .into_iter()
            .filter(|name| it.container.env(name).is_some_and(EnvValue::is_set))
            .map(|name| Evidence {
                place: format!("container {} env {name}", it.container.name),
                found: match it.container.env(name).and_then(EnvValue::literal) {
                    Some(text) => text.to_string(),
                    None => "set".into(),
                },
                needed: "not set".into(),
            })
            .collect();
        evidence.extend(mounted(pod, it));
        if evidence.is_empty() {
            continue;
        }
        let written: Vec<&str> =
            FILES.into_iter().filter(|name| it.container.env(name).is_some()).collect();
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            "brings AWS credentials or a profile of its own, which may win over the declared identity".into(),
            evidence,
        );
        finding
            .fixes
            .push(unset(pod, it, &written).unwrap_or_else(|| by_hand(pod, "the credentials file")));
    }
}

/// A Secret mounted where SDKs look for `credentials`.
fn mounted(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Evidence> {
    let mount = it.container.mounts.iter().find(|mount| {
        let path = mount.path.trim_end_matches('/');
        let place = path.ends_with("/.aws") || path.ends_with("/.aws/credentials");
        let volume = pod.pod.spec.volumes.iter().find(|it| it.name == mount.volume);
        place && volume.is_some_and(|it| matches!(it.source, VolumeSource::Secret(_)))
    })?;
    Some(Evidence {
        place: format!("container {} mount {}", it.container.name, mount.path),
        found: format!("a Secret as volume {}", mount.volume),
        needed: "no credentials file".into(),
    })
}
