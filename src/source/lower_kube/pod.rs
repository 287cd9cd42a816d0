//! Pods and pod templates.

use crate::{
    fact::{
        Container, ContainerKind, EnvFrom, EnvSource, EnvValue, EnvVar, Labels, Mount, Phase, Pod,
        PodSpec, TokenSource, Volume, VolumeSource,
        redact::{is_credential, without_userinfo},
    },
    ident::{Text, Timestamp},
    identity::signature::recognise,
    plan::RESTARTED_AT,
    source::{
        lower_kube::{is_true, keep_pairs, labels, owner},
        slim::{
            Pool,
            meta::{Meta, Telling, marks_manager, names_identity, timestamp},
            objects::Condition,
            pod as slim,
            value::{items, non_empty, text},
        },
    },
};
use std::{collections::BTreeSet, sync::Arc};

pub(crate) fn pod(pod: &slim::Pod<'_>, pool: &mut Pool) -> Pod {
    let meta = &pod.metadata;
    let status = pod.status.as_ref();
    let spec = pod.spec.as_ref();
    Pod {
        namespace: pool.text(meta.namespace()),
        name: meta.name().into(),
        uid: meta.uid().into(),
        created: meta.created(),
        owner: owner(meta, pool),
        node: spec.and_then(|it| non_empty(&it.node_name)).map(|it| pool.text(it)),
        phase: phase(status.map_or("", |it| text(&it.phase))),
        ready: status.is_some_and(|it| is_true(&it.conditions, "Ready")),
        ready_since: status.and_then(|it| changed(&it.conditions, "Ready")),
        deleting: meta.deleting(),
        waiting: status.and_then(waiting).map(|it| pool.text(it)),
        printed: status.and_then(printed),
        mirror: meta.annotation(Telling::MIRROR).is_some(),
        labels: labels(meta.labels.as_ref(), pool),
        spec: pod_spec(Some(meta), spec, pool),
    }
}

fn changed(conditions: &Option<Vec<Condition<'_>>>, kind: &str) -> Option<Timestamp> {
    let it = items(conditions).iter().find(|it| text(&it.kind) == kind)?;
    timestamp(&it.last_transition_time)
}

/// The template of a workload; an absent one is that of a pod without containers.
pub(crate) fn template(template: Option<&slim::Template<'_>>, pool: &mut Pool) -> Arc<PodSpec> {
    let meta = template.and_then(|it| it.metadata.as_ref());
    pod_spec(meta, template.and_then(|it| it.spec.as_ref()), pool)
}

/// The labels of that template, all of them.
pub(crate) fn template_labels(template: Option<&slim::Template<'_>>, pool: &mut Pool) -> Labels {
    let meta = template.and_then(|it| it.metadata.as_ref());
    labels(meta.and_then(|it| it.labels.as_ref()), pool)
}

/// A pod that no kubelet has seen yet has no phase: it is pending.
fn phase(phase: &str) -> Phase {
    match phase {
        "" | "Pending" => Phase::Pending,
        "Running" => Phase::Running,
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        _ => Phase::Unknown,
    }
}

fn waiting<'a>(status: &'a slim::PodStatus<'_>) -> Option<&'a str> {
    let init = items(&status.init_container_statuses).iter();
    let states = init.chain(items(&status.container_statuses)).filter_map(|it| it.state.as_ref());
    states.filter_map(|it| it.waiting.as_ref()).find_map(|it| non_empty(&it.reason))
}

/// The error in the last words of a container that has ended or waits for its next start.
fn printed(status: &slim::PodStatus<'_>) -> Option<u8> {
    let init = items(&status.init_container_statuses).iter();
    let mut all = init.chain(items(&status.container_statuses));
    all.find_map(|it| {
        let state = it.state.as_ref()?;
        let ended = state.terminated.as_ref().or_else(|| {
            state.waiting.as_ref()?;
            it.last_state.as_ref()?.terminated.as_ref()
        })?;
        let matches = recognise(non_empty(&ended.message)?);
        matches.first().map(|it| it.signature.number())
    })
}

fn pod_spec(
    meta: Option<&Meta<'_>>,
    spec: Option<&slim::PodSpec<'_>>,
    pool: &mut Pool,
) -> Arc<PodSpec> {
    let empty = slim::PodSpec::default();
    let spec = spec.unwrap_or(&empty);
    let named = non_empty(&spec.service_account_name).or(non_empty(&spec.service_account));
    let selector = spec.node_selector.as_ref();
    let api_tokens = api_token_volumes(spec);
    let mut containers = Vec::new();
    for (kind, list) in [
        (ContainerKind::Init, &spec.init_containers),
        (ContainerKind::Main, &spec.containers),
        (ContainerKind::Ephemeral, &spec.ephemeral_containers),
    ] {
        containers.extend(items(list).iter().map(|it| container(kind, it, &api_tokens, pool)));
    }
    let keep = |key: &str| names_identity(key) || marks_manager(key);
    let res = PodSpec {
        service_account: pool.text(named.unwrap_or("default")),
        service_account_named: named.is_some(),
        host_network: spec.host_network.unwrap_or_default(),
        windows_selector: OS_LABELS
            .iter()
            .any(|key| selector.and_then(|it| it.get(key)) == Some("windows")),
        windows_affinity: spec.affinity.as_ref().is_some_and(asks_for_windows),
        scheduler: non_empty(&spec.scheduler_name).map(|it| pool.text(it)),
        fs_group: spec.security_context.as_ref().and_then(|it| it.fs_group),
        labels: keep_pairs(meta.and_then(|it| it.labels.as_ref()), keep, pool),
        annotations: keep_pairs(
            meta.and_then(|it| it.annotations.as_ref()),
            // Which restart was the last one: a plan that was cut off is told by it.
            |key| keep(key) || key == RESTARTED_AT,
            pool,
        ),
        containers,
        volumes: items(&spec.volumes).iter().map(|it| volume(it, &api_tokens, pool)).collect(),
    };
    pool.spec(res)
}

const OS_LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];

fn asks_for_windows(affinity: &slim::Affinity<'_>) -> bool {
    let required = affinity.node_affinity.as_ref().and_then(|it| it.required.as_ref());
    let terms = required.map(|it| items(&it.node_selector_terms)).unwrap_or_default();
    terms.iter().flat_map(|it| items(&it.match_expressions)).any(|it| {
        OS_LABELS.contains(&text(&it.key))
            && text(&it.operator) == "In"
            && items(&it.values).iter().any(|value| value.as_str() == "windows")
    })
}

/// The volumes that the API server's own admission adds to every pod, `kube-api-access-` and five random characters.
///
/// They lose the random part below: it is the one thing in which two pods of a template differ.
fn api_token_volumes<'a>(spec: &'a slim::PodSpec<'_>) -> BTreeSet<&'a str> {
    let volumes = items(&spec.volumes).iter();
    let projected = volumes.filter(|it| matches!(it.source, slim::VolumeSource::Projected(_)));
    projected
        .map(|it| it.name.as_str())
        .filter(|it| {
            it.strip_prefix(API_TOKEN)
                .and_then(|it| it.strip_prefix('-'))
                .is_some_and(|it| it.len() == 5)
        })
        .collect()
}

const API_TOKEN: &str = "kube-api-access";

fn volume_name(name: &str, api_tokens: &BTreeSet<&str>, pool: &mut Pool) -> Text {
    // Two such volumes in one pod are told apart by their names alone, so they keep them.
    let canonical = api_tokens.len() == 1 && api_tokens.contains(name);
    pool.text(if canonical { API_TOKEN } else { name })
}

fn container(
    kind: ContainerKind,
    container: &slim::Container<'_>,
    api_tokens: &BTreeSet<&str>,
    pool: &mut Pool,
) -> Container {
    let env = container.env.as_ref().map(|it| &*it.0).unwrap_or_default();
    let mounts = items(&container.volume_mounts).iter().map(|it| Mount {
        volume: volume_name(text(&it.name), api_tokens, pool),
        path: pool.text(text(&it.mount_path)),
        sub_path: non_empty(&it.sub_path).map(|it| pool.text(it)),
        read_only: it.read_only.unwrap_or_default(),
    });
    let mounts = mounts.collect();
    Container {
        name: pool.text(text(&container.name)),
        kind,
        image: pool.text(text(&container.image)),
        env: env.iter().map(|it| env_var(it, pool)).collect(),
        env_from: items(&container.env_from).iter().filter_map(|it| env_from(it, pool)).collect(),
        mounts,
    }
}

fn env_var(entry: &slim::EnvEntry<'_>, pool: &mut Pool) -> EnvVar {
    let name = entry.name.as_str();
    let value = match (&entry.value_from, text(&entry.value)) {
        (Some(it), "") => EnvValue::From(pool.text(&origin(it))),
        (_, value) if is_credential(name, value) => EnvValue::Redacted,
        (_, value)
            if name.to_ascii_lowercase().ends_with("http_proxy")
                || name.to_ascii_lowercase().ends_with("https_proxy") =>
        {
            let bare = without_userinfo(value);
            EnvValue::Literal(pool.text(bare.as_deref().unwrap_or(value)))
        }
        (_, value) => EnvValue::Literal(pool.text(value)),
    };
    EnvVar { name: pool.text(name), value }
}

/// `secret NAME/KEY`, `configmap NAME/KEY`, `field PATH`, or `resource` for the rest.
fn origin(from: &slim::ValueFrom<'_>) -> String {
    let key =
        |kind: &str, it: &slim::KeyRef<'_>| format!("{kind} {}/{}", text(&it.name), text(&it.key));
    if let Some(it) = &from.secret_key_ref {
        key("secret", it)
    } else if let Some(it) = &from.config_map_key_ref {
        key("configmap", it)
    } else if let Some(it) = &from.field_ref {
        format!("field {}", text(&it.field_path))
    } else {
        "resource".to_owned()
    }
}

/// `None` when it names neither kind.
fn env_from(from: &slim::EnvFrom<'_>, pool: &mut Pool) -> Option<EnvFrom> {
    let (of, optional) = match (&from.config_map_ref, &from.secret_ref) {
        (Some(it), _) => (EnvSource::ConfigMap(pool.text(text(&it.name))), it.optional),
        (None, Some(it)) => (EnvSource::Secret(pool.text(text(&it.name))), it.optional),
        (None, None) => return None,
    };
    Some(EnvFrom {
        of,
        prefix: pool.text(text(&from.prefix)),
        optional: optional.unwrap_or_default(),
    })
}

fn volume(volume: &slim::Volume<'_>, api_tokens: &BTreeSet<&str>, pool: &mut Pool) -> Volume {
    let source = match &volume.source {
        slim::VolumeSource::Projected(it) => {
            let tokens =
                items(&it.sources).iter().filter_map(|it| it.service_account_token.as_ref());
            VolumeSource::Projected(tokens.map(|it| token(it, pool)).collect())
        }
        slim::VolumeSource::Secret(it) => VolumeSource::Secret(pool.text(it.as_str())),
        slim::VolumeSource::ConfigMap(it) => VolumeSource::ConfigMap(pool.text(it.as_str())),
        slim::VolumeSource::Other(it) => VolumeSource::Other(pool.text(it.as_str())),
        slim::VolumeSource::Unsaid => VolumeSource::Other(pool.text("emptyDir")),
    };
    Volume { name: volume_name(volume.name.as_str(), api_tokens, pool), source }
}

fn token(token: &slim::Token<'_>, pool: &mut Pool) -> TokenSource {
    TokenSource {
        audience: pool.text(text(&token.audience)),
        expiration_seconds: token.expiration_seconds,
        path: pool.text(text(&token.path)),
    }
}
