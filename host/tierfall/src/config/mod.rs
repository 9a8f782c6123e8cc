//! The configuration: defaults, a file, the environment and the command line, in layers; typed, checked,
//! and each value with its origin.
//!
//! A new key needs a field in the settings struct of its section and a line in `default.toml`.

mod de;
mod defaults;
mod environment;
mod found;
mod load;
mod mask;
mod origin;
mod plan;
mod plugin;
mod problem;
mod secrets;
mod sections;
mod show;
mod source;
mod tier;
mod tier_spec;
mod tree;
mod trust;
mod values;

pub use load::{ConfigLayers, Given, Override};
pub use origin::{ConfigFile, Layer, Origin};
pub use plan::{Declared, SourceConfig};
pub use plugin::{Plugin, PluginRef};
pub use problem::{ConfigError, Problem, suggestion};
pub use secrets::{Secret, Secrets, secret_name};
pub use sections::{Fallback, LedgerSettings, LogFormat, Report, Run, Telemetry, TitleMode};
pub use show::{Effective, init_text};
pub use source::Robots;
pub use tier::PlannedTier;
pub use tier_spec::{InvalidTier, TierName, TierSpec};
pub use trust::{TrustError, trust};
pub use values::Config;

#[cfg(test)]
mod tests;
