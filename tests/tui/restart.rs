//! Restarts on a plan's page: how each goes, what is interrupted, which are not made, and the wait for the first one.

use crate::hand::{Hand, now, styled};
use idscope::{
    event::{Event, Generation},
    lab::{World, changes},
    model::Request,
    plan::{May, Order, Outcome, Progress, StepState},
    ui::{Color, Theme},
};

const SIZES: [(u16, u16); 2] = [(120, 60), (80, 60)];

/// A role that trusts `shop/web`, which is not annotated yet; workloads of it that are replaced in different ways.
fn world() -> String {
    let issuer = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
    let provider = format!("arn:aws:iam::111122223333:oidc-provider/{issuer}");
    let template = |name: &str| {
        format!(
            "template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{serviceAccountName: web, containers: [{{name: app, image: a}}]}}}}"
        )
    };
    let owner = |group: &str, kind: &str, name: &str, spec: &str| {
        let mut res = format!(
            "---\napiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}, {}}}\n",
            template(name)
        );
        for i in 0..2 {
            res.push_str(&format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{i}, namespace: shop, labels: {{app: {name}}}, annotations: {{lab.idscope.dev/age: 2h}}, \
                 ownerReferences: [{{apiVersion: {group}/v1, kind: {kind}, name: {name}, controller: true}}]}}\nspec: {{serviceAccountName: web, containers: [{{name: app, image: a}}]}}\n"
            ));
        }
        res
    };
    [
        format!("apiVersion: lab.idscope.dev/v1\nkind: EksCluster\nname: prod\naccount: \"111122223333\"\nregion: eu-west-1\nissuer: https://{issuer}\n"),
        "---\napiVersion: lab.idscope.dev/v1\nkind: EksDefaults\n".to_owned(),
        format!("---\napiVersion: lab.idscope.dev/v1\nkind: OidcProvider\naccount: \"111122223333\"\nurl: {issuer}\nclientIds: [sts.amazonaws.com]\n"),
        format!("---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: arn:aws:iam::111122223333:role/web\ntrustPolicy: {{Version: \"2012-10-17\", Statement: [{{Effect: Allow, \
            Action: \"sts:AssumeRoleWithWebIdentity\", Principal: {{Federated: \"{provider}\"}}, Condition: {{StringEquals: {{\"{issuer}:sub\": \"system:serviceaccount:shop:web\", \
            \"{issuer}:aud\": sts.amazonaws.com}}}}}}]}}\n"),
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n".to_owned(),
        owner("apps", "Deployment", "calm", "replicas: 2"),
        owner("apps", "Deployment", "alone", "replicas: 1"),
        owner("apps", "Deployment", "all-at-once", "replicas: 2, strategy: {type: Recreate}"),
        owner("apps", "Deployment", "halted", "replicas: 2, paused: true"),
        owner("apps", "StatefulSet", "by-hand", "replicas: 2, updateStrategy: {type: OnDelete}"),
        owner("batch", "Job", "import", "parallelism: 2"),
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop, annotations: {lab.idscope.dev/age: 2h}}\nspec: {serviceAccountName: web, containers: [{name: app, image: a}]}\n".to_owned(),
        "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: calm, namespace: shop}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: calm}}}\n".to_owned(),
    ]
    .concat()
}

fn at_plan(size: (u16, u16)) -> Hand {
    let mut hand = Hand::at(size);
    let world = World::parse("world.yaml", &world(), now()).unwrap_or_else(|it| panic!("{it}"));
    hand.facts(changes(&world));
    hand.goes("sa shop");
    hand.keys("/").types("web").keys("enter");
    hand.goes("goal irsa");
    hand
}

fn order(hand: &Hand) -> Order {
    let asked = hand.requests.iter().rev().find_map(|it| match it {
        Request::Permissions { order, .. } => Some((**order).clone()),
        _ => None,
    });
    asked.expect("a plan that was asked about")
}

fn check(name: &str, prepare: impl Fn(&mut Hand)) {
    for size in SIZES {
        let mut hand = at_plan(size);
        prepare(&mut hand);
        let text = styled(&hand.see(), &Theme::new(Color::Painted, false));
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text);
    }
}

fn running(hand: &mut Hand) {
    let plan = Box::new(order(hand).plan);
    let may = vec![May::Yes; plan.steps.len()];
    hand.send(Event::Permitted { generation: Generation::default(), plan, may });
    hand.keys("a").types("prod").keys("enter");
    let digest = order(hand).plan.digest;
    let mut step = |index: usize, state: StepState| {
        let progress = Progress::Step { index, state };
        hand.send(Event::Applying { digest: digest.clone(), progress });
    };
    step(0, StepState::Done);
    step(1, StepState::Done);
    let until = "2026-01-10T12:10:00Z".parse().unwrap();
    let what = "deploy/shop/calm goes first: 1 of 2 pods are Ready".into();
    step(2, StepState::Waiting { what, until });
}

#[test]
fn a_plan_says_how_its_restarts_go() {
    check("restart_plan", |hand| {
        let plan = order(hand).plan;
        // What nobody notices goes first, and what would have no effect is no part of it.
        let named: Vec<String> = plan.turnovers.iter().map(|it| it.workload.to_string()).collect();
        assert_eq!(named, ["deploy/shop/calm", "deploy/shop/all-at-once", "deploy/shop/alone"]);
        // More than one workload is restarted, so the cluster's name is typed.
        assert_eq!(plan.confirm.words(), "prod");
    });
}

#[test]
fn the_wait_for_the_first_workload_is_seen_and_can_be_stopped() {
    check("restart_waits", running);
    let mut hand = at_plan(SIZES[0]);
    running(&mut hand);
    let digest = order(&hand).plan.digest;
    hand.requests();
    hand.keys("esc");
    assert!(hand.requests().contains(&Request::StopApply));
    let progress = Progress::Ended(Outcome::Stopped { done: 2 });
    hand.send(Event::Applying { digest, progress });
    let said = styled(&hand.see(), &Theme::new(Color::Painted, false));
    assert!(said.contains("stopped: 2 of 4 steps were written"), "{said}");
    assert!(!said.contains("waits until"), "{said}");
}
