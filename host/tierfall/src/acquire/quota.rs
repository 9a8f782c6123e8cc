//! How much of what was not finished stays on the disk: a work with many large copies, none of which ever arrives
//! whole, would fill it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of partial files that nobody is writing to, by work and in all.
#[derive(Debug)]
pub struct Quota(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    of_a_work: u64,
    of_all: u64,
    total: u64,
    pieces: HashMap<PathBuf, Piece>,
    works: HashMap<String, u64>,
}

#[derive(Debug)]
struct Piece {
    work_key: String,
    bytes: u64,
}

impl Quota {
    /// What is in the folder already counts, as nobody's. Without limits until they are set.
    pub fn of(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let pieces = entries.filter_map(|entry| {
            let bytes = entry.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
            Some((entry.path(), Piece { work_key: String::new(), bytes }))
        });
        let pieces: HashMap<_, _> = pieces.collect();
        let total = pieces.values().map(|piece| piece.bytes).sum();
        let works = HashMap::new();
        Self(Mutex::new(Kept { of_a_work: u64::MAX, of_all: u64::MAX, total, pieces, works }))
    }

    /// The most that is kept of one work, and of all.
    pub fn set(&self, of_a_work: u64, of_all: u64) {
        let mut kept = self.kept();
        (kept.of_a_work, kept.of_all) = (of_a_work, of_all);
    }

    /// Whether there is room for a piece; it then counts until it is released.
    pub fn keep(&self, work_key: &str, path: &Path, bytes: u64) -> bool {
        let mut kept = self.kept();
        kept.release(path);
        let work = kept.works.get(work_key).copied().unwrap_or(0);
        let fits =
            work.saturating_add(bytes) <= kept.of_a_work && kept.total.saturating_add(bytes) <= kept.of_all;
        if fits {
            kept.total += bytes;
            *kept.works.entry(work_key.to_owned()).or_default() += bytes;
            kept.pieces.insert(path.to_owned(), Piece { work_key: work_key.to_owned(), bytes });
        }
        fits
    }

    /// Somebody writes to it again, or it is gone.
    pub fn release(&self, path: &Path) {
        self.kept().release(path);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn release(&mut self, path: &Path) {
        let Some(piece) = self.pieces.remove(path) else { return };
        self.total = self.total.saturating_sub(piece.bytes);
        if let Some(work) = self.works.get_mut(&piece.work_key) {
            *work = work.saturating_sub(piece.bytes);
            if *work == 0 {
                self.works.remove(&piece.work_key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_keeps_no_more_than_its_share_and_all_no_more_than_there_is_room_for() {
        let quota = Quota::of(Path::new("/nonexistent"));
        quota.set(10, 15);
        let path = |name: &str| PathBuf::from(name);
        assert!(quota.keep("a", &path("1"), 6));
        assert!(!quota.keep("a", &path("2"), 6), "the work has its share");
        assert!(quota.keep("b", &path("3"), 9));
        assert!(!quota.keep("c", &path("4"), 1), "all have theirs");
        quota.release(&path("1"));
        assert!(quota.keep("a", &path("2"), 6));
        assert!(quota.keep("b", &path("3"), 2), "a piece that was continued counts once");
        assert!(quota.keep("c", &path("4"), 7));
    }

    #[test]
    fn what_earlier_runs_left_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("old.part"), [0; 10]).unwrap();
        let quota = Quota::of(folder.path());
        quota.set(100, 15);
        assert!(!quota.keep("a", &folder.path().join("new.part"), 6));
        quota.release(&folder.path().join("old.part"));
        assert!(quota.keep("a", &folder.path().join("new.part"), 6));
    }
}
