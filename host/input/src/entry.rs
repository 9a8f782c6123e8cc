//! What readers give: entries, and what is wrong with those that cannot be read.

use tierfall_work::{Facts, Work};

/// A work as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct InputEntry {
    /// Where it begins, from 1.
    pub line: u64,
    /// What the list itself calls it: BibTeX's key, RIS' id, a table's `key`.
    pub key: Option<String>,
    /// The identifier as it was written: the line of a text file, the DOI field of a record.
    pub raw: String,
    /// With what the record says of it, kept under the name [`BY`].
    pub work: Work,
}

/// A line or a record that cannot be read. The next one can, unless `last`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}, line {line}: {message}")]
pub struct BadEntry {
    /// The file's name as it was given, `standard input`, or `arguments`.
    pub origin: String,
    /// From 1; of arguments, which one.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
    /// What the list itself calls it.
    pub key: Option<String>,
    /// What the record says of a work that it has no identifier for.
    pub described: Option<Box<Facts>>,
    /// Nothing follows: reading itself failed, or what is read is not what it was taken for.
    pub last: bool,
}

/// Under which name an entry's facts (title, authors, year) are kept: an input is believed less than a registry.
pub const BY: &str = "input";

/// A [`BadEntry`] that does not know its origin.
#[derive(Debug)]
pub(crate) struct EntryError {
    pub line: u64,
    pub message: String,
    pub key: Option<String>,
    pub described: Option<Box<Facts>>,
    pub last: bool,
    /// It was read, and lacks nothing but an identifier.
    pub whole: bool,
}

impl EntryError {
    pub fn new(line: u64, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), key: None, described: None, last: false, whole: false }
    }

    pub fn ending(line: u64, message: impl Into<String>) -> Self {
        Self { last: true, ..Self::new(line, message) }
    }
}
