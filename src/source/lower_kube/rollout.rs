//! How owners make their pods anew, with the API server's defaults where a manifest says nothing.

use crate::{
    fact::{Budget, Rollout, UpdateStrategy},
    ident::{Text, WorkloadKind},
    source::{
        lower_kube::selector,
        slim::{
            Pool,
            objects::{self as slim, IntOrText},
            value::non_empty,
        },
    },
};

pub(crate) fn rollout(
    kind: WorkloadKind,
    spec: Option<&slim::WorkloadSpec<'_>>,
    pool: &mut Pool,
) -> Option<Box<Rollout>> {
    // Defaults of apps/v1: of at most how many pods may be missing, and beyond how many there may be.
    let (written, unavailable, surge) = match kind {
        WorkloadKind::Deployment => (spec.and_then(|it| it.strategy.as_ref()), "25%", Some("25%")),
        WorkloadKind::StatefulSet => (spec.and_then(|it| it.update_strategy.as_ref()), "1", None),
        WorkloadKind::DaemonSet => {
            (spec.and_then(|it| it.update_strategy.as_ref()), "1", Some("0"))
        }
        WorkloadKind::ReplicaSet | WorkloadKind::Job | WorkloadKind::CronJob => return None,
    };
    let strategy = match written.and_then(|it| non_empty(&it.kind)) {
        None | Some("RollingUpdate") => {
            let rolling = written.and_then(|it| it.rolling_update.as_ref());
            let or = |it: Option<&IntOrText<'_>>, default: &str, pool: &mut Pool| match it {
                Some(IntOrText::Int(it)) => pool.text(&it.to_string()),
                Some(IntOrText::Text(it)) => pool.text(it.as_str()),
                None => pool.text(default),
            };
            UpdateStrategy::Rolling {
                max_unavailable: or(
                    rolling.and_then(|it| it.max_unavailable.as_ref()),
                    unavailable,
                    pool,
                ),
                max_surge: surge
                    .map(|it| or(rolling.and_then(|it| it.max_surge.as_ref()), it, pool)),
                partition: rolling.and_then(|it| it.partition).unwrap_or_default(),
            }
        }
        Some("Recreate") => UpdateStrategy::Recreate,
        Some("OnDelete") => UpdateStrategy::OnDelete,
        Some(other) => UpdateStrategy::Other(Text::from(other)),
    };
    let paused = spec.and_then(|it| it.paused).unwrap_or_default();
    Some(Box::new(Rollout { strategy, paused }))
}

pub(crate) fn budget(budget: &slim::Budget<'_>, pool: &mut Pool) -> Budget {
    let meta = &budget.metadata;
    let written = budget.spec.as_ref().and_then(|it| it.selector.as_ref());
    Budget {
        namespace: pool.text(meta.namespace()),
        name: pool.text(meta.name()),
        selector: written.map(|it| selector(Some(it), pool)),
        disruptions_allowed: budget.status.as_ref().and_then(|it| it.disruptions_allowed),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fact::{Budget, Fact, Rollout, Selector, UpdateStrategy},
        source::slim::object_from_json,
    };
    use serde_json::{Value, json};

    fn fact(value: &Value) -> Fact {
        object_from_json(value).unwrap().fact.unwrap()
    }

    #[test]
    fn strategies_with_the_defaults_of_the_api_server() {
        let check = |kind: &str, spec: Value, expected: Option<(UpdateStrategy, bool)>| {
            let object = json!({"kind": kind, "metadata": {"name": "w"}, "spec": spec});
            let Fact::Workload(it) = fact(&object) else { panic!("not a workload") };
            let expected =
                expected.map(|(strategy, paused)| Box::new(Rollout { strategy, paused }));
            assert_eq!(it.rollout, expected, "{object}");
        };
        let rolling =
            |unavailable: &str, surge: Option<&str>, partition: i32| UpdateStrategy::Rolling {
                max_unavailable: unavailable.into(),
                max_surge: surge.map(Into::into),
                partition,
            };
        check("Deployment", json!({}), Some((rolling("25%", Some("25%"), 0), false)));
        check(
            "Deployment",
            json!({"paused": true, "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}}}),
            Some((rolling("0", Some("50%"), 0), true)),
        );
        let recreate = json!({"strategy": {"type": "Recreate", "rollingUpdate": null}});
        check("Deployment", recreate, Some((UpdateStrategy::Recreate, false)));
        check("StatefulSet", json!({}), Some((rolling("1", None, 0), false)));
        check(
            "StatefulSet",
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}),
            Some((rolling("1", None, 2), false)),
        );
        let on_delete = || json!({"updateStrategy": {"type": "OnDelete"}});
        check("StatefulSet", on_delete(), Some((UpdateStrategy::OnDelete, false)));
        check("DaemonSet", on_delete(), Some((UpdateStrategy::OnDelete, false)));
        check("DaemonSet", json!({}), Some((rolling("1", Some("0"), 0), false)));
        check(
            "DaemonSet",
            json!({"updateStrategy": {"type": "InPlace"}}),
            Some((UpdateStrategy::Other("InPlace".into()), false)),
        );
        check("ReplicaSet", json!({"replicas": 2}), None);
        check("Job", json!({}), None);
    }

    #[test]
    fn budgets_with_and_without_a_selector() {
        let check = |spec: Value, status: Value, selector: Option<&str>, allowed: Option<i32>| {
            let object = json!({"kind": "PodDisruptionBudget",
                "metadata": {"name": "b", "namespace": "shop"}, "spec": spec, "status": status});
            let Fact::Budget(it) = fact(&object) else { panic!("not a budget") };
            let expected = Budget {
                namespace: "shop".into(),
                name: "b".into(),
                selector: selector.map(|it| Selector {
                    match_labels: match it {
                        "" => Vec::new(),
                        it => vec![("app".into(), it.into())],
                    },
                    expressions: Vec::new(),
                }),
                disruptions_allowed: allowed,
            };
            assert_eq!(it, expected, "{object}");
        };
        let web = json!({"selector": {"matchLabels": {"app": "web"}}});
        check(web.clone(), json!({"disruptionsAllowed": 0}), Some("web"), Some(0));
        check(web, Value::Null, Some("web"), None);
        check(json!({"selector": {}}), json!({}), Some(""), None);
        check(json!({"minAvailable": 1}), json!({"disruptionsAllowed": 2}), None, Some(2));
    }
}
