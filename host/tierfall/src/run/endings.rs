//! How the works of a run ended that are not stored: one that the ledger has tried again counts by its last ending.

use std::collections::HashMap;

use super::digest::digest;
use super::finalize::Resolution;
use super::manifest::Line;
use crate::tiers::{EndReason, Status};

/// One ending, as far as it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unstored {
    pub(super) status: Status,
    pub(super) reason: Option<EndReason>,
    pub(super) resolution: Resolution,
}

/// The last ending of each work that is not stored, by a digest of its key: some 20 bytes a work. What is stored ends
/// once.
#[derive(Debug, Default)]
pub(super) struct Endings(HashMap<u64, Unstored>);

impl Endings {
    /// A work has ended; how it had ended before.
    pub(super) fn replace(&mut self, line: &Line, resolution: Resolution) -> Option<Unstored> {
        let Line { status, reason, .. } = *line;
        // It may have failed while it was known by its title alone.
        let by_title = line.title_id.as_deref().filter(|title| *title != line.work_id);
        let by_title = by_title.and_then(|title| self.0.remove(&digest(title)));
        let key = digest(&line.work_id);
        let before = match status {
            Status::Stored => self.0.remove(&key),
            _ => self.0.insert(key, Unstored { status, reason, resolution }),
        };
        before.or(by_title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_work::{Facts, Work};

    fn line(work: &Work, status: Status) -> Line {
        Line::of("run", String::new(), work, status)
    }

    #[test]
    fn a_work_is_told_by_its_last_ending_also_once_its_title_is_found_to_be_a_doi() {
        let mut endings = Endings::default();
        let mut ends = |work: &Work, status| {
            endings.replace(&line(work, status), Resolution::Now).map(|before| before.status)
        };
        let (one, two) = (Work::new("10.5555/1".parse().unwrap()), Work::new("10.5555/2".parse().unwrap()));
        assert_eq!(ends(&one, Status::Failed), None);
        assert_eq!(ends(&two, Status::Stored), None);
        assert_eq!(ends(&one, Status::Timeout), Some(Status::Failed));
        assert_eq!(ends(&one, Status::Stored), Some(Status::Timeout));
        assert_eq!(ends(&one, Status::Stored), None);

        let facts = Facts {
            title: Some("On the matter of things".into()),
            authors: vec!["Roe, A.".into()],
            year: Some(1999),
            ..Facts::default()
        };
        let title = Work::titled(&facts, "input").unwrap();
        assert_eq!(ends(&title, Status::Failed), None);
        let resolved = title.resolved(&["10.5555/3".parse().unwrap()]);
        assert_eq!(ends(&resolved, Status::Stored), Some(Status::Failed));
    }
}
