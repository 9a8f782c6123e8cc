//! The plan: the tiers in order, each with the sources that can be asked.

use std::sync::Arc;

use super::budget::Budgets;
use super::source::{Source, SourceName};

/// What is asked about each work, in which order, under which budgets.
pub struct Plan {
    pub tiers: Vec<Tier>,
    /// WorkRequest when a proof lacks a title.
    pub facts: Vec<Arc<dyn Source>>,
    pub budgets: Budgets,
    /// What comes back is taken in the order in which it was asked for, not as it comes: so that a
    /// recording that is replayed gives the same trail each time.
    pub in_order: bool,
}

/// One step of the plan; the next one starts only when this one has nothing.
pub struct Tier {
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
    pub name: SourceName,
    pub reason: String,
}
