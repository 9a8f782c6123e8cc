//! What a format is: its names, how it is recognised, and its parser.

use std::io;

use crate::beginning::Beginning;
use crate::entry::{EntryError, InputEntry};
use crate::lines::Lines;

/// One format; each file in `formats/` declares those that it reads.
pub(crate) struct FormatSpec {
    /// Its names for `--format`, in lower case; the first is the one that is shown.
    pub names: &'static [&'static str],
    /// Extensions of files that have no other format, in lower case; `txt` is of none, because exports of every
    /// kind are called so.
    pub extensions: &'static [&'static str],
    /// Whether what [`looks`](Self::looks) like it is it, whatever the file is called.
    pub sure: bool,
    /// Whether an input is of this format, by its beginning.
    pub looks: fn(&Beginning<'_>) -> bool,
    /// Makes the parser; what precedes the entries, such as a header, is read here.
    pub open: fn(Opening<'_>) -> Result<Box<dyn Parse>, OpenError>,
}

/// An input that is about to be read.
pub(crate) struct Opening<'a> {
    /// Names it in messages.
    pub origin: &'a str,
    pub lines: &'a mut Lines,
    /// The column that the user named, for tables.
    pub column: Option<&'a str>,
}

/// Takes the lines of one entry and reads them.
pub(crate) trait Parse: Send {
    /// `None` at the end. After an error, the next call goes on behind what could not be read.
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>>;
}

/// Why an input cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "`origin` names the input, `columns` lists its columns for the message")]
pub enum OpenError {
    /// It cannot be opened, or its beginning cannot be read.
    #[error("failed to open {origin}: {error}")]
    Unreadable { origin: String, error: io::Error },
    /// It is something else: a PDF, an archive, a page.
    #[error("{origin} is no bibliography but {what}: {advice}")]
    NoBibliography { origin: String, what: &'static str, advice: &'static str },
    /// The user named a column that the table does not have.
    #[error("{origin} has no column `{column}`; its columns are {columns}")]
    NoSuchColumn { origin: String, column: String, columns: String },
    /// No column has a well-known name or identifiers in its first rows.
    #[error(
        "{origin} has no column that is known to hold identifiers (its columns are {columns}); \
         say which one with --column"
    )]
    NoIdColumn { origin: String, columns: String },
}
