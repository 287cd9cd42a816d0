//! The offline route of the Kubernetes side: what lists of every kind would bring.

use crate::{
    fact::{Change, Fact, KeyNames, Knowledge, Scope},
    ident::{Ref, Text},
    lab::{
        changes::{denied, refuse, replace},
        scenario::World,
    },
    source::slim::{self, Kind},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub fn changes(world: &World) -> Vec<Change> {
    let mut res = Vec::new();
    let mut facts: BTreeMap<Kind, Vec<Fact>> = BTreeMap::new();
    for object in &world.objects {
        let Some(kind) = object["kind"].as_str().and_then(Kind::parse) else { continue };
        // What cannot be decoded is skipped by the sources too.
        if let Ok(slim::Object { fact: Some(fact), .. }) = slim::object_from_json(object) {
            facts.entry(kind).or_default().push(fact);
        }
    }
    for kind in Kind::ALL {
        list(world, kind, facts.remove(&kind).unwrap_or_default(), &mut res);
    }
    key_names(world, &mut res);
    res
}

fn list(world: &World, kind: Kind, facts: Vec<Fact>, res: &mut Vec<Change>) {
    let (resource, namespaced) = resource(kind);
    if !world.caller.denies_kube("list", &resource, namespaced, None) {
        return replace(world, scope(kind, None), facts, res);
    }
    let permission = format!("list {resource}");
    refuse(world, scope(kind, None), denied(permission, ""), res);
    if !namespaced {
        return;
    }
    for namespace in world.caller.namespaces.iter().flatten() {
        let scope = scope(kind, Some(namespace.clone()));
        if world.caller.denies_kube("list", &resource, true, Some(namespace)) {
            refuse(world, scope, denied(format!("list {resource} in {namespace}"), ""), res);
            continue;
        }
        let own = facts.iter().filter(|it| namespace_of(&it.key()) == Some(namespace)).cloned();
        replace(world, scope, own.collect(), res);
    }
}

fn resource(kind: Kind) -> (String, bool) {
    let plural = format!("{}s", kind.as_str().to_lowercase());
    let namespaced = match kind {
        Kind::Pod | Kind::ServiceAccount | Kind::Budget | Kind::Workload(_) => true,
        Kind::Namespace | Kind::Node | Kind::Webhook => false,
    };
    (plural, namespaced)
}

fn scope(kind: Kind, namespace: Option<Text>) -> Scope {
    match kind {
        Kind::Pod => Scope::Pods { namespace },
        Kind::ServiceAccount => Scope::ServiceAccounts { namespace },
        Kind::Namespace => Scope::Namespaces,
        Kind::Node => Scope::Nodes,
        Kind::Webhook => Scope::Webhooks,
        Kind::Budget => Scope::Budgets { namespace },
        Kind::Workload(kind) => Scope::Workloads { kind, namespace },
    }
}

fn namespace_of(key: &Ref) -> Option<&Text> {
    match key {
        Ref::ServiceAccount(it) => Some(&it.namespace),
        Ref::Pod { namespace, .. }
        | Ref::Workload { namespace, .. }
        | Ref::Budget { namespace, .. }
        | Ref::ConfigMap { namespace, .. }
        | Ref::Secret { namespace, .. } => Some(namespace),
        Ref::Cluster
        | Ref::Namespace(_)
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => None,
    }
}

/// ConfigMaps that an `envFrom` names; Secrets stay unread as they do without `--read-secrets`.
fn key_names(world: &World, res: &mut Vec<Change>) {
    let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
    for object in &world.objects {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let specs = [
            &object["spec"],
            &object["spec"]["template"]["spec"],
            &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        ];
        for spec in specs {
            let all = ["initContainers", "containers"].map(|it| spec[it].as_array());
            for container in all.into_iter().flatten().flatten() {
                for from in container["envFrom"].as_array().into_iter().flatten() {
                    if let Some(name) = from["configMapRef"]["name"].as_str() {
                        wanted.insert((namespace.to_owned(), name.to_owned()));
                    }
                }
            }
        }
    }
    for (namespace, name) in wanted {
        let of =
            Ref::ConfigMap { namespace: namespace.as_str().into(), name: name.as_str().into() };
        let refused = world.caller.denies_kube("get", "configmaps", true, Some(&namespace));
        let found = world.objects.iter().find(|it| {
            it["kind"] == "ConfigMap"
                && it["metadata"]["namespace"] == *namespace
                && it["metadata"]["name"] == *name
        });
        let keys = match found {
            _ if refused => Knowledge::Denied(denied(format!("get configmaps in {namespace}"), "")),
            Some(it) => Knowledge::Known(keys_of(it)),
            None => Knowledge::Absent,
        };
        res.push(Change::Upsert(Box::new(Fact::KeyNames(KeyNames { of, keys }))));
    }
}

fn keys_of(config_map: &Value) -> Vec<Text> {
    let keys = ["data", "binaryData"].map(|it| config_map[it].as_object());
    let mut res: Vec<Text> =
        keys.into_iter().flatten().flat_map(|it| it.keys()).map(|it| it.as_str().into()).collect();
    res.sort();
    res
}
