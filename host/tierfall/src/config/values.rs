//! The configuration as it was read: a struct for each section, and where each value came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tierfall_http::HttpSettings;
use tierfall_objects::ObjectSettings;
use tierfall_sandbox::SandboxSettings;

use super::origin::{ConfigFile, Origin};
use super::plugin::Plugin;
use super::secrets::Secrets;
use super::sections::{Fallback, LedgerSettings, Report, Run, Telemetry};
use super::show::Effective;
use super::source::Source;
use super::tier::PlannedTier;
use crate::acquire::AcquireSettings;
use crate::tiers::Artifacts;

/// Every setting, whether it was given or has its default.
#[derive(Clone, Debug)]
pub struct Config {
    /// The order of the tiers, and what one work may cost.
    pub fallback: Fallback,
    /// The tiers in order: never empty.
    pub plan: Vec<PlannedTier>,
    /// What the operator says of plugins, by their names.
    pub plugins: BTreeMap<String, Plugin>,
    /// Keys of APIs.
    pub secrets: Secrets,
    /// Of the HTTP client.
    pub http: HttpSettings,
    /// Of the sandbox.
    pub sandbox: SandboxSettings,
    /// Of acquisitions: `[acquire]`, `[proof]` and `[policy]`.
    pub acquire: AcquireSettings,
    /// Which forms of the full text are looked for.
    pub artifacts: Artifacts,
    /// How many workers, and where their files go.
    pub run: Run,
    /// How files go into the bucket that `run.store` names.
    pub store: ObjectSettings,
    /// Whether there is a ledger, where it is, and its rules.
    pub ledger: LedgerSettings,
    /// What reports link to.
    pub report: Report,
    /// Log lines.
    pub telemetry: Telemetry,
    /// Where the program counts what it has used up of the user's allowances; without a home there is none.
    pub state_dir: Option<PathBuf>,
    /// The file that was read, if there was one.
    pub file: Option<ConfigFile>,
    /// Every value with its key and origin, in the order of `default.toml`; secrets are masked.
    pub effective: Vec<Effective>,
    pub(super) sources: BTreeMap<String, Source>,
}

impl Config {
    /// Of a value that is set.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.effective.iter().find(|value| value.key == key).map(|value| &value.origin)
    }
}
