//! The variables and the token file of one container: what of them is missing or contradicts the rest.
//!
//! One fault a container: the rows of POD-ENV and HOOK-13 tell the same fault by its code.

use crate::{
    check::{ContainerContext, PodContext, injection},
    fact::{Knowledge, Mount, PodSpec, VolumeSource},
    ident::Text,
    identity::{Carried, Mechanism, admission, chain::Provider},
};
use std::borrow::Cow;

pub(super) const ROLE: &str = "AWS_ROLE_ARN";
pub(super) const TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
pub(super) const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
pub(super) const AGENT_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const STS: &str = "AWS_STS_REGIONAL_ENDPOINTS";

/// Where the token for the API server itself is mounted; `/var/run` is `/run` in most images.
const API_TOKEN: [&str; 2] = [
    "/var/run/secrets/kubernetes.io/serviceaccount/",
    "/run/secrets/kubernetes.io/serviceaccount/",
];

/// What is wrong with one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// POD-ENV-01.
    RoleAlone,
    /// POD-ENV-02; an SDK stops at it only where the entry is not empty.
    TokenAlone { stops: bool },
    /// POD-ENV-03: the variable that names the file, and the file.
    NotMounted(&'static str, String),
    /// POD-ENV-05.
    ApiToken(String),
    /// POD-ENV-06: the variables that were written by hand.
    Early(Vec<&'static str>),
    /// POD-ENV-07: what is there and what should be.
    Volume { found: String, needed: String },
    /// POD-ENV-08.
    Address(String),
    /// POD-ENV-08: one of the two variables of Pod Identity keeps the webhook from adding the other, which is missing.
    AgentAlone(&'static str),
    /// HOOK-13: what the webhook gave and somebody took away.
    Stripped(Part),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Variables,
    Mount,
}

/// The first fault of a container that the webhook looks at; `None` where nothing is wrong or nobody can say.
pub(crate) fn fault<'c>(pod: &PodContext<'_>, it: &'c ContainerContext<'_>) -> Option<&'c Fault> {
    it.fault.get_or_init(|| find(pod, it)).as_ref()
}

fn find(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Fault> {
    match &it.chain.provider {
        // Keys decide before anything else is looked for.
        Provider::Static => None,
        Provider::WebIdentity(_) => web_identity(pod, it),
        Provider::Container => agent(pod, it),
        // The other half may come from an object that is not read.
        Provider::NodeRole | Provider::None if it.is_partly_read() => None,
        Provider::NodeRole => half(pod, it).or_else(|| agent_half(pod, it)),
        Provider::None => match it.chain.error {
            None => half(pod, it).or_else(|| agent_half(pod, it)),
            Some("InvalidConfigError") => half(pod, it),
            Some(_) => None,
        },
    }
}

/// Role and token file are both set, and the chain takes them.
fn web_identity(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Fault> {
    let file = it.literal(TOKEN)?;
    let mount = mount_of(it, file);
    if API_TOKEN.iter().any(|prefix| file.starts_with(prefix)) {
        let own = mount.is_some_and(|mount| gives_another_token(pod, mount, file));
        return (!own).then(|| Fault::ApiToken(file.to_owned()));
    }
    let audience = pod.identity.audience.first().map_or("", |it| &**it);
    if let Some(fault) =
        volume(pod, it, mount, file, (admission::IRSA_VOLUME, admission::IRSA_MOUNT, audience))
    {
        return Some(fault);
    }
    if mount.is_some() {
        return None;
    }
    let annotated = pod.identity.mechanism == Mechanism::Irsa;
    let injected = match pod.is_written(it, ROLE) {
        Some(written) => !written && pod.is_written(it, TOKEN) == Some(false),
        None => is_in_order(it),
    };
    if injected && annotated {
        return Some(Fault::Stripped(Part::Mount));
    }
    if let Some(early) = early(pod, it, Mechanism::Irsa, &[ROLE, TOKEN]) {
        return Some(early);
    }
    // The webhook mounts the file wherever it is called, unless it returns early.
    let unknown = pod.template.is_none();
    if unknown
        && annotated
        && it.effective == pod.declared
        && file.starts_with(admission::IRSA_MOUNT)
    {
        return Some(Fault::Stripped(Part::Mount));
    }
    Some(Fault::NotMounted(TOKEN, file.to_owned()))
}

/// Whether the variables stand as the webhook appends them, all of them and in its order: nobody writes them so by hand.
fn is_in_order(it: &ContainerContext<'_>) -> bool {
    let names: Vec<&str> = it.container.env.iter().map(|it| &*it.name).collect();
    names.windows(5).any(|it| *it == [STS, REGIONS[1], REGIONS[0], ROLE, TOKEN])
}

/// The container asks an agent for its credentials.
fn agent(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Fault> {
    // Without an association it is somebody's own agent, or PI-ASSOC-12.
    if !matches!(pod.identity.association, Knowledge::Known(_)) || !it.is_set(URI) {
        return None;
    }
    let uri = it.literal(URI)?;
    if !matches!(it.effective, Carried::PodIdentity(_)) {
        return Some(Fault::Address(uri.to_owned()));
    }
    let Some(file) = it.literal(AGENT_TOKEN) else {
        // A value that is not known may be right.
        let elsewhere = it.is_set("AWS_CONTAINER_AUTHORIZATION_TOKEN") || it.is_partly_read();
        if it.is_set(AGENT_TOKEN) || elsewhere {
            return None;
        }
        if let Some(early) = early(pod, it, Mechanism::PodIdentity, &[URI]) {
            return Some(early);
        }
        return Some(match pod.is_written(it, URI) {
            Some(false) => Fault::Stripped(Part::Variables),
            Some(true) | None => Fault::AgentAlone(URI),
        });
    };
    let mount = mount_of(it, file);
    let expected =
        (admission::POD_IDENTITY_VOLUME, admission::POD_IDENTITY_MOUNT, "pods.eks.amazonaws.com");
    if let Some(fault) = volume(pod, it, mount, file, expected) {
        return Some(fault);
    }
    if mount.is_some() {
        return None;
    }
    if let Some(early) = early(pod, it, Mechanism::PodIdentity, &[URI, AGENT_TOKEN]) {
        return Some(early);
    }
    Some(match pod.is_written(it, AGENT_TOKEN) {
        Some(true) => Fault::NotMounted(AGENT_TOKEN, file.to_owned()),
        Some(false) | None => Fault::Stripped(Part::Mount),
    })
}

/// One of the two variables of web identity is there, or a mount without either.
fn half(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Fault> {
    let (role, token) = (it.has(ROLE), it.has(TOKEN));
    let annotated = pod.identity.mechanism == Mechanism::Irsa;
    // An empty token file is none to the SDK, and keeps the webhook away just as well.
    if token && !it.is_set(ROLE) && (it.is_set(TOKEN) || (annotated && !role)) {
        return Some(match pod.is_written(it, TOKEN) {
            Some(false) if annotated => Fault::Stripped(Part::Variables),
            Some(_) | None => {
                let alone = Fault::TokenAlone { stops: it.is_set(TOKEN) };
                early(pod, it, Mechanism::Irsa, &[TOKEN]).unwrap_or(alone)
            }
        });
    }
    if role && !it.is_set(TOKEN) && annotated {
        return Some(match pod.is_written(it, ROLE) {
            Some(false) => Fault::Stripped(Part::Variables),
            Some(true) | None => {
                early(pod, it, Mechanism::Irsa, &[ROLE]).unwrap_or(Fault::RoleAlone)
            }
        });
    }
    None
}

/// As `half`, for Pod Identity.
fn agent_half(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Fault> {
    if !matches!(pod.identity.association, Knowledge::Known(_)) || it.is_set(URI) {
        return None;
    }
    let written = [URI, AGENT_TOKEN].into_iter().find(|name| it.has(name))?;
    Some(match pod.is_written(it, written) {
        Some(false) => Fault::Stripped(Part::Variables),
        Some(true) | None => {
            early(pod, it, Mechanism::PodIdentity, &[written]).unwrap_or(Fault::AgentAlone(written))
        }
    })
}

/// The webhook returns before it mounts anything where identity, region and STS variables are all there by hand.
fn early(
    pod: &PodContext<'_>,
    it: &ContainerContext<'_>,
    mechanism: Mechanism,
    identity: &[&'static str],
) -> Option<Fault> {
    let applies = match (pod.identity.mechanism, mechanism) {
        (Mechanism::Irsa, Mechanism::Irsa) => true,
        (Mechanism::PodIdentity | Mechanism::Both, Mechanism::PodIdentity) => true,
        (_, _) => false,
    };
    // Where the manifest is not known everything counts as written, unless the webhook's own mount shows that it came
    // that far.
    let mounts = injection::mounts_of_webhook(&pod.pod.spec, it.container);
    let written = |name: &str| pod.is_written(it, name).unwrap_or(!mounts);
    let by_hand = |name: &&str| it.has(name) && written(name);
    let written: Vec<&'static str> = identity.iter().copied().filter(|it| by_hand(it)).collect();
    let region = REGIONS.into_iter().find(|it| by_hand(it))?;
    if !applies || written.is_empty() || !by_hand(&STS) {
        return None;
    }
    Some(Fault::Early(written.into_iter().chain([region, STS]).collect()))
}

/// The volume of the webhook's name, its mount path and the audience of its token.
type Expected<'a> = (&'static str, &'static str, &'a str);

/// A volume or mount that has the webhook's name and is not what the webhook makes: it is kept as it is.
fn volume(
    pod: &PodContext<'_>,
    it: &ContainerContext<'_>,
    mount: Option<&Mount>,
    file: &str,
    (name, path, audience): Expected<'_>,
) -> Option<Fault> {
    let Some(mount) = mount else {
        // Mounted under that name, but not where the file is looked for.
        let taken = |it: &&Mount| *it.volume == *name && unix(&it.path) != *path;
        let other = it.container.mounts.iter().find(taken)?;
        return Some(Fault::Volume {
            found: format!("mount {name} at {}", other.path),
            needed: format!("mounted at {path}"),
        });
    };
    if *mount.volume != *name {
        return None;
    }
    let source = &pod.pod.spec.volumes.iter().find(|it| *it.name == *name)?.source;
    let needed = || format!("projected token for audience {audience}");
    let VolumeSource::Projected(tokens) = source else {
        return Some(Fault::Volume {
            found: format!("volume {name} from {}", kind(source)),
            needed: needed(),
        });
    };
    let rest = rest_of(mount, file)?;
    let Some(token) = tokens.iter().find(|it| unix(&it.path) == rest) else {
        // Other sources of the volume, which are not read, may provide the file.
        return tokens.iter().any(|it| !it.audience.is_empty()).then(|| Fault::Volume {
            found: format!("volume {name} with its token at another path"),
            needed: format!("path {rest}"),
        });
    };
    let written =
        pod.template.is_some_and(|it| it.volumes.iter().any(|volume| *volume.name == *name));
    // Of another audience may also be what was injected before the ServiceAccount asked for this one.
    let wrong = *token.audience != *audience && (written || token.audience.is_empty());
    wrong.then(|| Fault::Volume {
        found: match &*token.audience {
            "" => format!("volume {name} with a token for the API server"),
            other => format!("volume {name} with a token for {other}"),
        },
        needed: needed(),
    })
}

fn kind(source: &VolumeSource) -> String {
    match source {
        VolumeSource::Projected(_) => "projected".into(),
        VolumeSource::Secret(it) => format!("secret {it}"),
        VolumeSource::ConfigMap(it) => format!("configMap {it}"),
        VolumeSource::Other(it) => it.to_string(),
    }
}

/// The audience of the token in the file that the container names, where the manifest and not the webhook brings it.
pub(crate) fn own_audience(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> Option<Text> {
    let file = it.literal(TOKEN)?;
    let mount = mount_of(it, file).filter(|it| *it.volume != *admission::IRSA_VOLUME)?;
    let volume = pod.pod.spec.volumes.iter().find(|it| it.name == mount.volume)?;
    let VolumeSource::Projected(tokens) = &volume.source else { return None };
    let rest = rest_of(mount, file)?;
    let token = tokens.iter().find(|it| unix(&it.path) == rest)?;
    (!token.audience.is_empty()).then(|| token.audience.clone())
}

/// Whether a volume that somebody mounted over the API server's token has a token for somebody else in that file.
fn gives_another_token(pod: &PodContext<'_>, mount: &Mount, file: &str) -> bool {
    let volume = pod.pod.spec.volumes.iter().find(|it| it.name == mount.volume);
    let Some(VolumeSource::Projected(tokens)) = volume.map(|it| &it.source) else {
        // A Secret or a hostPath may hold anything.
        return volume.is_some();
    };
    let rest = rest_of(mount, file);
    tokens.iter().any(|it| !it.audience.is_empty() && rest.as_deref() == Some(&*unix(&it.path)))
}

/// The mount that provides a file: the longest of those that cover it.
pub(super) fn mount_of<'a>(it: &ContainerContext<'a>, file: &str) -> Option<&'a Mount> {
    let covering = it.container.mounts.iter().filter(|mount| rest_of(mount, file).is_some());
    covering.max_by_key(|mount| mount.path.len())
}

/// The path of a file below a mount; `None` where the mount does not cover it.
fn rest_of<'f>(mount: &Mount, file: &'f str) -> Option<Cow<'f, str>> {
    let at = unix(&mount.path);
    // Where it begins.
    let rest = |file: &str| {
        let rest = file.strip_prefix(at.trim_end_matches('/'))?;
        let covers = rest.is_empty() || rest.starts_with('/');
        covers.then(|| file.len() - rest.trim_start_matches('/').len())
    };
    Some(match unix(file) {
        Cow::Borrowed(it) => Cow::Borrowed(&it[rest(it)?..]),
        Cow::Owned(it) => Cow::Owned(it[rest(&it)?..].to_owned()),
    })
}

/// Windows paths lose their drive: the kubelet mounts them under it.
fn unix(path: &str) -> Cow<'_, str> {
    let path = match path.get(1..2) {
        Some(":") => &path[2..],
        Some(_) | None => path,
    };
    if path.contains('\\') { Cow::Owned(path.replace('\\', "/")) } else { Cow::Borrowed(path) }
}

/// Whether a container carries nothing of its own although the webhook was in the pod; then the mount alone is left.
pub(crate) fn lost_variables(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> bool {
    it.effective == Carried::None && injection::mounts_of_webhook(&pod.pod.spec, it.container)
}

/// Whether the pod has one of the webhook's volumes that its manifest does not have.
pub(crate) fn has_volume(pod: &PodContext<'_>) -> bool {
    let written = |spec: &PodSpec, name: &str| spec.volumes.iter().any(|it| *it.name == *name);
    [admission::IRSA_VOLUME, admission::POD_IDENTITY_VOLUME].into_iter().any(|name| {
        injection::has_volume_of_webhook(&pod.pod.spec, name)
            && !pod.template.is_some_and(|it| written(it, name))
    })
}

#[cfg(test)]
mod tests {
    use crate::{check::pod_env::token::rest_of, fact::Mount};

    #[test]
    fn mounts_cover_files_below_them() {
        let check = |mount: &str, file: &str, expected: Option<&str>| {
            let it =
                Mount { volume: "v".into(), path: mount.into(), sub_path: None, read_only: true };
            assert_eq!(rest_of(&it, file).as_deref(), expected, "{mount} {file}");
        };
        check("/var/run/secrets/eks", "/var/run/secrets/eks/token", Some("token"));
        check("/var/run/secrets/eks/", "/var/run/secrets/eks/token", Some("token"));
        check("/var/run/secrets/ek", "/var/run/secrets/eks/token", None);
        check("/", "/token", Some("token"));
        check("/a/b", "/a/b", Some(""));
        check("/var/run/x", r"C:\var\run\x\token", Some("token"));
        check("/var/run/y", r"C:\var\run\x\token", None);
    }
}
