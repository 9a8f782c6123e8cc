//! What Tierfall is about: works, their identifiers, what is known of them, and where copies may be.

mod facts;
mod finding;
mod id;
pub mod input;

pub use facts::{Facts, Known, Said};
pub use finding::{Basis, Candidate, Finding, Version};
pub use id::{IdKind, InvalidId, WorkId};

/// One scholarly work: its identifiers, the URLs it is known by, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// Never empty; the first is the one the user gave.
    pub ids: Vec<WorkId>,
    pub known: Known,
    /// Pages about the work, best first, without repeats.
    pub landing_urls: Vec<String>,
}
