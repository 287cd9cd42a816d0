//! Which credentials read which account: the caller's own, and those that were configured for others.

use crate::{
    fact::Denied,
    ident::{Partition, Text},
    source::{
        Settings,
        aws::{
            account::{Account, AssumedRole, Wiring},
            credentials::{self, Chain, Ground, NoChain, Origin},
            env::{Env, Profiles},
            error::Failure,
            hints::{Hints, fallback_region},
            http,
        },
    },
};
use aws_config::Region;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use std::sync::Arc;

/// Why there is no account to read with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NoAccess {
    /// No credentials are configured at all.
    Off(Text),
    /// A login helps.
    Expired {
        origin: Origin,
        detail: Text,
    },
    Denied(Denied),
    Failed(Text),
}

/// The caller's account, and where the cluster is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) account: Arc<Account>,
    /// `None`: neither flag, kubeconfig, environment nor profile names one.
    pub(crate) region: Option<Text>,
}

/// Credentials that were configured for another account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Foreign {
    Profile(String),
    AssumedRole { role_arn: String, external_id: Option<String> },
}

/// Every foreign account with credentials configured for it, a profile before a role.
pub(crate) fn configured(settings: &Settings) -> Vec<(Text, Foreign)> {
    let mut res: Vec<(Text, Foreign)> = Vec::new();
    for (account, profile) in &settings.account_profiles {
        // The last flag wins.
        res.retain(|(it, _)| it != account);
        res.push((account.clone(), Foreign::Profile(profile.clone())));
    }
    for it in &settings.account_roles {
        if res.iter().all(|(account, _)| *account != it.account) {
            let (role_arn, external_id) = (it.role_arn.clone(), it.external_id.clone());
            res.push((it.account.clone(), Foreign::AssumedRole { role_arn, external_id }));
        }
    }
    res
}

/// Credentials for the cluster's account, not yet proven.
pub(crate) struct Prepared {
    profiles: Profiles,
    region: Option<Text>,
    pub(crate) chain: Chain,
}

impl Prepared {
    pub(crate) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or_default()
    }
}

/// Gets the credentials that read the cluster's account. Nothing is asked of AWS yet, unless the chain must.
pub(crate) async fn prepare(
    settings: &Settings,
    env: &Env,
    hints: &Hints,
) -> Result<Prepared, NoAccess> {
    let profile = hints.profile.as_deref();
    let profiles = Profiles::load(env, profile).await.map_err(failed)?;
    let region = hints.region.clone().or_else(|| profiles.get("region").map(Into::into));
    let wiring = wire(settings, env, &profiles, used_region(&region))?;
    let chain = chain(&wiring, profile.is_some()).await?;
    Ok(Prepared { profiles, region, chain })
}

/// Proves whose they are.
pub(crate) async fn home(settings: &Settings, env: &Env, it: Prepared) -> Result<Home, NoAccess> {
    let wiring = wire(settings, env, &it.profiles, used_region(&it.region))?;
    let account = prove(&wiring, &it.chain).await?;
    Ok(Home { account: Arc::new(account), region: it.region })
}

fn used_region(region: &Option<Text>) -> Text {
    region.clone().unwrap_or_else(|| fallback_region(&Partition::Aws).into())
}

/// As [`home`], for another account. The guard: credentials that belong to any other account are refused.
pub(crate) async fn foreign(
    settings: &Settings,
    env: &Env,
    home: &Home,
    wanted: &Text,
    access: &Foreign,
) -> Result<Arc<Account>, NoAccess> {
    let (profile, name) = match access {
        Foreign::Profile(it) => (Some(it.as_str()), format!("profile `{it}`")),
        Foreign::AssumedRole { role_arn, .. } => (None, format!("role `{role_arn}`")),
    };
    let profiles = Profiles::load(env, profile).await.map_err(failed)?;
    let region = home.region.clone().or_else(|| profiles.get("region").map(Into::into));
    let region = region.unwrap_or_else(|| fallback_region(&home.account.partition).into());
    let wiring = wire(settings, env, &profiles, region)?;
    let chain = match access {
        Foreign::Profile(_) => chain(&wiring, true).await?,
        Foreign::AssumedRole { role_arn, external_id } => {
            let (role_arn, external_id) = (role_arn.clone(), external_id.clone());
            let sts = home.account.clients.sts.clone();
            assumed(AssumedRole { sts, role_arn, external_id }, home).await?
        }
    };
    let account = prove(&wiring, &chain).await?;
    if account.id != *wanted {
        let detail = format!("{name} belongs to account {}, not {wanted}", account.id);
        return Err(NoAccess::Denied(Denied {
            permission: "iam:GetRole".into(),
            detail: detail.into(),
        }));
    }
    Ok(Arc::new(account))
}

pub(crate) fn wire<'a>(
    settings: &Settings,
    env: &'a Env,
    profiles: &'a Profiles,
    region: Text,
) -> Result<Wiring<'a>, NoAccess> {
    let endpoints = profiles.endpoints();
    if let Some(reason) = endpoints.all().into_iter().flatten().find_map(http::refusal) {
        return Err(failed(reason));
    }
    let http = http::client(env, profiles, &endpoints).map_err(failed)?;
    Ok(Wiring { env, profiles, endpoints, http, region, timeout: settings.request_timeout })
}

async fn chain(wiring: &Wiring<'_>, is_named: bool) -> Result<Chain, NoAccess> {
    let ground = Ground {
        env: wiring.env,
        http: wiring.http.clone(),
        region: Region::new(wiring.region.to_string()),
        timeout: wiring.timeout,
    };
    let got = credentials::resolve(&ground, wiring.profiles, is_named).await;
    got.map_err(|it| match it {
        NoChain::Nothing => NoAccess::Off("no AWS credentials are configured".into()),
        NoChain::Broken { origin, failure } => no_access(failure, &origin),
    })
}

async fn assumed(role: AssumedRole, home: &Home) -> Result<Chain, NoAccess> {
    let origin = home.account.origin.clone();
    let got = role.provide_credentials().await;
    let got =
        got.map_err(|it| no_access(crate::source::aws::error::of_credentials(&it), &origin))?;
    let access_key_id = got.access_key_id().to_owned();
    Ok(Chain { provider: SharedCredentialsProvider::new(role), origin, access_key_id })
}

async fn prove(wiring: &Wiring<'_>, chain: &Chain) -> Result<Account, NoAccess> {
    let got = Account::prove(wiring, chain).await;
    got.map_err(|it| no_access(it, &chain.origin))
}

pub(crate) fn no_access(failure: Failure, origin: &Origin) -> NoAccess {
    match failure {
        Failure::Denied(it) => NoAccess::Denied(it),
        Failure::Expired(detail) => NoAccess::Expired { origin: origin.clone(), detail },
        Failure::Failed(it) => NoAccess::Failed(it),
        Failure::Absent => NoAccess::Failed("the account is not there".into()),
        Failure::Throttled => NoAccess::Failed("too many requests".into()),
    }
}

fn failed(text: String) -> NoAccess {
    NoAccess::Failed(crate::source::aws::error::short(&text))
}
