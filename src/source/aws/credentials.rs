//! Which credentials read AWS, and which command renews them.
//!
//! The chain is the SDK's (environment, profile, web identity, container, instance), chosen here by what `Settings`
//! holds, so that a session with an environment of its own never sees the process's. A profile that was named by flag
//! or kubeconfig is used alone.

use crate::{
    ident::Text,
    source::aws::{
        env::{Env, Profiles},
        error::{Failure, of_credentials},
    },
};
use aws_config::{
    credential_process::CredentialProcessProvider,
    ecs::EcsCredentialsProvider,
    imds,
    profile::{Profile, ProfileFileCredentialsProvider},
    provider_config::ProviderConfig,
    web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider},
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use aws_sdk_sts::config::Region;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::time::Duration;

/// Properties of a profile that can lead to credentials.
const SOURCES: &[&str] = &[
    "aws_access_key_id",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "credential_process",
    "login_session",
    "web_identity_token_file",
];

/// What the instance metadata service may take: on most machines nothing answers there.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a `source_profile` chain may get.
const MAX_CHAIN: usize = 10;

/// Credentials that were got once, and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) provider: SharedCredentialsProvider,
    pub(crate) origin: Origin,
    /// Names the credentials in the cache's key. No secret.
    pub(crate) access_key_id: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// The profile's name, `environment`, `web identity`, `container`, `instance`.
    pub(crate) via: Text,
    /// The command that renews them.
    pub(crate) login: Text,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NoChain {
    /// Nothing is configured anywhere: work without AWS.
    Nothing,
    /// Something is configured and does not work.
    Broken { origin: Origin, failure: Failure },
}

/// What everything in the chain needs.
pub(crate) struct Ground<'a> {
    pub(crate) env: &'a Env,
    pub(crate) http: SharedHttpClient,
    pub(crate) region: Region,
    pub(crate) timeout: Duration,
}

/// `is_named`: the profile that `profiles` selected was named by flag or kubeconfig, not by variable.
///
/// # Errors
/// See [`NoChain`]; a login or later may mend `Broken`.
pub(crate) async fn resolve(
    ground: &Ground<'_>,
    profiles: &Profiles,
    is_named: bool,
) -> Result<Chain, NoChain> {
    let Some((origin, provider)) = choose(ground, profiles, is_named) else {
        return Err(NoChain::Nothing);
    };
    let got = tokio::time::timeout(ground.timeout, provider.provide_credentials()).await;
    match got {
        Ok(Ok(it)) => {
            let access_key_id = it.access_key_id().to_owned();
            Ok(Chain { provider, origin, access_key_id })
        }
        // Nobody asked for the instance's credentials; that there are none is no fault.
        Ok(Err(_)) if &*origin.via == INSTANCE => Err(NoChain::Nothing),
        Err(_) if &*origin.via == INSTANCE => Err(NoChain::Nothing),
        Ok(Err(err)) => {
            let failure = match &err {
                CredentialsError::CredentialsNotLoaded(_) => {
                    Failure::Expired(format!("no credentials in `{}`", origin.via).into())
                }
                other => of_credentials(other),
            };
            Err(NoChain::Broken { origin, failure })
        }
        Err(_) => {
            let failure = Failure::Failed("no credentials in time".into());
            Err(NoChain::Broken { origin, failure })
        }
    }
}

const INSTANCE: &str = "instance";

fn choose(
    ground: &Ground<'_>,
    profiles: &Profiles,
    is_named: bool,
) -> Option<(Origin, SharedCredentialsProvider)> {
    let origin = |via: &str, login: &str| Origin { via: via.into(), login: login.into() };
    let conf = ProviderConfig::without_region()
        .with_http_client(ground.http.clone())
        .with_region(Some(ground.region.clone()));
    if !is_named && let Some(it) = from_environment(ground.env) {
        return Some((origin("environment", "aws configure"), SharedCredentialsProvider::new(it)));
    }
    let selected = profiles.selected();
    let is_usable = profiles.profile(selected).is_some_and(has_source);
    if is_named || profiles.is_explicit || is_usable {
        let origin = Origin { via: selected.into(), login: login(profiles).into() };
        return Some((origin, from_profile(ground, profiles, &conf)));
    }
    if let (Some(file), Some(role_arn)) =
        (ground.env.get("AWS_WEB_IDENTITY_TOKEN_FILE"), ground.env.get("AWS_ROLE_ARN"))
    {
        let session_name = ground.env.get("AWS_ROLE_SESSION_NAME").unwrap_or("idscope");
        let it = WebIdentityTokenCredentialsProvider::builder()
            .configure(&conf)
            .static_configuration(StaticConfiguration {
                web_identity_token_file: file.into(),
                role_arn: role_arn.into(),
                session_name: session_name.into(),
            })
            .build();
        return Some((origin("web identity", ""), SharedCredentialsProvider::new(it)));
    }
    let container =
        ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    if ground.env.first(&container).is_some() {
        let it = EcsCredentialsProvider::builder().configure(&conf).build();
        return Some((origin("container", ""), SharedCredentialsProvider::new(it)));
    }
    if ground.env.is_true("AWS_EC2_METADATA_DISABLED") {
        return None;
    }
    let client = imds::Client::builder()
        .configure(&conf)
        .max_attempts(1)
        .connect_timeout(IMDS_TIMEOUT)
        .read_timeout(IMDS_TIMEOUT)
        .build();
    let it = imds::credentials::ImdsCredentialsProvider::builder()
        .configure(&conf)
        .imds_client(client)
        .build();
    Some((origin(INSTANCE, ""), SharedCredentialsProvider::new(it)))
}

fn from_environment(env: &Env) -> Option<Credentials> {
    let mut builder = Credentials::builder()
        .access_key_id(env.get("AWS_ACCESS_KEY_ID")?)
        .secret_access_key(env.get("AWS_SECRET_ACCESS_KEY")?)
        .provider_name("environment");
    builder.set_session_token(env.get("AWS_SESSION_TOKEN").map(Into::into));
    Some(builder.build())
}

fn from_profile(
    ground: &Ground<'_>,
    profiles: &Profiles,
    conf: &ProviderConfig,
) -> SharedCredentialsProvider {
    let selected = profiles.selected();
    // The session of `aws login` is the CLI's own; it hands its credentials out by this command.
    if profiles.get("login_session").is_some() && profiles.get("role_arn").is_none() {
        let name = quoted(selected);
        let command = format!("aws configure export-credentials --format process --profile {name}");
        return SharedCredentialsProvider::new(CredentialProcessProvider::new(command));
    }
    let mut builder = ProfileFileCredentialsProvider::builder()
        .configure(conf)
        .profile_files(profiles.files.clone())
        .profile_name(selected);
    if let Some(it) = from_environment(ground.env) {
        builder = builder.with_custom_provider("Environment", it);
    }
    SharedCredentialsProvider::new(builder.build())
}

fn has_source(profile: &Profile) -> bool {
    SOURCES.iter().any(|it| profile.get(it).is_some())
}

/// The command that renews the selected profile's credentials: that of the profile which the chain starts from.
pub(crate) fn login(profiles: &Profiles) -> String {
    let mut name = profiles.selected();
    for _ in 0..MAX_CHAIN {
        match profiles.profile(name).and_then(|it| it.get("source_profile")) {
            Some(source) if source != name => name = source,
            _ => break,
        }
    }
    let has = |key: &str| profiles.profile(name).is_some_and(|it| it.get(key).is_some());
    let suffix =
        if name == "default" { String::new() } else { format!(" --profile {}", quoted(name)) };
    if has("sso_session") || has("sso_start_url") {
        format!("aws sso login{suffix}")
    } else if has("login_session") {
        format!("aws login{suffix}")
    } else if has("credential_process") {
        // Runs the helper with a terminal, where it can ask.
        format!("aws sts get-caller-identity{suffix}")
    } else {
        format!("aws configure{suffix}")
    }
}

/// As one word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+=,:".contains(c));
    match is_plain {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn profiles(config: &str, selected: Option<&str>) -> Profiles {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config");
        std::fs::write(&path, config).expect("written");
        let env = Env::new(&[("AWS_CONFIG_FILE".into(), path.display().to_string())]);
        Profiles::load(&env, selected).await.expect("readable")
    }

    #[tokio::test]
    async fn the_login_is_that_of_the_chains_start() {
        const CONFIG: &str = "
[default]
region = eu-west-1
[profile keys]
aws_access_key_id = AKIA
[profile sso]
sso_session = corp
[profile old]
sso_start_url = https://x
[profile console]
login_session = arn:aws:iam::111122223333:user/x
[profile helper]
credential_process = /bin/x
[profile assumed]
role_arn = arn:aws:iam::111122223333:role/x
source_profile = sso
[profile loop]
source_profile = loop
";
        let check = async |selected: Option<&str>, expected: &str| {
            assert_eq!(login(&profiles(CONFIG, selected).await), expected, "{selected:?}");
        };
        check(None, "aws configure").await;
        check(Some("keys"), "aws configure --profile keys").await;
        check(Some("sso"), "aws sso login --profile sso").await;
        check(Some("old"), "aws sso login --profile old").await;
        check(Some("console"), "aws login --profile console").await;
        check(Some("helper"), "aws sts get-caller-identity --profile helper").await;
        check(Some("assumed"), "aws sso login --profile sso").await;
        check(Some("loop"), "aws configure --profile loop").await;
        check(Some("missing"), "aws configure --profile missing").await;
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(quoted("-x"), "'-x'");
    }
}
