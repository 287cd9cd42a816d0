//! The hands that write: one connection to the API server, and proven credentials for each account that a plan needs.

use crate::{
    ident::{AccountId, Issuer, Text},
    plan::{Plan, Whereabouts, Who},
    source::{
        Settings,
        aws::{account::Account, hands},
        kube::link::Link,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// Why there is nothing to write with. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Retryable.
    #[error("reach the cluster: {0}")]
    Kubernetes(String),
    /// Retryable after a login or with other flags.
    #[error("get credentials for account {account}: {reason}")]
    Account { account: Text, reason: Text },
    /// Not retryable: the plan is to be made anew.
    #[error("write as `{expected}`: the caller of account {account} is `{found}` now")]
    Caller { account: Text, expected: Text, found: Text },
    /// Not retryable: the plan is for another cluster.
    #[error(
        "write to this API server: it publishes issuer `{found}`, the plan is for `{expected}`"
    )]
    OtherCluster { expected: Text, found: Text },
}

/// Everything that one plan is carried out with.
pub struct Hands {
    pub(crate) link: Link,
    accounts: BTreeMap<AccountId, Arc<Account>>,
    /// The EKS cluster's name.
    pub(crate) cluster: Text,
}

impl Hands {
    /// Connects, and proves for each account of the plan whose credentials there are. `callers` are who they belonged
    /// to when the plan was made: somebody else's are refused.
    pub async fn open(
        settings: &Settings,
        plan: &Plan,
        place: &Whereabouts,
        callers: &[(AccountId, Text)],
    ) -> Result<Hands, AccessError> {
        // An error means that somebody chose one before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let link = Link::connect(settings)
            .await
            .map_err(|it| AccessError::Kubernetes(it.into_call().to_string()))?;
        let cluster = place.cluster.as_deref().and_then(|it| it.rsplit('/').next());
        let cluster = cluster.unwrap_or_default().into();
        let mut res = Hands { link, accounts: BTreeMap::new(), cluster };
        res.same_cluster(place).await?;
        let wanted: Vec<AccountId> = plan.accounts().into_iter().cloned().collect();
        if wanted.is_empty() {
            return Ok(res);
        }
        let side = res.link.connected().target.side.clone();
        let failed = |account: &AccountId, reason: Text| AccessError::Account {
            account: account.as_str().into(),
            reason,
        };
        let aws = hands::Hands::open(settings, &side).await;
        let aws = aws.map_err(|it| failed(&wanted[0], it))?;
        for id in wanted {
            let account = aws.account(&id).await.map_err(|it| failed(&id, it))?;
            let expected = callers.iter().find(|(it, _)| *it == id).map(|(_, it)| it);
            if let Some(expected) = expected.filter(|it| ***it != *account.arn.as_str()) {
                return Err(AccessError::Caller {
                    account: id.as_str().into(),
                    expected: expected.clone(),
                    found: account.arn.text().clone(),
                });
            }
            res.accounts.insert(id, account);
        }
        Ok(res)
    }

    /// The account's credentials; they were proven when the hands were opened.
    pub(crate) fn account(&self, id: &AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(id)
    }

    /// Who writes, for the journal.
    pub(crate) fn who(&self, settings: &Settings) -> Who {
        let env = |name: &str| {
            let found = settings.env.iter().find(|(it, _)| it == name).map(|(_, it)| it);
            found.filter(|it| !it.is_empty()).map(|it| Text::from(it.as_str()))
        };
        Who {
            callers: self.accounts.values().map(|it| it.arn.text().clone()).collect(),
            user: env("USER").or_else(|| env("LOGNAME")),
            host: env("HOSTNAME"),
        }
    }

    /// The API server must still be the plan's: what it publishes as issuer is compared, where it publishes one.
    async fn same_cluster(&self, place: &Whereabouts) -> Result<(), AccessError> {
        let Some(expected) = &place.issuer else { return Ok(()) };
        let read = self.link.object("/.well-known/openid-configuration").await;
        let found = match read {
            Ok(Some(it)) => it["issuer"].as_str().map(Issuer::new),
            // Not everybody may read it; the proof that the plan was made with has to do.
            Ok(None) | Err(_) => None,
        };
        match found {
            Some(it) if it.as_str() != &**expected => Err(AccessError::OtherCluster {
                expected: expected.clone(),
                found: it.as_str().into(),
            }),
            Some(_) | None => Ok(()),
        }
    }
}
