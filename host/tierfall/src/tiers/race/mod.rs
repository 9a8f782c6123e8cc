//! The race: one work taken through its tiers under its budgets.
//!
//! Everything of a work lives in one task: dropping it, or any future in it, cancels what is in flight.

mod acquisitions;
mod attempts;
mod begun;
mod choosing;
mod considered;
mod in_flight;
mod observer;
mod parking;
mod proposals;
mod run;
mod state;

#[cfg(test)]
mod tests;

pub use begun::Begun;
pub use observer::Observer;
pub use run::{go_on, run};

pub use state::Wanted;
