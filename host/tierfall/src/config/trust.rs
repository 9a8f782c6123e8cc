//! Which configuration files of folders their user has vouched for: a list of digests in the user's own
//! state folder (`$XDG_STATE_HOME/tierfall/trusted/files`). A file that has changed since is not on it any more.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tierfall_sandbox::PrivateFolder;

use super::environment::Environment;

/// More than any configuration has; a found file may be anything.
const MAX_BYTES: u64 = 1 << 20;

/// A file was not made trusted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum TrustError {
    #[error("failed to read the configuration {path}: {error}", path = .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("there is no place to remember it: neither XDG_STATE_HOME nor HOME is set")]
    NoHome,
    #[error("failed to remember it in {path}: {error}", path = .path.display())]
    Unwritable { path: PathBuf, error: io::Error },
}

/// Remembers that the file as it is now is trusted, for the user whose environment this is. Returns its SHA-256.
pub fn trust(file: &Path, environment: Vec<(String, String)>) -> Result<String, TrustError> {
    let unreadable = |error| TrustError::Unreadable { path: file.to_owned(), error };
    let text = read(file).map_err(unreadable)?;
    let entry = Entry::of(file, &text).map_err(unreadable)?;
    let path = folder(&Environment::new(environment)).ok_or(TrustError::NoHome)?;
    let remember = || {
        let folder = PrivateFolder::make(&path)?;
        let place = format!("  {}", entry.place);
        let others = entries(&folder);
        let mut lines: Vec<&str> = others.lines().filter(|line| !line.ends_with(&place)).collect();
        let line = entry.line();
        lines.push(&line);
        folder.write(LIST, (lines.join("\n") + "\n").as_bytes())
    };
    remember().map_err(|error| TrustError::Unwritable { path: path.clone(), error })?;
    Ok(entry.sha256)
}

/// Whether the file is trusted as long as it has this text. What cannot be looked up is not.
pub(super) fn is_trusted(file: &Path, text: &str, environment: &Environment) -> bool {
    let known = || {
        let folder = PrivateFolder::open(&folder(environment)?).ok()?;
        let line = Entry::of(file, text).ok()?.line();
        entries(&folder).lines().any(|known| known == line).then_some(())
    };
    known().is_some()
}

/// The text of a configuration file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB, so it is no configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        io::Error::other(format!("line {line} is no UTF-8; save the file in that encoding"))
    })
}

/// One trusted file. The place counts as well: the same text elsewhere names other files.
struct Entry {
    sha256: String,
    place: String,
}

impl Entry {
    fn of(file: &Path, text: &str) -> io::Result<Self> {
        // A line break in a name would be another entry.
        let place = std::fs::canonicalize(file)?.to_string_lossy().escape_debug().to_string();
        Ok(Self { sha256: hex::encode(Sha256::digest(text)), place })
    }

    /// As `sha256sum` writes it.
    fn line(&self) -> String {
        format!("{}  {}", self.sha256, self.place)
    }
}

/// The name of the list in its folder.
const LIST: &str = "files";

/// Of the user; `None` without a home.
fn folder(environment: &Environment) -> Option<PathBuf> {
    Some(environment.folder("XDG_STATE_HOME", ".local/state")?.join("tierfall/trusted"))
}

fn entries(folder: &PrivateFolder) -> String {
    let list = folder.read(LIST, MAX_BYTES).ok();
    list.and_then(|list| String::from_utf8(list).ok()).unwrap_or_default()
}
