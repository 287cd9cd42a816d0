//! Kubernetes objects lowered to facts: which entries are kept, what a missing field stands for, what is redacted.
//!
//! Texts stay verbatim, control characters included: a newline in an annotation is a finding. They are escaped only
//! where they are shown.

mod pod;
mod rollout;

pub(crate) use pod::pod;
pub(crate) use rollout::budget;

use crate::{
    fact::{
        Labels, Namespace, Node, Owner, Selector, SelectorTerm, ServiceAccount, Webhook,
        WebhookRule, Workload, redact::looks_like_credential,
    },
    ident::{SaKey, Text, WorkloadKind},
    source::slim::{
        Pool,
        meta::{Meta, marks_manager, names_identity, timestamp},
        objects as slim,
        value::{Pairs, Str, items, non_empty, text},
    },
};

pub(crate) fn namespace(namespace: &slim::Namespace<'_>, pool: &mut Pool) -> Namespace {
    let meta = &namespace.metadata;
    let terminating = namespace.status.as_ref().is_some_and(|it| text(&it.phase) == "Terminating");
    Namespace {
        name: pool.text(meta.name()),
        created: meta.created(),
        deleting: meta.deleting() || terminating,
        labels: labels(meta.labels.as_ref(), pool),
        annotations: keep_pairs(meta.annotations.as_ref(), names_identity, pool),
    }
}

pub(crate) fn service_account(
    account: &slim::ServiceAccount<'_>,
    pool: &mut Pool,
) -> ServiceAccount {
    let meta = &account.metadata;
    let touched = items(&meta.managed_fields)
        .iter()
        .filter(|it| it.fields_v1.as_ref().is_some_and(slim::Fields::touch_role))
        .max_by_key(|it| timestamp(&it.time));
    ServiceAccount {
        key: SaKey::new(pool.text(meta.namespace()), pool.text(meta.name())),
        uid: meta.uid().into(),
        created: meta.created(),
        annotations: keep_pairs(meta.annotations.as_ref(), tells, pool),
        labels: keep_pairs(meta.labels.as_ref(), |_| true, pool),
        annotation_changed: touched.and_then(|it| timestamp(&it.time)),
        annotation_manager: touched.and_then(|it| non_empty(&it.manager)).map(|it| pool.text(it)),
    }
}

pub(crate) fn workload(
    kind: WorkloadKind,
    workload: &slim::Workload<'_>,
    pool: &mut Pool,
) -> Workload {
    let spec = workload.spec.as_ref();
    let conditions = workload.status.as_ref().map(|it| items(&it.conditions)).unwrap_or_default();
    let counted = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::ReplicaSet => true,
        WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob => false,
    };
    let create_errors = conditions
        .iter()
        .filter(|it| text(&it.reason) == "FailedCreate" && text(&it.status) != "False")
        .filter_map(|it| non_empty(&it.message))
        .map(|it| pool.text(it))
        .collect();
    let ended = |it: &slim::Condition<'_>| {
        matches!(text(&it.kind), "Complete" | "Failed") && text(&it.status) == "True"
    };
    let mut res = bare_workload(kind, &workload.metadata, pool);
    let template = spec.and_then(|it| it.template.as_ref());
    // The API server writes 1 where a manifest says nothing.
    res.replicas = counted.then(|| spec.and_then(|it| it.replicas).unwrap_or(1));
    res.rollout = rollout::rollout(kind, spec, pool);
    res.create_errors = create_errors;
    res.template_labels = pod::template_labels(template, pool);
    res.template = pod::template(template, pool);
    res.completed = kind == WorkloadKind::Job && conditions.iter().any(ended);
    res
}

pub(crate) fn cron_job(job: &slim::CronJob<'_>, pool: &mut Pool) -> Workload {
    let job_template = job.spec.as_ref().and_then(|it| it.job_template.as_ref());
    let spec = job_template.and_then(|it| it.spec.as_ref());
    let template = spec.and_then(|it| it.template.as_ref());
    let mut res = bare_workload(WorkloadKind::CronJob, &job.metadata, pool);
    res.template_labels = pod::template_labels(template, pool);
    res.template = pod::template(template, pool);
    res
}

/// Whether a key could name a role, or says who manages the object.
fn tells(key: &str) -> bool {
    names_identity(key) || marks_manager(key)
}

/// What the metadata alone say.
fn bare_workload(kind: WorkloadKind, meta: &Meta<'_>, pool: &mut Pool) -> Workload {
    Workload {
        kind,
        namespace: pool.text(meta.namespace()),
        name: meta.name().into(),
        uid: meta.uid().into(),
        created: meta.created(),
        owner: owner(meta, pool),
        replicas: None,
        rollout: None,
        create_errors: Vec::new(),
        annotations: keep_pairs(meta.annotations.as_ref(), tells, pool),
        labels: keep_pairs(meta.labels.as_ref(), tells, pool),
        template_labels: pool.labels(Vec::new()),
        template: pod::template(None, pool),
        completed: false,
    }
}

pub(crate) fn node(node: &slim::Node<'_>, pool: &mut Pool) -> Node {
    const PREFIXES: [&str; 3] = ["eks.amazonaws.com/", "alpha.eksctl.io/", "karpenter.sh/"];
    let keep = |key: &str| {
        PREFIXES.iter().any(|it| key.starts_with(it))
            || matches!(key, "kubernetes.io/os" | "kubernetes.io/arch")
    };
    let meta = &node.metadata;
    let status = node.status.as_ref();
    Node {
        name: pool.text(meta.name()),
        created: meta.created(),
        ready: status.is_some_and(|it| is_true(&it.conditions, "Ready")),
        provider_id: node.spec.as_ref().and_then(|it| non_empty(&it.provider_id)).map(Text::from),
        labels: keep_pairs(meta.labels.as_ref(), keep, pool),
    }
}

/// `None` for a configuration that neither bears the webhook's name nor has a rule about pods.
pub(crate) fn webhook(webhook: &slim::Webhook<'_>, pool: &mut Pool) -> Option<Webhook> {
    let meta = &webhook.metadata;
    let hooks = items(&webhook.webhooks);
    let rules = || hooks.iter().flat_map(|it| items(&it.rules));
    let concerns_pods = meta.name() == Webhook::POD_IDENTITY || rules().any(names_pods);
    concerns_pods.then(|| Webhook {
        name: pool.text(meta.name()),
        created: meta.created(),
        changed: items(&meta.managed_fields).iter().filter_map(|it| timestamp(&it.time)).max(),
        hooks: hooks.iter().map(|it| hook(it, pool)).collect(),
    })
}

fn hook(hook: &slim::Hook<'_>, pool: &mut Pool) -> WebhookRule {
    let client = hook.client_config.as_ref();
    let service = client.and_then(|it| it.service.as_ref());
    let or = |field: &Option<Str<'_>>, default: &'static str, pool: &mut Pool| {
        pool.text(non_empty(field).unwrap_or(default))
    };
    WebhookRule {
        name: pool.text(text(&hook.name)),
        url: client.and_then(|it| non_empty(&it.url)).map(|it| pool.text(it)),
        service: service
            .map(|it| pool.text(&format!("{}/{}", text(&it.namespace), text(&it.name)))),
        // Defaults of admissionregistration.k8s.io/v1.
        failure_policy: or(&hook.failure_policy, "Fail", pool),
        reinvocation_policy: or(&hook.reinvocation_policy, "Never", pool),
        admission_review_versions: items(&hook.admission_review_versions)
            .iter()
            .map(|it| pool.text(it.as_str()))
            .collect(),
        covers_pod_create: items(&hook.rules).iter().any(|it| {
            names_pods(it)
                && has(&it.operations, &["CREATE", "*"])
                && matches!(text(&it.scope), "" | "*" | "Namespaced")
        }),
        object_selector: selector(hook.object_selector.as_ref(), pool),
        namespace_selector: selector(hook.namespace_selector.as_ref(), pool),
        has_match_conditions: !items(&hook.match_conditions).is_empty(),
        has_ca_bundle: client.is_some_and(|it| non_empty(&it.ca_bundle).is_some()),
    }
}

/// Whether a rule is about core/v1 pods themselves. `pods/*` covers a resource with all its subresources, and so do the
/// wildcards (apiserver, `rules.Matcher`).
fn names_pods(rule: &slim::HookRule<'_>) -> bool {
    has(&rule.api_groups, &["", "*"])
        && has(&rule.api_versions, &["v1", "*"])
        && has(&rule.resources, &["pods", "pods/*", "*", "*/*"])
}

fn has(list: &Option<Vec<Str<'_>>>, any_of: &[&str]) -> bool {
    items(list).iter().any(|it| any_of.contains(&it.as_str()))
}

fn selector(selector: Option<&slim::Selector<'_>>, pool: &mut Pool) -> Selector {
    let Some(selector) = selector else { return Selector::default() };
    let expressions = items(&selector.match_expressions).iter().map(|it| SelectorTerm {
        key: pool.text(text(&it.key)),
        operator: pool.text(text(&it.operator)),
        values: items(&it.values).iter().map(|it| pool.text(it.as_str())).collect(),
    });
    let expressions = expressions.collect();
    Selector {
        match_labels: keep_pairs(selector.match_labels.as_ref(), |_| true, pool),
        expressions,
    }
}

fn owner<M>(meta: &Meta<'_, M>, pool: &mut Pool) -> Option<Owner> {
    let (kind, name) = meta.owner()?;
    Some(Owner { kind: pool.text(kind), name: pool.text(name) })
}

fn is_true(conditions: &Option<Vec<slim::Condition<'_>>>, kind: &str) -> bool {
    items(conditions).iter().any(|it| text(&it.kind) == kind && text(&it.status) == "True")
}

fn labels<K>(pairs: Option<&Pairs<'_, K>>, pool: &mut Pool) -> Labels {
    let labels = keep_pairs(pairs, |_| true, pool);
    pool.labels(labels)
}

/// Kept entries, sorted by key. A value that holds a credential is replaced: it is wrong there in any case.
fn keep_pairs<K>(
    pairs: Option<&Pairs<'_, K>>,
    keep: impl Fn(&str) -> bool,
    pool: &mut Pool,
) -> Vec<(Text, Text)> {
    let entries = pairs.map(|it| &*it.entries).unwrap_or_default();
    let mut res: Vec<_> = entries
        .iter()
        .filter(|(key, _)| keep(key.as_str()))
        .map(|(key, value)| {
            let secret = looks_like_credential(value.as_str());
            let value = if secret { "(redacted)" } else { value.as_str() };
            (pool.text(key.as_str()), pool.text(value))
        })
        .collect();
    res.sort();
    res
}

#[cfg(test)]
mod tests {
    use crate::{
        fact::{
            ContainerKind, EnvSource, EnvValue, Fact, Phase, Pod, ServiceAccount, TokenSource,
            VolumeSource, Webhook, Workload,
        },
        source::slim::{Kind, Pool, decode, key_names, object_from_json, pod_from_json},
    };
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn pod(value: Value) -> Pod {
        pod_from_json(&value).unwrap()
    }

    fn fact(value: Value) -> Fact {
        // Both ways in, from bytes with borrowed texts and from a tree, must agree.
        let object = object_from_json(&value).unwrap();
        let kind = Kind::parse(value["kind"].as_str().unwrap()).unwrap();
        let bytes = serde_json::to_vec(&value).unwrap();
        assert_eq!(decode(kind, &bytes, &mut Pool::default()).unwrap(), object);
        object.fact.unwrap()
    }

    fn service_account(value: Value) -> ServiceAccount {
        let Fact::ServiceAccount(it) = fact(value) else { panic!("not a ServiceAccount") };
        it
    }

    fn workload(value: Value) -> Workload {
        let Fact::Workload(it) = fact(value) else { panic!("not a workload") };
        it
    }

    fn webhook(value: Value) -> Webhook {
        let Fact::Webhook(it) = fact(value) else { panic!("not a webhook") };
        it
    }

    fn pairs(list: &[(Arc<str>, Arc<str>)]) -> Vec<(&str, &str)> {
        list.iter().map(|(key, value)| (&**key, &**value)).collect()
    }

    #[test]
    fn environment_entries() {
        let check = |entry: Value, expected: Option<EnvValue>| {
            let shown = entry.to_string();
            let pod = pod(json!({"spec": {"containers": [{"name": "app", "env": [entry]}]}}));
            let found = pod.spec.containers[0].env.first().map(|it| it.value.clone());
            assert_eq!(found, expected, "{shown}");
        };
        let literal = |it: &str| Some(EnvValue::Literal(it.into()));
        let from = |it: &str| Some(EnvValue::From(it.into()));
        check(json!({"name": "AWS_REGION", "value": "eu-west-1"}), literal("eu-west-1"));
        check(json!({"name": "AWS_REGION"}), literal(""));
        check(json!({"name": "AWS_REGION", "value": null, "valueFrom": null}), literal(""));
        check(json!({"name": "AWS_REGION", "value": "a\n\u{1b}[2J"}), literal("a\n\u{1b}[2J"));
        check(json!({"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}), Some(EnvValue::Redacted));
        check(json!({"name": "AWS_ACCESS_KEY_ID", "value": ""}), literal(""));
        check(json!({"name": "HTTPS_PROXY", "value": "http://u:p@h:1"}), literal("http://h:1"));
        check(json!({"name": "no_proxy", "value": ".svc"}), literal(".svc"));
        check(json!({"name": "HOME", "value": "/root"}), literal("/root"));
        check(json!({"name": "DATABASE_URL", "value": "x"}), None);
        check(
            json!({"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "id"}}}),
            from("secret aws/id"),
        );
        check(
            json!({"name": "AWS_REGION", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}),
            from("configmap c/k"),
        );
        check(
            json!({"name": "AWS_ROLE_SESSION_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
            from("field metadata.name"),
        );
    }

    #[test]
    fn pod_fields_that_decide_identity() {
        let pod = pod(json!({
            "metadata": {
                "name": "web-1", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-01-02T03:04:05Z",
                "annotations": {"eks.amazonaws.com/skip-containers": "a, b", "note": "x", "iam.amazonaws.com/role": "r"},
                "labels": {"app": "web", "pod-template-hash": "abc", "app.kubernetes.io/name": "web"},
                "ownerReferences": [
                    {"kind": "Thing", "name": "t", "controller": false},
                    {"kind": "ReplicaSet", "name": "web-abc", "controller": true},
                ],
            },
            "spec": {
                "serviceAccountName": "web", "nodeName": "n1", "hostNetwork": true, "schedulerName": "s",
                "securityContext": {"fsGroup": 65534},
                "nodeSelector": {"beta.kubernetes.io/os": "windows"},
                "initContainers": [{"name": "init", "image": "i"}],
                "containers": [{
                    "name": "app", "image": "a",
                    "envFrom": [
                        {"prefix": "P_", "configMapRef": {"name": "c"}},
                        {"secretRef": {"name": "s", "optional": true}},
                    ],
                    "volumeMounts": [{"name": "kube-api-access-x7k2p", "mountPath": "/t", "readOnly": true}],
                }],
                "ephemeralContainers": [{"name": "debug"}],
                "volumes": [
                    {"name": "kube-api-access-x7k2p", "projected": {"sources": [
                        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                        {"configMap": {"name": "kube-root-ca.crt"}},
                    ]}},
                    {"secret": {"secretName": "s"}, "name": "creds"},
                    {"name": "cm", "configMap": {"name": "c"}},
                    {"name": "tmp", "emptyDir": {}},
                    {"name": "bare"},
                ],
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"state": {"running": {}}}, {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            },
        }));
        assert_eq!((&*pod.namespace, &*pod.name, &*pod.uid), ("shop", "web-1", "u1"));
        assert_eq!(pod.created.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(pod.owner.as_ref().map(|it| &*it.name), Some("web-abc"));
        assert_eq!((pod.phase, pod.ready, pod.deleting), (Phase::Running, false, false));
        assert_eq!(pod.waiting.as_deref(), Some("CrashLoopBackOff"));
        let spec = &pod.spec;
        assert_eq!((&*spec.service_account, spec.service_account_named), ("web", true));
        assert!(spec.host_network && spec.windows_selector && !spec.windows_affinity);
        assert_eq!((spec.fs_group, spec.scheduler.as_deref()), (Some(65534), Some("s")));
        assert_eq!(pairs(&spec.labels), [("app", "web"), ("app.kubernetes.io/name", "web")]);
        let all = [("app", "web"), ("app.kubernetes.io/name", "web"), ("pod-template-hash", "abc")];
        assert_eq!(pairs(&pod.labels), all);
        assert_eq!(
            pairs(&spec.annotations),
            [("eks.amazonaws.com/skip-containers", "a, b"), ("iam.amazonaws.com/role", "r")]
        );
        let kinds: Vec<_> = spec.containers.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [ContainerKind::Init, ContainerKind::Main, ContainerKind::Ephemeral]);
        let app = &spec.containers[1];
        assert_eq!(app.env_from[0].of, EnvSource::ConfigMap("c".into()));
        assert_eq!((&*app.env_from[0].prefix, app.env_from[0].optional), ("P_", false));
        assert_eq!(
            (&app.env_from[1].of, app.env_from[1].optional),
            (&EnvSource::Secret("s".into()), true)
        );
        assert_eq!((&*app.mounts[0].volume, app.mounts[0].read_only), ("kube-api-access", true));
        let volumes: Vec<_> =
            spec.volumes.iter().map(|it| (&*it.name, it.source.clone())).collect();
        let token = TokenSource {
            audience: "".into(),
            expiration_seconds: Some(3607),
            path: "token".into(),
        };
        assert_eq!(
            volumes,
            [
                ("kube-api-access", VolumeSource::Projected(vec![token])),
                ("creds", VolumeSource::Secret("s".into())),
                ("cm", VolumeSource::ConfigMap("c".into())),
                ("tmp", VolumeSource::Other("emptyDir".into())),
                ("bare", VolumeSource::Other("emptyDir".into())),
            ]
        );
    }

    #[test]
    fn nulls_and_absences_are_tolerated() {
        let bare = pod(json!({"metadata": {"name": "p"}}));
        assert_eq!((&*bare.namespace, &*bare.spec.service_account), ("default", "default"));
        assert_eq!((bare.spec.service_account_named, bare.phase), (false, Phase::Pending));
        let nulls = pod(json!({
            "metadata": {
                "name": "p", "annotations": null, "labels": null, "ownerReferences": null,
                "creationTimestamp": null, "deletionTimestamp": null, "managedFields": null,
            },
            "spec": {
                "volumes": null, "initContainers": null, "affinity": null, "nodeSelector": null,
                "ephemeralContainers": null, "securityContext": null, "containers": null,
            },
            "status": {"conditions": null, "containerStatuses": null, "phase": null},
        }));
        assert_eq!(nulls, bare);
        let deprecated = pod(json!({"spec": {"serviceAccount": "old"}}));
        assert_eq!(&*deprecated.spec.service_account, "old");
    }

    #[test]
    fn windows_by_affinity() {
        let check = |operator: &str, value: &str, expected: bool| {
            let expression =
                json!({"key": "kubernetes.io/os", "operator": operator, "values": [value]});
            let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
            let affinity =
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
            let pod = pod(json!({"spec": {"affinity": affinity}}));
            assert_eq!(pod.spec.windows_affinity, expected, "{operator} {value}");
        };
        check("In", "windows", true);
        check("NotIn", "windows", false);
        check("In", "linux", false);
    }

    #[test]
    fn replicas_of_one_template_share_their_spec() {
        let mut pool = Pool::default();
        let mut lower = |suffix: &str| {
            let volume = format!("kube-api-access-{suffix}");
            let json = json!({
                "metadata": {"name": suffix, "labels": {"statefulset.kubernetes.io/pod-name": suffix}},
                "spec": {
                    "containers": [{"name": "a", "volumeMounts": [{"name": volume, "mountPath": "/t"}]}],
                    "volumes": [{"name": volume, "projected": {"sources": []}}],
                },
            });
            let object = decode(Kind::Pod, json.to_string().as_bytes(), &mut pool).unwrap();
            let Some(Fact::Pod(pod)) = object.fact else { panic!("not a pod") };
            pod
        };
        let (a, b) = (lower("aaaaa"), lower("bbbbb"));
        assert!(Arc::ptr_eq(&a.spec, &b.spec));
        assert_ne!(a.labels, b.labels);
        assert!(Arc::ptr_eq(&a.labels, &lower("aaaaa").labels));
    }

    #[test]
    fn errors_in_last_words() {
        let refused = "WebIdentityErr: failed to retrieve credentials\ncaused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity";
        let check = |status: Value, expected: Option<u8>| {
            let shown = status.to_string();
            let pod = pod(
                json!({"status": {"containerStatuses": [{"name": "a", "state": {"running": {}}}, status]}}),
            );
            assert_eq!(pod.printed, expected, "{shown}");
        };
        let ended = |message: &str| json!({"terminated": {"exitCode": 1, "message": message}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        check(json!({"state": ended(refused)}), Some(5));
        check(json!({"state": waiting, "lastState": ended(refused)}), Some(5));
        check(json!({"state": {"running": {}}, "lastState": ended(refused)}), None);
        check(json!({"state": waiting, "lastState": ended("panic: out of cheese")}), None);
        check(json!({"state": waiting, "lastState": {"terminated": {"exitCode": 1}}}), None);
        check(json!({"state": waiting}), None);
    }

    #[test]
    fn service_accounts_keep_what_could_name_a_role() {
        let role = "eks.amazonaws.com/role-arn";
        let account = service_account(json!({
            "kind": "ServiceAccount",
            "metadata": {
                "name": "web", "namespace": "shop", "resourceVersion": "7",
                "annotations": {role: "arn\n", "note": "x", "eks.amazonaws.com/Role-Arn": "y", "my-role": "z", "meta.helm.sh/release-name": "r"},
                "labels": {"b": "2", "a": "1"},
                "managedFields": [
                    {"manager": "old", "time": "2026-01-01T00:00:00Z",
                     "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:eks.amazonaws.com/role-arn": {}}}}},
                    {"manager": "helm", "time": "2026-02-01T00:00:00Z",
                     "fieldsV1": {"f:metadata": {"f:annotations": {"f:eks.amazonaws.com/role-arn": {}}}}},
                    {"manager": "other", "time": "2026-03-01T00:00:00Z",
                     "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}, "f:secrets": {}}},
                ],
            },
        }));
        assert_eq!(
            pairs(&account.annotations),
            [
                ("eks.amazonaws.com/Role-Arn", "y"),
                (role, "arn\n"),
                ("meta.helm.sh/release-name", "r"),
                ("my-role", "z")
            ]
        );
        assert_eq!(pairs(&account.labels), [("a", "1"), ("b", "2")]);
        assert_eq!(account.annotation_manager.as_deref(), Some("helm"));
        assert_eq!(account.annotation_changed.unwrap().to_string(), "2026-02-01T00:00:00Z");
    }

    #[test]
    fn workloads_and_their_templates() {
        let template = json!({"metadata": {"labels": {"tier": "a"}},
            "spec": {"serviceAccountName": "web", "containers": [{"name": "a"}]}});
        let deployment = workload(json!({
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": template},
            "status": {"conditions": [
                {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "forbidden"},
                {"type": "Available", "status": "True", "reason": "x", "message": "y"},
            ]},
        }));
        assert_eq!((deployment.replicas, &*deployment.template.service_account), (Some(1), "web"));
        assert_eq!(pairs(&deployment.template_labels), [("tier", "a")]);
        assert_eq!(deployment.create_errors, ["forbidden".into()]);
        let cron = workload(json!({
            "kind": "CronJob",
            "metadata": {"name": "nightly", "namespace": "shop"},
            "spec": {"jobTemplate": {"spec": {"template": template}}},
        }));
        assert_eq!((cron.replicas, &*cron.template.service_account), (None, "web"));
        assert_eq!(pairs(&cron.template_labels), [("tier", "a")]);
        let check = |kind: &str, condition: &str, expected: bool| {
            let status = json!({"conditions": [{"type": condition, "status": "True"}]});
            let found =
                workload(json!({"kind": kind, "metadata": {"name": "j"}, "status": status}));
            assert_eq!(found.completed, expected, "{kind} {condition}");
        };
        check("Job", "Complete", true);
        check("Job", "Failed", true);
        check("Job", "Suspended", false);
        check("StatefulSet", "Complete", false);
    }

    #[test]
    fn webhook_rules_that_cover_pods() {
        let check = |rule: Value, expected: Option<bool>| {
            let shown = rule.to_string();
            let object = object_from_json(&json!({
                "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "some"},
                "webhooks": [{"name": "h", "rules": [rule]}],
            }));
            let found = object.unwrap().fact.map(|it| {
                let Fact::Webhook(it) = it else { panic!("not a webhook") };
                it.hooks[0].covers_pod_create
            });
            assert_eq!(found, expected, "{shown}");
        };
        let rule = |groups: &str, resources: &str, operations: &str| json!({"apiGroups": [groups], "apiVersions": ["v1"], "resources": [resources], "operations": [operations]});
        check(rule("", "pods", "CREATE"), Some(true));
        check(rule("*", "*/*", "*"), Some(true));
        check(rule("", "pods", "UPDATE"), Some(false));
        check(rule("", "pods/exec", "CREATE"), None);
        check(rule("apps", "deployments", "CREATE"), None);
        let mut cluster = rule("", "pods", "CREATE");
        cluster["scope"] = json!("Cluster");
        check(cluster, Some(false));

        let found = webhook(json!({
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "pod-identity-webhook", "managedFields": [
                {"manager": "kube-apiserver", "time": "2026-01-01T00:00:00Z", "fieldsV1": {}},
                {"manager": "kubectl-edit", "time": "2026-01-02T00:00:00Z"},
            ]},
            "webhooks": [{
                "matchConditions": [{"name": "c", "expression": "true"}],
                "name": "iam-for-pods.amazonaws.com",
                "clientConfig": {"url": "https://127.0.0.1:23443/mutate", "caBundle": "AAAA"},
                "objectSelector": {"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]},
            }],
        }));
        let hook = &found.hooks[0];
        assert_eq!((&*hook.failure_policy, &*hook.reinvocation_policy), ("Fail", "Never"));
        assert!(hook.has_ca_bundle && !hook.covers_pod_create && hook.service.is_none());
        assert!(hook.has_match_conditions);
        assert_eq!(found.changed.unwrap().to_string(), "2026-01-02T00:00:00Z");
        assert_eq!(&*hook.object_selector.expressions[0].operator, "DoesNotExist");
    }

    #[test]
    fn key_names_without_values() {
        let json = br#"{"data":{"b":"secret","a":"x"},"binaryData":{"c":"AA=="}}"#;
        assert_eq!(key_names(json).unwrap(), ["a".into(), "b".into(), "c".into()]);
        assert_eq!(key_names(b"{}").unwrap(), []);
        assert!(key_names(b"[").is_err());
    }

    #[test]
    fn wrong_shapes_are_errors() {
        for json in ["", "[]", r#"{"spec":{"containers":{}}}"#, r#"{"metadata":7}"#] {
            assert!(decode(Kind::Pod, json.as_bytes(), &mut Pool::default()).is_err(), "{json}");
        }
    }
}
