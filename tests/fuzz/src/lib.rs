//! What must hold for every input, one module a target. The program's tests include the same modules and
//! replay the corpora through them.

#[cfg(feature = "host")]
pub mod answers;
#[cfg(feature = "host")]
pub mod config;
#[cfg(feature = "host")]
pub mod heads;
#[cfg(feature = "host")]
pub mod identifiers;
#[cfg(feature = "host")]
pub mod inputs;
pub mod links;
pub mod pdf;
#[cfg(feature = "host")]
pub mod proof;
#[cfg(feature = "host")]
pub mod reports;
#[cfg(feature = "host")]
pub mod robots;
#[cfg(feature = "host")]
pub mod rows;
#[cfg(feature = "host")]
pub mod warc;
