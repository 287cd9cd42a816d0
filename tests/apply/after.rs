//! What is told of pods once a fix is written: repaired, delivering, running, and what is waited for until when.

use crate::{
    command::{BASE, Scenario, expect, said},
    world::{graph, parse},
};
use idscope::{
    check::{self, Aftermath, Cure, Ledger, Waits},
    ident::{Ref, SaKey, Timestamp},
    identity::Signature,
    plan::{Edit, TrustChange},
};
use serde_json::Value;
use std::{collections::BTreeSet, time::SystemTime};

fn statement(issuer: &str, subject: &str) -> String {
    serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{issuer}")},
        "Condition": {"StringEquals": {format!("{issuer}:sub"): subject,
            format!("{issuer}:aud"): "sts.amazonaws.com"}}}]})
    .to_string()
}

const ISSUER: &str = "oidc.eks.ap-northeast-2.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";

fn role(name: &str, subject: &str) -> String {
    format!(
        "---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: arn:aws:iam::111122223333:role/{name}\ntrustPolicy: {}\n\
         attachedPolicies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]\n",
        statement(ISSUER, subject)
    )
}

fn account(name: &str, role: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: shop\n  annotations: \
         {{lab.idscope.dev/age: 5h, eks.amazonaws.com/role-arn: \"arn:aws:iam::111122223333:role/{role}\"}}\n"
    )
}

/// A Deployment `api` with one pod for each of `pods`: metadata annotations and what follows the spec.
fn deployment(pods: &[(&str, &str)]) -> String {
    let mut res = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: shop}\nspec: {selector: \
         {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {serviceAccountName: api, containers: \
         [{name: app, image: a}]}}}\n---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: api-1, namespace: shop, \
         ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, controller: true}]}\nspec: {selector: \
         {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {serviceAccountName: api, containers: \
         [{name: app, image: a}]}}}\n"
        .to_owned();
    for (index, (marks, status)) in pods.iter().enumerate() {
        res.push_str(&format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: api-1-{index}, namespace: shop, annotations: {{{marks}}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: api-1, controller: true}}]}}\nspec: \
             {{serviceAccountName: api, containers: [{{name: app, image: a}}]}}\n{status}"
        ));
    }
    res
}

const OLD: &str = "lab.idscope.dev/age: 2h";
/// Born without what is declared.
const BARE: &str = "lab.idscope.dev/age: 2h, lab.idscope.dev/admission: verbatim";
const CRASHING: &str = "status: {phase: Running, conditions: [{type: Ready, status: \"False\"}], containerStatuses: [{name: app, \
    ready: false, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}}]}\n";
const STARTING: &str = "status: {phase: Pending, conditions: [{type: Ready, status: \"False\"}]}\n";

/// What is told right after the trust policy of `api`'s role was written.
#[track_caller]
fn check(subject: &str, pods: &[(&str, &str)], wanted: &Aftermath) {
    let text =
        format!("{BASE}{}{}{}", role("api", subject), account("api", "api"), deployment(pods));
    let world = parse(&text);
    let graph = graph(&world);
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let mut ledger = Ledger::default();
    let mut units: BTreeSet<Ref> = [Ref::Cluster].into();
    units.extend(graph.identities().cloned().map(Ref::ServiceAccount));
    let key = SaKey::new("shop", "api");
    units.extend(
        graph
            .pods_of(&key)
            .map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() }),
    );
    ledger.refresh(&graph, &units.into_iter().collect::<Vec<_>>(), now);
    let edits = vec![Edit::SetTrust {
        role: "arn:aws:iam::111122223333:role/api".into(),
        was: "{}".into(),
        document: statement(ISSUER, subject).into(),
        change: TrustChange::NearMiss,
    }];
    let cure = Cure { heals: Vec::new(), keys: vec![key], edits, at: now };
    assert_eq!(check::aftermath(&graph, &ledger, &cure, now), *wanted, "{pods:?}");
}

#[test]
fn only_pods_that_run_with_it_are_healthy() {
    let mine = "system:serviceaccount:shop:api";
    let (key, why) = (SaKey::new("shop", "api"), Some(Signature::E05));
    let whole = (OLD, "");
    check("system:serviceaccount:shop:other", &[whole], &Aftermath::Refused { key, why });
    let waits = Some(Waits::Restart);
    check(mine, &[(BARE, "")], &Aftermath::Repaired { of: 1, waits });
    let waits = Some(Waits::CrashBackOff);
    check(mine, &[(OLD, CRASHING)], &Aftermath::Delivering { ready: 0, of: 1, waits });
    check(mine, &[whole, (OLD, CRASHING)], &Aftermath::Delivering { ready: 1, of: 2, waits });
    let waits = Some(Waits::Readiness);
    check(mine, &[(OLD, STARTING)], &Aftermath::Delivering { ready: 0, of: 1, waits });
    check(mine, &[whole, whole], &Aftermath::Running { of: 2 });
}

fn json(out: &std::process::Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", said(out)))
}

#[test]
fn a_fix_says_how_far_it_has_come() {
    let broken = role("api", "system:serviceaccount: shop:api") + &account("api", "api");
    let world = Scenario::new(&format!("{BASE}{broken}{}", deployment(&[(OLD, ""), (OLD, "")])));
    let fix = ["fix", "sa/shop/api", "-o", "json"];
    let plan = json(&expect(world.idscope(&fix), 0, &[]));
    let digest = plan["digest"].as_str().unwrap();
    assert!(plan["result"].is_null(), "{plan:#}");
    let apply = [&fix[..], &["--apply", "--yes", digest]].concat();
    let told = "!sa/shop/api: running, 2 of 2 pods Ready since the fix";
    let result = json(&expect(world.idscope(&apply), 0, &[told]))["result"].clone();
    assert_eq!((&result["outcome"], &result["healed"]), (&"applied".into(), &true.into()));
    let it = &result["identities"][0];
    assert_eq!((&it["state"], &it["healthy"]), (&"running".into(), &true.into()), "{result:#}");

    // Another digest: nothing is written, and it is one document all the same.
    let other = [&fix[..], &["--apply", "--yes", "0000"]].concat();
    let out = expect(world.idscope(&other), 4, &["!nothing was written: the plan's digest is"]);
    assert_eq!(json(&out)["result"]["outcome"], "nothing");
}

#[test]
fn where_there_is_no_plan_it_is_said_as_json_too() {
    let world = Scenario::new(BASE);
    let out = expect(world.idscope(&["fix", "sa/shop/web", "-o", "json"]), 0, &["idscope/plan/v1"]);
    let data = json(&out);
    assert_eq!((&data["steps"], &data["digest"]), (&Value::Array(Vec::new()), &Value::Null));
    // That nothing is found is no good news of what nobody could look at.
    let deny = "---\napiVersion: lab.idscope.dev/v1\nkind: Caller\ndeny: [\"iam:GetRole\", \"iam:ListRoles\", \"iam:GetAccountAuthorizationDetails\"]\n";
    let world = Scenario::new(&format!("{BASE}{deny}"));
    let said = "!whether sa/shop/web gets its role is not known: ";
    expect(world.idscope(&["fix", "sa/shop/web"]), 0, &[said, "!nothing to repair"]);
    // A script of it does nothing, whatever is left to do by hand.
    let nobody = account("api", "nobody") + &deployment(&[(OLD, "")]);
    let world = Scenario::new(&format!("{BASE}{nobody}"));
    let data = json(&expect(world.idscope(&["fix", "sa/shop/api", "-o", "json"]), 0, &[]));
    assert!(!data["byHand"].as_array().unwrap().is_empty(), "{data:#}");
    // What is found and not repaired is no success of applying.
    let apply = ["fix", "sa/shop/api", "--apply", "--yes", "x"];
    expect(world.idscope(&apply), 4, &["!nothing was written: there is no plan for what is found"]);
    expect(
        world.idscope(&["fix", "sa/shop/web", "--apply", "--yes", "x"]),
        0,
        &["!nothing to repair"],
    );
    let out = expect(world.idscope(&["fix", "sa/shop/api", "-o", "sh"]), 0, &["by hand"]);
    let script = String::from_utf8(out.stdout).unwrap();
    assert!(script.lines().all(|it| it.is_empty() || it.starts_with('#')), "{script}");
}
