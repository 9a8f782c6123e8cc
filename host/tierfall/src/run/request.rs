//! What a run is asked for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tierfall_ids::{InvalidId, WorkId};
use tierfall_input::BadEntry;
use tierfall_work::Work;

/// A work as it was asked for.
#[derive(Clone, Debug)]
pub struct WorkRequest {
    /// As the user wrote it.
    pub input: String,
    /// Where it stands in the user's own list.
    pub entry: Option<EntryPlace>,
    /// What is known of it before anybody is asked.
    pub work: Work,
}

/// Where a work stands in the list that named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EntryPlace {
    /// The list, as it was given.
    pub file: String,
    /// Where its entry begins, from 1.
    pub line: u64,
    /// What the list itself calls it: BibTeX's key, RIS' id, a table's `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl EntryPlace {
    /// Of an entry of a list.
    pub fn new(file: &str, line: u64, key: Option<String>) -> Self {
        Self { file: file.to_owned(), line, key }
    }
}

impl FromStr for WorkRequest {
    type Err = InvalidId;

    /// Any spelling of an identifier: `10.1371/…`, `arXiv:2101.00001v2`, `PMID:123`, `https://doi.org/…`.
    fn from_str(input: &str) -> Result<Self, InvalidId> {
        Ok(Self { input: input.to_owned(), entry: None, work: Work::new(input.parse()?) })
    }
}

impl From<Work> for WorkRequest {
    fn from(work: Work) -> Self {
        Self { input: work.key(), entry: None, work }
    }
}

impl From<WorkId> for WorkRequest {
    fn from(id: WorkId) -> Self {
        Work::new(id).into()
    }
}

/// What the input yields.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are works, and a few are there at a time")]
pub enum InputItem {
    /// A work that was not asked for before.
    Work(WorkRequest),
    /// A line that cannot be read: reported, and the run goes on.
    Bad(BadEntry),
    /// The work was asked for before in this run.
    Repeat,
}
