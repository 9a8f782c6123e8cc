//! `[ledger]`.

use std::path::Path;
use std::time::Duration;

use super::origin::Origin;
use super::section::{Section, resolved};

#[derive(Clone)]
pub struct Ledger {
    pub enabled: bool,
    /// A file or `postgres://…`, which may hold a password; `None` is `OUT/ledger.sqlite`.
    pub url: Option<String>,
    pub on_failure: OnFailure,
    pub lease: Duration,
    pub op_timeout: Duration,
    pub max_attempts: u32,
    pub retry_base: Duration,
    pub retry_max: Duration,
}

/// When the ledger cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Goes on without it, with a warning.
    Degrade,
    Abort,
}

impl Ledger {
    pub(super) fn read(section: Section<'_>) -> Self {
        const POLICIES: [(&str, OnFailure); 2] =
            [("degrade", OnFailure::Degrade), ("abort", OnFailure::Abort)];
        let ledger = Self {
            enabled: section.flag("enabled"),
            url: section.maybe_text("url").map(|url| place(url, &section.origin("url"))),
            on_failure: section.choice("on_failure", &POLICIES).unwrap_or(OnFailure::Abort),
            lease: section.seconds("lease_s"),
            op_timeout: section.seconds("op_timeout_s"),
            max_attempts: section.number("max_attempts", 1..=1000),
            retry_base: section.seconds("retry_base_s"),
            retry_max: section.seconds("retry_max_s"),
        };
        section.finish();
        ledger
    }
}

/// A file's path counts from where it is named, a server's URL is taken as it is.
fn place(url: String, origin: &Origin) -> String {
    if url.contains("://") { url } else { resolved(Path::new(&url), origin).to_string_lossy().into_owned() }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("enabled", &self.enabled)
            .field("on_failure", &self.on_failure)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
