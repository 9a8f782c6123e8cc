//! Files on their way: what has arrived, and what it takes to get the rest.
//!
//! `OUT/partial/<name>.part` holds bytes as they were received, and nothing else; `<name>.json` beside it
//! what the server said they were. Both are written by us alone: nothing a server says later can change
//! what the bytes are known to be.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tierfall_http::{HeaderMap, header};

use super::quota::Quota;
use crate::out;

/// A work, two URLs and a validator are much less; a file that is not ours may have any size.
const MAX_SIDECAR: u64 = 64 * 1024;

/// The folder of partial files.
#[derive(Debug)]
pub struct Partials {
    folder: PathBuf,
    quota: Arc<Quota>,
}

/// What makes two answers the same file: only with this may bytes be appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// A strong entity tag, with its quotes.
    pub etag: Option<String>,
    /// `Last-Modified`, as sent.
    pub last_modified: Option<String>,
}

/// What the server said of the file when its first byte was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The key of the work.
    pub work: String,
    /// The URL that was requested.
    pub url: String,
    /// The URL that answered.
    pub final_url: String,
    /// Bytes of the whole file, where they were declared.
    pub length: Option<u64>,
    pub validator: Validator,
}

/// A partial file, open for writing and locked against others.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    received: u64,
    origin: Option<Origin>,
    /// Something may be remembered beside it.
    has_sidecar: bool,
    /// Another process is at the same file: this one is of no use to anyone later.
    private: bool,
    /// It has been moved away or removed.
    settled: bool,
    work_key: String,
    quota: Arc<Quota>,
}

/// SHA-256 over bytes as they come.
#[derive(Clone, Debug)]
pub struct Hasher(Sha256);

impl Validator {
    /// Reads the validators of an answer; `None` where nothing tells this file from its next version.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = |name| header(headers, name).map(Cow::into_owned);
        // Weak tags are the same for files that are not (RFC 9110, 8.8.1).
        let etag = value("etag").filter(|tag| tag.starts_with('"') && tag.len() > 2);
        let last_modified = value("last-modified").filter(|date| !date.is_empty());
        (etag.is_some() || last_modified.is_some()).then_some(Self { etag, last_modified })
    }

    /// The value of `If-Range`.
    pub fn if_range(&self) -> Option<&str> {
        self.etag.as_deref().or(self.last_modified.as_deref())
    }

    /// Whether an answer with these validators is the same file: none that both have may differ.
    pub fn agrees(&self, other: Option<&Self>) -> bool {
        let Some(other) = other else { return true };
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        !differ(&self.etag, &other.etag) && !differ(&self.last_modified, &other.last_modified)
    }
}

impl Partials {
    pub fn new(folder: PathBuf) -> Self {
        let quota = Arc::new(Quota::of(&folder));
        Self { folder, quota }
    }

    /// How much of what was not finished is kept.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether an earlier try left something that may be continued.
    pub fn has(&self, work_key: &str, url: &str) -> bool {
        sidecar(&self.path(work_key, url)).exists()
    }

    /// Where the partial file of a work and URL is, if there is one.
    pub fn path(&self, work_key: &str, url: &str) -> PathBuf {
        self.folder.join(format!("{}.part", name(work_key, url)))
    }

    /// Opens the partial file of a work and URL. With `resume`, what an earlier try left is kept if it is
    /// known what it is; its bytes are hashed again. Blocks.
    pub fn open(&self, work_key: &str, url: &str, resume: bool) -> io::Result<Partial> {
        let mut path = self.path(work_key, url);
        let mut file = open(&path)?;
        // Whoever had the lock before may have moved the file away since we opened it: then it is not
        // the one of this name any more, and not ours to write.
        let locked = file.try_lock();
        if let Err(TryLockError::Error(error)) = &locked {
            out::tell_of_locks(error);
        }
        let private = matches!(locked, Err(TryLockError::WouldBlock)) || !is_at(&file, &path);
        if private {
            path = path.with_extension(format!("{}.part", std::process::id()));
            file = open(&path)?;
        }
        let hasher = Hasher::new();
        self.quota.release(&path);
        let (work_key, quota) = (work_key.to_owned(), Arc::clone(&self.quota));
        let mut partial = Partial {
            file,
            path,
            hasher,
            received: 0,
            origin: None,
            has_sidecar: true,
            private,
            settled: false,
            work_key,
            quota,
        };
        let origin = if resume && !private { partial.known_origin(url) } else { None };
        match origin {
            Some(origin) => {
                partial.received = partial.hasher.read_from(&mut partial.file)?;
                partial.origin = Some(origin);
            }
            None => partial.empty()?,
        }
        Ok(partial)
    }
}

impl Partial {
    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the bytes are known to be, if bytes can be added to them.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Forgets all bytes.
    pub fn restart(&mut self) -> io::Result<()> {
        let is_empty = self.received == 0 && self.origin.is_none();
        if is_empty { Ok(()) } else { self.empty() }
    }

    fn empty(&mut self) -> io::Result<()> {
        self.origin = None;
        self.forget()?;
        // Mostly it is new, and truncating costs the file system as much when there is nothing to take away.
        if self.file.metadata()?.len() > 0 {
            self.file.set_len(0)?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new();
        self.received = 0;
        Ok(())
    }

    /// Removes what was remembered.
    fn forget(&mut self) -> io::Result<()> {
        if self.has_sidecar {
            remove_if_there(&self.sidecar())?;
            self.has_sidecar = false;
        }
        Ok(())
    }

    /// Remembers what the bytes that follow are, for a later try. Before the first byte.
    pub fn remember(&mut self, origin: Origin) -> io::Result<()> {
        if !self.private {
            self.has_sidecar = true;
            let json = serde_json::to_vec(&origin).map_err(io::Error::other)?;
            // A torn sidecar cannot be read, and then nothing is resumed: no need to write it in two steps.
            out::open(OpenOptions::new().write(true).create(true).truncate(true), &self.sidecar())?
                .write_all(&json)?;
        }
        self.origin = Some(origin);
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // What cannot be finished here would leave no room for anything else, the manifest's lines among it.
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                self.origin = None;
            }
            return Err(error);
        }
        self.hasher.update(bytes);
        self.received += bytes.len() as u64;
        Ok(())
    }

    /// The SHA-256 of all bytes, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        self.hasher.clone().finish()
    }

    /// Writes everything through to the disk.
    pub fn sync(&self) -> io::Result<()> {
        out::sync(&self.file)
    }

    /// All bytes, from the file.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.received).unwrap_or(0));
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes the file and what was remembered of it.
    pub fn discard(mut self) -> io::Result<()> {
        self.settled = true;
        self.forget()?;
        remove_if_there(&self.path)
    }

    /// Removes what was remembered of a file that has been moved away.
    pub fn settle(mut self) -> io::Result<()> {
        self.settled = true;
        self.forget()
    }

    fn known_origin(&self, url: &str) -> Option<Origin> {
        let origin = origin_of(&self.path)?;
        let length = self.file.metadata().ok()?.len();
        // An empty file needs no resuming, and one that is too long is not what it is said to be.
        let fits = length > 0 && origin.length.is_none_or(|whole| length <= whole);
        (origin.url == url && fits).then_some(origin)
    }

    fn sidecar(&self) -> PathBuf {
        sidecar(&self.path)
    }
}

impl Drop for Partial {
    /// What cannot be continued is not kept, nor is more than there is room for.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let can_go_on = self.origin.is_some() && !self.private;
        if !can_go_on || !self.quota.keep(&self.work_key, &self.path, self.received) {
            // There is no caller to report to; the next run finds it unusable and empties it.
            let _ = fs::remove_file(&self.path);
            let _ = remove_if_there(&self.sidecar());
        }
    }
}

impl Hasher {
    pub fn new() -> Self {
        Self(Sha256::new())
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds everything from where a file stands to its end; how many bytes that was.
    pub fn read_from(&mut self, file: &mut File) -> io::Result<u64> {
        io::copy(file, self)
    }

    pub fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where it is written what a partial file is.
pub fn sidecar(part: &Path) -> PathBuf {
    part.with_extension("json")
}

/// What a partial file is said to be.
pub fn origin_of(part: &Path) -> Option<Origin> {
    serde_json::from_slice(&out::read(&sidecar(part), MAX_SIDECAR).ok()?).ok()
}

/// The same work by another URL may be another version of it.
fn name(work_key: &str, url: &str) -> String {
    let mut name = hex::encode(Sha256::digest(format!("{work_key}\n{url}")));
    name.truncate(32);
    name
}

/// Whether an open file is the one at this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let place = |there: fs::Metadata| (there.dev(), there.ino());
    file.metadata().is_ok_and(|open| fs::metadata(path).is_ok_and(|named| place(open) == place(named)))
}

/// Elsewhere an open file cannot be moved.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn open(path: &Path) -> io::Result<File> {
    out::open(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

pub fn remove_if_there(path: &Path) -> io::Result<()> {
    // Mostly it is not, and to look does not make others wait for the folder, as removing does.
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
