//! Whether a file is the work that it is said to be: an examiner's report of the file and what is known of the work
//! give a verdict.
//!
//! The crate does not know where the file came from, who reads PDFs or what happens to the file afterwards: no
//! network, no disk, no sandbox. A verdict has a fixed code for programs and a reason for people.
//!
//! ```
//! use tierfall_proof::{Identity, IdentityPolicy, Verdict, prove};
//! use tierfall_work::{Basis, Facts, PdfReport, Work};
//!
//! let mut work = Work::new("10.5555/12345678".parse()?);
//! let title = "Reflection of imaginary tides at a fictional boundary";
//! work.learn(&Facts { title: Some(title.into()), ..Facts::default() }, "crossref");
//!
//! let text = format!("{title}\nAda Invented\nAbstract\nThe tides of this paper are not those of the sea.\n");
//! let report = PdfReport { pages: 8, text: vec![text], headings: vec![vec![title.into()]], ..PdfReport::default() };
//! let proof = prove(Ok(&report), &work, Basis::Registry, IdentityPolicy::Normal);
//! assert_eq!(proof.verdict, Verdict::Accepted(Identity::Proven));
//! assert_eq!(proof.detail, "its title is the work's");
//! # Ok::<(), tierfall_ids::InvalidId>(())
//! ```

#![warn(missing_docs)]

mod authors;
mod catalogue;
mod common;
mod companion;
mod describe;
mod document;
mod enciphered;
mod evidence;
mod identity;
mod ids;
mod normalized;
mod patterns;
mod proof;
mod search;
mod series;
#[cfg(test)]
mod tests;
mod title;
mod variants;
mod verdict;

pub use catalogue::{Catalogue, Placed};
pub use describe::{Description, describe};
pub use evidence::{
    Against, Counted, Evidence, Glyphs, IdentifierFound, IdentifierOf, Pages, Place, TitleFound, Unknown,
};
pub use identity::{IdentityPolicy, ProofSettings};
pub use proof::{Proof, prove};
pub use title::Agreement;
pub use verdict::{Identity, Reason, Verdict};
