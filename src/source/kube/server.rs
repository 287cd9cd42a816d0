//! What the API server says of itself: version, published issuer, and whether it is the EKS cluster that AWS describes.

use crate::{
    fact::{ApiServer, Change, Cluster, Denied, Fact, Knowledge, Scope, SourceState},
    ident::{Issuer, Text, Timestamp},
    source::{
        aws::{KubeSide, proof},
        kube::{
            keeper::Shared,
            link::{CallError, one_line},
            out::Closed,
        },
        now,
    },
};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A cluster is upgraded now and then, and nothing watches its version.
const ASK_AGAIN: Duration = Duration::from_secs(600);
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Asks, tells the AWS side, and says it again whenever the proof changes a refresh is asked for, or after a while.
pub(crate) async fn describe(
    mut shared: Shared,
    sides: watch::Sender<Option<KubeSide>>,
    mut cluster: watch::Receiver<Option<Arc<Cluster>>>,
) -> Result<(), Closed> {
    let mut attempts = 0;
    let mut is_settled = false;
    let mut right_at = None;
    let scope = Scope::ApiServer;
    loop {
        let (version, side) = match ask(&shared).await {
            Ok(it) => it,
            Err(error) => {
                attempts += 1;
                let gives_up = !shared.follow && 3 <= attempts;
                if shared.follow || gives_up {
                    shared.out.state(&scope, state(error, right_at, attempts)).await?;
                }
                if gives_up {
                    return Ok(());
                }
                shared.pace.after(attempts).await;
                continue;
            }
        };
        attempts = 0;
        right_at = Some(now());
        sides.send_replace(Some(side.clone()));
        loop {
            // The AWS side touches this when it knows the cluster and when its first pass is over; an error is its end.
            is_settled |= cluster.has_changed().unwrap_or(true);
            let described = cluster.borrow_and_update().clone();
            is_settled |= described.is_some();
            let fact = fact(&shared, version.clone(), &side, described.as_deref());
            let mut changes = vec![Change::Replace { scope: scope.clone(), facts: vec![fact] }];
            // Who reads once must not miss the proof; who follows gets it when it is there.
            if shared.follow || is_settled {
                changes.push(Change::Source {
                    scope: scope.clone(),
                    state: SourceState::Live { at: now() },
                });
            }
            shared.out.changes(changes).await?;
            if !shared.follow && is_settled {
                return Ok(());
            }
            let asked_again = tokio::select! {
                res = cluster.changed() => match res {
                    // Seen by this very call, so that `has_changed` will not tell of it.
                    Ok(()) => {
                        is_settled = true;
                        false
                    }
                    Err(_) if shared.follow => {
                        shared.pace.sleep(ASK_AGAIN).await;
                        true
                    }
                    Err(_) => false,
                },
                () = shared.pace.sleep(ASK_AGAIN) => true,
            };
            if asked_again {
                break;
            }
        }
    }
}

/// What went wrong. The refusals of keepers say more; here it is one line of the header.
fn state(error: CallError, right_at: Option<Timestamp>, attempts: u32) -> SourceState {
    match error {
        CallError::Forbidden { message } => {
            let denied = Denied { permission: "get /version".into(), detail: message };
            SourceState::Denied { at: now(), denied }
        }
        CallError::Expired { login, .. } => {
            SourceState::Expired { profile: login.profile, login: login.command }
        }
        CallError::NotFound { message: error }
        | CallError::Gone { message: error }
        | CallError::Failed { message: error } => match right_at {
            Some(at) => SourceState::Stale { at, error, attempts },
            None => SourceState::Failed { error, attempts },
        },
    }
}

fn fact(shared: &Shared, version: Text, side: &KubeSide, cluster: Option<&Cluster>) -> Fact {
    let target = shared.link.connected().target;
    Fact::ApiServer(ApiServer {
        context: target.context.clone(),
        server: side.server.clone().unwrap_or_default(),
        ca_sha256: side.ca_sha256.clone(),
        version,
        issuer: side.issuer.clone(),
        proof: cluster.and_then(|it| proof(side, it)),
    })
}

/// The version, and the kubeconfig's side with the issuer added. A refused version is an empty one.
async fn ask(shared: &Shared) -> Result<(Text, KubeSide), CallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: Option<String>,
    }
    let version = match shared.link.get_bytes("/version").await {
        Ok(it) => serde_json::from_slice::<Version>(&it)
            .map_err(|it| CallError::failed(format!("read `/version`: {it}")))?
            .git_version
            .unwrap_or_default(),
        Err(CallError::Forbidden { .. } | CallError::NotFound { .. }) => String::new(),
        Err(it) => return Err(it),
    };
    let issuer = issuer(shared).await?;
    let side = KubeSide { issuer, ..shared.link.connected().target.side.clone() };
    Ok((one_line(&version), side))
}

async fn issuer(shared: &Shared) -> Result<Knowledge<Issuer>, CallError> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: Option<String>,
    }
    let bytes = match shared.link.get_bytes(DISCOVERY).await {
        Ok(it) => it,
        Err(CallError::Forbidden { message }) => {
            let permission = format!("get {DISCOVERY}").into();
            return Ok(Knowledge::Denied(Denied { permission, detail: message }));
        }
        Err(CallError::NotFound { .. }) => return Ok(Knowledge::Absent),
        Err(it) => return Err(it),
    };
    let discovery: Discovery = serde_json::from_slice(&bytes)
        .map_err(|it| CallError::failed(format!("read `{DISCOVERY}`: {it}")))?;
    let issuer = discovery.issuer.filter(|it| !it.is_empty());
    Ok(issuer.map_or(Knowledge::Absent, |it| Knowledge::Known(Issuer::new(&it))))
}
