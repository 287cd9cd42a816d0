//! One pass over everything AWS says, and when the next one is due.

use crate::source::now;
use crate::{
    event::{Event, Generation},
    fact::{Caller, Change, Cluster, Fact, Knowledge, Scope, SourceState},
    ident::{AccountId, Text},
    source::{
        Settings,
        aws::{
            Command, KubeSide,
            access::{self, Foreign, Home, NoAccess, configured},
            account::Account,
            book::Book,
            eks::{self, Found},
            elsewhere::{self, Neighbours},
            env::Env,
            error::Failure,
            hints::Hints,
            iam, jobs,
            pages::at_once,
            shared::{Access, Shared},
        },
    },
};
use std::{
    hash::{BuildHasher, Hasher},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How often expired credentials are looked at again: a login elsewhere should show soon.
const LOGIN_PAUSE: Duration = Duration::from_secs(15);

/// The first pause after a failure to reach AWS at all; doubles up to the poll interval.
const FAILURE_PAUSE: Duration = Duration::from_secs(3);

/// Whatever the settings say.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Rounds between two looks at the other clusters of the region, which cost a call each.
const OTHERS_EVERY: u64 = 10;

/// What only single reads tell is read again after this, where a list brings the rest.
const DETAIL_AGE: Duration = Duration::from_secs(600);

/// The scopes that exist whatever the account is.
const SCOPES: [Scope; 8] = [
    Scope::Caller,
    Scope::Cluster,
    Scope::OtherClusters,
    Scope::OtherAssociations,
    Scope::IdentityProviders,
    Scope::Associations,
    Scope::Addons,
    Scope::Nodegroups,
];

/// What cannot be asked for without the cluster's name.
const DEPENDENT: [Scope; 4] =
    [Scope::IdentityProviders, Scope::Associations, Scope::Addons, Scope::Nodegroups];

pub(crate) async fn run(
    settings: Settings,
    generation: Generation,
    events: mpsc::Sender<Event>,
    mut kube: watch::Receiver<Option<KubeSide>>,
    commands: mpsc::Receiver<Command>,
    cluster: watch::Sender<Option<Arc<Cluster>>>,
) {
    let pending = |scope| Change::Source { scope, state: SourceState::Pending { received: 0 } };
    let foreign = configured(&settings).into_iter().flat_map(|(id, _)| scopes_of(&id));
    let changes = SCOPES.into_iter().chain(foreign).map(pending).collect();
    // A receiver that is gone is a session that is over.
    let _gone = events.send(Event::Facts { generation, changes }).await;
    let kube = match kube.wait_for(Option::is_some).await {
        Ok(it) => it.clone(),
        Err(_) => None,
    };
    let kube = kube.unwrap_or(KubeSide {
        server: None,
        ca_sha256: None,
        exec_args: Vec::new(),
        exec_env: Vec::new(),
        issuer: Knowledge::NotYet,
    });
    let hints = Hints::new(&settings, &Env::new(&settings.env), &kube);
    let follow = settings.follow;
    let shared = Shared::new(settings, hints, kube.ca_sha256, generation, events, cluster);
    let shared = &shared;
    let polling = async move {
        round(shared, 0, true).await;
        shared.pass_over();
        if follow {
            again(shared).await;
        }
    };
    let working = jobs::work(shared, commands);
    if follow {
        tokio::select! {
            () = polling => {}
            () = working => {}
        }
    } else {
        tokio::join!(polling, working);
    }
}

async fn again(shared: &Shared) {
    let (mut n_failed, mut n_rounds) = (0_u32, 0);
    loop {
        let poll = jittered(shared.settings.poll.max(LEAST_PAUSE));
        let pause = match &shared.state().access {
            Access::None(NoAccess::Failed(_)) => {
                let pause = FAILURE_PAUSE.saturating_mul(1 << n_failed.min(8)).min(poll);
                n_failed += 1;
                pause
            }
            Access::None(NoAccess::Expired { .. }) => LOGIN_PAUSE.min(poll),
            Access::Pending | Access::Home(_) | Access::None(_) => {
                n_failed = 0;
                poll
            }
        };
        let is_asked = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            () = shared.refresh.notified() => true,
        };
        n_rounds += 1;
        round(shared, n_rounds, is_asked).await;
    }
}

/// A tenth more or less, so that sessions that were started together do not stay together.
fn jittered(pause: Duration) -> Duration {
    let random = std::hash::RandomState::new().build_hasher().finish();
    let per_mille = u32::try_from(random % 200).unwrap_or_default();
    pause.saturating_mul(900 + per_mille) / 1000
}

/// `all`: read everything again, not only what is due.
async fn round(shared: &Shared, n: u64, all: bool) {
    let home = match home(shared).await {
        Ok(it) => it,
        Err(why) => {
            let account = shared.state().last_home.clone();
            let mut scopes: Vec<Scope> = SCOPES.into();
            scopes.extend(account.iter().flat_map(scopes_of));
            let changes = scopes.into_iter().map(|it| shared.unread(it, &why)).collect();
            shared.emit(changes).await;
            return shared.set_access(Access::None(why));
        }
    };
    again_by_name(shared, n, all);
    let (neighbours, (), ()) = tokio::join!(
        cluster_side(shared, &home, n, all),
        account_side(shared, &home.account, all),
        foreign_side(shared, &home, all),
    );
    own_providers(shared, &home.account);
    if let Some(it) = neighbours {
        elsewhere::tell(shared, &home, it).await;
    }
    shared.save().await;
}

/// The proven caller of this round.
async fn home(shared: &Shared) -> Result<Home, NoAccess> {
    let known = match &shared.state().access {
        Access::Home(it) => Some(it.clone()),
        Access::Pending | Access::None(_) => None,
    };
    if let Some(home) = known {
        match home.account.check().await {
            Ok(()) => {
                shared.emit(vec![shared.complete(&Scope::Caller)]).await;
                return Ok(home);
            }
            // They may have been renewed on disk already.
            Err(Failure::Expired(_)) => {}
            Err(failure) => {
                let change = shared.incomplete(&Scope::Caller, &failure, &home.account.origin, 0);
                shared.emit(vec![change]).await;
                return Ok(home);
            }
        }
    }
    let prepared = access::prepare(&shared.settings, &shared.env, &shared.hints).await?;
    shared.paint(&prepared).await;
    let home = access::home(&shared.settings, &shared.env, prepared).await?;
    let last = shared.state().last_home.replace(home.account.id.clone());
    if let Some(last) = last.filter(|it| *it != home.account.id) {
        forget(shared, &last, &home.account.id).await;
    }
    caller(shared, &home).await;
    let scopes = scopes_of(&home.account.id);
    let begun = scopes.into_iter().filter(|it| !shared.was_complete(it));
    let pending = |scope| Change::Source { scope, state: SourceState::Pending { received: 0 } };
    shared.emit(begun.map(pending).collect()).await;
    shared.state().queue.list_begins(&home.account.id);
    shared.set_access(Access::Home(home.clone()));
    Ok(home)
}

/// After a login into another account nothing of the last one is read any more.
async fn forget(shared: &Shared, last: &Text, account: &Text) {
    {
        let mut state = shared.state();
        state.book = Book::default();
        state.foreign.clear();
    }
    let reason: Text = format!("the credentials are of account {account} now").into();
    let forgotten = |scope: Scope| {
        let state = SourceState::Off { reason: reason.clone() };
        [
            Change::Replace { scope: scope.clone(), facts: Vec::new() },
            Change::Source { scope, state },
        ]
    };
    shared.emit(scopes_of(last).into_iter().flat_map(forgotten).collect()).await;
}

fn scopes_of(account: &Text) -> [Scope; 2] {
    [Scope::Roles { account: account.clone() }, Scope::Providers { account: account.clone() }]
}

async fn caller(shared: &Shared, home: &Home) {
    let account = &home.account;
    let mut accounts = vec![account.id.clone()];
    accounts.extend(
        shared.state().foreign.iter().filter(|(_, it)| it.is_ok()).map(|(id, _)| id.clone()),
    );
    accounts[1..].sort();
    let fact = Fact::Caller(Caller {
        arn: account.arn.clone(),
        account: account.id.clone(),
        user_id: account.user_id.clone(),
        via: account.origin.via.clone(),
        accounts,
    });
    let replace = Change::Replace { scope: Scope::Caller, facts: vec![fact] };
    let complete = shared.complete(&Scope::Caller);
    shared.emit(vec![replace, complete]).await;
}

/// The other clusters of the region, when they were due.
async fn cluster_side(shared: &Shared, home: &Home, n: u64, all: bool) -> Option<Neighbours> {
    let account = &*home.account;
    let (found, read) = eks::cluster(shared, home).await;
    let (own, name) = match found {
        Found::Cluster(it) => (Some(Arc::clone(&it)), it.name.clone()),
        Found::NameOnly(name) => (None, name),
        Found::None(reason) => {
            let off = |scope| Change::Source {
                scope,
                state: SourceState::Off { reason: reason.clone() },
            };
            shared.emit(DEPENDENT.into_iter().map(off).collect()).await;
            return Some(neighbours(shared, home, None, read).await);
        }
        Found::Failed(failure) => {
            let incomplete = |it| shared.incomplete(&it, &failure, &account.origin, 0);
            shared.emit(DEPENDENT.into_iter().map(incomplete).collect()).await;
            if home.region.is_some() {
                return Some(neighbours(shared, home, None, read).await);
            }
            let others = [Scope::OtherClusters, Scope::OtherAssociations];
            shared.emit(others.into_iter().map(incomplete).collect()).await;
            return None;
        }
    };
    let is_due = all || read.is_some() || n.is_multiple_of(OTHERS_EVERY);
    let others =
        async move { if is_due { Some(neighbours(shared, home, own, read).await) } else { None } };
    let logins = async {
        if is_due {
            eks::identity_providers(shared, account, &name).await;
        }
    };
    let ((), (), (), (), res) = tokio::join!(
        eks::associations(shared, account, &name, all),
        eks::addons(shared, account, &name),
        eks::nodegroups(shared, account, &name),
        logins,
        others,
    );
    res
}

/// The clusters of the region; `read`: what looking for the own one has already brought.
async fn neighbours(
    shared: &Shared,
    home: &Home,
    own: Option<Arc<Cluster>>,
    read: Option<eks::Region>,
) -> Neighbours {
    let account = &home.account;
    let region = match read {
        Some(it) => it,
        None => eks::region_clusters(shared, account, &account.clients.eks).await,
    };
    let res = Neighbours { own, region };
    elsewhere::tell_early(shared, home, &res).await;
    res
}

/// Where the providers of an account could not be listed, the one that matters may still be read by its ARN.
fn own_providers(shared: &Shared, home: &Arc<Account>) {
    let issuer = shared.cluster.borrow().as_ref().and_then(|it| it.issuer.clone());
    let Some(issuer) = issuer else { return };
    let foreign: Vec<Arc<Account>> =
        shared.state().foreign.values().filter_map(|it| it.as_ref().ok().cloned()).collect();
    for account in foreign.iter().chain([home]) {
        let scope = Scope::Providers { account: account.id.clone() };
        let Some(id) = AccountId::parse(&account.id) else { continue };
        if !shared.was_complete(&scope) {
            shared.state().fetch_provider(issuer.provider_arn(&account.partition, &id));
        }
    }
    shared.wake.notify_one();
}

async fn account_side(shared: &Shared, account: &Account, all: bool) {
    let issuer = shared.cluster.borrow().as_ref().and_then(|it| it.issuer.clone());
    let first = issuer.as_ref().map(|it| it.as_str());
    tokio::join!(iam::roles(shared, account), iam::providers(shared, account, all, first));
}

async fn foreign_side(shared: &Shared, home: &Home, all: bool) {
    let others = configured(&shared.settings).into_iter().filter(|(it, _)| *it != home.account.id);
    let read = |(id, access)| async move { foreign(shared, home, id, access, all).await };
    at_once(usize::MAX, others.map(read)).await;
}

async fn foreign(shared: &Shared, home: &Home, id: Text, access: Foreign, all: bool) {
    let known = shared.state().foreign.get(&id).cloned();
    let account = match known {
        Some(Ok(it)) => Ok(it),
        Some(Err(_)) | None => {
            access::foreign(&shared.settings, &shared.env, home, &id, &access).await
        }
    };
    {
        let mut state = shared.state();
        if account.is_ok() && !matches!(state.foreign.get(&id), Some(Ok(_))) {
            state.queue.list_begins(&id);
        }
        state.foreign.insert(id.clone(), account.clone());
    }
    shared.wake.notify_one();
    match account {
        Ok(it) => {
            caller(shared, home).await;
            account_side(shared, &it, all).await;
        }
        Err(why) => {
            let unread = |it| shared.unread(it, &why);
            shared.emit(scopes_of(&id).into_iter().map(unread).collect()).await;
        }
    }
}

/// Roles that were asked for by name are read again: soon where no list brings their trust policies.
fn again_by_name(shared: &Shared, n: u64, all: bool) {
    if n == 0 {
        return;
    }
    let present = now();
    let old = present.checked_sub(DETAIL_AGE).unwrap_or(present);
    let mut state = shared.state();
    state.queue.details_again(all);
    if all {
        state.book.forget_documents();
        state.fetch_again(present, |_| true);
    } else {
        let listed = state.complete_role_accounts();
        state.fetch_again(old, |_| true);
        state.fetch_again(present, |arn| {
            arn.parts().is_some_and(|it| !listed.iter().any(|listed| **listed == *it.account))
        });
    }
    drop(state);
    shared.wake.notify_one();
}
