//! What can go wrong with a plugin: when it is loaded, and when it is called.

use std::fmt;

use super::limits::Limit;

/// Why a component cannot be used as a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the sandbox cannot be started: {0}")]
    Engine(String),
    #[error("plugin {plugin}: {bytes} bytes are more than `sandbox.component_bytes` = {limit}")]
    TooLarge { plugin: String, bytes: u64, limit: u64 },
    #[error("plugin {plugin} begins with more than the limit {} allows", .limit.label())]
    TooMuch { plugin: String, limit: Limit },
    #[error("plugin {plugin} is not a component: {detail}; `tierfall plugin build` makes one")]
    NotComponent { plugin: String, detail: String },
    #[error(
        "plugin {plugin} was built against {found}, and this Tierfall speaks {expected}: use a newer Tierfall, or ask the plugin's author for a build against {expected}"
    )]
    OtherContract { plugin: String, found: String, expected: &'static str },
    #[error(
        "plugin {plugin} does not offer the world `{expected}`: {detail}; its author finds the contract in `wit/`"
    )]
    WrongWorld { plugin: String, expected: &'static str, detail: String },
    #[error("plugin {plugin} cannot describe itself: {failure}")]
    Describe { plugin: String, failure: FailureKind },
    #[error("plugin {plugin} describes itself wrongly: {detail}")]
    Description { plugin: String, detail: String },
    #[error("plugin {plugin} calls itself `{name}`, as another plugin does; it needs a name of its own")]
    NameTaken { plugin: String, name: String },
    #[error("plugin {plugin}: its SHA-256 is {found}, and the configuration pins {pinned}")]
    Digest { plugin: String, found: String, pinned: String },
}

impl LoadError {
    pub(super) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// A call that a plugin failed, with everything needed to find the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin} {version}: `{function}` of source {source_name} {kind}")]
pub struct Failure {
    pub plugin: String,
    pub version: String,
    pub function: &'static str,
    pub source_name: String,
    pub work: String,
    pub kind: FailureKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It ran into a limit.
    Limit(Limit),
    /// It trapped: the engine's words.
    Trap(String),
    /// It failed so often in a row that it is not asked any more in this run.
    SetAside { failures: u32 },
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "ran into the limit {}", limit.label()),
            Self::Trap(detail) => write!(f, "trapped: {detail}"),
            Self::SetAside { failures } => write!(f, "is set aside after {failures} failures in a row"),
        }
    }
}
