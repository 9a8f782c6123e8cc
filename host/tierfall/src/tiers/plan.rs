//! The plan: the tiers in order, each with the sources that can be asked, and what one work may cost.

use std::sync::Arc;
use std::time::Duration;

use tierfall_settings::{millis, number, some_millis};
use tierfall_work::ArtifactFormat;

use super::artifacts::Artifacts;
use super::source::{Source, SourceName};
use super::together::Together;
use crate::acquire::CopyPolicy;

/// What is asked about each work, in which order, under which budgets.
pub struct Plan {
    /// In the order in which a work goes through them.
    pub tiers: Vec<Tier>,
    /// Asked when a proof lacks a title.
    pub facts: Vec<Arc<dyn Source>>,
    /// Asked, in this order, for works that are known by their title.
    pub titles: Vec<Arc<dyn Source>>,
    /// Which forms of the full text are looked for.
    pub artifacts: Artifacts,
    /// Which copies are stored, and which are waited for.
    pub copies: CopyPolicy,
    /// What one work may cost.
    pub budgets: Budgets,
    /// Works that go on at the same moment, for the sources that are asked about several in one question.
    pub together: Together,
    /// What comes back is taken in the order in which it was asked for, not as it comes: so that a
    /// recording that is replayed gives the same trail each time.
    pub in_order: bool,
}

impl Plan {
    /// The sources that are asked for this form.
    pub fn sources_of(&self, format: ArtifactFormat) -> Vec<&str> {
        let names =
            self.tiers.iter().flat_map(|tier| &tier.sources).map(|source| source.name().source.as_str());
        names.filter(|name| self.artifacts.may_come_from(name, std::iter::once(format))).collect()
    }
}

/// The budgets of one work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Budgets {
    /// Wall time from the work's first attempt, on the monotonic clock.
    #[serde(rename = "total_timeout_ms", deserialize_with = "some_millis")]
    pub total: Duration,
    /// Attempts over all tiers; reserved before they are launched.
    #[serde(deserialize_with = "number::<_, _, 1, 10_000>")]
    pub max_attempts: u32,
    /// Attempts and acquisitions in flight.
    #[serde(deserialize_with = "number::<_, _, 1, 64>")]
    pub max_concurrent: usize,
    /// How long an acquisition may keep its rivals waiting before the next one is started beside it.
    #[serde(rename = "hedge_ms", deserialize_with = "millis")]
    pub hedge: Duration,
}

/// One step of the plan; the next one starts only when this one has nothing.
pub struct Tier {
    /// As the configuration names it.
    pub name: String,
    /// Attempts in flight.
    pub parallel: usize,
    /// In the order in which they are asked.
    pub sources: Vec<Arc<dyn Source>>,
    /// Sources that cannot be asked in this run.
    pub skipped: Vec<Skipped>,
}

/// A source that is in the plan and cannot be asked: a required key is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which source.
    pub name: SourceName,
    /// Why it cannot be asked, for people.
    pub reason: String,
}
