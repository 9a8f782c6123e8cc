//! Where files end up: by their SHA-256, once each, with a link of a readable name for every work. In the output folder,
//! or in a bucket: then the folder has only what is on its way, and the manifest.
//!
//! Everything here that is not async blocks; call it where that is allowed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::names;
use super::naming::{Claim, Claims, NameFacts, NameTemplate};
use super::partial::{Partial, Partials};
use crate::out;
use tierfall_objects::{ObjectError, Objects};
use tierfall_work::ArtifactFormat;

/// The output folder, as `host/README.md` lays it out. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    partials: Partials,
    /// Numbers the links under construction.
    links: AtomicU64,
    template: NameTemplate,
    /// `None` where names tell their works, or where links are objects, which say whose they are.
    claims: Option<Claims>,
    /// Where stored files go, if not into the folder.
    objects: Option<Objects>,
}

/// Whose file it is, and what is known of that work.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileOf<'a> {
    pub(super) work_key: &'a str,
    pub(super) facts: &'a NameFacts,
}

/// A file that is accepted and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Relative to the output folder: `files/sha256/ab/ab12….pdf`.
    pub path: PathBuf,
    /// Relative to the output folder: `works/10.1371_journal.pone.0000308.pdf`.
    pub link: PathBuf,
    /// The same bytes were there already.
    pub duplicate: bool,
}

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// In lower-case hex.
    pub sha256: String,
    /// The size.
    pub bytes: u64,
    /// Relative to the output folder: `files/sha256/ab/ab12….pdf`.
    pub path: PathBuf,
    /// The readable name, relative to the output folder: `works/10.1371_journal.pone.0000308.pdf`.
    pub link: PathBuf,
    /// The address of the file in a bucket: `s3://bucket/prefix/files/sha256/ab/ab12….pdf`. Then `path` and `link` count
    /// from `s3://bucket/prefix`.
    pub object: Option<String>,
    /// The number of pages.
    pub pages: u32,
    /// The same bytes were stored before, for another work or by an earlier run.
    pub duplicate: bool,
}

/// What could not be done, to which file, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// In the output folder.
    #[error("failed to {what} {}: {source}", path.display())]
    Folder {
        /// What was to be done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// In the bucket.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// Nobody waits for the answer any more.
    #[error("the run ended before the store had answered")]
    Abandoned,
}

impl StoreError {
    pub(super) fn clearing(path: PathBuf, source: io::Error) -> Self {
        Self::Folder { what: "clear away what was remembered of", path, source }
    }

    pub(super) fn reading(path: PathBuf, source: io::Error) -> Self {
        Self::Folder { what: "read", path, source }
    }

    /// Whether it is about this one file, so that others may be stored: else it is the store that does not work, and
    /// nobody's failure.
    pub(crate) fn is_of_file(&self) -> bool {
        use io::ErrorKind::{
            AlreadyExists, FileTooLarge, InvalidFilename, IsADirectory, NotADirectory, NotFound,
        };
        match self {
            Self::Folder { source, .. } => matches!(
                source.kind(),
                AlreadyExists | FileTooLarge | InvalidFilename | IsADirectory | NotADirectory | NotFound
            ),
            Self::Objects(error) => error.is_of_file(),
            Self::Abandoned => false,
        }
    }

    /// The thread that did it ended early.
    pub(super) fn interrupted(source: io::Error) -> Self {
        Self::Folder { what: "end the storing of", path: PathBuf::new(), source }
    }
}

impl Store {
    /// Opens an output folder, making what is missing of it. Links are named by the identifiers of their works.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::open_named(root, NameTemplate::default())
    }

    /// The same with links that are named by a template.
    pub fn open_named(root: &Path, template: NameTemplate) -> Result<Self, StoreError> {
        let partials = Self::make_folders(root, &["files", "files/sha256", "works", "partial"])?;
        let names = root.join("names");
        let claims = match template.is_by_identifier() {
            true => None,
            false => Some(Claims::open(names.clone()).map_err(error("create the folder", &names))?),
        };
        let root = root.to_owned();
        let (links, objects) = (AtomicU64::new(0), None);
        Ok(Self(Arc::new(Inner { root, partials, links, template, claims, objects })))
    }

    /// The same with stored files in a bucket: they arrive and are proven in the folder, and go up from there.
    pub fn open_remote(root: &Path, template: NameTemplate, objects: Objects) -> Result<Self, StoreError> {
        let partials = Self::make_folders(root, &["partial"])?;
        let root = root.to_owned();
        let (links, objects) = (AtomicU64::new(0), Some(objects));
        Ok(Self(Arc::new(Inner { root, partials, links, template, claims: None, objects })))
    }

    fn make_folders(root: &Path, folders: &[&str]) -> Result<Partials, StoreError> {
        fs::create_dir_all(root).map_err(error("create the folder", root))?;
        for folder in folders {
            let path = root.join(folder);
            out::make_folder(&path).map_err(error("create the folder", &path))?;
        }
        Ok(Partials::new(root.join("partial")))
    }

    /// The bucket that stored files are in, if they are not in the folder.
    pub fn objects(&self) -> Option<&Objects> {
        self.0.objects.as_ref()
    }

    /// The output folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    pub(super) fn partials(&self) -> &Partials {
        &self.0.partials
    }

    /// Takes a complete file over into the store and links it under the work's name. At no moment is there
    /// half a file under a final name.
    pub(super) fn adopt(
        &self,
        arrived: &Partial,
        format: ArtifactFormat,
        sha256: &str,
        bytes: u64,
        of: FileOf<'_>,
    ) -> Result<Stored, StoreError> {
        let (file, path) = (arrived.path(), path_of(format, sha256));
        let target = self.0.root.join(&path);
        let folder = folder_of(&target);
        let has_folder = out::is_own_folder(folder).is_ok();
        let duplicate = has_folder && out::size(&target) == Some(bytes);
        if duplicate {
            fs::remove_file(file).map_err(error("remove the second copy", file))?;
        } else {
            arrived.sync().map_err(error("write to the disk", file))?;
            // The folder itself is not synced: a power failure may undo the move, but not tear it.
            let made = if has_folder { Ok(()) } else { out::make_folder(folder) };
            let moved = made.and_then(|()| move_whole(file, &target));
            moved.map_err(error("move into the store as", &target))?;
        }
        let link = self.link(&path, &target, format, of)?;
        Ok(Stored { path, link, duplicate })
    }

    /// Whether the store has this file, whole. Of files in a bucket the bucket alone is asked; an error says that it
    /// could not be.
    pub async fn holds(&self, format: ArtifactFormat, sha256: &str, bytes: u64) -> Result<bool, StoreError> {
        match self.objects() {
            None => Ok(self.has_in_folder(format, sha256, bytes)),
            Some(objects) => Ok(objects.length(&object_path(format, sha256)).await? == Some(bytes)),
        }
    }

    fn has_in_folder(&self, format: ArtifactFormat, sha256: &str, bytes: u64) -> bool {
        let place = self.0.root.join(path_of(format, sha256));
        out::is_own_folder(folder_of(&place)).is_ok() && out::size(&place) == Some(bytes)
    }

    /// Links a file that the store has under the work's name.
    pub(super) fn link_stored(
        &self,
        format: ArtifactFormat,
        sha256: &str,
        of: FileOf<'_>,
    ) -> Result<Stored, StoreError> {
        let path = path_of(format, sha256);
        let target = self.0.root.join(&path);
        let link = self.link(&path, &target, format, of)?;
        Ok(Stored { path, link, duplicate: false })
    }

    /// Links a stored file under the name of its work. A link of that name is replaced if the name is the work's own:
    /// then it is its older one. What is no link of ours is left alone, and the link gets a number.
    fn link(
        &self,
        path: &Path,
        target: &Path,
        format: ArtifactFormat,
        of: FileOf<'_>,
    ) -> Result<PathBuf, StoreError> {
        let ending = format.extension();
        let mut last = PathBuf::from("works");
        for stem in self.stems(of) {
            let link = PathBuf::from("works").join(format!("{stem}.{ending}"));
            let place = self.0.root.join(&link);
            last.clone_from(&link);
            let claim = match &self.0.claims {
                // Names are the works' own: see `names::readable`.
                None => Claim::Own,
                Some(claims) => claims.claim(&stem, of.work_key).map_err(error("claim the name", &place))?,
            };
            if claim == Claim::Other {
                continue;
            }
            // A symbolic link is made in one step, where nothing stands yet.
            if symlink(&Path::new("..").join(path), &place).is_ok() {
                return Ok(link);
            }
            match self.owner(&place, target, format) {
                Owner::Done => return Ok(link),
                // It was made before there were claims, or they were removed: it may be any work's.
                Owner::Ours if claim == Claim::New => {}
                Owner::Ours | Owner::Nobody => {
                    let unique = self.0.links.fetch_add(1, Ordering::Relaxed);
                    let draft = self.0.root.join(format!("works/.{}-{unique}.tmp", std::process::id()));
                    make_link(&Path::new("..").join(path), target, &draft).map_err(error("link", &place))?;
                    fs::rename(&draft, &place).map_err(error("link", &place))?;
                    return Ok(link);
                }
                Owner::Other => {}
            }
            if let (Some(claims), Claim::New) = (&self.0.claims, claim) {
                claims.release(&stem);
            }
        }
        Err(error("link", &self.0.root.join(last))(io::ErrorKind::AlreadyExists.into()))
    }

    /// What a work's links may be called, best first. The numbers go beyond any that happens.
    pub(super) fn stems(
        &self,
        FileOf { work_key, facts }: FileOf<'_>,
    ) -> impl Iterator<Item = String> + use<> {
        let id = names::readable(work_key);
        let (first, plain) = match self.0.template.is_by_identifier() {
            true => (None, id),
            false => {
                let name = self.0.template.fill(facts, &id, names::MORE);
                let marked = format!("{name}-{}", names::mark(work_key));
                (Some(name), marked)
            }
        };
        let numbered = plain.clone();
        let others = (2..100).map(move |number| format!("{numbered}~{number}"));
        first.into_iter().chain([plain]).chain(others)
    }

    /// What stands under a name already.
    fn owner(&self, place: &Path, target: &Path, format: ArtifactFormat) -> Owner {
        let Ok(there) = fs::symlink_metadata(place) else { return Owner::Nobody };
        if there.is_symlink() {
            let Ok(leads_to) = fs::read_link(place) else { return Owner::Other };
            return match leads_to.strip_prefix("../files/sha256") {
                Ok(_) if target.ends_with(leads_to.strip_prefix("..").unwrap_or(&leads_to)) => Owner::Done,
                Ok(_) => Owner::Ours,
                Err(_) => Owner::Other,
            };
        }
        // Where links cannot be made, ours are hard links or copies: files that the store holds too.
        let held = |path: &Path| out::size(path) == Some(there.len());
        match there.is_file().then(|| sha256_of(place)).transpose() {
            Ok(Some(sha256)) if target.ends_with(path_of(format, &sha256)) => Owner::Done,
            Ok(Some(sha256)) => {
                if held(&self.0.root.join(path_of(format, &sha256))) {
                    Owner::Ours
                } else {
                    Owner::Other
                }
            }
            _ => Owner::Other,
        }
    }
}

/// Moves a file in one step. That it lies in another file system happens where an operator has put a part of
/// the output folder elsewhere; then it is copied beside its place first, and removed last.
fn move_whole(file: &Path, target: &Path) -> io::Result<()> {
    match fs::rename(file, target) {
        // Nor do some file systems rename a file that is open.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices || out::is_unsupported(&error) => {}
        moved => return moved,
    }
    let draft = target.with_extension(format!("{}.tmp", std::process::id()));
    let carried = out::copy(file, &draft)
        .and_then(|()| out::sync(&out::open_to_read(&draft)?))
        .and_then(|()| fs::rename(&draft, target));
    if carried.is_err() {
        // The first error is the one that is reported.
        let _ = fs::remove_file(&draft);
    }
    carried.and_then(|()| fs::remove_file(file))
}

/// What stands under the name that a link is to have.
enum Owner {
    Nobody,
    /// It is the link that is wanted.
    Done,
    /// A link that the store made for another file.
    Ours,
    /// Something that the store did not make.
    Other,
}

/// A relative symbolic link, so that the folder can be moved; where there are none, a hard link; where
/// there are none either, a copy.
fn make_link(relative: &Path, target: &Path, link: &Path) -> io::Result<()> {
    symlink(relative, link).or_else(|_| fs::hard_link(target, link)).or_else(|_| out::copy(target, link))
}

#[cfg(unix)]
fn symlink(relative: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, link)
}

/// Symbolic links need a privilege elsewhere.
#[cfg(not(unix))]
fn symlink(_relative: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// 64 lower-case hexadecimal digits: nothing else may become a part of a path.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The same as the name of an object, whatever separates paths here.
pub(crate) fn object_path(format: ArtifactFormat, sha256: &str) -> String {
    let folder = sha256.get(..2).unwrap_or_default();
    format!("files/sha256/{folder}/{sha256}.{}", format.extension())
}

/// Where a file is, relative to the output folder.
pub(crate) fn path_of(format: ArtifactFormat, sha256: &str) -> PathBuf {
    object_path(format, sha256).split('/').collect()
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = super::partial::Hasher::new();
    hasher.read_from(&mut out::open_to_read(path)?)?;
    Ok(hasher.finish())
}

fn error<'p>(what: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> StoreError + 'p {
    move |source| StoreError::Folder { what, path: path.to_owned(), source }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_arrives_whole_from_another_file_system() {
        let out = tempfile::tempdir().unwrap();
        let memory = Path::new("/dev/shm");
        let device = |path: &Path| fs::metadata(path).map(|there| there.dev()).ok();
        let Some(elsewhere) =
            tempfile::tempdir_in(memory).ok().filter(|_| device(memory) != device(out.path()))
        else {
            eprintln!("not tested: this machine has no second file system that can be written");
            return;
        };
        let (file, target) = (elsewhere.path().join("a.part"), out.path().join("a.pdf"));
        fs::write(&file, "all of it").unwrap();
        move_whole(&file, &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"all of it");
        assert!(!file.exists());
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "and no draft is left");
    }
}
