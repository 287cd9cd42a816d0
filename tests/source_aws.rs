//! The AWS source against canned answers on loopback: what it asks, what it makes of the answers, and that one refusal,
//! one slow or one garbled answer costs only what it concerns.

#[path = "source_aws/fake.rs"]
mod fake;
#[path = "source_aws/seen.rs"]
mod seen;

use fake::{ACCOUNT, Fake, ISSUER};
use idscope::{
    fact::{Knowledge, Scope, SourceState},
    ident::{Arn, Ref},
    source::aws::Command,
};
use seen::{Run, settings};

const ALLOW: &str = r#"{"Version": "2012-10-17", "Statement": []}"#;

fn arn(path: &str) -> Arn {
    Arn::new(format!("arn:aws:iam::{ACCOUNT}:role/{path}"))
}

fn roles() -> Scope {
    Scope::Roles { account: ACCOUNT.into() }
}

fn providers() -> Scope {
    Scope::Providers { account: ACCOUNT.into() }
}

#[tokio::test]
async fn one_pass_reads_everything_to_the_last_page() {
    let fake = Fake::start().await;
    fake.on("iam:ListRoles", |call| {
        let page = |from: usize, next| {
            let roles: Vec<_> = (from..from + 2).map(|n| (format!("r{n}"), "/", ALLOW)).collect();
            (200, fake::list_roles(&roles, next))
        };
        match call.get("Marker") {
            "" => page(0, Some("m1+/=")),
            "m1+/=" => page(2, Some("m2")),
            _ => page(4, None),
        }
    });
    fake.on("eks:ListPodIdentityAssociations", |call| match call.get("nextToken") {
        "" => (200, fake::associations(0..100, Some("t1"))),
        "t1" => (200, fake::associations(100..130, None)),
        other => panic!("token {other}"),
    });
    fake.on("eks:DescribePodIdentityAssociation", |call| (200, fake::association(call.last())));
    fake.on("iam:ListOpenIDConnectProviders", |_| {
        (200, fake::list_providers(&[ISSUER, "other.example/x"]))
    });
    fake.on("iam:GetOpenIDConnectProvider", |call| {
        let arn = call.get("OpenIDConnectProviderArn").to_owned();
        (200, fake::get_provider(arn.split_once("oidc-provider/").unwrap().1))
    });
    fake.on("eks:ListAddons", |_| (200, r#"{"addons": ["eks-pod-identity-agent"]}"#.into()));
    fake.on("eks:DescribeAddon", |_| {
        (200, r#"{"addon": {"addonName": "eks-pod-identity-agent", "status": "ACTIVE", "addonVersion": "v1"}}"#.into())
    });
    fake.on("eks:ListNodegroups", |_| (200, r#"{"nodegroups": ["default"]}"#.into()));
    fake.on("eks:DescribeNodegroup", |_| {
        (200, r#"{"nodegroup": {"nodegroupName": "default", "nodeRole": "arn:aws:iam::111122223333:role/n"}}"#.into())
    });
    fake.on("eks:ListClusters", |call| match call.get("nextToken") {
        "" => (200, r#"{"clusters": ["prod"], "nextToken": "c1"}"#.into()),
        _ => (200, r#"{"clusters": ["old", "gone"]}"#.into()),
    });
    fake.on("eks:DescribeCluster", |call| match call.last() {
        "gone" => fake::not_found(),
        name => (200, fake::cluster(name, &format!("oidc.eks.eu-west-1.amazonaws.com/id/{name}"))),
    });

    let seen = Run::start(settings(&fake)).finish().await;

    assert_eq!(seen.roles().len(), 6);
    assert_eq!(seen.associations().len(), 130);
    assert!(seen.associations().iter().all(|it| it.detail.is_known()));
    assert_eq!(seen.providers().len(), 2);
    assert!(seen.providers().iter().all(|it| it.detail.is_known()));
    let cluster = seen.cluster().expect("described");
    assert_eq!(&*cluster.account, ACCOUNT);
    assert_eq!(cluster.created.unwrap().to_string(), "2023-11-14T22:13:20.5Z");
    let others = seen.other_clusters().expect("listed");
    assert_eq!(others.clusters.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["old"]);
    let places: Vec<_> = others.places.iter().map(|it| (&*it.account, &*it.region)).collect();
    assert_eq!(places, [(ACCOUNT, "eu-west-1")]);
    assert_eq!((seen.addons(), seen.nodegroups()), (1, 1));
    for scope in seen.scopes() {
        assert!(
            matches!(seen.state(&scope), SourceState::Live { .. }),
            "{scope:?}: {:?}",
            seen.state(&scope)
        );
    }
}

#[tokio::test]
async fn a_provider_is_what_its_url_says_and_not_its_arn() {
    let fake = Fake::start().await;
    fake.on("iam:ListOpenIDConnectProviders", |_| (200, fake::list_providers(&[ISSUER])));
    fake.on("iam:GetOpenIDConnectProvider", |_| {
        (200, fake::get_provider(&format!("https://{ISSUER}/")))
    });
    let seen = Run::start(settings(&fake)).finish().await;
    let urls: Vec<_> = seen.providers().iter().map(|it| it.url.to_string()).collect();
    assert_eq!(urls, [format!("{ISSUER}/")]);
}

#[tokio::test]
async fn a_refusal_costs_only_what_it_concerns() {
    let fake = Fake::start().await;
    fake.on("iam:ListRoles", |call| fake::denied_xml(&call.operation));
    fake.on("iam:ListOpenIDConnectProviders", |call| fake::denied_xml(&call.operation));
    fake.on("iam:GetOpenIDConnectProvider", |_| (200, fake::get_provider(ISSUER)));
    fake.on("iam:GetRole", |call| match call.get("RoleName") {
        "app" => (200, fake::get_role("app", "/", ALLOW)),
        _ => fake::denied_xml("iam:GetRole"),
    });
    fake.on("eks:ListPodIdentityAssociations", |_| (200, fake::associations(0..3, None)));
    fake.on("eks:DescribePodIdentityAssociation", |call| match call.last() {
        "a-1" => fake::denied_json("eks:DescribePodIdentityAssociation"),
        id => (200, fake::association(id)),
    });

    let run = Run::start(settings(&fake));
    run.fetch([Ref::Role(arn("app")), Ref::Role(arn("secret"))]).await;
    let seen = run.finish().await;

    assert_eq!(seen.missing(&roles()), "iam:ListRoles");
    assert_eq!(seen.missing(&providers()), "iam:ListOpenIDConnectProviders");
    let provider = Arn::new(format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"));
    assert_eq!(
        seen.provider(&provider).map(|it| it.detail.is_known()),
        Some(true),
        "read by its ARN"
    );
    assert!(seen.role(&arn("app")).expect("read alone").last_used.is_known());
    let Some(Knowledge::Denied(denied)) = seen.known(&Ref::Role(arn("secret"))) else {
        panic!("{seen:?}")
    };
    assert_eq!(&*denied.permission, "iam:GetRole");
    assert_eq!(&*denied.detail, "no identity-based policy allows the iam:GetRole action");
    let details: Vec<bool> = seen.associations().iter().map(|it| it.detail.is_known()).collect();
    assert_eq!(details, [true, false, true]);
    assert!(matches!(seen.state(&Scope::Associations), SourceState::Live { .. }));
}

#[tokio::test]
async fn the_path_of_a_role_is_part_of_its_name() {
    let fake = Fake::start().await;
    fake.on("iam:GetRole", |call| match call.get("RoleName") {
        "app" => (200, fake::get_role("app", "/team/", ALLOW)),
        _ => fake::error_xml(404, "NoSuchEntity", "The role cannot be found."),
    });
    let run = Run::start(settings(&fake));
    let wanted =
        [arn("app"), arn("team/app"), arn("none"), Arn::from("arn:aws:iam::111122223333:user/app")];
    run.fetch(wanted.clone().map(Ref::Role)).await;
    let seen = run.finish().await;
    assert_eq!(seen.known(&Ref::Role(wanted[0].clone())), Some(Knowledge::Absent));
    assert!(seen.role(&wanted[1]).is_some());
    assert_eq!(seen.known(&Ref::Role(wanted[2].clone())), Some(Knowledge::Absent));
    assert_eq!(seen.known(&Ref::Role(wanted[3].clone())), Some(Knowledge::Absent));
    assert!(fake.calls("iam:GetRole").iter().all(|it| it.get("RoleName") != "user"));
}

#[tokio::test]
async fn another_account_is_read_only_with_its_own_credentials() {
    let fake = Fake::start().await;
    fake.on("sts:GetCallerIdentity", |call| {
        let account = if call.access_key_id == "AKIAOTHER" { "444455556666" } else { ACCOUNT };
        (200, fake::caller(account))
    });
    fake.on("iam:GetRole", |call| {
        let account = if call.access_key_id == "AKIAOTHER" { "444455556666" } else { ACCOUNT };
        (200, fake::get_role(call.get("RoleName"), "/", ALLOW).replace(ACCOUNT, account))
    });
    let profiles = "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n\
                    [wrong]\naws_access_key_id = AKIAHOME2\naws_secret_access_key = x\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, profiles).unwrap();
    let mut settings = settings(&fake);
    settings.env.push(("AWS_SHARED_CREDENTIALS_FILE".into(), file.path().display().to_string()));
    settings.account_profiles =
        vec![("444455556666".into(), "other".into()), ("777788889999".into(), "wrong".into())];
    let in_account = |account: &str| Arn::new(format!("arn:aws:iam::{account}:role/app"));
    let run = Run::start(settings);
    let accounts = ["444455556666", "777788889999", "123456789012"];
    run.fetch(accounts.map(|it| Ref::Role(in_account(it)))).await;
    run.fetch([Ref::Role(Arn::from("arn:aws-cn:iam::111122223333:role/app"))]).await;
    let seen = run.finish().await;

    assert!(seen.role(&in_account("444455556666")).is_some());
    let detail = |of: Arn| match seen.known(&Ref::Role(of)) {
        Some(Knowledge::Denied(it)) => it.detail.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(
        detail(in_account("777788889999")),
        "profile `wrong` belongs to account 111122223333, not 777788889999"
    );
    assert_eq!(detail(in_account("123456789012")), "no credentials for account 123456789012");
    assert_eq!(
        detail(Arn::from("arn:aws-cn:iam::111122223333:role/app")),
        "no credentials for partition aws-cn"
    );
    assert!(fake.calls("iam:GetRole").iter().all(|it| it.access_key_id == "AKIAOTHER"));
    let caller = seen.caller().expect("proven");
    assert_eq!(
        caller.accounts.iter().map(|it| &**it).collect::<Vec<_>>(),
        [ACCOUNT, "444455556666"]
    );
}

#[tokio::test]
async fn expired_credentials_are_neither_denied_nor_absent() {
    let fake = Fake::start().await;
    fake.on("sts:GetCallerIdentity", |_| {
        fake::error_xml(403, "ExpiredToken", "The security token included is expired")
    });
    let run = Run::start(settings(&fake));
    run.fetch([Ref::Role(arn("app"))]).await;
    let seen = run.finish().await;
    let state = seen.state(&Scope::Cluster);
    assert!(
        matches!(&state, SourceState::Expired { profile, .. } if &**profile == "environment"),
        "{state:?}"
    );
    assert_eq!(seen.known(&Ref::Role(arn("app"))), Some(Knowledge::NotYet));
    assert!(
        fake.calls("eks:DescribeCluster").is_empty(),
        "nothing is asked of an account that is not proven"
    );
}

#[tokio::test]
async fn without_credentials_aws_is_off() {
    let fake = Fake::start().await;
    let mut settings = settings(&fake);
    settings.env.retain(|(name, _)| !name.contains("KEY"));
    let seen = Run::start(settings).finish().await;
    let state = seen.state(&Scope::Associations);
    assert!(matches!(&state, SourceState::Off { .. }), "{state:?}");
}

#[tokio::test]
async fn clear_text_goes_nowhere_but_to_loopback() {
    let fake = Fake::start().await;
    let mut settings = settings(&fake);
    settings.env.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
    settings.env.push(("AWS_ENDPOINT_URL".into(), "http://emulator.example:4566".into()));
    let seen = Run::start(settings).finish().await;
    let SourceState::Failed { error, .. } = seen.state(&Scope::Cluster) else { panic!("{seen:?}") };
    assert!(error.contains("only https or loopback"), "{error}");
}

#[tokio::test]
async fn garbage_is_a_failure_and_not_an_empty_list() {
    let fake = Fake::start().await;
    fake.on("iam:ListRoles", |call| match call.get("Marker") {
        "" => (200, fake::list_roles(&[("r0".into(), "/", ALLOW)], Some("m1"))),
        _ => (200, "<ListRolesResponse><Li".into()),
    });
    fake.on("eks:ListPodIdentityAssociations", |_| (200, "{\"associations\": [".into()));
    fake.on("iam:ListOpenIDConnectProviders", |_| (200, fake::list_providers(&[ISSUER])));
    fake.on("iam:GetOpenIDConnectProvider", |_| {
        fake::error_xml(400, "Throttling", "Rate exceeded")
    });
    let seen = Run::start(settings(&fake)).finish().await;
    assert!(
        matches!(seen.state(&roles()), SourceState::Truncated { .. }),
        "{:?}",
        seen.state(&roles())
    );
    assert_eq!(seen.roles().len(), 1, "the first page is kept");
    let associations = seen.state(&Scope::Associations);
    assert!(matches!(associations, SourceState::Failed { .. }), "{associations:?}");
    assert_eq!(seen.providers()[0].detail, Knowledge::NotYet, "a throttled row is pending");
}

#[tokio::test]
async fn a_repeated_page_token_ends() {
    let fake = Fake::start().await;
    fake.on("iam:ListRoles", |_| {
        (200, fake::list_roles(&[("r0".into(), "/", ALLOW)], Some("same")))
    });
    let seen = Run::start(settings(&fake)).finish().await;
    assert!(
        matches!(seen.state(&roles()), SourceState::Truncated { .. }),
        "{:?}",
        seen.state(&roles())
    );
    assert_eq!(fake.calls("iam:ListRoles").len(), 2);
}

#[tokio::test]
async fn many_roles_are_listed_before_they_are_read_one_by_one() {
    let fake = Fake::start().await;
    let all: Vec<_> = (0..30).map(|n| (format!("r{n}"), "/", ALLOW)).collect();
    fake.on("iam:ListRoles", move |_| (200, fake::list_roles(&all, None)));
    fake.on("iam:GetRole", |call| (200, fake::get_role(call.get("RoleName"), "/", ALLOW)));
    let run = Run::start(settings(&fake));
    let wanted: Vec<Ref> = (0..30).map(|n| Ref::Role(arn(&format!("r{n}")))).collect();
    run.fetch(wanted.clone()).await;
    run.fetch(wanted).await;
    let seen = run.finish().await;
    assert!(
        seen.roles().iter().all(|it| it.last_used.is_known()),
        "the list did not take away what GetRole told"
    );
    assert_eq!(seen.roles().len(), 30);
    let calls = fake.calls("iam:GetRole");
    assert_eq!(calls.len(), 30, "asked once each");
    let took = calls[29].at - calls[0].at;
    assert!(
        took.as_secs_f64() >= 28.0 / 15.0,
        "IAM takes 10 to 15 calls a second and API: {took:?}"
    );
}

#[tokio::test]
async fn many_roles_are_told_in_a_few_calls() {
    let fake = Fake::start().await;
    let all: Vec<_> = (0..30).map(|n| (format!("r{n}"), "/", ALLOW)).collect();
    // The list takes its time, in pages.
    fake.on("iam:ListRoles", move |call| match call.get("Marker") {
        "" => (200, fake::list_roles(&all[..1], Some("m1"))),
        "m1" => (200, fake::list_roles(&all[1..2], Some("m2"))),
        _ => (200, fake::list_roles(&all[2..], None)),
    });
    fake.on("iam:GetAccountAuthorizationDetails", |call| {
        let of = |roles: std::ops::Range<usize>| {
            let attached = ["111122223333:policy/own", "aws:policy/theirs"];
            let attached = attached.map(|it| format!("<member><PolicyArn>arn:aws:iam::{it}</PolicyArn></member>"));
            let policies = format!(
                "<AttachedManagedPolicies>{}</AttachedManagedPolicies><RolePolicyList><member><PolicyName>in\
                 </PolicyName><PolicyDocument>{}</PolicyDocument></member></RolePolicyList>",
                attached.concat(),
                fake::encoded(ALLOW)
            );
            let each = |n| fake::detailed_role(&format!("r{n}"), "/", ALLOW, &policies);
            roles.map(each).collect::<String>()
        };
        let own = format!(
            "<member><Arn>arn:aws:iam::{ACCOUNT}:policy/own</Arn><PolicyVersionList><member><IsDefaultVersion>true\
             </IsDefaultVersion><Document>{}</Document></member></PolicyVersionList></member>",
            fake::encoded(ALLOW)
        );
        match call.get("Marker") {
            "" => (200, fake::details(&of(0..20), "", Some("m1"))),
            _ => (200, fake::details(&of(20..29), &own, None)),
        }
    });
    fake.on("iam:GetRole", |call| (200, fake::get_role(call.get("RoleName"), "/", ALLOW)));
    fake.on("iam:GetPolicy", |_| fake::denied_xml("iam:GetPolicy"));
    let run = Run::start(settings(&fake));
    run.fetch((0..30).map(|n| Ref::Role(arn(&format!("r{n}"))))).await;
    let seen = run.finish().await;
    assert_eq!(fake.calls("iam:GetAccountAuthorizationDetails").len(), 2);
    let last = fake.calls("iam:ListRoles").iter().map(|it| it.at).max();
    let first = fake.calls("iam:GetAccountAuthorizationDetails").iter().map(|it| it.at).min();
    assert!(last < first, "what no list told of is not taken");
    let alone: Vec<_> = fake.calls("iam:GetRole");
    let alone: Vec<_> = alone.iter().map(|it| it.get("RoleName")).collect();
    assert_eq!(alone, ["r29"], "only what was not told");
    assert_eq!(fake.calls("iam:GetPolicy").len(), 1, "asked once, refused or not");
    for n in 0..29 {
        let role = seen.role(&arn(&format!("r{n}"))).expect("read");
        assert!(role.last_used.is_known() && role.tags.is_known());
        let Knowledge::Known(policies) = &role.policies else { panic!("{:?}", role.policies) };
        assert_eq!(&*policies.inline[0].0, "in");
        let Knowledge::Known(own) = &policies.attached[0].document else { panic!("{policies:?}") };
        assert_eq!(&*own.raw, ALLOW);
        let Knowledge::Denied(theirs) = &policies.attached[1].document else {
            panic!("{policies:?}")
        };
        assert_eq!(&*theirs.permission, "iam:GetPolicy");
    }
}

#[tokio::test]
async fn a_role_that_is_asked_for_comes_with_its_policies() {
    let fake = Fake::start().await;
    fake.on("iam:GetRole", |call| (200, fake::get_role(call.get("RoleName"), "/", ALLOW)));
    fake.on("iam:ListAttachedRolePolicies", |_| {
        let body = "<ListAttachedRolePoliciesResponse><ListAttachedRolePoliciesResult><AttachedPolicies>\
            <member><PolicyArn>arn:aws:iam::aws:policy/A</PolicyArn><PolicyName>A</PolicyName></member>\
            <member><PolicyArn>arn:aws:iam::aws:policy/B</PolicyArn><PolicyName>B</PolicyName></member>\
            </AttachedPolicies><IsTruncated>false</IsTruncated></ListAttachedRolePoliciesResult>\
            </ListAttachedRolePoliciesResponse>";
        (200, body.into())
    });
    fake.on("iam:GetPolicy", |call| match call.get("PolicyArn") {
        "arn:aws:iam::aws:policy/A" => {
            (200, "<GetPolicyResponse><GetPolicyResult><Policy><DefaultVersionId>v7</DefaultVersionId></Policy>\
                   </GetPolicyResult></GetPolicyResponse>".into())
        }
        _ => fake::denied_xml("iam:GetPolicy"),
    });
    fake.on("iam:GetPolicyVersion", |call| {
        assert_eq!(call.get("VersionId"), "v7");
        (200, format!("<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><Document>{}</Document>\
                       </PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>", fake::encoded(ALLOW)))
    });
    fake.on("iam:ListRolePolicies", |_| {
        (200, "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames><member>in</member></PolicyNames>\
               <IsTruncated>false</IsTruncated></ListRolePoliciesResult></ListRolePoliciesResponse>".into())
    });
    fake.on("iam:GetRolePolicy", |_| {
        (200, format!("<GetRolePolicyResponse><GetRolePolicyResult><RoleName>app</RoleName><PolicyName>in</PolicyName>\
                       <PolicyDocument>{}</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>",
                      fake::encoded(ALLOW)))
    });
    let run = Run::start(settings(&fake));
    run.fetch([Ref::Role(arn("app")), Ref::Role(arn("web"))]).await;
    let seen = run.finish().await;
    let role = seen.role(&arn("app")).expect("read").clone();
    let Knowledge::Known(policies) = role.policies else { panic!("{:?}", role.policies) };
    assert_eq!(&*policies.inline[0].0, "in");
    assert_eq!(policies.attached.len(), 2);
    let Knowledge::Known(document) = &policies.attached[0].document else { panic!("{policies:?}") };
    assert_eq!(&*document.raw, ALLOW);
    let Knowledge::Denied(denied) = &policies.attached[1].document else { panic!("{policies:?}") };
    assert_eq!(&*denied.permission, "iam:GetPolicy");
    assert!(seen.role(&arn("web")).expect("read").policies.is_known());
    assert_eq!(fake.calls("iam:GetPolicyVersion").len(), 1, "one document for two roles");
}

#[tokio::test]
async fn a_context_without_hints_is_found_by_its_server() {
    let fake = Fake::start().await;
    fake.on("eks:ListClusters", |_| (200, r#"{"clusters": ["a", "prod"]}"#.into()));
    fake.on("eks:DescribeCluster", |call| (200, fake::cluster(call.last(), ISSUER)));
    let mut settings = settings(&fake);
    settings.cluster = None;
    let check = async |server: &str, expected: Option<&str>| {
        let seen = Run::start_on(settings.clone(), Some(server)).finish().await;
        assert_eq!(seen.cluster().map(|it| it.name.to_string()).as_deref(), expected, "{server}");
        if expected.is_none() {
            assert!(matches!(seen.state(&Scope::Cluster), SourceState::Off { .. }));
        }
    };
    check("https://PROD.gr7.eu-west-1.eks.amazonaws.com", Some("prod")).await;
    check("https://127.0.0.1:6443", None).await;
}

#[tokio::test]
async fn a_poll_follows_changes_and_a_refresh_does_not_wait() {
    let fake = Fake::start().await;
    let mut settings = settings(&fake);
    settings.follow = true;
    let mut run = Run::start(settings);
    run.until(|seen| matches!(seen.state(&roles()), SourceState::Live { .. })).await;
    fake.on("iam:ListRoles", |_| (200, fake::list_roles(&[("new".into(), "/", ALLOW)], None)));
    run.send(Command::Refresh).await;
    run.until(|seen| seen.role(&arn("new")).is_some()).await;
    fake.on("iam:ListRoles", |call| fake::denied_xml(&call.operation));
    run.send(Command::Refresh).await;
    run.until(|seen| matches!(seen.state(&roles()), SourceState::Denied { .. })).await;
}

#[tokio::test]
async fn the_cache_paints_at_once_and_only_for_the_same_cluster_and_caller() {
    let fake = Fake::start().await;
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(&fake);
    settings.cache_dir = Some(dir.path().join("idscope"));
    settings.follow = true;
    fake.on("iam:ListRoles", |_| (200, fake::list_roles(&[("app".into(), "/", ALLOW)], None)));
    let live = |seen: &seen::Seen| {
        seen.scopes().iter().all(|it| matches!(seen.state(it), SourceState::Live { .. }))
    };
    let mut run = Run::start(settings.clone());
    run.until(live).await;
    let dir = settings.cache_dir.clone().unwrap();
    // The file follows the last event, so it is waited for by looking.
    let written = async {
        loop {
            let files = std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|it| it.path());
            if let Some(it) =
                files.into_iter().find(|it| it.extension().is_some_and(|it| it == "json"))
            {
                return it;
            }
            tokio::task::yield_now().await;
        }
    };
    let written =
        tokio::time::timeout(std::time::Duration::from_secs(30), written).await.expect("written");
    let content = std::fs::read(&written).unwrap();
    drop(run);

    fake.on("iam:ListRoles", |_| (200, fake::list_roles(&[], None)));
    let mut again = Run::start(settings.clone());
    again
        .until(|seen| {
            matches!(seen.state(&roles()), SourceState::Cached { .. })
                && seen.role(&arn("app")).is_some()
        })
        .await;
    again.until(live).await;
    again.until(|seen| seen.role(&arn("app")).is_none()).await;
    drop(again);

    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join(written.file_name().unwrap()), content).unwrap();
    settings.cache_dir = Some(copy.path().into());

    fake.on("eks:DescribeCluster", |_| {
        (200, fake::cluster("prod", "oidc.eks.eu-west-1.amazonaws.com/id/BBBB"))
    });
    fake.on("iam:ListRoles", |call| fake::denied_xml(&call.operation));
    let mut recreated = Run::start(settings.clone());
    recreated.until(|seen| seen.role(&arn("app")).is_some()).await;
    recreated.until(|seen| matches!(seen.state(&roles()), SourceState::Denied { .. })).await;
    recreated.until(|seen| seen.role(&arn("app")).is_none()).await;
    drop(recreated);

    settings.follow = false;
    let judged = Run::start(settings).finish().await;
    assert!(judged.role(&arn("app")).is_none(), "a run that judges does not paint");
}

/// A session whose only credentials are the profile of this text.
fn with_profile(
    fake: &Fake,
    dir: &tempfile::TempDir,
    config: &str,
    profile: &str,
) -> idscope::source::Settings {
    let path = dir.path().join("config");
    std::fs::write(&path, config).unwrap();
    let mut settings = settings(fake);
    settings.env.retain(|(name, _)| !name.contains("KEY") && name != "AWS_CONFIG_FILE");
    settings.env.push(("AWS_CONFIG_FILE".into(), path.display().to_string()));
    settings.profile = Some(profile.into());
    settings
}

#[tokio::test]
async fn credentials_that_need_a_login_say_which() {
    let fake = Fake::start().await;
    let dir = tempfile::tempdir().unwrap();
    let config = "[profile corp]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = r\n\
                  [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://idscope.invalid/start\n\
                  [profile empty]\nregion = eu-west-1\n";
    let check = async |profile: &str, expected: &str| {
        let seen = Run::start(with_profile(&fake, &dir, config, profile)).finish().await;
        for scope in [Scope::Caller, Scope::Cluster, Scope::Associations] {
            let SourceState::Expired { profile: named, login } = seen.state(&scope) else {
                panic!("{scope:?} {seen:?}")
            };
            assert_eq!((&*named, &*login), (profile, expected));
        }
    };
    check("corp", "aws sso login --profile corp").await;
    check("empty", "aws configure --profile empty").await;
    check("missing", "aws configure --profile missing").await;
    assert!(fake.calls("sts:GetCallerIdentity").is_empty());
}

#[tokio::test]
async fn a_login_is_noticed_and_another_account_starts_afresh() {
    let fake = Fake::start().await;
    let dir = tempfile::tempdir().unwrap();
    let keys = |key: &str| {
        format!("[profile ops]\naws_access_key_id = {key}\naws_secret_access_key = x\n")
    };
    let mut settings = with_profile(&fake, &dir, &keys("AKIAOLD"), "ops");
    settings.follow = true;
    fake.on("iam:ListRoles", |_| (200, fake::list_roles(&[("app".into(), "/", ALLOW)], None)));
    let mut run = Run::start(settings);
    run.until(|seen| seen.role(&arn("app")).is_some()).await;

    fake.on("sts:GetCallerIdentity", |call| match call.access_key_id.as_str() {
        "AKIANEW" => (200, fake::caller("444455556666")),
        _ => fake::error_xml(403, "ExpiredToken", "expired"),
    });
    run.send(Command::Refresh).await;
    run.until(|seen| matches!(seen.state(&roles()), SourceState::Expired { .. })).await;
    run.until(|seen| seen.role(&arn("app")).is_some()).await;

    std::fs::write(dir.path().join("config"), keys("AKIANEW")).unwrap();
    fake.on("iam:ListRoles", |_| (200, fake::list_roles(&[], None)));
    run.send(Command::Refresh).await;
    run.until(|seen| {
        matches!(seen.state(&roles()), SourceState::Off { .. }) && seen.role(&arn("app")).is_none()
    })
    .await;
    let other = Scope::Roles { account: "444455556666".into() };
    run.until(|seen| matches!(seen.state(&other), SourceState::Live { .. })).await;
}

#[tokio::test]
async fn another_account_is_read_through_a_role() {
    let fake = Fake::start().await;
    let account = |call: &fake::Call| match call.access_key_id.as_str() {
        "ASIAOTHER" => "444455556666",
        _ => ACCOUNT,
    };
    fake.on("sts:GetCallerIdentity", move |call| (200, fake::caller(account(call))));
    fake.on("sts:AssumeRole", |call| match (call.get("RoleArn"), call.get("ExternalId")) {
        ("arn:aws:iam::444455556666:role/reader", "shared") => (200, fake::assumed("ASIAOTHER")),
        _ => fake::denied_xml("sts:AssumeRole"),
    });
    fake.on("iam:GetRole", move |call| {
        (200, fake::get_role(call.get("RoleName"), "/", ALLOW).replace(ACCOUNT, account(call)))
    });
    let reader = |account: &str| idscope::source::AccountRole {
        account: account.into(),
        role_arn: format!("arn:aws:iam::{account}:role/reader"),
        external_id: Some("shared".into()),
    };
    let mut settings = settings(&fake);
    settings.account_roles = vec![reader("444455556666"), reader("777788889999")];
    let run = Run::start(settings);
    let of = |account: &str| Ref::Role(Arn::new(format!("arn:aws:iam::{account}:role/app")));
    run.fetch([of("444455556666"), of("777788889999")]).await;
    let seen = run.finish().await;
    assert!(seen.role(&Arn::from("arn:aws:iam::444455556666:role/app")).is_some());
    let Some(Knowledge::Denied(denied)) = seen.known(&of("777788889999")) else {
        panic!("{seen:?}")
    };
    assert_eq!(&*denied.permission, "sts:AssumeRole");
}

#[tokio::test]
async fn a_short_throttling_costs_nothing_but_time() {
    let fake = Fake::start().await;
    let throttled = |times: usize, answer: (u16, String), throttle: (u16, String)| {
        let left = std::sync::atomic::AtomicUsize::new(times);
        move |_: &fake::Call| {
            let spend = |it: usize| it.checked_sub(1);
            let order = std::sync::atomic::Ordering::SeqCst;
            match left.fetch_update(order, order, spend) {
                Ok(_) => throttle.clone(),
                Err(_) => answer.clone(),
            }
        }
    };
    let xml = || fake::error_xml(400, "Throttling", "Rate exceeded");
    let json = || fake::error_json(429, "TooManyRequestsException", "Too many requests");
    fake.on("iam:GetRole", throttled(3, (200, fake::get_role("app", "/", ALLOW)), xml()));
    fake.on(
        "eks:ListPodIdentityAssociations",
        throttled(3, (200, fake::associations(0..1, None)), json()),
    );
    fake.on(
        "eks:DescribePodIdentityAssociation",
        throttled(3, (200, fake::association("a-0")), json()),
    );
    let run = Run::start(settings(&fake));
    run.fetch([Ref::Role(arn("app"))]).await;
    let seen = run.finish().await;
    assert!(seen.role(&arn("app")).is_some());
    assert!(seen.associations()[0].detail.is_known());
}

#[tokio::test]
async fn china_is_another_partition() {
    let fake = Fake::start().await;
    fake.on("sts:GetCallerIdentity", |_| {
        (200, fake::caller(ACCOUNT).replace("arn:aws:", "arn:aws-cn:"))
    });
    fake.on("eks:DescribeCluster", |_| {
        let cluster = fake::cluster("prod", ISSUER).replace("arn:aws:", "arn:aws-cn:");
        (200, cluster.replace("eu-west-1", "cn-north-1"))
    });
    fake.on("iam:ListOpenIDConnectProviders", |call| fake::denied_xml(&call.operation));
    fake.on("iam:GetOpenIDConnectProvider", |_| (200, fake::get_provider(ISSUER)));
    let mut settings = settings(&fake);
    settings.region = Some("cn-north-1".into());
    let run = Run::start(settings);
    run.fetch([Ref::Role(arn("app"))]).await;
    let seen = run.finish().await;
    let asked = fake.calls("iam:GetOpenIDConnectProvider");
    let issuer = ISSUER.replace("eu-west-1", "cn-north-1");
    assert_eq!(
        asked[0].get("OpenIDConnectProviderArn"),
        format!("arn:aws-cn:iam::{ACCOUNT}:oidc-provider/{issuer}")
    );
    assert!(
        matches!(seen.known(&Ref::Role(arn("app"))), Some(Knowledge::Denied(_))),
        "of another partition"
    );
    assert!(fake.calls("iam:GetRole").is_empty());
}

#[tokio::test]
async fn silence_and_broken_connections_end() {
    let fake = Fake::start().await;
    fake.on("eks:ListAddons", |_| (fake::HANG, String::new()));
    fake.on("eks:ListNodegroups", |_| (fake::DROP, String::new()));
    fake.on("iam:GetRole", |_| (fake::HANG, String::new()));
    let mut settings = settings(&fake);
    settings.request_timeout = std::time::Duration::from_millis(500);
    let run = Run::start(settings);
    run.fetch([Ref::Role(arn("app"))]).await;
    let seen = run.finish().await;
    let error = |scope| match seen.state(&scope) {
        SourceState::Failed { error, .. } => error.to_string(),
        other => panic!("{scope:?} {other:?}"),
    };
    assert_eq!(error(Scope::Addons), "no answer in time");
    let dropped = error(Scope::Nodegroups);
    assert!(dropped.contains("connection closed"), "{dropped}");
    assert!(matches!(seen.state(&Scope::Associations), SourceState::Live { .. }));
    assert_eq!(seen.known(&Ref::Role(arn("app"))), Some(Knowledge::NotYet));
}

#[tokio::test]
async fn the_other_clusters_are_those_of_every_region_that_a_provider_names() {
    const LONDON: &str = "oidc.eks.eu-west-2.amazonaws.com/id/BBBB";
    /// What London answers to ListClusters, and whether that is an answer.
    const ANSWERS: [(&str, bool); 3] = [
        (r#"{"clusters": ["london"]}"#, true),
        (r#"{"__type": "AccessDeniedException", "message": "explicit deny"}"#, false),
        // Of a region that is not enabled the credentials are not known.
        (r#"{"__type": "UnrecognizedClientException", "message": "invalid token"}"#, false),
    ];
    for (answer, is_read) in ANSWERS {
        let fake = Fake::start().await;
        fake.on("iam:ListOpenIDConnectProviders", |_| {
            (200, fake::list_providers(&[ISSUER, LONDON, "token.actions.githubusercontent.com"]))
        });
        fake.on("iam:GetOpenIDConnectProvider", |call| {
            let arn = call.get("OpenIDConnectProviderArn").to_owned();
            (200, fake::get_provider(arn.split_once("oidc-provider/").unwrap().1))
        });
        fake.on("eks:ListClusters", move |call| match &*call.region {
            "eu-west-1" => (200, r#"{"clusters": ["prod", "stage"]}"#.into()),
            "eu-west-2" => (if is_read { 200 } else { 403 }, answer.into()),
            other => panic!("nobody named {other}"),
        });
        fake.on("eks:DescribeCluster", |call| match call.last() {
            "prod" => (200, fake::cluster("prod", ISSUER)),
            "london" => (200, fake::cluster("london", LONDON)),
            name => (200, fake::cluster(name, "oidc.eks.eu-west-1.amazonaws.com/id/CCCC")),
        });
        fake.on("eks:ListPodIdentityAssociations", |call| {
            match call.get("path").contains("/stage/") {
                true => (200, fake::associations(0..1, None)),
                false => (200, r#"{"associations": []}"#.into()),
            }
        });
        fake.on("eks:ListIdentityProviderConfigs", |_| {
            (200, r#"{"identityProviderConfigs": [{"type": "oidc", "name": "corp"}]}"#.into())
        });

        let seen = Run::start(settings(&fake)).finish().await;

        let others = seen.other_clusters().expect("listed");
        let places: Vec<_> = others.places.iter().map(|it| &*it.region).collect();
        let names: Vec<_> = others.clusters.iter().map(|it| &*it.name).collect();
        match is_read {
            true => assert_eq!(
                (places, names),
                (vec!["eu-west-1", "eu-west-2"], vec!["london", "stage"])
            ),
            false => assert_eq!((places, names), (vec!["eu-west-1"], vec!["stage"])),
        }
        let associations = seen.other_associations().expect("listed");
        assert_eq!(associations.iter().count(), 1, "those of the other clusters");
        assert!(seen.associations().is_empty(), "those of the own one");
        let logins = seen.identity_providers().expect("listed");
        assert_eq!(logins.names.iter().map(|it| &**it).collect::<Vec<_>>(), ["corp"]);
        for scope in seen.scopes() {
            let state = seen.state(&scope);
            assert!(matches!(state, SourceState::Live { .. }), "{answer}: {scope:?}: {state:?}");
        }
    }
}

#[tokio::test]
async fn what_other_clusters_refuse_is_unknown_of_them_alone() {
    let fake = Fake::start().await;
    fake.on("eks:ListClusters", |_| (200, r#"{"clusters": ["prod", "stage", "test"]}"#.into()));
    fake.on("eks:DescribeCluster", |call| {
        (
            200,
            fake::cluster(
                call.last(),
                &format!("oidc.eks.eu-west-1.amazonaws.com/id/{}", call.last()),
            ),
        )
    });
    fake.on("eks:ListPodIdentityAssociations", |call| {
        let path = call.get("path").to_owned();
        match () {
            () if path.contains("/stage/") => fake::denied_json("eks:ListPodIdentityAssociations"),
            () if path.contains("/test/") => (200, fake::associations(0..2, None)),
            () => (200, r#"{"associations": []}"#.into()),
        }
    });
    fake.on("eks:ListIdentityProviderConfigs", |_| {
        fake::denied_json("eks:ListIdentityProviderConfigs")
    });

    let seen = Run::start(settings(&fake)).finish().await;

    assert_eq!(seen.missing(&Scope::OtherAssociations), "eks:ListPodIdentityAssociations");
    assert_eq!(seen.other_associations().expect("some").iter().count(), 2);
    assert_eq!(seen.missing(&Scope::IdentityProviders), "eks:ListIdentityProviderConfigs");
    for scope in [Scope::Associations, Scope::OtherClusters, Scope::Addons, providers(), roles()] {
        assert!(matches!(seen.state(&scope), SourceState::Live { .. }), "{scope:?}");
    }
}
