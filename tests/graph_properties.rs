//! Whatever happens in whatever order: the graph is the one that its facts make, and nobody is forgotten.

use idscope::{
    fact::*,
    graph::{Affected, Graph, Sweep},
    iam::{Document, Kind},
    ident::{AccountId, Arn, Issuer, Ref, SaKey, Text, WorkloadKind},
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

const NAMESPACES: &[&str] = &["kube-system", "shop"];
const ACCOUNTS: &[&str] = &["111122223333", "444455556666"];
const NAMES: &[&str] = &["api", "default", "web", "webs"];
const ISSUERS: &[&str] =
    &["oidc.eks.eu-west-1.amazonaws.com/id/A", "oidc.eks.eu-west-1.amazonaws.com/id/B"];
const AGENT: &str = "eks-pod-identity-agent";
/// Texts that an annotation may hold: two paths of one name, another account, another letter case, no ARN.
const ROLES: &[&str] = &[
    "arn:aws:iam::111122223333:role/app",
    "arn:aws:iam::111122223333:role/team/app",
    "arn:aws:iam::444455556666:role/App",
    "arn:aws:iam::444455556666:role/other",
    "app",
    "",
];

/// Picks with a few bits of a seed at a time, so that one number makes one fact.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        let res = self.0 % n as u64;
        self.0 /= n as u64;
        res as usize
    }

    fn of<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.roll(among.len())]
    }

    fn maybe<T>(&mut self, it: T) -> Option<T> {
        (self.roll(2) == 1).then_some(it)
    }

    fn known<T>(&mut self, it: T) -> Knowledge<T> {
        match self.roll(3) {
            0 => Knowledge::NotYet,
            1 => Knowledge::Denied(denied()),
            _ => Knowledge::Known(it),
        }
    }
}

fn denied() -> Denied {
    Denied { permission: "iam:Something".into(), detail: "".into() }
}

fn spec(dice: &mut Dice) -> Arc<PodSpec> {
    let env_from = dice.maybe(EnvFrom {
        of: EnvSource::ConfigMap("settings".into()),
        prefix: "".into(),
        optional: false,
    });
    Arc::new(PodSpec {
        service_account: dice.of(NAMES).into(),
        service_account_named: true,
        host_network: false,
        windows_selector: false,
        windows_affinity: false,
        scheduler: None,
        fs_group: dice.maybe(1),
        labels: Vec::new(),
        annotations: Vec::new(),
        containers: vec![Container {
            name: "app".into(),
            kind: ContainerKind::Main,
            image: "app".into(),
            env: Vec::new(),
            env_from: env_from.into_iter().collect(),
            mounts: Vec::new(),
        }],
        volumes: Vec::new(),
    })
}

fn labels(dice: &mut Dice) -> Labels {
    dice.maybe(("team".into(), "a".into())).into_iter().collect()
}

fn kind(dice: &mut Dice) -> WorkloadKind {
    WorkloadKind::ALL[dice.roll(WorkloadKind::ALL.len())]
}

fn owner(dice: &mut Dice) -> Option<Owner> {
    let owner = Owner { kind: kind(dice).as_str().into(), name: dice.of(&["web", AGENT]).into() };
    dice.maybe(owner)
}

fn trust(dice: &mut Dice) -> Arc<Document> {
    let subject = format!("system:serviceaccount:{}:{}", dice.of(NAMESPACES), dice.of(NAMES));
    let (account, issuer) = (dice.of(ACCOUNTS), dice.of(ISSUERS));
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
            "Principal": {{"Federated": "arn:aws:iam::{account}:oidc-provider/{issuer}"}},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {{"StringEquals": {{"{issuer}:sub": "{subject}"}}}}}}]}}"#
    );
    Arc::new(Document::parse(text, Kind::Trust))
}

fn fact(seed: u64) -> Fact {
    let dice = &mut Dice(seed);
    match dice.roll(17) {
        16 => Fact::Budget(Budget {
            namespace: dice.of(NAMESPACES).into(),
            name: dice.of(NAMES).into(),
            selector: dice.maybe(Selector::default()),
            disruptions_allowed: dice.maybe(0),
        }),
        0 => Fact::Namespace(Namespace {
            name: dice.of(NAMESPACES).into(),
            created: None,
            deleting: dice.roll(2) == 1,
            labels: labels(dice),
            annotations: Vec::new(),
        }),
        1 | 2 => {
            let role = dice.of(ROLES);
            let annotation = dice.maybe((ServiceAccount::ROLE_ARN.into(), role.into()));
            Fact::ServiceAccount(ServiceAccount {
                key: SaKey::new(dice.of(NAMESPACES), dice.of(NAMES)),
                uid: "".into(),
                created: None,
                annotations: annotation.into_iter().collect(),
                labels: dice.maybe(("team".into(), "a".into())).into_iter().collect(),
                annotation_changed: None,
                annotation_manager: None,
            })
        }
        3 | 4 => Fact::Pod(Pod {
            namespace: dice.of(NAMESPACES).into(),
            name: dice.of(&["p-0", "p-1", "p-2"]).into(),
            uid: "".into(),
            created: None,
            owner: owner(dice),
            node: {
                let node = dice.of(&["n-0", "n-1"]).into();
                dice.maybe(node)
            },
            phase: [Phase::Pending, Phase::Running, Phase::Failed][dice.roll(3)],
            ready: dice.roll(2) == 1,
            deleting: dice.roll(2) == 1,
            waiting: None,
            ready_since: None,
            printed: None,
            mirror: false,
            labels: labels(dice),
            spec: spec(dice),
        }),
        5 | 6 => Fact::Workload(Workload {
            kind: kind(dice),
            namespace: dice.of(NAMESPACES).into(),
            name: dice.of(&["web", AGENT]).into(),
            uid: "".into(),
            created: None,
            owner: owner(dice),
            replicas: dice.maybe(1),
            rollout: None,
            create_errors: Vec::new(),
            annotations: Vec::new(),
            labels: Vec::new(),
            template_labels: labels(dice),
            template: spec(dice),
            completed: false,
        }),
        7 => Fact::Node(Node {
            name: dice.of(&["n-0", "n-1"]).into(),
            created: None,
            ready: dice.roll(2) == 1,
            provider_id: None,
            labels: vec![("eks.amazonaws.com/nodegroup".into(), "default".into())],
        }),
        8 => Fact::Webhook(Webhook {
            name: Webhook::POD_IDENTITY.into(),
            created: None,
            changed: None,
            hooks: Vec::new(),
        }),
        9 => Fact::KeyNames(KeyNames {
            of: config_map(dice.of(NAMESPACES)),
            keys: dice.known(vec!["AWS_REGION".into()]),
        }),
        10 => Fact::Cluster(Cluster {
            name: "prod".into(),
            arn: "arn:aws:eks:eu-west-1:111122223333:cluster/prod".into(),
            account: ACCOUNTS[0].into(),
            region: "eu-west-1".into(),
            issuer: {
                let issuer = Issuer::new(dice.of(ISSUERS));
                dice.maybe(issuer)
            },
            endpoint: None,
            ca_sha256: None,
            created: None,
            version: "1.34".into(),
            platform_version: "eks.1".into(),
            status: "ACTIVE".into(),
            authentication_mode: "API".into(),
            auto_mode: false,
            node_role: dice.maybe(ROLES[3].into()),
            tags: Vec::new(),
            health_issues: Vec::new(),
            outpost: false,
        }),
        11 => Fact::ApiServer(ApiServer {
            context: "".into(),
            server: "https://localhost".into(),
            ca_sha256: None,
            version: "v1.34".into(),
            issuer: {
                let issuer = Issuer::new(dice.of(ISSUERS));
                dice.known(issuer)
            },
            proof: None,
        }),
        12 => {
            let detail = AssociationDetail {
                role_arn: dice.of(&ROLES[..4]).into(),
                target_role_arn: {
                    let role = dice.of(&ROLES[..4]).into();
                    dice.maybe(role)
                },
                external_id: None,
                disable_session_tags: false,
                policy: None,
                created: None,
                modified: None,
                tags: Vec::new(),
            };
            Fact::Association(Association {
                id: dice.of(&["a-0", "a-1"]).into(),
                arn: None,
                service_account: SaKey::new(dice.of(NAMESPACES), dice.of(NAMES)),
                owner_arn: None,
                detail: dice.known(detail),
            })
        }
        13 | 14 => Fact::Role(IamRole {
            arn: dice.of(&ROLES[..4]).into(),
            id: dice.of(&["AROA0", "AROA1"]).into(),
            created: None,
            trust: trust(dice),
            max_session_seconds: None,
            permissions_boundary: Knowledge::NotYet,
            tags: Knowledge::NotYet,
            last_used: Knowledge::NotYet,
            policies: dice.known(Policies::default()),
            read_at: None,
        }),
        _ => match dice.roll(6) {
            5 => Fact::Caller(Caller {
                arn: "arn:aws:iam::111122223333:user/oncall".into(),
                account: ACCOUNTS[0].into(),
                user_id: "AIDAEXAMPLE".into(),
                via: "environment".into(),
                accounts: ACCOUNTS[..=dice.roll(2)].iter().map(|it| (*it).into()).collect(),
            }),
            3 => {
                let of = |dice: &mut Dice| OtherAssociation {
                    service_account: SaKey::new(dice.of(NAMESPACES), dice.of(NAMES)),
                    cluster: "arn:aws:eks:eu-west-1:111122223333:cluster/stage".into(),
                };
                let all = (0..dice.roll(3)).map(|_| of(dice)).collect();
                Fact::OtherAssociations(OtherAssociations::new(all))
            }
            4 => {
                let names = (0..dice.roll(2)).map(|_| "corp".into()).collect();
                Fact::IdentityProviders(IdentityProviders { names })
            }
            0 => {
                let url = dice.of(ISSUERS);
                let detail = ProviderDetail {
                    url: url.into(),
                    client_ids: Vec::new(),
                    thumbprints: Vec::new(),
                    created: None,
                    tags: Vec::new(),
                };
                Fact::Provider(OidcProvider {
                    arn: provider_arn(dice.of(ACCOUNTS), url),
                    url: url.into(),
                    detail: dice.known(detail),
                })
            }
            1 => Fact::Nodegroup(Nodegroup {
                name: "default".into(),
                node_role: dice.maybe(ROLES[1].into()),
                status: "ACTIVE".into(),
            }),
            _ => Fact::Addon(Addon {
                name: AGENT.into(),
                version: "v1".into(),
                status: "ACTIVE".into(),
                service_account_role: None,
                associations: Vec::new(),
                health_issues: Vec::new(),
                configuration: None,
            }),
        },
    }
}

fn provider_arn(account: &str, url: &str) -> Arn {
    Arn::new(format!("arn:aws:iam::{account}:oidc-provider/{url}"))
}

fn config_map(namespace: &str) -> Ref {
    Ref::ConfigMap { namespace: namespace.into(), name: "settings".into() }
}

fn scopes() -> Vec<Scope> {
    let mut res = vec![
        Scope::ApiServer,
        Scope::Namespaces,
        Scope::Nodes,
        Scope::Webhooks,
        Scope::Caller,
        Scope::Cluster,
        Scope::OtherClusters,
        Scope::OtherAssociations,
        Scope::IdentityProviders,
        Scope::Associations,
        Scope::Addons,
        Scope::Nodegroups,
    ];
    for namespace in [None, Some("kube-system".into()), Some("shop".into())] {
        res.push(Scope::ServiceAccounts { namespace: namespace.clone() });
        res.push(Scope::Pods { namespace: namespace.clone() });
        res.push(Scope::Budgets { namespace: namespace.clone() });
        res.push(Scope::Workloads { kind: WorkloadKind::Deployment, namespace });
    }
    for account in ACCOUNTS {
        res.push(Scope::Roles { account: (*account).into() });
        res.push(Scope::Providers { account: (*account).into() });
    }
    res
}

fn state(dice: &mut Dice) -> SourceState {
    let at = idscope::ident::Timestamp::UNIX_EPOCH;
    match dice.roll(9) {
        0 => SourceState::Pending { received: dice.roll(3) },
        1 | 2 => SourceState::Live { at },
        3 => SourceState::Cached { at },
        4 => SourceState::Stale { at, error: "".into(), attempts: 1 },
        5 => SourceState::Denied { at, denied: denied() },
        6 => SourceState::Truncated { at, detail: "".into() },
        7 => SourceState::Expired { profile: "".into(), login: "".into() },
        _ => SourceState::Off { reason: "no AWS credentials".into() },
    }
}

/// Whether a list of `scope` would have the fact: the test's own, simpler answer.
fn belongs(fact: &Fact, scope: &Scope) -> bool {
    let within = |limit: &Option<Text>, it: &Text| limit.as_ref().is_none_or(|limit| limit == it);
    match fact {
        Fact::ApiServer(_) => *scope == Scope::ApiServer,
        Fact::Namespace(_) => *scope == Scope::Namespaces,
        Fact::Node(_) => *scope == Scope::Nodes,
        Fact::Webhook(_) => *scope == Scope::Webhooks,
        Fact::Budget(it) => {
            matches!(scope, Scope::Budgets { namespace } if within(namespace, &it.namespace))
        }
        Fact::Caller(_) => *scope == Scope::Caller,
        Fact::Cluster(_) => *scope == Scope::Cluster,
        Fact::OtherClusters(_) => *scope == Scope::OtherClusters,
        Fact::OtherAssociations(_) => *scope == Scope::OtherAssociations,
        Fact::IdentityProviders(_) => *scope == Scope::IdentityProviders,
        Fact::Association(_) => *scope == Scope::Associations,
        Fact::Addon(_) => *scope == Scope::Addons,
        Fact::Nodegroup(_) => *scope == Scope::Nodegroups,
        Fact::KeyNames(_) => false,
        Fact::ServiceAccount(it) => {
            matches!(scope, Scope::ServiceAccounts { namespace } if within(namespace, &it.key.namespace))
        }
        Fact::Pod(it) => {
            matches!(scope, Scope::Pods { namespace } if within(namespace, &it.namespace))
        }
        Fact::Workload(it) => matches!(scope, Scope::Workloads { kind, namespace }
            if *kind == it.kind && within(namespace, &it.namespace)),
        Fact::Role(it) => matches!(scope, Scope::Roles { account }
            if it.arn.as_str().contains(&**account)),
        Fact::Provider(it) => matches!(scope, Scope::Providers { account }
            if it.arn.as_str().contains(&**account)),
    }
}

fn change(seed: u64) -> Change {
    let mut dice = Dice(seed);
    match dice.roll(16) {
        0..7 => Change::Upsert(Box::new(fact(dice.0))),
        7 | 8 => Change::Remove(fact(dice.0).key()),
        9 | 10 => {
            let scopes = scopes();
            let scope = scopes[dice.roll(scopes.len())].clone();
            // The same few seeds make the same few facts, so many of them fit.
            let facts = (0..200u64).map(|it| fact(it.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ dice.0));
            let mut facts: Vec<Fact> = facts.filter(|it| belongs(it, &scope)).take(6).collect();
            facts.sort_by_key(slot);
            facts.dedup_by_key(|it| slot(it));
            Change::Replace { scope, facts }
        }
        11 | 12 => {
            let knowledge = dice.known(());
            let knowledge = if dice.roll(3) == 0 { Knowledge::Absent } else { knowledge };
            Change::Know { of: fact(dice.0).key(), knowledge }
        }
        _ => {
            let scopes = scopes();
            let scope = scopes[dice.roll(scopes.len())].clone();
            Change::Source { scope, state: state(&mut dice) }
        }
    }
}

/// What a correct graph holds, kept in the dullest way.
#[derive(Default)]
struct Naive {
    /// With whether it is painted from the disk.
    facts: BTreeMap<String, (Fact, bool)>,
    said: BTreeMap<Ref, Knowledge<()>>,
    states: BTreeMap<Scope, SourceState>,
}

fn slot(fact: &Fact) -> String {
    let kind = format!("{fact:?}");
    let kind = kind.split('(').next().unwrap_or_default();
    // A Cluster, an ApiServer, … have the same key.
    if fact.key() == Ref::Cluster { kind.into() } else { format!("{:?}", fact.key()) }
}

impl Naive {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Upsert(it) => self.put(it, false),
            Change::Remove(of) => {
                self.said.remove(of);
                self.drop(of);
            }
            Change::Replace { scope, facts } => {
                let painted = matches!(self.states.get(scope), Some(SourceState::Cached { .. }));
                let listed: BTreeSet<String> = facts.iter().map(slot).collect();
                self.facts.retain(|slot, (it, _)| !belongs(it, scope) || listed.contains(slot));
                for it in facts {
                    self.put(it, painted && belongs(it, scope));
                }
            }
            Change::Know { of, knowledge } => {
                if *knowledge == Knowledge::Absent {
                    self.drop(of);
                }
                match knowledge {
                    Knowledge::Known(()) => self.said.remove(of),
                    Knowledge::Absent | Knowledge::Denied(_) | Knowledge::NotYet => {
                        self.said.insert(of.clone(), knowledge.clone())
                    }
                };
            }
            Change::Source { scope, state } => {
                let paint = match state {
                    SourceState::Live { .. } => Some(false),
                    SourceState::Cached { .. } => Some(true),
                    _ => None,
                };
                let kind = std::mem::discriminant(state);
                let was_so = self.states.get(scope).map(std::mem::discriminant) == Some(kind);
                for (it, cached) in self.facts.values_mut() {
                    if belongs(it, scope) && !was_so {
                        *cached = paint.unwrap_or(*cached);
                    }
                }
                self.states.insert(scope.clone(), state.clone());
            }
        }
    }

    fn put(&mut self, fact: &Fact, cached: bool) {
        let has_name = fact.key() != Ref::Cluster || matches!(fact, Fact::Cluster(_));
        if has_name && !cached {
            self.said.remove(&fact.key());
        }
        let mut fact = fact.clone();
        // What is only painted takes nothing over.
        let old = self.facts.get(&slot(&fact)).filter(|_| !cached);
        match (&mut fact, old) {
            (Fact::Role(new), Some((Fact::Role(old), false)))
                if old.id == new.id && new.policies == Knowledge::NotYet =>
            {
                new.policies = old.policies.clone();
            }
            (Fact::Provider(new), Some((Fact::Provider(old), false)))
                if new.detail == Knowledge::NotYet =>
            {
                new.detail = old.detail.clone();
            }
            (Fact::Association(new), Some((Fact::Association(old), false)))
                if old.service_account == new.service_account
                    && new.detail == Knowledge::NotYet =>
            {
                new.detail = old.detail.clone();
            }
            _ => {}
        }
        self.facts.insert(slot(&fact), (fact, cached));
    }

    fn drop(&mut self, of: &Ref) {
        self.facts.remove(&format!("{of:?}"));
        if *of == Ref::Cluster {
            self.facts.remove("Cluster");
        }
    }

    /// A graph that never saw anything but what is so in the end.
    fn build(&self) -> Graph {
        let mut res = Graph::default();
        let pending = SourceState::Pending { received: 0 };
        for (scope, state) in &self.states {
            res.apply(Change::Source { scope: scope.clone(), state: state.clone() });
        }
        for (of, knowledge) in &self.said {
            if *knowledge == Knowledge::Absent {
                res.apply(Change::Know { of: of.clone(), knowledge: Knowledge::Absent });
            }
        }
        for (fact, _) in self.facts.values().filter(|(_, cached)| *cached) {
            // INVARIANT: becoming live confirms everything, so what is painted has a scope that is not.
            let live = |it: &Scope| matches!(self.states.get(it), Some(SourceState::Live { .. }));
            let mut scopes = scopes().into_iter();
            let scope = scopes.find(|it| belongs(fact, it) && !live(it)).expect("a scope");
            let at = idscope::ident::Timestamp::UNIX_EPOCH;
            let facts = self.facts.values().map(|it| it.0.clone()).filter(|it| belongs(it, &scope));
            let facts = facts.collect();
            let state = SourceState::Cached { at };
            res.apply(Change::Source { scope: scope.clone(), state });
            res.apply(Change::Replace { scope: scope.clone(), facts });
            let state = self.states.get(&scope).unwrap_or(&pending).clone();
            res.apply(Change::Source { scope, state });
        }
        for (fact, cached) in self.facts.values() {
            if !cached {
                res.apply(Change::Upsert(Box::new(fact.clone())));
            }
        }
        for (of, knowledge) in &self.said {
            if *knowledge != Knowledge::Absent {
                res.apply(Change::Know { of: of.clone(), knowledge: knowledge.clone() });
            }
        }
        res
    }
}

fn keys() -> impl Iterator<Item = SaKey> {
    NAMESPACES.iter().flat_map(|ns| NAMES.iter().map(|name| SaKey::new(*ns, *name)))
}

fn accounts() -> impl Iterator<Item = AccountId> {
    ACCOUNTS.iter().filter_map(|it| AccountId::parse(it))
}

/// All answers of a graph about everything that can have a name here.
fn dump(graph: &Graph) -> String {
    let mut res = String::new();
    for unit in units(graph) {
        let _ = writeln!(res, "{unit}: {}", view(graph, &unit));
    }
    for namespace in NAMESPACES {
        let ids: Vec<_> = graph.identities_in(namespace).collect();
        let _ = writeln!(res, "{:?} {ids:?}", graph.namespace(namespace));
        let _ = writeln!(res, "{:?}", graph.key_names(&config_map(namespace)));
        for kind in WorkloadKind::ALL {
            let _ = writeln!(res, "{:?}", names(graph.pods_of_workload(kind, namespace, "web")));
        }
    }
    for role in ROLES {
        let arn = Arn::from(*role);
        let _ = writeln!(res, "{role}: {}", role_view(graph, &arn));
        let _ = writeln!(res, "{:?}", graph.annotated_with(&arn).collect::<Vec<_>>());
        let _ = writeln!(res, "{:?}", graph.associated_with(&arn).collect::<Vec<_>>());
    }
    for key in keys() {
        let _ = writeln!(res, "{key}: {}", view(graph, &Ref::ServiceAccount(key.clone())));
    }
    let cached = [graph
        .pods()
        .map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() })];
    let cached: Vec<_> = cached.into_iter().flatten().filter(|it| graph.is_cached(it)).collect();
    let _ = writeln!(res, "{cached:?} {:?} {:?}", graph.wanted(), graph.outstanding().objects);
    let _ = writeln!(res, "{:?}", graph.pods().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.workloads().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.nodes().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.roles().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.service_accounts().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.named_roles().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.all_providers().collect::<Vec<_>>());
    let _ = writeln!(res, "{:?}", graph.identity_providers());
    res
}

fn units(graph: &Graph) -> BTreeSet<Ref> {
    let mut res: BTreeSet<Ref> = BTreeSet::from([Ref::Cluster]);
    res.extend(graph.identities().cloned().map(Ref::ServiceAccount));
    res.extend(
        graph.pods().map(|it| Ref::Pod { namespace: it.namespace.clone(), name: it.name.clone() }),
    );
    res.extend(graph.workloads().map(|it| Ref::Workload {
        kind: it.kind,
        namespace: it.namespace.clone(),
        name: it.name.clone(),
    }));
    res.extend(graph.associations().map(|it| Ref::Association(it.id.clone())));
    res.extend(graph.roles().map(|it| Ref::Role(it.arn.clone())));
    res.extend(graph.named_roles().cloned().map(Ref::Role));
    res.extend(graph.all_providers().map(|it| Ref::Provider(it.arn.clone())));
    res.extend(graph.expected_providers().map(Ref::Provider));
    res.extend(graph.nodes().map(|it| Ref::Node(it.name.clone())));
    res
}

fn views(graph: &Graph) -> BTreeMap<Ref, String> {
    units(graph).into_iter().map(|it| (it.clone(), view(graph, &it))).collect()
}

/// Everything that a rule may read when it judges a unit.
fn view(graph: &Graph, unit: &Ref) -> String {
    let mut res = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        graph.cluster(),
        graph.issuer(),
        graph.api_server(),
        graph.webhook(),
        graph.addon(AGENT),
        graph.nodegroup("default"),
    );
    let acc = &mut res;
    let _ = write!(acc, "{:?}", graph.is_cached(unit));
    match unit {
        Ref::ServiceAccount(key) => {
            identity_view(graph, key, acc);
            let roles: Vec<_> = graph.roles_naming(key).into_iter().map(trusted).collect();
            let workloads: Vec<_> = graph.workloads_of(key).collect();
            let pods: Vec<_> = graph.pods_of(key).map(apart_from_health).collect();
            let _ = write!(acc, "{roles:?} {workloads:?} {pods:?}");
            let namespace = Some(key.namespace.clone());
            let workloads = WorkloadKind::ALL
                .map(|kind| Scope::Workloads { kind, namespace: namespace.clone() });
            for scope in [Scope::Pods { namespace }].iter().chain(&workloads) {
                let _ = write!(acc, "{:?}", graph.listed(scope));
            }
            neighbours_view(graph, key, acc);
            let _ = write!(acc, "{:?}", graph.associated_elsewhere(key));
            let idle: Vec<_> = graph.idle_associations_like(key).collect();
            let _ = write!(acc, "{idle:?}");
        }
        Ref::Pod { namespace, name } => {
            let Some(pod) = graph.pod(namespace, name) else { return res };
            let _ = write!(acc, "{pod:?} {:?}", graph.root_owner(pod));
            identity_view(graph, &pod.service_account(), acc);
            let templates = graph.templates_of(&pod.service_account()).map(|it| &it.template);
            let _ = write!(acc, "{:?}", templates.collect::<Vec<_>>());
            env_view(graph, namespace, &pod.spec, acc);
            if let Some(node) = &pod.node {
                let agents = graph.pods_on(node).filter(|it| is_agent(it));
                let _ = write!(acc, "{:?} {:?}", graph.node(node), agents.collect::<Vec<_>>());
            }
        }
        Ref::Workload { kind, namespace, name } => {
            let Some(it) = graph.workload(*kind, namespace, name) else { return res };
            let _ = write!(acc, "{it:?} {:?}", graph.pods_of_workload(*kind, namespace, name));
            let key = SaKey::new(namespace.clone(), it.template.service_account.clone());
            identity_view(graph, &key, acc);
            env_view(graph, namespace, &it.template, acc);
        }
        Ref::Association(id) => {
            let Some(it) = graph.association(id) else { return res };
            let pods: Vec<_> = graph.pods_of(&it.service_account).map(apart_from_health).collect();
            let _ = write!(acc, "{it:?} {pods:?}");
            identity_view(graph, &it.service_account, acc);
            roles_view(graph, it, acc);
            association_view(graph, &it.service_account, acc);
        }
        Ref::Role(arn) => {
            let annotated: Vec<_> = graph.annotated_with(arn).collect();
            let associated: Vec<_> = graph.associated_with(arn).collect();
            if annotated.is_empty() && associated.is_empty() {
                let _ = write!(acc, "{:?}", graph.role(arn));
            } else {
                acc.push_str(&role_view(graph, arn));
            }
            let _ = write!(acc, "{annotated:?}");
            for it in associated {
                roles_view(graph, it, acc);
            }
            for key in keys() {
                let named = graph.roles_naming(&key).iter().any(|it| it.arn == *arn);
                if named {
                    let _ = write!(acc, "{:?}", graph.namespace(&key.namespace).is_known());
                    let _ = write!(acc, "{}", graph.association_of(&key) == Knowledge::Absent);
                    let _ = write!(acc, "{:?}", graph.service_account(&key));
                }
            }
            for provider in ACCOUNTS.iter().flat_map(|a| ISSUERS.iter().map(|i| provider_arn(a, i)))
            {
                if graph.roles_trusting(&provider).iter().any(|it| it.arn == *arn) {
                    let _ = write!(acc, "{:?}", graph.provider_at(&provider));
                }
            }
        }
        Ref::Provider(arn) => {
            let trusting: Vec<_> = graph.roles_trusting(arn).into_iter().map(trusted).collect();
            let _ = write!(acc, "{:?} {trusting:?}", graph.provider_at(arn));
            let account = arn.account().expect("providers have accounts");
            if graph.expected_provider(&account).as_ref() == Some(arn) {
                for named in graph.named_roles().filter(|it| it.account() == Some(account.clone()))
                {
                    let users: Vec<_> = graph.annotated_with(named).collect();
                    let _ = write!(acc, "{named:?} {:?} {users:?}", graph.role(named).map(trusted));
                }
                let _ = write!(acc, "{:?}", graph.providers(&account));
                if graph.named_accounts().any(|it| *it == account) {
                    let _ = write!(acc, "{:?}", graph.identity_providers());
                }
            }
        }
        Ref::Node(name) => {
            let pods: Vec<_> = graph.pods_on(name).collect();
            let _ = write!(acc, "{:?} {pods:?}", graph.node(name));
            for it in &pods {
                let association = graph.association_of(&it.service_account());
                let _ = write!(acc, "{}", association.is_known());
            }
            let scope = Scope::Pods { namespace: Some("kube-system".into()) };
            let _ = write!(acc, "{:?}", graph.listed(&scope));
        }
        Ref::Cluster => {
            for (scope, state) in graph.sources() {
                let quiet = matches!(state, SourceState::Pending { .. });
                let state = if quiet { "pending".into() } else { format!("{state:?}") };
                let _ = write!(acc, "{scope:?} {state}");
            }
            let associations: Vec<_> = graph.associations().collect();
            let _ = write!(acc, "{associations:?}");
            let _ = write!(acc, "{:?}", graph.refused_env_objects());
            // How old what is used here is.
            for arn in graph.named_roles() {
                let _ = write!(acc, "{:?}", graph.role(arn).map(trusted));
            }
            for arn in graph.expected_providers() {
                let _ = write!(acc, "{:?}", graph.provider_at(&arn));
            }
        }
        Ref::Namespace(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::ConfigMap { .. }
        | Ref::Secret { .. }
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => unreachable!("not a unit"),
    }
    res
}

/// What the ServiceAccount `default` reads of those beside it, and they of it.
fn neighbours_view(graph: &Graph, key: &SaKey, acc: &mut String) {
    let used = |key: &SaKey| {
        graph.pods_of(key).next().is_some() || graph.templates_of(key).next().is_some()
    };
    let sought = |key: &SaKey| -> Vec<SaKey> {
        let namesakes = graph.identities_named(&key.name).filter(|it| {
            !graph.service_account(it).is_known() && graph.templates_of(it).next().is_some()
        });
        namesakes.cloned().collect()
    };
    if &*key.name != "default" {
        if graph.service_account(key).known().is_some_and(|it| it.role_arn().is_some()) {
            let default = SaKey::new(key.namespace.clone(), "default");
            let _ = write!(acc, "{} {:?}", used(&default), sought(key));
        }
        return;
    }
    for it in graph.identities_in(&key.namespace) {
        let role = graph.service_account(it).known().and_then(|it| it.role_arn().cloned());
        let association = graph.association_of(it).is_known();
        if role.is_some() || association {
            let elsewhere = if it == key { Vec::new() } else { sought(it) };
            let _ = write!(acc, "{it} {role:?} {association} {} {elsewhere:?}", used(it));
        }
    }
}

/// Who uses the ServiceAccount, and where nobody does, whom it may be mistaken for.
fn association_view(graph: &Graph, key: &SaKey, acc: &mut String) {
    let _ = write!(acc, "{:?}", graph.associations_of(key).collect::<Vec<_>>());
    let namespace = || Some(key.namespace.clone());
    for kind in WorkloadKind::ALL {
        let _ =
            write!(acc, "{:?}", graph.listed(&Scope::Workloads { kind, namespace: namespace() }));
    }
    let _ = write!(acc, "{:?}", graph.listed(&Scope::Pods { namespace: namespace() }));
    let _ = write!(acc, "{}", graph.is_used(key));
    if graph.is_used(key) {
        return;
    }
    for other in graph.lookalikes(key) {
        let role = graph.service_account(other).known().and_then(|it| it.role_arn().cloned());
        let pods: Vec<_> = graph.pods_of(other).map(apart_from_health).collect();
        let workloads: Vec<_> = graph.workloads_of(other).collect();
        let association = graph.association_of(other).is_known();
        let _ = write!(acc, "{other} {role:?} {association} {pods:?} {workloads:?}");
    }
}

fn identity_view(graph: &Graph, key: &SaKey, acc: &mut String) {
    let account = graph.service_account(key);
    let association = graph.association_of(key);
    let _ = write!(acc, "{:?} {account:?} {association:?}", graph.namespace(&key.namespace));
    if let Some(role) = account.known().and_then(|it| it.role_arn().cloned()) {
        acc.push_str(&role_view(graph, &Arn::new(role)));
    }
    if let Knowledge::Known(it) = association {
        roles_view(graph, it, acc);
    }
    for other in graph.identities_named(&key.name) {
        let role = graph.service_account(other).known().and_then(|it| it.role_arn().cloned());
        let association = graph.association_of(other).is_known();
        if role.is_some() || association {
            let _ = write!(acc, "{other} {role:?} {association}");
        }
    }
}

/// As much of a pod as its ServiceAccount's rules read.
fn apart_from_health(it: &Pod) -> Pod {
    let phase = if it.completed() { Phase::Succeeded } else { Phase::Running };
    Pod { ready: false, waiting: None, phase, ..it.clone() }
}

fn env_view(graph: &Graph, namespace: &Text, spec: &PodSpec, acc: &mut String) {
    for it in spec.containers.iter().flat_map(|it| &it.env_from) {
        let _ = write!(acc, "{:?}", graph.key_names(&it.of.reference(namespace)));
    }
}

/// As much of a role as they read who do not use it.
fn trusted(it: &IamRole) -> (&Arn, &Text, &Document) {
    (&it.arn, &it.id, &it.trust)
}

fn roles_view(graph: &Graph, association: &Association, acc: &mut String) {
    if let Knowledge::Known(it) = &association.detail {
        acc.push_str(&role_view(graph, &it.role_arn));
        if let Some(target) = &it.target_role_arn {
            acc.push_str(&role_view(graph, target));
        }
    }
}

fn role_view(graph: &Graph, arn: &Arn) -> String {
    let mut res = format!("{:?}", graph.role(arn));
    let name = arn.as_str().rsplit('/').next().unwrap_or_default();
    for account in accounts() {
        let _ = write!(res, "{:?}", graph.role_by_name(&account, name));
    }
    if let Some(account) = arn.account() {
        let _ = write!(res, "{:?}", graph.providers(&account));
        if let Some(issuer) = graph.issuer().known() {
            let _ = write!(res, "{:?}", graph.provider(&account, &issuer));
        }
    }
    res
}

fn is_agent(pod: &Pod) -> bool {
    &*pod.namespace == "kube-system"
        && pod.owner.as_ref().is_some_and(|it| &*it.kind == "DaemonSet" && &*it.name == AGENT)
}

fn names(pods: Vec<&Pod>) -> Vec<&str> {
    pods.into_iter().map(|it| &*it.name).collect()
}

/// Both texts from shortly before where they part.
fn first_difference(a: &str, b: &str) -> String {
    let n_same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let around =
        |it: &str| -> String { it.chars().skip(n_same.saturating_sub(200)).take(500).collect() };
    format!("\n{}\n{}", around(a), around(b))
}

fn seeds() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn history_leaves_no_trace(seeds in seeds()) {
        let (mut graph, mut naive) = (Graph::default(), Naive::default());
        for seed in seeds {
            let change = change(seed);
            naive.apply(&change);
            graph.apply(change);
        }
        // Which scopes were announced as pending and which were never mentioned reads differently.
        for scope in scopes() {
            if graph.source(&scope).is_none() {
                let state = SourceState::Pending { received: 0 };
                naive.apply(&Change::Source { scope: scope.clone(), state: state.clone() });
                graph.apply(Change::Source { scope, state });
            }
        }
        let fresh = naive.build();
        let (got, wanted) = (dump(&graph), dump(&fresh));
        prop_assert!(got == wanted, "{}", first_difference(&got, &wanted));
    }

    #[test]
    fn nobody_is_forgotten(seeds in seeds()) {
        let mut graph = Graph::default();
        let mut before = views(&graph);
        for seed in seeds {
            let change = change(seed);
            let told = format!("{change:?}");
            let returned = graph.apply(change);
            let sorted = returned.windows(2).all(|it| it[0] < it[1]);
            prop_assert!(sorted, "unsorted or doubled: {returned:?}");
            let after = views(&graph);
            for unit in before.keys().chain(after.keys()) {
                if before.get(unit) != after.get(unit) {
                    prop_assert!(returned.binary_search(unit).is_ok(),
                        "{unit} was not returned for {told}: {}",
 first_difference(&format!("{:?}", before.get(unit)), &format!("{:?}", after.get(unit))));
                }
            }
            before = after;
        }
    }

    /// While portions of what is wide are counted out, the graph goes on changing.
    #[test]
    fn nobody_is_forgotten_who_is_counted_out_later(seeds in seeds(), n in 1_usize..4) {
        let mut graph = Graph::default();
        let mut sweeps: Vec<Sweep> = Vec::new();
        // When each was concerned last, and when it was returned last.
        let (mut concerned, mut returned) = (BTreeMap::new(), BTreeMap::new());
        let mut before = views(&graph);
        let n_changes = seeds.len();
        for (turn, seed) in seeds.into_iter().enumerate() {
            let affected = graph.affect(change(seed));
            let after = views(&graph);
            for unit in before.keys().chain(after.keys()) {
                if before.get(unit) != after.get(unit) {
                    concerned.insert(unit.clone(), turn);
                }
            }
            before = after;
            sweeps.extend(affected.wide.iter().cloned().map(Sweep::new));
            let at_once = Affected { wide: Vec::new(), ..affected };
            returned.extend(graph.counted_out(at_once).into_iter().map(|it| (it, turn)));
            for sweep in &mut sweeps {
                let portion = graph.sweep(sweep, n);
                prop_assert!(portion.wide.is_empty());
                returned.extend(graph.counted_out(portion).into_iter().map(|it| (it, turn)));
            }
            sweeps.retain(|it| !it.is_over());
        }
        for mut sweep in sweeps {
            while !sweep.is_over() {
                let portion = graph.sweep(&mut sweep, n);
                returned.extend(graph.counted_out(portion).into_iter().map(|it| (it, n_changes)));
            }
        }
        for (unit, turn) in concerned {
            let last = returned.get(&unit).copied();
            prop_assert!(last.is_some_and(|it| turn <= it), "{unit}: {turn}, returned {last:?}");
        }
    }

    #[test]
    fn telling_it_again_concerns_nobody(seeds in seeds()) {
        let mut graph = Graph::default();
        for seed in seeds {
            let it = change(seed);
            graph.apply(it.clone());
            let again = graph.apply(it.clone());
            // What is put where it was confirmed, or painted where it is painted, changes nothing.
            prop_assert!(again.is_empty(), "{it:?} again returned {again:?}");
        }
    }
}
