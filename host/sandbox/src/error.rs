//! What can go wrong with a plugin: when it is loaded, and when it is called.

use std::fmt;

use crate::limits::ResourceLimit;

/// Why a component cannot be used as a plugin. `plugin` is the plugin's name or, until it is known, the path
/// or the name in the configuration. Sizes are bytes, digests lower-case hex.
#[expect(missing_docs, reason = "the fields are described above, and each message says how it uses them")]
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine, its compile cache or its ticker thread.
    #[error("the sandbox cannot be started: {0}")]
    Engine(String),
    /// The file is larger than `sandbox.component_bytes`.
    #[error("plugin {plugin}: {bytes} bytes are more than `sandbox.component_bytes` = {limit}")]
    TooLarge { plugin: String, bytes: u64, limit: u64 },
    /// Its memories or tables are larger at the start than they may ever become.
    #[error("plugin {plugin} begins with more than the limit {} allows", .limit.label())]
    TooMuch { plugin: String, limit: ResourceLimit },
    /// Text, a core module, precompiled code, or anything else.
    #[error("plugin {plugin} is not a component: {detail}; `tierfall plugin build` makes one")]
    NotComponent { plugin: String, detail: String },
    /// Only components of this program can be compiled here.
    #[error(
        "plugin {plugin} is not compiled: that happens in a process of its own, and the embedding program has named no program for it (Builder::compiler)"
    )]
    NoCompiler { plugin: String },
    /// The process that compiles cannot be started, or failed.
    #[error("plugin {plugin} cannot be compiled: {detail}")]
    Compiler { plugin: String, detail: String },
    /// Compiling it took too much.
    #[error("plugin {plugin} cannot be compiled within `sandbox.{}` = {value}", .limit.label())]
    CompileLimit { plugin: String, limit: ResourceLimit, value: String },
    /// Built against another version of the contract.
    #[error(
        "plugin {plugin} was built against {found}, and this Tierfall speaks {expected}: use a newer Tierfall, or ask the plugin's author for a build against {expected}"
    )]
    OtherContract { plugin: String, found: String, expected: &'static str },
    /// Its exports or imports are not those of the contract.
    #[error(
        "plugin {plugin} does not offer the world `{expected}`: {detail}; its author finds the contract in `wit/`"
    )]
    WrongWorld { plugin: String, expected: &'static str, detail: String },
    /// `describe` trapped or ran into a limit.
    #[error("plugin {plugin} cannot describe itself: {failure}")]
    Describe { plugin: String, failure: FailureKind },
    /// `describe` returned something that is not allowed.
    #[error("plugin {plugin} describes itself wrongly: {detail}")]
    Description { plugin: String, detail: String },
    /// Another plugin has this name.
    #[error("plugin {plugin} calls itself `{name}`, as another plugin does; it needs a name of its own")]
    NameTaken { plugin: String, name: String },
    /// The file is not the one that the operator pinned.
    #[error("plugin {plugin}: its SHA-256 is {found}, and the configuration pins {pinned}")]
    Digest { plugin: String, found: String, pinned: String },
}

impl LoadError {
    pub(crate) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// A call that a plugin failed, with what is needed to find the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin} {version}: `{function}` of source {source_name} {kind}")]
pub struct Failure {
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The export that was called.
    pub function: &'static str,
    /// The source that was asked.
    pub source_name: String,
    /// The key of the work that it was asked about.
    pub work: String,
    /// How it failed.
    pub kind: FailureKind,
}

/// How a call of a plugin failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It ran into a limit.
    Limit(ResourceLimit),
    /// It trapped; the text is the engine's message.
    Trap(String),
    /// This machine, or a limit of this process, gave it no memory: that is no fault of its own.
    Starved,
    /// It failed so often in a row that it is not asked any more in this run.
    SetAside {
        /// How often.
        failures: u32,
    },
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "ran into the limit {}", limit.label()),
            Self::Trap(detail) => write!(f, "trapped: {detail}"),
            Self::Starved => {
                f.write_str("was given no memory by the system: a limit such as `ulimit -v` may be too low")
            }
            Self::SetAside { failures } => write!(f, "is set aside after {failures} failures in a row"),
        }
    }
}

/// How a source can end without a finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The work has no identifier that the source can use.
    #[error("the source cannot look for a work of this kind")]
    NotApplicable,
    /// The source answered, and has no copy.
    #[error("the source has no copy")]
    NotFound,
    /// The source is overloaded or under maintenance.
    #[error("the source cannot answer now{}", .retry_after_s.map(|s| format!(" and asks to wait {s} s")).unwrap_or_default())]
    Unavailable {
        /// Seconds to wait, where the source said so.
        retry_after_s: Option<u32>,
    },
    /// A setting or a key is missing or refused.
    #[error("{0}")]
    Misconfigured(String),
    /// The source answered something that cannot be read.
    #[error("the source's answer cannot be read: {0}")]
    BadAnswer(String),
}

/// Why a call brought no finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The source answered: there is nothing, or not now.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The attempt ran out of time.
    #[error("the time was over")]
    Timeout,
    /// The plugin failed: that says nothing of whether there is a copy.
    #[error(transparent)]
    Failure(Box<Failure>),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}
