//! What comes nearest to a work that is known by its title alone.

use serde::{Deserialize, Serialize};

/// The record that comes nearest to a work, and why it is not the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Nearest {
    /// `doi:10.1371/journal.pone.0000308`
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its authors, the first of them.
    pub authors: Vec<String>,
    /// Its year.
    pub year: Option<u16>,
    /// The source that gave it.
    pub source: String,
    /// Why it was not taken, for people.
    pub why: String,
}

/// Authors who are shown of a record.
const MOST_AUTHORS: usize = 5;

impl Nearest {
    /// A record that a source gave. `None` for one without an identifier.
    pub(super) fn of(by: &str, record: &tierfall_work::Match, why: String) -> Option<Self> {
        Some(Self {
            id: record.ids.first()?.key(),
            title: record.title.clone(),
            authors: record.authors.iter().take(MOST_AUTHORS).cloned().collect(),
            year: record.year,
            source: by.to_owned(),
            why,
        })
    }
}
