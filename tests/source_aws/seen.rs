//! Runs the source and keeps what it said, by name.

use crate::fake::Fake;
use idscope::{
    event::{Event, Generation},
    fact::{
        Association, Caller, Change, Cluster, Fact, IamRole, IdentityProviders, Knowledge,
        OidcProvider, OtherAssociations, OtherClusters, Scope, SourceState,
    },
    ident::{Arn, Ref},
    source::{
        Settings,
        aws::{self, Command, KubeSide, Running},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How long anything may take; never waited for when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// One pass over the cluster `prod` of the fake account.
pub fn settings(fake: &Fake) -> Settings {
    let env = [
        ("AWS_ENDPOINT_URL", fake.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIAHOME"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    Settings {
        context: None,
        kubeconfig: None,
        namespaces: Vec::new(),
        cluster: Some("prod".into()),
        region: Some("eu-west-1".into()),
        profile: None,
        account_profiles: Vec::new(),
        account_roles: Vec::new(),
        cache_dir: None,
        read_secrets: false,
        request_timeout: Duration::from_secs(5),
        poll: Duration::from_secs(3600),
        env: env.map(|(name, value)| (name.into(), value.into())).into(),
        follow: false,
        writes: Default::default(),
    }
}

/// What the changes so far amount to.
#[derive(Debug, Default)]
pub struct Seen {
    facts: BTreeMap<(u8, Ref), Fact>,
    known: BTreeMap<Ref, Knowledge<()>>,
    states: BTreeMap<Scope, SourceState>,
}

pub struct Run {
    seen: Seen,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
    _kube: watch::Sender<Option<KubeSide>>,
    _running: Running,
}

impl Run {
    pub fn start(settings: Settings) -> Run {
        Run::start_on(settings, None)
    }

    pub fn start_on(settings: Settings, server: Option<&str>) -> Run {
        let (sender, events) = mpsc::channel(4096);
        let (commands, receiver) = mpsc::channel(16);
        let kube = KubeSide {
            server: server.map(Into::into),
            ca_sha256: None,
            exec_args: Vec::new(),
            exec_env: Vec::new(),
            issuer: Knowledge::NotYet,
        };
        let (_kube, resolved) = watch::channel(Some(kube));
        let _running = aws::start(settings, Generation(1), sender, resolved, receiver);
        Run { seen: Seen::default(), events, commands, _kube, _running }
    }

    pub async fn fetch(&self, wanted: impl IntoIterator<Item = Ref>) {
        self.send(Command::Fetch(wanted.into_iter().collect())).await;
    }

    pub async fn send(&self, command: Command) {
        self.commands.send(command).await.expect("the source is running");
    }

    pub async fn until(&mut self, is_there: impl Fn(&Seen) -> bool) {
        let wait = async {
            while !is_there(&self.seen) {
                let event = self.events.recv().await.expect("the source is running");
                self.seen.take(event);
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "never came: {:?}", self.seen);
    }

    /// Asks nothing more, and waits for the end.
    pub async fn finish(self) -> Seen {
        let Run { mut seen, mut events, commands, _kube, _running } = self;
        drop(commands);
        let wait = async {
            while let Some(event) = events.recv().await {
                seen.take(event);
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the source ends by itself");
        seen
    }
}

impl Seen {
    fn take(&mut self, event: Event) {
        let Event::Facts { generation, changes } = event else { panic!("{event:?}") };
        assert_eq!(generation, Generation(1));
        for change in changes {
            match change {
                Change::Upsert(fact) => self.put(*fact),
                Change::Remove(of) => self.facts.retain(|(_, it), _| *it != of),
                Change::Replace { scope, facts } => {
                    self.facts.retain(|_, it| scope_of(it) != scope);
                    for fact in facts {
                        assert_eq!(scope_of(&fact), scope);
                        self.put(fact);
                    }
                }
                Change::Know { of, knowledge } => {
                    self.known.insert(of, knowledge);
                }
                Change::Source { scope, state } => {
                    self.states.insert(scope, state);
                }
            }
        }
    }

    fn put(&mut self, fact: Fact) {
        self.known.remove(&fact.key());
        self.facts.insert((rank(&fact), fact.key()), fact);
    }

    pub fn state(&self, scope: &Scope) -> SourceState {
        self.states.get(scope).cloned().unwrap_or(SourceState::Pending { received: 0 })
    }

    /// The permission that a denied scope names.
    pub fn missing(&self, scope: &Scope) -> String {
        match self.state(scope) {
            SourceState::Denied { denied, .. } => denied.permission.to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub fn scopes(&self) -> BTreeSet<Scope> {
        self.states.keys().cloned().collect()
    }

    pub fn known(&self, of: &Ref) -> Option<Knowledge<()>> {
        self.known.get(of).cloned()
    }

    pub fn role(&self, arn: &Arn) -> Option<&IamRole> {
        self.roles().into_iter().find(|it| it.arn == *arn)
    }

    pub fn provider(&self, arn: &Arn) -> Option<&OidcProvider> {
        self.providers().into_iter().find(|it| it.arn == *arn)
    }

    pub fn roles(&self) -> Vec<&IamRole> {
        self.facts
            .values()
            .filter_map(|it| if let Fact::Role(it) = it { Some(it) } else { None })
            .collect()
    }

    pub fn providers(&self) -> Vec<&OidcProvider> {
        self.facts
            .values()
            .filter_map(|it| if let Fact::Provider(it) = it { Some(it) } else { None })
            .collect()
    }

    pub fn associations(&self) -> Vec<&Association> {
        self.facts
            .values()
            .filter_map(|it| if let Fact::Association(it) = it { Some(it) } else { None })
            .collect()
    }

    pub fn cluster(&self) -> Option<&Cluster> {
        self.facts.values().find_map(|it| if let Fact::Cluster(it) = it { Some(it) } else { None })
    }

    pub fn caller(&self) -> Option<&Caller> {
        self.facts.values().find_map(|it| if let Fact::Caller(it) = it { Some(it) } else { None })
    }

    pub fn other_clusters(&self) -> Option<&OtherClusters> {
        self.facts
            .values()
            .find_map(|it| if let Fact::OtherClusters(it) = it { Some(it) } else { None })
    }

    pub fn other_associations(&self) -> Option<&OtherAssociations> {
        self.facts
            .values()
            .find_map(|it| if let Fact::OtherAssociations(it) = it { Some(it) } else { None })
    }

    pub fn identity_providers(&self) -> Option<&IdentityProviders> {
        self.facts
            .values()
            .find_map(|it| if let Fact::IdentityProviders(it) = it { Some(it) } else { None })
    }

    pub fn addons(&self) -> usize {
        self.facts.values().filter(|it| matches!(it, Fact::Addon(_))).count()
    }

    pub fn nodegroups(&self) -> usize {
        self.facts.values().filter(|it| matches!(it, Fact::Nodegroup(_))).count()
    }
}

/// Five facts share the cluster's name.
fn rank(fact: &Fact) -> u8 {
    match fact {
        Fact::Caller(_) => 1,
        Fact::OtherClusters(_) => 2,
        Fact::OtherAssociations(_) => 3,
        Fact::IdentityProviders(_) => 4,
        _ => 0,
    }
}

fn scope_of(fact: &Fact) -> Scope {
    let account = |arn: &Arn| arn.parts().expect("an ARN").account.into();
    match fact {
        Fact::Caller(_) => Scope::Caller,
        Fact::Cluster(_) => Scope::Cluster,
        Fact::OtherClusters(_) => Scope::OtherClusters,
        Fact::OtherAssociations(_) => Scope::OtherAssociations,
        Fact::IdentityProviders(_) => Scope::IdentityProviders,
        Fact::Association(_) => Scope::Associations,
        Fact::Addon(_) => Scope::Addons,
        Fact::Nodegroup(_) => Scope::Nodegroups,
        Fact::Role(it) => Scope::Roles { account: account(&it.arn) },
        Fact::Provider(it) => Scope::Providers { account: account(&it.arn) },
        other => panic!("not of AWS: {other:?}"),
    }
}
