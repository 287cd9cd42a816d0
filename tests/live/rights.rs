//! What happens without one permission: a matrix over every permission that the program asks for, on the real servers.
//!
//! Verdicts that depend on it become unknown and name it; no other verdict changes; no finding appears but those that
//! say what cannot be seen, and none goes that does not depend on it.

use crate::{
    kube,
    scenarios::compare,
    site::{Rights, Said, Site, is_above_hygiene, minimal_policy, minimal_rules, now, without},
    watch::Follower,
};
use idscope::lab::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const WORLD: &str = include_str!("worlds/rights.yaml");

/// Findings that go without a permission although the verdict of their identity stays: what they say is read with it
/// alone. `(permission, code, why)`.
const LOST: &[(&str, &str, &str)] = &[
    ("eks:DescribePodIdentityAssociation", "SEC-TRUST-09", "which role it is for"),
    ("eks:ListPodIdentityAssociations", "SEC-TRUST-09", "that there is an association"),
    ("iam:GetRolePolicy", "CHAIN-01", "what the role may do"),
    ("iam:ListAttachedRolePolicies", "CHAIN-01", "what the role may do"),
    ("iam:ListAttachedRolePolicies", "PERM-01", "that it has no policies"),
    ("iam:ListRolePolicies", "CHAIN-01", "what the role may do"),
    ("iam:ListRolePolicies", "PERM-01", "that it has no policies"),
    ("iam:ListRoles", "ANN-14", "another role that trusts the ServiceAccount"),
    ("list:pods", "HOOK-01", "the pod"),
    ("list:pods", "POD-KEY-01", "the pod"),
    ("list:serviceaccounts", "CHAIN-01", "whose role it is"),
    ("list:serviceaccounts", "HOOK-01", "when it was annotated"),
    ("list:serviceaccounts", "PERM-01", "whose role it is"),
    ("list:serviceaccounts", "POD-KEY-01", "that another identity is declared"),
    ("list:serviceaccounts", "SA-02", "which ServiceAccounts exist"),
    ("get:configmaps", "POD-KEY-01", "the names of the variables"),
    ("list:deployments", "CHAIN-01", "the variables of the template"),
];

/// Findings that are reported instead of one that goes: true as well, and less specific. `(permission, code, why)`.
const INSTEAD: &[(&str, &str, &str)] = &[(
    "iam:ListRoles",
    "TRUST-SUB-02",
    "the annotated role refuses the ServiceAccount, whatever other roles do",
)];

/// Permissions without which `check` says the same. `(permission, why)`.
const SILENT: &[(&str, &str)] =
    &[("get:/version", "every API server lets everybody read it (`system:public-info-viewer`)")];

pub async fn run(site: &mut Site) {
    let world =
        World::parse("worlds/rights.yaml", WORLD, now()).unwrap_or_else(|it| panic!("{it}"));
    site.make(&world).await.expect("a world");
    let minimal = Rights::minimal(&world);
    let full = site.caller(&world, &minimal).await.check(&[]);
    if let Err(text) = compare(WORLD, &full) {
        panic!("with exactly the minimal policies:\n{text}");
    }
    let mut matrix = Matrix { full, wrong: Vec::new(), n_unknown: 0, used: BTreeSet::new() };
    let mut n_cells = 0;
    for action in actions() {
        let mut rights = minimal.clone();
        for (_, policy) in &mut rights.accounts {
            let all = policy["Statement"][0]["Action"].as_array_mut().expect("actions");
            all.retain(|it| *it != *action);
        }
        let said = site.caller(&world, &rights).await.check(&[]);
        matrix.cell(&action, &action, &said);
        n_cells += 1;
    }
    // A check watches nothing; `watches` does. Nor does it get what it lists: that is for whole objects on screen.
    let listed: Vec<String> =
        verbs().into_iter().filter(|(verb, _)| verb == "list").map(|(_, it)| it).collect();
    let is_checked = |verb: &str, resource: &String| {
        verb == "list" || verb == "get" && !listed.contains(resource)
    };
    for (verb, resource) in verbs().into_iter().filter(|(verb, it)| is_checked(verb, it)) {
        let rights = Rights { rules: without(&minimal.rules, &verb, &resource), ..minimal.clone() };
        let said = site.caller(&world, &rights).await.check(&[]);
        matrix.cell(&format!("{verb}:{resource}"), &format!("{verb} {resource}"), &said);
        n_cells += 1;
    }
    for url in urls() {
        let mut rights = minimal.clone();
        for rule in rights.rules.as_array_mut().expect("rules") {
            if let Some(all) = rule["nonResourceURLs"].as_array_mut() {
                all.retain(|it| *it != *url);
            }
        }
        let said = site.caller(&world, &rights).await.check(&[]);
        matrix.cell(&format!("get:{url}"), &format!("get {url}"), &said);
        n_cells += 1;
    }
    let Matrix { wrong, n_unknown, used, .. } = matrix;
    eprintln!(
        "rights: {n_cells} permissions left out one at a time, {n_unknown} verdicts became unknown and say why"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let both = LOST.iter().chain(INSTEAD);
    let lost = both.map(|(permission, code, _)| format!("{permission} {code}"));
    let silent = SILENT.iter().map(|(permission, _)| (*permission).to_owned());
    let stale: Vec<String> = lost.chain(silent).filter(|it| !used.contains(it)).collect();
    assert!(stale.is_empty(), "nothing needs these exceptions: {stale:?}");
    site.wipe().await;
}

/// Every action of the IAM policy.
fn actions() -> Vec<String> {
    let policy = minimal_policy();
    let statements = policy["Statement"].as_array().expect("statements");
    assert_eq!(statements.len(), 1, "one statement says it all");
    let all = statements[0]["Action"].as_array().expect("actions");
    all.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

fn texts(it: &Value) -> Vec<String> {
    let all = it.as_array().into_iter().flatten();
    all.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// Every URL of the ClusterRole that is no resource.
fn urls() -> Vec<String> {
    let rules = minimal_rules();
    rules.as_array().expect("rules").iter().flat_map(|it| texts(&it["nonResourceURLs"])).collect()
}

/// Every (verb, resource) of the ClusterRole.
fn verbs() -> Vec<(String, String)> {
    let rules = minimal_rules();
    let mut res = Vec::new();
    for rule in rules.as_array().expect("rules") {
        for resource in texts(&rule["resources"]) {
            res.extend(texts(&rule["verbs"]).into_iter().map(|verb| (verb, resource.clone())));
        }
    }
    res
}

struct Matrix {
    /// With every permission.
    full: Said,
    wrong: Vec<String>,
    n_unknown: usize,
    /// The exceptions that were needed.
    used: BTreeSet<String>,
}

impl Matrix {
    /// `named` is how the program calls the permission.
    fn cell(&mut self, permission: &str, named: &str, said: &Said) {
        let mut wrong = Vec::new();
        let names = |it: &Value| it.to_string().contains(named);
        let sources = said.report["sources"].as_array().expect("sources");
        // What was changed within a minute depends on when it is asked.
        let findings = |said: &Said| -> Vec<Value> {
            let all = said.report["findings"].as_array().expect("findings").iter();
            all.filter(|it| it["code"] != "TOOL-LAG-01").cloned().collect()
        };
        let mut is_said = sources
            .iter()
            .any(|it| it["missingPermission"].as_str().is_some_and(|it| it.starts_with(named)));
        let roles = said.report["roles"].as_array().expect("roles");
        is_said |= roles.iter().any(|it| it["complete"] == false && names(&it["notRead"]));

        let mut unknown = BTreeSet::new();
        let told = |said: &Said| -> BTreeMap<String, Value> {
            let key =
                |it: &Value| format!("{}/{}", text(&it["namespace"]), text(&it["serviceAccount"]));
            said.identities().iter().map(|it| (key(it), it.clone())).collect()
        };
        let (before, after) = (told(&self.full), told(said));
        for (key, was) in &before {
            let Some(is) = after.get(key) else {
                // Nobody may be told of who is named only in what cannot be read.
                unknown.insert(key.clone());
                continue;
            };
            if was["verdict"] == is["verdict"] {
                continue;
            }
            if is["verdict"] != "unknown" || !names(&is["because"]) {
                wrong.push(format!(
                    "{key} was {} and is {}: {}",
                    was["verdict"], is["verdict"], is["because"]
                ));
            }
            unknown.insert(key.clone());
            self.n_unknown += 1;
            is_said = true;
        }
        wrong.extend(
            after
                .keys()
                .filter(|it| !before.contains_key(*it))
                .map(|it| format!("{it} is told only without the permission")),
        );

        let key = |it: &Value| format!("{} {}", text(&it["code"]), it["subject"]);
        let before: BTreeMap<String, Value> =
            findings(&self.full).iter().map(|it| (key(it), it.clone())).collect();
        let after: BTreeMap<String, Value> =
            findings(said).iter().map(|it| (key(it), it.clone())).collect();
        for (key, it) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
            let is_limit = text(&it["code"]).starts_with("TOOL-") && it["severity"] == "unknown";
            let code = text(&it["code"]);
            if INSTEAD.iter().any(|(p, c, _)| *p == permission && *c == code) {
                self.used.insert(format!("{permission} {code}"));
            } else if !is_limit || !names(it) {
                wrong.push(format!("appears: {key}: {}", it["message"]));
            }
            is_said |= is_limit && names(it);
        }
        for (key, it) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
            let code = text(&it["code"]);
            let subject = &it["subject"];
            let identity = format!("{}/{}", text(&subject["namespace"]), text(&subject["name"]));
            let exception = LOST.iter().any(|(p, c, _)| *p == permission && *c == code);
            if exception {
                self.used.insert(format!("{permission} {code}"));
            } else if !unknown.contains(&identity) {
                wrong.push(format!("goes: {key}: {}", it["message"]));
            }
        }
        match SILENT.iter().any(|(it, _)| *it == permission) {
            true if is_said => wrong.push("it is said after all".into()),
            true => drop(self.used.insert(permission.to_owned())),
            false if !is_said => wrong.push("nothing says that it is missing".into()),
            false => {}
        }
        let all = wrong.into_iter().map(|it| format!("without {permission}: {it}"));
        self.wrong.extend(all);
    }
}

fn text(it: &Value) -> String {
    it.as_str().unwrap_or_default().to_owned()
}

/// Without the right to watch, what is followed is listed again now and then, and that is said, once a kind.
pub async fn watches(site: &mut Site) {
    let world =
        World::parse("worlds/rights.yaml", WORLD, now()).unwrap_or_else(|it| panic!("{it}"));
    site.make(&world).await.expect("a world");
    let minimal = Rights::minimal(&world);
    let rights = Rights { rules: without(&minimal.rules, "watch", "*"), ..minimal };
    let caller = site.caller(&world, &rights).await;
    let mut follower = Follower::start(&caller);
    let watched: Vec<String> = verbs()
        .into_iter()
        .filter(|(verb, _)| verb == "watch")
        .map(|(_, resource)| format!("`watch {resource}` is forbidden"))
        .collect();
    let n_pods = world.objects.iter().filter(|it| it["kind"] == "Pod").count();
    follower.until("all pods", |it| it.n_pods() == n_pods, |_| Ok(())).await;
    follower.told("every kind that may not be watched", &watched).await;
    follower.refresh();
    follower.until("all pods again", |it| it.n_pods() == n_pods, |_| Ok(())).await;
    eprintln!(
        "watches: {} kinds are listed now and then where they may not be watched",
        watched.len()
    );
    site.wipe().await;
}

/// Somebody who may read one namespace, with and without the right to list namespaces, and somebody who may read nothing.
pub async fn narrow(site: &mut Site) {
    let world =
        World::parse("worlds/rights.yaml", WORLD, now()).unwrap_or_else(|it| panic!("{it}"));
    site.make(&world).await.expect("a world");
    let minimal = Rights::minimal(&world);
    let full = site.caller(&world, &minimal).await.check(&[]);
    let namespaced = Rights { namespaces: Some(vec!["shop".into()]), ..minimal.clone() };
    let caller = site.caller(&world, &namespaced).await;
    let of_shop = |said: &Said| {
        said.lines(|it| it["subject"]["namespace"] == "shop" && it["severity"] != "unknown")
    };
    // What AWS says of associations and roles needs no cluster.
    let of_aws = vec!["PI-TRUST-01 blocker Association shop/queue".to_owned()];

    // Named with -n: everything that the namespace itself tells.
    let said = caller.check(&["-n", "shop"]);
    assert_eq!(of_shop(&said), of_shop(&full), "{}", said.stderr);

    // Not named: the context's own namespace is all that is known, and that is said.
    let said = caller.check(&[]);
    assert_eq!(said.lines(is_above_hygiene), of_aws, "{}", said.stderr);
    assert!(said.stderr.contains("name others with -n"), "{}", said.stderr);
    let refused = |said: &Said| -> Vec<String> {
        let all = said.report["sources"].as_array().expect("sources").iter();
        all.filter(|it| it["state"] == "denied").map(|it| text(&it["missingPermission"])).collect()
    };
    assert!(refused(&said).contains(&"list pods in default".to_owned()), "{:?}", refused(&said));

    // Who may list namespaces finds the readable one.
    let lister = json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}]);
    let token = site.token(&namespaced).await;
    kube::allow_more(&site.admin, &token, &lister).await;
    let said = caller.check(&[]);
    assert_eq!(of_shop(&said), of_shop(&full), "{}", said.stderr);
    assert!(said.stderr.contains("one by one"), "{}", said.stderr);

    // Who may read nothing is told what it takes, and finds nothing.
    let accounts = minimal.accounts.iter();
    let nothing = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]});
    let accounts = accounts.map(|(account, _)| (account.clone(), nothing.clone())).collect();
    let nobody = Rights { rules: json!([]), namespaces: None, accounts };
    let said = site.caller(&world, &nobody).await.check(&[]);
    assert_eq!(said.lines(is_above_hygiene), Vec::<String>::new());
    assert_eq!(said.status, Some(3), "{}", said.stderr);
    let refused = refused(&said);
    for wanted in ["list pods in default", "list nodes", "iam:ListRoles", "eks:DescribeCluster"] {
        assert!(refused.contains(&wanted.to_owned()), "{wanted}: {refused:?}");
    }
    eprintln!(
        "narrow: {} findings of one namespace found by who may read no other, with and without -n; who may read nothing \
         is told the {} permissions that it takes",
        of_shop(&full).len(),
        refused.len()
    );
    site.wipe().await;
}
