//! The two calls that answer a token of a ServiceAccount with credentials. They are dropped here, unseen; only whose they
//! are is told.

use crate::{
    ident::{Arn, Text},
    identity::probe::Answer,
    source::{
        Settings,
        aws::{
            KubeSide,
            access::{self, NoAccess},
            account::{Account, Clients},
            env::{Env, Profiles},
            error::{Failure, classify, short},
            hints::{Hints, fallback_region},
        },
    },
};
use aws_config::{Region, retry::RetryConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;

/// How the sessions of a probe are called, in CloudTrail and in trust policies.
const SESSION: &str = "idscope-probe";
/// The shortest that STS gives.
const SECONDS: i32 = 900;

/// Asks STS once. The request is not signed: the token is all that it takes.
pub(crate) async fn web_identity(
    settings: &Settings,
    kube: &KubeSide,
    region: Option<&str>,
    role_arn: &Arn,
    token: String,
) -> Answer {
    let sts = match unsigned(settings, kube, region, role_arn).await {
        Ok(it) => it,
        Err(it) => return Answer::NotKnown(it),
    };
    let once = aws_sdk_sts::config::Builder::new().retry_config(RetryConfig::disabled());
    let sent = sts
        .assume_role_with_web_identity()
        .role_arn(role_arn.as_str())
        .role_session_name(SESSION)
        .duration_seconds(SECONDS)
        .web_identity_token(token)
        .customize()
        .config_override(once)
        .send()
        .await;
    match sent {
        Ok(it) => granted(it.assumed_role_user.map(|it| it.arn)),
        Err(it) => refused(&it, "sts:AssumeRoleWithWebIdentity"),
    }
}

/// Asks EKS Auth once, as a node's agent would. The caller signs, and has to be allowed to ask.
pub(crate) async fn pod_identity(
    account: &Account,
    region: Option<&str>,
    cluster: &str,
    token: String,
) -> Answer {
    let mut once = aws_sdk_eksauth::config::Builder::new().retry_config(RetryConfig::disabled());
    once.set_region(region.map(|it| Region::new(it.to_owned())));
    let sent = account
        .clients
        .eks_auth
        .assume_role_for_pod_identity()
        .cluster_name(cluster)
        .token(token)
        .customize()
        .config_override(once)
        .send()
        .await;
    match sent {
        Ok(it) => granted(it.assumed_role_user.map(|it| it.arn)),
        Err(it) => refused(&it, "eks-auth:AssumeRoleForPodIdentity"),
    }
}

/// A client that has no credentials and needs none.
async fn unsigned(
    settings: &Settings,
    kube: &KubeSide,
    region: Option<&str>,
    role_arn: &Arn,
) -> Result<aws_sdk_sts::Client, Text> {
    let env = Env::new(&settings.env);
    let hints = Hints::new(settings, &env, kube);
    let profiles = Profiles::load(&env, hints.profile.as_deref()).await;
    let profiles = profiles.map_err(|it| short(&it))?;
    let region = region
        .or(hints.region.as_deref())
        .or(role_arn.partition().as_ref().map(fallback_region))
        .unwrap_or_default();
    let wiring = access::wire(settings, &env, &profiles, region.into());
    let wiring = wiring.map_err(|it| match it {
        NoAccess::Off(it) | NoAccess::Failed(it) => it,
        NoAccess::Expired { detail, .. } => detail,
        NoAccess::Denied(it) => it.detail,
    })?;
    Ok(Clients::new(&wiring, SharedCredentialsProvider::new(Nobody)).sts)
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let none: Result<Credentials, _> = Err(CredentialsError::not_loaded("none are needed"));
        future::ProvideCredentials::ready(none)
    }
}

fn granted(session: Option<String>) -> Answer {
    match session {
        Some(it) => Answer::Granted { session: Arn::new(it) },
        None => Answer::NotKnown("the answer does not say whose the credentials are".into()),
    }
}

/// The service's own words, unless they are about us or about the moment.
fn refused<E>(err: &SdkError<E, HttpResponse>, permission: &str) -> Answer
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match classify(err, permission) {
        Failure::Throttled => return Answer::NotKnown("too many requests".into()),
        Failure::Failed(_) | Failure::Denied(_) | Failure::Absent | Failure::Expired(_) => {}
    }
    let status = err.raw_response().map(|it| it.status().as_u16());
    let told = err.as_service_error().and_then(|it| Some((it.code()?, it.message()?)));
    match told {
        // The node's role asks in earnest; here it was the caller who may not.
        Some((_, message)) if message.to_lowercase().contains("to perform: eks-auth:") => {
            Answer::NotKnown(short(&format!("{permission} is denied: {message}")))
        }
        Some((code, message)) if status.is_some_and(|it| (400..500).contains(&it)) => {
            Answer::Refused { code: code.into(), message: short(message) }
        }
        Some((code, message)) => Answer::NotKnown(short(&format!("{code}: {message}"))),
        None => Answer::NotKnown(match classify(err, permission) {
            Failure::Failed(it) | Failure::Expired(it) => it,
            Failure::Denied(it) => it.detail,
            Failure::Absent | Failure::Throttled => "no answer".into(),
        }),
    }
}
