//! Whether a registry's record is the work that is known by its title.

mod decide;
mod people;
#[cfg(test)]
mod tests;
mod titles;

pub use decide::{Decision, Open, Record, Resolved, decide};
