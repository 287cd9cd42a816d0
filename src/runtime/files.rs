//! Files that a person asked for: written once, for that person alone.

use crate::{
    ident::{Text, Timestamp},
    view::Saved,
};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Writes what is seen into a new file; its path, or in a line why not.
pub fn save(dir: Option<&Path>, saved: &Saved, now: Timestamp) -> Result<Text, Text> {
    let dir = dir.ok_or("there is no place for it; set `saveDir` in the configuration")?;
    match write(dir, saved, now) {
        Ok(path) => Ok(path.display().to_string().into()),
        Err(error) => Err(format!("{}: {error}", dir.display()).into()),
    }
}

fn write(dir: &Path, saved: &Saved, now: Timestamp) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let stem = format!("{}-{}", saved.name, now.strftime("%Y%m%dT%H%M%SZ"));
    // Two in one second are two files.
    for n in 1.. {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        let path = dir.join(format!("{stem}{number}.{}", saved.ending));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => return file.write_all(saved.text.as_bytes()).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < 100 => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use crate::{ident::Timestamp, runtime::files::save, view::Saved};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn writes_a_new_file_each_time_for_its_owner_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let into = dir.path().join("a/b");
        let saved = Saved { name: "pods".into(), ending: "csv", text: "NAME\n".into() };
        let first = save(Some(&into), &saved, Timestamp::UNIX_EPOCH).unwrap();
        let second = save(Some(&into), &saved, Timestamp::UNIX_EPOCH).unwrap();
        assert!(first.ends_with("pods-19700101T000000Z.csv"), "{first}");
        assert!(second.ends_with("pods-19700101T000000Z-2.csv"), "{second}");
        assert_eq!(std::fs::read_to_string(&*first).unwrap(), "NAME\n");
        let mode = std::fs::metadata(&*first).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(save(None, &saved, Timestamp::UNIX_EPOCH).is_err());
    }
}
