//! Lists that do not fit into one answer, read to their end: 3,000 pods of the real API server, and IAM's pages, which
//! moto cuts and MiniStack does not.

use crate::{
    aws::Aws,
    peers::{ACCOUNT, Moto},
    site::{Rights, Site, is_above_hygiene, now},
    watch::{self, Follower},
};
use futures::{StreamExt, stream};
use idscope::lab::World;
use serde_json::json;

/// More than IAM puts on one page unless asked for more.
const N_ROLES: usize = 250;
const N_INLINE: usize = 130;
const N_PODS: usize = 3_000;

const WORLD: &str = include_str!("worlds/moving.yaml");

/// 3,000 pods beside one healthy workload: all are counted, none is a finding, and a change among them is seen.
pub async fn pods(site: &mut Site) {
    let world =
        World::parse("worlds/moving.yaml", WORLD, now()).unwrap_or_else(|it| panic!("{it}"));
    site.make(&world).await.expect("a world");
    watch::create_pods(&site.admin, (0..N_PODS).map(|n| format!("pod-{n:04}"))).await;
    let caller = site.caller(&world, &Rights::minimal(&world)).await;
    let said = caller.check(&[]);
    let of = |name: &str| {
        let all = said.report["sources"].as_array().expect("sources");
        all.iter().find(|it| it["name"] == name).expect("a source").clone()
    };
    let n_world = world.objects.iter().filter(|it| it["kind"] == "Pod").count();
    assert_eq!(of("kube/pods")["count"], N_PODS + n_world, "{}", said.stderr);
    assert_eq!(of("kube/pods")["state"], "live");
    let app = said.identities().iter().find(|it| it["namespace"] == "moving").expect("the pods'");
    assert_eq!(app["pods"]["total"], N_PODS);
    assert_eq!(said.lines(is_above_hygiene), Vec::<String>::new());

    let mut follower = Follower::start(&caller);
    let all = N_PODS + n_world;
    follower.until("all pods", |it| it.n_pods() == all, |_| Ok(())).await;
    watch::create_pods(&site.admin, std::iter::once("late".to_owned())).await;
    follower.until("one more", |it| it.pod("moving", "late").is_some(), |_| Ok(())).await;
    eprintln!("pods: {N_PODS} counted, no finding among them, one more seen while following");
}

/// Everything on IAM's later pages is read.
pub async fn iam(site: &mut Site, dir: &std::path::Path) {
    let moto = Moto::start(dir);
    let root = Aws::new(&moto.url(), "eu-west-1", ACCOUNT);
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    stream::iter(0..N_ROLES)
        .map(|n| {
            let (root, trust) = (&root, &trust);
            async move { root.role(&format!("arn:aws:iam::{ACCOUNT}:role/r{n}"), trust).await }
        })
        .buffer_unordered(8)
        .for_each(|_| async {})
        .await;
    for n in 0..N_INLINE {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": format!("s3:GetObject{n}"), "Resource": "*"}]});
        let put = root.iam.put_role_policy().role_name("r7").policy_name(format!("p{n:03}"));
        put.policy_document(document.to_string()).send().await.expect("an inline policy");
    }
    let first = root.iam.list_roles().send().await.expect("roles");
    assert!(first.is_truncated(), "moto does not page: {} roles at once", first.roles().len());

    // One ServiceAccount with the role whose policies fill two pages; EKS and Kubernetes are the usual ones.
    let text = WORLD.replace("role/web\"", "role/r7\"");
    let world =
        World::parse("worlds/moving.yaml", &text, now()).unwrap_or_else(|it| panic!("{it}"));
    site.wipe().await;
    site.make(&world).await.expect("a world");
    let mut caller = site.caller(&world, &Rights::minimal(&world)).await;
    for service in ["IAM", "STS"] {
        caller.env.push((format!("AWS_ENDPOINT_URL_{service}"), moto.url()));
    }
    let said = caller.check(&[]);
    let sources = said.report["sources"].as_array().expect("sources");
    let name = format!("iam/roles@{ACCOUNT}");
    let roles = sources.iter().find(|it| it["name"] == name).expect("roles");
    assert_eq!((&roles["state"], &roles["count"]), (&json!("live"), &json!(N_ROLES)), "{roles}");

    let mut follower = Follower::start(&caller);
    let n_inline = |graph: &idscope::graph::Graph| {
        let role = graph.roles().find(|it| it.arn.name() == Some("r7"));
        role.and_then(|it| it.policies.as_ref().known()).map_or(0, |it| it.inline.len())
    };
    let is_read = |it: &idscope::graph::Graph| n_inline(it) == N_INLINE;
    follower.until("the last inline policy", is_read, |_| Ok(())).await;
    eprintln!("pages: {N_ROLES} roles and {N_INLINE} inline policies of one role read to the end");
}
