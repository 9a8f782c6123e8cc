//! Whether a file is the work that it is said to be: what an examiner read in it, and what is known of the work,
//! give a verdict.

mod document;
mod identity;
mod ids;
mod normalized;
mod patterns;
mod proof;
#[cfg(test)]
mod tests;
mod title;
mod verdict;

pub use identity::{IdentityPolicy, ProofSettings};
pub use proof::{Proof, prove};
pub use verdict::{Identity, Reason, Verdict};
