//! What the environment variables and AWS profile files of a session say, read from `Settings` only.
//!
//! The SDK's own loader reads the variables of the process, which a session with an environment of its own (the lab's)
//! must not see; so the few settings that matter here are resolved here. Honoured: `AWS_PROFILE`,
//! `AWS_DEFAULT_PROFILE`, `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE`,
//! `AWS_ENDPOINT_URL[_IAM|_EKS|_EKS_AUTH|_STS]`, `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`, `AWS_USE_FIPS_ENDPOINT`,
//! `AWS_USE_DUALSTACK_ENDPOINT`, `AWS_CA_BUNDLE`, the proxy variables, and those of the credential chain (see
//! `credentials`); from the profile `region`, `services`, `endpoint_url`, `use_fips_endpoint`,
//! `use_dualstack_endpoint`, `ca_bundle` and all that names credentials.

use crate::ident::Text;
use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::{
    EnvConfigValue,
    file::{EnvConfigFileKind, EnvConfigFiles},
};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::os_shim_internal;
use std::{borrow::Cow, collections::HashMap, fmt, path::PathBuf};

/// The variables of a session. An empty value is an unset one.
#[derive(Clone)]
pub(crate) struct Env(HashMap<String, String>);

/// The profile files as read at one moment, with the profile that is selected.
///
/// Not `Debug`: the sections hold secret keys.
#[derive(Clone)]
pub(crate) struct Profiles {
    env: os_shim_internal::Env,
    /// The contents, for the SDK's own provider; it redacts them in its `Debug`.
    pub(crate) files: EnvConfigFiles,
    sections: ProfileSet,
    /// Selected by flag, kubeconfig or variable, and not merely `default`.
    pub(crate) is_explicit: bool,
}

/// Where requests go instead of AWS; `None`: to AWS.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Endpoints {
    pub(crate) sts: Option<String>,
    pub(crate) iam: Option<String>,
    pub(crate) eks: Option<String>,
    pub(crate) eks_auth: Option<String>,
}

impl fmt::Debug for Env {
    /// Names only: some values are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Env {
    pub(crate) fn new(pairs: &[(String, String)]) -> Env {
        Env(pairs.iter().filter(|(_, value)| !value.trim().is_empty()).cloned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|it| self.get(it))
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|it| it.eq_ignore_ascii_case("true"))
    }

    /// `~/` in front stands for the home directory, as in the AWS CLI.
    fn path(&self, text: &str) -> PathBuf {
        let home = self.first(&["HOME", "USERPROFILE"]);
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => PathBuf::from(text),
        }
    }
}

impl Profiles {
    /// Reads the files that the variables name. `selected`: by flag or kubeconfig. Files that are missing are empty.
    ///
    /// # Errors
    /// A file that is no profile file, as a sentence fragment.
    pub(crate) async fn load(env: &Env, selected: Option<&str>) -> Result<Profiles, String> {
        let config = read(env, "AWS_CONFIG_FILE", "~/.aws/config").await?;
        let credentials = read(env, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials").await?;
        let files = EnvConfigFiles::builder()
            .with_contents(EnvConfigFileKind::Config, config)
            .with_contents(EnvConfigFileKind::Credentials, credentials)
            .build();
        let by_variable = env.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]);
        let selected = selected.or(by_variable);
        let shim = os_shim_internal::Env::from(env.0.clone());
        let sections = aws_config::profile::load(
            &os_shim_internal::Fs::from_slice(&[]),
            &shim,
            &files,
            Some(Cow::Owned(selected.unwrap_or("default").to_owned())),
        )
        .await
        .map_err(|it| {
            format!("failed to read the AWS profile files: {}", DisplayErrorContext(it))
        })?;
        Ok(Profiles { env: shim, files, sections, is_explicit: selected.is_some() })
    }

    pub(crate) fn selected(&self) -> &str {
        self.sections.selected_profile()
    }

    /// All of them, sorted.
    pub(crate) fn names(&self) -> Vec<Text> {
        let mut res: Vec<Text> = self.sections.profiles().map(Text::from).collect();
        res.sort();
        res
    }

    pub(crate) fn profile(&self, name: &str) -> Option<&Profile> {
        self.sections.get_profile(name)
    }

    /// One property of the selected profile.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.sections.get(key).filter(|it| !it.trim().is_empty())
    }

    /// Variable of the service, variable for all, the profile's `services` section, the profile
    /// (AWS SDKs reference guide, "Service-specific endpoints").
    pub(crate) fn endpoints(&self) -> Endpoints {
        let ignored = EnvConfigValue::new()
            .env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            .profile("ignore_configured_endpoint_urls")
            .load(&self.env, Some(&self.sections))
            .is_some_and(|(it, _)| it.eq_ignore_ascii_case("true"));
        if ignored {
            return Endpoints::default();
        }
        let of = |service: &str| {
            EnvConfigValue::new()
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .service_id(service)
                .load(&self.env, Some(&self.sections))
                .map(|(it, _)| it.trim().to_owned())
                .filter(|it| !it.is_empty())
        };
        Endpoints { sts: of("sts"), iam: of("iam"), eks: of("eks"), eks_auth: of("EKS Auth") }
    }

    /// A yes or no that both the variables and the profile can say.
    pub(crate) fn switch(&self, env: &Env, variable: &str, property: &str) -> bool {
        env.get(variable)
            .or_else(|| self.get(property))
            .is_some_and(|it| it.eq_ignore_ascii_case("true"))
    }

    /// The file with further certificate authorities.
    pub(crate) fn ca_bundle(&self, env: &Env) -> Option<PathBuf> {
        env.get("AWS_CA_BUNDLE").or_else(|| self.get("ca_bundle")).map(|it| env.path(it))
    }
}

impl Endpoints {
    pub(crate) fn all(&self) -> [Option<&str>; 4] {
        let all = [&self.sts, &self.iam, &self.eks, &self.eks_auth];
        all.map(|it| it.as_deref())
    }
}

async fn read(env: &Env, variable: &str, default: &str) -> Result<String, String> {
    let path = env.path(env.get(variable).unwrap_or(default));
    if path.starts_with("~") {
        return Ok(String::new());
    }
    match tokio::fs::read(&path).await {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(it) if it.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(it) => Err(format!("failed to read `{}`: {it}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let pairs: Vec<_> = pairs.iter().map(|(name, it)| ((*name).into(), (*it).into())).collect();
        Env::new(&pairs)
    }

    #[test]
    fn values_are_never_printed() {
        let text = format!("{:?}", env(&[("AWS_SECRET_ACCESS_KEY", "hunter2"), ("EMPTY", " ")]));
        assert_eq!(text, "{\"AWS_SECRET_ACCESS_KEY\"}");
    }

    #[tokio::test]
    async fn endpoints_by_precedence() {
        const CONFIG: &str = "
[default]
endpoint_url = http://profile
services = local
[services local]
eks =
  endpoint_url = http://profile-eks
";
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config");
        std::fs::write(&path, CONFIG).expect("written");
        let path = path.display().to_string();
        let check = async |more: &[(&str, &str)], expected: [Option<&str>; 4]| {
            let mut pairs = vec![("AWS_CONFIG_FILE", path.as_str())];
            pairs.extend(more);
            let profiles = Profiles::load(&env(&pairs), None).await.expect("readable");
            assert_eq!(profiles.endpoints().all(), expected, "{more:?}");
        };
        let profile = Some("http://profile");
        check(&[], [profile, profile, Some("http://profile-eks"), profile]).await;
        let all = ("AWS_ENDPOINT_URL", "http://all");
        check(&[all], [Some("http://all"); 4]).await;
        let iam = ("AWS_ENDPOINT_URL_IAM", "http://iam");
        let everywhere = Some("http://all");
        check(&[all, iam], [everywhere, Some("http://iam"), everywhere, everywhere]).await;
        check(&[iam], [profile, Some("http://iam"), Some("http://profile-eks"), profile]).await;
        let auth = ("AWS_ENDPOINT_URL_EKS_AUTH", "http://auth");
        check(&[auth], [profile, profile, Some("http://profile-eks"), Some("http://auth")]).await;
        check(&[all, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], [None; 4]).await;
    }
}
