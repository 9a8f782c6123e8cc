//! Keeps the manifest at one line per work over several runs into the same folder.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
struct Head {
    work_id: String,
    status: String,
}

/// Ends a last line that a crash cut short.
pub(super) fn end_last_line(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).append(true).open(path) {
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
pub(super) fn one_line_per_work(path: &Path) -> io::Result<()> {
    // The number of the line to keep, by a digest of the work's key: 24 bytes a work.
    let mut keep: HashMap<u64, (u64, bool)> = HashMap::new();
    let mut repeats = false;
    for_lines(path, |number, line| {
        if let Ok(head) = serde_json::from_str::<Head>(line) {
            let stored = head.status == "stored";
            let kept = keep.entry(digest(&head.work_id)).or_insert((number, stored));
            if kept.0 != number {
                repeats = true;
                if stored || !kept.1 {
                    *kept = (number, stored);
                }
            }
        }
        Ok(())
    })?;
    if !repeats {
        return Ok(());
    }
    let beside = path.with_extension("jsonl.new");
    let mut out = BufWriter::new(File::create(&beside)?);
    for_lines(path, |number, line| {
        let kept = serde_json::from_str::<Head>(line)
            .ok()
            .and_then(|head| keep.get(&digest(&head.work_id)).copied())
            .is_none_or(|(kept, _)| kept == number);
        if kept { out.write_all(line.as_bytes()) } else { Ok(()) }
    })?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(beside, path)
}

fn for_lines(path: &Path, mut each: impl FnMut(u64, &str) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
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

fn digest(key: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
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
    fn a_line_that_a_crash_cut_short_is_kept_apart() {
        let lines = "{\"work_id\":\"a\",\"status\":\"stored\"}\n{\"work_id\":\"b\",\"sta";
        assert_eq!(compacted(lines), format!("{lines}\n"));
    }
}
