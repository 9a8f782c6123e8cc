//! Telling works that were given before.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use tierfall_ids::IdKind;
use tierfall_work::Work;

/// Remembers works by 16 bytes per identifier, half of its SHA-256: 200 000 works take about 5 MB, and among a
/// billion works the odds that two share a digest are 1 in 10^20.
#[derive(Debug, Default)]
pub struct Dedupe {
    seen: HashSet<[u8; 16]>,
}

impl Dedupe {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this work is new. It is not when any of its identifiers came before. Pages about it do not
    /// count, and of its DOIs only the first does, so that an arXiv id and the DOI of its journal article
    /// are one work only if a record says so.
    pub fn admit(&mut self, work: &Work) -> bool {
        let mut new = true;
        if let Some(key) = work.title_key().filter(|_| work.is_known_by_title()) {
            new &= self.seen.insert(digest(key));
        }
        for (nth, id) in work.ids.iter().enumerate() {
            // The DOI that follows from an arXiv id has the same key under another name.
            let derived = id.kind() == IdKind::Doi && id.value().starts_with("10.48550/arxiv.");
            if derived || (id.kind() == IdKind::Url && nth > 0) {
                continue;
            }
            new &= self.seen.insert(digest(&id.key()));
        }
        new
    }

    /// How many identifiers were seen.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn digest(key: &str) -> [u8; 16] {
    let whole: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    std::array::from_fn(|at| whole[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_ids::WorkId;
    use tierfall_work::Facts;

    fn work(ids: &[&str]) -> Work {
        let ids: Vec<WorkId> = ids.iter().map(|id| id.parse().expect(id)).collect();
        let mut work = Work::new(ids[0].clone());
        work.learn(&Facts { ids, ..Facts::default() }, "input");
        work
    }

    #[test]
    fn a_work_is_new_once_however_it_is_written() {
        let mut seen = Dedupe::new();
        assert!(seen.admit(&work(&["10.1371/journal.pone.0000308"])));
        assert!(!seen.admit(&work(&["https://doi.org/10.1371/JOURNAL.PONE.0000308"])));
        assert!(seen.admit(&work(&["arXiv:2101.00001v1"])));
        assert!(!seen.admit(&work(&["10.48550/arXiv.2101.00001"])));
        assert!(!seen.admit(&work(&["2101.00001v3"])));
    }

    #[test]
    fn any_identifier_that_came_before_makes_it_the_same_work() {
        let mut seen = Dedupe::new();
        assert!(seen.admit(&work(&["10.1371/journal.pone.0000308", "PMC1817752"])));
        assert!(!seen.admit(&work(&["PMC1817752", "PMID:17375194"])));
        assert!(!seen.admit(&work(&["PMID:17375194"])));
    }

    #[test]
    fn works_known_by_title_are_told_apart_by_it_until_they_have_identifiers() {
        let facts = Facts { title: Some("On Mars".into()), year: Some(2007), ..Facts::default() };
        let titled = Work::titled(&facts, "input").expect("a title");
        let mut seen = Dedupe::new();
        assert!(seen.admit(&titled));
        assert!(!seen.admit(&titled));
        let resolved = titled.resolved(&["10.1371/a".parse().expect("a DOI")]);
        assert!(seen.admit(&resolved), "it was asked for by its title alone");
        assert!(!seen.admit(&work(&["10.1371/a"])));
    }

    #[test]
    fn works_that_share_a_page_stay_apart() {
        let mut seen = Dedupe::new();
        assert!(seen.admit(&work(&["10.1371/a", "https://example.org/volume"])));
        assert!(seen.admit(&work(&["10.1371/b", "https://example.org/volume"])));
    }
}
