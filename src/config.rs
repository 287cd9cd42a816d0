//! The configuration file: text to names. Resolves nothing, reads nothing, knows no defaults of other modules.

use serde::Deserialize;
use std::collections::BTreeMap;

/// `config.yaml`. Every key is optional; an unknown one is an error, since a typing error would go unseen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Key to command name: `ctrl-z: faults`.
    pub keys: BTreeMap<String, String>,
    /// How roles of other accounts are read, by account id.
    pub accounts: BTreeMap<String, Account>,
    /// The line that the dashboard starts with: `:sa payments`.
    pub command: Option<String>,
    pub ascii: bool,
    /// `auto`, `always`, `never`.
    pub color: Option<String>,
    /// Seconds between two readings of AWS.
    pub poll_seconds: Option<u64>,
    /// How long every pod has to be Ready before a migration takes the old way away; ten minutes where it is not said.
    pub ready_minutes: Option<u64>,
    /// The command of `:login`, where the profile's own is not wanted.
    pub login: Option<String>,
    /// Whether clicks and the wheel are ours (the default) or the terminal's.
    pub mouse: Option<bool>,
    /// Namespaces that have the digits from 1 on; those that are visited get what is left.
    pub namespaces: Vec<String>,
    /// Where `ctrl-s` writes; the system's place for state where it is not said.
    pub save_dir: Option<String>,
    /// Nothing may be written at all.
    pub readonly: bool,
    /// What holds for single kubeconfig contexts, by name; `*` and `?` stand for others.
    pub contexts: BTreeMap<String, Context>,
}

/// One kubeconfig context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Context {
    /// Nothing may be written through it.
    pub readonly: bool,
}

/// One account that some other credentials read: by profile, or by assuming a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Account {
    pub profile: Option<String>,
    pub role_arn: Option<String>,
    pub external_id: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not retryable: the file has to be mended.
    #[error("read the configuration: {0}")]
    Syntax(String),
    #[error("read the configuration: account `{0}` needs a profile or a roleArn, and not both")]
    Account(String),
}

impl Config {
    /// An empty text is an empty configuration.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let blank = |it: &str| it.trim().is_empty() || it.trim_start().starts_with('#');
        if text.lines().all(blank) {
            return Ok(Config::default());
        }
        let res: Config =
            serde_saphyr::from_str(text).map_err(|it| ConfigError::Syntax(it.to_string()))?;
        let odd = res.accounts.iter().find(|(_, it)| it.profile.is_some() == it.role_arn.is_some());
        match odd {
            Some((id, _)) => Err(ConfigError::Account(id.clone())),
            None => Ok(res),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Account, Config};

    #[test]
    fn reads_what_it_documents() {
        let text = "keys: {ctrl-z: faults}\naccounts:\n  \"111122223333\": {profile: audit}\n  \"444455556666\": {roleArn: \"arn:aws:iam::444455556666:role/read\", externalId: x}\ncommand: ':sa default'\nascii: true\npollSeconds: 30\nreadyMinutes: 5\nmouse: false\nnamespaces: [shop]\nsaveDir: /tmp/x\nreadonly: true\ncontexts: {prod-*: {readonly: true}}\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.keys["ctrl-z"], "faults");
        assert_eq!(
            config.accounts["111122223333"],
            Account { profile: Some("audit".into()), ..Account::default() }
        );
        assert_eq!(config.accounts["444455556666"].external_id.as_deref(), Some("x"));
        assert_eq!(config.command.as_deref(), Some(":sa default"));
        assert_eq!((config.ascii, config.poll_seconds), (true, Some(30)));
        assert_eq!(config.ready_minutes, Some(5));
        assert!(config.readonly && config.contexts["prod-*"].readonly);
        assert_eq!((config.mouse, config.namespaces.len()), (Some(false), 1));
        assert_eq!(config.save_dir.as_deref(), Some("/tmp/x"));
    }

    #[test]
    fn an_empty_file_is_an_empty_configuration() {
        for text in ["", "\n", "# nothing yet\n"] {
            assert_eq!(Config::parse(text).unwrap(), Config::default(), "{text:?}");
        }
    }

    #[test]
    fn names_the_place_of_a_typing_error() {
        let wrong = Config::parse("ascii: true\nkeyz: {}\n").unwrap_err().to_string();
        assert!(wrong.contains("keyz"), "{wrong}");
        let wrong = Config::parse("accounts: {\"111122223333\": {}}").unwrap_err().to_string();
        assert!(wrong.contains("111122223333"), "{wrong}");
    }
}
