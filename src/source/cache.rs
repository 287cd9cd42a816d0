//! What AWS said last time, on disk, so that a session can paint at once. Never judged; thrown away when it turns out to
//! be of another cluster or caller.
//!
//! One file a (cluster, caller), mode 0600 in a directory of mode 0700, written beside and renamed. It holds what rows
//! show: no tokens, no tags, no permission policies, no add-on configuration. What is not readable is not there.

mod rows;

use crate::{
    fact::{Cluster, Fact, Scope},
    ident::{Arn, Timestamp},
    source::cache::rows::{
        AddonRow, AssociationRow, ClusterRow, NodegroupRow, ProviderRow, RoleRow, Row,
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// Of the file's form; a file of another version is replaced.
const VERSION: u32 = 1;

/// A larger file is none of ours.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Files that nobody has written for so long are of credentials or clusters that are gone.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The name of a cluster's file: the SHA-256 of all that decides what is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// In order: API server, certificate authority, cluster name, region, profile, access key id.
    pub(crate) fn new(parts: [&str; 6]) -> Key {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        Key(digest.finalize().iter().map(|it| format!("{it:02x}")).collect())
    }

    fn path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.json", self.0))
    }
}

/// Whose the facts are; they are painted only as long as this is not known to be different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owner {
    /// Without the session's name.
    pub(crate) caller: String,
    pub(crate) cluster: String,
    pub(crate) issuer: Option<String>,
    pub(crate) created: Option<Timestamp>,
}

impl Owner {
    pub(crate) fn new(caller: &Arn, cluster: &Cluster) -> Owner {
        Owner {
            caller: caller_base(caller),
            cluster: cluster.arn.as_str().into(),
            issuer: cluster.issuer.as_ref().map(|it| it.as_str().into()),
            created: cluster.created,
        }
    }
}

/// `arn:P:sts::A:assumed-role/NAME` without `/SESSION`: sessions come and go.
pub(crate) fn caller_base(caller: &Arn) -> String {
    let text = caller.as_str();
    match text.split_once(":assumed-role/") {
        Some((head, rest)) => {
            format!("{head}:assumed-role/{}", rest.split('/').next().unwrap_or_default())
        }
        None => text.into(),
    }
}

/// What was read from a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Painted {
    pub(crate) at: Timestamp,
    pub(crate) owner: Owner,
    pub(crate) scopes: Vec<(Scope, Vec<Fact>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    at: Timestamp,
    owner: Owner,
    cluster: Option<ClusterRow>,
    associations: Option<Vec<AssociationRow>>,
    addons: Option<Vec<AddonRow>>,
    nodegroups: Option<Vec<NodegroupRow>>,
    /// By account.
    roles: BTreeMap<String, Vec<RoleRow>>,
    providers: BTreeMap<String, Vec<ProviderRow>>,
}

/// `None` when there is no file, or one that is damaged or of another version.
pub(crate) fn load(dir: &Path, key: &Key) -> Option<Painted> {
    let path = key.path(dir);
    let length = fs::metadata(&path).ok()?.len();
    if MAX_BYTES < length {
        return None;
    }
    let file: File = match serde_json::from_slice(&fs::read(&path).ok()?) {
        Ok(it) => it,
        Err(err) => {
            tracing::debug!(%err, "the cache is not readable and will be replaced");
            return None;
        }
    };
    (file.version == VERSION).then(|| file.painted())
}

/// Writes what is complete of `scopes`.
///
/// # Errors
/// Whatever the file system says; the old file is then still whole.
pub(crate) fn save(
    dir: &Path,
    key: &Key,
    owner: Owner,
    at: Timestamp,
    scopes: &BTreeMap<Scope, Vec<Fact>>,
) -> io::Result<()> {
    let bytes = serde_json::to_vec(&File::new(owner, at, scopes))?;
    make_private_dir(dir)?;
    let unique = format!(".{}.{}.tmp", key.0, std::process::id());
    let beside = dir.join(unique);
    let written = write_private(&beside, &bytes).and_then(|()| fs::rename(&beside, key.path(dir)));
    if written.is_err() {
        let _best_effort = fs::remove_file(&beside);
    }
    written
}

/// Removes files of ours that nobody has written for long.
pub(crate) fn prune(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let stem = name.trim_start_matches('.').split('.').next().unwrap_or_default();
        let is_ours = stem.len() == 64
            && stem.bytes().all(|it| it.is_ascii_hexdigit())
            && (name.ends_with(".json") || name.ends_with(".tmp"));
        let modified = entry.metadata().and_then(|it| it.modified());
        let age = modified.ok().and_then(|it| it.elapsed().ok());
        if is_ours && age.is_some_and(|it| MAX_AGE < it) {
            let _best_effort = fs::remove_file(entry.path());
        }
    }
}

/// Forgets a file that turned out to be of something else.
pub(crate) fn remove(dir: &Path, key: &Key) {
    let _best_effort = fs::remove_file(key.path(dir));
}

#[cfg(unix)]
fn make_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A leftover of a process with our id is not ours to trust: its mode may be anything.
    let _may_be_absent = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl File {
    fn new(owner: Owner, at: Timestamp, scopes: &BTreeMap<Scope, Vec<Fact>>) -> File {
        let mut file = File {
            version: VERSION,
            at,
            owner,
            cluster: None,
            associations: None,
            addons: None,
            nodegroups: None,
            roles: BTreeMap::new(),
            providers: BTreeMap::new(),
        };
        for (scope, facts) in scopes {
            match scope {
                Scope::Cluster => file.cluster = rows(facts).into_iter().next(),
                Scope::Associations => file.associations = Some(rows(facts)),
                Scope::Addons => file.addons = Some(rows(facts)),
                Scope::Nodegroups => file.nodegroups = Some(rows(facts)),
                Scope::Roles { account } => {
                    file.roles.insert(account.to_string(), rows(facts));
                }
                Scope::Providers { account } => {
                    file.providers.insert(account.to_string(), rows(facts));
                }
                Scope::ApiServer
                | Scope::Namespaces
                | Scope::ServiceAccounts { .. }
                | Scope::Pods { .. }
                | Scope::Workloads { .. }
                | Scope::Nodes
                | Scope::Webhooks
                | Scope::Budgets { .. }
                | Scope::Caller
                | Scope::OtherClusters
                | Scope::OtherAssociations
                | Scope::IdentityProviders => {}
            }
        }
        file
    }

    fn painted(self) -> Painted {
        let mut scopes = Vec::new();
        let mut add = |scope: Scope, facts: Vec<Fact>| scopes.push((scope, facts));
        if let Some(it) = self.cluster {
            add(Scope::Cluster, facts([it]));
        }
        if let Some(it) = self.associations {
            add(Scope::Associations, facts(it));
        }
        if let Some(it) = self.addons {
            add(Scope::Addons, facts(it));
        }
        if let Some(it) = self.nodegroups {
            add(Scope::Nodegroups, facts(it));
        }
        for (account, it) in self.roles {
            add(Scope::Roles { account: account.into() }, facts(it));
        }
        for (account, it) in self.providers {
            add(Scope::Providers { account: account.into() }, facts(it));
        }
        Painted { at: self.at, owner: self.owner, scopes }
    }
}

fn rows<R: Row>(facts: &[Fact]) -> Vec<R> {
    facts.iter().filter_map(R::of).collect()
}

fn facts<R: Row>(rows: impl IntoIterator<Item = R>) -> Vec<Fact> {
    rows.into_iter().map(R::fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fact::{IamRole, Knowledge, Policies},
        iam::{Document, Kind},
        ident::Text,
    };
    use std::sync::Arc;

    fn key() -> Key {
        Key::new(["https://s", "ca", "prod", "eu-west-1", "ops", "AKIA1"])
    }

    fn owner() -> Owner {
        Owner { caller: "c".into(), cluster: "k".into(), issuer: None, created: None }
    }

    fn at() -> Timestamp {
        Timestamp::from_second(1_700_000_000).expect("in range")
    }

    fn roles() -> BTreeMap<Scope, Vec<Fact>> {
        let role = IamRole {
            arn: Arn::from("arn:aws:iam::111122223333:role/app"),
            id: "AROA1".into(),
            created: Some(at()),
            trust: Arc::new(Document::parse("not json", Kind::Trust)),
            max_session_seconds: Some(3600),
            permissions_boundary: Knowledge::NotYet,
            tags: Knowledge::Known(vec![("token".into(), "hunter2".into())]),
            last_used: Knowledge::NotYet,
            policies: Knowledge::Known(Policies::default()),
            read_at: Some(at()),
        };
        let account: Text = "111122223333".into();
        BTreeMap::from([(Scope::Roles { account }, vec![Fact::Role(role)])])
    }

    #[test]
    fn what_is_saved_is_painted_without_what_could_be_secret() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("cache");
        save(&dir, &key(), owner(), at(), &roles()).expect("saved");
        let painted = load(&dir, &key()).expect("loaded");
        assert_eq!((painted.at, painted.owner), (at(), owner()));
        let Fact::Role(role) = &painted.scopes[0].1[0] else { panic!("{:?}", painted.scopes) };
        assert_eq!(&*role.trust.raw, "not json");
        assert_eq!((&role.tags, &role.policies), (&Knowledge::NotYet, &Knowledge::NotYet));
        let text = fs::read_to_string(key().path(&dir)).expect("readable");
        assert!(!text.contains("hunter2"));
        assert_eq!(fs::read_dir(&dir).expect("readable").count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("set");
        save(dir.path(), &key(), owner(), at(), &roles()).expect("saved");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(dir.path()), 0o700);
        assert_eq!(mode(&key().path(dir.path())), 0o600);
    }

    #[test]
    fn damaged_and_foreign_files_are_ignored_and_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
        save(dir, &key(), owner(), at(), &roles()).expect("saved");
        let path = key().path(dir);
        let good = fs::read_to_string(&path).expect("readable");
        let check = |text: &str| {
            fs::write(&path, text).expect("written");
            assert_eq!(load(dir, &key()), None, "{text}");
            save(dir, &key(), owner(), at(), &roles()).expect("saved");
            assert!(load(dir, &key()).is_some());
        };
        check("");
        check(&good[..good.len() / 2]);
        check(&good.replace("\"version\":1", "\"version\":2"));
        check(&good.replace("\"roles\"", "\"parts\""));
        check("{}");
        assert_eq!(load(dir, &Key::new(["", "", "", "", "", ""])), None);
    }

    #[test]
    fn every_part_of_the_key_counts_and_none_runs_into_the_next() {
        let parts = ["a", "b", "c", "d", "e", "f"];
        for at in 0..parts.len() {
            let mut other = parts;
            other[at] = "x";
            assert_ne!(Key::new(parts), Key::new(other));
        }
        assert_ne!(Key::new(["ab", "", "", "", "", ""]), Key::new(["a", "b", "", "", "", ""]));
    }

    #[test]
    fn a_session_is_the_same_caller() {
        let check = |arn: &str, base: &str| assert_eq!(caller_base(&Arn::from(arn)), base);
        let base = "arn:aws:sts::111122223333:assumed-role/ops";
        check("arn:aws:sts::111122223333:assumed-role/ops/me", base);
        check("arn:aws:sts::111122223333:assumed-role/ops/you", base);
        check("arn:aws:iam::111122223333:user/ci", "arn:aws:iam::111122223333:user/ci");
    }
}
