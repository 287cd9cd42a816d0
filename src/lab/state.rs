//! What both endpoints share: the AWS side of the world, the Kubernetes store, and the faults, behind one lock.

use crate::{
    ident::Timestamp,
    lab::{
        aws::Principal,
        calls::{Calls, Hold, Seen},
        fault::{Due, Faults},
        resource::{self, Resource},
        revisions,
        scenario::{Addon, Association, Provider, Role, When, World},
        server::Aborted,
        store::Store,
    },
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

/// The lock is never held across an await.
pub struct Shared {
    state: Mutex<State>,
    pub kube_url: String,
    /// Signs what the lab itself must recognise again: tokens and session credentials.
    pub secret: [u8; 32],
}

pub struct State {
    /// `objects` is empty here; they are in `store`.
    pub world: World,
    pub store: Store,
    pub resources: Vec<Resource>,
    pub faults: Faults,
    pub calls: Calls,
    /// What IAM and EKS held before the last write; kept only while a fault may ask for it.
    pub past: Option<Past>,
    /// Credentials that STS gave out, by access key.
    pub sessions: BTreeMap<String, Principal>,
    /// Makes names and identifiers of new things differ.
    pub n_created: u64,
}

/// What a read shows that has not heard of the last write yet.
pub struct Past {
    roles: Vec<Role>,
    providers: Vec<Provider>,
    associations: Vec<Association>,
    addons: Vec<Addon>,
}

/// What happens to a call on its way.
pub struct Way {
    pub due: Option<Due>,
    hold: Option<Hold>,
}

impl Way {
    /// Waits where somebody wants the call to wait at `when`.
    pub async fn pass(&mut self, when: When) -> Result<(), Aborted> {
        match self.hold.take_if(|it| it.when == when) {
            Some(it) => it.pass().await,
            None => Ok(()),
        }
    }
}

impl Shared {
    pub fn new(mut world: World, kube_url: String) -> Shared {
        let objects = std::mem::take(&mut world.objects);
        let resources = resource::all(objects.iter());
        let mut store = Store::new();
        for object in objects {
            if let Some(it) = of_object(&resources, &object) {
                let qualified = it.qualified();
                store.load(&qualified, object);
            }
        }
        revisions::number(&mut store);
        let faults = Faults::new(&world.faults);
        let state = State {
            world,
            store,
            resources,
            faults,
            calls: Calls::default(),
            past: None,
            sessions: BTreeMap::new(),
            n_created: 0,
        };
        Shared { state: Mutex::new(state), kube_url, secret: secret() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A handler that panicked has left nothing half written: every write is one store call.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes a call and says what is to happen to it.
    pub fn enter(&self, api: &str, resource: &str, mutates: bool) -> Way {
        let mut state = self.lock();
        let seen = Seen { api: api.to_owned(), resource: resource.to_owned(), mutates };
        let hold = state.calls.note(seen);
        let has_past = state.past.is_some();
        Way { due: state.faults.take(api, resource, has_past), hold }
    }
}

impl State {
    pub fn resource(&self, group: &str, plural: &str) -> Option<&Resource> {
        self.resources.iter().find(|it| it.group == group && it.plural == plural)
    }

    /// Keeps what there is, in case a read is to show it once more.
    pub fn remember(&mut self) {
        if self.faults.has_stale() {
            let World { roles, providers, associations, addons, .. } = self.world.clone();
            self.past = Some(Past { roles, providers, associations, addons });
        }
    }

    /// Puts the past in the present's place, and back at the second call.
    pub fn swap_past(&mut self) {
        let Some(past) = &mut self.past else { return };
        std::mem::swap(&mut past.roles, &mut self.world.roles);
        std::mem::swap(&mut past.providers, &mut self.world.providers);
        std::mem::swap(&mut past.associations, &mut self.world.associations);
        std::mem::swap(&mut past.addons, &mut self.world.addons);
    }

    pub fn next(&mut self) -> u64 {
        self.n_created += 1;
        self.n_created
    }
}

fn of_object<'a>(resources: &'a [Resource], object: &Value) -> Option<&'a Resource> {
    let (group, _) = resource::split(object["apiVersion"].as_str().unwrap_or_default());
    let kind = object["kind"].as_str().unwrap_or_default();
    resources.iter().find(|it| it.group == group && it.kind == kind)
}

/// The present time of the endpoints.
pub fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or_default()
}

/// Not cryptographic strength: it keeps a token of one lab from being taken by another.
fn secret() -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut hash = Sha256::new();
    hash.update(nanos.to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    // The standard library seeds its hashers from the system's random source.
    use std::hash::{BuildHasher, Hasher};
    hash.update(std::hash::RandomState::new().build_hasher().finish().to_le_bytes());
    hash.finalize().into()
}
