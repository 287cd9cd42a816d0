//! What may be concluded from what the sources said, and what is asked for next.

use idscope::{
    fact::*,
    graph::Graph,
    iam::{Document, Kind},
    ident::{Arn, Issuer, Ref, SaKey, Text, Timestamp, WorkloadKind},
};
use std::sync::Arc;

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn at() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn denied(permission: &str) -> Denied {
    Denied { permission: permission.into(), detail: "".into() }
}

fn live() -> SourceState {
    SourceState::Live { at: at() }
}

fn source(scope: Scope, state: SourceState) -> Change {
    Change::Source { scope, state }
}

fn roles_scope() -> Scope {
    Scope::Roles { account: ACCOUNT.into() }
}

fn accounts_scope(namespace: Option<&str>) -> Scope {
    Scope::ServiceAccounts { namespace: namespace.map(Into::into) }
}

fn pods_scope() -> Scope {
    Scope::Pods { namespace: None }
}

fn service_account(namespace: &str, name: &str, role: Option<&str>) -> Fact {
    let annotation = role.map(|it| (ServiceAccount::ROLE_ARN.into(), it.into()));
    Fact::ServiceAccount(ServiceAccount {
        key: SaKey::new(namespace, name),
        uid: "".into(),
        created: None,
        annotations: annotation.into_iter().collect(),
        labels: Vec::new(),
        annotation_changed: None,
        annotation_manager: None,
    })
}

fn role(arn: &str, id: &str, policies: Knowledge<Policies>) -> Fact {
    Fact::Role(IamRole {
        arn: arn.into(),
        id: id.into(),
        created: None,
        trust: Arc::new(Document::parse("{}", Kind::Trust)),
        max_session_seconds: None,
        permissions_boundary: Knowledge::NotYet,
        tags: Knowledge::NotYet,
        last_used: Knowledge::NotYet,
        policies,
        read_at: None,
    })
}

fn spec(service_account: &str) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        service_account: service_account.into(),
        service_account_named: true,
        host_network: false,
        windows_selector: false,
        windows_affinity: false,
        scheduler: None,
        fs_group: None,
        labels: Vec::new(),
        annotations: Vec::new(),
        containers: Vec::new(),
        volumes: Vec::new(),
    })
}

fn owner(kind: &str, name: &str) -> Option<Owner> {
    Some(Owner { kind: kind.into(), name: name.into() })
}

fn pod(name: &str, owner: Option<Owner>) -> Fact {
    Fact::Pod(Pod {
        namespace: "shop".into(),
        name: name.into(),
        uid: "".into(),
        created: None,
        owner,
        node: None,
        phase: Phase::Running,
        ready: true,
        deleting: false,
        waiting: None,
        ready_since: None,
        printed: None,
        mirror: false,
        labels: Arc::from([]),
        spec: spec("web"),
    })
}

fn workload(kind: WorkloadKind, name: &str, owner: Option<Owner>) -> Fact {
    Fact::Workload(Workload {
        kind,
        namespace: "shop".into(),
        name: name.into(),
        uid: "".into(),
        created: None,
        owner,
        replicas: None,
        rollout: None,
        create_errors: Vec::new(),
        annotations: Vec::new(),
        labels: Vec::new(),
        template_labels: Arc::from([]),
        template: spec("web"),
        completed: false,
    })
}

fn cluster(issuer: &str) -> Fact {
    Fact::Cluster(Cluster {
        name: "prod".into(),
        arn: "arn:aws:eks:eu-west-1:111122223333:cluster/prod".into(),
        account: ACCOUNT.into(),
        region: "eu-west-1".into(),
        issuer: Some(Issuer::new(issuer)),
        endpoint: None,
        ca_sha256: None,
        created: None,
        version: "1.34".into(),
        platform_version: "eks.1".into(),
        status: "ACTIVE".into(),
        authentication_mode: "API".into(),
        auto_mode: false,
        node_role: None,
        tags: Vec::new(),
        health_issues: Vec::new(),
        outpost: false,
    })
}

fn caller(accounts: &[&str]) -> Fact {
    Fact::Caller(Caller {
        arn: "arn:aws:iam::111122223333:user/oncall".into(),
        account: ACCOUNT.into(),
        user_id: "AIDAEXAMPLE".into(),
        via: "environment".into(),
        accounts: accounts.iter().map(|&it| it.into()).collect(),
    })
}

fn upsert(fact: Fact) -> Change {
    Change::Upsert(Box::new(fact))
}

fn graph(changes: impl IntoIterator<Item = Change>) -> Graph {
    let mut res = Graph::default();
    for it in changes {
        res.apply(it);
    }
    res
}

/// `known`, `absent`, `not yet`, or the permission that is missing with its detail.
fn word<T>(it: &Knowledge<T>) -> String {
    match it {
        Knowledge::Known(_) => "known".into(),
        Knowledge::Absent => "absent".into(),
        Knowledge::NotYet => "not yet".into(),
        Knowledge::Denied(it) => format!("{} {}", it.permission, it.detail).trim().into(),
    }
}

#[test]
fn only_complete_lists_say_absent() {
    let check = |state: SourceState, account: &str, role: &str| {
        let told = format!("{state:?}");
        let graph =
            graph([source(accounts_scope(None), state.clone()), source(roles_scope(), state)]);
        let key = SaKey::new("shop", "web");
        assert_eq!(word(&graph.service_account(&key)), account, "ServiceAccount, {told}");
        assert_eq!(word(&graph.role(&ROLE.into())), role, "role, {told}");
    };
    let error: Text = "timeout".into();
    check(live(), "absent", "absent");
    check(SourceState::Stale { at: at(), error: error.clone(), attempts: 1 }, "absent", "absent");
    check(SourceState::Pending { received: 7 }, "not yet", "not yet");
    check(SourceState::Cached { at: at() }, "not yet", "not yet");
    check(SourceState::Failed { error, attempts: 1 }, "not yet", "not yet");
    check(SourceState::Truncated { at: at(), detail: "".into() }, "not yet", "not yet");
    let expired = SourceState::Expired { profile: "".into(), login: "".into() };
    check(expired, "not yet", "not yet");
    // GetRole may be allowed where the list is not.
    let refused = SourceState::Denied { at: at(), denied: denied("the list") };
    check(refused, "the list", "not yet");
    let off = SourceState::Off { reason: "no AWS credentials".into() };
    let (list, get) = ("list serviceaccounts no AWS credentials", "iam:GetRole no AWS credentials");
    check(off, &list.replace("serviceaccounts", "serviceaccounts in shop"), get);
}

#[test]
fn a_list_of_one_namespace_says_nothing_of_others() {
    let refused = SourceState::Denied { at: at(), denied: denied("list serviceaccounts") };
    let graph = graph([
        source(accounts_scope(None), refused),
        source(accounts_scope(Some("shop")), live()),
    ]);
    let of = |namespace| word(&graph.service_account(&SaKey::new(namespace, "web")));
    assert_eq!(of("shop"), "absent");
    assert_eq!(of("bank"), "list serviceaccounts");
}

#[test]
fn one_word_about_one_role_outweighs_its_list() {
    let know = |knowledge| Change::Know { of: Ref::Role(ROLE.into()), knowledge };
    let check = |changes: Vec<Change>, expected: &str| {
        let told = format!("{changes:?}");
        assert_eq!(word(&graph(changes).role(&ROLE.into())), expected, "{told}");
    };
    check(vec![know(Knowledge::Absent)], "absent");
    check(vec![know(Knowledge::Denied(denied("iam:GetRole")))], "iam:GetRole");
    // It is in no complete list, so there is nothing that could have been refused.
    let refused = know(Knowledge::Denied(denied("iam:GetRole")));
    check(vec![refused.clone(), source(roles_scope(), live())], "absent");
    check(vec![source(roles_scope(), live()), know(Knowledge::NotYet)], "not yet");
    let found = upsert(role(ROLE, "AROA0", Knowledge::NotYet));
    check(vec![know(Knowledge::Absent), found.clone()], "known");
    check(vec![found.clone(), know(Knowledge::Absent)], "absent");
    check(vec![found, refused], "known");
    check(vec![source(roles_scope(), live()), know(Knowledge::Known(()))], "absent");
}

#[test]
fn text_that_names_no_role_is_absent_without_asking() {
    let annotated = service_account("shop", "web", Some(" app "));
    let graph = graph([upsert(annotated)]);
    assert_eq!(word(&graph.role(&" app ".into())), "absent");
    assert_eq!(graph.named_roles().collect::<Vec<_>>(), [&Arn::from(" app ")]);
    assert_eq!(graph.wanted(), []);
}

#[test]
fn nothing_is_judged_by_the_cache() {
    let list = |facts| Change::Replace { scope: roles_scope(), facts };
    let painted = role(ROLE, "AROA0", Knowledge::Known(Policies::default()));
    let mut graph = graph([
        source(roles_scope(), SourceState::Cached { at: at() }),
        list(vec![painted]),
        upsert(service_account("shop", "web", Some(ROLE))),
    ]);
    let unit = Ref::Role(ROLE.into());
    assert!(graph.is_cached(&unit));
    assert_eq!(graph.roles().count(), 1, "it is painted");
    assert_eq!(word(&graph.role(&ROLE.into())), "not yet");
    assert_eq!(graph.outstanding().scopes, [roles_scope()]);

    // Not even when the list cannot be had after all: then it is asked for by name.
    let refused = SourceState::Denied { at: at(), denied: denied("iam:ListRoles") };
    graph.apply(source(roles_scope(), refused));
    assert_eq!(word(&graph.role(&ROLE.into())), "not yet");
    assert_eq!(graph.wanted(), std::slice::from_ref(&unit));

    // What the list does not tell is not taken from the cache either.
    let read = list(vec![role(ROLE, "AROA0", Knowledge::NotYet)]);
    assert!(graph.apply(read).contains(&unit));
    graph.apply(source(roles_scope(), live()));
    let policies = graph.role(&ROLE.into()).known().map(|it| it.policies.clone());
    assert_eq!(policies, Some(Knowledge::NotYet));
}

#[test]
fn a_poll_does_not_forget_what_it_does_not_tell() {
    let known = Knowledge::Known(Policies::default());
    let poll = |id| Change::Replace {
        scope: roles_scope(),
        facts: vec![role(ROLE, id, Knowledge::NotYet)],
    };
    let mut graph = graph([upsert(role(ROLE, "AROA0", known.clone()))]);
    assert_eq!(graph.apply(poll("AROA0")), [], "the poll brought nothing new");
    assert_eq!(graph.role(&ROLE.into()).known().map(|it| &it.policies), Some(&known));
    // The same name, but another role.
    graph.apply(poll("AROA1"));
    let policies = graph.role(&ROLE.into()).known().map(|it| &it.policies);
    assert_eq!(policies, Some(&Knowledge::NotYet));
}

#[test]
fn roles_are_asked_for_when_no_list_will_tell() {
    let named = || upsert(service_account("shop", "web", Some(ROLE)));
    let unit = || Ref::Role(ROLE.into());
    let check = |changes: Vec<Change>, expected: &[Ref]| {
        let told = format!("{changes:?}");
        assert_eq!(graph(changes).wanted(), expected, "{told}");
    };
    let failed = SourceState::Failed { error: "".into(), attempts: 3 };
    check(vec![named()], &[unit()]);
    check(vec![source(roles_scope(), SourceState::Pending { received: 0 }), named()], &[]);
    check(vec![named(), source(roles_scope(), failed)], &[unit()]);
    check(vec![named(), source(roles_scope(), live())], &[]);
    let off = SourceState::Off { reason: "".into() };
    check(vec![named(), source(roles_scope(), off)], &[]);
    // There, but nobody knows what it may do.
    check(vec![named(), upsert(role(ROLE, "AROA0", Knowledge::NotYet))], &[unit()]);
    let policies = Knowledge::Known(Policies::default());
    check(vec![named(), upsert(role(ROLE, "AROA0", policies))], &[]);
    check(vec![upsert(role(ROLE, "AROA0", Knowledge::NotYet))], &[]);
    let refused = Knowledge::Denied(denied("iam:GetRole"));
    check(vec![named(), Change::Know { of: unit(), knowledge: refused }], &[]);
    check(vec![named(), Change::Remove(Ref::ServiceAccount(SaKey::new("shop", "web")))], &[]);
}

#[test]
fn the_clusters_provider_is_asked_for_when_no_list_will_tell() {
    const FOREIGN: &str = "444455556666";
    const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A";
    let list = |account: &str| Scope::Providers { account: account.into() };
    let arn = |account: &str| Arn::new(format!("arn:aws:iam::{account}:oidc-provider/{ISSUER}"));
    let unit = |account: &str| Ref::Provider(arn(account));
    let refused =
        || SourceState::Denied { at: at(), denied: denied("iam:ListOpenIDConnectProviders") };
    let check = |accounts: &[&str], changes: Vec<Change>, expected: &[Ref]| {
        let told = format!("{accounts:?} {changes:?}");
        let base = [upsert(cluster(ISSUER)), upsert(caller(accounts))];
        assert_eq!(graph(base.into_iter().chain(changes)).wanted(), expected, "{told}");
    };
    let both = [ACCOUNT, FOREIGN];
    let lists = || both.iter().map(|it| source(list(it), refused())).collect::<Vec<_>>();
    check(&both, lists(), &both.map(unit));
    check(&[ACCOUNT], lists(), &[unit(ACCOUNT)]);
    let failed = || SourceState::Failed { error: "".into(), attempts: 1 };
    check(&both, vec![source(list(FOREIGN), failed())], &[unit(FOREIGN)]);
    for it in [live(), SourceState::Pending { received: 0 }] {
        check(&both, vec![source(list(FOREIGN), it)], &[]);
    }
    let know = |knowledge| Change::Know { of: unit(FOREIGN), knowledge };
    let after = |last: Change| vec![source(list(FOREIGN), refused()), last];
    for it in [Knowledge::Absent, Knowledge::Denied(denied("iam:GetOpenIDConnectProvider"))] {
        check(&both, after(know(it)), &[]);
    }
    // It could not be read just now.
    check(&both, after(know(Knowledge::NotYet)), &[unit(FOREIGN)]);
    let held = OidcProvider::new(arn(FOREIGN), Knowledge::NotYet);
    check(&both, after(upsert(Fact::Provider(held))), &[]);
    check(&both, after(upsert(caller(&[ACCOUNT]))), &[]);
    check(
        &both,
        after(upsert(cluster("oidc.example.com"))),
        &[Ref::Provider(Arn::new(format!(
            "arn:aws:iam::{FOREIGN}:oidc-provider/oidc.example.com"
        )))],
    );
}

#[test]
fn owners_are_followed_to_the_outermost_known_one() {
    let child = workload(WorkloadKind::ReplicaSet, "web-7d9f5c", owner("Deployment", "web"));
    let mut graph = graph([upsert(pod("web-1", owner("ReplicaSet", "web-7d9f5c")))]);
    let root = |graph: &Graph| {
        let pod = graph.pod("shop", "web-1").expect("the pod");
        graph.root_owner(pod).map(|it| format!("{}/{}", it.kind.short(), it.name))
    };
    assert_eq!(root(&graph), None);
    graph.apply(upsert(child));
    assert_eq!(root(&graph).as_deref(), Some("rs/web-7d9f5c"));
    let key = SaKey::new("shop", "web");
    assert_eq!(graph.workloads_of(&key).count(), 1);

    let units = graph.apply(upsert(workload(WorkloadKind::Deployment, "web", None)));
    assert_eq!(root(&graph).as_deref(), Some("deploy/web"));
    assert!(units.contains(&Ref::Pod { namespace: "shop".into(), name: "web-1".into() }));
    let of_account: Vec<_> = graph.workloads_of(&key).map(|it| it.kind).collect();
    assert_eq!(of_account, [WorkloadKind::Deployment]);
    let pods = graph.pods_of_workload(WorkloadKind::Deployment, "shop", "web");
    assert_eq!(pods.len(), 1);
    // Somebody's hand-written loop ends too.
    let looped = workload(WorkloadKind::Deployment, "web", owner("ReplicaSet", "web-7d9f5c"));
    graph.apply(upsert(looped));
    assert!(root(&graph).is_some());
    assert_eq!(graph.pods_of_workload(WorkloadKind::Deployment, "shop", "web").len(), 1);
}

#[test]
fn equal_specs_are_held_once_and_let_go() {
    let mut graph = Graph::default();
    for i in 0..50 {
        graph.apply(upsert(pod(&format!("web-{i}"), None)));
    }
    assert_eq!(graph.n_specs(), 1);
    graph.apply(upsert(workload(WorkloadKind::Deployment, "web", None)));
    assert_eq!(graph.n_specs(), 1, "its template equals its pods");
    graph.apply(Change::Replace { scope: pods_scope(), facts: Vec::new() });
    assert_eq!(graph.n_specs(), 1, "the template still needs it");
    let namespace: Text = "shop".into();
    let kind = WorkloadKind::Deployment;
    graph.apply(Change::Remove(Ref::Workload { kind, namespace, name: "web".into() }));
    assert_eq!(graph.n_specs(), 0);
    assert_eq!(graph.identities().count(), 0);
}

#[test]
fn a_relist_concerns_only_what_differs() {
    let facts = |n| (0..n).map(|i| pod(&format!("web-{i}"), None)).collect::<Vec<_>>();
    let replace = |facts| Change::Replace { scope: pods_scope(), facts };
    let mut graph = graph([replace(facts(100))]);
    assert_eq!(graph.apply(replace(facts(100))), []);
    let units = graph.apply(replace(facts(99)));
    let gone = Ref::Pod { namespace: "shop".into(), name: "web-99".into() };
    assert_eq!(units, [Ref::ServiceAccount(SaKey::new("shop", "web")), gone]);
}

#[test]
fn progress_concerns_nobody() {
    let pending = |received| source(pods_scope(), SourceState::Pending { received });
    let mut graph = graph([pending(1)]);
    assert_eq!(graph.apply(pending(500)), []);
    graph.apply(source(pods_scope(), live()));
    // A poll that found everything as it was.
    let later = SourceState::Live { at: at() + std::time::Duration::from_secs(30) };
    assert_eq!(graph.apply(source(pods_scope(), later)), [Ref::Cluster]);
}

#[test]
fn one_pod_concerns_the_same_few_however_many_there_are() {
    let units = |n_pods: usize| {
        let facts =
            (0..n_pods).map(|i| pod(&format!("web-{i}"), owner("ReplicaSet", "web-7d9f5c")));
        let mut graph = graph([
            Change::Replace { scope: pods_scope(), facts: facts.collect() },
            upsert(workload(WorkloadKind::ReplicaSet, "web-7d9f5c", owner("Deployment", "web"))),
            upsert(workload(WorkloadKind::Deployment, "web", None)),
            upsert(service_account("shop", "web", Some(ROLE))),
        ]);
        let Fact::Pod(mut changed) = pod("web-7", owner("ReplicaSet", "web-7d9f5c")) else {
            panic!()
        };
        changed.ready = false;
        graph.apply(upsert(Fact::Pod(changed)))
    };
    assert_eq!(units(10), units(1_000));
    assert_eq!(units(10).len(), 3, "pod, ReplicaSet, Deployment");
}
