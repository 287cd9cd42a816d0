//! From the documents of a file to a world: implied objects, times, identifiers, admission and status.

use crate::{
    ident::{AccountId, Arn, SaKey, Text, Timestamp},
    lab::{
        admission, ids,
        resource::{self, Resource},
        scenario::{
            Association, Caller, Cluster, Draft, Provider, ScenarioError, World,
            dates::{ASSOCIATION, CLUSTER, IAM, NODE, ago, date},
            furniture,
            kinds::{Aged, AssociationDoc, CallerDoc, ClusterDoc, ProviderDoc},
            node::At,
            object::Object,
            values::partition_of,
        },
        status,
    },
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub fn complete(mut draft: Draft, now: Timestamp) -> Result<World, ScenarioError> {
    let start = At { line: 1, column: 1 };
    let cluster = draft.cluster.take().ok_or_else(|| {
        ScenarioError::new(start, "expected exactly one `EksCluster`, found none")
    })?;
    let cluster = describe(cluster, now);
    if let Some(without) = draft.defaults {
        furniture::add(&mut draft, &cluster, without, now);
    }
    let resources = resource::all(draft.objects.iter().map(|it| &it.value));
    imply(&mut draft.objects, &resources);
    reject_doubles(&draft)?;
    date(&mut draft.objects, &cluster, now);
    let node_order = node_order(&draft);
    label_nodes(&mut draft);
    link_owners(&mut draft.objects);

    let partition = cluster.partition();
    let since = |age: SignedDuration| ago(now, age).max(cluster.created);
    let aged = |it: Option<Timestamp>, age: SignedDuration| it.unwrap_or_else(|| since(age));
    let providers = draft.providers.iter().map(|it| Provider {
        account: it.it.account.clone(),
        partition: partition_of(&it.it.account, &draft.roles, &partition),
        url: it.it.url.clone(),
        client_ids: it.it.client_ids.clone(),
        thumbprints: it.it.thumbprints.clone(),
        created: aged(it.created, IAM),
    });
    let mut n_alike: BTreeMap<(Text, SaKey), usize> = BTreeMap::new();
    let mut number = |it: &AssociationDoc| {
        let there = it.cluster.clone().unwrap_or_else(|| cluster.name.clone());
        let n = n_alike.entry((there, it.service_account.clone())).or_default();
        *n += 1;
        *n
    };
    let mut world = World {
        now,
        other_clusters: draft.other_clusters.into_iter().map(|it| describe(it, now)).collect(),
        node_order,
        providers: providers.collect(),
        associations: draft
            .associations
            .into_iter()
            .map(|it| {
                let number = number(&it.it);
                associate(it, number, &cluster, aged(None, ASSOCIATION))
            })
            .collect(),
        roles: draft
            .roles
            .into_iter()
            .map(|it| crate::lab::scenario::Role { created: aged(it.created, IAM), ..it.it })
            .collect(),
        policies: draft.policies,
        addons: draft.addons,
        nodegroups: draft.nodegroups,
        instances: draft.instances,
        access_entries: draft.access_entries,
        caller: caller(draft.caller.unwrap_or_default(), &cluster),
        faults: draft.faults,
        churns: draft.churns,
        objects: Vec::new(),
        cluster,
    };
    let verbatim: BTreeSet<_> =
        draft.objects.iter().filter(|it| it.verbatim).map(|it| identity(&it.value)).collect();
    world.objects = draft.objects.into_iter().map(|it| it.value).collect();
    admit_pods(&mut world, &verbatim);
    status::fill_all(&mut world.objects, &world.node_order, now);
    for addon in &mut world.addons {
        addon.created = ago(now, NODE).max(world.cluster.created);
    }
    for group in &mut world.nodegroups {
        group.created = ago(now, NODE).max(world.cluster.created);
    }
    for entry in &mut world.access_entries {
        entry.created = ago(now, IAM).max(world.cluster.created);
    }
    Ok(world)
}

fn describe(doc: ClusterDoc, now: Timestamp) -> Cluster {
    Cluster {
        published_issuer: doc.published_issuer.or_else(|| doc.issuer.clone()),
        name: doc.name,
        account: doc.account,
        region: doc.region,
        issuer: doc.issuer,
        version: doc.version.unwrap_or_else(|| "1.34".into()),
        platform_version: doc.platform_version.unwrap_or_else(|| "eks.9".into()),
        authentication_mode: doc.authentication_mode.unwrap_or_else(|| "API".into()),
        auto_mode: doc.auto_mode,
        node_role: doc.node_role,
        created: doc.created.unwrap_or_else(|| ago(now, CLUSTER)),
        tags: doc.tags,
        identity_providers: doc.identity_providers,
    }
}

/// The `number`th of its ServiceAccount.
fn associate(
    it: Aged<AssociationDoc>,
    number: usize,
    cluster: &Cluster,
    otherwise: Timestamp,
) -> Association {
    let doc = it.it;
    let name = doc.cluster.unwrap_or_else(|| cluster.name.clone());
    let key = &doc.service_account;
    let apart = match number {
        1 => key.name.to_string(),
        n => format!("{}#{n}", key.name),
    };
    let created = it.created.unwrap_or(otherwise);
    Association {
        id: doc.id.unwrap_or_else(|| ids::association_id(&name, &key.namespace, &apart)),
        cluster: name,
        role: doc.role,
        target_role: doc.target_role,
        external_id: doc.external_id,
        disable_session_tags: doc.disable_session_tags,
        policy: doc.policy,
        owner: doc.owner,
        modified: doc.modified.unwrap_or(created),
        created,
        service_account: doc.service_account,
        tags: doc.tags,
    }
}

fn caller(doc: CallerDoc, cluster: &Cluster) -> Caller {
    let accounts = doc.accounts.unwrap_or_else(|| vec![cluster.account.clone()]);
    let home: &AccountId = accounts.first().unwrap_or(&cluster.account);
    let arn = format!("arn:{}:iam::{home}:user/lab", cluster.partition());
    Caller {
        arn: doc.arn.unwrap_or_else(|| Arn::new(arn)),
        accounts,
        deny: doc.deny,
        namespaces: doc.namespaces,
        deny_kube: doc.deny_kube,
    }
}

pub type Identity = (String, String, String);

/// Kind with group, namespace, name.
pub fn identity(value: &Value) -> Identity {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let (group, _) = resource::split(value["apiVersion"].as_str().unwrap_or_default());
    let metadata = &value["metadata"];
    (
        format!("{}.{group}", text(&value["kind"])),
        text(&metadata["namespace"]),
        text(&metadata["name"]),
    )
}

/// Two documents that name the same thing.
fn reject_doubles(draft: &Draft) -> Result<(), ScenarioError> {
    let mut seen = BTreeMap::new();
    let objects = draft.objects.iter().map(|it| {
        let (kind, namespace, name) = identity(&it.value);
        let slash = if namespace.is_empty() { "" } else { "/" };
        (it.at, format!("{} `{namespace}{slash}{name}`", kind.trim_end_matches('.')))
    });
    let roles = draft.roles.iter().map(|it| (it.at, format!("IamRole `{}`", it.it.arn)));
    let provider =
        |it: &Aged<ProviderDoc>| format!("OidcProvider `{}` of {}", it.it.url, it.it.account);
    let providers = draft.providers.iter().map(|it| (it.at, provider(it)));
    for (at, what) in objects.chain(roles).chain(providers) {
        if let Some(first) = seen.insert(what.clone(), at) {
            let message = format!("expected one {what}, the first is in line {}", first.line);
            return Err(ScenarioError::new(at, message));
        }
    }
    Ok(())
}

/// Namespaces that objects live in, and the ServiceAccount `default` of each.
fn imply(objects: &mut Vec<Object>, resources: &[Resource]) {
    let mut namespaces = BTreeSet::from(["default".to_owned(), "kube-system".to_owned()]);
    for object in objects.iter_mut() {
        let (group, _) = resource::split(object.api_version());
        let namespaced = resources
            .iter()
            .any(|it| it.group == group && it.kind == object.kind() && it.namespaced);
        if object.kind() == "Namespace" {
            namespaces.insert(object.name().to_owned());
        } else if namespaced {
            let namespace = object.namespace().unwrap_or("default").to_owned();
            object.value["metadata"]["namespace"] = namespace.clone().into();
            namespaces.insert(namespace);
        }
    }
    let present: BTreeSet<Identity> = objects
        .iter()
        .filter(|it| it.kind() == "Namespace" || it.kind() == "ServiceAccount")
        .map(|it| identity(&it.value))
        .collect();
    for namespace in namespaces {
        let mut add = |value: Value| {
            if !present.contains(&identity(&value)) {
                objects.push(Object::furniture(value));
            }
        };
        add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        add(json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace}}));
    }
    for object in objects.iter_mut().filter(|it| it.kind() == "Namespace") {
        let name = object.name().to_owned();
        object.value["metadata"]["labels"]["kubernetes.io/metadata.name"] = name.into();
        if object.value["status"].is_null() {
            object.value["status"] = json!({"phase": "Active"});
        }
    }
}

/// Furniture first, then by name.
fn node_order(draft: &Draft) -> Vec<Text> {
    let named: BTreeSet<&str> =
        draft.objects.iter().filter(|it| it.kind() == "Node").map(Object::name).collect();
    let first: Vec<&str> = match draft.defaults {
        Some(_) => furniture::node_names().filter(|it| named.contains(it)).collect(),
        None => Vec::new(),
    };
    let rest = named.iter().copied().filter(|it| !first.contains(it));
    first.iter().copied().chain(rest).map(Text::from).collect()
}

/// Nodes carry the name of their node group, as EKS makes them.
fn label_nodes(draft: &mut Draft) {
    const GROUP: &str = "eks.amazonaws.com/nodegroup";
    const COMPUTE: &str = "eks.amazonaws.com/compute-type";
    for object in draft.objects.iter_mut().filter(|it| it.kind() == "Node") {
        let name = object.name().to_owned();
        if object.value["metadata"]["labels"].is_null() {
            object.value["metadata"]["labels"] = json!({});
        }
        let labels = &mut object.value["metadata"]["labels"];
        for (key, value) in [("kubernetes.io/hostname", &*name), ("kubernetes.io/os", "linux")] {
            if labels[key].is_null() {
                labels[key] = value.into();
            }
        }
        let unmanaged = ["fargate", "hybrid", "auto"].iter().any(|it| labels[COMPUTE] == *it);
        let group = draft.nodegroups.iter().find(|it| match &it.nodes {
            Some(nodes) => nodes.iter().any(|it| **it == *name),
            None => !unmanaged,
        });
        if let (true, Some(group)) = (labels[GROUP].is_null(), group) {
            labels[GROUP] = (*group.name).into();
        } else if labels[GROUP].is_null()
            && let Some(map) = labels.as_object_mut()
        {
            map.shift_remove(GROUP);
        }
    }
}

/// Fills `ownerReferences[].uid`, and what else may be left out of them.
fn link_owners(objects: &mut [Object]) {
    let known: BTreeMap<(String, String, String), (Value, Value)> = objects
        .iter()
        .map(|it| {
            let (kind, namespace, name) = identity(&it.value);
            let kind = kind.split('.').next().unwrap_or_default().to_owned();
            let uid = it.value["metadata"]["uid"].clone();
            ((kind, namespace, name), (uid, it.value["apiVersion"].clone()))
        })
        .collect();
    for object in objects {
        let namespace = object.namespace().unwrap_or_default().to_owned();
        let owners = object.value.pointer_mut("/metadata/ownerReferences");
        let Some(owners) = owners.and_then(Value::as_array_mut) else { continue };
        for owner in owners {
            let text = |key: &str| owner[key].as_str().unwrap_or_default().to_owned();
            let (kind, name) = (text("kind"), text("name"));
            let found = known
                .get(&(kind.clone(), namespace.clone(), name.clone()))
                .or_else(|| known.get(&(kind.clone(), String::new(), name.clone())));
            let mut set = |key: &str, value: Value| {
                if owner[key].is_null() {
                    owner[key] = value;
                }
            };
            match found {
                Some((uid, version)) => {
                    set("uid", uid.clone());
                    set("apiVersion", version.clone());
                }
                None => set("uid", ids::uid(&["gone", &kind, &namespace, &name]).into()),
            }
            set("controller", true.into());
        }
    }
}

fn admit_pods(world: &mut World, verbatim: &BTreeSet<Identity>) {
    let mut objects = std::mem::take(&mut world.objects);
    let pods: Vec<usize> = (0..objects.len()).filter(|it| objects[*it]["kind"] == "Pod").collect();
    let admission = admission::Admission::of(world, &objects);
    let admitted: Vec<(usize, Value)> = pods
        .into_iter()
        .map(|it| {
            let mut pod = objects[it].clone();
            admission::default_service_account(&mut pod);
            if !verbatim.contains(&identity(&pod)) {
                admission.admit(&mut pod);
            }
            (it, pod)
        })
        .collect();
    drop(admission);
    for (i, pod) in admitted {
        objects[i] = pod;
    }
    world.objects = objects;
}
