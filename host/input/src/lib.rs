//! Bibliographies and lists of identifiers in, works out: one at a time, however many there are.
//!
//! The crate opens files, standard input and arguments, recognises their [`Format`], and reads entry by entry, so
//! that a broken entry costs only itself. It does not know what is done with the works: no configuration, no
//! network, no ledger.
//!
//! ```
//! use tierfall_input::{Dedupe, Reader};
//!
//! let list = "doi,title\n10.5555/12345678,A title\nhttps://doi.org/10.5555/12345678,\nnonsense,\n";
//! let mut seen = Dedupe::new();
//! let (mut works, mut bad) = (Vec::new(), Vec::new());
//! for entry in Reader::new("list.csv", list.as_bytes(), None, None)? {
//!     match entry {
//!         Ok(entry) if seen.admit(&entry.work) => works.push(entry.work.key()),
//!         Ok(_) => {}
//!         Err(error) => bad.push(error.line),
//!     }
//! }
//! assert_eq!(works, ["doi:10.5555/12345678"]);
//! assert_eq!(bad, [4]);
//! # Ok::<(), tierfall_input::OpenError>(())
//! ```

#![warn(missing_docs)]

mod archive;
mod beginning;
mod decode;
mod dedupe;
mod detect;
mod entry;
mod fields;
mod foreign;
mod formats;
mod lines;
mod parse;
mod publisher;
mod reader;
mod record;
mod scan;
mod several;
#[cfg(test)]
mod tests;
mod values;
mod written;
mod xml;

pub use dedupe::Dedupe;
pub use entry::{BY, BadEntry, InputEntry};
pub use formats::{Format, UnknownFormat, text_of_tex};
pub use parse::OpenError;
pub use reader::{Reader, arguments, open};
