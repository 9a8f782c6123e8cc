//! The partial files in the output folder, for its maintenance. Everything here blocks.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;

use super::partial;
use super::store::Store;
use crate::out;
use tierfall_objects::Objects;
use tierfall_work::ArtifactFormat;

/// A partial file that was not finished, or the note left of one whose process ended while removing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Of the partial file, even where only the note about it is left.
    pub path: PathBuf,
    /// The key of its work (`doi:10.1371/…`); `None` where nothing is known of it, and it cannot be resumed.
    pub work_key: Option<String>,
    /// The URL that was fetched; `None` where nothing is known of it.
    pub url: Option<String>,
    /// The size of the partial file; 0 where only the note is left.
    pub bytes: u64,
    /// Since it was last written to.
    pub untouched: Duration,
}

impl Store {
    /// Every partial file, and every note about one that is no longer there.
    pub fn leftovers(&self) -> io::Result<Vec<Leftover>> {
        let now = SystemTime::now();
        let mut leftovers = Vec::new();
        for entry in fs::read_dir(self.partials().folder())? {
            let found = entry?.path();
            let path = found.with_extension("part");
            let whole = found == path;
            let note = found.extension() == Some(OsStr::new("json")) && !path.exists();
            if !whole && !note {
                continue;
            }
            // It may have been finished meanwhile.
            let Ok(there) = fs::symlink_metadata(&found) else { continue };
            let untouched =
                there.modified().ok().and_then(|then| now.duration_since(then).ok()).unwrap_or_default();
            let (work_key, url) = partial::origin_of(&path).map(|origin| (origin.work, origin.url)).unzip();
            leftovers.push(Leftover {
                path,
                work_key,
                url,
                bytes: if whole { there.len() } else { 0 },
                untouched,
            });
        }
        Ok(leftovers)
    }

    /// Removes a leftover by its path; `false` if a download is writing to it, and it was left alone.
    pub fn remove(&self, path: &Path) -> io::Result<bool> {
        // Over NFS a file must be open for writing to be locked so.
        match out::open(OpenOptions::new().read(true).write(true), path) {
            // Where there are no locks, how long it has not been written to has to do.
            Ok(file) if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) => Ok(false),
            Ok(_locked) => {
                partial::remove_if_there(&partial::sidecar(path))?;
                partial::remove_if_there(path)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                partial::remove_if_there(&partial::sidecar(path))?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes what an acquisition left that is no longer needed, unless a download is writing to it.
    pub fn clear(&self, work_key: &str, url: &str) {
        let path = self.partials().path(work_key, url);
        self.partials().quota().release(&path);
        if !path.exists() {
            return;
        }
        if let Err(error) = self.remove(&path) {
            tracing::debug!(path = %path.display(), %error, "a partial file cannot be removed");
        }
    }

    /// The SHA-256 of every stored file, in hexadecimal digits, by its name. What a power failure or a sync tool has
    /// emptied is as good as gone.
    pub fn hashes(&self) -> io::Result<Vec<String>> {
        if let Some(objects) = self.objects() {
            return self.hashes_of_objects(objects);
        }
        let mut hashes = Vec::new();
        for folder in fs::read_dir(self.root().join("files/sha256"))? {
            let folder = folder?.path();
            if out::is_own_folder(&folder).is_err() {
                continue;
            }
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                hashes.extend(hash_of(&path).filter(|_| out::size(&path).is_some_and(|bytes| bytes > 0)));
            }
        }
        Ok(hashes)
    }

    /// Must be called by a thread that may block and that belongs to a runtime.
    fn hashes_of_objects(&self, objects: &Objects) -> io::Result<Vec<String>> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let mut hashes = Vec::new();
        let take = |path: &str, bytes| hashes.extend(hash_of(Path::new(path)).filter(|_| bytes > 0));
        runtime.block_on(objects.list("files/sha256", take)).map_err(io::Error::other)?;
        Ok(hashes)
    }
}

/// The SHA-256 that a stored file is named by.
fn hash_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let ending = path.extension()?.to_str()?;
    let ours = ArtifactFormat::ALL.iter().any(|format| format.extension() == ending);
    (ours && stem.len() == 64).then(|| stem.to_owned())
}
