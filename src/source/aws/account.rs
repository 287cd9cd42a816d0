//! Clients for one set of credentials, and the account that `sts:GetCallerIdentity` proved them to belong to.
//!
//! Every call goes through [`Account::call`], which paces it and names what was refused.

use crate::{
    ident::{Arn, Partition, Text},
    source::aws::{
        credentials::{Chain, Origin},
        env::{Endpoints, Env, Profiles},
        error::{Failure, classify},
        limit::Limiter,
    },
};
use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, identity::IdentityCache, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient,
    interceptors::context::InterceptorContext,
    orchestrator::HttpResponse,
    result::SdkError,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::{
    collections::HashMap,
    error::Error,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Calls a second and API that are known to be safe, and how many at once after a pause.
const IAM_RATE: (f64, f64) = (13.0, 2.0);
/// EKS publishes no figure either; it is slowed down by its answers. A cluster's first hundred associations are not waited
/// for.
const OTHER_RATE: (f64, f64) = (20.0, 100.0);

/// With a doubling pause in between, so that a short throttling costs a call some seconds and not its answer.
const MAX_ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(400);
/// What the pauses of one call may add up to, beside two attempts that get no answer.
const ALL_BACKOFFS: Duration = Duration::from_secs(6);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the clients of one set of credentials are made of.
pub(crate) struct Wiring<'a> {
    pub(crate) env: &'a Env,
    pub(crate) profiles: &'a Profiles,
    pub(crate) endpoints: Endpoints,
    pub(crate) http: SharedHttpClient,
    pub(crate) region: Text,
    pub(crate) timeout: Duration,
}

/// Credentials that are proven to belong to `id`.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: Text,
    pub(crate) partition: Partition,
    /// The caller.
    pub(crate) arn: Arn,
    pub(crate) user_id: Text,
    pub(crate) origin: Origin,
    pub(crate) clients: Clients,
    limiters: Mutex<HashMap<&'static str, Arc<Limiter>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) eks: aws_sdk_eks::Client,
    pub(crate) eks_auth: aws_sdk_eksauth::Client,
}

impl Clients {
    pub(crate) fn new(wiring: &Wiring<'_>, provider: SharedCredentialsProvider) -> Clients {
        let cache = IdentityCache::lazy().load_timeout(wiring.timeout).build();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(wiring.timeout))
            .operation_attempt_timeout(wiring.timeout)
            .operation_timeout(wiring.timeout * 2 + ALL_BACKOFFS)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF);
        let profiles = wiring.profiles;
        let app_name = AppName::new("idscope").expect("letters only");
        let config = SdkConfig::builder()
            .app_name(app_name)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(wiring.region.to_string()))
            .credentials_provider(provider)
            .identity_cache(cache)
            .http_client(wiring.http.clone())
            .retry_config(retries)
            .timeout_config(timeouts)
            .use_fips(profiles.switch(wiring.env, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"))
            .use_dual_stack(profiles.switch(
                wiring.env,
                "AWS_USE_DUALSTACK_ENDPOINT",
                "use_dualstack_endpoint",
            ))
            .build();
        let at = |url: &Option<String>| {
            let mut builder = config.to_builder();
            builder.set_endpoint_url(url.clone());
            builder.build()
        };
        let Endpoints { sts, iam, eks, eks_auth } = &wiring.endpoints;
        let sts = aws_sdk_sts::config::Builder::from(&at(sts)).retry_classifier(Garbled);
        let iam = aws_sdk_iam::config::Builder::from(&at(iam)).retry_classifier(Garbled);
        let eks = aws_sdk_eks::config::Builder::from(&at(eks)).retry_classifier(Garbled);
        let eks_auth = aws_sdk_eksauth::config::Builder::from(&at(eks_auth));
        Clients {
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            iam: aws_sdk_iam::Client::from_conf(iam.build()),
            eks: aws_sdk_eks::Client::from_conf(eks.build()),
            eks_auth: aws_sdk_eksauth::Client::from_conf(eks_auth.build()),
        }
    }
}

/// An answer of success that cannot be read is as good as none, and is asked for again like one.
#[derive(Debug)]
struct Garbled;

impl ClassifyRetry for Garbled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let is_success = context.response().is_some_and(|it| it.status().is_success());
        match context.output_or_error() {
            Some(Err(_)) if is_success => RetryAction::transient_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "unreadable answers"
    }
}

impl Account {
    /// EKS in any region, with these credentials.
    pub(crate) fn eks_in(&self, region: &str) -> aws_sdk_eks::Client {
        let own = self.clients.eks.config();
        if own.region().is_some_and(|it| it.as_ref() == region) {
            return self.clients.eks.clone();
        }
        let config = own.to_builder().region(Region::new(region.to_owned())).build();
        aws_sdk_eks::Client::from_conf(config)
    }

    /// Asks STS whose credentials these are. Nothing else is called before that is known.
    pub(crate) async fn prove(wiring: &Wiring<'_>, chain: &Chain) -> Result<Account, Failure> {
        let clients = Clients::new(wiring, chain.provider.clone());
        let got = clients.sts.get_caller_identity().send().await;
        let got = got.map_err(|it| classify(&it, "sts:GetCallerIdentity"))?;
        let arn = Arn::new(got.arn.unwrap_or_default());
        let (Some(id), Some(partition)) = (got.account, arn.partition()) else {
            return Err(Failure::Failed("GetCallerIdentity named no account".into()));
        };
        Ok(Account {
            id: id.into(),
            partition,
            arn,
            user_id: got.user_id.unwrap_or_default().into(),
            origin: chain.origin.clone(),
            clients,
            limiters: Mutex::default(),
        })
    }

    /// Whether the credentials still work and still are the same caller's.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        let request = self.clients.sts.get_caller_identity().send();
        let got = self.call("sts:GetCallerIdentity", request).await?;
        match got.account.as_deref() == Some(&*self.id) {
            true => Ok(()),
            false => Err(Failure::Expired("the credentials are another account's now".into())),
        }
    }

    /// Whose the credentials are right now.
    pub(crate) async fn whose(&self) -> Result<Arn, Failure> {
        let request = self.clients.sts.get_caller_identity().send();
        let got = self.call("sts:GetCallerIdentity", request).await?;
        got.arn.map(Arn::new).ok_or(Failure::Absent)
    }

    /// Makes one call when it is its turn. `permission` is what IAM calls the operation.
    pub(crate) async fn call<T, E>(
        &self,
        permission: &'static str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let limiter = self.limiter(permission);
        limiter.take().await;
        match request.await {
            Ok(it) => {
                limiter.succeeded();
                Ok(it)
            }
            Err(err) => {
                let failure = classify(&err, permission);
                tracing::debug!(permission, account = &*self.id, ?failure, "AWS call failed");
                if failure == Failure::Throttled {
                    limiter.throttled();
                }
                Err(failure)
            }
        }
    }

    fn limiter(&self, permission: &'static str) -> Arc<Limiter> {
        let (rate, burst) = if permission.starts_with("iam:") { IAM_RATE } else { OTHER_RATE };
        let mut limiters = self.limiters.lock().expect("no holder of this lock can panic");
        let limiter = limiters.entry(permission);
        limiter.or_insert_with(|| Arc::new(Limiter::new(rate, burst))).clone()
    }
}

/// The credentials of a role in another account, got with those of the caller.
#[derive(Debug)]
pub(crate) struct AssumedRole {
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) role_arn: String,
    pub(crate) external_id: Option<String>,
}

impl AssumedRole {
    async fn assume(&self) -> Result<Credentials, CredentialsError> {
        let got = self
            .sts
            .assume_role()
            .role_arn(&self.role_arn)
            .role_session_name("idscope")
            .set_external_id(self.external_id.clone())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let it = got.credentials.ok_or_else(|| CredentialsError::unhandled("no credentials"))?;
        let expiry = it.expiration.try_into().map_err(CredentialsError::unhandled)?;
        let mut builder = Credentials::builder()
            .access_key_id(it.access_key_id)
            .secret_access_key(it.secret_access_key)
            .expiry(expiry)
            .provider_name("assumed role");
        builder.set_session_token(Some(it.session_token));
        Ok(builder.build())
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
