//! The one error of the embedded library.

use crate::config::ConfigError;
use crate::run::{RunError, SetupError};

/// Why Tierfall could not do what it was asked for.
///
/// That a work has no copy, or that its copies could not be fetched, is no error: it is in the work's
/// [`Line`](crate::run::Line).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be read; every mistake is listed, with its place.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A plugin, the HTTP client or the output folder cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The run ended early: the manifest cannot be written, or the ledger failed and is needed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nothing at all could be reached, so that the run ended with its works untouched; the text says what to do.
    #[error("nothing can be reached: {0}")]
    Unreachable(String),
    /// The run ended before the work did: it was stopped, or another process works on the same work.
    #[error("the run ended before the work did")]
    Unfinished,
}
