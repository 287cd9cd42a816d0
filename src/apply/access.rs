//! The hands that write: one connection to the API server, and proven credentials for each account that a plan needs.

use crate::{
    ident::{AccountId, Issuer, Text},
    plan::{Plan, Step, Whereabouts, Who},
    source::{
        Settings,
        aws::{account::Account, error::Failure, hands},
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
    /// Not retryable: the context leads elsewhere now.
    #[error("write to `{found}`: the plan is for the API server `{expected}`")]
    OtherServer { expected: Text, found: Text },
    /// Not retryable: somebody chose so.
    #[error("write: {0}")]
    ReadOnly(Text),
}

/// Everything that one plan is carried out with.
pub struct Hands {
    pub(crate) link: Link,
    /// With the plan's context.
    pub(crate) settings: Settings,
    accounts: BTreeMap<AccountId, Arc<Account>>,
    /// The EKS cluster's name.
    pub(crate) cluster: Text,
    server: Option<Text>,
    read_only: Option<Text>,
}

/// Leave to write. Whoever sends something that changes the world has to show it, and only [`Hands::permit`] gives it.
#[derive(Debug)]
pub(crate) struct Permit(());

impl Hands {
    /// Connects, and proves for each account of the plan whose credentials there are. `callers` are who they belonged
    /// to when the plan was made: somebody else's are refused. Writes nothing.
    pub async fn open(
        settings: &Settings,
        plan: &Plan,
        place: &Whereabouts,
        callers: &[(AccountId, Text)],
    ) -> Result<Hands, AccessError> {
        let mut res = Hands::connect(settings, place).await?;
        res.prove_accounts(plan.accounts().into_iter().cloned().collect(), callers).await?;
        Ok(res)
    }

    /// Connects to the cluster, and has credentials for no account yet.
    pub(crate) async fn connect(
        settings: &Settings,
        place: &Whereabouts,
    ) -> Result<Hands, AccessError> {
        // An error means that somebody chose one before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut settings = settings.clone();
        // Whoever changes the current context meanwhile does not change where this plan goes.
        let context = place.context.as_deref().filter(|it| !it.is_empty());
        settings.context = settings.context.or_else(|| context.map(str::to_owned));
        let link = Link::connect(&settings, |_known| {})
            .await
            .map_err(|it| AccessError::Kubernetes(it.into_call().to_string()))?;
        let cluster = place.cluster.as_deref().and_then(|it| it.rsplit('/').next());
        let target = link.connected().target;
        let read_only = settings.writes.refusal(&target.context).map(Text::from);
        let res = Hands {
            link,
            settings,
            accounts: BTreeMap::new(),
            cluster: cluster.unwrap_or_default().into(),
            server: place.server.clone().filter(|it| !it.is_empty()),
            read_only,
        };
        res.same_server()?;
        res.same_cluster(place).await?;
        Ok(res)
    }

    /// Gets credentials for accounts, and proves whose they are.
    pub(crate) async fn prove_accounts(
        &mut self,
        wanted: Vec<AccountId>,
        callers: &[(AccountId, Text)],
    ) -> Result<(), AccessError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let target = self.link.connected().target;
        let failed = |account: &AccountId, reason: Text| AccessError::Account {
            account: account.as_str().into(),
            reason,
        };
        let aws = hands::Hands::open(&self.settings, &target.side).await;
        let aws = aws.map_err(|it| failed(&wanted[0], it))?;
        for id in wanted {
            let account = aws.account(&id).await.map_err(|it| failed(&id, it))?;
            let expected = callers.iter().find(|(it, _)| *it == id).map(|(_, it)| it);
            if let Some(expected) = expected.filter(|it| !is_same_caller(it, account.arn.as_str()))
            {
                return Err(AccessError::Caller {
                    account: id.as_str().into(),
                    expected: expected.clone(),
                    found: account.arn.text().clone(),
                });
            }
            self.accounts.insert(id, account);
        }
        Ok(())
    }

    /// Leave to write, unless this session or this context is read-only.
    pub(crate) fn permit(&self) -> Result<Permit, AccessError> {
        match &self.read_only {
            Some(it) => Err(AccessError::ReadOnly(it.clone())),
            None => Ok(Permit(())),
        }
    }

    /// Whether nothing may be written here, and who says so.
    pub fn read_only(&self) -> Option<&Text> {
        self.read_only.as_ref()
    }

    /// The account's credentials; they were proven when the hands were opened.
    pub(crate) fn account(&self, id: &AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(id)
    }

    /// Proves once more, right before a write, that it goes where the plan wants it to go, as who it was made for.
    pub(crate) async fn prove(&self, step: &Step) -> Result<(), Text> {
        let Some(id) = &step.account else {
            return self.same_server().map_err(|it| format!("failed to {it}").into());
        };
        let account = self.account(id).ok_or_else(|| Text::from("no credentials"))?;
        let found = account.whose().await.map_err(|it| match it {
            Failure::Denied(it) => Text::from(format!("{} is denied", it.permission)),
            Failure::Absent => "GetCallerIdentity named no account".into(),
            Failure::Throttled => "too many requests".into(),
            Failure::Expired(it) | Failure::Failed(it) => it,
        })?;
        if !is_same_caller(account.arn.as_str(), found.as_str()) {
            return Err(format!("the caller is `{found}` now, not `{}`", account.arn).into());
        }
        Ok(())
    }

    /// Who writes, for the journal.
    pub(crate) fn who(&self) -> Who {
        let env = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        // Where the kernel tells it; shells seldom export it.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let host = host.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        Who {
            callers: self.accounts.values().map(|it| it.arn.text().clone()).collect(),
            user: env("USER").or_else(|| env("LOGNAME")).map(Text::from),
            host: host.or_else(|| env("HOSTNAME")).map(Text::from),
        }
    }

    /// The connection may have been renewed from a kubeconfig that somebody changed.
    fn same_server(&self) -> Result<(), AccessError> {
        let found = self.link.connected().target.side.server.clone();
        match (&self.server, found) {
            (Some(expected), Some(found)) if *expected != found => {
                Err(AccessError::OtherServer { expected: expected.clone(), found })
            }
            (Some(_), Some(_)) | (None, _) | (_, None) => Ok(()),
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

/// Names of sessions that the SDK makes up with the time in them, anew at each renewal of the credentials.
const MADE_UP: &[&str] =
    &["assume-role-from-profile-", "web-identity-token-", "assume-role-provider-"];

/// Whether two ARNs of `sts:GetCallerIdentity` are one caller.
fn is_same_caller(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let stable = |it: &str| -> Option<(String, &'static str)> {
        let (role, session) = it.rsplit_once('/').filter(|_| it.contains(":assumed-role/"))?;
        let made_up = MADE_UP.iter().find(|prefix| session.starts_with(**prefix))?;
        Some((role.to_owned(), made_up))
    };
    stable(a).is_some_and(|a| stable(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use crate::apply::access::is_same_caller;

    #[test]
    fn a_renewed_session_is_the_same_caller() {
        let check = |a: &str, b: &str, wanted: bool| {
            let arn = |it: &str| format!("arn:aws:sts::111122223333:assumed-role/{it}");
            assert_eq!(is_same_caller(&arn(a), &arn(b)), wanted, "{a} {b}");
        };
        check("admin/ann", "admin/ann", true);
        check("admin/ann", "admin/bob", false);
        check("admin/assume-role-from-profile-1", "admin/assume-role-from-profile-2", true);
        check("admin/assume-role-from-profile-1", "other/assume-role-from-profile-1", false);
        check("admin/assume-role-from-profile-1", "admin/web-identity-token-1", false);
        check("admin/assume-role-from-profile-1", "admin/ann", false);
        let user = "arn:aws:iam::111122223333:user/ann";
        assert!(is_same_caller(user, user));
        assert!(!is_same_caller(user, "arn:aws:iam::444455556666:user/ann"));
    }
}
