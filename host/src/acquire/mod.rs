//! From a candidate to a stored file.

mod document;
mod examine;
mod identity;
mod ids;
mod letters;
mod marks;
pub mod proof;
mod title;
mod verdict;

pub use examine::Examine;
pub use identity::IdentityPolicy;
pub use verdict::{Identity, Reason, Verdict};
