//! Identifiers of scholarly works, always in one normal form: one work, however it was written.
//!
//! It knows how people, databases and web pages write DOIs, arXiv ids, PMIDs, PMCIDs and OpenAlex ids,
//! and which URLs are one of these in disguise. It does not know works, sources or the network, and it
//! never asks anybody whether an identifier exists.
//!
//! Host and plugins share it, so that a source cannot take a record for another work only because the
//! two sides write an identifier differently. Plugins leave out two features, whose tables would make
//! every component larger: without `url` a URL that names nothing else is refused, because its normal
//! form needs the tables of international domain names; without `fold` there is no [`text::folded`].
//!
//! ```
//! use tierfall_ids::{IdKind, WorkId};
//!
//! let id: WorkId = "https://doi.org/10.1371/JOURNAL.pone.0000308".parse()?;
//! assert_eq!((id.kind(), id.value()), (IdKind::Doi, "10.1371/journal.pone.0000308"));
//! assert_eq!(id.key(), "doi:10.1371/journal.pone.0000308");
//!
//! // In a column of PMCIDs a bare number is a PMCID.
//! assert_eq!(WorkId::parse_as(IdKind::Pmcid, "1817752")?.value(), "PMC1817752");
//! assert!("The title of a paper".parse::<WorkId>().is_err());
//! # Ok::<(), tierfall_ids::InvalidId>(())
//! ```

#![warn(missing_docs)]

mod arxiv;
mod chars;
mod doi;
mod id;
mod kind;
pub mod text;
mod web;

pub use id::{InvalidId, WorkId};
pub use kind::IdKind;
