//! Scenario files: what is refused and where, what is implied, and which facts come out.

use idscope::{
    fact::{Change, Fact, Knowledge, Scope, SourceState},
    ident::Timestamp,
    lab::{World, changes},
};
use serde_json::Value;

const CLUSTER: &str = "\
apiVersion: lab.idscope.dev/v1
kind: EksCluster
name: prod
account: \"111122223333\"
region: eu-west-1
issuer: https://oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E
";

fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

fn world(text: &str) -> World {
    match World::parse("demo.yaml", &format!("{CLUSTER}---\n{text}"), now()) {
        Ok(it) => it,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for open in ["[", "{a: ", "- "] {
        let error = World::parse("deep.yaml", &open.repeat(100_000), now()).unwrap_err();
        assert!(error.message.starts_with("expected well-formed YAML"), "{error}");
    }
}

#[test]
fn wrong_files_say_where_and_what_was_expected() {
    // Lines count from the document after the cluster's, whose last line is 7.
    let check = |text: &str, wanted: &str| {
        let text = format!("{CLUSTER}---\n{text}");
        let error = World::parse("demo.yaml", &text, now()).unwrap_err().to_string();
        assert_eq!(error, format!("demo.yaml:{wanted}"), "{text}");
    };
    let lab = "apiVersion: lab.idscope.dev/v1\n";
    check(
        &format!(
            "{lab}kind: OidcProvider\naccount: \"111122223333\"\nurl: x\nclientIds: []\ncolour: red\n"
        ),
        "13:1: unknown key `colour` of OidcProvider, expected one of `apiVersion`, `kind`, `account`, `url`, \
         `clientIds`, `thumbprints`, `age`",
    );
    check(
        &format!("{lab}kind: OidcProvider\naccount: \"1111\"\nurl: x\nclientIds: []\n"),
        "10:10: expected an account as a string of twelve digits, found `1111`",
    );
    check(
        &format!("{lab}kind: IamRole\narn: app\ntrustPolicy: {{}}\n"),
        "10:6: expected `arn` as an ARN (`arn:PARTITION:SERVICE:…`), found `app`",
    );
    check(
        &format!(
            "{lab}kind: IamRole\narn: arn:aws:iam::111122223333:user/app\ntrustPolicy: {{}}\n"
        ),
        "10:6: expected `arn` as `arn:PARTITION:iam::ACCOUNT:role/NAME`, found \
         `arn:aws:iam::111122223333:user/app`",
    );
    check(
        &format!("{lab}kind: IamRole\narn: arn:aws:iam::111122223333:role/app\n"),
        "8:1: expected key `trustPolicy` of IamRole",
    );
    check(
        &format!("{lab}kind: IamRole\narn: arn:aws:iam::111122223333:role/app\ntrustPolicy: [1]\n"),
        "11:14: expected `trustPolicy` as a map, or as a string that is served verbatim, found a list",
    );
    check(
        &format!("{lab}kind: Fault\napi: iam\nanswer: hang\n"),
        "10:6: expected `service:Operation` or `kube:RESOURCE:VERB`, found `iam`",
    );
    check(
        &format!("{lab}kind: Fault\napi: kube:pods:watch\nanswer: explode\n"),
        "11:9: expected `answer` to be one of `throttle`, `deny`, `hang`, `drop`, `gone`, `garbage`, `expired`, \
         `stale`, found `explode`",
    );
    check(
        &format!("{lab}kind: Fault\napi: kube:pods:get\nanswer: stale\n"),
        "11:9: expected a call of IAM or EKS with `stale`, found `stale`",
    );
    check(
        &format!("{lab}kind: Fault\napi: iam:GetRole\nanswer: drop\nwhen: later\n"),
        "12:7: expected `when` to be `before` or `after`, found `later`",
    );
    check(
        &format!("{lab}kind: Fault\napi: iam:GetRole\nanswer: throttle\ntimes: often\n"),
        "12:8: expected `times` as a whole number, found `often`",
    );
    check(
        &format!("{lab}kind: Churn\nnamespace: shop\nowner: web\nevery: soon\n"),
        "12:8: expected `every` as a duration such as 90s, 10m, 3h or 2d, found `soon`",
    );
    check(
        &format!("{lab}kind: EksDefaults\nwithout: [agent, coffee]\n"),
        "10:18: expected `agent`, `webhook` or `nodes`, found `coffee`",
    );
    check(
        &format!("{lab}kind: Caller\ndeny: [GetRole]\n"),
        "10:8: expected `service:Operation` or `service:Operation ARN-GLOB`, found `GetRole`",
    );
    check(
        &format!(
            "{lab}kind: EksCluster\nname: b\naccount: \"111122223333\"\nregion: a\nissuer: null\n"
        ),
        "8:1: expected exactly one `EksCluster`",
    );
    check(
        "apiVersion: lab.idscope.dev/v2\nkind: Fault\n",
        "8:13: expected `apiVersion` to be `lab.idscope.dev/v1`, found `lab.idscope.dev/v2`",
    );
    check("kind: Pod\nmetadata: {name: a}\n", "8:1: expected key `apiVersion` of the document");
    check("apiVersion: v1\nkind: Pod\n", "8:1: expected key `metadata` of a Kubernetes object");
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {namespace: a}\n",
        "10:11: expected key `name` of `metadata`",
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {lab.idscope.dev/age: old}}\n",
        "10:56: expected `lab.idscope.dev/age` as a duration such as 90s, 10m, 3h or 2d, found `old`",
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {lab.idscope.dev/admission: never}}\n",
        "10:62: expected `webhook` or `verbatim`, found `never`",
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {lab.idscope.dev/ages: 1h}}\n",
        "10:35: unknown annotation `lab.idscope.dev/ages`, expected one of `lab.idscope.dev/age`, \
         `lab.idscope.dev/changed`, `lab.idscope.dev/admission`",
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {n: 1}}\n",
        "10:33: expected `labels` `n` as a string, found the number `1`",
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
        "12:1: expected one Pod `default/a`, the first is in line 8",
    );
}

#[test]
fn files_that_are_not_yaml_or_have_no_cluster_are_refused() {
    let check = |text: &str, wanted: &str| {
        let error = World::parse("x.yaml", text, now()).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
        assert!(!error.contains('\n'), "{error}");
    };
    check("", "x.yaml:1:1: expected exactly one `EksCluster`, found none");
    check("a: 1\nb: [2\n", "x.yaml:2:4: expected well-formed YAML: unclosed bracket");
    check("a: 1\n  b: 2\n", "x.yaml:2:4: expected well-formed YAML");
    check("a: 1\na: 2\n", "x.yaml:2:1: expected well-formed YAML: duplicate");
    check("- a\n", "x.yaml:1:1: expected a document with `apiVersion` and `kind`, found a list");
}

fn find<'a>(world: &'a World, kind: &str, name: &str) -> Option<&'a Value> {
    world.objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name)
}

#[test]
fn nothing_exists_that_the_file_does_not_imply() {
    let world = world(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {containers: []}\n",
    );
    let names = |kind: &str| -> Vec<String> {
        let of_kind = world.objects.iter().filter(|it| it["kind"] == kind);
        let mut res: Vec<_> = of_kind
            .map(|it| {
                let metadata = &it["metadata"];
                let namespace = metadata["namespace"].as_str().unwrap_or("-");
                format!("{namespace}/{}", metadata["name"].as_str().unwrap())
            })
            .collect();
        res.sort();
        res
    };
    assert_eq!(names("Namespace"), ["-/default", "-/kube-system", "-/shop"]);
    assert_eq!(names("ServiceAccount"), ["default/default", "kube-system/default", "shop/default"]);
    assert_eq!(names("Pod"), ["shop/a"]);
    assert_eq!(world.objects.len(), 7);
    assert!(world.roles.is_empty() && world.nodegroups.is_empty() && world.addons.is_empty());
    let pod = find(&world, "Pod", "a").unwrap();
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["spec"]["serviceAccountName"], "default");
    assert!(pod["spec"].get("nodeName").is_none());
}

#[test]
fn defaults_furnish_a_cluster_and_give_way_to_the_file() {
    let lab = "apiVersion: lab.idscope.dev/v1\nkind: EksDefaults\n";
    let full = world(lab);
    for (kind, name) in [
        ("MutatingWebhookConfiguration", "pod-identity-webhook"),
        ("Node", "node-1"),
        ("Node", "node-2"),
        ("DaemonSet", "eks-pod-identity-agent"),
        ("Pod", "eks-pod-identity-agent-1"),
        ("Pod", "eks-pod-identity-agent-2"),
    ] {
        assert!(find(&full, kind, name).is_some(), "{kind} {name}");
    }
    let agent = find(&full, "Pod", "eks-pod-identity-agent-2").unwrap();
    assert_eq!(agent["spec"]["nodeName"], "node-2");
    let set = find(&full, "DaemonSet", "eks-pod-identity-agent").unwrap();
    assert_eq!(agent["metadata"]["ownerReferences"][0]["uid"], set["metadata"]["uid"]);
    assert_eq!(set["status"]["numberReady"], 2);
    assert_eq!(
        find(&full, "Node", "node-1").unwrap()["metadata"]["labels"]["eks.amazonaws.com/nodegroup"],
        "default"
    );
    assert_eq!(full.roles[0].arn.as_str(), "arn:aws:iam::111122223333:role/eks-node");
    assert_eq!(&*full.addons[0].name, "eks-pod-identity-agent");

    let less = world(&format!("{lab}without: [agent, webhook, nodes]\n"));
    assert!(
        less.objects.iter().all(|it| it["kind"] == "Namespace" || it["kind"] == "ServiceAccount")
    );
    assert!(less.roles.is_empty() && less.addons.is_empty() && less.nodegroups.is_empty());

    let own = world(&format!(
        "{lab}---\napiVersion: v1\nkind: Node\nmetadata: {{name: node-1, labels: {{zone: mine}}}}\n"
    ));
    assert_eq!(find(&own, "Node", "node-1").unwrap()["metadata"]["labels"]["zone"], "mine");
    assert_eq!(own.objects.iter().filter(|it| it["kind"] == "Node").count(), 2);

    let auto = World::parse("a", &format!("{CLUSTER}autoMode: true\n---\n{lab}"), now()).unwrap();
    let labels = &find(&auto, "Node", "node-1").unwrap()["metadata"]["labels"];
    assert_eq!(labels["eks.amazonaws.com/compute-type"], "auto");
    assert!(labels.get("eks.amazonaws.com/nodegroup").is_none());
    assert!(find(&auto, "DaemonSet", "eks-pod-identity-agent").is_none());
    assert!(auto.addons.is_empty() && auto.nodegroups.is_empty());
}

const WORKLOAD: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
  namespace: shop
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/app
    lab.idscope.dev/changed: 10m
---
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  annotations: {lab.idscope.dev/age: 2h}
spec: {serviceAccountName: web, containers: [{name: app, image: app, env: [{name: A, value: b}]}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  annotations: {lab.idscope.dev/age: 3h, lab.idscope.dev/admission: verbatim}
spec: {serviceAccountName: web, containers: [{name: app, image: app}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-skip
  namespace: shop
  labels: {eks.amazonaws.com/skip-pod-identity-webhook: \"\"}
spec: {serviceAccountName: web, containers: [{name: app, image: app}]}
";

fn env_names(world: &World, pod: &str) -> Vec<String> {
    let env = find(world, "Pod", pod).unwrap()["spec"]["containers"][0]["env"].as_array();
    env.into_iter().flatten().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_webhook_injects_unless_the_file_or_the_configuration_says_no() {
    let defaults = "apiVersion: lab.idscope.dev/v1\nkind: EksDefaults\n";
    let irsa = [
        "A",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ];
    let full = world(&format!("{defaults}---\n{WORKLOAD}"));
    assert_eq!(env_names(&full, "web-1"), irsa);
    assert!(env_names(&full, "web-0").is_empty());
    assert!(env_names(&full, "web-skip").is_empty());
    let pod = find(&full, "Pod", "web-1").unwrap();
    assert_eq!(
        pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"],
        "sts.amazonaws.com"
    );
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][0]["name"], "aws-iam-token");
    assert_eq!(pod["spec"]["nodeName"], "node-1");
    assert!(pod["metadata"].get("annotations").is_none(), "the lab's annotations are not stored");
    assert_eq!(pod["metadata"]["creationTimestamp"], "2026-01-10T10:00:00Z");

    let none = world(&format!("{defaults}without: [webhook]\n---\n{WORKLOAD}"));
    assert_eq!(env_names(&none, "web-1"), ["A"]);

    let association = "---\napiVersion: lab.idscope.dev/v1\nkind: PodIdentityAssociation\nnamespace: shop\n\
                       serviceAccount: web\nroleArn: arn:aws:iam::111122223333:role/app\n";
    let both = world(&format!("{defaults}---\n{WORKLOAD}{association}"));
    assert!(env_names(&both, "web-1").contains(&"AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned()));
    assert!(!env_names(&both, "web-1").contains(&"AWS_ROLE_ARN".to_owned()));
    let labels = &find(&both, "Pod", "web-1").unwrap()["metadata"]["labels"];
    assert_eq!(labels["eks.amazonaws.com/pod-identity"], "enabled");

    let elsewhere = world(&format!("{defaults}---\n{WORKLOAD}{association}cluster: other\n"));
    assert_eq!(env_names(&elsewhere, "web-1"), irsa);
}

#[test]
fn a_changed_annotation_is_younger_than_its_object() {
    let world = world(WORKLOAD);
    let facts = changes(&world);
    let account = facts
        .iter()
        .find_map(|it| match it {
            Change::Replace { scope: Scope::ServiceAccounts { .. }, facts } => {
                facts.iter().find_map(|it| match it {
                    Fact::ServiceAccount(it) if &*it.key.name == "web" => Some(it),
                    _ => None,
                })
            }
            _ => None,
        })
        .unwrap();
    assert_eq!(account.annotation_changed.unwrap().to_string(), "2026-01-10T11:50:00Z");
    assert!(account.created.unwrap() < account.annotation_changed.unwrap());
}

#[test]
fn a_workload_without_its_service_account_reports_why() {
    let world = world(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: lbc, namespace: kube-system}\nspec:\n  template:\n    \
         spec: {serviceAccountName: aws-load-balancer-controller, containers: [{name: c, image: i}]}\n",
    );
    let status = &find(&world, "Deployment", "lbc").unwrap()["status"];
    let failure = status["conditions"].as_array().unwrap().last().unwrap();
    assert_eq!(failure["reason"], "FailedCreate");
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.ends_with(
            "is forbidden: error looking up service account kube-system/aws-load-balancer-controller: serviceaccount \
             \"aws-load-balancer-controller\" not found"
        ),
        "{message}"
    );
}

fn state<'a>(changes: &'a [Change], wanted: &Scope) -> &'a SourceState {
    changes
        .iter()
        .find_map(|it| match it {
            Change::Source { scope, state } if scope == wanted => Some(state),
            _ => None,
        })
        .unwrap()
}

fn permission(state: &SourceState) -> Option<&str> {
    match state {
        SourceState::Denied { denied, .. } => Some(&denied.permission),
        _ => None,
    }
}

#[test]
fn what_the_caller_may_not_read_is_denied_by_name() {
    let role = |name: &str, account: &str| {
        format!(
            "---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: arn:aws:iam::{account}:role/{name}\n\
             trustPolicy: {{}}\n"
        )
    };
    let caller = "---\napiVersion: lab.idscope.dev/v1\nkind: Caller\ndeny: [\"iam:GetRole *role/secret\", \
                  eks:ListAddons, iam:ListOpenIDConnectProviders]\nnamespaces: [shop]\ndenyKube: [\"list:nodes\"]\n";
    let foreign = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: far, namespace: shop, annotations: \
                   {eks.amazonaws.com/role-arn: arn:aws:iam::444455556666:role/far}}\n";
    let world = world(&format!(
        "{WORKLOAD}{}{}{}{caller}{foreign}",
        role("app", "111122223333"),
        role("secret", "111122223333"),
        role("far", "444455556666"),
    ));
    let changes = changes(&world);
    let shop = Some("shop".into());
    let refused = |scope: &Scope| permission(state(&changes, scope));
    assert_eq!(refused(&Scope::Nodes), Some("list nodes"));
    assert_eq!(refused(&Scope::Pods { namespace: None }), Some("list pods"));
    assert_eq!(refused(&Scope::Pods { namespace: shop }), None);
    assert_eq!(refused(&Scope::Webhooks), None);
    assert_eq!(refused(&Scope::Addons), Some("eks:ListAddons"));
    let home: idscope::ident::Text = "111122223333".into();
    assert_eq!(
        refused(&Scope::Providers { account: home.clone() }),
        Some("iam:ListOpenIDConnectProviders")
    );
    assert_eq!(refused(&Scope::Roles { account: home }), None);
    assert_eq!(refused(&Scope::Roles { account: "444455556666".into() }), Some("iam:ListRoles"));
    let tags = |name: &str| {
        changes.iter().find_map(|it| match it {
            Change::Replace { scope: Scope::Roles { .. }, facts } => {
                facts.iter().find_map(|it| match it {
                    Fact::Role(it) if it.arn.name() == Some(name) => Some(it.tags.clone()),
                    _ => None,
                })
            }
            _ => None,
        })
    };
    assert!(matches!(tags("app"), Some(Knowledge::Known(_))));
    assert!(matches!(tags("secret"), Some(Knowledge::Denied(_))));
    assert!(tags("far").is_none());
    let unknown = changes.iter().find_map(|it| match it {
        Change::Know { of, knowledge: Knowledge::Denied(it) } => Some((of.to_string(), it.clone())),
        _ => None,
    });
    let (of, denied) = unknown.unwrap();
    assert_eq!(of, "role/arn:aws:iam::444455556666:role/far");
    assert_eq!(&*denied.detail, "no credentials for account 444455556666");
}
