//! The manifest's file: appended to while works end, and brought back to one line per work over several runs into
//! the same folder.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::digest::digest;
use super::manifest::Line;
use crate::out;
use crate::tiers::Status;

/// The manifest of an output folder, open for this run.
pub struct Manifest {
    path: PathBuf,
    file: File,
    /// Bytes of this run. When the file has more, another run wrote to it, and a work may have two lines.
    written: u64,
    /// This run wrote two lines of a work.
    repeats: bool,
    /// Held shared while lines are written; whoever has it alone may rewrite the file. `None` where the file system has
    /// no locks: nobody can know to be alone.
    lock: Option<File>,
}

impl Manifest {
    /// Opens the manifest for appending, and makes its folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let lock = path.with_extension("lock");
        // Over NFS a file must be open for reading to be locked so.
        let lock = out::open(OpenOptions::new().create(true).read(true).append(true), &lock)
            .map_err(|error| io::Error::new(error.kind(), format!("its lock {}: {error}", lock.display())))?;
        let lock = match lock.lock_shared() {
            Err(error) if out::is_unsupported(&error) => {
                out::tell_of_locks(&error);
                None
            }
            locked => locked.map(|()| Some(lock))?,
        };
        // A line that a crash cut short must not swallow the next one.
        end_last_line(path)?;
        let file = out::open(OpenOptions::new().create(true).append(true), path)?;
        Ok(Self { path: path.to_owned(), file, written: 0, repeats: false, lock })
    }

    /// Writes one line; it is with the operating system when this returns, so a crash of the program
    /// loses nothing that ended.
    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written += text.len() as u64;
        self.file.write_all(&text)
    }

    /// This run has written a line of a work that had one of it.
    pub(super) fn repeats(&mut self) {
        self.repeats = true;
    }

    /// Brings the manifest back to one line per work, where this run or another wrote one too. While others still
    /// write, that is left to the last of them.
    pub fn finish(self) -> io::Result<()> {
        out::sync(&self.file)?;
        let Some(lock) = &self.lock else { return Ok(()) };
        lock.unlock()?;
        match lock.try_lock() {
            Ok(()) if self.repeats || self.file.metadata()?.len() > self.written => {
                one_line_per_work(&self.path)
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// What of a line decides whether it is kept.
#[derive(Deserialize)]
struct Head {
    work_id: String,
    /// What its lines were named by before it was known which work it is.
    title_id: Option<String>,
    status: Status,
}

/// Ends a last line that a crash cut short.
fn end_last_line(path: &Path) -> io::Result<()> {
    let mut file = match out::open(OpenOptions::new().read(true).append(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" { file.write_all(b"\n") } else { Ok(()) }
}

/// Keeps the newest line of each work, but never trades a stored one for one that is not: the file is
/// still there. Lines that cannot be read are kept. Does nothing when no work has two lines.
fn one_line_per_work(path: &Path) -> io::Result<()> {
    // The number of the line to keep, by a digest of the work's key: 24 bytes a work.
    let mut keep: HashMap<u64, (u64, bool)> = HashMap::new();
    let mut repeats = false;
    for_lines(path, |number, line| {
        if let Ok(head) = serde_json::from_str::<Head>(line) {
            let stored = head.status == Status::Stored;
            let by_title = head.title_id.filter(|title| *title != head.work_id);
            for key in by_title.into_iter().chain([head.work_id]) {
                let kept = keep.entry(digest(&key)).or_insert((number, stored));
                if kept.0 != number {
                    repeats = true;
                    if stored || !kept.1 {
                        *kept = (number, stored);
                    }
                }
            }
        }
        Ok(())
    })?;
    if !repeats {
        return Ok(());
    }
    let beside = path.with_extension("jsonl.new");
    let mut lines = BufWriter::new(out::create(&beside)?);
    for_lines(path, |number, line| {
        let kept = serde_json::from_str::<Head>(line)
            .ok()
            .and_then(|head| keep.get(&digest(&head.work_id)).copied())
            .is_none_or(|(kept, _)| kept == number);
        if kept { lines.write_all(line.as_bytes()) } else { Ok(()) }
    })?;
    out::sync(&lines.into_inner().map_err(io::IntoInnerError::into_error)?)?;
    fs::rename(beside, path)
}

fn for_lines(path: &Path, mut each: impl FnMut(u64, &str) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::new(out::open_to_read(path)?);
    let mut line = Vec::new();
    for number in 0.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        each(number, &String::from_utf8_lossy(&line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(lines: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.jsonl");
        fs::write(&path, lines).unwrap();
        end_last_line(&path).unwrap();
        one_line_per_work(&path).unwrap();
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_newest_line_of_a_work_stays() {
        let lines = "{\"work_id\":\"a\",\"status\":\"failed\"}\n{\"work_id\":\"b\",\"status\":\"stored\"}\n{\"work_id\":\"a\",\"status\":\"no_copy\"}\n";
        assert_eq!(
            compacted(lines),
            "{\"work_id\":\"b\",\"status\":\"stored\"}\n{\"work_id\":\"a\",\"status\":\"no_copy\"}\n"
        );
    }

    #[test]
    fn a_stored_line_is_not_lost_to_a_later_failure() {
        let lines = "{\"work_id\":\"a\",\"status\":\"stored\"}\n{\"work_id\":\"a\",\"status\":\"failed\"}\n";
        assert_eq!(compacted(lines), "{\"work_id\":\"a\",\"status\":\"stored\"}\n");
    }

    #[test]
    fn a_title_that_was_found_to_be_a_work_has_the_line_of_that() {
        let failed = "{\"work_id\":\"title:a\",\"title_id\":\"title:a\",\"status\":\"failed\"}\n";
        for status in ["stored", "no_copy"] {
            let found =
                format!("{{\"work_id\":\"doi:1\",\"title_id\":\"title:a\",\"status\":\"{status}\"}}\n");
            assert_eq!(compacted(&format!("{failed}{found}")), found);
        }
        let stored = "{\"work_id\":\"doi:1\",\"title_id\":\"title:a\",\"status\":\"stored\"}\n";
        assert_eq!(compacted(&format!("{stored}{failed}")), stored);
    }

    #[test]
    fn a_line_that_a_crash_cut_short_is_kept_apart() {
        let lines = "{\"work_id\":\"a\",\"status\":\"stored\"}\n{\"work_id\":\"b\",\"sta";
        assert_eq!(compacted(lines), format!("{lines}\n"));
    }
}
