//! The PDFs of folders.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Files to be proven, and what could not be looked into.
#[derive(Debug, Default)]
pub struct Found {
    pub files: Vec<PathBuf>,
    /// A sentence each.
    pub unread: Vec<String>,
}

/// Folders within folders that are searched.
const DEEPEST: usize = 64;

/// The files that are named, and the PDFs of the folders that are, in the order of their names. Links in folders are not
/// followed: they lead to files that are somewhere else, or round in circles.
pub fn pdfs(named: &[PathBuf]) -> Result<Found, CliError> {
    let mut found = Found::default();
    for path in named {
        let about = fs::metadata(path)
            .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", path.display())))?;
        if about.is_dir() { search(path, 0, &mut found) } else { found.files.push(path.clone()) }
    }
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Found) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            found.unread.push(format!("{} cannot be read: {error}", folder.display()));
            return;
        }
    };
    let mut entries: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| (entry.path(), entry.file_type())).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in entries {
        match kind {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => search(&path, depth + 1, found),
            Ok(kind) if kind.is_file() && is_pdf(&path) => found.files.push(path),
            _ => {}
        }
    }
}

/// Whether a file is called a PDF, or begins as one.
fn is_pdf(path: &Path) -> bool {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pdf")) {
        return true;
    }
    let mut head = Vec::new();
    // What cannot be read is none that was meant.
    let read = File::open(path).and_then(|file| file.take(1024).read_to_end(&mut head));
    read.is_ok() && head.windows(5).any(|window| window == b"%PDF-")
}
