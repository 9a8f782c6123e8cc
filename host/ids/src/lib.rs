//! Identifiers of scholarly works, always in one normal form: one work, however it was written.
//!
//! It knows how people, databases and web pages write DOIs, arXiv ids, PMIDs, PMCIDs and OpenAlex ids,
//! and which URLs are one of these in disguise. It does not know works, sources or the network, and it
//! never asks anybody whether an identifier exists.
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
mod web;

pub use id::{InvalidId, WorkId};
pub use kind::IdKind;
