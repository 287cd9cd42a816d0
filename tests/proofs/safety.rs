//! The rules of what a fix may do, each with the case that would break it.

use crate::{faults::faults, judge::judge, world::parse};
use idscope::{
    check::{Finding, Fix},
    fact::{Change, Scope, SourceState},
    graph::Graph,
    ident::{Arn, SaKey, Text, Timestamp, WorkloadKind},
    lab::{self, World},
    plan::{
        self, AssociationFields, Because, Confirm, Edit, Plan, Refusal, TrustChange, WorkloadKey,
    },
};
use std::collections::BTreeSet;

const ISS: &str = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
pub const OTHER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D4E5F60718293A4B5C6D7E8F9";
pub const ACCOUNT: &str = "111122223333";

pub fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A cluster with its provider, ServiceAccount `shop/web` with role `web`, and a Deployment of two pods.
pub fn base(trust: &str) -> String {
    format!(
        "apiVersion: lab.idscope.dev/v1\nkind: EksCluster\nname: prod\naccount: \"{ACCOUNT}\"\nregion: eu-west-1\nissuer: https://{ISS}\n\
         ---\napiVersion: lab.idscope.dev/v1\nkind: EksDefaults\n\
         ---\napiVersion: lab.idscope.dev/v1\nkind: OidcProvider\naccount: \"{ACCOUNT}\"\nurl: {ISS}\nclientIds: [sts.amazonaws.com]\n\
         ---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: arn:aws:iam::{ACCOUNT}:role/web\ntrustPolicy: {trust:?}\n\
         ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: web, namespace: shop, annotations: {{eks.amazonaws.com/role-arn: \"arn:aws:iam::{ACCOUNT}:role/web\"}}}}\n{}",
        workload("Deployment", "web", "web")
    )
}

fn workload(kind: &str, name: &str, account: &str) -> String {
    let pod = |i: u8| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{i}, namespace: shop, labels: {{app: {name}}}, ownerReferences: \
             [{{apiVersion: apps/v1, kind: {kind}, name: {name}, controller: true}}]}}\nspec: {{serviceAccountName: {account}, containers: [{{name: app, image: a}}]}}\n"
        )
    };
    format!(
        "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{replicas: 2, selector: {{matchLabels: \
         {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{serviceAccountName: {account}, containers: [{{name: app, image: a}}]}}}}}}\n{}{}",
        pod(1),
        pod(2)
    )
}

pub fn graph(text: &str) -> Graph {
    let world =
        World::parse("safety.yaml", text, now()).unwrap_or_else(|it| panic!("{it}\n{text}"));
    let mut res = Graph::default();
    for change in lab::changes(&world) {
        res.apply(change);
    }
    res
}

fn findings(graph: &Graph) -> Vec<Finding> {
    judge(graph, now()).findings().cloned().collect()
}

/// The first fix of the code, which writes.
#[track_caller]
fn fix(graph: &Graph, code: &str) -> Fix {
    let all = findings(graph);
    let found = all.iter().find(|it| it.code == code);
    let found = found.unwrap_or_else(|| {
        panic!("{code} is not among {:?}", all.iter().map(|it| it.code).collect::<Vec<_>>())
    });
    found.fixes[0].clone()
}

fn plan_of(graph: &Graph, fix: &Fix) -> Result<Plan, Refusal> {
    let because = Because { code: None, subject: "test".into() };
    plan::build(graph, fix.id, fix.title.clone(), because, fix.edits.clone())
}

/// Before and after of the fix's only trust edit.
#[track_caller]
fn trust(fix: &Fix) -> (String, String, TrustChange) {
    let [Edit::SetTrust { was, document, change, .. }] = &fix.edits[..] else {
        panic!("{:?}", fix.edits)
    };
    (was.to_string(), document.to_string(), *change)
}

pub fn ours(subject: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISS}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{ISS}:sub":"{subject}","{ISS}:aud":"sts.amazonaws.com"}}}}}}"#
    )
}

/// Statements of others, as odd as people write them.
fn others() -> Vec<String> {
    vec![
        format!(
            "{{ \"Sid\" : \"OtherCluster\",\n\t\"Principal\":{{\"Federated\": [\"arn:aws:iam::{ACCOUNT}:oidc-provider/{OTHER}\"]}},\n \"Effect\": \"Allow\", \"Action\": [ \"sts:AssumeRoleWithWebIdentity\" ],\n  \"Condition\": {{ \"StringLike\": {{\"{OTHER}:sub\": \"system:serviceaccount:*:web\"}} }} }}"
        ),
        format!(
            "{{\"Condition\":{{\"StringLike\":{{\"token.actions.githubusercontent.com:sub\":\"repo:o/r:*\"}}, \"StringEquals\": {{\"token.actions.githubusercontent.com:aud\":[\"sts.amazonaws.com\"]}}}},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Effect\":\"Allow\",\"Principal\":{{\"Federated\":\"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com\"}}}}"
        ),
        "{\"Effect\":\"Deny\",  \"Principal\":\"*\",\"Action\":\"sts:TagSession\"}".to_owned(),
        format!(
            "{{\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"arn:aws:iam::{ACCOUNT}:role/admin\"}},\"Action\":\"sts:AssumeRole\"}}"
        ),
    ]
}

#[test]
fn statements_of_others_stay_byte_for_byte() {
    let right = ours("system:serviceaccount:shop:web");
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISS}");
    let faults = [
        ("TRUST-SUB-03", right.replace("shop:web", " shop:web")),
        ("TRUST-SUB-02", right.replace("shop:web", "shop:api")),
        ("TRUST-SUB-06", right.replace("shop:web", "shop:*")),
        ("TRUST-AUD-01", right.replace("\"sts.amazonaws.com\"", "\"sts.amazonaws.com.cn\"")),
        ("TRUST-ACT-01", right.replace("WithWebIdentity", "")),
        ("TRUST-KEY-03", right.replace(&format!("\"{ISS}:sub"), &format!("\"https://{ISS}:sub"))),
        ("TRUST-PRIN-04", right.replace(&arn, &arn.replace("eu-west-1", "us-east-1"))),
    ];
    let others = others();
    for (code, wrong) in faults {
        for at in 0..=others.len() {
            let mut all = others.clone();
            all.insert(at, wrong.clone());
            let document = format!(
                "{{\"Id\":\"x\", \"Version\":\"2012-10-17\",\n\"Statement\" : [ {} ] }}",
                all.join(" ,\n ")
            );
            let fix = fix(&graph(&base(&document)), code);
            let (was, new, _) = trust(&fix);
            assert_eq!(was, document);
            // What stands before and behind the one statement is not written at all.
            let (head, tail) = document.split_once(&wrong).unwrap();
            assert!(new.starts_with(head) && new.ends_with(tail), "{code} at {at}:\n{new}");
            assert!(new.len() < document.len() + 200, "{code} at {at}:\n{new}");
        }
    }
    // A statement of its own comes behind all of them.
    let document = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", others.join(",\n"));
    let (_, new, change) = trust(&fix(&graph(&base(&document)), "TRUST-PRIN-03"));
    let head = document.strip_suffix("]}").unwrap();
    assert_eq!(new, format!("{head},{right}]}}"));
    assert_eq!(change, TrustChange::Opens);
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

#[test]
fn a_name_that_is_somebodys_is_not_replaced() {
    let trusted = "system:serviceaccount:shop:api";
    let check = |more: &str, stays: bool, title: &str| {
        let fix = fix(&graph(&(base(&document(&ours(trusted))) + more)), "TRUST-SUB-02");
        let (_, new, change) = trust(&fix);
        assert_eq!(new.contains(trusted), stays, "{more}: {new}");
        assert!(new.contains("system:serviceaccount:shop:web"), "{new}");
        // Whoever annotates must not get in by a `yes`.
        assert_eq!(change, TrustChange::Opens);
        assert_eq!(fix.title, format!("{title} in the trust policy of `web`"));
    };
    let account =
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: api, namespace: shop}\n";
    check(account, true, "name `shop/web` beside the others");
    check(&workload("Deployment", "other", "api"), true, "name `shop/web` beside the others");
    check("", false, "name `shop/web` instead of `shop/api`");
    // Where nobody could look, it may be somebody's.
    let denied =
        "---\napiVersion: lab.idscope.dev/v1\nkind: Caller\ndenyKube: [\"list:cronjobs\"]\n";
    check(denied, true, "name `shop/web` beside the others");
}

#[test]
fn a_mistake_in_its_own_name_is_a_near_miss_and_all_else_opens() {
    let right = ours("system:serviceaccount:shop:web");
    let check = |code: &str, statement: &str, expected: TrustChange| {
        let graph = graph(&base(&document(statement)));
        let fix = fix(&graph, code);
        assert_eq!(trust(&fix).2, expected, "{code}");
        let confirm = plan_of(&graph, &fix).unwrap().confirm;
        match expected {
            TrustChange::Opens => assert_eq!(confirm, Confirm::IamRole("web".into())),
            TrustChange::NearMiss | TrustChange::Narrows => assert_eq!(confirm, Confirm::Yes),
        }
    };
    let near = TrustChange::NearMiss;
    check("TRUST-SUB-03", &right.replace("shop:web", "shop: web"), near);
    check("TRUST-SUB-04", &right.replace("shop:web", "shop:Web"), near);
    check("TRUST-SUB-05", &right.replace("system:serviceaccount:shop:web", "shop/web"), near);
    check(
        "TRUST-AUD-01",
        &right.replace("\"sts.amazonaws.com\"", "\"sts.amazonaws.com.cn\""),
        near,
    );
    check("TRUST-ACT-01", &right.replace("WithWebIdentity", ""), near);
    let opens = TrustChange::Opens;
    check("TRUST-SUB-01", &right.replace("shop:web", "pay:web"), opens);
    check("TRUST-SUB-02", &right.replace("shop:web", "shop:wep"), opens);
    // A condition that is given up was there for something.
    let dated = right.replace(
        r#""Condition":{"#,
        r#""Condition":{"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"#,
    );
    check("TRUST-COND-06", &dated, opens);
    check(
        "TRUST-PRIN-01",
        r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
        opens,
    );
}

#[test]
fn no_fix_brings_a_wildcard() {
    let stars = |it: &str| -> BTreeSet<String> {
        let strings = it.split('"').filter(|it| it.contains(['*', '?']));
        strings.map(str::to_owned).collect()
    };
    let mut seen = 0;
    for (_, path) in faults() {
        let mut graph = Graph::default();
        for change in lab::changes(&parse(&path)) {
            graph.apply(change);
        }
        for finding in findings(&graph) {
            for (index, fix) in finding.fixes.iter().enumerate() {
                for edit in &fix.edits {
                    let Edit::SetTrust { was, document, .. } = edit else { continue };
                    seen += 1;
                    let at = format!("{} {} {}", path.display(), finding.code, fix.title);
                    let (before, after) = (stars(was), stars(document));
                    assert!(after.is_subset(&before), "{at}: {after:?}");
                    // The exact subject comes first; the pattern is never made to match but as a second choice.
                    let like = |it: &str| it.matches("StringLike").count();
                    assert!(like(document) <= like(was) || 0 < index, "{at}");
                }
            }
        }
    }
    assert!(80 < seen, "only {seen} trust edits were looked at");
    let document = document(&ours("system:serviceaccount:shop:*"));
    let graph = graph(&base(&document));
    let all = findings(&graph);
    let finding = all.iter().find(|it| it.code == "TRUST-SUB-06").unwrap();
    assert_eq!(trust(&finding.fixes[0]).1, document.replace("shop:*", "shop:web"));
    let (_, second, change) = trust(&finding.fixes[1]);
    assert!(
        second.contains(&format!(r#""StringLike":{{"{ISS}:sub":"system:serviceaccount:shop:*""#))
    );
    assert_eq!(change, TrustChange::Opens);
}

#[test]
fn whoever_is_let_in_is_listed_after_the_annotation() {
    for (_, path) in faults() {
        let mut graph = Graph::default();
        for change in lab::changes(&parse(&path)) {
            graph.apply(change);
        }
        for finding in findings(&graph) {
            let at = |wanted: &dyn Fn(&Edit) -> bool| {
                finding.fixes.iter().position(|it| it.edits.iter().any(wanted))
            };
            let annotates = at(&|it| matches!(it, Edit::Annotate { .. }));
            let opens = at(&|it| matches!(it, Edit::SetTrust { change: TrustChange::Opens, .. }));
            if let (Some(annotates), Some(opens)) = (annotates, opens)
                && finding.code != "TRUST-PRIN-02"
            {
                assert!(annotates < opens, "{} {}", path.display(), finding.code);
            }
        }
    }
}

#[test]
fn the_audience_is_the_effective_one() {
    let ec2 = r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
    let text = base(&document(ec2)).replace(
        "annotations: {eks.amazonaws.com/role-arn",
        "annotations: {eks.amazonaws.com/audience: mine, eks.amazonaws.com/role-arn",
    );
    let appended = trust(&fix(&graph(&text), "TRUST-PRIN-01")).1;
    assert!(appended.contains(&format!(r#""{ISS}:aud":"mine""#)), "{appended}");
    // A new provider takes every audience that its tokens have.
    let without = text.replace("kind: OidcProvider", "kind: IamPolicy").replace(
        &format!("account: \"{ACCOUNT}\"\nurl: {ISS}\nclientIds: [sts.amazonaws.com]"),
        &format!("arn: arn:aws:iam::{ACCOUNT}:policy/p\ndocument: {{Version: \"2012-10-17\", Statement: []}}"),
    );
    let created = fix(&graph(&without), "OIDC-01");
    let [Edit::CreateProvider { client_ids, .. }] = &created.edits[..] else {
        panic!("{created:?}")
    };
    assert_eq!(client_ids, &[Text::from("sts.amazonaws.com"), Text::from("mine")]);
}

#[test]
fn service_linked_roles_and_documents_that_do_not_fit_are_refused() {
    let right = ours("system:serviceaccount:shop:web");
    let wrong = document(&right.replace("shop:web", " shop:web"));
    let plan = |role: &str, statements: &str| {
        let text = base(&wrong).replace("role/web", role);
        let graph = graph(&text);
        let edit = Edit::SetTrust {
            role: Arn::new(format!("arn:aws:iam::{ACCOUNT}:{role}")),
            was: wrong.as_str().into(),
            document: document(statements).into(),
            change: TrustChange::NearMiss,
        };
        let because = Because { code: None, subject: "test".into() };
        plan::build(&graph, "FX", "t".into(), because, vec![edit])
    };
    let linked = plan("role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", &right);
    assert!(matches!(linked, Err(Refusal::ServiceLinked(_))), "{linked:?}");
    let long = |n: usize| vec![right.as_str(); n].join(",");
    let chars = document(&right).chars().filter(|it| !it.is_whitespace()).count() - 40;
    let fits = plan("role/web", &right).unwrap();
    assert!(fits.warnings.iter().all(|it| !it.text.contains("2048")), "{:?}", fits.warnings);
    // What the account's quota is, is not known; what IAM never takes is.
    let raised = plan("role/web", &long(2_048 / chars + 1)).unwrap();
    assert!(
        raised.warnings.iter().any(|it| it.grave && it.text.contains("2048")),
        "{:?}",
        raised.warnings
    );
    let never = plan("role/web", &long(4_096 / chars + 1));
    assert!(matches!(never, Err(Refusal::TooLong { .. })), "{never:?}");
    let none = plan("role/web", r#"{"Effect":"Allow"}"#);
    assert!(matches!(none, Err(Refusal::NoPolicy { .. })), "{none:?}");
}

/// The base with an association instead of the annotation.
fn associated(trust: &str, more: &str) -> String {
    let text = base(trust).replace(
        &format!(
            ", annotations: {{eks.amazonaws.com/role-arn: \"arn:aws:iam::{ACCOUNT}:role/web\"}}"
        ),
        "",
    );
    format!(
        "{text}---\napiVersion: lab.idscope.dev/v1\nkind: PodIdentityAssociation\nnamespace: shop\nserviceAccount: web\nroleArn: arn:aws:iam::{ACCOUNT}:role/web\n{more}"
    )
}

#[test]
fn without_session_tags_the_cluster_is_asked_for() {
    let cluster = format!("arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod");
    let source =
        [format!(r#""aws:SourceAccount":"{ACCOUNT}""#), format!(r#""aws:SourceArn":"{cluster}""#)];
    let web = document(&ours("system:serviceaccount:shop:web"));
    let added =
        trust(&fix(&graph(&associated(&web, "disableSessionTags: true\n")), "PI-TRUST-03")).1;
    assert!(source.iter().all(|it| added.contains(it)), "{added}");
    assert!(!added.contains("RequestTag") && !added.contains("TagSession"), "{added}");
    // Conditions on tags that are not sent are not simply dropped.
    let tagged = document(
        r#"{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"aws:RequestTag/kubernetes-namespace":"shop"}}}"#,
    );
    let text = associated(&tagged, "disableSessionTags: true\n");
    let (_, edited, change) = trust(&fix(&graph(&text), "PI-TRUST-08"));
    assert!(source.iter().all(|it| edited.contains(it)), "{edited}");
    assert_eq!(change, TrustChange::Opens);
    // With tags it is the ServiceAccount of this cluster that is asked for.
    let exact = trust(&fix(&graph(&associated(&web, "")), "PI-TRUST-03")).1;
    for it in [&cluster, "shop", "web"] {
        assert!(exact.contains(&format!("\":\"{it}\"")), "{exact}");
    }
}

#[test]
fn whoever_keeps_an_object_is_named_with_the_place_to_change() {
    let wrong = document(&ours("system:serviceaccount:shop:web").replace("shop:web", " shop:web"));
    let check = |text: &str, code: &str, what: &str| {
        let graph = graph(text);
        let plan = plan_of(&graph, &fix(&graph, code)).unwrap();
        let found = plan.warnings.iter().any(|it| it.text.contains(what));
        assert!(found, "{what}: {:?}", plan.warnings);
    };
    let tags = |tags: &str| {
        base(&wrong).replace("trustPolicy:", &format!("tags: {{{tags}}}\ntrustPolicy:"))
    };
    check(
        &tags("\"aws:cloudformation:stack-name\": irsa"),
        "TRUST-SUB-03",
        "CloudFormation (`irsa`)",
    );
    check(
        &tags("terraform: \"true\""),
        "TRUST-SUB-03",
        "change the trust policy in the Terraform configuration",
    );
    let right = document(&ours("system:serviceaccount:shop:web"));
    let marks = |marks: &str| {
        base(&right)
            .replace("metadata: {name: web, namespace: shop, annotations: {eks.amazonaws.com/role-arn: \"arn:aws:iam", &format!("metadata: {{name: web, namespace: shop, {marks}eks.amazonaws.com/role-arn: \" arn:aws:iam"))
    };
    check(
        &marks(
            "labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: shop, ",
        ),
        "ANN-05",
        "Helm (`shop`)",
    );
    check(
        &marks("annotations: {argocd.argoproj.io/tracking-id: \"shop:x\", "),
        "ANN-05",
        "Argo CD (`shop`)",
    );
    check(
        &marks("labels: {kustomize.toolkit.fluxcd.io/name: apps}, annotations: {"),
        "ANN-05",
        "Flux (`apps`)",
    );
    check(
        &marks("labels: {app.kubernetes.io/managed-by: eksctl}, annotations: {"),
        "ANN-05",
        "eksctl",
    );
}

/// Whatever an edit is about: facts of before allow none, and what it is not about does not matter.
#[test]
fn facts_that_are_older_than_the_last_reading_allow_no_write() {
    let trust = document(&ours("system:serviceaccount: shop:web"));
    let role = Arn::new(format!("arn:aws:iam::{ACCOUNT}:role/web"));
    let key = SaKey::new("shop", "web");
    let workload = WorkloadKey::new(WorkloadKind::Deployment, "shop", "web");
    let annotate = Edit::Annotate {
        service_account: key.clone(),
        key: "k".into(),
        was: None,
        value: Some("v".into()),
    };
    let set = Edit::SetTrust {
        role: role.clone(),
        was: trust.as_str().into(),
        document: document(&ours("system:serviceaccount:shop:web")).into(),
        change: TrustChange::NearMiss,
    };
    let provider = Arn::new(format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISS}"));
    let client_id = Edit::AddClientId { provider, client_id: "x".into() };
    let fields = AssociationFields::of_role(role);
    let associate = Edit::CreateAssociation { service_account: key, fields };
    let addon = Edit::CreateAddon { name: "vpc-cni".into() };
    let namespace = || None;
    let account = || Text::from(ACCOUNT);
    let all = [
        (annotate, Scope::ServiceAccounts { namespace: namespace() }),
        (
            Edit::Restart { workload },
            Scope::Workloads { kind: WorkloadKind::Deployment, namespace: namespace() },
        ),
        (set, Scope::Roles { account: account() }),
        (client_id, Scope::Providers { account: account() }),
        (associate, Scope::Associations),
        (addon, Scope::Addons),
    ];
    let at = now();
    let states = [
        SourceState::Stale { at, error: "gone".into(), attempts: 3 },
        SourceState::Cached { at },
        SourceState::Expired { profile: "p".into(), login: "l".into() },
    ];
    let built = |state: Option<(Scope, SourceState)>, edit: &Edit| {
        let mut graph = graph(&base(&trust));
        if let Some((scope, state)) = state {
            graph.apply(Change::Source { scope, state });
        }
        plan::build(&graph, "FX", "t".to_owned(), Because::default(), vec![edit.clone()]).map(drop)
    };
    for (index, (edit, scope)) in all.iter().enumerate() {
        assert_eq!(built(None, edit), Ok(()), "{edit:?}");
        for state in &states {
            let refused = built(Some((scope.clone(), state.clone())), edit);
            assert!(matches!(refused, Err(Refusal::NotFresh { .. })), "{edit:?}: {refused:?}");
            let (_, other) = &all[(index + 1) % all.len()];
            assert_eq!(built(Some((other.clone(), state.clone())), edit), Ok(()), "{edit:?}");
        }
    }
}

#[test]
fn templates_of_jobs_and_pods_without_owner_are_a_persons() {
    let text = std::fs::read_to_string("tests/scenarios/POD-KEY-01/fires-owned.yaml").unwrap();
    assert!(!fix(&graph(&text), "POD-KEY-01").edits.is_empty());
    let job = text
        .replace("kind: Deployment", "kind: Job")
        .replace("apiVersion: apps/v1", "apiVersion: batch/v1");
    let fixes: Vec<Fix> = findings(&graph(&job))
        .into_iter()
        .filter(|it| it.code == "POD-KEY-01")
        .flat_map(|it| it.fixes)
        .collect();
    assert!(fixes.iter().all(|it| it.edits.is_empty()), "{fixes:?}");
}
