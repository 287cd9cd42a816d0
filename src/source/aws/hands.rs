//! Proven credentials for whoever writes: got anew for each plan, and each belongs to the account it is asked for.

use crate::{
    ident::{AccountId, Text},
    source::{
        Settings,
        aws::{
            KubeSide,
            access::{self, Home, NoAccess},
            account::Account,
            env::Env,
            hints::Hints,
        },
    },
};
use std::sync::Arc;

/// The caller's own account, and a way to those that credentials are configured for.
pub(crate) struct Hands {
    settings: Settings,
    env: Env,
    home: Home,
}

impl Hands {
    /// The error reads after "failed to".
    pub(crate) async fn open(settings: &Settings, kube: &KubeSide) -> Result<Hands, Text> {
        let env = Env::new(&settings.env);
        let hints = Hints::new(settings, &env, kube);
        let prepared = access::prepare(settings, &env, &hints).await.map_err(|it| why(&it))?;
        let home = access::home(settings, &env, prepared).await.map_err(|it| why(&it))?;
        Ok(Hands { settings: settings.clone(), env, home })
    }

    /// The account's credentials, asked just now whose they are.
    pub(crate) async fn account(&self, id: &AccountId) -> Result<Arc<Account>, Text> {
        let home = &self.home.account;
        if *home.id == *id.as_str() {
            return Ok(Arc::clone(home));
        }
        let id: Text = id.as_str().into();
        let configured = access::configured(&self.settings);
        let access = configured.iter().find(|(it, _)| *it == id).map(|(_, it)| it);
        let access = access.ok_or_else(|| {
            Text::from(format!(
                "no credentials for account {id}; pass --account-profile {id}=PROFILE"
            ))
        })?;
        let got = access::foreign(&self.settings, &self.env, &self.home, &id, access).await;
        got.map_err(|it| why(&it))
    }
}

fn why(it: &NoAccess) -> Text {
    match it {
        NoAccess::Off(it) | NoAccess::Failed(it) => it.clone(),
        NoAccess::Expired { origin, detail } => {
            format!("the credentials are expired ({detail}); log in with `{}`", origin.login).into()
        }
        NoAccess::Denied(it) => format!("{} is denied: {}", it.permission, it.detail).into(),
    }
}
