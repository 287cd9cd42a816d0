//! Whole identities as a goal: which edits lead there, why there is no way, where a migration stands, and how it is left.

#[path = "common/judge.rs"]
mod judge;

use idscope::{
    check::{self, Goal, Migration, Proof, Stage, Way},
    graph::Graph,
    ident::{Arn, SaKey, Timestamp, WorkloadKind},
    lab::{self, World},
    plan::{self, Edit, TrustChange, WorkloadKey},
};
use std::time::Duration;

const ISS: &str = "oidc.eks.eu-west-1.amazonaws.com/id/C891F985BAF5A4C1C7ABBA6A00DFD39E";
const OLD: &str = "oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D4E5F60718293A4B5C6D7E8F9";
const ACCOUNT: &str = "111122223333";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn key() -> SaKey {
    SaKey::new("shop", "web")
}

/// What a world has; the default is web identity that works.
#[derive(Clone)]
struct Site {
    provider: Option<&'static str>,
    /// Statements of role `web`.
    trust: Vec<String>,
    annotated: bool,
    associated: bool,
    /// `irsa`, `pod-identity` or `none`: what each pod of the Deployment carries.
    pods: Vec<&'static str>,
    more: String,
    cluster: &'static str,
    defaults: &'static str,
}

fn site() -> Site {
    Site {
        provider: Some("[sts.amazonaws.com]"),
        trust: vec![web(ISS)],
        annotated: true,
        associated: false,
        pods: vec!["irsa", "irsa"],
        more: String::new(),
        cluster: "",
        defaults: "",
    }
}

fn web(issuer: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{issuer}:sub":"system:serviceaccount:shop:web","{issuer}:aud":"sts.amazonaws.com"}}}}}}"#
    )
}

fn eks() -> String {
    r#"{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}"#.to_owned()
}

fn ec2() -> String {
    r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#
        .to_owned()
}

fn iam_role(name: &str, statements: &[String]) -> String {
    let trust = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    format!(
        "---\napiVersion: lab.idscope.dev/v1\nkind: IamRole\narn: {}\nage: 400d\ntrustPolicy: {trust:?}\nattachedPolicies: [arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess]\n",
        role(name)
    )
}

fn account(name: &str, role_name: Option<&str>) -> String {
    let note = role_name.map(|it| {
        format!(
            ", annotations: {{eks.amazonaws.com/role-arn: \"{}\", lab.idscope.dev/age: 100d}}",
            role(it)
        )
    });
    format!(
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop{}}}\n",
        note.unwrap_or_default()
    )
}

fn deployment(name: &str, pods: &[&str]) -> String {
    let mut res = format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{replicas: 2, selector: {{matchLabels: \
         {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{serviceAccountName: web, containers: [{{name: app, image: a}}]}}}}}}\n"
    );
    for (index, it) in pods.iter().enumerate() {
        // What the webhook left in it: environment, mount and volume.
        let injected = |env: &str, volume: &str, mount: &str, audience: &str, path: &str| {
            (
                format!(
                    ", env: [{env}, {{name: AWS_REGION, value: eu-west-1}}], volumeMounts: [{{name: {volume}, mountPath: {mount}, readOnly: true}}]"
                ),
                format!(
                    ", volumes: [{{name: {volume}, projected: {{sources: [{{serviceAccountToken: {{audience: {audience}, expirationSeconds: 86400, path: {path}}}}}]}}}}]"
                ),
            )
        };
        let (in_container, in_pod) = match *it {
            "irsa" => injected(
                &format!(
                    "{{name: AWS_ROLE_ARN, value: \"{}\"}}, {{name: AWS_WEB_IDENTITY_TOKEN_FILE, value: /var/run/secrets/eks.amazonaws.com/serviceaccount/token}}",
                    role("web")
                ),
                "aws-iam-token",
                "/var/run/secrets/eks.amazonaws.com/serviceaccount",
                "sts.amazonaws.com",
                "token",
            ),
            "pod-identity" => injected(
                "{name: AWS_CONTAINER_CREDENTIALS_FULL_URI, value: \"http://169.254.170.23/v1/credentials\"}, {name: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, value: /var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token}",
                "eks-pod-identity-token",
                "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
                "pods.eks.amazonaws.com",
                "eks-pod-identity-token",
            ),
            _ => (String::new(), String::new()),
        };
        res.push_str(&format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{index}, namespace: shop, labels: {{app: {name}}}, annotations: {{lab.idscope.dev/admission: verbatim, \
             lab.idscope.dev/age: 1h}}, ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: {name}, controller: true}}]}}\n\
             spec: {{nodeName: node-1, serviceAccountName: web, containers: [{{name: app, image: a{in_container}}}]{in_pod}}}\n"
        ));
    }
    res
}

impl Site {
    fn text(&self) -> String {
        let head = "apiVersion: lab.idscope.dev/v1\nkind:";
        let mut res = format!(
            "{head} EksCluster\nname: prod\naccount: \"{ACCOUNT}\"\nregion: eu-west-1\nissuer: https://{ISS}\n{}---\n{head} EksDefaults\n{}",
            self.cluster, self.defaults
        );
        if let Some(ids) = self.provider {
            res.push_str(&format!(
                "---\n{head} OidcProvider\naccount: \"{ACCOUNT}\"\nurl: {ISS}\nclientIds: {ids}\n"
            ));
        }
        res.push_str(&iam_role("web", &self.trust));
        res.push_str(&account("web", self.annotated.then_some("web")));
        if self.associated {
            res.push_str(&format!("---\n{head} PodIdentityAssociation\nnamespace: shop\nserviceAccount: web\nroleArn: {}\nage: 50d\n", role("web")));
        }
        res + &deployment("web", &self.pods) + &self.more
    }

    fn graph(&self) -> Graph {
        graph_of(&self.text())
    }
}

fn graph_of(text: &str) -> Graph {
    let world = World::parse("goal.yaml", text, now()).unwrap_or_else(|it| panic!("{it}\n{text}"));
    let mut res = Graph::default();
    for change in lab::changes(&world) {
        res.apply(change);
    }
    res
}

/// Each edit in a word or two.
fn words(edits: &[Edit]) -> Vec<String> {
    edits
        .iter()
        .map(|it| {
            let value = serde_json::to_value(it).unwrap();
            let kind = value["kind"].as_str().unwrap().to_owned();
            match it {
                Edit::Restart { workload } => format!("restart {}", workload.name),
                Edit::SetTrust { role, change: TrustChange::Opens, .. } => {
                    format!("open {}", role.name().unwrap())
                }
                Edit::SetTrust { role, .. } => format!("trust {}", role.name().unwrap()),
                Edit::Annotate { value: None, .. } => "unannotate".to_owned(),
                Edit::CreateAddon { name } => format!("{kind} {name}"),
                _ => kind,
            }
        })
        .collect()
}

fn reach(site: &Site, goal: Goal, role: Option<&str>) -> Result<Way, String> {
    let role = role.map(Arn::from);
    check::reach(&site.graph(), &key(), goal, role.as_ref(), now())
}

#[track_caller]
fn leads(site: &Site, goal: Goal, expected: &[&str]) {
    let way = reach(site, goal, Some(&role("web"))).unwrap();
    assert_eq!(words(&way.edits), expected, "{:?}", way.notes);
    // The end of the way is where nothing is left to do, and AWS grants.
    let graph = site.graph();
    let then = check::After::of(&graph, &way.edits, now());
    let then = then.graph();
    let again = check::reach(then, &key(), goal, Some(&Arn::from(&*role("web"))), now()).unwrap();
    let left: Vec<_> =
        words(&again.edits).into_iter().filter(|it| !it.starts_with("restart")).collect();
    assert!(left.is_empty(), "{left:?}");
    let verdict = judge::judge(then, now()).identity(&key()).map(|it| it.verdict.clone());
    assert_eq!(verdict, Some(idscope::identity::Verdict::Allow));
}

#[track_caller]
fn no_way(site: &Site, goal: Goal, role: Option<&str>, why: &str) {
    let it = reach(site, goal, role).unwrap_err();
    assert!(it.contains(why), "{it}");
}

#[test]
fn web_identity() {
    let works = site();
    leads(&works, Goal::Irsa, &[]);
    let nothing = Site {
        provider: None,
        trust: vec![ec2()],
        annotated: false,
        pods: vec!["none", "none"],
        ..site()
    };
    leads(&nothing, Goal::Irsa, &["create-provider", "open web", "annotate", "restart web"]);
    leads(&Site { provider: Some("[other]"), ..site() }, Goal::Irsa, &["add-client-id"]);
    let mistyped = web(ISS).replace("shop:web", "shop: web");
    leads(&Site { trust: vec![mistyped], ..site() }, Goal::Irsa, &["trust web"]);
    // An association wins over the annotation.
    leads(&Site { associated: true, ..site() }, Goal::Irsa, &["delete-association"]);
    let owned = site().text();
    assert!(owned.contains("kind: Deployment"));
    let addon = format!(
        "---\napiVersion: lab.idscope.dev/v1\nkind: PodIdentityAssociation\nnamespace: shop\nserviceAccount: web\nroleArn: {}\nownerArn: arn:aws:eks:eu-west-1:{ACCOUNT}:addon/prod/x/1\n",
        role("web")
    );
    no_way(&Site { more: addon, ..site() }, Goal::Irsa, None, "which wins");
    let unsaid = Site { annotated: false, trust: vec![ec2()], ..site() };
    no_way(&unsaid, Goal::Irsa, None, "nothing says which role");
    let two = Site { annotated: false, more: iam_role("web2", &[web(ISS)]), ..site() };
    no_way(&two, Goal::Irsa, None, "choose one with --role");
    no_way(&site(), Goal::Irsa, Some("web"), "not the ARN of an IAM role");
    no_way(&site(), Goal::Irsa, Some(&role("gone")), "does not exist");
    let denied =
        format!("{},{}", web(ISS), r#"{"Effect":"Deny","Principal":"*","Action":"sts:*"}"#);
    no_way(&Site { trust: vec![denied], ..site() }, Goal::Irsa, None, "needs a person");
}

#[test]
fn pod_identity() {
    leads(&site(), Goal::PodIdentity, &["open web", "create-association", "restart web"]);
    let bare = Site { defaults: "without: [agent]\n", ..site() };
    leads(
        &bare,
        Goal::PodIdentity,
        &["create-addon eks-pod-identity-agent", "open web", "create-association", "restart web"],
    );
    let auto = Site { cluster: "autoMode: true\n", trust: vec![eks()], ..site() };
    leads(&auto, Goal::PodIdentity, &["create-association", "restart web"]);
    let moved = Site {
        associated: true,
        trust: vec![eks()],
        annotated: false,
        pods: vec!["pod-identity"],
        ..site()
    };
    leads(&moved, Goal::PodIdentity, &[]);
}

/// Worlds whose pods Pod Identity cannot serve, with the reason.
fn ineligible() -> Vec<(Site, Option<String>, &'static str)> {
    let node = |label: &str| Site {
        more: format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: odd, labels: {{{label}}}}}\n{}",
            deployment("odd", &["irsa"]).replace("nodeName: node-1", "nodeName: odd")
        ),
        ..site()
    };
    let template = |with: &str| Site {
        more: deployment("odd", &[]).replace(
            "spec: {serviceAccountName: web, containers",
            &format!("spec: {{{with}, serviceAccountName: web, containers"),
        ),
        ..site()
    };
    let by_hand = deployment("odd", &[])
        .replace("image: a}", "image: a, env: [{name: AWS_ROLE_ARN, value: x}]}");
    let foreign = "arn:aws:iam::999988887777:role/web".to_owned();
    vec![
        (node("eks.amazonaws.com/compute-type: fargate"), None, "Fargate"),
        (node("eks.amazonaws.com/compute-type: hybrid"), None, "hybrid"),
        (node("kubernetes.io/os: windows"), None, "Windows"),
        (node("x: y"), None, "has no Ready agent"),
        (template("hostNetwork: true"), None, "host's network"),
        (template("nodeSelector: {kubernetes.io/os: windows}"), None, "Windows"),
        (template("schedulerName: fargate-scheduler"), None, "Fargate"),
        (Site { more: by_hand, ..site() }, None, "by hand"),
        (site(), Some(foreign), "as its target role"),
    ]
}

#[test]
fn not_eligible() {
    for (site, role, why) in ineligible() {
        no_way(&site, Goal::PodIdentity, role.as_deref(), why);
        if role.is_none() {
            let it = stage_of(&site, 10, true).unwrap_err();
            assert!(it.starts_with("not eligible: ") && it.contains(why), "{it}");
        }
    }
    // What is not known is no reason against it, and is said.
    let late = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: late, namespace: shop}\nstatus: {phase: Pending}\nspec: {serviceAccountName: web, containers: [{name: app, image: a}]}\n";
    let way = reach(&Site { more: late.to_owned(), ..site() }, Goal::PodIdentity, None).unwrap();
    assert!(way.notes.iter().any(|it| it.contains("not scheduled")), "{:?}", way.notes);
}

fn stage_of(site: &Site, minutes: u64, answered: bool) -> Result<Migration, String> {
    let graph = site.graph();
    let ledger = judge::judge(&graph, now());
    let proof = Proof { ready_for: Duration::from_secs(60 * minutes), answered };
    check::migrate(&graph, &ledger, &key(), proof, now())
}

/// Leads back from a stage, by the world alone: to where IRSA is granted and nothing of a migration is left.
#[track_caller]
fn left(site: &Site, expected: &[&str]) {
    let graph = site.graph();
    let way = match check::leave(&graph, &[key()], now()) {
        Ok(it) => it,
        Err(why) => {
            assert!(expected.is_empty() && why.contains("nothing of a migration"), "{why}");
            return;
        }
    };
    assert_eq!(words(&way.edits), expected, "{:?}", way.notes);
    let then = check::After::of(&graph, &way.edits, now());
    let ledger = judge::judge(then.graph(), now());
    let it = ledger.identity(&key()).unwrap();
    assert_eq!(it.verdict, idscope::identity::Verdict::Allow, "{}", it.because);
    assert_eq!(it.mechanism, idscope::identity::Mechanism::Irsa);
    assert!(check::leave(then.graph(), &[key()], now()).is_err());
}

#[test]
fn stages() {
    let both = || vec![web(ISS), eks()];
    let check = |site: &Site, answered: bool, stage: Stage, edits: &[&str], leave: &[&str]| {
        let it = stage_of(site, 10, answered).unwrap();
        assert_eq!(it.stage, stage, "{}", it.because);
        assert_eq!(words(&it.way.edits), edits, "{}", it.because);
        // Every stage can be left by a plan that is shown, and the page of the stage says how.
        left(site, leave);
        it.because
    };
    let undo = ["delete-association", "restart web", "restart worker"];
    check(&site(), false, Stage::DualTrust, &["open web"], &[]);
    let dual = Site { trust: both(), ..site() };
    let said = check(&dual, false, Stage::Associate, &["create-association"], &[]);
    assert!(said.contains("new pods switch"), "{said}");
    let second = |pods: &[&str]| deployment("worker", pods);
    let canary = Site { associated: true, more: second(&["irsa"]), ..dual.clone() };
    check(&canary, false, Stage::Canary, &["restart web"], &undo[..1]);
    let rest = Site { pods: vec!["pod-identity"], ..canary.clone() };
    check(&rest, false, Stage::Restart, &["restart worker"], &undo[..2]);
    let moved = Site { pods: vec!["pod-identity"], more: second(&["pod-identity"]), ..canary };
    let said = check(&moved, false, Stage::Prove, &[], &undo);
    assert!(said.contains("EKS Auth has not answered"), "{said}");
    let said = stage_of(&moved, 120, true).unwrap();
    assert_eq!(said.stage, Stage::Prove);
    assert!(said.because.contains("has not been Ready for 120 minutes"), "{}", said.because);
    check(&moved, true, Stage::Unannotate, &["unannotate"], &undo);
    let plain = Site { annotated: false, ..moved.clone() };
    let back = [&["annotate"], &undo[..]].concat();
    check(&plain, true, Stage::DropTrust, &["trust web"], &back);
    let back = [&["open web"], &back[..]].concat();
    check(&Site { trust: vec![eks()], ..plain.clone() }, true, Stage::Finished, &[], &back);
    // The statement stays as long as anybody needs it.
    let stays = |more: String, who: &str| {
        let it = stage_of(&Site { more, ..plain.clone() }, 10, true).unwrap_err();
        assert!(it.contains("still needs it") && it.contains(who), "{it}");
    };
    stays(account("other", Some("web")), "ServiceAccount `shop/other`");
    let cron = format!(
        "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: nightly, namespace: shop}}\nspec: {{schedule: \"0 0 * * *\", jobTemplate: {{spec: {{template: {{spec: \
         {{containers: [{{name: app, image: a, env: [{{name: AWS_ROLE_ARN, value: \"{}\"}}]}}]}}}}}}}}}}\n",
        role("web")
    );
    stays(cron.clone(), "cronjob/shop/nightly");
    let elsewhere = cron.replace(
        &format!("value: \"{}\"", role("web")),
        "valueFrom: {configMapKeyRef: {name: aws, key: role}}",
    );
    assert!(elsewhere != cron);
    stays(elsewhere, "cronjob/shop/nightly");
    // Who may need it and cannot be seen counts too.
    for (list, scope) in
        [("cronjobs", "kube/cronjobs"), ("serviceaccounts", "kube/serviceaccounts")]
    {
        let more = format!(
            "---\napiVersion: lab.idscope.dev/v1\nkind: Caller\ndenyKube: [\"list:{list}\"]\n"
        );
        let it = stage_of(&Site { more, ..plain.clone() }, 10, true);
        let said = it.map(|it| it.because).unwrap_err();
        assert!(said.contains(scope) || list == "serviceaccounts", "{said}");
    }
    // A pod that became Ready anew a moment ago has not been Ready for long, however old it is.
    let flaps = "status: {phase: Running, conditions: [{type: Ready, status: \"True\", lastTransitionTime: \"2025-12-31T23:58:00Z\"}]}\nspec: {nodeName: node-1";
    let text = moved.text().replacen("spec: {nodeName: node-1", flaps, 1);
    let graph = graph_of(&text);
    let proof = Proof { ready_for: Duration::from_secs(600), answered: true };
    let ledger = judge::judge(&graph, now());
    let it = check::migrate(&graph, &ledger, &key(), proof, now()).unwrap();
    assert_eq!(it.stage, Stage::Prove);
    assert!(it.because.contains("has not been Ready for 10 minutes"), "{}", it.because);
    let bare = Site { annotated: false, associated: false, ..site() };
    let it = stage_of(&bare, 10, true).unwrap_err();
    assert!(it.contains("nothing to migrate"), "{it}");
}

fn affected(names: &[&str], statements: &[String]) -> String {
    names.iter().map(|it| iam_role(it, statements) + &account(it, Some(it))).collect()
}

#[test]
fn roles_of_the_cluster_before() {
    let old = |name: &str| web(OLD).replace("shop:web", &format!("shop:{name}"));
    let base = Site { trust: vec![old("web")], provider: None, cluster: "age: 1d\n", ..site() };
    let run = |site: &Site, roles: &[&str]| {
        let roles: Vec<Arn> = roles.iter().map(|it| Arn::from(&*role(it))).collect();
        check::re_home(&site.graph(), &roles, now())
    };
    let two = Site { more: affected(&["api"], &[old("api")]), ..base.clone() };
    let way = run(&two, &[]).unwrap();
    assert_eq!(words(&way.edits), ["create-provider", "open api", "open web"]);
    // Nobody can be using the old issuer: it is replaced, and the plan as a whole lets them in.
    for it in &way.edits {
        let Edit::SetTrust { document, .. } = it else { continue };
        assert!(!document.contains(OLD) && document.contains(ISS), "{document}");
    }
    let graph = two.graph();
    let then = check::After::of(&graph, &way.edits, now());
    let ledger = judge::judge(then.graph(), now());
    for name in ["web", "api"] {
        let it = ledger.identity(&SaKey::new("shop", name)).unwrap();
        assert_eq!(it.verdict, idscope::identity::Verdict::Allow, "{name}: {}", it.because);
    }
    assert!(run(&Site { trust: vec![web(ISS)], more: String::new(), ..two.clone() }, &[]).is_err());
    assert_eq!(words(&run(&two, &["api"]).unwrap().edits), ["create-provider", "open api"]);
    // Where its provider is there and not every cluster could be listed, the old one may be somebody's.
    let provider = format!(
        "---\napiVersion: lab.idscope.dev/v1\nkind: OidcProvider\naccount: \"{ACCOUNT}\"\nurl: {OLD}\nclientIds: [sts.amazonaws.com]\nage: 300d\n"
    );
    let unlisted = format!(
        "{provider}---\napiVersion: lab.idscope.dev/v1\nkind: Caller\naccounts: [\"{ACCOUNT}\", \"999988887777\"]\ndeny: [\"eks:ListClusters arn:aws:eks:*:999988887777:*\"]\n"
    );
    if let Ok(way) = run(&Site { more: unlisted, ..base.clone() }, &[]) {
        let documents = way.edits.iter().filter_map(|it| {
            if let Edit::SetTrust { document, .. } = it { Some(document) } else { None }
        });
        for it in documents {
            assert!(it.contains(ISS), "{it}");
        }
    }
    // What cannot be saved stops only itself, before anything is written.
    let long: Vec<String> = (0..12).map(|it| old(&format!("n{it}"))).chain([old("big")]).collect();
    let with_big =
        Site { more: affected(&["api"], &[old("api")]) + &affected(&["big"], &long), ..base };
    let way = run(&with_big, &[]).unwrap();
    assert_eq!(words(&way.edits), ["create-provider", "open api", "open web"]);
    assert!(
        way.notes.iter().any(|it| it.contains("role/big` is left as it is") && it.contains("4096")),
        "{:?}",
        way.notes
    );
}

/// Worlds in which the pods of `web` carry nothing yet, by what the Deployment says of how they are made anew; what the
/// plan says of its restart, and what it warns of. Without a restart: why there is none.
#[test]
fn restarts_say_how_they_go() {
    let budget = |allowed: &str| {
        format!(
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: web, namespace: shop}}\nspec: {{{allowed}, selector: {{matchLabels: {{app: web}}}}}}\n"
        )
    };
    let refused = "---\napiVersion: lab.idscope.dev/v1\nkind: Caller\ndenyKube: [\"list:poddisruptionbudgets\"]\n";
    // Kind, what is written beside the replicas, more objects; the expected fragments.
    let check = |kind: &str, spec: &str, more: &str, expected: Result<(&str, &[&str]), &str>| {
        let text = site_without_identity(kind, spec, more);
        let graph = graph_of(&text);
        let role = Arn::from(&*role("web"));
        let way = check::reach(&graph, &key(), Goal::Irsa, Some(&role), now()).unwrap();
        let restarts: Vec<_> =
            way.edits.iter().filter(|it| matches!(it, Edit::Restart { .. })).cloned().collect();
        match expected {
            Err(why) => {
                assert!(restarts.is_empty(), "{text}");
                assert!(way.notes.iter().any(|it| it.contains(why)), "{why}: {:?}", way.notes);
            }
            Ok((how, warned)) => {
                let because = plan::Because::default();
                let it = plan::build(&graph, "irsa", String::new(), because, restarts).unwrap();
                assert_eq!(it.turnovers[0].describe(), how, "{text}");
                let said: Vec<_> = it.warnings.iter().map(|it| &*it.text).collect();
                assert_eq!(said.len(), warned.len(), "{said:?}");
                for it in warned {
                    assert!(said.iter().any(|said| said.contains(it)), "{it}: {said:?}");
                }
            }
        }
    };
    let rolling = "RollingUpdate, 2 replicas, maxUnavailable 25%, maxSurge 25%";
    check("Deployment", "replicas: 2", "", Ok((rolling, &[])));
    check(
        "Deployment",
        "replicas: 2, strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}",
        "",
        Ok(("RollingUpdate, 2 replicas, maxUnavailable 0, maxSurge 1", &[])),
    );
    check(
        "Deployment",
        "replicas: 2, strategy: {type: Recreate}",
        "",
        Ok(("Recreate, 2 replicas", &["all its pods go before the first new one is made"])),
    );
    let single = "RollingUpdate, 1 replica, maxUnavailable 25%, maxSurge 25%";
    check("Deployment", "replicas: 1", "", Ok((single, &["a restart may interrupt it"])));
    check(
        "StatefulSet",
        "replicas: 1",
        "",
        Ok(("RollingUpdate, 1 replica, maxUnavailable 1", &["a restart interrupts it"])),
    );
    check(
        "StatefulSet",
        "replicas: 2, updateStrategy: {rollingUpdate: {partition: 1}}",
        "",
        Ok((
            "RollingUpdate, 2 replicas, maxUnavailable 1, partition 1",
            &["only its pods numbered 1 and above"],
        )),
    );
    check(
        "DaemonSet",
        "minReadySeconds: 0",
        "",
        Ok(("RollingUpdate, 2 pods, maxUnavailable 1, maxSurge 0", &[])),
    );
    // What would have no effect is not offered, and a person is told what has.
    check("Deployment", "replicas: 2, paused: true", "", Err("rollout resume -n shop deploy/web"));
    let on_delete = "replicas: 2, updateStrategy: {type: OnDelete}";
    check("StatefulSet", on_delete, "", Err("delete pod -n shop web-0"));
    check("DaemonSet", "updateStrategy: {type: OnDelete}", "", Err("strategy OnDelete"));
    let held = "replicas: 2, updateStrategy: {rollingUpdate: {partition: 2}}";
    check("StatefulSet", held, "", Err("none of its pods is made anew"));
    check("ReplicaSet", "replicas: 2", "", Err("is a ReplicaSet"));
    check("Job", "parallelism: 2", "", Err("replace --force -f job.yaml"));
    // A budget warns where nothing is left of it, and where nobody may know.
    check("Deployment", "replicas: 2", &budget("minAvailable: 1"), Ok((rolling, &[])));
    let spent = "`shop/web` of deploy/shop/web has no disruptions left";
    check("Deployment", "replicas: 2", &budget("maxUnavailable: 0"), Ok((rolling, &[spent])));
    let other = budget("maxUnavailable: 0").replace("app: web", "app: other");
    check("Deployment", "replicas: 2", &other, Ok((rolling, &[])));
    let unread = "is not known: list poddisruptionbudgets is denied";
    check("Deployment", "replicas: 2", refused, Ok((rolling, &[unread])));
}

fn site_without_identity(kind: &str, spec: &str, more: &str) -> String {
    let site = Site { pods: Vec::new(), more: String::new(), ..site() };
    let made = deployment("web", &["none", "none"])
        .replace("kind: Deployment", &format!("kind: {kind}"))
        .replace(
            "apiVersion: apps/v1",
            match kind {
                "Job" => "apiVersion: batch/v1",
                _ => "apiVersion: apps/v1",
            },
        )
        .replace("spec: {replicas: 2, ", &format!("spec: {{{spec}, "));
    site.text().replace(&deployment("web", &[]), &made) + more
}

/// Nobody restarts what a plan of somebody else says either, where it would have no effect.
#[test]
fn a_restart_without_effect_is_refused() {
    let text = site_without_identity("Deployment", "replicas: 2, paused: true", "");
    let workload = WorkloadKey::new(WorkloadKind::Deployment, "shop", "web");
    let edits = vec![Edit::Restart { workload }];
    let graph = graph_of(&text);
    let because = plan::Because::default();
    let refused = plan::build(&graph, "FX", String::new(), because, edits).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("is paused") && said.contains("rollout resume"), "{said}");
}

/// The statement that a migration writes goes with it, and with it everything that a stage changed.
#[test]
fn a_migration_is_left_as_it_was_entered() {
    let graph = site().graph();
    let raw = |graph: &Graph| {
        let role = Arn::from(&*role("web"));
        graph.role(&role).known().unwrap().trust.raw.clone()
    };
    let entered = stage_of(&site(), 10, false).unwrap().way.edits;
    let dual = check::After::of(&graph, &entered, now());
    assert_ne!(raw(dual.graph()), raw(&graph));
    let way = check::leave(dual.graph(), &[key()], now()).unwrap();
    assert_eq!(words(&way.edits), ["trust web"]);
    let left = check::After::of(dual.graph(), &way.edits, now());
    assert_eq!(raw(left.graph()), raw(&graph));
    // One stage later it goes after the association.
    let ledger = judge::judge(dual.graph(), now());
    let proof = Proof { ready_for: Duration::from_secs(600), answered: false };
    let next = check::migrate(dual.graph(), &ledger, &key(), proof, now()).unwrap();
    assert_eq!(next.stage, Stage::Associate);
    let associated = check::After::of(dual.graph(), &next.way.edits, now());
    let way = check::leave(associated.graph(), &[key()], now()).unwrap();
    assert_eq!(words(&way.edits), ["delete-association", "trust web"]);
    // Of several, those that are in a migration; one that is named alone is led back from Pod Identity in any case.
    let pods_only = Site { annotated: false, associated: true, trust: vec![eks()], ..site() };
    let graph = pods_only.graph();
    let other = SaKey::new("shop", "other");
    assert!(check::leave(&graph, &[key(), other], now()).is_err());
    let way = check::leave(&graph, &[key()], now()).unwrap();
    assert_eq!(words(&way.edits)[..3], ["open web", "annotate", "delete-association"]);
    // What an add-on has given is the add-on's to take.
    let owned = "---\napiVersion: lab.idscope.dev/v1\nkind: PodIdentityAssociation\nnamespace: shop\nserviceAccount: web\nownerArn: arn:aws:eks:eu-west-1:111122223333:addon/prod/x/y\nroleArn: ";
    let more = format!("{owned}{}\n", role("web"));
    let why = check::leave(&Site { more, ..site() }.graph(), &[key()], now()).unwrap_err();
    assert!(why.contains("belongs to"), "{why}");
}

/// A namespace goes through the stages together: one workload of all goes first, and who cannot go is named.
#[test]
fn several_are_migrated_together() {
    let statement = |name: &str, it: String| it.replace("shop:web", &format!("shop:{name}"));
    let world = |trust: &[String], associated: &[&str], carried: [&'static str; 2]| {
        let of_worker = deployment("worker", &[carried[1]])
            .replace("serviceAccountName: web", "serviceAccountName: worker");
        let mut more = account("worker", Some("web")) + &of_worker;
        for name in associated.iter().filter(|it| **it != "web") {
            more.push_str(&format!("---\napiVersion: lab.idscope.dev/v1\nkind: PodIdentityAssociation\nnamespace: shop\nserviceAccount: {name}\nroleArn: {}\nage: 50d\n", role("web")));
        }
        // On Fargate there is no agent.
        more.push_str(
            &(account("far", Some("web"))
                + &deployment("far", &[]).replace(
                    "spec: {serviceAccountName: web, ",
                    "spec: {schedulerName: fargate-scheduler, serviceAccountName: far, ",
                )),
        );
        Site {
            trust: trust.to_vec(),
            associated: associated.contains(&"web"),
            pods: vec![carried[0]],
            more,
            ..site()
        }
    };
    let check = |site: &Site, stage: Stage, edits: &[&str]| {
        let graph = site.graph();
        let ledger = judge::judge(&graph, now());
        let keys = check::of_namespace(&graph, "shop");
        let proof = Proof { ready_for: Duration::from_secs(600), answered: true };
        let it = check::migrate_all(&graph, &ledger, &keys, &|_| proof, now()).unwrap();
        assert_eq!(it.stage, stage, "{}", it.because);
        assert_eq!(words(&it.way.edits), edits, "{}", it.because);
        let said = it.way.notes.join("; ");
        assert!(
            said.contains("`shop/far` stays as it is: not eligible") && said.contains("Fargate"),
            "{said}"
        );
        it.way.edits
    };
    let web_only = [web(ISS), statement("worker", web(ISS))];
    let both = [web(ISS), statement("worker", web(ISS)), eks()];
    // One role of both is one write, with a statement for each.
    let edits = check(&world(&web_only, &[], ["irsa", "irsa"]), Stage::DualTrust, &["open web"]);
    let Edit::SetTrust { document, .. } = &edits[0] else { panic!("{edits:?}") };
    assert_eq!(document.matches("pods.eks.amazonaws.com").count(), 2, "{document}");
    let site = world(&both, &[], ["irsa", "irsa"]);
    check(&site, Stage::Associate, &["create-association", "create-association"]);
    let site = world(&both, &["web", "worker"], ["irsa", "irsa"]);
    check(&site, Stage::Canary, &["restart web"]);
    let site = world(&both, &["web", "worker"], ["pod-identity", "irsa"]);
    check(&site, Stage::Restart, &["restart worker"]);
    let site = world(&both, &["web", "worker"], ["pod-identity", "pod-identity"]);
    check(&site, Stage::Unannotate, &["unannotate", "unannotate"]);
}
