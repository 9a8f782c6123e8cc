//! Files of the output folder. It may come from anybody, packed with links that lead elsewhere: what stands in it is
//! opened where it is, or not at all. The folder itself may be a link; that is its user's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Once;

/// Opens a file; a link, a pipe or a device in its place is an error.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let mut options = options.clone();
    no_follow(&mut options);
    let file = options.open(path).map_err(|error| if is_link(path) { linked() } else { error })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}

/// For reading.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// A file of which there is none yet; one that a crash has left is replaced.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match open(&options, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            open(&options, path)
        }
        opened => opened,
    }
}

/// Writes a file through to the disk. A file system that cannot (some FUSE and network mounts) is told of once, and
/// what is written to it is as safe as it can be there; an error of the disk is an error.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    static TOLD: Once = Once::new();
    match file.sync_all() {
        Err(error) if is_unsupported(&error) => {
            TOLD.call_once(|| {
                tracing::warn!(
                    "the output folder's file system cannot write files through to the disk ({error}): a power failure may \
                     cost what was stored last"
                );
            });
            Ok(())
        }
        synced => synced,
    }
}

/// A file system without locks is told of once: whoever shares the folder cannot be seen.
pub(crate) fn tell_of_locks(error: &io::Error) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "the output folder's file system has no locks ({error}): no other run should write to it at the same time"
        );
    });
}

/// The file system does not do this at all: what is asked for is not there, rather than broken.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let codes = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOLCK, Errno::NOTTY];
        if error.raw_os_error().is_some_and(|code| codes.iter().any(|known| known.raw_os_error() == code)) {
            return true;
        }
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// Copies a file to a place where there is none yet.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut open_to_read(from)?, &mut create(to)?).map(drop)
}

/// A whole small file: at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_to_read(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a folder in one that is there already.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_own_folder(path),
        made => made,
    }
}

/// Whether a folder is one, and no link to one.
pub(crate) fn is_own_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)? {
        there if there.is_dir() => Ok(()),
        there if there.is_symlink() => Err(linked()),
        _ => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// The size of a file that is one, and no link to one.
pub(crate) fn size(path: &Path) -> Option<u64> {
    let there = fs::symlink_metadata(path).ok()?;
    there.is_file().then_some(there.len())
}

/// Whether a link stands here.
pub(crate) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink())
}

/// Why what is a link is not opened.
pub(crate) fn linked() -> io::Error {
    io::Error::other(
        "it is a link, and links in the output folder are not followed; to keep files elsewhere, choose another --out, \
         or mount the other place here",
    )
}

#[cfg(unix)]
fn no_follow(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    // Nor is a pipe waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.cast_signed());
}

/// Elsewhere a link is opened itself: FILE_FLAG_OPEN_REPARSE_POINT.
#[cfg(windows)]
fn no_follow(options: &mut OpenOptions) {
    std::os::windows::fs::OpenOptionsExt::custom_flags(options, 0x0020_0000);
}
