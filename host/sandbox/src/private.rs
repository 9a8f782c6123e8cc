//! A folder in which only the user of this process can have written: compiled code and what the user has
//! vouched for are read from nowhere else.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A folder that belongs to the user of this process, that nobody else may open (mode 0700), and that is no
/// link. It is checked once; its files are then reached through the open folder, whatever happens to its path.
/// A user with all rights (root) trusts nobody else's folder either.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    #[cfg(unix)]
    folder: std::os::fd::OwnedFd,
}

impl PrivateFolder {
    /// Makes the folder where there is none, and opens it.
    pub fn make(path: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        match builder.create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Self::open(path),
        }
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A whole file of at most `limit` bytes. Links are not followed.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.file(name, false)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(io::Error::other(format!("it is larger than {limit} bytes"))),
            false => Ok(bytes),
        }
    }

    /// Puts a file in place at once: another process sees the old one or the new one.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let draft = format!("{name}.{:x}", std::process::id());
        let written = self.file(&draft, true).and_then(|mut file| file.write_all(bytes));
        written.and_then(|()| self.rename(&draft, name)).inspect_err(|_| self.remove(&draft))
    }
}

#[cfg(unix)]
impl PrivateFolder {
    /// Opens a folder that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(CWD, path, flags, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => {
                io::Error::other("it is a link or a file, and no folder")
            }
            error => error.into(),
        })?;
        let there = fstat(&folder)?;
        if there.st_uid != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if there.st_mode & 0o077 != 0 {
            return Err(io::Error::other("others may open it (chmod 700)"));
        }
        Ok(Self { path: path.to_owned(), folder })
    }

    fn file(&self, name: &str, new: bool) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        // A pipe that somebody put here must not be waited for.
        let common = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let flags = match new {
            true => OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | common,
            false => OFlags::RDONLY | common,
        };
        Ok(openat(&self.folder, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder, from, &self.folder, to)?)
    }

    fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.folder, name, rustix::fs::AtFlags::empty());
    }
}

/// Elsewhere a profile's folders belong to their user by themselves.
#[cfg(not(unix))]
impl PrivateFolder {
    /// Opens a folder that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path)?.is_dir() {
            true => Ok(Self { path: path.to_owned() }),
            false => Err(io::Error::other("it is a link or a file, and no folder")),
        }
    }

    fn file(&self, name: &str, new: bool) -> io::Result<File> {
        let path = self.path.join(name);
        match new {
            true => File::create(path),
            false => File::open(path),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path.join(name));
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_only_the_user_can_look() {
        let above = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::make(&above.path().join("new/private")).unwrap();
        folder.write("a", b"one").unwrap();
        folder.write("a", b"two").unwrap();
        assert_eq!(folder.read("a", 3).unwrap(), b"two");
        assert!(folder.read("a", 2).is_err(), "it is larger than the limit");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(folder.path().join("a")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_others_may_open_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("open");
        fs::create_dir(&path).unwrap();
        for mode in [0o755, 0o770, 0o701] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(PrivateFolder::make(&path).is_err(), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(PrivateFolder::make(&path).is_ok());
    }

    #[test]
    fn links_are_not_followed() {
        let above = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::make(&above.path().join("private")).unwrap();
        symlink(folder.path(), above.path().join("link")).unwrap();
        assert!(PrivateFolder::open(&above.path().join("link")).is_err());
        fs::write(above.path().join("secret"), "x").unwrap();
        symlink(above.path().join("secret"), folder.path().join("a")).unwrap();
        assert!(folder.read("a", 10).is_err());
        folder.write("a", b"new").unwrap();
        assert_eq!(fs::read(above.path().join("secret")).unwrap(), b"x", "the link was replaced");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let above = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::make(&above.path().join("private")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("a")).status();
        assert!(made.is_ok_and(|status| status.success()));
        assert!(folder.read("a", 10).is_err());
    }
}
