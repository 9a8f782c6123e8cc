//! What a run is asked for.

use std::str::FromStr;

use tierfall_ids::{InvalidId, WorkId};
use tierfall_input::BadEntry;
use tierfall_work::Work;

/// A work as it was asked for.
#[derive(Clone, Debug)]
pub struct WorkRequest {
    /// As the user wrote it.
    pub input: String,
    /// What is known of it before anybody is asked.
    pub work: Work,
}

impl FromStr for WorkRequest {
    type Err = InvalidId;

    /// Any spelling of an identifier: `10.1371/…`, `arXiv:2101.00001v2`, `PMID:123`, `https://doi.org/…`.
    fn from_str(input: &str) -> Result<Self, InvalidId> {
        Ok(Self { input: input.to_owned(), work: Work::new(input.parse()?) })
    }
}

impl From<Work> for WorkRequest {
    fn from(work: Work) -> Self {
        Self { input: work.key(), work }
    }
}

impl From<WorkId> for WorkRequest {
    fn from(id: WorkId) -> Self {
        Work::new(id).into()
    }
}

/// What the input yields.
#[derive(Clone, Debug)]
pub enum InputItem {
    /// A work that was not asked for before.
    Work(WorkRequest),
    /// A line that cannot be read: reported, and the run goes on.
    Bad(BadEntry),
    /// The work was asked for before in this run.
    Repeat,
}
