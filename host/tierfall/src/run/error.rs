//! Why a run cannot begin, or ends early.

use std::io;
use std::path::PathBuf;

use crate::acquire::StoreError;
use crate::config::Problem;
use tierfall_http::HttpError;
use tierfall_ledger::LedgerError;
use tierfall_sandbox::LoadError;

/// Why a run ends before its works do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The manifest cannot be written: what happens would not be on record.
    #[error(
        "failed to write the manifest {path}: {source}; the files that are stored stay where they are: run again once it \
         can be written"
    )]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The output folder takes no more files.
    #[error(
        "the output folder {out} takes no more files: {why}; the run ends here, for each further work would be fetched in \
         vain. What is stored stays where it is: run again once there is room"
    )]
    Full {
        /// The output folder.
        out: PathBuf,
        /// What the operating system said.
        why: String,
    },
    /// The store takes no more files.
    #[error(
        "the store takes no more files: {why}; the run ends here, for each further work would be fetched in vain. What is \
         stored stays where it is, and what was fetched last waits in OUT/partial: run again once the store answers"
    )]
    Store {
        /// What could not be done last, and why.
        why: String,
    },
    /// The ledger failed, and the run is not to go on without it.
    #[error(
        "{0}; the run ends here, because ledger.on_failure is \"abort\" or nothing can be done without it"
    )]
    Ledger(#[from] LedgerError),
    /// A bug in Tierfall.
    #[error("a worker ended unexpectedly: {0}; this is a bug in Tierfall")]
    Worker(String),
}

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The sandbox cannot start, or refuses a plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The HTTP client cannot start: a certificate, a proxy or a recording cannot be used.
    #[error(transparent)]
    HttpClient(#[from] HttpError),
    /// The output folder cannot be made, or the store not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A plugin's file cannot be read.
    #[error("failed to read the plugin {}: {source}", path.display())]
    Read {
        /// The plugin's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No plugin has this name.
    #[error("there is no plugin called `{name}`{}", .suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    NoPlugin {
        /// The name that was given.
        name: String,
        /// A name that is known and looks like it.
        suggestion: Option<String>,
    },
    /// The configuration asks for what the plugins do not have. Every mistake is listed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Configuration(Vec<Problem>),
    /// Every source of the plan is missing something, a key for example; the text says what.
    #[error("no source of the plan can be asked, so nothing would be found:\n{0}")]
    EmptyPlan(String),
}

impl SetupError {
    /// Whether the user's configuration or command line is at fault.
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Load(LoadError::Engine(_)))
    }
}
