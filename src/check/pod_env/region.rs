//! The region that a container's SDK uses.

use crate::{
    check::{
        Acc, ContainerContext, Context, Evidence, PodContext, Subject,
        pod_env::{fault, place, unset},
    },
    ident::Partition,
    identity::{Carried, chain::Provider},
};

const NAMES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Names that SDKs take for a region and that are none.
const PSEUDO: &[&str] = &["aws-global", "aws-cn-global", "aws-us-gov-global"];

/// Regions in which STS answers only after the account has opted in (AWS General Reference, "Managing Regions").
const OPT_IN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// POD-ENV-09.
pub(super) fn missing(pod: &PodContext<'_>, acc: &mut Acc) {
    for it in pod.admitted().filter(|it| uses_identity(pod, it)) {
        let known = NAMES.iter().all(|name| !it.is_set(name));
        if !known || may_come_from_elsewhere(it) || fault(pod, it).is_some() {
            continue;
        }
        let partition = pod.cx.graph.cluster().known().and_then(|it| it.arn.partition());
        let china = partition.is_some_and(|it| it.as_str() == "aws-cn");
        let message = if china {
            "sets no region, so its SDK stops or asks the STS of another partition"
        } else {
            "sets no region, so its SDK stops or asks a region of its own choice"
        };
        let needed = region_of(&pod.cx).unwrap_or_else(|| "the cluster's region".to_owned());
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            message.into(),
            vec![Evidence {
                place: format!("container {} env {}", it.container.name, NAMES.join(", ")),
                found: String::new(),
                needed,
            }],
        );
        // An empty entry keeps the webhook from adding the region.
        let written: Vec<&str> = NAMES.into_iter().filter(|name| it.has(name)).collect();
        if written.is_empty() {
            finding.fixes.extend(crate::check::pod_env::set_region(pod, it));
        } else {
            finding.fixes.extend(unset(pod, it, &written));
        }
    }
}

/// POD-ENV-10.
pub(super) fn wrong(pod: &PodContext<'_>, acc: &mut Acc) {
    let Some(own) = region_of(&pod.cx) else { return };
    for it in pod.admitted().filter(|it| uses_identity(pod, it)) {
        let set = NAMES.into_iter().filter_map(|name| Some((name, it.literal(name)?)));
        let wrong =
            set.filter_map(|(name, value)| Some((name, value, fault_of(pod, value, &own)?)));
        let Some((name, value, what)) = wrong.into_iter().next() else { continue };
        let finding = acc.push(
            Subject::container(pod.pod, it.container),
            format!("sets region `{value}`, {what}"),
            vec![Evidence { place: place(it, name), found: value.to_owned(), needed: own.clone() }],
        );
        finding.fixes.extend(unset(pod, it, &[name]));
    }
}

/// Whether the container ends with the identity that is declared, or with one that was written by hand where none is:
/// of what was injected under another declaration a restart decides.
fn uses_identity(pod: &PodContext<'_>, it: &ContainerContext<'_>) -> bool {
    let configured = match &it.chain.provider {
        Provider::WebIdentity(_) => true,
        Provider::Container => matches!(it.effective, Carried::PodIdentity(_)),
        Provider::Static | Provider::NodeRole | Provider::None => false,
    };
    let declared = match (&pod.declared, &it.effective) {
        (Carried::None, Carried::Irsa(_)) => true,
        (declared, effective) => declared == effective,
    };
    configured && declared
}

/// A config file or an object that is not read may name the region.
fn may_come_from_elsewhere(it: &ContainerContext<'_>) -> bool {
    it.container.env_from.iter().any(|from| NAMES.iter().any(|it| it.starts_with(&*from.prefix)))
        || it.is_set("AWS_CONFIG_FILE")
        || it.container.mounts.iter().any(|it| it.path.contains("/.aws"))
        || NAMES.iter().any(|name| it.container.env(name).is_some_and(|it| it.is_set()))
}

/// What is wrong with a region that is not the cluster's, as far as that can be known.
fn fault_of(pod: &PodContext<'_>, region: &str, own: &str) -> Option<&'static str> {
    if region == own || PSEUDO.contains(&region) {
        return None;
    }
    if !is_region(region) {
        return Some("which is no region");
    }
    if Partition::of_region(region) != Partition::of_region(own) {
        return Some("which is of another partition than the cluster");
    }
    let off = OPT_IN.contains(&region) && is_used(pod, region) == Some(false);
    off.then_some("where STS answers only if the account has opted in")
}

/// Whether something shows that the account uses a region; `None` where what would show it is not known.
fn is_used(pod: &PodContext<'_>, region: &str) -> Option<bool> {
    let graph = pod.cx.graph;
    let clusters = graph.other_clusters().known().map(|it| {
        let places = it.places.iter().map(|it| &it.region);
        places.chain(it.clusters.iter().map(|it| &it.region)).any(|it| **it == *region)
    });
    let role = match pod.identity.role_arn() {
        Some(it) => graph.role(&it).known().and_then(|it| {
            let last = it.last_used.as_ref().known()?;
            Some(last.region.as_deref() == Some(region))
        }),
        // Without a declared role there is none that could show it.
        None => pod.identity.sa.is_known().then_some(false),
    };
    match (clusters, role) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// `eu-west-1`, `us-gov-east-1`: lower-case words and a number.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    2 <= words.len()
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
        && words.iter().all(|it| !it.is_empty() && it.chars().all(|c| c.is_ascii_lowercase()))
}

fn region_of(cx: &Context<'_>) -> Option<String> {
    cx.graph.cluster().known().map(|it| it.region.to_string())
}

#[cfg(test)]
mod tests {
    use crate::check::pod_env::region::is_region;

    #[test]
    fn regions_have_their_shape() {
        let check = |text: &str, expected: bool| assert_eq!(is_region(text), expected, "{text}");
        check("eu-west-1", true);
        check("us-gov-west-1", true);
        check("ap-northeast-2", true);
        check("us-iso-east-1", true);
        check("xx-newland-12", true);
        check("eu-west-1a", false);
        check("eu-west", false);
        check("EU-WEST-1", false);
        check("eu_west_1", false);
        check("euwest1", false);
        check(" eu-west-1", false);
        check("auto", false);
        check("", false);
    }
}
