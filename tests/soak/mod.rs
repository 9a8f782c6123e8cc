//! Many works over a web where everything goes wrong, by processes that are killed at any moment: in the end
//! ledger, files and manifest agree, and nothing is lost, done twice, or torn.
//!
//! The long forms are commands (`cargo run --release -p tierfall-cli --example soak -- help`); the short ones are tests
//! (`short.rs`).

mod check;
mod crew;
mod storm;
mod works;

pub use crew::Place;
pub use storm::{Figures, Storm};
pub use works::Length;
