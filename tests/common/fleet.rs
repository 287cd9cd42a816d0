//! A made-up cluster in which nothing is wrong: workloads of every kind that a healthy fleet has, and the accounts
//! around them. The same seed gives the same fleet.
//!
//! A workload is a draft before it is facts, so that one thing can be changed in it and everything else, admission
//! included, follows.

use idscope::{
    fact::*,
    iam::{Document, Kind as PolicyKind},
    ident::{Arn, Issuer, Partition, Ref, SaKey, Text, Timestamp, WorkloadKind},
    identity::admission::{Defaults, Known, admit},
};
use jiff::SignedDuration;
use std::{collections::BTreeSet, sync::Arc};

pub const AGENT: &str = "eks-pod-identity-agent";
const OTHER_ID: &str = "5D3C1B9A7F5E3D1C0B2A4968E7C6D5B4";
const STANDARD: [Scope; 14] = [
    Scope::ApiServer,
    Scope::Caller,
    Scope::Cluster,
    Scope::OtherClusters,
    Scope::OtherAssociations,
    Scope::IdentityProviders,
    Scope::Associations,
    Scope::Addons,
    Scope::Nodegroups,
    Scope::Namespaces,
    Scope::Nodes,
    Scope::Webhooks,
    Scope::Budgets { namespace: None },
    Scope::ServiceAccounts { namespace: None },
];

/// xorshift64*: enough for picking.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    pub fn of<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}

/// The cluster that a fleet lives in.
#[derive(Clone, Debug)]
pub struct Place {
    pub now: Timestamp,
    pub name: Text,
    pub account: Text,
    pub region: Text,
    /// Without scheme.
    pub issuer: Text,
    pub auto_mode: bool,
    /// Another account, which can be read.
    pub foreign: Text,
}

impl Place {
    pub fn new(now: Timestamp, region: &str, id: &str, auto_mode: bool) -> Place {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        Place {
            now,
            name: "prod".into(),
            account: "734502187219".into(),
            region: region.into(),
            issuer: format!("oidc.eks.{region}.amazonaws.com{suffix}/id/{id}").into(),
            auto_mode,
            foreign: "290876134551".into(),
        }
    }

    pub fn partition(&self) -> Partition {
        Partition::of_region(&self.region)
    }

    pub fn arn(&self) -> Arn {
        let Place { region, account, name, .. } = self;
        Arn::new(format!("arn:{}:eks:{region}:{account}:cluster/{name}", self.partition()))
    }

    pub fn role(&self, account: &str, name: &str) -> Arn {
        Arn::new(format!("arn:{}:iam::{account}:role/{name}", self.partition()))
    }

    pub fn provider(&self, account: &str, issuer: &str) -> Arn {
        Arn::new(format!("arn:{}:iam::{account}:oidc-provider/{issuer}", self.partition()))
    }

    /// The issuer of the other cluster in the region.
    pub fn other_issuer(&self) -> String {
        let (host, _) = self.issuer.split_once("/id/").expect("an EKS issuer");
        format!("{host}/id/{OTHER_ID}")
    }

    pub fn ago(&self, hours: i64) -> Timestamp {
        self.now - SignedDuration::from_hours(hours)
    }
}

/// How a workload gets its identity, or why it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    Irsa,
    /// A role of the other account, whose provider for this cluster is there.
    CrossAccount,
    PodIdentity,
    /// By way of a role of the other account.
    TargetRole,
    /// Annotation and association for the same role; the pods are of after.
    Migration,
    Fargate,
    Windows,
    /// Two ServiceAccounts, one role.
    SharedRole,
    Plain,
}

pub const SORTS: [Sort; 9] = [
    Sort::Irsa,
    Sort::CrossAccount,
    Sort::PodIdentity,
    Sort::TargetRole,
    Sort::Migration,
    Sort::Fargate,
    Sort::Windows,
    Sort::SharedRole,
    Sort::Plain,
];

/// One workload before it is facts.
#[derive(Clone, Debug)]
pub struct Draft {
    pub sort: Sort,
    pub namespace: Text,
    pub name: Text,
    pub service_account: Text,
    pub annotations: Vec<(Text, Text)>,
    pub labels: Vec<(Text, Text)>,
    pub roles: Vec<RoleDraft>,
    pub association: Option<AssociationDraft>,
    pub owner: WorkloadKind,
    pub spec: PodSpec,
    pub pods: Vec<PodDraft>,
    pub node: Option<Text>,
}

#[derive(Clone, Debug)]
pub struct RoleDraft {
    pub arn: Arn,
    pub trust: String,
    pub policies: Policies,
    pub created: Timestamp,
}

#[derive(Clone, Debug)]
pub struct AssociationDraft {
    pub namespace: Text,
    pub service_account: Text,
    pub detail: AssociationDetail,
    pub owner: Option<Arn>,
}

#[derive(Clone, Debug)]
pub struct PodDraft {
    pub created: Timestamp,
    pub phase: Phase,
    pub deleting: bool,
    pub bound: bool,
}

/// All that there is around the workloads, and the workloads.
pub struct Fleet {
    pub place: Place,
    pub around: Vec<Fact>,
    pub drafts: Vec<Draft>,
}

impl Fleet {
    pub fn new(place: Place, n_workloads: usize, seed: u64) -> Fleet {
        let mut dice = Dice::new(seed);
        let drafts: Vec<Draft> = (0..n_workloads).map(|n| draft(&place, n, &mut dice)).collect();
        let around = around(&place, &drafts);
        Fleet { place, around, drafts }
    }

    pub fn facts(&self) -> Vec<Fact> {
        let drafts = self.drafts.iter().flat_map(|it| realise(&self.place, it));
        self.around.iter().cloned().chain(drafts).collect()
    }

    /// Every list, complete.
    pub fn changes(&self) -> Vec<Change> {
        let mut facts = self.facts();
        let mut res = Vec::new();
        for scope in self.scopes() {
            let (here, rest) = facts.into_iter().partition(|it| belongs(it, &scope));
            facts = rest;
            res.push(Change::Replace { scope: scope.clone(), facts: here });
            res.push(Change::Source { scope, state: SourceState::Live { at: self.place.now } });
        }
        res.extend(facts.into_iter().map(|it| Change::Upsert(Box::new(it))));
        res
    }

    fn scopes(&self) -> Vec<Scope> {
        let mut res = STANDARD.to_vec();
        res.push(Scope::Pods { namespace: None });
        res.extend(WorkloadKind::ALL.map(|kind| Scope::Workloads { kind, namespace: None }));
        for account in [&self.place.account, &self.place.foreign] {
            res.push(Scope::Roles { account: account.clone() });
            res.push(Scope::Providers { account: account.clone() });
        }
        res
    }
}

/// Whether a list of the scope has the fact.
pub fn belongs(fact: &Fact, scope: &Scope) -> bool {
    let of = |arn: &Arn, account: &Text| arn.account().is_some_and(|it| it.as_str() == &**account);
    match (fact, scope) {
        (Fact::ApiServer(_), Scope::ApiServer)
        | (Fact::Caller(_), Scope::Caller)
        | (Fact::Cluster(_), Scope::Cluster)
        | (Fact::OtherClusters(_), Scope::OtherClusters)
        | (Fact::OtherAssociations(_), Scope::OtherAssociations)
        | (Fact::IdentityProviders(_), Scope::IdentityProviders)
        | (Fact::Association(_), Scope::Associations)
        | (Fact::Addon(_), Scope::Addons)
        | (Fact::Nodegroup(_), Scope::Nodegroups)
        | (Fact::Namespace(_), Scope::Namespaces)
        | (Fact::Node(_), Scope::Nodes)
        | (Fact::Webhook(_), Scope::Webhooks)
        | (Fact::Budget(_), Scope::Budgets { namespace: None })
        | (Fact::ServiceAccount(_), Scope::ServiceAccounts { namespace: None })
        | (Fact::Pod(_), Scope::Pods { namespace: None }) => true,
        (Fact::Workload(it), Scope::Workloads { kind, namespace: None }) => it.kind == *kind,
        (Fact::Role(it), Scope::Roles { account }) => of(&it.arn, account),
        (Fact::Provider(it), Scope::Providers { account }) => of(&it.arn, account),
        _ => false,
    }
}

/// A trust policy that lets exactly one ServiceAccount in by web identity.
pub fn web_trust(place: &Place, account: &str, key: &SaKey) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, web_statement(place, account, key))
}

pub fn web_statement(place: &Place, account: &str, key: &SaKey) -> String {
    let issuer = &place.issuer;
    let provider = place.provider(account, issuer);
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{issuer}:sub":"{}","{issuer}:aud":"sts.amazonaws.com"}}}}}}"#,
        key.subject()
    )
}

pub fn pod_identity_statement(key: &SaKey) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Service":"pods.eks.amazonaws.com"}},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{{"StringEquals":{{"aws:RequestTag/kubernetes-namespace":"{}","aws:RequestTag/kubernetes-service-account":"{}"}}}}}}"#,
        key.namespace, key.name
    )
}

fn policy(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

/// What lets a workload do something.
fn policies(inline: &str) -> Policies {
    let document = Document::parse(inline, PolicyKind::Identity);
    Policies { attached: Vec::new(), inline: vec![("work".into(), Arc::new(document))] }
}

const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}]}"#;

fn draft(place: &Place, n: usize, dice: &mut Dice) -> Draft {
    // One of each to begin with, so that small fleets have every sort.
    let sort = if n < SORTS.len() { SORTS[n] } else { dice.of(&SORTS) };
    let namespace: Text = format!("team-{}", dice.below(1 + n / 12)).as_str().into();
    let name: Text = format!("svc-{n:04}").as_str().into();
    let key = SaKey::new(namespace.clone(), name.clone());
    let mut res = Draft {
        sort,
        namespace,
        name: name.clone(),
        service_account: name.clone(),
        annotations: Vec::new(),
        labels: Vec::new(),
        roles: Vec::new(),
        association: None,
        owner: dice.of(&[
            WorkloadKind::Deployment,
            WorkloadKind::Deployment,
            WorkloadKind::StatefulSet,
            WorkloadKind::DaemonSet,
            WorkloadKind::Job,
            WorkloadKind::CronJob,
        ]),
        spec: spec(&name, dice),
        pods: Vec::new(),
        node: None,
    };
    let path = dice.of(&["", "", "apps/", "team/blue/"]);
    let role_name = format!("{path}fleet-{n:04}");
    let own = place.role(&place.account, &role_name);
    let is_foreign = sort == Sort::CrossAccount;
    let account = if is_foreign { &place.foreign } else { &place.account };
    let role = |arn: &Arn, trust: String, inline: &str, dice: &mut Dice| RoleDraft {
        arn: arn.clone(),
        trust,
        policies: policies(inline),
        created: place.ago(24 * (60 + dice.below(200) as i64)),
    };
    match sort {
        Sort::Irsa | Sort::CrossAccount | Sort::Fargate | Sort::Windows | Sort::SharedRole => {
            let arn = place.role(account, &role_name);
            let mut statements = web_statement(place, account, &key);
            if sort == Sort::SharedRole {
                let twin = SaKey::new(key.namespace.clone(), format!("{name}-twin"));
                statements = format!("{statements},{}", web_statement(place, account, &twin));
            } else if sort == Sort::Irsa && dice.below(4) == 0 {
                // Another cluster has a statement of its own.
                let theirs = Place { issuer: place.other_issuer().into(), ..place.clone() };
                statements = format!("{statements},{}", web_statement(&theirs, account, &key));
            }
            annotate(&mut res, &arn, dice);
            res.roles.push(role(&arn, policy(&statements), READ, dice));
        }
        Sort::PodIdentity => {
            res.roles.push(role(&own, policy(&pod_identity_statement(&key)), READ, dice));
            res.association = Some(associate(place, &key, &own, dice));
        }
        Sort::Migration => {
            let web = web_statement(place, account, &key);
            let both = policy(&format!("{web},{}", pod_identity_statement(&key)));
            annotate(&mut res, &own, dice);
            res.roles.push(role(&own, both, READ, dice));
            res.association = Some(associate(place, &key, &own, dice));
        }
        Sort::TargetRole => {
            let target = place.role(&place.foreign, &role_name);
            let chain = policy(&format!(
                r#"{{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"{target}"}}"#
            ));
            let trusts = policy(&format!(
                r#"{{"Effect":"Allow","Principal":{{"AWS":"{own}"}},"Action":["sts:AssumeRole","sts:TagSession"]}}"#
            ));
            res.roles.push(role(&own, policy(&pod_identity_statement(&key)), &chain, dice));
            res.roles.push(role(&target, trusts, READ, dice));
            let mut association = associate(place, &key, &own, dice);
            association.detail.target_role_arn = Some(target);
            res.association = Some(association);
        }
        Sort::Plain => {
            if dice.below(3) == 0 {
                res.service_account = "default".into();
            }
        }
    }
    res.node = Some(node_of(place, sort, n));
    match sort {
        Sort::Fargate => res.spec.scheduler = Some("fargate-scheduler".into()),
        Sort::Windows => res.spec.windows_selector = true,
        _ => {}
    }
    if matches!(sort, Sort::Fargate | Sort::Windows) && res.owner == WorkloadKind::DaemonSet {
        res.owner = WorkloadKind::Deployment;
    }
    res.spec.service_account = res.service_account.clone();
    pods(place, &mut res, dice);
    res
}

/// Nodes of one make; which one of them does not matter.
fn node_of(place: &Place, sort: Sort, n: usize) -> Text {
    match sort {
        Sort::Fargate => format!("fleet-fargate-{n:04}"),
        Sort::Windows => "fleet-windows-0".into(),
        _ if place.auto_mode => format!("fleet-auto-{}", n % 3),
        _ => format!("fleet-node-{}", n % 5),
    }
    .as_str()
    .into()
}

fn annotate(draft: &mut Draft, role: &Arn, dice: &mut Dice) {
    draft.annotations.push((ServiceAccount::ROLE_ARN.into(), role.text().clone()));
    match dice.below(6) {
        0 => draft.annotations.push((ServiceAccount::EXPIRATION.into(), "3600".into())),
        1 => draft.annotations.push((ServiceAccount::REGIONAL_STS.into(), "true".into())),
        2 => draft.labels.push(("app.kubernetes.io/managed-by".into(), "Helm".into())),
        3 => draft.labels.push(("argocd.argoproj.io/instance".into(), "fleet".into())),
        _ => {}
    }
    draft.annotations.sort();
}

fn associate(place: &Place, key: &SaKey, role: &Arn, dice: &mut Dice) -> AssociationDraft {
    let created = place.ago(24 * (20 + dice.below(20) as i64));
    let owner = format!(
        "arn:{}:eks:{}:{}:addon/{}/some-addon/0ac8e3a4",
        place.partition(),
        place.region,
        place.account,
        place.name
    );
    AssociationDraft {
        namespace: key.namespace.clone(),
        service_account: key.name.clone(),
        detail: AssociationDetail {
            role_arn: role.clone(),
            target_role_arn: None,
            external_id: None,
            disable_session_tags: false,
            policy: None,
            created: Some(created),
            modified: Some(created),
            tags: Vec::new(),
        },
        owner: (dice.below(5) == 0).then(|| Arn::new(owner)),
    }
}

fn spec(name: &Text, dice: &mut Dice) -> PodSpec {
    let container = |name: &str, kind: ContainerKind| Container {
        name: name.into(),
        kind,
        image: "registry.example/app:1".into(),
        env: Vec::new(),
        env_from: Vec::new(),
        mounts: Vec::new(),
    };
    let mut containers = Vec::new();
    if dice.below(3) == 0 {
        containers.push(container("prepare", ContainerKind::Init));
    }
    containers.push(container("app", ContainerKind::Main));
    if dice.below(3) == 0 {
        containers.push(container("proxy", ContainerKind::Main));
    }
    if dice.below(4) == 0 {
        let of = EnvSource::ConfigMap("settings".into());
        containers[0].env_from.push(EnvFrom { of, prefix: "".into(), optional: false });
    }
    PodSpec {
        service_account: "default".into(),
        service_account_named: true,
        host_network: false,
        windows_selector: false,
        windows_affinity: false,
        scheduler: None,
        fs_group: None,
        labels: vec![("app.kubernetes.io/name".into(), name.clone())],
        annotations: Vec::new(),
        containers,
        volumes: Vec::new(),
    }
}

/// Old and young ones, one that waits for a node, one that is going, and those of Jobs that have run to their end.
fn pods(place: &Place, draft: &mut Draft, dice: &mut Dice) {
    let is_job = matches!(draft.owner, WorkloadKind::Job | WorkloadKind::CronJob);
    let n_pods = 1 + dice.below(3);
    for _ in 0..n_pods {
        let created = place.ago(10 + dice.below(200) as i64);
        let ran = is_job && dice.below(2) == 0;
        let waits = !ran && dice.below(9) == 0;
        draft.pods.push(PodDraft {
            created,
            phase: match (ran, waits) {
                (true, _) => Phase::Succeeded,
                (false, true) => Phase::Pending,
                (false, false) => Phase::Running,
            },
            deleting: !ran && dice.below(9) == 0,
            bound: !waits,
        });
    }
}

/// The facts of one workload.
pub fn realise(place: &Place, draft: &Draft) -> Vec<Fact> {
    let key = SaKey::new(draft.namespace.clone(), draft.service_account.clone());
    let mut res = Vec::new();
    if &*draft.service_account != "default" {
        res.push(Fact::ServiceAccount(account(place, draft, &key)));
        if draft.sort == Sort::SharedRole {
            let twin = SaKey::new(draft.namespace.clone(), format!("{}-twin", draft.name));
            res.push(Fact::ServiceAccount(account(place, draft, &twin)));
        }
    }
    res.extend(draft.roles.iter().map(|it| Fact::Role(role(place, it))));
    if let Some(it) = &draft.association {
        res.push(Fact::Association(Association {
            id: format!("a-{}", draft.name).as_str().into(),
            arn: None,
            service_account: SaKey::new(it.namespace.clone(), it.service_account.clone()),
            owner_arn: it.owner.clone(),
            detail: Knowledge::Known(it.detail.clone()),
        }));
    }
    res.extend(workloads(place, draft).into_iter().map(Fact::Workload));
    let associated = draft
        .association
        .as_ref()
        .is_some_and(|it| it.namespace == key.namespace && it.service_account == key.name);
    let annotations = (&*draft.service_account != "default").then_some(&draft.annotations[..]);
    let known = Known { association: associated, annotations };
    let spec = Arc::new(admit(&draft.spec, known, &Defaults::for_region(&place.region)));
    for (n, it) in draft.pods.iter().enumerate() {
        res.push(Fact::Pod(Pod {
            namespace: draft.namespace.clone(),
            name: format!("{}-{n}", draft.name).as_str().into(),
            uid: format!("{}-{n}", draft.name).as_str().into(),
            created: Some(it.created),
            owner: Some(owner(draft)),
            node: draft.node.clone().filter(|_| it.bound),
            phase: it.phase,
            ready: it.phase == Phase::Running && !it.deleting,
            deleting: it.deleting,
            waiting: None,
            mirror: false,
            ready_since: None,
            printed: None,
            labels: draft.labels.as_slice().into(),
            spec: spec.clone(),
        }));
    }
    res
}

fn account(place: &Place, draft: &Draft, key: &SaKey) -> ServiceAccount {
    let is_annotated = draft.annotations.iter().any(|(it, _)| &**it == ServiceAccount::ROLE_ARN);
    let changed = place.ago(24 * 30);
    ServiceAccount {
        key: key.clone(),
        uid: key.to_string().as_str().into(),
        created: Some(place.ago(24 * 50)),
        annotations: draft.annotations.clone(),
        labels: draft.labels.clone(),
        annotation_changed: is_annotated.then_some(changed),
        annotation_manager: is_annotated.then(|| "kubectl-annotate".into()),
    }
}

fn role(place: &Place, it: &RoleDraft) -> IamRole {
    IamRole {
        arn: it.arn.clone(),
        id: format!("AROA{}", it.arn.name().unwrap_or_default()).as_str().into(),
        created: Some(it.created),
        trust: Arc::new(Document::parse(it.trust.as_str(), PolicyKind::Trust)),
        max_session_seconds: Some(3600),
        permissions_boundary: Knowledge::Known(None),
        tags: Knowledge::Known(Vec::new()),
        last_used: Knowledge::Known(LastUsed::default()),
        policies: Knowledge::Known(it.policies.clone()),
        read_at: Some(place.now),
    }
}

/// What owns the pods: the ReplicaSet of a Deployment, the Job of a CronJob.
fn owner(draft: &Draft) -> Owner {
    match draft.owner {
        WorkloadKind::Deployment => {
            Owner { kind: "ReplicaSet".into(), name: format!("{}-rs", draft.name).as_str().into() }
        }
        WorkloadKind::CronJob => {
            Owner { kind: "Job".into(), name: format!("{}-1", draft.name).as_str().into() }
        }
        other => Owner { kind: other.as_str().into(), name: draft.name.clone() },
    }
}

fn workloads(place: &Place, draft: &Draft) -> Vec<Workload> {
    let template = Arc::new(draft.spec.clone());
    let make = |kind: WorkloadKind, name: Text, owner: Option<Owner>| Workload {
        kind,
        namespace: draft.namespace.clone(),
        uid: format!("{}/{name}", kind.as_str()).as_str().into(),
        name,
        created: Some(place.ago(24 * 40)),
        owner,
        replicas: (kind == WorkloadKind::Deployment).then_some(draft.pods.len().max(1) as i32),
        rollout: None,
        create_errors: Vec::new(),
        annotations: Vec::new(),
        labels: draft.labels.clone(),
        template_labels: draft.labels.as_slice().into(),
        template: template.clone(),
        completed: kind == WorkloadKind::Job
            && draft.pods.iter().all(|it| it.phase == Phase::Succeeded),
    };
    let mut res = vec![make(draft.owner, draft.name.clone(), None)];
    let child = owner(draft);
    if draft.sort == Sort::SharedRole {
        // Who shares the role with it: a job at night.
        let name: Text = format!("{}-twin", draft.name).as_str().into();
        let mut twin = make(WorkloadKind::CronJob, name.clone(), None);
        twin.template = Arc::new(PodSpec { service_account: name, ..draft.spec.clone() });
        res.push(twin);
    }
    if child.name != draft.name {
        let kind = WorkloadKind::parse(&child.kind).expect("a kind of ours");
        let parent = Owner { kind: draft.owner.as_str().into(), name: draft.name.clone() };
        res.push(make(kind, child.name, Some(parent)));
    }
    res
}

/// Cluster, accounts, nodes, namespaces and what EKS itself runs.
pub fn around(place: &Place, drafts: &[Draft]) -> Vec<Fact> {
    let mut res = cluster(place);
    res.extend(furniture(place, drafts));
    res.extend(accounts(place));
    res
}

fn cluster(place: &Place) -> Vec<Fact> {
    let issuer = Issuer::new(&place.issuer);
    let other = Arn::new(place.arn().as_str().replace("cluster/prod", "cluster/stage"));
    let places = [&place.account, &place.foreign].map(|it| fact_place(it, &place.region)).to_vec();
    vec![
        Fact::ApiServer(ApiServer {
            context: "fleet".into(),
            server: "https://fleet".into(),
            ca_sha256: None,
            version: "v1.34.1".into(),
            issuer: Knowledge::Known(issuer.clone()),
            proof: Some(Proof::Issuer),
        }),
        Fact::Caller(Caller {
            arn: Arn::new(format!("arn:{}:iam::{}:user/me", place.partition(), place.account)),
            account: place.account.clone(),
            user_id: "AIDA1".into(),
            via: "environment".into(),
            accounts: vec![place.account.clone(), place.foreign.clone()],
        }),
        Fact::Cluster(Cluster {
            name: place.name.clone(),
            arn: place.arn(),
            account: place.account.clone(),
            region: place.region.clone(),
            issuer: Some(issuer),
            endpoint: Some("https://fleet".into()),
            ca_sha256: None,
            created: Some(place.ago(24 * 300)),
            version: "1.34".into(),
            platform_version: "eks.9".into(),
            status: "ACTIVE".into(),
            authentication_mode: "API".into(),
            auto_mode: place.auto_mode,
            node_role: place.auto_mode.then(|| place.role(&place.account, "fleet-auto-node")),
            tags: Vec::new(),
            health_issues: Vec::new(),
            outpost: false,
        }),
        Fact::OtherClusters(OtherClusters {
            clusters: vec![OtherCluster {
                name: "stage".into(),
                arn: other.clone(),
                region: place.region.clone(),
                issuer: Some(Issuer::new(&place.other_issuer())),
            }],
            places,
        }),
        Fact::OtherAssociations(OtherAssociations::new(vec![OtherAssociation {
            service_account: SaKey::new("kube-system", "aws-node"),
            cluster: other,
        }])),
        // People log in by OIDC too.
        Fact::IdentityProviders(IdentityProviders { names: vec!["corp".into()] }),
    ]
}

fn fact_place(account: &Text, region: &Text) -> idscope::fact::Place {
    idscope::fact::Place { account: account.clone(), region: region.clone() }
}

/// Nodes, namespaces, the webhook, and the agents of the nodes.
pub fn furniture(place: &Place, drafts: &[Draft]) -> Vec<Fact> {
    let mut res = vec![Fact::Webhook(webhook())];
    let mut namespaces: BTreeSet<&str> = drafts.iter().map(|it| &*it.namespace).collect();
    namespaces.extend(["kube-system", "monitoring"]);
    for name in namespaces {
        res.push(Fact::Namespace(Namespace {
            name: name.into(),
            created: Some(place.ago(24 * 200)),
            deleting: false,
            labels: [("kubernetes.io/metadata.name".into(), name.into())].into(),
            annotations: Vec::new(),
        }));
        res.push(Fact::ServiceAccount(plain_account(place, &SaKey::new(name, "default"))));
        let of = Ref::ConfigMap { namespace: name.into(), name: "settings".into() };
        let keys = Knowledge::Known(vec!["LOG_LEVEL".into()]);
        res.push(Fact::KeyNames(KeyNames { of, keys }));
    }
    let mut nodes: BTreeSet<Text> = drafts.iter().filter_map(|it| it.node.clone()).collect();
    nodes.insert(node_of(place, Sort::Plain, 0));
    for name in &nodes {
        res.push(Fact::Node(node(place, name)));
    }
    for (agent, on_auto) in [
        ("aws-node", false),
        ("kube-proxy", false),
        (AGENT, false),
        ("ebs-csi-node", false),
        ("node-exporter", true),
    ] {
        let hosts: Vec<&Text> = nodes.iter().filter(|it| runs(agent, it, on_auto)).collect();
        if !hosts.is_empty() {
            res.extend(daemon_set(place, agent, &hosts));
        }
    }
    let groups = [("fleet-linux", place.role(&place.account, "fleet-node"))];
    for (name, role) in groups {
        res.push(Fact::Nodegroup(Nodegroup {
            name: name.into(),
            node_role: Some(role),
            status: "ACTIVE".into(),
        }));
    }
    res
}

/// Auto Mode nodes have the agents built in, Fargate has none, Windows has its own.
fn runs(agent: &str, node: &str, on_auto: bool) -> bool {
    node.starts_with("fleet-node-") || on_auto && node.starts_with("fleet-auto-") && agent != AGENT
}

fn webhook() -> Webhook {
    let skip = SelectorTerm {
        key: PodSpec::SKIP_WEBHOOK.into(),
        operator: "DoesNotExist".into(),
        values: Vec::new(),
    };
    Webhook {
        name: Webhook::POD_IDENTITY.into(),
        created: None,
        changed: None,
        hooks: vec![WebhookRule {
            name: "iam-for-pods.amazonaws.com".into(),
            url: Some("https://127.0.0.1:23443/mutate".into()),
            service: None,
            failure_policy: "Ignore".into(),
            reinvocation_policy: "IfNeeded".into(),
            admission_review_versions: vec!["v1".into(), "v1beta1".into()],
            covers_pod_create: true,
            object_selector: Selector { match_labels: Vec::new(), expressions: vec![skip] },
            namespace_selector: Selector::default(),
            has_match_conditions: false,
            has_ca_bundle: true,
        }],
    }
}

fn plain_account(place: &Place, key: &SaKey) -> ServiceAccount {
    ServiceAccount {
        key: key.clone(),
        uid: key.to_string().as_str().into(),
        created: Some(place.ago(24 * 200)),
        annotations: Vec::new(),
        labels: Vec::new(),
        annotation_changed: None,
        annotation_manager: None,
    }
}

fn node(place: &Place, name: &Text) -> Node {
    let (compute, os, group) = match &**name {
        it if it.starts_with("fleet-fargate-") => (Some("fargate"), "linux", None),
        it if it.starts_with("fleet-auto-") => (Some("auto"), "linux", None),
        "fleet-windows-0" => (None, "windows", Some("fleet-linux")),
        _ => (None, "linux", Some("fleet-linux")),
    };
    let label = |key: &str, value: &str| (Text::from(key), Text::from(value));
    let mut labels = vec![label("kubernetes.io/os", os)];
    labels.extend(compute.map(|it| label("eks.amazonaws.com/compute-type", it)));
    labels.extend(group.map(|it| label("eks.amazonaws.com/nodegroup", it)));
    labels.sort();
    Node {
        name: name.clone(),
        created: Some(place.ago(24 * 10)),
        ready: true,
        provider_id: Some(format!("aws:///{}a/i-0{}", place.region, name.len()).as_str().into()),
        labels,
    }
}

fn daemon_set(place: &Place, name: &str, hosts: &[&Text]) -> Vec<Fact> {
    let account = if name == "node-exporter" || name == AGENT { "default" } else { name };
    let namespace = if name == "node-exporter" { "monitoring" } else { "kube-system" };
    let key = SaKey::new(namespace, account);
    let spec = Arc::new(PodSpec {
        service_account: account.into(),
        service_account_named: true,
        host_network: true,
        ..spec(&name.into(), &mut Dice::new(1))
    });
    let mut res = Vec::new();
    if account != "default" {
        res.push(Fact::ServiceAccount(plain_account(place, &key)));
    }
    res.push(Fact::Workload(Workload {
        kind: WorkloadKind::DaemonSet,
        namespace: namespace.into(),
        name: name.into(),
        uid: name.into(),
        created: Some(place.ago(24 * 200)),
        owner: None,
        replicas: None,
        rollout: None,
        create_errors: Vec::new(),
        annotations: Vec::new(),
        labels: Vec::new(),
        template_labels: [].into(),
        template: spec.clone(),
        completed: false,
    }));
    for host in hosts {
        let pod: Text = format!("{name}-{host}").as_str().into();
        res.push(Fact::Pod(Pod {
            namespace: namespace.into(),
            name: pod.clone(),
            uid: pod,
            created: Some(place.ago(24 * 9)),
            owner: Some(Owner { kind: "DaemonSet".into(), name: name.into() }),
            node: Some((*host).clone()),
            phase: Phase::Running,
            ready: true,
            deleting: false,
            waiting: None,
            mirror: false,
            ready_since: None,
            printed: None,
            labels: [].into(),
            spec: spec.clone(),
        }));
    }
    res
}

/// Providers and roles that are none of this cluster's workloads' business.
pub fn accounts(place: &Place) -> Vec<Fact> {
    let mut res = Vec::new();
    for account in [&place.account, &place.foreign] {
        let issuers = [
            place.issuer.to_string(),
            place.other_issuer(),
            "token.actions.githubusercontent.com".into(),
        ];
        res.extend(issuers.iter().map(|it| Fact::Provider(provider(place, account, it))));
    }
    let partition = place.partition();
    let account = &place.account;
    let service = |name: &str| {
        policy(&format!(
            r#"{{"Effect":"Allow","Principal":{{"Service":"{name}"}},"Action":"sts:AssumeRole"}}"#
        ))
    };
    let github = place.provider(account, "token.actions.githubusercontent.com");
    let web = policy(&format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"{github}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringLike":{{"token.actions.githubusercontent.com:sub":"repo:acme/*"}}}}}}"#
    ));
    let saml = policy(&format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:{partition}:iam::{account}:saml-provider/sso"}},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{{"StringEquals":{{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}}}}"#
    ));
    let theirs = Place { issuer: place.other_issuer().into(), ..place.clone() };
    let stage = web_trust(&theirs, account, &SaKey::new("team-0", "svc-0000"));
    let root = policy(&format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:{partition}:iam::{account}:root"}},"Action":"sts:AssumeRole"}}"#
    ));
    for (name, trust) in [
        (
            "aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
            service("eks.amazonaws.com"),
        ),
        ("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef", saml),
        ("github-deploy", web),
        ("stage-app", stage),
        ("admin", root),
        ("some-lambda", service("lambda.amazonaws.com")),
        ("fleet-node", service("ec2.amazonaws.com")),
        ("fleet-auto-node", service("ec2.amazonaws.com")),
    ] {
        let draft = RoleDraft {
            arn: place.role(account, name),
            trust,
            policies: policies(READ),
            created: place.ago(24 * 280),
        };
        res.push(Fact::Role(role(place, &draft)));
    }
    res
}

fn provider(place: &Place, account: &str, issuer: &str) -> OidcProvider {
    OidcProvider {
        arn: place.provider(account, issuer),
        url: issuer.into(),
        detail: Knowledge::Known(ProviderDetail {
            url: issuer.into(),
            client_ids: vec!["sts.amazonaws.com".into()],
            thumbprints: Vec::new(),
            created: Some(place.ago(24 * 290)),
            tags: Vec::new(),
        }),
    }
}
