//! Where a value came from.

use std::fmt;
use std::path::{Path, PathBuf};

/// The layers: a value of a later one replaces that of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The embedded `default.toml`.
    Default,
    /// The configuration file.
    File,
    /// Variables.
    Environment,
    /// Flags.
    CommandLine,
}

/// The place of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the embedded `default.toml`.
    Default {
        /// From 1.
        line: usize,
    },
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The name of the variable.
    Environment(String),
    /// The flag as the user writes it: `--fallback-tier`.
    CommandLine(String),
}

/// A configuration file, and how it came to take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it was only found where the program runs: nobody has named it.
    pub found: bool,
}

impl Origin {
    /// The layer to which it belongs.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Default { .. } => Layer::Default,
            Self::File { .. } => Layer::File,
            Self::Environment(_) => Layer::Environment,
            Self::CommandLine(_) => Layer::CommandLine,
        }
    }

    /// The line, if it is in a file.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Default { line } | Self::File { line, .. } => Some(*line),
            Self::Environment(_) | Self::CommandLine(_) => None,
        }
    }

    /// The folder from which relative paths count; `None` is where the program runs.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => path.parent(),
            _ => None,
        }
    }
}

/// As it stands in tables and before messages.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default { .. } => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::CommandLine(flag) => f.write_str(flag),
        }
    }
}
