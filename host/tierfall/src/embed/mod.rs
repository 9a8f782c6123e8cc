//! Tierfall inside another program.

mod builder;
mod error;
mod event;
mod handle;
mod outcomes;

pub use builder::Builder;
pub use error::Error;
pub use event::Event;
pub use handle::Tierfall;
pub use outcomes::Outcomes;
