//! What one plan for a target holds, and what it leaves alone.

use crate::{
    judge::judge,
    safety::{ACCOUNT, OTHER, base, graph, now, ours},
    world::parse,
};
use idscope::{
    check::{self, Wanted},
    graph::Graph,
    ident::{Arn, Ref, SaKey},
    lab,
    plan::{Edit, Plan},
};
use std::path::Path;

fn proposed(graph: &Graph, code: Option<&str>, target: Option<Ref>) -> Option<Plan> {
    let ledger = judge(graph, now());
    let targets = target.into_iter().collect();
    let wanted = Wanted { code: code.map(Into::into), targets };
    check::propose(graph, &ledger, &wanted, now()).plan.map(|it| it.unwrap())
}

fn web() -> Ref {
    Ref::ServiceAccount(SaKey::new("shop", "web"))
}

/// The kinds of the plan's edits, as they are written.
#[track_caller]
fn check(text: &str, code: Option<&str>, target: Option<Ref>, expected: &[&str]) -> Option<Plan> {
    let res = proposed(&graph(text), code, target);
    let kind = |it: &Edit| {
        let value = serde_json::to_value(it).unwrap();
        value["kind"].as_str().unwrap().to_owned()
    };
    let kinds: Vec<String> = res.iter().flat_map(Plan::edits).map(kind).collect();
    assert_eq!(kinds, expected);
    res
}

fn documents(plan: Option<Plan>) -> Vec<String> {
    let all = plan.into_iter().flat_map(|it| it.edits().cloned().collect::<Vec<_>>());
    all.filter_map(|it| match it {
        Edit::SetTrust { document, .. } => Some(document.to_string()),
        _ => None,
    })
    .collect()
}

#[test]
fn who_repairs_an_identity_narrows_no_role_beside_it() {
    // No cluster that is read has the other issuer (SEC-TRUST-10).
    let dead = format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{OTHER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{OTHER}:sub":"system:serviceaccount:shop:web"}}}}}}"#
    );
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{dead},{}]}}"#,
        ours("system:serviceaccount: shop:web")
    );
    let text = base(&trust)
        + &format!(
            "---\napiVersion: lab.idscope.dev/v1\nkind: OidcProvider\naccount: \"{ACCOUNT}\"\nurl: {OTHER}\nclientIds: [sts.amazonaws.com]\n"
        );
    let repaired = documents(check(&text, None, Some(web()), &["set-trust"]));
    assert!(repaired[0].contains(&dead), "{repaired:?}");
    assert!(repaired[0].contains(r#""system:serviceaccount:shop:web""#), "{repaired:?}");

    let role = Ref::Role(Arn::new(format!("arn:aws:iam::{ACCOUNT}:role/web")));
    let asked = documents(check(&text, Some("SEC-TRUST-10"), Some(role), &["set-trust"]));
    assert!(!asked[0].contains(&dead), "{asked:?}");
}

#[test]
fn pods_are_made_anew_as_part_of_it_where_that_brings_them_something() {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        ours("system:serviceaccount:shop:web")
    );
    let role = format!("role-arn: \"arn:aws:iam::{ACCOUNT}:role/web\"");
    let blank = base(&trust).replace(&role, &role.replace("role/web\"", "role/web \""));
    check(&blank, Some("ANN-05"), None, &["annotate", "restart"]);
    // New pods would get nothing.
    let unheard = blank.replace("kind: EksDefaults\n", "kind: EksDefaults\nwithout: [webhook]\n");
    check(&unheard, Some("ANN-05"), None, &["annotate"]);
}

/// One repair uncovers the next: whoever asks for the identity gets all of them, whoever asks for a code only that one.
#[test]
fn what_stood_behind_a_fault_is_repaired_with_it() {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        ours("system:serviceaccount: shop:web").replace("sts.amazonaws.com", "sts.amazon.com")
    );
    let role = format!("role-arn: \"arn:aws:iam::{ACCOUNT}:role/web\"");
    // An ARN of another partition leads to no role, so nobody sees what its trust policy and the provider are like.
    let other = role.replace("arn:aws:", "arn:aws-cn:");
    let text = base(&trust)
        .replace(&role, &other)
        .replace("clientIds: [sts.amazonaws.com]", "clientIds: [x]");
    check(&text, Some("ANN-09"), Some(web()), &["annotate"]);
    let all = ["annotate", "add-client-id", "set-trust", "restart"];
    let plan = check(&text, None, Some(web()), &all).unwrap();
    let edits: Vec<Edit> = plan.edits().cloned().collect();
    let before = graph(&text);
    let after = check::After::of(&before, &edits, now());
    let ledger = judge(after.graph(), now());
    let it = ledger.identity(&SaKey::new("shop", "web")).unwrap();
    assert_eq!(it.verdict, idscope::identity::Verdict::Allow, "{}", it.because);
}

#[test]
fn a_restart_beside_what_a_person_has_to_do_is_not_proposed() {
    for name in ["ANN-01/fires-variables", "ANN-11/fires-label", "ANN-13/fires-documentation"] {
        let path = Path::new("tests/scenarios").join(name).with_extension("yaml");
        let mut graph = Graph::default();
        for change in lab::changes(&parse(&path)) {
            graph.apply(change);
        }
        let code = name.split('/').next();
        assert!(proposed(&graph, code, None).is_none(), "{name}");
    }
}

#[test]
fn keys_go_with_the_half_of_an_identity_that_they_hid() {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        ours("system:serviceaccount:shop:web")
    );
    let keys = "{name: AWS_ACCESS_KEY_ID, value: AKIAIOSFODNN7EXAMPLE}, {name: AWS_SECRET_ACCESS_KEY, value: x}";
    let check = |more: &str, expected: &[&str]| {
        let env = format!("{{name: app, image: a, env: [{keys}{more}]}}");
        let text = base(&trust).replace("{name: app, image: a}", &env);
        let plan = check(&text, Some("POD-KEY-01"), None, &["set-env"]).unwrap();
        let Some(Edit::SetEnv { changes, .. }) = plan.edits().next() else { panic!() };
        let names: Vec<&str> = changes.iter().map(|it| &*it.name).collect();
        assert_eq!(names, expected, "{more}");
    };
    let both = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    check("", &both);
    check(", {name: AWS_ROLE_ARN, value: x}", &[both[0], both[1], "AWS_ROLE_ARN"]);
    check(
        ", {name: AWS_ROLE_ARN, value: x}, {name: AWS_WEB_IDENTITY_TOKEN_FILE, value: /x}",
        &both,
    );
}

#[test]
fn the_cluster_stands_for_its_providers_and_after_it_was_made_again_for_every_role() {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        ours("system:serviceaccount:shop:web")
    );
    let provider = "kind: OidcProvider\n";
    let absent = base(&trust).replace(provider, "kind: IdentityProviderOfAnother\n");
    let absent: String = absent
        .split("---\n")
        .filter(|it| !it.contains("IdentityProviderOfAnother"))
        .collect::<Vec<_>>()
        .join("---\n");
    check(&absent, None, Some(Ref::Cluster), &["create-provider"]);

    let of_old =
        trust.replace("C891F985BAF5A4C1C7ABBA6A00DFD39E", OTHER.rsplit('/').next().unwrap());
    let again = absent.replace(&format!("{trust:?}"), &format!("{of_old:?}"));
    check(&again, None, Some(Ref::Cluster), &["create-provider", "set-trust"]);
}
