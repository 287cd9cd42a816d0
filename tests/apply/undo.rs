//! What a fix did is put back: contents byte for byte, hidden values from the owner's older revision, and nothing that
//! somebody uses or changed by now.

use crate::{
    command::{output, said, text},
    world::{Home, SECRET, role, rows, trust},
};
use idscope::{
    ident::{SaKey, WorkloadKind},
    plan::{Edit, WorkloadKey},
};
use serde_json::{Value, json};
use std::process::Output;

fn parsed(out: &Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", said(out)))
}

fn edits(home: &Home, names: &[&str]) -> Vec<Edit> {
    let all = rows(&home.world);
    let of = |name: &&str| all.iter().find(|it| it.name == *name).unwrap().edit.clone();
    names.iter().map(of).map(only_taking_away).collect()
}

/// A step that takes away what was never read writes nothing else, or it could not be undone.
fn only_taking_away(mut edit: Edit) -> Edit {
    if let Edit::SetEnv { changes, .. } = &mut edit {
        changes.retain(|it| it.entry.is_none());
    }
    edit
}

/// Carries the edits out, and returns the journal's number of it.
async fn applied(home: &Home, names: &[&str]) -> String {
    carried_out(home, edits(home, names)).await
}

async fn carried_out(home: &Home, edits: Vec<Edit>) -> String {
    let (file, digest) = home.plan_file(edits);
    let out = output(home, &["fix", "--plan", &file, "--apply", "--yes", &digest]).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    parsed(&output(home, &["undo", "-o", "json"]).await)[0]["id"].as_str().unwrap().to_owned()
}

async fn undone(home: &Home, id: &str) -> Output {
    let plan = parsed(&output(home, &["undo", id, "-o", "json"]).await);
    let digest = plan["digest"].as_str().unwrap_or_else(|| panic!("{plan:#}"));
    output(home, &["undo", id, "--apply", "--yes", digest]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contents_come_back_byte_for_byte() {
    let all = [
        "set trust",
        "annotate",
        "create service account",
        "set metadata",
        "set env",
        "set env of a StatefulSet",
        "create provider",
        "add client id",
        "remove client id",
        "set thumbprints",
        "create association",
        "update association",
    ];
    let home = Home::new().await;
    let before = crate::kill::without_restarts(home.contents().await);
    let id = applied(&home, &all).await;
    assert_ne!(crate::kill::without_restarts(home.contents().await), before);
    let out = undone(&home, &id).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let there = crate::kill::without_restarts(home.contents().await);
    // A list of client ids and an environment have no order that matters, and keep none here.
    assert_eq!(sorted(there), sorted(before));
    // The value that nobody may read came from the older revision, and is in no output and in no journal.
    let journal = home.state.path().join("xdg/idscope/journal.jsonl");
    let journal = std::fs::read_to_string(journal).unwrap();
    assert!(!journal.contains(SECRET) && !said(&out).contains(SECRET));
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => members.into_iter().map(|(key, it)| (key, sorted(it))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_uses_by_now_stays() {
    let home = Home::new().await;
    let names = ["create service account", "create provider", "create association"];
    let id = applied(&home, &names).await;
    // Somebody runs as the new ServiceAccount, trusts the new provider, and changed the association.
    let body = json!({"spec": {"template": {"spec": {"serviceAccountName": "new"}}}});
    let (status, _) =
        home.kube("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", &body).await;
    assert_eq!(status, 200);
    home.lab.change(|world| {
        let new = world.providers.iter().find(|it| it.url.ends_with("NEW")).unwrap().url.clone();
        let issuer = crate::world::ISSUER;
        let role = world.roles.iter_mut().find(|it| it.arn.name() == Some("app")).unwrap();
        role.trust = role.trust.replace(issuer, &new).into();
        let it = world.associations.iter_mut().find(|it| &*it.service_account.name == "free");
        it.unwrap().disable_session_tags = true;
    });
    let out = output(&home, &["undo", &id]).await;
    assert_eq!(out.status.code(), Some(4), "{}", said(&out));
    let told = text(&out.stderr);
    for it in [
        "ServiceAccount `shop/new` stays:",
        "trusts it",
        "of `shop/free` was changed since",
        "everything that can be put back is as it was",
        // What a person may do after having looked.
        "kubectl",
        "aws eks delete-pod-identity-association",
    ] {
        assert!(told.contains(it), "no `{it}` in {told}");
    }
}

/// Somebody else's statements stay; where they changed the very statement of the fix, it is a person's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trust_policy_is_put_back_beside_what_others_wrote_since() {
    let theirs = json!({"Sid": "Theirs", "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/ci"}});
    let of_app = |home: &Home, change: &dyn Fn(&mut Value)| {
        home.lab.change(|world| {
            let role = world.roles.iter_mut().find(|it| it.arn.name() == Some("app")).unwrap();
            let mut document: Value = serde_json::from_str(&role.trust).unwrap();
            change(&mut document);
            role.trust = document.to_string().into();
            document
        })
    };
    let home = Home::new().await;
    let id = applied(&home, &["set trust"]).await;
    of_app(&home, &|it| it["Statement"].as_array_mut().unwrap().insert(0, theirs.clone()));
    let out = undone(&home, &id).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let mut wanted: Value =
        serde_json::from_str(&trust("system:serviceaccount: shop:web")).unwrap();
    wanted["Statement"].as_array_mut().unwrap().insert(0, theirs.clone());
    assert_eq!(of_app(&home, &|_| {}), wanted);

    let check = async |names: &[&str], change: &dyn Fn(&Home), words: &str| {
        let home = Home::new().await;
        let id = applied(&home, names).await;
        change(&home);
        let there = home.contents().await;
        let out = output(&home, &["undo", &id, "--apply"]).await;
        assert_eq!(out.status.code(), Some(4), "{}", said(&out));
        let told = text(&out.stderr);
        assert!(told.contains(&format!("{words} was changed since")), "{told}");
        assert_eq!(home.contents().await, there);
    };
    let own = |home: &Home| {
        of_app(home, &|it| it["Statement"][0]["Sid"] = "Renamed".into());
    };
    let words = "the trust policy of `arn:aws:iam::111122223333:role/app`";
    check(&["set trust"], &own, words).await;
    let thumbprints = |home: &Home| {
        home.lab.change(|world| {
            let it = world.providers.iter_mut().find(|it| it.url.ends_with("D39E")).unwrap();
            it.thumbprints = vec!["c".repeat(40).into()];
        });
    };
    let words = format!("OIDC provider `{}`", crate::world::provider(crate::world::ISSUER));
    check(&["set thumbprints"], &thumbprints, &words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_another_cluster_is_refused() {
    let check = async |change: fn(&mut idscope::lab::World), wanted: &str| {
        let home = Home::new().await;
        let id = applied(&home, &["set trust"]).await;
        home.lab.change(change);
        let writes = home.lab.mutations().len();
        for args in [vec!["undo", &id, "--apply"], vec!["fix", "--finish", &id, "--apply"]] {
            let out = output(&home, &args).await;
            assert_eq!(out.status.code(), Some(4), "{args:?} {}", said(&out));
            assert!(text(&out.stderr).contains(wanted), "{}", said(&out));
        }
        assert_eq!(home.lab.mutations().len(), writes);
    };
    let later = |world: &mut idscope::lab::World| {
        let created = &mut world.cluster.created;
        *created = created.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    };
    check(later, "the cluster was made again since").await;
    check(|world| world.cluster.name = "other".into(), "it was made on cluster").await;
    let issuer = |world: &mut idscope::lab::World| {
        let other = crate::world::ISSUER.replace("C891", "D902");
        world.cluster.issuer = Some(other.as_str().into());
        world.cluster.published_issuer = Some(other.into());
    };
    check(issuer, "the cluster had issuer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_undone_is_said_before() {
    let home = Home::new().await;
    let (file, _) = home.plan_file(edits(&home, &["set env"]));
    let note = async || {
        let plan = parsed(&output(&home, &["fix", "--plan", &file, "-o", "json"]).await);
        plan["steps"][0]["undoNote"].clone()
    };
    assert_eq!(note().await, Value::Null);
    let body = json!({"spec": {"revisionHistoryLimit": 0}});
    let (status, _) =
        home.kube("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", &body).await;
    assert_eq!(status, 200);
    let said = note().await;
    assert!(said.as_str().unwrap().starts_with("cannot be undone: "), "{said}");
}

/// An association with all that can be set of one. `asks`: the external id that the target role's trust policy asks for.
fn full_association(asks: &str) -> String {
    let head = "apiVersion: lab.idscope.dev/v1\nkind:";
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": {"AWS": role("pods")},
        "Condition": {"StringEquals": {"sts:ExternalId": asks}}}]});
    let policy = r#"{"Version": "2012-10-17",  "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    format!(
        "---\n{head} IamRole\narn: {}\ntrustPolicy: {:?}\n---\n{head} PodIdentityAssociation\nnamespace: shop\n\
         serviceAccount: lone\nroleArn: {}\ntargetRoleArn: {}\nexternalId: {asks}\ndisableSessionTags: true\n\
         policy: {policy:?}\ntags: {{team: payments, \"cost centre\": \"42\", SIGNING_TOKEN: {SECRET:?}, \
         \"aws:cloudformation:stack-name\": stack}}\n",
        role("target"),
        trust.to_string(),
        role("pods"),
        role("target"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_association_comes_back_with_all_that_can_be_set_of_it() {
    let own = "eu-west-1/111122223333/prod/shop/lone";
    let check = async |asks: &str, said_before: &[&str], unsaid: &[&str]| {
        let home = Home::with(&full_association(asks)).await;
        let found = home.lab.change(|world| {
            let all = world.associations.iter();
            all.clone().find(|it| &*it.service_account.name == "lone").cloned().unwrap()
        });
        let key = SaKey::new("shop", "lone");
        let detail = home.graph.association_of(&key).known().unwrap().detail.clone();
        let was = (&detail.known().unwrap()).into();
        let edit = Edit::DeleteAssociation { id: found.id, service_account: key, was };
        let (file, _) = home.plan_file(vec![edit.clone()]);
        let shown = said(&output(&home, &["fix", "--plan", &file]).await);
        for it in said_before {
            assert!(shown.contains(it), "no `{it}` in {shown}");
        }
        for it in unsaid {
            assert!(!shown.contains(it), "`{it}` in {shown}");
        }
        let id = carried_out(&home, vec![edit]).await;
        let shown = said(&output(&home, &["undo", &id]).await);
        assert!(shown.contains("--tags"), "{shown}");
        let asked = shown.contains("has to be changed too");
        assert_eq!(asked, asks != own, "{shown}");
        let out = undone(&home, &id).await;
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        let back = home.lab.change(|world| world.associations.last().cloned().unwrap());
        assert_eq!(back.target_role, found.target_role);
        assert_eq!(back.policy, found.policy);
        assert!(back.disable_session_tags);
        let names: Vec<&str> = back.tags.iter().map(|(key, _)| &**key).collect();
        assert_eq!(names, ["cost centre", "team"]);
        let journal = home.state.path().join("xdg/idscope/journal.jsonl");
        assert!(!std::fs::read_to_string(journal).unwrap().contains(SECRET));
    };
    let whole = [
        "tag `SIGNING_TOKEN` of the association looks like a credential",
        "nobody but AWS can set",
        "the session policy of the association, which limits what the pods of `shop/lone` may do",
    ];
    check(own, &whole, &["external id", SECRET]).await;
    let asks = "eu-west-1/111122223333/before/shop/lone";
    let told = format!("another external id than `{asks}`, for which the trust policy of");
    check(asks, &[&told, whole[0], whole[1]], &[SECRET]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_restart_that_returns_pods_is_part_of_it() {
    let roles = ["good", "better"].map(|it| {
        let trust = trust("system:serviceaccount:shop:api");
        format!(
            "---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: {}\ntrustPolicy: {trust:?}\n",
            role(it)
        )
    });
    let api = format!(
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: api, namespace: shop, annotations: \
         {{lab.idscope.dev/age: 5h, eks.amazonaws.com/role-arn: \"{}\"}}}}\n---\napiVersion: apps/v1\nkind: Deployment\n\
         metadata: {{name: api, namespace: shop}}\nspec: {{replicas: 1, selector: {{matchLabels: {{app: api}}}}, template: \
         {{metadata: {{labels: {{app: api}}}}, spec: {{serviceAccountName: api, containers: [{{name: app, image: a}}]}}}}}}\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: api-1, namespace: shop, labels: {{app: api}}, annotations: \
         {{lab.idscope.dev/age: 2h}}, ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: api, controller: \
         true}}]}}\nspec: {{serviceAccountName: api, containers: [{{name: app, image: a}}]}}\n",
        role("good")
    );
    let home = Home::with(&(roles.concat() + &api)).await;
    let annotate = Edit::Annotate {
        service_account: SaKey::new("shop", "api"),
        key: "eks.amazonaws.com/role-arn".into(),
        was: Some(role("good").to_string().into()),
        value: Some(role("better").to_string().into()),
    };
    let restart =
        Edit::Restart { workload: WorkloadKey::new(WorkloadKind::Deployment, "shop", "api") };
    let id = carried_out(&home, vec![annotate, restart]).await;
    let plan = parsed(&output(&home, &["undo", &id, "-o", "json"]).await);
    let steps: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|it| it["target"].as_str().unwrap()).collect();
    assert_eq!(steps, ["sa/shop/api", "deploy/shop/api"], "{plan:#}");
    assert!(!plan["warnings"].to_string().contains("interruption"), "{plan:#}");
    // Pods that are served by the agent lose it with the association; made anew they have the annotated role again.
    let home = Home::with(&(roles.concat() + &api)).await;
    let goal = ["fix", "sa/shop/api", "--goal", "pod-identity"];
    let shown = parsed(&output(&home, &[&goal[..], &["-o", "json"]].concat()).await);
    let yes = ["--apply", "--yes", shown["digest"].as_str().unwrap()];
    let out = output(&home, &[&goal[..], &yes].concat()).await;
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let id = parsed(&output(&home, &["undo", "-o", "json"]).await)[0]["id"].clone();
    let id = id.as_str().unwrap();
    let plan = parsed(&output(&home, &["undo", id, "-o", "json"]).await);
    let steps = plan["steps"].as_array().unwrap();
    let last = steps.last().unwrap();
    assert_eq!((steps.len(), &last["target"]), (3, &json!("deploy/shop/api")), "{plan:#}");
    let said = "its pods work as role `good` now and have it again once they are made anew: the interruption cannot be avoided";
    assert!(plan["warnings"].to_string().contains(said), "{plan:#}");
    // One role had in another way is put back too: the way of an undo's undo is the goal's own.
    assert_eq!(undone(&home, id).await.status.code(), Some(0));
    let all = parsed(&output(&home, &["undo", "-o", "json"]).await);
    let id = all.as_array().unwrap().last().unwrap()["id"].as_str().unwrap();
    let plan = parsed(&output(&home, &["undo", id, "-o", "json"]).await);
    let last = plan["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["target"], json!("deploy/shop/api"), "{plan:#}");
    // Back to a role that refuses it: that its pods stop working is said before.
    let annotate = Edit::Annotate {
        service_account: SaKey::new("shop", "api"),
        key: "eks.amazonaws.com/role-arn".into(),
        was: Some(role("app").to_string().into()),
        value: Some(role("good").to_string().into()),
    };
    let restart =
        Edit::Restart { workload: WorkloadKey::new(WorkloadKind::Deployment, "shop", "api") };
    let broken = api.replace(&role("good").to_string(), &role("app").to_string());
    let home = Home::with(&(roles.concat() + &broken)).await;
    let id = carried_out(&home, vec![annotate, restart]).await;
    let plan = parsed(&output(&home, &["undo", &id, "-o", "json"]).await);
    let said = "its pods work as role `good` now and will have role `app` (refused, E05) again, as before the fix: the interruption cannot be avoided";
    assert!(plan["warnings"].to_string().contains(said), "{plan:#}");
}
