//! Callbacks on the progress of a race.

use crate::tiers::source::SourceName;
use crate::tiers::trail::TrailEntry;
use tierfall_work::Candidate;

/// Told what happens to one work while it happens. Called from the work's own task: what takes long here
/// delays the work.
pub trait Observer: Send + Sync {
    /// A source is asked.
    fn attempt_started(&self, _tier: &str, _source: &SourceName) {}
    /// A candidate is fetched.
    fn acquisition_started(&self, _source: &SourceName, _candidate: &Candidate) {}
    /// Something ended, or was left out.
    fn entry(&self, _entry: &TrailEntry) {}
}

impl Observer for () {}
