//! What might be behind a refused call: worlds that differ from the one at hand in nothing but what that call tells.
//!
//! They decide what may be said without it. What does not hold in one of them must not be said; what holds in all of
//! them must be.

use crate::calls::Call;
use idscope::{
    ident::{AccountId, Arn, SaKey, Text},
    lab::{
        World,
        scenario::{Addon, Association, Cluster, Policy, Provider},
    },
};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;

type Edit = Box<dyn Fn(&mut World)>;

/// What the call tells, by whose name the worlds behind it go.
pub fn subject(call: &Call) -> String {
    match call.to_string().as_str() {
        "eks:ListAddons" => "eks:DescribeAddon".to_owned(),
        "eks:ListNodegroups" => "eks:DescribeNodegroup".to_owned(),
        "iam:GetPolicyVersion" => "iam:GetPolicy".to_owned(),
        itself => itself.to_owned(),
    }
}

/// Some of the worlds that cannot be told apart without the call; `None` where next to nothing is left.
pub fn worlds(call: &Call, world: &World) -> Option<Vec<World>> {
    let with = |edits: Vec<Edit>| -> Option<Vec<World>> {
        let made = edits.iter().map(|edit| {
            let mut res = world.clone();
            edit(&mut res);
            res
        });
        Some(made.collect())
    };
    let api = match call {
        Call::Aws(it) => it.as_str(),
        Call::Kube { verb, resource } if verb == "get" && resource == "configmaps" => {
            return with(vec![
                Box::new(|it| it.objects.retain(|it| it["kind"] != "ConfigMap")),
                Box::new(|it| keys(it, &["COLOUR"])),
                Box::new(|it| keys(it, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])),
            ]);
        }
        Call::Kube { resource, .. } => {
            let (gone, more) = (resource.clone(), resource.clone());
            return with(vec![
                Box::new(move |it| remove(it, &gone)),
                Box::new(move |it| add(it, &more)),
            ]);
        }
        // Which version it is decides nothing, and which issuer it publishes can only be told by it.
        Call::Path(_) => return Some(Vec::new()),
    };
    match api {
        "eks:DescribeCluster" => None,
        "eks:DescribeAddon" | "eks:ListAddons" => with(vec![
            Box::new(|it| it.addons.clear()),
            Box::new(|it| {
                let created = it.cluster.created;
                it.addons.push(Addon {
                    name: "eks-pod-identity-agent".into(),
                    version: "v1.3.0-eksbuild.1".into(),
                    status: "ACTIVE".into(),
                    service_account_role: None,
                    associations: Vec::new(),
                    health_issues: Vec::new(),
                    configuration: None,
                    created,
                });
            }),
        ]),
        "eks:DescribeNodegroup" | "eks:ListNodegroups" => {
            with(vec![Box::new(|it| it.nodegroups.clear())])
        }
        "eks:DescribePodIdentityAssociation" => {
            let none = Arn::new(format!("arn:aws:iam::{}:role/none-such", world.cluster.account));
            with(vec![
                Box::new(move |world| {
                    for it in &mut world.associations {
                        it.role = none.clone();
                        it.target_role = None;
                        it.tags.clear();
                        it.created = world.cluster.created;
                        (it.disable_session_tags, it.policy, it.modified) =
                            (false, None, it.created);
                    }
                }),
                Box::new(|world| {
                    let now = world.now;
                    for it in &mut world.associations {
                        it.disable_session_tags = !it.disable_session_tags;
                        (it.created, it.modified) = (now, now);
                    }
                }),
            ])
        }
        "eks:ListClusters" => with(vec![
            Box::new(|it| it.other_clusters.clear()),
            Box::new(|it| it.other_clusters = clusters_of_all_issuers(it)),
        ]),
        "eks:ListIdentityProviderConfigs" => with(vec![
            Box::new(|it| it.cluster.identity_providers.clear()),
            Box::new(|it| it.cluster.identity_providers = vec!["corp".into()]),
        ]),
        "eks:ListPodIdentityAssociations" => with(vec![
            Box::new(|it| it.associations.clear()),
            Box::new(|it| {
                let of = accounts(it);
                let all = of.into_iter().map(|(ns, name)| association(it, &ns, &name)).collect();
                it.associations = all;
            }),
        ]),
        "iam:GetOpenIDConnectProvider" => {
            let all = |audience: &'static str, is_new: bool| -> Edit {
                Box::new(move |world| {
                    let created = if is_new { world.now } else { world.cluster.created };
                    for it in &mut world.providers {
                        it.client_ids = vec![audience.into()];
                        it.thumbprints = vec!["9e99a48a9960b14926bb7f3b02e22da2b0ab7280".into()];
                        it.created = created;
                    }
                })
            };
            with(vec![
                all("sts.amazonaws.com", false),
                all("sts.amazonaws.com", true),
                all("elsewhere", false),
            ])
        }
        "iam:ListOpenIDConnectProviders" => with(vec![
            // The cluster's own is read by its name.
            Box::new(|it| {
                let issuer = it.cluster.issuer.clone().unwrap_or_default();
                it.providers.retain(|it| issuer.ends_with(&*it.url));
            }),
            Box::new(|it| it.providers.extend(providers_of_all_roles(it))),
        ]),
        // The documents of AWS's own policies are known to nobody who may not read them.
        "iam:GetPolicy" | "iam:GetPolicyVersion" => {
            with(vec![documents(r#"{"Version":"2012-10-17","Statement":[]}"#), documents(ALL)])
        }
        "iam:ListAttachedRolePolicies" => with(vec![
            Box::new(|it| it.roles.iter_mut().for_each(|it| it.attached.clear())),
            Box::new(|it| {
                let partition = it.cluster.partition();
                let admin =
                    Arn::new(format!("arn:{partition}:iam::aws:policy/AdministratorAccess"));
                it.policies.push(Policy { arn: admin.clone(), document: ALL.into() });
                it.roles.iter_mut().for_each(|it| it.attached.push(admin.clone()));
            }),
        ]),
        "iam:ListRolePolicies" => with(vec![
            Box::new(|it| it.roles.iter_mut().for_each(|it| it.inline.clear())),
            Box::new(|it| it.roles.iter_mut().for_each(|it| it.inline = vec![all_of_it()])),
        ]),
        // Their names are known.
        "iam:GetRolePolicy" => {
            with(vec![inline(r#"{"Version":"2012-10-17","Statement":[]}"#), inline(ALL)])
        }
        "iam:GetRole" => with(vec![Box::new(|it| {
            for it in &mut it.roles {
                (it.boundary, it.last_used) = (None, None);
                it.tags.clear();
            }
        })]),
        "iam:ListRoles" => with(vec![Box::new(|it| {
            let named = named(it);
            it.roles.retain(|it| named.contains(it.arn.as_str()));
        })]),
        other => panic!("{other}: say what it tells"),
    }
}

const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn all_of_it() -> (Text, Text) {
    ("all".into(), ALL.into())
}

fn inline(text: &'static str) -> Edit {
    Box::new(move |it| {
        for (_, document) in it.roles.iter_mut().flat_map(|it| &mut it.inline) {
            *document = text.into();
        }
    })
}

fn documents(text: &'static str) -> Edit {
    Box::new(move |it| {
        let attached: BTreeSet<Arn> =
            it.roles.iter().flat_map(|it| it.attached.iter().cloned()).collect();
        it.policies.retain(|it| !attached.contains(&it.arn));
        let policy = |arn| Policy { arn, document: text.into() };
        it.policies.extend(attached.into_iter().map(policy));
    })
}

fn keys(world: &mut World, names: &[&str]) {
    for it in world.objects.iter_mut().filter(|it| it["kind"] == "ConfigMap") {
        it["data"] = names.iter().map(|it| ((*it).to_owned(), Value::from("x"))).collect();
        it["binaryData"] = Value::Null;
    }
}

/// Takes away what `list` of a resource brings.
fn remove(world: &mut World, resource: &str) {
    // A namespace that holds something is there.
    let held: BTreeSet<String> = world
        .objects
        .iter()
        .filter_map(|it| it["metadata"]["namespace"].as_str().map(str::to_owned))
        .collect();
    world.objects.retain(|it| {
        let name = it["metadata"]["name"].as_str().unwrap_or_default();
        plural(it) != resource || (resource == "namespaces" && held.contains(name))
    });
}

/// Puts there what would use, or make up for, whatever is named in vain.
fn add(world: &mut World, resource: &str) {
    let all = accounts(world);
    let more: Vec<Value> = match resource {
        "serviceaccounts" => {
            let object = |(namespace, name): &(String, String)| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(namespace, name)});
            all.iter().map(object).filter(|it| !has(world, it)).collect()
        }
        "namespaces" => {
            let names: BTreeSet<&String> = all.iter().map(|it| &it.0).collect();
            let object = |name: &&String| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            names.iter().map(object).filter(|it| !has(world, it)).collect()
        }
        "pods" => {
            let object = |(namespace, name): &(String, String)| {
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta(namespace, &format!("{name}-more")),
                    "spec": spec(name), "status": {"phase": "Running"}})
            };
            all.iter().map(object).collect()
        }
        "mutatingwebhookconfigurations" => {
            remove(world, resource);
            vec![standard_webhook()]
        }
        // Which nodes there are only says where pods run; of budgets nothing is judged.
        "nodes" | "poddisruptionbudgets" => Vec::new(),
        workloads => all_workloads(workloads, &all),
    };
    world.objects.extend(more);
}

fn meta(namespace: &str, name: &str) -> Value {
    json!({"namespace": namespace, "name": name, "uid": "more"})
}

fn spec(account: &str) -> Value {
    json!({"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]})
}

fn standard_webhook() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [{
            "name": "iam-for-pods.amazonaws.com",
            "admissionReviewVersions": ["v1beta1"],
            "clientConfig": {
                "url": "https://127.0.0.1:23443/mutate",
                "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==",
            },
            "failurePolicy": "Ignore",
            "sideEffects": "None",
            "rules": [{
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
                "scope": "*",
            }],
        }],
    })
}

/// One of the kind for every ServiceAccount, and the agent's.
fn all_workloads(resource: &str, accounts: &BTreeSet<(String, String)>) -> Vec<Value> {
    const KINDS: [(&str, &str, &str); 6] = [
        ("cronjobs", "batch/v1", "CronJob"),
        ("jobs", "batch/v1", "Job"),
        ("deployments", "apps/v1", "Deployment"),
        ("statefulsets", "apps/v1", "StatefulSet"),
        ("daemonsets", "apps/v1", "DaemonSet"),
        ("replicasets", "apps/v1", "ReplicaSet"),
    ];
    let found = KINDS.iter().find(|it| it.0 == resource);
    let (_, version, kind) = found.unwrap_or_else(|| panic!("{resource}: say what it tells"));
    let object = |namespace: &str, name: &str, account: &str| {
        let template = json!({"metadata": {"labels": {"more": name}}, "spec": spec(account)});
        let spec = match *kind {
            "CronJob" => {
                json!({"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}})
            }
            _ => json!({"selector": {"matchLabels": {"more": name}}, "template": template}),
        };
        json!({"apiVersion": version, "kind": kind, "metadata": meta(namespace, name), "spec": spec})
    };
    let more = accounts.iter().map(|(ns, name)| object(ns, &format!("{name}-more"), name));
    let mut res: Vec<Value> = more.collect();
    if *kind == "DaemonSet" {
        res.push(object("kube-system", "eks-pod-identity-agent", "eks-pod-identity-agent"));
    }
    res
}

fn has(world: &World, object: &Value) -> bool {
    let key = |it: &Value| {
        (it["kind"].clone(), it["metadata"]["namespace"].clone(), it["metadata"]["name"].clone())
    };
    world.objects.iter().any(|it| key(it) == key(object))
}

/// ServiceAccounts that are there or that something names.
fn accounts(world: &World) -> BTreeSet<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let mut res = BTreeSet::new();
    for it in &world.objects {
        let namespace = text(&it["metadata"]["namespace"]);
        if it["kind"] == "ServiceAccount" {
            res.insert((namespace.clone(), text(&it["metadata"]["name"])));
        }
        let specs = [
            &it["spec"],
            &it["spec"]["template"]["spec"],
            &it["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        ];
        for spec in specs.into_iter().filter(|it| it["containers"].is_array()) {
            let name = spec["serviceAccountName"].as_str().unwrap_or("default");
            res.insert((namespace.clone(), name.to_owned()));
        }
    }
    for it in &world.associations {
        let SaKey { namespace, name } = &it.service_account;
        res.insert((namespace.to_string(), name.to_string()));
    }
    let subject = Regex::new(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9-]+)").unwrap();
    for it in &world.roles {
        let named = subject.captures_iter(&it.trust);
        res.extend(named.map(|it| (it[1].to_owned(), it[2].to_owned())));
    }
    res
}

fn association(world: &World, namespace: &str, name: &str) -> Association {
    let service_account = SaKey::new(namespace, name);
    let own = world.associations.iter().find(|it| it.service_account == service_account);
    if let Some(it) = own {
        return it.clone();
    }
    Association {
        id: format!("a-{namespace}-{name}").into(),
        cluster: world.cluster.name.clone(),
        service_account,
        role: Arn::new(format!("arn:aws:iam::{}:role/none-such", world.cluster.account)),
        target_role: None,
        external_id: None,
        disable_session_tags: false,
        policy: None,
        owner: None,
        created: world.cluster.created,
        modified: world.cluster.created,
        tags: Vec::new(),
    }
}

/// One cluster for each issuer that a provider or a role names.
fn clusters_of_all_issuers(world: &World) -> Vec<Cluster> {
    let issuer =
        Regex::new(r"oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/id/[0-9A-Za-z]+").unwrap();
    let mut all: BTreeSet<String> = world.providers.iter().map(|it| it.url.to_string()).collect();
    for it in &world.roles {
        all.extend(issuer.find_iter(&it.trust).map(|it| it.as_str().to_owned()));
    }
    let own = world.cluster.issuer.clone().unwrap_or_default();
    all.retain(|it| it.contains("oidc.eks.") && !own.ends_with(it.as_str()));
    let cluster = |(n, issuer): (usize, String)| Cluster {
        name: format!("more-{n}").into(),
        region: issuer.split('.').nth(2).unwrap_or_default().into(),
        issuer: Some(format!("https://{issuer}").into()),
        published_issuer: None,
        ..world.cluster.clone()
    };
    all.into_iter().enumerate().map(cluster).collect()
}

/// The providers that roles trust and that are not there.
fn providers_of_all_roles(world: &World) -> Vec<Provider> {
    let trusted = Regex::new(r#"arn:aws[a-z-]*:iam::(\d{12}):oidc-provider/([^"]+)"#).unwrap();
    let mut res: Vec<Provider> = Vec::new();
    for role in &world.roles {
        for it in trusted.captures_iter(&role.trust) {
            let Some(account) = AccountId::parse(&it[1]) else { continue };
            let url: Text = it[2].into();
            let same = |it: &Provider| it.account == account && it.url == url;
            // The cluster's own is read by its name.
            let own = world.cluster.issuer.as_deref().is_some_and(|it| it.ends_with(&*url));
            if own {
                continue;
            }
            if world.providers.iter().chain(&res).any(same) {
                continue;
            }
            res.push(Provider {
                account,
                partition: world.cluster.partition(),
                url,
                client_ids: vec!["sts.amazonaws.com".into()],
                thumbprints: Vec::new(),
                created: world.cluster.created,
            });
        }
    }
    res
}

/// Roles that something in the cluster or in EKS names, so that they are read by name.
fn named(world: &World) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    world.objects.iter().for_each(|it| arns(it, &mut res));
    let of_associations =
        world.associations.iter().flat_map(|it| [Some(&it.role), it.target_role.as_ref()]);
    res.extend(of_associations.flatten().map(ToString::to_string));
    res.extend(world.nodegroups.iter().map(|it| it.node_role.to_string()));
    res.extend(world.cluster.node_role.iter().map(ToString::to_string));
    res.extend(
        world
            .addons
            .iter()
            .filter_map(|it| it.service_account_role.as_ref())
            .map(ToString::to_string),
    );
    res
}

fn arns(value: &Value, acc: &mut BTreeSet<String>) {
    match value {
        Value::String(it) if it.starts_with("arn:") => {
            acc.insert(it.clone());
        }
        Value::Array(it) => it.iter().for_each(|it| arns(it, acc)),
        Value::Object(it) => it.values().for_each(|it| arns(it, acc)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn plural(object: &Value) -> String {
    format!("{}s", object["kind"].as_str().unwrap_or_default().to_lowercase())
}
