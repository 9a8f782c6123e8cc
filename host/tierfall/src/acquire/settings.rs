//! What an operator can set about acquisitions.

use std::time::Duration;

use serde::Deserialize;
use tierfall_proof::ProofSettings;
use tierfall_settings::{Harmless, bytes, number, some_bytes, some_millis};

use super::policy::CopyPolicy;

/// Three sections of the configuration.
#[derive(Clone, Debug)]
pub struct AcquireSettings {
    /// `[acquire]`: how a file is fetched.
    pub transfer: TransferSettings,
    /// `[proof]`: when it is the work.
    pub proof: ProofSettings,
    /// `[policy]`: what is done about reservations of rights, and which copies are wanted.
    pub policy: PolicySettings,
}

/// How a file is fetched.
#[derive(Clone, Debug, Deserialize)]
pub struct TransferSettings {
    /// The largest file, in bytes.
    #[serde(deserialize_with = "some_bytes")]
    pub max_bytes: u64,
    /// For one file; the work's deadline may come before.
    #[serde(rename = "timeout_ms", deserialize_with = "some_millis")]
    pub timeout: Duration,
    /// Tries again of one file, for what may pass; each continues where the last one stopped.
    #[serde(deserialize_with = "number::<_, _, 0, 10>")]
    pub retries: u32,
    /// Continue what an earlier run left.
    pub resume: bool,
    /// Of all that is left unfinished, in bytes; beyond that nothing more is kept.
    #[serde(deserialize_with = "bytes")]
    pub partial_bytes: u64,
}

/// What is done about reservations of rights, and which copies are wanted.
#[derive(Clone, Debug, Deserialize)]
pub struct PolicySettings {
    /// If text and data mining is reserved.
    pub tdm: TdmPolicy,
    /// Versions and licences; read from the same table.
    #[serde(rename = "")]
    pub copies: CopyPolicy,
}

/// What is done if text and data mining is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TdmPolicy {
    /// It is noted in the manifest.
    Record,
    /// The file is not stored.
    Honour,
}

impl TransferSettings {
    /// See [`Harmless`].
    pub const HARMLESS: &[Harmless] = &[
        Harmless::key("max_bytes"),
        Harmless::key("timeout_ms"),
        Harmless::key("retries"),
        Harmless::key("resume"),
    ];
}

impl PolicySettings {
    /// See [`Harmless`].
    pub const HARMLESS: &[Harmless] = &[
        Harmless::key("tdm"),
        Harmless::key("versions"),
        Harmless::key("licenses"),
        Harmless::key("prefer"),
    ];
}

impl AcquireSettings {
    /// Whether files of which text and data mining is reserved are not stored.
    pub(super) fn honour_tdm(&self) -> bool {
        self.policy.tdm == TdmPolicy::Honour
    }
}
