//! The pod identity webhook as a function: what it would make of a pod.
//!
//! Follows amazon-eks-pod-identity-webhook `pkg/handler/handler.go` and `pkg/cache`; recorded vectors hold it. Whether
//! the webhook is called at all (its configuration, its health, the age of the pod) is not judged here.

use crate::{
    fact::{
        Container, ContainerKind, EnvValue, EnvVar, Mount, PodSpec, ServiceAccount, TokenSource,
        Volume, VolumeSource,
    },
    ident::Text,
    identity::csv,
};
use std::collections::BTreeSet;

/// The webhook's flags. EKS does not show them; these are what injected pods document.
#[derive(Clone, Debug)]
pub struct Defaults {
    pub region: Text,
    pub regional_sts: bool,
    pub audience: Text,
    /// Seconds.
    pub token_expiration: i64,
    pub container_audience: Text,
}

impl Defaults {
    pub fn for_region(region: &str) -> Defaults {
        Defaults {
            region: region.into(),
            regional_sts: true,
            audience: "sts.amazonaws.com".into(),
            token_expiration: 86_400,
            container_audience: "pods.eks.amazonaws.com".into(),
        }
    }
}

/// What the webhook knows when the pod arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Whether (namespace, ServiceAccount) has an association.
    pub association: bool,
    /// The ServiceAccount's annotations; `None` when the ServiceAccount is not known to the webhook.
    pub annotations: Option<&'a [(Text, Text)]>,
}

/// The label that pods get with Pod Identity; its value is `enabled`.
pub const LABEL: &str = "eks.amazonaws.com/pod-identity";
/// The volume with the token for STS.
pub const IRSA_VOLUME: &str = "aws-iam-token";
/// Where that volume is mounted.
pub const IRSA_MOUNT: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
const IRSA_TOKEN: &str = "token";
/// The volume with the token for the Pod Identity agent; its file has the same name.
pub const POD_IDENTITY_VOLUME: &str = "eks-pod-identity-token";
/// Where that volume is mounted.
pub const POD_IDENTITY_MOUNT: &str = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount";
/// What the webhook writes into `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
pub const AGENT_URI: &str = "http://169.254.170.23/v1/credentials";

const ROLE_ENV: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
const CONTAINER_ENV: [&str; 2] =
    ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
const REGION_ENV: [&str; 2] = ["AWS_DEFAULT_REGION", "AWS_REGION"];
const STS_ENV: &str = "AWS_STS_REGIONAL_ENDPOINTS";

/// The API server refuses shorter tokens, so the webhook asks for this many seconds instead.
const MIN_EXPIRATION: i64 = 600;
/// Compiled into the webhook, whatever its flag says.
const BUILT_IN_EXPIRATION: i64 = 86_400;

/// The pod as it would be stored: what is added stands after what was written (env, mounts, volumes), nothing is
/// removed or changed, and the label `eks.amazonaws.com/pod-identity=enabled` is added with Pod Identity.
///
/// A pod with the label `eks.amazonaws.com/skip-pod-identity-webhook` (any value) stays as it is, as the shipped
/// MutatingWebhookConfiguration has it; use `admit_selected` where the configuration's own selector was evaluated.
/// For Pod Identity the default expiration is reported as 86400, where the webhook draws one of 79200..=86400.
pub fn admit(spec: &PodSpec, known: Known<'_>, defaults: &Defaults) -> PodSpec {
    if spec.label(PodSpec::SKIP_WEBHOOK).is_some() {
        return spec.clone();
    }
    admit_selected(spec, known, defaults)
}

/// As `admit` for a pod that the webhook is called for, whatever its labels are.
pub fn admit_selected(spec: &PodSpec, known: Known<'_>, defaults: &Defaults) -> PodSpec {
    let mut res = spec.clone();
    let Some(patch) = Patch::of(spec, known, defaults) else { return res };
    for container in &mut res.containers {
        let mutated = match container.kind {
            ContainerKind::Init | ContainerKind::Main => !patch.skip.contains(&*container.name),
            // The webhook is called for CREATE of pods only; ephemeral containers come later.
            ContainerKind::Ephemeral => false,
        };
        if mutated {
            patch.apply(container);
        }
    }
    if res.volumes.iter().all(|it| &*it.name != patch.volume) {
        res.volumes.push(Volume {
            name: patch.volume.into(),
            source: VolumeSource::Projected(vec![TokenSource {
                audience: patch.audience.clone(),
                expiration_seconds: Some(patch.expiration),
                path: patch.token.into(),
            }]),
        });
    }
    if patch.role.is_none() {
        set_label(&mut res.labels, LABEL, "enabled");
    }
    res
}

/// What is to be added, decided once a pod.
struct Patch {
    /// `None`: container credentials.
    role: Option<Text>,
    skip: BTreeSet<String>,
    regional_sts: bool,
    region: Text,
    audience: Text,
    expiration: i64,
    volume: &'static str,
    mount: &'static str,
    token: &'static str,
    token_file: Text,
}

impl Patch {
    /// `None` when the webhook has nothing to do with the pod.
    fn of(spec: &PodSpec, known: Known<'_>, defaults: &Defaults) -> Option<Patch> {
        let annotation = |key: &str| {
            let found = known.annotations?.iter().find(|(it, _)| &**it == key);
            found.map(|(_, it)| it.clone())
        };
        let role = annotation(ServiceAccount::ROLE_ARN).filter(|it| !it.is_empty());
        let (role, volume, mount, token) = match role {
            _ if known.association => {
                (None, POD_IDENTITY_VOLUME, POD_IDENTITY_MOUNT, POD_IDENTITY_VOLUME)
            }
            Some(it) => (Some(it), IRSA_VOLUME, IRSA_MOUNT, IRSA_TOKEN),
            None => return None,
        };
        // Without its ServiceAccount the webhook falls back to compiled-in values, not to its flags.
        let (regional_sts, expiration) = match known.annotations {
            Some(_) => (defaults.regional_sts, defaults.token_expiration),
            None => (false, BUILT_IN_EXPIRATION),
        };
        let regional_sts = annotation(ServiceAccount::REGIONAL_STS)
            .and_then(|it| parse_bool(&it))
            .unwrap_or(regional_sts);
        let expiration = spec
            .annotation(PodSpec::EXPIRATION)
            .and_then(|it| parse_expiration(it))
            .or_else(|| parse_expiration(&annotation(ServiceAccount::EXPIRATION)?))
            .unwrap_or(expiration);
        let audience = match role {
            Some(_) => annotation(ServiceAccount::AUDIENCE).unwrap_or(defaults.audience.clone()),
            None => defaults.container_audience.clone(),
        };
        // An unreadable record skips nothing.
        let skip = spec
            .annotation(PodSpec::SKIP_CONTAINERS)
            .and_then(|it| csv::first_record(it))
            .unwrap_or_default();
        let file = format!("{mount}/{token}");
        Some(Patch {
            role,
            skip: skip.into_iter().collect(),
            regional_sts,
            region: defaults.region.clone(),
            audience,
            expiration,
            volume,
            mount,
            token,
            token_file: match spec.windows_selector {
                true => format!("C:{}", file.replace('/', "\\")).into(),
                false => file.into(),
            },
        })
    }

    fn apply(&self, container: &mut Container) {
        let any = |names: &[&str]| container.env.iter().any(|it| names.contains(&&*it.name));
        let identity = any(if self.role.is_some() { &ROLE_ENV } else { &CONTAINER_ENV });
        let (region, sts) = (any(&REGION_ENV), any(&[STS_ENV]));
        // The early return comes before the mount: hand-written files are then never mounted.
        if identity && region && sts {
            return;
        }
        let mut add = |name: &str, value: &Text| {
            container
                .env
                .push(EnvVar { name: name.into(), value: EnvValue::Literal(value.clone()) });
        };
        if !sts && self.regional_sts {
            add(STS_ENV, &"regional".into());
        }
        if !region && !self.region.is_empty() {
            REGION_ENV.iter().for_each(|it| add(it, &self.region));
        }
        if !identity {
            let (names, value) = match &self.role {
                Some(it) => (ROLE_ENV, it.clone()),
                None => (CONTAINER_ENV, AGENT_URI.into()),
            };
            add(names[0], &value);
            add(names[1], &self.token_file);
        }
        if container.mounts.iter().all(|it| &*it.volume != self.volume) {
            container.mounts.push(Mount {
                volume: self.volume.into(),
                path: self.mount.into(),
                sub_path: None,
                read_only: true,
            });
        }
    }
}

/// Go's `strconv.ParseBool`.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Seconds as the webhook takes them: Go's `strconv.ParseInt(text, 10, 64)`, raised to the minimum. `None` when it is
/// no such number.
pub fn parse_expiration(text: &str) -> Option<i64> {
    text.parse().ok().map(|it: i64| it.max(MIN_EXPIRATION))
}

/// Keeps the labels sorted by key.
fn set_label(labels: &mut Vec<(Text, Text)>, key: &str, value: &str) {
    match labels.binary_search_by(|(it, _)| (**it).cmp(key)) {
        Ok(at) => labels[at].1 = value.into(),
        Err(at) => labels.insert(at, (key.into(), value.into())),
    }
}

#[cfg(test)]
mod tests {
    use crate::identity::admission::*;
    use proptest::prelude::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/app";

    fn container(name: &str, env: &[(&str, &str)]) -> Container {
        Container {
            name: name.into(),
            kind: ContainerKind::Main,
            image: "app:1".into(),
            env: env
                .iter()
                .map(|(name, value)| EnvVar {
                    name: (*name).into(),
                    value: EnvValue::Literal((*value).into()),
                })
                .collect(),
            env_from: Vec::new(),
            mounts: Vec::new(),
        }
    }

    fn pod(containers: Vec<Container>) -> PodSpec {
        PodSpec {
            service_account: "sa".into(),
            service_account_named: true,
            host_network: false,
            windows_selector: false,
            windows_affinity: false,
            scheduler: None,
            fs_group: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            containers,
            volumes: Vec::new(),
        }
    }

    fn annotations(pairs: &[(&str, &str)]) -> Vec<(Text, Text)> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    fn names(container: &Container) -> Vec<&str> {
        container.env.iter().map(|it| &*it.name).collect()
    }

    /// Admits one container and tells the names of its env, its mounts and the token's lifetime.
    fn check(
        known: Option<&[(&str, &str)]>,
        association: bool,
        env: &[(&str, &str)],
        expected: (&[&str], &[&str], Option<i64>),
    ) {
        let known = known.map(annotations);
        let known = Known { association, annotations: known.as_deref() };
        let spec = pod(vec![container("app", env)]);
        let res = admit(&spec, known, &Defaults::for_region("eu-west-1"));
        let mounts: Vec<_> = res.containers[0].mounts.iter().map(|it| &*it.volume).collect();
        let expiration = res.volumes.first().and_then(|it| match &it.source {
            VolumeSource::Projected(it) => it[0].expiration_seconds,
            VolumeSource::Secret(_) | VolumeSource::ConfigMap(_) | VolumeSource::Other(_) => None,
        });
        assert_eq!((&*names(&res.containers[0]), &*mounts, expiration), expected);
    }

    #[test]
    fn annotation_and_association() {
        let annotated: &[_] = &[("eks.amazonaws.com/role-arn", ROLE)];
        check(None, false, &[], (&[], &[], None));
        check(Some(&[]), false, &[], (&[], &[], None));
        check(Some(&[("eks.amazonaws.com/role-arn", "")]), false, &[], (&[], &[], None));
        let env = [STS_ENV, REGION_ENV[0], REGION_ENV[1], ROLE_ENV[0], ROLE_ENV[1]];
        check(Some(annotated), false, &[], (&env, &[IRSA_VOLUME], Some(86_400)));
        let env = [STS_ENV, REGION_ENV[0], REGION_ENV[1], CONTAINER_ENV[0], CONTAINER_ENV[1]];
        check(Some(annotated), true, &[], (&env, &[POD_IDENTITY_VOLUME], Some(86_400)));
    }

    #[test]
    fn an_unknown_service_account_has_built_in_values() {
        let env = [REGION_ENV[0], REGION_ENV[1], CONTAINER_ENV[0], CONTAINER_ENV[1]];
        check(None, true, &[], (&env, &[POD_IDENTITY_VOLUME], Some(86_400)));
    }

    #[test]
    fn either_name_suppresses_both_and_the_early_return_takes_the_mount_too() {
        let annotated: &[_] = &[("eks.amazonaws.com/role-arn", ROLE)];
        let by_hand = (ROLE_ENV[0], "");
        let env = [ROLE_ENV[0], STS_ENV, REGION_ENV[0], REGION_ENV[1]];
        check(Some(annotated), false, &[by_hand], (&env, &[IRSA_VOLUME], Some(86_400)));
        let all = [by_hand, (STS_ENV, "legacy"), (REGION_ENV[1], "us-east-1")];
        let env = [ROLE_ENV[0], STS_ENV, REGION_ENV[1]];
        check(Some(annotated), false, &all, (&env, &[], Some(86_400)));
    }

    #[test]
    fn go_numbers_and_booleans() {
        for (text, expected) in [
            ("600", Some(600)),
            ("599", Some(600)),
            ("-5", Some(600)),
            ("+1200", Some(1200)),
            ("100000", Some(100_000)),
            ("9223372036854775808", None),
            ("3600.5", None),
            ("1_000", None),
            (" 600", None),
            ("", None),
        ] {
            assert_eq!(parse_expiration(text), expected, "{text}");
        }
        for (text, expected) in
            [("t", Some(true)), ("F", Some(false)), ("tRUE", None), ("yes", None), ("", None)]
        {
            assert_eq!(parse_bool(text), expected, "{text}");
        }
    }

    #[test]
    fn ephemeral_containers_are_left_alone() {
        let mut spec = pod(vec![container("debug", &[])]);
        spec.containers[0].kind = ContainerKind::Ephemeral;
        let known = annotations(&[("eks.amazonaws.com/role-arn", ROLE)]);
        let known = Known { association: false, annotations: Some(&known) };
        let res = admit(&spec, known, &Defaults::for_region("eu-west-1"));
        assert_eq!(res.containers, spec.containers);
    }

    fn any_env() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
        let name = prop::sample::select(vec![
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_REGION",
            "AWS_STS_REGIONAL_ENDPOINTS",
            "AWS_ACCESS_KEY_ID",
        ]);
        prop::collection::vec((name, prop::sample::select(vec!["", "x"])), 0..5)
    }

    proptest! {
        #[test]
        fn adds_once_and_never_removes(
            envs in prop::collection::vec(any_env(), 1..4),
            association: bool,
            role in prop::option::of(prop::sample::select(vec!["", ROLE])),
            skip in "[a-c,\" ]{0,6}",
            windows: bool,
        ) {
            let mut spec = pod(envs.iter().enumerate().map(|(i, env)| {
                container(["a", "b", "c"][i], env)
            }).collect());
            spec.windows_selector = windows;
            spec.annotations = annotations(&[(PodSpec::SKIP_CONTAINERS, &skip)]);
            let known = role.map(|it| annotations(&[("eks.amazonaws.com/role-arn", it)]));
            let known = Known { association, annotations: known.as_deref() };
            let defaults = Defaults::for_region("eu-west-1");
            let once = admit(&spec, known, &defaults);
            prop_assert_eq!(&admit(&once, known, &defaults), &once);
            for (before, after) in spec.containers.iter().zip(&once.containers) {
                prop_assert!(after.env.starts_with(&before.env));
                prop_assert!(after.mounts.starts_with(&before.mounts));
            }
            prop_assert!(once.volumes.starts_with(&spec.volumes));
        }
    }
}
