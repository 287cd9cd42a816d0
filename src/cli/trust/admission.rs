//! Admission vectors: the webhook and the credential chain against what was recorded from the real ones.

use crate::{
    cli::{
        error::UsageError,
        trust::{Outcome, vectors::Fields},
    },
    fact::{ContainerKind, EnvValue, Knowledge, PodSpec, VolumeSource},
    ident::Text,
    identity::{
        admission::{Defaults, Known, admit},
        chain::{Provider, settle},
    },
    source::slim,
};
use serde::Deserialize;
use std::collections::BTreeMap;

pub const SCHEMA: &str = "idscope/admission-vectors/v1";

/// The keys that an admission vector may have; the last ones are for people only.
const KNOWN: &[&str] = &[
    "id",
    "serviceAccount",
    "association",
    "pod",
    "expected",
    "description",
    "note",
    "source",
    "reference",
    "comment",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDefaults {
    region: Text,
    sts_regional_endpoints: bool,
    audience: Text,
    token_expiration: i64,
    container_credentials_audience: Text,
}

#[derive(Deserialize)]
struct ServiceAccount {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// What the vector wants, and in the same shape what we got. Lists other than containers are multisets.
#[derive(Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    label: Option<String>,
    token_volumes: Vec<TokenVolume>,
    containers: Vec<Container>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenVolume {
    name: String,
    audience: String,
    path: String,
    expiration_seconds: Option<i64>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Container {
    name: String,
    env: Vec<(String, Option<String>)>,
    mounts: Vec<(String, String)>,
    chain: String,
    #[serde(default)]
    chain_error: Option<String>,
}

pub fn defaults(fields: &Fields, file: &str) -> Result<Defaults, UsageError> {
    let wrong = |err: serde_json::Error| UsageError::new(format!("{file}: `defaults`: {err}"));
    let text = serde_json::to_string(fields).map_err(wrong)?;
    let it: RawDefaults = serde_json::from_str(&text).map_err(wrong)?;
    Ok(Defaults {
        region: it.region,
        regional_sts: it.sts_regional_endpoints,
        audience: it.audience,
        token_expiration: it.token_expiration,
        container_audience: it.container_credentials_audience,
    })
}

pub fn judge(fields: &Fields, defaults: &Defaults, file: &str) -> Result<Outcome, UsageError> {
    let id: String = field(fields, "id", file, "?")?;
    if let Some(key) = fields.keys().find(|it| !KNOWN.contains(&it.as_str())) {
        return Err(UsageError::new(format!("{file}: vector `{id}`: unknown key `{key}`"))
            .hint(format!("known keys: {}", KNOWN.join(", "))));
    }
    let account: Option<ServiceAccount> = field(fields, "serviceAccount", file, &id)?;
    let association: bool = field(fields, "association", file, &id)?;
    let mut expected: Stored = field(fields, "expected", file, &id)?;
    let pod: serde_json::Value = field(fields, "pod", file, &id)?;
    let pod = slim::pod_from_json(&pod)
        .map_err(|err| UsageError::new(format!("{file}: vector `{id}`: `pod`: {err}")))?;
    // A pod that names no ServiceAccount has `default`, which exists without annotations.
    let pairs = account.and_then(|it| it.annotations).unwrap_or_default();
    let annotations: Vec<(Text, Text)> =
        pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
    let known = Known { association, annotations: Some(&annotations) };
    let mut got = stored(&admit(&pod.spec, known, defaults));
    // The webhook adds jitter where the vector has null.
    for it in &mut got.token_volumes {
        let wanted = expected.token_volumes.iter().find(|wanted| wanted.name == it.name);
        if wanted.is_some_and(|wanted| wanted.expiration_seconds.is_none()) {
            it.expiration_seconds = None;
        }
    }
    sort(&mut got);
    sort(&mut expected);
    let because = difference(&expected, &got);
    let word = if because.is_empty() { "as recorded" } else { "different" };
    Ok(Outcome { id, expected: "as recorded".into(), got: word.into(), because })
}

fn field<'a, T: Deserialize<'a>>(
    fields: &'a Fields,
    key: &str,
    file: &str,
    id: &str,
) -> Result<T, UsageError> {
    let raw = fields.get(key).map_or("null", |it| it.get());
    serde_json::from_str(raw)
        .map_err(|err| UsageError::new(format!("{file}: vector `{id}`: `{key}`: {err}")))
}

fn stored(spec: &PodSpec) -> Stored {
    let mut token_volumes = Vec::new();
    for volume in &spec.volumes {
        if let VolumeSource::Projected(tokens) = &volume.source {
            token_volumes.extend(tokens.iter().map(|it| TokenVolume {
                name: volume.name.to_string(),
                audience: it.audience.to_string(),
                path: it.path.to_string(),
                expiration_seconds: it.expiration_seconds,
            }));
        }
    }
    let containers = spec
        .containers
        .iter()
        .filter(|it| it.kind != ContainerKind::Ephemeral)
        .map(|it| {
            let chain = settle(it, &|_source| Knowledge::NotYet);
            Container {
                name: it.name.to_string(),
                env: it
                    .env
                    .iter()
                    .filter(|it| it.name.starts_with("AWS_"))
                    .map(|it| {
                        let value = match &it.value {
                            EnvValue::Literal(text) => Some(text.to_string()),
                            EnvValue::Redacted | EnvValue::From(_) => None,
                        };
                        (it.name.to_string(), value)
                    })
                    .collect(),
                mounts: it
                    .mounts
                    .iter()
                    .map(|it| (it.volume.to_string(), it.path.to_string()))
                    .collect(),
                chain: match chain.provider {
                    Provider::Static => "static",
                    Provider::WebIdentity(_) => "irsa",
                    Provider::Container => "pod-identity",
                    Provider::NodeRole => "node-role",
                    Provider::None => "none",
                }
                .to_owned(),
                chain_error: chain.error.map(str::to_owned),
            }
        })
        .collect();
    Stored {
        label: spec.label("eks.amazonaws.com/pod-identity").map(ToString::to_string),
        token_volumes,
        containers,
    }
}

fn sort(it: &mut Stored) {
    it.token_volumes.sort();
    for container in &mut it.containers {
        container.env.sort();
        container.mounts.sort();
    }
}

/// The first thing that differs, in one line; empty when nothing does.
fn difference(expected: &Stored, got: &Stored) -> String {
    if expected.label != got.label {
        return format!("label: wanted {:?}, got {:?}", expected.label, got.label);
    }
    if expected.token_volumes != got.token_volumes {
        return format!(
            "token volumes: wanted {:?}, got {:?}",
            expected.token_volumes, got.token_volumes
        );
    }
    if expected.containers.len() != got.containers.len() {
        return format!(
            "containers: wanted {}, got {}",
            expected.containers.len(),
            got.containers.len()
        );
    }
    let differs = expected.containers.iter().zip(&got.containers).find(|(a, b)| !same(a, b));
    differs.map_or_else(String::new, |(a, b)| format!("container: wanted {a:?}, got {b:?}"))
}

/// A value that we dropped at the door (a credential) counts as the recorded one.
fn same(wanted: &Container, got: &Container) -> bool {
    let env = wanted.env.len() == got.env.len()
        && wanted.env.iter().all(|(name, value)| {
            got.env.iter().any(|(n, v)| n == name && (v.is_none() || v == value))
        });
    env && wanted.name == got.name
        && wanted.mounts == got.mounts
        && wanted.chain == got.chain
        && wanted.chain_error == got.chain_error
}
