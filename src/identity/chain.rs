//! Which provider a container's credential chain settles on, before any network call.
//!
//! The chain is botocore's (`credentials.py`): an empty value is an unset one, the last duplicate wins. What files
//! hold is never read; where a mounted file decides, the answer says so.

mod expand;

use crate::{
    fact::{Container, EnvSource, Knowledge, Volume, VolumeSource},
    ident::{Arn, Text},
};

/// Where the chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Keys in the environment or in a shared credentials file.
    Static,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` with this role; `None` when the value comes from an object that is not read.
    WebIdentity(Option<Arn>),
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `…_RELATIVE_URI`.
    Container,
    /// Nothing is configured: the instance metadata service, if it can be reached.
    NodeRole,
    /// The chain stops with an error, or instance metadata is switched off.
    None,
}

impl Provider {
    /// `static`, `irsa`, `pod-identity`, `node-role`, `none`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Provider::Static => "static",
            Provider::WebIdentity(_) => "irsa",
            Provider::Container => "pod-identity",
            Provider::NodeRole => "node-role",
            Provider::None => "none",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub provider: Provider,
    /// botocore's exception class, e.g. `InvalidConfigError`, `PartialCredentialsError`; with `Provider::None` only.
    pub error: Option<&'static str>,
    /// One fragment: which entry decided.
    pub because: String,
    /// What could not be read and might change the answer, as `secret aws-keys (envFrom)` or
    /// `file /root/.aws/config in volume aws`.
    pub unread: Vec<Text>,
}

/// As `settle_in` where the pod's volumes are not known.
pub fn settle(container: &Container, keys: &dyn Fn(&EnvSource) -> Knowledge<Vec<Text>>) -> Chain {
    settle_in(container, &[], keys)
}

/// Follows the chain for one container. `keys` tells the key names of a ConfigMap or Secret named in `envFrom`;
/// `volumes` are the pod's.
pub fn settle_in(
    container: &Container,
    volumes: &[Volume],
    keys: &dyn Fn(&EnvSource) -> Knowledge<Vec<Text>>,
) -> Chain {
    let mut walk = Walk { container, volumes, keys, unread: Vec::new() };
    let (provider, error, because) = walk.decide();
    Chain { provider, error, because, unread: walk.unread }
}

struct Walk<'a> {
    container: &'a Container,
    volumes: &'a [Volume],
    keys: &'a dyn Fn(&EnvSource) -> Knowledge<Vec<Text>>,
    unread: Vec<Text>,
}

/// A variable as the process will see it.
enum Seen {
    Unset,
    Literal(Text),
    /// Set, to a value that is not known here; the text names its origin.
    Hidden(Text),
}

impl Seen {
    fn is_set(&self) -> bool {
        match self {
            Seen::Unset => false,
            Seen::Literal(_) | Seen::Hidden(_) => true,
        }
    }

    fn literal(&self) -> Option<&Text> {
        match self {
            Seen::Literal(it) => Some(it),
            Seen::Unset | Seen::Hidden(_) => None,
        }
    }
}

type Decided = (Provider, Option<&'static str>, String);

impl Walk<'_> {
    fn decide(&mut self) -> Decided {
        let files = Files::of(self);
        if let Some(decided) = self.profile(&files) {
            return decided;
        }
        let key = self.lookup("AWS_ACCESS_KEY_ID");
        if key.is_set() {
            return match self.lookup("AWS_SECRET_ACCESS_KEY").is_set() {
                true => decided(
                    Provider::Static,
                    "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are set",
                ),
                false => stopped(
                    "PartialCredentialsError",
                    "`AWS_ACCESS_KEY_ID` is set without `AWS_SECRET_ACCESS_KEY`",
                ),
            };
        }
        if self.lookup("AWS_WEB_IDENTITY_TOKEN_FILE").is_set() {
            return match self.lookup("AWS_ROLE_ARN") {
                Seen::Literal(it) => decided(
                    Provider::WebIdentity(Some(Arn::new(it))),
                    "`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are set",
                ),
                Seen::Hidden(origin) => {
                    self.note(format!("value of AWS_ROLE_ARN from {origin}"));
                    decided(
                        Provider::WebIdentity(None),
                        "`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are set",
                    )
                }
                Seen::Unset => {
                    files.note(self);
                    stopped(
                        "InvalidConfigError",
                        "`AWS_WEB_IDENTITY_TOKEN_FILE` is set without `AWS_ROLE_ARN`",
                    )
                }
            };
        }
        files.note(self);
        if let Some(because) = &files.credentials {
            return decided(Provider::Static, because);
        }
        if let Some(decided) = self.old_file() {
            return decided;
        }
        for name in ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        {
            if self.lookup(name).is_set() {
                return decided(Provider::Container, &format!("`{name}` is set"));
            }
        }
        match self.lookup("AWS_EC2_METADATA_DISABLED") {
            Seen::Literal(it) if it.eq_ignore_ascii_case("true") => decided(
                Provider::None,
                "nothing is configured and `AWS_EC2_METADATA_DISABLED` is `true`",
            ),
            Seen::Hidden(origin) => {
                self.note(format!("value of AWS_EC2_METADATA_DISABLED from {origin}"));
                decided(Provider::NodeRole, "nothing is configured")
            }
            Seen::Literal(_) | Seen::Unset => decided(Provider::NodeRole, "nothing is configured"),
        }
    }

    /// A profile that no file defines stops botocore before it looks at anything else, keys in the environment
    /// included. A profile in some file changes nothing for what the environment configures.
    fn profile(&mut self, files: &Files) -> Option<Decided> {
        let name =
            ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"].into_iter().find(|it| self.peek(it).is_set())?;
        if files.any {
            return None;
        }
        self.note("the image's own ~/.aws files".to_owned());
        Some(stopped("ProfileNotFound", &format!("`{name}` is set and no mounted file defines it")))
    }

    /// The credential file of the first EC2 tools, which stops botocore where it is missing.
    fn old_file(&mut self) -> Option<Decided> {
        let name = "AWS_CREDENTIAL_FILE";
        let path = match self.lookup(name) {
            Seen::Unset => return None,
            Seen::Literal(it) => it,
            Seen::Hidden(origin) => {
                self.note(format!("file named by {name} from {origin}"));
                return Some(stopped("ConfigNotFound", "`AWS_CREDENTIAL_FILE` is set"));
            }
        };
        Some(match self.volume_at(&path).cloned() {
            Some(volume) => {
                self.note(format!("file {path} in volume {volume}"));
                let because = format!("`{name}` names `{path}`, which volume `{volume}` provides");
                decided(Provider::Static, &because)
            }
            None => {
                self.note(format!("file {path} in the image"));
                let because = format!("`{name}` names `{path}`, which no mount provides");
                stopped("ConfigNotFound", &because)
            }
        })
    }

    /// Looks a variable up and notes which unread object might have it.
    fn lookup(&mut self, name: &str) -> Seen {
        let (seen, unread) = self.find(name);
        unread.into_iter().for_each(|it| self.note(it));
        seen
    }

    fn peek(&self, name: &str) -> Seen {
        self.find(name).0
    }

    /// `env` beats `envFrom`, and the last entry of either beats those before it (Kubernetes, "Define environment
    /// variables"). An empty `env` entry hides `envFrom` too.
    fn find(&self, name: &str) -> (Seen, Vec<String>) {
        let mut unread = Vec::new();
        if let Some(at) = self.container.env.iter().rposition(|it| &*it.name == name) {
            return (expand::entry(&self.container.env, at), unread);
        }
        for from in self.container.env_from.iter().rev() {
            let Some(key) = name.strip_prefix(&*from.prefix) else { continue };
            let origin = match &from.of {
                EnvSource::ConfigMap(it) => format!("configmap {it} (envFrom)"),
                EnvSource::Secret(it) => format!("secret {it} (envFrom)"),
            };
            match (self.keys)(&from.of) {
                Knowledge::Known(keys) if keys.iter().any(|it| &**it == key) => {
                    return (Seen::Hidden(origin.into()), unread);
                }
                Knowledge::Known(_) | Knowledge::Absent => {}
                Knowledge::Denied(_) | Knowledge::NotYet => unread.push(origin),
            }
        }
        (Seen::Unset, unread)
    }

    fn note(&mut self, what: String) {
        if self.unread.iter().all(|it| **it != *what) {
            self.unread.push(what.into());
        }
    }

    /// The volume behind a path: that of the longest mount path that is the path itself or a directory above it.
    fn volume_at(&self, path: &str) -> Option<&Text> {
        let under = |mount: &str| {
            let mount = mount.trim_end_matches('/');
            path.strip_prefix(mount).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let mounts = self.container.mounts.iter().filter(|it| under(&it.path));
        mounts.max_by_key(|it| it.path.trim_end_matches('/').len()).map(|it| &it.volume)
    }
}

/// The shared configuration files that mounts may provide.
#[derive(Default)]
struct Files {
    /// Why a credentials file is taken to be there.
    credentials: Option<String>,
    /// Whether some file might define profiles.
    any: bool,
    unread: Vec<String>,
}

impl Files {
    fn of(walk: &Walk<'_>) -> Files {
        let mut res = Files::default();
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            let seen = walk.peek(name);
            let Some(path) = seen.literal() else {
                if let Seen::Hidden(origin) = seen {
                    res.see(format!("file named by {name} from {origin}"));
                }
                continue;
            };
            match walk.volume_at(path) {
                Some(volume) if name == "AWS_SHARED_CREDENTIALS_FILE" => {
                    res.credentials =
                        Some(format!("`{name}` names `{path}`, which volume `{volume}` provides"));
                    res.see(format!("file {path} in volume {volume}"));
                }
                Some(volume) => res.see(format!("file {path} in volume {volume}")),
                // Whether the image has it cannot be known; a missing file is no error.
                None => res.unread.push(format!("file {path} in the image")),
            }
        }
        for mount in &walk.container.mounts {
            // `HOME` is the image's affair, so any directory of that name counts.
            let Some((_, file)) = mount.path.trim_end_matches('/').rsplit_once("/.aws") else {
                continue;
            };
            let secret = walk
                .volumes
                .iter()
                .any(|it| it.name == mount.volume && matches!(it.source, VolumeSource::Secret(_)));
            match file {
                "/credentials" => {}
                "" if secret => {}
                "" | "/config" => {
                    res.see(format!("files of {} in volume {}", mount.path, mount.volume));
                    continue;
                }
                _ => continue,
            }
            let by = format!("volume `{}` is mounted at `{}`", mount.volume, mount.path);
            res.credentials.get_or_insert(by);
            res.see(format!("files of {} in volume {}", mount.path, mount.volume));
        }
        res
    }

    fn see(&mut self, file: String) {
        self.any = true;
        self.unread.push(file);
    }

    fn note(&self, walk: &mut Walk<'_>) {
        self.unread.iter().for_each(|it| walk.note(it.clone()));
    }
}

fn decided(provider: Provider, because: &str) -> Decided {
    (provider, None, because.to_owned())
}

fn stopped(error: &'static str, because: &str) -> Decided {
    (Provider::None, Some(error), because.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::{
        fact::{ContainerKind, Denied, EnvFrom, EnvValue, EnvVar, Mount},
        identity::chain::*,
    };

    const ROLE: &str = "arn:aws:iam::111122223333:role/app";
    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    const WEB: [(&str, &str); 2] = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", ROLE)];
    const FULL: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/");

    fn container(env: &[(&str, &str)], mounts: &[(&str, &str)]) -> Container {
        let env = env.iter().map(|(name, value)| EnvVar {
            name: (*name).into(),
            value: EnvValue::Literal((*value).into()),
        });
        let mounts = mounts.iter().map(|(volume, path)| Mount {
            volume: (*volume).into(),
            path: (*path).into(),
            sub_path: None,
            read_only: true,
        });
        Container {
            name: "app".into(),
            kind: ContainerKind::Main,
            image: "app:1".into(),
            env: env.collect(),
            env_from: Vec::new(),
            mounts: mounts.collect(),
        }
    }

    fn secret(name: &str) -> Volume {
        Volume { name: name.into(), source: VolumeSource::Secret(name.into()) }
    }

    fn check(env: &[&[(&str, &str)]], expected: (&str, Option<&str>)) {
        let res = settle(&container(&env.concat(), &[]), &|_| Knowledge::NotYet);
        assert_eq!((res.provider.as_str(), res.error), expected, "{env:?}");
    }

    /// Expectations are those of botocore 1.44.5 with its container and metadata providers stubbed, but that botocore
    /// takes an empty container URI and an empty profile for set ones.
    #[test]
    fn settles_as_botocore_does() {
        check(&[], ("node-role", None));
        check(&[&KEYS, &WEB, &[FULL]], ("static", None));
        check(&[&KEYS[..1], &WEB], ("none", Some("PartialCredentialsError")));
        check(&[&KEYS[1..]], ("node-role", None));
        check(&[&WEB, &[FULL]], ("irsa", None));
        check(&[&WEB[..1], &[FULL]], ("none", Some("InvalidConfigError")));
        check(&[&WEB[..1], &[("AWS_ROLE_ARN", "")]], ("none", Some("InvalidConfigError")));
        check(&[&WEB[1..], &[FULL]], ("pod-identity", None));
        check(&[&WEB, &[("AWS_WEB_IDENTITY_TOKEN_FILE", "")]], ("node-role", None));
        check(&[&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")]], ("pod-identity", None));
        check(&[&[FULL, (FULL.0, "")]], ("node-role", None));
        check(&[&[("AWS_EC2_METADATA_DISABLED", "TRUE")]], ("none", None));
        check(&[&[("AWS_EC2_METADATA_DISABLED", "1")]], ("node-role", None));
        check(&[&[("AWS_PROFILE", "x")], &KEYS], ("none", Some("ProfileNotFound")));
        check(&[&[("AWS_DEFAULT_PROFILE", "x")], &WEB], ("none", Some("ProfileNotFound")));
        check(&[&[("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")]], ("node-role", None));
        let old = ("AWS_CREDENTIAL_FILE", "/nowhere");
        check(&[&[old]], ("none", Some("ConfigNotFound")));
        check(&[&[old, FULL]], ("none", Some("ConfigNotFound")));
        check(&[&[old], &WEB], ("irsa", None));
        check(&[&[old], &KEYS], ("static", None));
        check(&[&[(old.0, "")], &[FULL]], ("pod-identity", None));
    }

    fn check_files(env: &[(&str, &str)], mounts: &[(&str, &str)], expected: (&str, usize)) {
        let res = settle_in(&container(env, mounts), &[secret("s")], &|_| Knowledge::NotYet);
        assert_eq!((res.provider.as_str(), res.unread.len()), expected, "{env:?} {mounts:?}");
    }

    #[test]
    fn mounted_files_come_after_web_identity() {
        let file = ("AWS_SHARED_CREDENTIALS_FILE", "/aws/credentials");
        check_files(&[file], &[("v", "/aws/")], ("static", 1));
        check_files(&[file], &[("v", "/awsome")], ("node-role", 1));
        check_files(&[file, WEB[0], WEB[1]], &[("v", "/aws")], ("irsa", 0));
        check_files(&[FULL], &[("s", "/root/.aws")], ("static", 1));
        check_files(&[FULL], &[("v", "/root/.aws")], ("pod-identity", 1));
        check_files(&[FULL], &[("v", "/root/.aws/credentials")], ("static", 1));
        check_files(&[FULL], &[("v", "/root/.aws/config")], ("pod-identity", 1));
        check_files(&[FULL, ("AWS_CONFIG_FILE", "/c/config")], &[("v", "/c")], ("pod-identity", 1));
        check_files(&[FULL, ("AWS_PROFILE", "x")], &[("v", "/root/.aws")], ("pod-identity", 1));
        check_files(&[("AWS_CREDENTIAL_FILE", "/aws/old")], &[("v", "/aws")], ("static", 1));
        check_files(&[("AWS_PROFILE", "x"), KEYS[0], KEYS[1]], &[("s", "/r/.aws")], ("static", 0));
    }

    #[test]
    fn references_are_expanded_before_they_count() {
        let role = |env: &[(&str, &str)]| {
            let res = settle(&container(env, &[]), &|_| Knowledge::NotYet).provider;
            let Provider::WebIdentity(role) = res else { return res.as_str().to_owned() };
            role.map_or_else(|| "hidden".to_owned(), |it| it.to_string())
        };
        let (token, name) = (WEB[0], "AWS_ROLE_ARN");
        let id = ("ID", "111122223333");
        assert_eq!(role(&[id, token, (name, "arn:aws:iam::$(ID):role/app")]), ROLE);
        assert_eq!(role(&[token, (name, "arn:aws:iam::$(ID):role/app"), id]), "hidden");
        assert_eq!(role(&[("E", ""), token, (name, "$(E)")]), "none");
        assert_eq!(role(&[("E", ""), (token.0, "$(E)"), (name, ROLE)]), "node-role");
    }

    fn check_from(
        env: &[(&str, &str)],
        prefix: &str,
        keys: Knowledge<&[&str]>,
        expected: (&str, &[&str]),
    ) {
        let mut container = container(env, &[]);
        let of = EnvSource::Secret("aws".into());
        container.env_from = vec![EnvFrom { of, prefix: prefix.into(), optional: false }];
        let res = settle(&container, &|_| {
            keys.as_ref().map(|it| it.iter().map(|it| (*it).into()).collect())
        });
        let unread: Vec<_> = res.unread.iter().map(|it| &**it).collect();
        assert_eq!((res.provider.as_str(), &*unread), expected);
    }

    #[test]
    fn env_from_counts_by_its_key_names() {
        let both: &[_] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let denied =
            Knowledge::Denied(Denied { permission: "get secrets".into(), detail: "".into() });
        check_from(&WEB, "", Knowledge::Known(both), ("static", &[]));
        check_from(&WEB, "X_", Knowledge::Known(both), ("irsa", &[]));
        check_from(&WEB, "AWS_", Knowledge::Known(&["ACCESS_KEY_ID"]), ("none", &[]));
        check_from(&WEB, "", Knowledge::Absent, ("irsa", &[]));
        check_from(&WEB, "", denied, ("irsa", &["secret aws (envFrom)"]));
        check_from(&KEYS, "", Knowledge::NotYet, ("static", &[]));
        // An empty entry of `env` hides the key of the same name.
        check_from(&[("AWS_ACCESS_KEY_ID", "")], "", Knowledge::Known(both), ("node-role", &[]));
        check_from(
            &WEB[..1],
            "",
            Knowledge::Known(&["AWS_ROLE_ARN"]),
            ("irsa", &["value of AWS_ROLE_ARN from secret aws (envFrom)"]),
        );
    }
}
