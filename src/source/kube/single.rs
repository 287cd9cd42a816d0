//! Single ConfigMaps and Secrets, read because an `envFrom` names them: key names kept, values dropped while decoding.

use crate::{
    fact::{Change, Denied, Fact, KeyNames, Knowledge},
    ident::Ref,
    source::{
        kube::{keeper::Shared, link::CallError, out::Closed},
        slim,
    },
};
use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};

/// An answer younger than this is not asked for again.
const FRESH: Duration = Duration::from_secs(60);
/// What was found is read again after so long, since nothing watches it.
const REREAD: Duration = Duration::from_secs(600);
const AT_ONCE: usize = 8;

/// Answers every wanted ConfigMap and Secret with one change each, until nobody can want any more.
pub(crate) async fn answer(
    shared: Shared,
    mut wanted: mpsc::UnboundedReceiver<Vec<Ref>>,
    read_secrets: bool,
) -> Result<(), Closed> {
    let mut asked: HashMap<Ref, Instant> = HashMap::new();
    let mut found: BTreeSet<Ref> = BTreeSet::new();
    let mut queue: Vec<Ref> = Vec::new();
    let mut running: JoinSet<Result<Option<Ref>, Closed>> = JoinSet::new();
    let mut refresh = shared.pace.clone();
    let mut reread = tokio::time::interval_at(tokio::time::Instant::now() + REREAD, REREAD);
    let mut is_open = true;
    while is_open || !queue.is_empty() || !running.is_empty() {
        tokio::select! {
            refs = wanted.recv(), if is_open => {
                let Some(refs) = refs else {
                    is_open = false;
                    continue;
                };
                asked.retain(|_, at| at.elapsed() < FRESH);
                for of in refs {
                    if asked.insert(of.clone(), Instant::now()).is_none() {
                        queue.push(of);
                    }
                }
            }
            Some(done) = running.join_next() => {
                if let Ok(answered) = done {
                    found.extend(answered?);
                }
            }
            _ = reread.tick(), if is_open && shared.follow => {
                queue.extend(std::mem::take(&mut found));
            }
            () = refresh.until_asked(), if is_open => {
                asked.clear();
                queue.extend(std::mem::take(&mut found));
            }
        }
        while running.len() < AT_ONCE {
            let Some(of) = queue.pop() else { break };
            running.spawn(one(shared.clone(), of, read_secrets));
        }
    }
    Ok(())
}

/// Reads and tells one; gives it back when it is there.
async fn one(mut shared: Shared, of: Ref, read_secrets: bool) -> Result<Option<Ref>, Closed> {
    let (namespace, name, plural) = match &of {
        Ref::ConfigMap { namespace, name } => (namespace, name, "configmaps"),
        Ref::Secret { namespace, name } if read_secrets => (namespace, name, "secrets"),
        // Not to be read unless asked: that is no refusal, it stays unknown.
        Ref::Secret { .. } => {
            let change = Change::Know { of, knowledge: Knowledge::NotYet };
            return shared.out.changes(vec![change]).await.map(|()| None);
        }
        Ref::Cluster
        | Ref::Namespace(_)
        | Ref::ServiceAccount(_)
        | Ref::Pod { .. }
        | Ref::Workload { .. }
        | Ref::Node(_)
        | Ref::Webhook(_)
        | Ref::Budget { .. }
        | Ref::Association(_)
        | Ref::Role(_)
        | Ref::Provider(_)
        | Ref::Addon(_)
        | Ref::Nodegroup(_) => return Ok(None),
    };
    let path = format!("/api/v1/namespaces/{namespace}/{plural}/{name}");
    let permission = format!("get {plural} in {namespace}");
    let mut attempts = 0;
    let knowledge = loop {
        match shared.link.get_bytes(&path).await {
            Ok(bytes) => match slim::key_names(&bytes) {
                Ok(keys) => {
                    let keys = Knowledge::Known(keys);
                    let fact = Fact::KeyNames(KeyNames { of: of.clone(), keys });
                    shared.out.changes(vec![Change::Upsert(Box::new(fact))]).await?;
                    return Ok(Some(of));
                }
                Err(_) => break Knowledge::NotYet,
            },
            Err(CallError::NotFound { .. }) => break Knowledge::Absent,
            Err(CallError::Forbidden { message }) => {
                break Knowledge::Denied(Denied { permission: permission.into(), detail: message });
            }
            Err(CallError::Expired { .. } | CallError::Gone { .. } | CallError::Failed { .. }) => {
                attempts += 1;
                if 3 <= attempts {
                    break Knowledge::NotYet;
                }
                shared.pace.after(attempts).await;
            }
        }
    };
    shared.out.changes(vec![Change::Know { of, knowledge }]).await.map(|()| None)
}
